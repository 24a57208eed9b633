"""What receivers verify: DKIM keys and their records, and the rest of DNS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mailer.cli.health.finding import Finding, made_up
from mailer.errors import MailerError
from mailer.mail.dkim import GOOD_BITS, public_part, record_name
from mailer.sentence import Sentence
from mailer.transport import domains

if TYPE_CHECKING:
    from mailer.wiring import Club


def dkim(club: Club, dns: bool) -> Iterator[Finding]:
    """Whether each DKIM key can be used, and with `dns` whether its record is published."""
    try:
        signer = club.signer
    except MailerError as error:
        yield Finding("DKIM", "wrong", error.sentence)
        return
    if signer is None:
        yield Finding("DKIM", "right", Sentence("mail is signed by the relay, not here ([dkim] has no keys)"))
        return
    if all(key.kind != "rsa" for key in signer.keys):
        what = Sentence("only ed25519 signs, which many receivers cannot verify")
        yield Finding("DKIM", "advice", what, Sentence("add an RSA key with 'mailer dkim new'"))
    files = {key.selector: key.file for key in club.settings.dkim.keys}
    for key in signer.keys:
        about, file = f"DKIM {key.selector}", files[key.selector]
        mode = (club.folder / file).stat().st_mode & 0o777
        if mode & 0o070:
            what = Sentence("%(file)s can be used by a group (mode %(mode)s)", file=file, mode=f"{mode:03o}")
            yield Finding(about, "advice", what, Sentence("chmod 600 %(file)s", file=file))
        if key.bits < GOOD_BITS:
            what = Sentence("an RSA key of %(bits)s bits is weak", bits=key.bits)
            todo = Sentence("make one of %(bits)s with 'mailer dkim new' (RFC 8301)", bits=GOOD_BITS)
            yield Finding(about, "advice", what, todo)
        name = record_name(key.selector, signer.domain)
        if dns:
            yield _record(about, name, key.record)
        else:
            signs = "%(file)s signs (%(kind)s); its record is %(name)s, looked up with --dns"
            yield Finding(about, "right", Sentence(signs, file=file, kind=key.kind, name=name))


def _record(about: str, name: str, wanted: str) -> Finding:
    found = domains.texts(name)
    todo = Sentence("publish what 'mailer dkim show' prints, or take the key out of mailer.toml: such signatures fail")
    if found is None:
        what = Sentence("the name servers did not say what is at %(name)s", name=name)
        return Finding(about, "advice", what, Sentence("try again later"))
    if not found:
        return Finding(about, "wrong", Sentence("there is no record at %(name)s", name=name), todo)
    if public_part(wanted) not in map(public_part, found):
        return Finding(about, "wrong", Sentence("the record at %(name)s is not this key's", name=name), todo)
    return Finding(about, "right", Sentence("the record at %(name)s is this key's", name=name))


def dns(club: Club) -> Iterator[Finding]:
    """What is to be published, which is not looked up."""
    try:
        sender, bounce = club.sender_address.rpartition("@")[2], club.bounce_domain
    except MailerError:
        return
    if made_up(sender.lower()):
        return
    todo = "%(sender)s needs SPF, DKIM and DMARC records, %(bounce)s an MX for returned mail; see docs/operating.md"
    yield Finding("DNS", "advice", Sentence("not looked up from here"), Sentence(todo, sender=sender, bounce=bounce))
