"""Amazon SES: every event it tells of is read as what it is, the receiving server's words before Amazon's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mailer.mail.sns import as_mail
from mailer.model.bounce import Kind
from mailer.model.reading import Reading, read_mail

DAVE = "dave@example.org"


def event(kind: str, name: str = "eventType", **fields: Any) -> Reading:
    """One event as SNS hands it on; the object with its details is named after it."""
    key = {"Rendering Failure": "failure"}.get(kind, kind[0].lower() + kind[1:])
    mail = {"source": "b+x@bounces.club.example", "destination": [DAVE]}
    return read_mail(as_mail(json.dumps({name: kind, key: fields, "mail": mail})))


def bounced(kind: str, subtype: str, **fields: str) -> Reading:
    """A bounce without a word of the receiving server, where `fields` give none."""
    recipient = {"emailAddress": DAVE, **fields}
    return event("Bounce", bounceType=kind, bounceSubType=subtype, bouncedRecipients=[recipient])


@pytest.mark.parametrize(
    ("kind", "subtype", "reason"),
    [
        ("Permanent", "General", "undefined"),
        ("Permanent", "NoEmail", "undefined"),
        ("Permanent", "Suppressed", "suppressed"),
        ("Permanent", "OnAccountSuppressionList", "suppressed"),
        ("Transient", "General", "undefined"),
        ("Transient", "MailboxFull", "mailboxfull"),
        ("Transient", "MessageTooLarge", "mesgtoobig"),
        ("Transient", "ContentRejected", "contenterror"),
        ("Transient", "AttachmentRejected", "contenterror"),
        ("Undetermined", "Undetermined", "undefined"),
    ],
)
def test_amazons_own_word_counts_where_no_server_is_quoted(kind: str, subtype: str, reason: str) -> None:
    found = bounced(kind, subtype)
    assert (found.kind, found.reason, found.recipients) == (Kind.SOFT, reason, (DAVE,))


def test_the_receiving_servers_words_come_first() -> None:
    unknown = bounced("Permanent", "General", status="5.1.1", diagnosticCode="smtp; 550 5.1.1 user unknown")
    assert (unknown.kind, unknown.reason) == (Kind.HARD, "userunknown")
    spam = bounced("Permanent", "General", status="5.7.1", diagnosticCode="smtp; 554 5.7.1 rejected as spam")
    assert (spam.kind, spam.reason) == (Kind.SOFT, "spamdetected")


def test_a_status_of_a_dead_address_counts_without_words() -> None:
    assert bounced("Permanent", "General", status="5.1.1").kind is Kind.HARD


@pytest.mark.parametrize("name", ["eventType", "notificationType"])
@pytest.mark.parametrize(
    ("feedback", "kind"),
    [
        ("abuse", Kind.COMPLAINT),
        ("fraud", Kind.COMPLAINT),
        ("virus", Kind.COMPLAINT),
        ("other", Kind.COMPLAINT),
        (None, Kind.COMPLAINT),
        ("not-spam", Kind.NONE),
        ("auth-failure", Kind.NONE),
    ],
)
def test_a_complaint_is_one_unless_nobody_complained(name: str, feedback: str | None, kind: Kind) -> None:
    fields = {"complainedRecipients": [{"emailAddress": DAVE}], "complaintFeedbackType": feedback}
    assert event("Complaint", name, complaintSubType=None, **fields).kind is kind


def test_a_delayed_delivery_is_a_delay() -> None:
    delayed = [{"emailAddress": DAVE, "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1 unable to connect"}]
    found = event("DeliveryDelay", delayType="TransientCommunicationFailure", delayedRecipients=delayed)
    assert (found.kind, found.recipients) == (Kind.DELAY, (DAVE,))
    found = event("DeliveryDelay", delayType="MailboxFull", delayedRecipients=[{"emailAddress": DAVE}])
    assert (found.kind, found.reason) == (Kind.DELAY, "mailboxfull")


def test_what_amazon_itself_refused_is_about_the_mail() -> None:
    found = event("Reject", reason="Bad content")
    assert (found.kind, found.reason, found.recipients) == (Kind.SOFT, "virusdetected", (DAVE,))


@pytest.mark.parametrize("kind", ["Send", "Open", "Click", "Rendering Failure", "Subscription", "Something New"])
def test_what_says_nothing_about_a_delivery_is_nothing(kind: str) -> None:
    assert event(kind, ipAddress="192.0.2.1").kind is Kind.NONE
    assert event("Delivery", recipients=[DAVE]).reason == "delivered"


@pytest.mark.parametrize("broken", [None, [], "x", {"bouncedRecipients": "dave"}, {"bouncedRecipients": [None, 7, {}]}])
def test_an_event_of_any_shape_is_read(broken: object) -> None:
    body = json.dumps({"eventType": "Bounce", "bounce": broken, "mail": broken})
    assert read_mail(as_mail(body)).kind in {Kind.NONE, Kind.SOFT}


def test_an_address_on_amazons_own_list_was_not_tried() -> None:
    words = (
        "Amazon SES has suppressed sending to this address: it has a recent history of bouncing as an invalid address"
    )
    found = bounced("Permanent", "Suppressed", status="5.1.1", action="failed", diagnosticCode=words)
    assert (found.kind, found.reason) == (Kind.SOFT, "suppressed")
