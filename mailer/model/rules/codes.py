"""What is asked where no phrase is known: a thing and what is said of it, then enhanced status, then reply code."""

from __future__ import annotations

# What is meant where no phrase above is known and the status is a general one: a thing and what is said of it, within
# 60 characters and in either order. The narrow before the wide.
PAIRS: tuple[tuple[str, str, str], ...] = (
    (
        "norelaying",
        "relay | relays | relaying | handle mail for",
        "not allow | denied | refus | prohibit | no longer | not permit | forbid | not accept | don't | do not",
    ),
    (
        "authfailure",
        "signature | dkim | spf | dmarc",
        "not valid | no valid | not carry a valid | invalid | fail | missing | not verif | not aligned | unsigned | "
        "not pass | not found | required | absent",
    ),
    ("blocked", "helo | ehlo", "bad | invalid | wrong | forged | mismatch | not exist | not resolve"),
    ("networkerror", "connection | socket", "closed by | reset by | dropped by | broken | terminated by"),
    ("networkerror", "dns | mx record | name server", "error | fail | timeout | timed out | unresolv"),
    (
        "rejected",
        "sender | mail from | from address | from domain | envelope from | return-path | return path | your domain | "
        "your address",
        "invalid | reject | refus | den | block | not allowed | not accept | not exist | not found | unknown | "
        "not valid | forbid | banned | blacklist | verif | unverif",
    ),
    (
        "mailboxfull",
        "mailbox | mail box | inbox | account | user | quota | storage | disk | box",
        "is full | full. | exceed | over its | out of space | no space | exhausted | not enough | overflow | overdrawn",
    ),
    (
        "mailboxfull",
        "mailbox | mail box | inbox | storage | disk | space",
        "used up | reached its | reached the maximum | maximum size | no more mail",
    ),
    (
        "suspend",
        "user | account | mailbox | mail box | recipient | address",
        "disabled | suspend | locked | frozen | inactive | closed | forbid | expired | deactivated | terminated | "
        "on hold | archived | not activated | not yet activated | lapsed | ceased",
    ),
    (
        "mesgtoobig",
        "size | length | bytes | octets | kb | mb | attachment | message",
        "exceed | too large | too big | too long | larger than | maximum | over the limit | limit is | bigger than",
    ),
    (
        "speeding",
        "rcpt | recipients | messages | mails | emails | connections | rate | frequency | sending | volume | sessions",
        "too many | too much | too high | limit | exceed | quota | excessive | unusual | slow down",
    ),
    (
        "notcompliantrfc",
        "header | headers",
        "no | missing | duplicate | malformed | too many | invalid | not valid | future",
    ),
    (
        "systemerror",
        "write to | mail store | spool | database",
        "cannot | unable | fail | error | unreach | unavail | down",
    ),
    (
        "contenterror",
        "attachment | attachments | file | files",
        "not accept | not allowed | refus | reject | block | forbid | denied",
    ),
    (
        "blocked",
        "ip | client | host | server | network | connection | country | provider",
        "blocked | banned | forbidden | denied | refused | rejected | not welcome | black | not allow | not accept",
    ),
    (
        "filtered",
        "user | recipient | rcpt | mailbox | account | address",
        "reject | refus | denied | denies | not allowed | not permitted | not ok | restricted | not accept",
    ),
    (
        "spamdetected",
        "content | message | mail | email | attachment | url | link | body | subject",
        "reject | blocked | refus | denied | forbidden | not welcome | suspicious | harmful | phish | unwanted | bad | "
        "not wanted | not accept | not allow | "
        "bulk | mass mail",
    ),
)

# In a short answer to RCPT the reader need not be named: these words are said of him, unless another thing is named.
UNSAID = "unknown | unkown | not known | not found | not present | not in use | no such | not exist | nonexistent"
UNLESS = (
    "sender | from | ip | host | client | server | domain | command | helo | ehlo | dns | mx | spf | dkim | dmarc | "
    "key | certificate | signature | error | reason | problem | fail | internal | policy | service | protocol | "
    "option | parameter | method | header | file | directory | database | table | map | lookup | record | route | "
    "relay | queue | transport | mailer | temporar | later | url | link | subject | attachment | body | content | "
    "text | reverse | ptr | rdns | country"
)

# Status codes that leave the matter open (RFC 3463: X.0, and the catch-alls 5.0 and 7.1).
GENERAL = frozenset({"", "0.0", "1.0", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0", "7.1"})

# Enhanced status codes without their class, asked when no words spoke (RFC 3463, registry of RFC 5248).
STATUS_TABLE: tuple[tuple[str, str], ...] = (
    ("userunknown", "1.1 1.3"),
    ("hostunknown", "1.2"),
    ("hasmoved", "1.6 7.17 7.18"),
    ("rejected", "1.7 1.8 1.9 7.27"),
    ("notaccept", "1.10 3.2"),
    ("filtered", "2.0 7.2"),
    ("suspend", "2.1 7.13"),
    ("mailboxfull", "2.2"),
    ("exceedlimit", "2.3"),
    ("systemerror", "3.0 3.3 3.5 4.3"),
    ("systemfull", "3.1"),
    ("mesgtoobig", "3.4"),
    ("networkerror", "4.0 4.2 4.4 4.6 4.8 4.14"),
    ("expired", "4.1 4.7"),
    ("toomanyconn", "4.5 5.3"),
    ("syntaxerror", "5.0 5.1 5.2 5.4 5.5 5.6"),
    ("contenterror", "6.0 6.1 6.2 6.3 6.4 6.5 6.6 6.7 6.8 6.9 6.10"),
    ("policyviolation", "7.0 7.1"),
    ("securityerror", "7.3 7.4 7.5 7.6 7.7 7.8 7.9 7.11 7.12 7.14"),
    ("failedstarttls", "7.10"),
    ("authfailure", "7.20 7.21 7.22 7.23 7.24 7.26 7.509 7.515"),
    ("requireptr", "7.25"),
    ("speeding", "7.28"),
)

# Reply codes, asked last (RFC 5321 4.2.2, RFC 7504).
CODE_TABLE: tuple[tuple[str, str], ...] = (
    ("systemerror", "421 451"),
    ("securityerror", "432 454 530 534 535"),
    ("networkerror", "442"),
    ("expired", "447"),
    ("systemfull", "452"),
    ("syntaxerror", "500 501 502 503 504 555"),
    ("notaccept", "521 556"),
    ("exceedlimit", "523"),
    ("suspend", "525"),
    ("failedstarttls", "538"),
    ("rejected", "541"),
    ("hasmoved", "551"),
    ("mailboxfull", "552"),
    ("policyviolation", "570 571"),
)

STATUS = {status: reason for reason, statuses in STATUS_TABLE for status in statuses.split()}
CODES = {int(code): reason for reason, codes in CODE_TABLE for code in codes.split()}
