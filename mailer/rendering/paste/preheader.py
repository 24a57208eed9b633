"""The preheader of an imported digest: headlines that its title does not tell."""

from __future__ import annotations

import re

from mailer.model.columns import width
from mailer.model.issue import Issue
from mailer.rendering import language, markdown
from mailer.rendering.paste import leads

LEAST, MOST = 40, 130  # display columns that inboxes show well


def make(issue: Issue) -> str:
    """Two headlines or more that are not in the title, else the first words of the items; "" if all is too short."""
    in_subject = (item.headline for item in issue.items if item.headline in issue.subject)
    told = [issue.digest_title, *(item.headline for item in issue.leads), *in_subject]
    joiner = "；" if language.is_chinese(issue.lang) else "; "
    own = [item for item in issue.items if item.lang in ("", issue.lang)] or [*issue.items]
    untold = [item.headline for item in own if item.lead is None and not _is_in(item.headline, told)]
    headlines = [headline for headline in untold if width(headline) <= MOST] or untold
    texts = [markdown.plain_text(item.body.split("\n\n", 1)[0]) for item in own if item.body]
    made = ""
    for part in [*headlines, *texts]:
        part = re.sub(r"[.。;；]$", "", " ".join(part.split())).strip()
        if not part or "{{" in part:
            continue
        longer = f"{made}{joiner}{part}" if made else part
        if width(made) >= LEAST and (width(longer) > MOST or part not in headlines or joiner in made):
            break
        made = _cut(longer) if width(longer) > MOST else longer
    return made if width(made) >= LEAST else ""


def _is_in(headline: str, told: list[str]) -> bool:
    return any(leads.is_same(headline, other) for other in told)


def _cut(text: str) -> str:
    """The beginning of a text that is too long, up to the end of a word, with an ellipsis."""
    text = text[: 4 * MOST]
    while width(text) > MOST - 1:
        text = text[:-1]
    return re.sub(r"(?<=[^\s,;])[\s,;]+\w*$|[，；、]$", "", text).rstrip() + "…"
