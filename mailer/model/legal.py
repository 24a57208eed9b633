"""What a law demands of an issue before it may be sent: pure checks of plain facts, no legal advice."""

from __future__ import annotations

from dataclasses import dataclass

from mailer.sentence import Sentence

PROFILES = ("none", "china", "eu", "us")
# MIIT Order 38 (2006) article 13-3: the subject of commercial mail begins with one of these.
CHINESE_LABELS = ("广告", "AD")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the settings say: subject label, postal address, where refusals go (a reply_to will do), consent wording."""

    label: str = ""
    postal_address: str = ""
    refusal_address: str = ""
    wording: str = ""


def missing(profile: str, facts: Facts) -> list[Sentence]:
    """What `profile` demands and `facts` lack: one clause a line, naming the setting; empty when nothing is missing.

    Raises ValueError for a profile nobody knows.
    """
    if profile not in PROFILES:
        raise ValueError(f"no legal profile {profile!r}")
    lacks = []
    if profile == "china" and not facts.label.strip().startswith(CHINESE_LABELS):
        lacks.append(Sentence("a subject label 广告 or AD (MIIT Order 38, article 13): [legal] label"))
    if profile == "china" and not facts.refusal_address.strip():
        what = "an address that takes refusals (MIIT Order 38, article 14): [legal] refusal_address"
        lacks.append(Sentence(what))
    if profile in {"us", "eu"} and not facts.postal_address.strip():
        what = "the sender's postal address (e-commerce directive, article 5): [newsletter] postal_address"
        if profile == "us":
            what = "the sender's postal address (CAN-SPAM, section 5(a)(5)): [newsletter] postal_address"
        lacks.append(Sentence(what))
    if profile in {"china", "eu"} and not facts.wording.strip():
        what = "the wording readers agree to (GDPR, article 7): [join] wording"
        if profile == "china":
            what = "the wording readers agree to (PIPL, article 14): [join] wording"
        lacks.append(Sentence(what))
    return lacks
