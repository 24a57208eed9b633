"""Whatever is said to a person can be said in Chinese: no sentence, no word of the database is left in English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import mailer
from mailer import errors
from mailer.flows.leave import REASONS
from mailer.model import delivery, subscriber
from mailer.model.application import Standing
from mailer.model.bounce import FAMILY, Family, Fault, Kind
from mailer.model.carriers import CARRIERS
from mailer.model.roster import Verdict
from mailer.model.signup import REFUSALS
from mailer.model.suppression import Action
from mailer.rendering.templates import shipped_folder
from mailer.rendering.translation import LOCALES
from mailer.sentence import CONTEXT_ENDS
from mailer.store.schema import bounces

ROOT = Path(mailer.__file__).parent
HISTORY = (
    *("consents", "letters", "deliveries", "attempts", "bounces", "returned_mails", "suppressions", "applications"),
    *("reviews", "events"),
)
CONSENTS = (  # what consents are made of: actions and sources
    *(
        "requested",
        "confirmed",
        "withdrawn",
        "restored",
        "added",
        "imported",
        "apply",
        "subscribe",
        "confirm",
        "import",
    ),
    *("lost-link", "page", "preferences", "one-click", "report", "mailto", "operator", "added by the operator"),
)
with (LOCALES / "zh_CN" / "LC_MESSAGES" / "mailer.po").open("rb") as file:
    CATALOGUE = {f"{one.context}{CONTEXT_ENDS}{one.id}" for one in read_po(file) if one.context}
ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.MailerError)}
TOLD = {"talk", "show", "confirm", "ask", "echo", "prompt", "table", "Finding"}  # by what commands speak to a person
WORDS = re.compile(r"[A-Za-z]{2,}[ ,:;].*[A-Za-z]{2,}|[a-z]{4,}")
# what is no sentence: states of a finding, settings and files by name, what is copied into a file, addresses
NAMES = re.compile(
    r"\[\w+\] \w+|right|advice|wrong|mailer: \{\}|pg_dump|mailer\.key|\S*://\S*  \{\}|\$ mailer \{\}|\{\} <\S+>"
    r"|\[\[?dkim.*|\{\}\. IN TXT ",
    re.DOTALL,
)


def bare(given: ast.expr) -> Iterator[str]:
    """The words of an argument that can be said in English only."""
    if isinstance(given, ast.IfExp):
        yield from bare(given.body)
        yield from bare(given.orelse)
    elif isinstance(given, ast.BinOp):
        yield from bare(given.left)
        yield from bare(given.right)
    elif isinstance(given, ast.Tuple):
        for each in given.elts:
            yield from bare(each)
    elif isinstance(given, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in given.values)
    elif isinstance(given, ast.Constant) and isinstance(given.value, str):
        yield given.value


def unspoken(file: Path) -> list[str]:
    """Where a file says or raises words that are no Sentence."""
    found = []
    calls = TOLD | ERRORS if file.is_relative_to(ROOT / "cli") else ERRORS
    for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if ast.unparse(call.func) == "click.UsageError":  # in click's own words, which help.py knows
                continue
            for given in call.args if name in calls else ():
                found += [
                    f"{file.name}:{call.lineno}: {text}"
                    for text in bare(given)
                    if not NAMES.fullmatch(text) and WORDS.search(text)
                ]
    return found


NOT_YET: set[str] = set()
FILES = {f"{file.parent.name}/{file.stem}": file for file in sorted(ROOT.rglob("*.py"))}


def test_whatever_is_said_to_a_person_can_be_said_in_chinese() -> None:
    assert [line for name, file in FILES.items() if name not in NOT_YET for line in unspoken(file)] == []


ENUMERATED: dict[str, Iterable[str]] = {
    "code": (*Kind, *FAMILY, *Family, *Fault, *Action, *Verdict, *delivery.State, *REASONS, *REFUSALS, *CONSENTS),
    "subscriber": subscriber.State,
    "application": (*Standing, "id", "kind", "source", "confirmed", "answered", "reapplied"),
    "letter": (path.name for path in (shipped_folder() / "letters").iterdir() if path.is_dir()),
    "phase": delivery.Phase,
    "history": HISTORY,
    "bounce": (*(column.name for column in bounces.columns), "address"),
    "carrier": CARRIERS,
}


@pytest.mark.parametrize(
    ("context", "word"), [(name, word) for name, words in ENUMERATED.items() for word in sorted(words)]
)
def test_every_word_of_the_database_has_one_in_chinese(context: str, word: str) -> None:
    assert f"{context}{CONTEXT_ENDS}{word}" in CATALOGUE
