"""The sources of an imported digest by the club's own table: spelling and address."""

from __future__ import annotations

from dataclasses import replace

from mailer.model.issue import Issue, Item
from mailer.rendering.paste.report import Report
from mailer.rendering.registry import Registry


def by_table(issue: Issue, table: Registry, report: Report) -> Issue:
    """The issue with each source spelt, and linked where it has no address, as the table says; changes are reported."""
    sections = [
        replace(section, items=tuple(_named(item, issue.lang, table, report) for item in section.items))
        for section in issue.sections
    ]
    return replace(issue, sections=tuple(sections))


def _named(item: Item, lang: str, table: Registry, report: Report) -> Item:
    source = item.source
    entry = table.find(source.name) if source else None
    if source is None or entry is None:
        return item
    name, url = entry.in_language(lang), source.url or entry.url
    if name != source.name:
        what = "source written '%(written)s', in sources.yaml '%(name)s'"
        report.add(source.line, "source", what, name, written=source.name, name=name)
    if url != source.url:
        report.add(source.line, "source", "address of %(name)s taken from sources.yaml", url, name=name)
    return replace(item, source=replace(source, name=name, url=url))
