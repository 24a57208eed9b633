"""The inbox pages show any mail and let none of them act."""

from __future__ import annotations

import os
from email.message import EmailMessage
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mailer.intake.inbox import Inbox
from mailer.web.inbox import create_app

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)


@pytest.fixture
def client(inbox: Inbox) -> TestClient:
    return TestClient(create_app(inbox), base_url="http://127.0.0.1")


def mail(
    subject: str = "Morning news 早报", html: str = "<p>Hello <a href='https://example.org/u/1'>leave</a></p>"
) -> bytes:
    message = EmailMessage()
    message["From"] = "Club News <news@example.org>"
    message["To"] = "alice@example.com"
    message["Subject"] = subject
    message["List-Unsubscribe"] = "<https://example.org/u/token>, <mailto:leave@example.org>"
    message.set_content("Hello Alice\n")
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


def test_an_empty_inbox_says_so(client: TestClient) -> None:
    assert "Nothing has arrived yet" in client.get("/").text


def test_mails_are_listed_newest_first(client: TestClient, inbox: Inbox) -> None:
    inbox.keep("b@example.org", ["alice@example.com"], mail("First"))
    inbox.keep("b@example.org", ["bob@example.com"], mail("Second"))
    text = client.get("/").text
    assert text.index("Second") < text.index("First")
    assert "bob@example.com" in text


def test_one_mail_is_shown_from_every_side(client: TestClient, inbox: Inbox) -> None:
    name = inbox.keep("b@example.org", ["alice@example.com"], mail())
    page = client.get(f"/mail/{name}")
    assert "Morning news 早报" in page.text
    assert "Hello Alice" in page.text
    assert "https://example.org/u/token" in page.text
    assert "https://example.org/u/1" in page.text
    assert f'src="/mail/{name}/html"' in page.text
    assert "leave</a></p>" in client.get(f"/mail/{name}/html").text
    assert client.get(f"/mail/{name}/source").text.startswith("Return-Path: <b@example.org>")


def test_the_html_part_is_alone_in_a_sandbox(client: TestClient, inbox: Inbox) -> None:
    name = inbox.keep("b@example.org", ["alice@example.com"], mail(html=EVIL))
    policy = client.get(f"/mail/{name}/html").headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https: data:;")
    assert "script-src" not in policy
    assert EVIL not in client.get(f"/mail/{name}").text


def test_a_hostile_header_stays_text(client: TestClient, inbox: Inbox) -> None:
    name = inbox.keep(EVIL, [EVIL + "@example.com"], mail(subject=EVIL))
    for path in ("/", f"/mail/{name}"):
        page = client.get(path)
        assert "<script" not in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
    source = client.get(f"/mail/{name}/source")
    assert source.headers["content-type"].startswith("text/plain")
    assert source.headers["x-content-type-options"] == "nosniff"


def test_only_web_links_are_offered(client: TestClient, inbox: Inbox) -> None:
    name = inbox.keep(
        "", ["a@example.com"], mail(html="<a href='javascript:alert(1)'>x</a><a href='data:text/html,x'>y</a>")
    )
    text = client.get(f"/mail/{name}").text
    assert "javascript:" not in text
    assert "data:text" not in text


@pytest.mark.parametrize(
    "path", ["/mail/0000000001.eml", "/mail/..%2Fx", "/mail/0000000001.eml/html", "/mail/x/source"]
)
def test_a_mail_that_is_not_there_is_a_404(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_another_host_name_is_refused(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "evil.example.com"}).status_code == 400


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"Subject: =?utf-8?b?////?=\r\nContent-Type: text/html; charset=no-such\r\n\r\n<p>\xff",
        b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n--x\r\n--x--",
        b"From: <<<>>>\r\nSubject:\r\n folded\r\n\r\nx",
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        os.urandom(2000),
    ],
)
def test_any_bytes_can_be_looked_at(client: TestClient, inbox: Inbox, content: bytes) -> None:
    name = inbox.keep("", ["alice@example.com"], content)
    assert client.get("/").status_code == 200
    assert client.get(f"/mail/{name}").status_code == 200
    assert client.get(f"/mail/{name}/source").status_code == 200
    assert client.get(f"/mail/{name}/html").status_code in {200, 404}


def test_many_mails_come_in_pages(client: TestClient, inbox: Inbox) -> None:
    for n in range(230):
        inbox.keep("", [f"r{n}@example.com"], mail(f"Number {n}"))
    first = client.get("/").text
    assert first.count("<li>") == 100
    assert "Page 1 of 3" in first
    assert client.get("/?page=3").text.count("<li>") == 30
    for page in ("0", "-1", "99", "x", "9" * 400, "²"):
        assert client.get("/", params={"page": page}).status_code == 200
