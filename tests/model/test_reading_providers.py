"""Notices after the documented formats of many systems, in our own words: who is meant, and what it means."""

from __future__ import annotations

from base64 import b64encode

import pytest

from mailer.model.bounce import FAMILY, Kind
from mailer.model.reading import read_mail

OURS = "news@club.example.com"
RETURNED = (
    f"Received: from club.example.com by relay.example.net; Mon, 2 Mar 2026 08:00:00 +0000\n"
    f"From: Club News <{OURS}>\nTo: dave@example.org\nSubject: Morning news\n"
    "Message-ID: <aaaaaaaaaaaaaaaaaaaaaaaaaa@club.example.com>\n\nGood morning\n"
)


def plain(sender: str, subject: str, body: str, *headers: str, charset: str = "utf-8") -> bytes:
    """A notice in one text part; anything beyond ASCII in base64."""
    lines = [f"From: {sender}", f"To: {OURS}", f"Subject: {subject}", *headers, "MIME-Version: 1.0"]
    kind = "text/html" if body.startswith("<") else "text/plain"
    lines += [f"Content-Type: {kind}; charset={charset}", "Content-Transfer-Encoding: base64", ""]
    encoded = b64encode(body.encode(charset)).decode()
    return "\n".join([*lines, *(encoded[at : at + 76] for at in range(0, len(encoded), 76)), ""]).encode()


def word(text: str, charset: str = "utf-8") -> str:
    return f"=?{charset}?B?{b64encode(text.encode(charset)).decode()}?="


def report(sender: str, subject: str, body: str, fields: str, *, returned: str = RETURNED) -> bytes:
    """A multipart/report of RFC 3464."""
    return (
        f"From: {sender}\nTo: {OURS}\nSubject: {subject}\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{body}\n"
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n{fields}\n"
        f"--b\nContent-Type: message/rfc822\n\n{returned}\n--b--\n"
    ).encode()


def fields(status: str, said: str, *, action: str = "failed", who: str = "dave@example.org") -> str:
    return f"Final-Recipient: rfc822; {who}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {said}\n"


def qq(why: str, who: str = "dave@example.org") -> bytes:
    """QQ Mail: a page with a table (qqmailbox.com/transceivers/169.html), GB 18030."""
    body = (
        "<html><body><p>很抱歉，您的邮件被退回，邮件信息如下：</p><table><tr><td>被退回邮件</td><td>主题：早报</td></tr></table>"
        f"<table><tr><td colspan=2>无法发送到 {who}</td></tr><tr><td>退信原因</td><td>{why}</td></tr>"
        "<tr><td>解决方案</td><td>请联系您的收件人</td></tr></table></body></html>"
    )
    return plain('"PostMaster" <PostMaster@qq.example>', word("来自qq.com的退信", "gb18030"), body, charset="gb18030")


def netease(why: str) -> bytes:
    """NetEase: 系统退信 from Postmaster (help.mail.163.com, returned mail)."""
    body = (
        "<html><body><h2>抱歉，您的邮件被退回来了……</h2><p>原邮件信息：主题 早报</p>"
        f"<p>收件人：dave@example.org</p><p>退信原因：{why}</p><p>建议解决方案：请核对收件人地址后重新发送</p></body></html>"
    )
    return plain("Postmaster@163.example", word("系统退信", "gbk"), body, charset="gbk")


def aliyun(why: str) -> bytes:
    """Alibaba Mail: a bilingual notice (help.aliyun.com, bounce messages of Alibaba Mail)."""
    body = (
        "<div>尊敬的用户，您发往以下地址的邮件未能投递：Your message could not be delivered to:</div>"
        f"<div>收件人 / Recipient: dave@example.org</div><div>退信原因 / Reason: {why}</div>"
    )
    return plain("postmaster@aliyun.example", word("系统退信/Systems bounce"), body)


def sina(why: str) -> bytes:
    """Sina: a report whose words are in Chinese (help.sina.com.cn, returned mail)."""
    return report("MAILER-DAEMON@sina.example", word("退信通知"), "您的邮件未能送达，原因如下。", fields("5.0.0", why))


