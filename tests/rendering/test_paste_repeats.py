"""What repeats in a pasted digest decides how its lines are read; where nothing does, nothing is learned."""

from __future__ import annotations

from datetime import date

import pytest

from mailer.errors import SourceError
from mailer.model.issue import Issue
from mailer.rendering import canonical, paste, source

TODAY = date(2026, 5, 25)
ENDS = """Pier News, 21 May 2026

The pier opens again
Boards were laid all winter.
{0}Pier Post{1}

Boats for hire by the hour
An hour costs four coins.
{0}Quay Times{1}

Gulls counted from the tower
There were nine hundred.
{0}Dale Echo{1}
"""


def read(text: str) -> paste.Reading:
    reading = paste.read(text, today=TODAY)
    written = canonical.write(reading.issue)
    assert canonical.unnumbered(source.read(written)) == canonical.unnumbered(reading.issue)
    return reading


def sources(issue: Issue) -> list[str]:
    return [item.source.name if item.source else "" for item in issue.items]


@pytest.mark.parametrize(
    ("before", "behind"),
    [("Told to us by ", ""), ("信源：", ""), ("Reported by: ", ""), ("Read more at ", " →"), ("✒ ", ""), ("", "")],
)
def test_words_that_end_item_after_item_before_a_name_are_its_label(before: str, behind: str) -> None:
    reading = read(ENDS.format(before, behind))
    assert sources(reading.issue) == ["Pier Post", "Quay Times", "Dale Echo"]
    assert [repair.kind for repair in reading.repairs if "source" in repair.message][:1] == ["guess"]


def test_a_label_is_not_learned_from_two_items_nor_from_one_value_or_a_number() -> None:
    two = ENDS[: ENDS.index("Gulls")]
    with pytest.raises(SourceError):
        read(two.format("Told to us by ", ""))
    same = ENDS.replace("Quay Times", "Pier Post").replace("Dale Echo", "Pier Post")
    assert sources(read(same.format("Filed under ", "")).issue) == ["", "", ""]
    priced = ENDS.replace("Pier Post", "12 coins").replace("Quay Times", "4 coins").replace("Dale Echo", "9 coins")
    assert sources(read(priced.format("Costs ", "")).issue) == ["", "", ""]


def test_a_field_before_every_headline_is_a_section_only_where_its_items_stand_together() -> None:
    digest = (
        "港口早报 5月21日\n1. 航运 | 夜航恢复\n每晚两班。\n2. {} | 船票降价\n一张四元。\n3. {} | 码头修缮\n九月完工。\n"
    )
    together = read(digest.format("航运", "工程")).issue
    assert [(section.title, len(section.items)) for section in together.sections] == [("航运", 2), ("工程", 1)]
    apart = read(digest.format("工程", "航运")).issue
    assert [section.title for section in apart.sections] == [""]
    assert next(apart.items).headline == "航运 | 夜航恢复"


def test_lines_whose_items_would_hold_several_sources_are_titles() -> None:
    issue = read(
        "港口早报 5月21日\n\n【航运】\n\n夜航恢复\n每晚两班，周末三班。（海岸日报）\n\n"
        "船票降价\n一张四元，来回七元。（码头周刊）\n\n"
        "【工程】\n\n码头修缮\n九月完工，费用未定。（海岸日报）\n\n【人物】\n\n灯塔守望人退休\n他守了四十年的灯塔。（码头周刊）\n"
    ).issue
    assert [(section.title, len(section.items)) for section in issue.sections] == [
        ("航运", 2),
        ("工程", 1),
        ("人物", 1),
    ]


def test_who_says_most_tells_the_digest_and_not_who_speaks_most_often() -> None:
    chat = (
        "[08:00] Mo: Pier News, 21 May 2026\n1. Boats sold\nThey were old and slow. (Pier Post)\n"
        "2. Gulls counted\nThere were nine hundred. (Dale Echo)\n[08:05] Al: ok\n[08:06] Al: thanks\n[08:07] Al: bye\n"
    )
    reading = read(chat)
    assert sources(reading.issue) == ["Pier Post", "Dale Echo"]
    assert len(reading.unplaced) == 3


@pytest.mark.parametrize(
    "text",
    [
        "1. Boats sold for less than ever before. via @pierpost\n2. Gulls counted from the tower. via @\n"
        "3. Pier open. via @dale\n",
        "<p>21 May</p><ol><li><a href='https://a.example/ b c'>Boats sold</a> (Pier Post)</li>"
        "<li>Gulls (Dale Echo)</li></ol>",
        "21 May\n1. You can ** update it (https://a.example/p)\n2. Gulls (https://a.example/q)\n",
        "Prices  high; wide   gaps\n21 May 2026\n1. Boats sold\n(Pier Post)\n2. Gulls counted\n(Pier Post)\n",
    ],
)
def test_stray_signs_and_blanks_are_written_and_read_again_the_same(text: str) -> None:
    read("Pier News\n" + text if not text.startswith("<") else text)


def test_a_day_without_a_year_is_of_the_year_in_which_it_was_sent() -> None:
    stamped = "Mo 2019-12-31 08:02:11\nPier News 1 January\n1. Boats sold\nThey were slow. (Pier Post)\n"
    stamped += "2. Gulls counted\nThere were many. (Dale Echo)\n"
    assert read(stamped).issue.date == date(2020, 1, 1)


@pytest.mark.parametrize(
    "line",
    [
        "（下转第3版）",
        "（上接头版）",
        "（转A3）",
        "（续三版）",
        "（接第 12 版）",
        "(continued on page 4)",
        "(see p. 12)",
        "(from A1)",
    ],
)
def test_where_a_text_goes_on_is_of_the_printed_page(line: str) -> None:
    reading = read(ENDS.format("(", ")").replace("all winter.\n", f"all winter.\n{line}\n"))
    assert f"number of a page dropped: {line}" in [str(repair) for repair in reading.repairs]
    assert sources(reading.issue) == ["Pier Post", "Quay Times", "Dale Echo"]


@pytest.mark.parametrize(
    ("line", "name"),
    [("（转自灯下客）", "灯下客"), ("（转载自灯下客）", "灯下客"), ("（转自晚报）", "晚报"), ("(from Bob)", "Bob")],
)
def test_who_wrote_it_first_is_no_number_of_a_page(line: str, name: str) -> None:
    first, _, rest = ENDS.partition("{0}Pier Post{1}")
    reading = read(f"{first}{line}{rest}".format("(", ")"))
    assert sources(reading.issue) == [name, "Quay Times", "Dale Echo"]
