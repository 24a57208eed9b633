from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mailer.cli import main
from mailer.cli.init import make_club


@pytest.fixture
def club(tmp_path: Path) -> Path:
    make_club(tmp_path)
    with socket.socket() as taken:  # a port on which nobody answers
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    settings(tmp_path, "smtp://127.0.0.1:2525", f"smtp://127.0.0.1:{port}")
    return tmp_path


def settings(club: Path, old: str, new: str) -> None:
    file = club / "mailer.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def findings(club: Path) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    result = CliRunner().invoke(main, ["--config", str(club / "mailer.toml"), "doctor", "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    by_name: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(result.stdout)["findings"]:
        by_name.setdefault(one["about"], []).append(one)
    return result.exit_code, by_name


def test_a_relay_nobody_answers_for_is_wrong_and_says_what_to_start(club: Path) -> None:
    code, found = findings(club)
    assert code == 1
    assert found["relay relay"][0]["state"] == "wrong"
    assert "mailer inbox" in found["relay relay"][0]["todo"]


def test_placeholders_are_named_but_harmless_while_mail_stays_on_this_machine(club: Path) -> None:
    _, found = findings(club)
    assert found["[newsletter] name"][0]["state"] == "advice"
    assert found["[sender] from"][0]["state"] == "advice"
    assert found["[web] base_url"][0]["state"] == "advice"


def test_placeholders_are_wrong_once_mail_can_leave(club: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILER_RELAY__URL", "smtp+starttls://relay.test:587")  # a name nobody knows
    _, found = findings(club)
    assert {found[name][0]["state"] for name in ("[newsletter] name", "[sender] from", "[web] base_url")} == {"wrong"}


def test_a_key_others_can_read_is_wrong(club: Path) -> None:
    assert findings(club)[1]["key"][0]["state"] == "right"
    os.chmod(club / "mailer.key", 0o644)
    (key,) = findings(club)[1]["key"]
    assert (key["state"], key["todo"]) == ("wrong", "chmod 600 mailer.key")


def test_a_missing_key_is_wrong_and_never_made_anew(club: Path) -> None:
    (club / "mailer.key").unlink()
    assert findings(club)[1]["key"][0]["state"] == "wrong"
    assert not (club / "mailer.key").exists()


def test_the_database_is_looked_at_and_left_as_it_is(club: Path) -> None:
    (database,) = findings(club)[1]["database"]
    assert database["state"] == "right"
    assert "can be written" in database["text"]


def test_a_database_nobody_set_up_is_wrong(club: Path) -> None:
    (club / "subscribers.db").unlink()
    (database,) = findings(club)[1]["database"]
    assert database["state"] == "wrong"
    assert "mailer db upgrade" in database["text"]


def test_a_public_address_without_https_is_wrong(club: Path) -> None:
    settings(club, 'base_url = "http://127.0.0.1:8080"', 'base_url = "http://news.example.com"')
    assert "RFC 8058" in findings(club)[1]["[web] base_url"][0]["todo"]


def test_who_stands_behind_an_unnamed_proxy_is_told_that_all_visitors_look_like_one(club: Path) -> None:
    settings(club, 'base_url = "http://127.0.0.1:8080"', 'base_url = "https://news.example.com"')
    (finding,) = findings(club)[1]["[web] trusted_proxies"]
    assert finding["state"] == "advice"
    settings(club, 'listen = "127.0.0.1:8080"', 'listen = "127.0.0.1:8080"\ntrusted_proxies = ["127.0.0.1"]')
    assert "[web] trusted_proxies" not in findings(club)[1]


def test_a_language_that_is_not_spoken_everywhere_is_named_with_what_lacks(club: Path) -> None:
    settings(club, 'languages = ["en"]', 'languages = ["en", "zh-CN", "xx"]')
    _, found = findings(club)
    assert [(one["state"], one["todo"].split()[0]) for one in found["language xx"]] == [
        ("advice", "add"),
        ("advice", "write"),
        ("advice", "give"),
    ]
    assert not {"language en", "language zh-CN"} & found.keys()


def test_a_name_in_letters_that_readers_of_another_language_cannot_read_is_named(club: Path) -> None:
    settings(club, 'languages = ["en"]', 'languages = ["zh-CN", "en"]')
    settings(club, 'name = "My Newsletter"', 'name = "港口早报"')
    _, found = findings(club)
    assert [one["todo"].partition(";")[0] for one in found["language en"]] == [
        "say what it is called there: [newsletter] names = { en = ... }"
    ]
    assert "language zh-CN" not in found
    settings(club, "# names = ", "names = ")
    settings(club, 'zh = "港口早报"', 'en = "Harbour Morning"')
    assert "language en" not in findings(club)[1]


def test_a_sentence_to_agree_to_that_is_blank_is_wrong(club: Path) -> None:
    settings(club, "[join]", '[join]\nwording = { en = " " }')
    _, found = findings(club)
    assert [(one["state"], one["text"]) for one in found["language en"]] == [("wrong", "there is nothing to agree to")]


def test_a_law_that_demands_a_postal_address_makes_its_absence_wrong(club: Path) -> None:
    with (club / "mailer.toml").open("a") as file:
        file.write('\n[legal]\nprofile = "us"\n')
    assert findings(club)[1]["law"][0]["state"] == "wrong"


@pytest.mark.parametrize(
    ("profile", "settings"), [("china", ["[legal] label", "[legal] refusal_address"]), ("us", ["postal_address"])]
)
def test_whatever_a_law_demands_and_publishing_would_be_refused_for_is_wrong(
    club: Path, profile: str, settings: list[str]
) -> None:
    with (club / "mailer.toml").open("a") as file:
        file.write(f'\n[legal]\nprofile = "{profile}"\n')
    wrong = [one["text"] for one in findings(club)[1]["law"] if one["state"] == "wrong"]
    assert len(wrong) == len(settings)
    assert all(setting in text for setting, text in zip(settings, wrong, strict=True))


def test_the_mailbox_of_who_leaves_by_mail_has_to_be_read_by_something(
    club: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILER_LEGAL__REFUSAL_ADDRESS", "leave@club.cn")
    (found,) = findings(club)[1]["leaving by mail"]
    assert (found["state"], "leave@club.cn" in found["text"]) == ("advice", True)
    monkeypatch.setenv("MAILER_BOUNCES__MAILBOXES", '["imaps://leave%40club.cn:sesame@mail.club.cn/INBOX"]')
    (found,) = findings(club)[1]["leaving by mail"]
    assert found["state"] == "right"
    assert "sesame" not in str(found)


def test_no_password_is_shown(club: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILER_RELAY__URL", "smtp+starttls://alice:sesame@127.0.0.1:1")
    result = CliRunner().invoke(main, ["--config", str(club / "mailer.toml"), "doctor"])
    assert "sesame" not in result.output


def test_a_send_that_nobody_would_hear_of_is_named(club: Path) -> None:
    _, found = findings(club)
    assert found["[alerts] to"][0]["state"] == "advice"
    settings(club, "to = []", 'to = ["operator@club.test"]\nping_url = "ftp://switch.test"')
    _, found = findings(club)
    assert found["[alerts] to"][0]["state"] == "right"
    assert found["[alerts] ping_url"][0]["state"] == "wrong"


def test_a_host_where_no_claim_can_be_noted_is_wrong(club: Path) -> None:
    _, found = findings(club)
    assert "journal" not in found
    (club / "journal").write_text("a file where the folder should be")
    (club / "journal").chmod(0o600)
    _, found = findings(club)
    assert found["journal"][0]["state"] == "wrong"
