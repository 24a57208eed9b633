"""An issue file read: Markdown with front matter -> Issue, every mistake with its line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from mailer.errors import SourceError
from mailer.model.issue import CallToAction, Issue, Item, Section, Source
from mailer.rendering import front_matter, language, slips
from mailer.rendering.finding import Finding, error, first_of

LIMIT = 200_000  # twice what Gmail shows of a page
LINE_LIMIT = 10_000
NO_SOURCE = "-"

_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_HEADING = re.compile(r"(#{1,6})(?:[ \t]+(.*))?$")
_BLOCK = re.compile(r":::+[ \t]*(.*)$")
_ATTRIBUTES = re.compile(r'\{((?:[^{}"\\]|"(?:[^"\\]|\\.)*")*)\}$')
_ATTRIBUTE = re.compile(r'\s*([A-Za-z_-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s"{}]+)))?(?=\s|$)')
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_LABEL = re.compile(r"(?:sources?|via|来源|來源|消息来源|出处)[ \t]*[:：][ \t]*(.+)", re.IGNORECASE)
_LINK = re.compile(r"\[((?:[^\[\]\\]|\\.)+)\]\(<?([^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?\)")
_ADDRESS = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]*:[^\s<>]+)>")
_CLOSING = re.compile(r"(?<!\\)[(（]([^()（）\n]{1,60})[)）]$")
_LABELLED = re.compile(r"[\[【［〔](" + _LABEL.pattern + r")[\]】］〕]", re.IGNORECASE)  # 【来源：Name】
_CLOSED = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")  # CommonMark 4.2: `## Title ##`
_SENTENCE_END = re.compile(r"[.!?。！？…”\"’'」』）)]\s*$")
_UNWANTED = re.compile(  # controls, line separators, overrides of direction, surrogates, noncharacters
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202d\u202e\ud800-\udfff\ufdd0-\ufdef\ufffd-\uffff]"
)
_BIDI_OPENED = re.compile("[\u202a\u202b\u2066-\u2068]")
_BIDI_CLOSED = re.compile("[\u202c\u2069]")
_EDITION = re.compile(r"(.+)\.([a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\.md")
_OTHER_QUOTES = frozenset("“”„‘’「＂")
_BOLD = re.compile(r"\*\*(.+?)\*\*")


def read(text: str, name: str = "issue") -> Issue:
    """The issue written in `text`; `name` is the file's, for messages.

    Raises SourceError for the first mistake: `where` is `file:line`, the message says what to do.
    """
    issue, findings = examine(text)
    if issue is None or findings:
        findings.sort()
        raise SourceError(first_of(findings), where=f"{name}:{max(findings[0].line, 1)}")
    return issue


def examine(text: str) -> tuple[Issue | None, list[Finding]]:
    """The issue as far as it can be read and all that is wrong with its form; None when nothing can be made of it."""
    if len(text) > LIMIT:
        message = "the file holds %(size)s characters; an issue has at most %(limit)s."
        fix = "Split it: mail programs cut a message at 100 KB."
        return None, [error("I01", 1, message, fix, size=f"{len(text):,}", limit=f"{LIMIT:,}")]
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_LIMIT:
            message = "a line of %(size)s characters; a paragraph has at most %(limit)s."
            fix = "Part it by blank lines."
            return None, [error("I01", number, message, fix, size=f"{len(line):,}", limit=f"{LINE_LIMIT:,}")]
    findings = _control_characters(lines)
    head, end = _head(lines, findings)
    if head is None:
        return None, findings
    body = _Body(head.lang, findings)
    body.read(lines, end)
    if not any(section.items for section in body.sections) and not findings:
        findings.append(error("I01", len(lines), "the issue has no items.", "Write each as: ### Headline."))
    if head.date is None or not head.newsletter or not head.lang:
        return None, findings
    return _issue(head, body, head.date), findings


def _issue(head: front_matter.FrontMatter, body: _Body, day: date) -> Issue:
    cta = body.cta
    if head.cta:
        line = head.lines["cta"]
        if cta is None:
            cta = CallToAction(head.cta, line=line)
        elif cta.name != head.cta:
            message = "the front matter names the call to action '%(cta)s', line %(line)s '%(name)s'."
            fix = "Give both one name."
            body.findings.append(error("I14", line, message, fix, cta=head.cta, line=cta.line, name=cta.name))
    return Issue(
        newsletter=head.newsletter,
        date=day,
        lang=head.lang,
        number=head.number,
        title=head.title,
        subject=head.subject,
        preheader=head.preheader,
        template=head.template,
        tags=head.tags,
        intro=body.intro,
        sections=tuple(body.sections),
        cta=cta,
        silenced=head.silenced,
        lines={**head.lines, "intro": body.intro_line} if body.intro else head.lines,
    )


def _control_characters(lines: list[str]) -> list[Finding]:
    found = []
    for number, line in enumerate(lines, 1):
        if line.isascii() and line.isprintable():
            continue
        bad = _UNWANTED.search(line)
        if bad is not None and bad[0] == "\ufffd":
            message = "the line holds U+FFFD, which stands where a character was lost on the way."
            found.append(error("I10", number, message, "Write the character that belongs there."))
        elif bad is not None:
            message = "the line holds the control character U+%(code)s."
            fix = "Delete it; 'mailer issue import' does so for pasted text."
            found.append(error("I10", number, message, fix, code=f"{ord(bad[0]):04X}"))
        elif (code := _noncharacter(line)) is not None:
            message = "the line holds U+%(code)s, which is no character."
            found.append(error("I10", number, message, "Delete it.", code=f"{code:04X}"))
        elif len(_BIDI_OPENED.findall(line)) != len(_BIDI_CLOSED.findall(line)):
            message = "the line changes the direction of writing and does not change it back."
            fix = "Delete the invisible marks U+202A, U+202B, U+2066 to U+2068."
            found.append(error("I10", number, message, fix))
    return found[:20]


def _noncharacter(line: str) -> int | None:
    """The first code point above U+FFFF that Unicode keeps from text: U+1FFFE, U+1FFFF and so on to U+10FFFF."""
    return next((ord(c) for c in line if ord(c) > 0xFFFF and ord(c) & 0xFFFE == 0xFFFE), None)


def _head(lines: list[str], findings: list[Finding]) -> tuple[front_matter.FrontMatter | None, int]:
    start = next((index for index, line in enumerate(lines) if line.strip()), 0)
    if lines[start].rstrip() != "---":
        if slips.are_dashes(lines[start]):
            message = "the front matter does not begin with three plain dashes."
            findings.append(error("I01", start + 1, message, "Write the line as: ---"))
            return None, 0
        fix = "Begin with a line of three dashes, or turn pasted text into an issue with 'mailer issue import'."
        findings.append(error("I01", start + 1, "the file does not begin with front matter.", fix))
        return None, 0
    end = next((index for index in range(start + 1, len(lines)) if lines[index].rstrip() in ("---", "...")), None)
    if end is None:
        meant = next((index for index in range(start + 1, len(lines)) if slips.are_dashes(lines[index])), start)
        findings.append(
            error("I01", meant + 1, "the front matter is not closed.", "End it with a line of three dashes: ---")
        )
        return None, 0
    head, problems = front_matter.read("\n".join(lines[start + 1 : end]), start + 2)
    findings.extend(problems)
    return head, end + 1


@dataclass(slots=True)
class _Open:
    """The item or block whose lines are being gathered."""

    line: int
    text: str = ""
    lines: list[str] = field(default_factory=list)


class _Body:
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
        for number, line in enumerate(lines[start:], start + 1):
            self._take(line, number)
        if self._fence and (self._item or self._loose):
            message = "the code block is not closed."
            fix = "End it with a line of %(fence)s."
            self.findings.append(error("I10", self._fence[1], message, fix, fence=self._fence[0]))
        if self._block:
            message = "the block ::: is not closed."
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
            self.sections.append(Section(_unescape(text), (), number))
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
            self.intro, self.intro_line = _strip_blank(loose.lines), loose.line

    def _add(self, item: Item) -> None:
        if not self.sections:
            self.sections.append(Section("", (), item.line))
        last = self.sections[-1]
        self.sections[-1] = Section(last.title, (*last.items, item), last.line)

    def _read_item(self, opened: _Open) -> Item:
        headline, attributes = self._attributes(opened.text, opened.line)
        lang = attributes.get("lang", "")
        if lang and not language.is_tag(lang):
            fix = 'Write, for example: {lang="zh-Hans"}.'
            self.findings.append(error("I01", opened.line, "'%(lang)s' is not a language tag.", fix, lang=lang))
            lang = ""
        body, source = split_source(opened.lines, opened.line + 1)
        return Item(
            headline=headline,
            body=body,
            source=source,
            lead=attributes.get("lead"),
            lang=language.canonical_tag(lang) if lang else language.detect(headline, self.lang or "en"),
            line=opened.line,
            own=source is None and body != _strip_blank(opened.lines),
        )

    def _attributes(self, text: str, line: int) -> tuple[str, dict[str, str]]:
        match = _ATTRIBUTES.search(text)
        if match is None or _is_escaped(text, match.start()):
            return _unescape(text), {}
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
            found[part[1]] = " ".join(_unescape(part[2] if part[2] is not None else part[3] or "").split())
            position = part.end()
        return _unescape(text[: match.start()].strip()), found


def split_source(lines: list[str], first_line: int) -> tuple[str, Source | None]:
    """An item's lines parted into its text and its source, which is named last.

    Known are a last line `Source: Name`, `Source: [Name](url)` (also `via:` and the Chinese words) and a closing
    parenthesis: alone on its line, or behind the end of the last sentence. `Source: -` says that there is none.
    """
    last = next((index for index in range(len(lines) - 1, -1, -1) if lines[index].strip()), None)
    if last is None:
        return "", None
    text = lines[last].strip()
    if label := _LABEL.fullmatch(text) or _LABELLED.fullmatch(text):
        return _strip_blank(lines[:last]), _source(label[label.re.groups], first_line + last)
    closing = _CLOSING.search(text)
    if closing and not closing[1].isspace():
        before = text[: closing.start()]
        if not before or (_SENTENCE_END.search(before) and not _is_list(text)):
            kept = [*lines[:last], before.rstrip()]
            named = _LABEL.fullmatch(closing[1].strip())
            return _strip_blank(kept), _source(named[1] if named else closing[1], first_line + last)
    return _strip_blank(lines), None


def _is_list(text: str) -> bool:
    return re.match(r"[-+*>]\s|\d+[.)]\s", text) is not None


def _source(text: str, line: int) -> Source | None:
    if text.strip() == NO_SOURCE:
        return None
    link = _LINK.fullmatch(text.strip())
    if link:
        return Source(_unescape(link[1]).strip(), link[2], line)
    return Source(_unescape(text).strip(), "", line)


def _call_to_action(block: _Open) -> CallToAction:
    paragraphs = [part.strip("\n") for part in re.split(r"\n[ \t]*\n", _strip_blank(block.lines)) if part.strip()]
    title = label = url = ""
    if paragraphs and (bold := _BOLD.fullmatch(paragraphs[0].strip())):
        title = bold[1].strip()
        paragraphs = paragraphs[1:]
    for index in range(len(paragraphs) - 1, -1, -1):
        if link := _LINK.fullmatch(paragraphs[index].strip()) or _ADDRESS.fullmatch(paragraphs[index].strip()):
            label, url = (_unescape(link[1]).strip(), link[2]) if link.re is _LINK else ("", link[1])
            del paragraphs[index]
            break
    return CallToAction(block.text, title, "\n\n".join(paragraphs), label, url, block.line)


def _strip_blank(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n").rstrip()


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _is_escaped(text: str, position: int) -> bool:
    before = text[:position]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def sisters(path: Path) -> list[Path]:
    """The files of the same issue in other languages: `2026-05-21.zh.md` beside `2026-05-21.en.md`, by name."""
    match = _EDITION.fullmatch(path.name)
    if match is None or not path.parent.is_dir():
        return []
    others = [
        other for other in path.parent.iterdir() if (found := _EDITION.fullmatch(other.name)) and found[1] == match[1]
    ]
    return sorted(other for other in others if other.name != path.name)


def edition_tag(path: Path) -> str:
    """The language in an edition's file name: `zh` of `2026-05-21.zh.md`; "" where there is none."""
    match = _EDITION.fullmatch(path.name)
    return match[2] if match else ""
