"""DKIM signatures (RFC 6376, RFC 8463) on finished messages: a small signer for mail of our own making.

Header fields are signed in their relaxed form, the body in its simple one, which is what it already is. The time in a
signature is the message's own Date and both algorithms are deterministic: the same message and key give the same bytes.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from mailer.mail.wire import WireForm
from mailer.sentence import Sentence

SIGNED = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
)
"""What is signed where it is there (RFC 6376 5.4.1; both List-Unsubscribe fields: RFC 8058 section 4)."""

PrivateKey = RSAPrivateKey | Ed25519PrivateKey

LEAST_BITS, MOST_BITS, GOOD_BITS = 1024, 4096, 2048  # RFC 8301 section 3.2
EVER = datetime.min.replace(tzinfo=UTC)
STRING = 255  # octets in one string of a TXT record (RFC 1035 3.3.14)

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_BLANKS = re.compile(rb"[ \t]+")
_PKCS1, _SHA256 = padding.PKCS1v15(), hashes.SHA256()


@dataclass(frozen=True, slots=True)
class Key:
    """A private key, the selector its public half is found under, and the first moment whose mail it signs."""

    selector: str
    private: PrivateKey
    since: datetime = EVER

    @property
    def kind(self) -> str:
        """`rsa` or `ed25519`, the k= of its record (RFC 6376 3.6.1, RFC 8463 section 4)."""
        return "rsa" if isinstance(self.private, RSAPrivateKey) else "ed25519"

    @property
    def bits(self) -> int:
        """The size of an RSA key; ed25519 has one size, as good as RSA of 3072 bits."""
        return self.private.key_size if isinstance(self.private, RSAPrivateKey) else 3072

    def sign(self, data: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 6376 3.3.2), or Ed25519 over the SHA-256 (RFC 8463 section 3)."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(data, _PKCS1, _SHA256)
        return self.private.sign(sha256(data).digest())

    @property
    def record(self) -> str:
        """The text of its TXT record (RFC 6376 3.6.1; RFC 8463 section 4: a bare key for ed25519)."""
        encoding, form = serialization.Encoding, serialization.PublicFormat
        if isinstance(self.private, RSAPrivateKey):
            public = self.private.public_key().public_bytes(encoding.DER, form.SubjectPublicKeyInfo)
        else:
            public = self.private.public_key().public_bytes(encoding.Raw, form.Raw)
        return f"v=DKIM1; k={self.kind}; p={base64.b64encode(public).decode()}"


class Signer:
    """Signs for one domain with one key of each kind: the newest that is not newer than the message."""

    def __init__(self, domain: str, keys: Sequence[Key]) -> None:
        """Raises ValueError for a name that cannot stand in DNS, or two keys under one selector."""
        self.domain = check_name(domain, "domain").lower()
        self.keys = tuple(sorted(keys, key=lambda key: key.since))
        names = [check_name(key.selector, "selector").lower() for key in keys]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(Sentence("two keys have the selector '%(name)s'", name=name))

    def at(self, date: datetime | None) -> list[Key]:
        """The keys that sign a message of this Date, RSA first: not every verifier knows ed25519."""
        due = {key.kind: key for key in self.keys if key.since <= (date or EVER)}
        return [due[kind] for kind in ("rsa", "ed25519") if kind in due]

    def fields(self, message: bytes) -> bytes:
        """The DKIM-Signature fields that go in front of `message`, which has CRLF line ends; b"" where no key is due.

        Raises ValueError for a message without From, which nobody can sign (RFC 6376 5.4).
        """
        head, _, body = message.partition(b"\r\n\r\n")
        found = _fields(head)
        if b"from" not in found:
            raise ValueError("the message has no From, so it cannot be signed")
        date = _date(found)
        keys = self.at(date)
        if not keys:
            return b""
        names: list[str] = []
        data: list[bytes] = []
        for name in SIGNED:
            if values := found.get(name.lower().encode()):
                names += [name] * (len(values) + 1)  # once more than there are: nobody can add one (RFC 6376 8.15)
                data += reversed(values)
        body_hash = base64.b64encode(_body_hash(body)).decode()
        return b"".join(self._field(key, ":".join(names), b"".join(data), body_hash, date) for key in keys)

    def sign(self, message: WireForm) -> WireForm:
        """`message` with its signatures in front. Raises ValueError as `fields` does."""
        return WireForm(self.fields(message) + message)

    def _field(self, key: Key, names: str, signed: bytes, body_hash: str, date: datetime | None) -> bytes:
        moment = f" t={int(date.timestamp())};" if date is not None else ""
        start = (
            f"DKIM-Signature: v=1; a={key.kind}-sha256; c=relaxed/simple;\r\n d={self.domain};\r\n"
            f" s={key.selector};{moment}\r\n {_folded_names(names)};\r\n bh={body_hash};\r\n b="
        )
        own = f"dkim-signature:{start.partition(' ')[2]}".replace("\r\n", "").encode("ascii")
        value = base64.b64encode(key.sign(signed + own)).decode()
        lines = [value[at : at + 72] for at in range(0, len(value), 72)]
        return (start + "\r\n ".join(lines) + "\r\n").encode("ascii")


def read_key(pem: bytes) -> PrivateKey:
    """The private key in a PEM file. Raises ValueError saying in a few words what is wrong with it."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except TypeError:
        raise ValueError(Sentence("is locked with a password; DKIM keys have none")) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(Sentence("holds no private key in PEM form")) from None
    if isinstance(key, RSAPrivateKey):
        if not LEAST_BITS <= key.key_size <= MOST_BITS:
            what = "holds an RSA key of %(bits)s bits; verifiers take %(least)s to %(most)s"
            raise ValueError(Sentence(what, bits=key.key_size, least=LEAST_BITS, most=MOST_BITS))
        return key
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise ValueError(Sentence("holds a key that is neither RSA nor ed25519"))


