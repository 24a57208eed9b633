"""A club with pages, a cast of readers, and a stand-in for the letters' templates."""

from __future__ import annotations

import email
import email.policy
import json
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from starlette.testclient import TestClient

from mailer.mail.address import parse
from mailer.model.signup import Visit
from mailer.model.tokens import Purpose
from mailer.settings import Settings
from mailer.store.engine import Database
from mailer.store.schema import consents, deliveries, editions, issues, letters, metadata, subscribers
from mailer.web.app import create_app
from mailer.web.server import bind, make_server
from mailer.wiring import Club

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BASE = "https://news.example.com"


class Clock:
    """A clock that goes when told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> None:
        self.now += timedelta(**step)


def stand_in(
    kind: str, language: str, address: str, name: str, delivery_id: int, values: Mapping[str, object]
) -> bytes:
    """A letter that says which kind it is and with which values it was asked for."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["To"] = f"{name} <{address}>" if name else address
    message["Subject"] = f"{kind} {language}"
    message.set_content(json.dumps({key: str(value) for key, value in values.items()}), cte="base64")
    return bytes(message)


class Town:
    """The club, its pages opened by a test client, and what its readers find in their mail."""

    def __init__(self, url: str, folder: Path, **settings: Any) -> None:
        self.clock = Clock()
        values = {
            "newsletter": {"name": "Morning News", "languages": ("en", "zh"), "timezone": "Asia/Shanghai"},
            "database": {"url": url},
            "web": {"base_url": BASE},
        }
        self.club = Club(folder, Settings(**(values | settings)), self.clock)
        self.db: Database = self.club.db
        self.keyring = self.club.keyring
        self.app = create_app(self.club, stand_in, answer_after=timedelta(0))
        self.client = TestClient(self.app, base_url=BASE, follow_redirects=False, client=("192.0.2.9", 50000))

    def letters(self, kind: str = "") -> list[dict[str, Any]]:
        """The letters in the outbox, oldest first."""
        with self.db.reading() as conn:
            rows = conn.execute(
                select(letters.c.kind, letters.c.content, deliveries.c.address, deliveries.c.id)
                .select_from(deliveries.join(letters, letters.c.id == deliveries.c.letter_id))
                .order_by(deliveries.c.id)
            ).all()
        found = []
        for row in rows:
            message = email.message_from_bytes(row.content, policy=email.policy.default)
            values = json.loads(message.get_content())
            head = {"kind": row.kind, "address": row.address, "delivery": row.id, "subject": message["Subject"]}
            found.append(values | head)
        return [letter for letter in found if not kind or letter["kind"] == kind]

    def person(self, address: str) -> Any:
        with self.db.reading() as conn:
            return conn.execute(select(subscribers).where(subscribers.c.address == address)).first()

    def steps(self, address: str) -> list[str]:
        """What is on record about somebody's consent, oldest first."""
        with self.db.reading() as conn:
            query = (
                select(consents.c.action)
                .select_from(consents.join(subscribers, subscribers.c.id == consents.c.subscriber_id))
                .where(subscribers.c.address == address)
                .order_by(consents.c.id)
            )
            return list(conn.execute(query).scalars())

    def tags(self, address: str) -> list[str]:
        return list(self.person(address).tags)

    def everything(self) -> str:
        """All rows of all tables, to compare."""
        with self.db.reading() as conn:
            return repr(
                [
                    list(map(tuple, conn.execute(select(table).order_by(*table.primary_key))))
                    for table in metadata.sorted_tables
                ]
            )

    def add_reader(self, address: str = "alice@example.com", state: str = "active", name: str = "Alice") -> int:
        with self.db.transaction() as conn:
            return int(
                conn.execute(
                    insert(subscribers)
                    .values(
                        address=address,
                        match_key=address.lower(),
                        domain=address.rpartition("@")[2],
                        name=name,
                        state=state,
                        created_at=self.clock(),
                        joined_at=self.clock() if state != "pending" else None,
                    )
                    .returning(subscribers.c.id)
                ).scalar_one()
            )

    def add_issue(self, slug: str = "2026-11-23", title: str = "Headlines", **values: Any) -> int:
        with self.db.transaction() as conn:
            row = {
                "newsletter": "Morning News",
                "identity": slug,
                "date": self.clock().date(),
                "slug": slug,
                "title": title,
                "state": "sending",
                "policy": "at_most_once",
                "frozen_at": self.clock(),
                "send_at": self.clock(),
            }
            issue_id = conn.execute(insert(issues).values(row | values).returning(issues.c.id)).scalar_one()
            conn.execute(
                insert(editions).values(
                    issue_id=issue_id,
                    language="en",
                    source="",
                    subject=title,
                    html=f"<!DOCTYPE html><html lang=en><title>{title}</title><p style='color:red'>news",
                    text="news",
                    program=b"",
                    digest="",
                    key_id=1,
                    frozen_at=self.clock(),
                )
            )
            return int(issue_id)

    def deliver(self, subscriber_id: int, issue_id: int, state: str = "pending") -> int:
        with self.db.transaction() as conn:
            return int(
                conn.execute(
                    insert(deliveries)
                    .values(
                        issue_id=issue_id,
                        subscriber_id=subscriber_id,
                        address="alice@example.com",
                        domain="example.com",
                        state=state,
                        due_at=self.clock(),
                        changed_at=self.clock(),
                    )
                    .returning(deliveries.c.id)
                ).scalar_one()
            )

    def delivery_state(self, delivery_id: int) -> str:
        with self.db.reading() as conn:
            return str(conn.execute(select(deliveries.c.state).where(deliveries.c.id == delivery_id)).scalar_one())

    def link(self, delivery_id: int, purpose: Purpose, path: str) -> str:
        return f"/{path}/{self.keyring.sign(delivery_id, purpose)}"

    def fill(self, page: str, **values: str) -> Any:
        """Open a form, wait as a person would, and send it."""
        shown = self.client.get(page)
        stamp = re.search(r'name="stamp" value="([^"]+)"', shown.text)
        assert stamp is not None
        self.clock.forward(seconds=10)
        return self.client.post(page.partition("?")[0], data={"stamp": stamp[1], "agree": "yes"} | values)

    def wish(self, address: str) -> tuple[Any, ...]:
        """What `Join.subscribe` takes for somebody who fills in the form."""
        return parse(address), "", "yes", Visit("192.0.2.7", language="en")

    def set_source(self, issue_id: int, source: str) -> None:
        with self.db.transaction() as conn:
            conn.execute(update(editions).where(editions.c.issue_id == issue_id).values(source=source))

    def limit_clients(self, per_hour: int) -> None:
        made = self.app.state.parts
        made.join.limits = replace(made.join.limits, per_client_hour=per_hour)

    def lose_the_database(self) -> None:
        with self.db.transaction() as conn:
            conn.exec_driver_sql("ALTER TABLE subscribers RENAME TO gone")

    def path(self, url: str) -> str:
        assert url.startswith(BASE + "/")
        return url.removeprefix(BASE)

    def set_person(self, address: str, **values: Any) -> None:
        with self.db.transaction() as conn:
            conn.execute(update(subscribers).where(subscribers.c.address == address).values(values))


