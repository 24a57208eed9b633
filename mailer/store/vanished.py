"""Suppressions of readers whose domain is said to be gone: held until our own look-up has decided."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from mailer.model.bounce import FAMILY, Family
from mailer.store.schema import suppressions
from mailer.store.suppressions import ACTIVE, HELD, LIFTED

_REASONS = tuple(reason for reason, family in FAMILY.items() if family is Family.NO_SUCH_DOMAIN)


def waiting(conn: Connection) -> list[str]:
    """The domains that wait for a look-up."""
    s = suppressions.c
    keys = conn.execute(select(s.match_key).where(s.state == HELD, s.reason.in_(_REASONS))).scalars()
    return sorted({key.rpartition("@")[2] for key in keys})


def settle(conn: Connection, domain: str, gone: bool, now: datetime) -> int:
    """Suppress the waiting readers of a domain that is gone, let go those of one that is not; returns how many."""
    s = suppressions.c
    lifted = {"state": LIFTED, "lifted_at": now, "lifted_by": "our own look-up: the domain takes mail"}
    changed = conn.execute(
        update(suppressions)
        .where(s.state == HELD, s.reason.in_(_REASONS), s.match_key.endswith("@" + domain, autoescape=True))
        .values({"state": ACTIVE} if gone else lifted)
    )
    return changed.rowcount
