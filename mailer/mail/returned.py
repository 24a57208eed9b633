"""The original mail inside a report: where the notice ends and the returned headers begin."""

from __future__ import annotations

import re

from mailer.mail.mime import Headers, Mail, split

# Lines that announce the returned message, as mail systems write them.
_MARK = re.compile(
    r"^[ \t>*#=_-]*("
    r"(this is a |below this line is a |enclosed is a |attached is a |the )?copy of (the|your) (original )?"
    r"(message|mail)"
    r"|(begin |start of )?(the )?(original|returned|unsent|undelivered|rejected) (message|mail|mail header)"
    r"( headers?)?\b.{0,40}"
    r"|message headers? follow|(the )?header of the original"
    r"|(text|body|headers?) of (the |your )?(original )?(message|mail|sent mail)"
    r"|below (this line )?(is|are) .{0,60}(message|header)|enclosed is .{0,60}message"
    r"|(your|the) (original )?message (follows|begins|reads)|here (is|are) .{0,40}(copy|header)"
    r"|original mail as follows|message contents|returned content|transcript of message follows"
    r"|original message header|the body of the message|the following is the original|unsent message below"
    r"|content of the original|message header|attached message|raw headers|.{0,20}message text follows"
    r")[ \t:.,*#=_-]*.{0,40}$",
    re.I | re.M,
)
_QUOTE = " \t>"
_OPENS = re.compile(
    r"(received|return-path|dkim-signature|x-originating-ip|delivered-to|message-id|x-[\w-]{1,60}|from)[ \t]*:", re.I
)
_FOLLOWS = re.compile(
    r"(received|return-path|message-id|from|to|subject|date|mime-version|content-type|x-[\w-]{1,60}|dkim-signature|by"
    r"|sender|reply-to|cc|delivered-to)[ \t]*:",
    re.I,
)
_GOES_ON = re.compile(r"recipient address:|(can ?not|could not|not) be delivered|following (recipient|address)", re.I)
_CARRIERS = (
    "message/rfc822",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global",
    "message/global-headers",
    "message/partial",
)


def find(mail: Mail) -> tuple[str, str]:
    """(notice, returned): the report's own words, and the returned message's headers and beginning, or ""."""
    notices: list[str] = []
    returned = ""
    for part in mail.parts:
        if part.type in _CARRIERS:
            returned = returned or _merged(part.headers) + part.text
        elif part.type in {"text/plain", "text/html"} or (part.type.startswith("text/") and not notices):
            if returned and notices:
                continue
            if part.type == "text/html" and notices and any(len(notice.strip()) > 20 for notice in notices):
                continue
            notices.append(strip_tags(part.text) if part.type == "text/html" else part.text)
    notice = "\n".join(notices)
    if not returned:
        notice, returned = cut(notice)
    else:
        notice = cut(notice)[0]
    return notice, returned


def _merged(headers: Headers) -> str:
    """The returned message's own fields where no empty line parted them from the fields of the part."""
    fields = [(name, value) for name, values in headers.items() for value in values]
    return "".join(f"{name}: {value}\n" for name, value in fields) + "\n" if "from" in headers else ""


def cut(text: str) -> tuple[str, str]:
    """A notice apart from the message quoted below it; header fields quoted in the midst of a notice are left out."""
    text = text[: 1 << 16]
    for _ in range(3):
        start, end = _header_run(text)
        if start < 0 or end < 0 or not _GOES_ON.search(text, end, end + 400):
            break
        text = text[:start] + text[end:]
    mark = _MARK.search(text, 40) if len(text) > 40 else None
    ends = [place for place in (mark.start() if mark else -1, start) if place > 40]
    if not ends:
        return text, ""
    return text[: min(ends)], text[min(ends) :]


def _header_run(text: str) -> tuple[int, int]:
    """Where two header fields in a row begin, and the empty line after them; -1 where there is none."""
    place, opened, folded = 0, -1, 0
    for line in text.split("\n"):
        begin, place = place, place + len(line) + 1
        bare = line.lstrip(_QUOTE)
        if opened >= 0 and _FOLLOWS.match(bare):
            return opened, text.find("\n\n", begin)
        if begin > 40 and _OPENS.match(bare):
            opened, folded = begin, 0
        elif opened >= 0 and bare and line[:1] in _QUOTE and folded < 12:
            folded += 1
        else:
            opened = -1
    return -1, -1


def original_headers(returned: str) -> Headers:
    """The header fields of a returned message, wherever in the text they begin."""
    found = re.search(r"^[ \t>]{0,8}[A-Za-z][A-Za-z0-9-]{1,60}[ \t]*:", returned, re.M)
    if not found:
        return {}
    text = returned[found.start() :]
    indent = len(text) - len(text.lstrip(" \t>"))
    if indent:
        text = "\n".join(line[indent:] for line in text.split("\n")[:300])
    return split(text)[0]


def strip_tags(html: str) -> str:
    """The words of an HTML part, roughly: enough to read a diagnosis."""
    text = re.sub(r"(?i)<(br|p|div|tr|li|td|h\d)\b[^>]{0,500}>", "\n", html[: 1 << 16])
    text = re.sub(r"<(?![^\s<>@]{1,100}@)[^<>]{0,2000}>", "", text)
    for name, character in (
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&nbsp;", " "),
        ("&#39;", "'"),
        ("&quot;", '"'),
        ("&amp;", "&"),
    ):
        text = text.replace(name, character)
    return text
