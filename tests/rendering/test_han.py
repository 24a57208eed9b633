"""Numbers in Han signs, wherever a pasted digest has them: before its items, in its date, in its number."""

from __future__ import annotations

from datetime import date

import pytest

from mailer.rendering import paste
from mailer.rendering.paste import han


@pytest.mark.parametrize(
    ("written", "number"),
    [
        *zip("〇零一二三四五六七八九十廿卅百千", (0, 0, *range(1, 11), 20, 30, 100, 1000), strict=True),
        *[("十一", 11), ("二十", 20), ("九十九", 99), ("廿三", 23), ("卅一", 31)],
        *[
            ("一百", 100),
            ("一百零八", 108),
            ("一百一十", 110),
            ("三百二十五", 325),
            ("一千〇一", 1001),
            ("二千零二十六", 2026),
        ],
        *[("", 0), ("一二", 0), ("十十", 0), ("二〇二六", 0), ("百二千", 0), ("甲", 0), ("7", 0)],
    ],
)
def test_a_number_is_read_by_its_places(written: str, number: int) -> None:
    assert han.number(written) == number


@pytest.mark.parametrize(
    ("written", "number"), [("二〇二六", 2026), ("一二零", 120), ("〇三", 3), ("二十", 0), ("", 0)]
)
def test_a_number_is_read_figure_by_figure(written: str, number: int) -> None:
    assert han.figures(written) == number


@pytest.mark.parametrize(
    ("written", "number"), [("一百二十", 120), ("一二〇", 120), ("廿三", None), ("百", 100), ("三十", 30)]
)
def test_the_number_of_an_issue_and_its_day_may_be_in_han_signs(written: str, number: int | None) -> None:
    head = f"码头早报 第{written}期\n二〇二六年五月廿一日\n"
    issue = paste.read(
        f"{head}一、渡轮出售\n两艘。（码头报）\n二、大桥通车\n周一。（码头报）\n", today=date(2026, 5, 25)
    ).issue
    assert (issue.date, issue.number) == (date(2026, 5, 21), number)
    assert [item.headline for item in issue.items] == ["渡轮出售", "大桥通车"]
