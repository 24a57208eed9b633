"""Leaving: the one-click endpoint and the page for people."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from mailer.model.tokens import Keyring, Purpose
from mailer.store import consents, signups
from mailer.store.schema import editions
from mailer.store.suppressions import Suppression, suppress
from mailer.web import threads


@pytest.fixture
def link(town: Any) -> str:
    """Alice's unsubscribe link, from an issue that is being sent."""
    town.reader = town.add_reader()
    town.delivery = town.deliver(town.reader, town.add_issue())
    return str(town.link(town.delivery, Purpose.UNSUBSCRIBE, "u"))


def test_a_scanner_that_opens_every_link_a_thousand_times_changes_nothing(town: Any, link: str) -> None:
    town.app.state.parts.apply.reviewers = ("rita@example.org",)
    town.fill("/subscribe", email="bob@example.com")
    form = {"kind": "other-platform", "name": "Eve", "q_platform": "x", "q_shop_name": "y"}
    town.fill("/apply?kind=other-platform", **form, email="eve@example.com", q_shop_url="https://a.example.com/")
    town.client.post(town.path(town.letters("application-confirm")[0]["confirm_url"]))
    links = [link, town.link(town.delivery, Purpose.PREFERENCES, "p"), town.link(town.delivery, Purpose.VIEW, "v")]
    links += [town.link(town.delivery, Purpose.APPLY, "apply"), town.path(town.letters("review")[0]["review_url"])]
    links += [town.path(letter["confirm_url"]) for letter in town.letters("confirm")]
    before = town.everything()
    for number in range(1000):
        one, method = links[number % len(links)], ("GET", "HEAD", "OPTIONS")[number // len(links) % 3]
        status = town.client.request(method, one).status_code
        assert status == (405 if method == "OPTIONS" else status)
        assert status in {200, 404, 405}
    assert town.everything() == before
    assert {town.client.get(one).status_code for one in links} <= {200, 404}


BODIES = [
    {"data": {"List-Unsubscribe": "One-Click"}},
    {"files": {"List-Unsubscribe": (None, "One-Click")}},
    {},
    {"content": b"\x00\xff", "headers": {"content-type": "application/json"}},
    {"content": b"x" * 200_000, "headers": {"content-type": "multipart/form-data"}},
    {"headers": {"origin": "null", "sec-fetch-site": "cross-site"}},
]


@pytest.mark.parametrize("body", BODIES)
def test_one_click_takes_any_body_without_cookie_or_redirect(town: Any, link: str, body: dict[str, Any]) -> None:
    answer = town.client.post(link, **body)
    assert answer.status_code == 200
    assert not {"location", "set-cookie"} & set(answer.headers)
    assert town.person("alice@example.com").state == "unsubscribed"


def test_leaving_twice_is_leaving_once(town: Any, link: str) -> None:
    town.client.post(link)
    after = town.everything()
    assert town.client.post(link).status_code == 200
    assert town.everything() == after


def test_what_is_queued_is_not_sent_to_who_left(town: Any, link: str) -> None:
    later = town.deliver(town.reader, town.add_issue("2026-11-24"), "deferred")
    sent = town.deliver(town.reader, town.add_issue("2026-11-22"), "accepted")
    town.client.post(link)
    assert [town.delivery_state(one) for one in (town.delivery, later, sent)] == [
        "suppressed",
        "suppressed",
        "accepted",
    ]


def test_a_bad_link_is_always_the_same_404(town: Any, link: str) -> None:
    token = link.removeprefix("/u/")
    nobody = town.keyring.sign(10**6, Purpose.UNSUBSCRIBE)
    confirm = town.keyring.sign(town.delivery, Purpose.CONFIRM)
    foreign = Keyring({1: b"x" * 32}, 1).sign(town.delivery, Purpose.UNSUBSCRIBE)
    bad = [token[:-1], token + "a", "a" * 26, "%00", "é" * 26, nobody, confirm, foreign]
    answers = [answer for one in bad for answer in (town.client.get(f"/u/{one}"), town.client.post(f"/u/{one}"))]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert town.person("alice@example.com").state == "active"


def test_links_of_a_retired_key_still_work(town: Any, link: str) -> None:
    old = town.keyring.keys[1]
    town.app.state.parts.keyring = Keyring({1: old, 2: b"n" * 32}, 2)
    assert town.client.post(link).status_code == 200
    assert town.person("alice@example.com").state == "unsubscribed"


def test_the_page_hides_the_address_and_offers_to_undo(town: Any, link: str) -> None:
    page = town.client.get(link).text
    assert "alice@example.com" not in page
    assert "a***e@example.com" in page
    left = town.client.post(link, data={"by": "page"}).text
    assert "Take it back" in left
    town.client.post(f"{link}/reason", data={"reason": "too-often"})
    town.client.post(f"{link}/reason", data={"reason": "too-often"})
    assert town.steps("alice@example.com") == ["withdrawn", "withdrawn"]
    undone = town.client.post(f"{link}/undo")
    assert "gets the next issue as before" in undone.text
    assert town.person("alice@example.com").state == "active"
    for other in re.findall(r'href="(/u/[^"]+)" lang', left + undone.text):
        assert town.client.get(other).status_code == 200  # in another language, at an address that can be opened


def test_who_takes_a_leaving_back_while_paused_is_told_until_when(town: Any, link: str) -> None:
    town.client.post(town.link(town.delivery, Purpose.PREFERENCES, "p"), data={"language": "en", "pause": "yes"})
    town.client.post(link, data={"by": "page"})
    until = (town.clock() + timedelta(days=30)).strftime("%Y-%m-%d")
    assert f"gets no issue until {until}" in town.client.post(f"{link}/undo").text


def test_a_leaving_by_one_click_or_an_hour_ago_cannot_be_undone(town: Any, link: str) -> None:
    town.client.post(link)
    town.client.post(f"{link}/undo")
    assert town.person("alice@example.com").state == "unsubscribed"


def test_saying_why_makes_no_leaving_one_that_can_be_undone(town: Any, link: str) -> None:
    town.client.post(link, content=b"List-Unsubscribe=One-Click")
    told = town.client.post(f"{link}/reason", data={"reason": "too-often"}).text
    assert "Thank you for telling us why." in told
    assert "Take it back" not in told
    town.client.post(f"{link}/undo")
    assert town.person("alice@example.com").state == "unsubscribed"


def test_who_left_by_a_list_was_not_asked_why(town: Any, link: str) -> None:
    with town.db.transaction() as conn:
        signups.depart(conn, town.person("alice@example.com").id, town.clock())
        step = consents.Step("withdrawn", source="import", detail="left.csv:7")
        consents.append(conn, town.person("alice@example.com").id, step, town.clock())
    assert "Thank you for telling us why." not in town.client.get(link).text
    assert "Thank you for telling us why." in town.client.post(f"{link}/reason", data={"reason": "other"}).text


def test_an_hour_after_leaving_there_is_nothing_to_undo(town: Any, link: str) -> None:
    town.client.post(link, data={"by": "page"})
    town.clock.forward(minutes=61)
    assert "Take it back" not in town.client.post(f"{link}/undo").text
    assert town.person("alice@example.com").state == "unsubscribed"


def test_when_the_database_is_away_nobody_is_told_that_he_left(town: Any, link: str) -> None:
    with town.db.transaction() as conn:
        conn.exec_driver_sql("ALTER TABLE subscribers RENAME TO gone")
    answer = town.client.post(link)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    with town.db.transaction() as conn:
        conn.exec_driver_sql("ALTER TABLE gone RENAME TO subscribers")
    assert town.person("alice@example.com").state == "active"


def test_while_another_program_holds_the_database_nobody_is_told_that_he_left(
    town_with: Any, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "BUSY_SECONDS", 0.05)
    town = town_with()
    link = town.link(town.deliver(town.add_reader(), town.add_issue()), Purpose.UNSUBSCRIBE, "u")
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert town.client.post(link).status_code == 503
    assert town.person("alice@example.com").state == "active"
    holder.close()
    assert town.client.post(link).status_code == 200
    assert town.person("alice@example.com").state == "unsubscribed"


def test_who_left_keeps_the_preferences_he_had(town: Any, link: str) -> None:
    page = town.link(town.delivery, Purpose.PREFERENCES, "p")
    form = {"action": "save", "language": "zh", "pause": "yes", "shown_1": "World", "want_1": "World"}
    town.client.post(page, data=form | {"language": "en"})
    town.client.post(link)
    before = town.everything()
    for changed in (form, {"action": "save"}, form | {"want_2": "Trade"}):
        assert town.client.post(page, data=changed).status_code == 200
    assert town.everything() == before


def test_preferences_pause_and_leave_but_never_bring_back(town: Any, link: str) -> None:
    page = town.link(town.delivery, Purpose.PREFERENCES, "p")
    assert "Pause for 30 days" in town.client.get(page).text
    town.client.post(page, data={"action": "save", "pause": "yes", "language": "zh"})
    person = town.person("alice@example.com")
    assert (person.language, (person.paused_until - town.clock()).days) == ("zh", 30)
    town.client.post(page, data={"action": "leave"})
    assert town.person("alice@example.com").state == "unsubscribed"
    town.client.post(page, data={"action": "save"})
    assert town.person("alice@example.com").state == "unsubscribed"


def test_of_two_open_pages_the_later_one_takes_back_only_what_was_changed_on_it(town: Any, link: str) -> None:
    page = town.link(town.delivery, Purpose.PREFERENCES, "p")

    def shown() -> dict[str, str]:
        return dict(re.findall(r'name="(was_\w+)" value="([^"]*)"', town.client.get(page).text))

    first = shown() | {"language": "en"}
    town.client.post(page, data=shown() | {"language": "zh", "pause": "yes"})
    before = town.person("alice@example.com")
    assert (before.language, before.paused_until is not None) == ("zh", True)
    town.client.post(page, data=first)
    assert town.person("alice@example.com") == before
    paused = shown() | {"language": "zh"}
    town.clock.forward(days=31)
    town.client.post(page, data=paused | {"pause": "yes"})  # opened while he paused, saved when it was over
    assert town.person("alice@example.com").paused_until < town.clock()
    town.client.post(page, data=shown() | {"language": "en", "pause": "yes"})
    town.client.post(page, data=shown() | {"language": "en"})
    after = town.person("alice@example.com")
    assert (after.language, after.paused_until) == ("en", None)


def give_sections(town: Any, *titles: str) -> None:
    head = "---\nnewsletter: morning\nnumber: 1\ndate: 2026-11-23\nlang: en\n---\n"
    source = head + "".join(f"\n## {title}\n\n### Item\n\nText.\n" for title in titles)
    with town.db.transaction() as conn:
        conn.execute(update(editions).values(source=source))


def shown_sections(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(shown_\d+)" value="([^"]*)"', page))


def test_sections_not_wanted_become_an_attribute_for_segments(town: Any, link: str) -> None:
    give_sections(town, "World", "Trade; tech")
    page = town.link(town.delivery, Purpose.PREFERENCES, "p")
    shown = town.client.get(page).text
    assert 'value="World" checked' in shown
    form = {"action": "save", "want_1": "World", "want_9": "<script>"} | shown_sections(shown)
    town.client.post(page, data=form)
    assert town.person("alice@example.com").attributes == {"unwanted_sections": "Trade, tech"}
    assert 'value="Trade, tech">' in town.client.get(page).text
    town.client.post(page, data=form | {"want_2": "Trade, tech"})
    assert town.person("alice@example.com").attributes == {}


def test_a_section_the_reader_was_not_shown_is_not_taken_for_unwanted(town: Any, link: str) -> None:
    give_sections(town, "World", "Trade")
    page = town.link(town.delivery, Purpose.PREFERENCES, "p")
    form = {"action": "save", "want_1": "World"} | shown_sections(town.client.get(page).text)
    give_sections(town, "World", "Sport")  # the next issue comes out while he thinks
    saved = town.client.post(page, data=form).text
    assert town.person("alice@example.com").attributes == {"unwanted_sections": "Trade"}
    assert 'value="Sport" checked' in saved


def test_what_is_unticked_now_is_kept_however_much_was_before(town: Any, link: str) -> None:
    town.set_person("alice@example.com", attributes={"unwanted_sections": "; ".join(f"Old {n}" for n in range(20))})
    give_sections(town, "World", "Trade")
    page = town.link(town.delivery, Purpose.PREFERENCES, "p")
    saved = town.client.post(page, data={"action": "save"} | shown_sections(town.client.get(page).text)).text
    assert 'id="want_1" name="want_1" value="World">' in saved
    assert 'id="want_2" name="want_2" value="Trade">' in saved


def test_a_welcome_that_waits_is_not_sent_to_who_has_left(town: Any) -> None:
    town.fill("/subscribe", email="bob@example.com")
    town.client.post(town.path(town.letters("confirm")[0]["confirm_url"]))
    (welcome,) = town.letters("welcome")
    town.client.post(town.path(welcome["unsubscribe_url"]))
    assert town.delivery_state(welcome["delivery"]) == "suppressed"


def test_nobody_is_told_that_he_is_back_who_will_get_nothing(town: Any, link: str) -> None:
    town.client.post(link, content=b"by=page")
    town.db.run(suppress, [Suppression("alice@example.com", "complaint")], town.clock())
    assert "/undo" not in town.client.get(link).text
    town.client.post(f"{link}/undo")
    assert town.person("alice@example.com").state == "unsubscribed"
