"""Which items the leads of a digest's head mean: matched by the words they share, never by their order alone."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from math import log

from mailer.model.columns import width

SEPARATOR = re.compile(r"\s*[;；]\s*|\s+[|｜丨]\s+|\s*[◆●•·]\s+|\s*[①-⑳❶-❿]\s*")
PREFIX = re.compile(
    r"^\W*(?:今日|本期|一句话)?(?:头条|要闻|导读|看点|要点|提要|[速快]读|[速快一]览|聚焦|摘要|内容提要|重点)(?:新闻|速览|导读)?\s*[:：丨|]\s*"
    r"|^(?:good (?:morning|afternoon|evening)[^:;]{0,24}[.!]\s+)?"
    r"(?:today|headlines?|top stories|in (?:this|today['’]s) (?:issue|edition)|in brief|inside"
    r"|leads?|also|tl;?dr)\s*[:：]\s*",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"\W*(?:(?:今日|本期|今晨)(?:头条|要闻|要目|导读|导览|看点|要点|提要|速览|摘要|重点|热点|内容)"
    r"|(?:要闻|新闻|头条)(?:速览|导读|提要|目录)"
    r"|头条|要闻|要目|导读|看点|内容提要|本期目录|目录|目次|时间轴|(?:table of )?contents|(?:今日)?热点导览|top stories"
    r"|(?:in|inside) (?:this|today['’]s) (?:issue|edition|newsletter))\W*",
    re.IGNORECASE,
)
_LABEL_FIRST = re.compile(r"\W*[\u3400-\u9fff]{2,6}[:：]\s*")  # a word of the digest's own before its leads
# Weaker signs between leads: they are one only where what they part looks like leads.
_SIGN = re.compile(r"\s*[＊•・‣▪▫\u2190-\u2bff]\ufe0f?\s*")
_WEAKER = (re.compile(r"\s*[|｜丨]\s*"), _SIGN, re.compile(r"\s*、\s*"), re.compile(r"\s+/\s+|\s*／\s*"))
# Signs that headlines have themselves: they part leads only where every part matches a headline.
_WEAKEST = (re.compile(r"(?<=[\u3400-\u9fff])/(?=[\u3400-\u9fff])"), re.compile(r"\s*，\s*|,\s+"), re.compile(r"\s+"))
_WORD = re.compile(r"[a-z0-9À-ɏ]+")
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003fffd]+")
THRESHOLD = 0.42
SHORTEST = 10  # columns of a lead behind a word of the digest's own
MOST = 12  # parts of a line that may be leads
FEWEST, LONGEST = 4, 24  # characters of a lead that is matched by its characters
MOST_HEADLINES = 60
IN_ORDER = 0.65
IN_ANOTHER_WORDING = 0.2  # of a lead's words
TEXT_THRESHOLD = 0.5


def split(text: str, headlines: Sequence[str] = (), *, listed: bool = False) -> list[str]:
    """The leads in a run of text, without their number and the ellipsis at the end.

    Bars, 、 and slashes part leads too where most parts match `headlines`, or, when the text is surely a list of
    leads (`listed`), where there are three parts or more.
    """
    text = PREFIX.sub("", text.strip())
    if headlines and (label := _LABEL_FIRST.match(text)):
        behind = split(text[label.end() :], headlines, listed=listed)
        if min(map(width, behind), default=0) >= SHORTEST and _most_match(behind, headlines):
            return behind
    parts = _parts(text, SEPARATOR)
    for separator in _WEAKER if len(parts) < 2 else ():
        finer = _parts(text, separator)
        long = listed and len(finer) >= 3 and min(width(part) for part in finer) >= 8
        if long or _most_match(finer, headlines):
            return finer
    for separator in _WEAKEST if len(parts) == 1 and headlines else ():
        finer = _parts(text, separator)
        if min(width(part) for part in finer) >= 8 and _most_match(finer, headlines, share=1.0):
            return finer
    return parts


def _parts(text: str, separator: re.Pattern[str]) -> list[str]:
    parts = (re.sub(r"(?:\.{2,}|…+|。)+$", "", part).strip() for part in separator.split(text))
    parts = (re.sub(r"(?<=[\u3400-\u9fff]{2})等+$", "", part) for part in parts)
    bare = (re.sub(r"^(?:\d{1,2}[.、)]\s*|[-•·]\s*|(?:and|plus)\s+(?=\w))", "", part) for part in parts if part)
    return [re.sub(" {2,}", " ", part) for part in bare]


def _most_match(parts: list[str], headlines: Sequence[str], share: float = 0.51) -> bool:
    if len(parts) < 2 or len(parts) > MOST:
        return False
    matched = sum(index is not None for index in match(parts, list(headlines)))
    return matched >= 2 and matched >= share * len(parts)


def is_list(text: str, headlines: Sequence[str]) -> bool:
    """Whether a line lists leads: it says so, or parts them by semicolons or by signs whose parts match headlines."""
    return PREFIX.match(text) is not None or ";" in text or "；" in text or len(split(text, headlines)) >= 2


def is_label(text: str) -> bool:
    """Whether a line is only the heading of the leads ("Headlines:")."""
    return PREFIX.fullmatch(text) is not None or _LABEL.fullmatch(text) is not None


def match(leads: list[str], headlines: list[str], bodies: list[str] | None = None) -> list[int | None]:
    """For each lead the index of the headline it means, each headline at most once; None where no item fits.

    A lead that no headline fits, in another language perhaps, may be known by the words of an item's text.
    """
    known = [_terms(headline) for headline in headlines]
    common = Counter(term for terms in known for term in terms)
    weight = {term: log((len(known) + 1) / count) + 0.2 for term, count in common.items()}
    whole = [sum(weight[term] for term in terms) for terms in known]
    holding: dict[str, list[int]] = {}
    for index, terms in enumerate(known):
        for term in terms:
            holding.setdefault(term, []).append(index)
    unknown = log(len(weight) + 1) / 2
    scores = []
    for number, lead in enumerate(leads):
        terms = _terms(lead)
        if len(leads) == len(terms) == 1:
            continue  # one word alone is the title of a section, not a lead
        shared: defaultdict[int, float] = defaultdict(float)
        for term in terms:
            for index in holding.get(term, ()):
                shared[index] += weight[term]
        own = sum(weight.get(term, unknown) for term in terms)
        for index, common_weight in shared.items():
            smaller = min(own, whole[index])
            if smaller and common_weight / smaller >= THRESHOLD:
                scores.append((common_weight / smaller, -number, index))
    found: list[int | None] = [None] * len(leads)
    taken: set[int] = set()
    for _, negative, index in sorted(scores, reverse=True):
        if found[-negative] is None and index not in taken:
            found[-negative] = index
            taken.add(index)
    if len(leads) <= MOST:
        _match_characters(leads, headlines, found, taken)
        if len(leads) > 1 and any(index is not None for index in found):
            _match_rows(leads, headlines, found, taken)
        _match_in_order(leads, known, found, taken)
    _match_texts(leads, bodies or [], found, taken)
    if 1 < len(leads) <= MOST and any(index is not None for index in found):
        _match_beginnings(leads, headlines, found, taken)
    return found


def names_item(text: str, headlines: Sequence[str]) -> bool:
    """Whether a line of the head means an item; one whose headline is a single word is meant by that word alone."""
    several = len(_terms(text)) > 1
    known = [headline for headline in headlines if not several or len(_terms(headline)) > 1]
    return match([text], known) != [None]


def _match_characters(leads: list[str], headlines: list[str], found: list[int | None], taken: set[int]) -> None:
    """Match Chinese leads that leave words out (`两家杯厂合并`) to the headline with their characters in order."""
    for number, lead in enumerate(leads):
        characters = "".join(_HAN.findall(lead))
        if found[number] is not None or not FEWEST <= len(characters) <= LONGEST:
            continue
        shares = {
            index: _in_order(characters, "".join(_HAN.findall(headline))[: 3 * LONGEST]) / len(characters)
            for index, headline in enumerate(headlines[:MOST_HEADLINES])
            if index not in taken
        }
        best = max(shares, key=lambda index: shares[index], default=None)
        if best is not None and shares[best] >= IN_ORDER:
            found[number] = best
            taken.add(best)


def _match_rows(leads: list[str], headlines: list[str], found: list[int | None], taken: set[int]) -> None:
    """Match a lead to the one headline that shares three Chinese characters in a row with it."""
    _match_only(leads, found, taken, [_rows(text) for text in headlines], _rows)


def _match_beginnings(leads: list[str], headlines: list[str], found: list[int | None], taken: set[int]) -> None:
    """Match a lead to the one headline that begins as it does, and as no other lead."""
    firsts = Counter(word for lead in leads for word in _beginning(lead))
    own = [lead if all(firsts[word] == 1 for word in _beginning(lead)) else "" for lead in leads]
    _match_only(own, found, taken, [_beginning(text) for text in headlines], _beginning)


def _match_only(
    leads: list[str],
    found: list[int | None],
    taken: set[int],
    known: list[set[str]],
    parts: Callable[[str], set[str]],
) -> None:
    """Match each lead that is not yet to the only headline that shares a part with it."""
    for number, lead in enumerate(leads):
        own = parts(lead) if found[number] is None else set()
        alike = [index for index, other in enumerate(known[:MOST_HEADLINES]) if own & other]
        if len(alike) == 1 and alike[0] not in taken:
            found[number] = alike[0]
            taken.add(alike[0])


def _beginning(text: str) -> set[str]:
    """The first two Chinese characters of a text, or its first word of some letters; none where there is neither."""
    match = re.match(r"\W*(?:([\u3400-\u9fff]{2})|([A-Za-z][\w-]{2,}))", text)
    return {(match[1] or match[2]).casefold()} if match else set()


def _rows(text: str) -> set[str]:
    return {run[i : i + 3] for run in _HAN.findall(text[: 3 * LONGEST]) for i in range(len(run) - 2)}


def _match_in_order(leads: list[str], known: list[set[str]], found: list[int | None], taken: set[int]) -> None:
    """Match a lead in other words where the others stand in the order of the items: to the one item between its
    neighbours' that shares words with it which no other headline has."""
    matched = [(number, index) for number, index in enumerate(found) if index is not None]
    if len(matched) < 2 or sorted(index for _, index in matched) != [index for _, index in matched]:
        return
    for number, lead in enumerate(leads):
        if found[number] is not None:
            continue
        low = max((index for at, index in matched if at < number), default=-1)
        high = min((index for at, index in matched if at > number), default=min(len(known), MOST_HEADLINES))
        terms = _terms(lead)
        shares = {
            index: sum(not any(term in other for at, other in enumerate(known) if at != index) for term in shared)
            for index in range(low + 1, high)
            if index not in taken and (shared := terms & known[index])
        }
        best = [index for index, share in shares.items() if share >= max(1, IN_ANOTHER_WORDING * len(terms))]
        if len(best) == 1:
            found[number] = best[0]
            taken.add(best[0])


