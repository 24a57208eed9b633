"""The words of mail servers everywhere, in three tables that are asked in their order.

A phrase is compared with the server's text in lower case, blanks run together, addresses replaced by `<>` and
links left out but for Google's `?p=` codes. `*` stands for at most 60 characters, `|` stands between phrases. A
row is (reason, source, phrases): the source says where the words are documented or which software writes them.
"""

from __future__ import annotations

Table = tuple[tuple[str, str, str], ...]

# What servers say about the reader's mailbox, the message or us; the narrow before the wide.
PHRASES: Table = (
    (
        "mailboxfull",
        "Postfix, Exim, Dovecot, qmail, Exchange, Sendmail",
        """
        mailbox full | mailbox is full | mailbox has exceeded | box space not enough | over quota | out of quota |
        overquota | quota exceeded | exceeded*quota | quota*exceeded | exceeds*quota | inbox is full | mailbox quota |
        mail box full | maildir over | maildir has overdrawn | out of storage | exceeded storage allocation |
        storage quota | insufficient disk space | not enough disk space | exceeded*mailbox size |
        mailbox size limit exceeded | mailbox exceeds | full mailbox | user has exhausted | would exceed*mailbox |
        not enough storage space | insufficient quota | over the quota | over disk quota | exceeded*disk space |
        too many messages*mailbox | too much mail data | is over the maximum allowed | exceeds allowed size |
        number of messages in*exceeded | user is over | account is over limit | mailbox over limit |
        mailbox at maximum | cuota | buzón lleno | casella piena | boite*pleine | boîte*pleine | postfach*voll |
        mailfolder is full | recipient reached disk quota | message would cause*over | can't write to*quota |
        mail quota | exceeded*storage | no space left on*mailbox | 邮箱已满 | 容量已满 | 空间不足 | 邮箱空间 |
        邮箱容量 | 超过容量 | почтовый ящик переполнен | メールボックスがいっぱい | 容量を超 | not have enough space |
        exceeding their quota | exceeded the local limit | over the allowed quota | userdisk quota |
        domaindisk quota | quota violation | quota limit | disc quota | maximum allowed storage |
        has too many messages on | exceeding receiving limits | disk quota | mailbox*out of space |
        exceeded its*space | skrzynka*pełna | přeplněn | zuviele mails | boîte de réception*pleine |
        posta kutusu dolu | caixa*cheia | 사서함*초과 | 메일함*초과 | 信箱已滿 | 信箱空間 | over storage limit |
        user has insufficient | no room left | no more room | mailbox size limit | mailbox limit |
        mailbox*maximum size | mailbox has reached | inbox has reached | storage limit | user*no space left |
        quota not sufficient | receive any more mail
        """,
    ),
    (
        "exceedlimit",
        "RFC 3463 X.2.3",
        """
        message length exceeds administrative limit | message size exceeds*administrative
        """,
    ),
    (
        "mesgtoobig",
        "RFC 1870 6; Exchange, Postfix, Sendmail, Aliyun",
        """
        message is too long | attachment is too long | attachment too large | attachment is too large |
        mail too large | mail is too large | mail too big | length of data*maximum | length of attach*maximum |
        message too big | message is too big | message too large | message is too large | message size exceeds |
        size limit exceeded | exceeds*message size | message file too big | exceeds maximum message size |
        exceeded maximum inbound message size | message exceeds*size | mail size exceeds | exceeded mailsize limit |
        larger than the current | too large for | message length exceeds | exceeds the size limit |
        size exceeds limit | max message size exceeded | exceeds fixed maximum | 邮件过大 | 邮件大小 |
        exceeded*message size | maximum message size | mail file size | exceeds size limit | maximum email size |
        taille limite du message | size limit | google's message size | google's*size limit |
        message exceeded*size limit
        """,
    ),
    (
        "authfailure",
        "RFC 7372, 7489; Google, Microsoft, Zoho",
        """
        dmarc | not have authentication information | spf check | spf fail | spf record | fails spf | spf: fail |
        spf validation | spf hard fail | not pass spf | spf-fail | dkim*fail | fails dkim | dkim*not pass |
        dkim signature*bad | sender is unauthenticated | unauthenticated email | unauthenticated mail |
        did not pass authentication | no valid spf | rejected due to spf | spf unauthorized | spf*rejected |
        sender policy framework | openspf | is not allowed to send from | not permitted to send*spf | not designate |
        is not allowed to send mail from | domain does not authorize
        """,
    ),
    (
        "requireptr",
        "RFC 7372 3.3; Google, GMX, MagicMail",
        """
        ptr record | ptr resource | reverse dns | reverse lookup | no reverse | rdns | reverse hostname |
        missing ptr | unverifyable sending | cannot find your hostname | cannot resolve your address |
        not resolve*hostname | ip*does not have a ptr | no ptr | cannot find your reverse hostname | forward dns |
        must have a valid reverse | unresolvable*ip | ip name lookup failed | ip address*not resolve |
        domain name of*does not resolve to ip | reverse-dns
        """,
    ),
    (
        "badreputation",
        "Google, Microsoft, Yahoo, Cloudmark, Cisco",
        """
        reputation | senderscore | sender score | poor email | senderbase | talosintelligence |
        unexpected volume or user complaints
        """,
    ),
    (
        "speeding",
        "RFC 7505; Google, Yahoo, Postfix, Yandex, QQ",
        """
        rate limit | ratelimit | rate-limit | too many errors | too many invalid |
        too many unknown | too much recipient | out of allow rcpt |
        frequency too high | exceed the limit*per | mails per | rcpt*maximum threshold | try again slower |
        sending too fast | too fast | too quickly | too frequently | too many messages | too many emails | throttl |
        receiving mail at a rate | rate that prevents | unusual rate | excessive rate | rate exceeded |
        exceeded*rate | slow down | exceeded*sending limit | daily*limit | hourly limit | limit exceeded*per |
        message rate | too much mail | received too many | max defers and failures | emails per | messages per hour |
        发送频率 | 超过限制 | sending limit | deferred due to excessive | mail sending rate | too many mails
        """,
    ),
    (
        "toomanyconn",
        "Sendmail, Postfix, Yahoo, Cisco",
        """
        thread limit exceeded | too many connections | too many concurrent | too many simultaneous | too many smtp |
        connection limit | too many sessions | concurrent connections | maximum number of connections |
        many*connections from | limit*connections from | number of connections from | simultaneous connections |
        connection rate | too many open connections |
        too many hosts | already connected | trop de connexions | max message per connection |
        too many messages per connection
        """,
    ),
    (
        "failedstarttls",
        "RFC 3207 4",
        """
        starttls is required | must issue a starttls | starttls required | encryption required | tls required |
        tls is required | starttls*not support | tls*handshake | starttls | tls negotiation
        """,
    ),
    (
        "notcompliantrfc",
        "RFC 5322 3.6; Google",
        """
        not rfc 5322 compliant | is not rfc | not rfc 2822 | rfc 2822 compliant | multiple addresses in from |
        messages with multiple | bare lf | bare cr | not rfc compliant | duplicate*header field | violates rfc |
        rfc violation | bad header | improper folded header | malformed header | no from header | missing*header |
        line too long | invalid header | non-encoded 8-bit | 8-bit data | message is not rfc | not comply with rfc |
        this message does not have a from | multiple subject headers | headers*rfc | rfc 5322 | rfc5322 |
        without to: field | message-id: header are not | no message-id | missing a valid | message is malformed |
        bare linefeed | bare carriage
        """,
    ),
    (
        "virusdetected",
        "ClamAV, amavis, Mimecast",
        """
        virus detected | virus found | virus in | virus infected | a virus | infected | due to virus | rejected*virus |
        virus*reject | virus*block | virus*detected | virus*found | viruses*found | malware | dangerous attachment |
        trojan | worm detected | phishing attachment | clamav | eicar | 病毒 | security policies - mc |
        executable attachment
        """,
    ),
    (
        "contenterror",
        "RFC 3463 X.6.Z",
        """
        duplicate header | headers too large | media error | message filtered. please see the faq | contenterror |
        mime error | malformed mime | too many mime | illegal attachment | attachment*not allowed | attachment type |
        conversion required | unrepairable | nested*attachment | mime structure | mime complexity |
        header size exceeds | cannot be parsed | charset*not allowed | improper use of 8-bit | invalid mime |
        improperly-formatted | unnecessary base64 | with attachments or embedded | containing images or |
        number of attachments | individual header size | header name limit | invalid structure | error in header |
        header line format
        """,
    ),
    (
        "spamdetected",
        "SpamAssassin, rspamd, Barracuda, Proofpoint, Yahoo",
        """
        content rejected | spam content | considered spam | classified as spam | looks like spam |
        identified as spam | detected as spam | as spam | spam message | spam detected | spam score |
        spam rejected | spam-like | probable spam | likely spam | high spam | is spam | - spam | unsolicited bulk |
        unsolicited mail | unsolicited email | likely unsolicited | spamassassin | rspamd | junk | ube, | uce |
        spam filter | spam firewall | spam wall | suspicious content | message looks | bulk mail | probably spam |
        for one or more recipients*blocked | may be spam | spamsignature | contains spam | antispam | anti-spam |
        垃圾 | spam*reject | spam*block | rejected*spam | blocked*spam | spam | url*blacklist | body part contains |
        spamscore | spam policy | surbl | uribl | dblist | contains a blacklisted | content*denied |
        content*filter | bogus content | cyberoam | appears to be unsolicited |
        this message has been blocked because it contains | ジャンク | 迷惑メール | スパム | спам | 스팸
        """,
    ),
    (
        "norelaying",
        "RFC 3463 X.7.1; Postfix, Exim, Sendmail, Exchange",
        """
        relay access denied | email address is not verified | relaying denied | relay not permitted |
        unable to relay | relay denied | relaying not allowed | relay not allowed | not permitted to relay |
        no relaying | relay prohibited | mail relay | relaying is prohibited | not a relay |
        relay operation rejected | not allowed to relay | we do not relay | relay is not | open relay |
        that domain isn't in my list of allowed rcpthosts | rcpthosts | this system is not configured to relay |
        relaying mail | relay rejected | not local host | not an open relay | no relay | local user only |
        insecure mail relay | as a relay | relay this message | routing denied | cannot relay | not a gateway |
        non-local e-mail | credentials for relay | relay mail | send email directly to our servers | don't relay |
        do not relay | allowed to relay | not authorized to relay | unauthorized relay |
        relaying disallowed | relay disallowed | relaying is disabled
        """,
    ),
    (
        "hasmoved",
        "RFC 5321 4.2.3 (551), RFC 3463 X.1.6",
        """
        has been replaced by | has moved | no longer on server | user moved | address has changed | new address is |
        has changed to | changed his email | has a new address | has a new e-mail | has a new email |
        mailbox has moved | mailbox moved | account moved | recipient has moved | user has moved
        """,
    ),
    (
        "suspend",
        "RFC 3463 X.2.1; Gmail, Yahoo, Sina, i.ua, docomo",
        """
        account has been disabled | account is disabled | account*disabled | mailbox*disabled | disabled mailbox |
        mailbox is frozen | user*suspend | account*suspend | mailbox*suspend | suspend the service |
        recipient suspend | account*inactive | inactive account | mailbox is inactive | inactive user |
        user is inactive | has been suspended | account has been blocked | account is locked | temporary locked |
        temporarily locked | user hangup | mailbox*closed | account*closed | user*locked | mailbox*locked |
        mailbox currently suspended | disabled recipient | recipient*disabled | disabled or discontinued |
        discontinued | account expired | mailbox expired | is disabled | account*deactivat | mailbox*deactivat |
        deactivated | no longer active | not active | email account that you tried to reach is disabled |
        recipient*inactive | compte*bloque | account is blocked | account is closed | mailbox is blocked |
        mailbox blocked | user disabled | boite*inactive | mailbox*inactive | 账号被锁定 | 邮箱被锁 | 被冻结 |
        已冻结 | 被禁用 | 帐号已停用 | vacationing mailbox | out of service | user has been blocked |
        account is temporarily unavailable | account not active | is a deactivated mailbox |
        mailbox*not accepting messages | user*not accepting messages | account*not accepting messages | unpaid |
        mailbox frozen | user account is unavailable | billing | is currently suspended | destinataire archivee |
        archived recipient | konto*zablokowan | 계정*정지 | deaktiviert | desactivee | désactivée | disattivat |
        inactivo | inutilizzo | falta de uso | nieaktywn | due to inactivity | not currently being accepted for |
        administratively disabled
        """,
    ),
    (
        "blocked",
        "DNSBL practice, RFC 5782; Microsoft, Spamhaus, Trend Micro",
        """
        blocked using | blocked - see | dnsbl | blacklist | black list | blocklist | block list | block-list |
        spamhaus | spamcop | sorbs | barracudacentral | rbl | bl. | listed at | ip*blocked | ip*banned | ip*denied |
        access from ip | your ip | sending ip | blocked for abuse | blocked by ldap | host*blocked |
        client host rejected | server access forbidden | smtp server of your isp | use the smtp server of your |
        denied by ip | not allowed to connect | rejected*your ip | connection refused by policy |
        no access from mail server | part of their network | denylist | dynamic ip | dial-up | dialup |
        dynamically assigned | residential | bad sender ip | invalid domain name | unable to accept*from this ip |
        from*server rejected | helo command rejected | helo*reject | helo name | forged helo | ehlo*invalid |
        service refuse | access denied... | connection rejected | connections from | email blocked | mail blocked |
        blocked by | not accept connections | email from*network | your network | your server | your mail server |
        server*not allowed | not in whitelist | bad dns | unauthorized ip | sender ip | client address |
        all mail servers must | intrusion prevention | temporarily blocked
        """,
    ),
    (
        "rejected",
        "RFC 3463 X.1.7, X.1.8; Postfix, Sendmail, Yahoo",
        """
        sender address rejected | domain of sender address | sender rejected | sender domain |
        sender*does not exist | sender verif | mail from unknown | reply-to address | sender address |
        invalid sender | no such sender | verify the sender | bad sender | sender denied | sender not |
        from: domain is invalid | valid from |
        unknown sender | purported responsible | sender*blocked | sender*blacklisted |
        to/from an address that has been blacklisted | rejected*return path | return address | not a member of the |
        not a member of this | not a member of group | null sender | empty envelope sender | bounce*not accept |
        mail from*not exist | address that has been | not accept mail from | cannot accept mail from |
        not allowed to post | you do not have permission | not have permission | not allowed to send |
        you are not allowed | unauthorized sender | restricted to | not authorized to send | not accept*sender |
        you have been blocked | recipient rejects mail from | allowed senders | only accepts mail from |
        blocked sender | <> is not accepted | backscatter | sender is not | from address | mail from address |
        envelope sender | batv | will be permanently deferred | bogus mail from | bouncedeny | senderfilterconfig |
        emetteur invalide | third-party dsn | unsigned dsn | fully qualified email address |
        registered gateway user | not owned by user | returned mail not accepted | recursive cname |
        sender email address | mail sending denied | is spoofed | members-only | only accepts posting |
        only accepts mail from | postings from members | closed mailing list | members may post | permitted sender |
        contacts only | not subscribed to this |
        only accepting mail from specific | sender*has no a, | sender*has no mx | sender*has no dns
        """,
    ),
)

