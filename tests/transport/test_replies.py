"""Replies off the wire: where each ends, what it says, and nothing in it that could harm who reads it."""

import pytest

from mailer.transport import replies


@pytest.mark.parametrize(
    ("raw", "code", "text"),
    [
        (b"250 2.0.0 Ok\r\n", 250, "2.0.0 Ok"),
        (b"250-one\r\n250 two\r\n", 250, "one two"),
        (b"421\r\n", 421, ""),
        (b"550 no \x1b[31muser\x07\r\n", 550, "no  [31muser "),
        ("550 用户不存在\r\n".encode(), 550, "用户不存在"),
        (b"550 \xff\x00 gone\r\n", 550, "\ufffd  gone"),
    ],
)
def test_what_a_reply_says_without_what_could_move_a_cursor(raw: bytes, code: int, text: str) -> None:
    reply = replies.read(raw)
    assert (reply.code, reply.text) == (code, text)
    assert replies.end_of_reply(bytearray(raw), 0, len(raw)) == len(raw)
    assert replies.end_of_reply(bytearray(raw), 0, len(raw) - 1) == -1


@pytest.mark.parametrize("raw", [b"hello\r\n", b"25 ok\r\n", b"650 ok\r\n", b"250\x01ok\r\n", b"\r\n"])
def test_what_is_no_reply_is_not_read_as_one(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not SMTP"):
        replies.read(raw)
