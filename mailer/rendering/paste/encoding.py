"""Bytes as they come from a clipboard or a file, made text: UTF-8, UTF-16, GB18030, Big5, Windows-1252."""

from __future__ import annotations

import codecs
import html
import re

from mailer.errors import SourceError
from mailer.rendering.paste.report import Report
from mailer.sentence import Sentence

LIMIT = 8_000_000

_BOMS = (
    (codecs.BOM_UTF8, "utf-8", Sentence("read as UTF-8 with a byte order mark")),
    (codecs.BOM_UTF16_LE, "utf-16-le", Sentence("read as UTF-16")),
    (codecs.BOM_UTF16_BE, "utf-16-be", Sentence("read as UTF-16")),
)
_COMMON_HAN = re.compile("[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")
# Of a Chinese text in either script one character in eight or so; read in the wrong encoding hardly any is among them.
_FREQUENT = re.compile("[的一是不在有人了和大上中要以年月日到出為為这這个個来來说說会會]")
_ENTITY = re.compile(
    r"&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,5}|amp|lt|gt|quot|apos|nbsp|[lr][sd]quo|[lr]aquo|[lg]e|[mn]dash|middot|bull|hellip);"
)
LEAST_ENTITIES = 3  # one may be what the text is about
_CONTROL = re.compile("[\x01-\x08\x0e-\x1a\x1c-\x1f]")


def decode(data: bytes, report: Report, name: str) -> str:
    """The text in `data`; what was not plain UTF-8 is reported. Raises SourceError for what is no text."""
    if len(data) > LIMIT:
        what = "%(count)s bytes are no digest (at most %(most)s); paste the digest alone"
        raise SourceError(Sentence(what, count=f"{len(data):,}", most=f"{LIMIT:,}"), where=name)
    text = _decode(data, report, name)
    sample = text[:100_000]
    if len(_CONTROL.findall(sample)) > max(8, len(sample) // 100):
        raise SourceError(Sentence("this is not text but binary data; paste the digest as text or HTML"), where=name)
    return text


def _decode(data: bytes, report: Report, name: str) -> str:
    for bom, encoding, read in _BOMS:
        if data.startswith(bom):
            report.add(0, "encoding", read)
            return data[len(bom) :].decode(encoding, "replace")
    if bare := _bare_utf16(data):
        report.add(0, "encoding", "read as UTF-16 (there is no byte order mark)")
        return data.decode(bare, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if (mixed := _line_by_line(data)) is not None:
        text, other = mixed
        report.add(other, "encoding", "two encodings in one text: from here on read as GB18030 where it is not UTF-8")
        return text
    text = data.decode("utf-8", "replace")
    broken, whole = text.count("\ufffd"), sum(c > "\x7f" for c in text)
    if broken * 12 < whole:
        report.add(0, "encoding", "%(count)s bytes are not UTF-8; they are shown as \ufffd", count=broken)
        return text
    simplified, traditional = (data.decode(name, "replace") for name in ("gb18030", "big5hkscs"))
    for text, read in sorted(
        ((simplified, Sentence("read as GB18030")), (traditional, Sentence("read as Big5"))),
        key=lambda pair: -len(_FREQUENT.findall(pair[0])),
    ):
        if _is_han(text) and text.count("\ufffd") * 12 < sum(c > "\x7f" for c in text):
            report.add(0, "encoding", read)
            return text
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise SourceError(
            Sentence("neither UTF-8, UTF-16, GB18030 nor Big5; save the text as UTF-8"), where=name
        ) from None
    report.add(0, "encoding", "read as Windows-1252")
    return text


def _line_by_line(data: bytes) -> tuple[str, int] | None:
    """Chinese lines in UTF-8 beside Chinese lines in GB18030: the text, and the first line of the latter."""
    lines: dict[str, list[str]] = {"utf-8": [], "gb18030": []}
    text, first = [], 0
    for number, line in enumerate(data.split(b"\n"), 1):
        for encoding, found in lines.items():
            try:
                text.append(line.decode(encoding))
            except UnicodeDecodeError:
                continue
            found.append(text[-1])
            first = first or (number if encoding == "gb18030" else 0)
            break
        else:
            return None
    return ("\n".join(text), first) if all(_is_han("".join(found)) for found in lines.values()) else None


def _is_han(text: str) -> bool:
    """Whether what is not ASCII in a text is mostly Chinese, and there is some."""
    foreign = sum(c > "\x7f" for c in text)
    return foreign > 0 and len(_COMMON_HAN.findall(text)) >= 0.6 * foreign


def _bare_utf16(data: bytes) -> str | None:
    sample = data[:4000]
    if len(sample) < 8 or sample.count(0) * 5 < len(sample):
        return None
    return "utf-16-le" if sample[1::2].count(0) > sample[0::2].count(0) else "utf-16-be"


def without_entities(text: str, report: Report) -> str:
    """Text in which several characters are written as HTML writes them (`&amp;`, `&#26376;`), as it is meant."""
    found = _ENTITY.findall(text)
    if len(found) < LEAST_ENTITIES:
        return text
    report.add(0, "entities", "%(count)s characters written as in HTML made what they mean", found[0], count=len(found))
    return _ENTITY.sub(lambda match: html.unescape(match[0]).replace("\xa0", " "), text)
