"""Sign: the DKIM signatures of a claimed batch, made ahead of sending, away from what holds the connections.

    claim committed -> each message composed, hashed, signed in a few threads -> composed again when it is sent

An RSA signature takes longer than everything else about a message, and the interpreter is free meanwhile. Only the
signature is kept until then, some hundred bytes, not the message.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mailer.mail.wire import WirePieces
from mailer.rendering.outgoing import Outgoing
from mailer.store.picking import Claimed

if TYPE_CHECKING:
    from mailer.mail.dkim import Signer

Compose = Callable[[Claimed], Outgoing]

SECONDS = 0.25  # a batch takes no longer to sign, or what was claimed would be old before it is sent
FIRST = 25  # signed to see how fast it goes
MOST_THREADS = 4


class SignAhead:
    """Signs batches; `most` is how many messages may be in the next one. One batch at a time."""

    def __init__(self, signer: Signer, threads: int = 0, clock: Callable[[], float] = time.perf_counter) -> None:
        """With `threads` 0, one for each core up to four; `clock` measures seconds."""
        self.most = FIRST
        self._signer = signer
        self._threads = threads or min(os.cpu_count() or 1, MOST_THREADS)
        self._pool = ThreadPoolExecutor(self._threads, "dkim")
        self._clock = clock

    def __call__(self, compose: Compose, deliveries: Sequence[Claimed]) -> Compose:
        """Sign the messages that `compose` makes of these deliveries; the function returned makes them signed.

        Waits until all are signed. What cannot be composed or signed is left, to fail when it is sent.
        """
        started = self._clock()
        fields: dict[int, bytes] = {}

        def sign(rows: Sequence[Claimed]) -> None:
            for row in rows:
                try:
                    fields[row.id] = self._signer.fields(compose(row).content)
                except Exception:  # noqa: S112 - one reader's values must not stop the others
                    continue

        list(self._pool.map(sign, (deliveries[first :: self._threads] for first in range(self._threads))))
        took = self._clock() - started
        self.most = max(1, int(len(deliveries) / took * SECONDS)) if took > 0 else self.most

        def compose_signed(row: Claimed) -> Outgoing:
            outgoing = compose(row)
            field = fields[row.id] if row.id in fields else self._signer.fields(outgoing.content)
            return outgoing._replace(pieces=WirePieces((field, *outgoing.pieces)))

        return compose_signed
