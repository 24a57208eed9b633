"""What follows an issue's front matter, read line by line: introduction, sections, items, the call to action."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mailer.model import language_tag
from mailer.model.issue import CallToAction, Item, Section
from mailer.rendering import language
from mailer.rendering.attribution import LINK, split_source, strip_blank, unescape
from mailer.rendering.finding import Finding, error

_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_HEADING = re.compile(r"(#{1,6})(?:[ \t]+(.*))?$")
_BLOCK = re.compile(r":::+[ \t]*(.*)$")
_ATTRIBUTES = re.compile(r'\{((?:[^{}"\\]|"(?:[^"\\]|\\.)*")*)\}$')
_ATTRIBUTE = re.compile(r'\s*([A-Za-z_-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s"{}]+)))?(?=\s|$)')
_ADDRESS = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]*:[^\s<>]+)>")
_CLOSED = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")  # CommonMark 4.2: `## Title ##`
_OTHER_QUOTES = frozenset("“”„‘’「＂")
_BOLD = re.compile(r"\*\*(.+?)\*\*")


@dataclass(slots=True)
class _Open:
    """The item or block whose lines are being gathered."""

    line: int
    text: str = ""
    lines: list[str] = field(default_factory=list)


class Body:
    """Reads what follows the front matter, line by line."""

    def __init__(self, lang: str, findings: list[Finding]) -> None:
        self.lang = lang
        self.findings = findings
        self.intro = ""
        self.intro_line = 0
        self.sections: list[Section] = []
        self.cta: CallToAction | None = None
        self._item: _Open | None = None
        self._block: _Open | None = None
        self._loose: _Open | None = None  # text that belongs to no item
        self._fence: tuple[str, int] | None = None

    def read(self, lines: list[str], start: int) -> None:
        """Read the lines from `start`, counted from 0; what is wrong is added to `findings`."""
        for number, line in enumerate(lines[start:], start + 1):
            self._take(line, number)
        if self._fence and (self._item or self._loose):
            message = "the code block is not closed."
            fix = "End it with a line of %(fence)s."
            self.findings.append(error("I10", self._fence[1], message, fix, fence=self._fence[0]))
        if self._block:
            message = "the block that ::: begins is not closed."
            self.findings.append(error("I10", self._block.line, message, "End it with a line of three colons."))
        self._close()

    def _take(self, written: str, number: int) -> None:
        line = written.rstrip()
        if not self._in_code(line, number):
            if self._block is None and (heading := _HEADING.match(line)) and len(heading[1]) <= 3:
                self._heading(len(heading[1]), _CLOSED.sub("", heading[2] or "").strip(), number)
                return
            if block := _BLOCK.match(line):
                self._fence_of_colons(block[1].strip(), number)
                return
        hard_break = line and written.endswith("  ")
        self._gather(f"{line}  " if hard_break else line, number)

    def _in_code(self, line: str, number: int) -> bool:
        fence = _FENCE.match(line)
        if self._fence is None:
            if fence:
                self._fence = fence[1], number
            return fence is not None
        if fence and fence[1].startswith(self._fence[0]) and line.strip() == fence[1]:
            self._fence = None
        return True

    def _heading(self, level: int, text: str, number: int) -> None:
        self._close()
        if level == 1:
            fix = "Put the issue's title into the front matter as `title:`; sections are ##, items ###."
            self.findings.append(error("I01", number, "a heading of the first level.", fix))
        elif not text:
            message = "an empty section title." if level == 2 else "an empty headline."
            self.findings.append(error("I01", number, message, "Write it, or delete the line."))
            self._item = _Open(number) if level == 3 else None
        elif level == 2:
            self.sections.append(Section(unescape(text), (), number))
        else:
            self._item = _Open(number, text)

    def _fence_of_colons(self, text: str, number: int) -> None:
        if self._block is not None:
            if text:
                message = "a block inside the block of line %(line)s."
                fix = "Close that one first with a line of three colons."
                self.findings.append(error("I10", number, message, fix, line=self._block.line))
            self._close()
            return
        self._close()
        kind, _, name = text.partition(" ")
        if kind != "cta":
            message = "unknown block '%(kind)s'." if kind else "a line of colons that closes nothing."
            self.findings.append(error("I10", number, message, "Known is: ::: cta NAME.", kind=kind))
        elif self.cta is not None:
            message = "a second call to action; the first is on line %(line)s."
            self.findings.append(error("I14", number, message, "Keep one.", line=self.cta.line))
        self._block = _Open(number, name.strip() or "club") if kind else None

    def _gather(self, line: str, number: int) -> None:
        place = self._block or self._item
        if place is None:
            if self._loose is None and not line.strip():
                return
            place = self._loose = self._loose or _Open(number)
        place.lines.append(line)

    def _close(self) -> None:
        """End what is open; its lines become an item, the call to action or the introduction."""
        item, block, loose = self._item, self._block, self._loose
        self._item = self._block = self._loose = None
        if block is not None:
            if self.cta is None:
                self.cta = _call_to_action(block)
        elif item is not None:
            self._add(self._read_item(item))
        elif loose is not None:
            self._place_loose(loose)

    def _place_loose(self, loose: _Open) -> None:
        if self.sections or self.cta:
            message = "text after the call to action that belongs to no item."
            if not self.cta:
                message = "text after the section title of line %(line)s that belongs to no item."
            fix = "Put it under a ### headline, or above the first ## as the introduction."
            line = self.sections[-1].line if self.sections else 0
            self.findings.append(error("I01", loose.line, message, fix, line=line))
        else:
            self.intro, self.intro_line = strip_blank(loose.lines), loose.line

    def _add(self, item: Item) -> None:
        if not self.sections:
            self.sections.append(Section("", (), item.line))
        last = self.sections[-1]
        self.sections[-1] = Section(last.title, (*last.items, item), last.line)

    def _read_item(self, opened: _Open) -> Item:
        headline, attributes = self._attributes(opened.text, opened.line)
        lang = attributes.get("lang", "")
        if lang and not language_tag.is_tag(lang):
            fix = 'Write, for example: {lang="zh-Hans"}.'
            self.findings.append(error("I01", opened.line, "'%(lang)s' is not a language tag.", fix, lang=lang))
            lang = ""
        body, source = split_source(opened.lines, opened.line + 1)
        return Item(
            headline=headline,
            body=body,
            source=source,
            lead=attributes.get("lead"),
            lang=language_tag.canonical(lang) if lang else language.detect(headline, self.lang or "en"),
            line=opened.line,
            own=source is None and body != strip_blank(opened.lines),
        )

    def _attributes(self, text: str, line: int) -> tuple[str, dict[str, str]]:
        match = _ATTRIBUTES.search(text)
        if match is None or _is_escaped(text, match.start()):
            return unescape(text), {}
        found: dict[str, str] = {}
        position, inside = 0, match[1]
        while position < len(inside) and inside[position:].strip():
            part = _ATTRIBUTE.match(inside, position)
            if part is not None and (part[3] or "")[:1] in _OTHER_QUOTES:
                message = "the quotes in {%(inside)s} are not straight."
                fix, meant = 'Write: {%(name)s="%(meant)s"}.', part[3].strip("“”„‘’「」＂")
                self.findings.append(error("I01", line, message, fix, inside=inside, name=part[1], meant=meant))
            if part is None or part[1] not in ("lead", "lang") or (part[1] == "lang" and not (part[2] or part[3])):
                message = "{%(inside)s} is no attribute of an item."
                fix = 'Known are {lead}, {lead="short form"} and {lang="zh-Hans"}; a brace in a headline is \\{.'
                self.findings.append(error("I01", line, message, fix, inside=inside))
                break
            found[part[1]] = " ".join(unescape(part[2] if part[2] is not None else part[3] or "").split())
            position = part.end()
        return unescape(text[: match.start()].strip()), found


def _call_to_action(block: _Open) -> CallToAction:
    paragraphs = [part.strip("\n") for part in re.split(r"\n[ \t]*\n", strip_blank(block.lines)) if part.strip()]
    title = label = url = ""
    if paragraphs and (bold := _BOLD.fullmatch(paragraphs[0].strip())):
        title = bold[1].strip()
        paragraphs = paragraphs[1:]
    for index in range(len(paragraphs) - 1, -1, -1):
        if link := LINK.fullmatch(paragraphs[index].strip()) or _ADDRESS.fullmatch(paragraphs[index].strip()):
            label, url = (unescape(link[1]).strip(), link[2]) if link.re is LINK else ("", link[1])
            del paragraphs[index]
            break
    return CallToAction(block.text, title, "\n\n".join(paragraphs), label, url, block.line)


def _is_escaped(text: str, position: int) -> bool:
    before = text[:position]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1
