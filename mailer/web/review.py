"""The page a reviewers' notification links to: one application, its history, and the decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.flows.apply import Case
from mailer.model.application import LEADS_TO, Decision, Fault, check, foreign_host, in_language
from mailer.model.tokens import Purpose
from mailer.rendering.translation import own_name
from mailer.web.forms import read_form
from mailer.web.parts import Parts, kind_label, parts

SHOWN = ("id", "name", "address", "state", "wants_newsletter", "language")


async def show(request: Request) -> Response:
    """GET /review/TOKEN."""
    club = parts(request)
    return _page(club, request, await _case(club, request))


async def decide(request: Request) -> Response:
    """POST /review/TOKEN: approve, decline or ask; who decides is whom the link was mailed to."""
    club = parts(request)
    case = await _case(club, request)
    values = await read_form(request)
    try:
        decision = Decision(values.get("decision", ""))
    except ValueError:
        return _page(club, request, case, values, {"decision": "missing"}, 422)
    fault = check(values.get("note", ""), "textarea", required=decision is Decision.ASK)
    if fault:
        said = "no-question" if fault is Fault.MISSING else fault
        return _page(club, request, case, values, {"note": said}, 422)
    number = case.application["id"]
    done = await club.write(club.apply.decide, number, decision, case.reviewer, values.get("note", ""))
    fresh = await _case(club, request)
    if not done:
        standing = "asked" if fresh.decidable else "decided"
        return _page(club, request, fresh, values, {"decision": standing}, 409)
    return _page(club, request, fresh, decided=LEADS_TO[decision])


async def _case(club: Parts, request: Request) -> Case:
    delivery = club.token(request, Purpose.REVIEW)
    case = None if delivery is None else await club.read(club.apply.case_of, delivery)
    if case is None:
        raise HTTPException(404)
    return case


def _page(
    club: Parts,
    request: Request,
    case: Case,
    values: dict[str, str] | None = None,
    faults: dict[str, str] | None = None,
    status: int = 200,
    *,
    decided: str = "",
) -> Response:
    language = club.language(request)
    application = case.application
    kind = club.kinds.get(application["kind"])
    asked = {question.key: question for question in kind.questions} if kind else {}
    order = {key: place for place, key in enumerate(asked)}  # as on the form; what the settings no longer ask, last
    answers = [
        {
            "label": in_language(asked[key].label, language) if key in asked else key,
            "text": str(text),
            "link": str(text) if key in asked and asked[key].type == "url" and text else "",
            "host": foreign_host(str(text)) if key in asked and asked[key].type == "url" else "",
            "evidence": key in asked and asked[key].evidence,
        }
        for key, text in sorted(application["answers"].items(), key=lambda pair: order.get(pair[0], len(order)))
    ]
    zone = club.settings.newsletter.zone
    moment = "%Y-%m-%d %H:%M"

    def told(steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [dict(row) | {"at": row["at"].astimezone(zone).strftime(moment)} for row in steps]

    return club.page(
        request,
        "review",
        language=language,
        status=status,
        application={key: application[key] for key in SHOWN},
        issue="" if application["source"] == "apply" else application["source"],
        reads=own_name(application["language"]),
        zone=str(zone),
        created=application["created_at"].astimezone(zone).strftime(moment),
        kind=kind_label(club.kinds, application["kind"], language),
        answers=answers,
        history=told(case.history),
        earlier=[
            {
                "id": row["id"],
                "state": row["state"],
                "kind": kind_label(club.kinds, row["kind"], language),
                "at": row["created_at"].astimezone(zone).strftime(moment),
                "history": told(row["history"]),
            }
            for row in case.earlier
        ],
        decidable=case.decidable,
        reviewer=case.reviewer,
        decided=decided,
        values=values or {},
        faults=faults or {},
    )
