"""`mailer serve` tells the operators by itself, also when no worker is there to do it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from support.relay import Relay, stall

from mailer.model.pacing import Window
from mailer.store import budgets, leases, running
from mailer.store.leases import CLERK, Worker
from mailer.web import app


async def test_the_pages_look_for_alerts_as_long_as_they_run(town_with: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "WATCH_SECONDS", 0.01)
    town = town_with(alerts={"to": ("ops@example.org",)})
    pinged = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(town.club, "ping", lambda: loop.call_soon_threadsafe(pinged.set), raising=False)
    async with town.app.router.lifespan_context(town.app):
        town.deliver(town.add_reader(), town.add_issue(), "accepted")
        town.db.run(running.finish_issues, town.clock())
        await asyncio.wait_for(pinged.wait(), 30)
    with town.db.reading() as conn:
        assert [row.kind for row in conn.exec_driver_sql("SELECT kind FROM letters")] == ["send-finished"]


async def test_a_database_that_is_away_does_not_end_the_watch(town_with: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "WATCH_SECONDS", 0.01)
    town = town_with()
    again = asyncio.Event()
    loop = asyncio.get_running_loop()
    looks: list[int] = []

    class Broken:
        def look(self) -> bool:
            looks.append(1)
            if len(looks) > 2:
                loop.call_soon_threadsafe(again.set)
            raise app.MailerError("away")

    monkeypatch.setattr(town.club, "alerts", Broken(), raising=False)
    async with town.app.router.lifespan_context(town.app):
        await asyncio.wait_for(again.wait(), 30)


async def test_that_nobody_sends_is_told_over_the_relay_by_the_pages_themselves(
    town_with: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "WATCH_SECONDS", 0.01)
    leaving = stall("quit")
    async with Relay(leaving) as relay:
        town = town_with(alerts={"to": ("ops@example.org",)}, relay={"url": f"smtp://127.0.0.1:{relay.port}"})
        waits = town.deliver(town.add_reader(), town.add_issue(), "pending")
        town.clock.forward(minutes=16)
        async with town.app.router.lifespan_context(town.app):
            await asyncio.wait_for(leaving.reached(), 30)
            leaving.let_go()
        assert relay.accepted == {"ops@example.org": 1}
    assert town.delivery_state(waits) == "pending"


async def test_the_watch_goes_on_while_the_limits_keep_the_letter_that_nobody_sends(
    town_with: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr(app, "CLERK_SECONDS", 0.5)
    town = town_with(alerts={"to": ("ops@example.org",)}, relay={"url": "smtp://127.0.0.1:9", "per_day": 1})
    with town.db.transaction() as conn:
        budgets.allowance(conn, "relay", (Window(1, 86400.0),), town.clock())
        budgets.settle(conn, {budgets.RELAY + "relay": 1}, (), town.clock())
    town.deliver(town.add_reader(), town.add_issue(), "pending")
    town.clock.forward(minutes=16)
    asked, loop, again = [], asyncio.get_running_loop(), asyncio.Event()

    def unheard() -> bool:
        asked.append(town.club.alerts.look())
        if len(asked) > 1:
            loop.call_soon_threadsafe(again.set)
        return True

    monkeypatch.setattr(town.club.alerts.__class__, "unheard", lambda self: unheard())
    async with town.app.router.lifespan_context(town.app):
        await asyncio.wait_for(again.wait(), 30)


def test_the_pages_do_not_send_for_a_worker_that_is_there(town_with: Any) -> None:
    town = town_with(alerts={"to": ("ops@example.org",)})
    town.deliver(town.add_reader(), town.add_issue(), "pending")
    town.clock.forward(minutes=16)
    assert not town.club.alerts.unheard()
    town.club.alerts.look()
    assert town.club.alerts.unheard()
    town.db.run(leases.open_claim, Worker("w", "h", 1, ""), "", town.clock(), timedelta(minutes=2))
    assert not town.club.alerts.unheard()
    town.clock.forward(minutes=16)
    town.db.run(leases.open_claim, Worker(f"{CLERK}w", "h", 1, ""), "", town.clock(), timedelta(minutes=2))
    assert town.club.alerts.unheard()
