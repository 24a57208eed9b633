"""What is kept about one person: all of it can be asked for, and nothing of it is left once he is forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from mailer.errors import NotFound
from mailer.flows import subscribers as flow
from mailer.model.application import Decision
from mailer.store import erasure, subscribers, suppressions
from mailer.store.schema import attempts, bounces, claims, deliveries, metadata, returned_mails

WHO, NAME, SECRET = "zebulon@quuxmail.example.com", "Zebulon Quux", "quuxwords"
# Nothing in these tells anything about one person: issues and their pictures, machines, keyed counts without names.
IMPERSONAL = {
    "budgets",
    "claims",
    "editions",
    "exclusions",
    "home",
    "images",
    "issues",
    "log_places",
    "rate_marks",
    "workers",
}


@pytest.fixture
def lived(town_with: Any) -> Any:
    """A club in which Zebulon did everything that leaves a row."""
    town = town_with(join={"reviewers": ("rita@example.org",)})
    town.fill("/subscribe", email=WHO, name=NAME)
    town.client.post(town.path(town.letters("confirm")[0]["confirm_url"]))
    town.clock.forward(hours=25)
    shop = {"q_company": SECRET, "q_shop_name": SECRET, "q_shop_url": f"https://{SECRET}.example.com/"}
    town.fill("/apply?kind=tmall", kind="tmall", email=WHO, name=NAME, **shop)
    town.client.post(town.path(town.letters("application-confirm")[0]["confirm_url"]))
    town.app.state.parts.apply.decide(1, Decision.ASK, "rita@example.org", f"Why {SECRET}?")
    town.client.post(town.path(town.letters("asked")[0]["answer_url"]), data={"answer": SECRET})
    person = town.person(WHO)
    sent = town.deliver(person.id, town.add_issue())
    with town.db.transaction() as conn:
        conn.execute(update(deliveries).where(deliveries.c.id == sent).values(address=WHO, name=NAME))
        subscribers.change(conn, person.id, attributes={"hobby": SECRET})
        subscribers.retag(conn, person.id, add=[SECRET])
        claim = {"worker": "w", "host": "h", "pid": 1, "created_at": town.clock(), "leased_until": town.clock()}
        conn.execute(insert(claims).values(claim))
        tried = {"claim_id": 1, "at": town.clock(), "relay": "main", "phase": "rcpt", "state": "deferred"}
        conn.execute(insert(attempts).values(tried | {"delivery_id": sent, "text": f"450 <{WHO}> busy"}))
        raw = {"at": town.clock(), "via": "lmtp", "digest": "d", "state": "read", "content": f"To: {WHO}".encode()}
        conn.execute(insert(returned_mails).values(raw | {"delivery_id": sent}))
        bounce = {"at": town.clock(), "via": "lmtp", "kind": "soft", "reason": "busy", "family": "f", "recipient": WHO}
        conn.execute(
            insert(bounces).values(
                bounce | {"delivery_id": sent, "subscriber_id": person.id, "fingerprint": "f", "raw_id": 1}
            )
        )
        conn.execute(insert(bounces).values(bounce | {"fingerprint": "unproved"}))
        suppressions.suppress(conn, [suppressions.Suppression(WHO, "busy", f"<{WHO}>")], town.clock())
    town.client.post(town.link(sent, "preferences", "p"), data={"action": "save", "language": "zh"})
    return town


def test_everything_kept_about_a_person_is_in_his_export(lived: Any) -> None:
    reader, kept = flow.show(lived.db, WHO)
    assert reader is not None
    assert (reader.name, reader.tags, reader.attributes["hobby"]) == (NAME, (SECRET,), SECRET)
    assert {name for name, rows in kept.items() if not rows} == set()
    known = set(kept) | {"subscribers"} | IMPERSONAL
    assert known == set(metadata.tables), "a new table: is there anything about a person in it?"
    assert {row["letter"] for row in kept["deliveries"]} == {None, "confirm", "welcome", "application-confirm", "asked"}


def test_who_only_applied_gets_his_export_too(lived: Any) -> None:
    form = {"kind": "other-platform", "name": "Bob", "email": "bob@example.com", "q_platform": "x", "q_shop_name": "y"}
    lived.fill("/apply?kind=other-platform", **form, q_shop_url="https://a.example.com/")
    reader, kept = flow.show(lived.db, "bob@example.com")
    assert reader is None
    assert [len(kept[name]) for name in ("applications", "letters", "deliveries")] == [1, 1, 1]
    with pytest.raises(NotFound):
        flow.show(lived.db, "nobody@example.com")


def test_a_report_that_names_him_is_in_his_export_though_nobody_proved_it(town: Any) -> None:
    row = {"at": town.clock(), "via": "imap", "kind": "hard", "reason": "userunknown", "family": "f"}
    with town.db.transaction() as conn:
        conn.execute(insert(bounces).values(row | {"recipient": WHO.upper(), "fingerprint": "1"}))
        conn.execute(insert(bounces).values(row | {"recipient": "x" + WHO, "fingerprint": "2"}))
    assert [each["fingerprint"] for each in flow.show(town.db, WHO)[1]["bounces"]] == ["1"]


def traces(town: Any) -> list[str]:
    """The words of his that are in the database's file and its log, every page of them."""
    path = Path(town.db.engine.url.database)
    content = b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*")).lower()
    return [word for word in (WHO, NAME, SECRET, "zebulon", "quux") if word.lower().encode() in content]


def test_erasing_leaves_nothing_of_him_in_the_file_itself(lived: Any) -> None:
    assert len(traces(lived)) == 5
    flow.erase(lived.db, lived.keyring, WHO, actor="op", now=lived.clock())
    with lived.db.reading() as conn:
        rows = {table.name: str(conn.execute(select(table)).all()) for table in metadata.sorted_tables}
    assert [name for name, text in rows.items() if "quux" in text.lower()] == []
    assert traces(lived) == []


def test_who_never_confirmed_leaves_nothing_either(town: Any) -> None:
    town.fill("/subscribe", email=WHO, name=NAME)
    town.clock.forward(hours=25)
    shop = {"q_company": SECRET, "q_shop_name": SECRET, "q_shop_url": f"https://{SECRET}.example.com/"}
    town.fill("/apply?kind=tmall", kind="tmall", email=WHO, name=NAME, **shop)
    assert len(traces(town)) == 5
    town.clock.forward(days=8)
    done = town.app.state.parts.tidy()
    assert (done["readers"], done["purged"]) == (1, 1)
    erasure.fold_in(town.db)  # as the pages do after it
    assert traces(town) == []


def test_who_is_at_work_delays_no_erasing_and_is_not_disturbed(lived: Any) -> None:
    with lived.db.reading() as conn:  # whose snapshot still needs the log
        before = conn.execute(select(metadata.tables["consents"])).all()
        flow.erase(lived.db, lived.keyring, WHO, actor="op", now=lived.clock())
        assert conn.execute(select(metadata.tables["consents"])).all() == before
    erasure.fold_in(lived.db)
    assert traces(lived) == []
