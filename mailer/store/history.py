"""Everything kept about one person, from every table, as plain data: for the operator and for who asks (GDPR 15)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, select

from mailer.store.schema import (
    applications,
    attempts,
    bounces,
    consents,
    deliveries,
    events,
    issues,
    letters,
    reviews,
    suppressions,
)


def of(conn: Connection, subscriber_id: int, match_key: str) -> dict[str, list[dict[str, Any]]]:
    """The rows about one subscriber by table, oldest first; finished messages are left out, their issue is named."""
    sent = (
        select(deliveries, issues.c.slug.label("issue"), letters.c.kind.label("letter"))
        .outerjoin(issues, issues.c.id == deliveries.c.issue_id)
        .outerjoin(letters, letters.c.id == deliveries.c.letter_id)
        .where(deliveries.c.subscriber_id == subscriber_id)
        .order_by(deliveries.c.id)
    )
    tries = (
        select(attempts)
        .join(deliveries, deliveries.c.id == attempts.c.delivery_id)
        .where(deliveries.c.subscriber_id == subscriber_id)
        .order_by(attempts.c.id)
    )
    reviewed = (
        select(reviews)
        .join(applications, applications.c.id == reviews.c.application_id)
        .where(applications.c.match_key == match_key)
        .order_by(reviews.c.id)
    )
    queries: dict[str, Select[Any]] = {
        "consents": select(consents).where(consents.c.subscriber_id == subscriber_id).order_by(consents.c.id),
        "deliveries": sent,
        "attempts": tries,
        "bounces": select(bounces).where(bounces.c.subscriber_id == subscriber_id).order_by(bounces.c.id),
        "suppressions": select(suppressions).where(suppressions.c.match_key == match_key).order_by(suppressions.c.id),
        "applications": select(applications).where(applications.c.match_key == match_key).order_by(applications.c.id),
        "reviews": reviewed,
        "events": select(events).where(events.c.subscriber_id == subscriber_id).order_by(events.c.id),
    }
    return {name: [dict(row) for row in conn.execute(query).mappings()] for name, query in queries.items()}
