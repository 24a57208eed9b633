"""CSV and workbooks from strangers: encodings, limits, and reading on after a bad row."""

from __future__ import annotations

import contextlib
import csv
import io
import resource
import zipfile
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.errors import ImportFileError
from mailer.intake import table, workbook
from mailer.intake.table import Row, Table, read_table


def read(data: bytes) -> tuple[Table, list[Row]]:
    found = read_table(io.BytesIO(data), "list.csv")
    return found, list(found.rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_a_chinese_list_is_read_in_its_encoding(encoding: str) -> None:
    text = "email,name,city\n" + "".join(f"reader{n}@example.com,张小明,上海市浦东新区\n" for n in range(20))
    found, rows = read(text.encode(encoding))
    assert found.columns == ("email", "name", "city")
    assert rows[0] == Row(2, ["reader0@example.com", "张小明", "上海市浦东新区"])
    assert (encoding in found.guess) == (encoding == "gb18030")


def test_a_western_byte_is_read_as_windows_1252_and_said() -> None:
    found, rows = read("email,name\nbob@example.com,Jürgen Groß\n".encode("windows-1252"))
    assert rows[0].cells[1] == "Jürgen Groß"
    assert "windows-1252" in found.guess


def test_a_broken_row_is_refused_and_the_others_keep_their_encoding() -> None:
    found, rows = read(b"email,name\nm2@example.com,\xff\xfe\x80bad\nm3@example.com,Zo\xc3\xab\n")
    assert (found.read_as, found.guess) == ("CSV in utf-8", "")
    assert rows == [Row(2, (), "holds bytes that are no UTF-8"), Row(3, ["m3@example.com", "Zoë"])]


def test_a_gb18030_row_in_a_utf_8_list_is_refused_and_not_garbled() -> None:
    good = "".join(f"r{n}@example.com,张小明\n" for n in range(9)).encode()
    _, rows = read(b"email,name\n" + good + "bob@example.com,王芳\n".encode("gb18030"))
    assert rows[0].cells[1] == "张小明"
    assert [(row.line, row.fault) for row in rows if row.fault] == [(11, "holds bytes that are no UTF-8")]


def test_a_broken_row_in_a_gb18030_list_is_refused_with_its_line() -> None:
    good = "".join(f"r{n}@example.com,王小明\n" for n in range(9)).encode("gb18030")
    found, rows = read(b"email,name\n" + good + b"bob@example.com,\xff\xfe\x80bad\ncarol@example.com,x\n")
    assert "read as gb18030" in found.guess
    assert rows[0].cells[1] == "王小明"
    assert [(row.line, row.fault) for row in rows if row.fault] == [(11, "holds bytes that are no GB18030")]


def test_a_broken_byte_within_quotes_over_lines_refuses_the_whole_row() -> None:
    _, rows = read("email,name\na@example.com,Zoë\n".encode() + b'b@example.com,"x\n\xff"\nc@example.com,y\n')
    assert [(row.line, bool(row.fault)) for row in rows] == [(2, False), (3, True), (5, False)]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("windows-1252", "Jürgen"),
        ("windows-1252", "Renée Groß"),
        ("windows-1250", "Łukasz Wiśniewski Zażółć gęślą jaźń"),
        ("windows-1251", "Мария Сидорова Иван Петров"),
        ("gb18030", "李"),
        ("gb18030", "王芳"),
        ("big5", "張小明 臺北市 陳怡君"),
        ("shift_jis", "山田太郎 とうきょう"),
        ("utf-16-le", "张小明"),
        ("utf-16-be", "Zoë"),
    ],
)
def test_an_encoding_is_guessed_and_said(encoding: str, names: str) -> None:
    found, rows = read(f"email,name\nbob@example.com,{names}\n".encode(encoding))
    assert rows[0].cells[1] == names
    assert found.guess == f"not marked with its encoding; read as {encoding}"


def test_line_numbers_count_lines_not_rows() -> None:
    _, rows = read(b'email,name\r\n\r\na@example.com,"x\r\ny"\r\nb@example.com,z\r\n')
    assert rows == [Row(3, ["a@example.com", "x\ny"]), Row(5, ["b@example.com", "z"])]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_headings_tell_what_separates_cells(delimiter: str) -> None:
    _, rows = read(f"email{delimiter}name\na@example.com{delimiter}x\n".encode())
    assert rows == [Row(2, ["a@example.com", "x"])]


def test_a_first_line_may_say_what_separates_cells() -> None:
    for line in ("sep=;", "SEP=;;"):
        _, rows = read(f"\n{line}\r\nemail;name\r\na@example.com;x,y\r\n".encode())
        assert rows == [Row(4, ["a@example.com", "x,y"])]


def test_a_quote_never_closed_costs_one_row_only() -> None:
    _, rows = read(b'email,name\n"a@example.com,x\nb@example.com,y\n')
    assert rows == [Row(2, (), "opens a quote that is never closed"), Row(3, ["b@example.com", "y"])]


