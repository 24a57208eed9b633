"""What `mailer doctor --probe` does: send a mail to nobody over each relay, and watch what comes back, and how."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailer.cli.health.finding import Finding
from mailer.cli.output import complain, one_line, talk
from mailer.errors import UsageError, spoken
from mailer.sentence import Sentence, clauses, word

if TYPE_CHECKING:
    from mailer.flows.probe import Echo, Entry, Probe
    from mailer.model.delivery import Result
    from mailer.wiring import Club

LOOK_EVERY = 0.5  # seconds
FETCH_EVERY = 5.0
_FINAL = ("sent", "bounced", "expired")


@dataclass(slots=True)
class Trial:
    """One relay's probe: what the relay answered, what came back, what its log says."""

    relay: str
    probe: Probe
    result: Result
    echoes: list[tuple[float, Echo]] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)

    @property
    def carriers(self) -> tuple[str, ...]:
        """The carriers of the token that came back, in any mail."""
        from mailer.model.carriers import CARRIERS

        return tuple(name for name in CARRIERS if any(name in echo.carriers for _, echo in self.echoes))

    def plain(self) -> dict[str, Any]:
        """The trial as data."""
        from mailer.model.carriers import CARRIERS

        return {
            "relay": self.relay,
            "to": self.probe.address,
            "answer": _answer(self.result),
            "came_back": [
                {
                    "via": echo.via,
                    "seconds": round(seconds, 1),
                    "kind": echo.kind,
                    "reason": echo.reason,
                    "carriers": list(echo.carriers),
                }
                for seconds, echo in self.echoes
            ],
            "carriers": {name: name in self.carriers for name in CARRIERS},
            "log": [{"status": entry.status, "text": entry.text} for entry in self.log],
        }


def send(club: Club, to: str) -> list[Trial]:
    """Send one probe over each relay, to nobody at `to` (a domain; the return paths' own when empty)."""
    from mailer.flows.probe import hand_over

    trials = []
    for lane in club.lanes():
        probe = club.probe(lane, to or club.bounce_domain)
        talk(Sentence("probing %(relay)s: a mail to %(address)s", relay=lane.name, address=probe.address))
        result = asyncio.run(hand_over(lane.relay, probe))
        talk(f"  {_answer(result)}")
        trials.append(Trial(lane.name, probe, result))
    return trials


def watch(club: Club, trials: list[Trial], seconds: float, after: int) -> None:
    """Wait until every probe that was taken has come back, `seconds` at most; mails after the id `after` are new."""
    from mailer.flows.probe import came_back, in_log, taken
    from mailer.intake import relay_log

    began = time.monotonic()
    waiting = [trial for trial in trials if taken(trial.result)]
    probes = [trial.probe for trial in waiting]
    if not waiting:
        return
    log = Path(club.settings.bounces.log) if club.settings.bounces.log else None
    what = "waiting for what comes back, %(seconds)s s at most: %(ways)s"
    talk(Sentence(what, seconds=f"{seconds:g}", ways=_ways_in(club)))
    fetched = began - FETCH_EVERY
    while True:
        now = time.monotonic()
        if now - fetched >= FETCH_EVERY:
            fetched = now
            _fetch(club)
        found, after = came_back(club.db, club.keyring, probes, after)
        for echo in found:
            trial = next(trial for trial in waiting if trial.probe.number == echo.number)
            trial.echoes.append((now - began, echo))
        if log is not None:
            entries = in_log(club.keyring, probes, relay_log.read(_lines(log)))
            for trial in waiting:
                trial.log = [entry for entry in entries if entry.number == trial.probe.number]
        if all(_settled(trial, log is not None) for trial in waiting) or now - began >= seconds:
            return
        time.sleep(min(LOOK_EVERY, max(0.0, began + seconds - now)))


