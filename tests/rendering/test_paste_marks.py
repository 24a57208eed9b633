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


@pytest.mark.parametrize("form", ["◤{}◢", "＜{}＞", "〓{}〓", "※{}※", "===={}====", "【0{n} {}】", "★★ {} ★★"])
def test_a_section_title_loses_its_ornaments_and_a_number_that_runs_on(form: str) -> None:
    above = {name: form.format(name, n=n) for n, name in enumerate(["行情", "人物"], 1)}
    text = WHARF.format("（来源：渔港时报）", "（来源：江口新闻）", "（来源：灯下客）")
    text = text.replace("1. ", f"{above['行情']}\n1. ").replace("3. ", f"{above['人物']}\n3. ")
    assert [(section.title, len(section.items)) for section in read(text).sections] == [("行情", 2), ("人物", 1)]


@pytest.mark.parametrize("numbers", [("Ⅰ．", "Ⅱ．", "Ⅲ．"), ("A. ", "B．", "C. "), ("NO.1 ", "N0.2 ", "NO.3 ")])
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
