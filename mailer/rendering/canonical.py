"""An Issue written out: the one canonical text that reads back as the same Issue."""

from __future__ import annotations

import re
from dataclasses import replace

import yaml

from mailer.model.issue import CallToAction, Issue, Item, Source
from mailer.rendering import language
from mailer.rendering.attribution import NO_SOURCE, split_source
from mailer.rendering.front_matter import AUTO

_PLAIN = re.compile(r"[^\W_][^\n#:{}\[\]]*(?:[:#][^\s:#{}\[\],]+[^\n#:{}\[\]]*)*")
_STRUCTURE = re.compile(r"#{1,3}(?:[ \t]|$)|:::")
_ADDRESS = re.compile(r"[^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")


def write(issue: Issue) -> str:
    """The issue's file: `source.read` of it gives the same issue, line numbers aside.

    Only the first section may be without a title, and texts are CommonMark that closes what it opens.
    """
    blocks = [_head(issue)]
    if issue.intro:
        blocks.append(_body(issue.intro))
    for section in issue.sections:
        if section.title:
            blocks.append(f"## {_escape(section.title)}")
        for item in section.items:
            blocks.extend(_item(item, issue.lang))
    if issue.cta and _has_text(issue.cta):
        blocks.append(_call_to_action(issue.cta))
    return "\n\n".join(blocks) + "\n"


def unnumbered(issue: Issue) -> Issue:
    """The issue with every line number 0, to compare what two files say."""
    sections = tuple(
        replace(
            section,
            line=0,
            items=tuple(
                replace(item, line=0, source=replace(item.source, line=0) if item.source else None)
                for item in section.items
            ),
        )
        for section in issue.sections
    )
    return replace(
        issue,
        sections=sections,
        cta=replace(issue.cta, line=0) if issue.cta else None,
        silenced=tuple(replace(silence, line=0) for silence in issue.silenced),
        lines={},
    )


def source_word(lang: str) -> str:
    """What stands before a source's name in an issue of that language, with its colon."""
    if language.is_chinese(lang):
        return "來源：" if "hant" in lang.lower() else "来源："
    return "Source: "


def _head(issue: Issue) -> str:
    lines = [f"newsletter: {_scalar(issue.newsletter)}"]
    if issue.number is not None:
        lines.append(f"number: {issue.number}")
    lines += [f"date: {issue.date.isoformat()}", f"lang: {issue.lang}", f"title: {_scalar(issue.title or AUTO)}"]
    lines += [f"{key}: {_scalar(text)}" for key in ("subject", "preheader") if (text := getattr(issue, key))]
    lines.append(f"template: {issue.template}")
    if issue.cta:
        lines.append(f"cta: {issue.cta.name}")
    if issue.tags:
        lines.append(f"tags: [{', '.join(_scalar(tag, in_list=True) for tag in issue.tags)}]")
    if issue.silenced:
        lines.append("silence:")
        lines += [f"  {silence.rule}: {_scalar(silence.reason)}" for silence in issue.silenced]
    return "\n".join(["---", *lines, "---"])


def _item(item: Item, issue_lang: str) -> list[str]:
    attributes = []
    if item.lead is not None:
        attributes.append(f'lead="{_quote(item.lead)}"' if item.lead else "lead")
    if item.lang and item.lang != language.detect(item.headline, issue_lang):
        attributes.append(f'lang="{item.lang}"')
    headline = f"### {_escape(item.headline)}" + (f" {{{' '.join(attributes)}}}" if attributes else "")
    blocks = [headline]
    if item.body:
        blocks.append(_body(item.body))
    if item.source:
        blocks.append(source_word(issue_lang) + _source(item.source))
    elif item.own or split_source(item.body.split("\n"), 0)[0] != item.body:
        blocks.append(source_word(issue_lang) + NO_SOURCE)
    return blocks


def _source(source: Source) -> str:
    if source.url:
        return link(source.name, source.url)
    name = re.sub(r"\\(?=[!-/:-@\[-`{-~])", r"\\\\", source.name)
    return f"\\{name}" if name == NO_SOURCE or name.startswith("[") else name


def link(text: str, url: str) -> str:
    """A Markdown link; blanks and brackets that would end its address are percent-encoded."""
    shown = re.sub(r"[\[\]\\]", r"\\\g<0>", text)
    address = url if _ADDRESS.fullmatch(url) else re.sub(r"[\s<>()]", _percent, url)
    return f"[{shown}]({address})"


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())


def _call_to_action(cta: CallToAction) -> str:
    parts = [f"**{cta.title}**" if cta.title else "", cta.text]
    if cta.label:
        parts.append(link(cta.label, cta.url))
    elif cta.url:
        parts.append(f"<{cta.url}>")
    return f"::: cta {cta.name}\n" + "\n\n".join(part for part in parts if part) + "\n:::"


def _has_text(cta: CallToAction) -> bool:
    return bool(cta.title or cta.text or cta.label or cta.url)


def _body(text: str) -> str:
    """A text whose lines are not taken for headings or blocks of the file."""
    lines, fence = [], ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and line.strip() == mark[1]:
            fence = ""
        lines.append(f"\\{line}" if not fence and _STRUCTURE.match(line) else line)
    return "\n".join(lines)


def _escape(text: str) -> str:
    """A headline or title in which no brace or backslash is read as a mark of the file's."""
    return re.sub(r"\\(?=[!-/:-@\[-`{-~])|[{}]|(?:(?<=\s)|^)#(?=#*\s*$)", r"\\\g<0>", text)


def _quote(text: str) -> str:
    return re.sub(r'["\\{}]', r"\\\g<0>", text)


def _scalar(text: str, *, in_list: bool = False) -> str:
    """A YAML scalar: plain where that reads back as written, else in double quotes."""
    if _PLAIN.fullmatch(text) and not text[-1].isspace() and not (in_list and "," in text) and text.isprintable():
        try:
            node = yaml.compose(f"[{text}]" if in_list else f"k: {text}", Loader=yaml.SafeLoader)
            if isinstance(node, yaml.CollectionNode) and text not in ("null", "~"):
                value = node.value[0] if in_list else node.value[0][1]
                if isinstance(value, yaml.ScalarNode) and value.value == text:
                    return text
        except yaml.YAMLError:
            pass
    quoted = re.sub(r'["\\]', r"\\\g<0>", text)
    return f'"{"".join(c if c.isprintable() else _yaml_escape(c) for c in quoted)}"'


def _yaml_escape(character: str) -> str:
    return f"\\U{ord(character):08X}"
