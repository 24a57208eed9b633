"""Amazon's notifications: believed when Amazon signed them and the topic is ours, 200 once they are durable."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from sqlalchemy import insert, select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from mailer.errors import UsageError
from mailer.flows.bounce import TakeIn
from mailer.intake.amazon import Certificates
from mailer.model.tokens import Keyring, Purpose
from mailer.store import suppressions
from mailer.store.engine import Database
from mailer.store.schema import deliveries, returned_mails, subscribers
from mailer.web import hooks

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
RING = Keyring({1: b"k" * 32}, 1)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-returns"
PEM = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem"
KEY = rsa.generate_private_key(65537, 2048)
ORDER = {
    "Notification": "Message MessageId Subject Timestamp TopicArn Type",
    "SubscriptionConfirmation": "Message MessageId SubscribeURL Timestamp Token TopicArn Type",
}


def certificate(until: timedelta = timedelta(days=1)) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    built = built.serial_number(1).not_valid_before(NOW - timedelta(days=2)).not_valid_after(NOW + until)
    return built.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def post(version: str = "2", **fields: Any) -> dict[str, Any]:
    """A message of SNS, signed as its documentation says."""
    kind = fields.get("Type", "Notification")
    message = {
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Timestamp": "2026-03-02T07:59:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": PEM,
        **fields,
    }
    signed = "".join(f"{name}\n{message[name]}\n" for name in ORDER[kind].split() if name in message)
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303 - version 1 is SHA-1
    signature = KEY.sign(signed.encode(), padding.PKCS1v15(), algorithm)
    return {**message, "Signature": base64.b64encode(signature).decode()}


class Amazon:
    """What is fetched from Amazon."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: bytes | None = certificate()

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if self.answer is None:
            raise OSError("no network")
        return self.answer


class Writes:
    """As much of the pages' parts as the hook needs."""

    async def write(self, step: Callable[..., Any], *args: Any) -> Any:
        return step(*args)


@pytest.fixture
def amazon() -> Amazon:
    return Amazon()


@pytest.fixture
def client(db: Database, amazon: Amazon) -> TestClient:
    class Club:
        settings = type("Settings", (), {"bounces": type("Bounces", (), {"topic_arns": (TOPIC,)})})

        def returned_mail(self) -> TakeIn:
            return TakeIn(db, RING, lambda: NOW)

    app = Starlette(routes=[hooks.route(Club(), amazon)])  # type: ignore[arg-type]
    app.state.parts = Writes()
    return TestClient(app)


@pytest.fixture
def dave(db: Database) -> int:
    with db.transaction() as conn:
        address = {"address": "dave@example.org", "domain": "example.org"}
        row = {**address, "match_key": "dave@example.org", "state": "active", "created_at": NOW}
        who = conn.execute(insert(subscribers).values(row).returning(subscribers.c.id)).scalar_one()
        row = {**address, "subscriber_id": who, "due_at": NOW, "changed_at": NOW, "state": "accepted"}
        return conn.execute(insert(deliveries).values(row).returning(deliveries.c.id)).scalar_one()


def bounce(delivery: int) -> str:
    """A notification of SES about a bounce."""
    recipient = {
        "emailAddress": "dave@example.org",
        "action": "failed",
        "status": "5.1.1",
        "diagnosticCode": "smtp; 550 5.1.1 user unknown",
    }
    return json.dumps(
        {
            "notificationType": "Bounce",
            "bounce": {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [recipient]},
            "mail": {"source": f"b+{RING.sign(delivery, Purpose.BOUNCE)}@club.example.com"},
        }
    )


def stopped(db: Database) -> bool:
    return db.read(suppressions.active, "dave@example.org", NOW) is not None


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_signed_bounce_suppresses_its_reader(db: Database, client: TestClient, dave: int, version: str) -> None:
    assert client.post("/hooks/sns", json=post(version, Message=bounce(dave))).status_code == 200
    assert stopped(db)


def test_a_token_is_found_however_json_wrote_it(db: Database, client: TestClient, dave: int) -> None:
    message = bounce(dave).replace("b+", "\\u003cb\\u002b")
    assert client.post("/hooks/sns", json=post(Message=message, Subject="Bounce")).status_code == 200
    assert stopped(db)


