"""Which lines of a digest are section titles."""

from __future__ import annotations

import itertools
import re
import unicodedata

from mailer.model.columns import width
from mailer.rendering.paste import dates, enumerators, grammar, leads, links, naming, sources, tails
from mailer.rendering.paste.clipboard import NESTED
from mailer.rendering.paste.line import Line
from mailer.rendering.paste.report import Report

_LETTERED = re.compile(r"[A-Z][.、)）】\]]\s*(?=\S{2})")
_PICTOGRAPHS = re.compile(rf"^(?:{enumerators.SIGN}\s*)+|(?:\s*[\U0001f300-\U0001faff]\ufe0f?)+$")
_COUNT = re.compile(r"\s*[(（]\s*共?\s*\d{1,3}\s*[条则篇件]\s*[)）]$")  # how many items are below
_BARRED = re.compile(r"[|｜丨]\s*([^|｜丨。；;]{1,20})[|｜丨]?")
_SIGNS = re.compile(r"[^\w\s「『《“\"(（【]+\s*(?=\w)")
QUESTION = 16  # columns of a title that asks something, behind a sign
WORD = 8  # columns of a title that may stand directly below a source
SHORT = 16  # columns of a title that stands again in another language
SEVERAL = 3  # lines in capitals that look alike
_SEVERAL = re.compile(r"[\u3400-\u9fff](?:[\s，,]+|[:：]\s*)[\u3400-\u9fff]")  # phrases, or a label with a value
_DAY_FIRST = re.compile(r"【(?:20\d\d年)?\d{1,2}月\d{1,2}日】")
_ORNAMENTS = ("So", "Sm", "Sk", "Pd")  # kinds of signs
_STOPS = ".,;:。，；：、！？!?…%％）)"
_HAN_NUMBERS = "一二三四五六七八九十"
_DECORATION = (
    "↓↑→←⬇⬆➡▲△■□〓▌▎▍▼▽◆◇●○▶►▸★☆※◎▪▫•·|｜丨#*=~—–-_─━【】[]〖〗「」『』<>《》 :：✦✨🔥📌📰🌍🌏🚀💡🔹🔸📱🛒💰🏠🎯📊"
)


def heading(text: str) -> tuple[str, bool] | None:
    """A line that may be a section's title, as (title, whether it is decorated as one)."""
    if text.startswith(NESTED):
        return None
    plain = _COUNT.sub("", links.strip(text)[0])
    numbered = next((mark for mark in enumerators.marks(plain) if mark.family in enumerators.SECTIONS), None)
    body = numbered.rest if numbered else plain
    if re.fullmatch(r"[\u3400-\u9fff](?: [\u3400-\u9fff]){1,5}", bare(body)):
        body = body.replace(" ", "")
    title = bare(_PICTOGRAPHS.sub("", bare(body)))
    inner = next((mark for mark in enumerators.marks(title) if mark.family in enumerators.SECTIONS), None)
    if inner and inner.rest and not numbered and body.strip() != title:  # `【一、监管】`
        title = inner.rest
    title = _LETTERED.sub("", title, count=1).strip() if _LETTERED.match(title) else title
    decorated = numbered is not None or body.strip() != title
    asks = title[-1:] in ("？", "?") and width(title) <= QUESTION and _SIGNS.match(body) is not None  # `▍Who left?`
    if (
        not title
        or width(title) > 44
        or (not asks and re.search(r"[。！？!?；;…]$|[,，]$|\.$", title.removesuffix(tails.dangling_label(title))))
        or re.search(r"\[\^?\d{1,3}\]$|[:：]\s*\d+$|://|\b\d+ min(?:ute)?s? read$", plain)
        or sources.source_line(text)
    ):
        return None
    if tails.source_at_end(title if numbered and numbered.family == "part" else plain, lenient=True):
        return None
    return " ".join(title.split()), decorated


def bare(text: str) -> str:
    """A title without the ornaments at both its ends, whatever signs they are."""
    kept = [i for i, sign in enumerate(text) if not (sign in _DECORATION or unicodedata.category(sign) in _ORNAMENTS)]
    title = text[kept[0] : kept[-1] + 1] if kept else ""
    if len(title) > 2 and _are_a_pair(title) and not {title[0], title[-1]} & {*title[1:-1]}:
        return bare(title[1:-1])
    return title


def _are_a_pair(title: str) -> bool:
    """Whether signs that only frame a title stand at both its ends: not the one that ends a question."""
    return all(unicodedata.category(end)[0] == "P" for end in (title[0], title[-1])) and title[-1] not in _STOPS


