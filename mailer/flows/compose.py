"""Compose: claimed deliveries -> what a batch needs from the database -> the messages they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection

from mailer.model.tokens import Keyring
from mailer.rendering.message import Program
from mailer.rendering.outgoing import Frozen, Outgoing, address_letter, compose_issue
from mailer.store import contents
from mailer.store.picking import Claimed

MOST_EDITIONS = 16


class Composer:
    """Composes deliveries of issues and letters; keeps the few editions at work in memory."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._editions: dict[int, Frozen] = {}

    def __call__(self, conn: Connection, deliveries: Sequence[Claimed]) -> Callable[[Claimed], Outgoing]:
        """Load what a batch needs; the function returned composes one of its deliveries without the database."""
        wanted = {row.edition_id for row in deliveries if row.edition_id is not None}
        if len(self._editions) > MOST_EDITIONS:
            self._editions = {key: known for key, known in self._editions.items() if key in wanted}
        for edition_id, program, key_id in contents.programs(conn, wanted - self._editions.keys()):
            self._editions[edition_id] = Frozen(Program.from_bytes(program), key_id)
        tokens = dict(self._signed(deliveries))
        letters = contents.letters_by_id(conn, {row.letter_id for row in deliveries if row.letter_id is not None})

        def compose(row: Claimed) -> Outgoing:
            if row.edition_id is not None:
                edition = self._editions[row.edition_id]
                return compose_issue(edition, tokens[row.id], row.address, row.name, row.attributes)
            if row.letter_id is not None:
                return address_letter(self._keyring, row.id, row.address, letters[row.letter_id])
            raise LookupError(f"delivery {row.id} is neither of an edition nor of a letter")

        return compose

    def _signed(self, deliveries: Sequence[Claimed]) -> Iterator[tuple[int, list[str]]]:
        """The tokens of each delivery of an issue, made for all of an edition at once."""
        ids: dict[int, list[int]] = {}
        for row in deliveries:
            if row.edition_id in self._editions:
                ids.setdefault(row.edition_id, []).append(row.id)
        for edition_id, of_edition in ids.items():
            yield from zip(of_edition, self._editions[edition_id].signed(self._keyring, of_edition), strict=True)