# What servers say of an address or domain that is not there.
DEAD_PHRASES: Table = (
    (
        "hostunknown",
        "RFC 3463 X.1.2; Sendmail, Postfix, Exim, qmail",
        """
        host unknown | unknown host | host not found | host*not found | domain not found | domain does not exist |
        no such domain | domain*does not exist | unrouteable address | unrouteable mail domain |
        name or service not known | name service error*not found | nxdomain | no such host | unknown domain |
        invalid domain | domain*not exist | domain is not reachable | couldn't find any host | couldn't find a host |
        host or domain name not found | domain name not found | bad destination system |
        all relevant mx records point to non-existent | domain must resolve | the account or domain may not exist |
        host address lookup failed | no route to domain | illegal host | bad domain | recipient domain must exist |
        mail domain mentioned in email address is unknown | unroutable address | nonexistent domain |
        non-existant domain | unknown mail domain | not be found in the dns | not found in dns |
        nonexistentdomain | remote domain doesn't exist | dominio no existe | dominio non esiste |
        domaine*n'existe pas | 域名不存在 | 网域不存在 | 도메인*존재하지 | host name is unknown | hostname is unknown |
        domain is not hosted | domain not in use | domain is not in use | domain invalid | domain is invalid
        """,
    ),
    (
        "notaccept",
        "RFC 7504 (521, 556), RFC 7505",
        """
        does not accept mail | domain does not accept | null mx | nullmx | no mx record |
        not accepting network messages | host does not receive | no mail service | server does not accept mail |
        smtp protocol returned a permanent error | no mail is accepted | mx resource record | has no mx |
        no mx found | no valid mx | no mx hosts | no mail hosts | non-existent mx | nonexistent mx
        """,
    ),
    (
        "userunknown",
        "RFC 3463 X.1.1; every MTA",
        """
        user unknown | unknown user | not our customer | invalid rcpt | has been deleted | account*deleted |
        user*deleted | recipient name is not recognized | no such user | user not found | no such mailbox |
        no such recipient | no such address | no such account | unknown recipient | recipient unknown |
        recipient not found | recipient*not found | mailbox not found | mailbox*not found | mailbox does not exist |
        user does not exist | address does not exist | account does not exist | recipient does not exist |
        does not exist | doesn't exist | not exist here | unknown local | unknown address | unknown mailbox |
        unknown account | unknown alias | unknown or illegal | invalid recipient | invalid user | invalid mailbox |
        invalid address | address unknown | not a valid mailbox | not a valid user | not a valid recipient |
        no valid recipient | not listed in | not a known user | isn't a known | not known here | no mailbox here |
        no mailbox by that name | no account by that name | no longer valid | no longer available | no longer exists |
        user doesn't have*account | doesn't have a*account | couldn't be found | could not be found | bad address |
        bad destination mailbox | recipient address rejected: undeliverable | recipient address rejected: user |
        unrecognized recipient | not our user | mailbox unavailable | account not found | address not found |
        user*not exist | not found by smtp address lookup | inactive email address | no person with that address |
        no local mailbox | not exist | is not a valid | address error | user*unknown | unknown*user |
        unknown in | not a user | non-existent | nonexistent | account is not available | mailbox not available |
        destination*not valid | recipient no longer | no such person | user name*not valid | user is unknown |
        unable to find | cannot be found | addressee unknown | email account that you tried to reach does not exist |
        not valid*address | invalid to | recipient is not | user*invalid | unknown e-mail | unknown email |
        имя получателя | нет такого | пользователь не найден | destinatario desconocido | unbekannt | inconnu |
        ungültig | не существует | user is not found | 見つかりません | 存在しません | ユーザー不明 |
        no mail box available | no mail box found | no mailbox found | mail-box not found | bad_recipient |
        bad recipient | bad-recipient | not an active address | no one at this address | no longer accepts mail |
        email name is not found | badrcptto | badrecipientto | no such email | name not found |
        not present in directory | not in directory | can't accept user | rejected recipients | not a local address |
        not known to us | account unavailable | no existe | nessun utente | nie istnieje | neexistuje | nem létezik |
        bestaat niet | finnes ikke | findes ikke | finns inte | não existe | nao existe | bulunamadı | không tồn tại |
        존재하지 않 | 없는 사용자 | 查無此人 | 無此帳號 | 信箱不存在 | 不存在 | ディレクトリのリストにありません |
        non esiste | n'existe pas | existiert nicht | unbekannter empfänger | missing home directory |
        unavailable mail user | address invalid | not found in ldap | no such mail drop | no one with that |
        recipient not allowed | sconosciut | inesistente | destinatario errato | nie ma takiego |
        handle mail for that user | nobody by that name | nobody with that name | no one by that name |
        nosuchuser | unresolvable address | not one of our | nobody called | no one called | account*been removed |
        mailbox*been removed | account was removed | mailbox was removed | no mailbox | no mail-box | no one here |
        cannot deliver mail for | not a member of domain | wrong user | wrong recipient |
        incorrect user | incorrect recipient | mailbox deleted | account deleted |
        left the company | no longer employed | is unknown at | unknown at host | not found in directory |
        not found in the directory | not a mailbox | several matches found in domino directory
        """,
    ),
)

