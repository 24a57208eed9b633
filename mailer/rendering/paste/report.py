"""What an import found in the pasted text and did to it, each with its line."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Repair:
    """A finding, change or dropped line; `line` counts from 1 in the paste (0: the whole), `text` is as pasted.

    `nature` is "reading" for what was found, "repair" for what was changed or guessed, "dropped" for what is not
    in the issue.
    """

    line: int
    kind: str
    message: str
    text: str = ""
    nature: str = "repair"

    def as_json(self) -> dict[str, str | int]:
        """The object `mailer issue import --json` prints."""
        return asdict(self)

    def __str__(self) -> str:
        most = 240 if self.kind == "leads" else 60
        shown = self.text if len(self.text) <= most else self.text[: most - 3] + "..."
        return self.message + (f": {shown}" if shown else "")


@dataclass(slots=True)
class Report:
    """Repairs as they are made; `unplaced` are the lines that went into no part of the issue."""

    repairs: list[Repair] = field(default_factory=list)
    unplaced: list[Repair] = field(default_factory=list)

    def found(self, line: int, kind: str, message: str, text: str = "") -> None:
        """Note what a line was taken for."""
        self.repairs.append(Repair(line, kind, message, text, "reading"))

    def add(self, line: int, kind: str, message: str, text: str = "") -> None:
        """Note a change or a guess."""
        self.repairs.append(Repair(line, kind, message, text))

    def drop(self, line: int, message: str, text: str) -> None:
        """Note a line that is not in the issue."""
        repair = Repair(line, "dropped", message, text, "dropped")
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
