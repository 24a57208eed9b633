"""Every error raised on purpose.

MailerError                     one sentence for a person: what is wrong, where, what to do
├── UsageError                  wrong use of a command (exit 2)
├── SettingsError               mailer.toml or the environment is wrong (exit 2)
├── SourceError                 an issue file or a pasted digest cannot be read (exit 1)
├── TemplateError               an operator's template has a mistake (exit 1)
├── ImportFileError             a list of subscribers cannot be read at all (exit 2)
├── AddressError                not an address we would mail
├── PublishError                the issue must not or cannot be published (exit 1)
├── NotFound                    no such issue, subscriber, application (exit 2)
├── StoreError                  the database is locked, read-only or full, or not ours to use
│   ├── AwayError               the database does not answer at this moment, and may do so later
│   │   └── DeadlockError       it ended a transaction so that another could go on
│   ├── SchemaError             the database is of another version (exit 2)
│   └── RestoredError           the database may be older than what was sent (exit 1)
└── RelayError                  the relay cannot be used; carries phase and reply
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailer.sentence import Sentence, Translate, said

if TYPE_CHECKING:
    from mailer.mail.reply import Reply


class MailerError(Exception):
    """Base of every error meant for a person; `str()` is the one line to print.

    `exit_code` is what a command that ends on it returns; `where` names file and line when there is one; `below` are
    lines that stand below the sentence: the place in a text, or what else is wrong.
    """

    exit_code = 2

    def __init__(self, message: str, *, where: str = "", below: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.below = tuple(below)

    def __str__(self) -> str:
        return "\n".join((self.sentence, *self.below))

    @property
    def sentence(self) -> Sentence:
        """What is wrong and where, to be said in another language too."""
        what = Sentence(self.message)
        return Sentence("%(where)s: %(what)s", where=self.where, what=what) if self.where else what

    def said(self, translate: Translate) -> str:
        """The whole of it in another language."""
        return "\n".join(said(line, translate) for line in (self.sentence, *self.below))


class UsageError(MailerError):
    """A command was called with arguments that cannot work."""


class SettingsError(MailerError):
    """The settings file or an environment variable is missing, broken or contradictory."""


class SourceError(MailerError):
    """An issue file or pasted digest that cannot be read; `where` is `file:line`."""

    exit_code = 1


class TemplateError(MailerError):
    """A template of the club's has a mistake; `where` is `file:line`."""

    exit_code = 1


class ImportFileError(MailerError):
    """A file of subscribers cannot be imported as a whole (single bad rows are reported, not raised)."""


class AddressError(MailerError):
    """A text that is not an address this program would mail."""


class PublishError(MailerError):
    """The issue must not be published: findings, a repeated number, nothing to send to."""

    exit_code = 1


class PublishedBefore(PublishError):
    """The issue was published before, and is called `slug`."""

    def __init__(self, identity: str, slug: str) -> None:
        super().__init__(Sentence("issue %(issue)s was published before, as %(slug)s", issue=identity, slug=slug))
        self.slug = slug


class NotFound(MailerError):
    """What was asked for does not exist."""


class StoreError(MailerError):
    """The database cannot do what was asked: away, locked, read-only or full."""


class AwayError(StoreError):
    """The database does not answer at this moment; who waits may find it there again."""


class DeadlockError(AwayError):
    """The database ended a transaction so that another could go on; done again, it comes after that one."""


class SchemaError(StoreError):
    """The database was made by an older or a newer version of this program."""


class ReplacedError(StoreError):
    """Another file was put in the place of an SQLite database that was open."""

    def __init__(self) -> None:
        super().__init__(Sentence("the file was replaced while it was open; stop this program and start it again"))


class RestoredError(StoreError):
    """The database was restored from a backup, and may not know all that was sent."""

    exit_code = 1

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "a backup was restored, and the database may not know all that was sent. Nothing is sent until"
                " 'mailer audit --reconcile' has named what may have gone out since"
            )
        )


class RelayError(MailerError):
    """The relay cannot be used now.

    `phase` is the step of the SMTP dialogue that failed, `reply` the relay's answer when there was one,
    `permanent` whether trying again without a change of settings is pointless.
    """

    exit_code = 1

    def __init__(self, message: str, *, phase: str, reply: Reply | None = None, permanent: bool = False) -> None:
        super().__init__(message)
        self.phase = phase
        self.reply = reply
        self.permanent = permanent


def spoken(problem: BaseException) -> Sentence:
    """What an error says, ours or another's, to be said in another language where it can be."""
    if isinstance(problem, MailerError):
        return problem.sentence
    if isinstance(problem, OSError) and problem.strerror:
        unsaid = problem.strerror.startswith("Connect call failed")  # asyncio names the call, and not what failed
        return Sentence(os.strerror(problem.errno) if unsaid and problem.errno else problem.strerror)
    first = problem.args[0] if problem.args else ""
    return first if isinstance(first, Sentence) else Sentence(str(problem))
