"""`mailer issue`: import pasted digests; start, list, show and format issue files."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailer.cli.output import stdout_for_dash
from mailer.rendering.finding import LANGUAGES
from mailer.sentence import Sentence, how_many

if TYPE_CHECKING:
    from mailer.model.issue import Issue
    from mailer.rendering.paste import Reading
    from mailer.sentence import Translate
    from mailer.wiring import Club

_UNREAD = Sentence("(cannot be read: see mailer check)")


@click.group()
def issue() -> None:
    """Import, start, list, show and format issue files."""


@issue.command("import")
@click.argument("text", metavar="TEXT")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    callback=stdout_for_dash,
    help="File to write; default: stdout.",
)
@click.option("--date", "day", metavar="YYYY-MM-DD", help="The issue's date; default: the one in the digest.")
@click.option("--number", type=click.IntRange(0), help="The issue's number.")
@click.option(
    "--lang", default="", help="Language to read where every item is there in two; default: the one in FILE's name."
)
@click.option("--force", is_flag=True, help="Overwrite FILE, even if it has not been published.")
@click.option("--json", "as_json", is_flag=True, help="Issue, repairs and lines not placed as one JSON object.")
@click.option(
    "--language",
    type=click.Choice(LANGUAGES),
    help="Tell repairs in Chinese or English. Default: as LC_ALL, LC_MESSAGES or LANG say; English with --json.",
)
@click.pass_context
def import_(
    ctx: click.Context,
    text: str,
    output: Path | None,
    day: str | None,
    number: int | None,
    lang: str,
    force: bool,
    as_json: bool,
    language: str | None,
) -> None:
    """Turn a pasted digest (TEXT: a file, or - for stdin) into an issue file.

    Text or HTML in UTF-8, UTF-16, GB18030 or Big5. Every repair and every dropped line goes to
    stderr with its line number.
    """
    from dataclasses import replace

    from mailer.cli import shelf
    from mailer.cli.output import speak, talk
    from mailer.rendering import canonical, paste, source

    _ = speak(ctx, language, as_json=as_json)
    club = _club(ctx)
    data, name = _bytes(text)
    given = _day(day) if day else None
    lang = lang or (source.edition_tag(output) if output else "")
    reading = paste.read(data, today=_today(club), day=given, lang=lang, defaults=_defaults(club, output), name=name)
    made = reading.issue if number is None else replace(reading.issue, number=number)
    if club is not None and made.newsletter == club.settings.newsletter.name:
        made = replace(made, newsletter=club.settings.newsletter.name_in(made.lang))
    markdown = canonical.write(made)
    if output is not None:
        _write(output, markdown, force=force or _is_published(club, output))
    if as_json:
        _print_reading(made, reading, markdown, _)
        return
    for repair in reading.repairs:
        place = f"{name}:{repair.line}" if repair.line else name
        talk(f"{place}: {repair.told(_)}")
    if output is None:
        click.echo(markdown, nl=False)
    talk(_summary(made, reading, _) + (f" -> {output}" if output else ""))
    if made.number is None and (last := shelf.last_number(_folder(club), made.date)) is not None:
        what = "it has no number, and the last issue is %(last)s: add 'number: %(next)s', or import with --number"
        talk(_(what, last=last, next=last + 1))
    if club is not None and club.settings.newsletter.unnamed:
        talk(_("mailer.toml has only a placeholder for the newsletter's name, which the pages and letters show;"))
        talk(_("put it there: %(line)s", line=f'[newsletter] name = "{made.newsletter}"'))


@issue.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="File to write; - is stdout.",
)
@click.option("--lang", help="Language of the edition; default: the last issue's.")
@click.pass_context
def new(ctx: click.Context, output: Path | None, lang: str | None) -> None:
    """Start the next issue: the next number and working day after the last one in issues/.

    After an issue with editions in several languages each of them is started, or the one that --lang names.
    """
    from mailer.cli import shelf
    from mailer.cli.output import talk
    from mailer.errors import UsageError
    from mailer.model import language_tag
    from mailer.rendering import canonical

    if lang and not language_tag.is_tag(lang):
        raise UsageError(Sentence("--lang '%(lang)s' is not a language tag such as en or zh-Hans", lang=lang))
    club = _club(ctx)
    folder = _folder(club)
    started = {}
    for made, name in shelf.following(folder, _today(club), club, lang or "", alone=output is not None):
        text = canonical.write(made).rstrip("\n") + shelf.skeleton(made.lang)
        started[output or Path(os.path.relpath(folder / name))] = text
    if output == Path("-"):
        click.echo("".join(started.values()), nl=False)
        return
    for path in started:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise UsageError(Sentence("is there already; name another file with -o"), where=str(path))
    for path, text in started.items():
        _write(path, text, force=False)
        click.echo(path)
    talk(Sentence("fill in the items, then: mailer check %(files)s", files=" ".join(map(str, started))))


@issue.command("list")
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the issue files in issues/, newest first."""
    from mailer.cli import shelf
    from mailer.cli.output import print_json, said, table

    found = shelf.issues(_folder(_club(ctx)))
    rows = [
        {
            "file": os.path.relpath(path),
            "number": made.number if made else None,
            "date": made.date.isoformat() if made else None,
            "lang": made.lang if made else None,
            "items": len(list(made.items)) if made else 0,
            "title": made.digest_title if made else _UNREAD if as_json else said(_UNREAD),
        }
        for path, made in sorted(found, key=lambda pair: (pair[1].date if pair[1] else date.min, pair[0]), reverse=True)
    ]
    if as_json:
        print_json(rows)
    else:
        shown = [["" if value is None else str(value) for value in row.values()] for row in rows]
        number, items = Sentence("number"), Sentence("items")
        header = (Sentence("file"), number, Sentence("date"), Sentence("lang"), items, Sentence("title"))
        table(header, [[*row[:-1], row[-1][:60]] for row in shown])


