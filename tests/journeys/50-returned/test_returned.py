"""Mail comes back: real Postfixes bounce it, a listener or a mailbox takes it, readers fare as the policy says."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.club import ClubFolder, wait_until
from support.dovecot import Dovecot, dovecot
from support.postfix import Postfix, postfix
from support.relay import Relay, refuse

RETURNS = "bounces.club.test"
UNKNOWN, BLOCKED, FULL = "r1@example.com", "r2@example.com", "r3@example.com"


def destination() -> Relay:
    """The readers' mail server: one reader unknown, one mail refused by policy, one mailbox full for now."""
    return Relay(
        refuse("rcpt", f"550 5.1.1 <{UNKNOWN}>: Recipient address rejected: User unknown", recipient=UNKNOWN),
        refuse("dot", "550 5.7.1 Message rejected due to local policy", recipient=BLOCKED),
        refuse("rcpt", f"452 4.2.2 <{FULL}>: mailbox full", recipient=FULL),
        refuse("rcpt", "550 5.1.1 no such user", recipient="nobody-*"),
    )


def transports(**ports: str) -> str:
    rows = ", ".join(f"{{ {domain.replace('_', '.')} = {where} }}" for domain, where in ports.items())
    return f"transport_maps = inline:{{ {rows} }}\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def club(folder: Path, relay: Postfix, **settings: str) -> ClubFolder:
    return ClubFolder(folder, relay.url, readers=6, MAILER_SENDER__BOUNCE_DOMAIN=RETURNS, **settings)


def state(home: ClubFolder, *arguments: str) -> list[dict[str, Any]]:
    code, out, err = home.run(*arguments, "--json")
    assert code == 0, err
    found: list[dict[str, Any]] = json.loads(out)
    return found


def stopped(home: ClubFolder) -> set[str]:
    with home.db.reading() as conn:
        rows = conn.exec_driver_sql("SELECT match_key FROM suppressions WHERE state = 'active'").all()
    return {row[0] for row in rows}


def bounced(home: ClubFolder) -> dict[str, tuple[str, str, str]]:
    with home.db.reading() as conn:
        rows = conn.exec_driver_sql(
            "SELECT d.address, b.via, b.kind, b.reason FROM bounces b JOIN deliveries d ON d.id = b.delivery_id"
        ).all()
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


@contextmanager
def listening(home: ClubFolder) -> Iterator[None]:
    port = int(home.environment["MAILER_BOUNCES__LISTEN"].rpartition(":")[2])
    process = home.start("bounces", "listen", "--lmtp")

    def answers() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(answers, process)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


@contextmanager
def behind_postfix(folder: Path) -> Iterator[tuple[ClubFolder, Postfix]]:
    """A club whose relay is a Postfix that sends what comes back to the club's listener."""
    port = free_port()
    with destination().in_thread() as there:
        extra = transports(example_com=f"smtp:[127.0.0.1]:{there.port}", **{RETURNS: f"lmtp:inet:127.0.0.1:{port}"})
        with postfix(extra=extra) as relay:
            settings = {"MAILER_BOUNCES__LISTEN": f"127.0.0.1:{port}", "MAILER_BOUNCES__LOG": str(relay.log)}
            home = club(folder, relay, **settings)
            with listening(home):
                yield home, relay


@contextmanager
def behind_a_rewriter(folder: Path) -> Iterator[tuple[ClubFolder, Dovecot]]:
    """A club whose Postfix hands on to another that makes return path, Message-ID and Date its own."""
    with destination().in_thread() as there, dovecot() as mailbox:
        owner = mailbox.owner
        (mailbox.place / "checks").write_text(
            "/^Message-ID:/ REPLACE Message-ID: <rewritten@rewriter.test>\n"
            "/^Date:/ REPLACE Date: Thu, 01 Jan 1970 00:00:00 +0000\n"
        )
        extra = transports(example_com=f"smtp:[127.0.0.1]:{there.port}") + (
            "sender_canonical_maps = static:account@rewriter.test\n"
            "sender_canonical_classes = envelope_sender\n"
            f"header_checks = regexp:{mailbox.place}/checks\n"
            "virtual_mailbox_domains = rewriter.test\n"
            f"virtual_mailbox_base = {mailbox.place}\n"
            "virtual_mailbox_maps = static:mail/\n"
            "virtual_minimum_uid = 1\n"
            f"virtual_uid_maps = static:{owner.pw_uid}\n"
            f"virtual_gid_maps = static:{owner.pw_gid}\n"
        )
        with (
            postfix("rewriter.test", extra) as rewriter,
            postfix(extra=f"relayhost = [127.0.0.1]:{rewriter.port}") as relay,
        ):
            yield club(folder, relay, MAILER_BOUNCES__MAILBOXES=json.dumps([mailbox.url])), mailbox


