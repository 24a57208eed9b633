"""Opening a relay: what is checked before MAIL may be said, and what people are told when it fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.certificates import Authority
from support.relay import Relay, closing, drip, flood, hang_up, refuse, say, stall
from support.ways import QUICK, Way, nothing, to

from mailer.errors import RelayError, SettingsError
from mailer.model.delivery import Phase, State, judge
from mailer.transport.smtp import SmtpRelay
from mailer.transport.url import RelayUrl, Security, parse

USERS = {"club": "p@ss:wörd/%"}
ENCODED = "club:p%40ss%3Aw%C3%B6rd%2F%25"


async def failure(client: SmtpRelay) -> RelayError:
    with pytest.raises(RelayError) as caught:
        await client.open()
    return caught.value


def with_password(way: Way, relay: Relay, authority: Authority, password: str = ENCODED) -> SmtpRelay:
    return SmtpRelay(
        parse(relay.url.replace("://", f"://{password}@")), ca_file=authority.ca_file, timeouts=QUICK, name="test"
    )


async def test_a_good_password_is_taken(way: Way, authority: Authority) -> None:
    async with way.relay(users=USERS) as relay:
        session = await with_password(way, relay, authority).open()
        assert judge(await session.send(to(), nothing)).state is State.ACCEPTED
        await session.close()
        assert relay.visits[0].user == "club"


async def test_login_is_used_where_the_relay_has_no_plain(way: Way, authority: Authority) -> None:
    async with way.relay(users=USERS, mechanisms="LOGIN") as relay:
        session = await with_password(way, relay, authority).open()
        assert relay.visits[0].user == "club"
        await session.close()


async def test_a_wrong_password_is_tried_once_and_never_shown(way: Way, authority: Authority) -> None:
    async with way.relay(users=USERS) as relay:
        error = await failure(with_password(way, relay, authority, "club:hunter22"))
        assert (error.phase, error.reply and error.reply.code, error.permanent) == (Phase.AUTH, 535, True)
        assert "hunter22" not in str(error)
        assert sum(command.startswith("AUTH") for command in relay.commands) == 1
        await relay.visits[0].closed.wait()


async def test_a_454_to_auth_is_worth_another_try(plain: Way, authority: Authority) -> None:
    async with plain.relay(refuse("auth", "454 4.7.0 Later"), users=USERS) as relay:
        error = await failure(with_password(plain, relay, authority))
        assert (error.phase, error.permanent) == (Phase.AUTH, False)


async def test_a_relay_without_auth_does_not_get_the_password(starttls: Way, authority: Authority) -> None:
    async with starttls.relay() as relay:
        error = await failure(with_password(starttls, relay, authority))
        assert (error.phase, error.permanent) == (Phase.AUTH, True)
        assert not any(command.startswith("AUTH") for command in relay.commands)


async def test_where_starttls_is_not_offered_neither_password_nor_mail_is_sent(authority: Authority) -> None:
    async with Relay(users=USERS) as relay:
        client = SmtpRelay(
            parse(f"smtp+starttls://{ENCODED}@127.0.0.1:{relay.port}"), ca_file=authority.ca_file, timeouts=QUICK
        )
        error = await failure(client)
        await relay.visits[0].closed.wait()
        assert (error.phase, error.permanent) == (Phase.TLS, True)
        assert "STARTTLS" in str(error)
        assert {command.split()[0] for command in relay.commands} == {"EHLO"}


async def test_a_refused_starttls_sends_nothing(starttls: Way) -> None:
    async with starttls.relay(refuse("starttls", "454 4.7.0 TLS not available")) as relay:
        error = await failure(starttls.client(relay))
        assert (error.phase, error.reply and error.reply.code, error.permanent) == (Phase.TLS, 454, False)


async def test_plaintext_injected_after_220_is_not_believed(starttls: Way, authority: Authority) -> None:
    injected = b"250-relay.test\r\n250-X-INJECTED\r\n250 AUTH PLAIN\r\n"
    async with starttls.relay(say("starttls", b"220 Go\r\n" + injected), users=USERS, mechanisms="") as relay:
        error = await failure(with_password(starttls, relay, authority))
        assert error.phase in {Phase.TLS, Phase.AUTH}
        assert not any(command.startswith(("AUTH", "MAIL")) for command in relay.commands)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("fault", ["untrusted", "expired", "not-yet", "wrong-host"])
async def test_a_bad_certificate_gets_no_password_and_no_mail(
    authority: Authority, tmp_path: Path, tls: str, fault: str
) -> None:
    context = {
        "untrusted": lambda: Authority(tmp_path).server(),
        "expired": lambda: authority.server(days=(-2, -1)),
        "not-yet": lambda: authority.server(days=(1, 2)),
        "wrong-host": lambda: authority.server("other.example.com"),
    }[fault]()
    async with Relay(tls=tls, context=context, users=USERS) as relay:
        error = await failure(with_password(Way(tls, authority), relay, authority))
        assert (error.phase, error.permanent) == (Phase.TLS, True)
        assert "certificate" in str(error)
        assert not any(command.startswith(("AUTH", "MAIL")) for command in relay.commands)


async def test_the_systems_authorities_are_not_trusted_beside_an_own_one(authority: Authority) -> None:
    context = SmtpRelay(RelayUrl(Security.TLS, "x", 1), ca_file=authority.ca_file)._context
    assert context is not None
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("content", [None, "not a certificate"])
async def test_a_ca_file_that_is_none_is_a_settings_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match="ca_file"):
        SmtpRelay(RelayUrl(Security.TLS, "mail.example.com", 465), ca_file=path)


async def test_tls_spoken_to_a_plain_port_fails_as_tls(authority: Authority) -> None:
    async with Relay() as relay:
        error = await failure(
            SmtpRelay(parse(f"smtps://127.0.0.1:{relay.port}"), ca_file=authority.ca_file, timeouts=QUICK)
        )
        assert error.phase is Phase.TLS


async def test_nobody_there(way: Way) -> None:
    async with way.relay() as relay:
        pass
    error = await failure(way.client(relay))
    assert (error.phase, error.reply, error.permanent) == (Phase.CONNECT, None, False)
    assert f"127.0.0.1:{relay.port}" in str(error)


@pytest.mark.parametrize("at", ["connect", "ehlo", "starttls", "auth"])
async def test_a_drop_while_opening_is_named(starttls: Way, authority: Authority, at: str) -> None:
    async with starttls.relay(hang_up(at), users=USERS) as relay:
        error = await failure(with_password(starttls, relay, authority))
        assert error.phase is {"starttls": Phase.TLS, "auth": Phase.AUTH}.get(at, Phase.GREETING)
        assert not error.permanent


@pytest.mark.parametrize("at", ["connect", "ehlo", "starttls", "auth"])
async def test_silence_while_opening_ends_in_time(starttls: Way, authority: Authority, at: str) -> None:
    async with starttls.relay(stall(at), users=USERS) as relay:
        url = parse(relay.url.replace("://", f"://{ENCODED}@"))
        limits = type(QUICK)(connect=0.2, command=0.2)
        async with asyncio.timeout(3):
            error = await failure(SmtpRelay(url, ca_file=authority.ca_file, timeouts=limits))
        assert error.phase is {"starttls": Phase.TLS, "auth": Phase.AUTH}.get(at, Phase.GREETING)
        assert "in time" in str(error)


@pytest.mark.parametrize("at", ["connect", "ehlo", "starttls", "auth"])
async def test_421_while_opening_keeps_the_code(starttls: Way, authority: Authority, at: str) -> None:
    async with starttls.relay(closing(at), users=USERS) as relay:
        error = await failure(with_password(starttls, relay, authority))
        assert error.reply is not None
        assert error.reply.code == 421
        assert not error.permanent


@pytest.mark.parametrize("reply", ["500 5.5.1 What?", "502 5.5.1 Not implemented"])
async def test_a_relay_that_does_not_know_ehlo_is_greeted_as_of_old(plain: Way, reply: str) -> None:
    async with plain.relay(refuse("ehlo", reply, times=1)) as relay, plain.session(relay) as session:
        assert judge(await session.send(to(), nothing)).state is State.ACCEPTED
        assert [command.split()[0] for command in relay.visits[0].commands[:3]] == ["EHLO", "HELO", "MAIL"]


async def test_a_relay_that_does_not_know_ehlo_gets_no_password(starttls: Way, authority: Authority) -> None:
    async with starttls.relay(refuse("ehlo", "502 5.5.1 Not implemented", times=1), users=USERS) as relay:
        error = await failure(with_password(starttls, relay, authority))
        assert (error.phase, error.permanent) == (Phase.TLS, True)


@pytest.mark.parametrize("at", ["connect", "ehlo"])
async def test_a_dripping_relay_is_understood(plain: Way, at: str) -> None:
    async with plain.relay(drip(at)) as relay, plain.session(relay) as session:
        assert judge(await session.send(to(), nothing)).state is State.ACCEPTED


@pytest.mark.parametrize("at", ["connect", "ehlo"])
async def test_an_endless_greeting_ends_within_bounds(plain: Way, at: str) -> None:
    code = b"220" if at == "connect" else b"250"
    async with plain.relay(flood(at, code + b"-more and more\r\n")) as relay, asyncio.timeout(4):
        error = await failure(plain.client(relay))
        assert error.phase is Phase.GREETING


async def test_only_so_many_connections(plain: Way) -> None:
    async with plain.relay(max_connections=1) as relay, plain.session(relay):
        error = await failure(plain.client(relay))
        assert (error.phase, error.reply and error.reply.code) == (Phase.GREETING, 421)


async def test_cancelling_an_opening_leaves_nothing_open(way: Way) -> None:
    rule = stall("ehlo")
    async with way.relay(rule) as relay:
        opening = asyncio.create_task(way.client(relay).open())
        await rule.reached()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        rule.let_go()
        await relay.visits[0].closed.wait()


def test_credentials_show_nowhere() -> None:
    relay = SmtpRelay(parse("smtps://club:hunter22@mail.example.com"))
    for text in (repr(relay), repr(relay._url), str(relay._url)):
        assert "hunter22" not in text
        assert "club" not in text
