"""What is said to a person: patterns with their values, joined, told apart, handed to another process."""

from __future__ import annotations

import json
import pickle

import pytest

from mailer.errors import SettingsError, UsageError, spoken
from mailer.rendering.translation import translator
from mailer.sentence import Sentence, clauses, how_many, listed, said, word

ZH = translator("zh")


def test_parts_are_joined_as_each_language_joins_them() -> None:
    parts = [Sentence("accepted"), "100%", Sentence("failed")]
    assert (listed(parts), listed(parts).said(ZH)) == ("accepted, 100%, failed", "已接收，100%，失败")
    assert (clauses(parts), clauses(parts).said(ZH)) == ("accepted; 100%; failed", "已接收；100%；失败")
    assert [listed([]), clauses([]), listed(["one"])] == ["", "", "one"]


def test_a_number_of_things_is_one_or_several() -> None:
    shown = [how_many(number, "1 reader", "%(count)s readers") for number in (0, 1, 1200)]
    assert shown == ["0 readers", "1 reader", "1,200 readers"]
    assert [one.said(ZH) for one in shown] == ["0 位读者", "1 位读者", "1,200 位读者"]


def test_words_that_are_one_in_english_are_told_apart_by_their_context() -> None:
    assert word("subscriber", "pending") == Sentence("pending") == "pending"
    assert [one.said(ZH) for one in (word("subscriber", "pending"), Sentence("pending"))] == ["待确认", "待发"]
    assert word("subscriber", "a word of nobody's").said(ZH) == "a word of nobody's"


def test_any_other_text_is_said_as_it_is() -> None:
    assert [said("pending", ZH), said(Sentence("pending"), ZH)] == ["pending", "待发"]


def test_a_sentence_is_english_text_for_machines_and_whole_in_another_process() -> None:
    made = Sentence("the address is longer than %(most)s characters", most=254)
    assert json.dumps([made]) == '["the address is longer than 254 characters"]'
    assert pickle.loads(pickle.dumps(made)).said(ZH) == "地址超过 254 个字符"  # noqa: S301 - our own


def test_an_error_is_said_with_its_place_and_what_stands_below() -> None:
    problem = SettingsError(
        Sentence("no such file"), where="mailer.toml", below=["  [relay", "  ^", Sentence("is empty")]
    )
    assert str(problem) == "mailer.toml: no such file\n  [relay\n  ^\nis empty"
    assert problem.said(ZH) == "mailer.toml: 没有这个文件\n  [relay\n  ^\n没有填写"


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (UsageError(Sentence("no such file")), "没有这个文件"),
        (ValueError(Sentence("no such file")), "没有这个文件"),
        (ValueError("whatever"), "whatever"),
        (ValueError(), ""),
        (PermissionError(13, "Permission denied", "/etc/shadow"), "没有权限"),
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"), "连接被拒绝"),
        (OSError("a sentence alone"), "a sentence alone"),
    ],
)
def test_what_others_raise_is_said_too(problem: Exception, told: str) -> None:
    assert spoken(problem).said(ZH) == told