# Words so common that everything else has to be asked before.
LATE_PHRASES: Table = (
    (
        "policyviolation",
        "RFC 3463 X.7.Z; Yahoo Japan, Google, Mimecast",
        """
        policy reasons | protocol violation | policy violation | denied by policy | against policy | policy reject |
        local policy | security policies | violates*policy | policy*violat | potential security issue |
        administrative prohibition | prohibited by administrator | policy restriction | policy | message not allowed |
        host network not allowed | header error | delivery not authorized | message refused | rejected for policy |
        http://mail.163.com/help | administratively | unacceptable content | not acceptable |
        header are not accepted | organizational settings | low priority | without solving a captcha |
        content presents a potential | data before greeting | identity changes
        """,
    ),
    (
        "securityerror",
        "RFC 3463 X.7.Z, RFC 4954",
        """
        authentication required | authentication is required | authentication failed | not authenticated |
        without authentication | smtp authentication | unauthenticated senders | must authenticate | auth required |
        bad username or password | auth failure | authentication failure | authentication credentials | security |
        cryptographic | authentication turned on | unauthorized | not authorized | user*not permitted |
        verification failure | server authentication | smtp authentication | login attempts | log in with |
        log in through | username and password | failed to authenticate | incorrect authentication |
        application-specific password
        """,
    ),
    (
        "filtered",
        "Postfix, access(5): one recipient refused without a word why; with 5.4.1 it is Exchange's directory",
        """
        recipient address rejected: access denied
        """,
    ),
    (
        "rejected",
        "Postfix, Exchange",
        """
        access denied | mail rejected by destination domain | not permitted | rejected by the recipient |
        rejected by recipient
        """,
    ),
    (
        "filtered",
        "RFC 3463 X.2.0, X.7.1 about one recipient",
        """
        chosen not to receive | not want to receive | not wish to receive | user reject |
        rejected by a remote mail server | recipient rejected | rejected by user | recipient refused |
        does not accept any | message filtered | rejected by the domain filter | refused due to recipient |
        user*not accept | user refuses | recipient's policy | because of protection for |
        this address no longer accepts | we failed to deliver mail because | the user's mail filter | challenge |
        rejected by a filter | blocked by the recipient | user's filter | does not like recipient |
        due to extended inactivity | not accept mail for this | restricted sms | not accepting any mail |
        due to user rules | account is protected by | blocked by the recipient | recipient account |
        rejected by this user | preferences prevent | will not accept mail from
        """,
    ),
    (
        "networkerror",
        "RFC 3463 X.4.Z; Postfix, Exim, Exchange",
        """
        no route to host | network error | network is unreachable | network unreachable | host name lookup failure |
        lookup failure | name lookup failed | dns error | dns lookup | name service error | temporary lookup |
        hop count | too many hops | mail loop | loops back to myself | routing loop | maximum allowed times |
        forwarded more than | loop detected | too many received | connection reset | lost connection |
        connection lost | connection dropped | unable to resolve | host is unreachable | connect failed |
        broken pipe | resolve | unexpectedly closed | mail forwarding loop | possible loop | looping |
        malformed or unexpected name server reply | dns server | temporary failure in name |
        could not connect and send | destination computer could not be found | malformed name server reply |
        loop count | was dropped by | closed abruptly | connection was closed | no relevant answers |
        returned answer with no data | routes to destination | route to destination | retrieve source address |
        incorrect hostname used | hops, this may
        """,
    ),
    (
        "expired",
        "RFC 5321 4.5.4.1, RFC 3463 X.4.7",
        """
        timed out | timeout | unable to deliver this message after | hosts have been failing | expired |
        delivery time | in the queue too long | too long in queue | giving up | could not be delivered for |
        not been able to deliver | retry time | deleted from queue | not responding | connection refused |
        unable to connect | retry timeout | delivery failed*attempts | will be retried | unable to deliver in |
        still undelivered | warning message only | not reachable | been in the queue | not be delivered within |
        cannot connect | could not connect | no answer from host | has been delayed | is being delayed |
        not yet been delivered | delivery*delayed | retry | max retries | exceeded maximum delivery time |
        delivery attempts | no connection | not yet received | connect to | unreachable | aborted after*hour |
        failing for a long time | has not been collected | did not respond | multiple retries |
        could not find a gateway | failed to deliver to domain | no action is required on your part | queue too long |
        long failure period
        """,
    ),
    (
        "mailererror",
        "sysexits.h; procmail, Sendmail, Exim",
        """
        x-unix; | unknown mailer error | pipe to | command died | exit status | mailer error | local delivery failed |
        operating system error | can't create output | couldn't create | procmail | command failed | exited with |
        command output | child*exit | command time limit exceeded | maildrop | returned error |
        unable to deliver to local
        """,
    ),
    (
        "systemfull",
        "RFC 3463 X.3.1",
        """
        mail system full | system full | disk full | no space left | insufficient system storage |
        insufficient system resources | out of disk | filesystem is full | not enough space
        """,
    ),
    (
        "systemerror",
        "RFC 3463 X.3.Z; Exchange, Sendmail, Cloudflare",
        """
        greylist | graylist | internal error | service currently unavailable | service is currently unavailable |
        system error | server error | local configuration error | configuration error | config error | local error |
        temporary failure | temporary problem | service unavailable | service not available | internal system |
        server configuration | temporary system | could not load | system problem | out of memory | software error |
        i/o error | input/output error | interrupted system call | can't open | permission denied |
        aliasing/forwarding loop | mail server temporarily | temporary error | upstream error | unable to process |
        system not | busy | server is down | duplicated message-id | proxy error | operation not permitted |
        transaction failed | shutting down | resources temporarily | all available ips | temporarily unavailable |
        remote protocol error | backend | could not be processed | error while being processed |
        found in the mail exchanger | file write error | misconfigured | incorrectly configured | temporary local |
        temporary mta failure | relaying*temporar | delivery to file forbidden | ldap | bad interpreter |
        permanent error while executing | server temporarily rejected | multiple destination domains |
        domain policy size | message ended early | unable to process | load is too high | too much load |
        delivery temporarily suspended | try again in | verification in progress
        """,
    ),
    (
        "syntaxerror",
        "RFC 5321 4.2.2 (500-504)",
        """
        syntax error | improper sequence | bad sequence | command not implemented | parameter not implemented |
        command unrecognized | command not recognized | unrecognized command | unknown command | invalid command |
        nested mail | command parameter | need rcpt | need mail | not implemented | nested too deep | source-routed |
        protocol violation, no commands | no data after | unauthenticated commands | hello first |
        unrecognized commands | unimplemented
        """,
    ),
    ("onhold", "RFC 3463 X.0.0", "on hold | recipient error"),
    (
        "vacation",
        "RFC 3834",
        """
        i am away | out of the office | out of office | i will be traveling | on vacation | on holiday | i'm away |
        on leave until | away until | annual leave
        """,
    ),
)