def test_the_same_message_again_is_harmless_and_the_certificate_is_kept(
    db: Database, client: TestClient, amazon: Amazon, dave: int
) -> None:
    message = post(Message=bounce(dave))
    assert [client.post("/hooks/sns", json=message).status_code for _ in range(3)] == [200] * 3
    assert amazon.asked == [PEM]
    with db.reading() as conn:
        assert len(conn.execute(select(returned_mails)).all()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "{}"},
        {"Timestamp": "2026-03-02T08:00:00.000Z"},
        {"SignatureVersion": "1"},
        {"SignatureVersion": "3"},
        {"Signature": base64.b64encode(b"x" * 256).decode()},
        {"TopicArn": TOPIC + "x"},
        {"SigningCertURL": PEM.replace("https", "http")},
        {"SigningCertURL": PEM.replace("amazonaws.com", "amazonaws.com.example.org")},
        {"SigningCertURL": PEM.replace("sns.eu-west-1", "sns.us-east-1")},
        {"SigningCertURL": PEM.replace("//", "//user@")},
        {"SigningCertURL": PEM + "?again"},
        {"SigningCertURL": PEM + "#again"},
        {"SigningCertURL": PEM.replace(".com/", ".com:444/")},
        {"SigningCertURL": PEM.replace("/Simple", "/x/../Simple")},
        {"SigningCertURL": "https://bucket.s3.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem"},
    ],
    ids=str,
)
def test_what_is_not_signed_by_amazon_for_our_topic_is_refused(
    db: Database, client: TestClient, amazon: Amazon, dave: int, change: dict[str, str]
) -> None:
    assert client.post("/hooks/sns", json=post(Message=bounce(dave)) | change).status_code == 403
    assert not stopped(db)
    assert set(amazon.asked) <= {PEM}


def test_an_expired_certificate_proves_nothing(db: Database, client: TestClient, amazon: Amazon, dave: int) -> None:
    amazon.answer = certificate(timedelta(days=-1))
    assert client.post("/hooks/sns", json=post(Message=bounce(dave))).status_code == 403


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"Type": "Notification"}', b"\xff" * 50, b"[" * 99999])
def test_what_is_no_message_of_sns_is_said_to_be_none(client: TestClient, body: bytes) -> None:
    assert client.post("/hooks/sns", content=body).status_code == 400


def confirmation(link: str) -> dict[str, Any]:
    return post(Type="SubscriptionConfirmation", Message="You have chosen ...", Token="t" * 30, SubscribeURL=link)


def test_a_subscription_to_our_topic_is_confirmed(client: TestClient, amazon: Amazon) -> None:
    query = urlencode({"Action": "ConfirmSubscription", "TopicArn": TOPIC, "Token": "t" * 30})
    link = f"https://sns.eu-west-1.amazonaws.com/?{query}"
    assert client.post("/hooks/sns", json=confirmation(link)).status_code == 200
    assert amazon.asked == [PEM, link]


@pytest.mark.parametrize(
    "link",
    [
        "https://example.org/?Action=ConfirmSubscription",
        f"http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}",
        f"https://sns.eu-west-1.amazonaws.com/?Action=Publish&TopicArn={TOPIC}",
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-west-1:1:other",
    ],
)
def test_no_other_link_is_ever_fetched(client: TestClient, amazon: Amazon, link: str) -> None:
    assert client.post("/hooks/sns", json=confirmation(link)).status_code == 403
    assert link not in amazon.asked


def test_without_a_certificate_amazon_is_asked_to_come_again(client: TestClient, amazon: Amazon, dave: int) -> None:
    amazon.answer = None
    assert client.post("/hooks/sns", json=post(Message=bounce(dave))).status_code == 503


def test_what_is_no_certificate_is_not_kept() -> None:
    answers = iter([b"<html>please log in</html>", certificate()])
    moments = iter([0.0, 0.0, 10.0, 10.0])
    kept = Certificates(lambda _: next(answers), lambda: next(moments))
    with pytest.raises(UsageError, match="is none"):
        kept.get(PEM)
    assert kept.get(PEM) == kept.get(PEM) != b""
