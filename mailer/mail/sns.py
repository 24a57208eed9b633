"""Messages of Amazon SNS: what they say, and whether Amazon signed them (SNS Developer Guide, verifying signatures)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

MAX_SIZE = 300_000  # SNS carries at most 256 KiB
NOTIFICATION = "Notification"
CONFIRMATION = "SubscriptionConfirmation"
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - version 1 is SHA-1
_HOST = re.compile(r"sns\.([a-z]{2}(?:-[a-z]{2,12}){1,3}-\d)\.amazonaws\.com(?:\.cn)?")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,80}\.pem")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message of SNS as posted; nothing in it is to be believed before `signed_by` said so."""

    type: str
    topic: str
    message: str
    certificate_url: str
    subscribe_url: str
    version: str
    signature: bytes
    signed: bytes


def read(body: bytes) -> Envelope | None:
    """The message in a request's body; None when it is none."""
    try:
        fields = json.loads(body[:MAX_SIZE])
        names = _SIGNED[fields["Type"]]
        signed = "".join(f"{name}\n{_text(fields, name)}\n" for name in names if name != "Subject" or fields.get(name))
        return Envelope(
            fields["Type"],
            _text(fields, "TopicArn"),
            _text(fields, "Message"),
            _text(fields, "SigningCertURL"),
            fields.get("SubscribeURL") or "",
            _text(fields, "SignatureVersion"),
            base64.b64decode(_text(fields, "Signature"), validate=True),
            signed.encode(),
        )
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        return None


def _text(fields: dict[str, object], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def is_for(envelope: Envelope, topics: Collection[str]) -> bool:
    """Whether the topic is one of `topics`, and the certificate lies with Amazon, in the topic's own region."""
    link = envelope.certificate_url
    bare = not set("?#") & set(link)  # a query would make one certificate many, to be fetched and kept each
    return envelope.topic in topics and bare and _is_amazon(link, envelope.topic, _CERTIFICATE)


def may_confirm(envelope: Envelope) -> bool:
    """Whether the link that confirms a subscription is Amazon's and about this very topic."""
    link = envelope.subscribe_url
    if not _is_amazon(link, envelope.topic, re.compile("/?")):
        return False
    query = parse_qs(urlsplit(link).query)
    return query.get("Action") == ["ConfirmSubscription"] and query.get("TopicArn") == [envelope.topic]


def _is_amazon(url: str, topic: str, path: re.Pattern[str]) -> bool:
    try:
        parts = urlsplit(url)
        host = _HOST.fullmatch(parts.netloc)
    except ValueError:
        return False
    region = topic.split(":")[3] if topic.count(":") == 5 else ""
    return parts.scheme == "https" and bool(path.fullmatch(parts.path)) and host is not None and host[1] == region


def signed_by(envelope: Envelope, certificate: bytes, now: datetime) -> bool:
    """Whether the message bears the signature of the certificate (PEM), valid at `now`; versions 1 and 2."""
    algorithm = _HASHES.get(envelope.version)
    try:
        found = x509.load_pem_x509_certificate(certificate)
        key = found.public_key()
        if algorithm is None or not isinstance(key, rsa.RSAPublicKey):
            return False
        if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
            return False
        key.verify(envelope.signature, envelope.signed, padding.PKCS1v15(), algorithm)
    except (ValueError, InvalidSignature):
        return False
    return True


def as_mail(message: str) -> bytes:
    """A notification as a mail's body, JSON's escapes resolved: so a token is found however it was written."""
    with suppress(ValueError, RecursionError):  # what is not JSON is kept as it came
        message = json.dumps(json.loads(message), ensure_ascii=False)
    return b"Content-Type: text/plain; charset=utf-8\n\n" + message.encode("utf-8", "replace")
