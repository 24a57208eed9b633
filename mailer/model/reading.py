"""What a returned mail says: one kind, and a result for each recipient it names.

The order of the tests matters: a complaint before a delivery report, a report before an auto-reply (Postfix marks
its bounces as auto-replied), free text only from what looks like a mail system.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mailer.mail import arf, autoreply, dsn, mime, returned, ses
from mailer.mail.mime import Headers, Mail
from mailer.model.bounce import FAMILY, Diagnosis, Family, Kind, kind_of
from mailer.model.delivery import Phase
from mailer.model.diagnosis import classify, names_nobody, phase_of
from mailer.model.notice import ANSWER, about, addresses, knows, lists_somebody, named_in, of_something_else
from mailer.model.notice_words import DELAYED, FAILED, GIVEN_UP, TITLES, Expression, pattern
from mailer.model.rules.amazon import SES_EVENTS, SES_NO_COMPLAINT, SES_SUBTYPES

MAX_NOTICE = 12000
COMPLAINT_REPORT = "complaint report"
_STATUS_REPORT = "delivery status (RFC 3464)"
_STATUS_PARTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_WORDS = "a notice in words"
_NOTHING = "nothing that concerns a delivery"


@dataclass(frozen=True, slots=True)
class Result:
    """What a report says of one recipient; `text` is the diagnosis in the server's words."""

    recipient: str
    diagnosis: Diagnosis
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A returned mail as understood. `opt_out` is a reader's wish to get no more; `cut` a mail beyond our bounds."""

    kind: Kind
    reason: str
    results: tuple[Result, ...]
    form: str
    original: Headers
    opt_out: bool = False
    cut: bool = False
    by_person: bool = False  # somebody passed a report on, or asks about it

    @property
    def recipients(self) -> tuple[str, ...]:
        """The recipients named, each once."""
        return tuple(dict.fromkeys(result.recipient for result in self.results if result.recipient))

    @property
    def family(self) -> Family:
        """The family of the reason."""
        return FAMILY.get(self.reason, Family.UNCLEAR)


_DAEMON = re.compile(
    r"mailer-?daemon|post[-_]?master|mail(er)?[-. _]?(delivery|system|daemon|admin|router)"
    r"|delivery (sub)?system|mdaemon|mail ?sweeper"
    r"|daemon|<>|systemadmin|system administrator|majordomo|bounce|mail-?master|internet mail"
    r"|smtp ?gateway|mmdf|robot|root@|administrator"
    r"|mail server|postmeister|dotnet|no-?reply.*(aws|workmail|groups)|mailfoundry|mailmarshal|noreply"
    r"|no-reply|autoreply|complaint",
    re.I,
)
_NULL = re.compile(r"^\s*<\s*>|mailer-?daemon|post-?master", re.I)
_SUBJECT = pattern(
    r"(un|non|not |failed? |fail(ure)?[: ]|returned|bounce|status|error|problem|warning|delay|reject"
    r"|refus|permanent).{0,40}(deliver|mail|message|notif|send|sent|receipt)"
    r"|deliver.{0,40}(fail|status|error|problem|delay|report|incomplete|not|unsuccess|warning|attempt)"
    r"|mail.{0,20}(system error|failed|failure|status)"
    r"|returned (to sender|mail)|returning message|undeliver"
    r"|failure notice|nondeliverable"
    r"|could not be"
    r"|message status|user unknown|could ?n[o']t? ",
    TITLES,
)
_FAILED = Expression(
    r"(could|can|was|were|has|have|had|did|is)( ?not|n't)( yet)?( be| been)?( able)?.{0,30}(deliver"
    r"|sen[dt]|reach|relay|accept|complete|found|exist|receive|process|list|open|know|like)"
    r"|undeliver|fail(ed|ure|s)?\b|unable to|rejected|returned|refused|bounced|unknown|no such|invalid"
    r"|not exist|not.{0,10} member|error|problem|delay|disabled|full|quota|permanent|blocked|not found|expired"
    r"|[45]\d\d[ -]+#?[45]\.\d\.\d",  # in a language that nobody here reads
    FAILED,
)
_REJECTED = re.compile(r"(automatically|was) rejected|quota|not delivered|could not be delivered", re.I)
_WISHES = frozenset({"unsubscribe", "退订", "退訂", "取消订阅", "取消訂閱"})
_SYSTEM_FIELDS = frozenset({"x-failed-recipients", "x-mlserver"})  # Exim; fml
_UNFINISHED = re.compile(r"\s*\d{3}-")  # the first line of several: the rest stands in the notice
_ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})  # RFC 3464 2.3.3
_PERSONS = re.compile(
    r"\s*(re|fwd?|aw|wg|tr|sv|vs|rv|enc|antw|\u56de\u590d|\u7b54\u590d|\u8f6c\u53d1)\s*[:\uff1a]", re.I
)
_DELAYED = Expression(
    r"warning message only|this is a warning|not need to re-?send|no need to re-?send|has been delayed"
    r"|temporary failure report"
    r"|delivery.{0,30}delayed|not yet been delivered|will (be )?(retr|continue|keep)|still undelivered"
    r"|still being (tried|attempted)|will be retried"
    r"|could not be delivered for more than|has not been delivered (yet|after)|deliver\w* temporarily"
    r"|not (be |been )?delivered yet|will (go on )?try(ing)? (for|until|during)"
    r"|attempts will continue|not yet delivered|unable to deliver.{0,60}but|will try again"
    r"|delivery attempts",
    DELAYED,
)
_FINAL = Expression(
    r"permanent|giving up|not going to try again|will not (continue|be retried|retry|attempt)"
    r"|deleted from queue|no further|failed permanently|given up|removed from (the )?queue",
    GIVEN_UP,
)


