"""Heads of digests as editors paste them: name, date, number and leads, and what else stands above the items."""

from __future__ import annotations

from datetime import date

import pytest

from mailer.model.columns import width
from mailer.rendering import canonical, paste, source

TODAY = date(2026, 11, 24)
CHINESE = """

1、绳价连跌三周
港务局周一公布了绳价。（绳报）
2、渡轮公司并购对手
南渡与北渡签了约。（港湾时报）
3、木箱新税下月起征
税务局发了通知。（港湾时报）
"""
ENGLISH = """

1. Rope prices fall for a third week
The harbour office published them on Monday. (Rope Gazette)
2. Ferry firms merge
The southern firm buys the northern one. (Harbour Times)
3. Crate tax from March
The ministry told the packers. (Harbour Times)
"""


def read(head: str) -> paste.Reading:
    return paste.read(head + (CHINESE if any(sign >= "\u4e00" for sign in head) else ENGLISH), today=TODAY)


def leads(reading: paste.Reading) -> list[int]:
    return [number for number, item in enumerate(reading.issue.items, 1) if item.lead is not None]


@pytest.mark.parametrize(
    ("head", "number", "expected"),
    [
        ("港湾早报｜11月24日：绳价连跌三周、渡轮公司并购、木箱新税……", None, [1, 2, 3]),
        ("港湾早报 11月24日 绳价连跌三周；渡轮公司并购；木箱新税", None, [1, 2, 3]),
        ("港湾早报 11月24日\n绳价连跌三周；渡轮公司并购对手", None, [1, 2]),
        ("11月24日 星期二 港湾早报\n绳价连跌三周；渡轮公司并购", None, [1, 2]),
        ("2026年11月24日｜港湾早报｜绳价连跌三周｜渡轮公司并购｜木箱新税", None, [1, 2, 3]),
        ("《港湾早报》总第1234期 2026年11月24日 星期二 农历十月十六\n今日要闻：绳价连跌三周；木箱新税", 1234, [1, 3]),
        ("「港湾早报」11.24 周二 第1234期", 1234, []),
        ("【港湾早报 11.24】绳价连跌三周；渡轮公司并购；木箱新税", None, [1, 2, 3]),
        ("☀️港湾早报｜11月24日 星期二｜农历十月十六", None, []),
        ("早安！今天是11月24日，星期二。\n港湾早报\n【今日要闻】\n绳价连跌三周；渡轮公司并购", None, [1, 2]),
        ("点击上方蓝字订阅港湾早报，每天七点见\n#港湾早报# 【11月24日】 绳价连跌三周；渡轮公司并购……", None, [1, 2]),
        ("11月24日，港湾早报：绳价连跌三周、木箱新税下月起征", None, [1, 3]),
        ("港湾早报第1234期（2026-11-24）", 1234, []),
        ("《港湾早报》（11月24日）头条：绳价连跌三周，渡轮公司并购，木箱新税", None, [1, 2, 3]),
        ("2026年11月24日 星期二\n\n港湾早报\n\n绳价连跌三周 渡轮公司并购对手 木箱新税下月起征", None, [1, 2, 3]),
        ("港湾早报【2026-11-24】【第1234期】", 1234, []),
        ("转发：港湾早报 11月24日\n编辑：小王", None, []),
        ("丙午年十月十六 2026年11月24日 周二\n🌊 港湾早报 🌊", None, []),
    ],
)
def test_a_chinese_head_gives_name_date_number_and_leads(head: str, number: int | None, expected: list[int]) -> None:
    reading = read(head)
    issue = reading.issue
    assert (issue.newsletter, issue.date, issue.number) == ("港湾早报", TODAY, number)
    assert leads(reading) == expected
    assert [section.title for section in issue.sections] == [""]


