"""An editor's morning: three commands, no questions, everybody accounted for."""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from support.command import data, mailer
from support.relay import Relay, refuse

EXAMPLES = Path(__file__).parents[3] / "examples"
READERS = """email,name,language
alice@example.com,Alice,en
zoe@example.com,Zoë <老高>,zh
bob@example.com,,en
dave@example.com,Dave,en
"""


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay(refuse("rcpt", "550 5.1.1 No such user", recipient="dave@*")).in_thread() as running:
        yield running


@pytest.fixture
def club(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relay: Relay) -> Path:
    folder = tmp_path / "club"
    mailer(tmp_path, "init", "club", "--name", "榕渡电商简报", "--timezone", "Asia/Shanghai")
    monkeypatch.setenv("MAILER_RELAY__URL", relay.url)
    (folder / "readers.csv").write_text(READERS, encoding="utf-8")
    mailer(folder, "subscribers", "import", "readers.csv", "--consent", "fair")
    return folder


def test_a_morning_is_three_commands(club: Path, relay: Relay) -> None:
    paste = (EXAMPLES / "pasted-digest.txt").read_text(encoding="utf-8")
    mailer(club, "issue", "import", "-", "-o", "today.md", "--date", "2026-05-21", stdin=paste)
    mailer(club, "check", "today.md")
    mailer(club, "publish", "today.md", "--yes")
    assert relay.accepted == {"alice@example.com": 1, "zoe@example.com": 1, "bob@example.com": 1}
    audit = data(club, "audit", "today.md")
    assert audit["counts"]["accepted"] == 3
    assert audit["counts"]["failed"] == 1
    assert audit["balanced"] is True
    assert data(club, "report", "2026-05-21")["bounces"] == [{"kind": "hard", "reason": "userunknown", "count": 1}]


