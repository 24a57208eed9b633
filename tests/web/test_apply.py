"""The club's door: application, confirmed address, review by a signed link."""

from __future__ import annotations

import io
from datetime import UTC
from typing import Any

import pytest

from mailer.flows import subscribers
from mailer.flows.imports import Import, windows
from mailer.intake.table import read_table
from mailer.model.application import Decision
from mailer.model.letter import PATHS
from mailer.model.roster import Layout
from mailer.model.tokens import Purpose
from mailer.store.suppressions import Suppression, active, suppress

TMALL = {
    "kind": "tmall",
    "name": "Bob",
    "email": "bob@example.com",
    "q_company": "Example Trading",
    "q_shop_name": "示例旗舰店",
    "q_shop_url": "https://shop.example.com/1",
}


@pytest.fixture
def club(town_with: Any) -> Any:
    """A club with two reviewers."""
    return town_with(join={"reviewers": ("rita@example.org", "ray@example.org")})


def applied(club: Any, **more: str) -> str:
    """Bob applies and confirms; the link of the first reviewer."""
    assert club.fill("/apply?kind=tmall", **(TMALL | more)).status_code == 200
    link = club.path(club.letters("application-confirm")[-1]["confirm_url"])
    assert club.client.post(link).status_code == 200
    return str(club.path(club.letters("review")[-2]["review_url"]))


def test_an_application_waits_for_nobody_before_its_address_is_confirmed(club: Any) -> None:
    club.fill("/apply?kind=tmall", **TMALL)
    (letter,) = club.letters()
    assert (letter["kind"], letter["address"]) == ("application-confirm", "bob@example.com")
    assert "Example Trading" not in repr(letter)
    link = club.path(letter["confirm_url"])
    assert "Yes, I apply" in club.client.get(link).text
    assert club.app.state.parts.apply.cases() == []
    club.client.post(link)
    club.client.post(link)
    assert [letter["address"] for letter in club.letters("review")] == ["rita@example.org", "ray@example.org"]
    assert [case["state"] for case in club.app.state.parts.apply.cases()] == ["waiting"]


def test_who_has_just_subscribed_may_apply_and_who_has_left_may_come_back_on_the_same_day(club: Any) -> None:
    club.fill("/subscribe", email="bob@example.com")
    club.client.post(club.path(club.letters("confirm")[0]["confirm_url"]))
    applied(club)
    club.client.post(club.path(club.letters("welcome")[0]["unsubscribe_url"]))
    club.fill("/subscribe", email="bob@example.com")
    club.client.post(club.path(club.letters("confirm")[1]["confirm_url"]))
    assert club.person("bob@example.com").state == "active"
    assert [case["state"] for case in club.app.state.parts.apply.cases()] == ["waiting"]


def test_s30_who_has_pressed_a_button_gets_one_letter_more_and_not_as_many_as_a_stranger_likes(town_with: Any) -> None:
    club = town_with(join={"per_client_hour": 1000, "per_domain_hour": 0})
    club.fill("/subscribe", email="bob@example.com")
    club.client.post(club.path(club.letters("confirm")[0]["confirm_url"]))
    for number in range(20):
        assert club.fill("/apply?kind=tmall", **(TMALL | {"email": f"bob+{number}@example.com"})).status_code == 200
        assert club.fill("/lost-link", email="bob@example.com").status_code == 200
    assert len(club.letters("application-confirm")) + len(club.letters("lost-link")) == 1


def test_applying_is_no_consent_to_the_newsletter(club: Any) -> None:
    applied(club)
    assert club.person("bob@example.com") is None


def test_the_ticked_newsletter_begins_with_the_same_button(club: Any) -> None:
    applied(club, newsletter="yes")
    assert club.person("bob@example.com").state == "active"
    assert club.steps("bob@example.com") == ["requested", "confirmed"]


