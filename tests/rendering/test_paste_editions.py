"""A paste with every item in two languages: both are kept until one is asked for."""

from __future__ import annotations

from datetime import date

import pytest

from mailer.rendering import paste

TODAY = date(2026, 5, 25)
IN_TURN = """码头双语早报 Quay Daily
2026年5月21日
1. 渡轮加开夜班
末班改为零点。
（码头报）
1. Ferry adds a night sailing
The last one leaves at midnight.
(Dock Post)
2. 起重机换了新钩
旧钩用了三十年。
（码头报）
2. Crane gets a new hook
The old one served for thirty years.
(Dock Post)
"""
BEHIND = """码头双语早报 Quay Daily
2026年5月21日

一、航运
1. 渡轮加开夜班
末班改为零点。（码头报）
二、机械
2. 起重机换了新钩
旧钩用了三十年。（码头报）

=== English ===

I. Shipping
1. Ferry adds a night sailing
The last one leaves at midnight. (Dock Post)
II. Machines
2. Crane gets a new hook
The old one served for thirty years. (Dock Post)
"""
CHINESE = ["渡轮加开夜班", "起重机换了新钩"]
ENGLISH = ["Ferry adds a night sailing", "Crane gets a new hook"]


@pytest.mark.parametrize("text", [IN_TURN, BEHIND])
def test_without_a_word_both_stay_and_the_report_says_how_to_read_one(text: str) -> None:
    reading = paste.read(text, today=TODAY)
    assert sorted(item.headline for item in reading.issue.items) == sorted([*CHINESE, *ENGLISH])
    assert [str(repair) for repair in reading.repairs if repair.kind == "editions"] == [
        "every item is there in two languages; both are kept: import again with --lang zh or --lang en"
    ]


@pytest.mark.parametrize("text", [IN_TURN, BEHIND])
@pytest.mark.parametrize(("lang", "headlines"), [("zh", CHINESE), ("zh-Hans", CHINESE), ("en", ENGLISH)])
def test_the_wanted_language_is_read_and_every_line_of_the_other_reported(
    text: str, lang: str, headlines: list[str]
) -> None:
    reading = paste.read(text, today=TODAY, lang=lang)
    issue = reading.issue
    assert [item.headline for item in issue.items] == headlines
    assert {item.source.name for item in issue.items if item.source} == {"码头报" if lang[:2] == "zh" else "Dock Post"}
    assert issue.lang[:2] == lang[:2]
    others = [line for line in text.splitlines() for words in {*CHINESE, *ENGLISH} - {*headlines} if words in line]
    assert {*others} <= {line.text for line in reading.unplaced}
    assert all(section.items for section in issue.sections)


def test_a_digest_in_one_language_is_not_touched_by_the_wish_for_another() -> None:
    text = "Quay Daily, 21 May 2026\n1. One\nText of one. (Dock Post)\n2. Two\nText of two. (Dock Post)\n"
    assert paste.read(text, today=TODAY, lang="zh").issue == paste.read(text, today=TODAY).issue
