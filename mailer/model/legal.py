"""What a law demands of an issue before it may be sent: pure checks of plain facts, no legal advice."""

from __future__ import annotations

from dataclasses import dataclass

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


def missing(profile: str, facts: Facts) -> list[str]:
    """What `profile` demands and `facts` lack: one clause a line, naming the setting; empty when nothing is missing.

    Raises ValueError for a profile nobody knows.
    """
    if profile not in PROFILES:
        raise ValueError(f"no legal profile {profile!r}")
    lacks = []
    if profile == "china" and not facts.label.strip().startswith(CHINESE_LABELS):
        lacks.append("a subject label 广告 or AD (MIIT Order 38, article 13): [legal] label")
    if profile == "china" and not facts.refusal_address.strip():
        lacks.append("an address that takes refusals (MIIT Order 38, article 14): [legal] refusal_address")
    if profile in {"us", "eu"} and not facts.postal_address.strip():
        law = {"us": "CAN-SPAM, section 5(a)(5)", "eu": "e-commerce directive, article 5"}[profile]
        lacks.append(f"the sender's postal address ({law}): [newsletter] postal_address")
    if profile in {"china", "eu"} and not facts.wording.strip():
        law = {"china": "PIPL, article 14", "eu": "GDPR, article 7"}[profile]
        lacks.append(f"the wording readers agree to ({law}): [join] wording")
    return lacks
