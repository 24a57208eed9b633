"""Each kind of mail that may come to a return path is told from the others."""

from __future__ import annotations

import pytest

from mailer.model.bounce import Kind
from mailer.model.reading import Reading, read_mail


def mail(headers: list[str], body: str) -> bytes:
    return ("\n".join(headers) + "\n\n" + body).encode()


RETURNED = (
    "\n--b\nContent-Type: message/rfc822\n\nFrom: news@club.example.com\nTo: dave@example.org\n"
    "Subject: Morning news\nMessage-ID: <x@club.example.com>\n\nhi\n--b--\n"
)


def complaint(kind: str, extra: str = "") -> bytes:
    return mail(
        [
            "From: complaints@isp.example",
            "To: fbl@club.example.com",
            "Subject: FW: Morning news",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=feedback-report; boundary="b"',
        ],
        f"--b\nContent-Type: text/plain\n\nThis is an email abuse report.\n--b\n"
        f"Content-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: X/1\nVersion: 1\n{extra}"
        + RETURNED,
    )


MAILS = [
    ("arf abuse", complaint("abuse", "Original-Rcpt-To: dave@example.org\n"), "complaint"),
    ("arf fraud", complaint("fraud"), "complaint"),
    ("arf not-spam", complaint("not-spam"), "none"),
    ("arf opt-out", complaint("opt-out"), "complaint"),
    ("arf auth-failure", complaint("auth-failure"), "none"),
    (
        "feedback as text",
        mail(
            [
                "From: fbl@isp.example",
                "Subject: abuse report",
                'Content-Type: multipart/report; report-type=feedback-report; boundary="b"',
            ],
            "--b\nContent-Type: text/plain\n\nA complaint.\n--b\nContent-Type: text/plain\n\n"
            "Feedback-Type: abuse\nVersion: 1\n" + RETURNED,
        ),
        "complaint",
    ),
    (
        "microsoft jmrp",
        mail(
            [
                "From: staff@hotmail.example",
                "Subject: complaint about message from 192.0.2.1",
                'Content-Type: multipart/mixed; boundary="b"',
            ],
            RETURNED.replace("From: news", "X-HmXmrOriginalRecipient: dave@example.org\nFrom: news"),
        ),
        "complaint",
    ),
    (
        "spamcop",
        mail(
            ["From: Dave <7012345@reports.spamcop.net>", "Subject: [SpamCop (192.0.2.1) id:7012345]Morning news"],
            "[ SpamCop V5 ]\nThis message is brief for your comfort.\n\nEmail from 192.0.2.1\n",
        ),
        "complaint",
    ),
    (
        "dmarc aggregate",
        mail(
            [
                "From: noreply-dmarc-support@google.example",
                "Subject: Report domain: club.example.com Submitter: google.com Report-ID: 123",
                "Content-Type: application/zip; name=google.com!x.zip",
                "Content-Transfer-Encoding: base64",
            ],
            "UEsDBAoAAAAI",
        ),
        "none",
    ),
    (
        "tls-rpt",
        mail(
            [
                "From: noreply-smtp-tls-reporting@google.example",
                "Subject: Report Domain: club.example.com Submitter: google.com Report-ID: <1>",
                "TLS-Report-Domain: club.example.com",
                'Content-Type: multipart/report; report-type=tlsrpt; boundary="b"',
            ],
            "--b\nContent-Type: text/plain\n\nThis is an aggregate TLS report from google.com\n--b--\n",
        ),
        "none",
    ),
    (
        "mdn",
        mail(
            [
                "From: dave@example.org",
                "Subject: Read: Morning news",
                'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"',
            ],
            "--b\n\nYour message was read.\n--b\nContent-Type: message/disposition-notification\n\n"
            "Final-Recipient: rfc822; dave@example.org\nDisposition: manual-action/MDN-sent-manually; displayed\n"
            "--b--\n",
        ),
        "none",
    ),
    (
        "oof exchange",
        mail(
            [
                "From: Dave <dave@example.org>",
                "Subject: Automatic reply: Morning news",
                "X-Auto-Response-Suppress: All",
                "Auto-Submitted: auto-generated",
            ],
            "I am out of the office until Monday. If urgent mail help@example.org. Undeliverable things wait.",
        ),
        "auto-reply",
    ),
    (
        "oof gmail",
        mail(
            [
                "From: Dave <dave@gmail.example>",
                "Subject: Re: Morning news",
                "Auto-Submitted: auto-replied",
                "Precedence: bulk",
            ],
            "On holiday till Friday.",
        ),
        "auto-reply",
    ),
    (
        "oof de",
        mail(
            ["From: Dave <dave@example.org>", "Subject: Abwesenheitsnotiz: Morning news"],
            "Ich bin bis Montag nicht im Buero.",
        ),
        "auto-reply",
    ),
    (
        "oof zh",
        mail(
            ["From: dave@qq.example", "Subject: =?utf-8?B?6Ieq5Yqo5Zue5aSNOiBNb3JuaW5nIG5ld3M=?="],
            "您好,邮件已收到,谢谢。",
        ),
        "auto-reply",
    ),
    (
        "oof zh2",
        mail(
            [
                "From: dave@163.example",
                "Subject: =?utf-8?B?UmU6IOaXqeaKpQ==?=",
                "Auto-Submitted: auto-replied",
                "Content-Type: text/plain; charset=utf-8",
            ],
            "这是来自的自动回复邮件。您好，您的邮件已经收到。",
        ),
        "auto-reply",
    ),
    (
        "oof domino",
        mail(
            ["From: Dave Doe/Club@example.org", "Subject: Dave Doe is out of the office (returning 03/05/2026)"],
            "I am out of the office until 03/05/2026.",
        ),
        "auto-reply",
    ),
    (
        "oof ja",
        mail(
            [
                "From: dave@example.co.jp",
                "Subject: =?utf-8?B?6Ieq5YuV6L+U5L+hOiDkuI3lnKjjgavjgZfjgabjgYrjgorjgb7jgZk=?=",
            ],
            "x",
        ),
        "auto-reply",
    ),
    (
        "ticket",
        mail(
            [
                "From: Support <support@example.org>",
                "Subject: [Ticket#123] We received your request",
                "Auto-Submitted: auto-replied",
                "X-Autoreply: yes",
            ],
            "Thank you, we will answer.",
        ),
        "auto-reply",
    ),
    (
        "challenge",
        mail(
            [
                "From: Dave <dave@example.org>",
                "Subject: Your email requires verification verify#abc",
                "Auto-Submitted: auto-replied",
                "Precedence: bulk",
            ],
            "The message you sent requires that you verify that you are a human being. Please click the link.",
        ),
        "auto-reply",
    ),
    (
        "human",
        mail(
            ["From: Dave <dave@example.org>", "To: news@club.example.com", "Subject: Re: Morning news"],
            "Thanks, great issue! My colleague carol@example.org says her mail failed with 550 user unknown, can"
            " you look?",
        ),
        "none",
    ),
    (
        "human moved",
        mail(
            ["From: Dave <dave@example.org>", "Subject: Re: Morning news"],
            "Hi, I have moved to dave@new.example.org, please use the new address. The old will be deleted.",
        ),
        "none",
    ),
    (
        "human quoting bounce",
        mail(
            ["From: Dave <dave@example.org>", "Subject: Fwd: Undelivered Mail Returned to Sender"],
            "See below\n\n> This is the mail system at host x.\n"
            "> <carol@example.org>: host mx said: 550 5.1.1 user unknown",
        ),
        "none",
    ),
    (
        "human answering headlines about mail",
        mail(
            [
                "Return-Path: <dave@example.org>",
                "From: Dave <dave@example.org>",
                "Subject: Re: Letters could not be delivered in the storm",
                "In-Reply-To: <x@club.example.com>",
            ],
            "I am dave@example.org, and my parcel failed too.\n\n> Letters could not be delivered to carol@example.org",
        ),
        "none",
    ),
    (
        "a list's mail about failures",
        mail(
            [
                "Return-Path: <list-bounces@lists.example.net>",
                "From: Eve <eve@example.net>",
                "Subject: Re: [list] how to handle messages that could not be sent",
                "In-Reply-To: <y@example.net>",
                "List-Id: <list.lists.example.net>",
            ],
            "It failed with an error for carol@example.org.",
        ),
        "none",
    ),
    (
        "oof pl",
        mail(["From: dave@example.pl", "Subject: [Automatyczna odpowiedz] Morning news"], "Jestem na urlopie."),
        "auto-reply",
    ),
    (
        "newsletter",
        mail(
            [
                "From: Tips <tips@example.net>",
                "Subject: Why your mail fails: status codes explained",
                "List-Id: <tips.example.net>",
            ],
            "550 user unknown means that the recipient carol@example.org does not exist.",
        ),
        "none",
    ),
    (
        "dsn delivered",
        mail(
            [
                "From: MAILER-DAEMON@x.example",
                "Subject: Successful Mail Delivery Report",
                'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
            ],
            "--b\n\ndelivered\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
            "Final-Recipient: rfc822; dave@example.org\nAction: delivered\nStatus: 2.0.0\n--b--\n",
        ),
        "none",
    ),
    (
        "dsn expanded",
        mail(
            [
                "From: MAILER-DAEMON@x.example",
                "Subject: Mail Delivery Report",
                'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
            ],
            "--b\n\nexpanded\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
            "Final-Recipient: rfc822; list@example.org\nAction: expanded\nStatus: 2.0.0\n--b--\n",
        ),
        "none",
    ),
    (
        "delay 5xx",
        mail(
            [
                "From: MAILER-DAEMON@x.example",
                "Subject: Delayed Mail (still being retried)",
                'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
            ],
            "--b\n\nstill trying\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
            "Final-Recipient: rfc822; dave@example.org\nAction: delayed\nStatus: 5.1.1\n"
            "Diagnostic-Code: smtp; 550 5.1.1 user unknown\n--b--\n",
        ),
        "delay",
    ),
    ("unsubscribe mail", mail(["From: dave@example.org", "Subject: unsubscribe"], ""), "complaint"),
    ("unsubscribe mail zh", mail(["From: dave@qq.example", "Subject: 退订"], ""), "complaint"),
    (
        "confirm reply en",
        mail(["From: Dave <dave@example.org>", "Subject: Re: Please confirm"], "Yes I confirm"),
        "none",
    ),
    (
        "left company",
        mail(
            [
                "From: Dave <dave@example.org>",
                "Subject: Auto: Dave has left the company",
                "Auto-Submitted: auto-replied",
            ],
            "Dave no longer works here. This mailbox is not monitored. Please contact eve@example.org.",
        ),
        "auto-reply",
    ),
    (
        "no longer valid auto",
        mail(
            ["From: Dave <dave@example.org>", "Subject: Automatic reply: Email address no longer valid"],
            "This email address is no longer valid. Use new@example.org.",
        ),
        "auto-reply",
    ),
]


