"""Why a send was paused or a copy not sent, found again in the stored English."""

from __future__ import annotations

import re

import pytest

from mailer.model import thresholds
from mailer.model.causes import told
from mailer.rendering.translation import translator

ZH = translator("zh")
ALARMS = (
    thresholds.first_complaint("a.example"),
    thresholds.domain_held("a.example"),
    *thresholds.judge(thresholds.BOUNCES, 30, 300),
    *thresholds.judge(thresholds.COMPLAINTS, 4, 400),
    *thresholds.judge(thresholds.DOMAIN_FAULTS, 30, 100, "example.com"),
)


@pytest.mark.parametrize("cause", [alarm.cause for alarm in ALARMS])
def test_what_a_threshold_says_is_said_in_chinese(cause: str) -> None:
    assert told(cause) == cause
    plain = re.sub(r"mailer suppressions release a|lift --domain a", "", told(cause).said(ZH))
    assert not re.search(r"[a-z]{2,} [a-z]{2,}", plain), plain


@pytest.mark.parametrize(
    ("cause", "chinese"),
    [
        ("hub refuses our mail: 550 5.7.1 Not you", "hub 拒收我们的邮件：550 5.7.1 Not you"),
        ("hub took 20 messages in a row without an answer", "hub 连续接收 20 封邮件却没有回答"),
        ("worker w-1 died after handing it over", "发送进程 w-1 交出后中断"),
        ("worker w-1 was lost with its claim", "发送进程 w-1 失去联系"),
        ("no reply in 300 s", "300 秒内没有回答"),
        ("the relay hung up", "发信服务器断开了连接"),
        ("the issue's deadline has passed", "已过截止时间"),
        ("550 5.1.1 No such user here", "550 5.1.1 No such user here"),
        ("", ""),
    ],
)
def test_what_others_store_is_said_in_chinese_and_a_reply_as_it_is(cause: str, chinese: str) -> None:
    assert (told(cause), told(cause).said(ZH)) == (cause, chinese)
