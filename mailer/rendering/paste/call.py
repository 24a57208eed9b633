"""The call to action of a pasted digest: what stands behind its last item."""

from __future__ import annotations

import re
from dataclasses import replace

from mailer.model.columns import width
from mailer.model.issue import CallToAction
from mailer.rendering import language
from mailer.rendering.paste import grammar, links, prose
from mailer.rendering.paste.letters import fold
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.links import LINK, LINK_END
from mailer.rendering.paste.report import Report
from mailer.sentence import Sentence

_DECORATION = re.compile(r"[\s↓→⬇👇👉➡:：—–\ufe0f#★☆■◆●▲>»-]+$")
_BARE = re.compile(r"(?<![\w@.-])(?:[a-z0-9-]+\.)+[a-z]{2,}/[\w./?=&%#-]+(?=[.。]?$)", re.IGNORECASE)  # no scheme
_MARKED = re.compile(r"^\W*【([^【】]{2,12})】\s*(?=\S)")
_WHOLE = re.compile(r"^\W*[【〔「]([^【】〔〕「」]+)[】〕」]\W*$")
_AT = re.compile(r" (?:at|via|on)$", re.IGNORECASE)
# At the address behind it.
_POINTING = re.compile(
    r"[:：,，]?\s*(?:或者?|[请請可])?(?:点击?|點擊?|戳|访问|訪問|打开)(?:下方)?(?:链接|連結|此处|这里)?$"
)
_ANCHOR = re.compile(r"<\s*/?\s*a\s*>")
_ANCHOR_IN_HAN = re.compile(
    rf"(?<=[\u3000-\u9fff\uff00-\uffef])\s*{_ANCHOR.pattern}\s*(?=[\u3000-\u9fff\uff00-\uffef])"
)
_OF_LIST = re.compile(
    r"unsubscribe|退订|取消订阅|因[为您].{0,8}订阅|because you (?:subscribed|signed up)", re.IGNORECASE
)
HEADING = 16  # columns of a call that heads what is asked
LEAST = 8  # columns of a sentence that can do without the words of its button
# Before what the reader is asked to do: a code that no mail shows.
_SCAN = re.compile(
    r"(?:请?(?:微信|长按|立即)?(?:扫码|(?:识别|扫描?|扫一扫)(?:下方|下图|上方|上图|文末)?的?二[维維][码碼])(?:即可)?[\s,，]*)"
    r"(?=报名|報名|加入|进群|進群|入群|入会|申请|申請|订阅|訂閱|关注|添加|咨询|领取|了解|注册|预约|参加)"
)


def read(lines: list[Line], report: Report, name: str, apply_url: str) -> CallToAction | None:
    """The call to action among the lines behind the last item; the others are dropped with a report.

    `name` is what the club calls it; without an address of its own it leads to `apply_url`.
    """
    cta: CallToAction | None = None
    open_call, asked = False, ""
    told = [(at, line) for at, line in enumerate(map(_of_menu, lines)) if grammar.is_call(line.text)]
    asks = grammar.is_call if told else grammar.is_contact
    first = next((at for at, line in told if grammar.is_join(line.text)), 0)
    for at, pasted in enumerate(lines):
        line = _of_menu(pasted)
        text = line.text
        if not text:
            continue
        if grammar.is_rule(text):
            report.drop(line.number, "line of strokes or stray punctuation dropped", text)
            open_call = False
        elif cta and not cta.url and (pointed := _is_pointed_at(text, asked)):
            cta = replace(cta, url=pointed)
        elif grammar.is_foot(text) and not (grammar.is_call(text) and not _OF_LIST.search(fold(text))):
            report.drop(line.number, "line of the page dropped", links.strip(text)[0])
            open_call = False
        elif cta is None and asks(text) and at >= first:
            cta, asked = _call(line, report, name, apply_url), text
            open_call = True
        elif cta is not None and open_call:
            plain, url = links.strip(text)
            words = links.words(text)
            if url and words and not cta.url and grammar.is_call(words):
                cta = replace(cta, label=words)
                text = plain = plain.replace(words, "").strip()
            if url and not cta.url and (grammar.is_call(plain) or grammar.call_label(plain)):
                said = plain.replace(url, "").strip(" :：")
                rest = said if re.search(r"\w", said[len(grammar.call_label(said)) :]) else ""
                cta = replace(cta, url=url, text="\n\n".join(filter(None, (cta.text, prose.escape(rest)))))
                continue
            only_url = url and (plain.strip() == url or not plain)
            added = "" if only_url else prose.to_markdown(text)
            headed = width(asked) <= HEADING and (grammar.is_call(text) or grammar.has_contact(text))  # `【加入我们】`
            if added and not headed and not re.search(r"[.!?。！？]$", plain):
                report.drop(line.number, "line after the call to action dropped", plain)
                continue
            cta = replace(cta, text="\n\n".join(part for part in (cta.text, added) if part), url=cta.url or url)
        else:
            report.drop(line.number, "line after the last item dropped", links.strip(text)[0])
    return cta


