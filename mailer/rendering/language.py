"""Which language a run of text is in, told by its script: Han, kana, Hangul or Latin letters."""

from __future__ import annotations

import re

from mailer.model.language_tag import primary

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd〇]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_WORD = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’-][A-Za-zÀ-ɏ]+)*")

# Language -> the script it is written in, where that is not Latin.
_SCRIPTS = {"zh": "han", "yue": "han", "ja": "kana", "ko": "hangul"}
_TAGS = {"kana": "ja", "hangul": "ko", "latin": "en"}


def is_chinese(tag: str) -> bool:
    """Whether a tag names Chinese."""
    return _SCRIPTS.get(primary(tag)) == "han"


def han_share(text: str) -> float:
    """The share of Han characters among Han characters and Latin words, 0 for a text with neither."""
    han, words = len(_HAN.findall(text)), len(_WORD.findall(text))
    return han / (han + words) if han + words else 0.0


def detect(text: str, default: str) -> str:
    """The tag of the language `text` is in: `default` where its script fits, else the commonest of that script.

    A Han character counts as much as a Latin word, so that a Chinese headline may hold foreign names.
    """
    script = _script(text)
    if script is None or (script == _SCRIPTS.get(primary(default), "latin") and default != "zh"):
        return default
    return han_tag(text) if script == "han" else _TAGS[script]


def han_tag(text: str) -> str:
    """Whether Chinese is written in simplified or traditional characters: which old character set has them."""
    han = set(_HAN.findall(text))
    only_one = [(_has(character, "gb2312"), _has(character, "big5")) for character in han]
    traditional, simplified = only_one.count((False, True)), only_one.count((True, False))
    return "zh-Hant" if traditional > simplified else "zh-Hans"


def _has(character: str, charset: str) -> bool:
    try:
        return bool(character.encode(charset))
    except UnicodeEncodeError:
        return False


def _script(text: str) -> str | None:
    han, kana, hangul = (len(pattern.findall(text)) for pattern in (_HAN, _KANA, _HANGUL))
    words = len(_WORD.findall(text))
    if not han + kana + hangul + words:
        return None
    if words > han + kana + hangul:
        return "latin"
    if kana and kana * 8 >= han:
        return "kana"
    return "hangul" if hangul > han else "han"
