from email import message_from_bytes, policy
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailer.cli import main
from mailer.cli.preview import sheet
from mailer.rendering import picture
from mailer.wiring import Club

ISSUE = """---
newsletter: quay-news
date: 2026-06-02
lang: en
preheader: A ferry line changes hands, and nobody pays more for it before the autumn comes.
---

Good morning{{ first_name | ", " }}.

## Trade

### Ferry line sold {lead}

Fares stay as they are.

Source: Dock Post
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mailer.toml").write_text('[newsletter]\nname = "Quay News"\n', encoding="utf-8")
    (tmp_path / "today.md").write_text(ISSUE, encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str):
    return CliRunner().invoke(main, ["--config", str(folder / "mailer.toml"), "render", *arguments])


def test_an_issue_becomes_the_files_a_reader_would_see(folder):
    done = run(folder, str(folder / "today.md"), "-o", str(folder / "out"), "--name", "Alice Chen")
    assert done.exit_code == 0, done.output
    names = ["issue.html", "issue.txt", "issue.eml", "archive.html"]
    assert done.stdout.split() == [str(folder / "out" / name) for name in names]
    assert done.stderr == "Subject: Ferry line sold\n"
    page, plain, mail, archive = ((folder / "out" / name).read_bytes() for name in names)
    assert "Good morning, Alice." in page.decode()
    assert "Good morning, Alice." in plain.decode()
    message = message_from_bytes(mail, policy=policy.default)
    assert message["To"] == "Alice Chen <reader@example.com>"
    assert [part.get_payload(decode=True).replace(b"\r\n", b"\n") for part in message.iter_parts()] == [plain, page]
    assert "Good morning." in archive.decode()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("### Ferry", "### Ferry {{ nick }}", "today.md:12:"),
        ("Fares stay", "Fares {{ nick }} stay", "today.md:14: merge tag of an unknown field"),
        ("lang: en", "lnag: en", "did you mean"),
        ("---", "", "today.md"),
    ],
)
def test_a_broken_issue_is_one_line_and_exit_1(folder, old, new, words):
    (folder / "today.md").write_text(ISSUE.replace(old, new, 1).replace("{lead}", ""), encoding="utf-8")
    done = run(folder, str(folder / "today.md"), "-o", str(folder / "out"))
    assert done.exit_code == 1
    assert words.lower() in done.output.lower()
    assert not (folder / "out").exists()


def test_a_mistake_in_the_clubs_template_names_file_and_line(folder):
    own = folder / "templates" / "issue"
    own.mkdir(parents=True)
    (own / "digest.html.j2").write_text("<!DOCTYPE html>\n{{ nothing }}\n", encoding="utf-8")
    done = run(folder, str(folder / "today.md"), "-o", str(folder / "out"))
    assert done.exit_code == 1
    assert f"{own / 'digest.html.j2'}:2: " in done.output
    assert "Traceback" not in done.output


def test_a_folder_that_cannot_be_written_is_said(folder):
    (folder / "out").write_text("a file")
    done = run(folder, str(folder / "today.md"), "-o", str(folder / "out" / "below"))
    assert done.exit_code == 2
    assert "cannot be written" in done.output


@pytest.mark.browser
@pytest.mark.skipif(picture.find_chromium() is None, reason="needs Chromium")
def test_pictures_are_taken_where_there_is_a_chromium(folder):
    done = run(folder, str(folder / "today.md"), "-o", str(folder / "out"), "--png")
    assert done.exit_code == 0, done.output
    for name in ("desktop", "phone", "dark"):
        assert (folder / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "out" / "dark.png").read_bytes() != (folder / "out" / "desktop.png").read_bytes()


def test_the_preview_shows_findings_and_the_line_that_stops_it(folder):
    club = Club.open(folder / "mailer.toml")
    fine = sheet(club, folder / "today.md")
    assert fine.edition is not None
    assert fine.edition.subject == "Ferry line sold"
    (folder / "today.md").write_text(ISSUE.replace("lang: en", "lnag: en"), encoding="utf-8")
    broken = sheet(club, folder / "today.md")
    assert broken.edition is None
    assert "today.md:4" in broken.error
    assert {finding.line for finding in broken.findings} >= {4}
    assert "no such file" in sheet(club, folder / "missing.md").error


def test_a_preview_of_no_file_says_where_the_issues_are_listed(folder: Path) -> None:
    for reference in ("999", "nosuch.md"):
        result = CliRunner().invoke(main, ["--config", str(folder / "mailer.toml"), "preview", reference])
        assert (result.exit_code, "mailer issue list" in result.output) == (2, True), result.output
