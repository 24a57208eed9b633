"""The command line: a lazy group, so that `mailer --help` imports no command."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mailer import __version__
from mailer.errors import MailerError

if TYPE_CHECKING:
    from mailer.wiring import Club

LOCALES = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set says which language a terminal speaks
TONGUE = "mailer.language"  # where a command leaves the language that it was told to speak
ROW = click.IntRange(1, 2**63 - 1)  # the number of a row, as far as a database counts

# name: (module, what `mailer --help` says); each module has a command of the same name (dashes as underscores).
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Make a club's folder that can publish at once."),
    "demo": ("demo", "Run the whole journey on this machine, with an inbox to look into."),
    "inbox": ("inbox", "Run a development mail server with a page that shows what arrived."),
    "issue": ("issue", "Import, start, list, show and format issue files."),
    "check": ("check", "Check an issue against every rule, with line numbers and fixes."),
    "preview": ("preview", "Show an issue live in the browser while you write."),
    "render": ("render", "Write an issue as issue.html, issue.txt, issue.eml and archive.html."),
    "publish": ("publish", "Freeze an issue and its audience, and send it."),
    "dispatch": ("dispatch", "Send what is due; a worker on this or any other machine."),
    "status": ("status", "Show what is being sent, how fast and by whom."),
    "report": ("report", "Show what became of an issue."),
    "audit": ("audit", "Prove that every reader of an issue is accounted for."),
    "receipt": ("receipt", "Show all that happened to one reader's copy of an issue."),
    "pause": ("control", "Stop sending an issue until it is resumed."),
    "resume": ("control", "Go on sending a paused issue."),
    "cancel": ("control", "Give up what is left of an issue."),
    "retry": ("control", "Send an issue's failed or uncertain deliveries again."),
    "subscribers": ("subscribers", "Import, export, list, show, add, remove and erase subscribers."),
    "segments": ("segments", "List the club's segments and count who is in them."),
    "suppressions": ("suppressions", "List, add, import and lift suppressed addresses."),
    "applications": ("applications", "Review applications to join the club."),
    "bounces": ("bounces", "Take in, explain and list returned mail."),
    "serve": ("serve", "Serve the web pages: signup, application, unsubscribe, archive."),
    "dkim": ("dkim", "Make DKIM keys and print the DNS records to publish."),
    "doctor": ("doctor", "Say what is right, what is not, and what to do."),
    "db": ("db", "Upgrade, copy and back up the database."),
}


class Speaking(click.Context):
    """A command being called, whose help is told in Chinese where the terminal's locale is."""

    def make_formatter(self) -> click.HelpFormatter:
        if not _reads_chinese():
            return super().make_formatter()
        from mailer.cli.help import Formatter

        return Formatter(width=self.terminal_width, max_width=self.max_content_width)


def _reads_chinese() -> bool:
    """What the terminal's locale says, told without loading anything."""
    return next(filter(None, map(os.environ.get, LOCALES)), "").lower().startswith("zh")


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    context_class = Speaking

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"mailer.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        for each in (command, *getattr(command, "commands", {}).values()):
            each.context_class = Speaking
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise click.UsageError(f"No such command '{args[0]}'.{hint}", ctx) from None

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            _explain(error, error.ctx or click.Context(self, info_name=info_name))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MailerError as error:
            click.echo(f"mailer: {_told(ctx, error)}", err=True)
            ctx.exit(error.exit_code)
        except click.UsageError as error:
            _explain(error, ctx)
        except (click.Abort, KeyboardInterrupt):
            if not _reads_chinese():
                raise
            from mailer.cli.output import talk
            from mailer.sentence import Sentence

            click.echo(err=True)  # what was typed last, such as ^C, stands in a line of its own
            talk(Sentence("stopped"))
            ctx.exit(1)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(1)
        finally:
            _leave_unsaid()


def _leave_unsaid() -> None:
    """Give up what stderr has no room for: Python would try once more at its end, and end with 120."""
    try:
        sys.stderr.flush()
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - as long as the program


def _explain(error: click.UsageError, ctx: click.Context) -> NoReturn:
    """Say what was wrong with a call, and exit; click says it itself where the terminal's locale is not Chinese."""
    if not _reads_chinese() or isinstance(error, click.exceptions.NoArgsIsHelpError):
        raise error
    from mailer.cli.help import mistake

    click.echo(mistake(error, ctx), err=True)
    ctx.exit(error.exit_code)


def _told(ctx: click.Context, error: MailerError) -> str:
    """An error in one line, in the editor's language where it can be said in more than one."""
    from mailer.cli.output import tongue

    return error.said(tongue(ctx.meta.get(TONGUE)))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mailer")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="MAILER_CONFIG",
    help="The club's settings. Default: mailer.toml in this folder.",
)
@click.pass_context
def main(ctx: click.Context, config: Path | None) -> None:
    """Send a newsletter and prove who got it.

    A morning: mailer issue import - -o today.md; mailer check today.md; mailer publish today.md --yes
    """
    _stand_in_for_closed_streams()
    ctx.obj = config


def _stand_in_for_closed_streams() -> None:
    """Empty streams for those that whoever started us has closed: Python has None there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - as long as the program


def open_club(ctx: click.Context) -> Club:
    """The club a command works on, by `--config` or the current folder. Raises SettingsError."""
    from mailer.wiring import Club

    return Club.open(ctx.find_root().obj)
