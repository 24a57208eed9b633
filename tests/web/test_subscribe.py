"""The signup form: what it takes, what it answers, whom it writes to."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from mailer.errors import SettingsError
from mailer.store.schema import consents
from mailer.store.suppressions import BY_HAND, Suppression, active, suppress

APPLICATION = {
    "kind": "tmall",
    "name": "Bob",
    "email": "bob@example.com",
    "q_company": "Example Trading",
    "q_shop_name": "Example",
    "q_shop_url": "https://shop.example.com/1",
}


def test_a_signup_becomes_active_by_the_button_only(town: Any) -> None:
    assert town.fill("/subscribe", email="bob@example.com", name="Bob").status_code == 200
    assert town.person("bob@example.com").state == "pending"
    (letter,) = town.letters()
    assert (letter["kind"], letter["address"]) == ("confirm", "bob@example.com")

    link = town.path(letter["confirm_url"])
    before = town.everything()
    assert "Yes, send it to me" in town.client.get(link).text
    assert town.everything() == before

    assert town.client.post(link).status_code == 200
    assert town.person("bob@example.com").state == "active"
    assert town.steps("bob@example.com") == ["requested", "confirmed"]
    assert [letter["kind"] for letter in town.letters()] == ["confirm", "welcome"]


def test_pressing_the_button_twice_writes_one_welcome_letter(town: Any) -> None:
    town.fill("/subscribe", email="bob@example.com")
    link = town.path(town.letters()[0]["confirm_url"])
    for _ in range(3):
        assert town.client.post(link).status_code == 200
    assert len(town.letters("welcome")) == 1


def test_a_reader_is_called_as_he_wrote_himself_and_not_as_a_stranger_did(town: Any) -> None:
    town.fill("/subscribe", email="alice@example.com", name="Silly Goose")
    town.clock.forward(days=2)
    town.fill("/subscribe", email="alice@example.com", name="Alice")
    town.client.post(town.path(town.letters("confirm")[-1]["confirm_url"]))
    assert town.person("alice@example.com").name == "Alice"
    town.clock.forward(days=2)
    town.fill("/subscribe", email="alice@example.com", name="Silly Goose")
    assert town.person("alice@example.com").name == "Alice"


def test_the_confirm_letter_holds_nothing_the_stranger_wrote(town: Any) -> None:
    town.fill("/subscribe", email="bob@example.com", name="Buy at evil.test")
    assert "evil" not in repr(town.letters())


def test_a_confirm_link_runs_out_after_three_days(town: Any) -> None:
    town.fill("/subscribe", email="bob@example.com")
    link = town.path(town.letters()[0]["confirm_url"])
    town.clock.forward(hours=73)
    assert town.client.get(link).status_code == 410
    assert town.client.post(link).status_code == 410
    assert town.person("bob@example.com").state == "pending"


def test_a_confirm_link_of_who_was_forgotten_says_that_it_has_run_out(town: Any) -> None:
    town.fill("/subscribe", email="bob@example.com")
    town.fill("/apply?kind=tmall", **APPLICATION)
    links = [town.path(letter["confirm_url"]) for letter in town.letters()]
    town.clock.forward(days=8)
    town.app.state.parts.tidy()
    assert town.person("bob@example.com") is None
    for link in links:
        assert [ask(link).status_code for ask in (town.client.get, town.client.post)] == [410, 410]


def test_on_record_is_what_was_agreed_to_in_the_form_whose_letter_was_answered(town: Any) -> None:
    town.fill("/subscribe?lang=zh", email="bob@example.com", language="zh")
    read = town.path(town.letters("confirm")[0]["confirm_url"])
    town.clock.forward(days=2)
    town.fill("/subscribe", email="bob@example.com")  # a stranger's, in another language
    town.client.post(read)
    with town.db.reading() as conn:
        found = conn.execute(select(consents).where(consents.c.action == "confirmed")).one()
    assert (found.language, "我愿意" in found.wording) == ("zh", True)
    assert town.person("bob@example.com").language == "zh"


def test_a_confirm_page_promises_no_issue_to_a_reader_who_pauses(town: Any) -> None:
    town.fill("/subscribe", email="bob@example.com")
    link = town.path(town.letters("confirm")[0]["confirm_url"])
    assert "The next issue comes to" in town.client.post(link).text
    town.set_person("bob@example.com", paused_until=town.clock() + timedelta(days=30))
    page = town.client.get(link).text
    assert ("The next issue comes to" in page, "You are subscribed" in page) == (False, True)


@pytest.mark.parametrize("name", ["=?utf-8?q?Bob?=", "\u200fBob", "B\u061cob"])
def test_a_name_that_no_list_could_bring_back_is_refused(town: Any, name: str) -> None:
    assert town.fill("/subscribe", email="bob@example.com", name=name).status_code == 422
    assert town.fill("/apply?kind=tmall", **(APPLICATION | {"name": name})).status_code == 422
    assert town.letters() == []


@pytest.mark.parametrize("wording", [{}, {"en": "I want it", "zh": " "}])
def test_no_page_is_shown_that_asks_to_agree_to_nothing(town_with: Any, wording: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"\[join\] wording: there is nothing to agree to in"):
        town_with(join={"wording": wording})


def test_a_domain_without_a_limit_is_meant_in_any_case(town_with: Any) -> None:
    join = {"unlimited_domains": ("Example.COM",), "per_domain_hour": 1, "per_client_hour": 100}
    town = town_with(join=join)
    assert {town.fill("/subscribe", email=f"{name}@example.com").status_code for name in "abc"} == {200}


def test_how_often_one_address_is_written_to_is_said_as_it_is_set(town_with: Any) -> None:
    for times, said in ((1, True), (3, False)):
        town = town_with(join={"per_address_day": times, "per_client_hour": 100})
        pages = [town.fill(page, email="bob@example.com").text for page in ("/subscribe", "/lost-link")]
        pages.append(town.fill("/apply?kind=tmall", **APPLICATION).text)
        assert ["once a day" in page for page in pages] == [said] * 3
        assert all("Nothing there after ten minutes?" in page for page in pages)


def test_an_old_confirm_link_does_not_bring_back_who_left(town: Any) -> None:
    town.fill("/subscribe", email="bob@example.com")
    link = town.path(town.letters()[0]["confirm_url"])
    town.client.post(link)
    town.clock.forward(hours=1)
    town.client.post(town.path(town.letters("welcome")[0]["unsubscribe_url"]))
    assert town.client.post(link).status_code == 410
    assert town.person("bob@example.com").state == "unsubscribed"


def test_coming_back_needs_a_new_letter(town: Any) -> None:
    town.add_reader("carol@example.com", "unsubscribed")
    town.set_person("carol@example.com", left_at=town.clock())
    town.fill("/subscribe", email="carol@example.com")
    assert town.person("carol@example.com").state == "unsubscribed"
    town.client.post(town.path(town.letters("confirm")[0]["confirm_url"]))
    assert town.person("carol@example.com").state == "active"


@pytest.mark.parametrize("reason", ["manual", "asked by telephone"])
def test_a_letter_from_before_lets_nobody_in_who_was_suppressed_by_hand_since(town: Any, reason: str) -> None:
    town.fill("/subscribe", email="bob@example.com")
    link = town.path(town.letters()[0]["confirm_url"])
    entry = Suppression("bob@example.com", reason, actor=BY_HAND)
    town.db.run(suppress, [entry], town.clock())
    assert town.client.get(link).status_code == 410
    assert town.client.post(link).status_code == 410
    town.clock.forward(days=2)
    town.fill("/subscribe", email="bob@example.com")
    assert len(town.letters()) == 1
    assert town.db.read(active, "bob@example.com", town.clock()).reason == reason


def test_who_looks_for_a_link_he_never_had_may_sign_up_on_the_same_day(town: Any) -> None:
    town.fill("/lost-link", email="bob@example.com")
    town.fill("/subscribe", email="bob@example.com")
    assert [letter["kind"] for letter in town.letters()] == ["confirm"]


def test_the_wording_on_record_is_the_one_that_was_read(town: Any) -> None:
    open_page = re.search(r'name="stamp" value="([^"]+)"', town.client.get("/subscribe").text)
    assert open_page is not None
    town.clock.forward(seconds=10)
    made = town.app.state.parts
    made.settings = made.settings.model_copy(
        update={"join": made.settings.join.model_copy(update={"wording": {"en": "Your address may be sold."}})}
    )
    form = {"email": "bob@example.com", "agree": "yes", "stamp": open_page[1]}
    for sent in (form, {key: form[key] for key in ("email", "agree")}):  # a page left open, a form on another site
        page = town.client.post("/subscribe", data=sent).text
        assert "Your address may be sold." in page
        assert town.letters() == []
    town.clock.forward(seconds=10)
    shown = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page))
    assert "inbox" in town.client.post("/subscribe", data=shown).text
    with town.db.reading() as conn:
        assert conn.execute(select(consents.c.wording)).scalars().all() == ["Your address may be sold."]
