"""Excel workbooks: the rows of the first sheet that is shown, as text, measured before they are unpacked."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import TYPE_CHECKING, BinaryIO

from mailer.errors import ImportFileError
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from mailer.intake.table import Row

MAX_UNPACKED = 100 * 1024 * 1024
MAX_PARTS = 1000
MAX_CELLS = 4_000_000  # the reader holds a rectangle in memory, some 30 octets a cell
_CHUNK = 64 * 1024
_REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]*)([0-9]+)["']""")  # of a row, or of a cell, of any length
_LONGEST = 4096  # octets of a reference that are seen whole where a part is read in pieces
_UNREADABLE = "cannot be read as an Excel workbook; save it as CSV"
_SPACES = " \t\u00a0\u3000"


def read_workbook(source: BinaryIO, name: str) -> Iterator[Row]:
    """The rows of the first sheet that is not hidden, numbered as Excel does. Raises ImportFileError for a file that
    is no workbook, shows no sheet or would unpack to more than MAX_UNPACKED octets or MAX_CELLS cells."""
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    from mailer.intake.table import Row

    _measure(source, name)
    source.seek(0)
    try:
        workbook = CalamineWorkbook.from_filelike(source)
        shown = (
            each.name
            for each in workbook.sheets_metadata
            if each.typ == SheetTypeEnum.WorkSheet and each.visible == SheetVisibleEnum.Visible
        )
        sheet = workbook.get_sheet_by_name(next(shown))
        first = sheet.start[0] + 1 if sheet.start else 1
        cells = sheet.to_python(skip_empty_area=True)
    except StopIteration:
        raise ImportFileError(Sentence("has no sheet with a table that is not hidden"), where=name) from None
    except (CalamineError, OSError, ValueError, IndexError):
        raise ImportFileError(Sentence(_UNREADABLE), where=name) from None
    return (Row(number, [_as_text(cell).strip(_SPACES) for cell in row]) for number, row in enumerate(cells, first))


def _as_text(cell: object) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, date | datetime | time):
        return cell.isoformat()
    return str(cell)


def _measure(source: BinaryIO, name: str) -> None:
    """Unpack every part without keeping it, believing no size it declares."""
    try:
        with zipfile.ZipFile(source) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS:
                what = Sentence("a workbook of %(count)s parts; save it as CSV", count=len(parts))
                raise ImportFileError(what, where=name)
            left = MAX_UNPACKED
            for part in parts:
                left -= _measure_part(source, part, left, name)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, ValueError, IndexError):
        raise ImportFileError(Sentence(_UNREADABLE), where=name) from None


def _measure_part(source: BinaryIO, part: zipfile.ZipInfo, left: int, name: str) -> int:
    """How many octets a part unpacks to. Raises ImportFileError beyond `left`, or for a sheet with too many cells."""
    source.seek(part.header_offset)
    header = source.read(30)  # APPNOTE.TXT 4.3.7: the local header, then two fields of variable length
    source.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
    if part.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} or part.flag_bits & 1:
        raise zipfile.BadZipFile
    inflate = zlib.decompressobj(-15) if part.compress_type == zipfile.ZIP_DEFLATED else None
    size, packed, bounds, tail = 0, part.compress_size, _Bounds(), b""
    while packed > 0:
        data = source.read(min(_CHUNK, packed))
        if not data:
            break
        packed -= len(data)
        while data:
            plain = inflate.decompress(data, 1 << 20) if inflate else data
            data = inflate.unconsumed_tail if inflate else b""
            size += len(plain)
            if size > left:
                what = "unpacks to more than %(most)s MB; split it, or save it as CSV"
                raise ImportFileError(Sentence(what, most=MAX_UNPACKED >> 20), where=name)
            seen = tail + plain
            bounds.take(seen)
            tail = seen[-_LONGEST:]
    if bounds.cells > MAX_CELLS:
        what = "its cells lie too far apart; keep one table from A1, or save it as CSV"
        raise ImportFileError(Sentence(what), where=name)
    return size


class _Bounds:
    """The rectangle that holds every cell named in a sheet's XML."""

    def __init__(self) -> None:
        self.rows: tuple[int, int] | None = None
        self.columns: tuple[int, int] | None = None

    def take(self, xml: bytes) -> None:
        for letters, digits in _REFERENCE.findall(xml):
            row, column = int(digits), _column(letters)
            self.rows = _widen(self.rows, row)
            self.columns = _widen(self.columns, column)

    @property
    def cells(self) -> int:
        if self.rows is None or self.columns is None:
            return 0
        return (self.rows[1] - self.rows[0] + 1) * (self.columns[1] - self.columns[0] + 1)


def _widen(span: tuple[int, int] | None, value: int) -> tuple[int, int]:
    return (value, value) if span is None else (min(span[0], value), max(span[1], value))


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
