"""What an import found in the pasted text and did to it, each with its line, in any language."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailer.rendering.finding import ENGLISH
from mailer.sentence import Sentence, Translate


@dataclass(frozen=True, slots=True)
class Repair:
    """A finding, change or dropped line; `line` counts from 1 in the paste (0: the whole), `text` is as pasted.

    `nature` is "reading" for what was found, "repair" for what was changed or guessed, "dropped" for what is not
    in the issue.
    """

    line: int
    kind: str
    message: Sentence
    text: str = ""
    nature: str = "repair"

    def as_json(self, translate: Translate = ENGLISH) -> dict[str, str | int]:
        """The object `mailer issue import --json` prints."""
        message = self.message.said(translate)
        return {"line": self.line, "kind": self.kind, "message": message, "text": self.text, "nature": self.nature}

    def told(self, translate: Translate = ENGLISH) -> str:
        """The repair in one line; what was pasted stays as it is."""
        most = 240 if self.kind == "leads" else 60
        shown = self.text if len(self.text) <= most else self.text[: most - 3] + "..."
        what = Sentence("%(what)s: %(text)s", what=self.message, text=shown) if shown else self.message
        return what.said(translate)

    def __str__(self) -> str:
        return self.told()


@dataclass(slots=True)
class Report:
    """Repairs as they are made; `unplaced` are the lines that went into no part of the issue.

    `message` is an English sentence; the values stand in it as `%(name)s`.
    """

    repairs: list[Repair] = field(default_factory=list)
    unplaced: list[Repair] = field(default_factory=list)

    def found(self, line: int, kind: str, message: str, text: str = "", /, **values: object) -> None:
        """Note what a line was taken for."""
        self.repairs.append(Repair(line, kind, Sentence(message, **values), text, "reading"))

    def add(self, line: int, kind: str, message: str, text: str = "", /, **values: object) -> None:
        """Note a change or a guess."""
        self.repairs.append(Repair(line, kind, Sentence(message, **values), text))

    def drop(self, line: int, message: str, text: str, /, **values: object) -> None:
        """Note a line that is not in the issue."""
        repair = Repair(line, "dropped", Sentence(message, **values), text, "dropped")
        self.repairs.append(repair)
        self.unplaced.append(repair)

    def keep(self, line: int, text: str) -> None:
        """Take back that a line was dropped: something of it is in the issue after all."""
        for found in (self.repairs, self.unplaced):
            found[:] = [one for one in found if not (one.nature == "dropped" and one.line == line and text in one.text)]

    def take(self, other: Report) -> None:
        """Note what another report holds, made while several readings were tried."""
        self.repairs += other.repairs
        self.unplaced += other.unplaced
