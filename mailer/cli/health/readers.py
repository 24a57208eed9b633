"""What readers, the law and operators need: names, pages, languages, a way out, somebody who is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mailer.cli.health.finding import Bad, Finding, loopback, made_up, on_trial
from mailer.errors import MailerError, SettingsError
from mailer.intake import imap
from mailer.model.application import in_language
from mailer.model.language_tag import primary, same
from mailer.rendering.language import detect
from mailer.rendering.translation import available, slips

if TYPE_CHECKING:
    from mailer.wiring import Club


def placeholders(club: Club) -> Iterator[Finding]:
    """Whether newsletter and sender have names of their own."""
    bad: Bad = "advice" if on_trial(club) else "wrong"
    newsletter = club.settings.newsletter
    if newsletter.unnamed:
        yield Finding("[newsletter] name", bad, "still the placeholder", "give the newsletter its name")
    try:
        address = club.sender_address
    except MailerError as error:
        yield Finding("[sender] from", "wrong", str(error))
        return
    if made_up(address.rpartition("@")[2].lower()):
        yield Finding("[sender] from", bad, f"{address} is a placeholder", "put in an address of your own domain")
    else:
        yield Finding("[sender] from", "right", address)


def web(club: Club) -> Iterator[Finding]:
    """Whether readers reach the pages."""
    url = urlsplit(club.settings.web.base_url)
    about = "[web] base_url"
    if loopback(url.hostname):
        bad: Bad = "advice" if on_trial(club) else "wrong"
        yield Finding(about, bad, f"{url.geturl()} is this machine", "readers need an address they can reach")
    elif url.scheme != "https":
        yield Finding(about, "wrong", "not https", "one-click unsubscribe demands it (RFC 8058 section 3.1)")
    else:
        yield Finding(about, "right", url.geturl())
        if not club.settings.web.trusted_proxies:
            todo = "name the web server with TLS in front, such as 127.0.0.1; else all visitors look like one"
            yield Finding("[web] trusted_proxies", "advice", "is empty", todo)


def languages(club: Club) -> Iterator[Finding]:
    """What readers of a language would see in another one: the catalogue's texts, and those that are settings."""
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


def legal(club: Club) -> Iterator[Finding]:
    """What the law of the profile demands and the settings lack."""
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


def leaving(club: Club) -> Iterator[Finding]:
    """Whether somebody reads the mailbox that the mailto in List-Unsubscribe writes to."""
    try:
        address = club.unsubscribe_address
        places = [imap.parse(secret.get_secret_value()) for secret in club.settings.bounces.mailboxes]
    except MailerError as error:
        yield Finding("leaving by mail", "wrong", str(error))
        return
    if made_up(address.rpartition("@")[2].lower()):
        return
    if {address, address.rpartition("@")[0]} & {place.user for place in places}:
        yield Finding("leaving by mail", "right", f"{address} is among [bounces] mailboxes")
    else:
        todo = "name it there, or let its mail be piped to 'mailer bounces take'; who writes there wants to leave"
        yield Finding("leaving by mail", "advice", f"{address} is not among [bounces] mailboxes", todo)


def alerts(club: Club) -> Iterator[Finding]:
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
