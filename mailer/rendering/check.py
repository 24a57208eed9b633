"""The check rules on an issue as written: its items (I) and merge tags (P)."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping

from mailer.model import language_tag
from mailer.model.columns import width
from mailer.model.issue import Issue, Item
from mailer.rendering import language, markdown, merge_tags, source
from mailer.rendering.check_links import check_links
from mailer.rendering.check_marks import check_marks
from mailer.rendering.finding import NOT_SILENCED, Finding, error, warning
from mailer.rendering.passages import Passage, passages_of
from mailer.rendering.registry import Registry
from mailer.sentence import ended

SUBJECT_COLUMNS = 90
MOST_LEADS = 6

_HAN = "\u3400-\u9fff"
_HALF_WIDTH = re.compile(rf"[{_HAN}][,;:!?]+(?=[{_HAN}“「《])|[{_HAN}]\([^()]*[{_HAN}][^()]*\)")
_LEFT = re.compile(
    r"\bTODO\b|\bFIXME\b|\bTBD\b|\bXXX\b|(?i:lorem ipsum)|待补充|此处填写|（待定）"
    r"|\[(?:NAME|DATE|TITLE|LINK|URL|TEXT|SOURCE|HEADLINE|FIRST ?NAME)\](?!\()",
)
_BROKEN_TAG = re.compile(
    r"(?<!\\)<!--(?:.*?-->)?|(?<!\\)<\s+/?\s*\w{1,6}\s*>|(?<!\\)</?(?:a|abbr|b|base|body|br|button|center|code|div|em|embed|font|form"
    r"|frame|h[1-6]|head|hr|html|i|iframe|img|input|li|link|math|meta|object|ol|p|pre|s|script|section"
    r"|small|span|strong|style|sub|sup|svg|table|tbody|td|th|title|tr|u|ul|video|audio)\b[^<>]*>",
    re.I,
)
_TABLE = re.compile(r"^.*\|.*\n[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*$", re.MULTILINE)
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_MARKED = re.compile(r"(\*\*|__)(?=\S)[^*_]+(?<=\S)\1|`[^`]+`|!?\[[^\[\]]+\]\([^\s()]*\)")  # in a plain field
_ADDRESS = re.compile(r"https?://[^\s<>)）]+")
_STARS = re.compile(r"\*\*|(?<!\w)__(?=\w)")
_UNREAD = re.compile(r"~~(?=\S)[^~\n]+~~|==(?=[^\s=])[^=\n]*[^\s=]==(?!\w)|\[\^\w+\]|^\[[ xX]\] ", re.MULTILINE)
_STRAY = re.compile(r"[\s,.;:!?，。；：！？、'\"’”]+")
_NUMBERED = re.compile(r"\d{1,3}\s*[.、)）](?!\d)")
_FINAL_STOP = re.compile(r"(?<![.。])[.。]$")
_ABBREVIATION = re.compile(r"\b(?:Ltd|Inc|Co|Corp|Bros|Jr|Sr|etc|No|St|[A-Z]|[ap]\.m)\.$", re.IGNORECASE)
_EMPTY_LABELS = re.compile(
    r"(?:click|click here|click to \w+|here|more|read more|learn more|link|this"
    r"|点击|点击这里|点此|这里|更多|链接|详情|查看)[.。!！>» ]*",
    re.IGNORECASE,
)
_HOST_TAG = re.compile(r"https?://[^/\s)>\"]*\{\{")


def check_text(text: str) -> tuple[Issue | None, list[Finding]]:
    """The issue in a file and what is wrong with its form (I01, I02, I10, I14); None when it cannot be read."""
    issue, findings = source.examine(text)
    return issue, sorted(findings)


def check_issue(
    issue: Issue,
    text: str,
    *,
    known_sources: Registry | None = None,
    glossary: Registry | None = None,
    sisters: Mapping[str, Issue] | None = None,
) -> list[Finding]:
    """Every finding on an issue and the text it was read from, by line; what the file silences is left out.

    `sisters` are the issue's other editions by their file names.
    """
    passages = passages_of(issue, text)
    findings = [finding for rule in _RULES for finding in rule(issue, passages)]
    findings += _names(issue, passages, known_sources, glossary)
    for name, sister in (sisters or {}).items():
        findings += check_sister(issue, sister, name)
    return silence(issue, sorted(set(findings)))


def silence(issue: Issue, findings: list[Finding]) -> list[Finding]:
    """The findings without those whose rule the file switches off; I01, I02 and P01 cannot be."""
    silenced = {entry.rule for entry in issue.silenced} - NOT_SILENCED
    return [finding for finding in findings if finding.id not in silenced]


def check_sister(issue: Issue, sister: Issue, name: str) -> list[Finding]:
    """What differs between an issue and its edition in another language, read from the file `name`."""
    if issue.identity != sister.identity:
        line = issue.lines.get("number", issue.lines.get("date", 1))
        message = "%(name)s is issue %(theirs)s, this is %(ours)s."
        return [
            error("I19", line, message, "Give both one number.", name=name, theirs=sister.identity, ours=issue.identity)
        ]
    if language_tag.same(issue.lang, sister.lang):
        message = "%(name)s is in %(lang)s too."
        fix = "Keep one edition a language."
        return [error("I19", issue.lines.get("lang", 1), message, fix, name=name, lang=sister.lang)]
    mine, other = list(issue.items), list(sister.items)
    found = []
    if len(mine) != len(other):
        where = mine[len(other)].line if len(mine) > len(other) else issue.lines.get("lang", 1)
        message = "%(here)s items here, %(there)s in %(name)s."
        fix = "Translate what is missing, or silence I18 with a reason."
        found.append(warning("I18", where, message, fix, here=len(mine), there=len(other), name=name))
    for one, two in zip(mine, other, strict=False):
        addresses = [_without_scheme(each.source.url) for each in (one, two) if each.source and each.source.url]
        if len(addresses) == 2 and addresses[0] != addresses[1]:
            message = "its source's address differs from that in %(name)s, line %(line)s."
            fix = "See whether the items are in one order."
            found.append(warning("I18", one.line, message, fix, name=name, line=two.line))
            break
    return found


def _without_scheme(url: str) -> str:
    return url.partition("://")[2] or url


def _items(issue: Issue, passages: list[Passage]) -> Iterator[Finding]:
    seen: list[Item] = []
    for item in issue.items:
        if item.source is None and not item.own:
            fix = "End it with a line: Source: NAME, or Source: - where it is your own story."
            yield warning("I03", item.line, "the item has no source.", fix)
        if _FINAL_STOP.search(item.headline) and not _ABBREVIATION.search(item.headline):
            yield warning("I05", item.line, "the headline ends in a full stop.", "Delete it.")
        if _NUMBERED.match(item.headline):
            yield warning(
                "I16", item.line, "the headline begins with a number.", "Delete it: items are numbered for you."
            )
        twin = _twin(item, seen)
        if twin:
            message = "the headline is nearly that of line %(line)s."
            fix = "Delete one of the two."
            yield warning("I06", item.line, message, fix, line=twin.line)
        seen.append(item)
        if not language_tag.same(item.lang or issue.lang, issue.lang):
            message = "the headline is in %(lang)s, the issue in %(own)s; it is marked so for readers."
            fix = "Translate it, or silence I15 with a reason."
            yield warning("I15", item.line, message, fix, lang=item.lang, own=issue.lang)


def _twin(item: Item, seen: list[Item]) -> Item | None:
    """An earlier item with nearly the same headline; among the last 200, so that a huge file takes no hours."""
    letters = _letters(item.headline)
    matcher = difflib.SequenceMatcher(None, b=letters, autojunk=False)
    for other in seen[-200:]:
        matcher.set_seq1(_letters(other.headline))
        if matcher.real_quick_ratio() > 0.87 and matcher.quick_ratio() > 0.87 and matcher.ratio() > 0.87:
            return other
    return None


def _letters(headline: str) -> str:
    """The first letters and figures of a headline, without its number."""
    return re.sub(r"^\d{1,3}[.、)]|[\W_]+", "", headline.lower())[:200]


def _leads(issue: Issue, passages: list[Passage]) -> Iterator[Finding]:
    count = len(issue.leads)
    line = issue.lines.get("title", 1)
    if not count and not issue.title and not issue.subject:
        fix = "Mark up to six headlines with {lead}, or write a title."
        yield warning("I07", line, "no item is a lead, so the Subject is only name and date.", fix)
    elif count > MOST_LEADS:
        fix = "Take {lead} from the least of them."
        message = "%(count)s leads; nobody reads more than %(most)s."
        yield warning("I07", issue.leads[MOST_LEADS].line, message, fix, count=count, most=MOST_LEADS)
    if width(issue.subject) > SUBJECT_COLUMNS:
        message = "the Subject is %(columns)s columns wide; inboxes show about %(most)s."
        at, columns = issue.lines.get("subject", 1), width(issue.subject)
        yield warning("I07", at, message, "Shorten it.", columns=columns, most=SUBJECT_COLUMNS)
    elif not issue.subject and issue.title and width(issue.title) > SUBJECT_COLUMNS:
        message = "the title is %(columns)s columns wide; the Subject is cut at %(most)s."
        fix = "Write a subject: of its own."
        yield warning("I07", line, message, fix, columns=width(issue.title), most=SUBJECT_COLUMNS)
    elif not issue.subject and not issue.title:
        yield from _cut_leads(issue)


def _cut_leads(issue: Issue) -> Iterator[Finding]:
    """A Subject of which the leads leave one or less; to leave out the last of many is what a Subject is for."""
    leads = issue.leads
    told = len(leads)
    while told and width("; ".join(lead.lead_text for lead in leads[:told])) > SUBJECT_COLUMNS:
        told -= 1
    if told == len(leads) or told > 1:
        return
    if told:
        message = "the Subject holds only the first of %(leads)s leads: two do not fit into %(most)s columns."
    else:
        message = "the first lead alone is over %(most)s columns and is cut in the Subject."
    fix = 'Give leads a short form: {lead="..."}, or write a subject:.'
    yield warning("I07", leads[told].line, message, fix, leads=len(leads), most=SUBJECT_COLUMNS)


def _headings(issue: Issue) -> list[Passage]:
    """Section titles and headlines."""
    titles = [Passage(section.title, section.line, markdown=False) for section in issue.sections if section.title]
    return titles + [Passage(item.headline, item.line, markdown=False) for item in issue.items]


def _short_fields(issue: Issue) -> Iterator[Passage]:
    """The leads' own wordings, the names of sources and the button's label."""
    for item in issue.items:
        if item.lead:
            yield Passage(item.lead, item.line, markdown=False)
        if item.source:
            yield Passage(item.source.name, item.source.line, markdown=False)
    if issue.cta and issue.cta.label:
        yield Passage(issue.cta.label, issue.cta.line, markdown=False)


def _leftovers(issue: Issue, passages: list[Passage]) -> Iterator[Finding]:
    for passage in [*passages, *_headings(issue), *_short_fields(issue)]:
        for offset, line in enumerate(passage.text.split("\n")):
            number = passage.line + offset
            if left := _LEFT.search(line):
                message = "'%(text)s' was left in the text."
                yield error("I09", number, message, "Write what belongs there.", text=left[0])
            if tag := _BROKEN_TAG.search(_CODE.sub("", line)):
                message = "'%(text)s' would be shown as it is."
                fix = "Delete it, or write \\< for the sign."
                yield error("I10", number, message, fix, text=tag[0])
            elif line.strip() and _STRAY.fullmatch(line):
                yield error("I10", number, "a line of punctuation alone.", "Delete it.")
            if box := _box(line):
                message = "U+%(code)s stands for no character; most readers see a box."
                yield warning("I10", number, message, "Write what is meant.", code=f"{ord(box):04X}")
            if _HALF_WIDTH.search(line):
                fix = "Write ，；：？！（） between Chinese characters."
                yield warning("I12", number, "half-width punctuation between Chinese characters.", fix)
        plain = markdown.plain_text(passage.text) if passage.markdown else ""
        if not passage.markdown and (marked := _MARKED.search(passage.text)):
            message = "'%(text)s' is shown with its signs: this is plain text, without bold, links or code."
            yield warning("I11", passage.line, message, "Write the words alone.", text=marked[0][:60])
        elif _STARS.search(plain):
            fix = "Put the stars directly at the words: **bold**."
            yield warning("I11", _line_of(_STARS, passage), "** or __ stays in the text and is shown.", fix)
        elif unread := _UNREAD.search(plain):
            fix = "Write it in words: there is bold, italic, lists, quotations, links, pictures and code."
            message = "'%(text)s' is no Markdown of mails and is shown."
            yield warning("I11", _line_of(_UNREAD, passage), message, fix, text=unread[0][:30])


def _line_of(pattern: re.Pattern[str], passage: Passage) -> int:
    """The first line of a passage that shows what the pattern finds, read by itself; else its paragraph's first."""
    lines = passage.text.split("\n")
    for start, end in markdown.showing(passage.text, pattern):
        for index in range(start, end):
            if pattern.search(lines[index]) and pattern.search(markdown.plain_text(lines[index])):
                return passage.line + index
        return passage.line + start
    return passage.line


