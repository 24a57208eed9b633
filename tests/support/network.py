"""Keeps tests off the network: only sockets on this machine may be connected."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest


def guard(patch: pytest.MonkeyPatch) -> None:
    """Make every connection that leaves this machine fail the test that tries it."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def checked_connect(self: socket.socket, address: Any) -> None:
        _check(self, address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        _check(self, address)
        return connect_ex(self, address)

    patch.setattr(socket.socket, "connect", checked_connect)
    patch.setattr(socket.socket, "connect_ex", checked_connect_ex)


def _check(connection: socket.socket, address: Any) -> None:
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = str(address[0]).partition("%")[0]
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    if not here:
        pytest.fail(f"a test tried to leave this machine: {address!r}")
