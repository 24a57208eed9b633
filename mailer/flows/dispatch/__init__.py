"""Dispatch: from the outbox over a relay into the delivery log.

    claim -> intent recorded -> compose -> relay -> reply -> outcome recorded

A claim is committed, and its journal made, before anything of it is handed over; outcomes are committed in
groups. No transaction is open while the network is waited for. What cannot be recorded is not sent.

`dispatcher` feeds the connections and flushes what they learn, `connection` sends, `outcome` says what an answer
means, `books` holds the transactions, `batch` what goes between them.
"""

from mailer.flows.dispatch.batch import Refusal
from mailer.flows.dispatch.desk import Observer, Tally
from mailer.flows.dispatch.dispatcher import Dispatcher
from mailer.flows.dispatch.outcome import Retry

__all__ = ["Dispatcher", "Observer", "Refusal", "Retry", "Tally"]
