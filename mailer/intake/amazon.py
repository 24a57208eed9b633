"""What has to be fetched from Amazon to believe a message of SNS: certificates, kept; a subscription's confirmation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.client import HTTPMessage, HTTPResponse
from typing import IO
from urllib.request import HTTPRedirectHandler, Request, build_opener

from mailer.errors import UsageError
from mailer.sentence import Sentence

TIMEOUT = 10
MAX_SIZE = 1 << 16
MAX_KEPT = 8
PAUSE = 5.0  # seconds between two fetches: strangers may name addresses, we do not run for each

Fetch = Callable[[str], bytes]


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        return None


def fetch(url: str) -> bytes:
    """The answer to a GET over https, no redirect followed, at most 64 KiB. Raises OSError."""
    if not url.startswith("https://"):
        raise OSError("not https")
    response: HTTPResponse
    with build_opener(_NoRedirect).open(url, timeout=TIMEOUT) as response:
        return response.read(MAX_SIZE)


class Certificates:
    """Signing certificates by URL, fetched once. The caller has checked that the URL is Amazon's."""

    def __init__(self, fetch: Fetch = fetch, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._kept: dict[str, bytes] = {}
        self._last = -PAUSE
        self._lock = threading.Lock()

    def get(self, url: str) -> bytes:
        """The certificate in PEM. Raises UsageError when it cannot be had at this moment."""
        with self._lock:
            if url in self._kept:
                return self._kept[url]
            if self._monotonic() - self._last < PAUSE:
                raise UsageError(Sentence("a certificate of Amazon SNS was asked for a moment ago; try again"))
            self._last = self._monotonic()
            try:
                found = self._fetch(url)
            except OSError as error:
                what = "the certificate of Amazon SNS cannot be fetched: %(why)s"
                raise UsageError(Sentence(what, why=type(error).__name__)) from None
            if b"-----BEGIN CERTIFICATE-----" not in found:  # kept, it would refuse Amazon until the next start
                raise UsageError(Sentence("what was fetched as the certificate of Amazon SNS is none; try again"))
            if len(self._kept) >= MAX_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[url] = found
            return found