def _tables(issue: Issue, passages: list[Passage]) -> Iterator[Finding]:
    for passage in passages:
        if not passage.markdown or not _TABLE.search(passage.text):
            continue
        for block in markdown.tokens(passage.text):
            if block.type == "inline" and block.map and (table := _TABLE.search(block.content)):
                line = passage.line + block.map[0] + block.content.count("\n", 0, table.start())
                fix = "Write it as a list, or show it as a picture."
                yield warning("I23", line, "a table is shown as it is written, with its bars and dashes.", fix)


def _lists(issue: Issue, passages: list[Passage]) -> Iterator[Finding]:
    """Lines that a reader would take for a list and Markdown for one paragraph; each paragraph is told once."""
    for passage in passages:
        if not passage.markdown or "\n" not in passage.text:
            continue
        for block in markdown.tokens(passage.text):
            if block.type != "inline" or not block.map:
                continue
            lines = block.content.split("\n")
            for index in range(1, len(lines)):
                if markdown.LISTED.match(lines[index].strip()) and not lines[index - 1].endswith(("  ", "\\")):
                    fix = "Write '- ' or '1. ' before each line, or end the one above with two blanks."
                    line = passage.line + block.map[0] + index
                    yield warning("I25", line, "the line looks like one of a list and runs on in the paragraph.", fix)
                    break


