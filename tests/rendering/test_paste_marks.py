"""Labels of sources, section titles and numbers in whatever signs a pasted digest sets around them."""

from __future__ import annotations

from datetime import date

import pytest

from mailer.model.issue import Issue
from mailer.rendering import canonical, paste, source

TODAY = date(2026, 5, 25)
WHARF = """码头早报 2026年5月21日

1. 木船重新上漆
匠人们干了整个冬天，用了四十桶桐油。{0}

2. 渡口添了一班船
末班船改到晚上九点开，周末再加一班。{1}

3. 灯塔换了新灯
光比从前远三里，灯油省下一半。{2}
"""


def read(text: str) -> Issue:
    issue = paste.read(text, today=TODAY).issue
    assert canonical.unnumbered(source.read(canonical.write(issue))) == canonical.unnumbered(issue)
    return issue


def sources(issue: Issue) -> list[str]:
    return [item.source.name if item.source else "" for item in issue.items]


@pytest.mark.parametrize(
    "form",
    [
        "\n源自：{}",
        "\n出自：{}",
        "\n内容来自：{}",
        "\n图文选自｜{}",
        "\n来源﹕{}",
        "\n消息来源—{}",
        "\n［来源：{}］",
        "\n（摘编自{}）",
        "（消息来自{}）",
        "信源｛{}｝",
        "「{}」",
        "『{}』",
        "\n『{}』",
        "\n原载《{}》",
        "来源—{}",
        "\n来源={}",
        "\n来源：{} 浏览 1203",
        "\n来源：{} 07:12",
        "\n来源：{} 阅读量 3.2万 评论 14",
    ],
)
def test_a_source_is_read_behind_any_label_sign_and_bracket(form: str) -> None:
    names = ["渔港时报", "江口新闻", "灯下客"]
    issue = read(WHARF.format(*map(form.format, names)))
    assert sources(issue) == names
    assert [item.body.count("\n\n") for item in issue.items] == [0, 0, 0]


def test_words_that_only_begin_with_a_label_are_a_text() -> None:
    said = "\n来自《旧船谱》的三种漆法又有人用了。"
    issue = read(WHARF.format(said, said, said))
    assert sources(issue) == ["", "", ""]


def test_where_to_read_more_names_the_source_in_parentheses() -> None:
    form = "\nRead more ({0}): https://{1}.example.com/a"
    issue = read(WHARF.format(*(form.format(name, name.lower()) for name in ("Dale", "Pier", "Quay"))))
    assert [(item.source.name, item.source.url) for item in issue.items if item.source] == [
        ("Dale", "https://dale.example.com/a"),
        ("Pier", "https://pier.example.com/a"),
        ("Quay", "https://quay.example.com/a"),
    ]


@pytest.mark.parametrize(
    "form",
    ["◤{}◢", "＜{}＞", "〓{}〓", "※{}※", "===={}====", "【0{n} {}】", "★★ {} ★★", "［{}］", "“{}”", "༺{}༻", "#{}#"],
)
def test_a_section_title_loses_its_ornaments_and_a_number_that_runs_on(form: str) -> None:
    above = {name: form.format(name, n=n) for n, name in enumerate(["行情", "人物"], 1)}
    text = WHARF.format("（来源：渔港时报）", "（来源：江口新闻）", "（来源：灯下客）")
    text = text.replace("1. ", f"{above['行情']}\n1. ").replace("3. ", f"{above['人物']}\n3. ")
    assert [(section.title, len(section.items)) for section in read(text).sections] == [("行情", 2), ("人物", 1)]


@pytest.mark.parametrize(
    "numbers", [("Ⅰ．", "Ⅱ．", "Ⅲ．"), ("A. ", "B．", "C. "), ("NO.1 ", "N0.2 ", "NO.3 "), ("Ａ．", "Ｂ．", "Ｃ．")]
)
def test_numbers_are_read_in_any_width_and_spelling(numbers: tuple[str, ...]) -> None:
    text = WHARF.format("（来源：渔港时报）", "（来源：江口新闻）", "（来源：灯下客）")
    for number, written in enumerate(numbers, 1):
        text = text.replace(f"{number}. ", written)
    assert [item.headline for item in read(text).items] == ["木船重新上漆", "渡口添了一班船", "灯塔换了新灯"]