def test_a_row_of_another_width_is_a_fault_but_empty_cells_at_its_end_are_not() -> None:
    _, rows = read(b"email,name\na@example.com\nb@example.com,y,\nc@example.com,y,z\n")
    assert rows[0].fault == "has 1 cells where the headings have 2"
    assert rows[1].cells == ["b@example.com", "y"]
    assert rows[2].fault


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b",".join([b"x"] * 65), "65 columns"),
        (b"x," * 1_000_000, "longer than"),
        (b"PK\x03\x04 not a zip", "workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old kind"),
    ],
)
def test_a_file_that_is_no_table_is_refused_as_a_whole(data: bytes, says: str) -> None:
    with pytest.raises(ImportFileError, match=says):
        read(data)


class Endless(io.RawIOBase):
    """A header, a line of the given length that is never stored, and a good row."""

    def __init__(self, size: int) -> None:
        self._head = io.BytesIO(b"email\n")
        self._left = size
        self._tail = io.BytesIO(b"\nbob@example.com\n")

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.__init__(SIZE)  # type: ignore[misc]
        return 0

    def read(self, size: int = -1) -> bytes:
        data = self._head.read(size)
        if not data and self._left > 0:
            data = b"x" * min(size, self._left)
            self._left -= len(data)
        return data or self._tail.read(size)


SIZE = 300 * 1024 * 1024


def test_a_line_of_any_length_takes_no_memory_and_costs_one_row() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = list(read_table(Endless(SIZE), "list.csv").rows)  # type: ignore[arg-type]
    assert rows == [Row(2, (), "is longer than 128 KB"), Row(3, ["bob@example.com"])]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024


_CELL = st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(_CELL, min_size=3, max_size=3), max_size=6))
def test_what_a_csv_writer_writes_is_read_back(rows: Sequence[Sequence[str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([["email", "a", "b"], *rows])
    _, found = read(out.getvalue().encode("utf-8-sig"))
    wanted = [[cell.strip(table._SPACES) for cell in row] for row in rows]
    assert [list(row.cells) for row in found] == [row for row in wanted if any(row)]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_an_import_error(data: bytes) -> None:
    try:
        found = read_table(io.BytesIO(b"email,name\n" + data), "list.csv")
    except ImportFileError:
        return
    for row in found.rows:
        assert row.fault or len(row.cells) == len(found.columns)


def xlsx(*sheets: str, hidden: int = 0) -> bytes:
    """A workbook of these sheets, the first some of them hidden."""
    numbers = range(1, len(sheets) + 1)
    state = ' state="hidden"'
    listed = "".join(f'<sheet name="S{n}" sheetId="{n}"{state if n <= hidden else ""} r:id="rId{n}"/>' for n in numbers)
    related = "".join(
        f'<Relationship Id="rId{n}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
        f'worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType='
            '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
            'officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            '<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
            'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
            f"<sheets>{listed}</sheets></workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f"{related}</Relationships>",
        )
        for number, sheet in zip(numbers, sheets, strict=True):
            archive.writestr(
                f"xl/worksheets/sheet{number}.xml",
                '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
                f"<sheetData>{sheet}</sheetData></worksheet>",
            )
    return out.getvalue()


def cell(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


def test_a_workbook_is_read_like_a_csv() -> None:
    head = f'<row r="1">{cell("A1", "email")}{cell("B1", "points")}</row>'
    row = f'<row r="2">{cell("A2", "alice@example.com")}<c r="B2"><v>3</v></c></row>'
    found, rows = read(xlsx(head + row))
    assert found.columns == ("email", "points")
    assert rows == [Row(2, ["alice@example.com", "3"])]


def test_a_sheet_that_is_hidden_is_not_the_list() -> None:
    left, readers = (
        f'<row r="1">{cell("A1", "email")}</row><row r="2">{cell("A2", f"{name}@example.com")}</row>'
        for name in ("left", "alice")
    )
    assert read(xlsx(left, readers, hidden=1))[1] == [Row(2, ["alice@example.com"])]
    with pytest.raises(ImportFileError, match="hidden"):
        read(xlsx(left, hidden=1))


@pytest.mark.parametrize(
    "far",
    [
        f'<row r="1048576">{cell("XFD1048576", "x")}</row>',
        f'<row r="2">{cell("A2799999999999", "x")}</row>',
        f'<row r="2">{cell("A" + "0" * 40 + "999999999", "x")}</row>',
        f'<row r="2">{cell("ABCDEFGHIJ2", "x")}</row>',
        f"<row r='9'>{cell('XFD9', 'x')}</row><row r = '99999'><c><v>1</v></c></row>",
    ],
)
def test_a_workbook_whose_cells_lie_far_apart_is_refused_before_it_takes_memory(far: str) -> None:
    far = f'<row r="1">{cell("A1", "email")}</row>{far}'
    with pytest.raises(ImportFileError, match="far apart"):
        read(xlsx(far))


def test_a_zip_bomb_is_refused_while_it_unpacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 1 << 20)
    with pytest.raises(ImportFileError, match="unpacks to more"):
        read(xlsx(" " * (2 << 20)))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_workbook_with_any_octet_changed_is_a_table_or_an_import_error(data: st.DataObject) -> None:
    whole = bytearray(xlsx(f'<row r="1">{cell("A1", "email")}</row><row r="2">{cell("A2", "a@example.com")}</row>'))
    directory = whole.index(b"PK\x01\x02")  # what every reader of a zip file goes by
    places = st.integers(0, len(whole) - 1) | st.integers(directory, len(whole) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=3)):
        whole[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ImportFileError):
        read(bytes(whole))
