"""All that the pages need, built once from a club: journeys, templates, languages, and the hop to the database."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import HTMLResponse

from mailer.errors import MailerError, SettingsError
from mailer.flows.apply import Apply
from mailer.flows.join import Join
from mailer.flows.leave import Leave, LostLink
from mailer.model import signup
from mailer.model.application import Kind, Question, in_language
from mailer.model.letter import Links, WriteLetter
from mailer.model.tokens import Purpose
from mailer.rendering.templates import Templates
from mailer.rendering.translation import choose, direction, own_names, translator, written_in
from mailer.sentence import Sentence
from mailer.settings import JoinSettings
from mailer.store import returned
from mailer.store.healing import heal, is_provable
from mailer.web.threads import Threads
from mailer.wiring import Club


class Parts:
    """One club's pages. `answer_after` is the least time a signup takes, so that all answers take the same."""

    def __init__(self, club: Club, write_letter: WriteLetter, *, answer_after: timedelta) -> None:
        settings = club.settings
        self.db = club.db
        self.keyring = club.keyring
        self.clock = club.clock
        self.settings = settings
        self.answer_after = answer_after
        self.base_url = settings.web.base_url
        self.languages = settings.newsletter.languages
        self.trusted = signup.networks(settings.web.trusted_proxies)
        self.kinds = kinds_of(settings.join)
        if unsaid := [tag for tag in self.languages if not self.wording(tag).strip()]:
            what = Sentence("there is nothing to agree to in %(languages)s", languages=", ".join(unsaid))
            raise SettingsError(what, where="[join] wording")
        self.secret = self.keyring.keys[self.keyring.current]
        self.templates = Templates(club.folder / "templates")
        links = Links(self.base_url, self.keyring)
        limits = limits_of(settings.join)
        confirm_for = timedelta(hours=settings.join.confirm_hours)
        self.join = Join(
            self.db, links, write_letter, self.clock, limits=limits, key=self.secret, confirm_for=confirm_for
        )
        self.apply = apply_journey(club, write_letter)
        self.leave = Leave(self.db, self.clock)
        self.lost = LostLink(self.db, links, write_letter, self.clock, limits, self.secret)
        self._threads = Threads(self.db)
        self.write, self.read = self._threads.write, self._threads.read

    def warm_up(self) -> None:
        """Do at once what else the first visitors would wait for. Raises TemplateError for a letter that is wrong."""
        self.templates.compile_all("pages/")
        own_names(self.languages)
        for language in self.languages:
            translator(language)
        self.join.rehearse(self.languages)

    def tidy(self) -> dict[str, int]:
        """What time undoes: links, applications, network addresses, returned mail past their days; the counts."""
        join = self.settings.join
        done = self.join.expire(purge_days=join.purge_days, retention_days=self.settings.legal.retention_days)
        old = self.clock() - timedelta(days=self.settings.bounces.keep_days)
        done["returned_mails"] = self.db.run(returned.forget, old)
        return done | self.apply.expire(purge_days=join.purge_days, review_days=join.review_days)

    def close(self) -> None:
        """Wait for the steps under way and let the threads go."""
        self._threads.close()

    def token(self, request: Request, purpose: Purpose, *, healed: bool = False) -> int | None:
        """The delivery the link in the request's path was signed for, or None.

        Whoever has the link, person or scanner, proves that the mail it stood in arrived: nobody waits for that, and
        nothing is to be done where what follows heals the delivery itself.
        """
        delivery = self.keyring.read(request.path_params.get("token", ""), purpose)
        if delivery is not None and not healed:
            self._threads.aside(self._arrived, delivery)
        return delivery

    def _arrived(self, delivery: int) -> None:
        with suppress(MailerError, SQLAlchemyError):  # the page says so itself, or the next link does
            if self.db.read(is_provable, delivery):
                self.db.run(heal, delivery, "a link that was followed", self.clock())

    def language(self, request: Request, readers: str = "") -> str:
        """The page's language: the link's, the reader's, the browser's, the newsletter's."""
        wish = request.query_params.get("lang", "")
        default = self.settings.newsletter.language
        return choose(self.languages, wish, readers, request.headers.get("accept-language", ""), default)

    def day(self, moment: datetime | None) -> str:
        """The day of a moment where the newsletter is at home; "" for none."""
        return f"{moment.astimezone(self.settings.newsletter.zone):%Y-%m-%d}" if moment else ""

    def visit(self, request: Request, language: str, source: str, proof: str = "") -> signup.Visit:
        """Who sends this request."""
        agent = "".join(letter for letter in request.headers.get("user-agent", "") if letter.isprintable())
        return signup.Visit(self.client(request), agent[:200], language, source, proof)

    def client(self, request: Request) -> str:
        """The visitor's network address, behind trusted proxies too."""
        peer = request.client.host if request.client else ""
        return signup.client_address(peer, request.headers.getlist("x-forwarded-for"), self.trusted)

    def wording(self, language: str) -> str:
        """What readers agree to, in a language."""
        return in_language(self.settings.join.wording, language)

    def stamp(self, language: str = "") -> str:
        """A form's signed time, with the wording in its language."""
        return signup.stamp(self.secret, self.clock(), self.wording(language))

    def age(self, stamp: str, language: str = "") -> timedelta | None:
        """How long ago the form with this stamp was shown, with the wording of today; None for any other."""
        return signup.age(self.keyring.keys.values(), stamp, self.clock(), self.wording(language))

    def page(
        self,
        request: Request,
        name: str,
        *,
        status: int = 200,
        language: str = "",
        headers: Mapping[str, str] | None = None,
        path: str = "",
        **values: Any,
    ) -> HTMLResponse:
        """The page `name` (a template under pages/) in the visitor's language.

        `path` is where the same page can be opened, when the request's own can only be posted to.
        """
        language = language or self.language(request)
        written = written_in(language)
        newsletter = self.settings.newsletter
        text = self.templates.render(
            f"pages/{name}.html.j2",
            _=translator(language),
            lang=language,
            written=written,
            dir=direction(written),
            path=path,
            languages=own_names(self.languages),
            newsletter=newsletter.name_in(language),
            postal_address=newsletter.postal_address_in(language),
            base_url=self.base_url,
            **values,
        )
        return HTMLResponse(text, status, dict(headers or {}) | {"Content-Language": written})


