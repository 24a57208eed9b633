"""DKIM keys from the command line: made once, published, looked after."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import tomllib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.club import ISSUE, NUMBER
from support.relay import Relay
from support.verifier import verify

from mailer.cli import main
from mailer.cli.init import make_club
from mailer.errors import SettingsError
from mailer.keys import read_dkim_key
from mailer.mail.dkim import Key
from mailer.mail.wire import WireForm
from mailer.transport import domains
from mailer.wiring import Club


@pytest.fixture
def club(tmp_path: Path) -> Path:
    make_club(tmp_path / "club")
    return tmp_path / "club"


def run(club: Path, *arguments: str, relay: str = "smtp://127.0.0.1:2525") -> Result:
    result = CliRunner(env={"MAILER_RELAY__URL": relay}).invoke(
        main, ["--config", str(club / "mailer.toml"), *arguments]
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def adopt(club: Path, printed: str) -> None:
    """Put what was printed for mailer.toml there."""
    config = club / "mailer.toml"
    lines = printed[printed.index("[") :]
    config.write_text(f"{config.read_text()}\n{lines}\n")


def about_dkim(club: Path, *options: str) -> list[dict[str, Any]]:
    found = json.loads(run(club, "doctor", "--json", *options).stdout)["findings"]
    return [one for one in found if one["about"].startswith("DKIM")]


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_key_is_made_for_its_owner_alone_and_signs_once_its_lines_are_in_the_settings(club: Path, kind: str) -> None:
    made = run(club, "dkim", "new", "--selector", "club1", f"--{kind}")
    assert made.exit_code == 0, made.output
    file = club / "dkim-club1.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "dkim-*.pem" in (club / ".gitignore").read_text().splitlines()
    assert Club.open(club / "mailer.toml").signer is None
    adopt(club, made.stdout)
    signer = Club.open(club / "mailer.toml").signer
    assert signer is not None
    assert [key.kind for key in signer.keys] == [kind]
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=1))
    mail = WireForm(f"From: news@example.com\r\nDate: {date}\r\n\r\nHello\r\n".encode())
    assert verify(signer.sign(mail), Key("club1", read_dkim_key(file)), domain="example.com") == [True]


def test_rsa_is_the_default_and_both_kinds_can_sign(club: Path) -> None:
    for options in ((), ("--ed25519",)):
        adopt(club, run(club, "dkim", "new", *options).stdout)
    signer = Club.open(club / "mailer.toml").signer
    assert signer is not None
    assert {key.kind: key.bits for key in signer.keys} == {"rsa": 2048, "ed25519": 3072}
    assert len(signer.at(signer.keys[-1].since)) == 2


def test_the_record_is_a_line_of_a_zone_in_strings_that_fit(club: Path) -> None:
    printed = run(club, "dkim", "new", "--selector", "club1").stdout
    line = printed.splitlines()[0]
    assert line.startswith("club1._domainkey.example.com. IN TXT (")
    strings = re.findall(r'"([^"]*)"', line)
    assert len(strings) == 2
    assert all(len(string) <= 255 for string in strings)
    assert "".join(strings) == Key("club1", read_dkim_key(club / "dkim-club1.pem")).record


def test_show_prints_the_records_again_also_of_keys_that_wait(club: Path) -> None:
    first = run(club, "dkim", "new", "--selector", "club1").stdout
    adopt(club, first)
    second = run(club, "dkim", "new", "--selector", "club2", "--ed25519").stdout
    shown = run(club, "dkim", "show")
    assert shown.stdout.splitlines() == [first.splitlines()[0], "", second.splitlines()[0]]
    assert "dkim-club2.pem" in shown.stderr
    assert "dkim-club1.pem" not in shown.stderr
    records = json.loads(run(club, "dkim", "show", "--json").stdout)
    assert [record["name"] for record in records] == ["club1._domainkey.example.com", "club2._domainkey.example.com"]
    assert records[1]["txt"].startswith("v=DKIM1; k=ed25519; p=")


def test_a_domain_of_its_own_comes_with_its_setting(club: Path) -> None:
    made = run(club, "dkim", "new", "--domain", "mail.example.org", "--selector", "s").stdout
    assert made.startswith("s._domainkey.mail.example.org. IN TXT")
    assert tomllib.loads(made[made.index("[") :])["dkim"]["domain"] == "mail.example.org"
    adopt(club, made)
    assert Club.open(club / "mailer.toml").dkim_domain == "mail.example.org"
    other = run(club, "dkim", "new", "--domain", "example.net", "--selector", "t")
    assert (other.exit_code, other.stdout) == (2, "")
    assert "mail.example.org" in other.stderr


def test_nothing_is_ever_overwritten(club: Path) -> None:
    adopt(club, run(club, "dkim", "new", "--selector", "club1").stdout)
    before = (club / "dkim-club1.pem").read_bytes()
    again = run(club, "dkim", "new", "--selector", "CLUB1")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "choose another --selector" in again.stderr
    (club / "dkim-club2.pem").write_text("mine")
    other = run(club, "dkim", "new", "--selector", "club2")
    assert (other.exit_code, other.stdout) == (2, "")
    assert "stays as it is" in other.stderr
    assert (club / "dkim-club2.pem").read_text() == "mine"
    assert (club / "dkim-club1.pem").read_bytes() == before


@pytest.mark.parametrize(
    "options", [("--selector", "../up"), ("--selector", "a b"), ("--domain", "例子.cn"), ("--domain", "x;y")]
)
def test_what_cannot_be_a_name_in_dns_makes_no_key(club: Path, options: tuple[str, str]) -> None:
    result = run(club, "dkim", "new", *options)
    assert result.exit_code == 2
    assert "not a name in DNS" in result.stderr
    assert list(club.parent.rglob("*.pem")) == []


def test_without_keys_there_is_nothing_to_show_and_nothing_wrong(club: Path) -> None:
    result = run(club, "dkim", "show")
    assert result.exit_code == 2
    assert "mailer dkim new" in result.stderr
    assert [one["state"] for one in about_dkim(club)] == ["right"]


def test_what_is_published_and_probed_verifies_and_the_receipt_shows_it(club: Path) -> None:
    adopt(club, run(club, "dkim", "new", "--selector", "club1").stdout)
    key = Key("club1", read_dkim_key(club / "dkim-club1.pem"))
    shutil.copyfile(ISSUE, club / "today.md")
    with Relay().in_thread() as relay:
        run(club, "subscribers", "add", "alice@example.com", "--name", "Alice", relay=relay.url)
        assert run(club, "publish", str(club / "today.md"), "--yes", relay=relay.url).exit_code == 0
        run(club, "doctor", "--probe", "--wait", "0.1", relay=relay.url)
        run(club, "receipt", NUMBER, "alice@example.com", "--eml", str(club / "alice.eml"))
        issue, probe = (one.content for one in relay.transactions)
    assert verify(issue, key, domain="example.com") == [True]
    assert verify(probe, key, domain="example.com") == [True]
    assert (club / "alice.eml").read_bytes() == issue


def test_nothing_is_frozen_for_a_key_that_cannot_be_used(club: Path) -> None:
    adopt(club, run(club, "dkim", "new", "--selector", "club1").stdout)
    shutil.copyfile(ISSUE, club / "today.md")
    run(club, "subscribers", "add", "alice@example.com")
    (club / "dkim-club1.pem").unlink()
    result = run(club, "publish", str(club / "today.md"), "--yes")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert json.loads(run(club, "status", "--json").stdout)["issues"] == []


def test_ed25519_alone_is_advised_against(club: Path) -> None:
    adopt(club, run(club, "dkim", "new", "--ed25519").stdout)
    assert [one["state"] for one in about_dkim(club)] == ["advice", "right"]
    adopt(club, run(club, "dkim", "new").stdout)
    assert [one["state"] for one in about_dkim(club)] == ["right", "right"]


def missing(file: Path) -> None:
    file.unlink()


def torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:300])


def open_to_all(file: Path) -> None:
    file.chmod(0o604)


def weak(file: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a key this program would not make")
    subprocess.run(["openssl", "genrsa", "-out", str(file), "768"], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (missing, "No such file"),
        (torn, "holds no private key"),
        (open_to_all, "chmod 600 dkim-club1.pem"),
        (weak, "768 bits"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*key.*:UserWarning")
def test_a_key_that_cannot_be_used_sends_nothing_and_says_what_to_do(club: Path, damage: Any, says: str) -> None:
    adopt(club, run(club, "dkim", "new", "--selector", "club1").stdout)
    damage(club / "dkim-club1.pem")
    with pytest.raises(SettingsError, match=says):
        Club.open(club / "mailer.toml").dispatcher()
    result = run(club, "dispatch")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert says in line
    assert "dkim-club1.pem" in line
    (finding,) = about_dkim(club)
    assert finding["state"] == "wrong"
    assert says in finding["text"]


def test_a_mistake_in_the_settings_is_one_line(club: Path) -> None:
    adopt(club, '[[dkim.keys]]\nselector = "club1"\nfile = "x.pem"\nsince = 2026-05-21T00:00:00\n')
    result = run(club, "dkim", "show")
    assert result.exit_code == 2
    assert "since" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_doctor_looks_at_the_key_and_only_when_asked_at_dns(club: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adopt(club, run(club, "dkim", "new", "--selector", "club1").stdout)
    (record,) = json.loads(run(club, "dkim", "show", "--json").stdout)
    published: list[list[str] | None] = []
    asked: list[str] = []

    def texts(name: str) -> list[str] | None:
        asked.append(name)
        return published[-1]

    monkeypatch.setattr(domains, "texts", texts)
    assert [one["state"] for one in about_dkim(club)] == ["right"]
    assert asked == []
    for found, state in (
        (None, "advice"),
        ([], "wrong"),
        (["v=spf1 -all"], "wrong"),
        ([record["txt"][:-8]], "wrong"),
        (["v=spf1 -all", record["txt"].replace("; ", ";")], "right"),
    ):
        published.append(found)
        (finding,) = about_dkim(club, "--dns")
        assert (finding["state"], record["name"] in finding["text"]) == (state, True)
    assert set(asked) == {record["name"]}
    (club / "dkim-club1.pem").chmod(0o640)
    assert [one["state"] for one in about_dkim(club)] == ["advice", "right"]
