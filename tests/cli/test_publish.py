"""Who would get an issue and until when, said before anything is frozen; and what holds it up, said after."""

from __future__ import annotations

import json
import re
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from mailer.cli import main
from mailer.model.delivery import State
from mailer.store.engine import Database
from mailer.store.highwater import HighWater
from mailer.store.schema import deliveries

ISSUE = Path(__file__).parents[2] / "examples" / "issue-en.md"
READERS = """email,language,tags,city
alice@example.com,en,vip,Rome
bob@example.com,en,vip,Paris
dora@example.com,zh,,Rome
emil@example.com,,,
"""


@pytest.fixture
def club(tmp_path: Path) -> Path:
    """A club of four readers, with a segment of its own."""
    CliRunner().invoke(main, ["init", str(tmp_path)])
    file = tmp_path / "readers.csv"
    file.write_text(READERS, encoding="utf-8")
    done = CliRunner().invoke(
        main, ["--config", str(tmp_path / "mailer.toml"), "subscribers", "import", str(file), "--consent", "fair"]
    )
    assert done.exit_code == 0, done.output
    (tmp_path / "segments").mkdir()
    (tmp_path / "segments" / "vip.segment").write_text("tag = vip\n", encoding="utf-8")
    return tmp_path


def publish(club: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(club / "mailer.toml"), "publish", str(ISSUE), *options])


@pytest.mark.parametrize(
    ("options", "readers"),
    [
        ([], 4),
        (["--to", "vip"], 2),
        (["--not-to", "vip"], 2),
        (["--to", "city = Rome", "--not-to", "vip"], 1),
        (["--to", "language = en"], 3),
        (["--to", "tag = nobody"], 0),
    ],
)
def test_the_readers_of_segments_are_counted_before_anything_is_frozen(
    club: Path, options: list[str], readers: int
) -> None:
    shown = publish(club, *options, "--dry-run", "--json")
    assert json.loads(shown.stdout)["readers"] == readers


@pytest.mark.parametrize("option", ["--to", "--not-to", "--at", "--deadline", "--test"])
def test_an_empty_word_such_as_a_variable_nobody_set_is_refused_and_never_means_everybody_now(
    club: Path, option: str
) -> None:
    refused = publish(club, option, "", "--yes")
    assert refused.exit_code == 2, refused.output
    assert isinstance(refused.exception, SystemExit)