def test_a_morning_is_told_in_chinese_where_the_terminal_is(
    club: Path, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    (club / "one.md").write_text((EXAMPLES / "issue-zh.md").read_text(encoding="utf-8"), encoding="utf-8")
    done = [
        mailer(club, "publish", "one.md", "--dry-run", "--deadline", "2099-01-01 08:00"),
        mailer(club, "publish", "one.md", "--test", "editor@example.org"),
        mailer(club, "publish", "one.md", "--yes", "--queue-only", "--at", "2098-01-01 08:00"),
        mailer(club, "status"),
        mailer(club, "pause", "one.md"),
        mailer(club, "resume", "one.md"),
        mailer(club, "report", "one.md"),
        mailer(club, "audit", "one.md"),
        mailer(club, "publish", "one.md", "--correct"),
        mailer(club, "cancel", "one.md", "--yes"),
        mailer(club, "retry", "one.md", "--failed"),
        mailer(club, "publish", "one.md", "--yes", "--at", "2001-01-01 08:00", code=2),
    ]
    told = "\n".join(one.stdout + one.stderr for one in done)
    for words in (
        "将发给 4 位读者",
        "1 份试发邮件已发出",
        "已定稿，发给 4 位读者",
        "已暂停",
        "继续发送",
        "没有人通过这一期的链接退订",
        "已更正",
    ):
        assert words in told
    english = re.sub(r"mailer [a-z]+( --[a-z]+)*|[a-z]+@[a-z.]+", "", told)
    assert re.findall(r"[a-z]{2,} [a-z]{2,}", english) == []


def test_the_same_issue_goes_out_once_whatever_its_file_is_called(club: Path, relay: Relay) -> None:
    issue = (EXAMPLES / "issue-en.md").read_text(encoding="utf-8")
    for name in ("first.md", "second.md"):
        (club / name).write_text(issue, encoding="utf-8")
    mailer(club, "publish", "first.md", "--yes")
    refused = mailer(club, "publish", "second.md", "--yes", code=1)
    assert "was published before" in refused.stderr
    assert max(relay.accepted.values()) == 1


def test_a_suppressed_reader_is_left_out_of_the_next_issue(club: Path, relay: Relay) -> None:
    issue = (EXAMPLES / "issue-en.md").read_text(encoding="utf-8")
    (club / "one.md").write_text(issue, encoding="utf-8")
    mailer(club, "publish", "one.md", "--yes")
    number = next(line for line in issue.splitlines() if line.startswith("number:"))
    (club / "two.md").write_text(issue.replace(number, "number: 9999"), encoding="utf-8")
    told = data(club, "publish", "two.md", "--dry-run")
    assert told["readers"] == 3
    assert told["excluded"] == {"suppressed": 1}


def test_a_test_copy_goes_to_one_address_and_to_nobody_else(club: Path, relay: Relay) -> None:
    (club / "one.md").write_text((EXAMPLES / "issue-en.md").read_text(encoding="utf-8"), encoding="utf-8")
    mailer(club, "publish", "one.md", "--test", "editor@example.org")
    assert relay.accepted == {"editor@example.org": 1}
    message = message_from_bytes(relay.transactions[-1].content, policy=policy.default)
    assert message["Subject"].startswith("[TEST] ")
    assert data(club, "status")["issues"] == []


def test_a_test_copy_that_did_not_leave_is_not_called_sent(
    club: Path, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    (club / "one.md").write_text((EXAMPLES / "issue-en.md").read_text(encoding="utf-8"), encoding="utf-8")
    refused = mailer(club, "publish", "one.md", "--test", "dave@example.org", code=1)
    assert "1 test copy not sent: 550 5.1.1 No such user" in refused.stderr
    with Relay(refuse("rcpt", "451 4.3.0 Come back", recipient="editor@*")).in_thread() as busy:
        monkeypatch.setenv("MAILER_RELAY__URL", busy.url)
        waiting = mailer(club, "publish", "one.md", "--test", "editor@example.org", code=1)
    assert "1 test copy not sent yet: 451 4.3.0 Come back; 'mailer dispatch' sends it" in waiting.stderr
    away = mailer(club, "publish", "one.md", "--test", "other@example.org", code=1)
    assert "1 test copy not sent yet: pending; 'mailer dispatch' sends it" in away.stderr


def test_what_was_sent_can_be_shown_byte_for_byte(club: Path, relay: Relay) -> None:
    (club / "one.md").write_text((EXAMPLES / "issue-en.md").read_text(encoding="utf-8"), encoding="utf-8")
    mailer(club, "publish", "one.md", "--yes")
    mailer(club, "receipt", "one.md", "ZOE@example.com", "--eml", "zoe.eml")
    sent = next(one for one in relay.transactions if one.recipients == ["zoe@example.com"])
    assert (club / "zoe.eml").read_bytes() == sent.content
    assert mailer(club, "receipt", "one.md", "zoe@example.com", "--eml", "-").stdout.encode() == sent.content.replace(
        b"\r\n", b"\n"
    )
    told = data(club, "receipt", "one.md", "zoe@example.com")
    assert [consent["source"] for consent in told["consents"]] == ["fair"]
    assert told["attempts"][-1]["code"] == 250


def test_queued_then_dispatched_is_the_same_as_published(club: Path, relay: Relay) -> None:
    (club / "one.md").write_text((EXAMPLES / "issue-en.md").read_text(encoding="utf-8"), encoding="utf-8")
    mailer(club, "publish", "one.md", "--yes", "--queue-only")
    assert not relay.accepted
    mailer(club, "dispatch")
    assert sum(relay.accepted.values()) == 3


def test_paused_it_waits_and_resumed_it_goes_on(club: Path, relay: Relay) -> None:
    (club / "one.md").write_text((EXAMPLES / "issue-en.md").read_text(encoding="utf-8"), encoding="utf-8")
    mailer(club, "publish", "one.md", "--yes", "--queue-only")
    mailer(club, "pause", "one.md")
    mailer(club, "dispatch")
    assert not relay.accepted
    mailer(club, "resume", "one.md")
    mailer(club, "cancel", "one.md", "--yes")
    mailer(club, "dispatch")
    assert not relay.accepted
    assert "the operator cancelled the issue  4" in mailer(club, "audit", "one.md").stdout
    assert data(club, "audit", "one.md")["counts"]["cancelled"] == 4
    assert "no reader of 2026-05-21-86 is failed" in mailer(club, "retry", "one.md", "--failed").stderr
    assert "did not go to 4 readers" in mailer(club, "status").stderr


def test_publishing_without_a_terminal_asks_nothing_and_wants_yes(club: Path) -> None:
    (club / "one.md").write_text((EXAMPLES / "issue-en.md").read_text(encoding="utf-8"), encoding="utf-8")
    assert "--yes" in mailer(club, "publish", "one.md", code=2).stderr
