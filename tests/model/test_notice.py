"""A notice is believed when its author can know: the system that holds the mailbox, in words of its own."""

from __future__ import annotations

import pytest

from mailer.model.bounce import Family, Kind
from mailer.model.diagnosis import classify
from mailer.model.reading import Reading, read_mail

GONE = [
    ("Undelivered", "Your mail to dave@example.org could not be delivered. There is no such user here."),
    ("Returned mail", "We could not deliver to\n\n dave@example.org\n\nThe address is not registered on our system."),
    ("Undelivered", "Sent to dave@example.org, an account which has been removed: could not be delivered."),
    ("Unzustellbar", "Ihre Mail an dave@example.org wurde nicht zugestellt. Der Empfänger ist hier nicht bekannt."),
    ("Non remis", "Votre message à dave@example.org ne peut être remis : utilisateur inexistant."),
    ("Non remis", "Votre message n'a pas été remis à <dave@example.org> : ce destinataire est introuvable."),
    ("Mensaje no entregado", "No se pudo entregar a dave@example.org. Ese usuario no se encuentra en el servidor."),
    ("Mancata consegna", "Non consegnato a dave@example.org: la casella non risulta presso di noi."),
    ("Falha na entrega", "Não entregue a dave@example.org. O endereço não foi encontrado."),
    ("Onbestelbaar", "Uw bericht kon niet worden bezorgd bij dave@example.org. Dit adres bestaat niet."),
    ("Nie dostarczono", "Nie dostarczono do dave@example.org. Taki użytkownik nie istnieje."),
    ("Nedoručeno", "Zpráva nebyla doručena: dave@example.org. Uživatel není znám."),
    ("Ikke leveret", "Kunne ikke leveres til dave@example.org. Modtagerens postkasse findes ikke."),
    ("Toimitus epäonnistui", "Viestiä ei voitu toimittaa: dave@example.org. Osoitetta ei ole olemassa."),
    ("Kézbesítési hiba", "Nem sikerült kézbesíteni: dave@example.org. A címzett ismeretlen."),
    ("İletilemedi", "dave@example.org adresine teslim edilemedi. Kullanıcı mevcut değil."),
    ("Не доставлено", "Письмо для dave@example.org не доставлено. Такой ящик не зарегистрирован."),
    ("配信できません", "dave@example.org へ配信できませんでした。宛先のアドレスが存在しません。"),
    ("반송", "dave@example.org 에게 전달 실패: 수신자 계정을 찾을 수 없습니다."),
    ("退信", "您发给 dave@example.org 的邮件被退回。收件人未注册。"),
]
ABOUT_US = [
    "The address you sent it from does not exist.",
    "Die Absenderadresse ist unbekannt.",
    "L'adresse de l'expéditeur est inconnue.",
    "La dirección del remitente no existe.",
    "L'indirizzo del mittente non esiste.",
    "Adres nadawcy nie istnieje.",
    "Адрес отправителя не существует.",
    "送信元のアドレスが存在しません。",
    "보낸 사람의 주소가 존재하지 않습니다.",
    "发件人地址不存在。",
]
SUPPOSED = [
    "Possible reasons: the user does not exist or refuses your mail.",
    "There may be no such user.",
    "Die Adresse ist möglicherweise unbekannt.",
    "Peut-être ce destinataire est-il inconnu.",
    "Возможно, такого ящика не существует: адрес не найден.",
]
ELSEWHERE = [
    "It has a link to a domain that does not exist.",
    "The attachment news.pdf could not be found.",
    "Der Anhang existiert nicht.",
    "附件不存在。",
]


def notice(words: str, *, title: str = "Undelivered mail", author: str = "postmaster@mx.example.org") -> Reading:
    head = f"From: {author}\nTo: news@club.example.com\nSubject: {title}\nContent-Type: text/plain; charset=utf-8\n\n"
    return read_mail((head + words + "\n").encode())


@pytest.mark.parametrize(("title", "words"), GONE)
def test_the_system_that_holds_a_mailbox_knows_that_there_is_none(title: str, words: str) -> None:
    reading = notice(words, title=title)
    assert (reading.kind, reading.reason, reading.recipients) == (Kind.HARD, "userunknown", ("dave@example.org",))


@pytest.mark.parametrize("author", ["postmaster@gateway.example.net", "postmaster@evilexample.org", "postmaster"])
def test_another_system_does_not_know_at_which_step_it_was_said(author: str) -> None:
    assert notice(GONE[0][1], author=author).kind is Kind.SOFT


