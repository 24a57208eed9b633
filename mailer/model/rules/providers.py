"""Answers that name one provider's own words or code: nothing is left to guess, so they are asked first.

A phrase is compared with the server's text in lower case, blanks run together, addresses replaced by `<>` and
links left out but for Google's `?p=` codes. `*` stands for at most 60 characters, `|` stands between phrases. A
row is (reason, source, phrases): the source says where the words are documented or which software writes them.
"""

from __future__ import annotations

Table = tuple[tuple[str, str, str], ...]

PROVIDER_CODES: Table = (
    (
        "suppressed",
        "Amazon SES: docs.aws.amazon.com/ses, sending-email-suppression-list",
        """
        on the suppression list | from the suppression list | amazon ses has suppressed | suppression list
        """,
    ),
    (
        "suppressed",
        "SendGrid: docs.sendgrid.com, dropped events",
        "bounced address: | has previously bounced | is suppressed",
    ),
    ("suppressed", "Postmark: postmarkapp.com/developer, error 406", "found inactive addresses"),
    (
        "suppressed",
        "Mailgun: documentation.mailgun.com, its codes 605 to 607",
        """
        not delivering to previously bounced | not delivering to unsubscribed | not delivering to a user who |
        not delivering to suppressed
        """,
    ),
    ("norelaying", "hMailServer: its rule for mail from outside to outside", "delivery is not allowed to this address"),
    ("rejected", "Google Groups: notices in every language", "groups.google.com/support"),
    (
        "authfailure",
        "Google: support.google.com/a/answer/3726730",
        """
        senders to authenticate | authentication didn't pass | aligned with either the authenticated |
        spf record of the sending domain
        """,
    ),
    (
        "failedstarttls",
        "Google: support.google.com/a/answer/3726730",
        """
        sent over a tls connection | to use tls/ssl for smtp
        """,
    ),
    (
        "userunknown",
        "Google, Proofpoint Essentials, ZeroSpam: smtpfieldmanual.com, 550, 553 and 554",
        """
        recipient address*is not a valid rfc | user email address is marked as invalid | not in recipient list |
        recipient mailbox unallocated
        """,
    ),
    (
        "notcompliantrfc",
        "Google: support.google.com/a/answer/3726730",
        """
        disallowed header | encoded-word syntax | is not a valid rfc
        """,
    ),
    (
        "speeding",
        "Google: support.google.com/a/answer/3726730",
        """
        sending messages with the same message-id | sending quota exceeded | message quota exceeded
        """,
    ),
    (
        "authfailure",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        tlsa-invalid | dnssec-invalid | certificate-host-mismatch | certificate-expired
        """,
    ),
    (
        "speeding",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        message receive limit | recipient thread limit | exceeded permitted limits | submission quota |
        tenant has exceeded threshold | reached your daily limit | recipient has exceeded their limit
        """,
    ),
    (
        "blocked",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        traffic not accepted from this ip | customer block list | restrictdomainsto | spam abuse detected
        """,
    ),
    (
        "rejected",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        blocked from sending from unregistered | bad outbound sender | banned sender | allowed-senders list |
        sender not authenticated | sender was not authenticated
        """,
    ),
    (
        "suspend",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        banned recipient | mailbox cannot be accessed
        """,
    ),
    (
        "notaccept",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        no mail-enabled subscriptions
        """,
    ),
    (
        "contenterror",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        message depth exceeded | too many related errors | invalid message content | barelinefeeds | x-dg-ref
        """,
    ),
    (
        "userunknown",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        addresses in single label domains
        """,
    ),
    (
        "systemerror",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        service not active | journaling archive | message failed to be replicated | suspiciousremoteserver |
        agent busy | mailing list expansion | misconfigured forwarding | mailbox address ambiguous
        """,
    ),
    ("rejected", "Yahoo: senders.yahooinc.com/smtp-error-codes", "unresolvable rfc.5321"),
    (
        "suspend",
        "Yahoo: senders.yahooinc.com/smtp-error-codes",
        """
        dd <> is no longer valid | dd not a valid recipient
        """,
    ),
    ("userunknown", "Yahoo: senders.yahooinc.com/smtp-error-codes", "552 1 requested mail action aborted"),
    (
        "authfailure",
        "Mimecast: mimecastsupport.zendesk.com/hc/en-us/articles/34000709564691",
        """
        spf sender invalid | dkim sender invalid | dmarc sender invalid
        """,
    ),
    (
        "rejected",
        "Mimecast: mimecastsupport.zendesk.com/hc/en-us/articles/34000709564691",
        """
        envelope blocked | envelope rejected | blocked senders
        """,
    ),
    (
        "toomanyconn",
        "Mimecast: mimecastsupport.zendesk.com/hc/en-us/articles/34000709564691",
        """
        account service is temporarily unavailable | outbound thread limit
        """,
    ),
    (
        "notaccept",
        "Mimecast: mimecastsupport.zendesk.com/hc/en-us/articles/34000709564691",
        """
        account inbounds disabled
        """,
    ),
    (
        "onhold",
        "Mimecast: mimecastsupport.zendesk.com/hc/en-us/articles/34000709564691",
        """
        account outbounds disabled
        """,
    ),
    (
        "failedstarttls",
        "Mimecast: mimecastsupport.zendesk.com/hc/en-us/articles/34000709564691",
        """
        this route requires | invalid for this certificate
        """,
    ),
    (
        "authfailure",
        "Symantec, MessageLabs: knowledge.broadcom.com/external/article/162137 and its neighbours",
        """
        domain authentication fail
        """,
    ),
    (
        "badreputation",
        "Symantec, MessageLabs: knowledge.broadcom.com/external/article/162137 and its neighbours",
        """
        connection rejected by policy
        """,
    ),
    (
        "contenterror",
        "Symantec, MessageLabs: knowledge.broadcom.com/external/article/162137 and its neighbours",
        """
        stray linefeeds
        """,
    ),
    (
        "speeding",
        "Symantec, MessageLabs: knowledge.broadcom.com/external/article/162137 and its neighbours",
        """
        too many recipients received
        """,
    ),
    (
        "rejected",
        "Symantec, MessageLabs: knowledge.broadcom.com/external/article/162137 and its neighbours",
        """
        badmailfrom | your domain has been bl | email address has been bl | email address*has been blocked
        """,
    ),
    (
        "spamdetected",
        "Symantec, MessageLabs: knowledge.broadcom.com/external/article/162137 and its neighbours",
        """
        553 message filtered | outbound scanning
        """,
    ),
    (
        "userunknown",
        "Symantec, MessageLabs: knowledge.broadcom.com/external/article/162137 and its neighbours",
        """
        recipient mailbox is not allowed
        """,
    ),
    (
        "speeding",
        "QQ: service.mail.qq.com/detail/122/1011 and its neighbours",
        """
        frequency of receiving messages | sender frequency limited
        """,
    ),
    ("userunknown", "directories, Domino's and others", "address not listed at | recipient not listed at"),
    (
        "blocked",
        "DNSBL operators' names, RFC 5782",
        """
        blocked using | dnsbl | spamhaus | spamcop | sorbs | barracudacentral | mailspike | listed at | listed by |
        is listed | listed on | rbl.
        """,
    ),
    ("expired", "Google: notices", "did not accept our requests to connect"),
    ("virusdetected", "amavis, Barracuda: content verdicts", "virus detected | virus found"),
    (
        "userunknown",
        "Yahoo: SMTP error codes, 554 delivery error: dd",
        """
        dd this user doesn't have | dd requested mail action aborted*mailbox not found
        """,
    ),
    (
        "blocked",
        "Apple, Yahoo Japan, au: refusals of a client address",
        """
        not accepting connections | invalid ip for sending | too many unwanted messages
        """,
    ),
    ("requireptr", "Exchange gateways: the name and the address of a client disagree", "mismatches client ip"),
    ("spamdetected", "Barracuda, amavis: content verdicts", "content rejected"),
    (
        "mailererror",
        "procmail, Exim, Sendmail: local delivery",
        """
        procmail: | x-unix; | pipe to | operating system error | couldn't create
        """,
    ),
    ("hasmoved", "RFC 5321 4.2.3: 551 user not local", "551 not our"),
    ("toomanyconn", "Postfix anvil", "connection rate limit | connection limit exceeded | too many recipients"),
    ("mesgtoobig", "RFC 5321 4.5.3.1", "line limit exceeded"),
    (
        "rejected",
        "RFC 7505 4.2: our own domain takes no answers",
        """
        sender*null mx | sender*nullmx | sender*does not accept mail
        """,
    ),
    ("notaccept", "RFC 7505", "null mx | nullmx | indicated no smtp service | find a mail exchanger"),
    ("userunknown", "Cisco AsyncOS: refusals of its recipient access table and directory", "5.1.0 address rejected"),
    (
        "networkerror",
        "Google, Postfix: the domain's name servers did not answer",
        """
        dns error: | host not found, try again
        """,
    ),
    ("userunknown", "IceWarp: its refusal at RCPT", "command rcpt user"),
    ("userunknown", "qmail's validrcptto patch", "my validrcptto list"),
    ("userunknown", "Google: notices", "address couldn't be found"),
    (
        "userunknown",
        "HCL Domino, Exchange 5.5 and 2003, GroupWise: notices of a directory",
        """
        (user not found) | unknown user: | recipient name is not recognized | msexch:ims*unknown recipient |
        no such recipient in*directory | not listed in domino directory | not listed in public name |
        not listed in*directory | not listed in*address book
        """,
    ),
    ("userunknown", "Google: support.google.com/a/answer/3726730", "?p=nosuchuser | ?p=baduser"),
    (
        "hostunknown",
        "QQ, NetEase, Alibaba Mail: the words of their notices (qqmailbox.com/transceivers/169.html)",
        """
        域名不存在 | 域名*不存在 | 域名解析失败 | dns解析失败
        """,
    ),
    (
        "userunknown",
        "QQ, NetEase, Alibaba Mail: the words of their notices (qqmailbox.com/transceivers/169.html)",
        """
        用户不存在 | 收件人不存在 | 邮箱不存在 | 地址不存在 | 帐号不存在 | 账号不存在 | 未开通qq邮箱 | 收件人*不存在 |
        用户*不存在 | 邮箱*不存在 | 地址*不存在 | 帐号*不存在 | 账号*不存在 | 550 user not exist |
        550 user not found: <>
        """,
    ),
    ("userunknown", "Yandex: as seen in its refusals (not looked up)", "no such user!"),
    (
        "userunknown",
        "Mail.ru: its refusals of a mailbox of its own, which come after the content too",
        "local mailbox*user not found",
    ),
    ("suspend", "Mail.ru: its refusals of a mailbox of its own", "local mailbox*account is disabled"),
    ("notaccept", "hMailServer: the notice of a domain without servers", "no mail servers appear to exist"),
    ("systemerror", "Courier, procmail, Dovecot: mailbox locks", "locked by another | lock file | lock the mailbox"),
    ("blocked", "Microsoft: its codes of outlook.com", "550 sc-00 | 550 ou-00 | 550 dy-00"),
    ("suspend", "Google: support.google.com/a/answer/3726730", "?p=disableduser | ?p=inactiveuser"),
    ("mailboxfull", "Google: support.google.com/a/answer/3726730", "?p=overquota | inbox is out of storage"),
    ("notcompliantrfc", "Google: support.google.com/a/answer/3726730", "?p=rfcmessagenoncompliant"),
    ("authfailure", "Google: support.google.com/a/answer/3726730", "?p=dmarcrejection | ?p=unauthenticated"),
    ("policyviolation", "Google: support.google.com/a/answer/3726730", "?p=blockedmessage"),
    ("speeding", "Google: support.google.com/a/answer/3726730", "?p=receivingrate | ?p=unsolicitedratelimit"),
    (
        "userunknown",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        resolver.adr.recipnotfound | resolver.adr.recipientnotfound | resolver.adr.exrecipnotfound |
        5.4.1*recipient address rejected: access denied | recipient address rejected: access denied. as(20 |
        resolver.adr.invalidinsmtp
        """,
    ),
    (
        "securityerror",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        resolver.rst.authrequired | resolver.rst.notauthorized | resolver.rst.restrictedtorecipientspermission
        """,
    ),
    (
        "mesgtoobig",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        resolver.rst.sendsizelimit | resolver.rst.recipsizelimit
        """,
    ),
    (
        "mailboxfull",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        quotaexceededexception | mapiexceptionshutoffquota
        """,
    ),
    (
        "blocked",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        banned sending ip | (s3140) | (s3150)
        """,
    ),
    (
        "badreputation",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        due to ip reputation | 4.7.650
        """,
    ),
    (
        "networkerror",
        "Microsoft: learn.microsoft.com, non-delivery-reports-in-exchange-online",
        """
        5.4.312 | dns query failed
        """,
    ),
    ("userunknown", "Facebook: postmaster.facebook.com/response_codes", "rcp-p1 | int-p1 | int-p3 | int-p4"),
    ("mesgtoobig", "Facebook: postmaster.facebook.com/response_codes", "msg-p1 | int-p2"),
    (
        "filtered",
        "Facebook: postmaster.facebook.com/response_codes",
        """
        rcp-p2 | rcp-p3 | due to recipient preferences
        """,
    ),
    (
        "badreputation",
        "NetEase: its list of return codes (a copy at biecuoliao.com/pa/MBRrwEM.html)",
        """
        hl:rep | hl:mep | hl:ihu
        """,
    ),
    ("toomanyconn", "NetEase: its list of return codes (a copy at biecuoliao.com/pa/MBRrwEM.html)", "hl:icc"),
    (
        "speeding",
        "NetEase: its list of return codes (a copy at biecuoliao.com/pa/MBRrwEM.html)",
        """
        hl:ifc | mi:dmc | mi:sfq | rp:drc | rp:qrc | rp:trc | rp:rcl | mi:stc | mi:cel | mi:ccl | rp:cel | rp:ccl
        """,
    ),
    (
        "authfailure",
        "NetEase: its list of return codes (a copy at biecuoliao.com/pa/MBRrwEM.html)",
        """
        mi:spf | mi:dma
        """,
    ),
    ("spamdetected", "NetEase: its list of return codes (a copy at biecuoliao.com/pa/MBRrwEM.html)", "dt:spm"),
    (
        "blocked",
        "NetEase: its list of return codes (a copy at biecuoliao.com/pa/MBRrwEM.html)",
        """
        hl:ipb | dt:rbl | wm:bli | wm:blu | mi:spb
        """,
    ),
    (
        "rejected",
        "NetEase: its list of return codes (a copy at biecuoliao.com/pa/MBRrwEM.html)",
        """
        mi:imf | dt:sum | mi:nhd
        """,
    ),
    ("norelaying", "NetEase: its list of return codes (a copy at biecuoliao.com/pa/MBRrwEM.html)", "rp:frl"),
    (
        "speeding",
        "QQ: its return codes (smtp.codes/qq)",
        """
        connection frequency limited | ip frequency limited | domain frequency limited | frequency limit |
        mailbox unavailable or access denied [
        """,
    ),
    ("filtered", "Cox and others: which of the two it is, is left open", "mailbox unavailable or access denied"),
    ("rejected", "QQ: its return codes (smtp.codes/qq), of the sender's", "domain may not exist or dns check"),
    ("spamdetected", "QQ: its return codes (smtp.codes/qq)", "mail content denied | suspected spam"),
    ("blocked", "QQ: its return codes (smtp.codes/qq)", "suspected bounce attacks | connection denied"),
    (
        "blocked",
        "Coremail: icoremail.vip/support; Sina: blog.sina.com.cn/s/blog_8dc13ec50101fxxr",
        """
        invalid ip | black ip | ip is rejected | ip is hangup | helohost error
        """,
    ),
    (
        "rejected",
        "Coremail: icoremail.vip/support; Sina: blog.sina.com.cn/s/blog_8dc13ec50101fxxr",
        """
        fake sender | sender is rejected | denies the sender | sender is unvalidated
        """,
    ),
    ("norelaying", "Sina: blog.sina.com.cn/s/blog_8dc13ec50101fxxr", "host denies relay"),
    ("spamdetected", "Sina: blog.sina.com.cn/s/blog_8dc13ec50101fxxr", "too many same size mails"),
    (
        "blocked",
        "T-Online: postmaster.t-online.de 4.1 (quoted at spamresource.com/2020/06)",
        """
        a problem occurred. (ask your postmaster
        """,
    ),
    ("virusdetected", "Mimecast: mimecastsupport.zendesk.com/hc/en-us/articles/34000709564691", "mcspamsignature"),
    ("toomanyconn", "Spectrum: its AUP# codes (not looked up)", "aup#in-1310 | aup#in-1320 | aup#in-1330"),
    ("spamdetected", "Orange: its own code, as seen in refusals (not looked up)", "ofr_506"),
    (
        "blocked",
        "Apple: smtp.codes/icloud; Cloudmark: csi.cloudmark.com; La Poste: its LPN codes",
        """
        csi.cloudmark.com | [cs01] | [hm08] | lpn006_
        """,
    ),
)
