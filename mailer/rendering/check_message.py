"""Rules on the message as it goes out: its form (M) and its merge fields with hostile values (P)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, MIMEPart

from mailer.model.issue import Issue
from mailer.rendering.check import emoji
from mailer.rendering.edition import SAMPLE, Edition
from mailer.rendering.finding import Finding, error, warning
from mailer.rendering.message import Personal

_HOSTILE = '<b>&"\r\nBcc: x@example.net\u202egnp.{{ name }}{% x %}=?utf-8?q?=0A?=.'
_LEFT_OVER = re.compile(r"\{\{|\}\}|merge\.invalid|\bmrgq*\d+z")


def check_message(issue: Issue, edition: Edition) -> list[Finding]:
    """Every finding on the messages that three readers would get: one without a name, one with, one hostile."""
    line = issue.lines.get("subject") or (issue.leads[0].line if issue.leads else issue.lines.get("title", 1))
    raw = edition.program.compose(SAMPLE)
    message = _read(raw)
    return [
        *_shape(message),
        *_lines(raw),
        *_list_headers(raw),
        *_subject(edition.subject, message, raw, line),
        *_sender(issue, message),
        *_parity(issue, edition),
        *_fixtures(edition, message),
    ]


def _read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def parts_of(message: EmailMessage) -> list[MIMEPart]:
    """Text and page of a message; the page's pictures, if there are any, left out."""
    return [next(part.iter_parts(), part) if part.is_multipart() else part for part in message.iter_parts()]


def _shape(message: EmailMessage) -> Iterator[Finding]:
    parts = [part.get_content_type() for part in parts_of(message)]
    if message.get_content_type() != "multipart/alternative" or parts != ["text/plain", "text/html"]:
        yield error("M01", 0, "The message is not text and HTML in this order.", "Restore both parts.")
    if len(message["From"].addresses) != 1 or not message["Date"] or not message["Message-ID"]:
        yield error("M06", 0, "The message needs one From address, a Date and a Message-ID.", "Look at [sender] from.")


def _lines(raw: bytes) -> Iterator[Finding]:
    head, _, _ = raw.partition(b"\r\n\r\n")
    if any(len(line) > 998 for line in raw.split(b"\r\n")) or re.search(rb"(?<!\r)\n|\r(?!\n)", raw):
        yield error("M03", 0, "A line is longer than 998 bytes, or ends in half a line break.", "Report this.")
    long = [
        line for line in head.split(b"\r\n") if len(line) > 78 and not line.startswith((b"List-Unsubscribe", b" <"))
    ]
    if long:
        name = long[0].split(b":")[0].decode("ascii", "replace")
        yield warning(
            "M03", 0, "A header line of %(name)s has over 78 columns.", "Shorten names in the settings.", name=name
        )
    words = re.findall(rb"=\?[^?\s]+\?[bqBQ]\?[^?\s]*\?=", head)
    if any(len(word) > 75 for word in words) or b"?==?" in head:
        yield error("M04", 0, "An encoded word is too long or glued to the next.", "Report this.")


def _list_headers(raw: bytes) -> Iterator[Finding]:
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii") + "\r\n"
    field = re.search(r"^List-Unsubscribe: (<https?://[!-~]+>(?:,\r\n <mailto:[!-~]+>)?)\r\n(?! )", head, re.MULTILINE)
    if field is None or "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" not in head:
        yield error("M05", 0, "The one-click unsubscribe fields are missing or broken.", "Look at [web] base_url.")
    elif not field[1].startswith("<https:") and not re.match(r"<http://(127\.|localhost|\[::1\])", field[1]):
        yield error("M05", 0, "One-click unsubscribe works over https only (RFC 8058).", "Set [web] base_url to https.")


def _sender(issue: Issue, message: EmailMessage) -> Iterator[Finding]:
    addresses = message["From"].addresses
    name = addresses[0].display_name if addresses else ""
    if emoji(name) or emoji(issue.newsletter):
        fix = "Write the name in letters, here and in the settings."
        yield warning("M07", issue.lines.get("newsletter", 0), "The sender's name holds an emoji.", fix)


def _subject(subject: str, message: EmailMessage, raw: bytes, line: int) -> Iterator[Finding]:
    modern = str(message["Subject"])
    old = message_from_bytes(raw, policy=policy.compat32)["Subject"]
    legacy = str(make_header(decode_header(re.sub(r"\r?\n(?=[ \t])", "", str(old)))))
    if subject not in {modern} or legacy != subject:
        yield error("M08", line, "The Subject does not read back as it was written.", "Report this.")
    letters = [character for character in subject if character.isalpha() and character.isascii()]
    if len(letters) > 9 and all(character.isupper() for character in letters):
        yield warning("M07", line, "The Subject is all capitals.", "Write it in small letters.")
    if re.match(r"(?i)(re|fwd?|回复|转发)\s*[:：]", subject):
        yield warning("M07", line, "The Subject looks like an answer.", "Leave out 'Re:'.")
    if re.search(r"[!?！？]{2}|\${2}", subject):
        yield warning("M07", line, "The Subject has doubled marks.", "One is enough.")
    if emoji(subject) > 3:
        yield warning("M07", line, "The Subject has more than three emoji.", "Keep one or two.")


def _parity(issue: Issue, edition: Edition) -> Iterator[Finding]:
    squeezed = "".join(edition.text.split())
    for item in issue.items:
        if "".join(item.headline.split()) not in squeezed:
            yield error("M02", item.line, "The text part lacks this item.", "Restore it in the template.")
    if not re.search(r"/u/[a-z2-7]{26}", edition.text):
        yield error("M02", 0, "The text part has no address to unsubscribe.", "Restore the footer.")
    pages = set(re.findall(r'href="(https?://[^"]+)"', edition.html))
    for url in sorted(pages):
        if url.replace("&amp;", "&") not in edition.text:
            yield error("M02", 0, "The text part lacks the link %(url)s.", "Restore it in the template.", url=url)


def _fixtures(edition: Edition, sample: EmailMessage) -> Iterator[Finding]:
    names = ("name", "first_name", "email", *edition.program.fields)
    full = Personal(SAMPLE.address, "Alice Chen", dict.fromkeys(names, "Alice"), SAMPLE.tokens)
    hostile = Personal(SAMPLE.address, _HOSTILE, dict.fromkeys(names, _HOSTILE), SAMPLE.tokens)
    expected = [name for name, _ in sample.items()]
    for reader in (SAMPLE, full, hostile):
        message = sample if reader is SAMPLE else _read(edition.program.compose(reader))
        if [name for name, _ in message.items()] != expected:
            yield error("P04", 0, "A reader's value changes the header.", "Report this.")
        contents = [part.get_payload(decode=True) for part in parts_of(message)]
        wanted = [edition.program.plain(reader), edition.program.page(reader)]
        if contents != [part.replace("\n", "\r\n").encode() for part in wanted]:
            yield error("P06", 0, "The message of a reader with unusual values reads differently.", "Report this.")
        if reader is not hostile and _LEFT_OVER.search("".join(wanted)):
            yield error("P05", 0, "A merge tag or braces are left in the mail.", "Look for {{ in the issue.")