def _is_pointed_at(text: str, asked: str) -> str:
    """The address of a link whose words a call names as what to click: WeChat's 阅读原文."""
    words, url = links.strip(text)
    return url if len(words) >= 2 and words.strip() in asked else ""


def _of_menu(line: Line) -> Line:
    """Of a row of links ("Join us | Unsubscribe") the one that is a call; else the line as it is."""
    parts = re.split(rf"\s+[|·•]\s+|\s*[｜丨]\s*|(?<={LINK_END})[.,;]?\s+(?={LINK})", line.text)
    calls = [part for part in parts if grammar.is_call(part) and not grammar.is_foot(part)]
    menu = len(parts) > 1 and calls and all(map(grammar.is_foot_or_call, parts))
    return replace(line, text=calls[0]) if menu else line


def _call(line: Line, report: Report, name: str, apply_url: str) -> CallToAction:
    text = _ANCHOR.sub(" ", _ANCHOR_IN_HAN.sub("", line.text))
    if text != line.text:
        report.add(line.number, "anchor", "broken anchors < a> removed", line.text[:60])
    plain, url = links.strip(text)
    if not url and (bare := _BARE.search(plain)):
        url = f"https://{bare[0]}"
        plain = plain[: bare.start()].rstrip(" :：")
    plain = _WHOLE.sub(r"\1", plain.strip())
    plain = _MARKED.sub(r"\1：", plain.strip())
    plain = re.sub(r"^[^\w<《「“\"(（]+", "", " ".join(plain.replace("**", "").split()))
    label = grammar.call_label(plain)
    lang = language.detect(plain.replace(url, ""), "zh-Hans")
    button = _label(plain, language.is_chinese(lang))
    if label and width(links.strip(plain[len(label) :])[0].replace(url or "\n", "").strip(" :：")) >= LEAST:
        plain = plain[len(label) :].strip()
        plain = plain[0].upper() + plain[1:]
        report.add(line.number, "call", "button text says nothing; a label is made from the sentence", label.strip())
    plain = _DECORATION.sub("", re.sub(r"^P\.? ?S\.?[:：]?\s+", "", plain))
    if url:
        plain = _AT.sub("", plain.replace(url, "").rstrip(" :：,，")) if plain.endswith(url) else plain
        if language.is_chinese(lang):  # an English sentence needs the address it has within
            plain = re.sub(rf"(?:至|到|在|访问|訪問|打开)?\s*[(（]?\s*{re.escape(url)}\s*[)）]?\s*", "", plain)
        pointing = _POINTING.search(plain)
        plain = plain[: pointing.start()] if pointing and width(plain[: pointing.start()]) >= LEAST else plain
    else:
        target = apply_url or Sentence("the club's own apply page")
        if not grammar.is_join(line.text):  # the button says where it leads
            button = {"zh-Hant": "申請加入"}.get(lang, "申请加入" if language.is_chinese(lang) else "Apply to join")
        report.add(line.number, "call", "call to action without an address; it points to %(target)s", target=target)
    plain = _DECORATION.sub("", plain)
    if (unscanned := _SCAN.sub("", plain)) != plain:
        report.add(line.number, "call", "words about a code to scan left out; the mail has a link instead", plain[:60])
        plain = unscanned
    title, rest = _split_call(plain)
    report.found(line.number, "call", "taken as the call to action", plain[:60])
    return CallToAction(name, prose.escape(title), prose.escape(rest), button, url, line.number)


def _split_call(text: str) -> tuple[str, str]:
    """A call's first sentence as its title, and the rest."""
    parts = re.findall(r".+?(?:[.!?](?=\s)|[。！？]|$)\s*", text)
    at = next((i for i, part in enumerate(parts) if grammar.is_call(part)), 0)
    if len(parts) > 1 and width(parts[at]) <= 90 and not (at and width(text) <= 60):
        rest = "".join([*parts[:at], *parts[at + 1 :]]).strip()
        return parts[at].strip().rstrip(".。 "), rest
    if width(text) <= 90:
        return text.rstrip(".。:： "), ""
    return "", text


def _label(text: str, chinese: bool) -> str:
    if chinese:
        words = fold(text)
        known = next((word for word in ("报名", "申请", "订阅", "咨询", "投稿") if word in words), "加入")
        at = words.find(known)
        return f"立即{text[at : at + len(known)] if at >= 0 else known}"
    first = re.search(r"\b(apply to join|join|register|sign up|subscribe)\b", text, re.IGNORECASE)
    return {"join": "Join us", "register": "Register", "sign up": "Sign up", "subscribe": "Subscribe"}.get(
        first[1].lower() if first else "", "Apply to join"
    )
