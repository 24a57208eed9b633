"""What a worker counts for Prometheus, and that the operators' chapter names all of it."""

from __future__ import annotations

import re
from pathlib import Path

from mailer.metrics import Metrics

OPERATING = Path(__file__).parents[1] / "docs" / "operating.md"


def test_what_happens_to_readers_beside_attempts_is_counted() -> None:
    metrics = Metrics()
    metrics.taken_over(3)
    metrics.cut_off(40)
    metrics.slowed("qq.com")
    value = metrics.registry.get_sample_value
    assert value("mailer_taken_over_uncertain_total") == 3
    assert value("mailer_cut_off_total") == 40
    assert value("mailer_slowed_total", {"name": "qq.com"}) == 1


def test_every_counter_is_in_the_operators_chapter() -> None:
    kinds = {"counter": "_total"}
    counted = {family.name + kinds.get(family.type, "") for family in Metrics().registry.collect()}
    named = set(re.findall(r"`(mailer_\w+)`", OPERATING.read_text(encoding="utf-8")))
    assert named == counted