@pytest.fixture
def town(sqlite_url: str, tmp_path: Path) -> Iterator[Town]:
    (tmp_path / "mailer.key").write_text("1 " + "ab" * 32 + "\n")
    made = Town(sqlite_url, tmp_path)
    with made.client:
        yield made
    made.db.close()


@pytest.fixture
def town_with(sqlite_url: str, tmp_path: Path) -> Iterator[Any]:
    """Makes a town with other settings."""
    (tmp_path / "mailer.key").write_text("1 " + "ab" * 32 + "\n")
    made: list[Town] = []

    def make(**settings: Any) -> Town:
        made.append(Town(sqlite_url, tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        one.client.close()
        one.app.state.parts.close()
        one.db.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as play:
        made = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield made
        made.close()


@pytest.fixture
def served(town_with: Any) -> Iterator[Any]:
    """A town whose pages are served on loopback; forms ask for a proof of work from the third on."""
    listening = bind("127.0.0.1:0")
    join = {"min_fill_seconds": 0, "total_hour": 2, "per_client_hour": 100, "per_domain_hour": 0}
    town = town_with(join=join | {"reviewers": ("rita@example.org",)})
    town.base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = make_server(town.app)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]))
    thread.start()
    yield town
    server.should_exit = True
    thread.join(10)