def _box(line: str) -> str:
    """The first character of a line that is not assigned or private, or ""; noncharacters are told elsewhere."""
    if line.isascii():
        return ""
    boxes = (c for c in line if unicodedata.category(c) in ("Cn", "Co") and ord(c) & 0xFFFE != 0xFFFE)
    return next(boxes, "")


def _quotes(issue: Issue, passages: list[Passage]) -> Iterator[Finding]:
    """Two kinds of quotes in one language: an English quotation in a Chinese issue may have its own."""
    kinds: dict[str, dict[str, int]] = {}
    for number, line in _numbered([*passages, *_headings(issue)]):
        plain = re.sub(r"\{\{.*?\}\}", "", line)
        for kind, signs in (("straight", r"\"|(?<=[a-z])'(?=[a-z])"), ("curly", r"[“”]|(?<=[a-z])’(?=[a-z])")):
            if re.search(signs, plain):
                kinds.setdefault(language.detect(plain, issue.lang), {}).setdefault(kind, number)
    if mixed := [max(found.values()) for found in kinds.values() if len(found) == 2]:
        yield warning("I13", min(mixed), "straight and curly quotes in one issue.", "Keep to one kind.")


def _numbered(passages: list[Passage]) -> Iterator[tuple[int, str]]:
    """The lines of passages with their numbers in the file."""
    for passage in passages:
        yield from enumerate(passage.text.split("\n"), passage.line)


