"""Why a send was paused or a copy not sent, as it is stored in English: found again, to be said in any language."""

from __future__ import annotations

import re

from mailer.sentence import Sentence

_WHAT = {  # what a threshold counts
    "bounces": Sentence("bounces"),
    "complaints": Sentence("complaints"),
    "refusals that are about us": Sentence("refusals that are about us"),
}
_STORED = (  # what other rooms write; what is none of these is said as it stands
    Sentence("the first complaint: a reader at %(domain)s reported it as spam"),
    Sentence(
        "unknown readers at %(domain)s: so many at once that the domain must be broken; their suppressions are held:"
        " look, then 'mailer suppressions release %(domain)s' or 'lift --domain %(domain)s'"
    ),
    Sentence("%(what)s at %(domain)s: %(events)s of %(ended)s deliveries, %(share)s; the limit is %(limit)s"),
    Sentence("%(what)s: %(events)s of %(ended)s deliveries, %(share)s; the limit is %(limit)s"),
    Sentence("%(relay)s refuses our mail: %(reply)s"),
    Sentence("%(relay)s took %(count)s messages in a row without an answer"),
    Sentence("worker %(worker)s died after handing it over"),
    Sentence("worker %(worker)s was lost with its claim"),
    Sentence("quarantined: the message could not be composed (%(why)s)"),
    Sentence("quarantined: %(count)s workers were lost while composing it"),
    Sentence("no reply in %(seconds)s s"),
    Sentence("the relay answered %(code)s before it had the whole message"),
)


def _pattern(stored: str) -> re.Pattern[str]:
    seen: set[str] = set()

    def group(found: re.Match[str]) -> str:
        again = found[1] in seen
        seen.add(found[1])
        return f"(?P={found[1]})" if again else f"(?P<{found[1]}>.+?)"

    return re.compile(re.sub(r"%\\\((\w+)\\\)s", group, re.escape(stored)))


_PATTERNS = [(_pattern(stored), stored) for stored in _STORED]


def told(cause: str) -> Sentence:
    """The sentence that a stored cause was written as; one nobody knows stands as it is."""
    for pattern, stored in _PATTERNS:
        if found := pattern.fullmatch(cause):
            values = {name: _WHAT.get(value, value) for name, value in found.groupdict().items()}
            return Sentence(str(stored), **values)
    return Sentence(cause)
