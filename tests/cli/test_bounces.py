"""`mailer bounces` at a terminal: what it says of mails, replies and mistakes."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, insert

from mailer.cli import main
from mailer.cli.returned import LINE_SECONDS, Diary
from mailer.intake.listener import Door
from mailer.model.tokens import Purpose
from mailer.store.schema import deliveries, suppressions
from mailer.wiring import Club

SAMPLES = Path(__file__).parents[1] / "samples" / "bounces"


@pytest.fixture
def club(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a fresh club, which commands run in."""
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["init", "."]).exit_code == 0
    return tmp_path


def test_explain_says_what_was_read_which_rule_spoke_and_what_would_follow() -> None:
    result = CliRunner().invoke(main, ["bounces", "explain", str(SAMPLES / "postfix-unknown-user.eml")])
    assert "hard, userunknown (no-such-address)" in result.output
    assert "rule: 'user unknown'" in result.output
    assert "lead to: suppress" in result.output


def test_explain_prints_one_object_a_line_for_mails_and_replies(tmp_path: Path) -> None:
    replies = tmp_path / "replies"
    replies.write_bytes(b"550 5.1.1 no such user\n\xff\x00\n\n")
    mail = str(SAMPLES / "qq-mailbox-not-found.eml")
    result = CliRunner().invoke(main, ["bounces", "explain", mail, "--replies", str(replies), "--json"])
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert [row.get("hard") for row in rows] == [None, True, False, False]
    assert rows[0]["kind"] == "hard"


def test_a_place_that_is_not_there_is_named_in_one_line(club: Path) -> None:
    result = CliRunner().invoke(main, ["bounces", "take", "nowhere"])
    assert result.exit_code not in {0, 75}
    assert "nowhere: cannot be read: No such file" in (result.output + str(result.exception))


def test_a_report_without_a_token_is_kept_and_shown_as_unverified(club: Path) -> None:
    runner = CliRunner()
    result = runner.invoke(main, ["bounces", "take", str(SAMPLES / "postfix-unknown-user.eml")])
    assert result.output.startswith("unverified: hard, userunknown")
    assert "dave@example.org (unverified)" in runner.invoke(main, ["bounces", "list", "--unverified"]).output
    assert "no reader would" in runner.invoke(main, ["bounces", "judge", "--replay"]).output


def test_a_replay_prints_one_object_a_reader(club: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(main, ["subscribers", "add", "dave@example.org"]).exit_code == 0
    here = Club.open(club / "mailer.toml")
    who, now = {"address": "dave@example.org", "domain": "example.org"}, datetime.now(UTC)
    with here.db.transaction() as conn:
        row = insert(deliveries).values(id=1, subscriber_id=1, due_at=now, changed_at=now, state="accepted", **who)
        conn.execute(row)
    path = f"b+{here.keyring.sign(1, Purpose.BOUNCE)}@bounces.club.example.com"
    mail = str(SAMPLES / "postfix-unknown-user.eml")
    assert "suppress" in runner.invoke(main, ["bounces", "take", mail, "--to", path]).output
    with here.db.transaction() as conn:
        conn.execute(delete(suppressions))
    result = runner.invoke(main, ["bounces", "judge", "--replay", "--json"])
    assert json.loads(result.stdout) == {
        "address": "dave@example.org",
        "change": "would be suppressed",
        "reason": "userunknown",
        "why": "the receiving server says that there is no such address",
    }
    assert "5.1.1 5.1.1" not in runner.invoke(main, ["subscribers", "show", "dave@example.org"]).output


def test_a_flood_of_forged_reports_is_one_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    door = Door(lambda _: False, lambda _: None)
    diary = Diary(door)
    for second in range(60):
        door.turned_away["refused"] += 1000
        diary.add(Counter(unverified=1000, cut=1))
        diary.tell(float(second))
    diary.tell(LINE_SECONDS)
    diary.tell(2 * LINE_SECONDS)  # nothing new: nothing said
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["unverified"], line["refused"]) for line in lines] == [
        ("bounces.taken", 1000, 1000),
        ("bounces.taken", 59000, 59000),
    ]


def test_explain_shows_the_servers_words_on_one_line_of_plain_text(tmp_path: Path) -> None:
    words = "550 5.1.1 user\n unknown \x1b[31mred " + "long " * 100
    mail = tmp_path / "hostile.eml"
    mail.write_text(f"From: MAILER-DAEMON@example.org\nSubject: Undelivered mail\n\ndave@example.org: {words}\n")
    shown = CliRunner().invoke(main, ["bounces", "explain", str(mail)]).output
    said = next(line for line in shown.splitlines() if line.startswith("    said: "))
    assert "user unknown" in said
    assert said.endswith(" ...")
    assert "\x1b" not in shown


def test_a_bounce_is_shown_without_what_a_terminal_would_obey(club: Path) -> None:
    mail = club / "hostile.eml"
    mail.write_text(
        "From: MAILER-DAEMON@example.org\nSubject: Undelivered\n\ndave@example.org: user\x1b]0;x\x07\x9b unknown\n"
    )
    run = CliRunner().invoke
    assert run(main, ["bounces", "take", str(mail)]).exit_code == 0
    shown = run(main, ["bounces", "show", "1"]).output
    assert "text: dave@example.org: user]0;x unknown" in shown
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)