def _call(issue: Issue, passages: list[Passage]) -> Iterator[Finding]:
    cta = issue.cta
    if cta is None:
        return
    if cta.url and not cta.url.startswith(("https://", "http://")) and "{{" not in cta.url:
        fix = "Write an https: address, or none for the club's own apply page."
        message = "the call to action's address '%(url)s' is none a reader can open."
        yield error("I14", cta.line, message, fix, url=cta.url)
    if _EMPTY_LABELS.fullmatch(cta.label):
        fix = "Say what happens: [Apply to join]."
        message = "the button's label '%(label)s' says nothing out of its place."
        yield warning("I14", cta.line, message, fix, label=cta.label)
    elif emoji(cta.label):
        yield warning("I14", cta.line, "an emoji on the button is read out by its name.", "Write words alone.")
    elif (cta.title or cta.text) and not cta.label and not cta.url:
        fix = "End the block with a line such as [Apply to join](https://...)."
        yield warning("I14", cta.line, "the call to action has no link of its own; the club's apply page is used.", fix)


def emoji(text: str) -> int:
    """How many pictographs a text holds."""
    return sum(unicodedata.category(character) == "So" for character in text)


def _merge(issue: Issue, passages: list[Passage]) -> Iterator[Finding]:
    for passage in passages:
        if not passage.filled:
            continue
        for piece in merge_tags.scan(passage.text, line=passage.line):
            if isinstance(piece, merge_tags.Mistake):
                message = ended(piece.message)
                yield error("P01", piece.line, message, "Correct the tag, or write &#123; for a brace.")
            elif isinstance(piece, merge_tags.MergeTag) and piece.may_vanish:
                fix = 'Write {{ %(field)s ?? "reader" }}, or a joiner: {{ %(field)s | ", " }}.'
                yield error("P02", piece.line, "readers without %(field)s would see a gap.", fix, field=piece.field)
        for offset, line in enumerate(passage.text.split("\n")):
            if _HOST_TAG.search(line):
                fix = "Keep tags to the part behind the host's name."
                yield error("P03", passage.line + offset, "a merge tag in the host of an address.", fix)
    for number, plain in _unfilled(issue, passages):
        if "{{" in plain:
            fix = "Subject, headlines, section titles and sources are the same for all: put it into text or preheader."
            yield error("P01", number, "a merge tag where none is filled.", fix)