@pytest.mark.parametrize("words", ["The remote host said: no such user", "no such user [-9]"])
def test_what_another_said_is_not_the_authors_own_verdict(words: str) -> None:
    assert notice(f"Could not deliver to dave@example.org: {words}").kind is Kind.SOFT


def test_an_answer_without_its_step_is_believed_of_the_system_that_holds_the_mailbox() -> None:
    words = "Could not deliver to dave@example.org: 550 no such user"
    assert notice(words).kind is Kind.HARD
    assert notice(words, author="postmaster@gateway.example.net").kind is Kind.SOFT


@pytest.mark.parametrize(
    "words",
    [
        "Remote host said: 550 no such user",
        "The server returned '550 no such user'",
        "The response from the remote server was: 550 no such user",
        "sent: RCPT TO:<dave@example.org>, replied: 550 no such user",
        "--> RCPT TO:<dave@example.org>\n<-- 550 no such user",
        "SMTP error for RCPT TO command, reason: 550 no such user",
    ],
)
def test_an_answer_quoted_word_for_word_is_one_to_rcpt(words: str) -> None:
    gateway = "postmaster@gateway.example.net"
    assert notice(f"Could not deliver to dave@example.org.\n{words}", author=gateway).kind is Kind.HARD
    after = words.replace("RCPT TO:<dave@example.org>", "DATA").replace("RCPT TO", "TEXT")
    if after != words:
        assert notice(f"Could not deliver to dave@example.org.\n{after}", author=gateway).kind is Kind.SOFT


@pytest.mark.parametrize("words", ABOUT_US)
def test_a_sender_unknown_is_not_a_reader_unknown(words: str) -> None:
    reading = notice(f"Your mail to dave@example.org could not be delivered. {words}")
    assert (reading.kind, reading.reason) == (Kind.SOFT, "rejected")


@pytest.mark.parametrize("words", SUPPOSED)
def test_what_is_only_supposed_costs_nobody_his_place(words: str) -> None:
    assert notice(f"Your mail to dave@example.org could not be delivered. {words}").kind is Kind.SOFT


@pytest.mark.parametrize("words", ELSEWHERE)
def test_something_else_that_does_not_exist_is_not_the_reader(words: str) -> None:
    assert notice(f"Your mail to dave@example.org could not be delivered. {words}").kind is Kind.SOFT


def test_exim_speaks_of_its_own_routing_where_it_quotes_nobody() -> None:
    head = (
        "From: Mailer-Daemon@mx.example.net\nX-Failed-Recipients: dave@example.org\nSubject: Mail delivery failed\n\n"
    )
    failed = "A message that you sent could not be delivered. The following address failed:\n\n  dave@example.org\n"
    assert read_mail(f"{head}{failed}    unknown user\n".encode()).kind is Kind.HARD
    remote = "    host mx.example.org [192.0.2.1]\n    SMTP error from remote mail server after end of data:\n"
    assert read_mail(f"{head}{failed}{remote}    unknown user\n".encode()).kind is Kind.SOFT


def test_no_such_user_with_a_security_status_is_believed_of_rcpt_unless_a_policy_says_it() -> None:
    assert classify("550 5.7.1 No such user (in reply to RCPT TO command)").kind is Kind.HARD
    for words in ("<dave@example.org>: Recipient address rejected: User unknown", "user unknown to our policy"):
        assert classify(f"550 5.7.1 {words} (in reply to RCPT TO command)").kind is Kind.SOFT


def test_a_mailbox_unavailable_is_disabled_when_the_status_says_so() -> None:
    assert classify("550 5.2.1 Mailbox unavailable (in reply to RCPT TO command)").reason == "suspend"
    assert classify("550 5.1.1 Mailbox unavailable (in reply to RCPT TO command)").reason == "userunknown"


@pytest.mark.parametrize(
    "broken", ["the user does not exist", "the user does not exist,", "the user does not exist or h"]
)
def test_a_notice_that_breaks_off_in_a_line_costs_nobody_his_place(broken: str) -> None:
    words = f"From: postmaster@example.org\nSubject: Undelivered mail\n\nNot delivered to dave@example.org: {broken}"
    assert read_mail(words.encode()).kind is Kind.SOFT
    assert read_mail(f"{words}.".encode()).kind is Kind.HARD


def test_what_could_not_be_delivered_yet_is_still_being_tried() -> None:
    words = "could not be delivered yet, its server does not answer. I will try for another 3 days."
    assert notice(f"Your mail to dave@example.org {words}").kind is Kind.DELAY


def test_a_sender_refused_in_another_language_is_a_policy() -> None:
    words = "您的邮件被退回\n收件人:dave@example.org\n退信原因:发件人被列入黑名单"
    assert notice(words, title="系统退信").family is Family.POLICY
