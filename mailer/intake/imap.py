"""Returned mail in a mailbox on another machine, by IMAP (RFC 9051).

The folder is the queue: a mail is moved out of it only after it was taken. A connection that drops in between
brings it again, which is harmless, and there is no checkpoint that a new UIDVALIDITY could make wrong. Where the
server lets nothing be moved, the mails stay and come again with every run.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from imaplib import IMAP4
from urllib.parse import unquote, urlsplit

from imap_tools import BaseMailBox, MailBox, MailboxLoginError, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, UnexpectedCommandStatusError

from mailer.errors import SettingsError, UsageError, spoken
from mailer.sentence import Sentence

TIMEOUT = 60
MAX_SIZE = 2 << 20
MOVED_AT_ONCE = 50  # as many at most come again after a drop
PROCESSED = "Processed"
UNKNOWN = "Unknown"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox by its URL; the password never shows in a repr."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str
    tls: bool


@dataclass(slots=True)
class Fetched:
    """How many mails of a folder were taken, how many of them carried no token of ours, and how many had to stay."""

    taken: int = 0
    unknown: int = 0
    stuck: int = 0


def parse(url: str) -> Place:
    """`imaps://user:password@host[:port]/folder`; plain `imap://` only to loopback. Raises SettingsError."""
    parts = urlsplit(url)
    if parts.scheme not in {"imaps", "imap"} or not parts.hostname or not parts.username:
        raise SettingsError(Sentence("[bounces] mailboxes: write imaps://user:password@host/folder"))
    tls = parts.scheme == "imaps"
    if not tls and parts.hostname not in _LOOPBACK:
        what = "[bounces] mailboxes: imap:// sends the password in clear; use imaps://"
        raise SettingsError(Sentence(what))
    folder = unquote(parts.path.lstrip("/")) or "INBOX"
    port = parts.port or (993 if tls else 143)
    return Place(parts.hostname, port, unquote(parts.username), unquote(parts.password or ""), folder, tls)


def fetch(place: Place, take: Callable[[bytes], bool]) -> Fetched:
    """Hand the mails of a folder to `take` one by one, never more than one in memory, and move what was taken.

    `take` makes a mail durable and says whether it knew whose it was; what it raises ends the run, the mail stays.
    Raises UsageError when the folder cannot be read, or no further.
    """
    done = Fetched()
    try:
        box: BaseMailBox = (MailBox if place.tls else MailBoxUnencrypted)(place.host, place.port, timeout=TIMEOUT)
    except (OSError, IMAP4.error) as error:
        what = "no IMAP server at %(host)s:%(port)s: %(why)s"
        raise UsageError(Sentence(what, host=place.host, port=place.port, why=spoken(error))) from None
    try:
        box.login(place.user, place.password, initial_folder=place.folder)
        _make_folders(box)
        box.client.capabilities = _able(box)
        uids = box.uids("UNDELETED")
        size = 1  # a line that drops after a few mails still gets somewhere with every run
        while uids:
            some, uids = uids[:size], uids[size:]
            _take_some(box, some, take, done)
            size = min(2 * size, MOVED_AT_ONCE)
    except MailboxLoginError:
        what = "%(host)s refuses the user or password in [bounces] mailboxes"
        raise UsageError(Sentence(what, host=place.host)) from None
    except (OSError, IMAP4.error, ImapToolsError) as error:
        what = "%(place)s went no further after %(count)s mails: %(why)s; what was taken is safe, run it again"
        where = f"{place.host}/{place.folder}"
        raise UsageError(Sentence(what, place=where, count=done.taken, why=type(error).__name__)) from None
    finally:
        _leave(box)
    return done


def _make_folders(box: BaseMailBox) -> None:
    """Make the folders mails are moved to; who may not make them finds out when mails cannot be moved."""
    for folder in (PROCESSED, UNKNOWN):
        if not box.folder.exists(folder):
            with suppress(UnexpectedCommandStatusError):
                box.folder.create(folder)


def _take_some(box: BaseMailBox, uids: list[str], take: Callable[[bytes], bool], done: Fetched) -> None:
    """Take some mails and move them together: the ones taken so far also when one could not be."""
    taken: dict[str, list[str]] = {PROCESSED: [], UNKNOWN: []}
    numbering = _uidvalidity(box)
    try:
        for uid in uids:
            raw = _raw(box, uid)
            if raw is not None:
                known = take(raw)
                done.taken += 1
                done.unknown += not known
                taken[PROCESSED if known else UNKNOWN].append(uid)
    finally:
        if _uidvalidity(box) != numbering:
            raise IMAP4.abort("the mails were numbered anew")  # a UID is another mail's now: move nothing
        for folder, moved in taken.items():
            if not _move(box, moved, folder):
                done.stuck += len(moved)


def _uidvalidity(box: BaseMailBox) -> object:
    """What the folder's UIDs are valid for (RFC 9051 2.3.1.1)."""
    return box.folder.status(box.folder.get(), ["UIDVALIDITY"])["UIDVALIDITY"]


def _raw(box: BaseMailBox, uid: str) -> bytes | None:
    """The mail's bytes up to the size cap, left unseen; None when somebody else has moved it."""
    _, answer = box.client.uid("fetch", uid, f"(BODY.PEEK[]<0.{MAX_SIZE}>)")
    return next((part[1] for part in answer or () if isinstance(part, tuple) and len(part) > 1), None)


def _move(box: BaseMailBox, uids: list[str], folder: str) -> bool:
    """Move by MOVE (RFC 6851), else copy, mark and expunge just these (RFC 4315); False when the server refuses.

    Without either the marks stay: an EXPUNGE of everything would take other people's marks along.
    """
    if not uids:
        return True
    listed = ",".join(uids)
    try:
        if "MOVE" in box.client.capabilities:
            box.move(uids, folder)
            return True
        box.copy(uids, folder)
        marked, _ = box.client.uid("STORE", listed, "+FLAGS.SILENT", "(\\Deleted)")
        if marked == "OK" and "UIDPLUS" in box.client.capabilities:
            box.client.uid("EXPUNGE", listed)
    except UnexpectedCommandStatusError:
        return False
    return marked == "OK"


def _able(box: BaseMailBox) -> tuple[str, ...]:
    """What the server can do for who is logged in: before that, servers say less of themselves.

    Not knowing of MOVE, the library would copy, mark, and expunge other people's marks along.
    """
    _, answer = box.client.capability()
    return tuple(answer[0].decode("ascii", "replace").upper().split()) if answer and answer[0] else ()


def _leave(box: BaseMailBox) -> None:
    """Say goodbye without an EXPUNGE, and close the connection even where nobody answers."""
    try:
        box.client.logout()
    except (OSError, IMAP4.error):  # the connection is gone already
        with suppress(OSError):
            box.client.shutdown()
