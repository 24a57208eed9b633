"""A letter: mail to one person, from a folder of templates to the finished message."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import count

from mailer.errors import TemplateError, spoken
from mailer.mail import header
from mailer.model.columns import width
from mailer.model.language_tag import primary
from mailer.model.letter import Link
from mailer.model.tokens import LENGTH, Keyring, Purpose
from mailer.rendering import text
from mailer.rendering.breaks import breakable
from mailer.rendering.facts import ClubFacts
from mailer.rendering.inline import inline
from mailer.rendering.message import multipart
from mailer.rendering.templates import Templates
from mailer.rendering.theme import Theme
from mailer.rendering.transfer import Encoded
from mailer.rendering.translation import choose, direction, translator, written_in
from mailer.sentence import Sentence

_MARK = "0link{:0" + str(LENGTH - 5) + "}"  # as long as a token, and none: those have no 0
_MARKED = re.compile(rf"0link(\d{{{LENGTH - 5}}})")
_KEPT = 100  # at most; a club has a dozen kinds of letter


class LetterWriter:
    """Writes letters for one club; a `mailer.model.letter.WriteLetter`.

    A letter `kind` is the folder templates/letters/`kind` with subject.txt.j2, body.html.j2 and body.txt.j2. They get
    the values given, `_` to translate, and the club's name, addresses and theme. Letters are written in one of
    `languages`, the first of which is for who chose none of them.
    """

    def __init__(
        self,
        templates: Templates,
        theme: Theme,
        club: ClubFacts,
        keyring: Keyring,
        clock: Callable[[], datetime],
        languages: Sequence[str],
    ) -> None:
        self._templates = templates
        self._theme = theme
        self._club = club
        self._keyring = keyring
        self._clock = clock
        self._languages = languages
        self._minute: datetime | None = None
        self._seen: set[str] = set()
        self._known: dict[str, _Letter | None] = {}  # None: to be made anew each time

    def __call__(
        self, kind: str, language: str, address: str, name: str, delivery_id: int, values: Mapping[str, object], /
    ) -> bytes:
        """The finished message: CRLF, no line led by a dot. Raises TemplateError, AddressError."""
        folder, language, now = f"letters/{kind}", choose(self._languages, language), self._clock()
        tokens = [value.token for value in values.values() if isinstance(value, Link)]
        letter = self._letter(folder, language, address, name, values, tokens, now)
        token = self._keyring.sign(delivery_id, Purpose.MESSAGE)
        try:
            return letter.filled(header.to_reader(name, address), now, f"{token}@{self._domain}", tokens)
        except ValueError as error:
            raise _unaddressed(folder, error) from None

    def _letter(
        self,
        folder: str,
        language: str,
        address: str,
        name: str,
        values: Mapping[str, object],
        tokens: Sequence[str],
        now: datetime,
    ) -> _Letter:
        """The letter to be filled in: one made before, where only the tokens in its links differ.

        What comes for the second time within a minute is made with stand-ins for the tokens, and kept for the others;
        but not where a template asks for the address, or does more with a link than to write it down.
        """
        plain = {name: value.with_token("") if isinstance(value, Link) else value for name, value in values.items()}
        like = f"{folder} {language} {name} {plain}"
        minute = now.replace(second=0, microsecond=0)
        if minute != self._minute or len(self._seen) >= _KEPT:
            self._minute, self._known, self._seen = minute, {}, set()
        if letter := self._known.get(like):
            return letter
        context = {**self._surroundings(language), **values, "name": name}
        words = self._words(folder, context | {"address": address})
        letter = self._made(folder, language, words[0], [words[1]], [words[2]])
        if like in self._seen and like not in self._known:
            slotted = self._slotted(folder, context, tokens, words)
            self._known[like] = self._made(folder, language, *slotted) if slotted else None
        self._seen.add(like)
        return letter

    def _words(self, folder: str, context: Mapping[str, object]) -> tuple[str, str, str]:
        """Subject, text and page of one letter."""
        subject = " ".join(self._templates.render(f"{folder}/subject.txt.j2", **context).split())
        context = {**context, "subject": subject}
        page = breakable(inline(self._templates.render(f"{folder}/body.html.j2", **context)), _MARKED.pattern)
        return subject, _tidy(self._templates.render(f"{folder}/body.txt.j2", **context)), page

    def _slotted(
        self, folder: str, context: Mapping[str, object], tokens: Sequence[str], wanted: tuple[str, str, str]
    ) -> tuple[str, list[str | int], list[str | int]] | None:
        """The same with the numbers of tokens in their places; None where filling them in does not give the same."""
        marks = map(_MARK.format, count())
        marked = {k: v.with_token(next(marks)) if isinstance(v, Link) else v for k, v in context.items()}
        try:
            subject, *bodies = self._words(folder, marked)
        except TemplateError:
            return None
        text, page = ([int(p) if n % 2 else p for n, p in enumerate(_MARKED.split(body))] for body in bodies)
        return (subject, text, page) if (subject, _filled(text, tokens), _filled(page, tokens)) == wanted else None

    def _made(
        self, folder: str, language: str, subject: str, text: Sequence[str | int], page: Sequence[str | int]
    ) -> _Letter:
        club = self._club.spoken(language)
        boundary = "=_" + sha256(f"{subject}\0{text}\0{page}".encode()).hexdigest()[:20]
        try:
            sender = header.address_field("From", [(club.sender_name or club.newsletter, club.sender_address)])
            about = header.address_field("Reply-To", [("", club.reply_to)]) if club.reply_to else ""
            about += header.text_field("Subject", subject)
            rest = (
                f"Auto-Submitted: auto-generated{header.CRLF}"  # RFC 3834 5: nobody's absence is to answer this
                + header.token_field("Content-Language", written_in(language))
                + f"MIME-Version: 1.0{header.CRLF}"
                + f'Content-Type: multipart/alternative; boundary="{boundary}"{header.CRLF}{header.CRLF}'
            )
        except ValueError as error:
            raise _unaddressed(folder, error) from None
        return _Letter(sender, about, rest, multipart(boundary, text, page))

    @property
    def _domain(self) -> str:
        return self._club.message_domain or self._club.sender_address.rpartition("@")[2]

    def _surroundings(self, language: str) -> dict[str, object]:
        club, theme, words = self._club.spoken(language), self._theme, written_in(language)
        return {
            "_": translator(language),
            "lang": language,
            "written": words,
            "dir": direction(words),
            "newsletter": club.newsletter,
            "postal_address": club.postal_address,
            "base_url": club.base_url,
            "folder": theme.folder,
            "light": theme.light,
            "dark": theme.dark,
            "font": theme.font(words),
            "mso_font": "Microsoft YaHei" if primary(words) == "zh" else "Segoe UI,Arial,sans-serif",
        }


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message but for its recipient, its date, its number and the tokens in its links."""

    sender: str
    about: str
    rest: str
    body: Sequence[bytes | Encoded]

    def filled(self, to: str, now: datetime, message_id: str, tokens: Sequence[str]) -> bytes:
        """The message, whole."""
        head = f"{self.sender}{to}{self.about}{header.date_field(now)}{header.message_id_field(message_id)}{self.rest}"
        body = [piece if isinstance(piece, bytes) else piece.filled(tokens) for piece in self.body]
        return b"".join([head.encode(), *body])


def _filled(part: Sequence[str | int], tokens: Sequence[str]) -> str:
    """A part with its tokens, but for numbers that are no token's: somebody wrote a stand-in of ours."""
    return "".join(piece if isinstance(piece, str) else "".join(tokens[piece : piece + 1]) for piece in part)


def _unaddressed(folder: str, error: ValueError) -> TemplateError:
    return TemplateError(Sentence("the letter cannot be addressed: %(why)s", why=spoken(error)), where=folder)


def _tidy(plain: str) -> str:
    """Lines over 72 columns wrapped (addresses stay whole), no more than one empty line between paragraphs."""
    lines: list[str] = []
    for line in plain.strip().splitlines():
        if line.rstrip() or (lines and lines[-1]):
            lines.append(text.wrap(line) if width(line) > text.COLUMNS else line if line == "-- " else line.rstrip())
    return "\n".join(lines) + "\n"
