"""`--help` in the language of the terminal: what commands and options say of themselves, by the catalogue."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable

import click

from mailer.cli.output import tongue
from mailer.model.columns import width
from mailer.rendering.text import wrap
from mailer.sentence import Sentence

_RANGE = re.compile(r"(\d+)<=x<=(\d+)")
_EXTRA = re.compile(r"\s+\[([^\[\]]*)\]$")
_MISTAKES = (  # what click says of a wrong call, and how it is said here
    (re.compile(r"Missing (?:argument|option) '(?P<name>.+?)'\."), Sentence("%(name)s is missing.")),
    (re.compile(r"No such option '(?P<name>.+?)'\."), Sentence("there is no option %(name)s.")),
    (re.compile(r"No such command '(?P<name>.+?)'\."), Sentence("there is no command %(name)s.")),
    (re.compile(r"Got unexpected extra arguments? \((?P<name>.*)\)"), Sentence("%(name)s is too much.")),
    (re.compile(r"Option '(?P<name>.+?)' requires an argument\."), Sentence("%(name)s wants a value.")),
    (
        re.compile(r"Invalid value for '(?P<name>.+?)': (?P<value>.+?) is not one of (?P<known>.+)\."),
        Sentence("%(name)s does not take %(value)s; it takes %(known)s."),
    ),
    (
        re.compile(
            r"Invalid value for '(?P<name>.+?)': (?P<value>.+?) is not in the range (?P<least>\d+)<=x<=(?P<most>\d+)\."
        ),
        Sentence("%(name)s does not take %(value)s; it takes %(least)s to %(most)s."),
    ),
    (
        re.compile(r"Invalid value for '(?P<name>.+?)': (?P<value>.+?) is not in the range (?P<known>.+)\."),
        Sentence("%(name)s does not take %(value)s; it takes %(known)s."),
    ),
    (
        re.compile(r"Invalid value for '(?P<name>.+?)': (?:File|Directory|Path) (?P<value>.+?) does not exist\."),
        Sentence("%(name)s: there is no %(value)s."),
    ),
    (
        re.compile(r"Invalid value for '(?P<name>.+?)': File (?P<value>.+?) is a directory\."),
        Sentence("%(name)s: %(value)s is a folder."),
    ),
    (
        re.compile(r"Invalid value for '(?P<name>.+?)': Directory (?P<value>.+?) is a file\."),
        Sentence("%(name)s: %(value)s is a file."),
    ),
    (
        re.compile(r"Invalid value for '(?P<name>.+?)': (?P<value>'.+?'): .*"),
        Sentence("%(name)s: %(value)s cannot be read."),
    ),
    (
        re.compile(r"Invalid value for '(?P<name>.+?)': (?P<value>.+?) is not a valid .*"),
        Sentence("%(name)s does not take %(value)s."),
    ),
)
_MEANT = re.compile(r"\s*Did you mean '?(?P<name>[\w-]+)'?\?")
_WIDEST = 90  # display columns of a line
_UNCUT = 1000  # what click takes for the width, so that it cuts no sentence short


class Formatter(click.HelpFormatter):
    """Help whose texts are looked up, paragraph by paragraph, and set as Chinese is; what is not found is English."""

    def __init__(self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None) -> None:
        super().__init__(indent_increment, width, max_width)
        self._columns, self.width = min(self.width, _WIDEST), _UNCUT
        self._say = tongue()

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """`Usage: mailer ...`."""
        super().write_usage(prog, args, self._say("Usage: ") if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        """`Options:`, `Commands:`."""
        self.write(f"{' ' * self.current_indent}{self._say(heading)}{self._say(':')}\n")

    def write_text(self, text: str) -> None:
        """What a command does."""
        room = " " * self.current_indent
        paragraphs = paragraphs_of(text)
        self.write("\n\n".join(wrap(self._say(each), room, room, self._columns) for each in paragraphs) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Options or commands, each with what it does."""
        rows = [*rows]
        first = min(max(width(name) for name, _ in rows), col_max) + col_spacing + self.current_indent
        for name, text in rows:
            lead = f"{' ' * self.current_indent}{name}"
            gap = first - width(lead)
            if gap < col_spacing:
                self.write(f"{lead}\n")
                lead, gap = "", first
            self.write(wrap(self._told(text), lead + " " * gap, " " * first, self._columns) + "\n")

    def _told(self, text: str) -> str:
        extra = _EXTRA.search(text)
        said = self._say(" ".join(_EXTRA.sub("", text).split()))
        if extra is None:
            return said
        return f"{said} [{self._say('; ').join(map(self._named, extra[1].split('; ')))}]"

    def _named(self, part: str) -> str:
        """What click adds to an option: that it is required, its default, its range."""
        if part.startswith("default: "):
            return self._say("default: %(value)s", value=part.removeprefix("default: "))
        if found := _RANGE.fullmatch(part):
            return self._say("%(least)s to %(most)s", least=found[1], most=found[2])
        return self._say(part)


def mistake(error: click.UsageError, ctx: click.Context) -> str:
    """How a command is called, and what was wrong with this call."""
    _, called, message = tongue(), error.ctx or ctx, error.format_message()
    meant, said = _MEANT.search(message), message
    for pattern, sentence in _MISTAKES:
        if found := pattern.fullmatch(_MEANT.sub("", message)):
            said = _(str(sentence), **found.groupdict()) + (
                _("Did you mean '%(name)s'?", name=meant[1]) if meant else ""
            )
    more = _("'%(command)s --help' explains it.", command=called.command_path)
    return f"{called.get_usage()}\nmailer: {said}{more}"


def paragraphs_of(text: str) -> list[str]:
    """The paragraphs of a help text, each in one line, as the catalogue has them."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", inspect.cleandoc(text)) if part.strip()]
