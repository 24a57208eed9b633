"""Builds the parts from the settings; the one room that knows them all, and the owner of clock and randomness."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from mailer import keys
from mailer import settings as settings_module
from mailer.errors import SettingsError, spoken
from mailer.model.tokens import Keyring
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from mailer.flows.alert import Alerts
    from mailer.flows.bounce import TakeIn
    from mailer.flows.dispatch import Dispatcher, Observer
    from mailer.flows.dispatch.books import RecordRefusals
    from mailer.flows.probe import Probe
    from mailer.mail.dkim import Signer
    from mailer.model.issue import Issue
    from mailer.model.letter import WriteLetter
    from mailer.model.pacing import Account, Window
    from mailer.rendering.edition import Edition
    from mailer.rendering.examine import Examined
    from mailer.rendering.facts import ClubFacts
    from mailer.rendering.templates import Templates
    from mailer.rendering.theme import Theme
    from mailer.settings import RelaySettings, Settings
    from mailer.store.engine import Database
    from mailer.transport.lane import Lane

JOURNAL_FOLDER = "journal"

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Now, aware, in UTC: the only place where the program looks at the clock."""
    return datetime.now(UTC)


class Club:
    """One club: its folder, settings, database and keys; parts are built when first asked for.

    Raises SettingsError where the settings do not allow a part to be built.
    """

    def __init__(self, folder: Path, settings: Settings, clock: Clock = system_clock) -> None:
        self.folder = folder
        self.settings = settings
        self.clock = clock

    @classmethod
    def open(cls, config: Path | None = None, clock: Clock = system_clock) -> Club:
        """The club whose settings are in `config` (default: mailer.toml in the current folder)."""
        path = config or Path(settings_module.FILE)
        return cls(path.absolute().parent, settings_module.load(path), clock)

    @property
    def database_url(self) -> str:
        """The database's URL, a relative SQLite file resolved against the club's folder."""
        url = self.settings.database.url.get_secret_value()
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/"):
            return f"{prefix}{self.folder / url.removeprefix(prefix)}"
        return url

    @cached_property
    def db(self) -> Database:
        """The database, checked to be of this program's version."""
        from mailer.store import migrate
        from mailer.store.engine import Database

        database = Database(self.database_url)
        migrate.require_current(database)
        return database

    def now(self) -> datetime:
        """Now, by the clock that the workers go by: the database's where it has one."""
        return self.db.read(self.db.now) or self.clock()

    @cached_property
    def keyring(self) -> Keyring:
        """The keys that sign links and return paths."""
        return keys.keyring(self.folder)

    @property
    def bounce_domain(self) -> str:
        """The domain of signed return paths and Message-IDs."""
        return self.settings.sender.bounce_domain or self.sender_address.rpartition("@")[2]

    @property
    def sender_address(self) -> str:
        """The bare address in [sender] from."""
        from email.utils import parseaddr

        address = parseaddr(self.settings.sender.from_)[1]
        if "@" not in address:
            what = "[sender] from has no address; write it as: Club News <news@club.example>"
            raise SettingsError(Sentence(what))
        return address

    @property
    def sender_name(self) -> str:
        """The display name in [sender] from, or the newsletter's name."""
        from email.utils import parseaddr

        name = parseaddr(self.settings.sender.from_)[0]
        return self.settings.newsletter.name if name in {"", settings_module.PLACEHOLDER} else name

    # --- rendering

    @cached_property
    def templates(self) -> Templates:
        """The club's own templates before the shipped ones."""
        from mailer.rendering.templates import Templates

        own = self.folder / "templates"
        return Templates(own if own.is_dir() else None)

    @cached_property
    def theme(self) -> Theme:
        """The colours and fonts of issues and letters."""
        from mailer.rendering import theme

        return theme.load(self.templates)

    @cached_property
    def write_letter(self) -> WriteLetter:
        """Writes letters: confirm, welcome and the like."""
        from mailer.rendering.letter import LetterWriter

        newsletter = self.settings.newsletter
        languages = (newsletter.language, *newsletter.languages)
        return LetterWriter(self.templates, self.theme, self.facts, self.keyring, self.clock, languages)

    @cached_property
    def facts(self) -> ClubFacts:
        """What an edition says of the club."""
        from mailer.rendering.facts import ClubFacts

        settings = self.settings
        return ClubFacts(
            newsletter=settings.newsletter.name,
            base_url=settings.web.base_url,
            sender_address=self.sender_address,
            sender_name=self.sender_name,
            reply_to=settings.sender.reply_to,
            unsubscribe_address=self.unsubscribe_address,
            postal_address=settings.newsletter.postal_address,
            names=settings.newsletter.names,
            postal_addresses=settings.newsletter.postal_addresses,
            label_prefix=settings.legal.label,
            message_domain=self.bounce_domain,
        )

    @property
    def unsubscribe_address(self) -> str:
        """The mailbox that takes requests to leave by mail."""
        settings = self.settings
        return settings.legal.refusal_address or settings.sender.reply_to or self.sender_address

    def examine(self, text: str, name: str) -> Examined:
        """All findings on the issue in `text`, read from the file `name`: what check, publish and preview go by."""
        from mailer.rendering.examine import examine

        return examine(text, name, folder=self.folder, render=self.render)

    def render(
        self,
        issue: Issue,
        frozen_at: datetime | None = None,
        facts: ClubFacts | None = None,
        corrected_on: date | None = None,
        theme: Theme | None = None,
    ) -> Edition:
        """An issue rendered with the club's templates and facts. Raises SourceError, TemplateError."""
        from mailer.rendering import edition

        return edition.render(
            issue,
            club=self._named_by(issue, facts or self.facts),
            theme=theme or self.theme,
            templates=self.templates,
            frozen_at=frozen_at,
            corrected_on=corrected_on,
        )

    def _named_by(self, issue: Issue, facts: ClubFacts) -> ClubFacts:
        """The facts with the issue's own name of the newsletter, as long as the settings have none."""
        if not self.settings.newsletter.unnamed:
            return facts
        name = issue.newsletter
        if name.islower() and "-" in name:  # a short form such as harbour-morning
            name = name.replace("-", " ").title()
        sender = name if facts.sender_name == facts.newsletter else facts.sender_name
        return replace(facts, newsletter=name, sender_name=sender)

    # --- readers

    def segment(self, text: str, now: datetime) -> ColumnElement[bool]:
        """The condition of a segment, named or spelt out. Raises NotFound, UsageError."""
        from mailer.flows import segments

        newsletter = self.settings.newsletter
        return segments.condition(self.folder, text, newsletter.language, now, newsletter.zone)

    def missing_by_law(self) -> list[Sentence]:
        """What [legal] profile demands and the settings lack; publishing is refused until it is there."""
        from mailer.model import legal
        from mailer.model.application import in_language

        settings = self.settings
        read = [in_language(settings.join.wording, language).strip() for language in settings.newsletter.languages]
        facts = legal.Facts(
            label=settings.legal.label,
            postal_address=settings.newsletter.postal_address,
            refusal_address=settings.legal.refusal_address or settings.sender.reply_to,
            wording=read[0] if all(read) else "",  # what is blank in one language is missing
        )
        return legal.missing(settings.legal.profile, facts)

    # --- operators

    @cached_property
    def alerts(self) -> Alerts:
        """Who is told when something needs a person."""
        from mailer.flows.alert import Alerts

        settings = self.settings
        return Alerts(
            db=self.db,
            write_letter=lambda *letter: self.write_letter(*letter),  # what it needs takes 8 MB: not before its time
            clock=self.clock,
            to=settings.alerts.to,
            language=settings.newsletter.language,
            zone=settings.newsletter.zone,
            total_hour=settings.join.total_hour,
            key=self.keyring.keys[self.keyring.current],
        )

    @property
    def ping_url(self) -> str:
        """[alerts] ping_url, "" where there is none. Raises SettingsError for what is not http or https."""
        from mailer.transport import ping

        url = self.settings.alerts.ping_url
        return ping.check(url) if url else ""

    def ping(self) -> None:
        """Fetch [alerts] ping_url, if there is one; a failure is a line in the log. Takes up to ten seconds."""
        from mailer.transport import ping

        if self.ping_url:
            ping.ping(self.ping_url)

    # --- what comes back

    def returned_mail(self) -> TakeIn:
        """The journey of returned mail; people's answers go to [bounces] forward_to."""
        from mailer.flows.bounce import TakeIn
        from mailer.flows.forward import Forwarder

        settings = self.settings
        to = settings.bounces.forward_to or settings.sender.reply_to or self.sender_address
        forward = Forwarder(self.keyring, to, (self.sender_name, self.sender_address), self.bounce_domain)
        age = timedelta(days=settings.bounces.max_age_days)
        return TakeIn(self.db, self.keyring, self.clock, max_age=age, forward=forward)

    def look_up_domains(self) -> dict[str, bool]:
        """Look up the domains that are said to be gone; those that were settled, and whether each is gone."""
        from mailer.flows.vanish import look_up
        from mailer.transport.domains import takes_mail

        return look_up(self.db, takes_mail, self.clock)

    def probe(self, lane: Lane, to: str) -> Probe:
        """A probe over a lane to nobody at the domain `to`, or to the address `to`."""
        from mailer.flows.probe import Sender, write

        sender = Sender((self.sender_name, self.sender_address), self.bounce_domain, self.settings.web.base_url)
        address = to if "@" in to else f"nobody-{secrets.token_hex(8)}@{to}"
        probe = write(self.keyring, secrets.randbits(56), address, sender, lane.return_path, self.clock())
        return replace(probe, content=self.signer.sign(probe.content)) if self.signer else probe

    # --- sending

    def accounts(self) -> list[Account]:
        """What the relays let us send, and what was sent over them."""
        from mailer.model import pacing
        from mailer.store import budgets

        sent = self.db.read(budgets.sent)
        found = []
        for relay in self.settings.relays or (self.settings.relay,):
            second = (pacing.second_window(relay.per_second),) if relay.per_second else ()
            found.append(pacing.Account(relay.name, (*second, *_quotas(relay)), sent.get(relay.name, ())))
        return found

    def lanes(self) -> list[Lane]:
        """The relays mail may go over: [[relays]] where there are any, else [relay]."""
        chosen = self.settings.relays or (self.settings.relay,)
        names = [relay.name for relay in chosen]
        for name in names:
            if names.count(name) > 1:
                what = "two relays are called '%(name)s'; give each of [[relays]] a name of its own"
                raise SettingsError(Sentence(what, name=name))
        return [self._lane(relay) for relay in chosen]

    def _lane(self, relay: RelaySettings) -> Lane:
        from mailer.model import routing
        from mailer.transport import url
        from mailer.transport.lane import Lane
        from mailer.transport.smtp import SmtpRelay

        sender, domain = self.sender_address, self.bounce_domain
        fixed = relay.return_path == "fixed"
        server = url.parse(relay.url.get_secret_value(), plaintext=relay.plaintext)
        return Lane(
            relay=SmtpRelay(
                server,
                name=relay.name,
                ca_file=self.folder / relay.ca_file if relay.ca_file else None,
                pipelining=relay.pipelining,
                tell=partial(_tell_of_lockstep, relay.name),
            ),
            connections=relay.connections,
            return_path=(lambda token: sender) if fixed else (lambda token: f"b+{token}@{domain}"),
            per_second=relay.per_second,
            messages_per_connection=relay.messages_per_connection,
            quotas=_quotas(relay),
            weight=relay.weight,
            domains=routing.with_providers(relay.domains),
        )

    @property
    def dkim_domain(self) -> str:
        """The domain that signs our mail, where we do."""
        return self.settings.dkim.domain or self.sender_address.rpartition("@")[2]

    @cached_property
    def signer(self) -> Signer | None:
        """What signs our mail, None where the relay does. Raises SettingsError for a key that cannot be used."""
        if not self.settings.dkim.keys:
            return None
        from mailer.mail.dkim import EVER, Key, Signer

        signing = [
            Key(key.selector, keys.read_dkim_key(self.folder / key.file), key.since or EVER)
            for key in self.settings.dkim.keys
        ]
        try:
            return Signer(self.dkim_domain, signing)
        except ValueError as error:
            raise SettingsError(spoken(error), where="[dkim]") from None

    @property
    def journal_folder(self) -> Path:
        """Where this host's workers keep their journals."""
        return self.folder / JOURNAL_FOLDER

    @property
    def place(self) -> str:
        """Where this is: the machine, and the folder that the journals are in."""
        return f"{socket.gethostname()}:{self.journal_folder.resolve()}"

    def dispatcher(self, observer: Observer | None = None, *, letters_only: bool = False) -> Dispatcher:
        """A worker over all relays, with a name of its own."""
        from mailer.flows.compose import Composer
        from mailer.flows.dispatch import Dispatcher, Retry
        from mailer.flows.sign import SignAhead
        from mailer.store.journal import boot_id
        from mailer.store.leases import CLERK, Worker

        host, sending = socket.gethostname(), self.settings.sending
        name = f"{CLERK if letters_only else ''}{host}-{os.getpid()}-{secrets.token_hex(3)}"
        return Dispatcher(
            db=self.db,
            lanes=self.lanes(),
            composer=Composer(self.keyring),
            sign=SignAhead(self.signer) if self.signer else None,
            record_refusals=lambda *refused: self._judge(*refused),
            clock=self.clock,
            shared_clock=self.db.now,
            worker=Worker(name, host, os.getpid(), boot_id()),
            journal_folder=self.journal_folder,
            retry=Retry(
                tuple(timedelta(minutes=minutes) for minutes in sending.backoff_minutes),
                timedelta(hours=sending.give_up_hours),
            ),
            observer=observer,
            letters_only=letters_only,
        )

    @cached_property
    def _judge(self) -> RecordRefusals:
        """What judges refusals. Loads what reads replies: only a worker that is refused something needs it."""
        from mailer.flows import bounce

        return partial(bounce.record_refusals, breakers=bounce.Breakers(), watch=bounce.Watch())


def _quotas(relay: RelaySettings) -> tuple[Window, ...]:
    from mailer.model import pacing

    return pacing.windows(per_minute=relay.per_minute, per_hour=relay.per_hour, per_day=relay.per_day)


def _tell_of_lockstep(relay: str, cause: str) -> None:
    import logging

    logging.getLogger("mailer.transport").warning(
        "%s does not take commands in groups as it offers (%s); from now on it gets one at a time", relay, cause
    )
