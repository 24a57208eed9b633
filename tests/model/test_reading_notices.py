"""Kinds of notices that name their reader in unusual ways."""

from __future__ import annotations

import pytest

from mailer.model.bounce import Kind
from mailer.model.reading import read_mail


def notice(body: str, *headers: str, sender: str = "MAILER-DAEMON@example.org") -> bytes:
    lines = [f"From: Mail Delivery <{sender}>", "To: news@club.example.com", "Subject: Delivery failed", *headers]
    return ("\n".join(lines) + "\n\n" + body).encode()


def test_local_parts_listed_without_a_domain_are_of_the_system_that_says_so() -> None:
    body = "Your mail to the following recipients could not be delivered for news@club.example.com:\n\tdave\n\tcarol\n"
    assert read_mail(notice(body)).recipients == ("dave@example.org", "carol@example.org")


def test_the_address_a_mail_was_addressed_to_is_meant() -> None:
    body = "Addresses here look like name@example.org. The address to\nwhich your mail was addressed, dave@example.org,"
    assert "dave@example.org" in read_mail(notice(body + " is unknown.\n")).recipients


def test_a_list_server_that_wants_no_mail_from_strangers_is_a_soft_bounce() -> None:
    raw = notice(
        "You are not a member of this mailing list <talk@example.org>.\nWrite to\n\ttalk-ctl@example.org\n",
        "X-MLServer: fml",
        sender="talk-admin@example.org",
    )
    reading = read_mail(raw)
    assert (reading.kind, reading.reason, reading.recipients) == (Kind.SOFT, "rejected", ("talk@example.org",))


def test_a_parameter_folded_without_its_blank_is_read() -> None:
    body = '--=_a b\nContent-Type: multipart/alternative;\nboundary="x"\n\n--x\n\n550 no such user\n'
    body += "RCPT TO: dave@example.org\n--x--\n--=_a b--\n"
    raw = notice(body, 'Content-Type: multipart/mixed; boundary="=_a b"')
    assert read_mail(raw).recipients == ("dave@example.org",)


def test_a_report_that_somebody_forwarded_is_read_through_the_quoting() -> None:
    quoted = (
        "> From: Mail Delivery Subsystem <MAILER-DAEMON>\n> To: <news@club.example.com>\n> Subject: Returned mail\n>\n"
        "> Reporting-MTA: dns; mx.example.org\n>\n> Final-Recipient: RFC822; dave@example.org\n> Action: failed\n"
        "> Status: 5.1.1\n> Diagnostic-Code: SMTP; 550 5.1.1 <dave@example.org>... User unknown\n"
    )
    raw = notice("Look at this, please have a look at it.\n\nBegin forwarded message:\n\n" + quoted)
    assert read_mail(raw).recipients == ("dave@example.org",)
    assert read_mail(raw).kind is Kind.HARD


def test_a_report_that_contradicts_itself_costs_nobody_his_place() -> None:
    report = (
        "--b\n\nYour mail was rejected: mailbox is full\n--b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; dave@example.org\nAction: failed\n"
        "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n--b--\n"
    )
    reading = read_mail(notice(report, 'Content-Type: multipart/report; boundary="b"'))
    assert (reading.kind, reading.reason) == (Kind.SOFT, "mailboxfull")


def test_the_address_we_wrote_to_is_named_before_the_one_it_was_rewritten_to() -> None:
    body = (
        "A message could not be delivered. The following address failed:\n\n  dave@example.org\n    554 refused\n\n"
        "------ This is a copy of the message, including all the headers. ------\n\nReceived: from localhost\n"
        "Message-ID: <1@club.example.com>\nFrom: news@club.example.com\nTo: dave@example.org\n\nhello\n"
    )
    assert read_mail(notice(body, "X-Failed-Recipients: dave@inside.example.org")).recipients == ("dave@example.org",)


def test_a_number_in_a_notice_contradicts_no_report() -> None:
    report = (
        "--b\n\nSorry, 552 mails went out before this one.\n--b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; dave@example.org\nAction: failed\n"
        "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n--b--\n"
    )
    assert read_mail(notice(report, 'Content-Type: multipart/report; boundary="b"')).kind is Kind.HARD


@pytest.mark.parametrize(
    "headers",
    [
        ("From: Dave <dave@example.org>", "Subject: Fwd: Undelivered Mail Returned to Sender"),
        ("From: Dave <dave@example.org>", "Subject: Re: Delivery failed"),
        ("From: Tips <tips@example.net>", "Subject: Why mail delivery fails", "List-Id: <tips.example.net>"),
    ],
)
def test_what_people_write_about_a_bounce_is_none(headers: tuple[str, ...]) -> None:
    body = "See below.\n\n> <carol@example.org>: host mx said: 550 5.1.1 user unknown\n"
    reading = read_mail(("\n".join(headers) + "\n\n" + body).encode())
    assert (reading.kind, reading.recipients) == (Kind.NONE, ())


