"""What mail systems say of a sender or a mailbox in other languages than English: the nouns, and what is said of them.

Asked like the pairs of `codes`, where no phrase is known. Sources: the notices of Exchange, of Postfix's and Exim's
translated templates, and of the large providers that write in these languages.
"""

from __future__ import annotations

from typing import NamedTuple


class Tongue(NamedTuple):
    """One language's words, `|` between them."""

    language: str
    sender: str
    reader: str  # the reader, his address, his mailbox
    gone: str
    full: str
    off: str
    refused: str
    nots: str = ""  # how he is denied, and what is denied of him, in one clause and in either order
    being: str = ""


# "No such mailbox": with one of these before him a reader is denied without another word.
NO_SUCH = (
    "kein | keine | keinen | aucun | aucune | ningún | ninguna | nessun | nessuna | nenhum | nenhuma | geen | brak"
    " | żaden | žádný | žádná | ingen | inget"
)

TONGUES = (
    Tongue(
        "de",
        "absender",
        "empfänger | adressat | adresse | teilnehmer | postfach | benutzer | konto | mailbox | speicher",
        "nicht bekannt | unbekannt | existiert nicht | nicht existiert | nicht gefunden | nicht vorhanden"
        "| gibt es nicht | ungültig | kein postfach | kein benutzer | nicht vergeben"
        "| keine person | nicht mehr verfügbar"
        "| nicht mehr vergeben | nicht (mehr) vergeben | nicht registriert | nicht eingerichtet",
        "voll. | voll und | ist voll | überfüllt | überschritten | erschöpft | kein freier | keinen freien",
        "deaktiviert | gesperrt | stillgelegt | nicht mehr aktiv",
        "abgelehnt | abgewiesen | blockiert | nicht erlaubt",
        "nicht | kein | keine | keinen | niemand | nie",
        "existier | bekannt | gefunden | finden | gibt | vorhanden | vergeben | registriert"
        "| zugeordnet | angelegt | eingerichtet | gehört | kennen",
    ),
    Tongue(
        "fr",
        "expéditeur | émetteur",
        "destinataire | adresse | boîte | utilisateur | compte | quota",
        "inconnu | n'existe pas | n'existe plus | introuvable | invalide | inexistant | pas été trouvé"
        "| n'est pas connu | n'est pas enregistré | n'est plus",
        "pleine | saturé | dépassé | atteint",
        "désactivé | suspendu | bloqué | fermé",
        "refus | rejet | interdit",
        "pas | plus | non | aucun | aucune | personne",
        "exist | connu | connaiss | trouv | enregistr | valide | attribu | correspond | référenc| inscrit",
    ),
    Tongue(
        "es",
        "remitente",
        "destinatario | dirección | buzón | usuario | cuenta | cuota",
        "no existe | desconocid | no se encontró | no se encuentra | no encontrad "
        "| inexistente | no válid | no es válid | no está registrad | ya no existe",
        "llen | superad | excedid | sin espacio",
        "desactivad | suspendid | bloquead | deshabilitad | no activ | inactiv",
        "rechazad | no autorizad | no permitid",
        "no | ningún | ninguna | ningun | nadie",
        "exist | encontr | encuentr | conoc | reconoc | registrad | válid | de alta | correspond | localiz"
        "| figura | pertenec",
    ),
    Tongue(
        "pt",
        "remetente",
        "destinatário | endereço | caixa | usuário | utilizador | conta | quota | cota",
        "não existe | desconhecid | não encontrad | não foi encontrad | não foi possível encontrar"
        "| inexistente | inválid | não está cadastrad | não está registad | não consta",
        "chei | lotad | excedid | esgotad",
        "desativad | suspens | bloquead",
        "rejeitad | recusad | não autorizad",
        "não | nenhum | nenhuma | ninguém",
        "exist | há | encontr | conhec | cadastr | regist | válid | localiz | consta | pertenc",
    ),
    Tongue(
        "it",
        "mittente",
        "destinatario | indirizzo | casella | utente | quota",
        "non esiste | sconosciut | non trovat | non è stato trovat | inesistente | non valid | non risulta"
        "| non è registrat | non è presente",
        "piena | superat | esaurit",
        "disattivat | disabilitat | sospes | bloccat",
        "rifiutat | respint | non autorizzat",
        "non | nessun | nessuna | nessuno",
        "esist | trovat | conosciut | registrat | valid | risult | corrispond | censit | present",
    ),
    Tongue(
        "nl",
        "afzender",
        "ontvanger | geadresseerde | adres | postvak | gebruiker | postbus | mailbox",
        "bestaat niet | onbekend | niet gevonden | ongeldig | niet bekend | bestaat hier niet | niet geregistreerd",
        "is vol. | is vol, | vol is | overschreden",
        "uitgeschakeld | opgeheven | gedeactiveerd",
        "geweigerd | geblokkeerd",
        "niet | geen | niemand",
        "besta | gevonden | bekend | geldig | geregistreerd | voorkomt | toegewezen",
    ),
    Tongue(
        "pl",
        "nadawc",
        "odbiorc | adres | skrzynk | użytkownik | konto | konta",
        "nie istnieje | nieznan | nie znaleziono | nie został znaleziony | nieprawidłow | nie ma takie"
        "| nie jest zarejestrowan",
        "pełna | przepełnion | przekroczon",
        "wyłączon | nieaktywn | zawieszon",
        "odrzucon | zablokowan",
        "nie | brak | żaden",
        "istnie | znalezion | znan | zarejestr | prawidł | tak | takiej | takiego | figuruj | przypisan",
    ),
    Tongue(
        "cs",
        "odesílatel",
        "příjemc | adres | schránk | uživatel | účet",
        "neexistuje | neznám | nenalezen | nebyl nalezen | není znám | není registrován | není zřízen",
        "plná | přeplněn | překročen",
        "deaktivován | zrušen | vypnut",
        "odmítnut | blokován | zablokován",
        "není | nikdo | žádn",
        "znám | registrov | nalezen | zřízen | platn | založen",
    ),
    Tongue(
        "sv, da, nb",
        "avsändare | avsender | afsender",
        "mottagare | modtager | mottaker | adress | användare | bruger | bruker | brevlåda"
        "| postkasse | postboks | konto",
        "finns inte | findes ikke | finnes ikke | okänd | ukendt | ukjent | hittades inte | ikke fundet | ikke funnet"
        "| eksisterer ikke | existerar inte | inte finns | ikke findes | ikke finnes | inte registrerad"
        "| ikke registrer",
        "är full | er fuld | er full | överskrid | overskred",
        "inaktiver | avstängd | deaktiver | spærret | sperret",
        "avvis | nekad | afvist | blocker",
        "inte | ikke | ej | ingen | inga",
        "finns | findes | finnes | hitta | fundet | funnet | känd | kendt | kjent | registre"
        "| eksister | existera | opprettet | oprettet",
    ),
    Tongue(
        "fi",
        "lähettäj",
        "vastaanottaj | osoite | osoitet | käyttäj | postilaatikko",
        "ei ole olemassa | tuntematon | ei löyt | ei löydy | ei ole rekisteröity",
        "täynnä",
        "suljettu | poistettu käytöstä",
        "estetty | hylät",
        "ei | eivät",
        "ole olemassa | löyd | tunne | rekister | voimassa",
    ),
    Tongue(
        "hu",
        "feladó",
        "címzett | postafiók | felhasználó | kvót | cím",
        "nem létezik | ismeretlen | nem található | érvénytelen | nincs regisztrálva | nem regisztrált",
        "megtelt | betelt | túllép",
        "letiltva | felfüggeszt",
        "elutasít | tiltott",
        "nem | nincs | nincsen",
        "létez | talál | ismer | regisztr | ilyen",
    ),
    Tongue(
        "tr",
        "gönderen | gönderici",
        "alıcı | adres | kullanıcı | kutusu | hesab",
        "bulunamadı | bulunmuyor | bulunmamaktadır | mevcut değil | yok | geçersiz | bilinmiyor | kayıtlı değil",
        "dolu | aşıldı | aşmış",
        "askıya | devre dışı | kapatıl",
        "reddedil | engellen",
    ),
    Tongue(
        "ro",
        "expeditor",
        "destinatar | adresa | utilizator | căsuța | contul",
        "nu există | nu exista | necunoscut | inexistent | nu a fost găsit | invalid",
        "plină | depășit",
        "suspendat | dezactivat | blocat",
        "respins | refuzat",
    ),
    Tongue(
        "el",
        "αποστολέα",
        "παραλήπτη | διεύθυνση | χρήστη | γραμματοκιβώτιο | λογαριασμός",
        "άγνωστ | δεν υπάρχει | δεν βρέθηκε | ανύπαρκτ | μη έγκυρ",
        "πλήρες | γεμάτ",
        "ανενεργ | απενεργοποι",
        "απορρίφθ",
    ),
    Tongue(
        "uk",
        "відправник",
        "одержувач | отримувач | адрес | скриньк | користувач",
        "не існує | не знайден | невідом | немає",
        "переповнен",
        "заблокован | вимкнен",
        "відхилен",
    ),
    Tongue(
        "vi",
        "người gửi",
        "người nhận | địa chỉ | hộp thư | người dùng | tài khoản",
        "không tồn tại | không tìm thấy | không hợp lệ",
        "đầy | vượt quá",
        "bị khóa | vô hiệu",
        "từ chối",
    ),
    Tongue(
        "id, ms",
        "pengirim",
        "penerima | alamat | kotak surat | pengguna | akun",
        "tidak ada | tidak ditemukan | tidak dikenal | tidak wujud | tidak valid",
        "penuh",
        "ditangguhkan | dinonaktifkan",
        "ditolak",
    ),
    Tongue(
        "ru",
        "отправител",
        "получател | адрес | ящик | пользовател | аккаунт | учетная запись",
        "не существует | не найден | неизвест | нет такого | отсутствует | недействител | не зарегистрирован"
        "| не обнаружен",
        "переполнен | заполнен | превышен",
        "заблокирован | отключ | неактив",
        "отклон | запрещ | черн",
        "не | нет | никого",
        "существ | найден | зарегистр | обнаруж | известн | такого | такой | числится | значится| пользовател",
    ),
    Tongue(
        "ja",
        "送信者 | 差出人 | 送信元",
        "宛先 | 受信者 | ユーザ | アドレス | メールボックス | アカウント",
        "存在しません | 存在しない | 存在しな | 正しくありません | 該当なし | ユーザーなし | ユーザなし"
        "| 見つかりません | 見つからない | 不明 | 間違 | 登録され",
        "いっぱい | 満杯 | 超過 | 超え",
        "停止 | 無効 | ロック | 解約",
        "拒否 | 許可され",
    ),
    Tongue(
        "ko",
        "발신자 | 보낸 사람 | 보낸사람",
        "수신자 | 받는 사람 | 받는사람 | 사용자 | 계정 | 주소 | 사서함 | 메일함 | 편지함",
        "존재하지 | 없는 | 없습니다 | 찾을 수 없 | 알 수 없 | 등록되지",
        "가득 | 초과 | 부족",
        "정지 | 휴면 | 해지",
        "차단 | 거부",
    ),
    Tongue(
        "zh",
        "发件人 | 寄件人 | 寄件者 | 发信人 | 发件地址 | 发件方",
        "收件人 | 收信人 | 用户 | 用戶 | 邮箱 | 郵箱 | 信箱 | 地址 | 帐号 | 账号 | 帳號 | 帐户 | 空间 | 空間 | 账户",
        "不存在 | 未找到 | 找不到 | 没有找到 | 无此 | 無此 | 查无 | 查無 | 不正确 | 有误 | 有誤 | 无效 | 無效"
        "| 未注册 | 未註冊 | 没有这个 | 没有该 | 没有此 | 沒有這個 | 沒有此 | 已注销 | 已註銷",
        "已满 | 已滿 | 满了 | 不足 | 超出 | 超过 | 超過",
        "冻结 | 凍結 | 停用 | 禁用 | 锁定 | 鎖定",
        "拒绝 | 拒絕 | 黑名单 | 黑名單 | 被封 | 未通过 | 未知",
    ),
)
