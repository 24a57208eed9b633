"""The date in a digest's head: with or without a year, in Chinese or English."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

from mailer.rendering.paste import han
from mailer.rendering.paste.letters import fold

SOME_DAY = date(2000, 1, 1)  # to look for a day, whichever it is

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"  # noqa: E501
_WEEKDAY = (
    r"(?:[\s,，|·/]*[（(]?(?:星 ?期|周|礼拜) ?[一二三四五六日天][)）]?"
    r"|\s*[（(][一二三四五六日][)）]|\s+[一二三四五六日](?=[)）])"
    r"|[\s,，|·/]*\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?)?"
)
_BEFORE = r"(?:\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b[.,]?\s+)?"
# The last day of a week, which is the day of the issue.
_TO = rf"(?:\s*[–—-]\s*(?:{_MONTH.replace('?P<name>', '?P<toname>')}\s+)?(?P<tod>\d{{1,2}})(?:st|nd|rd|th)?)?"
_TO_HAN = r"(?:\s*[-–—~～至到]+\s*(?:20\d\d年)?(?:(?P<tom>\d{1,2})\s*月)?(?P<tod>\d{1,2})\s*[日号])?"
_FORMS = [
    re.compile(_BEFORE + form + _WEEKDAY, re.IGNORECASE)
    for form in (
        r"(?:中[华華])?民国\s*(?P<roc>\d{2,3})\s*年\s*(?P<m>\d{1,2})\s*月\s*(?P<d>\d{1,2})\s*[日号]?",
        r"(?<!\d)(?P<roc>1[0-2]\d)\s*年\s*(?P<m>\d{1,2})\s*月\s*(?P<d>\d{1,2})\s*日",
        r"(?P<y>20\d\d)\s*年\s*(?P<m>\d{1,2})\s*月\s*(?P<d>\d{1,2})\s*[日号]?" + _TO_HAN,
        r"(?<![\d.])(?P<y>20\d\d)(?P<s>[-./]| [-./] )(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})(?![\d])"
        r"(?:\s*[-–—~～至]+\s*(?:20\d\d(?P=s))?(?P<tom>\d{1,2})(?P=s)(?P<tod>\d{1,2})(?![\d]))?",
        r"(?<!\d)(?P<y>20\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?!\d)",
        r"(?<![\d.-])(?P<d>\d{1,2})(?P<s>[./-])(?P<m>\d{1,2})(?P=s)(?P<y>20\d\d)(?!\d)",
        r"(?<![\d/.])(?P<m>0?[1-9]|1[0-2])(?P<s>[/.])(?P<d>1[3-9]|2\d|3[01])(?P=s)(?P<y>20\d\d)(?!\d)",
        r"(?<![\d.])(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<yy>\d{2})(?![\d.])",
        r"(?<![\d/])(?P<d>1[3-9]|2\d|3[01])/(?P<m>0?[1-9]|1[0-2])/(?P<yy>\d{2})(?![\d/])",
        r"(?<![\d/])(?P<m>0?[1-9]|1[0-2])/(?P<d>1[3-9]|2\d|3[01])/(?P<yy>\d{2})(?![\d/])",
        r"(?P<cy>[〇零一二三四五六七八九]{4})年(?P<cm>[一二三四五六七八九十]{1,2})月(?P<cd>[一二三四五六七八九十廿卅]{1,3})[日号]",
        rf"\b(?P<d>\d{{1,2}})-?{_MONTH}-?(?P<y>20\d\d)\b",
        rf"\b(?P<d>\d{{1,2}})-{_MONTH}-(?P<yy>\d{{2}})\b",
        rf"(?<!#)\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?{_TO}(?:\s+of)?\s+{_MONTH},?\s+(?P<y>20\d\d)\b",
        rf"\b{_MONTH}\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?{_TO},?\s+(?P<y>20\d\d)\b",
        r"(?<!\d)(?P<m>\d{1,2})\s*月\s*(?P<d>\d{1,2})\s*[日号]" + _TO_HAN,
        r"(?P<cm>[一二三四五六七八九十]{1,2})月(?P<cd>[一二三四五六七八九十廿卅]{1,3})(?:[日号]|(?=[，,。 ]))",
        rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}(?!\w)",
        rf"\b{_MONTH}\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?!\w)",
        r"(?<![\d./-])(?P<d>1[3-9]|2\d|3[01])/(?P<m>0?[1-9]|1[0-2])(?![\d./-])",
        r"(?<![\d./-])(?P<m>0?[1-9]|1[0-2])(?P<s>[./-])(?P<d>0?[1-9]|[12]\d|3[01])"
        r"(?:\s*[-–—~～至]+\s*(?P<tom>0?[1-9]|1[0-2])(?P=s)(?P<tod>\d{1,2}))?(?![\d./-]|\s*[%％万亿元]|[KkMmWw]\b)",
        r"(?<![\d#第总.])(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?![\d年.]|\s*[%％万亿元])",
    )
]
LONGEST = timedelta(days=31)  # that an issue covers
AHEAD = timedelta(days=60)  # nobody writes the news of a day much later
_FULL_WIDTH = {0xFF10 + value: str(value) for value in range(10)} | {0xFF0D: "-", 0xFF0E: ".", 0xFF0F: "/"}


def find(text: str, today: date) -> tuple[date, bool, int, int] | None:
    """The first date in `text`: (day, whether it had a year, start, end); a missing year is the nearest to `today`,
    but not one that puts the day months ahead."""
    digits = fold(text).translate(_FULL_WIDTH)
    for form in _FORMS:
        for match in form.finditer(digits):
            groups = match.groupdict()
            year = (
                _number(groups.get("y"))
                or _short(groups.get("yy"))
                or _republican(groups.get("roc"))
                or han.figures(groups.get("cy") or "")
            )
            month = _number(groups.get("m")) or han.number(groups.get("cm") or "") or _month(groups.get("name"))
            day = _number(groups.get("d")) or han.number(groups.get("cd") or "")
            found = _date(year, month, day, today)
            if groups.get("yy") and (other := _year_first(match[0], today)):
                found = min(found or other, other, key=lambda one: abs(one - today))
            until = _number(groups.get("tod"))
            if found and until:
                month = _number(groups.get("tom")) or _month(groups.get("toname")) or found.month
                last = _date(found.year, month, until, today)
                found = last if last and timedelta() < last - found <= LONGEST else found
            if found:
                return found, bool(year), match.start(), match.end()
    return None


def _year_first(text: str, today: date) -> date | None:
    """The day of `26.5.21` with the year in front, as in China."""
    numbers = re.match(r"(2\d)[./](\d{1,2})[./](\d{1,2})$", text)
    return _date(_short(numbers[1]), int(numbers[2]), int(numbers[3]), today) if numbers else None


def nearest(day: date, to: date) -> date:
    """The same day and month in the year that puts it nearest to another day, but not months after it."""
    return _date(0, day.month, day.day, to) or day


def is_same(one: date, other: date) -> bool:
    """Whether two dates are of one day and month, whatever the year."""
    return (one.month, one.day) == (other.month, other.day)


def told_with_year(day: date, texts: Iterable[str]) -> date | None:
    """The same day where a text tells it with its year."""
    told = (found for text in texts if (found := find(text, day)) and found[1])
    return next((found[0] for found in told if is_same(found[0], day)), None)


def _date(year: int, month: int, day: int, today: date) -> date | None:
    years = [year] if year else [today.year - 1, today.year, today.year + 1]
    candidates = []
    for candidate in years:
        try:
            candidates.append(date(candidate, month, day))
        except ValueError:
            continue
    return min(candidates, key=lambda found: (found - today > AHEAD, abs(found - today)), default=None)


def _number(text: str | None) -> int:
    return int(text) if text else 0


def _short(year: str | None) -> int:
    """The year of a date that leaves the century out."""
    return int(year) + 2000 if year else 0


def _republican(year: str | None) -> int:
    """The year of a date that counts from 1912, as in Taiwan."""
    return int(year) + 1911 if year else 0


def _month(name: str | None) -> int:
    return _MONTHS.index(name[:3].lower()) + 1 if name else 0
