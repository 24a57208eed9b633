"""What an operator does with single subscribers: add, remove, tag, look up, export and erase them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection

from mailer.errors import NotFound, UsageError
from mailer.mail.address import match_key, parse
from mailer.model import language_tag
from mailer.model.roster import Entry
from mailer.model.subscriber import State, Subscriber, fault_in_text, tag_name, tombstone, tombstones
from mailer.model.tokens import Keyring
from mailer.sentence import Sentence, word
from mailer.store import applications, consents, erasure, history, roster, signups, subscribers
from mailer.store.engine import Database, undeterred

PAGE = 2000


@dataclass(frozen=True, slots=True)
class Added:
    """A subscriber after `add`: his id, and whether he is new."""

    id: int
    is_new: bool


def add(
    db: Database,
    keyring: Keyring,
    text: str,
    *,
    name: str,
    language: str,
    tags: Sequence[str],
    source: str,
    actor: str,
    now: datetime,
) -> Added:
    """Add one reader as active, with `source` saying where he agreed. One who is there already stays as he is.

    Raises AddressError, and UsageError for a bad name, language, tag or source and for who left, bounced or was erased.
    """
    address = parse(text)
    if fault := fault_in_text(name):
        raise UsageError(Sentence("the name %(fault)s", fault=fault))
    if not source.strip():
        raise UsageError(Sentence("say where this reader agreed to get the newsletter"))
    if fault := fault_in_text(source):
        raise UsageError(Sentence("the source of consent %(fault)s", fault=fault))
    new_tags = _tags(tags)
    kept_language = language_tag.read(language)
    if kept_language is None:
        raise UsageError(Sentence("'%(tag)s' is no language tag such as en or zh-CN", tag=language))
    entry = Entry(0, address, name, kept_language, tuple(new_tags), source=source)
    return db.insist(db.run, _add, keyring, entry, actor, now)


def _add(conn: Connection, keyring: Keyring, entry: Entry, actor: str, now: datetime) -> Added:
    key = entry.address.match_key
    found = subscribers.find(conn, key)
    if found and found.state is State.UNSUBSCRIBED:
        what = "this reader unsubscribed; only a sign-up of the reader's own brings the address back"
        raise UsageError(Sentence(what))
    reasons = roster.suppressed(conn, [key, *tombstones(key, keyring)], now)
    if key in reasons:
        what = "this address is suppressed (%(reason)s); 'mailer suppressions lift' may change that"
        raise UsageError(Sentence(what, reason=word("code", reasons[key])))
    if found:
        return Added(found.id, False)
    if reasons:
        what = "this reader was erased; only a sign-up of the reader's own brings the address back"
        raise UsageError(Sentence(what))
    members = applications.tags_of_members(conn, [key], hold=True)
    subscriber_id = subscribers.add(
        conn,
        entry.address,
        name=entry.name,
        language=entry.language,
        state=State.ACTIVE,
        tags=[*entry.tags, *members.get(key, ())],
        now=now,
    )
    consents.append(conn, subscriber_id, consents.Step("added", source=entry.source, detail=f"by {actor}"), now)
    return Added(subscriber_id, True)


@undeterred
def remove(db: Database, text: str, *, actor: str, now: datetime) -> bool:
    """Unsubscribe one reader at the operator's hand; False when he had left before. Raises NotFound."""
    with db.transaction() as conn:
        found = _find(conn, text)
        moved = signups.depart(conn, found.id, now)
        if moved:
            consents.append(conn, found.id, consents.Step("withdrawn", source="operator", detail=f"by {actor}"), now)
    return moved


@undeterred
def tag(db: Database, text: str, *, add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
    """Give one reader tags and take others; returns those he has then. Raises NotFound, UsageError."""
    new = _tags(add)
    with db.transaction() as conn:
        found = _find(conn, text)
        return subscribers.retag(conn, found.id, add=new, remove=[tag_name(name) for name in remove])


def show(db: Database, text: str) -> tuple[Subscriber | None, dict[str, list[dict[str, Any]]]]:
    """One person and everything kept about him, by table, oldest first; no subscriber for one who only applied.

    Raises AddressError, and NotFound where nothing is kept.
    """
    key = match_key(text)
    with db.reading() as conn:
        found = subscribers.find(conn, key)
        kept = history.of(conn, found.id if found else 0, key)
    if found is None and not any(kept.values()):
        raise NotFound(Sentence("nothing is kept about this address"))
    return found, kept


@undeterred
def erase(db: Database, keyring: Keyring, text: str, *, actor: str, now: datetime) -> bool:
    """Forget one person, reader or applicant; only counts, states and a keyed tombstone stay.

    False for an address that was never here; it gets its tombstone too, so that no later list brings it in.
    Raises AddressError.
    """
    key = match_key(text)
    with db.transaction() as conn:
        kept = any(history.of(conn, 0, key).values())
        erasure.bury(conn, key, tombstone(key, keyring), actor=actor, now=now)
        found = subscribers.find(conn, key, hold=True)  # only now: with his application's button he became a reader
        if found:
            erasure.scrub(conn, found.id, now)
    erasure.fold_in(db)
    return kept or found is not None


def each(db: Database, segment: ColumnElement[bool] | None = None) -> Iterator[Subscriber]:
    """All subscribers (of a segment) but the erased, in the order of their ids, in pages: one short read each."""
    after = 0
    while page := db.read(subscribers.page, after=after, limit=PAGE, segment=segment):
        yield from page
        after = page[-1].id


def _tags(names: Sequence[str]) -> list[str]:
    tags = [tag_name(name) for name in names]
    if any(not name or fault_in_text(name) or ";" in name for name in tags):
        raise UsageError(Sentence("a tag is a word or some, without ';' and control characters"))
    return tags


def _find(conn: Connection, text: str) -> Subscriber:
    found = subscribers.find(conn, match_key(text))
    if found is None:
        raise NotFound(Sentence("no subscriber has this address"))
    return found