def read_mail(raw: bytes) -> Reading:
    """Read a returned mail of any bytes; never raises, bounded in time and memory."""
    mail = mime.read(raw)
    reading, original = _read(mail)
    if reading.form in {_WORDS, _NOTHING} and _is_system(mail) and "delivery-status" in original[:4000].lower():
        inner, _ = _read(mime.read(original.encode("utf-8", "replace")))  # a report that a gateway wrapped once more
        reading = inner if inner.form == _STATUS_REPORT else reading
    if reading.form in {_WORDS, _NOTHING} and _is_system(mail) and "final-recipient" in original.lower():
        reading = _status_report(mail, original, reading.original) or reading  # quoted by who forwarded it
    if mail.unfinished and reading.kind is Kind.HARD and not (reading.form == _STATUS_REPORT and _is_whole(mail)):
        reading = _doubted(reading, said=reading.form == _STATUS_REPORT or mail.type != "multipart/report")
    return replace(reading, cut=mail.cut, by_person=_is_persons(mail))


def _is_whole(mail: Mail) -> bool:
    """Whether a mail broke off behind its report: another part follows, or the empty line after the last recipient."""
    for place, part in enumerate(mail.parts, 1):
        _, named, rest = part.text.lower().rpartition("final-recipient")
        if named:
            return place < len(mail.parts) or "\n\n" in rest
    return False


def _doubted(reading: Reading, *, said: bool) -> Reading:
    """What came without its end condemns nobody, unless a status does that was `said` before it broke off."""
    results = tuple(
        replace(result, diagnosis=replace(result.diagnosis, kind=Kind.SOFT, rule=f"{result.diagnosis.rule}; cut short"))
        if result.diagnosis.kind is Kind.HARD and not (said and names_nobody(result.diagnosis.status))
        else result
        for result in reading.results
    )
    return _summed(results, reading.form, reading.original)


def _read(mail: Mail) -> tuple[Reading, str]:
    notice, original = returned.find(mail)
    headers = returned.original_headers(original) if original else {}
    reading = _complaint(mail, headers) or _notification(notice) or _status_report(mail, notice, headers)
    if reading is None and _is_receipt(mail) and not _REJECTED.search(notice):
        reading = Reading(Kind.NONE, "", (), "receipt (RFC 8098)", headers)
    return reading or _from_text(mail, notice[:MAX_NOTICE], headers), original


def _is_system(mail: Mail) -> bool:
    """Whether a mail comes from a mail system, by its sender, a header only such write, or its subject."""
    return (
        _is_daemon(mail)
        or bool(mail.headers.keys() & _SYSTEM_FIELDS)
        or bool(_SUBJECT.search(mail.header("subject")[:300]))
    )


def _is_persons(mail: Mail) -> bool:
    """Whether a mail that only its subject makes look like a bounce is an answer, a forward, or a list's about them."""
    subject = mail.header("subject")[:300].strip()
    prefix = _PERSONS.match(subject)
    answers = bool(mail.headers.keys() & {"in-reply-to", "references"})
    if _is_daemon(mail) or mail.headers.keys() & _SYSTEM_FIELDS:
        return bool(prefix) and answers and _is_written(mail)
    said = _SUBJECT.search(subject, prefix.end() if prefix else 0)
    begins = said is not None and said.start() - (prefix.end() if prefix else 0) <= 1
    if prefix:
        return begins or answers
    return "list-id" in mail.headers and not begins


def _is_written(mail: Mail) -> bool:
    """Whether what a postmaster's address answered was written by a person: no system says so, no server is quoted."""
    null = mail.headers.get("return-path", ("",))[0].strip() == "<>"
    marked = mail.headers.keys() & {"auto-submitted", "x-failed-recipients", "x-loop"}
    return not (null or marked or any(ANSWER.search(part.text[:MAX_NOTICE]) for part in mail.parts))