def test_who_ticked_the_newsletter_is_welcomed_with_his_way_out(club: Any) -> None:
    applied(club, newsletter="yes")
    (letter,) = club.letters("welcome")
    assert letter["address"] == "bob@example.com"
    assert "Unsubscribe" in club.client.get(club.path(letter["unsubscribe_url"])).text
    assert club.client.post(club.path(letter["unsubscribe_url"])).status_code == 200
    assert club.person("bob@example.com").state == "unsubscribed"


def test_an_applications_button_does_not_bring_back_who_left_since_the_form(club: Any) -> None:
    club.add_reader("bob@example.com")
    club.fill("/apply?kind=tmall", **TMALL, newsletter="yes")
    club.set_person("bob@example.com", state="unsubscribed", left_at=club.clock())
    link = club.path(club.letters("application-confirm")[0]["confirm_url"])
    assert "also confirms" not in club.client.get(link).text
    assert "from the next issue on" not in club.client.post(link).text
    assert club.person("bob@example.com").state == "unsubscribed"


def test_an_applications_page_says_what_is_true_by_now(club: Any) -> None:
    review = applied(club, newsletter="yes")
    link = club.path(club.letters("application-confirm")[0]["confirm_url"])
    assert "You also get Morning News from the next issue on." in club.client.get(link).text
    club.client.post(club.path(club.letters("welcome")[0]["unsubscribe_url"]))
    page = club.client.get(link).text
    assert ("from the next issue on" in page, "Somebody of the club will look at it" in page) == (False, True)
    club.client.post(review, data={"decision": "decline"})
    page = club.client.get(link).text
    assert ("will look at it" in page, "The answer went to ***@example.com." in page) == (False, True)


def test_the_letter_with_a_question_says_until_when_it_can_be_answered(town_with: Any) -> None:
    club = town_with(join={"reviewers": ("rita@example.org", "ray@example.org"), "answer_days": 9})
    club.client.post(applied(club), data={"decision": "ask", "note": "Which licence?"})
    assert club.letters("asked")[0]["days"] == "9"


def test_a_reader_who_applies_is_not_welcomed_again(club: Any) -> None:
    club.add_reader("bob@example.com")
    applied(club, newsletter="yes")
    assert club.letters("welcome") == []


def test_the_ticked_newsletter_lets_a_reader_back_in_whose_address_failed(club: Any) -> None:
    club.add_reader("bob@example.com")
    club.db.run(suppress, [Suppression("bob@example.com", "userunknown")], club.clock())
    applied(club, newsletter="yes")
    assert club.db.read(active, "bob@example.com", club.clock()) is None
    assert club.steps("bob@example.com") == ["requested", "confirmed"]
    assert [letter["address"] for letter in club.letters("welcome")] == ["bob@example.com"]


def test_the_reviewer_sees_everything_and_approves(club: Any) -> None:
    link = applied(club, newsletter="yes")
    before = club.everything()
    page = club.client.get(link).text
    assert club.everything() == before
    assert "as rita@example.org" in page
    for text in ("Bob", "bob@example.com", "Example Trading", "示例旗舰店", "https://shop.example.com/1"):
        assert text in page
    assert club.client.post(link, data={"decision": "approve", "note": "Welcome!"}).status_code == 200
    (letter,) = club.letters("approved")
    assert (letter["address"], letter["note"], letter["merchant"]) == ("bob@example.com", "Welcome!", "Tmall merchant")
    history = club.app.state.parts.apply.case(1).history
    assert [(row["action"], row["reviewer"]) for row in history] == [
        ("confirmed", ""),
        ("approved", "rita@example.org"),
    ]
    assert club.tags("bob@example.com") == ["member", "tmall"]


def test_a_member_who_subscribes_later_gets_his_tags(club: Any) -> None:
    club.client.post(applied(club), data={"decision": "approve"})
    club.clock.forward(days=2)
    club.fill("/subscribe", email="bob@example.com")
    club.client.post(club.path(club.letters("confirm")[0]["confirm_url"]))
    assert club.tags("bob@example.com") == ["member", "tmall"]