def test_brackets_directly_behind_a_number_hold_the_headline() -> None:
    text = WHARF.format("", "", "")
    for number, headline in enumerate(["木船重新上漆", "渡口添了一班船", "灯塔换了新灯"], 1):
        text = text.replace(f"{number}. {headline}", f"No.{number}「{headline}」")
    assert [item.headline for item in read(text).items] == ["木船重新上漆", "渡口添了一班船", "灯塔换了新灯"]


@pytest.mark.parametrize("mark", ["◇ ", "- ", "##"])
def test_a_headline_behind_another_mark_below_a_source_begins_an_item(mark: str) -> None:
    usual = "### " if mark == "##" else "◆ "
    blocks = [
        f"{usual}木船重新上漆\n匠人们干了整个冬天，用了四十桶桐油。\n（来源：渔港时报）",
        f"{usual}渡口添了一班船\n末班船改到晚上九点开，周末再加一班。\n（来源：江口新闻）",
        f"{'###' if mark == '##' else mark}灯塔换了新灯，省油一半\n光比从前远三里，灯油省下一半。\n（来源：灯下客）",
        f"{usual}网兜涨价三毛\n麻线贵了，织工也少。\n（来源：渔港时报）",
    ]
    issue = read("码头早报 2026年5月21日\n\n" + "\n\n".join(blocks))
    assert [item.headline for item in issue.items][2] == "灯塔换了新灯，省油一半"
    assert sources(issue) == ["渔港时报", "江口新闻", "灯下客", "渔港时报"]


def test_an_item_whose_number_was_left_out_stays_an_item() -> None:
    text = WHARF.format("\n（渔港时报）", "\n（江口新闻）", "\n（灯下客）").replace("2. 渡口", "渡口")
    more = "\n4. 网兜涨价三毛\n麻线贵了，织工也少。\n（渔港时报）\n\n5. 鱼市改到清早\n天热放不住。\n（江口新闻）\n"
    assert [item.headline for item in read(text + more).items][:3] == ["木船重新上漆", "渡口添了一班船", "灯塔换了新灯"]


def test_two_numbers_that_changed_places_are_two_items_where_they_stand() -> None:
    items = "".join(
        f"#{n} 第{n}号泊位开始夜间作业\n工人分两班，灯亮到天明。\n出处：渔港时报\n" for n in (1, 2, 4, 3, 5)
    )
    headlines = [item.headline for item in read(f"码头晨单 2026.05.21\n\n{items}").items]
    assert headlines == [f"第{n}号泊位开始夜间作业" for n in (1, 2, 4, 3, 5)]


def test_a_number_missing_in_one_section_only_ends_no_section() -> None:
    numbers = ["1.1", "1.2", "2.1", "2.3", "3.1", "3.2", "3.3"]
    text = "码头早报 2026年5月21日\n"
    for number in numbers:
        title = f"\n{number[0]} {'行情人物天气'[2 * int(number[0]) - 2 :][:2]}\n" if number[2] == "1" else ""
        text += f"{title}{number} {number}号泊位开始夜间作业\n工人分两班，灯亮到天明。（渔港时报）\n"
    assert [len(section.items) for section in read(text).sections] == [2, 2, 3]


def test_tens_need_no_sign_where_no_number_has_one() -> None:
    items = "".join(
        f"\n{n:02}\n第{n}号泊位开始夜间作业\n工人分两班，灯亮到天明。\n（来源：渔港时报）\n" for n in range(1, 12)
    )
    assert len([*read(f"码头早报 2026年5月21日\n{items}").items]) == 11


