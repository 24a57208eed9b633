"""An attacker's afternoon on a real socket: what no browser would send gets an answer, and the next visitor too."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
from typing import Any

import pytest
from starlette.routing import Mount, Route

from mailer.model.tokens import Keyring, Purpose
from mailer.web import forms, server

PURPOSES = {"u": Purpose.UNSUBSCRIBE, "p": Purpose.PREFERENCES, "v": Purpose.VIEW, "confirm": Purpose.CONFIRM}
HOSTILE = [
    b"",
    b"\x00",
    b"\xff\xfe",
    "é".encode("latin-1"),
    "\u202e\u2066evil".encode(),
    "\U0001f4a9".encode() * 50,
    b"\xed\xa0\x80",  # half a character
    "аlice@exаmple.com".encode(),  # Cyrillic letters that look alike
    b"a@example.com\r\nBcc: victim@example.com",
    b"=?utf-8?q?x=0ABcc=3A_v=40example=2Ecom?=",
    b"{{ 7*7 }}${7*7}<%= 7 %>#{7}",
    b"=cmd|' /C calc'!A0",
    b"' OR 1=1; DROP TABLE subscribers --",
    b"../../../../etc/passwd",
    b"<script>alert(1)</script>",
    b"x" * 20_000,
    b"%",
    b"%zz%u0041&&==;;",
    b"-1",
    b"9" * 400,
    b"[]",
    b'{"$gt":""}',
]
FIELDS = ("email", "name", "agree", "stamp", "language", "kind", "from", "proof", "website", "q_company", "q_shop_url",
          "note", "decision", "answer", "reason", "action", "shown_1", "want_1", "pause", "newsletter")  # fmt: skip


def talk(town: Any, data: bytes, *, timeout: float = 5.0) -> bytes:
    """Send bytes and read what comes back before the server hangs up or falls silent."""
    host, _, port = town.base.removeprefix("http://").partition(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=timeout) as line:
        with contextlib.suppress(OSError):
            line.sendall(data)
        with contextlib.suppress(OSError):
            while chunk := line.recv(65536):
                answer += chunk
    return answer


def status(answer: bytes) -> int:
    """The status of the first answer; 0 where the server only hung up."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def request(method: str, path: str, body: bytes = b"", *headers: str, kind: str = "") -> bytes:
    kind = kind or "application/x-www-form-urlencoded"
    head = [f"{method} {path} HTTP/1.1", "Host: news.example.com", "Connection: close", f"Content-Type: {kind}"]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", *headers]).encode("latin-1") + b"\r\n\r\n" + body


@pytest.fixture
def target(served: Any) -> Any:
    """The served town, and for every route a path with a token that fits."""
    delivery = served.deliver(served.add_reader(), served.add_issue())
    served.delivery = delivery
    served.paths = []
    for route in served.app.routes:
        if isinstance(route, Mount):
            continue
        assert isinstance(route, Route)
        purpose = PURPOSES.get(route.path.split("/")[1], Purpose.APPLY)
        token = served.keyring.sign(delivery, purpose)
        names = {name: token if name == "token" else "2026-11-23" for name in route.param_convertors}
        served.paths.append(route.path.format(**names))
    served.paths = sorted(set(served.paths))
    assert len(served.paths) > 15
    return served


