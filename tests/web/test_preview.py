import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from mailer.rendering import edition, source
from mailer.rendering import theme as themes
from mailer.rendering.facts import ClubFacts
from mailer.rendering.finding import error
from mailer.rendering.templates import Templates
from mailer.sentence import Sentence
from mailer.web.preview import FRAME_POLICY, Preview, Sheet, create_app

SOURCE = """---
newsletter: quay-news
date: 2026-06-02
lang: en
---

## Trade

### Ferry <line> sold {lead}

Fares stay as they are.
"""


def rendered() -> Sheet:
    templates = Templates()
    club = ClubFacts("Quay News", "https://news.example.org", "news@example.org")
    issue = source.read(SOURCE, "today.md")
    made = edition.render(issue, club=club, theme=themes.load(templates), templates=templates)
    return Sheet("today.md", made, [error("I01", 3, "Something is wrong.", "Right it.")])


async def never() -> AsyncIterator[object]:
    await asyncio.Event().wait()
    yield


@pytest.fixture
def client():
    preview = Preview(lambda: [rendered(), Sheet("broken.md", error="broken.md:3: no date")])
    with TestClient(create_app(preview, never), base_url="http://127.0.0.1:8025") as client:
        yield client


def test_the_page_says_what_was_rendered_and_what_was_found(client):
    sheets = client.get("/state").json()["sheets"]
    assert sheets[0]["subject"] == "Ferry <line> sold"
    assert sheets[0]["findings"][0]["line"] == 3
    assert sheets[1]["error"] == "broken.md:3: no date"
    shell = client.get("/")
    assert "script-src 'self'" in shell.headers["content-security-policy"]
    assert client.get("/static/preview.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/static/pages.css").status_code == 404


def test_every_view_is_served_sandboxed(client):
    views = {kind: client.get(f"/view/0/{kind}") for kind in ("light", "dark", "bare", "text", "source")}
    assert all(view.headers["content-security-policy"] == FRAME_POLICY for view in views.values())
    assert all("prefers-color-scheme" not in view.text for kind, view in views.items() if kind != "source")
    assert ("(min-width:0)" in views["dark"].text) > ("(min-width:0)" in views["light"].text)
    assert all("allow-scripts" not in view.headers["content-security-policy"] for view in views.values())
    assert "style=" not in views["bare"].text
    assert "Ferry &lt;line&gt; sold" in views["text"].text
    assert "List-Unsubscribe:" in views["source"].text
    assert "broken.md:3: no date" in client.get("/view/1/light").text
    assert client.get("/view/7/light").status_code == 404


def test_another_host_name_is_refused(client):
    assert client.get("/state", headers={"Host": "evil.example"}).status_code == 400


async def test_a_saved_file_wakes_the_open_page():
    saved = asyncio.Event()
    count = 0

    def load() -> list[Sheet]:
        nonlocal count
        count += 1
        return [Sheet("today.md", error=f"version {count}")]

    async def changes() -> AsyncIterator[object]:
        await saved.wait()
        yield {"today.md"}
        await asyncio.Event().wait()

    preview = Preview(load)
    app = create_app(preview, changes)
    async with app.router.lifespan_context(app):
        assert preview.sheets[0].error == "version 1"
        saved.set()
        assert await preview.after(1, 5) == 2
        assert preview.sheets[0].error == "version 2"
        assert await preview.after(2, 0.01) == 2


async def test_a_mistake_leaves_the_last_good_page_standing():
    sheets = [rendered(), Sheet("today.md", error="today.md:3: no date")]
    preview = Preview(lambda: [sheets.pop(0)])
    await preview.renew()
    await preview.renew()
    assert preview.sheets[0].error == "today.md:3: no date"
    assert preview.sheets[0].edition is not None


def test_the_page_has_the_issue_files_text_for_the_findings_to_stand_beside() -> None:
    sheet = replace(rendered(), source=SOURCE)
    with TestClient(create_app(Preview(lambda: [sheet]), never), base_url="http://127.0.0.1") as client:
        state = client.get("/state").json()["sheets"][0]
    assert state["source"] == SOURCE
    assert [finding["line"] for finding in state["findings"]] == [3]


def test_the_page_speaks_the_editors_language(client):
    chinese = client.get("/", headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}).text
    assert '<html lang="zh">' in chinese
    assert "<h1>检查结果</h1>" in chinese
    assert "去除样式" in chinese
    for wish in ("en-GB", "fr", ""):
        assert "<h1>Findings</h1>" in client.get("/", headers={"accept-language": wish}).text


def test_findings_are_told_in_the_editors_language():
    found = error("I09", 3, "'%(text)s' was left in the text.", "Write what belongs there.", text="TODO")
    broken = Sentence("%(where)s: %(what)s", where="broken.md:3", what=found.what)
    sheets = [replace(rendered(), findings=[found]), Sheet("broken.md", error=broken)]
    with TestClient(create_app(Preview(lambda: sheets), never), base_url="http://127.0.0.1") as client:
        state = {
            wish: client.get("/state", headers={"accept-language": wish}).json()["sheets"] for wish in ("zh", "de")
        }
        page = client.get("/view/1/light", headers={"accept-language": "zh-CN"}).text
    assert state["de"][0]["findings"][0]["message"] == "'TODO' was left in the text."
    assert state["zh"][0]["findings"][0]["message"] == "正文中留有“TODO”。"
    assert state["zh"][0]["findings"][0]["fix"] == "请填上应有的内容。"
    assert state["zh"][1]["error"] == "broken.md:3: 正文中留有“TODO”。请填上应有的内容。"
    assert "正文中留有“TODO”。" in page


async def test_a_mistake_of_ours_is_told_and_the_next_change_is_shown_all_the_same(caplog):
    saved, loaded = asyncio.Queue(), [[rendered()], ZeroDivisionError("ours"), [Sheet("today.md", error="mended")]]

    def load():
        found = loaded.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def changes() -> AsyncIterator[object]:
        while True:
            yield await saved.get()

    preview = Preview(load)
    app = create_app(preview, changes)
    async with app.router.lifespan_context(app), asyncio.timeout(10):
        for _ in range(2):
            saved.put_nowait("today.md")
        await preview.after(1, 10)
        assert preview.sheets[0].error == "mended"
    assert "ZeroDivisionError: ours" in caplog.text
