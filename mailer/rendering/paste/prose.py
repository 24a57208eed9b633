"""Pasted words as CommonMark: links kept, every sign that Markdown would take for a mark escaped."""

from __future__ import annotations

import re

from mailer.rendering.paste.links import LINK, LINK_END, LINK_URL

_LINKS = re.compile(f"{LINK}([^{LINK_URL}]*){LINK_URL}([^{LINK_END}]*){LINK_END}")
_STRAY = re.compile(f"[{LINK}-{LINK_END}]")
_SIGNS = re.compile(r"[*`\[\]<\\]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)|\{(?=\{)")
# What Markdown puts between stars; a star between words or figures is none, nor one before a share's name.
_STRESSED = re.compile(r"(?<![\w*\\])(\*{1,2})(?=[^\s*])([^*\n]+)(?<=\S)\1(?![\w*])")
_LINE_START = re.compile(r"^(?:(#{1,6})(?=\s|$)|([-+>])(?=\s|$)|(\d{1,9})([.)])(?=\s|$)|(=+|-+)$|(~{3,}|:{3,}))")


def to_markdown(text: str) -> str:
    """A paragraph with its links; a leading `- ` stays a list item."""
    bullet = "- " if re.match(r"[-•·‣]\s+\S", text) else ""
    text = re.sub(r"^[-•·‣]\s+", "", text) if bullet else text
    parts, end = [], 0
    for match in _STRESSED.finditer(text):
        parts += [_words(text[end : match.start()]), match[1], _words(match[2]), match[1]]
        end = match.end()
    return bullet + _start("".join([*parts, _words(text[end:])]))


def _words(text: str) -> str:
    parts, end = [], 0
    for match in _LINKS.finditer(text):
        parts += [_signs(text[end : match.start()]), _link(match[1], match[2])]
        end = match.end()
    parts.append(_signs(text[end:]))
    return "".join(parts)


def escape(text: str) -> str:
    """Running text without links."""
    return _start(_signs(text))


def _signs(text: str) -> str:
    return _SIGNS.sub(lambda match: "\\" + match[0], _STRAY.sub("", text))


def _link(words: str, url: str) -> str:
    url = re.sub(r"[\s<>()]", lambda match: f"%{ord(match[0]):02X}", url)
    return f"<{url}>" if words == url else f"[{_signs(words)}]({url})"


def _start(text: str) -> str:
    match = _LINE_START.match(text)
    if not match:
        return text
    if match[3]:
        return f"{match[3]}\\{text[len(match[3]) :]}"
    return "\\" + text
