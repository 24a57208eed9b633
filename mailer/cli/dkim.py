"""`mailer dkim`: keys that sign our mail, and the DNS records that prove it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from mailer.cli import open_club
from mailer.errors import SettingsError, UsageError, spoken
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from mailer.mail.dkim import Key


@click.group()
def dkim() -> None:
    """Make DKIM keys and print the DNS records to publish."""


@dkim.command()
@click.option("--domain", default="", help="The signing domain. Default: [dkim] domain, or that of [sender] from.")
@click.option("--selector", default="", help="The key's name in DNS. Default: the year and month, such as m202611.")
@click.option("--rsa", "kind", flag_value="rsa", default=True, help="RSA of 2048 bits, which everybody can verify.")
@click.option("--ed25519", "kind", flag_value="ed25519", help="Ed25519 (RFC 8463), as a second key beside RSA.")
@click.pass_context
def new(ctx: click.Context, domain: str, selector: str, kind: str) -> None:
    """Make a key, and print its DNS record and its lines for mailer.toml.

    The key is written to dkim-SELECTOR.pem in the club's folder, for its owner alone; nothing is overwritten. It signs
    nothing before its lines are in mailer.toml.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from mailer.cli.init import ignore
    from mailer.cli.output import apart, talk
    from mailer.keys import new_dkim_key
    from mailer.mail.dkim import Key, check_name

    club = open_club(ctx)
    since, usual = club.clock(), club.dkim_domain
    suffix = "e" if kind == "ed25519" else ""
    selector = selector or f"m{since.astimezone(club.settings.newsletter.zone):%Y%m}{suffix}"
    domain = domain or usual
    try:
        check_name(domain, "domain")
        check_name(selector, "selector")
    except ValueError as error:
        raise UsageError(spoken(error)) from None
    if selector.lower() in {key.selector.lower() for key in club.settings.dkim.keys}:
        what = "[dkim] has a key %(name)s already; choose another --selector: a used one is never reused"
        raise UsageError(Sentence(what, name=selector))
    if domain.lower() != usual.lower() and club.settings.dkim.keys:
        what = "all keys sign for one domain, and the others sign for %(domain)s; [dkim] domain changes it"
        raise UsageError(Sentence(what, domain=usual))
    key = Key(selector, new_dkim_key(kind))
    file = club.folder / f"dkim-{selector}.pem"
    try:
        ignore(club.folder / ".gitignore")
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    except FileExistsError:
        what = "is there already and stays as it is; choose another --selector"
        raise UsageError(Sentence(what), where=str(file)) from None
    except OSError as error:
        raise UsageError(Sentence("cannot be written: %(why)s", why=spoken(error)), where=str(file)) from None
    talk(Sentence("made %(file)s; keep it secret and keep a copy", file=file))
    apart(Sentence("Publish this record (a form in a browser takes the text without quotes, in one piece):"))
    _print_record(key, domain)
    what = "When it can be looked up, add this to mailer.toml; mail dated before `since` is not signed with it:"
    apart(Sentence(what))
    if domain.lower() != usual.lower():
        click.echo(f'[dkim]\ndomain = "{domain}"\n')
    click.echo(f'[[dkim.keys]]\nselector = "{selector}"\nfile = "{file.name}"\nsince = {since:%Y-%m-%dT%H:%M:%SZ}')
    talk("")
    talk(Sentence("Then see what 'mailer doctor --dns' says."))


@dkim.command()
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    """Print the DNS records of the club's keys again.

    Those in mailer.toml, and those that wait beside it as dkim-SELECTOR.pem.
    """
    from mailer.cli.output import print_json, talk
    from mailer.keys import read_dkim_key
    from mailer.mail.dkim import Key, record_name

    club = open_club(ctx)
    keys = list(club.signer.keys) if club.signer else []
    used = {(club.folder / key.file).absolute() for key in club.settings.dkim.keys}
    waiting = sorted(file for file in club.folder.glob("dkim-*.pem") if file not in used)
    keys += [Key(file.stem.removeprefix("dkim-"), read_dkim_key(file)) for file in waiting]
    if not keys:
        what = "there are no DKIM keys, so nothing is signed here; 'mailer dkim new' makes one"
        raise SettingsError(Sentence(what))
    domain = club.dkim_domain
    if as_json:
        print_json([{"name": record_name(key.selector, domain), "txt": key.record} for key in keys])
        return
    for number, key in enumerate(keys):
        if number:
            click.echo()
        _print_record(key, domain)
    if waiting:
        files = ", ".join(file.name for file in waiting)
        talk("")
        talk(Sentence("not in mailer.toml, so they sign nothing: %(files)s", files=files))


def _print_record(key: Key, domain: str) -> None:
    """The record as a line of a zone file (RFC 1035 section 5.1), its text in strings that fit."""
    from mailer.mail.dkim import record_name, strings

    quoted = [f'"{string}"' for string in strings(key.record)]
    click.echo(
        f"{record_name(key.selector, domain)}. IN TXT " + (f"( {' '.join(quoted)} )" if quoted[1:] else quoted[0])
    )
