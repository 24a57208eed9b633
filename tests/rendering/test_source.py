"""Issue files: what is read, what is refused and where, and that writing gives the same issue back."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.errors import SourceError
from mailer.model.issue import CallToAction, Issue, Item, Section, Silence, Source
from mailer.rendering import canonical, source

HEAD = "---\nnewsletter: harbour-morning\nnumber: 7\ndate: 2026-05-21\nlang: en\n---\n"


def with_body(body: str) -> Issue:
    return source.read(HEAD + body)


def test_sections_items_leads_and_sources_are_read_with_their_lines() -> None:
    issue = with_body(
        'Hello{{ first_name | ", " }}.\n\n## Shop\n\n### One {lead}\n\nText.\n\nSource: [Post](https://example.com/1)\n'
        '### Two {lead="2"}\n\nMore.\n\n## Web\n### Three\n'
    )
    assert issue.intro == 'Hello{{ first_name | ", " }}.'
    assert [(section.title, section.line) for section in issue.sections] == [("Shop", 9), ("Web", 20)]
    one, two, three = issue.items
    assert one == Item("One", "Text.", Source("Post", "https://example.com/1", 15), "", "en", 11)
    assert (two.lead, two.body, three.body, three.lead, three.line) == ("2", "More.", "", None, 21)
    assert issue.digest_title == "One; 2"
    assert issue.lines == {"newsletter": 2, "number": 3, "date": 4, "lang": 5, "intro": 7}


def test_items_need_no_section() -> None:
    assert [section.title for section in with_body("### One\n\ntext\n\n## Two\n\n### Three\n").sections] == ["", "Two"]


@pytest.mark.parametrize(
    ("ending", "name", "url"),
    [
        ("Source: River Post", "River Post", ""),
        ("source：River Post", "River Post", ""),
        ("via: River Post", "River Post", ""),
        ("来源：江报", "江报", ""),
        ("来源: [江报](https://example.com/a_(b))", "江报", "https://example.com/a_(b)"),
        ("(River Post)", "River Post", ""),
        ("（江报）", "江报", ""),
    ],
)
def test_the_last_line_names_the_source(ending: str, name: str, url: str) -> None:
    item = next(with_body(f"### One\n\nText of it.\n\n{ending}\n").items)
    assert item.body == "Text of it."
    assert item.source is not None
    assert (item.source.name, item.source.url, item.source.line) == (name, url, 11)


@pytest.mark.parametrize(
    ("ending", "name", "url"),
    [
        ("来源：https://www.example.com/1", "example.com", "https://www.example.com/1"),
        (
            "Source: <https://news.example.com:8000/a_(b)?c=d>",
            "news.example.com",
            "https://news.example.com:8000/a_(b)?c=d",
        ),
        ("来源：https://example.com/江报。", "example.com", "https://example.com/江报"),
        ("【来源：HTTP://Example.com】", "example.com", "HTTP://Example.com"),
        ("(https://example.com)", "example.com", "https://example.com"),
        (f"（https://example.com/{'a' * 80}）", "example.com", f"https://example.com/{'a' * 80}"),
    ],
)
def test_a_bare_address_is_a_source_named_by_its_host(ending: str, name: str, url: str) -> None:
    issue = with_body(f"### One\n\nText of it.\n\n{ending}\n")
    (item,) = issue.items
    assert (item.body, item.source) == ("Text of it.", Source(name, url, 11))
    assert canonical.unnumbered(source.read(canonical.write(issue))) == canonical.unnumbered(issue)


def test_an_address_that_leads_elsewhere_than_it_seems_to_is_no_source_by_itself() -> None:
    (item,) = with_body("### One\n\nText of it.\n\nSource: https://example.com:443@other.example/a\n").items
    assert item.source is not None
    assert item.source.url == ""


@pytest.mark.parametrize(
    "ending", ["Source: Post https://example.com", "来源：https://example.com 江报", "Source: https://"]
)
def test_an_address_beside_other_words_is_no_link(ending: str) -> None:
    (item,) = with_body(f"### One\n\nText of it.\n\n{ending}\n").items
    assert item.source is not None
    assert item.source.url == ""


def test_a_parenthesis_after_the_last_sentence_is_the_source() -> None:
    item = next(with_body("### One\n\nText of it. (River Post)\n").items)
    assert (item.body, item.source) == ("Text of it.", Source("River Post", "", 9))


def test_a_parenthesis_inside_a_sentence_is_no_source() -> None:
    item = next(with_body("### One\n\nThree times the price (see table)\n").items)
    assert (item.body, item.source) == ("Three times the price (see table)", None)


def test_a_dash_says_that_there_is_no_source() -> None:
    item = next(with_body("### One\n\nIt closed. (For good)\n\nSource: -\n").items)
    assert (item.body, item.source) == ("It closed. (For good)", None)


def test_the_language_of_an_item_is_found_or_given() -> None:
    issue = with_body('### 支付平台“橘子付”\n### A word\n### Le mot {lang="fr"}\n')
    assert [item.lang for item in issue.items] == ["zh-Hans", "en", "fr"]


def test_a_brace_in_a_headline_is_escaped() -> None:
    item = next(with_body("### Set \\{a, b\\} {lead}\n").items)
    assert (item.headline, item.lead) == ("Set {a, b}", "")


def test_headings_inside_code_are_text() -> None:
    item = next(with_body("### One\n\n```\n## not a section\n```\n").items)
    assert item.body == "```\n## not a section\n```"


def test_the_call_to_action_has_title_text_and_link() -> None:
    issue = with_body("### One\n\n::: cta club\n**Join**\n\nOpen to all.\n\n[Apply](https://example.com/apply)\n:::\n")
    assert issue.cta == CallToAction("club", "Join", "Open to all.", "Apply", "https://example.com/apply", 9)


def test_a_call_to_action_may_be_only_named() -> None:
    text = HEAD.replace("lang: en\n", "lang: en\ncta: club\n") + "### One\n"
    assert source.read(text).cta == CallToAction("club", line=6)


def test_an_issue_without_title_and_leads_is_called_by_its_subject_else_by_name_and_date() -> None:
    text = HEAD.replace("lang: en\n", "lang: en\nsubject: Ferries, merged\n") + "### One\n"
    assert source.read(text).digest_title == "Ferries, merged"
    assert source.read(HEAD + "### One\n").digest_title == source.read(HEAD + "### One\n").newsletter + " 2026-05-21"


def test_everything_wrong_with_what_is_silenced_is_told_on_its_own_line() -> None:
    text = HEAD.replace("lang: en\n", "lang: en\nsilence:\n  I03:\n  Z99: x\n  I05: ours\n  I01: y\n") + "### One\n"
    _, findings = source.examine(text)
    assert [(finding.line, finding.id) for finding in findings] == [(7, "I01"), (8, "I01"), (10, "I01")]


def test_a_rule_is_silenced_with_a_reason() -> None:
    text = HEAD.replace("lang: en\n", "lang: en\nsilence:\n  I03: our own story\n") + "### One\n"
    assert source.read(text).silenced == (Silence("I03", "our own story", 7),)


@pytest.mark.parametrize(
    ("head", "line", "says"),
    [
        ("newslettr: x\ndate: 2026-05-21\nlang: en", 2, "Did you mean 'newsletter'?"),
        ("newsletter: x\nlanguage: en\ndate: 2026-05-21", 3, "Did you mean 'lang'?"),
        ("newsletter: x\ndate: 05-21\nlang: en", 3, "year-month-day"),
        ("newsletter: x\ndate: 2026-02-30\nlang: en", 3, "there is no day"),
        ("newsletter: x\ndate: 2026-05-21", 4, "has no 'lang'"),
        ("newsletter:\ndate: 2026-05-21\nlang: en", 5, "has no 'newsletter'"),
        ("newsletter: x\ndate: 2026-05-21\nlang: english!", 4, "not a language tag"),
        ("newsletter: x\ndate: 2026-05-21\nlang: en\nnumber: seven", 5, "not a whole number"),
        ("newsletter: x\ndate: 2026-05-21\nlang: en\nnumber: No. 12", 5, "Write: number: 12"),
        (f"newsletter: x\ndate: 2026-05-21\nlang: en\nnumber: No. {'1' * 5000}", 5, "for example: number: 214."),
        ("newsletter: x\ndate: 2026-05-21\nlang: en\ntitle: [a]", 5, "one text"),
        ("newsletter: x\nnewsletter: y\ndate: 2026-05-21\nlang: en", 3, "given twice"),
        ("newsletter: x\ndate: 2026-05-21\nlang: en\nsilence:\n  I03:", 6, "without a reason"),
        ("newsletter: x\ndate: 2026-05-21\nlang: en\nsilence:\n  leads: no", 6, "not a rule's id"),
        ("newsletter: x\ndate: 2026-05-21\nlang: en\nsilence:\n  I08: no such rule", 6, "not a rule's id"),
        ("newsletter: x\ndate: 2026-05-21\nlang: en\nsilence:\n  P01: never", 6, "cannot be silenced"),
        ("newsletter: x\ndate: 2026-05-21\nlang: en\nsilence: I03", 5, "must name a rule"),
        ("newsletter: a: b", 2, 'newsletter: "a: b"'),
        ("newsletter: 'x", 2, 'newsletter: "x"'),
        ("newsletter: x\nnumber： 301\ndate: 2026-05-21\nlang: en", 3, "Write: number: 301"),
        ("newsletter：x\ndate：2026-05-21\nlang：en", 2, "Write: newsletter: x"),
        ("newsletter: x\nnumber:301\ndate: 2026-05-21\nlang: en", 3, "Write: number: 301"),
        ("newsletter: x\nsilence：\n  I03: our own\ndate: 2026-05-21\nlang: en", 3, "Write: silence:"),
        ("newsletter: x\nnumber:\u3000301\ndate: 2026-05-21\nlang: en", 3, "Write: number: 301"),
        ("newsletter: x\nnumber:\u00a0301\ndate: 2026-05-21\nlang: en", 3, "Write: number: 301"),
        ("newsletter: x\n\tnumber: 301\ndate: 2026-05-21\nlang: en", 3, "a tab"),
        ("newsletter: x\nnumber:\t301\ndate: 2026-05-21\nlang: en", 3, "a tab"),
        ("newsletter: x\nsilence:\n\tI03: our own story\ndate: 2026-05-21", 4, "a tab"),
        ("newsletter: x\n number: 301\ndate: 2026-05-21\nlang: en", 3, "Begin the line with the key"),
        ("newsletter: x\ntitle: “Big: a sale”\ndate: 2026-05-21", 3, 'title: "Big: a sale"'),
        ('newsletter: x\ntitle: "Big" sale\ndate: 2026-05-21', 3, 'title: "\\"Big\\" sale"'),
        ("newsletter: x\ntitle: @all\ndate: 2026-05-21", 3, 'title: "@all"'),
        ("newsletter: x\ntags: [a, b\ndate: 2026-05-21\nlang: en", 3, "is not closed"),
        ("newsletter: x\nand a sentence\ndate: 2026-05-21\nlang: en", 3, "no `key: value`"),
        ("newsletter: x\ntitle: #1 in town\ndate: 2026-05-21\nlang: en", 3, "'#1 in town' is left out"),
        ("newsletter: x\npreheader: We are #1 now\ndate: 2026-05-21\nlang: en", 3, "'#1 now' is left out"),
        ("newsletter: x\n期号: 301\ndate: 2026-05-21\nlang: en", 3, "Did you mean 'number'?"),
        ("newsletter: x\nnumber: 第３０１期\ndate: 2026-05-21\nlang: en", 3, "Write: number: 301"),
        ("newsletter: x\ndate: 2026年5月21日\nlang: en", 3, "date: 2026-05-21"),
        ("newsletter: x\ndate: 2026/5/21\nlang: en", 3, "date: 2026-05-21"),
        ("newsletter: x\ndate: 2026-05-21\nlang: cn", 4, "Did you mean 'zh-Hans'?"),
        ("newsletter: x\ndate: 2026-05-21\nlang: zh_CN", 4, "Did you mean 'zh-CN'?"),
        ("newsletter: x\ndate: 2026-05-21\nlang: en\ntags: 【电商，早报】", 5, "full-width"),
        ("", 2, "is empty"),
        ("- a", 2, "`key: value`"),
        ("a: &a [*a]", 2, "unknown front matter key"),
        ("a: " + "[" * 3000, 2, "front matter"),
    ],
)
def test_a_mistake_in_the_front_matter_names_its_line_and_a_way_out(head: str, line: int, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        source.read(f"---\n{head}\n---\n### One\n", "today.md")
    assert caught.value.where == f"today.md:{line}"
    assert says in caught.value.message


def test_every_slip_of_the_front_matter_is_told_at_once_and_what_is_in_order_is_not() -> None:
    head = (
        'newsletter: x\nnumber:301\ndate：2026-05-21\npreheader: "One\n  two: three"\nsilence:\n  I03: our own\n'
        "tags: [a,\n  b]\n\tlang: en"
    )
    _, findings = source.examine(f"---\n{head}\n---\n### One\n")
    assert [finding.line for finding in findings] == [3, 4, 11]


def test_a_comment_behind_a_number_or_in_a_line_of_its_own_loses_nothing() -> None:
    head = "# ours\nnewsletter: x\nnumber: 7 # the seventh\ndate: 2026-05-21 # Thursday\nlang: en\ntitle: C#"
    made = source.read(f"---\n{head}\n---\n### One\n")
    assert (made.number, made.title) == (7, "C#")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("－－－\nnewsletter: x\n－－－\n", 1, "three plain dashes"),
        ("--\nnewsletter: x\n---\n", 1, "three plain dashes"),
        ("---\nnewsletter: x\n———\n### One\n", 3, "not closed"),
    ],
)
def test_dashes_that_are_none_are_named(text: str, line: int, says: str) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        source.read(text)
    assert caught.value.where == f"issue:{line}"


@pytest.mark.parametrize(
    "written", ["（来源：海岸日报）", "(来源: 海岸日报)", "【来源：海岸日报】", "[来源：海岸日报]", "来源：海岸日报"]
)
def test_a_source_in_brackets_is_named_without_its_label(written: str) -> None:
    (item,) = with_body(f"### One\n\nIt opened.\n\n{written}\n").items
    assert (item.body, item.source and item.source.name) == ("It opened.", "海岸日报")
    (item,) = with_body("### One\n\n昨天开业。（来源：海岸日报）\n").items
    assert (item.body, item.source and item.source.name) == ("昨天开业。", "海岸日报")


def test_signs_that_close_a_heading_are_no_part_of_it() -> None:
    made = with_body("## Shops ##\n\n### One ###\n\n### C #\\#\n\n### F# {lead}\n")
    assert (made.sections[0].title, [item.headline for item in made.items]) == ("Shops", ["One", "C ##", "F#"])
    assert canonical.unnumbered(source.read(canonical.write(made))) == canonical.unnumbered(made)


def test_quotes_around_a_lead_that_are_not_straight_are_refused() -> None:
    with pytest.raises(SourceError, match=r'Write: \{lead="short"\}'):
        with_body("### One {lead=“short”}\n\nSource: P\n")


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        ("", 7, "no items"),
        ("## Section\n", 8, "no items"),
        ("# Title\n### One\n", 7, "front matter as `title:`"),
        ("## \n### One\n", 7, "empty section title"),
        ("### \n", 7, "empty headline"),
        ("## A\ntext\n### One\n", 8, "belongs to no item"),
        ("### One {leed}\n", 7, "no attribute"),
        ("### One {lang}\n", 7, "no attribute"),
        ('### One {lang="!"}\n', 7, "not a language tag"),
        ("### One\n::: cta club\ntext\n", 8, "not closed"),
        ("### One\n::: box\n:::\n", 8, "unknown block 'box'"),
        ("### One\n:::\n### Two\n", 8, "closes nothing"),
        ("### One\n::: cta a\n:::\n::: cta b\n:::\n", 10, "second call to action"),
        ("### One\n::: cta a\n:::\nlost\n", 10, "belongs to no item"),
        ("### One\n```\ntext\n", 8, "not closed"),
        ("### One\na\x00b\n", 8, "U+0000"),
    ],
)
def test_a_mistake_in_the_text_names_its_line_and_a_way_out(body: str, line: int, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        with_body(body)
    assert (caught.value.where, says in caught.value.message) == (f"issue:{line}", True)


def test_that_a_story_is_ones_own_is_kept() -> None:
    text = canonical.write(with_body("### One\n\nIt closed.\n\nSource: -\n"))
    assert text.endswith("It closed.\n\nSource: -\n")
    assert canonical.write(source.read(text)) == text


def test_what_is_no_issue_file_points_to_the_importer() -> None:
    with pytest.raises(SourceError, match="mailer issue import"):
        source.read("1. One\ntext\n")


def test_all_mistakes_are_found_at_once() -> None:
    _, findings = source.examine("---\nnewslettr: x\ndate: 5-21\nlang: en\n---\n# a\n### b {c}\n")
    assert [finding.line for finding in sorted(findings)] == [2, 3, 5, 6, 7]


def test_a_file_too_long_for_any_inbox_is_refused_at_once() -> None:
    with pytest.raises(SourceError, match="5,000,"):
        source.read(HEAD + "x" * 5_000_000)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    text = HEAD + "### One\n\ntext\n"
    assert source.read("\ufeff" + text.replace("\n", "\r\n")) == source.read(text)


def test_writing_a_written_issue_changes_nothing() -> None:
    text = (
        "---\nnewsletter: 老港早报\nnumber: 7\ndate: 2026-05-21\nlang: zh-Hans\ntitle: auto\n"
        'preheader: "三件事: 一是"\ntemplate: digest\ncta: club\ntags: [电商, "a, b"]\n---\n\n早上好。\n\n## 快讯\n\n'
        '### 甲 {lead="乙" lang="ja"}\n\n文。\n\n来源：[江报](https://example.com/1)\n\n'
        "::: cta club\n**加入**\n\n[申请]()\n:::\n"
    )
    assert canonical.write(source.read(text)) == text


words = (
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30)
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: not source._control_characters([text]))
)
named = words.filter(bool)
prose = st.lists(named, max_size=3).map("\n\n".join).filter(lambda text: "```" not in text and "~~~" not in text)
urls = st.sampled_from(["", "https://example.com/a?b=1&c=2", "https://example.com/(x)"])
sources = st.none() | st.builds(Source, named.filter(lambda name: name != "-" and "](" not in name), urls)
items = st.builds(
    Item, named, prose, sources, st.none() | st.just("") | words, st.sampled_from(["en", "zh-Hans", "ja"])
)
sections = st.lists(
    st.builds(Section, named, st.lists(items, min_size=1, max_size=3).map(tuple)), min_size=1, max_size=3
)
issues = st.builds(
    Issue,
    newsletter=named,
    date=st.dates(date(2000, 1, 1), date(2099, 1, 1)),
    lang=st.sampled_from(["en", "zh-Hans"]),
    number=st.none() | st.integers(0, 9999),
    title=words.filter(lambda title: title != "auto"),
    preheader=words,
    tags=st.lists(words.map(lambda tag: tag.replace(",", "")).map(str.strip).filter(bool), unique=True).map(tuple),
    sections=sections.map(tuple),
    silenced=st.just(()) | st.builds(Silence, st.just("I03"), named.filter(lambda t: t != "~")).map(lambda s: (s,)),
)


@given(issues)
@settings(max_examples=60, deadline=None)
def test_what_is_written_reads_back_the_same(issue: Issue) -> None:
    text = canonical.write(issue)
    again = source.read(text)
    assert canonical.write(again) == text
    for one, other in zip(issue.items, again.items, strict=True):
        assert (one.headline, one.lead, one.lang) == (other.headline, other.lead, other.lang)
        assert (one.source is None) == (other.source is None)
    assert (again.newsletter, again.title, again.tags) == (issue.newsletter, issue.title, issue.tags)


@given(st.text(max_size=200) | st.text("#:{}\\\"'\n -lead=`~[]()：来源.", max_size=120).map(lambda text: HEAD + text))
@settings(max_examples=200, deadline=None)
def test_reading_any_text_gives_an_issue_or_a_source_error(text: str) -> None:
    with suppress(SourceError):
        issue = source.read(text)
        assert canonical.unnumbered(source.read(canonical.write(issue))) == canonical.unnumbered(issue)
