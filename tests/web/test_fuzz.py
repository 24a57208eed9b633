"""Whatever is sent, wherever: an answer, never an accident."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.model.tokens import Purpose

FIELDS = ["email", "name", "agree", "language", "stamp", "kind", "q_company", "q_shop_url", "from", "proof", "website"]
PATHS = [
    "/subscribe",
    "/apply",
    "/lost-link",
    "/u/{}",
    "/p/{}",
    "/confirm/{}",
    "/review/{}",
    "/apply/{}",
    "/u/{}/reason",
]
TEXT = st.one_of(
    st.text(max_size=80),
    st.sampled_from(["a@example.com", "tmall", "zh", "yes", "\x00", "\u202e", "=1+1@x.org", "a" * 5000, "\ud7ff😀"]),
)
FORMS = st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=20)), TEXT, max_size=8)


@pytest.fixture
def forms(town_with: Any) -> Any:
    """A town without limits, and a token that fits every purpose's path."""
    town = town_with(join={"per_client_hour": 0, "total_hour": 0, "per_domain_hour": 0, "min_fill_seconds": 0})
    town.number = town.deliver(town.add_reader(), town.add_issue())
    return town


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(PATHS), form=FORMS, query=FORMS, signed=st.booleans(), stamped=st.booleans())
def test_no_form_on_any_route_is_an_accident(
    forms: Any, path: str, form: dict[str, str], query: dict[str, str], signed: bool, stamped: bool
) -> None:
    purpose = {"u": "unsubscribe", "p": "preferences"}.get(path.split("/")[1], "confirm")
    token = forms.keyring.sign(forms.number, Purpose(purpose)) if signed else "a" * 26
    if stamped:
        form = form | {"stamp": forms.app.state.parts.stamp("en")}
    answer = forms.client.post(path.format(token), data=form, params=query)
    assert answer.status_code < 500
    assert forms.client.get(path.format(token), params=query).status_code < 500


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=400),
    kind=st.sampled_from(["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain", ""]),
    header=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)
def test_no_body_and_no_header_is_an_accident(forms: Any, body: bytes, kind: str, header: str) -> None:
    headers = {"content-type": kind, "accept-language": header, "x-forwarded-for": header, "user-agent": header}
    for path in ("/subscribe", "/apply", f"/u/{forms.keyring.sign(forms.number, Purpose.UNSUBSCRIBE)}"):
        assert forms.client.post(path, content=body, headers=headers).status_code < 500