def test_hostile_fields_on_every_route_are_answered_and_never_an_accident(
    target: Any, caplog: pytest.LogCaptureFixture
) -> None:
    dice = random.Random(5)  # noqa: S311 - repeatable
    made = target.app.state.parts
    for path in target.paths:
        for _ in range(12):
            fields = [(name, dice.choice(HOSTILE)) for name in dice.choices(FIELDS, k=6)]
            fields += dice.choice([[], [("email", b"a@example.com")] * 2])  # twice the same
            fields += dice.choice([[], [("stamp", made.stamp("en").encode()), ("agree", b"yes")]])
            kind = "application/x-www-form-urlencoded"
            if dice.random() < 0.4:
                kind = "multipart/form-data; boundary=b"
                body = b"".join(
                    b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value)
                    for name, value in fields
                )
                body += b"--b--\r\n"
            else:
                quoted = [(name, b"".join(b"%%%02x" % byte for byte in value)) for name, value in fields]
                body = b"&".join(name.encode() + b"=" + dice.choice([value, raw])
                                 for (name, value), (_, raw) in zip(quoted, fields, strict=True))  # fmt: skip
            found = status(talk(target, request("POST", path, body, kind=kind)))
            assert found in {200, 400, 404, 405, 409, 410, 413, 422, 429}, (path, body[:300])
    assert not [one for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS to a plain port
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /subscribe HTTP/1.1\r\n\r\n",  # no Host
        b"GET /subscribe HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /subscribe HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%00%0d%0aX:%20y HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",  # and hangs up
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nfoo",
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nfoo",
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\na=b",
        b"CONNECT evil.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://evil.example.com/subscribe HTTP/1.1\r\nHost: evil.example.com\r\n\r\n",
        b"GET /subscribe HTTP/1.1\r\nHost: x\r\nCookie: " + b"a=b;" * 1000 + b"\r\n\r\n",
        b"GET /subscribe HTTP/1.1\r\nHost: x\r\nAccept-Language: " + b"zh;q=" * 3000 + b"\r\n\r\n",
        b"GET /subscribe HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + b"1.2.3.4," * 2000 + b"\r\n\r\n",
        b"GET /subscribe HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_bytes_that_are_hardly_http_do_no_harm(target: Any, data: bytes) -> None:
    assert status(talk(target, data, timeout=0.3)) < 500
    assert status(talk(target, request("GET", "/healthz"))) == 200


def test_an_unsubscribe_in_chunks_over_http_1_0_as_of_a_proxy_or_without_a_type_counts(target: Any) -> None:
    link = target.link(target.delivery, Purpose.UNSUBSCRIBE, "u")
    ways = [
        f"POST {link} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nLis\r\n0\r\n\r\n",
        f"POST {link} HTTP/1.0\r\n\r\n",
        f"POST http://news.example.com{link} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        f"POST {link} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 26\r\n\r\nList-Unsubscribe=One-Click",
    ]
    for way in ways:
        target.set_person("alice@example.com", state="active", left_at=None)
        answer = talk(target, way.encode())
        assert status(answer) == 200, answer
        assert b"\r\nlocation:" not in answer.lower()
        assert target.person("alice@example.com").state == "unsubscribed"


def test_a_foreign_host_header_changes_no_link_and_no_page(target: Any) -> None:
    stamp = target.app.state.parts.stamp("en")
    body = f"email=bob%40example.com&agree=yes&stamp={stamp}".encode()
    for evil in ("evil.example.org", "news.example.com@evil.example.org", "evil.example.org:80", ""):
        data = request("POST", "/subscribe", body, f"X-Forwarded-Host: {evil}", f"Forwarded: host={evil}")
        answer = talk(target, data.replace(b"Host: news.example.com", f"Host: {evil}".encode(), 1))
        assert b"evil" not in answer
    (letter,) = target.letters()
    assert letter["confirm_url"].startswith("https://news.example.com/confirm/")


def test_tokens_cut_changed_foreign_or_for_something_else_open_nothing(target: Any) -> None:
    ring = target.keyring
    before = target.everything()
    for purpose in Purpose:
        good = ring.sign(target.delivery, purpose)
        bad = {good[:-1], good + "a", good[::-1], good[:5] + "/" + good[5:], f"{good}%00", f"%20{good}"}
        bad |= {good[:place] + ("a" if good[place] != "a" else "b") + good[place + 1 :] for place in range(len(good))}
        bad.add(Keyring({1: b"x" * 32}, 1).sign(target.delivery, purpose))
        for path, wanted in PURPOSES.items():
            tokens = bad if purpose == wanted else {good}
            for token in tokens:
                for method in ("get", "post"):
                    assert getattr(target.client, method)(f"/{path}/{token}").status_code in {404, 405}, (path, token)
    assert target.everything() == before


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"GET /subscribe HTTP/1.1\r\nHost: x\r\nX-A: ",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nG",  # the second request
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nab",  # answered without its body
    ],
)
def test_who_never_ends_a_request_is_hung_up_on(target: Any, monkeypatch: pytest.MonkeyPatch, words: bytes) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.1)
    monkeypatch.setattr(forms, "BODY_SECONDS", 0.1)
    host, _, port = target.base.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(words)
        with contextlib.suppress(ConnectionError):  # a reset is an end too, silence is none
            while line.recv(65536):
                line.sendall(b"a" if words else b"")


def test_a_connection_may_be_used_again_and_again(target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 30)
    host, _, port = target.base.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        for _ in range(3):
            line.sendall(b"GET /healthz HTTP/1.1\r\nHo")
            line.sendall(b"st: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"ok\n"):
                answer += line.recv(65536)
            assert status(answer) == 200


@pytest.mark.parametrize(("path", "wanted"), [("/subscribe", 413), ("/healthz", 405), ("/u/nothing", 404)])
def test_the_answer_to_ten_megabytes_arrives_although_nobody_wants_them(target: Any, path: str, wanted: int) -> None:
    host, _, port = target.base.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(request("POST", path, b"a=" + b"x" * 10_000_000))
        answer = b""
        while chunk := line.recv(65536):  # a reset would raise
            answer += chunk
    assert status(answer) == wanted


def test_a_body_that_never_ends_delays_no_answer_for_long(target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "BODY_SECONDS", 0.1)
    head = b"POST /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\nab"
    assert status(talk(target, head)) == 405
