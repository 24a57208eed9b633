"""Rules that need the network or another program, run only when asked for: links, spam filter, DNS, browser."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from mailer.errors import TemplateError
from mailer.rendering import picture
from mailer.rendering.finding import Finding, warning
from mailer.rendering.markdown import Link, address
from mailer.sentence import Sentence

SECONDS = 10.0
AT_ONCE = 8
NARROWEST = 320
_REFUSED_ROBOTS = frozenset((401, 403, 405, 429, 503))  # many sites answer so to whatever is no browser
_TEST = re.compile(r"^ *(\d+\.\d+) ([A-Z][A-Z0-9_]+) +(.*)$", re.MULTILINE)
_STYLES = re.compile(r"<style\b.*?</style>\n?", re.DOTALL)

Lookup = Callable[[str], list[str]]


def dead_links(links: Iterable[Link]) -> list[Finding]:
    """L09 for every link whose page is not there; each address is asked once."""
    wanted = [link for link in links if link.url.startswith(("http://", "https://")) and "{{" not in link.url]
    lines: dict[str, int] = {}
    for link in wanted:
        lines.setdefault(link.url, link.line)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(_problem, lines))
    message = "the link to %(host)s %(problem)s: %(url)s."
    fix = "Open it in a browser, and correct it."
    return [
        warning("L09", line, message, fix, host=urlsplit(url).hostname, problem=problem, url=url[:100])
        for (url, line), problem in zip(lines.items(), answers, strict=True)
        if problem
    ]


def spam(message: bytes) -> list[Finding]:
    """M09 for every test of SpamAssassin's own rules that counts against the message. Raises TemplateError."""
    program = shutil.which("spamassassin")
    if program is None:
        raise TemplateError(Sentence("there is no SpamAssassin on this machine; install it, or leave out --spam"))
    try:
        done = subprocess.run([program, "-L", "-t"], input=message, capture_output=True, timeout=120, check=True)  # noqa: S603 - no shell, our own arguments
    except (subprocess.SubprocessError, OSError) as problem:
        what = Sentence("SpamAssassin gave no answer: %(why)s", why=type(problem).__name__)
        raise TemplateError(what) from None
    found = _TEST.findall(done.stdout.decode("utf-8", "replace"))
    text = "SpamAssassin gives %(points)s points for %(name)s: %(why)s."
    return [
        warning("M09", 0, text, "Mend the cause.", points=points, name=name, why=" ".join(why.split()))
        for points, name, why in found
        if float(points) > 0
    ]


def sender_records(domain: str, lookup: Lookup | None = None) -> list[Finding]:
    """M10 for SPF and DMARC records that the sender's domain lacks; `lookup` gives a name's TXT records."""
    ask = lookup or _txt
    found = []
    for name, start, what in ((domain, "v=spf1", "SPF"), (f"_dmarc.{domain}", "v=dmarc1", "DMARC")):
        try:
            records = [record for record in ask(name) if record.lower().startswith(start)]
        except OSError as problem:
            message = "%(name)s could not be looked up: %(problem)s."
            fix = "Try again."
            found.append(warning("M10", 0, message, fix, name=name, problem=problem))
            continue
        if len(records) != 1:
            message = "%(name)s has no %(what)s record."
            if records:
                message = "%(name)s has %(count)s %(what)s records."
            fix = "Publish one; see docs/operating.md."
            found.append(warning("M10", 0, message, fix, name=name, what=what, count=len(records)))
    return found


def look(page: str) -> list[Finding]:
    """H24 and H25: the page in Chromium, without its style blocks and as narrow as phones are. Raises TemplateError."""
    found = []
    with tempfile.TemporaryDirectory(prefix="mailer-look-") as name:
        folder = Path(name)
        pictures = []
        for number, text in enumerate((page, _STYLES.sub("", page))):
            file = folder / f"{number}.html"
            file.write_text(text, encoding="utf-8")
            picture.take(file, folder / f"{number}.png", 640, height=4000)
            pictures.append((folder / f"{number}.png").read_bytes())
        if pictures[0] != pictures[1]:
            message = "the page looks different without its style blocks, which some webmail strips."
            found.append(warning("H24", 0, message, "Move what it needs to core.css."))
        over = picture.extent(folder / "0.html", NARROWEST)[0] - NARROWEST
        if over > 0:
            message = "the page is %(over)s px too wide for a phone of %(narrowest)s px."
            fix = "Look for a wide table, picture or unbroken word."
            found.append(warning("H25", 0, message, fix, over=over, narrowest=NARROWEST))
    return found


def _problem(url: str) -> Sentence | None:
    """What is wrong with an address, in words behind "the link"; None when its page is there."""
    for method in ("HEAD", "GET"):
        request = Request(address(url), method=method, headers={"User-Agent": "Mozilla/5.0 (mailer check)"})  # noqa: S310 - http or https only
        try:
            with urlopen(request, timeout=SECONDS):  # noqa: S310
                return None
        except HTTPError as error:
            error.close()
            if error.code in _REFUSED_ROBOTS:
                if method == "GET":
                    return None
            elif method == "GET" or error.code in (404, 410):
                return Sentence("answers %(code)s", code=error.code)
        except (OSError, HTTPException, ValueError) as error:
            why = getattr(error, "reason", error)
            return Sentence("does not answer (%(why)s)", why=getattr(why, "strerror", None) or why)
    return None


def _txt(name: str) -> list[str]:
    """The TXT records of a name; [] where there is none. Raises OSError when nobody answers."""
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as problem:
        raise OSError(type(problem).__name__) from None
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
