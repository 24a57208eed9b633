"""Throttle answers: Chinese and Western, about a provider, our relay, or a reader after all."""

import pytest

from mailer.mail.reply import Reply
from mailer.model.delivery import Phase
from mailer.model.throttle import ANSWERS, is_enough, throttle_of


def _group(code: int, text: str, domain: str, phase: Phase = Phase.RCPT) -> str | None:
    found = throttle_of(Reply(code, (text,)), phase, domain)
    return found.group if found else None


@pytest.mark.parametrize(
    ("code", "text", "domain", "group"),
    [
        (550, "Connection frequency limited. http://service.mail.qq.com/cgi-bin/help?id=20022", "qq.com", "qq.com"),
        (550, "Ip frequency limited", "foxmail.com", "qq.com"),
        (421, "HL:ICC 163 smtp12 a_b 1747785600", "126.com", "163.com"),
        (451, "MI:SFQ 163 smtp5 c_d 1747785600", "163.com", "163.com"),
        (450, "RP:DRC 163 smtp7 e_f 1747785600", "yeah.net", "163.com"),
        (421, "4.7.28 Gmail has detected an unusual rate of unsolicited mail", "gmail.com", "gmail.com"),
        (421, "4.7.0 Our system has detected an unusual rate of mail", "googlemail.com", "gmail.com"),
        (421, "RP-001 (BAY004-MC1F29) Unfortunately some messages weren't sent (RP-001)", "msn.com", "outlook.com"),
        (451, "4.7.500 Server busy. Please try again later", "firm.example", "firm.example"),
        (421, "4.7.0 [TSS04] Messages temporarily deferred", "aol.com", "yahoo.com"),
        (452, "4.3.2 too many messages in this session", "firm.example", "firm.example"),
    ],
)
def test_a_provider_that_asks_us_to_slow_down_is_slowed(code: int, text: str, domain: str, group: str) -> None:
    assert _group(code, text, domain) == group


@pytest.mark.parametrize(
    ("code", "text", "domain", "phase"),
    [
        (454, "Throttling failure: Maximum sending rate exceeded.", "qq.com", Phase.DOT),
        (454, "Throttling failure: Daily message quota exceeded.", "firm.example", Phase.MAIL),
        (550, "5.4.5 Daily user sending limit exceeded", "gmail.com", Phase.RCPT),
        (550, "Connection frequency limited", "gmail.com", Phase.RCPT),
        (450, "4.7.1 Error: too many messages", "firm.example", Phase.MAIL),
    ],
)
def test_our_own_relays_limit_slows_the_relay(code: int, text: str, domain: str, phase: Phase) -> None:
    assert _group(code, text, domain, phase) == ""


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (450, "4.2.1 The user you are trying to contact is receiving mail at a rate that prevents more"),
        (451, "4.7.1 Greylisted, try again in 300 seconds"),
        (452, "4.2.2 Mailbox full"),
        (550, "5.1.1 User unknown"),
        (451, "4.3.0 Temporary failure"),
        (250, "2.0.0 ok, connection frequency limited"),
    ],
)
def test_what_is_about_one_reader_slows_nobody_else(code: int, text: str) -> None:
    assert _group(code, text, "gmail.com") is None


def test_every_row_names_its_source_and_matches_its_own_words() -> None:
    for whose, phrases, pause, source in ANSWERS:
        assert source
        for phrase in phrases.split("|"):
            found = throttle_of(Reply(451, (phrase.strip().upper(),)), Phase.RCPT, "firm.example")
            assert (found is None) == (whose == "reader")
            assert found is None or found.pause == pause > 0


@pytest.mark.parametrize(
    ("code", "text", "enough"),
    [
        (421, "too many messages in this connection", True),
        (452, "4.3.2 Too many messages in one connection", True),
        (451, "4.7.1 Max message per connection reached", True),
        (421, "4.7.0 You have sent the maximum number of messages for a single SMTP session", True),
        (250, "2.0.0 that is five messages in this session", False),
        (421, "4.7.0 Too many messages, slow down", False),
        (421, "4.7.0 Too many connections from your host", False),
        (421, "4.3.2 Service shutting down", False),
    ],
)
def test_what_is_enough_for_a_connection(code: int, text: str, enough: bool) -> None:
    assert is_enough(Reply(code, (text,))) is enough
