"""What ISSUE may be on the command line: a path, `-`, a slug or a number."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mailer.errors import NotFound, SourceError, UsageError
from mailer.sentence import Sentence

if TYPE_CHECKING:
    from mailer.wiring import Club


def published(club: Club, reference: str) -> str:
    """The slug of a published issue, from its file, slug or number. Raises NotFound, SourceError."""
    from mailer.store import issues

    if not (reference == "-" or Path(reference).suffix == ".md"):
        return reference
    from mailer.rendering import source

    text, name = read_text(club, reference)
    issue = source.read(text, name)
    known = club.db.read(issues.find_identity, issue.identity)
    if known is None:
        raise NotFound(Sentence("issue %(issue)s has not been published", issue=issue.identity), where=name)
    return known.slug


def read_text(club: Club | None, reference: str) -> tuple[str, str]:
    """The text of an issue file and the name to call it by in messages.

    A reference that is no path is looked for as a slug or number among the club's issues/ files.
    Raises NotFound, UsageError where it cannot be read, SourceError where it is no text.
    """
    if reference == "-":
        return _decode(sys.stdin.buffer.read(), "stdin"), "stdin"
    path = locate(club, reference)
    try:
        return _decode(path.read_bytes(), str(path)), str(path)
    except FileNotFoundError:
        raise no_such_file(reference) from None
    except OSError as error:
        raise UsageError(Sentence("cannot be read: %(why)s", why=error.strerror), where=reference) from None


def no_such_file(reference: str) -> NotFound:
    """What to say when a reference leads to no file."""
    return NotFound(Sentence("no such file; 'mailer issue list' shows the club's issues"), where=reference)


def locate(club: Club | None, reference: str) -> Path:
    """The file of a reference: the path it is, else that of a slug or number among the club's issues/ files."""
    path = Path(reference)
    if path.exists() or club is None:
        return path
    return _among_issues(club.folder / "issues", reference, club.settings.newsletter.language) or path


def _among_issues(folder: Path, reference: str, home: str) -> Path | None:
    """The file of a slug or number, of several editions that in the language `home`."""
    direct = folder / f"{reference}.md"
    if direct.exists():
        return direct
    if reference.isdigit():
        import re

        from mailer.model import language_tag
        from mailer.rendering import source

        number = re.compile(rf"^number:\s*{int(reference)}\s*$", re.MULTILINE)
        found = [
            path
            for path in sorted(folder.glob("*.md"))
            if number.search(path.read_text(encoding="utf-8", errors="replace")[:2000])
        ]
        return min(found, key=lambda path: not language_tag.same(source.edition_tag(path), home), default=None)
    return None


def _decode(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        what = Sentence("not UTF-8; 'mailer issue import' reads other encodings")
        raise SourceError(what, where=f"{name}:{line}") from None