def find(lines: list[Line], starts: dict[int, str], report: Report) -> dict[int, str]:
    """Section titles: a short line directly before an item that is not the text of the item before."""
    candidates: dict[int, tuple[str, bool]] = {}
    ordered = sorted(starts)
    bars = False
    bracketed = [line for line in lines if line.text[-1:] == "】" and tails.source_at_end(line.text, lenient=False)]
    capitals = sum(len(line.text) > 2 and line.text.isupper() and line.text[-1].isalpha() for line in lines) >= SEVERAL
    only: tuple[int, tuple[str, bool]] | None = None
    for position, start in enumerate(ordered):
        before = next((i for i in range(start - 1, -1, -1) if lines[i].text), None)
        if before is not None and grammar.is_rule(lines[before].text):  # a title may be underlined
            before = before - 1 if before and lines[before - 1].text and _is_apart(lines, before - 1) else None
        if before is None or before in starts or grammar.is_rule(lines[before].text):
            continue
        found = heading(lines[before].text)
        if found and before and _is_in_both(lines, before, starts):
            report.drop(lines[before].number, "title in the other language dropped", lines[before].text)
            before -= 1
            found = heading(lines[before].text)
        if found is None and (barred := _BARRED.fullmatch(lines[before].text)) and (position == 0 or bars):
            found, bars = (barred[1].strip(), True), True  # above the first item no source stands, so these are titles
        if found is None or is_of_the_page(lines[before].text) or is_date(found[0]) or naming.is_day(found[0]):
            continue
        if grammar.is_tag(lines[before].text) and sources.source_line(lines[before - 1].text):
            continue
        previous = ordered[position - 1] if position else None
        named = len(bracketed) > 1 and previous is not None and lines[before - 1].text != ""
        if named and sources.is_marked_name(lines[before].text):
            continue  # a source, as the others are
        above = next((i for i in range(before - 1, -1, -1) if lines[i].text), before)
        if (
            previous is None
            and above < before
            and (bullet := enumerators.bullet(lines[before].text))
            and (enumerators.bullet(lines[above].text) or ("",))[0] == bullet[0]
            and not lines[before].text.endswith(bullet[0])
        ):
            continue  # the last of a list of leads
        entry = next((mark.rest for mark in enumerators.marks(lines[before].text)), found[0])
        if previous is None and any(
            leads.is_same(words, text) for text in starts.values() for words in (found[0], entry)
        ):
            continue  # an entry of a table of contents
        labelled = enumerators.bracketed(lines[before].text)
        if previous is None and labelled and labelled[1] and leads.names_item(labelled[1], list(starts.values())):
            continue  # a lead behind a word in brackets
        only_line = before == above and re.search(r"[】\]][【\[]", lines[before].text) is not None
        if previous is None and (dated := dates.find(found[0], dates.SOME_DAY)) and (dated[1] or only_line):
            continue  # the day of the issue
        topics = sum(re.fullmatch(r"#[^#]+#", line.text) is not None for line in lines)
        if previous is None and topics == 1 and re.fullmatch(r"#[^#]+#", lines[before].text):
            continue  # a topic: the newsletter's name
        numbered = _LETTERED.match(lines[before].text) is not None or any(
            mark.family in enumerators.SECTIONS for mark in enumerators.marks(lines[before].text)
        )
        words = found[0] if found[1] else lines[before].text
        if previous is None and not numbered and leads.is_list(words, list(starts.values())):
            continue
        if previous is None and not any(lines[i].text for i in range(before)) and not numbered:
            only = before, found
            continue  # the only line of the head: the digest's own title
        between = [
            lines[i].text for i in range((before if previous is None else previous) + 1, before) if lines[i].text
        ]
        ended = between and not lines[before - 1].text  # the source ends the item above
        lone = previous is not None and not ended and all(sources.source_line(text) for text in between)
        shown = found[1] or lines[before].bold or (capitals and lines[before].text.isupper())
        behind_source = between and width(found[0]) <= WORD
        if lone and not shown and not behind_source and not _bodiless(lines, starts):
            report.add(
                lines[before].number, "guess", "kept as the text of the item above, not a section", lines[before].text
            )
            continue
        candidates[before] = found
    if only and only[1][0].isupper() and any(title.isupper() for title, _ in candidates.values()):
        candidates = {only[0]: only[1], **candidates}  # it looks as the other titles do
    if any(decorated for index, (_, decorated) in candidates.items() if index > ordered[0]):
        plain = [index for index, (_, decorated) in candidates.items() if not decorated and not lines[index].bold]
        for index in plain:
            if index > ordered[0]:
                del candidates[index]
    if len(candidates) == 1 and (index := min(candidates)) < ordered[0]:
        text = lines[index].text
        unmarked = not candidates[index][1] and not lines[index].bold
        attached = index > 0 and lines[index - 1].text != "" and not grammar.is_rule(lines[index - 1].text)
        announced = text.endswith((":", "：")) or (unmarked and (attached or _SEVERAL.search(text)))
        if announced or dates.find(text, dates.SOME_DAY) or _is_name(lines, index):
            return {}
    candidates = _without_marks(lines, candidates)
    for index, (title, _) in candidates.items():
        report.found(lines[index].number, "section", "taken as a section title", title)
    return {index: title for index, (title, _) in candidates.items()}