@pytest.mark.parametrize(
    ("head", "number", "expected"),
    [
        ("Harbour Daily No. 214 — Tuesday, 24 November 2026", 214, []),
        ("Tue 24 Nov 2026 | Harbour Daily | Rope prices fall; ferry firms merge", None, [1, 2]),
        ("Harbour Daily | Issue 214 | 24 Nov 2026\nToday: Rope prices fall; crate tax", 214, [1, 3]),
        (
            "Good morning, Harbour! 24 November 2026\n⚓ Harbour Daily #214\nIn this issue:\nRope prices; ferry firms",
            214,
            [1, 2],
        ),
        ("Harbour Daily\nVol. 3, No. 12 · 24 November 2026\nEdited by Ann Lee", 12, []),
        ("Harbour Daily — rope prices fall; crate tax — 24 Nov", None, [1, 3]),
        ("Hi all,\n\nhere is Tuesday's digest (24 Nov):\n\nHarbour Daily", None, []),
        ("November 24, 2026 - Harbour Daily: Rope prices fall | Ferry firms merge", None, [1, 2]),
        ("Harbour Daily, Tuesday 24 November: Rope prices fall; crate tax; a whale in the lock", None, [1, 3]),
        (
            "Subscribe | View in browser\nHarbour Daily\nTuesday, November 24th\nRope prices fall; ferry firms merge",
            None,
            [1, 2],
        ),
    ],
)
def test_an_english_head_gives_name_date_number_and_leads(head: str, number: int | None, expected: list[int]) -> None:
    reading = read(head)
    issue = reading.issue
    assert (issue.newsletter, issue.date, issue.number) == ("Harbour Daily", TODAY, number)
    assert leads(reading) == expected
    assert [section.title for section in issue.sections] == [""]


def test_a_greeting_is_a_name_only_where_it_stands_as_one() -> None:
    assert read("早安港湾 11月24日 周二\n今日要闻：绳价连跌三周、渡轮公司并购").issue.newsletter == "早安港湾"
    assert read("各位早上好！这是11月24日的港湾早报：").issue.newsletter == "港湾早报"
    assert read("早安，各位！\n港湾早报 11月24日").issue.intro == "早安，各位！"


def test_a_date_among_the_leads_stays_in_its_lead() -> None:
    reading = read("港湾早报 2026年11月24日\n绳价连跌三周；木箱新税12月1日起征")
    assert [item.lead for item in reading.issue.leads] == ["", "木箱新税12月1日起征"]


def test_a_title_whose_leads_name_no_item_is_kept_as_written_and_reported() -> None:
    reading = read("港湾早报 11月24日\n头条一；头条二；头条三")
    assert (reading.issue.title, leads(reading)) == ("头条一；头条二；头条三", [])
    assert "title" in {repair.kind for repair in reading.repairs}
    assert source.read(canonical.write(reading.issue)).title == reading.issue.title


def test_a_name_alone_above_numbered_sections_leaves_their_titles() -> None:
    text = (
        "11月24日\n港湾早报\n\n行情\n1、绳价连跌三周\n周一。（绳报）\n公司\n2、渡轮公司并购对手\n签约。（港湾时报）\n"
    )
    issue = paste.read(text, today=TODAY).issue
    assert (issue.newsletter, [section.title for section in issue.sections]) == ("港湾早报", ["行情", "公司"])


def test_the_report_tells_the_leads_and_what_is_reading_repair_or_dropped() -> None:
    reading = read("点击上方蓝字订阅\n港湾早报 11月24日\n绳价连跌三周；渡轮公司并购对手……")
    told = {repair.kind: repair for repair in reading.repairs if repair.nature == "reading"}
    assert told["leads"].text == "绳价连跌三周 / 渡轮公司并购对手"
    assert told["name"].as_json()["nature"] == "reading"
    assert {repair.nature for repair in reading.repairs} == {"reading", "repair", "dropped"}


