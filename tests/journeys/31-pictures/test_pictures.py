"""A picture beside the issue: published, fetched from the club's pages by mail programs and browsers."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.testclient import TestClient
from support.command import mailer
from support.pictures import png

from mailer.rendering.edition import SAMPLE
from mailer.rendering.message import Program
from mailer.store.schema import editions
from mailer.web.app import create_app
from mailer.wiring import Club

ISSUE = """---
newsletter: Quay News
number: 7
date: 2026-05-21
lang: en
preheader: A crane at dawn, and the sign that hangs above our own door on the quay.
---

![Our sign](cid:sign.png)

## Trade

### A crane at dawn {lead}

It was seen from the ferry.

![A crane at dawn](pictures/crane.png)

Source: -
"""


def test_pictures_go_from_the_folder_to_the_readers(tmp_path: Path) -> None:
    mailer(tmp_path, "init", ".")
    mailer(tmp_path, "subscribers", "add", "alice@example.com", "--consent", "asked in person", code=None)
    pictures = tmp_path / "issues" / "pictures"
    pictures.mkdir(parents=True)
    crane, sign = png(1072, 600), png(80, 40, colour=(200, 30, 30))
    (pictures / "crane.png").write_bytes(crane)
    (pictures.parent / "sign.png").write_bytes(sign)
    (pictures.parent / "2026-05-21.md").write_text(ISSUE, encoding="utf-8")
    mailer(tmp_path, "publish", "2026-05-21", "--queue-only", "--yes")

    club = Club.open(tmp_path / "mailer.toml")
    with club.db.reading() as conn:
        program = Program.from_bytes(conn.execute(editions.select()).one().program)
    page = program.page(SAMPLE)
    hosted = re.search(r'src="(https?://[^"]*/i/[0-9a-f]{32})"', page)
    assert hosted is not None
    with TestClient(create_app(club, club.write_letter), base_url=club.settings.web.base_url) as client:
        answer = client.get(hosted[1])
        assert answer.content == crane
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert client.get(hosted[1], headers={"if-none-match": answer.headers["etag"]}).status_code == 304
        archived = client.get("/archive/2026-05-21-7").text
        shown = [client.get(address.replace("..", "")).content for address in re.findall(r'src="([^"]+)"', archived)]
        assert shown == [sign, crane]
        assert client.get("/i/" + "0" * 32).status_code == 404


def test_an_issue_whose_picture_is_missing_is_not_published(tmp_path: Path) -> None:
    mailer(tmp_path, "init", ".")
    (tmp_path / "issues").mkdir(exist_ok=True)
    (tmp_path / "issues" / "2026-05-21.md").write_text(ISSUE, encoding="utf-8")
    done = mailer(tmp_path, "publish", "2026-05-21", "--queue-only", "--yes", code=None)
    assert done.returncode != 0
    assert "2026-05-21.md:17: error I20: the picture 'pictures/crane.png' is not there." in done.stderr
