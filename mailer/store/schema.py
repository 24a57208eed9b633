"""The tables, as this version of the program knows them.

Moments are stored as whole milliseconds since 1970 UTC (`Instant`), so that both databases compare and add
them alike. Attempts, consents, bounces, reviews, suppressions and events are logs: appended to, never rewritten.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

# SQLite counts rows by itself only for a column declared exactly INTEGER PRIMARY KEY.
BigId = BigInteger().with_variant(Integer(), "sqlite")


class Instant(TypeDecorator[datetime]):
    """A moment: an aware datetime in Python, milliseconds since the epoch in the database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_millis(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else from_millis(value)


def to_millis(moment: datetime) -> int:
    """Whole milliseconds since the epoch of an aware datetime, cut off: what is stored is never after what was."""
    return (moment - EPOCH) // MILLISECOND


def from_millis(millis: int) -> datetime:
    """The aware UTC datetime of milliseconds since the epoch."""
    return EPOCH + millis * MILLISECOND


class Tags(TypeDecorator[tuple[str, ...]]):
    """Tags in alphabetical order: a tuple in Python, in the database a text in which a search finds a whole tag."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Collection[str] | None, dialect: Dialect) -> str | None:
        return None if value is None else to_lines(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        return None if value is None else tuple(value.split("\n")[1:-1])


def to_lines(tags: Collection[str]) -> str:
    """Tags as stored: each between two line breaks, which no tag holds; "" for none."""
    return "\n".join(["", *sorted(set(tags)), ""]) if tags else ""


_PAUSED = text("paused_until IS NOT NULL")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("address", Text, nullable=False),  # as typed; what we mail
    Column("match_key", Text, nullable=False, unique=True),  # case-folded, IDNA domain: what makes two the same
    Column("domain", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("language", Text, nullable=False, server_default=""),  # "" = the newsletter's default
    Column("state", Text, nullable=False),  # pending | active | unsubscribed | erased
    Column("tags", Tags, nullable=False, server_default=""),
    Column("attributes", JSON, nullable=False, server_default="{}"),
    Column("created_at", Instant, nullable=False),
    Column("joined_at", Instant),  # became active (last time)
    Column("left_at", Instant),
    Column("paused_until", Instant),
    Index("ix_subscribers_paused", "paused_until", sqlite_where=_PAUSED),
)

# All that segments ask, in the order of `id`: SQLite counts a segment without coming near the wide rows. PostgreSQL
# takes no long texts into an index, and reads the rows with several processes at once.
Index(
    "ix_subscribers_segments",
    *(subscribers.c[name] for name in ("state", "id", "language", "joined_at", "domain", "tags", "attributes")),
).ddl_if(dialect="sqlite")
Index("ix_subscribers_state", subscribers.c.state, subscribers.c.id).ddl_if(dialect="postgresql")

consents = Table(
    "consents",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("subscriber_id", BigInteger, ForeignKey("subscribers.id"), index=True),
    Column("at", Instant, nullable=False),
    Column("action", Text, nullable=False),  # requested | confirmed | imported | added | withdrawn | restored
    Column("wording", Text, nullable=False, server_default=""),  # the exact text agreed to
    Column("language", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False, server_default=""),  # page, file, operator, "one-click", "mailto" ...
    Column("client", Text, nullable=False, server_default=""),  # truncated client address
    Column("user_agent", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),  # a reason given, an issue that brought or lost him
)

applications = Table(
    "applications",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("address", Text, nullable=False),
    Column("match_key", Text, nullable=False, index=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("language", Text, nullable=False, server_default=""),
    Column("kind", Text, nullable=False),  # kind of merchant, as declared in the settings
    Column("answers", JSON, nullable=False, server_default="{}"),
    Column("wants_newsletter", Boolean, nullable=False, server_default=text("false")),
    Column("wording", Text, nullable=False, server_default=""),  # the newsletter's consent, as it was ticked
    Column("state", Text, nullable=False),  # unconfirmed | waiting | asked | approved | declined | expired
    Column("source", Text, nullable=False, server_default=""),  # the issue or page that brought it
    Column("client", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    Column("decided_at", Instant),
    Column("reminded_at", Instant),
    Index("ix_applications_state", "state"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("application_id", BigInteger, ForeignKey("applications.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("action", Text, nullable=False),  # a decision, or: confirmed | answered | reapplied | expired | erased
    Column("reviewer", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
)

issues = Table(
    "issues",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("newsletter", Text, nullable=False),  # as readers knew it then
    Column("identity", Text, nullable=False),  # the number, or the date where there is none
    Column("number", Integer),
    Column("date", Date, nullable=False),
    Column("slug", Text, nullable=False, unique=True),  # how commands and permalinks call it
    Column("title", Text, nullable=False),
    Column("state", Text, nullable=False),  # sending | paused | cancelled | finished
    Column("state_cause", Text, nullable=False, server_default=""),
    Column("policy", Text, nullable=False),
    Column("audience", Text, nullable=False, server_default=""),  # the segment, as asked for
    Column("frozen", Integer, nullable=False, server_default="0"),
    Column("frozen_at", Instant, nullable=False),
    Column("send_at", Instant, nullable=False),
    Column("deadline", Instant),
    Column("finished_at", Instant),
    UniqueConstraint("identity"),
)

exclusions = Table(
    "exclusions",
    metadata,
    Column("issue_id", BigInteger, ForeignKey("issues.id"), primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", Integer, nullable=False),
)

editions = Table(
    "editions",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("issue_id", BigInteger, ForeignKey("issues.id"), nullable=False, index=True),
    Column("language", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),  # raised by a correction
    Column("file", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False),  # the issue file's text
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),  # the archive's page: personal parts stripped
    Column("text", Text, nullable=False),
    Column("program", LargeBinary, nullable=False),  # the compiled message: rendering.message.Program
    Column("digest", Text, nullable=False),  # SHA-256 of the program, hex
    Column("key_id", Integer, nullable=False),
    Column("frozen_at", Instant, nullable=False),
    UniqueConstraint("issue_id", "language", "version"),
)

images = Table(
    "images",
    metadata,
    Column("digest", Text, primary_key=True),  # what their address ends in: the beginning of the bytes' SHA-256, hex
    Column("kind", Text, nullable=False),  # media type, told by the bytes
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

letters = Table(
    "letters",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("kind", Text, nullable=False),  # the folder under templates/letters
    Column("subscriber_id", BigInteger, ForeignKey("subscribers.id"), index=True),
    Column("application_id", BigInteger, ForeignKey("applications.id"), index=True),
    Column("content", LargeBinary, nullable=False),  # the finished message
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),  # when its link stops working
)

claims = Table(
    "claims",
    metadata,
    Column("id", BigId, primary_key=True),  # the fencing number: a later claim always has a greater one
    Column("worker", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("boot", Text, nullable=False, server_default=""),  # the host's boot id: a journal does not outlive it
    Column("journal", Text, nullable=False, server_default=""),
    Column("relay", Text, nullable=False, server_default=""),  # the relay its deliveries go over
    Column("covers", JSON, nullable=False, server_default="[]"),  # the deliveries it was made for: [[1, 1000], ...]
    Column("created_at", Instant, nullable=False),
    Column("leased_until", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("ix_claims_open", "leased_until", sqlite_where=text("ended_at IS NULL")),
)

_WAITS, _LETTER = text("waits"), text("issue_id IS NULL")

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BigId, primary_key=True),
    # No foreign keys, here and in attempts: a freeze and a claim would spend more time on them than on writing. Nobody
    # deletes what they would guard, and `freeze` takes the numbers from the rows themselves.
    Column("issue_id", BigInteger),
    Column("edition_id", BigInteger),
    Column("letter_id", BigInteger),
    Column("subscriber_id", BigInteger),
    Column("address", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("attributes", JSON, nullable=False, server_default="{}"),
    Column("state", Text, nullable=False),
    Column("waits", Boolean, Computed("state IN ('pending', 'deferred')", persisted=True)),  # leads to what is due
    Column("due_at", Instant, nullable=False),
    Column("deferred_at", Instant),  # for the first time; giving up is counted from it
    Column("tries", Integer, nullable=False, server_default="0"),  # transactions that ended with an answer
    Column("losses", Integer, nullable=False, server_default="0"),  # workers lost while composing it
    Column("repeats", Integer, nullable=False, server_default="0"),  # sent again although uncertain
    Column(
        "claim_id", BigInteger
    ),  # no foreign key, here and in attempts: looking it up would cost more than the write
    Column("changed_at", Instant, nullable=False),
    Column("cause", Text, nullable=False, server_default=""),  # why it stands where it stands: the last reply, a reason
    UniqueConstraint("issue_id", "subscriber_id"),
    Index("ix_deliveries_due", "issue_id", "due_at", "id", sqlite_where=_WAITS),
    Index("ix_deliveries_letters_reader", "subscriber_id", sqlite_where=_LETTER),
    Index("ix_deliveries_letter", "letter_id", sqlite_where=text("letter_id IS NOT NULL")),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("delivery_id", BigInteger, nullable=False),
    Column("claim_id", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("relay", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("state", Text, nullable=False),  # the state it led to
    Column("code", Integer),
    Column("status", Text, nullable=False, server_default=""),  # enhanced status code
    Column("text", Text, nullable=False, server_default=""),  # the relay's words, or the cause
    Column("millis", Integer, nullable=False, server_default="0"),
    UniqueConstraint("delivery_id", "claim_id", "state"),  # recording the same outcome twice is harmless
)

bounces = Table(
    "bounces",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("delivery_id", BigInteger, ForeignKey("deliveries.id"), index=True),  # NULL: unverified
    Column("subscriber_id", BigInteger, ForeignKey("subscribers.id"), index=True),
    Column("issue_id", BigInteger, ForeignKey("issues.id"), index=True),
    Column("domain", Text, nullable=False, server_default=""),
    Column("via", Text, nullable=False),  # smtp | lmtp | imap | maildir | mbox | pipe | log | sns
    Column("kind", Text, nullable=False),  # hard | soft | complaint | delay | auto-reply | none
    Column("reason", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=""),
    Column("recipient", Text, nullable=False, server_default=""),  # as the report names it: evidence only
    Column("rule", Text, nullable=False, server_default=""),
    Column("text", Text, nullable=False, server_default=""),
    Column("fingerprint", Text, nullable=False, unique=True),  # makes repeats harmless
    Column("raw_id", BigInteger, ForeignKey("returned_mails.id")),
    Column("note", Text, nullable=False, server_default=""),
    Index("ix_bounces_domain_at", "domain", "at"),
)

returned_mails = Table(
    "returned_mails",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("via", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),  # received | read | unverified | reply | forwarded | probe
    Column("envelope_to", Text, nullable=False, server_default=""),
    Column("content", LargeBinary, nullable=False),
    Column("delivery_id", BigInteger, index=True),  # which its token names; NULL: none of ours
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("match_key", Text, nullable=False, index=True),
    Column("reason", Text, nullable=False),  # userunknown, complaint, erased, imported, manual ...
    Column("state", Text, nullable=False),  # active | held (by a domain's breaker) | lifted
    Column("at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("delivery_id", BigInteger),
    Column("bounce_id", BigInteger),
    Column("evidence", Text, nullable=False, server_default=""),
    Column("actor", Text, nullable=False, server_default=""),  # who or what decided
    Column("lifted_at", Instant),
    Column("lifted_by", Text, nullable=False, server_default=""),
    Index("ix_suppressions_active", "match_key", sqlite_where=text("state = 'active'")),
)

events = Table(
    "events",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),  # published, paused, resumed, cancelled, finished, corrected, imported ...
    Column("issue_id", BigInteger, index=True),
    Column("subscriber_id", BigInteger, index=True),
    Column("actor", Text, nullable=False, server_default=""),
    Column("detail", JSON, nullable=False, server_default="{}"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("key", Text, primary_key=True),  # "relay:main", "provider:qq.com", "second:main"
    Column("usage", JSON, nullable=False, server_default="[]"),  # model.pacing.Usage; of "second:" parts
    Column("rate", Float, nullable=False, server_default="0"),  # learned limit, a minute or a second
    Column("slowed_at", Instant),
    Column("blocked_until", Instant),
    Column("strikes", Integer, nullable=False, server_default="0"),
    Column("cause", Text, nullable=False, server_default=""),
)

workers = Table(
    "workers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("state", Text, nullable=False),  # what keeps it from sending, "" where nothing does
)

rate_marks = Table(
    "rate_marks",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("key", Text, nullable=False),  # signup limits: "letter:<hash>", "client:<hash>" ...
    Column("at", Instant, nullable=False),
    Index("ix_rate_marks_key_at", "key", "at"),
)

log_places = Table(
    "log_places",
    metadata,
    Column("path", Text, primary_key=True),  # of a relay's log; "-" for what comes by a pipe
    Column("inode", BigInteger, nullable=False, server_default="0"),
    Column("read_to", BigInteger, nullable=False, server_default="0"),  # octets, whole lines only
    Column("first_line", Text, nullable=False, server_default=""),  # its digest: an inode may be used again
    Column("queued", JSON, nullable=False, server_default="{}"),  # queue id -> token, of mails still in the queue
    Column("at", Instant, nullable=False),
)


home = Table(
    "home",
    metadata,
    Column("id", BigId, primary_key=True),  # 1: there is one row, of PostgreSQL alone
    Column("place", Text, nullable=False),
)


def complete(database: str) -> MetaData:
    """All tables, with what PostgreSQL has to be told besides: to name it loads its dialect, which takes a while."""
    if database == "postgresql":
        for index in chain.from_iterable(table.indexes for table in metadata.tables.values()):
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
        # each row is changed twice at least: on its own page while there is room
        deliveries.dialect_options["postgresql"]["with"] = {"fillfactor": 50}
    return metadata
