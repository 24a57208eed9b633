"""Who has a link has got the mail it stood in: any genuine link proves an uncertain delivery, whoever opens it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mailer.model.tokens import Keyring, Purpose
from mailer.store import leases, ledger, picking
from mailer.store.leases import Worker
from mailer.store.running import Sendable

LINKS = [(Purpose.UNSUBSCRIBE, "u"), (Purpose.PREFERENCES, "p"), (Purpose.VIEW, "v")]


@pytest.fixture
def uncertain(town: Any) -> int:
    return int(town.deliver(town.add_reader(), town.add_issue(), "uncertain"))


@pytest.mark.parametrize(("purpose", "path"), LINKS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_link_that_is_followed_proves_its_mail_and_changes_no_reader(
    town: Any, uncertain: int, purpose: Purpose, path: str, method: str
) -> None:
    before = tuple(town.person("alice@example.com"))
    town.client.request(method, town.link(uncertain, purpose, path))
    town.app.state.parts.close()
    assert town.delivery_state(uncertain) == "accepted"
    assert tuple(town.person("alice@example.com")) == before


@pytest.mark.parametrize(("purpose", "path"), LINKS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_is_followed_while_the_answer_is_awaited_proves_its_mail_when_none_comes(
    town: Any, purpose: Purpose, path: str, method: str
) -> None:
    issue = town.add_issue()
    delivery = town.deliver(town.add_reader(), issue)
    with town.db.transaction() as conn:
        worker = Worker("w1", "host", 1, "boot")
        claim = leases.open_claim(conn, worker, "", town.clock(), timedelta(seconds=120), "main")
        picking.assign(conn, claim, picking.pick(conn, Sendable(issue), 1, town.clock()), town.clock())
    town.client.request(method, town.link(delivery, purpose, path))
    town.app.state.parts.close()
    assert town.delivery_state(delivery) == "attempting"
    town.db.run(ledger.take_over, claim, None, "lost", town.clock())
    assert town.delivery_state(delivery) == ("uncertain" if (method, path) == ("POST", "v") else "accepted")


def test_a_click_on_unsubscribe_proves_it_too(town: Any, uncertain: int) -> None:
    town.client.post(town.link(uncertain, Purpose.UNSUBSCRIBE, "u"))
    assert town.delivery_state(uncertain) == "accepted"


def test_a_forged_link_proves_nothing(town: Any, uncertain: int) -> None:
    forged = Keyring({1: b"x" * 32}, 1)
    for token in (forged.sign(uncertain, Purpose.VIEW), town.keyring.sign(uncertain, Purpose.BOUNCE), "a" * 26):
        town.client.get(f"/v/{token}")
    town.app.state.parts.close()
    assert town.delivery_state(uncertain) == "uncertain"


@pytest.mark.parametrize("state", ["pending", "deferred", "failed", "suppressed", "cancelled"])
def test_a_link_proves_nothing_but_what_was_uncertain(town: Any, state: str) -> None:
    delivery = town.deliver(town.add_reader(), town.add_issue(), state)
    town.client.get(town.link(delivery, Purpose.VIEW, "v"))
    town.app.state.parts.close()
    assert town.delivery_state(delivery) == state
