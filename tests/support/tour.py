"""Every public page in every state it has, for a browser to walk through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mailer.model.application import Decision
from mailer.model.tokens import Purpose

SOURCE = "---\nnewsletter: morning\nnumber: 1\ndate: 2026-11-23\nlang: en\n---\n" + "".join(
    f"\n## {title}\n\n### Item\n\nText.\n" for title in ("World", "Trade", "Club")
)


@dataclass(frozen=True)
class Stop:
    """A page: its path, what is posted there (None: it is only opened), the status it answers with."""

    name: str
    path: str
    form: dict[str, str] | None = None
    status: int = 200
    heading: dict[str, str] | None = None
    prepare: Callable[[], None] = field(default=lambda: None)


def tour(town: Any) -> Iterator[Stop]:
    """The stops, in an order in which each finds what it needs; `town` has reviewers and no limits but total_hour."""
    made = town.app.state.parts
    fresh = town.add_reader("fresh@example.com")
    issue = town.add_issue(title="Long headline of an issue, with more words than a telephone is wide " * 2)
    town.set_source(issue, SOURCE)
    delivery = town.deliver(fresh, issue)
    leave = town.link(delivery, Purpose.UNSUBSCRIBE, "u")

    yield Stop("subscribe", "/subscribe")
    yield Stop("subscribe-faults", "/subscribe", {"email": "a@b", "name": "x" * 200}, 422)
    yield Stop("one-more", "/subscribe", {"email": "one@example.com", "agree": "yes"})
    form = {"email": "anna@example.com", "agree": "yes", "language": "en", "stamp": made.stamp("en")}
    yield Stop("check-inbox", "/subscribe", form)
    confirm = town.path(town.letters("confirm")[-1]["confirm_url"])
    yield Stop("confirm", confirm)
    yield Stop("confirmed", confirm, {})
    yield Stop("embed", "/embed")
    yield Stop("lost-link", "/lost-link")
    yield Stop("lost-link-faults", "/lost-link", {"email": ""}, 422)
    yield Stop("lost-link-sent", "/lost-link", {"email": "fresh@example.com", "stamp": made.stamp("en")})

    town.clock.forward(hours=2)  # what was sent so far is no longer counted
    yield Stop("apply", "/apply")
    for kind in made.kinds:
        yield Stop(f"apply-{kind}", f"/apply?kind={kind}")
        yield Stop(f"apply-{kind}-faults", "/apply", {"kind": kind, "email": "a@b", "name": ""}, 422)
    yield from _application(town, made)

    yield Stop("preferences", town.link(delivery, Purpose.PREFERENCES, "p"))
    saved = {"action": "save", "pause": "yes", "shown_1": "World", "want_1": "World"}
    yield Stop("preferences-saved", town.link(delivery, Purpose.PREFERENCES, "p"), saved)
    yield Stop("leave", leave)
    yield Stop("left", leave, {"by": "page"})
    yield Stop("left-reason", f"{leave}/reason", {"reason": "too-often"})
    yield Stop("undone", f"{leave}/undo", {})
    yield Stop("left-for-good", town.link(town.deliver(town.add_reader("gone@example.com", "unsubscribed"), issue),
                                          Purpose.UNSUBSCRIBE, "u"))  # fmt: skip
    yield Stop("archive", "/archive")
    yield Stop("404", "/nowhere", status=404)
    yield Stop("405", f"{leave}/undo", status=405)
    yield Stop("413", "/subscribe", {"email": "x" * 300_000}, 413)

    town.clock.forward(hours=100)
    later = town.add_reader("late@example.com", "unsubscribed")
    town.set_person("late@example.com", left_at=town.clock())
    made.join.subscribe(*town.wish("late@example.com"))
    expired = town.path(town.letters("confirm")[-1]["confirm_url"])
    town.clock.forward(hours=100)
    yield Stop("expired", expired, status=410)
    assert later

    for number in range(3):
        town.fill("/subscribe", email=f"hot{number}@example.org")
    yield Stop(
        "last-before-proof",
        "/subscribe",
        {"email": "a@c.example.org", "agree": "yes", "language": "en", "stamp": made.stamp("en")},
    )
    hot = {"email": "hot9@example.org", "agree": "yes", "language": "en", "stamp": made.stamp("en")}
    yield Stop("proof", "/subscribe", hot, heading={"en": "One more step", "zh": "还差一步"})
    yield Stop("busy", "/subscribe", hot | {"email": "hot8@example.org"}, 429, prepare=lambda: town.limit_clients(1))
    yield Stop("503", leave, status=503, prepare=town.lose_the_database)


def _application(town: Any, made: Any) -> Iterator[Stop]:
    form = {
        "kind": "tmall",
        "name": "Bob Example",
        "email": "bob@example.com",
        "q_company": "Example Trading Company of the Long Names Limited",
        "q_shop_name": "示例旗舰店",
        "q_shop_url": "https://shop.example.com/" + "path/" * 30,
        "agree": "yes",
        "newsletter": "yes",
    }
    for again in ("", "-again"):
        yield Stop(f"applied{again}", "/apply", form | {"language": "en", "stamp": made.stamp("en")})
        link = town.path(town.letters("application-confirm")[-1]["confirm_url"])
        yield Stop(f"application-confirm{again}", link)
        yield Stop(f"application-confirmed{again}", link, {})
        town.clock.forward(hours=25)
    review = town.path(town.letters("review")[-1]["review_url"])
    yield Stop("review", review)
    yield Stop("review-faults", review, {"decision": "ask", "note": ""}, 422)
    case = made.apply.case_of(town.letters("review")[-1]["delivery"])
    question = "Under which name is the business licence? The one on the shop page differs from yours."
    made.apply.decide(case.application["id"], Decision.ASK, "rita@example.org", question)
    answer = town.path(town.letters("asked")[-1]["answer_url"])
    yield Stop("answer", answer)
    yield Stop("answer-faults", answer, {"answer": ""}, 422)
    yield Stop("answered", answer, {"answer": "Under the name of my sister."})
    yield Stop("answer-closed", answer)
    review = town.path(town.letters("review")[-1]["review_url"])
    yield Stop("review-answered", review)
    yield Stop("review-approved", review, {"decision": "approve", "note": "Welcome!"})
    yield Stop("review-decided", review, {"decision": "decline", "note": ""}, 409)
    heading = {"en": "Your application is decided", "zh": "您的申请已有结果"}
    yield Stop("application-decided", link, heading=heading)
    yield Stop("apply-no-kind", "/apply", form | {"kind": "corner-shop"}, 422)
