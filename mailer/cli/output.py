"""How commands print: data to stdout, talk and progress to stderr, times in the newsletter's zone."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from mailer import sentence
from mailer.cli import LOCALES, TONGUE
from mailer.errors import MailerError
from mailer.model.formula import guarded
from mailer.sentence import Sentence, how_many

if TYPE_CHECKING:
    from mailer.model.pacing import Slowed
    from mailer.sentence import Translate

_YES = frozenset(("y", "yes", "是", "是的", "好", "好的", "确认"))

# What a terminal obeys, and halves of a character, which nobody can write.
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def stdout_for_dash(ctx: click.Context, param: click.Parameter, file: Path | None) -> Path | None:
    """For an option that names a file to write, and without which stdout is written: `-` is stdout, too."""
    return None if file == Path("-") else file


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """One JSON value on stdout, on one line with `indent` None; moments in ISO 8601, what a terminal obeys escaped."""
    written = json.dumps(value, ensure_ascii=False, indent=indent, default=_plain)
    click.echo(_OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", written))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not data")


def speak(ctx: click.Context, language: str | None, *, as_json: bool) -> Translate:
    """The language a command was told to speak, English with --json: for what it prints and for what ends it."""
    ctx.meta[TONGUE] = wanted = language or ("en" if as_json else None)
    return tongue(wanted)


def tongue(wanted: str | None = None) -> Translate:
    """How an editor is told what is wrong with an issue: as wanted, else as the terminal's locale is set."""
    from mailer.rendering.translation import translator

    return translator(language(wanted))


def language(wanted: str | None = None) -> str:
    """The language a person at the terminal is spoken to: as wanted, else as the locale is set."""
    from mailer.rendering.finding import LANGUAGES
    from mailer.rendering.translation import choose

    locale = next(filter(None, map(os.environ.get, LOCALES)), "")
    return choose(LANGUAGES, wanted or locale)


def said(text: str | MailerError) -> str:
    """A sentence, or what an error says, in the language of the terminal; any other text as it is."""
    if isinstance(text, MailerError):
        return text.said(tongue())
    return sentence.said(text, tongue())


def show(text: str) -> None:
    """A line of what was asked for, on stdout."""
    click.echo(said(text))


def talk(text: str | MailerError) -> None:
    """A line for the person at the terminal; never part of the data. One that cannot be written stops nothing."""
    sys.stdout.flush()  # where both go to one file, they stay in order
    with suppress(OSError):
        click.echo(said(text), err=True)


def apart(text: str) -> None:
    """A line for the person at the terminal, with an empty one above it and one below."""
    talk(f"\n{said(text)}\n")


def complain(error: MailerError) -> None:
    """What an error says, where a command goes on all the same."""
    talk(f"mailer: {said(error)}")


def confirm(question: str) -> None:
    """Ask the person at the terminal; whatever is no yes ends the command with exit code 1."""
    try:
        answer = click.prompt(f"{said(question)} [y/N]", default="", show_default=False, err=True)
    except click.Abort:
        answer = ""
        click.echo(err=True)
    if answer.strip().lower() not in _YES:
        talk(Sentence("not confirmed: nothing was changed"))
        raise click.exceptions.Exit(1)


def ask(question: str, default: str | None = None) -> str:
    """What the person at the terminal answers; asked again while there is neither an answer nor a default."""
    suffix = " " if question.endswith("?") else said(Sentence(": "))
    answer: str = click.prompt(said(question), default=default, prompt_suffix=suffix, err=True)
    return answer.strip()


def is_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def at(moment: datetime, zone: ZoneInfo, now: datetime | None = None) -> Sentence:
    """A moment in the newsletter's zone, with how far away it is: `08:00 Asia/Shanghai, in 23 min`."""
    local = moment.astimezone(zone)
    today = now.astimezone(zone).date() if now else None
    time = local.strftime("%H:%M" if local.date() == today else "%Y-%m-%d %H:%M") + f" {zone.key}"
    if now is None:
        return Sentence("%(time)s", time=time)
    seconds = (moment - now).total_seconds()
    pattern = "%(time)s, in %(span)s" if seconds > 0 else "%(time)s, %(span)s ago"
    return Sentence(pattern, time=time, span=span(abs(seconds)))


def slowdown(slowed: Slowed, now: datetime) -> Sentence:
    """What is not sent to a relay or a provider, or how slowly, and why."""
    pause = slowed.until - now.timestamp()
    if slowed.unit == "second":
        pace = Sentence("at most %(rate)s a second", rate=f"{slowed.rate:.3g}")
    elif pause > 0:
        pace = Sentence("nothing for %(span)s, then %(rate)s a minute", span=span(pause), rate=f"{slowed.rate:.0f}")
    else:
        pace = Sentence("at most %(rate)s a minute", rate=f"{slowed.rate:.0f}")
    return Sentence(
        "%(name)s is slowed: %(pace)s; it answered: %(cause)s", name=slowed.key, pace=pace, cause=slowed.cause
    )


def clock_behind(last: datetime, zone: ZoneInfo, now: datetime) -> Sentence:
    """That the clock was set back since the last attempt, and what to do."""
    what = (
        "the clock shows %(now)s, the last attempt was at %(last)s: it was set back; set it right, or wait until then"
    )
    return Sentence(what, now=to_the_second(now, zone), last=to_the_second(last, zone))


def to_the_second(moment: datetime, zone: ZoneInfo) -> str:
    """A moment in the newsletter's zone as logs have it, to be found in the relay's."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone.key}"


def span(seconds: float) -> Sentence:
    """A length of time for people: `40 s`, `23 min`, `5 h`, `3 d`."""
    if seconds >= 2 * 86400:
        return Sentence("%(count)s d", count=round(seconds / 86400))
    if seconds >= 2 * 3600:
        return Sentence("%(count)s h", count=round(seconds / 3600))
    if seconds >= 90:
        return Sentence("%(count)s min", count=round(seconds / 60))
    return Sentence("%(count)s s", count=round(seconds))


def one_line(value: Any) -> str:
    """What a stranger wrote, on one line and without what a terminal would obey."""
    line = str(value)
    if line.isascii() and line.isprintable():
        return line
    return "".join(letter for letter in " ".join(line.split()) if letter.isprintable())


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns on stdout, as wide as their widest cell; a header of empty cells is left out."""
    from mailer.model.columns import width

    cells = [[said(name) for name in header], *([one_line(said(cell)) for cell in row] for row in rows)]
    widths = [max(width(row[column]) for row in cells) for column in range(len(header))]
    for row in cells if any(cells[0]) else cells[1:]:
        padded = (cell + " " * (size - width(cell)) for cell, size in zip(row, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def readers(number: int) -> Sentence:
    """`1 reader`, `2 readers`, `12,000 readers`, to be said in another language too."""
    return how_many(number, "1 reader", "%(count)s readers")


def subscribers(number: int) -> Sentence:
    """`1 subscriber`, `2 subscribers`, `12,000 subscribers`, to be said in another language too."""
    return how_many(number, "1 subscriber", "%(count)s subscribers")


def rows(number: int) -> Sentence:
    """`1 row`, `2 rows`, `12,000 rows`, to be said in another language too."""
    return how_many(number, "1 row", "%(count)s rows")


def cell(value: Any) -> str:
    """A value for a CSV cell that no spreadsheet runs as a formula."""
    if value is None:
        return ""
    return guarded(value.isoformat() if isinstance(value, datetime) else str(value))
