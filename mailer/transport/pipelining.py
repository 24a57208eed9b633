"""Whether a relay may be asked several things at once (RFC 2920): tried on one connection, then believed by all."""

from __future__ import annotations

from collections.abc import Callable

from mailer.transport.protocol import Broken

LOCKSTEP = 1  # commands that may be unanswered at once
GROUP = 4  # content, MAIL, RCPT and DATA
DOUBTS = 2  # connections lost in a group before one has worked


class Pipelining:
    """What is known of one relay's pipelining, shared by its sessions; `tell` is told in one clause when it ends.

    One session tries it while the others go in lockstep, so that a relay that only claims to do it costs one message.
    Once a message announced behind another's content has been answered, it works: from then on only answers that do
    not add up speak against it, and a lost connection is bad weather. Before that, two connections lost in a group
    do too.
    """

    def __init__(self, tell: Callable[[str], None] = lambda cause: None, *, allowed: bool = True) -> None:
        self._tell = tell
        self._allowed = allowed
        self._works = False
        self._doubts = 0
        self._trying: object = None

    def ask_window(self, session: object) -> int:
        """How many commands this session may leave unanswered now; the first that asks is the one that tries."""
        if not self._allowed:
            return LOCKSTEP
        if self._works:
            return GROUP
        if self._trying is None:
            self._trying = session
        return GROUP if self._trying is session else LOCKSTEP

    def works(self) -> None:
        """A relay has answered a group with content in it."""
        self._works, self._doubts, self._trying = True, 0, None

    def ends(self, cause: str) -> None:
        """It does not work: every session goes in lockstep from its next message on."""
        if self._allowed:
            self._allowed = False
            self._tell(cause)

    def leave(self, session: object, broken: Broken | None) -> None:
        """A session has ended, by what `broken` says if it did not end in order."""
        if broken is not None and broken.in_group:
            self._doubts += not self._works
            if broken.confused or self._doubts >= DOUBTS:
                self.ends(broken.cause)
        if self._trying is session:
            self._trying = None
