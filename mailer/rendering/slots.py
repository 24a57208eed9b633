"""Stand-ins for what differs per reader while an edition is rendered: opaque words in, slots out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.model.issue import Issue
from mailer.rendering import merge_tags
from mailer.rendering.message import Part, Place, Slot

_URL_SO_FAR = re.compile(r"(?:https?://|mailto:)[!-=?-~]*$")


class Slots:
    """Stands opaque words for what differs per reader while the text is rendered, and turns them into slots after.

    `word` is the pattern of such a word.
    """

    def __init__(self, issue: Issue) -> None:
        source = repr(issue)
        self._prefix = "mrg"
        while self._prefix in source:
            self._prefix += "q"
        self._known: list[merge_tags.MergeTag | str] = []
        self.word = re.compile(rf"{self._prefix}(\d+)z")

    def token(self, purpose: str) -> str:
        """The word for a purpose's token."""
        return self._add(purpose)

    def replace(self, source: str, line: int = 1) -> str:
        """`source` with words for its merge tags."""
        if "{{" not in source:
            return source
        return merge_tags.replace(source, self._add, line=line)

    def without_origin(self, page: str) -> str:
        """The page with plain addresses of the apply page: in the archive nobody came from a mail."""
        return re.sub(rf"\?from={self._prefix}\d+z", "", page)

    def split_html(self, page: str) -> Part:
        """The page cut at the words; those inside a link's address are escaped as parts of a URL."""
        return tuple(self._slot(piece, _place(page, at)) for at, piece in self._cut(page))

    def split_text(self, plain: str) -> Part:
        """The same for the text part."""
        return tuple(
            self._slot(piece, Place.URL if _URL_SO_FAR.search(plain, plain.rfind("\n", 0, at) + 1, at) else Place.TEXT)
            for at, piece in self._cut(plain)
        )

    def _add(self, what: merge_tags.MergeTag | str) -> str:
        if what not in self._known:
            self._known.append(what)
        return f"{self._prefix}{self._known.index(what)}z"

    def _cut(self, page: str) -> Iterator[tuple[int, str | int]]:
        position = 0
        for match in self.word.finditer(page):
            yield position, page[position : match.start()]
            yield match.start(), int(match[1])
            position = match.end()
        yield position, page[position:]

    def _slot(self, piece: str | int, place: Place) -> str | Slot:
        if isinstance(piece, str):
            return piece
        what = self._known[piece]
        if isinstance(what, str):
            return Slot(what, Place.TOKEN)
        name = what.field.removeprefix(merge_tags.ATTRIBUTE)
        return Slot(name, place, what.joiner or "", what.default or "")


def _place(page: str, at: int) -> Place:
    """What stands at a place of the page: text, the address of a link or picture, another attribute."""
    if page.rfind("<", 0, at) < page.rfind(">", 0, at):
        return Place.PROSE
    quote = page.rfind('"', 0, at)
    return Place.URL if page.endswith(('href="', 'src="'), 0, quote + 1) else Place.HTML
