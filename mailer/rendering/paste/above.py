"""Addresses alone above their headlines, put below them, as everywhere else."""

from __future__ import annotations

from mailer.rendering.paste import dates, sources
from mailer.rendering.paste.line import Line, blocks_of
from mailer.rendering.paste.report import Report

LEAST = 3  # items


def put_below(lines: list[Line], report: Report) -> list[Line]:
    """The lines with the address that begins each block at its end; where one stands elsewhere nothing is changed."""
    blocks = [block for block in blocks_of(lines) if any(sources.is_address(lines[i].text) for i in block)]
    if (
        blocks and len(blocks[0]) > 1 and dates.find(lines[blocks[0][0]].text, dates.SOME_DAY)
    ):  # the digest's head stands above the first
        blocks[0] = blocks[0][1:]
    firsts = [block for block in blocks if sources.is_address(lines[block[0]].text)]
    again = any(sources.is_address(lines[i].text) for block in firsts for i in block[1:])
    if len(firsts) < LEAST or len(firsts) < len(blocks) or again or any(len(block) < 2 for block in firsts):
        return lines
    what = "%(count)s addresses above their headlines put below them"
    report.add(lines[firsts[0][0]].number, "guess", what, count=len(firsts))
    moved = list(lines)
    for first, *rest in firsts:
        moved[first : rest[-1] + 1] = [*(lines[i] for i in rest), lines[first]]
    return moved