def test_a_member_whom_the_club_adds_or_imports_gets_his_tags(club: Any) -> None:
    applied(club)
    club.app.state.parts.apply.decide(1, Decision.APPROVE, "rita@example.org")
    now, keyring = club.clock(), club.keyring
    given = {"name": "", "language": "", "source": "fair", "actor": "op", "now": now}
    subscribers.add(club.db, keyring, "bob@example.com", tags=["vip"], **given)
    assert club.tags("bob@example.com") == ["member", "tmall", "vip"]

    applied(club, email="carol@example.com")
    club.app.state.parts.apply.decide(2, Decision.APPROVE, "rita@example.org")
    table = read_table(io.BytesIO(b"email,tags\ncarol@example.com,vip\nerin@example.com,\n"), "list.csv")
    layout = Layout(table.columns, renames={}, consent="fair", zone=UTC, now=now)
    Import(club.db, keyring, file="list.csv", clock=club.clock).run(windows(table.rows, layout))
    assert club.tags("carol@example.com") == ["member", "tmall", "vip"]
    assert club.tags("erin@example.com") == []


def test_what_is_decided_stays_decided(club: Any) -> None:
    link = applied(club)
    club.client.post(link, data={"decision": "decline", "note": "No shop found"})
    assert club.client.post(link, data={"decision": "approve"}).status_code == 409
    assert club.app.state.parts.apply.case(1).application["state"] == "declined"
    assert club.letters("approved") == []


def test_a_question_goes_to_the_applicant_and_his_answer_back(club: Any) -> None:
    link = applied(club)
    refused = club.client.post(link, data={"decision": "ask", "note": "  "})
    assert refused.status_code == 422
    assert refused.text.index('role="alert"') < refused.text.index("<dl") < refused.text.index("Write your question")
    club.client.post(link, data={"decision": "ask", "note": "Which licence?"})
    answer = club.path(club.letters("asked")[0]["answer_url"])
    assert "Which licence?" in club.client.get(answer).text
    assert club.client.post(answer, data={"answer": "No. 12\r\nof 2020"}).status_code == 200
    assert "of 2020" in club.client.get(link).text
    assert len(club.letters("review")) == 4
    assert "no longer open" in club.client.get(answer).text


def test_the_letter_to_the_reviewers_says_whether_it_is_about_an_answer(club: Any) -> None:
    link = applied(club)
    club.client.post(link, data={"decision": "ask", "note": "Which licence?"})
    club.client.post(club.path(club.letters("asked")[0]["answer_url"]), data={"answer": "No. 12"})
    assert [letter["answered"] for letter in club.letters("review")] == ["False", "False", "True", "True"]


def test_an_answer_that_nobody_waits_for_is_not_said_to_be_kept(club: Any) -> None:
    link = applied(club)
    club.client.post(link, data={"decision": "ask", "note": "Which licence?"})
    answer = club.path(club.letters("asked")[0]["answer_url"])
    assert club.client.post(answer, data={"answer": "No. 12"}).status_code == 200
    assert club.client.post(answer, data={"answer": "No. 12"}).status_code == 200  # pressed twice
    other = club.client.post(answer, data={"answer": "No. 13"})
    assert (other.status_code, "was not kept" in other.text) == (409, True)
    club.client.post(link, data={"decision": "decline"})
    late = club.client.post(answer, data={"answer": "Please!"})
    assert (late.status_code, "was not kept" in late.text) == (409, True)
    notes = [row["note"] for row in club.app.state.parts.apply.case(1).history if row["action"] == "answered"]
    assert notes == ["No. 12"]


def test_while_an_answer_is_waited_for_no_other_question_is_offered_but_a_decision(club: Any) -> None:
    link = applied(club)
    assert 'value="ask"' in club.client.get(link).text
    asked = club.client.post(link, data={"decision": "ask", "note": "Which licence?"}).text
    assert 'value="ask"' not in asked
    assert 'value="approve"' in asked
    again = club.client.post(link, data={"decision": "ask", "note": "And which shop?"})
    assert (again.status_code, "has not answered an earlier question" in again.text) == (409, True)
    assert "And which shop?" in again.text


