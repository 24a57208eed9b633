"""What a pasted digest says in running words: its introduction, texts with their links and stress, and its call."""

from __future__ import annotations

from datetime import date

import pytest

from mailer.model.issue import CallToAction, Issue
from mailer.rendering import paste

HEAD = "Quay News\n21 May 2026\n"
ITEMS = "1. Ferry line sold\nTwo boats change hands. (Dock Post)\n2. Bridge opens\nOn Monday. (Dock Post)\n"


def read(text: str) -> Issue:
    return paste.read(text, today=date(2026, 5, 25)).issue


def call(text: str) -> CallToAction:
    found = read(f"{HEAD}{ITEMS}\n{text}").cta
    assert found is not None
    return found


def test_a_day_within_a_sentence_of_the_introduction_stays_there() -> None:
    issue = read(f"Quay News\n\nIt's Thursday, May 21. Here's what moved overnight.\n\n{ITEMS}")
    assert issue.date == date(2026, 5, 21)
    assert issue.intro == "It's Thursday, May 21. Here's what moved overnight."


def test_a_greeting_behind_a_pictograph_is_no_name() -> None:
    issue = read(f"📰 早安，商家朋友们！\n5月21日｜周四｜第312期\n\n{ITEMS}")
    assert (issue.newsletter, issue.number) == ("Newsletter", 312)
    assert issue.intro == "📰 早安，商家朋友们！"


@pytest.mark.parametrize(
    ("pasted", "written"),
    [
        ("Listings are *suspended*, not removed.", "Listings are *suspended*, not removed."),
        ("Listings are **not** removed.", "Listings are **not** removed."),
        ("A box of 5*3*2 costs 4* more.", r"A box of 5\*3\*2 costs 4\* more."),
        ("*ST港航、*ST华纺今日复牌。", r"\*ST港航、\*ST华纺今日复牌。"),
        ("See `*args`, * and **.", r"See \`\*args\`, \* and \*\*."),
    ],
)
def test_what_markdown_stresses_is_stressed_and_other_stars_are_stars(pasted: str, written: str) -> None:
    issue = read(f"{HEAD}1. Ferry line sold\n{pasted} (Dock Post)\n2. Bridge opens\nOn Monday. (Dock Post)\n")
    assert issue.sections[0].items[0].body == written


def test_an_address_before_a_closing_source_is_the_sources() -> None:
    texts = (
        "Two boats. Read more: https://dock.example/1 (Dock Post)",
        "Read more: https://dock.example/2 (Dock Post)",
    )
    issue = read(f"{HEAD}1. Ferry line sold\n{texts[0]}\n2. Bridge opens\n{texts[1]}\n")
    one, two = issue.sections[0].items
    assert (one.body, two.body) == ("Two boats.", "")
    assert [item.source and (item.source.name, item.source.url) for item in (one, two)] == [
        ("Dock Post", "https://dock.example/1"),
        ("Dock Post", "https://dock.example/2"),
    ]


def test_a_last_item_without_a_text_ends_before_the_call_where_its_neighbour_has_none() -> None:
    issue = read(
        f"{HEAD}{ITEMS}3. Fares stay\n4. Boats keep their names\n\n👉 Join the club here: https://club.example/join"
    )
    assert issue.sections[0].items[-1].body == ""
    assert issue.cta is not None
    assert issue.cta.url == "https://club.example/join"


def test_the_address_of_the_link_a_call_points_at_is_the_calls() -> None:
    page = (
        "<h1>港口早报</h1><p>2026年5月21日</p><p>1. 运价连跌四周</p><p>较上周下跌3.2%。（航运界）</p>"
        "<p>2. 吞吐量创新高</p><p>共11.7亿吨。（港口网）</p><p>END</p><p>点击下方“阅读原文”申请加入商家俱乐部</p>"
        '<p><a href="https://club.example/apply">阅读原文</a></p>'
    )
    found = read(page).cta
    assert found is not None
    assert (found.title, found.url) == ("申请加入商家俱乐部", "https://club.example/apply")


def test_broken_anchors_leave_no_gap_between_chinese_words() -> None:
    assert call("欢迎加入俱乐部，点击< a>报名< a>，审核后入群").title == "欢迎加入俱乐部，点击报名，审核后入群"


