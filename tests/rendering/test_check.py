"""Check rules on the text of an issue: each found where it is, and none on normal news."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.rendering import check, registry, source
from mailer.rendering.finding import Finding

HEAD = "---\nnewsletter: harbour\nnumber: 7\ndate: 2026-05-21\nlang: {lang}\n{more}---\n"
NORMAL = "### One {lead}\n\nIt opened on Monday.\n\nSource: Post\n\n"


def found(body: str, *, lang: str = "en", more: str = "", **options: object) -> list[Finding]:
    text = HEAD.format(lang=lang, more=more) + body
    return check.check_issue(source.read(text), text, **options)  # type: ignore[arg-type]


def ids(body: str, **options: object) -> list[tuple[str, str, int]]:
    return [(finding.id, finding.level, finding.line) for finding in found(body, **options)]  # type: ignore[arg-type]


def test_normal_news_has_no_finding() -> None:
    body = (
        'Hello{{ first_name | ", " }}.\n\n## Shops\n\n'
        + NORMAL
        + "### R&D at Acme Ltd.\n\n3 < 4.\n\nSource: [B](https://example.com/b)\n"
    )
    assert found(body) == []


def test_an_item_without_source_or_an_http_link_is_a_warning_only() -> None:
    assert ids("### One {lead}\n\n[x](http://example.com)\n") == [("I03", "warning", 7), ("L02", "warning", 9)]


def test_an_address_that_is_a_link_or_code_is_none_of_the_bare_ones() -> None:
    written = "<https://x.example/a>, [https://x.example/b](https://x.example/b) and `https://x.example/c`"
    assert found(NORMAL.replace("Monday", written)) == []


def test_a_story_of_ones_own_says_so() -> None:
    assert ids("### One {lead}\n\nIt opened. (For good)\n\nSource: -\n") == []


def test_a_table_is_told_at_its_first_line_but_not_in_code() -> None:
    table = "| a | b |\n|---|:-:|\n| 1 | 2 |\n"
    body = NORMAL.replace("It opened", "It opened.\n\nSee:\n" + table + "\nIt opened")
    assert ids(body) == [("I23", "warning", 12)]
    assert ids(NORMAL.replace("It opened", "```\n" + table + "```\nIt opened")) == []
    assert ids(NORMAL.replace("It opened", "a | b\n\n---\n\nIt opened")) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (NORMAL.replace("Monday", "Monday\nat https://x.example/a"), ("L10", "warning", 10)),
        (NORMAL + "### Two ends.\n\nSource: Post\n", ("I05", "warning", 13)),
        (NORMAL + "### 2. Two\n\nSource: Post\n", ("I16", "warning", 13)),
        (
            NORMAL + "### Ferries run again\n\nSource: P\n\n### Ferries run again!\n\nSource: P\n",
            ("I06", "warning", 17),
        ),
        (
            NORMAL + "### Ferries run again.\n\nSource: P\n\n### 2. Ferries runs again\n\nSource: P\n",
            ("I06", "warning", 17),
        ),
        (NORMAL + "## TODO section\n\n### Two\n\nSource: Post\n", ("I09", "error", 13)),
        (NORMAL + "## 平台,快讯\n\n### Two\n\nSource: Post\n", ("I12", "warning", 13)),
        (NORMAL.replace("It opened", '"It" opened') + "### “Two”\n\nSource: Post\n", ("I13", "warning", 13)),
        (NORMAL.replace(" {lead}", ""), ("I07", "warning", 1)),
        (NORMAL + f"### {'ferry ' * 15} {{lead}}\n\nSource: P\n", ("I07", "warning", 13)),
        (NORMAL + "### 支付平台“橘子付”上线\n\nSource: P\n", ("I15", "warning", 13)),
        (NORMAL + "::: cta club\n**Join**\n\n[Join us 🎉](https://example.com)\n:::\n", ("I14", "warning", 13)),
        (NORMAL.replace("Monday", "TODO"), ("I09", "error", 9)),
        (NORMAL.replace("Monday", "[NAME]"), ("I09", "error", 9)),
        (NORMAL.replace("Source: Post", "Source: TODO"), ("I09", "error", 11)),
        (NORMAL.replace("{lead}", '{lead="TODO"}'), ("I09", "error", 7)),
        (NORMAL.replace("Source: Post", "Source: <script>x</script>"), ("I10", "error", 11)),
        (NORMAL + "::: cta club\n**Join**\n\n[TODO](https://example.com)\n:::\n", ("I09", "error", 13)),
        (NORMAL.replace("Monday", "< a> Monday"), ("I10", "error", 9)),
        (NORMAL.replace("Monday", "<b>Monday</b>"), ("I10", "error", 9)),
        (NORMAL.replace("Monday", "Monday <!-- ask Bob -->"), ("I10", "error", 9)),
        (NORMAL.replace("Monday.", "Monday.\n\n<!--\nask Bob\n-->"), ("I10", "error", 11)),
        (NORMAL.replace("Monday.", "Monday.\n,"), ("I10", "error", 10)),
        (NORMAL.replace("It opened", "** It** opened"), ("I11", "warning", 9)),
        (NORMAL.replace("It opened", "第一点：\n1、甲\n2、乙"), ("I25", "warning", 10)),
        (NORMAL.replace("It opened", "1.甲\n2.乙"), ("I25", "warning", 10)),
        (NORMAL.replace("It opened", "见：\n\n· 甲\n· 乙"), ("I25", "warning", 12)),
        (NORMAL.replace("Monday", "Monday\n\n```\nint __user;\n```\n\n** It** runs"), ("I11", "warning", 15)),
        (NORMAL.replace("Monday", "~~Monday~~ Tuesday"), ("I11", "warning", 9)),
        (NORMAL.replace("Monday", "Monday\nand **now**,\n==Tuesday=="), ("I11", "warning", 11)),
        (NORMAL.replace("Monday", "Monday[^1]"), ("I11", "warning", 9)),
        (NORMAL.replace("It opened", "- [ ] It opened"), ("I11", "warning", 9)),
        (NORMAL.replace("It opened", '"It" “opened”'), ("I13", "warning", 9)),
        (NORMAL.replace("It opened", 'It\nopened. "One"\nand\n“two”'), ("I13", "warning", 12)),
        (NORMAL + "### **Two** ferries\n\nSource: P\n", ("I11", "warning", 13)),
        (NORMAL + "### The `two` ferries\n\nSource: P\n", ("I11", "warning", 13)),
        (NORMAL + "## [Two](https://x.example) ferries\n\n### A\n\nSource: P\n", ("I11", "warning", 13)),
        (NORMAL + "::: cta club\n**Join**\n\n[Apply](ftp://example.com)\n:::\n", ("I14", "error", 13)),
        (NORMAL + "::: cta club\n**Join**\n\n[Click here](https://example.com)\n:::\n", ("I14", "warning", 13)),
        (NORMAL.replace("Monday", "[x](javascript:alert)"), ("L01", "error", 9)),
        (NORMAL.replace("Monday", "[x]()"), ("L01", "error", 9)),
        (NORMAL.replace("Monday", "[x](/page)"), ("L01", "error", 9)),
        (NORMAL.replace("Monday", "![x](data:image/png;base64,AA)"), ("L01", "error", 9)),
        (NORMAL.replace("Monday", "[x](https://)"), ("L01", "error", 9)),
        (NORMAL.replace("Source: Post", "Source: [Post](javascript:alert)"), ("L01", "error", 11)),
        (NORMAL.replace("Monday", "[x](https://例子.test/)"), ("L03", "warning", 9)),
        (NORMAL.replace("Monday", "[bank.example](https://other.example/)"), ("L05", "warning", 9)),
        (NORMAL.replace("Monday", "[x](https://bit.ly/abc)"), ("L06", "warning", 9)),
        (NORMAL.replace("Monday", "[x](#top)"), ("L07", "warning", 9)),
        (NORMAL.replace("Monday", "{{ frist_name }}"), ("P01", "error", 9)),
        (NORMAL.replace("Monday", "{{ first_name }}"), ("P02", "error", 9)),
        (NORMAL.replace("Monday", "<https://{{ email }}/x>"), ("P03", "error", 9)),
        (NORMAL.replace("### One", "### One {{ email }}"), ("P01", "error", 7)),
        (NORMAL.replace("### One", '### One {lead="For {{ email }}"}'), ("P01", "error", 7)),
    ],
)
def test_a_rule_finds_its_line(body: str, expected: tuple[str, str, int]) -> None:
    assert [finding for finding in ids(body) if finding[0] == expected[0]] == [expected]


@pytest.mark.parametrize(
    ("written", "line", "fix"),
    [
        ("###无空格的标题", 9, "### 无空格的标题"),
        ("##人物", 9, "## 人物"),
        ("###学习C#", 9, "### 学习C#"),
        ("＃＃＃ 全角的标题", 9, "### 全角的标题"),
        ("###\u3000全角空格", 9, "### 全角空格"),
        ("###\u00a0Hard blank", 9, "### Hard blank"),
        ("：：： cta club", 9, "Write: ::: cta NAME"),
        (":: cta club", 9, "Write: ::: cta NAME"),
        ("你好｛｛ first_name ｝｝。", 9, "Write: {{ first_name }}"),
        ("{% if name %}Hello{% endif %}", 9, "Merge tags are"),
        ("Hello *|FNAME|*.", 9, "Merge tags are"),
        ("See [the report](https://x.example/a", 9, "Write: [the report](https://x.example/a)"),
        ("See [the report](https://x.example/a的报道，明天", 9, "Write: [the report](https://x.example/a)"),
        ("见[报道]（https://x.example/a）。", 9, "Write: [报道](https://x.example/a)"),
        ("![Cranes](crane.png", 9, "Write: ![Cranes](crane.png)"),
    ],
)
def test_what_is_nearly_a_mark_of_the_file_is_an_error_with_the_right_form(written: str, line: int, fix: str) -> None:
    mine = [each for each in found(NORMAL.replace("It opened on Monday.", written)) if each.id == "I24"]
    assert [(each.level, each.line) for each in mine][:1] == [("error", line)]
    assert fix in mine[0].fix


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("{lead}", "｛lead｝", 7),
        ("{lead}", "{lead", 7),
        ("{lead}", '{lead="x"} now', 7),
        ("Source: Post", "Source: [Post](https://x.example/a", 11),
        ("Source: Post", "Source: [Post]（https://x.example/a）", 11),
        ("Source: Post", "来源：[海岸日报（https://x.example/a）", 11),
        ("Source: Post", "来源：https://x.example/a 海岸日报", 11),
        ("Source: Post", "来源：海岸日报 https://x.example/a", 11),
        ("Source: Post", "Source: Coast Daily (https://x.example/a)", 11),
        ("Source: Post", "来源：[甲](https://x.example/a) [乙](https://x.example/b)", 11),
    ],
)
def test_a_lead_or_source_that_would_be_shown_as_written_is_an_error(old: str, new: str, line: int) -> None:
    assert ("I24", "error", line) in ids(NORMAL.replace(old, new))


@pytest.mark.parametrize(
    "written",
    [
        "#双十二# 又到了，##双十二## 也是。",
        "##双十二##",
        "##双十二## 又到了",
        "#1 in the shops",
        '[x](https://x.example/a_(b)) and [y](https://x.example/b "title") [z](<https://x.example/c>).',
        "[![A parcel](https://x.example/p.png){width=9}](https://x.example/p)",
        "`{% if name %}` and `##x`",
        "```\n##x\n{% y %}\n```",
        "[a note (https://x.example/a)] stands here.",
        "甲  \n1、乙\\\n2、丙\n\n1. 丁\n2. 戊",
        "在\n2026年，5.2亿元\n2.5亿元",
        "`a==1 and b==2`, a==1 and b==2",
        "5*|3| is no tag, ${5} neither, :: nor this.",
    ],
)
def test_what_only_resembles_a_mark_is_left_alone(written: str) -> None:
    assert [
        each for each in found(NORMAL.replace("It opened on Monday.", written)) if each.id in ("I11", "I24", "I25")
    ] == []


@pytest.mark.parametrize("key", ["title", "subject"])
def test_a_merge_tag_in_title_or_subject_is_found_on_its_line(key: str) -> None:
    assert ids(NORMAL, more=f"{key}: For {{{{ first_name }}}}\n") == [("P01", "error", 6)]


@pytest.mark.parametrize("size", [" {width=40}", "{width=50%}", "{ width = 40 }", "{width=40", "｛width=40｝"])
def test_a_picture_s_width_that_would_be_shown_is_found(size: str) -> None:
    written = f"Here:\n![A crane](https://x.example/crane.png){size}"
    assert ("I24", "error", 10) in ids(NORMAL.replace("Monday", written))


@pytest.mark.parametrize("size", ["{width=40}", '{width="40"}', "{.x width=40}"])
def test_a_picture_s_width_is_taken(size: str) -> None:
    written = f"![A crane](https://x.example/crane.png){size} and `{{ width = 3 }}`"
    assert ids(NORMAL.replace("Monday", written)) == [("I21", "warning", 9)]


@pytest.mark.parametrize("headline", ["M*A*S*H is back", "5 * 3 * 2", "A [sic] letter (again)", "snake__case and x__y"])
def test_a_headline_may_hold_signs_that_mark_nothing(headline: str) -> None:
    assert found(NORMAL.replace("Ferries run again", headline)) == []


def test_an_english_quotation_in_a_chinese_issue_keeps_its_own_quotes() -> None:
    body = '### 渡口“重开” {lead}\n\nThe office said "ferries run again".\n\n来源：江报\n'
    assert ids(body, lang="zh-Hans") == []


@pytest.mark.parametrize("address", ["(https://x.example/?n={{ %s }})", "(<https://x.example/?n={{ %s }}>)"])
def test_a_merge_tag_may_stand_in_the_address_of_a_link(address: str) -> None:
    written = "[your page]" + address % 'name ?? "no body"'
    assert ids(NORMAL.replace("Monday", written)) == []
    assert ids(NORMAL.replace("Monday", written.replace("https:", "http:"))) == [("L02", "warning", 9)]


def test_half_width_punctuation_between_chinese_letters_is_found() -> None:
    body = "### 一季度新开小店 {lead}\n\n湖北,广西居前。\n\n来源：江报\n"
    assert ids(body, lang="zh-Hans") == [("I12", "warning", 9)]


def test_a_subject_too_wide_is_found_with_chinese_counted_double() -> None:
    assert ids(NORMAL, more=f"subject: {'字' * 45}\n") == []
    assert ids(NORMAL, more=f"subject: {'字' * 46}\n") == [("I07", "warning", 6)]


def test_a_silenced_rule_is_left_out_and_no_other() -> None:
    body = NORMAL.replace("Source: Post\n", "").replace("Monday", "{{ x }}")
    assert ids(body, more="silence:\n  I03: our own\n") == [("P01", "error", 11)]


def test_what_stands_in_for_a_text_is_found_in_capitals_too() -> None:
    assert ("I09", "error", 9) in ids(NORMAL.replace("Monday", "Lorem ipsum"))


SOURCES = registry.read(
    "Coast Daily:\n  zh: 海岸日报\n  aliases: [coast-daily.example]\n  url: https://coast.example.com\n", "sources.yaml"
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Coast Daily", []),
        ("海岸日报", []),
        ("coast-daily.example", ["I04"]),
        ("https://coast.example.com/1", ["I04"]),
        ("Other Post", ["I04"]),
    ],
)
def test_a_source_is_looked_up_in_the_table(name: str, expected: list[str]) -> None:
    findings = found(NORMAL.replace("Source: Post", f"Source: {name}"), known_sources=SOURCES)
    assert [finding.id for finding in findings] == expected


def test_a_source_named_by_its_host_is_known_by_its_home_page() -> None:
    table = registry.read("Coast Daily:\n  url: https://www.coast.example.com/news\n", "sources.yaml")
    assert table.find("coast.example.com") == table.find("Coast Daily")
    assert table.find("other.example.com") is None


def test_one_company_under_two_spellings_is_found() -> None:
    glossary = registry.read("Walmart:\n  zh: 沃尔玛\n  aliases: [Wal-Mart]\n", "glossary.yaml")
    assert ids(NORMAL.replace("Monday", "Monday at Wal-Mart"), glossary=glossary) == [("I17", "warning", 9)]
    later = NORMAL.replace("Monday", "Monday, [they](https://wal.example/Wal-Mart) say:\n\n- at Wal-Mart")
    assert ids(later, glossary=glossary) == [("I17", "warning", 11)]


def test_a_missing_translation_is_found() -> None:
    sister = source.read(HEAD.format(lang="zh-Hans", more="") + "### 一\n\n### 二\n")
    text = NORMAL
    assert ids(text, sisters={"today.zh.md": sister}) == [("I18", "warning", 5)]


def test_editions_of_two_numbers_are_an_error() -> None:
    sister = source.read(HEAD.format(lang="zh-Hans", more="").replace("number: 7", "number: 8") + "### 一\n")
    assert ids(NORMAL, sisters={"today.zh.md": sister}) == [("I19", "error", 3)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [b", 1),
        ("- a\n", 1),
        ("A:\n  colour: red\n", 2),
        ("A: text\n", 1),
        ("A:\n  zh: [a]\n", 2),
        ("A:\n\nB:\n  aliases: [a]\n", 3),
        ("Coast Daily：\n  zh: 海岸日报\n", 1),
        ("Coast Daily:\n  zh：海岸日报\n  aliases: [a]\n", 2),
        ("Coast Daily:\n\tzh: 海岸日报\n", 2),
    ],
)
def test_a_broken_table_of_names_says_where(text: str, line: int) -> None:
    from mailer.errors import SourceError

    with pytest.raises(SourceError) as caught:
        registry.read(text, "sources.yaml")
    assert caught.value.where == f"sources.yaml:{line}"


def test_sister_editions_lie_beside_each_other(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    for name in ("a.en.md", "a.zh.md", "b.zh.md", "a.md", "a.zh-Hant.md"):
        (folder / name).touch()
    assert [path.name for path in source.sisters(folder / "a.en.md")] == ["a.zh-Hant.md", "a.zh.md"]
    assert source.sisters(folder / "a.md") == []
    assert source.sisters(Path("-")) == []


def test_noncharacters_are_errors_and_unassigned_ones_warnings() -> None:
    _, found = check.check_text(HEAD.format(lang="en", more="") + NORMAL.replace("Monday", "Mon\U0010ffffday"))
    assert [(each.id, each.level) for each in found] == [("I10", "error")]
    assert ids(NORMAL.replace("Monday", "Mon\u0378day")) == [("I10", "warning", 9)]
    assert ids(NORMAL.replace("Monday", "Mon\ue000day")) == [("I10", "warning", 9)]


def test_a_finding_shows_nothing_that_turns_the_line_it_stands_in() -> None:
    text = HEAD.format(lang="zh", more="title: 早: \u202e报\n") + "### One\n\n###\u3000甲\u202e乙\x1b[31m\n"
    _, findings = source.examine(text)
    assert findings
    assert all((finding.message + finding.fix).isprintable() for finding in findings)


PIECES = [
    *"：: \t\u3000\xa0“”\"'[]{}#-\n@|>&*%!甲｛（）`\\",
    *("newsletter", "number", "silence", "title", "I03", "2026-05-21", "---", "\n  ", "## ", "###", "{lead", "]("),
    *("![", "：：： cta", "::: cta", "<!--", "来源：", "Source: ", "**", "{{ ", "}}", "https://x.example/y", "a.png"),
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.booleans())
@settings(max_examples=400, deadline=None)
def test_no_slip_of_the_pen_is_more_than_findings(written: str, in_head: bool) -> None:
    text = f"---\n{written}\n---\n### One\n" if in_head else HEAD.format(lang="zh", more="") + f"### One\n{written}\n"
    made, findings = source.examine(text)
    if made is not None:
        findings += check.check_issue(made, text)
    assert all(1 <= finding.line <= text.count("\n") + 1 for finding in findings)