def test_an_aside_in_parentheses_is_no_source_where_all_others_stand_behind_a_stop() -> None:
    text = WHARF.format("（渔港时报）", "（江口新闻）", "（灯下客）")
    text += "\n4. 网兜涨价三毛\n麻线贵了，织工也少。（渔港时报）\n\n5. 夜航恢复\n船票十八元(儿童半价)\n"
    assert sources(read(text)) == ["渔港时报", "江口新闻", "灯下客", "渔港时报", ""]


def test_an_address_in_the_line_below_belongs_to_the_name_above_it() -> None:
    form = "\n🗞 {0}\n🔗 https://{1}.example.com/a"
    issue = read(
        WHARF.format(*(form.format(name, at) for name, at in (("渔港时报", "y"), ("江口新闻", "j"), ("灯下客", "d"))))
    )
    assert [(item.source.name, item.source.url) for item in issue.items if item.source] == [
        ("渔港时报", "https://y.example.com/a"),
        ("江口新闻", "https://j.example.com/a"),
        ("灯下客", "https://d.example.com/a"),
    ]


def test_titles_in_brackets_above_items_are_no_sources_of_the_items_above() -> None:
    text = WHARF.format("", "", "").replace("\n\n", "\n")
    for number, title in enumerate(["船", "渡口", "灯塔"], 1):
        text = text.replace(f"{number}. ", f"【{title}】\n{number}. ")
    issue = read(text)
    assert [section.title for section in issue.sections] == ["船", "渡口", "灯塔"]
    assert sources(issue) == ["", "", ""]


def test_hours_and_counters_alone_below_a_headline_are_of_the_page() -> None:
    names = {
        1: "07:45 来源：渔港时报 浏览 12",
        2: "07:30 浏览 2110",
        3: "07:22 来源：江口新闻 浏览 41",
        4: "07:10 来源：灯下客 浏览 9",
    }
    items = "".join(f"\n第{n}号泊位开始夜间作业\n{name}\n工人分两班，灯亮到天明。\n" for n, name in names.items())
    issue = read(f"首页 > 早报\n码头早报（2026年5月21日）\n{items}")
    assert sources(issue) == ["渔港时报", "", "江口新闻", "灯下客"]


def test_a_lead_means_the_headline_that_shares_a_rare_word_or_its_beginning_with_it() -> None:
    text = WHARF.format("（来源：渔港时报）", "（来源：江口新闻）", "（来源：灯下客）")
    head = "码头早报 2026年5月21日\n今晨：灯塔换新灯 ＊ 渡口末班到九点\n"
    issue = read(text.replace("码头早报 2026年5月21日\n", head))
    assert [item.headline for item in issue.items if item.lead is not None] == ["渡口添了一班船", "灯塔换了新灯"]


def test_a_question_behind_a_letter_names_no_source() -> None:
    text = WHARF.format("\nQ: 谁来付钱？", "\nQ: 几时开船？", "\nQ: 灯有多亮？")
    assert sources(read(text)) == ["", "", ""]


@pytest.mark.parametrize("instead", ["", "◇ "])
@pytest.mark.parametrize("mark", ["«{}» ", "No.{}、", "№{} ", "ⅠⅡⅢⅣ"])
def test_numbers_between_signs_go_from_headlines_though_one_has_none(mark: str, instead: str) -> None:
    names = ["渔港时报", "江口新闻", "灯下客", "渔港时报"]
    headlines = ["木船重新上漆", "渡口添了一班船", "灯塔换了新灯", "网兜涨价三毛"]
    marks = [f"{mark[n]}．" if "Ⅰ" in mark else mark.format(n + 1) for n in range(4)]
    marks[2] = instead
    items = "".join(
        f"{marks[n]}{headlines[n]}\n匠人们干了整个冬天，桐油用了四十桶。\n→ {names[n]}\n\n" for n in range(4)
    )
    issue = read(f"码头早报 2026年5月21日\n\n{items}")
    assert [item.headline for item in issue.items] == headlines
    assert sources(issue) == names
