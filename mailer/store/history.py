"""Everything kept about one person, from every table, as plain data: for the operator and for who asks (GDPR 15)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, Select, and_, func, or_, select

from mailer.store.mailed import mailed_to
from mailer.store.schema import (
    applications,
    attempts,
    bounces,
    consents,
    deliveries,
    events,
    issues,
    letters,
    metadata,
    returned_mails,
    reviews,
    suppressions,
)

_TO_REVIEWERS = ("review", "review-reminder")


def of(conn: Connection, subscriber_id: int, match_key: str) -> dict[str, list[dict[str, Any]]]:
    """The rows about one person by table, oldest first; `subscriber_id` is 0 for one who only applied to the club.

    Issues are named and not repeated; letters and returned mails are there in full, as text.
    """
    applied = select(applications.c.id).where(applications.c.match_key == match_key)
    about_him = and_(letters.c.application_id.in_(applied), letters.c.kind.not_in(_TO_REVIEWERS))
    written = or_(letters.c.subscriber_id == subscriber_id, about_him)
    to_him = or_(
        mailed_to(conn.dialect.name, subscriber_id), deliveries.c.letter_id.in_(select(letters.c.id).where(about_him))
    )
    sent = select(deliveries.c.id).where(to_him)
    b = bounces.c
    unproved = and_(b.delivery_id.is_(None), func.lower(b.recipient) == match_key)
    returned = or_(b.subscriber_id == subscriber_id, b.delivery_id.in_(sent), unproved)
    queries: dict[str, Select[Any]] = {
        "consents": select(consents).where(consents.c.subscriber_id == subscriber_id),
        "letters": select(letters).where(written),
        "deliveries": select(deliveries, issues.c.slug.label("issue"), letters.c.kind.label("letter"))
        .outerjoin(issues, issues.c.id == deliveries.c.issue_id)
        .outerjoin(letters, letters.c.id == deliveries.c.letter_id)
        .where(to_him),
        "attempts": select(attempts).where(attempts.c.delivery_id.in_(sent)),
        "bounces": select(bounces).where(returned),
        "returned_mails": select(returned_mails).where(returned_mails.c.delivery_id.in_(sent)),
        "suppressions": select(suppressions).where(suppressions.c.match_key == match_key),
        "applications": select(applications).where(applications.c.match_key == match_key),
        "reviews": select(reviews).where(reviews.c.application_id.in_(applied)),
        "events": select(events).where(events.c.subscriber_id == subscriber_id),
    }
    return {
        name: [_plain(row) for row in conn.execute(query.order_by(metadata.tables[name].c.id)).mappings()]
        for name, query in queries.items()
    }


def _plain(row: RowMapping) -> dict[str, Any]:
    return {key: value.decode("utf-8", "replace") if isinstance(value, bytes) else value for key, value in row.items()}
