"""A mailbox on another machine: each mail taken once, none lost, whatever the server does (a real Dovecot)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.dovecot import Dovecot, dovecot

from mailer.errors import SettingsError, UsageError
from mailer.intake import imap


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@pytest.fixture
def place(server: Dovecot) -> imap.Place:
    for subfolder in ("", "Processed", "Unknown"):
        folder = server.folder / f".{subfolder}" if subfolder else server.folder
        for file in [*folder.glob("new/*"), *folder.glob("cur/*")]:
            file.unlink()
    return imap.parse(server.url)


def mail(number: int) -> bytes:
    return f"Subject: {number}\r\n\r\nmail {number}\r\n".encode()


def test_a_mail_is_moved_by_whether_we_knew_whose_it_was(server: Dovecot, place: imap.Place) -> None:
    for number in range(3):
        server.put(f"{number}.test", mail(number))
    done = imap.fetch(place, lambda raw: b"mail 1" in raw)
    assert (done.taken, done.unknown) == (3, 2)
    assert server.mails() == []
    assert [b"mail 1" in raw for raw in server.mails("Processed")] == [True]
    assert len(server.mails("Unknown")) == 2
    assert imap.fetch(place, lambda _: True).taken == 0


def test_a_mail_that_could_not_be_kept_stays_where_it_is(server: Dovecot, place: imap.Place) -> None:
    server.put("1.test", mail(1))

    def broken(raw: bytes) -> bool:
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        imap.fetch(place, broken)
    assert len(server.mails()) == 1


def test_a_server_that_drops_midway_loses_no_mail(server: Dovecot, place: imap.Place) -> None:
    for number in range(5):
        server.put(f"{number}.test", mail(number))
    kept: list[bytes] = []

    def take(raw: bytes) -> bool:
        kept.append(raw)
        if len(kept) == 3:
            server.stop()
        return True

    with pytest.raises(UsageError, match="after 3 mails"):
        imap.fetch(place, take)
    server.start()
    imap.fetch(place, take)
    assert len(kept) == 7  # two came twice: their move was lost, not the mails
    assert set(kept) == {raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for raw in map(mail, range(5))}
    assert server.mails() == []
    assert len(server.mails("Processed")) == 5


def test_a_new_uidvalidity_changes_nothing(server: Dovecot, place: imap.Place) -> None:
    server.put("1.test", mail(1))
    assert imap.fetch(place, lambda _: True).taken == 1
    server.stop()
    server.new_uidvalidity()
    server.put("2.test", mail(2))
    server.start()
    kept: list[bytes] = []
    imap.fetch(place, lambda raw: not kept.append(raw))  # type: ignore[func-returns-value]
    assert [b"mail 2" in raw for raw in kept] == [True]


def test_only_the_beginning_of_a_huge_mail_is_fetched(server: Dovecot, place: imap.Place) -> None:
    server.put("1.test", mail(1) + b"x" * 70 + b"\r\n" + (b"y" * 998 + b"\r\n") * 8000)
    sizes: list[int] = []
    imap.fetch(place, lambda raw: not sizes.append(len(raw)))  # type: ignore[func-returns-value]
    assert sizes == [imap.MAX_SIZE]


def test_a_wrong_password_is_said_in_a_sentence(server: Dovecot) -> None:
    with pytest.raises(UsageError, match="refuses the user or password"):
        imap.fetch(imap.parse(server.url.replace("hush-hush", "wrong")), lambda _: True)


def test_a_password_does_not_leave_this_machine_in_clear() -> None:
    with pytest.raises(SettingsError, match="in clear"):
        imap.parse("imap://news:secret@mail.example.com/INBOX")
    assert "secret" not in repr(imap.parse("imaps://news:secret@mail.example.com/INBOX"))


NO_MOVE = "imap_capability = IMAP4rev1 UIDPLUS"
BARE = "imap_capability = IMAP4rev1"
MAY_NOT_MOVE = """
mail_plugins = acl
protocol imap {
  mail_plugins = acl imap_acl
}
plugin {
  acl = vfile:FILE
}
"""


@pytest.mark.parametrize(("extra", "left"), [(NO_MOVE, 0), (BARE, 3)])
def test_a_server_without_move_gives_each_mail_once(extra: str, left: int) -> None:
    with dovecot(extra) as server:
        for number in range(3):
            server.put(f"{number}.test", mail(number))
        kept: list[bytes] = []
        for _ in range(2):
            imap.fetch(imap.parse(server.url), lambda raw: not kept.append(raw))  # type: ignore[func-returns-value]
        assert len(kept) == 3
        assert len(server.mails("Processed")) == 3
        assert len(server.mails()) == left  # marked as deleted where the server cannot expunge just these


@pytest.mark.parametrize("extra", ["", NO_MOVE, BARE])
def test_a_mail_that_somebody_else_marked_as_deleted_stays_where_it_is(extra: str) -> None:
    with dovecot(extra) as server:
        server.put("1.test", mail(1))
        theirs = server.folder / "cur" / "2.test:2,T"
        server.put("2.test", mail(2))
        (server.folder / "new" / "2.test").rename(theirs)
        assert imap.fetch(imap.parse(server.url), lambda _: True).taken == 1
        assert mail(2) in server.mails()


def test_a_mailbox_in_which_nothing_may_be_moved_is_read_to_its_end() -> None:
    with TemporaryDirectory() as folder, ExitStack() as running:
        Path(folder).chmod(0o755)
        rights = Path(folder) / "rights"
        rights.write_text("* owner lrs\n")
        server = running.enter_context(dovecot(MAY_NOT_MOVE.replace("FILE", str(rights))))
        for number in range(imap.MOVED_AT_ONCE + 5):
            server.put(f"{number}.test", mail(number))
        kept: list[bytes] = []
        done = imap.fetch(imap.parse(server.url), lambda raw: not kept.append(raw))  # type: ignore[func-returns-value]
        assert (done.taken, done.stuck) == (55, 55)
        assert len(set(kept)) == 55
        assert len(server.mails()) == 55


def test_uids_that_were_given_anew_meanwhile_move_no_mail_that_was_not_taken(
    server: Dovecot, place: imap.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put("1.test", mail(1))
    numbers = iter(range(10))
    monkeypatch.setattr(imap, "_uidvalidity", lambda box: next(numbers))
    with pytest.raises(UsageError, match="run it again"):
        imap.fetch(place, lambda _: True)
    assert len(server.mails()) == 1
    assert server.mails("Processed") == []


def test_a_line_that_drops_after_every_few_mails_gets_further_with_every_run(
    server: Dovecot, place: imap.Place
) -> None:
    for number in range(8):
        server.put(f"{number}.test", mail(number))
    left = []
    for _ in range(2):
        taken: list[bytes] = []

        def take(raw: bytes, taken: list[bytes] = taken) -> bool:
            taken.append(raw)
            if len(taken) == 4:
                server.stop()
            return True

        with pytest.raises(UsageError):
            imap.fetch(place, take)
        server.start()
        left.append(len(server.mails()))
    assert left == [5, 2]
