from dataclasses import replace

import pytest

from mailer.rendering import edition
from mailer.rendering.check_html import check_css, check_page
from mailer.rendering.check_message import check_message


@pytest.fixture
def made(issue, club, theme, templates):
    return edition.render(issue, club=club, theme=theme, templates=templates)


def rules(findings) -> set[str]:
    return {finding.id for finding in findings}


def test_the_shipped_template_breaks_no_rule(issue, made, theme, templates):
    assert check_page(issue, made) == []
    assert check_message(issue, made) == []
    css = templates.render("issue/core.css", light=theme.light, font=theme.font("en"), lang="en", dir="ltr")
    assert check_css(css) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("<!DOCTYPE html>", "<!doctype html>", "H02"),
        ('<html lang="en"', "<html", "H03"),
        ('coat; A lighthouse opens" lang="en"', 'coat; A lighthouse opens"', "H04"),
        ("<title>", "<title>x", "H05"),
        ("<h1", "<h4", "H06"),
        ("<h3", "<h5", "H06"),
        (' role="presentation"', "", "H07"),
        ("</h1>", '</h1><img src="https://x.example/a.png" width="10">', "H08"),
        ("</h1>", '</h1><img src="https://x.example/a.png" alt="A crane">', "H08"),
        ('<meta name="viewport"', '<meta name="view"', "H09"),
        ("prefers-color-scheme", "prefers-nothing", "H10"),
        ("display:none", "opacity:0", "H11"),
        ("color:#666", "color:#aaa", "H12"),
        ("font-size:14px", "font-size:11px", "H13"),
        ("</h1>", "</h1><script></script>", "H14"),
        ("<h1", '<h1 onclick="x()"', "H14"),
        ("margin-top:0", "margin-top:-4px", "H15"),
        ("margin-top:0", "float:left", "H15"),
        ("margin-top:0", "padding:1px", "H16"),
        (":root{", ":root{" + "x" * 17_000, "H17"),
        ("@media screen and (max-width:480px){", "@media screen and (max-width:480px){@media print{a{b:c}}", "H18"),
        (":root{", "/* x */:root{", "H19"),
        (" !important", "!important", "H20"),
        ("Unsubscribe</a>", "</a>", "L04"),
        ("</h1>", "</h1>" + "x" * 110_000, "H01"),
    ],
)
def test_each_rule_finds_what_it_is_for(issue, made, old, new, rule):
    assert old in made.html
    assert rule in rules(check_page(issue, replace(made, html=made.html.replace(old, new))))


def test_preheaders_are_looked_at_with_their_line(issue, made):
    for text in ("", "Too short", "x" * 200, made.subject + " " * 0):
        found = check_page(replace(issue, preheader=text, lines={"preheader": 6}), made)
        assert {(finding.id, finding.line) for finding in found} == {("H11", 6)}, text


def test_rules_that_cannot_be_inlined_are_found_in_the_stylesheet():
    css = "p{margin-top:0}\n[data-ogsc] p{color:#fff}\n@media print{p{color:#000}}\n.x{color:#12345}"
    found = check_css(css)
    assert rules(found) == {"H21", "H22"}
    assert any("line 2" in finding.message for finding in found)


@pytest.mark.parametrize(
    ("subject", "rule"),
    [("BUY EVERYTHING NOW", "M07"), ("Re: your order", "M07"), ("What?!", "M07"), ("😀😀😀😀 news", "M07")],
)
def test_subjects_that_filters_dislike_are_told(issue, club, theme, templates, subject, rule):
    shouting = replace(issue, subject=subject)
    made = edition.render(shouting, club=club, theme=theme, templates=templates)
    assert rule in rules(check_message(shouting, made))


def test_an_emoji_in_the_senders_name_is_told_at_the_line_of_the_name(issue, club, theme, templates):
    named = replace(issue, newsletter="Quay 🚢", lines={"newsletter": 2})
    made = edition.render(named, club=club, theme=theme, templates=templates)
    assert [(each.id, each.line) for each in check_message(named, made)] == [("M07", 2)]


def test_one_click_needs_https_but_on_this_machine(issue, club, theme, templates):
    for base_url, expected in (
        ("http://news.example.org", {"M05"}),
        ("http://127.0.0.1:8080", set()),
        ("https://news.example.org", set()),
    ):
        made = edition.render(issue, club=replace(club, base_url=base_url), theme=theme, templates=templates)
        assert rules(check_message(issue, made)) == expected


def test_what_the_text_part_lacks_is_found(issue, made):
    assert "M02" in rules(check_message(issue, replace(made, text="nothing")))


def test_a_hidden_link_to_unsubscribe_is_none(issue, made):
    hidden = made.html.replace('<td class="foot p s" style="', '<td class="foot p s" style="display: none;')
    assert hidden != made.html
    assert {"L04"} <= rules(check_page(issue, replace(made, html=hidden)))
