"""Alert: a letter to the operators when a send ends, stops, stands still or comes back, or signups rush in; once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from mailer.model.causes import told
from mailer.model.delivery import UNFINISHED, State
from mailer.model.letter import WriteLetter
from mailer.model.signup import HOUR, mark
from mailer.rendering.translation import translator
from mailer.store import alerts, issues, ledger, marks, running
from mailer.store.alerts import News
from mailer.store.engine import Database
from mailer.store.outbox import post_letter

_RUSH = "alert:signups"


@dataclass(frozen=True, slots=True)
class Alerts:
    """Who is told, in which language and zone; `total_hour` and `key` are those of the signup forms' marks."""

    db: Database
    write_letter: WriteLetter
    clock: Callable[[], datetime]
    to: Sequence[str]
    language: str
    zone: ZoneInfo
    total_hour: int
    key: bytes

    def look(self) -> bool:
        """Tell what is new; safe to call often and from many processes. True when a send has just finished well."""
        now = self.clock()
        with self.db.reading() as conn:  # nearly always there is nothing, and nobody has to wait for a write
            if not alerts.news(conn, now) and not self._rush(conn, now):
                return False
        with self.db.transaction() as conn:
            alerts.lock(conn)
            told = [self._tell(conn, one, now) for one in alerts.news(conn, now)]
            number = self._rush(conn, now)
            if number:
                marks.add(conn, [_RUSH], now)
                self._post(conn, "many-signups", {"number": number, "time": self._local(now)}, now)
        return any(told)

    def unheard(self) -> bool:
        """Whether the letter that says that nobody sends waits because nobody sends."""
        return self.db.read(alerts.is_unheard, self.clock())

    def _tell(self, conn: Connection, one: News, now: datetime) -> bool:
        issue = issues.by_id(conn, one.issue_id)
        counts = ledger.counts(conn, one.issue_id)
        late = running.cut_off(conn, one.issue_id) > 0
        whole = not late and not counts[State.UNCERTAIN] and not counts[State.CANCELLED]
        well = one.what == "finished" and whole and counts[State.ACCEPTED] > counts[State.FAILED]
        alerts.note(conn, one, now)
        say = translator(self.language)
        causes = [told(cause).said(say) for cause in one.cause.split("\n")]
        values = {
            "title": issue.title,
            "slug": issue.slug,
            "frozen": issue.frozen,
            "counts": counts,
            "waiting": sum(counts[state] for state in UNFINISHED),
            "time": self._local(now if one.what == alerts.STALLED else one.at),
            "minutes": int((now - one.at).total_seconds() / 60),
            "cause": causes[0],
            "causes": causes,
            "late": late,
            "well": well,
        }
        self._post(conn, alerts.letter_kind(one.what), values, now)
        return well

    def _rush(self, conn: Connection, now: datetime) -> int:
        """How many forms came in the last hour, when that is too many and was not told within the hour; else 0."""
        if not self.total_hour:
            return 0
        total = mark(self.key, "total", "")
        number, told = marks.counts(conn, [(total, now - HOUR), (_RUSH, now - HOUR)])
        return number if number >= self.total_hour and not told else 0

    def _post(self, conn: Connection, kind: str, values: Mapping[str, Any], now: datetime) -> None:
        for address in self.to:

            def compose(delivery_id: int, address: str = address) -> bytes:
                return self.write_letter(kind, self.language, address, "", delivery_id, values)

            post_letter(conn, kind=kind, address=address, now=now, compose=compose)

    def _local(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M} {self.zone.key}"
