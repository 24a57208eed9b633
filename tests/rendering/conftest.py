from datetime import date

import pytest

from mailer.model.issue import CallToAction, Issue, Item, Section, Source
from mailer.rendering import theme as themes
from mailer.rendering.facts import ClubFacts
from mailer.rendering.templates import Templates
from mailer.rendering.theme import Theme


@pytest.fixture(scope="session")
def templates() -> Templates:
    return Templates()


@pytest.fixture(scope="session")
def theme(templates: Templates) -> Theme:
    return themes.load(templates)


@pytest.fixture
def club() -> ClubFacts:
    return ClubFacts(
        newsletter="Quay News",
        base_url="https://news.example.org",
        sender_address="news@example.org",
        reply_to="editors@example.org",
        unsubscribe_address="leave@example.org",
        postal_address="1 Quay Street, Ningbo",
    )


@pytest.fixture
def issue() -> Issue:
    """Two sections, three items, a Chinese headline, a link used twice, two merge tags and a call to action."""
    return Issue(
        newsletter="quay-news",
        number=7,
        date=date(2026, 5, 21),
        lang="en",
        preheader="Cranes, cargo and a new lighthouse, in three short stories for the morning.",
        intro='Good morning{{ first_name | ", " }}.',
        sections=(
            Section(
                "Ships & cargo",
                (
                    Item(
                        "Cranes get a <new> coat",
                        "Grey, with **stripes**.",
                        Source("Dock Post", "https://d.example/1"),
                        lead="",
                    ),
                    Item(
                        "港口新增三座泊位",
                        "See [the plan](https://d.example/1?e={{ email }}) of 港口集团.",
                        Source("Bulletin"),
                    ),
                ),
            ),
            Section("Land", (Item("Lighthouse opens", "* one\n* two", lead="A lighthouse opens"),)),
        ),
        cta=CallToAction("club", "Join the club", 'Open to all{{ attributes.town | " of " }}.', "Apply to join"),
    )
