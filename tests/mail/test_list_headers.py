import pytest

from mailer.errors import AddressError
from mailer.mail import list_headers


@pytest.mark.parametrize("length", range(20, 901, 40))
def test_an_unsubscribe_address_of_any_length_stands_verbatim_on_one_line(length):
    page = "https://example.org/u/".ljust(length, "a")
    mailto = list_headers.unsubscribe_mailto("leave@example.org", "unsubscribe abc")
    fields = list_headers.list_unsubscribe_fields(page, mailto)
    assert fields == (
        f"List-Unsubscribe: <{page}>,\r\n <mailto:leave@example.org?subject=unsubscribe%20abc>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    )


def test_what_is_no_uri_or_too_long_is_refused():
    for page in ("https://x.example/a b", "https://x.example/>\r\nX: y", "javascript:x", "https://bücher.example/u"):
        with pytest.raises(ValueError, match="not a URI"):
            list_headers.list_unsubscribe_fields(page, "")
    with pytest.raises(ValueError, match="too long"):
        list_headers.list_unsubscribe_fields("https://example.org/" + "a" * 980, "")
    with pytest.raises(AddressError):
        list_headers.unsubscribe_mailto("leave@example.org?bcc=eve@example.net", "x")


def test_list_id_has_the_name_and_a_stable_identifier():
    assert list_headers.list_id_field("Harbour Morning", "harbour.example.org") == (
        "List-Id: Harbour Morning <harbour.example.org>\r\n"
    )
    assert "=?utf-8?b?" in list_headers.list_id_field("电商早报", "news.example.org")
    assert list_headers.list_id("Harbour Morning!", "example.org") == "harbour-morning.example.org"
    assert list_headers.list_id("电商早报", "example.org") == "newsletter.example.org"
    for wrong in ("plain", "a b.example", "x>.example"):
        with pytest.raises(ValueError, match="list id"):
            list_headers.list_id_field("n", wrong)
