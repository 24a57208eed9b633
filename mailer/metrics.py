"""What a worker counts for Prometheus, and the page where it is read."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from mailer.errors import SettingsError, spoken
from mailer.sentence import Sentence


class Metrics:
    """Counters of one process: attempts by state and relay, their duration, relays and database being away."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("relay", "state")
        self._attempts = Counter("mailer_attempts", "Attempts, by what they led to.", labels, registry=self.registry)
        self._seconds = Histogram(
            "mailer_attempt_seconds", "From MAIL to the last reply.", ("relay",), registry=self.registry
        )
        self._relay_down = Counter(
            "mailer_relay_down", "Connections a relay refused.", ("relay",), registry=self.registry
        )
        self._store_down = Counter("mailer_database_away", "Commits that failed.", registry=self.registry)
        self._paused = Counter("mailer_pauses", "Issues paused by the program.", registry=self.registry)
        self._taken_over = Counter(
            "mailer_taken_over_uncertain", "Uncertain deliveries that dead workers left.", registry=self.registry
        )
        self._cut_off = Counter("mailer_cut_off", "Readers whom an issue's deadline cut off.", registry=self.registry)
        self._slowed = Counter("mailer_slowed", "Answers that asked to go slower.", ("name",), registry=self.registry)
        self._last = Gauge(
            "mailer_last_attempt_timestamp_seconds", "When the last attempt ended.", registry=self.registry
        )

    def attempt(self, relay: str, state: str, millis: int) -> None:
        """One attempt has ended."""
        self._attempts.labels(relay, state).inc()
        self._seconds.labels(relay).observe(millis / 1000)
        self._last.set_to_current_time()

    def relay_down(self, relay: str) -> None:
        """A relay could not be used."""
        self._relay_down.labels(relay).inc()

    def store_down(self) -> None:
        """The database did not take a commit."""
        self._store_down.inc()

    def paused(self) -> None:
        """An issue was paused."""
        self._paused.inc()

    def taken_over(self, uncertain: int) -> None:
        """What a dead worker held was settled; so many of it are uncertain."""
        self._taken_over.inc(uncertain)

    def cut_off(self, readers: int) -> None:
        """A deadline has passed before these readers had the issue."""
        self._cut_off.inc(readers)

    def slowed(self, name: str) -> None:
        """A relay or a provider asked for less."""
        self._slowed.labels(name).inc()

    def serve(self, listen: str) -> None:
        """Show the counters on `host:port` from a thread of their own. Raises SettingsError."""
        host, _, port = listen.rpartition(":")
        try:
            start_http_server(int(port), addr=host.strip("[]"), registry=self.registry)
        except (ValueError, OverflowError, OSError) as error:
            what = "--metrics %(place)s: cannot listen there (%(why)s); write 127.0.0.1:9464"
            raise SettingsError(Sentence(what, place=listen, why=spoken(error))) from None