def _is_daemon(mail: Mail) -> bool:
    """Whether a mail's author is a mail system; a return path says so when it is empty or a daemon's."""
    return bool(
        _DAEMON.search(mail.header("from")[:400]) or _NULL.search(mail.headers.get("return-path", ("",))[0][:400])
    )


def _notification(notice: str) -> Reading | None:
    """Amazon SES in JSON, by mail or through SNS."""
    found = ses.read(notice)
    if found is None:
        return None
    form = "notification (Amazon SES)"
    results = tuple(_told(found, each) for each in found.recipients)
    return _summed(results, form, found.headers) if results else Reading(Kind.NONE, "", (), form, found.headers)


def _told(found: ses.Notification, each: ses.Recipient) -> Result:
    """What Amazon says of one recipient: the receiving server's words before Amazon's own for it."""
    if found.type not in {"bounce", "deliverydelay"}:
        kind, reason = SES_EVENTS.get(found.type, (Kind.NONE, ""))
        if found.type == "complaint" and any(word in SES_NO_COMPLAINT for word in found.subtypes):
            kind = Kind.NONE
        rule = ", ".join((f"notificationType: {found.type}", *found.subtypes))
        return Result(each.address, Diagnosis(kind, reason, "", rule), each.diagnostic)
    action = "delayed" if found.type == "deliverydelay" else each.action
    result = _result(dsn.RecipientStatus((each.address,), action, each.status, each.diagnostic), "", 1)
    own = next((word for word in found.subtypes if word in SES_SUBTYPES), "")
    if own and not result.diagnosis.by_words and result.diagnosis.kind is not Kind.NONE:
        reason = SES_SUBTYPES[own]
        kind = kind_of(reason, delayed=action == "delayed")
        return replace(result, diagnosis=replace(result.diagnosis, kind=kind, reason=reason, rule=f"Amazon SES: {own}"))
    return result


def _complaint(mail: Mail, original: Headers) -> Reading | None:
    report = arf.find(mail, original)
    if report:
        recipients = report.recipients or addresses(original.get("to", ()))
        kind = Kind.COMPLAINT if report.complaint or report.opt_out else Kind.NONE
        diagnosis = Diagnosis(kind, "feedback", "", f"Feedback-Type: {report.type} ({report.source})")
        results = tuple(Result(recipient, diagnosis) for recipient in recipients)
        return Reading(kind, "feedback", results, COMPLAINT_REPORT, original, opt_out=report.opt_out)
    if "x-apple-unsubscribe" in mail.headers or mail.header("subject").strip().lower() in _WISHES:
        diagnosis = Diagnosis(Kind.COMPLAINT, "feedback", "", "a mail that asks to unsubscribe (RFC 2369 3.2)")
        results = tuple(Result(address, diagnosis) for address in addresses(mail.headers.get("from", ()))[:1])
        return Reading(Kind.COMPLAINT, "feedback", results, "unsubscribe by mail", original, opt_out=True)
    return None


def _is_receipt(mail: Mail) -> bool:
    return any(part.type == "message/disposition-notification" for part in mail.parts)


def _status_report(mail: Mail, notice: str, original: Headers) -> Reading | None:
    for part in mail.parts:
        if part.type in _STATUS_PARTS:
            statuses = dsn.read(part.text)
            break
    else:
        quoted = re.sub(r"(?m)^[> \t]+", "", notice) if "final-recipient" in notice.lower() else ""
        statuses = dsn.read(quoted) if "action" in quoted.lower() else []
    statuses = [status for status in statuses if status.action in _ACTIONS or status.status or status.diagnostic]
    if not statuses:
        return None
    results = [_result(status, notice, len(statuses), mail) for status in statuses]
    named = [result for result in results if result.recipient]
    if not named:
        fallback = named_in(mail, notice, original) or list(addresses(original.get("to", ())))
        named = [Result(address, results[0].diagnosis, results[0].text) for address in fallback[:20]]
    return _summed(tuple(named or results), _STATUS_REPORT, original)


def _result(status: dsn.RecipientStatus, notice: str, count: int, mail: Mail | None = None) -> Result:
    recipient = status.recipients[0] if status.recipients else ""
    delayed = status.action == "delayed"
    if status.action in {"delivered", "relayed", "expanded", "deliverable"} or status.status.startswith("2."):
        diagnosis = Diagnosis(Kind.NONE, "delivered", status.status, f"Action: {status.action}")
        return Result(recipient, diagnosis, status.diagnostic)
    said = status.diagnostic
    words = about(notice, recipient, count)
    own = bool(mail and recipient and not status.diagnostic and knows(mail, recipient, words))
    diagnosis = _diagnose(status, words, Phase.RCPT if own else None)
    if mail and mail.unfinished and not status.status and not _is_whole(mail) and diagnosis.kind is Kind.HARD:
        diagnosis = replace(diagnosis, kind=Kind.SOFT, rule=f"{diagnosis.rule}; cut short")  # in what the server said
    if delayed:
        diagnosis = replace(diagnosis, kind=Kind.DELAY)
    return Result(recipient, replace(diagnosis, status=status.status or diagnosis.status), said or words[:500])


