"""A person's answer handed on to the club's people: a letter of our own with the answer attached as it came."""

from __future__ import annotations

import base64
import re
from datetime import datetime

from mailer.errors import AddressError
from mailer.mail import header
from mailer.mail.mime import Mail, first

_FROM = re.compile(r"[^\s<>()\[\]\"',;:]{1,64}@[^\s<>()\[\]\"',;:]{1,253}")
_AUTOMATIC = ("list-id", "x-autoreply", "x-loop", "feedback-id")
_WRAP = 76
_MAX_WORDS = 20_000
CRLF = "\r\n"


def writer(mail: Mail) -> str:
    """The address of the person who wrote a mail; "" when a machine or a list did (RFC 3834 section 2)."""
    headers = mail.headers
    if mail.type == "multipart/report":  # one that says nothing, or broke off
        return ""
    if first(headers, "auto-submitted").lower().partition(";")[0].strip() not in {"", "no"}:
        return ""
    if first(headers, "precedence").lower() in {"bulk", "list", "junk"} or any(name in headers for name in _AUTOMATIC):
        return ""
    if first(headers, "return-path").strip() == "<>":
        return ""
    found = _FROM.search(first(headers, "reply-to")) or _FROM.search(first(headers, "from"))
    try:
        return header.check_address(found[0]) if found and not found[0].lower().startswith("mailer-daemon@") else ""
    except AddressError:
        return ""


def forwarded(
    raw: bytes, mail: Mail, *, to: str, sender: tuple[str, str], message_id: str, about: str, at: datetime
) -> bytes:
    """The finished message to `to`: CRLF, no line led by a dot, not to be answered by machines.

    An answer goes to who wrote it. `sender` is (name, address), `about` whose delivery the answer is to. The
    original is attached in base64: nothing in it, however broken, can reach our headers.
    """
    subject = header_text(mail.header("subject")) or "(no subject)"
    words = next((part.text for part in mail.parts if part.type == "text/plain"), "")[:_MAX_WORDS]
    words = f"An answer to a mail for {about}:\n\n{words.strip() or '(see the attachment)'}\n"
    boundary = f"=_{message_id.partition('@')[0]}"
    head = (
        header.address_field("From", [sender])
        + header.to_field("", to)
        + header.address_field("Reply-To", [("", writer(mail))])
        + header.text_field("Subject", f"Fwd: {subject}")
        + header.date_field(at)
        + header.message_id_field(message_id)
        + f"Auto-Submitted: auto-generated{CRLF}"
        + f"MIME-Version: 1.0{CRLF}"
        + f'Content-Type: multipart/mixed; boundary="{boundary}"{CRLF}{CRLF}'
    )
    parts = (
        ("text/plain; charset=utf-8", "", words.encode("utf-8", "replace")),
        ("application/octet-stream", f'Content-Disposition: attachment; filename="answer.eml"{CRLF}', raw),
    )
    body = "".join(
        f"--{boundary}{CRLF}Content-Type: {kind}{CRLF}{more}Content-Transfer-Encoding: base64{CRLF}{CRLF}"
        f"{_wrapped(data)}"
        for kind, more, data in parts
    )
    return f"{head}{body}--{boundary}--{CRLF}".encode()


def header_text(value: str) -> str:
    """A stranger's header as one harmless line: controls and encoded words gone, at most 200 characters."""
    value = " ".join("".join(character if character.isprintable() else " " for character in value).split())[:200]
    try:
        return header.refuse_controls(value.replace("=?", "= ?"), "Subject")
    except ValueError:
        return ""


def _wrapped(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return "".join(text[start : start + _WRAP] + CRLF for start in range(0, len(text), _WRAP))
