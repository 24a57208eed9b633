"""What a returned mail says: one kind, and a result for each recipient it names.

The order of the tests matters: a complaint before a delivery report, a report before an auto-reply (Postfix marks
its bounces as auto-replied), free text only from what looks like a mail system.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mailer.mail import arf, autoreply, dsn, mime, returned
from mailer.mail.mime import Headers, Mail
from mailer.model.bounce import FAMILY, Diagnosis, Family, Kind
from mailer.model.diagnosis import classify

MAX_NOTICE = 12000


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

    @property
    def recipients(self) -> tuple[str, ...]:
        """The recipients named, each once."""
        return tuple(dict.fromkeys(result.recipient for result in self.results if result.recipient))

    @property
    def family(self) -> Family:
        """The family of the reason."""
        return FAMILY.get(self.reason, Family.UNCLEAR)


_DAEMON = re.compile(
    r"mailer-?daemon|postmaster|mail(er)?[-. _]?(delivery|system|daemon|admin|router)|delivery (sub)?system|mdaemon|mail ?sweeper"
    r"|daemon|<>|systemadmin|system administrator|majordomo|bounce|mail-?master|internet mail|smtp ?gateway|mmdf|robot|root@|administrator"
    r"|mail server|postmeister|dotnet|no-?reply.*(aws|workmail|groups)|mailfoundry|mailmarshal|noreply|no-reply|autoreply|complaint",
    re.I,
)
_SUBJECT = re.compile(
    r"(un|non|not |failed? |fail(ure)?[: ]|returned|bounce|status|error|problem|warning|delay|reject|refus|permanent).{0,40}(deliver|mail|message|notif|send|sent|receipt)"
    r"|deliver.{0,40}(fail|status|error|problem|delay|report|incomplete|not|unsuccess|warning|attempt)|mail.{0,20}(system error|failed|failure|status)"
    r"|returned (to sender|mail)|returning message|undeliver|unzustellbar|non remis|non remise|не доставлен|недостав|失败|退信|系统退信|配信不能|配送できません|エラー|failure notice|nondeliverable|could not be|message status|user unknown|could ?n[o']t? ",
    re.I,
)
_FAILED = re.compile(
    r"(could|can|was|were|has|have|had|did|is)( ?not|n't)( yet)?( be| been)?( able)?.{0,30}(deliver|sen[dt]|reach|relay|accept|complete|found|exist|receive|process|list|open|know|like)"
    r"|undeliver|fail(ed|ure|s)?\b|unable to|rejected|returned|refused|bounced|unknown|no such|invalid|not exist|error|problem|delay|disabled|full|quota|permanent|blocked|not found|expired"
    r"|未能|无法|失败|不存在|退回|できませんでした|не может|no fue|n'a pas|nicht zugestellt|konnte nicht|unzustellbar",
    re.I,
)
_ADDRESS = re.compile(r"(?<![\w.+=%-])[\w.!#$%&'*+/=?^`{|}~-]{1,128}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
_SYSTEM = re.compile(r"(mailer-?daemon|postmaster|abuse|support|helpdesk|help|admin|hostmaster|noc|root|webmaster|info|majordomo|double-bounce)@", re.I)
_NOISE = re.compile(r"\b(from|sender|contact|e-?mail us|questions?|assistance|reply|message[- ]id|mail from|send .{0,20} to|write to|on behalf of|subject|id)\b[^@]{0,40}$", re.I)
_LEAD = re.compile(r"^[\s<>*\-.(\"'|:]*$|\b(to|rcpt to|recipients?|address(es)?|user|for|account|failed|mailbox|deliver\w*)\b[^@]{0,30}$|recipient[^@]{0,30}$", re.I)
_DELAYED = re.compile(
    r"warning message only|this is a warning|do not need to resend|no need to resend|has been delayed|delivery.{0,30}delayed|not yet been delivered|will (be )?(retr|continue|keep)|still undelivered|still being (tried|attempted)|will be retried"
    r"|could not be delivered for more than|has not been delivered (yet|after)|deliver\w* temporarily|attempts will continue|not yet delivered|unable to deliver.{0,60}but|will try again|delivery attempts",
    re.I,
)
_FINAL = re.compile(r"permanent|giving up|not going to try again|will not (continue|be retried|retry|attempt)|deleted from queue|no further|failed permanently|given up|removed from (the )?queue", re.I)


def read_mail(raw: bytes) -> Reading:
    """Read a returned mail of any bytes; never raises, bounded in time and memory."""
    mail = mime.read(raw)
    notice, original = returned.find(mail)
    headers = returned.original_headers(original) if original else {}
    reading = _complaint(mail, headers) or _status_report(mail, notice, headers)
    if reading is None and _is_receipt(mail):
        reading = Reading(Kind.NONE, "", (), "receipt (RFC 8098)", headers)
    if reading is None:
        reading = _from_text(mail, notice[:MAX_NOTICE], headers)
    return replace(reading, cut=mail.cut)


def _complaint(mail: Mail, original: Headers) -> Reading | None:
    for part in mail.parts:
        report = arf.read(part.text) if part.type == "message/feedback-report" else None
        if report:
            recipients = report.recipients or _addresses(original.get("to", ()))
            kind = Kind.COMPLAINT if report.complaint else Kind.NONE
            diagnosis = Diagnosis(kind, "feedback", "", f"Feedback-Type: {report.type} (RFC 5965)")
            results = tuple(Result(recipient, diagnosis) for recipient in recipients)
            return Reading(kind, "feedback", results, "complaint (RFC 5965)", original, opt_out=report.opt_out)
    return None


def _is_receipt(mail: Mail) -> bool:
    return any(part.type == "message/disposition-notification" for part in mail.parts)


def _status_report(mail: Mail, notice: str, original: Headers) -> Reading | None:
    for part in mail.parts:
        if part.type in {"message/delivery-status", "message/global-delivery-status"}:
            statuses = dsn.read(part.text)
            break
    else:
        statuses = dsn.read(notice) if "final-recipient" in notice.lower() else []
    if not statuses:
        return None
    results = [_result(status, notice, mail, len(statuses)) for status in statuses]
    results = [result for result in results if result]
    named = [result for result in results if result.recipient]
    if not named:
        fallback = _candidates(mail, notice, original) or list(_addresses(original.get("to", ())))
        named = [Result(address, results[0].diagnosis, results[0].text) for address in fallback[:20]]
    return _summed(tuple(named or results), "delivery status (RFC 3464)", original)


def _result(status: dsn.RecipientStatus, notice: str, mail: Mail, count: int) -> Result:
    recipient = status.recipients[0] if status.recipients else ""
    delayed = status.action == "delayed"
    if status.action in {"delivered", "relayed", "expanded"}:
        diagnosis = Diagnosis(Kind.NONE, "delivered", status.status, f"Action: {status.action}")
        return Result(recipient, diagnosis, status.diagnostic)
    said = status.diagnostic
    words = _about(notice, recipient, count)
    diagnosis = classify(said, status=status.status) if said else Diagnosis(Kind.SOFT, "undefined")
    if diagnosis.reason in {"undefined", "onhold"} or not said or diagnosis.rule.startswith(("status", "code")):
        other = classify(f"{said} {words}", status=status.status)
        if other.reason != "undefined" and not other.rule.startswith(("status", "code")):
            diagnosis = replace(other, rule=f"{other.rule}, in the notice")
        elif diagnosis.reason == "undefined":
            diagnosis = other
    if delayed:
        diagnosis = replace(diagnosis, kind=Kind.DELAY)
    return Result(recipient, replace(diagnosis, status=status.status or diagnosis.status), said or words[:500])


def _about(notice: str, recipient: str, count: int) -> str:
    """The words of a notice about one recipient; all of them when it is the only one."""
    if count == 1 or not recipient:
        return notice[:3000]
    start = notice.lower().find(recipient.lower())
    if start < 0:
        return ""
    end = min((found.start() for found in _ADDRESS.finditer(notice, start + len(recipient)) if recipient.lower() not in found[0].lower()), default=start + 600)
    return notice[start:end][:600]


def _from_text(mail: Mail, notice: str, original: Headers) -> Reading:
    headers = mail.headers
    sender = f"{mail.header('from')} {headers.get('return-path', ('',))[0]}"
    subject = mail.header("subject")
    system = bool(_DAEMON.search(sender[:500])) or "x-failed-recipients" in headers or bool(_SUBJECT.search(subject[:300]))
    failed = bool(_FAILED.search(notice)) or bool(_SUBJECT.search(subject[:300]))
    candidates = _candidates(mail, notice, original) if system and failed else []
    if not candidates and system and failed:
        candidates = list(_addresses(original.get("to", ())))[:5]
    if autoreply.is_automatic(headers, notice) and not (candidates and _is_notice(mail, notice, original)):
        return Reading(Kind.AUTO_REPLY, "vacation", (), "auto-reply (RFC 3834)", original)
    if not candidates:
        return Reading(Kind.NONE, "", (), "nothing that concerns a delivery", original)
    delayed = bool(_DELAYED.search(notice)) and not _FINAL.search(notice)
    results = []
    for address in candidates:
        words = _about(notice, address, len(candidates))
        diagnosis = classify(words)
        if diagnosis.reason == "undefined" and len(candidates) > 1:
            diagnosis = classify(notice)
        if diagnosis.reason == "undefined":
            diagnosis = classify(subject) if subject else diagnosis
        results.append(Result(address, replace(diagnosis, kind=Kind.DELAY) if delayed else diagnosis, words[:500].strip()))
    return _summed(tuple(results), "a notice in words", original)


def _is_notice(mail: Mail, notice: str, original: Headers) -> bool:
    """Whether a mail marked as automatic is a mail system's notice after all."""
    sender = f"{mail.header('from')} {mail.headers.get('return-path', ('',))[0]}"
    return bool(original) or "x-failed-recipients" in mail.headers or bool(_DAEMON.search(sender)) and bool(_SUBJECT.search(mail.header("subject")))


