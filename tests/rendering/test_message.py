import json
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.errors import AddressError, SettingsError
from mailer.mail.wire import is_wire_form
from mailer.model.tokens import Keyring
from mailer.rendering import transfer
from mailer.rendering.message import Frame, Part, Personal, Place, Program, Slot, compile_program, fill
from mailer.rendering.outgoing import Frozen

TOKENS = {
    name: letter * 26
    for name, letter in zip(("message", "unsubscribe", "preferences", "view", "apply"), "mupva", strict=True)
}
FRAME = Frame(
    sender=("Harbour Morning", "news@example.org"),
    subject="Harbour Lane buys Nookbox；七座沿江小城共建直播大厅",
    date=datetime(2026, 5, 21, 0, 0, tzinfo=UTC),
    list_name="Harbour Morning",
    list_id="harbour-morning.example.org",
    base_url="https://news.example.org",
    message_domain="example.org",
    lang="en",
    reply_to=("", "editors@example.org"),
    unsubscribe_address="leave@example.org",
    feedback_id="214:harbour-morning:news:mailer",
)
NAME_HTML = Slot("first_name", Place.PROSE, joiner=", ")
NAME_TEXT = Slot("first_name", Place.TEXT, joiner=", ")
SHOP = Slot("shop", Place.PROSE, default="your <shop>")
EMAIL_URL = Slot("email", Place.URL)
LEAVE = Slot("unsubscribe", Place.TOKEN)


def program(text: Part = ("Hi", NAME_TEXT, ".\n"), html: Part = ("<p>Hi", NAME_HTML, "</p>\n")) -> Program:
    return compile_program(FRAME, text, html)


def alice(**fields: str) -> Personal:
    return Personal("alice@example.com", fields.get("name", ""), fields, TOKENS)


def read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def parts(raw: bytes) -> list[str]:
    return [part.get_payload(decode=True).decode() for part in read(raw).iter_parts()]


words = st.text(st.characters(exclude_categories=()), max_size=90)
runs = st.text(st.sampled_from(list("ab .=\nFrom:-高工<>é\t")), max_size=200)
slots = st.sampled_from([NAME_HTML, NAME_TEXT, SHOP, EMAIL_URL, LEAVE])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(runs | slots, max_size=9), st.lists(runs | slots, max_size=9), words, words, st.sampled_from(["", "新闻"])
)
def test_every_message_reads_as_its_parts_with_the_values_filled_in(text, html, name, shop, chinese):
    """Whatever the values: the standard parser sees the naive rendering, and nothing else is in the message."""
    made = compile_program(FRAME, (*text, chinese * 40), (*html, chinese * 40))
    reader = alice(first_name=name, shop=shop, email=f"{name}@example.com", name=name)
    raw = made.compose(reader)
    expected = [fill((*part, chinese * 40), reader).replace("\n", "\r\n") for part in (text, html)]
    assert parts(raw) == expected
    lines = raw.split(b"\r\n")
    assert not any(line.startswith(b".") or len(line) > 78 for line in lines[lines.index(b"") :])
    assert is_wire_form(raw)
    assert [key for key, _ in read(raw).items()] == [key for key, _ in read(made.compose(alice())).items()]


@settings(max_examples=50, deadline=None)
@given(words.filter(str.strip))
def test_a_hostile_value_never_adds_a_header_or_a_line_to_the_text(name):
    raw = program().compose(alice(first_name=f"{name}\r\nBcc: eve@example.net\u2028x", name=f"{name}\r\nBcc: eve"))
    assert "Bcc" not in read(raw)
    assert parts(raw)[0].count("\n") == 1


def test_a_display_name_that_must_not_stand_in_a_header_is_left_out():
    for name in ("A\nB", "x" * 400, "\u202egnp", "=?utf-8?q?x=0ABcc:_eve?="):
        assert str(read(program().compose(alice(name=name)))["To"]) == "alice@example.com"
    assert str(read(program().compose(alice(name="老高 <vip>")))["To"]) == '"老高 <vip>" <alice@example.com>'


def test_a_missing_value_is_its_default_or_nothing():
    made = program(("Hi", NAME_TEXT, "!\n"), ("<p>Hi", NAME_HTML, ", from ", SHOP, "</p>\n"))
    assert parts(made.compose(alice())) == ["Hi!\r\n", "<p>Hi, from your &lt;shop&gt;</p>\r\n"]
    full = alice(first_name="Zoë", shop="A&B")
    assert parts(made.compose(full)) == ["Hi, Zoë!\r\n", "<p>Hi, Zoë, from A&amp;B</p>\r\n"]