def send(home: ClubFolder) -> None:
    code, _, err = home.run("publish", "today.md", "--yes")
    assert code == 0, err


def test_a_listener_takes_what_a_postfix_sends_back(tmp_path: Path) -> None:
    with behind_postfix(tmp_path) as (home, _):
        send(home)
        wait_until(lambda: len(bounced(home)) == 2)
        assert bounced(home) == {
            UNKNOWN: ("lmtp", "hard", "userunknown"),
            BLOCKED: ("lmtp", "soft", "policyviolation"),
        }
        assert stopped(home) == {UNKNOWN}


def test_a_postfix_own_log_tells_the_destinations_answers(tmp_path: Path) -> None:
    with behind_postfix(tmp_path) as (home, relay):
        send(home)
        wait_until(lambda: relay.said().count(": to=<r") >= 6)
        code, out, err = home.run("bounces", "log")
        assert code == 0, err
        assert out.startswith("2 bounced, 1 deferred, 3 sent; ")
        code, out, _ = home.run("report", "86", "--json")
        assert json.loads(out)["destinations"] == {"sent": 3, "deferred": 1, "bounced": 2}
        code, out, _ = home.run("receipt", "86", FULL, "--json")
        receipt = json.loads(out)
        assert receipt["state"] == "accepted"  # by the relay
        assert receipt["destination"].startswith("deferred: ")
        assert "452 4.2.2" in receipt["destination"]


def test_a_report_finds_its_reader_through_a_relay_that_rewrites_all_it_may(tmp_path: Path) -> None:
    with behind_a_rewriter(tmp_path) as (home, mailbox):
        send(home)
        wait_until(lambda: len(mailbox.mails()) == 2)
        code, out, err = home.run("bounces", "fetch")
        assert (code, "2 taken, 0 without a token" in out) == (0, True), out + err
        assert stopped(home) == {UNKNOWN}
        assert bounced(home)[BLOCKED][1:] == ("soft", "policyviolation")
        assert all(b"rewritten@rewriter.test" in raw for raw in mailbox.mails("Processed"))


def probe(home: ClubFolder) -> dict[str, Any]:
    code, out, err = home.run("doctor", "--probe", "--to", "example.com", "--wait", "30", "--json")
    assert code in {0, 1}, err
    (found,) = json.loads(out)["probes"]
    assert isinstance(found, dict)
    return found


def test_a_probe_comes_back_with_every_carrier_and_touches_nobody(tmp_path: Path) -> None:
    with behind_postfix(tmp_path) as (home, _):
        found = probe(home)
        (echo,) = found["came_back"]
        assert (echo["via"], echo["kind"], echo["reason"]) == ("lmtp", "hard", "userunknown")
        assert found["carriers"] == {"return path": True, "Message-ID": True, "List-Unsubscribe": True}
        assert [entry["status"] for entry in found["log"]] == ["bounced"]
        assert (stopped(home), bounced(home)) == (set(), {})


def test_a_probe_shows_what_a_rewriting_relay_leaves_of_the_token(tmp_path: Path) -> None:
    with behind_a_rewriter(tmp_path) as (home, _):
        found = probe(home)
        assert [echo["via"] for echo in found["came_back"]] == ["imap"]
        assert found["carriers"] == {"return path": False, "Message-ID": False, "List-Unsubscribe": True}
        assert (stopped(home), bounced(home)) == (set(), {})
