"""What is said of a reader is read clause by clause: full, switched off, not there; and never what is said of us."""

from __future__ import annotations

import pytest

from mailer.mail.reply import Reply
from mailer.model.bounce import Family, Kind
from mailer.model.delivery import Phase
from mailer.model.diagnosis import classify, classify_line, classify_reply

GONE = [
    "That address is not in our directory",
    "We do not have anybody called dave",
    "destination address does not match any known mailbox",
    "Sorry, nobody with that address lives here",
    "there isn't anyone at this address",
    "could not locate mailbox dave",
    "no employee of that name",
    "this account was never provisioned",
    "the addressed mailbox was wiped",
    "Dave no longer works here, thank you",
    "dave: unresolved alias",
    "5.7.1 the recipient is a stranger: address not recognised",
]
OFF = [
    "this mailbox is no longer in use because its owner did not log in",
    "Account on hold, invoice overdue",
    "the user's mailbox has expired",
    "mailbox is dormant",
    "the account was turned off by its administrator",
    "the account has not been used for a long time and was locked",
]
FULL = [
    "the recipient has no free storage",
    "the mailbox is at 100% of capacity",
    "her inbox cannot take any more mail",
]
OF_US = [
    "your message does not contain a valid header",
    "we do not have a record of your address",
    "there is no PTR for your IP",
    "nobody is allowed to send to this list",
    "no one can relay through this host",
    "the sender's account does not exist",
    "message removed, recipient not told",
    "no user wants this: score 22 over the limit",
    "no user account here accepts mail out of AS64500",
    "No account given, please log in first",
    "the DKIM key of your domain does not exist",
    "your host name could not be found in DNS",
    "the link in your mail points to a domain that does not exist",
    "recipient is not local and you may not relay",
    "unable to write to mailbox: no such file or directory",
    "your sender's domain cannot be found",
    "Relaying to unknown recipients is forbidden",
    "the host accepts no e-mail",
    "Return-path invalid",
    "unknown reverse name, go away",
    "user does not accept mail of that size",
    "delivery agent for user not found",
    "invalid user or password",
    "message contains a bad link, domain unknown",
    "signature not found: DKIM required",
    "cannot write to the mail store of this user",
    "Your provider is not welcome: unknown to our users",
    "URL in mail not found in whitelist",
    "invalid address in To: header",
    "5.1.1 Too many bad recipients, you are blocked for an hour",
]
PASSING = [
    "the account could not be served at this time, try again",
    "mailbox not found in the cache, please come back later",
]


@pytest.mark.parametrize("words", GONE)
def test_a_reader_is_denied_in_whatever_words(words: str) -> None:
    assert classify_line(f"550 {words}").kind is Kind.HARD
    assert classify_reply(Reply(554, (words,)), Phase.DOT).kind is Kind.SOFT


@pytest.mark.parametrize("words", OFF)
def test_a_mailbox_that_is_switched_off_is_no_dead_address(words: str) -> None:
    assert classify_line(f"550 {words}").family is Family.INACTIVE


@pytest.mark.parametrize("words", FULL)
def test_a_mailbox_is_full_in_whatever_words(words: str) -> None:
    assert classify_line(f"550 {words}").family is Family.MAILBOX_FULL


@pytest.mark.parametrize("words", [*OF_US, *PASSING])
def test_what_is_denied_to_us_or_may_pass_is_not_the_reader(words: str) -> None:
    assert classify_line(f"550 {words}").kind is Kind.SOFT


@pytest.mark.parametrize(
    "words",
    [
        "Diese E-Mail-Adresse existiert bei uns nicht",
        "Diese Adresse gibt es hier nicht",
        "La direccion de correo no esta dada de alta",
        "Aucun compte ne correspond",
        "Nessun utente corrisponde",
        "Keine solche Mailbox",
        "No se reconoce al destinatario",
        "没有这个用户",
        "該当ユーザーなし",
        "Nessuna casella con questo nome",
        "Такого пользователя нет",
        "Adresa nu exista",
        "Địa chỉ không tồn tại",
    ],
)
def test_a_reader_is_denied_in_other_languages(words: str) -> None:
    assert classify_line(f"550 {words}").kind is Kind.HARD


@pytest.mark.parametrize(
    ("words", "family"),
    [
        ("user unknown, lookup failed", Family.TRANSPORT),
        ("Too many addresses at this site do not exist", Family.RATE),
        ("user unknown to greylist, retry", Family.TRANSPORT),
        ("recipient is not local and you may not relay", Family.POLICY),
    ],
)
def test_what_stands_beside_no_such_user_says_whose_fault_it_is(words: str, family: Family) -> None:
    assert classify_line(f"550 {words}").family is family


def test_the_name_of_the_host_that_speaks_is_nothing_it_says() -> None:
    said = "550 No such recipient here (in reply to RCPT TO command)"
    for host in ("mx.antispam.example.net[192.0.2.1]", "virus.blocked.example.net [2001:db8::1]"):
        assert classify_line(f"host {host} said: {said}").kind is Kind.HARD
    assert classify_line("554 blocked using spam.example.net").family is Family.POLICY


@pytest.mark.parametrize(
    "answer",
    [
        "554 Message rejected: Sending paused for this account.",
        "502 5.7.0 Your SMTP account is not yet activated",
        "550 SMTP user account disabled",
        "554 5.7.1 account has been locked for sending",
        "535 5.7.8 user account locked",
        "450 4.7.1 your plan's quota is exhausted",
        "550 Trial account cannot send to this recipient, account not verified",
        "550 submission account not found, please authenticate",
    ],
)
def test_an_account_of_ours_that_is_off_costs_no_reader_anything(answer: str) -> None:
    assert classify_line(answer).family is Family.POLICY
    logged = f"host smtp.example.net[192.0.2.1] said: {answer} (in reply to end of DATA command)"
    assert classify(logged, status="5.0.0").family is Family.POLICY
    for phase in (Phase.RCPT, Phase.DOT):
        assert classify_reply(Reply(int(answer[:3]), (answer[4:],)), phase).family is Family.POLICY


@pytest.mark.parametrize("words", ["5.2.1 account disabled", "mailbox full", "user unknown"])
def test_before_a_reader_is_named_an_account_is_ours(words: str) -> None:
    assert classify_reply(Reply(550, (words,)), Phase.MAIL).family is Family.POLICY