NOTICES = {
    "qq, no such user": (qq("收件人邮箱不存在，该用户不存在"), Kind.HARD, "userunknown"),
    "qq, full": (qq("收件人空间不足"), Kind.SOFT, "mailboxfull"),
    "qq, refused elsewhere": (
        qq(
            "未知原因 <br/> host mx.example.org[192.0.2.5] said: 550 5.7.515 Access denied, sending domain does not"
            " meet the required authentication level (in reply to end of DATA command)"
        ),
        Kind.SOFT,
        "authfailure",
    ),
    "qq, unknown elsewhere": (
        qq(
            "host mx.example.org[192.0.2.5] said: 550 5.1.1 &lt;dave@example.org&gt;: User unknown (in reply to RCPT TO"
            " command)"
        ),
        Kind.HARD,
        "userunknown",
    ),
    "qq, content": (qq("550 Mail content denied"), Kind.SOFT, "spamdetected"),
    "netease, no such user": (netease("收件人地址不存在 (550 User not found)"), Kind.HARD, "userunknown"),
    "netease, full": (netease("对方邮箱已满"), Kind.SOFT, "mailboxfull"),
    "netease, spam": (netease("554 DT:SPM 163 smtp5 邮件内容疑似垃圾邮件"), Kind.SOFT, "spamdetected"),
    "netease, frozen": (netease("收件人邮箱已被冻结"), Kind.SOFT, "suspend"),
    "aliyun, no such user": (aliyun("550 user not exist，收件人不存在"), Kind.HARD, "userunknown"),
    "aliyun, full": (aliyun("552 Quota exceeded，收件人邮箱容量已满"), Kind.SOFT, "mailboxfull"),
    "aliyun, behaviour": (aliyun("554 Reject by behaviour spam at Rcpt State"), Kind.SOFT, "spamdetected"),
    "sina, no such user": (sina("550 5.1.1 mailbox unavailable (邮箱不存在)"), Kind.HARD, "userunknown"),
    "sina, locked": (sina("550 user is locked. (邮箱被锁)"), Kind.SOFT, "suspend"),
    "sina, too long": (sina("552 message is too long. (邮件大小超过限制)"), Kind.SOFT, "mesgtoobig"),
    "gmail, no such user": (
        report(
            "Mail Delivery Subsystem <mailer-daemon@googlemail.example>",
            "Delivery Status Notification (Failure)",
            "** Address not found **\n\nYour message wasn't delivered to dave@example.org because the address couldn't"
            " be found, or is unable to receive mail.\n\nThe response was:\n\n550 5.1.1 The email account that you"
            " tried to reach does not exist. https://support.google.com/mail/?p=NoSuchUser",
            fields("5.1.1", "550-5.1.1 The email account that you tried to reach does not exist."),
        ),
        Kind.HARD,
        "userunknown",
    ),
    "gmail, still trying": (
        report(
            "Mail Delivery Subsystem <mailer-daemon@googlemail.example>",
            "Delivery Status Notification (Delay)",
            "** Delivery incomplete **\n\nThere was a temporary problem delivering your message to dave@example.org."
            " Gmail will retry for 46 more hours.",
            fields("4.4.1", "451 The server is not answering", action="delayed"),
        ),
        Kind.DELAY,
        "networkerror",
    ),
    "outlook, no such user": (
        report(
            "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.onmicrosoft.com>",
            "Undeliverable: Morning news",
            "Your message to dave@example.org couldn't be delivered.\ndave wasn't found at example.org.",
            fields("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
        ),
        Kind.HARD,
        "userunknown",
    ),
    "outlook, full": (
        report(
            "Microsoft Outlook <postmaster@example.org>",
            "Undeliverable: Morning news",
            "The recipient's mailbox is full and can't accept messages now.",
            fields("5.2.2", "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException"),
        ),
        Kind.SOFT,
        "mailboxfull",
    ),
    "exchange, restricted": (
        report(
            "Microsoft Outlook <postmaster@example.org>",
            "Undeliverable: Morning news",
            "Your message wasn't delivered because the group only takes mail from people in the organization.",
            fields("5.7.133", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required"),
        ),
        Kind.SOFT,
        "securityerror",
    ),
    "exim, unknown": (
        plain(
            "Mail Delivery System <Mailer-Daemon@relay.example.net>",
            "Mail delivery failed: returning message to sender",
            "This message was created automatically by mail delivery software.\n\nA message that you sent could not be"
            " delivered to one or more of its\nrecipients. This is a permanent error. The following address(es)"
            " failed:\n\n  dave@example.org\n    host mx.example.org [192.0.2.5]\n    SMTP error from remote mail"
            " server after RCPT TO:<dave@example.org>:\n    550 5.1.1 no such user\n\n--- copy ---\n\n" + RETURNED,
            "X-Failed-Recipients: dave@example.org",
        ),
        Kind.HARD,
        "userunknown",
    ),
    "exim, after the content": (
        plain(
            "Mail Delivery System <Mailer-Daemon@relay.example.net>",
            "Mail delivery failed: returning message to sender",
            "The following address(es) failed:\n\n  dave@example.org\n    host mx.example.org [192.0.2.5]\n    SMTP"
            " error from remote mail server after end of data:\n    550 No such user here\n",
            "X-Failed-Recipients: dave@example.org",
        ),
        Kind.SOFT,
        "filtered",
    ),
    "exim, frozen delay": (
        plain(
            "Mail Delivery System <Mailer-Daemon@relay.example.net>",
            "Warning: message 1rVx delayed 24 hours",
            "This message was created automatically by mail delivery software.\nA message that you sent has not yet"
            " been delivered to one or more of its\nrecipients after more than 24 hours on the queue.\n\nThe address"
            " to which the message has not yet been delivered is:\n\n  dave@example.org\n    host mx.example.org:"
            " retry timeout not reached\n\nNo action is required on your part. Delivery attempts will continue.\n",
        ),
        Kind.DELAY,
        "expired",
    ),
    "qmail, unknown": (
        plain(
            "MAILER-DAEMON@mx.example.org",
            "failure notice",
            "Hi. This is the qmail-send program at mx.example.org.\nI'm afraid I wasn't able to deliver your message to"
            " the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
            "<dave@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the"
            " message.\n\n" + RETURNED,
        ),
        Kind.HARD,
        "userunknown",
    ),
    "qmail, no host": (
        plain(
            "MAILER-DAEMON@mx.example.org",
            "failure notice",
            "Hi. This is the qmail-send program at mx.example.org.\nI'm afraid I wasn't able to deliver your"
            " message.\n\n<dave@example.org>:\nSorry, I couldn't find any host named example.org. (#5.1.2)\n",
        ),
        Kind.HARD,
        "hostunknown",
    ),
    "sendmail, transcript": (
        report(
            "Mail Delivery Subsystem <MAILER-DAEMON@relay.example.net>",
            "Returned mail: see transcript for details",
            "   ----- The following addresses had permanent fatal errors -----\n<dave@example.org>\n    (reason: 550"
            " 5.1.1 <dave@example.org>... User unknown)\n\n   ----- Transcript of session follows -----\n... while"
            " talking to mx.example.org.:\n>>> RCPT To:<dave@example.org>\n<<< 550 5.1.1 <dave@example.org>... User"
            " unknown",
            fields("5.1.1", "550 5.1.1 <dave@example.org>... User unknown"),
        ),
        Kind.HARD,
        "userunknown",
    ),
    "yahoo, disabled": (
        plain(
            "MAILER-DAEMON@yahoo.example",
            "Failure Notice",
            "Sorry, we were unable to deliver your message to the following address.\n\n<dave@example.org>:\n554: 30"
            " Sorry, your message to dave@example.org cannot be delivered. This mailbox is disabled (554.30).\n",
        ),
        Kind.SOFT,
        "suspend",
    ),
    "domino, unknown": (
        report(
            "Postmaster@example.org",
            "DELIVERY FAILURE: User dave (dave@example.org) not listed in Domino Directory",
            "Your message\n\n  Subject: Morning news\n\nwas not delivered to:\n\n  dave@example.org\n\nbecause:\n\n"
            "  User dave (dave@example.org) not listed in Domino Directory\n",
            "Final-Recipient: rfc822;dave@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: X-Notes; User"
            " dave (dave@example.org) not listed in Domino Directory\n",
        ),
        Kind.HARD,
        "userunknown",
    ),
    "gmx, full": (
        plain(
            "GMX Mailer Daemon <mailer-daemon@gmx.example>",
            "Mail delivery failed: returning message to sender",
            "This message was created automatically by mail delivery software.\n\nA message that you sent could not be"
            " delivered to one or more of\nits recipients. This is a permanent error. The following address\nfailed:"
            '\n\n"dave@example.org":\nSMTP error from remote server for RCPT TO command, host: mx.example.org'
            " (192.0.2.5) reason: 552 5.2.2 mailbox full\n",
        ),
        Kind.SOFT,
        "mailboxfull",
    ),
    "yandex, unknown": (
        report(
            "mailer-daemon@yandex.example",
            word("Недоставленное сообщение"),
            "Это письмо отправлено почтовым сервером. К сожалению, ваше письмо не может быть отправлено адресату"
            " dave@example.org: нет такого пользователя.",
            fields("5.1.1", "550 5.7.1 No such user!"),
        ),
        Kind.HARD,
        "userunknown",
    ),
    "mail.ru, unknown": (
        plain(
            "Mailer-Daemon@corp.mail.example",
            "Mail failure.",
            "This message was created automatically by mail delivery software.\n\nA message that you sent could not be"
            " delivered to one or more of its\nrecipients. This is a permanent error. The following address(es)"
            " failed:\n\n  dave@example.org\n    SMTP error from remote mail server after RCPT TO:<dave@example.org>:\n"
            "    550 Message was not accepted -- invalid mailbox.  Local mailbox dave@example.org is unavailable: user"
            " not found\n",
        ),
        Kind.HARD,
        "userunknown",
    ),
    "icloud, full": (
        report(
            "postmaster@icloud.example",
            "Undelivered Mail Returned to Sender",
            "I'm sorry to have to inform you that your message could not be delivered.",
            fields("5.2.2", "552 5.2.2 <dave@example.org>: user is over quota"),
        ),
        Kind.SOFT,
        "mailboxfull",
    ),
    "mimecast, policy": (
        report(
            "postmaster@mimecast.example",
            "Undeliverable: Morning news",
            "Your message was rejected by the recipient's mail gateway.",
            fields("5.7.1", "554 Email rejected due to security policies - https://community.mimecast.com/docs#554"),
        ),
        Kind.SOFT,
        "policyviolation",
    ),
    "proofpoint, blocked": (
        report(
            "MAILER-DAEMON@pphosted.example",
            "Delivery Status Notification (Failure)",
            "The following message could not be delivered.",
            fields("5.0.0", "554 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.9"),
        ),
        Kind.SOFT,
        "blocked",
    ),
    "barracuda, spam": (
        report(
            "MAILER-DAEMON@ess.example",
            "Delivery Status Notification (Failure)",
            "Message could not be delivered.",
            fields("5.0.0", "550 permanent failure for one or more recipients (dave@example.org:blocked)"),
        ),
        Kind.SOFT,
        "spamdetected",
    ),
    "postfix, no route": (
        report(
            "Mail Delivery System <MAILER-DAEMON@relay.example.net>",
            "Undelivered Mail Returned to Sender",
            "This is the mail system at host relay.example.net.\n\n<dave@example.org>: Host or domain name not found."
            " Name service error for name=example.org type=A: Host not found",
            "Final-Recipient: rfc822; dave@example.org\nAction: failed\nStatus: 5.4.4\nDiagnostic-Code: X-Postfix; Host"
            " or domain name not found. Name service error for name=example.org type=A: Host not found\n",
        ),
        Kind.HARD,
        "hostunknown",
    ),
    "postfix, given up": (
        report(
            "Mail Delivery System <MAILER-DAEMON@relay.example.net>",
            "Undelivered Mail Returned to Sender",
            "<dave@example.org>: connect to mx.example.org[192.0.2.5]:25: Connection timed out",
            "Final-Recipient: rfc822; dave@example.org\nAction: failed\nStatus: 4.4.1\nDiagnostic-Code: X-Postfix;"
            " connect to mx.example.org[192.0.2.5]:25: Connection timed out\n",
        ),
        Kind.SOFT,
        "expired",
    ),
}


@pytest.mark.parametrize("name", NOTICES)
def test_a_notice_is_read_for_what_it_means(name: str) -> None:
    raw, kind, reason = NOTICES[name]
    reading = read_mail(raw)
    assert list(reading.recipients) == ["dave@example.org"]
    assert (reading.kind, reading.family) == (kind, FAMILY[reason]), [each.diagnosis for each in reading.results]


@pytest.mark.parametrize("name", NOTICES)
def test_a_notice_cut_anywhere_is_never_worse_than_it_was(name: str) -> None:
    raw, kind, _ = NOTICES[name]
    for end in range(0, len(raw), 3):
        found = read_mail(raw[:end]).kind
        assert found is not Kind.COMPLAINT
        assert kind is Kind.HARD or found is not Kind.HARD, f"hard when cut at {end}"