def check_name(name: str, what: str) -> str:
    """`name` unchanged when it is one of DNS in ASCII, else ValueError."""
    if len(name) > 253 or not _NAME.fullmatch(name):
        pattern = "the %(what)s '%(name)s' is not a name in DNS (letters, digits, dashes, dots)"
        raise ValueError(Sentence(pattern, what=Sentence(what), name=name[:80]))
    return name


def record_name(selector: str, domain: str) -> str:
    """Where a verifier looks for the public key (RFC 6376 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


def public_part(record: str) -> str:
    """The public key in a record, without blanks (RFC 6376 3.6.1); "" where there is none."""
    tags = (tag.partition("=") for tag in record.split(";"))
    return next(("".join(value.split()) for name, _, value in tags if name.strip() == "p"), "")


def strings(record: str) -> list[str]:
    """A record's text in strings that a TXT record can hold; a verifier puts them together (RFC 6376 3.6.2.2)."""
    return [record[at : at + STRING] for at in range(0, len(record), STRING)]


def _fields(head: bytes) -> dict[bytes, list[bytes]]:
    """The fields of a header by lower-case name, in relaxed form with their CRLF (RFC 6376 3.4.2)."""
    found: dict[bytes, list[bytes]] = {}
    for line in _BLANKS.sub(b" ", _FOLD.sub(b"", head)).split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            name = name.rstrip(b" ").lower()
            found.setdefault(name, []).append(b"%b:%b\r\n" % (name, value.strip(b" ")))
    return found


def _body_hash(body: bytes) -> bytes:
    """SHA-256 of the body in simple form: empty lines at its end do not count, it ends with CRLF (RFC 6376 3.4.3)."""
    end = len(body)
    while body.endswith(b"\r\n\r\n", 0, end):
        end -= 2
    digest = sha256(memoryview(body)[:end])
    if not body.endswith(b"\r\n", 0, end):
        digest.update(b"\r\n")
    return digest.digest()


def _date(found: dict[bytes, list[bytes]]) -> datetime | None:
    try:
        date = parsedate_to_datetime(found[b"date"][0][5:].decode("ascii"))
    except (KeyError, ValueError):
        return None
    return date if date.tzinfo is not None else None


@lru_cache(maxsize=32)
def _folded_names(names: str) -> str:
    """`h=` with the names of what is signed, folded at colons (RFC 6376 3.5)."""
    lines = ["h="]
    for name in names.split(":"):
        if len(lines[-1]) + len(name) > 72:
            lines.append("")
        lines[-1] += f"{name}:"
    return "\r\n ".join(lines).removesuffix(":")
