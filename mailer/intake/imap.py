"""Returned mail in a mailbox on another machine, by IMAP (RFC 9051).

A mail is moved out of the folder only after it was taken; a connection that drops in between brings it again,
and taking the same mail twice is harmless. So there is no checkpoint to lose when UIDVALIDITY changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import unquote, urlsplit

from imap_tools import AND, BaseMailBox, MailBox, MailboxLoginError, MailBoxUnencrypted

from mailer.errors import SettingsError, UsageError

TIMEOUT = 60
MAX_SIZE = 2 << 20
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


@dataclass(frozen=True, slots=True)
class Incoming:
    """One mail; `done(unknown)` moves it to Processed, or to Unknown."""

    raw: bytes
    done: Callable[[bool], None]


def parse(url: str) -> Place:
    """`imaps://user:password@host[:port]/folder`; plain `imap://` only to loopback. Raises SettingsError."""
    parts = urlsplit(url)
    if parts.scheme not in {"imaps", "imap"} or not parts.hostname or not parts.username:
        raise SettingsError("[bounces] mailboxes: write imaps://user:password@host/folder")
    tls = parts.scheme == "imaps"
    if not tls and parts.hostname not in _LOOPBACK:
        raise SettingsError("[bounces] mailboxes: imap:// sends the password in clear; use imaps://")
    folder = unquote(parts.path.lstrip("/")) or "INBOX"
    port = parts.port or (993 if tls else 143)
    return Place(parts.hostname, port, unquote(parts.username), unquote(parts.password or ""), folder, tls)


def fetch(place: Place) -> Iterator[Incoming]:
    """The mails in a folder one by one, never more than one in memory. Raises UsageError when it cannot be read."""
    try:
        box: BaseMailBox = (MailBox if place.tls else MailBoxUnencrypted)(place.host, place.port, timeout=TIMEOUT)
    except OSError as error:
        raise UsageError(f"no IMAP server at {place.host}:{place.port}: {error}") from None
    try:
        box.login(place.user, place.password, initial_folder=place.folder)
        for folder in (PROCESSED, UNKNOWN):
            if not box.folder.exists(folder):
                box.folder.create(folder)
        for uid in box.uids(AND(all=True)):
            raw = _raw(box, uid)
            if raw is not None:
                yield Incoming(raw, partial(_move, box, uid))
    except MailboxLoginError:
        raise UsageError(f"{place.host} refuses the user or password in [bounces] mailboxes") from None
    except OSError as error:
        raise UsageError(
            f"{place.host} dropped the connection: {error}; what was taken is safe, run it again"
        ) from None
    finally:
        _leave(box)


def _raw(box: BaseMailBox, uid: str) -> bytes | None:
    """The mail's bytes up to the size cap, left unseen; None when somebody else has moved it."""
    _, answer = box.client.uid("fetch", uid, f"(BODY.PEEK[]<0.{MAX_SIZE}>)")
    return next((part[1] for part in answer or () if isinstance(part, tuple) and len(part) > 1), None)


def _move(box: BaseMailBox, uid: str, unknown: bool) -> None:
    box.move(uid, UNKNOWN if unknown else PROCESSED)


def _leave(box: BaseMailBox) -> None:
    try:
        box.logout()
    except Exception:  # the connection may be gone already
        return
