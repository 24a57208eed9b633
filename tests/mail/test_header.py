import random
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.errors import AddressError
from mailer.mail import header

ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bq]\?[^?\s]*\?=")


def read_back(field: str) -> tuple[str, str]:
    """The value in two readers: the standard library's parser of today and its older header decoder."""
    modern = message_from_bytes(field.encode("ascii") + b"\r\n", policy=policy.default)
    legacy = message_from_bytes(field.encode("ascii") + b"\r\n", policy=policy.compat32)
    assert len(modern.keys()) == len(legacy.keys()) == 1
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", str(legacy.values()[0]))
    return str(modern.values()[0]), str(make_header(decode_header(unfolded)))


def check_lines(field: str) -> None:
    assert field.endswith("\r\n")
    lines = field.removesuffix("\r\n").split("\r\n")
    assert all(len(line) <= 76 and line.strip() for line in lines)
    assert all(line.startswith(" ") for line in lines[1:])
    assert all(len(word) <= 75 for word in ENCODED_WORD.findall(field))
    assert "?==?" not in field


def subjects(count: int) -> list[str]:
    """Bilingual subjects such as leads make: Han, Latin, quotes, doubled blanks, emoji, encoded-word lookalikes."""
    chance = random.Random(20260521)  # noqa: S311 - the same subjects in every run
    words = [
        "Harbour",
        "Lane",
        "buys",
        "Nookbox;",
        "港巷商城",
        "收购",
        "格子箱；七座沿江小城",
        "共建直播大厅",
        "—",
        "“瓣与邮”",
        "R&D",
        "50%",
        "¥60",
        "A/B",
        "=?utf-8?q?x?=",
        "Zoë",
        "naïve",
        "😀",
        "👩\u200d👩\u200d👧",
        "a_b",
        "2026-05-21",
        "1,000",
        "(36Kr)",
        "x?",
        "!?",
        "高",
        "é",
        "𠮷野家",
        "www.example.org/very/long/path/that/goes/on/and/on/and/on/until/nobody/can/read/it",
    ]
    made = []
    for _ in range(count):
        picked = [chance.choice(words) for _ in range(chance.randint(1, 24))]
        made.append("".join(word + chance.choice([" ", " ", " ", "", "  ", "；", "; "]) for word in picked).strip())
    return made


def test_four_thousand_bilingual_subjects_read_back_equal_in_two_readers():
    for subject in subjects(4000):
        field = header.text_field("Subject", subject)
        check_lines(field)
        assert read_back(field) == (subject, subject)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200))
@example("=?utf-8?q?x=0ABcc:_eve@example.net?=")
@example("a  b")
@example(" leading and trailing ")
def test_a_subject_reads_back_as_written_or_is_refused(subject):
    try:
        field = header.text_field("Subject", subject)
    except ValueError:
        assert "=?" in subject
        return
    check_lines(field) if subject.strip() else None
    modern, _ = read_back(field)
    assert modern == subject


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.sampled_from("\r\n\0\t\x0b\x0c\x1b\x7f\x85\x9b\u2028\u2029"), st.text(max_size=60))
def test_no_control_character_gets_into_any_field(left, control, right):
    value = left + control + right
    with pytest.raises(ValueError, match="control"):
        header.text_field("Subject", value)
    with pytest.raises(ValueError, match="control"):
        header.address_field("To", [(value, "alice@example.com")])
    with pytest.raises(AddressError):
        header.address_field("To", [("", f"alice{value}@example.com")])
    assert not header.is_safe_name(value)


