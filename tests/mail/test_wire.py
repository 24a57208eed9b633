"""What may go between DATA and the final dot, and what would end a message early."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.mail.wire import is_wire_form, wire_form

SMUGGLED = b"MAIL FROM:<x@example.com>\r\nRCPT TO:<y@example.com>\r\nDATA\r\nsmuggled\r\n"


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n.\r\n"])
def test_no_end_of_data_can_be_smuggled_in(end: bytes) -> None:
    with pytest.raises(ValueError, match="starts with a dot"):
        wire_form(b"Subject: x\r\n\r\nHello" + end + SMUGGLED)


@pytest.mark.parametrize("content", [b"", b"x", b"x\n", b"x\r", b".\r\n", b".x\r\n", b"x\r\r\n", b"x\r\n.y\r\n"])
def test_what_is_not_wire_form(content: bytes) -> None:
    assert not is_wire_form(content)


@given(st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"x", b"\xe6", b"\x00", b"\x85", b"\x0b"]), max_size=12))
def test_wire_form_is_lines_ended_by_crlf_none_of_them_dot_led(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    lines = content.split(b"\r\n")
    expected = len(lines) > 1 and lines.pop() == b""
    expected = expected and not any(b"\r" in line or b"\n" in line or line.startswith(b".") for line in lines)
    assert is_wire_form(content) is expected
