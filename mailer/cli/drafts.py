"""From an issue's file to what publishing needs: checked, rendered in every language, with audience and times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from mailer.cli.output import talk, tongue
from mailer.cli.references import read_text
from mailer.cli.segments import warn_of_unknown
from mailer.errors import PublishError, RestoredError, UsageError
from mailer.flows import control, segments
from mailer.flows import publish as flow
from mailer.model.language_tag import same
from mailer.rendering import merge_tags, source
from mailer.rendering.finding import counted_errors
from mailer.sentence import Sentence, clauses
from mailer.store import issues
from mailer.store.highwater import FILES, HighWater
from mailer.store.issues import NewEdition, NewIssue

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlalchemy import ColumnElement

    from mailer.flows.publish import Published
    from mailer.model.issue import Issue
    from mailer.wiring import Club


@dataclass(frozen=True, slots=True)
class Draft:
    """An issue ready to be frozen; `issue` is the one named, `editions` one a language, `sender` as in From."""

    issue: Issue
    issues: Sequence[Issue]
    editions: Sequence[NewEdition]
    sender: str


def prepare(club: Club, reference: str, now: datetime, *, corrected: bool = False) -> Draft:
    """Read, check and render an issue and its sister editions; `corrected`: the archive says so.

    Raises SourceError, TemplateError, PublishError.
    """
    texts = [read_text(club, reference)]
    texts += [read_text(club, str(path)) for path in source.sisters(Path(texts[0][1]))]
    issues = _refuse_errors(club, texts)
    today = now.astimezone(club.settings.newsletter.zone).date()
    made = [club.render(issue, now, corrected_on=today if corrected else None) for issue in issues]
    editions = []
    for rendered, (text, name) in zip(made, texts, strict=True):
        program = rendered.program.to_bytes()
        editions.append(
            NewEdition(
                language=rendered.lang,
                file=Path(name).name,
                source=text,
                subject=rendered.subject,
                html=rendered.archive_html,
                text=rendered.text,
                program=program,
                digest=sha256(program).hexdigest(),
                key_id=club.keyring.current,
                images=rendered.images,
            )
        )
    _refuse_unlawful(club)
    return Draft(issues[0], issues, editions, f"{made[0].sender} <{club.sender_address}>")


def _refuse_errors(club: Club, texts: Sequence[tuple[str, str]]) -> list[Issue]:
    """The issues in (text, file name) pairs; where one has errors, all are shown and none is published."""
    issues: list[Issue] = []
    faulty: dict[str, int] = {}
    for text, name in texts:
        examined = club.examine(text, name)
        for finding in examined.errors:
            told = finding.told(tongue())
            talk(f"{name}:{finding.line}: {told}" if finding.line else f"{name}: {told}")
        if examined.errors or examined.issue is None:
            faulty[name] = len(examined.errors)
        else:
            issues.append(examined.issue)
    if faulty:
        what = Sentence("%(errors)s; 'mailer check' shows warnings too", errors=counted_errors(sum(faulty.values())))
        raise PublishError(what, where=", ".join(faulty))
    return issues


def _refuse_unlawful(club: Club) -> None:
    missing = club.missing_by_law()
    if missing:
        what = "[legal] profile %(profile)s demands: %(missing)s"
        raise PublishError(Sentence(what, profile=club.settings.legal.profile, missing=clauses(missing)))


def audience(club: Club, include: str | None, exclude: str | None, now: datetime) -> ColumnElement[bool] | None:
    """The condition for who gets the issue, from segment names or expressions. Raises UsageError."""
    condition = None if include is None else club.segment(include, now)  # "" is a mistake, and not everybody
    for segment in (include, exclude):
        if segment is not None:
            warn_of_unknown(club, segment)
    if exclude is not None:
        unwanted = ~club.segment(exclude, now)
        condition = unwanted if condition is None else condition & unwanted
    return condition


def times(club: Club, at_text: str | None, deadline: str | None, now: datetime) -> tuple[datetime, datetime | None]:
    """When to start and when to stop. Raises UsageError."""
    send_at = now if at_text is None else _moment(club, at_text, now)
    if at_text is not None and send_at < now - timedelta(minutes=1):
        raise UsageError(Sentence("--at %(time)s is past", time=at_text))
    if deadline is not None:
        stop_at = _moment(club, deadline, send_at)
        if stop_at.astimezone(UTC) <= send_at.astimezone(UTC):  # by one clock, also where it is set back between them
            raise UsageError(Sentence("--deadline %(time)s is before the send starts", time=deadline))
        return send_at, stop_at
    if at_text is None:
        return send_at, None
    local = send_at.astimezone(club.settings.newsletter.zone)
    return send_at, datetime.combine(local.date() + timedelta(days=1), time(), local.tzinfo)


def without_edition(
    club: Club, languages: Sequence[str], segment: ColumnElement[bool] | None, now: datetime
) -> dict[str, int]:
    """How many readers read one of the club's languages in which there is no edition, by that language."""
    newsletter = club.settings.newsletter
    missing = [tag for tag in newsletter.languages if not any(same(tag, language) for language in languages)]
    if not missing:
        return {}
    readers = flow.spread(club.db, [*languages, *missing], newsletter.language, segment, now)
    return {tag: readers[tag] for tag in missing if readers[tag]}