@pytest.mark.parametrize(("raw", "kind"), [one[1:] for one in MAILS], ids=[one[0] for one in MAILS])
def test_a_mail_is_of_its_kind(raw: bytes, kind: str) -> None:
    reading = read_mail(raw)
    assert reading.kind == kind, reading.form


@pytest.mark.parametrize(("raw", "kind"), [one[1:] for one in MAILS], ids=[one[0] for one in MAILS])
def test_a_mail_cut_anywhere_never_condemns_its_reader(raw: bytes, kind: str) -> None:
    for end in range(0, len(raw), 3):
        assert read_mail(raw[:end]).kind not in {"hard", "soft"} or kind == "delay"


@pytest.mark.parametrize("subject", ["부재중 자동 회신", "Автоответ: о новостях"])  # whose last octets are A0 and 85
def test_a_subject_in_raw_utf8_may_end_with_any_letter(subject: str) -> None:
    raw = f"From: a@example.org\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n...\n"
    assert read_mail(raw.encode()).kind == "auto-reply"


def report(*fields: str, words: str = "", author: str = "MAILER-DAEMON@relay.example.net") -> Reading:
    head = f"From: {author}\nSubject: Undelivered mail\nContent-Type: multipart/report; boundary=x\n\n--x\n\n{words}\n"
    status = "Reporting-MTA: dns; relay.example.net\n\nFinal-Recipient: rfc822; dave@example.org\nAction: failed\n"
    body = "\n".join(fields)
    return read_mail(f"{head}--x\nContent-Type: message/delivery-status\n\n{status}{body}\n\n--x--\n".encode())


