"""The log of a local Postfix: what the receiving servers said of the mails our relay took.

Lines are read from a file or the journal (`journalctl -t postfix/smtp -o short`); a mail is known by its queue
id, and a queue id by the Message-ID that cleanup logged for it. Lines of no interest cost one comparison.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_QUEUED = 200_000  # queue ids remembered at once; a Postfix queue file lives at most five days
MAX_LINE = 8192

_CLEANUP = re.compile(r"postfix[\w/-]*/cleanup\[\d+\]: (\w{5,20}): message-id=<?([^>\s]{1,300})>?")
_DELIVERY = re.compile(
    r"postfix[\w/-]*/(?:smtp|lmtp|local|virtual|pipe|error|qmgr)\[\d+\]: (\w{5,20}): to=<([^>]{0,320})>,"
    r".{0,400}? dsn=(\d\.\d{1,3}\.\d{1,3}), status=(\w+) \((.*)\)\s*$"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery attempt of the relay's: `status` is sent, deferred, bounced or expired."""

    message_id: str
    recipient: str
    status: str
    dsn: str
    text: str
    queue_id: str


def read(lines: Iterable[str]) -> Iterator[Line]:
    """The attempts in a log whose mail's Message-ID is known; lines cut short by a rotation are passed over."""
    queue: OrderedDict[str, str] = OrderedDict()
    for line in lines:
        if "postfix" not in line:
            continue
        line = line[:MAX_LINE]
        if "message-id=" in line:
            found = _CLEANUP.search(line)
            if found:
                queue[found[1]] = found[2]
                if len(queue) > MAX_QUEUED:
                    queue.popitem(last=False)
        elif " status=" in line:
            found = _DELIVERY.search(line)
            if found and found[1] in queue:
                yield Line(queue[found[1]], found[2], found[4], found[3], found[5], found[1])
