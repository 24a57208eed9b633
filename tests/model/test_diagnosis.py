"""What servers answer, after their documented formats, is read for what it means; and who cannot know is not sure."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailer.mail.reply import Reply
from mailer.model.bounce import DEAD, FAMILY, Kind
from mailer.model.delivery import Phase
from mailer.model.diagnosis import classify, classify_line, classify_reply

FILE = Path(__file__).parents[1] / "samples" / "replies" / "providers.tsv"
ROWS = [line.split("\t") for line in FILE.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]


@pytest.mark.parametrize(("phase", "reason", "text"), ROWS, ids=[row[2][:60] for row in ROWS])
def test_a_providers_answer_leads_to_the_right_action(phase: str, reason: str, text: str) -> None:
    found = classify_reply(Reply(int(text[:3]), (text[4:],)), Phase(phase))
    assert found.family is FAMILY[reason], f"{found.reason}: {found.rule}"
    assert (found.kind is Kind.HARD) == (FAMILY[reason] in DEAD and text.startswith("5"))


def test_an_answer_by_itself_is_one_to_rcpt_unless_it_says_otherwise() -> None:
    assert classify_line("550 user unknown").kind is Kind.HARD
    assert classify_line("550-user unknown 550 see our pages").kind is Kind.HARD
    assert classify_line("550 <dave@example.com>: user unknown").kind is Kind.HARD
    assert classify_line("550 5.2.1 user unknown").kind is Kind.SOFT
    assert classify_line("550 user unknown (in reply to end of DATA command)").kind is Kind.SOFT
    assert classify_reply(Reply(550, ("user unknown",)), Phase.RCPT).kind is Kind.HARD
    assert classify_reply(Reply(550, ("user unknown",)), Phase.DOT).reason == "filtered"


@pytest.mark.parametrize("line", ["550 user unknown 550 user unknown", "550 : user unknown", "user unknown"])
def test_a_line_that_is_not_one_answer_does_not_say_whether_the_content_was_refused(line: str) -> None:
    assert classify_line(line).reason == "filtered"


def test_a_status_that_names_nobody_speaks_where_words_leave_it_open() -> None:
    assert classify_line("550 5.1.1 <dave@example.com> recipient rejected").kind is Kind.HARD
    assert classify_line("550 <dave@example.com> recipient rejected").reason == "filtered"
    assert classify("550 5.1.1 recipient rejected (in reply to end of DATA command)").reason == "filtered"


def test_a_503_after_it_says_that_the_refusal_was_of_the_recipient() -> None:
    assert classify_line("550 unknown user 503 Valid RCPT command must precede DATA").kind is Kind.HARD


@pytest.mark.parametrize(
    ("quoted", "hard"), [("550 5.1.1 <dave@example.com>: user unknown", True), ("550 : user unknown", False)]
)
def test_a_notice_that_leaves_it_open_is_judged_by_the_answer_it_quotes(quoted: str, hard: bool) -> None:
    google = "Your message wasn't delivered because the address couldn't be found, or is unable to receive mail."
    microsoft = "550 5.1.351 Remote server returned unknown recipient or mailbox unavailable -> "
    for notice in (f"{google} The response was: {quoted}", microsoft + quoted):
        assert (classify(notice).kind is Kind.HARD) == hard


def test_a_new_owner_of_a_mailbox_is_nobody_we_know() -> None:
    assert classify("550 5.7.17 user unknown").kind is Kind.HARD
    assert classify("550 5.7.1 user unknown").reason == "filtered"


def test_a_code_by_itself_said_before_the_recipient_was_named_is_about_the_sender() -> None:
    assert classify_reply(Reply(551, ("Main account unavailable",)), Phase.MAIL).reason == "rejected"
    assert classify_reply(Reply(551, ("not here",)), Phase.RCPT).kind is Kind.HARD


@pytest.mark.parametrize(
    "beside",
    [
        "Too many unknown recipients",
        "temporary failure: user database not found, no such user",
        "callback to the sender failed: no such user",
        "the user is unknown to us yet, greylisted",
    ],
)
def test_no_such_user_beside_what_is_about_us_or_may_pass_is_no_dead_address(beside: str) -> None:
    assert classify_reply(Reply(550, (beside,)), Phase.RCPT).kind is Kind.SOFT
    assert classify_reply(Reply(550, ("5.1.1 no such user, temporarily",)), Phase.RCPT).kind is Kind.HARD


def test_a_domain_that_a_server_does_not_find_once_it_has_the_content_is_ours() -> None:
    words = "550 Domain may not exist or DNS check failed"
    assert classify(f"{words} (in reply to end of DATA command)").reason == "rejected"
    assert classify("550 domain not found (in reply to end of DATA command)").reason == "rejected"
    assert classify("550 domain not found (in reply to RCPT TO command)").kind is Kind.HARD


def test_the_name_of_a_command_is_nothing_of_which_something_is_said() -> None:
    assert classify("552 the limit is passed (in reply to RCPT TO command)").reason == "mailboxfull"


@pytest.mark.parametrize(
    "answer",
    [
        "unknown error",
        "key not found",
        "your IP is not known to us",
        "no such file",
        "5.7.1 not found",
        "x " * 90 + "unknown",
    ],
)
def test_what_is_unknown_at_rcpt_is_not_the_reader_where_another_thing_is_named_or_may_be(answer: str) -> None:
    assert classify_reply(Reply(550, (answer,)), Phase.RCPT).kind is Kind.SOFT
    assert classify_reply(Reply(550, ("unknown",)), Phase.RCPT).kind is Kind.HARD
    assert classify_reply(Reply(550, ("unknown",)), Phase.DOT).kind is Kind.SOFT
