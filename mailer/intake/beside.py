"""Reading in a process of its own, so that it does not take turns with the writing in one interpreter."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from mailer.errors import ImportFileError

Item = TypeVar("Item")


def beside(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, made by a child process one ahead of whoever takes them; what making them raises is raised here.

    The child is a fork: it has the files that are open and needs nothing handed over, but no thread may run yet.
    Where there is no fork, the items are made here. Raises ImportFileError when the child is killed.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        return items
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_make, args=(items, receiver, sender), daemon=True)
    child.start()
    sender.close()
    return _taken(receiver)


def _make(items: Iterator[object], receiver: Connection, sender: Connection) -> None:
    receiver.close()  # or nobody would notice that the other side is gone
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who takes the items; with him gone this one ends
    try:
        try:
            for item in items:
                sender.send((item, None))
        except BrokenPipeError:
            raise
        except Exception as error:
            sender.send((None, error))
        else:
            sender.send((None, None))
    except BrokenPipeError:
        pass


def _taken(receiver: Connection) -> Iterator[Any]:
    with receiver:
        while True:
            try:
                item, error = receiver.recv()
            except EOFError:
                raise ImportFileError("the process that reads the list was killed; import the list again") from None
            if error is not None:
                raise error
            if item is None:
                return
            yield item