def _diagnose(told: dsn.RecipientStatus, words: str, step: Phase | None) -> Diagnosis:
    """The server's own words first, the notice's where those say nothing; the step may stand in either."""
    said, status = told.diagnostic, told.status
    step = phase_of(said) or phase_of(words) or step
    if _UNFINISHED.match(said):
        said = f"{said} {words}"
    diagnosis = classify(said, status=status, phase=step, whole=bool(status) if told.remote else None)
    if diagnosis.kind is Kind.HARD:
        full = classify(words)
        if full.family is Family.MAILBOX_FULL and full.by_words:
            return replace(full, rule=f"{full.rule}, in the notice; against {diagnosis.rule}")  # there is a mailbox
    if diagnosis.by_words or not words:
        return diagnosis
    other = classify(words, status=status, phase=step)
    if other.by_words:
        return replace(other, rule=f"{other.rule}, in the notice")
    return diagnosis if diagnosis.reason != "undefined" else other


def _from_text(mail: Mail, notice: str, original: Headers) -> Reading:
    headers = mail.headers
    subject = mail.header("subject")
    system = _is_system(mail) and not _is_persons(mail)
    if system and not (_is_daemon(mail) or headers.keys() & _SYSTEM_FIELDS):  # its title alone says so
        system = bool(original) or bool(ANSWER.search(notice)) or lists_somebody(mail, notice)
    failed = _FAILED.stands_in(notice) or bool(_SUBJECT.search(subject[:300]))
    candidates = named_in(mail, notice, original) if system and failed else []
    if not candidates and system and failed:
        candidates = list(addresses(original.get("to", ())))[:5]
    if autoreply.is_automatic(mail, notice) and not (candidates and _is_notice(mail, notice, original)):
        return Reading(Kind.AUTO_REPLY, "vacation", (), "auto-reply (RFC 3834)", original)
    if not candidates:
        return Reading(Kind.NONE, "", (), _NOTHING, original)
    delayed = _DELAYED.stands_in(notice) and not _FINAL.stands_in(notice)
    results = []
    general: Diagnosis | None = None
    for address in candidates:
        words = about(notice, address, len(candidates))
        diagnosis = _verdict(mail, address, words)
        if diagnosis.reason == "undefined":
            general = general or _general(subject, notice if len(candidates) > 1 else words)
            diagnosis = general
        results.append(
            Result(address, replace(diagnosis, kind=Kind.DELAY) if delayed else diagnosis, words[:500].strip())
        )
    return _summed(tuple(results), _WORDS, original)


def _general(subject: str, notice: str) -> Diagnosis:
    """What a whole notice, or else its title, says of recipients of whom nothing is said one by one."""
    diagnosis = classify(notice)
    if diagnosis.reason == "undefined":
        titled = classify(subject)
        diagnosis = titled if titled.reason != "systemerror" else diagnosis
    return diagnosis


def _verdict(mail: Mail, address: str, words: str) -> Diagnosis:
    """What the words about an address mean: "not found" is a dead address only where nothing else is meant."""
    step = phase_of(words)
    diagnosis = classify(words, phase=step)
    if step is None and diagnosis.reason == "filtered" and knows(mail, address, words):
        step = Phase.RCPT
        diagnosis = classify(words, phase=step)
    if diagnosis.kind is Kind.HARD:
        elsewhere, others = of_something_else(words)
        if elsewhere and not any(classify(each, phase=step).kind is Kind.HARD for each in others):
            return replace(diagnosis, kind=Kind.SOFT, reason="filtered", rule=f"{diagnosis.rule}; of something else")
    return diagnosis


def _is_notice(mail: Mail, notice: str, original: Headers) -> bool:
    """Whether a mail marked as automatic is a mail system's notice after all."""
    if original or "x-failed-recipients" in mail.headers:
        return True
    return bool(_is_daemon(mail) and _SUBJECT.search(mail.header("subject")))


_RANK = {Kind.COMPLAINT: 5, Kind.HARD: 4, Kind.SOFT: 3, Kind.DELAY: 2, Kind.AUTO_REPLY: 1, Kind.NONE: 0}


def _summed(results: tuple[Result, ...], form: str, original: Headers) -> Reading:
    """One word for the whole mail: the gravest result speaks."""
    worst = max(results, key=lambda result: _RANK[result.diagnosis.kind])
    return Reading(worst.diagnosis.kind, worst.diagnosis.reason, results, form, original)
