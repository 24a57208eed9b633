"""The form in which rules want a text: bounded, lower case, single blanks, no addresses, links and names of hosts."""

from __future__ import annotations

import re
from functools import lru_cache

MAX_TEXT = 4000

_LINK = re.compile(r"https?://\S{1,500}", re.I)
_GOOGLE = re.compile(r"\?p=\w{1,40}|groups\.google\.com/support", re.I)
# The name of the host that speaks, and of what it filters with, is nothing it says.
_HOST = re.compile(r"host (?:[\w-]{1,63}\.){1,8}[\w-]{1,63}(?= ?\[[\da-fA-F.:]{3,45}\]| said\b|\.?:)")
_BRAND = re.compile(r"spam(?:titan|experts|hero|ina|fighter|soap|proxy)\b", re.I)
_SPELT = {"recognis": "recogniz", "authoris": "authoriz", "organis": "organiz"}
_ADDRESS = re.compile(r"<?[^\s<>()\[\]\"',;:]{1,128}@(?:[\w-]{1,63}\.){0,8}[\w-]{1,63}>?")
# Where a notice leaves open what it was: the answer it quotes has to say it (Google; Microsoft, 5.1.351).
HEDGES = (
    "address couldn't be found, or is unable to receive mail",
    "remote server returned unknown recipient or mailbox unavailable",
    "5.1.351",
)


@lru_cache(maxsize=8)  # step and reason are looked for in the same text, one after the other
def plain(text: str) -> str:
    """The text as rules want it; addresses are `<>`, of links Google's codes are left."""
    text = text[:MAX_TEXT]
    if "://" in text:
        text = _LINK.sub(lambda link: " " + " ".join(_GOOGLE.findall(link[0])) + " ", text)
    if "host " in text:
        text = _HOST.sub("host", text)
    if "spam" in text.lower():
        text = _BRAND.sub("", text)
    if "@" in text:
        text = _ADDRESS.sub("<>", text)
    said = f" {' '.join(text.split()).lower()} ".replace("\u2019", "'")
    for british, american in _SPELT.items():
        said = said.replace(british, american)
    for hedge in HEDGES:
        said = said.replace(hedge, " ")
    return said
