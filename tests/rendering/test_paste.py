"""Importing pasted digests: single rules, refusals, and what any text at all must not do."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.errors import SourceError
from mailer.model.issue import Issue
from mailer.rendering import canonical, paste, source
from mailer.rendering.paste import dates

TODAY = date(2026, 5, 25)
DIGEST = """Pier News, 21 May 2026

1. The pier opens again
Boards were laid all winter. (Pier Post)
2. Boats for hire by the hour
An hour costs four coins. (Pier Post)
"""


def issue_of(text: str | bytes, **options: object) -> Issue:
    return paste.read(text, today=TODAY, **options).issue  # type: ignore[arg-type]


def kinds(text: str | bytes) -> set[str]:
    return {repair.kind for repair in paste.read(text, today=TODAY).repairs}


def test_a_plain_digest_is_read() -> None:
    issue = issue_of(DIGEST)
    assert (issue.newsletter, issue.date, issue.lang) == ("Pier News", date(2026, 5, 21), "en")
    assert [(item.headline, item.source and item.source.name) for item in issue.items] == [
        ("The pier opens again", "Pier Post"),
        ("Boats for hire by the hour", "Pier Post"),
    ]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("1.", "2."),
        ("1、", "2、"),
        ("1）", "2）"),
        ("1)", "2)"),
        ("(1)", "(2)"),
        ("（1）", "（2）"),
        ("【1】", "【2】"),
        ("[1]", "[2]"),
        ("①", "②"),
        ("⑴", "⑵"),
        ("⒈", "⒉"),
        ("❶", "❷"),
        ("1️⃣", "2️⃣"),
        ("１．", "２．"),
        ("一、", "二、"),
        ("（一）", "（二）"),
        ("第一条", "第二条"),
        ("第1条：", "第2条："),
        ("No. 1 ", "No. 2 "),
        ("### 1.", "### 2."),
        ("01 |", "02 |"),
        ("壹、", "贰、"),
        ("•", "•"),
        ("◎", "◎"),
        ("▌", "▌"),
        ("🔴", "🔵"),
        ("■", "■"),
        ("👉", "👉"),
    ],
)
def test_every_way_to_number_items_is_known(one: str, two: str) -> None:
    text = DIGEST.replace("1.", one).replace("2.", two)
    assert [item.headline for item in issue_of(text).items] == ["The pier opens again", "Boats for hire by the hour"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("(Pier Post)", "Pier Post"),
        ("（Pier Post）", "Pier Post"),
        ("(Pier Post).", "Pier Post"),
        ("(Pier Post）", "Pier Post"),
        ("【Pier Post】", "Pier Post"),
        ("(Source: Pier Post)", "Pier Post"),
        ("（来源：码头报）", "码头报"),
        ("via Pier Post", "Pier Post"),
        ("来源：码头报", "码头报"),
        ("——码头报", "码头报"),
        ("| Pier Post", "Pier Post"),
        ("〔來源｜碼頭報〕", "碼頭報"),
        ("\n→ 来源：码头报", "码头报"),
        ("\nSource: Pier Post", "Pier Post"),
        ("\n来源: 码头报", "码头报"),
        ("\n來源｜码头报", "码头报"),
        ("\nvia Pier Post", "Pier Post"),
        ("\n——码头报", "码头报"),
        ("\n| Pier Post", "Pier Post"),
        ("\n(Pier Post)", "Pier Post"),
        ("\n消息来源：码头报", "码头报"),
        ("\n[Pier Post](https://post.example.com/1)", "Pier Post"),
    ],
)
def test_every_way_to_name_a_source_is_known(written: str, name: str) -> None:
    item = next(issue_of(DIGEST.replace("(Pier Post)", written)).items)
    assert item.body == "Boards were laid all winter."
    assert item.source is not None
    assert item.source.name == name


@pytest.mark.parametrize("ending", ["it (see table)", "有效(不含节假日)", "the price (about 4 euros)", "rose (2019)"])
def test_other_closing_parentheses_are_text(ending: str) -> None:
    text = f"Pier News, 21 May 2026\n\n1. One\nFirst. (Post)\n2. Two\nSecond. (Post)\n3. Three\nThis is {ending}\n"
    assert list(issue_of(text).items)[2].source is None


@pytest.mark.parametrize(
    ("head", "day"),
    [
        ("Pier News 2026-05-21", date(2026, 5, 21)),
        ("码头报 2025年12月31日", date(2025, 12, 31)),
        ("码头报 12月31日", date(2025, 12, 31)),
        ("码头报 五月二十一日", date(2026, 5, 21)),
        ("碼頭報（二〇二六年五月廿一日）", date(2026, 5, 21)),
        ("码头报 5.21", date(2026, 5, 21)),
        ("码头报 20260521", date(2026, 5, 21)),
        ("碼頭報 民國115年5月21日（四）", date(2026, 5, 21)),
        ("碼頭報 2026年5月21日（週四）", date(2026, 5, 21)),
        ("Pier News #31 — 21 May 2026", date(2026, 5, 21)),
        ("Pier News, May 21st", date(2026, 5, 21)),
        ("Pier News, the 21st of May", date(2026, 5, 21)),
        ("Pier News | Thu, 21 May 2026", date(2026, 5, 21)),
    ],
)
def test_the_date_is_found_and_a_missing_year_is_the_nearest(head: str, day: date) -> None:
    assert issue_of(DIGEST.replace("Pier News, 21 May 2026", head)).date == day


@pytest.mark.parametrize(
    ("written", "today", "day"),
    [
        ("5月21日", date(2026, 11, 28), date(2026, 5, 21)),
        ("1月2日", date(2026, 12, 30), date(2027, 1, 2)),
        ("12月31日", date(2026, 1, 2), date(2025, 12, 31)),
    ],
)
def test_a_date_without_a_year_lies_not_months_ahead(written: str, today: date, day: date) -> None:
    assert dates.find(f"码头报 {written}", today) == (day, False, 4, 4 + len(written))


def test_a_date_at_the_foot_is_taken_where_the_head_has_none() -> None:
    issue = issue_of(DIGEST.replace("Pier News, 21 May 2026", "") + "\nAll from the ports\nPier News, 21 May 2026\n")
    assert (issue.newsletter, issue.date) == ("Pier News", date(2026, 5, 21))


def test_traditional_chinese_is_told_from_simplified_and_its_words_are_known() -> None:
    text = (
        "碼頭晨報 2026年5月21日\n\n1. 渡輪恢復夜間航班\n票價與去年相同。（碼頭報）\n"
        "2. 倉庫開放參觀\n週末兩場。（碼頭報）\n\n"
        "訂閱請點擊：https://pier.example.com/join\n若不想再收到，請按此取消訂閱\n"
    )
    reading = paste.read(text, today=TODAY)
    assert reading.issue.lang == "zh-Hant"
    assert reading.issue.cta is not None
    assert (reading.issue.cta.label, reading.issue.cta.url) == ("立即訂閱", "https://pier.example.com/join")
    assert [line.text for line in reading.unplaced] == ["若不想再收到，請按此取消訂閱"]
    assert "來源：碼頭報" in canonical.write(reading.issue)


def test_leads_that_name_every_item_are_a_table_of_contents() -> None:
    names = ["Ropes are dearer", "Crates are taxed", "Ferries merge", "Lights go out"]
    items = "\n".join(f"{n}. {name}\nA text about it. (Pier Post)" for n, name in enumerate(names, 1))
    issue = issue_of(f"Pier News, 21 May 2026\nContents\n{chr(10).join(names)}\n\n{items}\n")
    assert [item.lead for item in issue.items] == [None] * 4
    assert issue.title == ""


@pytest.mark.parametrize("name", ["文汇报", "文体商讯", "Sourcewell News", "Viaduct Post", "来风周报"])
@pytest.mark.parametrize("written", ["（{}）", "\n（{}）", "\n({})", "(来源：{})", "(via {})", "\n[来源]{}"])
def test_a_name_that_begins_like_a_label_is_kept_whole(name: str, written: str) -> None:
    issue = issue_of(DIGEST.replace(" (Pier Post)", written.format(name)))
    assert [item.source and item.source.name for item in issue.items] == [name, name]


@pytest.mark.parametrize(
    "text",
    [
        "完成率为九成。",
        "阅读类应用用户过亿。",
        "版权登记费用下调。",
        "编辑人才紧缺。",
        "收藏品市场回暖。",
        "Endangered eels return.",
    ],
)
def test_a_short_text_that_begins_as_lines_of_the_page_do_is_kept(text: str) -> None:
    items = list(issue_of(DIGEST.replace("Boards were laid all winter.", text)).items)
    assert items[0].body == text
    items = list(issue_of(DIGEST.replace("An hour costs four coins. (Pier Post)", f"{text}\nSource: Pier Post")).items)
    assert items[1].body == text
    assert items[1].source


def test_a_line_that_names_reporter_and_paper_is_never_lost() -> None:
    issue = issue_of(DIGEST.replace("(Pier Post)", "\n（记者 林一川／码头报）").replace("winter. ", "winter."))
    assert [item.source and item.source.name for item in issue.items] == ["码头报", "码头报"]


def test_names_in_brackets_before_headlines_are_sources_only_where_they_look_like_media() -> None:
    papers = "渡口早报 5月21日\n\n1. 【码头报】{0}\n2. 【河港网】{1}\n3. 【码头报】{2}\n"
    lines = ("夜间渡轮加开两班", "旧缆绳回收价上调", "灯塔周末开放参观")
    items = list(issue_of(papers.format(*lines)).items)
    assert [item.headline for item in items] == list(lines)
    assert [item.source and item.source.name for item in items] == ["码头报", "河港网", "码头报"]
    tags = papers.replace("码头报", "财经").replace("河港网", "科技")
    assert [item.source for item in issue_of(tags.format(*lines)).items] == [None, None, None]


def test_who_says_so_is_no_headline() -> None:
    text = (
        "码头早报 5月21日\n1、商务部：前四月零售额同比增长百分之六，其中生鲜占比过半。\n"
        "2、央行：开展一千亿元逆回购。\n3、外媒：巴西下调小包裹税率，七月一日起施行。\n"
    )
    assert next(issue_of(text).items).headline.startswith("商务部：")


def test_the_words_of_a_link_in_the_call_are_its_label() -> None:
    cta = issue_of(DIGEST + "\nJoin us\nWe meet monthly. [Become a member](https://pier.example.com/join)\n").cta
    assert cta is not None
    assert (cta.title, cta.text, cta.label, cta.url) == (
        "Join us",
        "We meet monthly.",
        "Become a member",
        "https://pier.example.com/join",
    )


CLOCKED = """{0}
08:15 {1}The pier opens again. (Pier Post)
08:02 {1}Boats for hire by the hour. (Sea News)
07:40 {1}A ferry is sold. (Quay Times)
"""


def test_the_time_of_day_before_a_tickers_items_is_removed_and_the_date_kept() -> None:
    for head, day in (("Pier News, 21 May 2026", date(2026, 5, 21)), ("Pier News", TODAY)):
        issue = issue_of(CLOCKED.format(head, ""))
        assert issue.date == day
        assert next(item.headline for item in issue.items) == "The pier opens again"
    assert "chat" in kinds(CLOCKED.format("Pier News", ""))
    text = CLOCKED.format("港口快讯", "【开航】").replace("\n0", "\n05-21 0")
    assert issue_of(text).date == date(2026, 5, 21)
    assert next(item.headline for item in issue_of(text).items) == "【开航】The pier opens again"


def test_a_programme_with_times_is_no_digest() -> None:
    with pytest.raises(SourceError):
        issue_of("Programme, 21 May 2026\n08:15 Welcome in the hall\n09:00 Opening (Room 2)\n10:30 Lunch for all\n")


def test_a_call_between_two_items_is_the_call_where_none_is_behind_them() -> None:
    between = DIGEST.replace("2. Boats", "---\nApply to join the club: https://club.example/join\n---\n2. Boats")
    issue = issue_of(between)
    assert [item.source and item.source.name for item in issue.items] == ["Pier Post", "Pier Post"]
    assert (issue.cta and issue.cta.url, issue.items and next(iter(issue.items)).body) == (
        "https://club.example/join",
        "Boards were laid all winter.",
    )
    reading = paste.read(between + "Register here: https://club.example/last\n", today=TODAY)
    assert reading.issue.cta
    assert reading.issue.cta.url == "https://club.example/last"
    assert any("between two items" in dropped.message for dropped in reading.unplaced)


def test_what_follows_the_last_of_one_line_items_is_not_part_of_it() -> None:
    items = "".join(f"• Boat {n} is sold — it goes to a museum in {n} weeks. (Pier Post)\n" for n in (1, 2, 3))
    reading = paste.read(f"Pier News, 21 May 2026\n\n{items}\nFurther reading\nhttps://x.example/1\n", today=TODAY)
    last = list(reading.issue.items)[-1]
    assert (last.headline, last.body) == ("Boat 3 is sold", "It goes to a museum in 3 weeks.")
    assert last.source
    assert last.source.name == "Pier Post"
    assert {dropped.text for dropped in reading.unplaced} == {"Further reading", "https://x.example/1"}


def test_a_short_line_of_a_quoted_mail_goes_on_in_small_letters() -> None:
    quoted = "\n".join(
        f"> {line}" for line in DIGEST.replace("Boards were laid ", "Boards of oak were laid in place\n").split("\n")
    )
    assert next(iter(issue_of(quoted).items)).body == "Boards of oak were laid in place all winter."


def test_the_formal_three_is_known_in_traditional_characters() -> None:
    items = "".join(f"{mark}、船{mark}出售\n下周交付。（港報）\n" for mark in "壹貳參")
    assert len(list(issue_of(f"碼頭報 5月21日\n{items}").items)) == 3


def test_one_word_above_the_items_is_no_lead() -> None:
    items = "".join(f"{n}、{name}出售\n下周交付。（港报）\n" for n, name in enumerate(("渡船", "平台乙", "吊车"), 1))
    assert issue_of(f"码头报\n5月21日\n|平台\n{items}").leads == ()


def test_pictures_and_their_credits_are_left_out_with_a_report() -> None:
    reading = paste.read(DIGEST.replace("(Pier Post)\n2", "\n▲ 图源：视觉库\nSource: Pier Post\n2"), today=TODAY)
    assert next(reading.issue.items).body == "Boards were laid all winter."
    assert [line.text for line in reading.unplaced] == ["▲ 图源：视觉库"]


@pytest.mark.parametrize("bar", [" | ", "｜", " 丨"])
def test_a_bar_before_a_labelled_source_belongs_to_neither(bar: str) -> None:
    item = next(issue_of(f"码头早报 5月21日\n\n1、码头重新开放\n新增十二座码头。{bar}来源：码头邮报\n").items)
    assert (item.body, item.source and item.source.name) == ("新增十二座码头。", "码头邮报")


def test_a_given_date_is_taken_as_it_is() -> None:
    assert issue_of(DIGEST, day=date(2020, 1, 2)).date == date(2020, 1, 2)


def test_two_encodings_in_one_text_are_read_line_by_line_and_told() -> None:
    first, second = "码头早报 5月21日\n\n1、码头重新开放\n正文。（36氪）\n", "2、渡船恢复通航\n正文。（36氪）\n"
    for one, other, line in (("utf-8", "gb18030", 5), ("gb18030", "utf-8", 1)):
        reading = paste.read(first.encode(one) + second.encode(other), today=TODAY)
        assert [item.headline for item in reading.issue.items] == ["码头重新开放", "渡船恢复通航"]
        assert [each.line for each in reading.repairs if "two encodings" in each.message] == [line]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
def test_encodings_are_told_apart(encoding: str) -> None:
    text = DIGEST.replace("The pier opens again", "码头重新开放，渡船恢复通航").replace("\n", "\r\n")
    assert next(issue_of(text.encode(encoding)).items).headline == "码头重新开放，渡船恢复通航"


def test_western_bytes_are_no_chinese() -> None:
    text = DIGEST.replace("The pier opens again", "Café reopens – at last")
    assert next(issue_of(text.encode("cp1252")).items).headline == "Café reopens – at last"


def test_nul_and_zero_width_characters_are_removed_and_reported() -> None:
    assert "invisible" in kinds(DIGEST.replace("pier", "pi\x00er").replace("1.", "\u200b1."))


def test_the_final_stop_of_a_headline_goes_and_ltd_stays() -> None:
    text = DIGEST.replace("again", "again.").replace("hour\n", "hour, says Boats Ltd.\n")
    assert [item.headline for item in issue_of(text).items] == [
        "The pier opens again",
        "Boats for hire by the hour, says Boats Ltd.",
    ]


def test_a_one_line_item_is_parted_at_its_blank_or_first_sentence() -> None:
    text = (
        "码头早报 5月21日\n1、渡船恢复夜航 每晚两班，票价不变。（码头报）\n"
        "2、商会公布四月成交额，同比增长一成。其中生鲜占了三成，增长最快，水果次之。（码头报）\n"
    )
    assert [(item.headline, item.body) for item in issue_of(text).items] == [
        ("渡船恢复夜航", "每晚两班，票价不变。"),
        ("商会公布四月成交额，同比增长一成", "其中生鲜占了三成，增长最快，水果次之。"),
    ]


def test_signs_of_markdown_in_a_paste_stay_what_they_are() -> None:
    body = "A*b*c [d] <e> `f` _g_ {{ h }} &amp; # i"
    item = next(issue_of(DIGEST.replace("Boards were laid all winter.", body + ".")).items)
    from mailer.rendering import markdown

    assert markdown.plain_text(item.body) == body + "."


def test_a_paragraph_that_begins_like_a_heading_stays_a_paragraph() -> None:
    issue = issue_of(DIGEST.replace("Boards were", "::: boards\n# were"))
    again = source.read(canonical.write(issue))
    assert canonical.unnumbered(again) == canonical.unnumbered(issue)


def test_a_call_to_action_with_an_address_keeps_it() -> None:
    cta = issue_of(DIGEST + "\nApply to join: https://pier.example.com/join?a=1\nUnsubscribe\n").cta
    assert cta is not None
    assert (cta.title, cta.url) == ("Apply to join", "https://pier.example.com/join?a=1")


def test_the_settings_fill_what_the_paste_leaves_open() -> None:
    defaults = paste.Defaults(newsletter="Harbour", languages=("en-GB", "zh-Hans"))
    issue = issue_of(DIGEST.replace("Pier News, 21", "21"), defaults=defaults)
    assert (issue.newsletter, issue.lang) == ("Harbour", "en-GB")


def test_an_issue_file_passes_as_it_is() -> None:
    text = canonical.write(issue_of(DIGEST))
    assert canonical.write(issue_of(text)) == text


def test_every_line_is_placed_or_reported() -> None:
    text = DIGEST + "\n***\nRead 300 times\nsomething else entirely\n"
    reading = paste.read(text, today=TODAY)
    assert [line.line for line in reading.unplaced] == [8, 9, 10]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\n",
        "hello",
        "The harbour was quiet that night. Nobody spoke of the storm.\n\nThen came the morning.",
        "milk\nbread\neggs",
        "1. Heat the oven\n2. Mix the flour\n3. Bake",
        "a,b,c\n1,2,3\n4,5,6",
        '{"a": [1, 2, 3]}',
        "def f(x):\n    return x\n\nfor i in range(3):\n    f(i)\n",
        "<html><body><p>Nothing here</p><p>to see</p></body></html>",
        "你好，昨天的会议改到下午三点，请大家准时参加。",
    ],
)
def test_what_is_no_digest_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(SourceError):
        paste.read(text, today=TODAY)


@pytest.mark.parametrize(
    "text",
    [
        "Quay News, 21 May 2026\n1. One\n2. Two (Dock Post)\n. Boats for hire\n",  # an enumerator without its number
        "https://a.example/2026-05-21\n\n1. One (Dock Post)\n2. Two (Dock Post)\n",  # an address with the day alone
        "<html><body><p>Quay News, 21 May 2026</p><p>1. One <![en 1]> (Dock Post)</p><p>2. Two</p></body></html>",
        "Quay News, 21 May 2026\n1. One (Dock Post)\n2. Two (Dock Post)\nClick to register and join the circle .\n",
    ],
)
def test_a_broken_mark_does_no_harm(text: str) -> None:
    issue = paste.read(text, today=TODAY).issue
    assert len(list(issue.items)) == 2
    assert canonical.unnumbered(source.read(canonical.write(issue))) == canonical.unnumbered(issue)


def test_binary_data_is_refused() -> None:
    with pytest.raises(SourceError, match=r"binary|neither"):
        paste.read(bytes(range(256)) * 50, today=TODAY)


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from([*DIGEST.split("\n"), "一、", "来源：", "(", "> ", "①", "<p>", "---"])).map("\n".join)
)
@example("A<P>00000000000000000:0101\rA000:00000000000000000<P>1/A000<P>")  # a date cut out of a lead
@settings(max_examples=200, deadline=None)
def test_any_text_gives_an_issue_that_reads_back_or_a_source_error(text: str) -> None:
    with suppress(SourceError):
        issue = paste.read(text, today=TODAY).issue
        assert canonical.unnumbered(source.read(canonical.write(issue))) == canonical.unnumbered(issue)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_an_issue_or_a_source_error(data: bytes) -> None:
    with suppress(SourceError):
        paste.read(data, today=TODAY)
        paste.read(DIGEST.encode() + data, today=TODAY)


@pytest.mark.parametrize(
    "text",
    [
        DIGEST + "x" * 900_000,
        DIGEST + "1. a\n" * 100_000,
        DIGEST + "(" * 500_000,
        DIGEST + "a (b) " * 100_000,
        "<p>" * 200_000 + DIGEST,
        "[" * 300_000 + DIGEST,
        DIGEST + "词" * 400_000,
        DIGEST + "\n" * 900_000,
        DIGEST + "| " * 20_000 + "x.",
        DIGEST.replace("Boards", "| " * 60_000 + "Boards"),
        DIGEST + "3. Ropes\nHemp is back\n\n" + "A line without a source\n\n" * 8_000,
        "y" * 5_000_000,
    ],
    ids=[
        "long line",
        "many items",
        "brackets",
        "parentheses",
        "tags",
        "squares",
        "han",
        "blank lines",
        "bars at the end",
        "bars in a text",
        "lines below",
        "5 MB",
    ],
)
def test_a_huge_paste_takes_bounded_time(text: str) -> None:
    started = time.process_time()
    with suppress(SourceError):
        paste.read(text, today=TODAY)
    assert time.process_time() - started < 60


@pytest.mark.parametrize(
    ("head", "name", "number", "title"),
    [
        ("【商会早报】第318期：跨境电商新规落地，小商品出口新高", "商会早报", 318, "跨境电商新规落地，小商品出口新高"),
        ("早安跨境 第77期：黑五开门红", "早安跨境", 77, "黑五开门红"),
        ("Dock & Counter, Issue 41: Parcels get dearer", "Dock & Counter", 41, "Parcels get dearer"),
        ("商圈日报 总第88期 旺季备货正当时", "商圈日报", 88, "旺季备货正当时"),
        ("商圈日报 第88期", "商圈日报", 88, ""),
    ],
)
def test_what_stands_behind_name_and_number_is_the_title(head: str, name: str, number: int, title: str) -> None:
    items = "\n".join(f"{n}. 港口第{n}号泊位开始夜间作业\n工人分两班。\n来源：码头报" for n in (1, 2, 3))
    issue = paste.read(f"{head}\n\n{items}", today=date(2026, 5, 25)).issue
    assert (issue.newsletter, issue.number, issue.title) == (name, number, title)