def test_a_reader_called_info_is_named_where_he_stands_alone() -> None:
    body = (
        "Delivery to the following recipient failed permanently:\n\n     info@example.net\n\nwrite to abuse@example.org"
    )
    returned = "\n\n   ----- Original message -----\n\nFrom: news@club.example.com\nTo: boss@example.net\n"
    returned += "Message-ID: <1@club.example.com>\n\nhello\n"
    assert read_mail(notice(body + returned)).recipients == ("info@example.net",)


def test_a_remark_that_the_mail_was_scanned_for_viruses_contradicts_no_report() -> None:
    report = (
        "--b\n\nDelivery to the following recipients failed.\n\n  dave@example.org\n\n"
        "This email has been scanned for all viruses by Example.\n--b\nContent-Type: message/delivery-status\n\n"
        "Final-Recipient: rfc822; dave@example.org\nAction: failed\nStatus: 5.1.1\n--b--\n"
    )
    assert read_mail(notice(report, 'Content-Type: multipart/report; boundary="b"')).kind is Kind.HARD


@pytest.mark.parametrize("before", ["    \n", "\ufeff", " \t \n\n"])
def test_what_stands_before_the_first_header_does_not_hide_it(before: str) -> None:
    raw = before.encode() + notice("dave@example.org\n550 5.1.1 no such user", "X-Failed-Recipients: dave@example.org")
    assert (read_mail(raw).kind, read_mail(raw).recipients) == (Kind.HARD, ("dave@example.org",))


def test_a_returned_mail_whose_fields_ran_into_those_of_its_part_is_found() -> None:
    body = (
        "--b\nContent-Type: text/plain\n\ndid not reach the following recipient(s):\n\nDave Doe on Friday\n"
        "--b\nContent-Type: message/rfc822\nMessage-ID: <1@club.example.com>\nFrom: news@club.example.com\n"
        "To: dave@example.org\n\nhello\n--b--\n"
    )
    reading = read_mail(notice(body, 'Content-Type: multipart/mixed; boundary="b"'))
    assert (reading.recipients, reading.original["message-id"]) == (("dave@example.org",), ("<1@club.example.com>",))


def test_the_step_at_which_google_was_refused_is_read_from_its_state() -> None:
    body = "Delivery to the following recipient failed permanently:\n\n   dave@example.org\n\n"
    body += "Google tried to deliver your message. The error was: 550 550 Address unknown (state {}).\n"
    assert read_mail(notice(body.format(14))).kind is Kind.HARD
    assert read_mail(notice(body.format(17))).kind is Kind.SOFT


DELAYED = (
    "--b\n\nStill trying: 550 5.1.1 user unknown, dave@example.org\n--b\nContent-Type: message/delivery-status\n\n"
    "Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; dave@example.org\nAction: delayed\n"
    "Status: 4.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n\n--b--\n"
)