def test_a_reviewer_sees_why_the_same_person_was_declined_before(club: Any) -> None:
    club.client.post(applied(club), data={"decision": "decline", "note": "The shop page does not open."})
    club.clock.forward(days=2)
    page = club.client.get(applied(club)).text
    earlier = page[page.index("Earlier applications") :]
    assert "The shop page does not open." in earlier
    assert "rita@example.org" in earlier


def test_who_was_erased_is_no_longer_reviewed_and_gets_no_letter(club: Any) -> None:
    link = applied(club)
    club.clock.forward(days=1)
    club.fill("/apply?kind=tmall", **TMALL)
    unconfirmed = club.path(club.letters("application-confirm")[-1]["confirm_url"])
    subscribers.erase(club.db, club.keyring, "bob@example.com", actor="olga", now=club.clock())
    assert {case["state"] for case in club.app.state.parts.apply.cases()} == {"expired"}
    page = club.client.get(link)
    assert (page.status_code, "the applicant was erased" in page.text, "Bob" in page.text) == (200, True, False)
    assert club.client.post(link, data={"decision": "approve"}).status_code == 409
    assert club.client.post(unconfirmed).status_code == 410
    club.clock.forward(days=3)
    assert club.app.state.parts.tidy()["reminded"] == 0
    assert {case["state"] for case in club.app.state.parts.apply.cases()} == {"expired"}


def test_an_applicants_network_address_is_dropped_after_the_days_the_settings_say(club: Any) -> None:
    applied(club)
    assert club.app.state.parts.apply.case(1).application["client"] == "192.0.2.0/24"
    club.clock.forward(days=15)
    assert club.app.state.parts.tidy()["clients"] == 1
    assert club.app.state.parts.apply.case(1).application["client"] == ""


def test_long_answers_in_chinese_are_not_too_much(town_with: Any) -> None:
    label = {"en": "Why"}
    fields = [{"key": f"why{number}", "label": label, "type": "textarea"} for number in range(4)]
    club = town_with(join={"kinds": [{"key": "long", "label": label, "fields": fields}]})
    answers = {f"q_why{number}": "商" * 4000 for number in range(4)}
    assert club.fill("/apply?kind=long", kind="long", name="Bob", email="bob@example.com", **answers).status_code == 200
    assert len(club.letters("application-confirm")) == 1


def test_a_form_of_a_kind_that_is_no_longer_offered_says_that_it_was_not_sent(club: Any) -> None:
    page = club.client.post("/apply", data=TMALL | {"kind": "corner-shop", "agree": "yes"})
    assert (page.status_code, "Not sent: this kind is not offered." in page.text) == (422, True)
    assert "Not sent" not in club.client.get("/apply").text