def test_what_a_report_gives_for_a_server_that_it_names_is_an_answer_to_rcpt() -> None:
    said = "Diagnostic-Code: smtp; 550 no such user"
    assert report("Status: 5.0.0", said, "Remote-MTA: dns; mx.example.org").kind is Kind.HARD
    assert report("Status: 5.0.0", said).kind is Kind.SOFT
    assert report("Status: 5.2.1", said, "Remote-MTA: dns; mx.example.org").kind is Kind.SOFT
    filters = "Diagnostic-Code: smtp; 550 no such user (in reply to end of DATA command)"
    assert report("Status: 5.0.0", filters, "Remote-MTA: dns; mx.example.org").kind is Kind.SOFT


def test_a_report_without_an_answer_is_believed_of_the_system_that_holds_the_mailbox() -> None:
    words = "Failed to deliver to dave@example.org: account does not exist"
    assert report("Status: 5.0.0", words=words, author="MAILER-DAEMON@example.org").kind is Kind.HARD
    assert report("Status: 5.0.0", words=words).kind is Kind.SOFT


def test_a_report_cut_within_an_answer_condemns_nobody_by_the_status_in_that_answer() -> None:
    said = "550 5.1.1 Amazon SES has suppressed sending to this address"
    head = "From: MAILER-DAEMON@example.net\nSubject: x\nContent-Type: multipart/report; boundary=x\n\n--x\n"
    fields = (
        f"Action: failed\nFinal-Recipient: rfc822; dave@example.org\nDiagnostic-Code: smtp; {said}\nStatus: 5.1.1\n"
    )
    whole = f"{head}Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n{fields}\n--x--\n"
    assert read_mail(whole.encode()).reason == "suppressed"
    cut = whole.index("550 5.1.1") + len("550 5.1.1 ")
    for end in range(cut, whole.index("Status: 5.1.1")):
        assert read_mail(whole[:end].encode()).kind is not Kind.HARD
