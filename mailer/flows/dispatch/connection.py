"""One connection to a relay: takes work, opens a session when there is some, sends, brings back the answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from mailer.errors import RelayError
from mailer.flows.dispatch.batch import Work
from mailer.flows.dispatch.desk import Desk
from mailer.store.journal import Mark
from mailer.transport.base import Envelope, Message, Session
from mailer.transport.lane import Lane

IDLE_SECONDS = 10.0  # after which a session without work is closed


class LeaseLost(Exception):
    """The claim ran out or was taken over: nothing of it may be handed over any more."""


class Connection:
    """One of a lane's connections; `in_hand` is the work it took and has not handed over."""

    def __init__(self, lane: Lane, desk: Desk) -> None:
        self.in_hand: Work | None = None
        self._lane = lane
        self._desk = desk
        self._now = desk.monotonic
        self._session: Session | None = None
        self._sent = 0

    async def run(self) -> None:
        """Send until the desk's `ended`."""
        lane, ended = self._lane, self._desk.ended
        while not ended.is_set():
            if self._session is None and not lane.is_open(self._now()):
                await self._until_ended(lane.retry_at - self._now())
                continue
            work = await self._next(IDLE_SECONDS if self._session else None)
            if self._session is not None and not self._session.usable:  # the relay closed it while it was idle
                await self._close(self._session)
            if work is not None:
                await self._carry(work)
            session = self._session
            if session and (work is None or not session.usable or self._sent >= lane.messages_per_connection):
                await self._close(session)
        if self._session is not None:
            await self._close(self._session)

    def let_go(self) -> None:
        """Give back what is in hand: the connection has ended."""
        if self.in_hand is not None:
            self._desk.give_back(self.in_hand)
            self.in_hand = None

    async def _next(self, patience: float | None) -> Work | None:
        """The next delivery to send, when the lane's pace allows; None after `patience` seconds or at the end."""
        lane, ended = self._lane, self._desk.ended
        async with lane.turn:
            while (wait := lane.wait(self._now())) > 0 and not ended.is_set():
                await self._until_ended(wait)
            while not ended.is_set():
                if (work := self._desk.take(lane)) is not None:
                    lane.take(self._now())
                    return work
                lane.arrived.clear()
                try:
                    await asyncio.wait_for(lane.arrived.wait(), patience)
                except TimeoutError:
                    return None
        return None

    async def _carry(self, work: Work) -> None:
        self.in_hand = work
        session = self._session or await self._open()
        if session is None:
            self._lane.not_sent()
        else:
            await self._send(session, work)
            self._sent += 1
        self.let_go()

    async def _send(self, session: Session, work: Work) -> None:
        lane, batch, started = self._lane, work.batch, self._now()

        def handing_over() -> None:
            if batch.lost or self._now() >= batch.lease_ends:
                raise LeaseLost
            work.mark(Mark.HANDED_OVER)
            self.in_hand = None

        work.mark(Mark.COMPOSING)
        try:
            message = batch.compose(work.row)
        except Exception as error:
            lane.not_sent()
            self.in_hand = None
            self._desk.not_composed(lane, work, error)
            return
        work.mark(Mark.UNTOUCHED)
        try:
            envelope = Envelope(lane.return_path(message.bounce_token), message.recipient)
            result = await session.send(Message(envelope, message.content), handing_over)
        except LeaseLost:
            lane.answered(self._now())
            return  # the session is not usable any more
        lane.answered(self._now())
        self.in_hand = None
        self._desk.answered(lane, work, result, round((self._now() - started) * 1000))

    async def _open(self) -> Session | None:
        try:
            self._session = await self._lane.relay.open()
        except RelayError as error:
            self._desk.not_opened(self._lane, error)
            return None
        self._desk.opened(self._lane)
        self._sent = 0
        return self._session

    async def _close(self, session: Session) -> None:
        self._session = None
        self._lane.sessions -= 1
        await session.close()

    async def _until_ended(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._desk.ended.wait(), seconds)
