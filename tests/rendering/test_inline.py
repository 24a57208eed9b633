import subprocess
import sys
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.rendering import inline as room
from mailer.rendering.inline import css_mistakes, css_slips, inline

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>t</title>
<style>p { margin-top: 0; font-family: Segoe UI, Arial } .x p { color: #ff1100 } .w { max-width: 600px }</style>
<style data-premailer="ignore">
@media (prefers-color-scheme:dark){p{color:#fff !important}}[data-ogsc] p{color:#ee0}</style>
<!--[if mso]><style>p{mso-hide:all}</style><![endif]-->
</head><body><div class="x"><p align="left">高 &amp; <a href="{{ x }}">a</a><a href="#n1">b</a></p></div>
<table class="w" width="100%"><tr><td>x</td></tr></table></body></html>"""


LOADED = "import sys; from mailer.rendering.inline import inline; inline('<p>a</p>')"


def test_what_fetches_stylesheets_is_not_loaded_and_stays_as_it_was_where_it_is():
    subprocess.run([sys.executable, "-c", f"{LOADED}; sys.exit('requests' in sys.modules)"], check=True)
    kept = "import requests; asked = requests"
    subprocess.run(
        [sys.executable, "-c", f"{kept}; {LOADED}; sys.exit(asked is not sys.modules['requests'])"], check=True
    )


def test_rules_go_into_style_attributes_and_nothing_else_changes():
    made = inline(PAGE)
    assert made.startswith("<!DOCTYPE html>\n")
    assert '<p align="left" style="margin-top:0;font-family:Segoe UI,Arial;color:#f10">' in made
    assert '<table class="w" width="100%" style="max-width:600px">' in made
    assert "@media (prefers-color-scheme:dark){p{color:#fff !important}}[data-ogsc] p{color:#ee0}" in made
    assert "<!--[if mso]><style>p{mso-hide:all}</style><![endif]-->" in made
    assert 'href="#n1"' in made
    assert "高 &amp;" in made
    assert made.count("<style>") == 2
    assert inline(PAGE) == made


def test_rules_that_would_be_lost_are_told():
    found = css_mistakes("p { color: red }\n.a:not(.b,.c) { color: red }\n.d { color: #12345 }")
    assert {line for line, _ in found} >= {2}
    assert css_mistakes("p { margin-top: 0 }") == ()


def test_inlining_often_adds_no_log_handlers():
    import logging

    inline(PAGE)
    before = [len(logging.getLogger(name).handlers) for name in ("CSSUTILS", "mailer.css.silent")]
    for _ in range(5):
        inline(PAGE)
    assert [len(logging.getLogger(name).handlers) for name in ("CSSUTILS", "mailer.css.silent")] == before


CSS = "p{color:red} .a p{color:#ee0} .a > b{margin-top:0} .a .b{color:blue} td .a{width:1px} b{top:1px !important}"
LEAVES = st.tuples(st.sampled_from(["p", "b", "i", "br"]), st.sampled_from(["", "a", "b", "a b"]), st.just(()))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.tuples(
        st.sampled_from(["div", "blockquote", "b"]), st.sampled_from(["", "a", "b", "b a"]), st.lists(inner, max_size=3)
    ),
    max_leaves=12,
)


def _written(tree):
    tag, classes, inner = tree
    own = ' style="color:green"' if len(inner) == 2 else ""
    return f'<{tag} class="{classes}"{own}>' + "".join(map(_written, inner)) + ("" if tag == "br" else f"x</{tag}>")


def _page(body, css=CSS):
    kept = '<style data-premailer="ignore">@media print{p{color:#000 !important}}</style>'
    return f"<!DOCTYPE html><html><head><style>{css}</style>{kept}</head><body>{body}</body></html>"


def _afresh(page):
    room._sheet.cache_clear()
    return inline(page)


@settings(max_examples=100, deadline=None)
@given(st.lists(TREES, min_size=2, max_size=4))
def test_what_was_learned_from_other_pages_is_what_premailer_would_say(trees):
    pages = [_page(_written(tree)) for tree in trees] + [_page("".join(map(_written, trees)))]
    afresh = [_afresh(page) for page in pages]
    room._sheet.cache_clear()
    assert [inline(page) for page in [*pages, *pages]] == [*afresh, *afresh]


def test_premailer_runs_once_for_pages_that_are_alike_in_their_ways(monkeypatch):
    runs = []
    transform = room.Premailer.transform
    monkeypatch.setattr(room.Premailer, "transform", lambda *given: runs.append(given) or transform(*given))
    room._sheet.cache_clear()
    made = [inline(_page(f"<p class=a>{escape(word)}</p>" * times)) for times, word in enumerate(("", "R&D", "高"), 1)]
    assert len(runs) == 1
    assert made[2].count('<p class="a" style="color:red">高</p>') == 3
    inline(_page("<div><p class=a>below something else</p></div>"))
    assert len(runs) == 2


@pytest.mark.parametrize("css", ["p:first-child{color:red}", "p + p{color:red}", "p[lang]{color:red}", "#x{color:red}"])
def test_a_style_that_depends_on_more_than_the_way_is_asked_for_each_time(css):
    pages = [_page(body, css) for body in ("<p>a</p>", "<p>a</p><p>b</p>", "<p lang=zh>a</p>", "<p id=x>a</p>")]
    afresh = [_afresh(page) for page in pages]
    assert len({page.count("color:red") for page in afresh}) > 1 or "first-child" in css
    assert [inline(page) for page in [*pages, *pages]] == [*afresh, *afresh]


def test_a_style_block_for_one_medium_is_left_as_it_is():
    page = _page("<p>a</p>").replace('<style data-premailer="ignore">', '<style data-premailer="ignore" media="print">')
    assert [inline(page) for _ in range(2)] == [_afresh(page)] * 2


def test_a_misspelt_property_and_a_value_it_does_not_take_are_named_and_newer_ones_left_alone():
    css = "p { widht: 3px }\n.a { margin-top: 0 margin-bottom 3 }\n.b { word-break: normal; mso-hide: all; gap: 3px }"
    assert css_slips(css) == (
        (1, "'widht' is no property of CSS; is 'width' meant?"),
        (2, "'margin-top' does not take '0 margin-bottom 3' in most mail programs"),
    )
