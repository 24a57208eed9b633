"""Rules that need the network or another program: on pages of our own, on a filter and a browser where there is one."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mailer.errors import TemplateError
from mailer.model.issue import Image
from mailer.rendering import check_outside, edition, picture
from mailer.rendering.check_html import check_page
from mailer.rendering.edition import SAMPLE
from mailer.rendering.markdown import Link


class Pages(BaseHTTPRequestHandler):
    """/200 and the like answer so; /shy knows no HEAD."""

    def do_HEAD(self) -> None:
        self._answer(405 if self.path == "/shy" else int(self.path[1:4]))

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/shy" else int(self.path[1:4]))

    def _answer(self, code: int) -> None:
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def made(issue, club, theme, templates):
    return edition.render(issue, club=club, theme=theme, templates=templates)


def test_dead_links_are_told_with_their_line_and_live_ones_are_not(site):
    paths = ["/200", "/404", "/410", "/500", "/403", "/shy", "/404"]
    links = [Link(f"{site}{path}", "", line) for line, path in enumerate(paths, 1)]
    links += [Link("mailto:a@example.com", "", 9), Link(f"{site}/404{{{{ name }}}}", "", 10)]
    links += [Link("http://127.0.0.1:1/", "", 11)]
    found = check_outside.dead_links(links)
    assert [(each.id, each.line) for each in found] == [("L09", 2), ("L09", 3), ("L09", 4), ("L09", 11)]
    assert "answers 404" in found[0].message
    assert "does not answer" in found[-1].message


def test_what_a_spam_filter_holds_against_a_message_is_told(tmp_path: Path, monkeypatch):
    filter_ = tmp_path / "spamassassin"
    filter_.write_text(
        "#!/bin/sh\ncat >/dev/null\nprintf ' pts rule\\n 0.7 HTML_TITLE_SUBJ_DIFF  No\\n-0.1 DKIM_VALID  Yes\\n"
        " 0.0 HTML_MESSAGE  Body\\n'\n",
        encoding="utf-8",
    )
    filter_.chmod(filter_.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = check_outside.spam(b"Subject: x\r\n\r\nx")
    assert [each.id for each in found] == ["M09"]
    assert "0.7 points for HTML_TITLE_SUBJ_DIFF" in found[0].message


def test_without_the_filter_that_is_said(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TemplateError, match="no SpamAssassin on this machine"):
        check_outside.spam(b"")


@pytest.mark.skipif(shutil.which("spamassassin") is None, reason="no SpamAssassin on this machine")
def test_the_shipped_template_gets_no_points(made):
    assert check_outside.spam(made.program.compose(SAMPLE)) == []


def test_a_sender_needs_one_record_of_each_kind():
    records = {"good.example": ["v=spf1 -all", "x"], "_dmarc.good.example": ["v=DMARC1; p=none"]}
    records |= {"twice.example": ["v=spf1 a", "v=spf1 b"]}

    def lookup(name: str) -> list[str]:
        if name.endswith("deaf.example"):
            raise OSError("timed out")
        return records.get(name, [])

    assert check_outside.sender_records("good.example", lookup) == []
    twice = check_outside.sender_records("twice.example", lookup)
    assert [each.message for each in twice] == [
        "twice.example has 2 SPF records.",
        "_dmarc.twice.example has no DMARC record.",
    ]
    assert all(
        "could not be looked up" in each.message for each in check_outside.sender_records("deaf.example", lookup)
    )


@pytest.mark.skipif(picture.find_chromium() is None, reason="no Chromium on this machine")
def test_the_browser_sees_what_needs_its_style_block_or_is_too_wide(made):
    assert check_outside.look(made.html) == []
    wide = made.html.replace("</h1>", '</h1><div style="width:900px">x</div>').replace(
        "</head>", "<style>h1{margin-top:99px !important}</style></head>"
    )
    assert [each.id for each in check_outside.look(wide)] == ["H24", "H25"]


def test_a_page_that_is_mostly_pictures_or_colours_its_links_is_told(issue, made):
    def rules(html: str) -> set[str]:
        return {each.id for each in check_page(issue, replace(made, html=html))}

    image = '<img src="https://x.example/a.png" alt="A crane" width="536" height="{}">'
    assert "H26" not in rules(made.html.replace("</h1>", "</h1>" + image.format(20)))
    assert "H26" in rules(made.html.replace("</h1>", "</h1>" + image.format(4000)))
    shown = made.html.replace("</h1>", f'</h1><img src="https://x.example/i/{"0" * 32}" alt="A crane" width="536">')
    for high, told in ((20, False), (4000, True)):
        beside = Image(b"", "image/png", 536, high, "0" * 32)
        found = check_page(issue, replace(made, html=shown, images=(beside,)))
        assert ("H26" in {each.id for each in found}) == told
    plain = '</h1><p>Read <a href="https://x.example/" style="color:#057{}">the paper</a> today.</p>'
    assert "L08" not in rules(made.html.replace("</h1>", plain.format("")))
    assert "L08" in rules(made.html.replace("</h1>", plain.format(";text-decoration:none")))
    unused = replace(made, css=made.css + "\n.nobody p { margin-top: 0 }")
    assert "H23" in {each.id for each in check_page(issue, unused)}