@pytest.mark.parametrize(
    ("item", "headline", "body"),
    [
        ("Rope prices fall — Rope prices fell 4% (Rope Gazette)", "Rope prices fall", "Rope prices fell 4%"),
        ("Rope falls – It fell by 4% on Monday. (Rope Gazette)", "Rope falls", "It fell by 4% on Monday."),
        ("绳价连跌三周——绳价再跌4%，为三年最低。（绳报）", "绳价连跌三周", "绳价再跌4%，为三年最低。"),
        (
            "渡轮公司并购对手：南渡公司昨日宣布，以两千万元收购北渡，合并后有船四十艘。（绳报）",
            "渡轮公司并购对手",
            "南渡公司昨日宣布，以两千万元收购北渡，合并后有船四十艘。",
        ),
        ("Ferry firms merge — at last (Rope Gazette)", "Ferry firms merge — at last", ""),
        ("支付宝：新开店数量显著增长（绳报）", "支付宝：新开店数量显著增长", ""),
    ],
)
def test_a_text_behind_a_dash_is_parted_from_its_headline_and_reported(item: str, headline: str, body: str) -> None:
    reading = paste.read(f"Harbour Daily, 24 Nov 2026\n\n• {item}\n• Crates (Rope Gazette)\n", today=TODAY)
    first = next(reading.issue.items)
    assert (first.headline, first.body) == (headline, body)
    assert ("guess" in {repair.kind for repair in reading.repairs}) == bool(body)


@pytest.mark.parametrize(
    ("call", "title", "label"),
    [
        ("点击这里 申请加入港湾会", "申请加入港湾会", "立即申请"),
        ("点此加入港湾会", "加入港湾会", "立即加入"),
        ("戳这里👉加入港湾会", "加入港湾会", "立即加入"),
        ("👉点击报名：港湾商户交流会", "港湾商户交流会", "立即报名"),
        ("长按识别二维码，加入港湾会", "加入港湾会", "立即加入"),
        ("Click here to join the harbour club", "Join the harbour club", "Join us"),
    ],
)
def test_words_that_only_say_where_to_click_leave_the_call_to_action(call: str, title: str, label: str) -> None:
    reading = paste.read(f"港湾早报 11月24日{CHINESE}\n{call}\n", today=TODAY)
    cta = reading.issue.cta
    assert cta is not None
    assert (cta.title, cta.label) == (title, label)
    assert any("button text" in repair.message for repair in reading.repairs)


@pytest.mark.parametrize(
    ("call", "title"),
    [
        ("扫码报名“绳结工坊”，名额二十个", "报名“绳结工坊”，名额二十个"),
        ("微信扫码进群，一起读早报 ——", "进群，一起读早报"),
        ("长按识别下方二维码，加入绳友会", "加入绳友会"),
        ("想投稿？加微信 shengyou-demo", "想投稿？加微信 shengyou-demo"),
    ],
)
def test_a_call_tells_of_no_code_that_the_mail_does_not_show(call: str, title: str) -> None:
    cta = paste.read(f"#绳报# 11月24日{CHINESE}\n{call}", today=TODAY).issue.cta
    assert cta is not None
    assert cta.title == title


def test_a_button_without_an_address_says_that_it_leads_to_the_apply_page() -> None:
    for call, label in (("商务合作：shengbao@example.com", "申请加入"), ("咨询报名请加群 0000000", "立即报名")):
        cta = paste.read(f"#绳报# 11月24日{CHINESE}\n{call}", today=TODAY).issue.cta
        assert cta is not None
        assert (cta.url, cta.label) == ("", label)


def test_a_name_that_greets_is_the_name_only_where_no_other_is_found() -> None:
    assert read("早安，渡口｜11月24日").issue.newsletter == "早安，渡口"
    assert read("早安，各位｜11月24日").issue.newsletter == "Newsletter"
    assert read("早安，渡口｜11月24日\n渡口日报").issue.newsletter == "渡口日报"
    assert read("Good morning, Leeds | 24 November").issue.newsletter == "Good morning, Leeds"


def test_a_note_to_the_desk_is_not_for_the_readers() -> None:
    reading = read("渡口日报 11月24日\n今天的稿子如下，请排版。")
    assert reading.issue.intro == ""
    assert [line.text for line in reading.unplaced] == ["今天的稿子如下，请排版。"]


def test_the_preheader_tells_what_the_title_does_not() -> None:
    reading = read("港湾早报 11月24日\n绳价连跌三周；渡轮公司并购对手")
    assert reading.issue.preheader.startswith("木箱新税下月起征；")
    assert "preheader" in {repair.kind for repair in reading.repairs}
    told = read("Harbour Daily, 24 Nov 2026\nRope prices fall; ferry firms merge").issue.preheader
    assert told.startswith("Crate tax from March; The harbour office published")
    assert "Ferry" not in told


