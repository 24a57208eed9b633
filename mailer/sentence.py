"""What is said to a person: a sentence in English that can be said in any language of the catalogues."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce

Translate = Callable[..., str]
CONTEXT_ENDS = "\4"  # between a context and a text, where gettext looks one up


class Sentence(str):
    """A sentence in English that remembers its pattern and values, so that it can be said in another language too.

    A value may be a Sentence itself; any other is kept as the text it is said with. What is quoted from a file does not
    turn or break the line it is shown in.
    """

    __slots__ = ("_pattern", "_values")
    _pattern: str
    _values: Mapping[str, str]

    def __new__(cls, pattern: str, /, **values: object) -> Sentence:
        """The sentence; a pattern without values stands as it is, one that is a Sentence already too."""
        if isinstance(pattern, Sentence):
            return pattern
        texts = {name: value if isinstance(value, Sentence) else str(value) for name, value in values.items()}
        made = super().__new__(cls, _visible(pattern % texts if texts else pattern))
        made._pattern, made._values = pattern, texts
        return made

    def said(self, translate: Translate) -> str:
        """The sentence as a catalogue has it; in English where it has it not."""
        values = {
            name: value.said(translate) if isinstance(value, Sentence) else value
            for name, value in self._values.items()
        }
        return _visible(translate(self._pattern, **values)) if self._pattern else ""


def said(text: str, translate: Translate) -> str:
    """A sentence in another language; any other text as it is."""
    return text.said(translate) if isinstance(text, Sentence) else text


def word(context: str, text: str) -> Sentence:
    """A word that English uses in several senses; `context` says in which, as gettext's msgctxt does."""
    made = Sentence(str(text))
    made._pattern = f"{context}{CONTEXT_ENDS}{text}"
    return made


def ended(what: Sentence | str) -> Sentence:
    """A clause as a sentence; a question stays one."""
    return Sentence(what) if what.endswith("?") else Sentence("%(what)s.", what=what)


def how_many(number: int, one: str, several: str) -> Sentence:
    """A number of things in words: the sentence for one of them, or for so many, with `%(count)s` in it."""
    return Sentence(one) if number == 1 else Sentence(several, count=f"{number:,}")


def listed(parts: Iterable[str]) -> Sentence:
    """What belongs side by side, `a, b, c`; "" for nothing."""
    return _joined(Sentence("%(one)s, %(next)s"), parts)


def clauses(parts: Iterable[str]) -> Sentence:
    """Clauses one behind the other, `a; b; c`; "" for none."""
    return _joined(Sentence("%(one)s; %(next)s"), parts)


def _joined(pattern: Sentence, parts: Iterable[str]) -> Sentence:
    one, *more = [*map(Sentence, parts)] or [Sentence("")]
    return reduce(lambda before, part: Sentence(str(pattern), one=before, next=part), more, one)


def _visible(text: str) -> str:
    """A sentence that quotes the file without what would turn or break the line it is shown in."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)
