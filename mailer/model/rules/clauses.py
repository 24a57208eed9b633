"""What English says of a reader in one clause: words for him, that his mailbox is full or off, that he is not there.

`|` stands between words, a `*` at the end of one for any ending. Asked where no phrase is known.
"""

from __future__ import annotations

# Who, or what of his, a clause may be about; and what of his can be switched off.
READERS = (
    "user* | recipient* | rcpt | mailbox* | mail box | mail-box | inbox | account* | address* | alias* | box | "
    "e-mail | email | local part | local-part | customer* | subscriber* | member* | person | people | employee* | "
    "staff | name | username | student* | login | destination | somebody | anybody | someone | anyone | "
    "individual | contact | <> | mbx | receiver*"
)
HOLDINGS = (
    "user* | mailbox* | mail box | inbox | account* | box | member* | customer* | subscriber* | student* | receiving"
)

FULL = (
    "full | no space | no more space | no free | no room | no more room | out of space | out of room | over its | "
    "over his | over her | over their | exhausted | not enough space | not enough storage | overflow* | overdrawn | "
    "used up | reached its | reached his | reached her | reached their | capacity | quota* | allotted | "
    "any more mail | no more mail | too many messages | storage* | used all | over the"
)
OFF = (
    "disabled | suspend* | locked | frozen | inactiv* | closed | expired | deactivat* | terminat* | on hold | "
    "archived | not activated | lapsed | dormant | abandoned | unused | switched off | turned off | not enabled | "
    "barred | revoked | unpaid | overdue | log in | logged in | last login | decommission* | paused | cancelled | "
    "canceled | parked | not active | no longer active | retired | not been used | not used for | long time"
)
GONE = (
    "unknown | unkown | unrecogni* | invalid | nonexist* | non-exist* | inexist* | bogus | fictiti* | fake | "
    "imaginary | wrong | incorrect | erroneous | mistyped | misspel* | mis-spel* | illegal | bad | unresolv* | "
    "unassigned | unallocated | unregistered | unprovisioned | unlisted | undeliverable | withdrawn | removed | "
    "deleted | purged | erased | wiped | obsolete | defunct | abolished | gone | has left | left the | left our | "
    "left us | departed | resigned | moved away | moved on | passed away | deceased | ceased to exist | vanished | "
    "not in service | no longer | left | absent | unavailable | existant | non-existant | non existant | missing | "
    "retired | not used"
)

# How he is denied: a denial and, within a few words, being or knowing; nobody; and who no longer belongs here.
DENIALS = "no | not | never | cannot | without | unable to | fails to | failed to | neither | dont | doesnt | dosn't"
BEING = (
    "exist* | found | find | know* | match* | recogni* | register* | list* | defin* | assign* | allocat* | host* | "
    "serv* | provision* | locat* | identif* | belong* | has | have | handl* | contain* | valid | present | set up | "
    "setup | creat* | associat* | correspond* | here | one of | with us | on file | on record | employ* | work* | "
    "live* | map* | in our | in the | on our | on this | at this | of this | part of | resid* | in service | "
    "in use | resolv* | verif* | validat* | look up | heard of | determin* | of ours | of our | of mine | among | "
    "on staff"
)
SEEKING = "exist* | found | find | know* | match* | recogni* | locat* | identif* | heard of"
NOBODY = "nobody | no one | no-one | none of | nothing called | no trace of | no record of | know no"
BELONGING = (
    "work* | employ* | with us | with the | with our | with this | here | part of | a member | in use | associated | "
    "has an | have an | has a | have a"
)

# What is denied to us, or said of us or of the message; of the system; and what may pass denies nobody.
NOT_OF_HIM = (
    "sender* | from you* | mail from | mails from | messages from | received from | from address* | from <> | "
    "from ip | from: | your | yours | you are not | ip | helo | ehlo | dns | mx | ptr | spf | dkim | dmarc | "
    "certificate* | signature* | key | relay* | permission* | permitted | allowed | authori* | authent* | spam | "
    "content* | attachment* | policy | policies | virus | quota | space | room | size | command* | argument* | "
    "parameter* | option | header* | subject | url | link | message-id | reply | reason | connection* | lookup | "
    "error* | whitelist* | your domain | your host* | sender domain | no such file | server is | "
    "service unavailable | service is | service not | this service | the service | reverse | rdns"
)
OF_THE_MESSAGE = "message* | delivery | retry | queue | time | attempt*"
OF_THE_SYSTEM = "system* | server* | spool | queue | filesystem | your | sender*"
PASSING = (
    "temporar* | later | again | at this time | at the moment | currently | momentar* | busy | timeout | greylist*"
)
# What else than the reader may be missing, unknown or wrong, and what that means.
ELSE = (
    ("blocked", "helo | ehlo | your provider"),
    ("rejected", "your sender* | sender's | sender domain | from domain | to our user* | to our customer*"),
    ("authfailure", "dkim | spf | dmarc | key"),
    ("requireptr", "your host* | your ptr | your server | reverse"),
    ("spamdetected", "link* | url* | score | wants | want | asked for | unsolicited"),
    ("notcompliantrfc", "header* | message-id"),
    ("norelaying", "relaying | to relay | relayed"),
    ("securityerror", "password | log in | login first"),
    ("mailererror", "command not | script | agent | program | plugin | file or directory"),
)
# An answer that speaks of what we send with: our account is off, unknown or used up, and not the reader's.
OURS = (
    "sending paused | sending is | your account | your smtp | your plan | your user | trial account | submission | "
    "outgoing | for sending | send mail | smtp account | smtp user | authenticate first | please authenticate | "
    "please log in | aws account | plan's | this relay"
)
# After "no user", "no account": what makes of it no denial of him.
NO_DENIAL = (
    "given | specified | provided | supplied | want | wants | ask | asks | asked | accept* | may | can | will | "
    "should | must | wish* | like* | need* | request* | activit*"
)