def test_an_editor_who_reads_chinese_is_told_in_chinese(club: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")

    def run(*command: str) -> str:
        done = CliRunner().invoke(main, ["--config", str(club / "mailer.toml"), *command])
        return done.output.replace(slug, "SLUG")

    slug = "2026-05-21-86"
    shown = [
        *(publish(club, *options).output for options in (["--dry-run"], ["--dry-run", "--at", "2030-01-01 08:00"], [])),
        publish(club, "--at", "8 am").output,
        publish(club, "--at", "2030-01-01 08:00", "--yes").output,
        *(run(*command.split()) for command in ("status", f"pause {slug}", f"pause {slug}", f"resume {slug}")),
        publish(club, "--correct").output,
        *(run(*command.split()) for command in (f"retry {slug} --failed", f"cancel {slug}", f"cancel {slug} --yes")),
        *(run(*command.split()) for command in (f"report {slug}", "status", f"cancel {slug}", "dispatch")),
    ]
    shown += [run("audit", slug), run("receipt", slug, "alice@example.com")]
    kept = r"mailer [a-z]+( --[a-z]+)?|Boathouse .*|--[a-z]+|from .* <|example.com|\[relay\]"
    for text in shown:
        assert re.search("[\u4e00-\u9fff]", text), text
        assert not re.search(r"[a-z]{2,} [a-z]{2,} ", re.sub(kept, "", text)), text


def test_a_message_that_cannot_be_written_is_told_in_a_line(club: Path) -> None:
    publish(club, "--yes", "--queue-only")
    receipt = ["--config", str(club / "mailer.toml"), "receipt", "2026-05-21-86", "alice@example.com", "--eml"]
    done = CliRunner().invoke(main, [*receipt, str(club / "nowhere" / "alice.eml")])
    assert (done.exit_code, done.stderr.endswith("alice.eml: cannot be written: No such file or directory\n")) == (
        2,
        True,
    )


@pytest.mark.parametrize(("answer", "sent"), [("y", True), ("是", True), ("", False), ("n", False), ("什么", False)])
def test_nothing_is_sent_before_it_is_confirmed(
    club: Path, monkeypatch: pytest.MonkeyPatch, answer: str, sent: bool
) -> None:
    monkeypatch.setattr("mailer.cli.output.is_terminal", lambda: True)
    command = ["--config", str(club / "mailer.toml"), "publish", str(ISSUE), "--queue-only"]
    done = CliRunner().invoke(main, command, input=f"{answer}\n")
    assert (done.exit_code, "is frozen" in done.output, "nothing was changed" in done.output) == (
        int(not sent),
        sent,
        not sent,
    )


def test_what_is_not_being_sent_is_not_asked_to_be_cancelled(club: Path) -> None:
    publish(club, "--yes", "--queue-only")
    config = ["--config", str(club / "mailer.toml")]
    CliRunner().invoke(main, [*config, "cancel", "2026-05-21-86", "--yes"])
    again = CliRunner().invoke(main, [*config, "cancel", "2026-05-21-86"])
    assert (again.exit_code, "is not being sent" in again.output) == (2, True)


def test_an_issue_cancelled_before_anybody_was_sent_it_is_published_anew(club: Path) -> None:
    config = ["--config", str(club / "mailer.toml")]
    publish(club, "--at", "2999-01-01 08:00", "--yes")
    told = CliRunner().invoke(main, [*config, "cancel", "86", "--yes"]).output
    assert "4 readers will not get it\nnobody was sent it: 'mailer publish' may send it anew" in told
    assert "is due at" not in publish(club, "--correct").output
    anew = publish(club, "--to", "vip", "--queue-only", "--yes")
    assert (anew.exit_code, "2026-05-21-86 is frozen for 2 readers" in anew.output) == (0, True)
    said = CliRunner().invoke(main, [*config, "status", "--json"]).output
    states = {issue["issue"]: (issue["state"], issue["frozen"]) for issue in json.loads(said)["issues"]}
    assert states == {"2026-05-21-86": ("sending", 2), "2026-05-21-86-cancelled-1": ("cancelled", 4)}


def test_what_was_published_anew_after_a_backup_is_not_once_more_when_that_is_restored(club: Path) -> None:
    """The database knows an issue of that number, cancelled; this host has sent another."""
    config = ["--config", str(club / "mailer.toml")]
    publish(club, "--at", "2999-01-01 08:00", "--yes")
    CliRunner().invoke(main, [*config, "cancel", "86", "--yes"])
    CliRunner().invoke(main, [*config, "db", "backup", str(club / "backup")])
    journal = club / "journal"
    assert publish(club, "--queue-only", "--yes").exit_code == 0
    journal.mkdir(exist_ok=True)
    HighWater(journal).raise_to(1, 8, "2026-05-21-86", 2)  # as the dispatcher does
    for file in club.glob("subscribers.db*"):
        file.unlink()
    (club / "backup").rename(club / "subscribers.db")
    assert CliRunner().invoke(main, [*config, "audit", "--reconcile"]).exit_code == 0
    refused = publish(club, "--queue-only", "--yes")
    assert (refused.exit_code, "was sent from here" in refused.stderr) == (1, True), refused.output


def test_what_another_host_sent_after_a_backup_is_published_once_more_from_nowhere(club: Path, tmp_path: Path) -> None:
    """The second host did nothing: that the first one has sent it stands in the database it reconciled."""
    config = ["--config", str(club / "mailer.toml")]
    journal = club / "journal"
    journal.mkdir(exist_ok=True)
    HighWater(journal).raise_to(9, 80, "2026-05-21-86", 1)  # as the dispatcher does; the database knows nothing of it
    assert CliRunner().invoke(main, [*config, "audit", "--reconcile"]).exit_code == 0
    journal.rename(tmp_path / "of the first")
    journal.symlink_to(tmp_path / "of the second")
    (tmp_path / "of the second").mkdir()
    refused = publish(club, "--queue-only", "--yes")
    assert (refused.exit_code, f"was sent from {socket.gethostname()}:{journal}," in refused.stderr) == (1, True)
    journal.unlink()
    (tmp_path / "of the first").rename(journal)
    assert "was sent from here" in publish(club, "--queue-only", "--yes").stderr
    for file in journal.glob("high-water*.json"):
        file.write_text(file.read_text(encoding="utf-8").replace("2026-05-21-86", "2026-05-21-85"), encoding="utf-8")
    assert publish(club, "--queue-only", "--yes").exit_code == 0


def test_an_attribute_nobody_has_is_named(club: Path) -> None:
    shown = publish(club, "--not-to", "citty = Rome", "--dry-run")
    assert "no reader has an attribute 'citty'" in shown.stderr
    assert "4 readers would get it" in shown.output


def test_a_dry_run_tells_how_many_readers_each_edition_goes_to(club: Path) -> None:
    for language in ("en", "zh"):
        text = ISSUE.with_name(f"issue-{language}.md").read_text(encoding="utf-8")
        (club / f"today.{language}.md").write_text(text, encoding="utf-8")
    wanted = ["--config", str(club / "mailer.toml"), "publish", str(club / "today.en.md"), "--dry-run"]
    told = CliRunner().invoke(main, wanted)
    assert "4 readers would get it: 3 in en, 1 in zh-Hans" in told.output
    shown = json.loads(CliRunner().invoke(main, [*wanted, "--json"]).stdout)
    assert shown["readers_by_language"] == {"en": 3, "zh-Hans": 1}
    alone = publish(club, "--dry-run").output
    assert "4 readers would get it\n" in alone
    assert "no edition" not in told.output + alone


def test_readers_of_a_language_without_an_edition_are_counted_before_it_is_sent(club: Path) -> None:
    settings = club / "mailer.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace('languages = ["en"]', 'languages = ["en", "zh-Hans"]'), encoding="utf-8")
    assert "1 of them read zh-Hans, and there is no edition in it" in publish(club, "--dry-run").output
    shown = json.loads(publish(club, "--dry-run", "--json").stdout)
    assert shown["readers_without_edition"] == {"zh-Hans": 1}


def test_a_number_or_date_that_looks_like_a_slip_is_told_before_it_is_sent(club: Path) -> None:
    text = ISSUE.read_text(encoding="utf-8")
    today = f"{datetime.now(UTC):%Y-%m-%d}"

    def told(number: int, day: str, *options: str) -> list[str]:
        draft = club / "draft.md"
        draft.write_text(text.replace("number: 86", f"number: {number}").replace("2026-05-21", day), encoding="utf-8")
        done = CliRunner().invoke(main, ["--config", str(club / "mailer.toml"), "publish", str(draft), *options])
        assert done.exit_code == 0, done.output
        return [line for line in done.stderr.splitlines() if line.startswith("note: ")]

    assert told(86, today, "--queue-only", "--yes") == []
    assert told(87, "2020-01-02", "--dry-run")[0].startswith("note: it is dated 2020-01-02, ")
    assert told(84, "2999-01-02", "--dry-run")[1:] == ["note: its number is 84, and 86 was the last one published"]
    assert told(87, today, "--dry-run") == [f"note: there is an issue of {today} already, {today}-86"]
    assert told(88, today, "--dry-run")[0] == "note: its number is 88, and 86 was the last one published"


def test_another_issue_under_a_number_that_is_taken_neither_goes_out_nor_corrects_the_first(club: Path) -> None:
    text = ISSUE.read_text(encoding="utf-8")
    assert publish(club, "--queue-only", "--yes").exit_code == 0

    def tried(written: str, *options: str) -> Result:
        (club / "draft.md").write_text(written, encoding="utf-8")
        wanted = ["--config", str(club / "mailer.toml"), "publish", str(club / "draft.md"), *options]
        return CliRunner().invoke(main, wanted)

    other = "---\nnewsletter: x\nnumber: 86\ndate: 2026-05-22\nlang: en\n---\n\n### Something else {lead}\n\nIt is.\n"
    refused = tried(other, "--yes")
    assert (refused.exit_code, "dated 2026-05-22; give it a number of its own" in refused.stderr) == (1, True)
    refused = tried(other, "--correct", "--queue-only")
    assert (refused.exit_code, "not the issue that was published as 2026-05-21-86" in refused.stderr) == (1, True)
    mended = text.replace("2026-05-21", "2026-05-22")
    assert tried(mended, "--correct", "--queue-only").exit_code == 0
    assert tried(mended.replace("### ", "### New: "), "--correct", "--queue-only").exit_code == 0


def test_a_merge_tag_of_an_attribute_that_nobody_has_is_told_before_it_is_sent(club: Path) -> None:
    text = ISSUE.read_text(encoding="utf-8").replace("2026-05-21", f"{datetime.now(UTC):%Y-%m-%d}")
    draft = club / "draft.md"
    tags = 'Good morning {{ attributes.city ?? "x" }} {{ attributes.citty ?? "x" }}{{ first_name | ", " }}'
    draft.write_text(text.replace('Good morning{{ first_name | ", " }}', tags), encoding="utf-8")
    wanted = ["--config", str(club / "mailer.toml"), "publish", str(draft), "--dry-run"]
    assert [line for line in CliRunner().invoke(main, wanted).stderr.splitlines() if line.startswith("note: ")] == [
        "note: no reader has an attribute 'citty'; all see what stands for it"
    ]


# --- when it leaves, and until when


def _told(club: Path, *options: str) -> str:
    return publish(club, *options, "--dry-run").output


def test_until_when_it_leaves_is_said_before_it_is_frozen(club: Path) -> None:
    assert "nothing of it leaves after" not in _told(club)
    assert "nothing of it leaves after 2999-01-02 00:00 Etc/UTC" in _told(club, "--at", "2999-01-01 08:00")
    late = publish(club, "--at", "2999-01-01 08:00", "--deadline", "2999-01-01 09:30", "--dry-run", "--json")
    assert json.loads(late.stdout)["deadline"] == "2999-01-01T09:30:00+00:00"
    done = publish(club, "--at", "2999-01-01 08:00", "--deadline", "2999-01-01 09:30", "--yes")
    assert "nothing of it leaves after 2999-01-01 09:30 Etc/UTC" in done.output


def test_a_deadline_before_the_relay_can_be_through_is_said(club: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILER_RELAY__PER_HOUR", "2")
    times = ["--at", "2999-01-01 08:00", "--deadline"]
    assert "2 readers would not get it by then; give a later --deadline" in _told(club, *times, "2999-01-01 08:30")
    assert "would not get it by then" not in _told(club, *times, "2999-01-01 10:00")


def test_who_waits_for_another_issue_that_goes_first_is_counted_where_it_is_told_when_one_is_through(
    club: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILER_RELAY__PER_HOUR", "4")
    assert "after 0 s at the relay's pace" in _told(club)
    other = club / "other.md"
    other.write_text(ISSUE.read_text(encoding="utf-8").replace("number: 86", "number: 87"), encoding="utf-8")
    done = CliRunner().invoke(
        main, ["--config", str(club / "mailer.toml"), "publish", str(other), "--queue-only", "--yes"]
    )
    assert done.exit_code == 0, done.output
    assert "after 60 min at the relay's pace" in _told(club)


def test_a_deadline_before_the_start_is_refused_in_the_hour_that_comes_twice(
    club: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILER_NEWSLETTER__TIMEZONE", "Europe/Berlin")
    told = _told(club, "--at", "2040-10-28 02:30+01:00", "--deadline", "2040-10-28 02:45+02:00")
    assert "--deadline 2040-10-28 02:45+02:00 is before the send starts" in told


def test_an_hour_that_the_clocks_skip_is_shown_as_the_hour_it_is(club: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILER_NEWSLETTER__TIMEZONE", "Europe/Berlin")
    assert "start at 2040-03-25 03:30 Europe/Berlin" in _told(club, "--at", "2040-03-25 02:30")


def test_a_correction_of_a_paused_issue_says_that_it_is_paused(club: Path) -> None:
    publish(club, "--queue-only", "--yes")
    CliRunner().invoke(main, ["--config", str(club / "mailer.toml"), "pause", "86"])
    told = publish(club, "--correct").output
    assert "2026-05-21-86 is paused; 'mailer resume 2026-05-21-86' goes on" in told
    assert "nothing was due" not in told


def test_a_correction_tells_of_those_who_are_being_sent_the_old_text(club: Path) -> None:
    publish(club, "--queue-only", "--yes")
    database = Database(f"sqlite:///{club / 'subscribers.db'}")
    with database.transaction() as conn:
        conn.execute(update(deliveries).where(deliveries.c.id <= 3).values(state=State.ATTEMPTING, claim_id=1))
    database.close()
    told = publish(club, "--correct", "--queue-only").output
    assert "1 reader not yet attempted will get the corrected text" in told
    assert "3 readers under way" in told


def test_a_correction_of_an_issue_that_is_not_due_says_when_it_is(club: Path) -> None:
    publish(club, "--at", "2999-01-01 08:00", "--yes")
    told = publish(club, "--correct").output
    assert "2026-05-21-86 is due at 2999-01-01 08:00 Etc/UTC" in told
    assert "the next delivery" not in told


def test_where_nothing_is_due_because_an_issue_is_paused_that_is_said(club: Path) -> None:
    publish(club, "--queue-only", "--yes")
    for command in ("pause", "dispatch"):
        arguments = [command, "86"] if command == "pause" else [command]
        told = CliRunner().invoke(main, ["--config", str(club / "mailer.toml"), *arguments]).output
    assert "nothing was due" in told
    assert "2026-05-21-86 is paused; 'mailer resume 2026-05-21-86' goes on" in told