@issue.command()
@click.argument("reference", metavar="ISSUE")
@click.option("--json", "as_json", is_flag=True, help="The issue as one JSON object.")
@click.pass_context
def show(ctx: click.Context, reference: str, as_json: bool) -> None:
    """Show what the program reads in ISSUE (a file, -, a slug or a number): sections, items, leads, sources."""
    from mailer.cli.output import print_json, said
    from mailer.cli.references import read_text
    from mailer.rendering import source

    text, name = read_text(_club(ctx), reference)
    made = source.read(text, name)
    if as_json:
        print_json(_as_data(made))
        return
    number = [said(Sentence("number %(number)s", number=made.number))] if made.number is not None else []
    comma = said(Sentence(", "))
    click.echo(comma.join([made.newsletter, *number, made.date.isoformat(), made.lang]) + f"\n{made.digest_title}")
    count = 0
    for section in made.sections:
        click.echo(f"\n{section.title}" if section.title else "")
        for item in section.items:
            count += 1
            mark = "*" if item.lead is not None else " "
            named = f"  [{item.source.name}]" if item.source else ""
            click.echo(f"{mark}{count:3}. {item.headline}{named}")
    if made.cta:
        click.echo("\n" + said(Sentence("call to action: %(title)s", title=made.cta.title or made.cta.name)))


@issue.command()
@click.argument("files", metavar="ISSUE...", nargs=-1, required=True)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 if a file is not in canonical form.")
@click.pass_context
def fmt(ctx: click.Context, files: tuple[str, ...], only_check: bool) -> None:
    """Write ISSUE files in canonical form, in place; - reads stdin and writes stdout."""
    from mailer.cli.output import said, talk
    from mailer.cli.references import read_text
    from mailer.rendering import canonical, front_matter, source

    changed = 0
    for reference in files:
        text, name = read_text(_club(ctx), reference)
        written = canonical.write(source.read(text, name))
        if reference == "-" and not only_check:
            click.echo(written, nl=False)
        elif written != text:
            changed += 1
            for line, comment in front_matter.comments(text):
                what = Sentence("a comment, which the canonical form has not: %(comment)s", comment=comment)
                talk(f"{name}:{line}: {said(what)}")
            talk(f"{name}: {said(Sentence('not in canonical form') if only_check else Sentence('formatted'))}")
            if not only_check:
                _write(Path(name), written, force=True)
    if only_check and changed:
        ctx.exit(1)


def _print_reading(made: Issue, reading: Reading, markdown: str, _: Translate) -> None:
    from mailer.cli.output import print_json

    print_json(
        {
            "issue": _as_data(made),
            "repairs": [repair.as_json(_) for repair in reading.repairs],
            "unplaced": [repair.as_json(_) for repair in reading.unplaced],
            "markdown": markdown,
        }
    )


