"""Answers that mean "slower": whom they are about, and for how long nothing more is sent there.

A throttle is never the reader's fault, whatever its code: QQ says 550. Compared in lower case, anywhere in the
reply; the first row that matches speaks. What no row knows is judged by the bounce rules (`model.diagnosis`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailer.mail.reply import Reply
from mailer.model import diagnosis
from mailer.model.bounce import Family
from mailer.model.delivery import Phase
from mailer.model.pacing import group_of

MINUTE = 60.0
HOUR = 3600.0

RELAY = "relay"  # our account at the relay, whoever the recipient is
READER = "reader"  # one mailbox gets too much mail: an ordinary deferral

# (whose answer, words, first pause in seconds, source). Whose: a provider's group, RELAY or READER.
ANSWERS: tuple[tuple[str, str, float, str], ...] = (
    # Gmail: one mailbox, then our address or domain
    (READER, "receiving mail at a rate that | ?p=receivingrate", 0, "support.google.com/a/answer/3726730, 4.2.1"),
    ("gmail.com", "4.7.28 | ?p=unsolicitedratelimit", 5 * MINUTE, "support.google.com/a/answer/3726730"),
    ("gmail.com", "unusual rate of", 5 * MINUTE, "support.google.com/a/answer/3726730, 421 4.7.0"),
    (RELAY, "daily user sending limit | ?p=dailysending", HOUR, "support.google.com/a/answer/3726730, 550 5.4.5"),
    # QQ and Tencent's company mail: a few minutes, hours or the day, by which limit was passed; 550 although it passes
    ("qq.com", "connection frequency limited", MINUTE, "service.mail.qq.com 1000725: the address's rate"),
    ("qq.com", "ip frequency limited", MINUTE, "service.mail.qq.com 1000725: the address's rate"),
    ("qq.com", "domain frequency limited", MINUTE, "service.mail.qq.com: the sender domain's rate"),
    ("qq.com", "sender frequency limited", MINUTE, "service.mail.qq.com 1000723: the sender's rate"),
    # NetEase: HL before the greeting, MI of the sender, RP of the recipients
    ("163.com", "hl:icc", MINUTE, "help.163.com, return codes: too many connections at once"),
    ("163.com", "hl:ifc", MINUTE, "help.163.com, return codes: too much in a short time"),
    ("163.com", "mi:sfq", 15 * MINUTE, "help.163.com, return codes: the sender's limit in 15 minutes"),
    ("163.com", "rp:qrc | rp:trc", 15 * MINUTE, "help.163.com, return codes: recipients in a short time"),
    ("163.com", "mi:dmc | rp:drc", MINUTE, "help.163.com, return codes: too much on this connection"),
    ("163.com", "mi:stc", 24 * HOUR, "help.163.com, return codes: the sender's limit for the day"),
    # Microsoft: consumers' mail, then Exchange Online
    ("outlook.com", "(rp-001) | (rp-002) | (rp-003)", 5 * MINUTE, "postmaster.live.com, SMTP error codes"),
    ("outlook.com", "4.7.500 | 4.7.650 | 4.7.651", 5 * MINUTE, "learn.microsoft.com, NDR codes: address throttled"),
    ("outlook.com", "concurrent connections per resource forest", MINUTE, "learn.microsoft.com: 421 4.3.2"),
    (RELAY, "concurrent connections limit exceeded", MINUTE, "learn.microsoft.com, SMTP submission: 432 4.3.2"),
    (RELAY, "submission quota exceeded", HOUR, "learn.microsoft.com, SMTP submission: 5.2.2"),
    # Yahoo and AOL
    ("yahoo.com", "[tss04] | [tss05] | [ts01] | [ts02]", 10 * MINUTE, "senders.yahooinc.com/smtp-error-codes"),
    ("yahoo.com", "unexpected volume or user complaints", 10 * MINUTE, "senders.yahooinc.com/smtp-error-codes"),
    # Senders' own relays
    (RELAY, "maximum sending rate exceeded", 2.0, "docs.aws.amazon.com/ses, sending quota errors: 454"),
    (RELAY, "daily message quota exceeded", HOUR, "docs.aws.amazon.com/ses, sending quota errors: 454"),
    (
        RELAY,
        "sending limit | sending quota exceeded | hourly limit | daily limit",
        HOUR,
        "practice of submission servers",
    ),
)
_ROWS = tuple(
    (whose, tuple(" ".join(words.split()) for words in phrases.split("|")), pause, source)
    for whose, phrases, pause, source in ANSWERS
)

_ENOUGH = re.compile(
    r"messages? (?:in|on|over|per|for) (?:(?:this|the|one|a|each|a single) )?(?:smtp )?(?:connection|session)"
)


@dataclass(frozen=True, slots=True)
class Throttle:
    """Slow down: `group` the provider it is about, or "" for the relay; `pause` in seconds; `rule` what spoke."""

    group: str
    pause: float
    rule: str

    @property
    def is_by_second(self) -> bool:
        """Whether it is about a limit by the second, which is over in a moment."""
        return self.pause < MINUTE


def throttle_of(reply: Reply, phase: Phase, domain: str) -> Throttle | None:
    """Whether a refusal asks us to go slower, and whom it is about; None when it says something else.

    A provider's own words about another provider's reader come from the relay: it is the relay's limit.
    """
    if reply.positive:
        return None
    said, group = reply.text.lower(), group_of(domain)
    for whose, phrases, pause, source in _ROWS:
        for phrase in phrases:
            if phrase in said:
                if whose == READER:
                    return None
                elsewhere = whose == RELAY or (whose != group and _is_known(group))
                return Throttle("" if elsewhere else group, pause, f"{phrase!r} ({source})")
    found = diagnosis.classify_reply(reply, phase)
    if found.family is not Family.RATE:
        return None
    before_reader = phase not in {Phase.RCPT, Phase.DATA, Phase.BODY, Phase.DOT}
    return Throttle("" if before_reader else group, MINUTE, found.rule)


def is_enough(reply: Reply) -> bool:
    """Whether a relay takes no more messages over this connection, and would over another.

    Exim and Amazon SES say "421 too many messages in this connection".
    """
    return not reply.positive and _ENOUGH.search(reply.text.lower()) is not None


def _is_known(group: str) -> bool:
    """Whether a group is one of the table's providers; a company's domain may be hosted by any of them."""
    return any(group == whose for whose, *_ in _ROWS)
