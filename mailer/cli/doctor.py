"""`mailer doctor`: what is right, what is not, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import click

from mailer.cli import open_club
from mailer.errors import MailerError, RelayError, SettingsError

if TYPE_CHECKING:
    from mailer.cli.probe import Trial
    from mailer.transport.lane import Lane
    from mailer.wiring import Club

_MADE_UP = ("example", "example.com", "example.net", "example.org", "test", "invalid", "localhost")  # RFC 2606
_RELAY_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `right`, `advice` (it works, yet) or `wrong`; `todo` says what to do about it."""

    about: str
    state: Literal["right", "advice", "wrong"]
    text: str
    todo: str = ""


@click.command()
@click.option("--probe", is_flag=True, help="Send a mail to nobody over each relay, and see what of it comes back.")
@click.option("--to", default="", metavar="DOMAIN", help="With --probe: nobody's domain, or address. Default: our own.")
@click.option("--wait", default=60.0, show_default=True, metavar="SECONDS", help="With --probe: how long, at most.")
@click.option("--dns", is_flag=True, help="Look up the DKIM records, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor(ctx: click.Context, probe: bool, to: str, wait: float, dns: bool, as_json: bool) -> None:
    """Say what is right, what is not, and what to do.

    Looks at the settings, the key, the database, the relay (connection, TLS, login; nothing is sent) and what
    readers and the law need. Exit code 1 when something is wrong.

    --probe sends a mail to an address that does not exist and tells which carriers of the signed token (return path,
    Message-ID, List-Unsubscribe) come back with the report about it. No reader's state changes.
    """
    from mailer.cli.output import print_json, table, talk

    club = open_club(ctx)
    findings = list(examine(club, dns))
    trials: list[Trial] = []
    if probe:
        from mailer.cli.probe import findings as shown

        try:
            trials = _probe(club, to, wait)
        except MailerError as error:
            findings.append(Finding("probe", "wrong", str(error)))
        findings += shown(trials, wait)
    wrong = sum(finding.state == "wrong" for finding in findings)
    if as_json:
        value: dict[str, Any] = {"right": not wrong, "findings": [asdict(finding) for finding in findings]}
        print_json(value | ({"probes": [trial.plain() for trial in trials]} if probe else {}))
    else:
        marks = {"right": "ok", "advice": "advice", "wrong": "WRONG"}
        table(
            ("", "about", "what"),
            ((marks[one.state], one.about, one.text + (f"; {one.todo}" if one.todo else "")) for one in findings),
        )
        talk(f"{wrong} wrong" if wrong else "nothing is wrong")
    ctx.exit(1 if wrong else 0)


def _probe(club: Club, to: str, wait: float) -> list[Trial]:
    from mailer.cli import probe
    from mailer.store import returned

    after = club.db.read(returned.last_id)
    trials = probe.send(club, to)
    probe.watch(club, trials, wait, after)
    return trials


def examine(club: Club, dns: bool = False) -> Iterator[Finding]:
    """Everything there is to say about a club, in the order in which a person would put it right."""
    yield Finding("settings", "right", f"mailer.toml in {club.folder} is valid")
    yield from _placeholders(club)
    yield from _key(club)
    yield from _database(club)
    yield from _journal(club)
    yield from _relays(club)
    yield from _web(club)
    yield from _languages(club)
    yield from _legal(club)
    yield from _leaving(club)
    yield from _alerts(club)
    yield from _dkim(club, dns)
    yield from _dns(club)


def _on_trial(club: Club) -> bool:
    """Whether mail cannot leave this machine yet, so that made-up names do no harm."""
    relays = club.settings.relays or (club.settings.relay,)
    return all(_loopback(urlsplit(relay.url.get_secret_value()).hostname) for relay in relays)


def _loopback(host: str | None) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _made_up(domain: str) -> bool:
    return any(domain == name or domain.endswith("." + name) for name in _MADE_UP)


def _placeholders(club: Club) -> Iterator[Finding]:
    bad: Literal["advice", "wrong"] = "advice" if _on_trial(club) else "wrong"
    newsletter = club.settings.newsletter
    if newsletter.unnamed:
        yield Finding("[newsletter] name", bad, "still the placeholder", "give the newsletter its name")
    try:
        address = club.sender_address
    except MailerError as error:
        yield Finding("[sender] from", "wrong", str(error))
        return
    if _made_up(address.rpartition("@")[2].lower()):
        yield Finding("[sender] from", bad, f"{address} is a placeholder", "put in an address of your own domain")
    else:
        yield Finding("[sender] from", "right", address)


def _key(club: Club) -> Iterator[Finding]:
    import os
    import stat

    from mailer.keys import KEY_FILE, KEY_VARIABLE

    try:
        _ = club.keyring
    except MailerError as error:
        yield Finding("key", "wrong", str(error))
        return
    if KEY_VARIABLE in os.environ:
        yield Finding("key", "right", f"from {KEY_VARIABLE}")
        return
    mode = stat.S_IMODE((club.folder / KEY_FILE).stat().st_mode)
    if mode & 0o077:
        yield Finding("key", "wrong", f"{KEY_FILE} can be read by others (mode {mode:03o})", f"chmod 600 {KEY_FILE}")
    else:
        yield Finding("key", "right", f"{KEY_FILE}, readable by its owner alone")


def _database(club: Club) -> Iterator[Finding]:
    from sqlalchemy import text

    from mailer.store import migrate, restored
    from mailer.store.highwater import HighWater

    try:
        db = club.db
        with db.transaction() as connection:
            kind = "SQLite" if db.is_sqlite else "PostgreSQL"
            ask = "SELECT sqlite_version()" if db.is_sqlite else "SHOW server_version"
            version = connection.execute(text(ask)).scalar_one()
            # a change that is undone: the only proof that a database takes any
            with connection.begin_nested() as undone:
                connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
                undone.rollback()
            mode = connection.execute(text("PRAGMA journal_mode")).scalar_one() if db.is_sqlite else "wal"
            older = restored.is_behind(connection, HighWater(club.journal_folder).claim)
    except MailerError as error:
        yield Finding("database", "wrong", str(error))
        return
    yield Finding("database", "right", f"{kind} {version}, version {migrate.HEAD}, can be written")
    if older:
        yield Finding(
            "database", "wrong", "it is older than what was sent: a backup was restored", "mailer audit --reconcile"
        )
    if mode != "wal":
        yield Finding(
            "database", "advice", f"journal mode {mode}: readers wait for writers", "keep the file on a local disk"
        )


def _journal(club: Club) -> Iterator[Finding]:
    """Whether claims can be noted on this host: nothing is sent where they cannot."""
    import os

    folder = club.journal_folder
    if not os.access(folder if folder.exists() else club.folder, os.W_OK | os.X_OK):
        todo = "nothing is sent without: give that folder to the user who sends"
        yield Finding("journal", "wrong", f"{folder} cannot be written", todo)


def _relays(club: Club) -> Iterator[Finding]:
    import asyncio

    relays = club.settings.relays or (club.settings.relay,)
    try:
        lanes = club.lanes()
    except MailerError as error:
        yield Finding("relay", "wrong", str(error))
        return

    async def greet(lane: Lane) -> None:
        async with asyncio.timeout(_RELAY_SECONDS):
            session = await lane.relay.open()
            await session.close()

    for lane, relay in zip(lanes, relays, strict=True):
        about, url = f"relay {relay.name}", urlsplit(relay.url.get_secret_value())
        try:
            asyncio.run(greet(lane))
        except RelayError as error:
            hint = "start 'mailer inbox', or put your relay into [relay] url" if _on_trial(club) else ""
            yield Finding(about, "wrong", str(error), hint if error.phase == "connect" else "")
        except TimeoutError:
            yield Finding(about, "wrong", f"no greeting within {_RELAY_SECONDS} s", "check host, port and firewall")
        else:
            how = {"smtps": "TLS", "smtp+starttls": "STARTTLS"}.get(url.scheme, "no TLS")
            who = "logged in" if url.username else "no login"
            yield Finding(about, "right", f"answers at {url.hostname} ({how}, {who}); nothing was sent")
    if _on_trial(club):
        yield Finding("relay", "advice", "all mail stays on this machine", "put your relay into [relay] url to go live")


def _web(club: Club) -> Iterator[Finding]:
    url = urlsplit(club.settings.web.base_url)
    about = "[web] base_url"
    if _loopback(url.hostname):
        bad: Literal["advice", "wrong"] = "advice" if _on_trial(club) else "wrong"
        yield Finding(about, bad, f"{url.geturl()} is this machine", "readers need an address they can reach")
    elif url.scheme != "https":
        yield Finding(about, "wrong", "not https", "one-click unsubscribe demands it (RFC 8058 section 3.1)")
    else:
        yield Finding(about, "right", url.geturl())
        if not club.settings.web.trusted_proxies:
            todo = "name the web server with TLS in front, such as 127.0.0.1; else all visitors look like one"
            yield Finding("[web] trusted_proxies", "advice", "is empty", todo)


def _languages(club: Club) -> Iterator[Finding]:
    """What readers of a language would see in another one: the catalogue's texts, and those that are settings."""
    from mailer.model.application import in_language
    from mailer.rendering.language import detect, same
    from mailer.rendering.translation import available, primary, slips

    join, newsletter = club.settings.join, club.settings.newsletter
    labels = [label for kind in join.kinds for label in (kind.label, *(question.label for question in kind.fields))]
    for tag in newsletter.languages:
        name = newsletter.name_in(tag)
        if (
            not newsletter.unnamed
            and not same(detect(name, tag), tag)
            and primary(tag) not in map(primary, newsletter.names)
        ):
            todo = f"say what it is called there: [newsletter] names = {{ {tag} = ... }}; itself where it is the same"
            yield Finding(f"language {tag}", "advice", f"the newsletter is called {name!r} in it too", todo)
        if primary(tag) not in map(primary, available()):
            todo = f"add a catalogue mailer/locales/{tag}/LC_MESSAGES/mailer.po (docs/joining.md, Languages)"
            yield Finding(f"language {tag}", "advice", "pages and letters are in English, there is no catalogue", todo)
        try:
            wrong = slips(tag)
        except SettingsError as error:
            yield Finding(f"language {tag}", "wrong", str(error), "no page can be shown in it")
            wrong = []
        for text in wrong:
            todo = "give the translation the placeholders of the text, and write % as %%"
            yield Finding(f"language {tag}", "advice", f"shown in English: {text!r} cannot be filled in", todo)
        if not in_language(join.wording, tag).strip():
            todo = f"write what readers agree to into [join] wording as {tag!r}: there are no pages without"
            yield Finding(f"language {tag}", "wrong", "there is nothing to agree to", todo)
        elif primary(tag) not in map(primary, join.wording):
            todo = f"write what readers agree to into [join] wording as {tag!r}"
            yield Finding(f"language {tag}", "advice", "readers agree to a sentence of another language", todo)
        if any(primary(tag) not in map(primary, label) for label in labels):
            todo = f"give each label of [[join.kinds]] a text for {tag!r}"
            yield Finding(f"language {tag}", "advice", "applicants read labels of another language", todo)


def _legal(club: Club) -> Iterator[Finding]:
    settings = club.settings
    profile = settings.legal.profile
    missing = club.missing_by_law()
    for clause in missing:
        todo = "publishing is refused until it is there"
        yield Finding("law", "wrong", f"the profile {profile!r} demands {clause}", todo)
    if not settings.newsletter.postal_address and not missing:
        todo = "several laws demand one in every mail"
        yield Finding("law", "advice", "[newsletter] postal_address is empty", todo)
    if profile == "none":
        yield Finding("law", "advice", "no [legal] profile is chosen", "choose china, eu or us by where readers live")


def _leaving(club: Club) -> Iterator[Finding]:
    """Whether somebody reads the mailbox that the mailto in List-Unsubscribe writes to."""
    from mailer.intake import imap

    try:
        address = club.unsubscribe_address
        places = [imap.parse(secret.get_secret_value()) for secret in club.settings.bounces.mailboxes]
    except MailerError as error:
        yield Finding("leaving by mail", "wrong", str(error))
        return
    if _made_up(address.rpartition("@")[2].lower()):
        return
    if {address, address.rpartition("@")[0]} & {place.user for place in places}:
        yield Finding("leaving by mail", "right", f"{address} is among [bounces] mailboxes")
    else:
        todo = "name it there, or let its mail be piped to 'mailer bounces take'; who writes there wants to leave"
        yield Finding("leaving by mail", "advice", f"{address} is not among [bounces] mailboxes", todo)


def _alerts(club: Club) -> Iterator[Finding]:
    """Whether somebody hears of a send that stops."""
    about, told = "[alerts] to", ", ".join(club.settings.alerts.to)
    if told:
        yield Finding(about, "right", f"{told} hears when a send ends, stops or stands still")
    else:
        yield Finding(about, "advice", "nobody is told when a send ends, stops or stands still", "name an operator")
    try:
        _ = club.ping_url
    except MailerError as error:
        yield Finding("[alerts] ping_url", "wrong", str(error))


def _dkim(club: Club, dns: bool) -> Iterator[Finding]:
    """Whether each DKIM key can be used, and with `dns` whether its record is published."""
    from mailer.mail.dkim import GOOD_BITS, record_name

    try:
        signer = club.signer
    except MailerError as error:
        yield Finding("DKIM", "wrong", str(error))
        return
    if signer is None:
        yield Finding("DKIM", "right", "mail is signed by the relay, not here ([dkim] has no keys)")
        return
    if all(key.kind != "rsa" for key in signer.keys):
        todo = "add an RSA key with 'mailer dkim new'"
        yield Finding("DKIM", "advice", "only ed25519 signs, which many receivers cannot verify", todo)
    files = {key.selector: key.file for key in club.settings.dkim.keys}
    for key in signer.keys:
        about, file = f"DKIM {key.selector}", files[key.selector]
        mode = (club.folder / file).stat().st_mode & 0o777
        if mode & 0o070:
            yield Finding(about, "advice", f"{file} can be used by a group (mode {mode:03o})", f"chmod 600 {file}")
        if key.bits < GOOD_BITS:
            todo = f"make one of {GOOD_BITS} with 'mailer dkim new' (RFC 8301)"
            yield Finding(about, "advice", f"an RSA key of {key.bits} bits is weak", todo)
        name = record_name(key.selector, signer.domain)
        if dns:
            yield _record(about, name, key.record)
        else:
            yield Finding(about, "right", f"{file} signs ({key.kind}); its record is {name}, looked up with --dns")


def _record(about: str, name: str, wanted: str) -> Finding:
    from mailer.mail.dkim import public_part
    from mailer.transport import domains

    found = domains.texts(name)
    todo = "publish what 'mailer dkim show' prints, or take the key out of mailer.toml: such signatures fail"
    if found is None:
        return Finding(about, "advice", f"the name servers did not say what is at {name}", "try again later")
    if not found:
        return Finding(about, "wrong", f"there is no record at {name}", todo)
    if public_part(wanted) not in map(public_part, found):
        return Finding(about, "wrong", f"the record at {name} is not this key's", todo)
    return Finding(about, "right", f"the record at {name} is this key's")


def _dns(club: Club) -> Iterator[Finding]:
    try:
        sender, bounce = club.sender_address.rpartition("@")[2], club.bounce_domain
    except MailerError:
        return
    if _made_up(sender.lower()):
        return
    todo = f"{sender} needs SPF, DKIM and DMARC records, {bounce} an MX for returned mail; see docs/operating.md"
    yield Finding("DNS", "advice", "not looked up from here", todo)