def test_who_has_asked_is_told_so_though_the_answer_was_faster_than_the_page(
    club: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = applied(club)
    journey = club.app.state.parts.apply
    decide = type(journey).decide

    def asked_and_answered(self: Any, *args: Any) -> bool:
        done = decide(self, *args)
        assert journey.answer(club.letters("asked")[0]["delivery"], "Mine.")
        return bool(done)

    monkeypatch.setattr(type(journey), "decide", asked_and_answered)
    page = club.client.post(link, data={"decision": "ask", "note": "Whose licence?"})
    assert (page.status_code, "The question is on its way" in page.text, "Mine." in page.text) == (200, True, True)


def test_a_newer_application_replaces_the_one_that_waits(club: Any) -> None:
    applied(club)
    club.clock.forward(days=2)
    applied(club, q_company="Another Name")
    states = {case["id"]: case["state"] for case in club.app.state.parts.apply.cases()}
    assert states == {1: "expired", 2: "waiting"}


def test_a_review_link_opens_one_application_only(club: Any) -> None:
    applied(club)
    confirm = club.letters("application-confirm")[0]["delivery"]
    for delivery in (confirm, 999):
        link = club.link(delivery, Purpose.REVIEW, "review")
        assert club.client.get(link).status_code == 404
        assert club.client.post(link, data={"decision": "approve"}).status_code == 404


def test_a_link_for_one_purpose_opens_nothing_of_another_where_the_letter_is_the_right_one(club: Any) -> None:
    review = applied(club, newsletter="yes")
    club.client.post(review, data={"decision": "ask", "note": "Which shop?"})
    before = club.everything()
    kinds = {letter["kind"] for letter in club.letters()}
    assert kinds == {"application-confirm", "welcome", "review", "asked"}
    for letter in club.letters():
        for wanted, path in PATHS.items():
            for purpose in set(Purpose) - {wanted}:
                link = club.link(letter["delivery"], purpose, path)
                assert club.client.get(link).status_code == 404, (letter["kind"], purpose, path)
                form = {"decision": "approve", "answer": "this one", "action": "leave"}
                assert club.client.post(link, data=form).status_code in {404, 405}, (letter["kind"], purpose, path)
    assert club.everything() == before


def test_the_issue_that_brought_an_applicant_is_remembered(club: Any) -> None:
    delivery = club.deliver(club.add_reader(), club.add_issue("2026-11-20"))
    page = club.link(delivery, Purpose.APPLY, "apply")
    token = page.removeprefix("/apply/")
    assert f"from={token}" in club.client.get(page).text
    applied(club, **{"from": token})
    assert club.app.state.parts.apply.case(1).application["source"] == "2026-11-20"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("q_shop_url", "javascript:alert(1)"),
        ("q_company", ""),
        ("q_company", "x" * 501),
        ("q_company", "a\x00b"),
        ("q_company", "a\u202eb"),
        ("q_company", "\u200b\u2060"),
        ("name", "\u200d"),
        ("email", "bob@example"),
        ("name", ""),
        ("kind", "no-such-kind"),
        ("agree", ""),
    ],
)
def test_a_wrong_answer_is_shown_and_nothing_kept(club: Any, field: str, value: str) -> None:
    assert club.fill("/apply?kind=tmall", **(TMALL | {field: value})).status_code == 422
    assert club.letters() == []


def test_nobody_waits_for_ever(club: Any) -> None:
    applied(club)
    journey = club.app.state.parts.apply
    days = {"purge_days": 7, "review_days": 2}
    club.clock.forward(days=3)
    assert journey.expire(**days)["reminded"] == 1
    assert journey.expire(**days)["reminded"] == 0
    assert len(club.letters("review-reminder")) == 2
    journey.decide(1, Decision.ASK, "rita", "Well?")
    club.clock.forward(days=31)
    assert journey.expire(**days)["unanswered"] == 1
    assert journey.case(1).application["state"] == "expired"
    (told,) = club.letters("unanswered")
    assert told["address"] == TMALL["email"]


def test_what_was_never_confirmed_is_purged(club: Any) -> None:
    club.fill("/apply?kind=tmall", **TMALL)
    club.fill("/subscribe", email="dora@example.com")
    club.clock.forward(days=8)
    done = club.app.state.parts.tidy()
    assert (done["purged"], done["readers"]) == (1, 1)
    assert club.person("dora@example.com") is None


def test_after_a_decision_the_page_says_what_happened_and_nobody_decides_twice(club: Any) -> None:
    link = applied(club)
    assert "in: English" in club.client.get(link).text
    assert "Approved. The applicant is a member now" in club.client.post(link, data={"decision": "approve"}).text
    again = club.client.post(link, data={"decision": "decline"})
    assert (again.status_code, "this was decided before" in again.text) == (409, True)
    assert "Approved. The applicant" not in club.client.get(link).text


def test_a_shop_address_in_letters_that_look_alike_is_shown_as_dns_knows_it(club: Any) -> None:
    page = club.client.get(applied(club, q_shop_url="https://shop.ехample.com/1")).text  # Cyrillic е and х
    assert "shop.xn--" in page


def test_evidence_is_words_and_links_and_no_file_is_taken(club: Any) -> None:
    files = {"q_shop_url": ("licence.svg", b"<svg onload=alert(1)>", "image/svg+xml")}
    answer = club.client.post("/apply", data=TMALL, files=files)
    assert answer.status_code == 400
    assert club.letters() == []
