"""Before any speed: every message of every way is, to Python's own parser, exactly the naive rendering."""

from __future__ import annotations

import html
import re
import sys
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path

from sqlalchemy import text

from mailer.model.subscriber import first_name
from mailer.model.tokens import Purpose
from mailer.rendering import source
from mailer.rendering.edition import SAMPLE
from mailer.rendering.message import Personal, Program
from mailer.wiring import Club
from sending.club import write_issue
from sending.listmonk import CAMPAIGN, uuid_of
from sending.peers import FINISHED, LISTMONK, SMTPPOOL, Way
from sending.runs import Runner
from sending.sink import refuses
from sending.sinks import Server, kept
from sending.task import MARKED, SENDER, SUBJECT, Letter, Task, address, letter, name_of

NAMES = (
    "Alice Chen",
    "Zoë Lund",
    "老高 先生",
    ".Dot Leading",
    "=3D Equals",
    "<b>Bob</b> & Sons",
    "O'Hara",
    "From Afar",
    "W" * 70,
    "é" * 40,
)
COUNT = 24  # readers: more than connections, so that there are groups
_COMMENT = re.compile(r"<!--.*?-->|/\*.*?\*/", re.DOTALL)


def marked(club: Club, number: int) -> tuple[str, str]:
    """Text and HTML of an issue rendered with the mark for a name in its source, and the sample token in its links."""
    program = _naive(club, number)
    return program.plain(SAMPLE), program.page(SAMPLE)


def _naive(club: Club, number: int) -> Program:
    folder = club.folder / "naive"
    folder.mkdir(exist_ok=True)
    file = Path(write_issue(folder, number, f", {MARKED}"))
    return club.render(source.read(file.read_text(encoding="utf-8"), file.name)).program


def prove(runner: Runner, way: Way, sink: Server, file: Path, number: int) -> int:
    """Send to readers with difficult names and read what the sink kept in `file`; how many messages were compared.

    The product's club has COUNT readers so named; `number` is that of the issue. Raises SystemExit at a difference.
    """
    club = runner.club(way, sink, COUNT) if way.club else None
    runner.child(way, sink, COUNT, NAMES, write_issue(club.folder, number) if club else "")
    arrived = {recipient: (sender, content) for sender, recipient, content in kept(file)}
    wanted = [one for one in map(address, range(1, COUNT + 1)) if not refuses(one.encode(), sink.refuse)]
    if sorted(arrived) != sorted(wanted):
        sys.exit(f"{way.name} to {sink.name}: {len(arrived)} readers were reached, not {len(wanted)}")
    for expected in _of_product(club, number) if club else _of_peer(runner, way):
        if expected.recipient in arrived:
            sender, content = arrived[expected.recipient]
            faults = _differences(way, expected, sender, content)
            if way.dkim and not runner.signing.verifies(_undotted(content), ours=bool(way.club)):
                faults.append("its signature is not good")
            if faults:
                sys.exit(f"{way.name} to {sink.name}, {expected.recipient}: {'; '.join(faults)}")
    return len(arrived)