def test_without_leads_the_subject_tells_the_first_headlines_and_the_preheader_goes_on() -> None:
    reading = read("港湾早报 11月24日")
    assert reading.issue.subject == "绳价连跌三周；渡轮公司并购对手；木箱新税下月起征"
    assert reading.issue.leads == ()
    assert not any(item.headline in reading.issue.preheader for item in reading.issue.items)
    assert "subject" in {repair.kind for repair in reading.repairs}
    again = paste.read(canonical.write(reading.issue), today=TODAY)
    assert again.issue.subject == reading.issue.subject


def test_a_long_headline_makes_a_preheader_that_fits() -> None:
    text = (
        "Harbour Daily, 24 Nov 2026\n\n1. "
        + "Rope and twine " * 20
        + "\nA. (Post)\n2. "
        + "绳价" * 80
        + "\nB. (Post)\n"
    )
    preheader = paste.read(text, today=TODAY).issue.preheader
    assert 40 <= width(preheader) <= 130
    assert preheader.endswith("…")


@pytest.mark.parametrize(
    "run", ["周一", "第1期", "，", "x，", "11月24日", "、绳价连跌三周", "；绳", "| a ", "——", "【"]
)
def test_a_long_line_in_the_head_is_read_in_bounded_time(run: str) -> None:
    import time

    started = time.process_time()
    issue = read("港湾早报 2026年11月24日\n绳" + run * 20_000).issue
    assert issue.date == TODAY
    assert time.process_time() - started < 30


def test_a_bar_above_the_first_item_marks_titles_not_sources() -> None:
    text = (
        "港湾早报 11月24日\n|绳市\n1、绳价连跌三周\n港务局公布了绳价。（绳报）\n"
        "｜船运\n2、渡轮公司并购对手\n南渡与北渡签了约。（绳报）\n"
    )
    issue = paste.read(text, today=TODAY).issue
    assert [section.title for section in issue.sections] == ["绳市", "船运"]
    assert [item.source.name for item in issue.items if item.source] == ["绳报", "绳报"]


def test_full_width_digits_are_written_narrow_and_reported() -> None:
    reading = paste.read(f"港湾早报 １１月２４日{CHINESE.replace('三周', '１２周')}", today=TODAY)
    assert reading.issue.date == TODAY
    assert next(reading.issue.items).headline == "绳价连跌12周"
    assert "full-width" in {repair.kind for repair in reading.repairs}


def test_a_greeting_with_nothing_but_the_day_behind_it_greets_without_the_day() -> None:
    items = "\n".join(f"{n}. 港口第{n}号泊位开始夜间作业\n工人分两班。\n来源：码头报" for n in (1, 2, 3))
    issue = paste.read(f"早安！2026年11月27日 星期五 农历十月十九\n\n{items}", today=date(2026, 5, 25)).issue
    assert (issue.intro, issue.date) == ("早安！", date(2026, 11, 27))


def test_words_of_the_head_and_of_the_subject_that_are_not_in_the_issue_are_reported() -> None:
    reading = paste.read(
        "Subject: Pier News: gulls and boats\n\n《Pier News》\n《How to row》\nToday: Boats sold; Gulls counted\n"
        "21 May 2026\n\n1. Boats sold\nThey were slow. (記者林小安／Pier Post)\n2. Gulls counted\n"
        "By Ann Lowe, Dale Echo\n",
        today=TODAY,
    )
    told = [repair.text for repair in reading.repairs]
    assert "How to row" in told
    assert "林小安" in told
    assert "Ann Lowe" in told
    assert any("gulls and boats" in text for text in told)


def test_headlines_that_are_all_in_the_other_language_make_the_subject() -> None:
    body = "\n港务局周一公布了绳价，南渡与北渡也签了约，税务局发了通知，大家都等着看。\n来源：绳报\n\n"
    issue = paste.read(
        f"港口早报 2026年5月21日\n\n1. Rope falls{body}2. Ferries merge{body}3. Crates taxed{body}", today=TODAY
    ).issue
    assert issue.lang == "zh-Hans"
    assert issue.subject == "Rope falls；Ferries merge；Crates taxed"
    assert issue.preheader
