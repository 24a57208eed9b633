"""Tables from strangers: CSV in any common encoding, or a workbook, as rows with line numbers, in bounded memory."""

from __future__ import annotations

import codecs
import csv
import io
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import BinaryIO, NamedTuple

from mailer.errors import ImportFileError
from mailer.sentence import Sentence

MAX_COLUMNS = 64
MAX_LINE = 128 * 1024  # characters: 64 fields of 1 KB, quoted, with room to spare
MAX_LINES_OF_A_ROW = 20
_CHUNK = 256 * 1024
_SAMPLE = 256 * 1024
_SPACES = " \t\u00a0\u3000"
_SEPARATED_BY = re.compile(r"sep=([,;\t])[,;\t]*", re.IGNORECASE)
_CHINESE = frozenset({"gb2312", "gbk", "gb18030", "hz", "hz-gb-2312"})
_KOREAN = frozenset({"euc-kr", "cp949"})
_HALF_ASCII = frozenset({"big5", "big5-hkscs", "cp950", "shift_jis", "cp932"})  # a character may end in an ASCII byte
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_GBK_PAIR = re.compile(rb"[\x81-\xfe][\x40-\xfe]")
_UNREADABLE = "\udfff"  # stands for bytes that mean nothing in the file's encoding; no decoder yields it by itself
codecs.register_error("mailer.unreadable", lambda error: (_UNREADABLE, error.end))  # type: ignore[attr-defined]


class Row(NamedTuple):
    """One row: the line it begins on (the row's number in a workbook), its cells, or a clause why it is unreadable."""

    line: int
    cells: Sequence[str]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the column headings, what it was read as (a sentence when that was a guess), and its rows, once."""

    columns: tuple[str, ...]
    read_as: str
    guess: str
    rows: Iterator[Row]


def read_table(source: BinaryIO, name: str) -> Table:
    """The table in an open file, CSV or .xlsx by its first bytes. The file stays the caller's, and stays open.

    Rows too long, with a quote never closed, with bytes that are not of the file's encoding or with the wrong number
    of cells come with a `fault`; reading goes on with the next line. Raises ImportFileError for a file that is no
    table at all.
    """
    if not source.seekable():
        spool = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the rows are read
        shutil.copyfileobj(source, spool)
        spool.seek(0)
        source = spool
    magic = source.read(8)
    source.seek(0)
    if magic.startswith(b"PK\x03\x04"):
        from mailer.intake.workbook import read_workbook

        read_as, guess, rows = "an Excel workbook", "", read_workbook(source, name)
    elif magic == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        what = "an Excel file of the old kind or with a password; save it as .xlsx or CSV"
        raise ImportFileError(Sentence(what), where=name)
    else:
        encoding, guess = _encoding_of(source)
        read_as, rows = f"CSV in {encoding}", _csv_rows(source, encoding)
    head = next((row for row in rows if row.fault or any(row.cells)), None)
    if head is None:
        what = "the file is empty; its first row must name the columns, one of them email"
        raise ImportFileError(Sentence(what), where=name)
    if head.fault:
        raise ImportFileError(Sentence("the row of headings %(fault)s", fault=head.fault), where=f"{name}:{head.line}")
    columns = tuple(head.cells)
    while columns and not columns[-1]:
        columns = columns[:-1]
    if len(columns) > MAX_COLUMNS:
        what = Sentence("%(count)s columns; at most %(most)s are read", count=len(columns), most=MAX_COLUMNS)
        raise ImportFileError(what, where=f"{name}:{head.line}")
    return Table(columns, read_as, guess, _fitted(rows, len(columns)))


def _fitted(rows: Iterator[Row], width: int) -> Iterator[Row]:
    """Rows of the right width; blank rows left out, empty cells beyond the last heading cut off."""
    for row in rows:
        cells = row.cells
        if row.fault:
            yield row
        elif len(cells) == width:
            if any(cells):
                yield row
        elif not any(cells):
            continue
        elif len(cells) > width and not any(cells[width:]):
            yield Row(row.line, cells[:width])
        else:
            what = "has %(count)s cells where the headings have %(width)s"
            yield Row(row.line, (), Sentence(what, count=len(cells), width=width))


def _encoding_of(source: BinaryIO) -> tuple[str, str]:
    """The file's encoding; and, where the bytes leave a doubt, what was guessed, for people.

    A file is UTF-8 as long as no more than half of its lines beyond ASCII are broken: other encodings hardly ever
    look like it by chance, so the others are single bad rows.
    """
    head = source.read(4)
    source.seek(0)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig", ""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", ""
    if b"\0" in head[:2]:
        encoding = "utf-16-be" if head[0] == 0 else "utf-16-le"
    else:
        whole = _is_utf8(source)
        source.seek(0)
        if whole:
            return "utf-8", ""
        beyond, broken, sample = _survey(source)
        source.seek(0)
        if 2 * broken <= beyond:
            return "utf-8", ""
        encoding = _guess(sample)
    return encoding, Sentence("not marked with its encoding; read as %(encoding)s", encoding=encoding)


def _is_utf8(source: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in chain(iter(lambda: source.read(_CHUNK), b""), (b"",)):
            decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError:
        return False
    return True


def _survey(source: BinaryIO) -> tuple[int, int, bytes]:
    """How many lines hold more than ASCII, how many of those are no UTF-8, and a sample of the latter."""
    beyond, broken, sample, rest = 0, 0, bytearray(), b""
    for chunk in chain(iter(lambda: source.read(_CHUNK), b""), (b"",)):
        lines = (rest + chunk).splitlines(keepends=True)
        rest = lines.pop() if chunk and lines and len(lines[-1]) <= 4 * MAX_LINE else b""
        for line in lines:
            if line.isascii():
                continue
            beyond += 1
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                broken += 1
                if len(sample) < _SAMPLE:
                    sample += line[: _SAMPLE - len(sample)]
    return beyond, broken, bytes(sample)


def _guess(sample: bytes) -> str:
    """The likeliest encoding of lines that are no UTF-8."""
    import chardet

    name: str = (chardet.detect(sample)["encoding"] or "").lower()
    runs = _BEYOND_ASCII.findall(sample)
    alone = sum(len(run) == 1 for run in runs)
    if 2 * alone > len(runs) and name not in _HALF_ASCII:  # single letters among Latin ones: a language of Europe
        known = name.startswith(("windows-125", "iso-8859-")) and name != "iso-8859-1"
        return name if known else "windows-1252"
    if name in _CHINESE or (name not in _KOREAN and _reads_as_chinese(sample)):
        return "gb18030"
    try:
        codecs.lookup(name)
    except LookupError:
        return "gb18030"
    return name if name not in {"", "ascii", "utf-8", "johab"} else "gb18030"


def _reads_as_chinese(sample: bytes) -> bool:
    """Whether the bytes are mostly of GB 2312's first level, the 3,755 characters of daily life."""
    pairs: list[bytes] = _GBK_PAIR.findall(sample)
    return 2 * sum(0xB0 <= first <= 0xD7 and second >= 0xA1 for first, second in pairs) > len(pairs)


