"""Links inside a pasted line, kept in marks of private characters that no pasted text has."""

from __future__ import annotations

import re

# A link inside a line: LINK text LINK_URL address LINK_END.
LINK, LINK_URL, LINK_END = "\ue000", "\ue001", "\ue002"


def strip(text: str) -> tuple[str, str]:
    """The words of a line without its link marks, and the last address in it."""
    urls = re.findall(f"{LINK_URL}([^{LINK_END}]*){LINK_END}", text)
    return re.sub(f"{LINK_URL}[^{LINK_END}]*{LINK_END}", "", text).replace(LINK, ""), urls[-1] if urls else ""


def words(text: str) -> str:
    """The words of a line's only link, "" where they are its address or there are several."""
    found = re.findall(f"{LINK}([^{LINK_URL}]+){LINK_URL}", text)
    return found[0].strip() if len(found) == 1 and "://" not in found[0] else ""


def cut(text: str, before: str) -> str:
    """The beginning of `text`, marks and all, whose words are `before`."""
    kept, count, inside = [], 0, False
    for character in text:
        if character == LINK_URL:
            inside = True
        if not inside and character != LINK:
            if count == len(before):
                break
            count += 1
        kept.append(character)
        if character == LINK_END:
            inside = False
    cut = "".join(kept).rstrip()
    return re.sub(f"{LINK}[^{LINK_URL}]*$", "", cut).rstrip()


def host(url: str) -> str:
    """The host of an address, without `www.`."""
    match = re.match(r"https?://(?:www\.)?([^/:?#]+)", url)
    return match[1] if match else url