def _as_data(made: Issue) -> dict[str, Any]:
    leads = [number for number, item in enumerate(made.items, 1) if item.lead is not None]
    return {
        "newsletter": made.newsletter,
        "number": made.number,
        "date": made.date.isoformat(),
        "lang": made.lang,
        "title": made.digest_title,
        "title_leads": leads,
        "intro": made.intro,
        "sections": [
            {
                "title": section.title or None,
                "items": [
                    {
                        "headline": item.headline,
                        "lead": item.lead,
                        "lang": item.lang,
                        "paragraphs": len([part for part in item.body.split("\n\n") if part.strip()]),
                        "body": item.body,
                        "source": item.source.name if item.source else None,
                        "source_url": (item.source.url or None) if item.source else None,
                        "line": item.line,
                    }
                    for item in section.items
                ],
            }
            for section in made.sections
        ],
        "cta": {key: getattr(made.cta, key) for key in ("name", "title", "text", "label", "url")} if made.cta else None,
    }


def _summary(made: Issue, reading: Reading, _: Translate) -> str:
    """How many of each kind there are, in words."""
    items = list(made.items)
    called = made.cta is not None and bool(made.cta.title or made.cta.text)
    parts = [
        how_many(sum(bool(section.title) for section in made.sections), "1 section", "%(count)s sections"),
        how_many(len(items), "1 item", "%(count)s items"),
        how_many(sum(item.source is not None for item in items), "1 source", "%(count)s sources"),
        how_many(len(made.leads), "1 lead", "%(count)s leads"),
        how_many(int(called), "1 call to action", "%(count)s call to action"),
        how_many(sum(repair.nature == "repair" for repair in reading.repairs), "1 repair", "%(count)s repairs"),
        how_many(len(reading.unplaced), "1 line not placed", "%(count)s lines not placed"),
    ]
    return _(", ").join(part.said(_) for part in parts)


def _club(ctx: click.Context) -> Club | None:
    """The club here; None where there is none and none was named with --config."""
    from mailer.cli import open_club
    from mailer.settings import FILE

    if ctx.find_root().obj is None and not Path(FILE).exists():
        return None
    return open_club(ctx)


def _defaults(club: Club | None, output: Path | None) -> Any:
    from mailer.rendering.examine import SOURCES, table
    from mailer.rendering.paste import Defaults

    sources = table(SOURCES, output.parent if output else Path(), club.folder if club else None)
    if club is None:
        return Defaults(sources=sources)
    newsletter = club.settings.newsletter
    languages = (newsletter.language, *(tag for tag in newsletter.languages if tag != newsletter.language))
    base = club.settings.web.base_url.rstrip("/")
    named = "" if newsletter.unnamed else newsletter.name
    return Defaults(newsletter=named, languages=languages, apply_url=f"{base}/apply", sources=sources)


def _today(club: Club | None) -> date:
    from mailer.wiring import system_clock

    if club is None:
        return system_clock().astimezone().date()
    return club.clock().astimezone(club.settings.newsletter.zone).date()


def _day(text: str) -> date:
    from mailer.errors import UsageError

    try:
        return date.fromisoformat(text)
    except ValueError:
        what = Sentence("--date '%(text)s' is not a date; write it as 2026-05-21", text=text)
        raise UsageError(what) from None


def _bytes(reference: str) -> tuple[bytes, str]:
    from mailer.errors import NotFound, UsageError

    if reference == "-":
        return sys.stdin.buffer.read(), "stdin"
    try:
        return Path(reference).read_bytes(), reference
    except FileNotFoundError:
        what = Sentence("no such file; name the pasted text, or - for standard input")
        raise NotFound(what, where=reference) from None
    except OSError as error:
        raise UsageError(Sentence("cannot be read: %(why)s", why=error.strerror), where=reference) from None


def _write(path: Path, text: str, *, force: bool) -> None:
    from mailer.errors import UsageError

    if path.exists() and not force:
        what = Sentence("is there already and not published yet; name another file, or say --force")
        raise UsageError(what, where=str(path))
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        os.replace(draft, path)
    except OSError as error:
        raise UsageError(Sentence("cannot be written: %(why)s", why=error.strerror), where=str(path)) from None


def _is_published(club: Club | None, path: Path) -> bool:
    """Whether the file holds an issue that went out: the database keeps its text, so it may be written over."""
    from mailer.errors import MailerError
    from mailer.rendering import source
    from mailer.store import issues

    if club is None or not path.exists():
        return False
    try:
        made = source.read(path.read_text(encoding="utf-8-sig"), str(path))
        return club.db.read(issues.find_identity, made.identity) is not None
    except (MailerError, OSError, UnicodeDecodeError):
        return False


def _folder(club: Club | None) -> Path:
    return (club.folder if club else Path()) / "issues"
