"""An issue file read: Markdown with front matter -> Issue, every mistake with its line."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from mailer.errors import SourceError
from mailer.model.issue import CallToAction, Issue
from mailer.rendering import front_matter, slips
from mailer.rendering.body import Body
from mailer.rendering.finding import Finding, error, first_of

LIMIT = 200_000  # twice what Gmail shows of a page
LINE_LIMIT = 10_000

_UNWANTED = re.compile(  # controls, line separators, overrides of direction, surrogates, noncharacters
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202d\u202e\ud800-\udfff\ufdd0-\ufdef\ufffd-\uffff]"
)
_BIDI_OPENED = re.compile("[\u202a\u202b\u2066-\u2068]")
_BIDI_CLOSED = re.compile("[\u202c\u2069]")
_EDITION = re.compile(r"(.+)\.([a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\.md")


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
    body = Body(head.lang, findings)
    body.read(lines, end)
    if not any(section.items for section in body.sections) and not findings:
        findings.append(error("I01", len(lines), "the issue has no items.", "Write each as: ### Headline."))
    if head.date is None or not head.newsletter or not head.lang:
        return None, findings
    return _issue(head, body, head.date), findings


def _issue(head: front_matter.FrontMatter, body: Body, day: date) -> Issue:
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
