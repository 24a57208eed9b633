"""One classifier for refusals, whether a server said them to us or a report quotes them.

Words beat codes: the tables of `rules` are asked first, then the enhanced status, then the reply code, and what
nobody understands is `undefined`, which never counts as a dead address.
"""

from __future__ import annotations

import re
from dataclasses import replace

from mailer.mail.reply import Reply
from mailer.model.bounce import DEAD, FAMILY, Diagnosis, Family, Kind, kind_of
from mailer.model.clauses import not_found, of_our_account, of_something_else, said_of_reader
from mailer.model.delivery import Phase
from mailer.model.pairs import said_of_it, said_of_sender, said_to_rcpt
from mailer.model.phrasebook import SAID, Phrasebook, openings
from mailer.model.plain import HEDGES, plain
from mailer.model.rules.codes import CODES, GENERAL, STATUS
from mailer.model.rules.providers import PROVIDER_CODES
from mailer.model.rules.words import DEAD_PHRASES, LATE_PHRASES, PHRASES
from mailer.model.step import likely_step, step_in

_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_CODE = re.compile(r"(?<![\d.\-])([245]\d\d)(?=[\s\-,;:]|$)")

# Postfix's access(5): with 5.7.1 it is somebody's table or policy service that says the words which follow.
_ACCESS = "recipient address rejected"
_POLICIES = frozenset({"policyviolation", "securityerror", "rejected", "filtered"})
_VAGUE = ("mailbox unavailable", "mailbox not available", "account is not available")  # RFC 5321: for whatever reason
# What makes of "no such user" something that may pass or is about us, where no status says otherwise; and in an answer.
_BESIDE = {
    "too many": "speeding",
    "greylist": "systemerror",
    "graylist": "systemerror",
    "temporar": "systemerror",
    "again later": "systemerror",
    "try later": "systemerror",
    "callback": "rejected",
    "callout": "rejected",
    "whitelist": "rejected",
}
_BESIDE_ANSWERED = {
    **_BESIDE,
    "back later": "systemerror",
    "try again in": "systemerror",
    "in progress": "systemerror",
    "lookup failed": "systemerror",
    " header": "notcompliantrfc",
    "helo": "blocked",
    "dns says": "rejected",
    "may not relay": "norelaying",
    "your ptr": "requireptr",
    "authentication failed": "securityerror",
}
# RFC 3463: what has no room, where words leave it open; "too many messages" in a mailbox are no haste.
_ROOM = {
    ("speeding", "2.2"): "mailboxfull",
    ("mailboxfull", "3.1"): "systemfull",
    ("mesgtoobig", "5.2.3"): "exceedlimit",
}
_MOVED = frozenset({"7.17", "7.18"})  # RFC 7293 14: the mailbox or domain has a new owner
_PASSING = frozenset({*DEAD, Family.UNCLEAR, Family.TRANSPORT, Family.RATE})
_NO_MAIL = frozenset({521, 556})  # RFC 7504
_HOSTS = ("domain", "host", "server", "mx", "network", "system", "machine", "smtp", "service")
_HIS = frozenset({Family.NO_SUCH_ADDRESS, Family.INACTIVE, Family.MAILBOX_FULL, Family.REJECTED_AFTER_DATA})
_LOGIN = frozenset({530, 534, 535, 538})  # RFC 4954: about our user name and password
_AFTER_RECIPIENT = frozenset({Phase.DATA, Phase.BODY, Phase.DOT})
_BEFORE_RECIPIENT = frozenset({Phase.CONNECT, Phase.GREETING, Phase.TLS, Phase.AUTH, Phase.MAIL})


def classify_reply(reply: Reply, phase: Phase) -> Diagnosis:
    """What a server's refusal in our own dialogue means; a 4yz is never hard: the server asks for another try."""
    found = classify(reply.text, code=reply.code, status=reply.status, phase=phase, whole=True)
    if not reply.transient:
        return found
    return replace(found, kind=Kind.DELAY) if found.family in _PASSING else found


def classify_line(line: str) -> Diagnosis:
    """What one SMTP reply in a line of text means; the line does not say which command it answered: mostly RCPT."""
    code = _CODE.match(line.strip())
    return classify(line, code=int(code[1]) if code else 0, whole=True)


def classify(
    text: str, *, code: int = 0, status: str = "", phase: Phase | None = None, whole: bool | None = False
) -> Diagnosis:
    """What a diagnostic `text` means; code, status and phase are looked for in the text where not given.

    `whole` when the text is a server's answer and nothing else; None when nobody says whose answer it quotes.
    """
    said = plain(text)
    if status.endswith(".0.0"):
        status = _status_in(said) or status
    status = status or _status_in(said)
    status = "" if status in HEDGES else status
    code = code or _code_in(said)
    phase = phase or step_in(said)
    if phase is None and whole is not None:
        phase = likely_step(said, status, whole=whole)
    reason, rule = _by_words(said, status, phase, code)
    if reason == "undefined":
        reason, rule = _by_codes(status, code)
        if FAMILY.get(reason) is Family.NO_SUCH_ADDRESS and phase in _BEFORE_RECIPIENT:
            reason, rule = "rejected", f"{rule}; before RCPT"
    elif (whole or SAID in said) and FAMILY.get(reason) in _HIS and _is_about_us(said, phase, code):
        reason, rule = "securityerror", f"{rule}; of the account we send with"
    kind = kind_of(reason)
    if kind is Kind.HARD and status.startswith("4."):
        kind = Kind.SOFT  # RFC 3463 section 2: class 4 is a persistent *transient* failure
    return Diagnosis(kind, reason, status, rule)


def _is_about_us(said: str, phase: Phase | None, code: int) -> bool:
    """Whether an answer that seems to be about a reader's account is about ours: no reader has been named yet."""
    return code in _LOGIN or phase in _BEFORE_RECIPIENT or of_our_account(said)


