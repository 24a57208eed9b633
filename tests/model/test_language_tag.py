"""Language tags, however people write them."""

import pytest

from mailer.model.language_tag import canonical, is_tag, primary, read, same


@pytest.mark.parametrize(
    ("written", "tag"),
    [("ZH_cn", "zh-CN"), (" zh-hans-cn", "zh-Hans-CN"), ("EN", "en"), ("de-1996", "de-1996"), ("", "")],
)
def test_tags_are_written_one_way(written: str, tag: str) -> None:
    assert read(written) == tag


@pytest.mark.parametrize("word", ["English!", "中文", "e", "zh-", "zh--CN", "toolong"])
def test_other_words_are_no_tags(word: str) -> None:
    assert not is_tag(word)
    assert read(word) is None


def test_two_tags_of_one_language_are_the_same() -> None:
    assert canonical("ZH-hant-tw") == "zh-Hant-TW"
    assert [primary(tag) for tag in ("zh-Hans-CN", "zh_CN", "EN", "")] == ["zh", "zh", "en", ""]
    assert same("zh-TW", "zh_Hans")
    assert not same("en", "eng")
