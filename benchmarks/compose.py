"""How long it takes to compose one reader's message from a compiled edition, beside building an EmailMessage.

Run: python benchmarks/compose.py [--json]. Ratios of one run are meaningful, microseconds are this machine's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from email.message import EmailMessage
from email.policy import SMTP

from mailer.model.issue import Issue, Item, Section, Source
from mailer.rendering import edition, theme
from mailer.rendering.edition import SAMPLE
from mailer.rendering.facts import ClubFacts
from mailer.rendering.message import Personal
from mailer.rendering.templates import Templates

CLUB = ClubFacts("Quay News", "https://news.example.org", "news@example.org", unsubscribe_address="leave@example.org")
ENGLISH = "The eleven captains bought the line on Monday; fares stay as they are until autumn, and boats keep names. "
CHINESE = "十一位船长周一买下了这家公司，票价在秋季前不变，船名也保留；卖方是一家首都的基金，持有该公司九年。"


def digest(items: int, lang: str) -> Issue:
    """A made-up issue of `items` stories, greeting the reader by name."""
    body = ENGLISH * 3 if lang == "en" else CHINESE * 2
    stories = tuple(
        Item(
            f"{body[:40]} {number}",
            body,
            Source("Dock Post", f"https://d.example/{number}"),
            lead="" if number < 5 else None,
        )
        for number in range(items)
    )
    sections = tuple(Section(f"Part {start}", stories[start : start + 10]) for start in range(0, items, 10))
    return Issue(
        "quay",
        date(2026, 6, 2),
        lang,
        1,
        intro='Good morning{{ first_name | ", " }}.',
        sections=sections,
        preheader=body[:80],
    )


def median_us(call: Callable[[], object], rounds: int, repeat: int) -> float:
    """Median over `rounds` of the mean microseconds of `repeat` calls."""
    means = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(repeat):
            call()
        means.append((time.perf_counter() - start) / repeat * 1e6)
    return statistics.median(means)


def email_message(reader: Personal, text: str, html: str) -> bytes:
    """The same message the way the standard library makes it."""
    message = EmailMessage(policy=SMTP)
    message["From"] = "Quay News <news@example.org>"
    message["To"] = f"{reader.name} <{reader.address}>"
    message["Subject"] = "Captains buy Blue Gull"
    message["Date"] = datetime(2026, 6, 2, tzinfo=UTC)
    message["Message-ID"] = f"<{reader.tokens['message']}@example.org>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


def measure(name: str, issue: Issue) -> dict[str, object]:
    """The figures of one issue."""
    templates = Templates()
    look = theme.load(templates)

    def build() -> edition.Edition:
        return edition.render(issue, club=CLUB, theme=look, templates=templates)

    start = time.perf_counter()
    made = build()
    cold = (time.perf_counter() - start) * 1e3
    program = made.program
    reader = Personal("alice@example.com", "Alice Chen", {"first_name": "Alice"}, SAMPLE.tokens)
    chinese = Personal("gao@example.com", "高小姐", {"first_name": "小高"}, SAMPLE.tokens)
    text, html = program.plain(reader), program.page(reader)
    compose = median_us(lambda: program.compose(reader), 7, 2000)
    standard = median_us(lambda: email_message(reader, text, html), 5, 30)
    return {
        "issue": name,
        "bytes": len(program.compose(reader)),
        "html_bytes": len(made.html.encode()),
        "render_first_ms": round(cold, 1),
        "render_ms": round(median_us(build, 5, 10) / 1e3, 2),
        "compose_us": round(compose, 1),
        "compose_chinese_name_us": round(median_us(lambda: program.compose(chinese), 5, 1000), 1),
        "email_message_us": round(standard, 1),
        "ratio": round(standard / compose, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    wanted = parser.parse_args()
    for name, issue in (
        ("10 items, English", digest(10, "en")),
        ("10 items, Chinese", digest(10, "zh")),
        ("40 items, English", digest(40, "en")),
        ("100 items, English", digest(100, "en")),
    ):
        row = measure(name, issue)
        print(json.dumps(row, ensure_ascii=False) if wanted.json else "  ".join(f"{k}={v}" for k, v in row.items()))


if __name__ == "__main__":
    main()
