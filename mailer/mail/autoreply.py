"""Answers of machines on a reader's behalf: vacation notices and receipts (RFC 3834, RFC 8098)."""

from __future__ import annotations

import re

from mailer.mail.mime import Mail, first

_SUBJECT = re.compile(
    r"^\W*(auto(matic)?[- ]?(reply|response|answer)|autoreply|auto:|autosvar|out of (the )?office"
    r"|away from|on vacation"
    r"|vacation|i am out|abwesen|automatische (antwort|r.ckantwort)|r.ponse automatique|absence|respuesta autom"
    r"|risposta automatica|resposta autom|automatyczna odpowied|odpowied. automatyczna|automatick. odpov"
    r"|autom\w{0,10} (svar|vastaus|antwoord|v.lasz)|autosvar|otomatik (yan.t|cevap)|poza biurem|mimo kancel"
    r"|fuera de (la )?oficina|fora do escrit|fuori (sede|ufficio)|afwezig|fr.nvaro|frav.r|poissa"
    r"|자동 ?(회신|응답)|부재중|自动回复|自動回覆|自動返信|自動応答|不在|休假中|外出中|автоответ|автоматический ответ)",
    re.I,
)
_WORDS = re.compile(
    r"\b(i am|i'm|i will be|i'll be)( currently)? (away|out of|on (vacation|holiday|leave)|travel"
    r"|not in the office)",
    re.I,
)


def is_automatic(mail: Mail, text: str) -> bool:
    """Whether a mail says of itself, in headers, subject or first words, that a machine answered for a person."""
    headers = mail.headers
    submitted = first(headers, "auto-submitted").lower()
    if submitted.startswith("auto-replied"):
        return True
    if any(
        name in headers
        for name in ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-response-suppress-reply")
    ):
        return True
    if (
        first(headers, "precedence").lower() in {"auto_reply", "auto-reply"}
        or first(headers, "x-precedence").lower() == "auto_reply"
    ):
        return True
    return bool(_SUBJECT.search(mail.header("subject")[:200]) or _WORDS.search(text[:1000]))
