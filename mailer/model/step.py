"""At which step of the SMTP dialogue a text says that a server refused; and where it most likely did."""

from __future__ import annotations

import re

from mailer.model.delivery import Phase
from mailer.model.phrasebook import find

# How reports say it: Postfix, Exim, Sendmail, qmail, mail.ru, GMX; Google by a state.
_STEPS: tuple[tuple[Phase, str], ...] = (
    (
        Phase.DOT,
        "in reply to end of data | after end of data | final data | failed after i sent the message | after data"
        " | text command | end of message",
    ),
    (Phase.DATA, "(state 17) | (state 18) | in reply to data | <<< data | >>> data | sending data | data command"),
    (Phase.RCPT, "in reply to rcpt | after rcpt | our rcpt | >>> rcpt | does not like recipient | rcpt to response"),
    (
        Phase.RCPT,
        "(state 14) | rcpt to: | rcpt to command | rcpt command | [rcpt_to] | smtp:rcpt | need rcpt | rcpt first"
        " | no valid recipients",
    ),
    (Phase.MAIL, "in reply to mail | after mail | our mail | >>> mail | does not like sender | [mail_from]"),
    (Phase.MAIL, "mail from command"),
    (Phase.GREETING, "refused to talk to me | initial connection | my name was rejected | in reply to ehlo | >>> ehlo"),
    (Phase.GREETING, "in reply to helo | after ehlo | after helo | >>> helo"),
)
_STEP_WORDS = tuple((phase, tuple(words.split(" | "))) for phase, words in _STEPS)

_TRANSCRIPT = re.compile(
    r"(?:>>>+|--+>|=>|\bsent:|\bc:) ?(rcpt|mail|data|ehlo|helo)\b(?:(?!>>>|--+>).){0,160}?"
    r"(?:<<<+|<--+|<=|\breplied:|\bs:) ?[45]\d\d"
)
_MARKS = (">>>", "-->", "=>", "sent:", " c:")
_COMMANDS = {"rcpt": Phase.RCPT, "mail": Phase.MAIL, "data": Phase.DATA, "ehlo": Phase.GREETING, "helo": Phase.GREETING}
_PIPELINED = ("valid recipient", "rcpt first", "rcpt command must precede")  # the answer to RCPT, read after DATA

# A server's answer word for word: the address said back, or a notice that quotes it; not in the middle of a sentence.
# With nothing in the address's place it is au's after the content.
_ECHOED = re.compile(r"(?<!, )\b5\d\d[ :-]+(5\.\d\.\d )?<> ?(:|\.\.\.)|-> 5\d\d [^<]{0,80}<>")
_QUOTED = re.compile(
    r"\b(?:said|says|replied|returned|responded|answered|reported|response|reply|answer)\b[^:;<>]{0,40}[: ]+"
    r"['\"]?5\d\d[ -](?! ?:)(?!.{0,160}-> [45])"
)
_ANSWER = re.compile(r" (?P<code>5\d\d)(?P<more>[ -])(?! ?:)(?P<text>.*)")
_ELSEWHERE = re.compile(r"5\.2\.[1-9]|5\.7\.[2-9]")


def step_in(said: str) -> Phase | None:
    """The step named in a text, in the form that rules want; None where it names none."""
    spoken = _TRANSCRIPT.search(said) if any(mark in said for mark in _MARKS) else None
    if spoken:
        pipelined = spoken[1] == "data" and any(words in said for words in _PIPELINED)
        return Phase.RCPT if pipelined else _COMMANDS[spoken[1]]
    found = [
        (said.rfind(words), phase)
        for phase, phrases in _STEP_WORDS
        for words in phrases
        if words in said and find(words, said, 0, len(said)) >= 0
    ]
    return max(found)[1] if found else None


def likely_step(said: str, status: str, *, whole: bool) -> Phase | None:
    """RCPT, where a text quotes a server's answer or is one as a `whole`: "no such user" is one to RCPT nearly always.

    Not with a status about the mailbox or a policy: then it may be a filter that speaks.
    """
    if _ELSEWHERE.match(status):
        return None
    quoted = _ECHOED.search(said) or _QUOTED.search(said) or (whole and _is_an_answer(said))
    return Phase.RCPT if quoted else None


def _is_an_answer(said: str) -> bool:
    answer = _ANSWER.match(said)
    return answer is not None and (answer["more"] == "-" or f" {answer['code']} " not in answer["text"])
