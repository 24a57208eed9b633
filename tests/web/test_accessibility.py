"""Every page in every state: judged by axe, on a telephone, in both languages and colour schemes, without scripts."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from support.tour import Stop, tour

pytestmark = pytest.mark.browser

SUBMIT = """([path, fields]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = path;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("textarea");
    input.name = name;
    input.value = value;
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}"""


@pytest.fixture(scope="module")
def axe() -> str:
    """The program that finds barriers (axe-core, by Deque)."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("axe is not installed")
    return (Path(found.origin).parent / "axe.min.js").read_text()


def visit(page: Page, town: Any, stop: Stop, language: str) -> None:
    """Go to a stop as a person would: by its link, or by sending a form from one of our pages."""
    stop.prepare()
    mark = "&" if "?" in stop.path else "?"
    url = f"{town.base}{stop.path}{mark}lang={language}"
    if stop.form is None:
        answer = page.goto(url)
    else:
        page.goto(f"{town.base}/embed")
        with page.expect_navigation() as sent:
            page.evaluate(SUBMIT, [url, stop.form])
        answer = sent.value
    assert answer is not None
    assert answer.status == stop.status, stop.name


@pytest.mark.parametrize(
    ("language", "scheme", "scripts"), [("en", "light", True), ("zh", "dark", True), ("zh", "light", False)]
)
def test_no_page_has_a_barrier(
    browser: Browser, served: Any, axe: str, language: str, scheme: Any, scripts: bool
) -> None:
    page = browser.new_context(
        viewport={"width": 320, "height": 700}, color_scheme=scheme, java_script_enabled=scripts
    ).new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    seen = []
    for stop in tour(served):
        visit(page, served, stop, language)
        if scripts:  # axe is one
            page.evaluate(axe)
            found = page.evaluate("axe.run().then((all) => all.violations)")
            said = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
            assert not said, (stop.name, said)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, stop.name
        assert page.evaluate("document.documentElement.lang") == language, stop.name
        assert page.locator("h1").count() == 1, stop.name
        assert stop.heading is None or page.locator("h1").inner_text() == stop.heading[language]
        seen.append(stop.name)
    assert len(set(seen)) > 45
    assert all(url.startswith(served.base) for url in asked)
    assert not [text for text in complaints if "Failed to load resource" not in text]
    assert page.context.cookies() == []
    page.context.close()


REACHABLE = """() => [...document.querySelectorAll("a[href], button, input, select, textarea")].filter((one) =>
  one.type !== "hidden" && !one.closest(".away") && one.getClientRects().length && !one.disabled
  && !(one.type === "radio" && one !== document.querySelector(`[name="${one.name}"]`))).length"""
BEGIN = """() => {  // who presses Tab now comes to the first of them, whatever a script has focused
  const top = document.createElement("span");
  top.tabIndex = -1;
  document.body.prepend(top);
  top.focus();
}"""
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const box = one.getBoundingClientRect();
  const style = getComputedStyle(one);
  return [style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2, box.width > 0 && box.left >= 0];
}"""


def test_everything_can_be_reached_by_keyboard_and_is_seen_when_it_is(browser: Browser, served: Any) -> None:
    page = browser.new_context(viewport={"width": 320, "height": 700}).new_page()
    for stop in tour(served):
        visit(page, served, stop, "en")
        if stop.name == "proof":
            page.get_by_text("Done. Please press the button.").wait_for()
        page.evaluate(BEGIN)
        wanted = page.evaluate(REACHABLE)
        reached = 0
        for _ in range(wanted + 2):
            page.keyboard.press("Tab")
            found = page.evaluate(FOCUSED)
            if found is None:
                break
            assert found == [True, True], stop.name
            reached += 1
        assert reached >= wanted, (stop.name, reached, wanted)
    page.context.close()