def test_values_are_escaped_for_the_place_they_stand_in():
    made = program((NAME_TEXT, "\n"), ('<a href="https://x.example/?e=', EMAIL_URL, '">', SHOP, "</a>\n"))
    raw = made.compose(alice(first_name="<b>&", email='a"b&c=d/é', shop='"><script>'))
    assert parts(raw)[0] == ", <b>&\r\n"
    assert '"https://x.example/?e=a%22b%26c%3Dd%2F%C3%A9"' in parts(raw)[1]
    assert "&quot;&gt;&lt;script&gt;" in parts(raw)[1]


def test_nothing_of_one_reader_is_in_the_next_readers_message():
    made = program()
    before = made.compose(alice(first_name="Bob", name="Bob"))
    other = dict.fromkeys(TOKENS, "z" * 26)
    made.compose(Personal("carol@example.net", "Carol", {"first_name": "Carol-Secret"}, other))
    assert made.compose(alice(first_name="Bob", name="Bob")) == before
    assert b"Carol" not in before
    assert b"z" * 26 not in before


def test_the_header_holds_what_a_list_owes_and_the_links_stay_verbatim():
    message = read(program().compose(alice()))
    assert message["Subject"] == FRAME.subject
    assert message["Message-ID"] == f"<{'m' * 26}@example.org>"
    raw = program().compose(alice())
    assert f"List-Unsubscribe: <https://news.example.org/u/{'u' * 26}>,\r\n <mailto:leave@example.org".encode() in raw
    assert f"?subject=unsubscribe%20{'u' * 26}>\r\n".encode() in raw
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "Harbour Morning <harbour-morning.example.org>"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_a_program_survives_the_database_byte_for_byte():
    made = program(("高" * 100, NAME_TEXT), ("x" * 100, NAME_HTML, LEAVE))
    again = Program.from_bytes(made.to_bytes())
    assert again.to_bytes() == made.to_bytes()
    assert again.digest == made.digest
    assert again.compose(alice(first_name="Al")) == made.compose(alice(first_name="Al"))
    assert again.purposes == ("message", "unsubscribe")
    with pytest.raises(ValueError, match="compiled edition"):
        Program.from_bytes(b'{"format": 99}')


def test_a_missing_token_or_a_bad_address_is_refused():
    with pytest.raises(ValueError, match="preferences"):
        program((Slot("preferences", Place.TOKEN),)).compose(
            Personal("a@example.com", tokens={"message": "m" * 26, "unsubscribe": "u" * 26})
        )
    with pytest.raises(AddressError):
        program().compose(Personal("a@example.com>\r\nBcc: x@example.net", tokens=TOKENS))


def test_a_program_whose_fixed_parts_could_end_a_message_early_is_no_program():
    kept = json.loads(program().to_bytes())
    for harm in ("X: y\r\n.\r\n", "X: y\n", ".X: y\r\n"):
        with pytest.raises(ValueError, match="bare CR or LF"):
            Program.from_bytes(json.dumps(kept | {"head": [harm + kept["head"][0], *kept["head"][1:]]}).encode())


def test_chinese_goes_out_in_base64_and_english_in_quoted_printable():
    assert transfer.encode(["早上好，" * 20]).name == "base64"
    assert transfer.encode(["Good morning, all of you. " * 20 + "早上好"]).name == "quoted-printable"


def test_every_purpose_a_link_needs_is_named():
    made = program((Slot("view", Place.TOKEN), Slot("apply", Place.TOKEN)))
    assert set(made.purposes) == {"message", "unsubscribe", "view", "apply"}
    assert made.plain(alice()) == "v" * 26 + "a" * 26
    assert made.page(alice(first_name="<i>")) == "<p>Hi, &lt;i&gt;</p>\n"


def test_an_edition_whose_key_is_gone_says_which_line_to_put_back() -> None:
    with pytest.raises(SettingsError, match=r"mailer.key: key 9 is missing") as told:
        Frozen(program(), 9).signed(Keyring({1: b"k" * 32}, 1), [1])
    assert "backup" in str(told.value)
