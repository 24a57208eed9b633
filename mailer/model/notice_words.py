"""The words of notices in other languages than English: what they are called, that a mail failed, waits, is given up.

One line a language, `|` between the words; compared without regard to case. The English ones are in `reading.py`.
"""

from __future__ import annotations

import re

Words = tuple[tuple[str, str], ...]

TITLES: Words = (
    ("de", "unzustellbar | nicht zugestellt | zustellung fehlgeschlagen | übermittlung fehlgeschlagen | verzögert:"),
    ("fr", "non remis | non remise | échec de la remise | échec de remise | non distribu | remise retardée"),
    (
        "es",
        "no se puede entregar | no se pudo entregar | no entregad | mensaje devuelto | error de entrega | retrasado:",
    ),
    ("it", "mancata consegna | non recapit | non consegnat | errore di consegna | consegna ritardata"),
    ("pt", "não entregue | falha na entrega | não foi possível entregar | mensagem devolvida | entrega atrasada"),
    ("nl", "onbestelbaar | niet bezorgd | niet afgeleverd | bezorging mislukt | vertraagd:"),
    ("pl", "niedostarczon | nie dostarczono | zwrot wiadomości | opóźnione dostarczenie"),
    ("cs", "nedoručiteln | nedoručen | zpožděné doručení"),
    ("sv, da, nb", "kan inte levereras | olevererbart | ej levererat | kan ikke leveres | uleverbar | ikke leveret"),
    ("fi", "toimitus epäonnistui | ei voitu toimittaa"),
    ("hu", "kézbesíthetetlen | kézbesítési hiba"),
    ("tr", "teslim edilemedi | iletilemedi"),
    ("ru", "не доставлен | недостав | задержка доставки"),
    ("ja", "配信不能 | 配信できません | 配送できません | 配信失敗 | 送信失敗 | 配信遅延 | エラー"),
    ("ko", "반송 | 전송 실패 | 배달 실패 | 전달 실패 | 배달되지 | 전달되지 | 배달 지연"),
    ("zh", "失败 | 退信 | 系统退信 | 退回 | 无法投递 | 無法投遞 | 未送达 | 無法傳遞 | 延迟投递 | 延遲投遞"),
)

FAILED: Words = (
    ("de", "nicht zugestellt | konnte nicht | konnten nicht | unzustellbar | nicht erreichbar | fehlgeschlagen"),
    ("fr", "n'a pas | n'ont pas | impossible de | échec"),
    ("es", "no fue | no se ha podido | no se pudo | no puede | no existe | rechazad"),
    ("it", "non è stato possibile | impossibile | non esiste | non recapit | rifiutat"),
    ("pt", "não pôde | não foi possível | não existe | não entregue | rejeitad"),
    ("nl", "kon niet | konden niet | bestaat niet | geweigerd"),
    ("pl", "nie można | nie udało | nie istnieje | odrzucon"),
    ("cs", "nebylo možné | nelze doručit | neexistuje"),
    ("sv, da, nb", "kunde inte | kunne ikke | kan inte | kan ikke | finns inte | findes ikke | finnes ikke"),
    ("fi", "ei voitu | epäonnistui"),
    ("hu", "nem sikerült | nem lehet"),
    ("tr", "edilemedi | bulunamadı"),
    ("ru", "не может | не удалось | не найден | не существует | отклонен"),
    ("ja", "できませんでした | できません | 存在しません | 失敗"),
    ("ko", "못했습니다 | 실패 | 존재하지 | 없는 사용자"),
    ("zh", "未能 | 无法 | 無法 | 失败 | 失敗 | 不存在 | 退回 | 退信 | 已满 | 拒绝 | 拒絕 | 查無"),
)

DELAYED: Words = (
    ("de", "wurde verzögert | verzögert sich | noch nicht zugestellt | weiterhin versucht"),
    ("fr", "a été retardé | n'a pas encore | nouvelles tentatives"),
    ("es", "se ha retrasado | volverá a intentar | seguirá intentando"),
    ("it", "è stata ritardata | non è ancora | continuerà a tentare"),
    ("pt", "foi atrasada | ainda não foi | continuará tentando"),
    ("nl", "is vertraagd | nog niet bezorgd | blijven proberen"),
    ("pl", "została opóźniona | będzie ponawia"),
    ("ru", "задержан | задержив | попытки будут продолжены"),
    ("ja", "遅延して | 遅れて | 再送を続け | 引き続き"),
    ("ko", "지연되고 | 지연되었 | 다시 시도"),
    ("zh", "延迟 | 延遲 | 继续尝试 | 繼續嘗試 | 将重试 | 暂时无法"),
)

GIVEN_UP: Words = (
    ("de", "endgültig"),
    ("fr", "définitivement"),
    ("es", "definitivamente"),
    ("ja", "断念 | 中止"),
    ("zh", "不再 | 放弃 | 放棄"),
)


def pattern(english: str, words: Words) -> re.Pattern[str]:
    """One pattern for an English expression and the words of the other languages; for short texts."""
    return re.compile("|".join([english, *map(re.escape, _listed(words))]), re.I)


class Expression:
    """An English expression in lower case and words of other languages, looked for in texts of any length."""

    def __init__(self, english: str, words: Words) -> None:
        self._english = re.compile(english)
        self._others = tuple(word.lower() for word in _listed(words))

    def stands_in(self, text: str) -> bool:
        """Whether any of them is there; plain words are found faster one by one than by a pattern of all."""
        lowered = text.lower()  # once: twice as fast as a pattern that minds no case
        if self._english.search(lowered):
            return True
        return any(word in lowered for word in self._others)


def _listed(words: Words) -> list[str]:
    return [word.strip() for _, line in words for word in line.split("|")]
