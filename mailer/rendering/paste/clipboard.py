"""HTML from a clipboard, made the lines one would see: links kept in marks, hidden parts dropped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

from mailer.rendering.paste import rows, spans
from mailer.rendering.paste.enumerators import SIGN
from mailer.rendering.paste.links import LINK, LINK_END, LINK_URL
from mailer.rendering.paste.report import Report

_SLANT = "\ue003"  # where italic letters begin and end
# A name in italics behind the last full stop.
_SLANTED = re.compile(rf"(?<=[.!?。！？])\s*{_SLANT}([^{_SLANT}()（）。！？.!?]{{2,40}}){_SLANT}$")
NESTED = "\u2023"  # what an item of a list inside a list begins with
# Pages that only lead on, and where they say whereto.
_DETOURS = (
    ("google.com", "/url", ("q", "url")),
    ("safelinks.protection.outlook.com", "/", ("url",)),
    ("link.zhihu.com", "/", ("target",)),
    ("weixin110.qq.com", "/cgi-bin/mmspamsupport-bin/newredirectconfirmcgi", ("url",)),
    ("c.pc.qq.com", "/", ("url", "pfurl")),
    ("mail.qq.com", "/cgi-bin/mail_spam", ("url",)),
    ("l.facebook.com", "/l.php", ("u",)),
    ("linkedin.com", "/redir/redirect", ("url",)),
)

_TAGS = re.compile(
    r"<(?:!--StartFragment|/?(?:html|body|div|p|table|tr|td|span|br|ul|ol|li|section|meta)\b[^<>]*/?>)", re.I
)
_CF_HTML = re.compile(r"\s*Version:\d.*?(?=<)", re.DOTALL)
_AS_WRITTEN = re.compile(r"white-space:\s*(?:pre|break-spaces)", re.IGNORECASE)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|mso-hide", re.I)
_PICTURE = re.compile(rf"(\*\*)?{SIGN}(?(1)\*\*)")
_BLOCKS = frozenset(
    "p div table tr ul ol li section article header footer blockquote pre h1 h2 h3 h4 h5 h6 hr dl dt dd".split()  # noqa: SIM905
)
_SILENT = frozenset(("script", "style", "head", "title", "template", "noscript"))
_VOID = frozenset(("br", "img", "hr", "meta", "link", "input", "col", "wbr"))


def direct(url: str, number: int, report: Report) -> str:
    """The address itself, where `url`, on line `number`, is a page of a mail or chat program that only leads on.

    Parentheses that are not in pairs are written as an issue file has them.
    """
    if url.count("(") != url.count(")"):
        url = url.replace("(", "%28").replace(")", "%29")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return url
    for domain, path, names in _DETOURS:
        if (host == domain or host.endswith(f".{domain}")) and parts.path.startswith(path):
            query = parse_qs(parts.query)
            wanted = next((query[name][0] for name in names if name in query), "")
            if re.match(r"https?://[^\s<>]+$", wanted) is None:
                return url
            report.add(number, "link", "page of %(host)s that only leads on left out", wanted, host=host)
            return wanted
    return url


def is_html(text: str) -> bool:
    """Whether pasted text is HTML source rather than text with a few angle brackets."""
    found = len(_TAGS.findall(text[:50_000]))
    return found >= 3 or (found > 0 and text.lstrip().startswith("<"))


def to_lines(text: str, report: Report) -> list[tuple[int, str]]:
    """The visible lines with their lines in the HTML; headings begin with `## `, lower ones `### `, list items `- `."""
    reader = _Reader(report)
    reader.feed(_CF_HTML.sub("", text, count=1) if text.lstrip().startswith("Version:") else text)
    reader.close()
    reader.end_line()
    return _with_pictures(reader.lines)


def _with_pictures(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines with a pictograph that has a block of its own before the line directly below it."""
    joined: list[tuple[int, str]] = []
    for number, text in lines:
        above = joined[-1][1] if joined else ""
        if text and _PICTURE.fullmatch(above):
            marks = "**" if above.startswith("**") and text.startswith("**") else ""
            joined[-1] = joined[-1][0], f"{marks}{above.strip('*')} {text.removeprefix(marks)}"
        else:
            joined.append((number, text))
    return joined


