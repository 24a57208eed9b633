"""A verifier of DKIM signatures as RFC 6376 section 6.1 describes one, with the records in a dict instead of DNS.

Where dkimpy is installed it is asked as well, and has to say the same.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import re
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailer.mail.dkim import Key, record_name

HAS_DKIMPY = importlib.util.find_spec("dkim") is not None
SIGNATURE = b"dkim-signature"


def verify(signed: bytes, *keys: Key, domain: str = "example.org") -> list[bool]:
    """What is to be said of each signature of a message, in their order."""
    zone = {record_name(key.selector, domain): key.record for key in keys}
    head, _, body = signed.partition(b"\r\n\r\n")
    fields = _fields(head)
    found = [_holds(one, fields, body, zone) for one in fields if _name(one) == SIGNATURE]
    if HAS_DKIMPY:
        assert _by_dkimpy(signed, zone, len(found)) == found
    return found


def broken(signed: bytes, *keys: Key) -> bool:
    """Whether every signature is refused."""
    return not any(verify(signed, *keys))


def _holds(signature: bytes, fields: list[bytes], body: bytes, zone: dict[str, str]) -> bool:
    tags = _tags(signature.partition(b":")[2].decode("ascii", "replace"))
    record = _tags(zone.get(f"{tags.get('s')}._domainkey.{tags.get('d')}", ""))
    names = tags.get("h", "").lower().split(":")
    if tags.get("v") != "1" or tags.get("c") != "relaxed/simple" or "l" in tags or "from" not in names or not record:
        return False
    if _decoded(tags["bh"]) != sha256(re.sub(rb"(\r\n)*\Z", b"", body) + b"\r\n").digest():
        return False
    left, chosen = [one for one in fields if one is not signature], b""
    for name in names:
        one = next((each for each in reversed(left) if _name(each) == name.encode()), None)  # RFC 6376 5.4.2
        if one is not None:
            left.remove(one)
            chosen += _relaxed(one) + b"\r\n"
    data = chosen + _relaxed(re.sub(rb"(?<=[;\s:])b=[^;]*", b"b=", signature))
    try:
        if tags["a"] == "ed25519-sha256":
            key = Ed25519PublicKey.from_public_bytes(_decoded(record["p"]))
            key.verify(_decoded(tags["b"]), sha256(data).digest())
        else:
            public = load_der_public_key(_decoded(record["p"]))
            assert isinstance(public, RSAPublicKey)
            public.verify(_decoded(tags["b"]), data, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _by_dkimpy(signed: bytes, zone: dict[str, str], count: int) -> list[bool]:
    dkim = importlib.import_module("dkim")
    records = {f"{name}.".encode(): record.encode() for name, record in zone.items()}

    def one(index: int) -> bool:
        try:
            found: bool = dkim.DKIM(signed).verify(idx=index, dnsfunc=lambda name, timeout=5: records.get(name))
        except dkim.DKIMException:
            return False
        return found

    return [one(index) for index in range(count)]


def _fields(head: bytes) -> list[bytes]:
    return re.sub(rb"\r\n(?![ \t])", b"\0", head).split(b"\0")


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].strip(b" \t").lower()


def _relaxed(field: bytes) -> bytes:
    """RFC 6376 section 3.4.2."""
    value = field.partition(b":")[2].replace(b"\r\n", b"")
    return _name(field) + b":" + re.sub(rb"[ \t]+", b" ", value).strip(b" ")


def _tags(text: str) -> dict[str, str]:
    """RFC 6376 section 3.2; white space means nothing in any of the tags there are."""
    pairs = (part.partition("=") for part in re.sub(r"\s", "", text).split(";") if part.strip())
    return {name: value for name, _, value in pairs}


def _decoded(text: str) -> bytes:
    return base64.b64decode(text)
