"""What a report counts among an issue's bounces."""

from __future__ import annotations

from sqlalchemy import select
from support import cast

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
