"""Numbers in Han signs: by their places, as 二十, 廿三 and 一百零八, or figure by figure, as 二〇二六."""

from __future__ import annotations

import re

_FIGURES = {sign: value for value, sign in enumerate("〇一二三四五六七八九")} | {"零": 0}
_ONE = "[一二三四五六七八九]"
_PLACES = {"千": 1000, "百": 100, "十": 10}
_NUMBER = re.compile("".join(f"({_ONE}?{sign})?[零〇]?" for sign in _PLACES) + f"({_ONE}?)")


def number(text: str) -> int:
    """The number that is written by its places; 0 where it is none."""
    found = _NUMBER.fullmatch(text.replace("廿", "二十").replace("卅", "三十"))
    if found is None:
        return 0
    *higher, one = found.groups()
    return _FIGURES.get(one, 0) + sum(_FIGURES.get(part[:-1], 1) * _PLACES[part[-1]] for part in higher if part)


def figures(text: str) -> int:
    """The number that is written one figure after the other; 0 where it is none."""
    written = [_FIGURES.get(sign) for sign in text]
    return 0 if None in written else int("".join(map(str, written)) or 0)