def _candidates(mail: Mail, notice: str, original: Headers) -> list[str]:
    """The addresses a notice is about: named in a header, standing alone, or following a telling word."""
    named = [address for value in mail.headers.get("x-failed-recipients", ()) for address in _ADDRESS.findall(value)]
    if named:
        return list(dict.fromkeys(named))[:100]
    ours = {address.lower() for name in ("to", "cc", "delivered-to", "x-original-to") for address in _addresses(mail.headers.get(name, ()))}
    ours |= {address.lower() for name in ("from", "return-path", "sender", "reply-to") for address in _addresses(original.get(name, ()))}
    ours |= {address.lower() for address in _addresses(mail.headers.get("from", ()))}
    sent = {address.lower() for name in ("to", "cc", "x-original-to", "delivered-to") for address in _addresses(original.get(name, ()))}
    found: dict[str, bool] = {}
    for line in notice.split("\n")[:400]:
        for match in _ADDRESS.finditer(line[:1000]):
            address = match[0].strip(".'`")
            before = line[: match.start()]
            lower = address.lower()
            if lower in found or "@" not in address or "." not in address.rpartition("@")[2]:
                continue
            if lower not in sent and (lower in ours or _SYSTEM.match(address) or _NOISE.search(before)):
                continue
            found[lower] = bool(_LEAD.search(before)) or lower in sent
    return [address for address in found if found[address]] or list(found)[:3]


def _addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(address for value in values[:20] for address in _ADDRESS.findall(value[:4000])))[:100]


_RANK = {Kind.COMPLAINT: 5, Kind.HARD: 4, Kind.SOFT: 3, Kind.DELAY: 2, Kind.AUTO_REPLY: 1, Kind.NONE: 0}


def _summed(results: tuple[Result, ...], form: str, original: Headers) -> Reading:
    """One word for the whole mail: the gravest result speaks."""
    worst = max(results, key=lambda result: _RANK[result.diagnosis.kind])
    return Reading(worst.diagnosis.kind, worst.diagnosis.reason, results, form, original)
