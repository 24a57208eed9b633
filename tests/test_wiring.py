"""What the settings say reaches the parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.relay import Relay, refuse
from support.ways import in_turn, to

from mailer import settings
from mailer.errors import SettingsError
from mailer.keys import new_key
from mailer.settings import Settings
from mailer.store.engine import Database
from mailer.transport.base import Session
from mailer.wiring import Club


def club(folder: Path, relay: Relay, **options: bool) -> Club:
    (folder / "mailer.key").write_text(new_key(), encoding="ascii")
    return Club(folder, Settings(relay={"url": relay.url, "name": "post", **options}))  # type: ignore[arg-type]


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_relay_is_sent_commands_in_groups_unless_the_settings_say_otherwise(
    tmp_path: Path, pipelining: bool
) -> None:
    async with Relay() as relay:
        (lane,) = club(tmp_path, relay, pipelining=pipelining).lanes()
        session = await lane.relay.open()
        await in_turn(session, to(), to("bob@example.com"))
        await session.close()
        await relay.visits[0].closed.wait()
    assert relay.visits[0].turns == 2 + (3 if pipelining else 8)


async def test_a_relay_that_loses_commands_of_a_group_is_named_in_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Relay(refuse("rcpt", "503 5.5.1 Bad sequence", times=2)) as relay:
        (lane,) = club(tmp_path, relay).lanes()
        for _ in range(2):
            session: Session = await lane.relay.open()
            await in_turn(session, to())
            await session.close()
    (line,) = caplog.messages
    assert line.startswith("post does not take commands in groups as it offers (503 5.5.1 Bad sequence)")


def test_what_the_operator_does_is_done_by_the_clock_that_the_workers_go_by(tmp_path: Path, db: Database) -> None:
    behind = datetime.now(UTC) - timedelta(hours=1)
    here = Club(tmp_path, Settings(database={"url": db.engine.url.render_as_string(False)}), lambda: behind)
    assert (here.now() == behind) is db.is_sqlite
    assert abs(here.now() - db.read(lambda conn: db.now(conn) or behind)) < timedelta(minutes=1)
    here.db.close()


def test_every_mistake_in_the_settings_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mailer.toml"
    path.write_text('[newsletter]\ntimezone = "Mars/Phobos"\n[relay]\nconnections = 0\n[relayy]\n', encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        settings.load(path)
    lines = str(caught.value).splitlines()
    assert [line.strip().partition(": ")[0] for line in lines] == [f"{path}:{number}" for number in (2, 4, 5)]


@pytest.mark.parametrize(
    ("section", "line", "says"),
    [
        (
            "web",
            'trusted_proxies = ["10.0.0.1", "proxy"]',
            "[web] trusted_proxies: 'proxy' does not appear to be an IPv4",
        ),
        ("web", 'base_url = "https://example.com/news"', "[web] base_url: base_url is https://host and no more"),
        ("join", 'reviewers = ["rita@example.com", "ray"]', "[join] reviewers: 'ray' is no address such as"),
        ("alerts", 'to = ["Olga <olga@example.com>"]', "[alerts] to: 'Olga <olga@example.com>' is no address such as"),
        ("sender", 'reply_to = "editors"', "[sender] reply_to: 'editors' is no address such as"),
        ("bounces", 'forward_to = "a@b@c"', "[bounces] forward_to: 'a@b@c' is no address such as"),
        ("legal", 'refusal_address = "refuse"', "[legal] refusal_address: 'refuse' is no address such as"),
        (
            "join",
            'kinds = [{ key = "a", label = { en = "A" } }, { key = "a", label = { en = "B" } }]',
            "'a' is there twice",
        ),
        (
            "join",
            'kinds = [{ key = "a", label = { } }]',
            "[join] kinds.0.label: there should be at least 1",
        ),
        (
            "join",
            'kinds = [{ key = "a", label = { en = " " } }]',
            "[join] kinds.0.label: the text for 'en' is empty",
        ),
        ("join", "min_fill_seconds = 1e308", "[join] min_fill_seconds: input should be less than or equal to 3600"),
        ("newsletter", 'languages = ["English"]', "[newsletter] languages: 'English' is no language tag such as en"),
        ("newsletter", 'languages = ["zh_CN"]', "[newsletter] languages: 'zh_CN' is no language tag such as en"),
        ("newsletter", 'languages = ["en", "zh", "en"]', "[newsletter] languages: 'en' is there twice"),
        ("newsletter", 'name = "News\\nBcc: eve@example.com"', "[newsletter] name: it holds a line break"),
        ("legal", 'label = "AD\\r"', "[legal] label: it holds a line break"),
        ("sending", "backoff_minutes = [5, -1]", "[sending] backoff_minutes: each wait is a number of minutes above 0"),
        ("sending", "give_up_hours = inf", "[sending] give_up_hours: input should be less than or equal to 876000"),
        ("join", "purge_days = 99999999999", "[join] purge_days: input should be less than or equal to 36500"),
        ("legal", "retention_days = 36501", "[legal] retention_days: input should be less than or equal to 36500"),
        (
            "join",
            "confirm_hours = 240",
            "[join] confirm_hours is longer than purge_days: who has not confirmed by then",
        ),
    ],
)
def test_what_would_fail_later_is_refused_with_its_line(tmp_path: Path, section: str, line: str, says: str) -> None:
    path = tmp_path / "mailer.toml"
    path.write_text(f"[{section}]\n{line}\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        settings.load(path)
    assert f"{path}:2: " in str(caught.value)
    assert says in str(caught.value)


def test_a_mistake_in_one_of_several_tables_is_named_once_with_the_line_of_its_table(tmp_path: Path) -> None:
    path = tmp_path / "mailer.toml"
    kinds = "".join(f'[[join.kinds]]\nkey = "{key}"\nlabel = {{ en = "A" }}\n' for key in ("a", "b", "Big Shop"))
    path.write_text(kinds, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        settings.load(path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}:7: [join] kinds.2.key: ")
    path.write_text("[join]\nkinds = []\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r":2: \[join\] kinds: .* at least 1"):
        settings.load(path)


def test_one_question_is_asked_once(tmp_path: Path) -> None:
    path = tmp_path / "mailer.toml"
    question = '{ key = "q", label = { en = "Q" } }'
    path.write_text(f'[[join.kinds]]\nkey = "a"\nlabel = {{ en = "A" }}\nfields = [{question}, {question}]\n')
    with pytest.raises(SettingsError, match=r"kinds\.0\.fields: 'q' is there twice"):
        settings.load(path)


def test_of_a_question_a_key_nobody_knows_is_met_by_those_of_a_question(tmp_path: Path) -> None:
    path = tmp_path / "mailer.toml"
    question = '{ key = "q", label = { en = "Q" }, evidense = true }'
    path.write_text(f'[[join.kinds]]\nkey = "a"\nlabel = {{ en = "A" }}\nfields = [{question}]\n')
    with pytest.raises(SettingsError, match=r"unknown setting .*evidense; did you mean 'evidence'"):
        settings.load(path)


def test_no_kind_asks_more_than_a_form_may_have_fields(tmp_path: Path) -> None:
    path = tmp_path / "mailer.toml"
    questions = ", ".join(f'{{ key = "q{number}", label = {{ en = "Q" }} }}' for number in range(41))
    path.write_text(f'[[join.kinds]]\nkey = "a"\nlabel = {{ en = "A" }}\nfields = [{questions}]\n')
    with pytest.raises(SettingsError, match=r"kinds\.0\.fields: tuple should have at most 40 items"):
        settings.load(path)


def test_a_relay_that_cannot_be_one_is_named_where_it_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mailer.toml"
    path.write_text('[relay]\nname = "main"\nurl = "smtps://user:se/cret@mail.example.com"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"mailer.toml:3: \[relay\] url is not ") as caught:
        settings.load(path)
    assert "cret" not in str(caught.value)
    monkeypatch.setenv("MAILER_RELAY__URL", "mail.example.com")
    with pytest.raises(SettingsError, match=r"^MAILER_RELAY__URL: \[relay\] url is not "):
        settings.load(path)


def test_the_newsletter_has_a_name_and_an_address_in_each_language(tmp_path: Path) -> None:
    path = tmp_path / "mailer.toml"
    head = '[newsletter]\nname = "港口早报"\nlanguages = ["zh-Hans", "en"]\npostal_address = "宁波"\n'
    path.write_text(
        head + 'names = { en = "Harbour Morning" }\npostal_addresses = { en = "Ningbo" }\n', encoding="utf-8"
    )
    newsletter = settings.load(path).newsletter
    assert [newsletter.name_in(tag) for tag in ("zh-Hans", "zh", "en-GB", "fr")] == [
        "港口早报", "港口早报", "Harbour Morning", "港口早报",
    ]  # fmt: skip
    assert [newsletter.postal_address_in(tag) for tag in ("zh-Hans", "en")] == ["宁波", "Ningbo"]
    for wrong, says in (
        ('names = { fr = "Le Port" }', "names has a text for 'fr', which is not among languages"),
        ('names = { en = " " }', "the text for 'en' is empty"),
        ('names = { en = "Two\\nlines" }', "names: "),
    ):
        path.write_text(head + wrong + "\n", encoding="utf-8")
        with pytest.raises(SettingsError, match=says):
            settings.load(path)
