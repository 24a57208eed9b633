"""What receivers verify: DKIM keys and their records, and the rest of DNS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mailer.cli.health.finding import Finding, made_up
from mailer.errors import MailerError
from mailer.mail.dkim import GOOD_BITS, public_part, record_name
from mailer.transport import domains

if TYPE_CHECKING:
    from mailer.wiring import Club


def dkim(club: Club, dns: bool) -> Iterator[Finding]:
    """Whether each DKIM key can be used, and with `dns` whether its record is published."""
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
    found = domains.texts(name)
    todo = "publish what 'mailer dkim show' prints, or take the key out of mailer.toml: such signatures fail"
    if found is None:
        return Finding(about, "advice", f"the name servers did not say what is at {name}", "try again later")
    if not found:
        return Finding(about, "wrong", f"there is no record at {name}", todo)
    if public_part(wanted) not in map(public_part, found):
        return Finding(about, "wrong", f"the record at {name} is not this key's", todo)
    return Finding(about, "right", f"the record at {name} is this key's")


def dns(club: Club) -> Iterator[Finding]:
    """What is to be published, which is not looked up."""
    try:
        sender, bounce = club.sender_address.rpartition("@")[2], club.bounce_domain
    except MailerError:
        return
    if made_up(sender.lower()):
        return
    todo = f"{sender} needs SPF, DKIM and DMARC records, {bounce} an MX for returned mail; see docs/operating.md"
    yield Finding("DNS", "advice", "not looked up from here", todo)
