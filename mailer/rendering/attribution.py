"""An item's end read: its text and the source that is named last."""

from __future__ import annotations

import re

from mailer.model.issue import Source

NO_SOURCE = "-"

LINK = re.compile(r"\[((?:[^\[\]\\]|\\.)+)\]\(<?([^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?\)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_LABEL = re.compile(r"(?:sources?|via|来源|來源|消息来源|出处)[ \t]*[:：][ \t]*(.+)", re.IGNORECASE)
_CLOSING = re.compile(r"(?<!\\)[(（]([^()（）\n]{1,60}|<?https?://[^()（）\s]+)[)）]$", re.IGNORECASE)
_SIGN = r"[!#-'*-;=?-~\w]"  # what an address is made of, parentheses aside
_ADDRESS = re.compile(
    rf"(<)?(https?://(?:www\.)?([\w.-]+)(?::\d+)?(?:[/?#]{_SIGN}*(?:\({_SIGN}*\){_SIGN}*)*)?)(?(1)>)(?<![.,;])[.。]?",
    re.IGNORECASE,
)
_LABELLED = re.compile(r"[\[【［〔](" + _LABEL.pattern + r")[\]】］〕]", re.IGNORECASE)  # 【来源：Name】
_SENTENCE_END = re.compile(r"[.!?。！？…”\"’'」』）)]\s*$")


def split_source(lines: list[str], first_line: int) -> tuple[str, Source | None]:
    """An item's lines parted into its text and its source, which is named last.

    Known are a last line `Source: Name`, `Source: [Name](url)` (also `via:` and the Chinese words) and a closing
    parenthesis: alone on its line, or behind the end of the last sentence. `Source: -` says that there is none.
    An address alone is named by its host, as an import names it; `sources.yaml` may tell the name to write.
    """
    last = next((index for index in range(len(lines) - 1, -1, -1) if lines[index].strip()), None)
    if last is None:
        return "", None
    text = lines[last].strip()
    if label := _LABEL.fullmatch(text) or _LABELLED.fullmatch(text):
        return strip_blank(lines[:last]), _source(label[label.re.groups], first_line + last)
    closing = _CLOSING.search(text)
    if closing and not closing[1].isspace():
        before = text[: closing.start()]
        if not before or (_SENTENCE_END.search(before) and not _is_list(text)):
            kept = [*lines[:last], before.rstrip()]
            named = _LABEL.fullmatch(closing[1].strip())
            return strip_blank(kept), _source(named[1] if named else closing[1], first_line + last)
    return strip_blank(lines), None


def _is_list(text: str) -> bool:
    return re.match(r"[-+*>]\s|\d+[.)]\s", text) is not None


def _source(text: str, line: int) -> Source | None:
    if text.strip() == NO_SOURCE:
        return None
    link = LINK.fullmatch(text.strip())
    if link:
        return Source(unescape(link[1]).strip(), link[2], line)
    if address := _ADDRESS.fullmatch(text.strip()):
        return Source(address[3].lower(), address[2], line)
    return Source(unescape(text).strip(), "", line)


def strip_blank(lines: list[str]) -> str:
    """Lines without the blank ones around them, as one text."""
    return "\n".join(lines).strip("\n").rstrip()


def unescape(text: str) -> str:
    """A text without the backslashes before punctuation (CommonMark 2.4)."""
    return _ESCAPED.sub(r"\1", text)