def findings(trials: list[Trial], seconds: float) -> Iterator[Finding]:
    """What the trials showed, for the doctor's list."""
    from mailer.flows.probe import taken

    for trial in trials:
        about = Sentence("probe %(relay)s", relay=trial.relay)
        if taken(trial.result):
            yield from _returned(trial, about, seconds)
        elif trial.result.phase == "rcpt" and trial.result.reply is not None and trial.result.reply.permanent:
            text = "the relay refuses nobody's address at once: %(answer)s"
            todo = Sentence("see other domains' reports come back with --to DOMAIN")
            yield Finding(about, "right", Sentence(text, answer=_answer(trial.result)), todo)
        else:
            text = "the relay did not take it: %(answer)s"
            yield Finding(about, "wrong", Sentence(text, answer=_answer(trial.result)))


def _returned(trial: Trial, about: Sentence, seconds: float) -> Iterator[Finding]:
    from mailer.model.carriers import CARRIERS

    for entry in trial.log[-1:]:
        text = Sentence("the relay's log: %(status)s (%(text)s)", status=word("log", entry.status), text=entry.text)
        yield Finding(about, "right", text)
    if not trial.echoes:
        text = Sentence("the relay took it and nothing came back within %(seconds)s s", seconds=f"{seconds:g}")
        todo = "look whether the bounce domain's mail comes here, and at the relay's queue; --wait waits longer"
        yield Finding(about, "wrong", text, Sentence(todo))
        return
    for after, echo in trial.echoes:
        what = "came back after %(seconds)s s by %(via)s, read as %(kind)s, %(reason)s"
        kind, reason = word("code", echo.kind), word("code", echo.reason or "-")
        text = Sentence(what, seconds=f"{after:.0f}", via=word("via", echo.via), kind=kind, reason=reason)
        said = Sentence("%(name)s: %(value)s", name=text, value=echo.said[:200])
        yield Finding(about, "right", said if echo.said else text)
    if not trial.carriers:
        todo = "use another relay, or reports cannot find their readers"
        yield Finding(about, "wrong", Sentence("nothing that carries our token came back"), Sentence(todo))
        return
    for name in CARRIERS:
        if name in trial.carriers:
            yield Finding(
                about, "right", Sentence("the token came back in the %(carrier)s", carrier=word("carrier", name))
            )
        else:
            what = "no token in the %(carrier)s; the others have to do"
            yield Finding(about, "advice", Sentence(what, carrier=word("carrier", name)))


def _answer(result: Result) -> str:
    return one_line(result.reply if result.reply is not None else result.cause)


def _settled(trial: Trial, has_log: bool) -> bool:
    """Whether nothing more is to be waited for: a report that is final, and the log's last word where there is one."""
    reported = any(echo.kind != "delay" for _, echo in trial.echoes)
    return reported and (not has_log or any(entry.status in _FINAL for entry in trial.log))


def _lines(log: Path) -> Iterator[str]:
    from mailer.intake.relay_log import LogFile

    try:
        yield from LogFile(log)
    except OSError as error:
        raise UsageError(Sentence("[bounces] log cannot be read: %(why)s", why=spoken(error)), where=str(log)) from None


def _ways_in(club: Club) -> Sentence:
    import socket

    settings = club.settings.bounces
    host, _, port = settings.listen.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), 2):
            listener = Sentence("the listener at %(place)s", place=settings.listen)
    except (OSError, ValueError):
        nobody = "nobody listens at %(place)s ('mailer bounces listen' would)"
        listener = Sentence(nobody, place=settings.listen)
    boxes = Sentence("%(count)s mailboxes by IMAP", count=len(settings.mailboxes))
    log = Sentence("the log %(file)s", file=settings.log)
    no_boxes, no_log = Sentence("no mailbox by IMAP"), Sentence("no log of a relay")
    return clauses([listener, boxes if settings.mailboxes else no_boxes, log if settings.log else no_log])


def _fetch(club: Club) -> None:
    """Fetch the mailboxes as `mailer bounces fetch` does; one that cannot be read is told and passed over."""
    from mailer.intake import imap
    from mailer.store import returned

    journey = club.returned_mail()
    for secret in club.settings.bounces.mailboxes:
        try:
            place = imap.parse(secret.get_secret_value())
            imap.fetch(place, lambda raw: journey.take(raw, "imap").state != returned.UNVERIFIED)
        except UsageError as error:
            complain(error)
