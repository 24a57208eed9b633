"""`mailer serve` tells the operators by itself, also when no worker is there to do it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mailer.store import ledger
from mailer.web import app


async def test_the_pages_look_for_alerts_as_long_as_they_run(town_with: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "WATCH_SECONDS", 0.01)
    town = town_with(alerts={"to": ("ops@example.org",)})
    pinged = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(town.club, "ping", lambda: loop.call_soon_threadsafe(pinged.set), raising=False)
    async with town.app.router.lifespan_context(town.app):
        town.deliver(town.add_reader(), town.add_issue(), "accepted")
        town.db.run(ledger.finish_issues, town.clock())
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
