"""One connection to a relay: takes work, opens a session when there is some, sends, brings back the answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NamedTuple

from mailer.errors import RelayError
from mailer.flows.dispatch.batch import Work
from mailer.flows.dispatch.desk import CLAIM_SECONDS, STUCK_SECONDS, Desk
from mailer.model.delivery import Phase, Result
from mailer.model.throttle import is_enough, throttle_of
from mailer.store.journal import Mark
from mailer.transport.base import Envelope, Message, Session
from mailer.transport.lane import Lane

STALE_SECONDS = 2 * CLAIM_SECONDS
IDLE_SECONDS = 10.0  # after which a session without work is closed
FIRST_SECONDS = 2.0  # at most, that the others wait for the first connection to a relay
PROMPT_SECONDS = 0.5  # a relay that takes longer for a message is told of one at a time: who leaves is obeyed in time


class Withdrawn(Exception):
    """What was to be handed over may not be any more: its claim is lost, its issue's deadline has passed meanwhile, or
    it waited too long behind another."""


class Prepared(NamedTuple):
    """Work with its message."""

    work: Work
    message: Message


class Connection:
    """One of a lane's connections.

    It holds at most two messages: the one under way, and the one announced to the relay behind its content.
    """

    def __init__(self, lane: Lane, desk: Desk) -> None:
        self._lane = lane
        self._desk = desk
        self._now = desk.monotonic
        self._session: Session | None = None
        self._sent = 0
        self._prompt = False
        self._held: Prepared | None = None  # under way, and not yet handed over
        self._announced: Prepared | None = None
        self._opening = False
        self._since = 0.0  # when the message under way was begun
        self._handed_over = False  # that message
        self._withdrawn = False  # what the session waits for: it is of no more use when it has heard

    @property
    def may_be_cancelled(self) -> bool:
        """Whether no message is under way that was handed over."""
        return self._opening or self._held is not None or (self._withdrawn and not self._handed_over)

    async def run(self) -> None:
        """Send until the desk's `ended`."""
        lane, ended = self._lane, self._desk.ended
        while not ended.is_set():
            if self._session is None and not lane.is_open(self._now()):
                await self._until_ended(lane.retry_at - self._now())
                continue
            prepared = self._announced
            if prepared is None:
                prepared = await self._next()
                if self._session is not None and not self._session.usable:  # the relay closed it while it was idle
                    await self._close(self._session)
            if prepared is not None:
                await self._carry(prepared)
            session = self._session
            usable = session is not None and session.usable and not self._withdrawn
            if not usable:
                self.give_back()
            if session and (prepared is None or not usable or self._sent >= lane.messages_per_connection):
                await self._close(session)
        self.give_back()
        if self._session is not None:
            await self._close(self._session)

    def give_back(self) -> None:
        """Give back what was not handed over."""
        if self._held is not None:
            self._desk.give_back(self._held.work)
        if self._announced is not None:
            self._lane.not_sent()
            self._desk.give_back(self._announced.work)
        self._held = self._announced = None

    def give_up_waiting(self) -> None:
        """Give back what the relay has not let us hand over for ten seconds, where another one may have it."""
        if self._opening or self._withdrawn or self._now() - self._since <= STUCK_SECONDS:
            return
        waiting = self._held or self._announced
        if waiting is not None and self._desk.moves(self._lane, waiting.work):
            self._withdrawn = True
            if self._held is None:
                self.give_back()
            else:
                self._take_back()

    # --- work ------------------------------------------------------------------------------------------------

    async def _next(self) -> Prepared | None:
        """The next message to send, when the lane's pace allows; None at the end, or when there was none for a while.

        Who has no session lets the others wait by turns, too: theirs are to be closed.
        """
        lane, ended = self._lane, self._desk.ended
        async with lane.turn:
            while (wait := lane.wait(self._now())) > 0 and not ended.is_set():
                await self._until_ended(wait)
            while not ended.is_set():
                if (prepared := self._take(self._now())) is not None:
                    return prepared
                lane.arrived.clear()
                try:
                    await asyncio.wait_for(lane.arrived.wait(), IDLE_SECONDS)
                except TimeoutError:
                    return None
        return None

    def _following(self) -> Message | None:
        """What comes next on this connection, if it is ready and the relay is prompt enough to be told already."""
        more = self._sent + 2 <= self._lane.messages_per_connection and not self._desk.ended.is_set()
        if more and self._prompt and self._lane.is_free(now := self._now()):
            self._announced = self._take(now)
        return self._announced.message if self._announced else None

    def _take(self, now: float) -> Prepared | None:
        """The next of the lane's work, composed; what cannot be composed is passed over."""
        while (work := self._desk.take(self._lane, now)) is not None:
            work.mark(Mark.COMPOSING)
            try:
                outgoing = work.batch.compose(work.row)
            except Exception as error:
                self._desk.not_composed(self._lane, work, error)
                continue
            work.mark(Mark.UNTOUCHED)
            self._lane.take(now)
            envelope = Envelope(self._lane.return_path(outgoing.bounce_token), outgoing.recipient)
            return Prepared(work, Message(envelope, outgoing.pieces, outgoing.plain))
        return None

    # --- sending ---------------------------------------------------------------------------------------------

    async def _carry(self, prepared: Prepared) -> None:
        announced, self._announced, self._held = prepared is self._announced, None, prepared
        self._withdrawn = self._handed_over = False
        session = self._session or await self._open_in_time(prepared.work)
        started = self._since = self._now()
        if self._held is not prepared:  # it went back meanwhile
            return
        if session is None:
            self._take_back()
        else:
            await self._send(session, prepared, announced, started)
            self._sent += 1

    def _take_back(self) -> None:
        """What had its place in the pace is not begun after all."""
        self._lane.not_sent()
        self.give_back()

    async def _send(self, session: Session, prepared: Prepared, announced: bool, started: float) -> None:
        work = prepared.work
        batch = work.batch

        def handing_over() -> None:
            now = self._now()
            if self._withdrawn or batch.lost or now >= batch.lease_ends or (announced and self._is_stale(work, now)):
                raise Withdrawn
            if batch.deadline is not None and self._desk.now() >= batch.deadline:
                raise Withdrawn
            work.mark(Mark.HANDED_OVER)
            self._held, self._handed_over = None, True

        try:
            result = await session.send(prepared.message, handing_over, self._following)
        except Withdrawn:
            if not self._withdrawn:
                self._lane.answered(self._now())
            return  # the session is not usable any more
        if self._withdrawn and not self._handed_over:
            return
        self._held, now = None, self._now()
        if not result.accepted:
            result = self._over_this_connection(result)
        self._prompt = now - started <= PROMPT_SECONDS
        self._lane.answered(now)
        begun = not self._sent or result.phase is not Phase.MAIL or result.reply is not None
        self._desk.answered(self._lane, work, result, now, round((now - started) * 1000), begun=begun)

    def _over_this_connection(self, result: Result) -> Result:
        """What is said to MAIL on a connection that has had messages may be about it alone: then it is as if the relay
        had hung up, and the message goes over another one at once."""
        reply = result.reply
        if not self._sent or reply is None or result.phase is not Phase.MAIL:
            return result
        if is_enough(reply):
            self._lane.takes(self._sent)
        elif reply.code != 421 or throttle_of(reply, result.phase, ""):
            return result
        return Result(Phase.MAIL, None, str(reply))

    def _is_stale(self, work: Work, now: float) -> bool:
        """Whether it was claimed so long ago that somebody who has left since would wonder."""
        return now - work.batch.claimed_at > STALE_SECONDS

    # --- the session -----------------------------------------------------------------------------------------

    async def _open_in_time(self, work: Work) -> Session | None:
        """Open a session, and give back meanwhile what waits for it too long: another relay may have it."""
        left = work.batch.claimed_at + STALE_SECONDS - self._now()
        timer = asyncio.get_running_loop().call_later(left, self._take_back)
        self._opening = True
        try:
            return await self._open()
        finally:
            self._opening = False
            timer.cancel()

    async def _open(self) -> Session | None:
        """While no connection stands one goes first, and the others do not try what it was refused."""
        lane = self._lane
        if not lane.sessions and lane.door.locked():
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_SECONDS), lane.door:
                    pass
            if not lane.is_open(self._now()):
                return None
        if lane.sessions or lane.door.locked():
            return await self._knock()
        async with lane.door:
            return await self._knock()

    async def _knock(self) -> Session | None:
        try:
            self._session = await self._lane.relay.open()
        except RelayError as error:
            self._desk.not_opened(self._lane, error)
            return None
        self._desk.opened(self._lane)
        self._sent, self._prompt = 0, False
        if self._session.most:
            self._lane.takes(self._session.most)
        return self._session

    async def _close(self, session: Session) -> None:
        self._session = None
        self._lane.closed()
        await session.close()

    async def _until_ended(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._desk.ended.wait(), seconds)