def _without_marks(lines: list[Line], candidates: dict[int, tuple[str, bool]]) -> dict[int, tuple[str, bool]]:
    """The titles without numbers that run on from title to title, or signs that all of them begin with."""
    texts = {index: links.strip(lines[index].text)[0] for index in candidates}
    if len(texts) < 2:
        return candidates
    plain = {
        index: _numbered(text, number) or _numbered(candidates[index][0], number)
        for number, (index, text) in enumerate(texts.items(), 1)
    }
    if not all(plain.values()):
        signs = {match[0] if (match := _SIGNS.match(title)) else "" for title, _ in candidates.values()}
        sign = signs.pop() if len(signs) == 1 else ""
        plain = {index: title.removeprefix(sign) for index, (title, _) in candidates.items()}
    return {index: (plain[index], marked) for index, (_, marked) in candidates.items()}


def _numbered(text: str, number: int) -> str:
    """A title behind its number; "" where that is another one."""
    rests = [mark.rest for mark in enumerators.marks(text) if mark.number == number]
    if (
        not rests
        and (han := re.match(r"[一二三四五六七八九十](?= )", text))
        and _HAN_NUMBERS.find(han[0]) == number - 1
    ):
        rests = [text[1:].strip()]
    found = heading(rests[0]) if rests else None
    return found[0] if found else ""


def _is_in_both(lines: list[Line], index: int, starts: dict[int, str]) -> bool:
    """Whether a title stands directly below the same one in Chinese, or the other way round, which has a mark."""
    above, text = lines[index - 1].text, lines[index].text
    title = heading(above)
    chinese = [re.search("[\u3400-\u9fff]", one) is not None for one in (above, text)]
    shown = title is not None and title[1] and above[0] != "#" and width(title[0]) <= SHORT
    shown = (
        shown and not is_date(title[0] if title else "") and re.search(r"[A-Za-z]{3}", f"{above} {text}") is not None
    )
    return shown and index - 1 not in starts and chinese[0] != chinese[1] and width(text) <= 2 * SHORT


def is_of_the_page(text: str) -> bool:
    """Whether a line is of the page around a digest: counters, greeting, weather, when it was put up."""
    kinds = (grammar.is_foot, grammar.is_almanac, grammar.is_greeting, grammar.is_picture)
    return any(kind(text) for kind in (*kinds, grammar.is_dateline, grammar.is_edition))


def _is_apart(lines: list[Line], index: int) -> bool:
    """Whether a blank line or a rule stands above."""
    return index == 0 or not lines[index - 1].text or grammar.is_rule(lines[index - 1].text)


def _is_name(lines: list[Line], index: int) -> bool:
    """Whether the only title of a digest is its name: nothing but a greeting and the day stands above."""
    above = [line.text for line in lines[:index] if line.text]
    told = all(is_date(text) or _DAY_FIRST.match(text) or grammar.is_greeting(text) for text in above)
    return not lines[index].text.startswith("#") and told


def is_date(title: str) -> bool:
    """Whether a line is mostly a day."""
    found = dates.find(title, dates.SOME_DAY)
    return found is not None and (found[3] - found[2]) * 2 > len(title)


def _bodiless(lines: list[Line], starts: dict[int, str]) -> bool:
    """Whether most items are a headline alone; one line below each of them is its text, not a title above the next."""
    ordered = [*sorted(starts), len(lines)]
    below = [sum(bool(lines[i].text) for i in range(one + 1, two)) for one, two in itertools.pairwise(ordered)]
    return sum(count <= 1 for count in below) * 2 > len(starts) and below[:-1].count(1) < len(starts) - 1
