"""Freezing an audience: who gets which edition, who is left out and why, and never twice."""

from typing import Any

import pytest
from sqlalchemy import Connection, event, func, select, update
from support import edges
from support.cast import NOW, later, new_edition, new_issue, publish, publish_to, reader

from mailer.errors import NotFound, PublishError
from mailer.model.delivery import State
from mailer.store import audiences, issues, suppressions
from mailer.store.engine import Database
from mailer.store.schema import deliveries, editions, subscribers
from mailer.store.suppressions import Suppression


def test_the_audience_is_counted_with_the_reasons_of_those_left_out(db: Database) -> None:
    with db.transaction() as conn:
        reader(conn, "alice@example.com")
        reader(conn, "bob@example.com", state="pending")
        reader(conn, "carol@example.com", state="unsubscribed")
        reader(conn, "dave@example.com")
        reader(conn, "erin@example.com", paused_until=later(days=3))
        reader(conn, "fay@example.com", paused_until=later(days=-3))
        reader(conn, "gone@example.com", state="erased")
        suppressions.suppress(conn, [Suppression(match_key="dave@example.com", reason="userunknown")], NOW)
        issue_id, audience = publish_to(conn)
        frozen = conn.execute(select(deliveries.c.address).order_by(deliveries.c.id)).scalars().all()
    assert frozen == ["alice@example.com", "fay@example.com"]
    assert audience.readers == 2
    assert audience.excluded == {"paused": 1, "suppressed": 1, "unconfirmed": 1, "unsubscribed": 1}
    assert db.read(issues.find, "214").frozen == 2
    assert issue_id == db.read(issues.find, "2026-05-21-214").id


def test_each_reader_gets_the_edition_of_his_language(db: Database) -> None:
    with db.transaction() as conn:
        for address, language in (
            ("a@x.example", "zh"),
            ("b@x.example", "zh-Hans"),
            ("c@x.example", "en-GB"),
            ("d@x.example", ""),
            ("e@x.example", "fr"),
        ):
            reader(conn, address, language=language)
        spread = audiences.spread(conn, ("en", "zh-Hans", "fr-CA"), "en", None, NOW)
        assert spread == {"en": 2, "zh-Hans": 2, "fr-CA": 1}
        publish(conn, languages=("en", "zh-Hans"))
        rows = conn.execute(
            select(deliveries.c.address, editions.c.language)
            .join(editions, editions.c.id == deliveries.c.edition_id)
            .order_by(deliveries.c.address)
        ).all()
    assert [row[1] for row in rows] == ["zh-Hans", "zh-Hans", "en", "en", "en"]


def test_a_segment_leaves_the_others_out_and_says_so(db: Database) -> None:
    with db.transaction() as conn:
        reader(conn, "alice@example.com", language="zh")
        reader(conn, "bob@example.com", language="en")
        _, audience = publish_to(conn, segment=subscribers.c.language == "zh")
    assert (audience.readers, audience.excluded) == (1, {"not in the segment": 1})


@pytest.mark.postgres
@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
def test_those_left_out_are_counted_at_the_moment_of_the_audience(db: Database) -> None:
    """After each statement of the freeze two readers come and one leaves: all are counted where they were."""
    with db.transaction() as conn:
        for number in range(9):
            reader(conn, f"r{number}@example.com", language="zh")
        reader(conn, "olga@example.com", language="en")

    def come_and_leave(conn: Connection, *_: Any) -> None:
        if not conn.get_execution_options().get("of the test"):
            with db.engine.connect().execution_options(**{"of the test": True}) as other, other.begin():
                for _ in range(2):
                    here = other.execute(select(func.count()).select_from(subscribers)).scalar_one()
                    reader(other, f"r{here}@example.com", language="zh")
                zh = (subscribers.c.state == "active", subscribers.c.language == "zh")
                first = select(func.min(subscribers.c.id)).where(*zh).scalar_subquery()
                other.execute(update(subscribers).where(subscribers.c.id == first).values(state="unsubscribed"))

    with db.transaction() as conn:
        event.listen(db.engine, "after_cursor_execute", come_and_leave)
        _, audience = publish_to(conn, segment=subscribers.c.language == "zh")
        event.remove(db.engine, "after_cursor_execute", come_and_leave)
    before = audience.readers - 9  # statements before the audience was taken
    assert before > 0
    assert audience.excluded == {"not in the segment": 1, "unsubscribed": before}