def _lines(source: BinaryIO, encoding: str) -> Iterator[tuple[int, str | None]]:
    """Numbered lines without their ends; None stands for a line longer than MAX_LINE, of which nothing is kept."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("mailer.unreadable"), translate=True)
    number, rest, skipping = 1, "", False
    for chunk in chain(iter(lambda: source.read(_CHUNK), b""), (None,)):
        text = decoder.decode(b"", final=True) if chunk is None else decoder.decode(chunk)
        lines = (rest + text).split("\n")
        rest = lines.pop()
        for line in lines:
            yield number, None if skipping or len(line) > MAX_LINE else line
            number, skipping = number + 1, False
        if len(rest) > MAX_LINE:
            rest, skipping = "", True
    if rest or skipping:
        yield number, None if skipping else rest


def _csv_rows(source: BinaryIO, encoding: str) -> Iterator[Row]:
    lines = _Ahead(_lines(source, encoding))
    head = next((line for _, line in lines.peek(MAX_LINES_OF_A_ROW) if line), "")
    if said := _SEPARATED_BY.fullmatch(head):  # what Excel reads before the headings
        while next(lines)[1] != head:
            pass
        delimiter = said[1]
    else:
        delimiter = max(",;\t", key=head.count)
    for number, line in lines:
        if line is None:
            yield Row(number, (), Sentence("is longer than %(most)s KB", most=MAX_LINE // 1024))
            continue
        if _UNREADABLE in line:
            yield Row(number, (), Sentence("holds bytes that are no %(encoding)s", encoding=encoding.upper()))
            continue
        if '"' not in line:
            yield Row(number, [cell.strip(_SPACES) for cell in line.split(delimiter)] if line else ())
            continue
        whole = line if line.count('"') % 2 == 0 else _closed(line, lines)
        if whole is None:
            yield Row(number, (), Sentence("opens a quote that is never closed"))
            continue
        if _UNREADABLE in whole:
            yield Row(number, (), Sentence("holds bytes that are no %(encoding)s", encoding=encoding.upper()))
            continue
        try:
            cells = next(csv.reader(io.StringIO(whole, newline="\n"), delimiter=delimiter, strict=True))
            yield Row(number, [cell.strip(_SPACES) for cell in cells])
        except csv.Error as error:
            yield Row(number, (), Sentence("cannot be read as CSV: %(why)s", why=error))


def _closed(line: str, lines: _Ahead) -> str | None:
    """A line with an open quote joined with the lines up to the one that closes it, which are then used up."""
    parts, size = [line], len(line)
    for count, (_, more) in enumerate(lines.peek(MAX_LINES_OF_A_ROW), 1):
        if more is None or size + len(more) > MAX_LINE:
            return None
        parts.append(more)
        size += len(more)
        if more.count('"') % 2:
            lines.drop(count)
            return "\n".join(parts)
    return None


class _Ahead(Iterator[tuple[int, str | None]]):
    """Numbered lines that can be looked at before they are taken."""

    def __init__(self, lines: Iterator[tuple[int, str | None]]) -> None:
        self._lines = lines
        self._seen: deque[tuple[int, str | None]] = deque()
        self._take: Callable[[], tuple[int, str | None]] = lines.__next__

    def __next__(self) -> tuple[int, str | None]:
        return self._seen.popleft() if self._seen else self._take()

    def peek(self, count: int) -> list[tuple[int, str | None]]:
        """The next `count` lines, or as many as there are."""
        self._seen.extend(islice(self._lines, max(0, count - len(self._seen))))
        return list(islice(self._seen, count))

    def drop(self, count: int) -> None:
        """Use up the next `count` lines, which were looked at."""
        for _ in range(count):
            self._seen.popleft()
