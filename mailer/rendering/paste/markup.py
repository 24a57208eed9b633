"""Text in the marks of wikis and forums (`== Title ==`, `'''bold'''`, `[b]bold[/b]`, `h2. Title`) as Markdown."""

from __future__ import annotations

import re

from mailer.rendering.paste.report import Report

LEAST = 2  # lines with such marks

_WIKI = re.compile(r"\s*(={1,5})\s*([^=].*?)\s*\1\s*")
_JIRA = re.compile(r"\s*h([1-5])\.\s+(\S.*)")
_WIKI_BOLD = re.compile(r"'''(?=\S)(.+?)(?<=\S)'''")
_WIKI_SLANTED = re.compile(r"(?<!')''(?=[^\s'])(.+?)(?<=\S)''(?!')")
_NOTE = re.compile(r"<ref[^<>]{0,80}>\s*([^<>]{1,120}?)\s*</ref>")
_WIKI_LINK = re.compile(r"\[(https?://\S+) ([^\[\]]{1,200})\]")
_CATEGORY = re.compile(r"\s*\[\[(?:分类|Category|Kategorie|File|Image|文件)[:：][^\[\]]*\]\]\s*", re.IGNORECASE)
_FORUM = re.compile(
    r"\[/?(?:b|i|u|s|size|color|font|align|center|quote|list|indent|backcolor|td|tr|table)(?:=[^\[\]]{0,40})?\]", re.I
)
_FORUM_BOLD = re.compile(r"\[b\](?=\S)(.+?)\[/b\]", re.IGNORECASE)
_FORUM_LINK = re.compile(r"\[url=[\"']?(https?://[^\[\]\"']+)[\"']?\](.+?)\[/url\]", re.IGNORECASE)
_FORUM_ITEM = re.compile(r"\s*\[\*\]\s*")


def to_markdown(lines: list[tuple[int, str]], report: Report) -> list[tuple[int, str]]:
    """The lines in Markdown where several have marks of one of these kinds; else as they are."""
    wiki = sum(_WIKI.fullmatch(text) is not None for _, text in lines)
    strong = sum("'''" in text for _, text in lines)
    jira = sum(_JIRA.fullmatch(text) is not None for _, text in lines)
    forum = sum(_FORUM.search(text) is not None and "[/" in text for _, text in lines)
    if (wiki and wiki + strong >= LEAST) or jira >= LEAST:
        report.add(0, "markup", "marks of a wiki read")
        return _numbered([(number, _wiki(text)) for number, text in lines])
    if sum(re.match(r"\s*\\(?:item|section|subsection)\b", text) is not None for _, text in lines) >= LEAST:
        report.add(0, "markup", "marks of LaTeX read")
        return [(number, _latex(text)) for number, text in lines]
    if forum >= LEAST:
        report.add(0, "markup", "marks of a forum read")
        return [(number, _forum(text)) for number, text in lines]
    return lines


def _latex(text: str) -> str:
    text = re.sub(r"\\(?:begin|end|document\w*|usepackage|label|maketitle|vspace)\b.*", "", text)
    text = re.sub(r"\\(?:title|section|chapter)\*?\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\\subsection\*?\{([^{}]*)\}", r"## \1", text)
    text = re.sub(r"^\s*\\item\b\s*", "• ", text)
    text = re.sub(r"\\textbf\{([^{}]*)\}", r"**\1**", text)
    return re.sub(r"\\(?:emph|textit|href\{[^{}]*\})\{([^{}]*)\}|\\([%&$#_])", lambda m: m[1] or m[2], text)


def _wiki(text: str) -> str:
    if _CATEGORY.fullmatch(text):
        return ""
    for form in (_WIKI, _JIRA):
        if match := form.fullmatch(text):
            level = len(match[1]) if form is _WIKI else int(match[1])
            return f"{'#' * level} {match[2]}" if level > 1 else match[2]
    text = _NOTE.sub(r"（来源：\1）", text)
    text = _WIKI_SLANTED.sub(r"\1", _WIKI_BOLD.sub(r"**\1**", text))
    return _WIKI_LINK.sub(r"[\2](\1)", text)


def _numbered(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines with the entries of a numbered list (`# one`) numbered on from section to section."""
    count = 0
    written = []
    for number, text in lines:
        if match := re.match(r"# (?=\S)", text):
            count += 1
            text = f"{count}. {text[match.end() :]}"
        written.append((number, text))
    return written


def _forum(text: str) -> str:
    text = _FORUM_LINK.sub(r"[\2](\1)", _FORUM_BOLD.sub(r"**\1**", text))
    return _FORUM.sub("", _FORUM_ITEM.sub("• ", text))