def _of_product(club: Club, number: int) -> list[Letter]:
    """The issue rendered by itself, with the mark replaced by each reader's name."""
    program = _naive(club, number)
    query = (
        "SELECT d.id, s.address, s.name FROM deliveries d JOIN subscribers s ON s.id = d.subscriber_id"
        " WHERE d.issue_id = (SELECT max(id) FROM issues)"
    )
    found = []
    with club.db.reading() as conn:
        rows = conn.execute(text(query)).all()
    for delivery, recipient, name in rows:
        tokens = club.keyring.sign_each(delivery, (*program.purposes, Purpose.BOUNCE))
        reader, first = Personal(recipient, name, {}, tokens), first_name(name)
        leave = f"{club.settings.web.base_url}/u/{tokens['unsubscribe']}"
        headers = {"Message-ID": f"<{tokens['message']}@example.org>", "List-Unsubscribe": f"<{leave}>"}
        plain, page = program.plain(reader), program.page(reader)
        found.append(
            Letter(
                f"b+{tokens['bounce']}@example.org",
                recipient,
                name,
                headers | {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
                plain.replace(MARKED, first) if first else plain.replace(f", {MARKED}", ""),
                page.replace(MARKED, html.escape(first)) if first else page.replace(f", {MARKED}", ""),
            )
        )
    return found


def _of_peer(runner: Runner, way: Way) -> list[Letter]:
    task: Task = {"text": runner.marked[0], "html": runner.marked[1], "names": NAMES}
    letters = [letter(task, number) for number in range(1, COUNT + 1)]
    if way.name == LISTMONK:
        return [_of_listmonk(one, number) for number, one in enumerate(letters, 1)]
    if way.name != FINISHED:
        return letters
    same = letter(task, 0)
    return [
        same._replace(recipient=one.recipient, return_path=f"b+{number}@example.org", name=name_of(0, NAMES))
        for number, one in enumerate(letters, 1)
    ]


def _of_listmonk(one: Letter, number: int) -> Letter:
    """What listmonk can say of it: one return path for all, no name in To, its own link to leave."""
    token, reader = f"{number:026d}", uuid_of(number)
    headers = {"List-Unsubscribe": f"<http://127.0.0.1:8080/subscription/{CAMPAIGN}/{reader}>"}
    headers["List-Unsubscribe-Post"] = one.headers["List-Unsubscribe-Post"]
    text, page = one.text.replace(token, reader), one.html.replace(token, reader)
    return Letter(parseaddr(SENDER)[1], one.recipient, "", headers, text, page)


def _unbroken(page: str) -> str:
    """A page without the places to break its long words at, which the product adds to names."""
    return page.replace("<wbr>", "")


def _differences(way: Way, expected: Letter, sender: str, content: bytes) -> list[str]:
    """What the parser sees in a message that is not as expected, in words."""
    message = message_from_bytes(_undotted(content), policy=policy.default)
    assert isinstance(message, EmailMessage)
    found = [f"{type(defect).__name__}" for part in message.walk() for defect in part.defects]
    shown, recipient = parseaddr(_raw(content, "To"))
    seen = {
        "MAIL FROM": (sender, expected.return_path),
        "To": ((str(make_header(decode_header(shown))), recipient), (expected.name, expected.recipient)),
        "From": (parseaddr(str(message["From"])), parseaddr(SENDER)),
        "Subject": (str(message["Subject"]), SUBJECT),
        **{name: (_among(str(message[name]), value), value) for name, value in expected.headers.items()},
        "text part": (_read(message, "plain", way), _alike(expected.text, way)),
        "HTML part": (_unbroken(_read(message, "html", way)), _unbroken(_alike(expected.html, way))),
    }
    for name, (got, wanted) in seen.items():
        if got != wanted:
            at = next((i for i, pair in enumerate(zip(got, wanted, strict=False)) if pair[0] != pair[1]), 0)
            found.append(f"{name} is {str(got[at : at + 60])!r}, not {str(wanted[at : at + 60])!r}")
    return found


def _raw(content: bytes, name: str) -> str:
    """A header field undecoded: the newer parser leaves the space between two encoded words (RFC 2047 section 6.2)."""
    return str(message_from_bytes(content)[name]).replace("\r\n", "")


def _among(got: str, wanted: str) -> str:
    """What is wanted of a header that may list more, else all of it."""
    return wanted if wanted in got.split(", ") else got


def _undotted(content: bytes) -> bytes:
    """What a server makes of it (RFC 5321 section 4.5.2)."""
    return content.replace(b"\r\n..", b"\r\n.")


def _read(message: EmailMessage, kind: str, way: Way) -> str:
    (part,) = [one for one in message.walk() if one.get_content_type() == f"text/{kind}"]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return _alike(payload.decode(part.get_content_charset("ascii")), way)


def _alike(written: str, way: Way) -> str:
    """A part as it is compared: the product's to the last character, a peer's but for the newlines at its end.

    html/template takes comments away and has other names for quotes.
    """
    plain = written.replace("\r\n", "\n")
    if way.club:
        return plain
    if way.name in {SMTPPOOL, LISTMONK}:
        plain = html.unescape(_COMMENT.sub("", plain))
    return plain.rstrip("\n")
