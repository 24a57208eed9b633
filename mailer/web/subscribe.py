"""The signup form, the form for other sites, and the page for a lost link."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from mailer.errors import AddressError
from mailer.mail import address as addresses
from mailer.model.application import Fault, check
from mailer.model.signup import Answer
from mailer.model.subscriber import fault_in_text
from mailer.rendering.translation import choose
from mailer.web import proof
from mailer.web.forms import read_form
from mailer.web.parts import Parts, parts
from mailer.web.security import SCRIPT_POLICY

HONEYPOT = "website"

log = logging.getLogger(__name__)


async def form(request: Request) -> Response:
    """GET /subscribe."""
    return _form(parts(request), request, {}, {})


async def snippet(request: Request) -> Response:
    """GET /embed: the form to copy into another site."""
    club = parts(request)
    language = club.language(request)
    return club.page(request, "embed", wording=club.wording(language))


async def subscribe(request: Request) -> Response:
    """POST /subscribe, from our page or from a form on another site."""
    club = parts(request)
    started = asyncio.get_running_loop().time()
    values = await read_form(request)
    language = choose(club.languages, values.get("language", ""), club.language(request))
    faults = _faults(values)
    if faults:
        return _form(club, request, values, faults)
    response = await guard(club, request, values, "subscribe", language, agreed=True)
    if response is not None:
        return response
    if not values.get(HONEYPOT):
        visit = club.visit(request, language, "subscribe", proof.solved(club, values.get("proof", "")))
        address = addresses.parse(values["email"].strip())
        answer = await club.write(
            club.join.subscribe, address, values.get("name", "").strip(), club.wording(language), visit
        )
        if answer in {Answer.BUSY, Answer.PROVE}:
            return await wait(club, request, values, "subscribe", answer)
    await even_out(club, started)
    return sent(club, request, "check-inbox", values)


async def lost_form(request: Request) -> Response:
    """GET /lost-link."""
    club = parts(request)
    return club.page(request, "lost-link", values={}, faults={}, stamp=club.stamp(), honeypot=HONEYPOT)


async def lost(request: Request) -> Response:
    """POST /lost-link."""
    club = parts(request)
    started = asyncio.get_running_loop().time()
    values = await read_form(request)
    faults = {key: fault for key, fault in _faults(values).items() if key == "email"}
    if faults:
        return club.page(
            request, "lost-link", status=422, values=values, faults=faults, stamp=club.stamp(), honeypot=HONEYPOT
        )
    response = await guard(club, request, values, "lost-link")
    if response is not None:
        return response
    if not values.get(HONEYPOT):
        language = choose(club.languages, values.get("language", ""), club.language(request))
        visit = club.visit(request, language, "lost-link", proof.solved(club, values.get("proof", "")))
        answer = await club.write(club.lost.send, addresses.parse(values["email"].strip()), visit)
        if answer in {Answer.BUSY, Answer.PROVE}:
            return await wait(club, request, values, "lost-link", answer)
    await even_out(club, started)
    return sent(club, request, "lost-link-sent", values)


async def guard(
    club: Parts, request: Request, values: dict[str, str], action: str, language: str = "", *, agreed: bool = False
) -> Response | None:
    """The page with one more button, for a form without our signed time or sent faster than a person can.

    A form that showed another wording than the one that will be on record has no signed time either: where it says
    that somebody `agreed`, the page shows him what to.
    """
    age = club.age(values.get("stamp", ""), language)
    if age is not None and age >= timedelta(seconds=club.settings.join.min_fill_seconds):
        return None
    values = values | {"stamp": values["stamp"] if age is not None else club.stamp(language)}
    wording = club.wording(language) if agreed else ""
    return club.page(request, "one-more", values=values, action=action, challenge=None, wording=wording)


async def wait(club: Parts, request: Request, values: dict[str, str], action: str, answer: Answer) -> Response:
    """What a visitor sees whose client has had enough (429), or who is to prove some work first."""
    if answer is Answer.BUSY:
        return club.page(request, "busy", status=429, headers={"Retry-After": "3600"})
    log.warning("more signups than [join] total_hour: forms ask for a proof of work")
    return club.page(
        request,
        "one-more",
        headers={"Content-Security-Policy": SCRIPT_POLICY},
        values={key: value for key, value in values.items() if key != "proof"},
        action=action,
        challenge=proof.challenge(club, await club.read(club.join.heat)),
    )


def sent(club: Parts, request: Request, page: str, values: dict[str, str]) -> Response:
    """The page after a form that a letter follows, or would follow were the address another's."""
    return club.page(request, page, email=values["email"].strip(), a_day=club.settings.join.per_address_day)


async def even_out(club: Parts, started: float) -> None:
    """Wait until the answer has taken as long as every answer takes, whoever the address belongs to."""
    left = club.answer_after.total_seconds() - (asyncio.get_running_loop().time() - started)
    await asyncio.sleep(max(0.0, left))


def _form(club: Parts, request: Request, values: dict[str, str], faults: dict[str, str]) -> Response:
    language = club.language(request)
    return club.page(
        request,
        "subscribe",
        status=422 if faults else 200,
        language=language,
        values=values,
        faults=faults,
        stamp=values.get("stamp") or club.stamp(language),
        honeypot=HONEYPOT,
        wording=club.wording(language),
    )


def _faults(values: dict[str, str]) -> dict[str, str]:
    faults = address_fault(values)
    faults |= name_fault(values, required=False)
    if not values.get("agree"):
        faults["agree"] = "missing"
    return faults


def name_fault(values: dict[str, str], *, required: bool) -> dict[str, str]:
    """What is wrong with the field name, as a dictionary to add to."""
    name = values.get("name", "")
    fault = check(name, required=required)
    if fault is None and len(name) > 100:
        fault = Fault.TOO_LONG
    if fault is None and fault_in_text(name.strip()):  # an exported list with such a name could not be imported
        fault = Fault.CONTROLS
    return {} if fault is None else {"name": fault}


def address_fault(values: dict[str, str]) -> dict[str, str]:
    """What is wrong with the field email, as a dictionary to add to."""
    email = values.get("email", "").strip()
    if not email:
        return {"email": "missing"}
    try:
        addresses.parse(email)
    except AddressError:
        return {"email": "not-an-address"}
    return {}
