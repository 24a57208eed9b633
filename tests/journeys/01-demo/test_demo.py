"""The demo: the whole journey once, as a stranger sees it first."""

from pathlib import Path

from support.command import data, mailer


def test_the_demo_runs_the_whole_journey_and_ends(tmp_path: Path) -> None:
    told = mailer(tmp_path, "demo", "--once", "--readers", "40")
    assert "3 sections, 10 items, 10 sources, 5 leads, 1 call to action" in told.stderr
    assert "the reader has left" in told.stdout
    audit = data(tmp_path / "demo-club", "audit", "issues/today.md")
    assert audit["balanced"] is True
    assert audit["finished"] is True
    assert audit["frozen"] == 40
    assert audit["counts"]["accepted"] + audit["counts"]["failed"] == 40
    inbox = list((tmp_path / "demo-club" / "inbox").glob("*.eml"))
    assert len(inbox) == audit["counts"]["accepted"]


def test_the_demo_replaces_its_own_club_and_nobody_elses(tmp_path: Path) -> None:
    theirs = tmp_path / "demo-club" / "subscribers.db"
    theirs.parent.mkdir()
    theirs.write_bytes(b"precious")
    refused = mailer(tmp_path, "demo", "--once", code=2)
    assert "not made by a demo" in refused.stderr
    assert theirs.read_bytes() == b"precious"