def test_an_encoded_line_break_is_refused_too():
    for value in (
        "=?utf-8?q?x=0ABcc:_eve?=",
        "=?utf-8?b?eApCY2M6IGV2ZQ==?=",
        "a =?x?Q?=0d?= b",
        "=?utf-8?q?=E2=80=A8?=",
    ):
        with pytest.raises(ValueError, match="line break"):
            header.text_field("Subject", value)
        with pytest.raises(ValueError, match="line break"):
            header.address_field("To", [(value, "alice@example.com")])


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=100))
@example('Laogao "E-commerce" \\ Club')
@example("老高, 电商 <vip@example.net>")
@example("Smith, J.")
def test_a_display_name_reads_back_and_never_becomes_an_address(name):
    if not header.is_safe_name(name):
        return
    field = header.address_field("To", [(name, "alice@example.com")])
    check_lines(field)
    message = message_from_bytes(field.encode("ascii") + b"\r\n", policy=policy.default)
    mailbox = message["To"].addresses[0]
    assert len(message["To"].addresses) == 1
    assert mailbox.addr_spec == "alice@example.com"
    # the parser of Python 3.11 puts a blank between two encoded-words of a phrase, against RFC 2047 6.2
    assert "".join(mailbox.display_name.split()) == "".join(name.split())


def test_addresses_are_refused_not_repaired():
    for address in (
        "",
        "alice",
        "alice@",
        "@example.com",
        "alice@example",
        "al ice@example.com",
        "<alice@example.com>",
        "alice@example.com ",
        'a"b@example.com',
        "alice..b@example.com",
        "álice@example.com",
        "alice@bücher.example",
        "alice@[127.0.0.1]",
        f"{'a' * 65}@example.com",
        "alice@-example.com",
        "a@example.com,b@example.com",
    ):
        with pytest.raises(AddressError):
            header.check_address(address)
    assert header.check_address("a.b+c=d@mail.example.co") == "a.b+c=d@mail.example.co"


def test_plain_fields_stay_plain_and_fold_at_blanks():
    assert header.text_field("Subject", "Harbour Lane buys Nookbox") == "Subject: Harbour Lane buys Nookbox\r\n"
    assert header.address_field("To", [("Alice", "alice@example.com")]) == "To: Alice <alice@example.com>\r\n"
    assert header.address_field("From", [("", "news@example.org")]) == "From: <news@example.org>\r\n"
    assert header.address_field("To", [("J. Smith", "j@example.com")]) == 'To: "J. Smith" <j@example.com>\r\n'
    field = header.text_field("Subject", "word " * 30 + "end")
    check_lines(field)
    assert "=?" not in field


def test_dates_and_message_ids_have_the_rfc_form():
    moment = datetime(2026, 5, 21, 8, 30, 5, 999, tzinfo=UTC)
    assert header.date_field(moment) == "Date: Thu, 21 May 2026 08:30:05 +0000\r\n"
    assert header.message_id_field("abc@example.org") == "Message-ID: <abc@example.org>\r\n"
    for wrong in ("abc", "a b@example.org", "a@b>\r\nX: y", "a@@b"):
        with pytest.raises(ValueError, match="message id"):
            header.message_id_field(wrong)
    with pytest.raises(ValueError, match="zone"):
        header.date_field(moment.replace(tzinfo=None))


def test_a_field_name_cannot_smuggle_a_field():
    with pytest.raises(ValueError, match="field name"):
        header.text_field("X: y\r\nBcc", "eve@example.net")


def test_the_to_of_a_reader_has_the_domain_in_a_labels() -> None:
    assert header.to_field("", "alice@bücher.example") == "To: <alice@xn--bcher-kva.example>\r\n"
    assert header.to_field("Alice", "alice@example.com") == "To: Alice <alice@example.com>\r\n"


def test_a_local_part_beyond_ascii_stays_utf_8_in_to_alone() -> None:
    assert header.to_field("", "爱丽丝@例子.example") == "To: <爱丽丝@xn--fsqu00a.example>\r\n"
    with pytest.raises(AddressError):
        header.to_field("", "爱丽丝@example.com\r\nBcc: x@example.net")
    with pytest.raises(AddressError):
        header.address_field("From", [("", "爱丽丝@example.com")])


@given(
    st.text(st.sampled_from("aZ9 -'.=?\"é\n"), max_size=70),
    st.sampled_from(["alice", "a.b+c_d", "a" * 50]),
    st.sampled_from(["example.com", "a-b.example", "x" * 40 + ".example"]),
)
def test_a_reader_is_named_as_any_other_mailbox_unless_the_name_is_unsafe(name, local, domain):
    address = f"{local}@{domain}"
    expected = header.to_field(name if header.is_safe_name(name) else "", address)
    assert header.to_reader(name, address) == expected
