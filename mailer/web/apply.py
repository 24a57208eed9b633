"""The application to join the club: choosing a kind, its questions, and the answer to a reviewer's question."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.flows.apply import Form
from mailer.mail import address as addresses
from mailer.model.application import Kind, Standing, check, in_language
from mailer.model.signup import Answer
from mailer.model.tokens import LENGTH, Purpose
from mailer.rendering.translation import choose
from mailer.web import proof
from mailer.web.forms import read_form
from mailer.web.parts import Parts, parts
from mailer.web.subscribe import HONEYPOT, address_fault, even_out, guard, name_fault, sent, wait


async def form(request: Request) -> Response:
    """GET /apply: the kinds of merchant; GET /apply?kind=KEY: the questions of one kind."""
    return _page(parts(request), request, request.query_params.get("kind", ""), request.query_params.get("from", ""))


async def linked(request: Request) -> Response:
    """GET /apply/TOKEN: from an issue's link the form, from a question's letter the page to answer it."""
    club = parts(request)
    delivery = club.token(request, Purpose.APPLY)
    if delivery is None:
        raise HTTPException(404)
    asked = await club.read(club.apply.question, delivery)
    if asked is None:
        return _page(club, request, request.query_params.get("kind", ""), request.path_params["token"])
    return _question(club, request, asked[0], asked[1], {}, {})


async def answer(request: Request) -> Response:
    """POST /apply/TOKEN: the answer to a reviewer's question."""
    club = parts(request)
    delivery = club.token(request, Purpose.APPLY)
    asked = None if delivery is None else await club.read(club.apply.question, delivery)
    if delivery is None or asked is None:
        raise HTTPException(404)
    application, question = asked
    values = await read_form(request)
    fault = check(values.get("answer", ""), "textarea")
    if fault:
        return _question(club, request, application, question, values, {"answer": fault})
    if not await club.write(club.apply.answer, delivery, values["answer"].strip()):
        return _question(club, request, {**application, "state": ""}, question, values, {}, status=409)
    return club.page(request, "answered", language=club.language(request, application["language"]))


async def apply(request: Request) -> Response:
    """POST /apply."""
    club = parts(request)
    started = asyncio.get_running_loop().time()
    values = await read_form(request)
    kind = club.kinds.get(values.get("kind", ""))
    if kind is None:
        return _page(club, request, "", values.get("from", ""), values, status=422)
    faults = _faults(values, kind)
    if faults:
        return _page(club, request, kind.key, values.get("from", ""), values, faults, status=422)
    language = choose(club.languages, values.get("language", ""), club.language(request))
    response = await guard(club, request, values, "apply", language, agreed=bool(values.get("newsletter")))
    if response is not None:
        return response
    if not values.get(HONEYPOT):
        result = await _keep(club, request, values, kind, language)
        if result in {Answer.BUSY, Answer.PROVE}:
            return await wait(club, request, values, "apply", result)
    await even_out(club, started)
    return sent(club, request, "check-inbox", values)


async def _keep(club: Parts, request: Request, values: dict[str, str], kind: Kind, language: str) -> Answer:
    filled = Form(
        addresses.parse(values["email"].strip()),
        values.get("name", "").strip(),
        kind.key,
        {question.key: values.get(f"q_{question.key}", "").strip() for question in kind.questions},
        club.wording(language) if values.get("newsletter") else "",
    )
    visit = club.visit(request, language, await _source(club, values.get("from", "")))
    solved = proof.solved(club, values.get("proof", ""))
    return await club.write(club.apply.apply, filled, club.visit(request, language, visit.source, solved))


async def _source(club: Parts, token: str) -> str:
    """The issue whose link brought the applicant, or the page."""
    delivery = club.keyring.read(token, Purpose.APPLY) if len(token) == LENGTH else None
    slug = "" if delivery is None else await club.read(club.apply.source_of, delivery)
    return slug or "apply"


def _faults(values: dict[str, str], kind: Kind) -> dict[str, str]:
    faults = address_fault(values) | name_fault(values, required=True)
    for question in kind.questions:
        fault = check(values.get(f"q_{question.key}", ""), question.type, required=question.required)
        if fault:
            faults[f"q_{question.key}"] = fault
    if not values.get("agree"):
        faults["agree"] = "missing"
    return faults


def _page(
    club: Parts,
    request: Request,
    kind_key: str,
    source: str,
    values: dict[str, str] | None = None,
    faults: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    values = values or {}
    language = club.language(request)
    kind = club.kinds.get(kind_key)
    shared: dict[str, Any] = {"language": language, "status": status, "source": source[:LENGTH]}
    if kind is None:
        kinds = [(key, in_language(one.label, language)) for key, one in club.kinds.items()]
        return club.page(request, "apply", kinds=kinds, unsent=bool(values), **shared)
    return club.page(
        request,
        "apply-form",
        kind=kind.key,
        kind_label=in_language(kind.label, language),
        questions=[
            {
                "name": f"q_{question.key}",
                "label": in_language(question.label, language),
                "type": question.type,
                "required": question.required,
                "evidence": question.evidence,
            }
            for question in kind.questions
        ],
        values=values,
        faults=faults or {},
        stamp=values.get("stamp") or club.stamp(language),
        honeypot=HONEYPOT,
        wording=club.wording(language),
        **shared,
    )


def _question(
    club: Parts,
    request: Request,
    application: Mapping[str, Any],
    question: str,
    values: dict[str, str],
    faults: dict[str, str],
    status: int = 200,
) -> Response:
    return club.page(
        request,
        "answer",
        language=club.language(request, application["language"]),
        status=422 if faults else status,
        question=question,
        open=application["state"] == Standing.ASKED,
        values=values,
        faults=faults,
    )
