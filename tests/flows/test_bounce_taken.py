"""Returned mail: the signed token decides who, everything else is evidence."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, select, update
from support import edges
from support.databases import ended_once

from mailer.flows import relay_log as flow
from mailer.flows.bounce import TakeIn
from mailer.flows.probe import Probe, came_back
from mailer.flows.rejudge import replay
from mailer.flows.relay_log import take_file, take_log, take_stream
from mailer.intake import relay_log
from mailer.model.bounce import Diagnosis, Kind
from mailer.model.carriers import PROBES
from mailer.model.delivery import State
from mailer.model.tokens import Keyring, Purpose
from mailer.store import returned, schema, suppressions
from mailer.store.bounces import Bounce, Delivery, Reader, append
from mailer.store.engine import Database
from mailer.store.schema import bounces, deliveries, returned_mails, subscribers

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
RING = Keyring({1: b"k" * 32}, 1)
SAMPLES = Path(__file__).parents[1] / "samples" / "bounces"
PLACEHOLDER = "a" * 26
DAVE = "dave@example.org"


def reader(conn: Connection, address: str = DAVE, state: str = "accepted") -> int:
    domain = address.rpartition("@")[2]
    who = conn.execute(
        insert(subscribers)
        .values(address=address, match_key=address, domain=domain, state="active", created_at=NOW)
        .returning(subscribers.c.id)
    ).scalar_one()
    return conn.execute(  # type: ignore[no-any-return]
        insert(deliveries)
        .values(subscriber_id=who, address=address, domain=domain, due_at=NOW, changed_at=NOW, state=state)
        .returning(deliveries.c.id)
    ).scalar_one()


@pytest.fixture
def dave(db: Database) -> int:
    return db.run(reader)


@pytest.fixture
def journey(db: Database) -> TakeIn:
    return TakeIn(db, RING, lambda: NOW)


def sample(name: str, message: str = PLACEHOLDER, link: str = PLACEHOLDER, path: str = PLACEHOLDER) -> bytes:
    text = (SAMPLES / f"{name}.eml").read_text(encoding="utf-8")
    text = text.replace(f"<{PLACEHOLDER}@", f"<{message}@").replace(f"/u/{PLACEHOLDER}", f"/u/{link}")
    return text.replace(f"b+{PLACEHOLDER}", f"b+{path}").encode()


def stopped(db: Database, address: str = DAVE) -> bool:
    return db.read(suppressions.active, address, NOW) is not None


def path_of(delivery: int) -> str:
    return f"b+{RING.sign(delivery, Purpose.BOUNCE)}@club.example.com"


@pytest.mark.parametrize("shout", [False, True])
def test_a_genuine_bounce_suppresses_its_reader(db: Database, journey: TakeIn, dave: int, shout: bool) -> None:
    to = path_of(dave)
    taken = journey.take(sample("postfix-unknown-user"), "maildir", to.upper() if shout else to)
    assert taken.state == "read"
    assert stopped(db)


def test_the_message_id_or_the_unsubscribe_link_finds_the_reader_too(db: Database, journey: TakeIn, dave: int) -> None:
    by_id = journey.take(sample("postfix-unknown-user", message=RING.sign(dave, Purpose.MESSAGE)), "imap")
    assert by_id.found is not None
    assert by_id.found.carrier == "Message-ID"
    by_link = journey.take(sample("policy-block", link=RING.sign(dave, Purpose.UNSUBSCRIBE)), "imap")
    assert by_link.found is not None
    assert by_link.found.carrier == "List-Unsubscribe"


def test_a_forged_report_changes_nobody(db: Database, journey: TakeIn, dave: int) -> None:
    token = RING.sign(dave, Purpose.BOUNCE)
    other = Keyring({1: b"x" * 32}, 1).sign(dave, Purpose.BOUNCE)
    for bad in (
        "",
        token[:-1],
        token[:-2] + "aa",
        other,
        RING.sign(dave, Purpose.VIEW),
        RING.sign(999, Purpose.BOUNCE),
    ):
        raw = sample("postfix-unknown-user") + bad.encode()
        assert journey.take(raw, "imap", f"b+{bad}@club.example.com").state == "unverified"
    assert not stopped(db)
    with db.reading() as conn:
        assert {row.delivery_id for row in conn.execute(select(bounces))} == {None}


@pytest.mark.parametrize("purpose", [each for each in Purpose if each is not Purpose.BOUNCE])
def test_a_token_for_another_purpose_in_a_return_path_is_none(db: Database, journey: TakeIn, purpose: Purpose) -> None:
    other = RING.sign(db.run(reader), purpose)
    raw = sample("postfix-unknown-user", path=other) + f"Return-Path: <b+{other}@club.example.com>\n".encode()
    assert journey.take(raw, "imap", f"b+{other}@club.example.com").state == "unverified"


def test_a_victims_address_in_the_body_of_a_genuine_report_is_only_evidence(db: Database, journey: TakeIn) -> None:
    with db.transaction() as conn:
        mallory, _ = reader(conn, "mallory@example.org"), reader(conn)
    journey.take(sample("postfix-unknown-user"), "lmtp", path_of(mallory))
    assert not stopped(db)
    assert stopped(db, "mallory@example.org")


def test_the_same_mail_and_the_same_report_again_are_harmless(db: Database, journey: TakeIn, dave: int) -> None:
    raw, to = sample("postfix-unknown-user"), path_of(dave)
    journey.take(raw, "imap", to)
    repeat = journey.take(raw, "imap", to)
    assert repeat.state == "repeat"
    assert repeat.found is not None  # a mailbox is sorted by it, also after a crash
    unknown = sample("policy-block")
    assert [journey.take(unknown, "imap").found for _ in range(2)] == [None, None]
    db.run(suppressions.lift, DAVE, NOW, "operator")
    journey.take(raw + b"\n", "imap", to)
    assert not stopped(db)


def test_an_old_report_is_recorded_and_not_acted_on(db: Database, dave: int) -> None:
    late = TakeIn(db, RING, lambda: NOW + timedelta(days=31))
    taken = late.take(sample("postfix-unknown-user"), "imap", path_of(dave))
    assert "too old" in taken.sentence
    assert not stopped(db)


def test_a_genuine_report_proves_an_uncertain_delivery(db: Database, journey: TakeIn) -> None:
    delivery = db.run(reader, "bob@example.org", "uncertain")
    journey.take(sample("vacation"), "imap", path_of(delivery))
    with db.reading() as conn:
        assert conn.execute(select(deliveries.c.state)).scalar_one() == State.ACCEPTED


@pytest.mark.parametrize("carrier", ["path", "message", "link"])
@pytest.mark.parametrize("name", ["complaint", "policy-block"])
def test_a_complaint_or_bounce_proves_it_by_whatever_carried_the_token(
    db: Database, journey: TakeIn, name: str, carrier: str
) -> None:
    purpose = {"path": Purpose.BOUNCE, "message": Purpose.MESSAGE, "link": Purpose.UNSUBSCRIBE}[carrier]
    token = RING.sign(db.run(reader, "bob@example.org", "uncertain"), purpose)
    raw = sample(name, **{carrier: token})
    assert token.encode() in raw
    journey.take(raw, "imap")
    with db.reading() as conn:
        assert conn.execute(select(deliveries.c.state)).scalar_one() == State.ACCEPTED


@pytest.mark.parametrize("name", ["vacation", "human-reply", "postfix-delayed", "postfix-sent", "policy-block"])
def test_what_is_no_fault_of_the_address_suppresses_nobody(db: Database, journey: TakeIn, dave: int, name: str) -> None:
    journey.take(sample(name), "imap", path_of(dave))
    assert not stopped(db)


def test_a_persons_answer_is_kept_as_a_reply(journey: TakeIn, dave: int) -> None:
    assert journey.take(sample("human-reply"), "imap", path_of(dave)).state == "reply"


@pytest.mark.parametrize(("about", "suppressed"), [(DAVE, True), ("carol@example.net", False)])
def test_a_person_who_passes_on_a_report_about_somebody_else_keeps_his_mail(
    db: Database, journey: TakeIn, dave: int, about: str, suppressed: bool
) -> None:
    report = sample("postfix-unknown-user").decode().replace(DAVE, about)
    head = (
        f"From: Dave <{DAVE}>\nSubject: Fwd: Undelivered Mail Returned to Sender\n"
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="edge"\n\n'
        "--edge\nContent-Type: text/plain\n\nWhat does this mean?\n\n--edge\nContent-Type: message/rfc822\n\n"
    )
    taken = journey.take(f"{head}{report}\n--edge--\n".encode(), "imap", path_of(dave))
    assert stopped(db) is suppressed
    assert taken.state == ("read" if suppressed else "reply")


@pytest.mark.parametrize("envelope", [False, True])
def test_a_report_that_our_own_return_path_does_not_exist_is_not_about_the_reader(
    db: Database, journey: TakeIn, dave: int, envelope: bool
) -> None:
    own = path_of(dave)
    raw = sample("postfix-unknown-user").replace(DAVE.encode(), own.encode())  # the fate of his server's answer to us
    assert journey.take(raw, "imap", own if envelope else "").state == "reply"
    assert not stopped(db)


def test_a_complaint_about_what_somebody_forwarded_is_not_his_own(db: Database, journey: TakeIn, dave: int) -> None:
    message, link = RING.sign(dave, Purpose.MESSAGE), RING.sign(dave, Purpose.UNSUBSCRIBE)
    forwarded = (
        f"From: Dave <{DAVE}>\nTo: erin@example.net\nSubject: Fwd: Morning news\nMessage-ID: <1@example.org>\n"
        f"References: <{message}@club.example.com>\n\nLook at this.\n> leave: https://club.example.com/u/{link}\n"
    )
    head, _, tail = sample("complaint").decode().partition("Return-Path: <b+")
    taken = journey.take((head + forwarded + "\n--edge--\n").encode(), "imap")
    assert tail
    assert (taken.state, taken.reading.kind) == ("unverified", "complaint")
    assert not stopped(db)


def test_a_providers_word_that_a_reader_wants_no_more_is_no_complaint_when_he_comes_back(
    db: Database, journey: TakeIn, dave: int
) -> None:
    wish = sample("complaint").replace(b"Feedback-Type: abuse", b"Feedback-Type: opt-out")
    assert journey.take(wish, "imap", path_of(dave)).sentence == "unsubscribed"
    with db.transaction() as conn:
        conn.execute(update(subscribers).values(state="active"))
    journey.take(sample("policy-block"), "imap", path_of(dave))
    assert not stopped(db)
    assert list(replay(db, NOW)) == []


def test_thousands_of_forged_reports_change_nobody(db: Database, journey: TakeIn) -> None:
    with db.transaction() as conn:
        sent = [reader(conn, f"reader{number}@example.org") for number in range(20)]
    other = Keyring({1: b"x" * 32}, 1)
    mails = []
    for number in range(1000):
        victim = sent[number % len(sent)]
        purpose = list(Purpose)[number % len(Purpose)]
        wrong = purpose if purpose not in {Purpose.BOUNCE, Purpose.MESSAGE, Purpose.UNSUBSCRIBE} else Purpose.VIEW
        token = other.sign(victim, purpose) if number % 2 else RING.sign(victim, wrong)
        raw = sample("complaint" if number % 3 else "postfix-unknown-user", token, token, token)
        raw = raw.replace(DAVE.encode(), f"reader{number % len(sent)}@example.org".encode())
        mails.append((raw + b"\n%d" % number, f"b+{token}@club.example.com"))
    journey.keep(mails, "lmtp")
    while journey.read_kept():
        pass
    with db.reading() as conn:
        assert conn.execute(select(schema.suppressions)).all() == []
        assert {row.state for row in conn.execute(select(subscribers))} == {"active"}
        assert {row.state for row in conn.execute(select(returned_mails))} == {"unverified"}
        assert {row.delivery_id for row in conn.execute(select(bounces))} == {None}


def test_a_complaint_is_never_lifted_by_a_new_consent(db: Database, journey: TakeIn, dave: int) -> None:
    journey.take(sample("complaint"), "imap", path_of(dave))
    assert db.run(suppressions.lift, DAVE, NOW, "double opt-in") == 0
    assert stopped(db)
    assert db.run(suppressions.lift, DAVE, NOW, "operator", complaints=True) == 1


def test_a_kept_mail_is_read_after_a_crash(db: Database, journey: TakeIn, dave: int) -> None:
    journey.keep([(sample("postfix-unknown-user"), path_of(dave))], "lmtp")
    assert not stopped(db)
    assert TakeIn(db, RING, lambda: NOW).read_kept() == {"read": 1}
    assert stopped(db)
    with db.reading() as conn:
        assert conn.execute(select(returned_mails.c.state)).scalar_one() == "read"


LOG = """\
Mar  2 08:00:01 relay postfix/cleanup[11]: 4XyZ12aBcD: message-id=<{token}@club.example.com>
Mar  2 08:00:02 relay postfix/smtp[12]: 4XyZ12aBcD: to=<dave@example.org>, relay=mx.example.org[192.0.2.5]:25, \
delay=1, delays=0/0/0/1, dsn={dsn}, status={status} ({text})
Mar  2 08:00:02 relay postfix/smtp[12]: 4Other: to=<eve@example.org>, relay=x, delay=1, dsn=5.1.1, status=bounced (x)
"""


def log(db: Database, dave: int, status: str, dsn: str, text: str) -> str:
    lines = LOG.format(token=RING.sign(dave, Purpose.MESSAGE), status=status, dsn=dsn, text=text).splitlines(True)
    tally = take_log(db, RING, relay_log.read(lines), NOW)
    return f"{tally.seen} {tally.new} {tally.healed}"


def test_the_relays_log_tells_what_the_receiver_said(db: Database, dave: int) -> None:
    said = "host mx.example.org[192.0.2.5] said: 550 5.1.1 no such user (in reply to RCPT TO command)"
    assert log(db, dave, "bounced", "5.1.1", said) == "{'bounced': 1} 1 0"
    assert stopped(db)
    assert log(db, dave, "bounced", "5.1.1", said) == "{'bounced': 1} 0 0"


def test_what_the_relays_log_tells_is_counted_once_where_the_database_ended_the_first_try(
    db: Database, dave: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "record", ended_once(flow.record))
    assert log(db, dave, "bounced", "5.1.1", "550 5.1.1 no such user") == "{'bounced': 1} 1 0"


def test_a_copy_that_the_relay_sent_to_somebody_else_says_nothing_of_the_reader(db: Database, dave: int) -> None:
    taken, answered = lines_of(dave)
    archive = answered.replace("to=<dave@example.org>", "to=<archive@club.example.com>")  # always_bcc
    assert take_log(db, RING, relay_log.read([taken, archive]), NOW).seen == {}
    assert not stopped(db)
    alias = archive.replace("relay=", "orig_to=<Dave@example.org>, relay=")
    assert take_log(db, RING, relay_log.read([taken, alias]), NOW).seen == {"bounced": 1}
    assert stopped(db)


def test_a_line_of_the_relays_log_proves_an_uncertain_delivery(db: Database, dave: int) -> None:
    with db.transaction() as conn:
        edges.set_up(conn, state="uncertain")
    assert log(db, dave, "sent", "2.0.0", "250 2.0.0 OK") == "{'sent': 1} 1 1"
    assert not stopped(db)


def lines_of(dave: int, status: str = "bounced", dsn: str = "5.1.1") -> tuple[str, str]:
    text = LOG.format(token=RING.sign(dave, Purpose.MESSAGE), status=status, dsn=dsn, text="host said: no such user")
    first, second, _ = text.splitlines(keepends=True)
    return first, second


def test_a_mail_that_waited_in_the_relays_queue_is_known_after_the_log_was_rotated(
    db: Database, dave: int, tmp_path: Path
) -> None:
    taken, answered = lines_of(dave)
    file = tmp_path / "mail.log"
    file.write_text(taken)
    assert take_file(db, RING, file, NOW).seen == {}
    file.rename(tmp_path / "yesterday")
    file.write_text(answered)
    assert take_file(db, RING, file, NOW).seen == {"bounced": 1}
    assert stopped(db)
    assert take_file(db, RING, file, NOW).seen == {}


@pytest.mark.parametrize("form", ["short", "short-iso", "rfc5424", "json", "bytes"])
def test_the_log_is_read_in_every_form_it_is_written_in(db: Database, dave: int, form: str) -> None:
    printed = [written(line, form) for line in lines_of(dave)]
    noise = [
        "-- Boot 5f2a --\n",
        "{\n",
        '{"MESSAGE":null,"SYSLOG_IDENTIFIER":"postfix/smtp"}\n',
        "{" * 5000 + "postfix\n",
    ]
    assert take_stream(db, RING, [*noise, *printed], NOW).seen == {"bounced": 1}
    assert stopped(db)


def written(line: str, form: str) -> str:
    """A syslog line as `journalctl -o` or a syslog of another form writes it; octets of no UTF-8 become numbers."""
    tag, _, message = line[len("Mar  2 08:00:01 relay ") :].rstrip().partition(": ")
    name, _, pid = tag.rstrip("]").partition("[")
    if form == "short":
        return line
    if form == "short-iso":
        return f"2026-03-02T08:00:01+0000 relay {tag}: {message}\n"
    if form == "rfc5424":
        return f'<22>1 2026-03-02T08:00:01.123Z relay {name} {pid} - [origin@1 a="b"] {message}\n'
    said = list(message.encode()) if form == "bytes" else message
    entry = {"__REALTIME_TIMESTAMP": "1772438401000000", "SYSLOG_IDENTIFIER": name, "_PID": pid, "MESSAGE": said}
    return json.dumps(entry) + "\n"


def test_a_mail_that_waited_between_two_pipes_is_known_too(db: Database, dave: int) -> None:
    taken, answered = lines_of(dave)
    foreign = taken.replace("4XyZ12aBcD", "4Foreign12").replace(RING.sign(dave, Purpose.MESSAGE), "a" * 26)
    take_stream(db, RING, [taken, foreign], NOW)
    with db.reading() as conn:
        assert list(conn.execute(select(schema.log_places.c.queued)).scalar_one()) == ["4XyZ12aBcD"]
    assert take_stream(db, RING, [answered], NOW).seen == {"bounced": 1}


def test_a_probe_that_comes_back_is_about_no_reader(db: Database, journey: TakeIn, dave: int) -> None:
    probe = PROBES + dave
    taken = journey.take(sample("postfix-unknown-user"), "lmtp", path_of(probe))
    assert (taken.state, stopped(db)) == ("probe", False)
    found, _ = came_back(db, RING, [Probe(probe, "nobody@example.org", "", b"")], 0)
    assert [(echo.kind, echo.carriers) for echo in found] == [("hard", ("return path",))]
    with db.reading() as conn:
        assert conn.execute(select(bounces)).all() == []


def test_a_probe_that_lost_every_carrier_is_known_by_its_address(db: Database, journey: TakeIn) -> None:
    journey.take(sample("postfix-unknown-user"), "imap")
    found, last = came_back(db, RING, [Probe(PROBES, DAVE, "", b"")], 0)
    assert [echo.carriers for echo in found] == [()]
    assert came_back(db, RING, [Probe(PROBES, DAVE, "", b"")], last) == ([], last)


def test_a_replay_shows_what_another_judgement_would_change_and_applies_it_when_told(
    db: Database, journey: TakeIn, dave: int
) -> None:
    journey.take(sample("postfix-unknown-user"), "imap", path_of(dave))
    assert list(replay(db, NOW)) == []
    with db.transaction() as conn:  # as if an older policy had not suppressed him
        conn.execute(delete(schema.suppressions))
    assert [found.change for found in replay(db, NOW)] == ["would be suppressed"]
    assert not stopped(db)
    list(replay(db, NOW, apply=True))
    assert stopped(db)
    db.run(suppressions.lift, DAVE, NOW, "operator")
    assert list(replay(db, NOW)) == []  # what a person lifted is not brought back


def test_the_text_of_old_mail_is_dropped_but_not_what_a_suppression_rests_on(
    db: Database, journey: TakeIn, dave: int
) -> None:
    carol = db.run(reader, "carol@example.net")
    journey.take(sample("postfix-unknown-user"), "imap", path_of(dave))
    journey.take(sample("human-reply"), "imap", path_of(carol))
    journey.take(sample("qq-mailbox-not-found"), "imap")
    journey.keep([(b"not yet read", path_of(carol))], "lmtp")
    assert db.run(returned.forget, NOW, 1) == 0
    assert db.run(returned.forget, NOW + timedelta(days=1), 1) == 2
    with db.reading() as conn:
        lengths = conn.execute(select(returned_mails.c.state, returned_mails.c.content)).all()
    assert {state for state, content in lengths if content} == {"read", "received"}
    assert journey.take(sample("human-reply"), "imap", path_of(carol)).state == "repeat"
    db.run(suppressions.lift, DAVE, NOW, "operator")
    assert db.run(returned.forget, NOW + timedelta(days=1), 1) == 1


def test_a_replay_says_who_would_be_held_until_our_own_look_up_decides(db: Database, dave: int) -> None:
    gone = Diagnosis(Kind.HARD, "hostunknown", "5.1.2", "test")
    with db.transaction() as conn:
        who = returned.delivery(conn, dave)
        for day in (0, 4, 8):
            at = NOW + timedelta(days=day)
            append(conn, [Bounce(at, "imap", gone, f"test:{day}", Reader.of(who))])
    assert [found.change for found in replay(db, NOW + timedelta(days=9))] == ["would be held"]
    list(replay(db, NOW + timedelta(days=9), apply=True))
    with db.reading() as conn:
        assert conn.execute(select(schema.suppressions.c.state)).scalar_one() == "held"


def test_a_kept_mail_that_two_read_at_once_is_handed_on_once(db: Database, dave: int) -> None:
    """Both have found it unread; the second is only stopped where it begins to write."""
    answer = b"From: Dave <dave@example.org>\r\nSubject: Re: issue 3\r\n\r\nThank you!\r\n"
    handed_on: list[int] = []

    def forward(conn: Connection, raw: bytes, answered: Delivery, now: datetime) -> bool:
        handed_on.append(answered.id)
        return True

    class Slow(Database):
        def transaction(self) -> AbstractContextManager[Connection]:
            if not handed_on:
                assert TakeIn(db, RING, lambda: NOW, forward=forward).read_kept() == {"forwarded": 1}
            return super().transaction()

    TakeIn(db, RING, lambda: NOW).keep([(answer, path_of(dave))], "lmtp")
    slow = Slow(db.engine.url.render_as_string(hide_password=False))
    assert TakeIn(slow, RING, lambda: NOW, forward=forward).read_kept() == {}
    slow.close()
    assert handed_on == [dave]