def _in_order(one: str, other: str) -> int:
    """How many characters two words have in the same order: their longest common subsequence."""
    row = [0] * (len(other) + 1)
    for character in one:
        before = 0
        for at, match in enumerate(other, 1):
            before, row[at] = row[at], before + 1 if character == match else max(row[at], row[at - 1])
    return row[-1]


def _match_texts(leads: list[str], bodies: list[str], found: list[int | None], taken: set[int]) -> None:
    texts = [_terms(body[:2000]) for body in bodies]
    for number, lead in enumerate(leads):
        terms = _terms(lead)
        if found[number] is not None or len(terms) < 3:
            continue
        shares = {index: len(terms & text) / len(terms) for index, text in enumerate(texts) if index not in taken}
        best = max(shares, key=lambda index: shares[index], default=None)
        if best is not None and shares[best] >= TEXT_THRESHOLD:
            found[number] = best
            taken.add(best)


def is_same(one: str, other: str) -> bool:
    """Whether two wordings differ in nothing but blanks, capitals and punctuation."""
    return re.sub(r"[\W_]+", "", one).lower() == re.sub(r"[\W_]+", "", other).lower()


def _terms(text: str) -> set[str]:
    words = {word.rstrip("s") if len(word) > 3 else word for word in _WORD.findall(text.lower())}
    words -= {"the", "a", "an", "of", "to", "in", "and", "at", "by", "for", "it", "is", "on"}
    for run in _HAN.findall(text):
        words.update(run[i : i + 2] for i in range(len(run) - 1)) if len(run) > 1 else words.add(run)
    return words
