"""The archive, the feed and a reader's own copy."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from sqlalchemy import insert, select, update

from mailer.model.tokens import Purpose
from mailer.rendering.message import Frame, Place, Slot, compile_program
from mailer.store.schema import deliveries, editions, issues
from mailer.web.security import MAIL_POLICY

WRITTEN = "---\nnewsletter: N\ndate: 2026-11-23\nlang: {}\n---\n\n### {}\n"
ATOM = "{http://www.w3.org/2005/Atom}"


def test_the_archive_lists_what_was_published_newest_first(town: Any) -> None:
    town.add_issue("2026-11-20", "Friday", date=town.clock().date().replace(day=20))
    town.add_issue("2026-11-23", "Monday & <more>")
    town.add_issue("later", "Not yet", send_at=town.clock().replace(hour=23))
    town.add_issue("gone", "Cancelled", state="cancelled")
    page = town.client.get("/archive").text
    assert page.index("Monday &amp; &lt;more&gt;") < page.index("Friday")
    assert "Not yet" not in page
    assert "Cancelled" not in page
    for slug in ("later", "gone", "none"):
        assert town.client.get(f"/archive/{slug}").status_code == 404


def test_an_archived_issue_is_the_mail_in_the_readers_language(town: Any) -> None:
    issue = town.add_issue()
    with town.db.transaction() as conn:
        row = {
            "issue_id": issue,
            "language": "zh",
            "source": "",
            "subject": "头条",
            "html": "<html lang=zh>早",
            "text": "",
        }
        conn.execute(editions.insert().values(**row, program=b"", digest="", key_id=1, frozen_at=town.clock()))
    assert town.client.get("/archive/2026-11-23").headers["content-language"] == "en"
    chinese = town.client.get("/archive/2026-11-23", headers={"accept-language": "zh-CN,en;q=0.5"})
    assert chinese.text == "<html lang=zh>早"
    assert "set-cookie" not in chinese.headers


def test_an_issue_leads_to_its_other_language_the_past_issues_and_the_signup(town: Any) -> None:
    issue = town.add_issue("2026-11-23", "Headlines")
    town.add_issue("2026-11-24", "Alone")
    with town.db.transaction() as conn:
        conn.execute(update(editions).values(html="<body class=a><p>Early", source=WRITTEN.format("en", "Early")))
        row = {"issue_id": issue, "language": "zh", "source": WRITTEN.format("zh", "早"), "subject": "早", "text": ""}
        values = row | {"html": "<body><p>早", "program": b"", "digest": "", "key_id": 1, "frozen_at": town.clock()}
        conn.execute(editions.insert().values(**values))
    english = town.client.get("/archive/2026-11-23?lang=en")
    assert 'href="/archive/2026-11-23?lang=zh" lang="zh" hreflang="zh" rel="alternate">中文</a>' in english.text
    assert english.headers["vary"] == "Accept-Language"
    assert "?lang=en" in town.client.get("/archive/2026-11-23?lang=zh").text
    assert "hreflang" not in town.client.get("/archive/2026-11-24").text
    assert 'href="/archive?lang=en">Past issues</a>' in english.text
    assert 'href="/subscribe?lang=en">Subscribe</a>' in english.text


def test_each_language_has_its_own_feed_whose_links_stay_in_it(town: Any) -> None:
    issue = town.add_issue("2026-11-23", "Headlines")
    with town.db.transaction() as conn:
        conn.execute(update(editions).values(source=WRITTEN.format("en", "Early")))
        row = {"issue_id": issue, "language": "zh", "source": WRITTEN.format("zh", "早"), "subject": "早", "text": ""}
        values = row | {"html": "", "program": b"", "digest": "", "key_id": 1, "frozen_at": town.clock()}
        conn.execute(editions.insert().values(**values))
    assert 'href="/feed.xml?lang=zh"' in town.client.get("/archive?lang=zh").text
    answer = town.client.get("/feed.xml?lang=zh")
    feed = ET.fromstring(answer.text)  # noqa: S314 - our own output
    assert feed.findtext(f"{ATOM}id") == "https://news.example.com/feed.xml?lang=zh"
    entry = feed.find(f"{ATOM}entry")
    assert entry is not None
    assert entry.findtext(f"{ATOM}id") == "https://news.example.com/archive/2026-11-23"
    link = entry.find(f"{ATOM}link")
    assert link is not None
    assert link.get("href") == "https://news.example.com/archive/2026-11-23?lang=zh"
    assert "/archive/2026-11-23?lang=zh#n1" in (entry.findtext(f"{ATOM}content") or "")
    assert answer.headers["vary"] == "Accept-Language"


def test_a_corrected_edition_replaces_the_first(town: Any) -> None:
    issue = town.add_issue()
    with town.db.transaction() as conn:
        row = {"issue_id": issue, "language": "en", "source": "", "subject": "", "html": "<p>better", "text": ""}
        values = row | {"program": b"", "digest": "", "key_id": 1, "frozen_at": town.clock(), "version": 2}
        conn.execute(editions.insert().values(**values))
    assert town.client.get("/archive/2026-11-23").text == "<p>better"


def test_an_issue_whose_edition_is_lost_is_passed_over_by_list_and_feed(town: Any) -> None:
    town.add_issue("2026-11-20", "Whole")
    lost = town.add_issue("2026-11-21", "Lost")
    with town.db.transaction() as conn:
        conn.execute(editions.delete().where(editions.c.issue_id == lost))
    for path in ("/archive", "/feed.xml"):
        page = town.client.get(path)
        assert page.status_code == 200
        assert "Whole" in page.text
        assert "Lost" not in page.text
    assert town.client.get("/archive/2026-11-21").status_code == 404


def test_the_feed_is_atom(town: Any) -> None:
    for day in (20, 21):
        town.add_issue(f"2026-11-{day}", f"Day {day} & <b>")
    answer = town.client.get("/feed.xml")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = ET.fromstring(answer.text)  # noqa: S314 - our own output
    entries = feed.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == ["Day 21 & <b>", "Day 20 & <b>"]
    for element in (feed, *entries):
        assert element.findtext(f"{ATOM}id")
        assert element.findtext(f"{ATOM}updated")


def test_the_feed_tells_what_is_in_an_issue(town: Any) -> None:
    town.add_issue()
    text = (
        "---\nnewsletter: N\ndate: 2026-11-23\nlang: en\npreheader: Two <b> stories.\n---\n\n### R&D <cut>\n\n### Two\n"
    )
    with town.db.transaction() as conn:
        conn.execute(update(editions).values(source=text))
    entry = ET.fromstring(town.client.get("/feed.xml").text).find(f"{ATOM}entry")  # noqa: S314 - our own output
    assert entry is not None
    assert entry.findtext(f"{ATOM}summary") == "Two <b> stories."
    content = entry.findtext(f"{ATOM}content") or ""
    assert '<a href="https://news.example.com/archive/2026-11-23#n1">R&amp;D &lt;cut&gt;</a>' in content
    assert content.count("<li>") == 2


def test_the_feed_tells_title_and_headlines_in_one_language(town: Any) -> None:
    town.add_issue(title="早报标题")
    text = "---\nnewsletter: N\ndate: 2026-11-23\nlang: en\n---\n\n### Ferries merge {lead}\n"
    with town.db.transaction() as conn:
        conn.execute(update(editions).values(source=text))
    feed = town.client.get("/feed.xml").text
    assert "<title>Ferries merge</title>" in feed
    assert "早报标题" not in feed


def test_an_issue_without_title_and_leads_is_called_by_its_subject(town: Any) -> None:
    town.add_issue(title="N 2026-11-23")
    text = "---\nnewsletter: N\ndate: 2026-11-23\nlang: en\nsubject: Ferries, merged\n---\n\n### Ferries merge\n"
    with town.db.transaction() as conn:
        conn.execute(update(editions).values(source=text, subject="Ferries, merged"))
    for path in ("/archive", "/feed.xml"):
        page = town.client.get(path).text
        assert "Ferries, merged" in page
        assert "N 2026-11-23" not in page


def test_the_list_has_a_corrected_subject(town: Any) -> None:
    issue = town.add_issue(title="Feries merge")
    with town.db.transaction() as conn:
        row = dict(conn.execute(select(editions).where(editions.c.issue_id == issue)).one()._mapping)
        row.pop("id")
        conn.execute(insert(editions).values(**row | {"version": 2, "subject": "Ferries merge"}))
    page = town.client.get("/archive").text
    assert "Ferries merge" in page
    assert "Feries" not in page


def test_view_in_browser_shows_the_readers_own_copy_and_nothing_else(town: Any) -> None:
    delivery = town.deliver(town.add_reader(), town.add_issue())
    frame = Frame(
        sender=("N", "news@example.com"),
        subject="Headlines",
        date=town.clock(),
        list_name="N",
        list_id="n.example.com",
        base_url="https://news.example.com",
        message_domain="example.com",
        lang="en",
    )
    part = ("<p>Dear ", Slot("name", Place.HTML, default="reader"), " ", Slot("unsubscribe", Place.TOKEN))
    program = compile_program(frame, ("x",), part)
    with town.db.transaction() as conn:
        conn.execute(update(editions).values(program=program.to_bytes()))
        conn.execute(update(deliveries).values(edition_id=1, name="A<b>lice"))
    link = town.link(delivery, Purpose.VIEW, "v")
    before = town.everything()
    answer = town.client.get(link)
    token = town.keyring.sign(delivery, Purpose.UNSUBSCRIBE)
    assert answer.text == f"<p>Dear A&lt;b&gt;lice {token}"
    assert answer.headers["content-security-policy"] == MAIL_POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert town.everything() == before
    assert town.client.get(town.link(delivery, Purpose.UNSUBSCRIBE, "v")).status_code == 404


def test_the_archive_has_pages(town: Any) -> None:
    for number in range(52):
        town.add_issue(f"issue-{number}", f"Issue {number}")
    first = town.client.get("/archive").text
    assert "Older" in first
    assert "Newer" not in first
    second = town.client.get("/archive?page=2").text
    assert second.count("<time") == 2
    assert "Newer" in second
    with town.db.transaction() as conn:
        conn.execute(update(issues).values(state="finished"))
    assert town.client.get("/archive").text == first


def test_pages_and_feed_call_the_newsletter_as_it_is_called_in_their_language(town_with: Any) -> None:
    names = {"name": "Morning News", "names": {"zh": "早报"}, "languages": ("en", "zh"), "postal_address": "1 Quay St"}
    town = town_with(newsletter=names | {"postal_addresses": {"zh": "码头街1号"}})
    assert 'class="brand" href="/subscribe?lang=zh">早报</a>' in town.client.get("/archive?lang=zh").text
    assert "<p>早报，码头街1号</p>" in town.client.get("/subscribe?lang=zh").text
    assert "<p>Morning News, 1 Quay St</p>" in town.client.get("/subscribe?lang=en").text
    assert "<title>早报</title>" in town.client.get("/feed.xml?lang=zh").text
