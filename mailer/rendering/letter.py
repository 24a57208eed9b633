"""A letter: mail to one person, from a folder of templates to the finished message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from mailer.errors import TemplateError
from mailer.mail import header
from mailer.model.tokens import Keyring, Purpose
from mailer.rendering import text
from mailer.rendering.facts import ClubFacts
from mailer.rendering.message import multipart
from mailer.rendering.skeleton import inline_alike
from mailer.rendering.templates import Templates
from mailer.rendering.theme import Theme
from mailer.rendering.translation import choose, translator


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

    def __call__(
        self, kind: str, language: str, address: str, name: str, delivery_id: int, values: Mapping[str, object], /
    ) -> bytes:
        """The finished message: CRLF, no line led by a dot. Raises TemplateError, AddressError."""
        language = choose(self._languages, language)
        context = {**self._surroundings(language), **values, "name": name, "address": address}
        folder = f"letters/{kind}"
        subject = " ".join(self._templates.render(f"{folder}/subject.txt.j2", **context).split())
        context["subject"] = subject
        page = inline_alike(self._templates.render(f"{folder}/body.html.j2", **context))
        plain = _tidy(self._templates.render(f"{folder}/body.txt.j2", **context))
        token = self._keyring.sign(delivery_id, Purpose.MESSAGE)
        boundary = "=_" + sha256(f"{token}\0{plain}\0{page}".encode()).hexdigest()[:20]
        try:
            head = self._head(address, name, subject, language, token, boundary)
        except ValueError as error:
            raise TemplateError(f"the letter cannot be addressed: {error}", where=folder) from None
        out: list[bytes] = [head.encode()]
        out += [
            piece if isinstance(piece, bytes) else piece.filled(()) for piece in multipart(boundary, [plain], [page])
        ]
        return b"".join(out)

    def _head(self, address: str, name: str, subject: str, language: str, token: str, boundary: str) -> str:
        club = self._club
        domain = club.message_domain or club.sender_address.rpartition("@")[2]
        return (
            header.address_field("From", [(club.sender_name or club.newsletter, club.sender_address)])
            + header.to_reader(name, address)
            + (header.address_field("Reply-To", [("", club.reply_to)]) if club.reply_to else "")
            + header.text_field("Subject", subject)
            + header.date_field(self._clock())
            + header.message_id_field(f"{token}@{domain}")
            + f"Auto-Submitted: auto-generated{header.CRLF}"  # RFC 3834 5: nobody's absence is to answer this
            + header.token_field("Content-Language", language)
            + f"MIME-Version: 1.0{header.CRLF}"
            + f'Content-Type: multipart/alternative; boundary="{boundary}"{header.CRLF}{header.CRLF}'
        )

    def _surroundings(self, language: str) -> dict[str, object]:
        club, theme = self._club, self._theme
        return {
            "_": translator(language),
            "lang": language,
            "dir": "rtl" if language.split("-")[0] in {"ar", "he", "fa", "ur"} else "ltr",
            "newsletter": club.newsletter,
            "postal_address": club.postal_address,
            "base_url": club.base_url,
            "folder": theme.folder,
            "light": theme.light,
            "dark": theme.dark,
            "font": theme.font(language),
            "mso_font": "Microsoft YaHei" if language.startswith("zh") else "Segoe UI,Arial,sans-serif",
        }


def _tidy(plain: str) -> str:
    """Lines over 72 columns wrapped (addresses stay whole), no more than one empty line between paragraphs."""
    lines: list[str] = []
    for line in plain.strip().splitlines():
        if line.rstrip() or (lines and lines[-1]):
            lines.append(
                text.wrap(line) if text.width(line) > text.COLUMNS else line if line == "-- " else line.rstrip()
            )
    return "\n".join(lines) + "\n"