def test_a_report_cut_before_it_says_delayed_condemns_nobody() -> None:
    raw = notice(DELAYED, 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"')
    assert read_mail(raw).kind is Kind.DELAY
    assert all(read_mail(raw[:end]).kind is not Kind.HARD for end in range(len(raw)))


def test_a_whole_report_without_a_status_still_counts() -> None:
    body = DELAYED.replace("Action: delayed\nStatus: 4.1.1\n", "Action: failed\n")
    raw = notice(body, 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"')
    assert read_mail(raw).kind is Kind.HARD


@pytest.mark.parametrize(
    ("title", "body", "kind", "reason"),
    [
        ("No se puede entregar: Noticias", "No se ha podido entregar a:\n\n{}\n  buzón lleno\n", "soft", "mailboxfull"),
        (
            "Niedostarczona wiadomość",
            "Nie można dostarczyć do:\n\n{}\n  550 5.1.1 konto nie istnieje\n",
            "hard",
            "userunknown",
        ),
        ("Verzögert: Nachrichten", "Die Übermittlung wurde verzögert an:\n\n  {}\n", "delay", "undefined"),
        ("Remise retardée : Nouvelles", "La remise a été retardée :\n\n  {}\n", "delay", "undefined"),
        ("邮件退回通知", "无法投递给以下收件人：\n\n{}\n收件人地址不存在\n", "hard", "userunknown"),
        ("邮件延迟投递通知", "您的邮件暂时无法投递给 {}，系统将继续尝试投递。\n", "delay", "undefined"),
        ("반송된 메일입니다", "전달하지 못했습니다.\n\n{}\n550 5.1.1 존재하지 않는 사용자\n", "hard", "userunknown"),
        ("Levering feilet", "{}\n\n550 5.1.1 ukjent\n", "hard", "userunknown"),
    ],
)
def test_notices_are_read_in_other_languages(title: str, body: str, kind: str, reason: str) -> None:
    raw = f"From: MAILER-DAEMON@example.org\nTo: news@club.example.com\nSubject: {title}\n"
    raw += "Content-Type: text/plain; charset=utf-8\n\n" + body.format("dave@example.org")
    reading = read_mail(raw.encode())
    assert (reading.kind, reading.reason, reading.recipients) == (kind, reason, ("dave@example.org",))


def test_what_a_host_says_is_not_said_of_the_host() -> None:
    body = "<dave@example.org>: host mx.example.org said: 550 Mailbox not found (in reply to end of DATA command)\n"
    assert (read_mail(notice(body)).kind, read_mail(notice(body)).reason) == (Kind.SOFT, "filtered")


@pytest.mark.parametrize(
    "words",
    [
        "Dear editors, regarding failed deliveries: who is eve@example.net? I could not find it.",
        "Guten Tag, ein Kollege (eve@example.net) sagt, die Mail sei nicht zugestellt worden.",
    ],
)
def test_a_person_whose_title_is_about_deliveries_is_no_mail_system(words: str) -> None:
    raw = (
        f"From: Dave <dave@example.org>\nSubject: Failed deliveries at Rotterdam\n\n{words}\n\nDave\ndave@example.org\n"
    )
    assert (read_mail(raw.encode()).kind, read_mail(raw.encode()).recipients) == (Kind.NONE, ())


def test_what_a_postmaster_wrote_himself_is_a_persons_answer() -> None:
    body = "Hello, I could not open the second link, is there an error?\n\n> To: dave@example.org\n> news of today\n"
    head = "From: Dave <postmaster@example.org>\nSubject: Re: News of today\nIn-Reply-To: <1@club.example.com>\n"
    reading = read_mail(f"Return-Path: <postmaster@example.org>\n{head}\n{body}".encode())
    assert (reading.kind, reading.recipients) == (Kind.NONE, ())
    assert read_mail(f"Return-Path: <>\n{head}\nUnknown user: dave@example.org\n".encode()).kind is Kind.HARD
    quoting = "550 - no such user here\n RCPT TO: dave@example.org\n"
    assert read_mail(f"{head}\n{quoting}".encode()).recipients == ("dave@example.org",)


def test_a_diagnosis_under_another_name_is_read() -> None:
    report = (
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; gw.example.org\n\n"
        "Final-Recipient: rfc822; dave@example.org\nAction: failed\nStatus: 5.0.0\n"
        "X-Supplementary-Info: <mx.example.org #5.0.0 smtp; 550 5.1.1 <dave@example.org> User unknown>\n--b--\n"
    )
    reading = read_mail(notice(report, 'Content-Type: multipart/report; boundary="b"'))
    assert (reading.kind, reading.results[0].text) == (Kind.HARD, "550 5.1.1 <dave@example.org> User unknown")


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        ("550 Mailbox unavailable", " or access denied - <dave@example.org>"),
        ("Host or domain name not found", ". Name service error for name=x: Host not found, try again"),
        ("550 user unknown", " to us yet: greylisted, try again"),
    ],
)
def test_half_an_answer_condemns_nobody_where_the_status_does_not(said: str, rest: str) -> None:
    body = (
        "--b\n\nNot delivered.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n"
        f"Final-Recipient: rfc822; dave@example.org\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; {said}"
    )
    head = 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"'
    after_rcpt = f"{said} (in reply to RCPT TO command)"
    assert read_mail(notice(body, head)).kind is Kind.SOFT
    assert read_mail(notice(f"{body}{rest}\n\n--b--\n", head)).kind is Kind.SOFT
    assert (
        read_mail(notice(body.replace(said, after_rcpt) + "\n\n--b\nContent-Type: message/rfc822\n\nTo: d", head)).kind
        is Kind.HARD
    )


def test_a_delay_notice_without_its_report_is_a_delay() -> None:
    words = (
        "A message is delayed for more than 4 hours for:\n\ndave@example.org: No MX found for domain\n\n"
        "This is only a temporary failure report. You DO NOT NEED to re-send the message.\n"
    )
    assert read_mail(notice(words)).kind is Kind.DELAY