def test_the_same_issue_under_another_file_name_is_refused(db: Database) -> None:
    with db.transaction() as conn:
        reader(conn, "alice@example.com")
        publish(conn)
    with pytest.raises(PublishError, match="published before, as 2026-05-21-214"), db.transaction() as conn:
        issues.add(conn, new_issue(title="another title"), NOW)


def test_a_file_that_calls_the_newsletter_something_else_is_the_same_issue(db: Database) -> None:
    with db.transaction() as conn:
        issues.add(conn, new_issue(), NOW)
    with pytest.raises(PublishError, match="published before"):
        db.run(issues.add, new_issue(newsletter="Harbour Morning!"), NOW)


GIVEN_UP = {State.CANCELLED, State.SUPPRESSED}


@pytest.mark.parametrize("ended", ["cancelled", "finished"])
def test_what_was_given_up_before_anybody_was_sent_it_may_be_published_anew(db: Database, ended: str) -> None:
    with db.transaction() as conn:
        reader(conn, "alice@example.com")
        first = publish(conn)
        issues.set_state(conn, first, ("sending",), ended, "", "op", NOW)
    with pytest.raises(PublishError, match="published before"):  # alice still waits
        db.run(issues.add, new_issue(), NOW)
    db.run(issues.cancel_waiting, first, NOW)
    second = db.run(publish)
    assert db.read(issues.find, "214").id == second == db.read(issues.find, "2026-05-21-214").id
    old = db.read(issues.by_id, first)
    assert (old.slug, old.state) == (f"2026-05-21-214-cancelled-{first}", "cancelled")
    assert db.read(issues.find, old.slug).id == first


@pytest.mark.parametrize(
    "had",
    [{"tries": 1}, {"repeats": 1}, {"deferred_at": NOW}, *({"state": one} for one in State if one not in GIVEN_UP)],
)
def test_an_issue_that_a_relay_may_have_seen_is_not_published_anew(db: Database, had: dict[str, Any]) -> None:
    with db.transaction() as conn:
        for name in ("alice", "bob"):
            reader(conn, f"{name}@example.com")
        issue_id = publish(conn)
        issues.set_state(conn, issue_id, ("sending",), "cancelled", "", "op", NOW)
        issues.cancel_waiting(conn, issue_id, NOW)
        edges.set_up(conn, deliveries.c.address == "bob@example.com", **had)
    with pytest.raises(PublishError, match="published before"):
        db.run(issues.add, new_issue(), NOW)


def test_two_issues_of_one_day_are_told_apart_by_their_numbers(db: Database) -> None:
    with db.transaction() as conn:
        slugs = [issues.add(conn, new_issue(identity), NOW)[1] for identity in ("2026-05-21", "2", "7")]
    assert slugs == ["2026-05-21", "2026-05-21-2", "2026-05-21-7"]
    for slug in slugs:
        assert db.read(issues.find, slug).slug == slug
    assert db.read(issues.find, "7").slug == "2026-05-21-7"


def test_an_issue_nobody_published_is_not_found(db: Database) -> None:
    with pytest.raises(NotFound, match="'7'"):
        db.read(issues.find, "7")


def test_a_correction_reaches_only_readers_not_yet_attempted(db: Database) -> None:
    with db.transaction() as conn:
        for name in ("alice", "bob"):
            reader(conn, f"{name}@example.com")
        issue_id = publish(conn)
        edges.set_up(conn, deliveries.c.address == "alice@example.com", state=State.ACCEPTED, tries=1)
        corrected = issues.add_edition(conn, issue_id, new_edition(program=b"corrected"), NOW)
        assert issues.correct(conn, issue_id, {"en": corrected}, NOW) == 1
        got = conn.execute(select(deliveries.c.address).where(deliveries.c.edition_id == corrected)).scalars().all()
    assert got == ["bob@example.com"]


def test_an_issue_moves_only_from_the_states_named(db: Database) -> None:
    with db.transaction() as conn:
        reader(conn, "alice@example.com")
        issue_id = publish(conn)
        assert not issues.set_state(conn, issue_id, ("paused",), "sending", "", "op", NOW)
        assert issues.set_state(conn, issue_id, ("sending",), "paused", "by hand", "op", NOW)
        assert issues.find(conn, "214").state_cause == "by hand"
