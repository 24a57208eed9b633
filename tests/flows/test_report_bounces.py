"""What a report counts among an issue's bounces."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlalchemy import select
from support import cast

from mailer.flows import report
from mailer.model.bounce import Diagnosis, Kind, kind_of
from mailer.store import bounces, reports
from mailer.store.bounces import Bounce, Reader
from mailer.store.engine import Database
from mailer.store.schema import deliveries


def test_only_failures_and_complaints_count_as_bounces(db: Database) -> None:
    with db.transaction() as conn:
        cast.reader(conn, "dave@example.com")
        issue_id = cast.publish(conn)
        delivery_id = conn.execute(select(deliveries.c.id)).scalar_one()
        for reason in ("userunknown", "mailboxfull", "feedback", "vacation", "delivered", "expired"):
            kind = Kind.DELAY if reason == "expired" else kind_of(reason)
            diagnosis = Diagnosis(kind, reason)
            bounces.append(
                conn, [Bounce(cast.NOW, "lmtp", diagnosis, reason, Reader(delivery_id, None, "", "", issue_id))]
            )
        counted = reports.bounces_by_reason(conn, issue_id)
        assert sorted(counted) == [("complaint", "feedback", 1), ("hard", "userunknown", 1), ("soft", "mailboxfull", 1)]
        assert len(reports.bounces_by_day(conn, issue_id)) == 3


def test_of_what_the_relays_log_says_the_last_word_counts(db: Database) -> None:
    with db.transaction() as conn:
        for name in ("alice", "bob", "dave"):
            cast.reader(conn, f"{name}@example.com")
        issue_id = cast.publish(conn)
        ids = conn.execute(select(deliveries.c.id).order_by(deliveries.c.id)).scalars().all()
        said = [(0, Kind.DELAY, "expired"), (1, Kind.DELAY, "expired"), (0, Kind.NONE, "delivered")]
        for number, (who, kind, reason) in enumerate([*said, (2, Kind.HARD, "userunknown")]):
            reader = Reader(ids[who], None, "", "example.com", issue_id)
            bounces.append(conn, [Bounce(cast.NOW, "log", Diagnosis(kind, reason), str(number), reader)])
    found = report.report(db, "214", ZoneInfo("UTC"))
    assert found.destinations == {"sent": 1, "deferred": 1, "bounced": 1}
    assert found.bounce_domains == {"example.com": 1}


def test_what_a_report_and_the_log_both_tell_counts_once(db: Database) -> None:
    with db.transaction() as conn:
        cast.reader(conn, "dave@example.com")
        issue_id = cast.publish(conn)
        reader = Reader(conn.execute(select(deliveries.c.id)).scalar_one(), None, "", "example.com", issue_id)
        diagnosis = Diagnosis(Kind.HARD, "userunknown")
        for via in ("log", "lmtp"):
            bounces.append(conn, [Bounce(cast.NOW, via, diagnosis, via, reader)])
        assert reports.bounces_by_reason(conn, issue_id) == [("hard", "userunknown", 1)]
        assert reports.bounces_by_day(conn, issue_id) == [(cast.NOW, "example.com")]
