"""Whom a notice in words is about, where it says so, and whether its author can know that nobody is there."""

from __future__ import annotations

import re

from mailer.mail.mime import Headers, Mail
from mailer.model.notice_words import Expression

_ADDRESS = re.compile(r"(?<![\w.+=%-])[\w.!#$%&'*+/=?^`{|}~-]{1,128}@(?:[A-Za-z0-9-]{1,63}\.){0,8}[A-Za-z0-9-]{1,63}")
_SYSTEM = re.compile(
    r"(mailer-?daemon|postmaster|abuse|support|helpdesk|help|admin|hostmaster|noc|root|webmaster|info"
    r"|majordomo|double-bounce|[\w.+-]{1,60}-(ctl|admin|owner|request|subscribe|unsubscribe))@",
    re.I,
)
_NOISE = re.compile(
    r"\b(from|sender|contact|e-?mail us|questions?|assistance|reply|message[- ]id|mail from"
    r"|send .{0,20} to|write to|on behalf of|subject|id)\b[^@]{0,40}$",
    re.I,
)
_LEAD = re.compile(
    r"^[\s<>*\-.(\"'|:]*$|was addressed,? $|mailing list <$"
    r"|^\d{3}[ -](\d\.\d\.\d )?<?$|generated from <?$|smtp[=:]$|recipient[^@]{0,30}$"
    r"|\b(to|rcpt to|recipients?|address(es)?|user|for|account|failed|mailbox|deliver\w*)\b[^@]{0,30}$",
    re.I,
)
ANSWER = re.compile(r"(?<![\d.])[45]\d\d[ -]|(?<![\d.])[45]\.\d\.\d")
_QUOTED_FIELD = re.compile(r"[ \t>]*(to|cc|from|subject|sent|date|message-id|reply-to|sender)[ \t]*:", re.I)
_BARE = re.compile(
    r"following (?:recipient|address|user)[^:]{0,200}:\s*\n((?:[ \t]+[\w.+-]{2,64}[ \t]*(?:\n|$)){1,20})", re.I
)
_ALONE = re.compile(r"[\s<>*(\"']*$")
# What another server said is a quotation; and what a notice only supposes is no verdict.
_QUOTED = re.compile(
    r"\bsaid\b|remote|respon[ds]|replied|\bhost\b|\bserver\b.{0,80}(failed|answer|return|refus)"
    r"|smtp (server|error|repl|command)|<<<|>>>|\[#?-?\d+\]",
    re.I,
)
_SUPPOSED = Expression(
    r"\b(may|might|maybe|possibl[ey]|perhaps|probabl[ey]|either|likely|reasons? (include|are)|whether|oder|soit)\b",
    (
        ("de", "möglich | vielleicht | eventuell"),
        ("fr", "peut-être | possible"),
        ("es", "quizá | puede que | posible"),
        ("pt", "talvez | possíve"),
        ("it", "forse | potrebbe | oppure | possibil"),
        ("nl", "misschien | mogelijk"),
        ("pl", "możliw | być może"),
        ("ru", "возможн"),
        ("ja", "または | 可能性"),
        ("ko", "또는"),
        ("zh", "可能 | 或者"),
    ),
)
# What else may be unknown or missing than the reader.
_ELSE = Expression(
    r"\b(attach|files?\b|links?\b|urls?\b|web ?sites?\b|web ?pages?\b|images?\b|certificate)"
    r"|\b(datei|anhang|liens?\b|fichier|enlace|archivo|arquivo|anexo|allegat|bijlage|bestand|za\u0142\u0105cznik)",
    (
        ("ru", "вложени | файл | ссылк"),
        ("ja", "添付 | リンク"),
        ("ko", "첨부 | 링크"),
        ("zh", "附件 | 链接 | 鏈接 | 連結"),
    ),
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|[\u3002\uff01\uff1f]|\n\s*\n|:\s*\n")


def about(notice: str, recipient: str, count: int) -> str:
    """The words of a notice about one recipient; all of them when it is the only one."""
    if count == 1 or not recipient:
        return notice[:3000]
    start = notice.lower().find(recipient.lower())
    if start < 0:
        return ""
    near = notice[start : start + 600]
    others = (found for found in _ADDRESS.finditer(near, len(recipient)) if recipient.lower() not in found[0].lower())
    other = next(others, None)
    return near[: other.start()] if other else near


def lists_somebody(mail: Mail, notice: str) -> bool:
    """Whether an address that is not the author's own stands on a line by itself, as in no sentence of a person's."""
    author = _lowered(mail.headers, "from")
    for line in notice.split("\n")[:400]:
        named = {address.lower() for address in _ADDRESS.findall(line[:500])}
        if named - author and not _ADDRESS.sub("", line[:500]).strip(" \t<>*\"'(),;:."):
            return True
    return False


def knows(mail: Mail, address: str, words: str) -> bool:
    """Whether the words about an address are the verdict of the system that holds its mailbox.

    Its own words, nobody else's that it quotes; and the author is at the address's domain, or is Exim, which quotes
    whatever a host answered and else speaks of its own routing.
    """
    domain = address.rpartition("@")[2].lower()
    hosts = {author.rpartition("@")[2] for author in _lowered(mail.headers, "from")}
    local = any(host == domain or host.endswith(f".{domain}") for host in hosts)
    if not (local or "x-failed-recipients" in mail.headers):
        return False
    return not (_QUOTED.search(words) or _SUPPOSED.stands_in(words))


def of_something_else(words: str) -> tuple[list[str], list[str]]:
    """The sentences of a notice that speak of an attachment, a link and the like; and the others."""
    if not _ELSE.stands_in(words):
        return [], []
    sentences = [each for each in _SENTENCE.split(words)[:60] if each]
    elsewhere = [each for each in sentences if _ELSE.stands_in(each)]
    return elsewhere, [each for each in sentences if each not in elsewhere]


def named_in(mail: Mail, notice: str, original: Headers) -> list[str]:
    """The addresses a notice is about: named in a header, standing alone, or following a telling word."""
    named = [address for value in mail.headers.get("x-failed-recipients", ()) for address in _ADDRESS.findall(value)]
    if named:
        meant = [address for address in _in_words(mail, notice, original) if address in _sent_to(original)]
        unlike = not _sent_to(original) & {address.lower() for address in named}
        return meant if meant and unlike and len(named) == 1 else list(dict.fromkeys(named))[:100]
    return _in_words(mail, notice, original) or _bare_names(mail, notice)


def _in_words(mail: Mail, notice: str, original: Headers) -> list[str]:
    ours = _lowered(mail.headers, "to", "cc", "delivered-to", "x-original-to", "from")
    ours |= _lowered(original, "from", "return-path", "sender", "reply-to")
    sent = _sent_to(original)
    found: dict[str, int] = {}
    for line in notice.split("\n")[:400]:
        for match in _ADDRESS.finditer(line[:1000]):
            whole = match[0].strip(".'`").lower()
            address = whole.removeprefix("smtp=")  # as Exchange writes addresses in X.400 clothes
            if "." in address.rpartition("@")[2]:
                score = _score(address, line[: match.start() + len(whole) - len(address)], ours, sent)
                found[address] = max(score, found.get(address, 0))
    best = max(found.values(), default=0)
    return [address for address, score in found.items() if score >= min(best, 3) and score > 0][:100]


def _bare_names(mail: Mail, notice: str) -> list[str]:
    """Local parts listed without a domain: they are of the system that says so."""
    domain = next(iter(addresses(mail.headers.get("from", ()))), "").partition("@")[2]
    listed = _BARE.search(notice) if domain else None
    return [f"{name}@{domain}" for name in listed[1].split()[:20]] if listed else []


def _sent_to(original: Headers) -> set[str]:
    return _lowered(original, "to", "cc", "x-original-to", "delivered-to", "x-apparently-to")


def _lowered(headers: Headers, *names: str) -> set[str]:
    return {address.lower() for name in names for address in addresses(headers.get(name, ()))}


def _score(address: str, before: str, ours: set[str], sent: set[str]) -> int:
    """How surely a notice is about an address: 3 it stands where recipients stand, 1 it is merely named, 0 not."""
    quoted = _QUOTED_FIELD.match(before)
    alone = bool(_LEAD.search(before)) and not quoted
    if address in ours and address not in sent:
        return 2 if _ALONE.match(before) and not _SYSTEM.match(address) else 0
    if address in sent:
        return 4 if alone else 1 if quoted else 3
    if _SYSTEM.match(address):  # readers are called info@ too, but then they stand on a line of their own
        return 2 if _ALONE.match(before) else 0
    if _NOISE.search(before) and "generated from" not in before:
        return 0
    return 3 if alone else 1


def addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(address for value in values[:20] for address in _ADDRESS.findall(value[:4000])))[:100]
