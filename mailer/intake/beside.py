"""Reading in a process of its own, so that it does not take turns with the writing in one interpreter."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from mailer.errors import ImportFileError
from mailer.sentence import Sentence

Item = TypeVar("Item")


def beside(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, made by a child process ahead of whoever takes them; what making them raises is raised here.

    The child is a fork: it has the files that are open and needs nothing handed over, but no thread may run yet.
    Where there is no fork, the items are made here. Raises ImportFileError when the child is killed.
    """
    if not hasattr(os, "fork"):
        return items
    receiver, sender = Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        try:
            receiver.close()  # or nobody would notice that the other side is gone
            _make(items, sender)
        finally:
            os._exit(0)
    sender.close()
    return _taken(receiver, child)


def _make(items: Iterator[object], sender: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who takes the items
    try:
        for item in items:
            sender.send((item, None))
    except BrokenPipeError:  # nobody takes them any more
        return
    except Exception as error:
        sender.send((None, error))
    else:
        sender.send((None, None))


def _taken(receiver: Connection, child: int) -> Iterator[Any]:
    try:
        while True:
            try:
                item, error = receiver.recv()
            except EOFError:
                what = "the process that reads the list was killed; import the list again"
                raise ImportFileError(Sentence(what)) from None
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        receiver.close()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
