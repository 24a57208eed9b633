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
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from mailer.wiring import Club


def placeholders(club: Club) -> Iterator[Finding]:
    """Whether newsletter and sender have names of their own."""
    bad: Bad = "advice" if on_trial(club) else "wrong"
    newsletter = club.settings.newsletter
    if newsletter.unnamed:
        yield Finding(
            "[newsletter] name", bad, Sentence("still the placeholder"), Sentence("give the newsletter its name")
        )
    try:
        address = club.sender_address
    except MailerError as error:
        yield Finding("[sender] from", "wrong", error.sentence)
        return
    if made_up(address.rpartition("@")[2].lower()):
        what = Sentence("%(address)s is a placeholder", address=address)
        yield Finding("[sender] from", bad, what, Sentence("put in an address of your own domain"))
    else:
        yield Finding("[sender] from", "right", Sentence(address))


def web(club: Club) -> Iterator[Finding]:
    """Whether readers reach the pages."""
    url = urlsplit(club.settings.web.base_url)
    about = "[web] base_url"
    if loopback(url.hostname):
        bad: Bad = "advice" if on_trial(club) else "wrong"
        what = Sentence("%(address)s is this machine", address=url.geturl())
        yield Finding(about, bad, what, Sentence("readers need an address they can reach"))
    elif url.scheme != "https":
        todo = Sentence("one-click unsubscribe demands it (RFC 8058 section 3.1)")
        yield Finding(about, "wrong", Sentence("not https"), todo)
    else:
        yield Finding(about, "right", Sentence(url.geturl()))
        if not club.settings.web.trusted_proxies:
            todo = Sentence("name the web server with TLS in front, such as 127.0.0.1; else all visitors look like one")
            yield Finding("[web] trusted_proxies", "advice", Sentence("is empty"), todo)


def languages(club: Club) -> Iterator[Finding]:
    """What readers of a language would see in another one: the catalogue's texts, and those that are settings."""
    join, newsletter = club.settings.join, club.settings.newsletter
    labels = [label for kind in join.kinds for label in (kind.label, *(question.label for question in kind.fields))]
    for tag in newsletter.languages:
        about, name = Sentence("language %(tag)s", tag=tag), newsletter.name_in(tag)
        if (
            not newsletter.unnamed
            and not same(detect(name, tag), tag)
            and primary(tag) not in map(primary, newsletter.names)
        ):
            todo = "say what it is called there: [newsletter] names = { %(tag)s = ... }; itself where it is the same"
            what = Sentence("the newsletter is called '%(name)s' in it too", name=name)
            yield Finding(about, "advice", what, Sentence(todo, tag=tag))
        if primary(tag) not in map(primary, available()):
            todo = "add a catalogue mailer/locales/%(tag)s/LC_MESSAGES/mailer.po (docs/joining.md, Languages)"
            what = Sentence("pages and letters are in English, there is no catalogue")
            yield Finding(about, "advice", what, Sentence(todo, tag=tag))
        try:
            wrong = slips(tag)
        except SettingsError as error:
            yield Finding(about, "wrong", error.sentence, Sentence("no page can be shown in it"))
            wrong = []
        for text in wrong:
            what = Sentence("shown in English: '%(text)s' cannot be filled in", text=text)
            todo = Sentence("give the translation the placeholders of the text, and write %(sign)s twice", sign="%")
            yield Finding(about, "advice", what, todo)
        if not in_language(join.wording, tag).strip():
            todo = "write what readers agree to into [join] wording as '%(tag)s': there are no pages without"
            yield Finding(about, "wrong", Sentence("there is nothing to agree to"), Sentence(todo, tag=tag))
        elif primary(tag) not in map(primary, join.wording):
            what = Sentence("readers agree to a sentence of another language")
            todo = "write what readers agree to into [join] wording as '%(tag)s'"
            yield Finding(about, "advice", what, Sentence(todo, tag=tag))
        if any(primary(tag) not in map(primary, label) for label in labels):
            what = Sentence("applicants read labels of another language")
            todo = "give each label of [[join.kinds]] a text for '%(tag)s'"
            yield Finding(about, "advice", what, Sentence(todo, tag=tag))


def legal(club: Club) -> Iterator[Finding]:
    """What the law of the profile demands and the settings lack."""
    settings = club.settings
    profile = settings.legal.profile
    missing = club.missing_by_law()
    for clause in missing:
        what = Sentence("the profile '%(profile)s' demands: %(clause)s", profile=profile, clause=clause)
        yield Finding(Sentence("law"), "wrong", what, Sentence("publishing is refused until it is there"))
    if not settings.newsletter.postal_address and not missing:
        what = Sentence("[newsletter] postal_address is empty")
        yield Finding(Sentence("law"), "advice", what, Sentence("several laws demand one in every mail"))
    if profile == "none":
        todo = Sentence("choose china, eu or us by where readers live")
        yield Finding(Sentence("law"), "advice", Sentence("no [legal] profile is chosen"), todo)


def leaving(club: Club) -> Iterator[Finding]:
    """Whether somebody reads the mailbox that the mailto in List-Unsubscribe writes to."""
    try:
        address = club.unsubscribe_address
        places = [imap.parse(secret.get_secret_value()) for secret in club.settings.bounces.mailboxes]
    except MailerError as error:
        yield Finding(Sentence("leaving by mail"), "wrong", error.sentence)
        return
    if made_up(address.rpartition("@")[2].lower()):
        return
    if {address, address.rpartition("@")[0]} & {place.user for place in places}:
        yield Finding(
            Sentence("leaving by mail"), "right", Sentence("%(address)s is among [bounces] mailboxes", address=address)
        )
    else:
        what = Sentence("%(address)s is not among [bounces] mailboxes", address=address)
        todo = "name it there, or let its mail be piped to 'mailer bounces take'; who writes there wants to leave"
        yield Finding(Sentence("leaving by mail"), "advice", what, Sentence(todo))


def alerts(club: Club) -> Iterator[Finding]:
    """Whether somebody hears of a send that stops."""
    about, told = "[alerts] to", ", ".join(club.settings.alerts.to)
    if told:
        what = "%(who)s hears when a send ends, stops or stands still"
        yield Finding(about, "right", Sentence(what, who=told))
    else:
        what = "nobody is told when a send ends, stops or stands still"
        yield Finding(about, "advice", Sentence(what), Sentence("name an operator"))
    try:
        _ = club.ping_url
    except MailerError as error:
        yield Finding("[alerts] ping_url", "wrong", error.sentence)
