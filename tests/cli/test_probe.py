"""`mailer doctor --probe` says what a relay did with a mail to nobody, and never waits for ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.relay import Relay, refuse

from mailer.cli import main
from mailer.cli.init import make_club


@pytest.fixture
def club(tmp_path: Path) -> Path:
    make_club(tmp_path)
    return tmp_path


def probe(club: Path, relay_url: str, *more: str) -> dict[str, Any]:
    arguments = ["--config", str(club / "mailer.toml"), "doctor", "--probe", "--wait", "0.2", "--json", *more]
    result = CliRunner(env={"MAILER_RELAY__URL": relay_url}).invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def about_probe(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["state"], one["text"]) for one in found["findings"] if one["about"].startswith("probe ")]


def test_a_relay_that_refuses_nobody_at_once_is_right(club: Path) -> None:
    with Relay(refuse("rcpt")).in_thread() as relay:
        ((state, text),) = about_probe(probe(club, relay.url))
    assert (state, "550 5.1.1 No such user" in text) == ("right", True)


def test_a_relay_that_takes_it_and_says_nothing_more_is_wrong(club: Path) -> None:
    with Relay().in_thread() as relay:
        found = probe(club, relay.url, "--to", "example.net")
        (sent,) = relay.transactions
    ((state, text),) = about_probe(found)
    assert (state, "nothing came back within 0.2 s" in text) == ("wrong", True)
    assert found["probes"][0]["carriers"] == {"return path": False, "Message-ID": False, "List-Unsubscribe": False}
    assert sent.recipients == [found["probes"][0]["to"]]
    assert sent.recipients[0].endswith("@example.net")
    assert sent.return_path.startswith("b+")
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in sent.content


def test_a_relay_nobody_answers_for_is_told_like_any_other_fault(club: Path) -> None:
    with Relay().in_thread() as relay:
        gone = relay.url
    ((state, _),) = about_probe(probe(club, gone))
    assert state == "wrong"


def test_every_probe_has_a_number_of_its_own(club: Path) -> None:
    with Relay().in_thread() as relay:
        for _ in range(2):
            probe(club, relay.url)
        assert len({sent.return_path for sent in relay.transactions}) == 2


def test_a_club_that_cannot_be_probed_is_told_so_among_the_findings(club: Path) -> None:
    (club / "subscribers.db").unlink()
    found = probe(club, "smtp://127.0.0.1:1")
    assert found["probes"] == []
    assert [one["state"] for one in found["findings"] if one["about"] == "probe"] == ["wrong"]
