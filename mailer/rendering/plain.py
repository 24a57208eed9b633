"""The plain-text part, assembled from what the template is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailer.rendering import text


def text_part(context: Mapping[str, Any]) -> str:
    """The plain-text part from what the template was given; every item, link and the footer are in it."""
    words, links = context["words"], text.Links()
    blocks = [text.wrap(context["heading"])]
    dateline = " · ".join(piece for piece in (context["kicker"], context["number"], context["date"]) if piece)
    blocks += [text.wrap(dateline), text.from_html(context["intro"], links)]
    if context["leads"]:
        lines = [text.wrap(lead["plain"], f"{lead['number']:>3}  ", "     ") for lead in context["leads"]]
        blocks.append(f"{words['leads']}\n" + "\n".join(lines))
    if context["contents"]:
        lines = [text.wrap(f"{entry['title']} {_numbers(entry)}", "  ") for entry in context["contents"]]
        blocks.append(f"{words['contents']}\n" + "\n".join(lines))
    for section in context["sections"]:
        if section["title"]:
            blocks.append("\n" + text.underline(section["title"], "-"))
        for item in section["stories"]:
            blocks += _text_item(item, words, links)
    if context["cta"]:
        cta = context["cta"]
        url = _link(words, cta["label"], cta["url"]) if links.first(cta["url"]) else cta["label"]
        blocks += ["\n" + text.underline(cta["title"], "-"), text.from_html(cta["text"], links), url]
    footer = [text.wrap(context["reason"])]
    footer += [_link(words, words[name], context["links"][name]) for name in ("unsubscribe", "preferences", "view")]
    footer += [text.wrap(context["newsletter"]), text.wrap(context["postal_address"])]
    return text.join(blocks) + "\n-- \n" + "\n".join(line for line in footer if line) + "\n"


def _numbers(entry: Mapping[str, Any]) -> str:
    """The numbers of a section's first and last item, one where it has a single one."""
    return f"{entry['first']}-{entry['last']}" if entry["last"] > entry["first"] else f"{entry['first']}"


def _text_item(item: Mapping[str, Any], words: Mapping[str, Any], links: text.Links) -> list[str]:
    number = f"{item['number']}. "
    blocks = [text.wrap(item["plain"], number, " " * len(number)), text.from_html(item["body"], links)]
    source = item["source"]
    if source:
        line = text.wrap(f"{words['source']}{source['plain']}")
        blocks.append(f"{line}\n{source['url']}" if source["url"] and links.first(source["url"]) else line)
    return blocks


def _link(words: Mapping[str, Any], what: str, url: str) -> str:
    return f"{words['link'].format(what=what)}\n{url}"