def _by_words(said: str, status: str, phase: Phase | None, code: int) -> tuple[str, str]:
    begun = openings(said)
    for book in (_PROVIDERS, _WORDS):
        reason, rule = book.first(said, begun)
        if room := _ROOM.get((reason, status)) or _ROOM.get((reason, status[2:])):
            return room, f"{rule}; with {status}"
        if reason:
            about_us = reason == "userunknown" and not said.isascii() and said_of_sender(said)
            return ("rejected", about_us) if about_us else (reason, rule)
    reason, rule = _DEAD.first(said, begun)
    if reason:
        if about_us := said_of_sender(said):
            return "rejected", about_us
        if status == "5.2.1" and any(words in said for words in _VAGUE):
            return "suspend", f"status {status}; {rule} leaves it open"
        sure = ".1." in status[1:4] and not 400 <= code < 500
        answer = _CODE.match(said, 1) is not None
        beside = _BESIDE_ANSWERED if answer else _BESIDE
        word = next((word for word in beside if word in said and (not sure or word == "too many")), "")
        if word and reason in {"userunknown", "hostunknown"}:
            return "networkerror" if reason == "hostunknown" else beside[word], f"{rule}; beside {word!r}"
        other = of_something_else(said) if answer and not sure else None
        if other and not _DEAD.first(other[2], openings(other[2]))[0]:
            return other[0], f"{rule}; of {other[1]!r}"
        if reason == "notaccept" and code not in _NO_MAIL and not any(word in said for word in _HOSTS):
            return "filtered", f"{rule}; of a reader"
        if status == "5.1.2" and reason == "userunknown":
            return "hostunknown", f"{rule}; with {status}"
        policy = status.startswith("5.7.") and (_ACCESS in said or _LATE.first(said, begun)[0] in _POLICIES)
        return _place(reason, rule, status, phase, policy)
    if status[2:] in GENERAL and phase not in _BEFORE_RECIPIENT:
        reason, rule = said_of_reader(said)
        passing = status.startswith("4.") or 400 <= code < 500
        if reason and not (passing and reason == "userunknown"):
            return _place(reason, rule, status, phase, False)
    reason, rule = _LATE.first(said, begun)
    if reason == "networkerror" and status == "5.4.4":  # RFC 3463: unable to route, for good
        return "hostunknown", f"{rule}; with {status}"
    if (
        reason == "systemerror" and phase in {Phase.CONNECT, Phase.GREETING} and code >= 500
    ):  # refused before a word was said
        return "blocked", f"{rule}; in the greeting"
    if not reason and status[2:] in GENERAL:
        reason, rule = said_of_it(said)
        if (
            not reason
            and phase is Phase.RCPT
            and status[2:3] != "7"
            and (rule := said_to_rcpt(said) or not_found(said))
        ):
            reason = "userunknown"
        if reason == "userunknown":
            return _place(reason, rule, status, phase, False)
    if reason == "filtered" and status == "5.1.1" and phase not in _AFTER_RECIPIENT:
        return "userunknown", f"status {status}; {rule} leaves it open"
    return reason or "undefined", rule


def _place(reason: str, rule: str, status: str, phase: Phase | None, policy: bool) -> tuple[str, str]:
    """Whether "no such user" or "no such host" is believed, by the step and the status it came with.

    Believed of the RCPT step, unless a policy is named beside it, and with a status about the address; said after
    the content it is a filter's word or about our domain, before RCPT it is about our sender; with 4.x.x it may
    pass. At an unknown step, without such a status, it counts as a filter's: better one letter too many than a
    reader lost.
    """
    if status.startswith("4.") and reason == "hostunknown":
        return "networkerror", f"{rule}; with {status}"
    if phase in _BEFORE_RECIPIENT:
        return "rejected", f"{rule}; before RCPT"
    if reason == "hostunknown" and phase in _AFTER_RECIPIENT:  # a server of the reader's domain: it means ours
        return "rejected", f"{rule}; after DATA"
    if reason != "userunknown" or ".1." in status[1:4] or status[2:] in _MOVED:
        return reason, rule
    if status.startswith("5.7.") and (policy or phase is not Phase.RCPT):  # RFC 3463 3.8: security or policy
        return "filtered", f"{rule}; with {status}"
    if phase in _AFTER_RECIPIENT:
        return "filtered", f"{rule}; after DATA"
    if phase is None:
        return "filtered", f"{rule}; at an unknown step"
    return reason, rule


def _by_codes(status: str, code: int) -> tuple[str, str]:
    reason = "hostunknown" if status == "5.4.4" else STATUS.get(status[2:], "")
    if reason == "notaccept" and status.startswith("4."):
        reason = "systemerror"
    if reason and reason != "undefined":
        return reason, f"status {status}"
    if code in CODES:
        return CODES[code], f"code {code}"
    return "undefined", "none: no table knows these words or codes"


def names_nobody(status: str) -> bool:
    """Whether a status says by itself that there is no such address or domain (RFC 3463 3.2)."""
    return status.startswith("5.") and FAMILY.get(STATUS.get(status[2:], "")) in DEAD


_PROVIDERS, _WORDS, _DEAD, _LATE = map(Phrasebook, (PROVIDER_CODES, PHRASES, DEAD_PHRASES, LATE_PHRASES))


def _status_in(said: str) -> str:
    found = _STATUS.search(said)
    return found[1] if found else ""


def _code_in(said: str) -> int:
    found = _CODE.search(said)
    return int(found[1]) if found else 0


def phase_of(text: str) -> Phase | None:
    """The step of the SMTP dialogue at which a text says that the refusal came, or None."""
    return step_in(plain(text)) if text else None