def tell_doubts(club: Club, draft: Draft, send_at: datetime) -> None:
    """Say what looks like a slip in the number or the date; whether it is one only the editor knows."""
    sent_on = send_at.astimezone(club.settings.newsletter.zone).date()
    for doubt in flow.doubts(club.db, draft.issue.number, draft.issue.date, sent_on):
        talk(Sentence("note: %(what)s", what=doubt))
    if asked := _attributes(draft):
        for name in sorted(asked - set(segments.attribute_names(club.db))):
            talk(Sentence("note: no reader has an attribute '%(name)s'; all see what stands for it", name=name))


def _attributes(draft: Draft) -> set[str]:
    """The readers' attributes that are filled in somewhere."""
    tags = [tag for edition in draft.editions for tag in merge_tags.scan(edition.source)]
    fields = [tag.field for tag in tags if isinstance(tag, merge_tags.MergeTag)]
    return {field.removeprefix(merge_tags.ATTRIBUTE) for field in fields if field.startswith(merge_tags.ATTRIBUTE)}


def _moment(club: Club, text: str, now: datetime) -> datetime:
    zone = club.settings.newsletter.zone
    try:
        if len(text) <= 5:
            moment = datetime.combine(now.astimezone(zone).date(), time.fromisoformat(text.zfill(5)), zone)
            return _there_is(moment if moment >= now - timedelta(minutes=1) else moment + timedelta(days=1), zone)
        moment = datetime.fromisoformat(text)
    except ValueError:
        what = "'%(text)s' is not a time; write 08:00 or 2026-05-22 08:00"
        raise UsageError(Sentence(what, text=text)) from None
    return _there_is(moment if moment.tzinfo else moment.replace(tzinfo=zone), zone)


def _there_is(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment as the zone's clocks show it: in the hour that they skip in spring they show a later one."""
    return moment.astimezone(UTC).astimezone(zone)


def freeze(
    club: Club,
    draft: Draft,
    segment: ColumnElement[bool] | None,
    wanted: str,
    send_at: datetime,
    deadline: datetime | None,
    actor: str,
    now: datetime,
) -> Published:
    """Publish a draft. Raises PublishError."""
    issue = draft.issue
    slug, mark = issues.slug_of(issue.date, issue.number), HighWater(club.journal_folder)
    if control.is_behind(club.db, mark.claim):
        raise RestoredError
    if slug in mark.issues and not control.knows(club.db, slug, mark.rows[slug]):
        what = (
            "issue %(issue)s was sent from here, and the database does not know it: a backup was restored. If you are"
            " sure that nobody got it, take %(slug)s out of %(file)s"
        )
        raise PublishError(Sentence(what, issue=issue.identity, slug=slug, file=club.journal_folder / FILES))
    if places := control.lost_elsewhere(club.db, slug, club.place):
        what = (
            "issue %(issue)s was sent from %(place)s, and the database does not know it: a backup was restored. If you"
            " are sure that nobody got it, take %(slug)s out of %(files)s there, and publish it there"
        )
        raise PublishError(Sentence(what, issue=issue.identity, place=places[0], slug=slug, files=FILES))
    new = NewIssue(
        newsletter=club.settings.newsletter.name,
        identity=issue.identity,
        number=issue.number,
        date=issue.date,
        title=issue.digest_title,
        policy=club.settings.sending.uncertain,
        audience=wanted,
        send_at=send_at,
        deadline=deadline,
    )
    return flow.publish(club.db, new, draft.editions, club.settings.newsletter.language, segment, actor, now)


def post_test(club: Club, draft: Draft, address: str, now: datetime) -> list[int]:
    """Put a copy of each edition, its Subject marked [TEST], into the outbox for one address; their deliveries' ids."""
    from mailer.mail.address import parse

    recipient = parse(address)
    facts = replace(club.facts, label_prefix=f"[TEST] {club.facts.label_prefix}".strip())
    return [
        flow.post_test(club.db, club.keyring, club.render(issue, now, facts), recipient.address, now)
        for issue in draft.issues
    ]