def test_stress_in_a_call_is_no_part_of_its_words() -> None:
    assert call("*Not a member yet?* [Apply to join the club](https://club.example/a)").title == (
        "Not a member yet? Apply to join the club"
    )


def test_who_edited_the_digest_is_no_text_of_its_last_item() -> None:
    issue = read(f"{HEAD}{ITEMS}\nEditor: Ann Lee\nApply to join the club: https://club.example/apply")
    assert issue.sections[0].items[-1].body == "On Monday."
    assert issue.cta is not None


def test_full_width_figures_have_their_signs_narrow_too() -> None:
    assert (
        read(f"{HEAD}１．运价下跌３．２％\n（航运界）\n２．吞吐量增４％\n（港口网）\n").sections[0].items[0].headline
        == "运价下跌3.2%"
    )


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("New members: Blue Sea (toys), Cotton Lane (bedding)", None),
        ("欢迎新会员：海蓝贸易（童装）、木棉电商（家居）", None),
        ("Boats keep their names (all of them). (Dock Post)", "Dock Post"),
    ],
)
def test_the_last_of_several_entries_with_words_in_brackets_is_no_source(text: str, source: str | None) -> None:
    item = read(f"{HEAD}1. Ferry line sold\nTwo boats. (Dock Post)\n2. Bridge opens\n{text}\n").sections[0].items[1]
    assert (item.source and item.source.name) == source


def test_a_postscript_that_asks_to_join_is_the_call() -> None:
    found = call("P.S. Know a merchant who should join? Sign them up at https://club.example/apply")
    assert (found.title, found.url) == ("Know a merchant who should join?", "https://club.example/apply")


@pytest.mark.parametrize(
    ("pasted", "title", "url"),
    [
        ("【加入俱乐部】回复“1”或访问 https://club.example/a", "加入俱乐部：回复“1”", "https://club.example/a"),
        ("想加入的朋友，请点击 https://club.example/a 报名", "想加入的朋友，请点击报名", "https://club.example/a"),
        ("加入會員請點：https://club.example/a", "加入會員", "https://club.example/a"),
        ("加入商會請至 https://club.example/a 填表", "加入商會請填表", "https://club.example/a"),
        ("加入俱乐部请点击：立即申请（https://club.example/a）", "加入俱乐部请点击：立即申请", "https://club.example/a"),
        ("To apply, click here: https://club.example/a", "To apply, click here", "https://club.example/a"),
        ("Click to register < a>here< a> and join the circle", "Join the circle", ""),
        ("Was this forwarded? Apply to join at https://club.example/a", "Was this forwarded? Apply to join", "https://club.example/a"),
    ],
)  # fmt: skip
def test_a_call_says_what_to_do_without_the_words_around_its_address(pasted: str, title: str, url: str) -> None:
    found = call(pasted)
    assert (found.title, found.url) == (title, url)


def test_a_call_that_begins_with_joining_is_one_directly_below_the_last_item() -> None:
    issue = read(f"{HEAD}{ITEMS}3. Saturday's meeting is online\nApply to join: https://club.example/a")
    assert issue.sections[0].items[-1].body == ""
    assert issue.cta is not None
    assert issue.cta.url == "https://club.example/a"


def test_words_that_only_say_that_a_text_follows_are_left_out() -> None:
    item = (
        read(
            f"{HEAD}1. 运价下跌\n【导读】较上周下跌3.2%。\n【全文】https://a.example/1\n【来源】航运界\n"
            "2. 吞吐量增长\n摘要：共11亿吨。\n来源：港口网\n"
        )
        .sections[0]
        .items
    )
    assert [one.body for one in item] == ["较上周下跌3.2%。", "共11亿吨。"]
    assert item[0].source is not None
    assert (item[0].source.name, item[0].source.url) == ("航运界", "https://a.example/1")


@pytest.mark.parametrize(
    ("pasted", "title", "url"),
    [
        ("Apply to join: club.example/apply", "Apply to join", "https://club.example/apply"),
        ("TO JOIN, APPLY AT HTTPS://CLUB.EXAMPLE/a", "TO JOIN, APPLY", "https://club.example/a"),
        ("■ 加入我们 ■\n\n点此申请：https://club.example/a", "加入我们", "https://club.example/a"),
    ],
)
def test_an_address_of_a_call_is_found_however_it_is_written(pasted: str, title: str, url: str) -> None:
    found = call(pasted)
    assert (found.title, found.url) == (title, url)
