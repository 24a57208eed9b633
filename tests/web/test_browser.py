"""The pages in a real Chromium: without scripts, on a phone, by keyboard, in both colour schemes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from mailer.cli import init
from mailer.model.tokens import Purpose

pytestmark = pytest.mark.browser


def open_page(browser: Browser, served: Any, path: str, **options: Any) -> Page:
    """A page with a record of everything it asked for and complained of."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.asked = []  # type: ignore[attr-defined]
    page.complaints = []  # type: ignore[attr-defined]
    page.on("request", lambda request: page.asked.append(request.url))  # type: ignore[attr-defined]
    page.on("console", lambda message: page.complaints.append(message.text))  # type: ignore[attr-defined]
    page.goto(served.base + path)
    return page


def test_a_reader_signs_up_and_leaves_without_scripts_by_keyboard(browser: Browser, served: Any) -> None:
    page = open_page(browser, served, "/subscribe", java_script_enabled=False)
    page.get_by_label("E-mail address").focus()
    page.keyboard.type("bob@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type("Bob")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Look into your inbox").wait_for()

    page.goto(served.base + served.path(served.letters("confirm")[0]["confirm_url"]))
    page.get_by_role("button", name="Yes, send it to me").click()
    page.get_by_role("heading", name="You are subscribed").wait_for()
    assert served.person("bob@example.com").state == "active"

    page.goto(served.base + served.path(served.letters("welcome")[0]["unsubscribe_url"]))
    assert "bob@example.com" not in page.content()
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("button", name="Take it back").wait_for()
    assert served.person("bob@example.com").state == "unsubscribed"
    page.get_by_label("It comes too often").check()
    page.get_by_role("button", name="Tell").click()
    page.get_by_text("Thank you for telling us why").wait_for()
    assert page.context.cookies() == []
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_ask_nobody_else_and_break_no_policy(browser: Browser, served: Any, scheme: Any) -> None:
    delivery = served.deliver(served.add_reader(), served.add_issue(title="Long " * 40))
    paths = ["/subscribe", "/apply", "/apply?kind=tmall&lang=zh", "/archive", "/lost-link", "/embed", "/nowhere"]
    paths += [served.link(delivery, Purpose.UNSUBSCRIBE, "u"), served.link(delivery, Purpose.PREFERENCES, "p")]
    page = open_page(browser, served, "/subscribe", viewport={"width": 375, "height": 700}, color_scheme=scheme)
    for path in paths:
        page.goto(served.base + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path
        assert page.evaluate("document.documentElement.lang") in {"en", "zh"}
        assert page.evaluate("document.querySelectorAll('h1').length") == 1, path
        unnamed = (
            "[...document.querySelectorAll('input:not([type=hidden]),select,textarea')].filter(e => !e.labels.length)"
        )
        assert page.evaluate(f"{unnamed}.length") == 0, path
        assert 4.5 <= contrast(page) < 21, path
    assert all(url.startswith(served.base) for url in page.asked)  # type: ignore[attr-defined]
    assert not [text for text in page.complaints if "404" not in text]  # type: ignore[attr-defined]
    page.context.close()


def contrast(page: Page) -> float:
    """The worst contrast (WCAG 2.2, 1.4.3) of any text with its background."""
    return float(
        page.evaluate(
            """() => {
              const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
              const light = (rgb) => rgb.map((c) => linear(c / 255))
                .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
              const parse = (text) => text.match(/[\\d.]+/g).map(Number);
              const ground = (e) => {
                for (; e; e = e.parentElement) {
                  const c = parse(getComputedStyle(e).backgroundColor);
                  if (c.length < 4 || c[3] > 0) return c.slice(0, 3);
                }
                return [255, 255, 255];
              };
              let worst = 21;
              for (const e of document.querySelectorAll('body *')) {
                const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
                if (!own || !e.getClientRects().length || e.closest('.away')) continue;
                const [a, b] = [light(parse(getComputedStyle(e).color).slice(0, 3)), light(ground(e))];
                worst = Math.min(worst, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
              }
              return worst;
            }"""
        )
    )


def test_a_browser_solves_the_puzzle_when_there_are_too_many_signups(browser: Browser, served: Any) -> None:
    for number in range(2):
        served.fill("/subscribe", email=f"r{number}@example.com")
    page = open_page(browser, served, "/subscribe")
    for who, answer in (("first", "Look into your inbox"), ("second", "One more step")):
        page.goto(served.base + "/subscribe")
        page.get_by_label("E-mail address").fill(f"{who}@example.com")
        page.get_by_role("checkbox").check()
        page.get_by_role("button", name="Subscribe").click()
        page.get_by_role("heading", name=answer).wait_for()
    page.get_by_text("Done. Please press the button.").wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Look into your inbox").wait_for()
    assert [letter["address"] for letter in served.letters()][-2:] == ["first@example.com", "second@example.com"]
    assert not page.complaints  # type: ignore[attr-defined]
    page.context.close()


def test_a_chinese_editor_is_told_in_chinese(browser: Browser, tmp_path: Path) -> None:
    config = init.make_club(tmp_path / "club", name="晨报")
    file = tmp_path / "club" / "issues" / "today.md"
    file.write_text(
        "---\nnewsletter: 晨报\ndate: 2026-06-02\nlang: zh-Hans\n---\n\n### 新闻。\n\nTODO\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "mailer", "--config", str(config), "preview", str(file), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        try:
            assert program.stderr is not None
            address = program.stderr.readline().split(" at ")[1].split()[0]
            for locale, told in (
                ("zh-CN", "第 9 行 错误 I09 正文中留有“TODO”。 请填上应有的内容。"),
                ("en-GB", "line 9 error I09 'TODO' was left in the text. Write what belongs there."),
            ):
                page = browser.new_context(locale=locale).new_page()
                page.goto(address)
                page.locator("#findings p.error").wait_for()
                assert page.locator("#findings p.error").inner_text() == told
                page.context.close()
        finally:
            program.terminate()


def test_a_save_renews_the_preview_where_the_editor_had_scrolled_to(browser: Browser, tmp_path: Path) -> None:
    config = init.make_club(tmp_path / "club", name="Quay News")
    file = tmp_path / "club" / "issues" / "today.md"
    items = "".join(f"### Ferry line {number} sold\n\nFares stay.\n\n" for number in range(40))
    text = "---\nnewsletter: quay-news\ndate: 2026-06-02\nlang: en\npreheader: The price.\n---\n\n" + items
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mailer", "--config", str(config), "preview", str(file), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        try:
            assert program.stderr is not None
            page = browser.new_page()
            complaints: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))
            page.goto(program.stderr.readline().split(" at ")[1].split()[0])
            desktop = page.frame_locator("iframe[title=Desktop]")
            desktop.get_by_text("Ferry line 39 sold").scroll_into_view_if_needed()
            assert "Quay News" in page.locator("#inbox").inner_text()
            assert "The price." in page.locator("#inbox").inner_text()
            place = page.evaluate("document.querySelector('iframe').contentWindow.scrollY")

            file.write_text(text.replace("line 39 sold", "line 39 bought. TODO"), encoding="utf-8")
            desktop.get_by_text("Ferry line 39 bought").wait_for()
            page.wait_for_function("!document.querySelector('iframe').awaited")
            assert page.evaluate("document.querySelector('iframe').contentWindow.scrollY") == place > 0
            assert "TODO" in page.locator("#lines p.error").inner_text()

            (tmp_path / "club" / "sources.yaml").write_text("A: [", encoding="utf-8")
            page.get_by_text("sources.yaml:1: ").wait_for()
            (tmp_path / "club" / "sources.yaml").unlink()
            page.get_by_text("sources.yaml:1: ").wait_for(state="detached")

            file.write_text(text.replace("lang: en", "lnag: en"), encoding="utf-8")
            page.get_by_text("today.md:4: ").wait_for()
            assert desktop.get_by_text("Ferry line 39 bought").count() == 1
            assert not complaints
            page.close()
        finally:
            program.terminate()