def _bold_at_start(text: str) -> str:
    """A line with what is bold at its beginning between `**`, and no other such marks."""
    text = re.sub(r"\*\*(\s*)\*\*", r"\1", text).strip()
    text = re.sub(rf"({LINK})\*\*([^*]+)\*\*({LINK_URL}[^{LINK_END}]*{LINK_END})", r"**\1\2\3**", text)
    match = re.match(rf"((?:- |{NESTED} |\d+\. |#+ )?)\*\*\s*([^*]+?)\s*\*\*(.*)$", text, re.DOTALL)
    if match is None or match[1].startswith("#"):
        return text.replace("**", "")
    rest = match[3].replace("**", "")
    return f"{match[1]}**{match[2]}**{rest}"


class _Reader(HTMLParser):
    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Read `<![...]>`; what the standard library knows no name for is a comment."""
        try:
            return super().parse_marked_section(i, report)
        except AssertionError:
            return self.parse_bogus_comment(i)

    def __init__(self, report: Report) -> None:
        super().__init__(convert_charrefs=True)
        self.report = report
        self.lines: list[tuple[int, str]] = []
        self._parts: list[str] = []
        self._start = 1
        self._hidden: list[str] = []  # open elements from the hidden one inwards
        self._as_written: list[str] = []  # the same from one on in which the ends of lines count
        self._lists: list[int | None] = []
        self._link: str | None = None
        self._breaks = 0
        self._marker = ""  # of a list item whose text has not begun
        self._spans = spans.Spans()
        self._cells: list[int] | None = None  # how many lines stood before each cell of the row
        self._table = False  # inside a table under known column names

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag in _VOID:
            self._void(tag, values)
            return
        if (
            self._hidden
            or tag in _SILENT
            or _HIDDEN.search(values.get("style", ""))
            or "hidden" in values
            or tag == "nav"
        ):
            self._hidden.append(tag)
            return
        if self._as_written or tag == "pre" or _AS_WRITTEN.search(values.get("style", "")):
            self._as_written.append(tag)
        if tag in _BLOCKS:
            self.end_line()
        if tag in ("ul", "ol"):
            start = values.get("start", "1")
            self._lists.append(int(start) - 1 if tag == "ol" and start[:6].isdecimal() else 0 if tag == "ol" else None)
        elif tag == "li":
            self._list_item()
        elif tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self._parts.append("## " if tag in ("h1", "h2") else "### ")
        elif tag in ("table", "tr"):
            self._cells, self._table = [], self._table and tag == "tr"
            if tag == "table":
                self._spans = spans.Spans()
            self._spans.begin(len(self.lines))
        elif tag in ("td", "th"):
            if "".join(self._parts).strip() and self._table:
                self.end_line()
            elif "".join(self._parts).strip():
                self._cells = None  # cells that hold no paragraphs stand on one line anyway
            if self._cells is not None:
                self._cells.append(len(self.lines))
            self._spans.cell(values.get("rowspan", ""))
            self._parts.append("\t")
        elif tag in ("b", "strong"):
            self._mark()
            self._parts.append("**")
        elif tag in ("em", "i"):
            self._mark()
            self._parts.append(_SLANT)
        elif tag == "a" and re.match(r"\s*(?:https?://|mailto:)[^\s<>\"]+\s*$", values.get("href", "")):
            self._link = direct(values["href"].strip(), self.getpos()[0], self.report)
            self._mark()
            self._parts.append(LINK)

    def _list_item(self) -> None:
        if self._lists and self._lists[-1] is not None:
            self._lists[-1] += 1
            self._marker = f"{self._lists[-1]}. "
        else:
            self._marker = "- " if len(self._lists) < 2 else f"{NESTED} "

    def _mark(self) -> None:
        """Put a list item's mark before its first words, which may stand in a block of their own."""
        if self._marker:
            self._parts.append(self._marker)
            self._marker = ""

    def _void(self, tag: str, values: dict[str, str]) -> None:
        if self._hidden:
            return
        if tag in ("br", "hr"):
            self._breaks += tag == "br" and not "".join(self._parts).strip()
            self.end_line()
            if self._breaks:
                self.lines.append((self.getpos()[0], ""))
                self._breaks = 0
        elif tag == "img" and (alt := values.get("alt", "").strip()):
            self.report.add(self.getpos()[0], "image", "picture left out", alt)

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            if tag in self._hidden:
                del self._hidden[len(self._hidden) - 1 - self._hidden[::-1].index(tag) :]
            return
        if tag in self._as_written:
            del self._as_written[len(self._as_written) - 1 - self._as_written[::-1].index(tag) :]
        if tag == "a" and self._link is not None:
            self._parts.append(f"{LINK_URL}{self._link}{LINK_END}")
            self._link = None
        elif tag in ("b", "strong"):
            self._parts.append("**")
        elif tag in ("em", "i"):
            self._parts.append(_SLANT)
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._marker = ""
        if tag in _BLOCKS:
            self.end_line()
            if tag == "p":
                self.lines.append((self.getpos()[0], ""))
            elif tag == "tr":
                self._end_row()
                self._spans.end(self.lines)

    def handle_data(self, data: str) -> None:
        if self._hidden:
            if data.strip() and not set(self._hidden) & _SILENT:
                self.report.drop(self.getpos()[0], "hidden text dropped", " ".join(data.split()))
            return
        first, *others = data.split("\n") if self._as_written else [data]
        self._text(first, self.getpos()[0])
        for number, text in enumerate(others, self.getpos()[0] + 1):
            self.end_line()
            if not text.strip():
                self.lines.append((number, ""))
            self._text(text, number)

    def _text(self, data: str, number: int) -> None:
        if data.strip() and not "".join(self._parts).strip(f"#-*0123456789. {NESTED}{LINK}"):
            self._start = number
        if data.strip():
            self._mark()
        self._parts.append(re.sub(f"[{LINK}-{LINK_END}]", "", data))

    def _end_row(self) -> None:
        """Put cells of paragraphs on one line, parted by tabs, where the first row names known columns."""
        if self._cells is None:
            self._table = self._table or rows.is_head(self.lines[-1][1].split("\t") if self.lines else [])
        cells = self._cells or []
        if len(cells) < 2:
            return
        parts = [self.lines[one:two] for one, two in zip(cells, [*cells[1:], len(self.lines)], strict=True)]
        texts = [rows.LINE_END.join(text for _, text in part if text) for part in parts]
        self._table = self._table or rows.is_head(texts)
        if self._table:
            self.lines[cells[0] :] = [(next((line for part in parts for line, _ in part), 0), "\t".join(texts))]

    def end_line(self) -> None:
        """Put what was gathered into the lines, its blanks made single."""
        if self._link is not None:
            self._parts.append(f"{LINK_URL}{self._link}{LINK_END}{LINK}")
        cells = "".join(self._parts).removeprefix("\t").split("\t")
        text = "\t".join(_bold_at_start(" ".join(cell.split())) for cell in cells).rstrip()
        text = _SLANTED.sub(r" (\1)", text).replace(_SLANT, "")
        text = re.sub(f"{LINK}[ ]*{LINK_URL}[^{LINK_END}]*{LINK_END}", "", text)
        open_link = text.endswith(LINK)
        text = text.removesuffix(LINK).strip()
        if text and text not in ("-", "##", "###"):
            self.lines.append((self._start, text))
        self._parts = [LINK] if open_link or self._link is not None else []
