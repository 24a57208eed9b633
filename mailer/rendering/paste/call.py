"""The call to action of a pasted digest: what stands behind its last item."""

from __future__ import annotations

import re
from dataclasses import replace

from mailer.model.issue import CallToAction
from mailer.rendering import language
from mailer.rendering.paste import grammar, prose
from mailer.rendering.paste.lines import Line, width
from mailer.rendering.paste.report import Report


def read(lines: list[Line], report: Report, name: str, apply_url: str) -> CallToAction | None:
    """The call to action among the lines behind the last item; the others are dropped with a report.

    `name` is what the club calls it; without an address of its own it leads to `apply_url`.
    """
    cta: CallToAction | None = None
    open_call = False
    for line in lines:
        text = line.text
        if not text:
            continue
        if grammar.is_rule(text):
            report.drop(line.number, "line of strokes or stray punctuation dropped", text)
            open_call = False
        elif grammar.is_foot(text) and not (grammar.is_call(text) and not re.search(r"unsubscribe|退订", text, re.I)):
            report.drop(line.number, "line of the page dropped", grammar.strip_links(text)[0])
            open_call = False
        elif cta is None and grammar.is_call(text):
            cta = _call(line, report, name, apply_url)
            open_call = True
        elif cta is not None and open_call:
            plain, url = grammar.strip_links(text)
            only_url = url and plain.strip() == url
            added = "" if only_url else prose.to_markdown(text)
            if added and not re.search(r"[.!?。！？]$", plain):
                report.drop(line.number, "line after the call to action dropped", plain)
                continue
            cta = replace(cta, text="\n\n".join(part for part in (cta.text, added) if part), url=cta.url or url)
        else:
            report.drop(line.number, "line after the last item dropped", grammar.strip_links(text)[0])
    return cta


def _call(line: Line, report: Report, name: str, apply_url: str) -> CallToAction:
    text = re.sub(r"<\s*/?\s*a\s*>", " ", line.text)
    if text != line.text:
        report.add(line.number, "anchor", "broken anchors < a> removed", line.text[:60])
    plain, url = grammar.strip_links(text)
    plain = re.sub(r"^[^\w<《「“\"(（]+", "", " ".join(plain.split()))
    label = grammar.call_label(plain)
    button = _label(plain, language.is_chinese(language.detect(plain, "zh-Hans")))
    if label and re.search(r"\w", plain[len(label) :]):
        plain = plain[len(label) :].strip()
        plain = plain[0].upper() + plain[1:]
        report.add(line.number, "call", "button text says nothing; a label is made from the sentence", label.strip())
    if url:
        plain = plain.replace(url, "").rstrip(" :：,，") if plain.endswith(url) else plain
    else:
        target = apply_url or "the club's own apply page"
        report.add(line.number, "call", f"call to action without an address; it points to {target}")
    title, rest = _split_call(plain)
    report.found(line.number, "call", "taken as the call to action", plain[:60])
    return CallToAction(name, prose.escape(title), prose.escape(rest), button, url, line.number)


def _split_call(text: str) -> tuple[str, str]:
    """A call's first sentence as its title, and the rest."""
    match = re.match(r"(.{4,}?[.!?](?=\s)|.{2,}?[。！？])\s*(.*)$", text)
    if match and width(match[1]) <= 90:
        return match[1].rstrip(".。"), match[2]
    if width(text) <= 90:
        return text.rstrip(".。:："), ""
    return "", text


def _label(text: str, chinese: bool) -> str:
    if chinese:
        return "立即报名" if "报名" in text else "立即申请" if "申请" in text else "立即加入"
    first = re.search(r"\b(apply to join|join|register|sign up|subscribe)\b", text, re.IGNORECASE)
    return {"join": "Join us", "register": "Register", "sign up": "Sign up", "subscribe": "Subscribe"}.get(
        first[1].lower() if first else "", "Apply to join"
    )
