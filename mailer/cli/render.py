"""`mailer render`: an issue as the files a reader's program would show."""

from __future__ import annotations

from pathlib import Path

import click

from mailer.cli import open_club


@click.command()
@click.argument("issue")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("rendered"),
    show_default=True,
    help="Folder to write to; it is made when it is not there.",
)
@click.option("--name", default="", help="Fill the merge fields as for a reader of this name.")
@click.option("--png", is_flag=True, help="Pictures too: desktop, phone and dark, taken with Chromium.")
@click.pass_context
def render(ctx: click.Context, issue: str, folder: Path, name: str, png: bool) -> None:
    """Write an issue as issue.html, issue.txt, issue.eml and archive.html.

    ISSUE is a file or - for standard input. The links in it are samples that lead nowhere.
    """

    from mailer.cli.output import talk
    from mailer.cli.references import read_text
    from mailer.errors import UsageError
    from mailer.rendering import images, picture
    from mailer.rendering.edition import ARCHIVED, SAMPLE
    from mailer.sentence import Sentence

    if png and picture.find_chromium() is None:
        what = "--png needs Chromium; install it (Debian: apt install chromium) or leave the option out"
        raise UsageError(Sentence(what))
    club = open_club(ctx)
    text, where = read_text(club, issue)
    edition = club.examine(text, where).rendered(where)
    reader = SAMPLE._replace(
        name=name, fields={"email": SAMPLE.address, "name": name, "first_name": name.partition(" ")[0]}
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page = images.hosted(edition.program.page(reader), club.facts.base_url, "i/")
        written = {
            "issue.html": page.encode("utf-8"),
            "issue.txt": edition.program.plain(reader).encode("utf-8"),
            "issue.eml": edition.program.compose(reader),
            "archive.html": edition.archive_html.replace(f'src="{ARCHIVED}', 'src="i/').encode("utf-8"),
            **{f"i/{image.digest}": image.content for image in edition.images},
        }
        if edition.images:
            (folder / "i").mkdir(exist_ok=True)
        for file, content in written.items():
            (folder / file).write_bytes(content)
            click.echo(folder / file)
    except OSError as error:
        what = Sentence("cannot be written: %(why)s", why=error.strerror or error)
        raise UsageError(what, where=str(folder)) from None
    if png:
        for path in picture.take_all(folder / "issue.html", folder):
            click.echo(path)
    talk(Sentence("Subject: %(subject)s", subject=edition.subject))
