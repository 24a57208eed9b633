"""Replies as they come off the wire (RFC 5321 section 4.2): where each ends, and what it says."""

from __future__ import annotations

import re
from functools import lru_cache

from mailer.mail.reply import Reply

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])[^\r\n]*)?\r?\n")


def end_of_reply(buffer: bytearray, start: int, filled: int) -> int:
    """Where the reply at `start` of so much in a buffer ends, -1 if it has not. Raises ValueError for what is no reply.

    That a reply of a single line is one is left to `read`.
    """
    end = buffer.find(b"\n", start, filled) + 1
    if end and buffer[start + 3 : start + 4] != b"-":
        return end
    position, code = start, None
    while position < filled:
        found = _LINE.match(buffer, position, filled)
        if found is None:
            if buffer.find(b"\n", position, filled) >= 0:
                raise ValueError("the relay's answer is not SMTP")
            break
        this, separator = found.group(1, 2)
        if code is not None and this != code:  # RFC 5321 4.2.1: the same code on every line
            raise ValueError("the relay's answer has several codes")
        code, position = this, found.end()
        if separator != b"-":
            return position
    return -1


@lru_cache(maxsize=64)
def read(raw: bytes) -> Reply:
    """A whole reply. Raises ValueError for what is none."""
    if not _LINE.match(raw):
        raise ValueError("the relay's answer is not SMTP")
    lines = raw.decode("utf-8", "replace").split("\n")[:-1]
    return Reply(int(lines[0][:3]), tuple(clean(line[4:].rstrip("\r")) for line in lines))


def clean(text: str) -> str:
    """A relay's text without what could move a cursor, forge a log line or break a database."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