def _unfilled(issue: Issue, passages: list[Passage]) -> Iterator[tuple[int, str]]:
    yield from ((passage.line, passage.text) for passage in passages if not passage.filled)
    for section in issue.sections:
        yield section.line, section.title
        for item in section.items:
            yield item.line, item.headline + (item.lead or "")
            if item.source:
                yield item.source.line, item.source.name


def _names(
    issue: Issue, passages: list[Passage], known_sources: Registry | None, glossary: Registry | None
) -> Iterator[Finding]:
    for item in issue.items:
        if known_sources is not None and item.source:
            entry = known_sources.find(item.source.name)
            if entry is None:
                message = "the source '%(name)s' is not in sources.yaml."
                fix = "Correct the name, or add it there."
                yield warning("I04", item.source.line, message, fix, name=item.source.name)
            elif (
                item.source.name != (right := entry.in_language(issue.lang))
                and item.source.name not in entry.names.values()
            ):
                message = "the source '%(name)s' is '%(right)s' in sources.yaml."
                fix = "Write %(right)s."
                yield warning("I04", item.source.line, message, fix, name=item.source.name, right=right)
    if glossary is None:
        return
    for number, line in _numbered([*passages, *_headings(issue)]):
        for alias, entry in glossary.misspelt(_ADDRESS.sub("", line), issue.lang):
            right = entry.in_language(issue.lang)
            message = "'%(alias)s' is '%(right)s' in glossary.yaml."
            fix = "Write %(right)s."
            yield warning("I17", number, message, fix, alias=alias, right=right)


_RULES: tuple[Callable[[Issue, list[Passage]], Iterator[Finding]], ...] = (
    _items, _leads, _leftovers, _tables, _lists, _quotes, _call, check_links, check_marks, _merge,
)  # fmt: skip