def apply_journey(club: Club, write_letter: WriteLetter) -> Apply:
    """The journey of applicants, for the pages and for the command line alike."""
    settings = club.settings
    return Apply(
        club.db,
        Links(settings.web.base_url, club.keyring),
        write_letter,
        club.clock,
        limits=limits_of(settings.join),
        key=club.keyring.keys[club.keyring.current],
        kinds=kinds_of(settings.join),
        reviewers=settings.join.reviewers,
        reviewers_language=settings.newsletter.language,
        confirm_for=timedelta(hours=settings.join.confirm_hours),
        answer_for=timedelta(days=settings.join.answer_days),
    )


def limits_of(join: JoinSettings) -> signup.Limits:
    """The settings' limits as the rules take them."""
    return signup.Limits(
        per_address_day=join.per_address_day,
        per_address_month=join.per_address_month,
        per_client_hour=join.per_client_hour,
        per_domain_hour=join.per_domain_hour,
        total_hour=join.total_hour,
        unlimited_domains=frozenset(join.unlimited_domains),
    )


def kinds_of(join: JoinSettings) -> dict[str, Kind]:
    """The settings' kinds of merchant as the rules take them, by key."""
    return {
        kind.key: Kind(
            kind.key,
            kind.label,
            tuple(Question(q.key, q.label, q.type, q.required, q.evidence) for q in kind.fields),
        )
        for kind in join.kinds
    }


def kind_label(kinds: Mapping[str, Kind], key: str, language: str) -> str:
    """What a kind is called in a language; the key itself for a kind the settings no longer know."""
    return in_language(kinds[key].label, language) if key in kinds else key


def parts(request: Request) -> Parts:
    """The parts the application was made with."""
    found: Parts = request.app.state.parts
    return found
