"""An application's states and its answers."""

from __future__ import annotations

import pytest

from mailer.model.application import EDGES, LEADS_TO, OPEN, Fault, Standing, check, in_language


def test_every_state_has_its_edges_and_ends_are_ends() -> None:
    assert set(EDGES) == set(Standing)
    for end in (Standing.APPROVED, Standing.DECLINED, Standing.EXPIRED):
        assert not EDGES[end]
    for state in OPEN:
        assert {Standing.APPROVED, Standing.DECLINED} <= EDGES[state]
    assert all(target in EDGES[Standing.WAITING] for target in LEADS_TO.values())


@pytest.mark.parametrize(
    ("text", "type", "fault"),
    [
        ("公司名称", "text", None),
        ("  padded  ", "text", None),
        ("", "text", Fault.MISSING),
        ("   ", "text", Fault.MISSING),
        ("x" * 501, "text", Fault.TOO_LONG),
        ("a\nb", "text", Fault.CONTROLS),
        ("a\nb", "textarea", None),
        ("a\x00b", "textarea", Fault.CONTROLS),
        ("a\u202eb", "text", Fault.CONTROLS),
        ("a\ufffdb", "text", Fault.CONTROLS),
        ("😀", "text", None),
        ("https://示例.中国/店铺?x=1", "url", None),
        ("https://shop.example.com:8443/", "url", None),
        ("shop.example.com", "url", Fault.NOT_A_URL),
        ("javascript:alert(1)", "url", Fault.NOT_A_URL),
        ("https://a b.example.com", "url", Fault.NOT_A_URL),
        ("https://user@example.com", "url", Fault.NOT_A_URL),
        ("12", "number", None),
        ("1,5", "number", None),
        ("twelve", "number", Fault.NOT_A_NUMBER),
        ("１２", "number", None),
    ],
)
def test_an_answer_is_refused_for_what_it_is(text: str, type: str, fault: Fault | None) -> None:
    assert check(text, type) is fault


def test_an_answer_that_is_not_needed_may_be_missing() -> None:
    assert check("", required=False) is None


def test_a_label_is_found_by_language_then_by_its_first_subtag() -> None:
    label = {"en": "Company", "zh": "公司"}
    assert [in_language(label, tag) for tag in ("en", "zh", "zh-CN", "de")] == ["Company", "公司", "公司", "Company"]
    assert in_language({}, "en") == ""
