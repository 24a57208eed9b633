"""What was mailed to a reader: found issue by issue, as an index from readers to issues would cost every freeze.

Such an index has all issues of one reader side by side, so that each new issue would change a page of it for every few
readers; the index that keeps a reader from getting one issue twice grows at its end.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, and_, any_, func, or_, select

from mailer.store.bulk import one_of
from mailer.store.rendered import given
from mailer.store.schema import deliveries, issues


def mailed_to(database: str, reader: int | ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a delivery is a reader's: of any issue, or of a letter."""
    return _whose(database, deliveries.c.subscriber_id == reader)


def mailed_to_one_of(database: str, name: str) -> ColumnElement[bool]:
    """The same for many readers; their numbers are a `batch` that a rendered statement is given by a name."""
    return _whose(database, one_of(database, deliveries.c.subscriber_id, given(name, Text)))


def _whose(database: str, whose: ColumnElement[bool]) -> ColumnElement[bool]:
    issue: Any = deliveries.c.issue_id
    every = select(issues.c.id)
    of_issues = issue.in_(every) if database == "sqlite" else issue == any_(func.array(every.scalar_subquery()))
    return or_(and_(of_issues, whose), and_(issue.is_(None), whose))
