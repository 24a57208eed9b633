"""The Subject of an imported digest without leads: its first headlines, which tell more than name and date."""

from __future__ import annotations

from mailer.model.columns import width
from mailer.model.issue import Issue
from mailer.rendering import language

MOST = 90  # display columns that inboxes show
MOST_HEADLINES = 3


def make(issue: Issue) -> str:
    """The first headlines that fit; "" where the issue has a title or leads, or the first headline is too long."""
    if issue.title or issue.subject or issue.leads:
        return ""
    joiner = "；" if language.is_chinese(issue.lang) else "; "
    items = [item for item in issue.items if item.lang in ("", issue.lang)] or [*issue.items]
    own = [item.headline for item in items if "{{" not in item.headline]
    made = ""
    for headline in own[:MOST_HEADLINES]:
        longer = f"{made}{joiner}{headline}" if made else headline
        if width(longer) > MOST:
            break
        made = longer
    return made
