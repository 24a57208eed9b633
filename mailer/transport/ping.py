"""The dead man's switch: an address fetched when a send has finished well; whoever misses it raises the alarm."""

from __future__ import annotations

import logging
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPDefaultErrorHandler, HTTPErrorProcessor, HTTPHandler, HTTPSHandler, OpenerDirector
from urllib.request import ProxyHandler as Proxies

from mailer.errors import SettingsError
from mailer.sentence import Sentence

SECONDS = 10.0

log = logging.getLogger(__name__)


def check(url: str) -> str:
    """`url` unchanged when it is one of http or https. Raises SettingsError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isprintable() or " " in url:
        raise SettingsError(Sentence("ping_url starts with https:// or http://"), where="[alerts]")
    return url


def ping(url: str, seconds: float = SECONDS) -> bool:
    """Fetch `url`, no redirect followed; False, with a line in the log, when no 2xx came. The URL may be a secret."""
    opener = OpenerDirector()
    for handler in (Proxies(), HTTPHandler(), HTTPSHandler(), HTTPDefaultErrorHandler(), HTTPErrorProcessor()):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "mailer")]
    try:
        with opener.open(check(url), timeout=seconds):
            return True
    except HTTPError as error:
        error.close()
        log.warning("[alerts] ping_url answered %s", error.code)
    except (OSError, ValueError) as error:
        log.warning("[alerts] ping_url could not be fetched: %s", type(error).__name__)
    return False
