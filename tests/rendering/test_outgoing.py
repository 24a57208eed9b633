"""What leaves as it was written is looked at before it does."""

from __future__ import annotations

import pytest

from mailer.model.tokens import Keyring
from mailer.rendering.outgoing import address_letter

KEYRING = Keyring({1: b"k" * 32}, 1)


def test_a_letter_goes_out_as_it_was_written() -> None:
    content = b"Subject: Welcome\r\n\r\nHello\r\n"
    outgoing = address_letter(KEYRING, 1, "alice@example.com", content)
    assert (outgoing.recipient, outgoing.content) == ("alice@example.com", content)


@pytest.mark.parametrize("end", [b"\n.\n", b"\r\n.\r\n", b""])
def test_a_letter_that_could_end_early_is_not_sent(end: bytes) -> None:
    with pytest.raises(ValueError, match="bare CR or LF"):
        address_letter(KEYRING, 1, "alice@example.com", b"Subject: Welcome\r\n\r\nHello" + end + b"MAIL FROM:<>")
