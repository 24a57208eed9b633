"""Pictures beside the issue: told by their bytes, hosted or embedded, and every mistake with its line."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from support.pictures import gif, jpeg, png, webp

from mailer.errors import SourceError, TemplateError
from mailer.rendering import edition, examine, images
from mailer.rendering import theme as themes
from mailer.rendering.check_message import check_message
from mailer.rendering.edition import SAMPLE
from mailer.rendering.message import Program
from mailer.rendering.templates import Templates

HEAD = "---\nnewsletter: Quay News\nnumber: 7\ndate: 2026-05-21\nlang: en\n---\n\n## Trade\n\n### Cranes {lead}\n\n"
LINE = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a crane.png").write_bytes(png(1072, 400))
    (tmp_path / "logo.png").write_bytes(png())
    (tmp_path / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    (tmp_path / "big.gif").write_bytes(gif(10, 10) + b"\0" * 30_000)
    return tmp_path


def found(folder: Path, body: str) -> list[tuple[int, str, str]]:
    examined = examine.examine(f"{HEAD}{body}\n\nSource: Post\n", str(folder / "today.md"))
    return [(each.line, each.id, each.level) for each in examined.findings]


@pytest.fixture
def rendered(club, theme, templates, folder):
    def render(body: str):
        def make(issue):
            return edition.render(issue, club=club, theme=theme, templates=templates)

        text = f"{HEAD}{body}\n\nSource: Post\n"
        examined = examine.examine(text, str(folder / "today.md"), render=make)
        return examined.issue, examined.rendered("today.md")

    return render


@pytest.mark.parametrize(
    ("content", "kind", "size"),
    [
        (png(3, 4), "image/png", (3, 4)),
        (gif(640, 2), "image/gif", (640, 2)),
        (jpeg(4000, 3000), "image/jpeg", (4000, 3000)),
        (webp("VP8X", 800, 600), "image/webp", (800, 600)),
        (webp("VP8L", 801, 601), "image/webp", (801, 601)),
        (webp("VP8 ", 802, 602), "image/webp", (802, 602)),
    ],
)
def test_a_picture_is_told_by_its_bytes(content, kind, size):
    image = images.read(content)
    assert image is not None
    assert (image.kind, (image.width, image.height)) == (kind, size)
    assert re.fullmatch("[0-9a-f]{32}", image.digest)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg/>",
        b"GIF89a",
        b"\xff\xd8\xff",
        png()[:18],
        png(0, 5),
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"%PDF-1.7",
        b"\0" * 99,
    ],
)
def test_anything_else_is_none(content):
    assert images.read(content) is None


@pytest.mark.parametrize(
    ("body", "rule", "level"),
    [
        ("![A crane](pictures/no.png)", "I20", "error"),
        ("![A crane](drawing.svg)", "I20", "error"),
        ("![A crane](../../etc/passwd)", "I20", "error"),
        ("![A crane](pictures)", "I20", "error"),
        ("![A crane](cid:big.gif)", "I20", "error"),
        ("![](logo.png)", "H08", "warning"),
        ("[![](logo.png)](https://example.com/)", "H08", "error"),
        ("![A crane](https://pix.example.com/a.png){width=300}", "I21", "warning"),
        ("![A crane](https://pix.example.com/a.png)", "H08", "warning"),
        ("![A crane](data:image/png;base64,AAAA)", "L01", "error"),
        ("![A crane](/logo.png)", "L01", "error"),
    ],
)
def test_every_mistake_with_a_picture_has_its_line(folder, body, rule, level):
    assert (LINE, rule, level) in found(folder, body)


def test_a_picture_beside_the_issue_with_words_is_fine(folder):
    assert found(folder, "![A crane](<pictures/a crane.png>) and ![Our sign](cid:logo.png)") == []


def test_a_hosted_picture_has_a_lasting_address_and_a_width(rendered):
    issue, made = rendered("![A crane](pictures/a%20crane.png)")
    image = made.images[0]
    source = f'<img src="https://news.example.org/i/{image.digest}" alt="A crane" width="536"'
    assert source in made.html
    assert "height" not in made.html.partition(source)[2].partition(">")[0]  # Yahoo would distort it on a phone
    assert "max-width:100%" in made.html.partition(source)[2].partition(">")[0]
    assert f'src="../i/{image.digest}"' in made.archive_html
    assert "[A crane]" in made.text
    assert rendered("![A crane](pictures/a%20crane.png)")[1].program.to_bytes() == made.program.to_bytes()
    assert not [each for each in check_message(issue, made) if each.level == "error"]


def test_a_width_asked_for_is_kept_up_to_the_page_s(rendered):
    assert 'width="268"' in rendered("![A](<pictures/a crane.png>){width=268}")[1].html
    assert 'width="536"' in rendered("![A](<pictures/a crane.png>){width=2000}")[1].html


def test_an_embedded_picture_travels_in_the_mail_and_reads_back(rendered, folder):
    issue, made = rendered("![Our sign](cid:logo.png) and again ![sign](cid:logo.png)")
    message = message_from_bytes(made.program.compose(SAMPLE), policy=policy.default)
    text, related = message.iter_parts()
    assert (text.get_content_type(), related.get_content_type()) == ("text/plain", "multipart/related")
    assert related.get_param("type") == "text/html"
    page, picture = related.iter_parts()
    assert picture.get_content() == (folder / "logo.png").read_bytes()
    assert picture["Content-Disposition"].startswith("inline")
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in page.get_content()
    assert message.get_body(("html",)).get_content() == page.get_content()
    assert not message.defects
    assert not related.defects
    assert f'src="../i/{made.images[0].digest}"' in made.archive_html
    assert "cid:" not in made.archive_html
    again = Program.from_bytes(made.program.to_bytes())
    assert again.compose(SAMPLE) == made.program.compose(SAMPLE)
    assert not [each for each in check_message(issue, made) if each.level == "error"]


def test_an_edition_without_embedded_pictures_is_kept_as_before(rendered):
    assert b"attached" not in rendered("It opened.")[1].program.to_bytes()


def test_an_issue_with_a_missing_picture_is_not_rendered(rendered):
    with pytest.raises(SourceError, match=r"today\.md:12: the picture 'no\.png' is not there"):
        rendered("![A](no.png)")


def test_a_themes_logo_stands_above_every_issue_and_travels_in_the_mail(tmp_path, issue, club):
    own = tmp_path / "issue"
    own.mkdir()
    shipped = Templates().read("issue/theme.yaml")
    (own / "theme.yaml").write_text(shipped + "logo: logo.png\n", encoding="utf-8")
    line = shipped.count("\n") + 1
    with pytest.raises(TemplateError, match="there is no logo") as caught:
        themes.load(Templates(tmp_path))
    assert caught.value.where == f"{own / 'theme.yaml'}:{line}"
    (own / "logo.png").write_bytes(b"<svg/>")
    with pytest.raises(TemplateError, match="must be a PNG"):
        themes.load(Templates(tmp_path))
    (own / "logo.png").write_bytes(png(120, 30))
    templates = Templates(tmp_path)
    made = edition.render(issue, club=club, theme=themes.load(templates), templates=templates)
    assert re.search(r'<img src="cid:[0-9a-f]{32}@example.org" alt="Quay News" width="120"', made.html)
    assert re.search(r'alt="Quay News"[^>]*background-color:#fff"', made.html)  # dark ink stays visible in dark mode
    message = message_from_bytes(made.program.compose(SAMPLE), policy=policy.default)
    assert [part.get_content_type() for part in message.walk()][-1] == "image/png"
    assert 'src="../i/' in made.archive_html
    assert [image.digest for image in made.images]


@pytest.mark.parametrize(
    ("written", "rule", "fix"),
    [
        ("![A crane](pictures/A-crane.png)", "I20", "Did you mean 'pictures/a crane.png'?"),
        ("![A crane](Logo.PNG)", "I20", "Did you mean 'logo.png'?"),
        (r"![A crane](pictures\a-crane.png)", "I20", "Did you mean 'pictures/a crane.png'?"),
        ("![A crane](pictures/no.png)", "I20", "Put the file beside the issue, or correct its name."),
        ("![A crane](/desk/logo.png)", "L01", "Put the file beside the issue: ![...](logo.png)."),
        (r"![A crane](D:\desk\logo.png)", "L01", "Put the file beside the issue: ![...](logo.png)."),
        ("![A crane](file:///desk/logo.png)", "L01", "Put the file beside the issue: ![...](logo.png)."),
        ("![A crane](pictures/a crane.png)", "I24", "Write: ![A crane](<pictures/a crane.png>)"),
        ("![A crane] (logo.png)", "I24", "Write: ![A crane](logo.png)"),
        ("![A crane]（logo.png）", "I24", "Write: ![A crane](logo.png)"),
        ("![A crane](logo.png){width=400px}", "H08", "Write, for example: {width=400}."),
    ],
)
def test_a_picture_that_is_written_wrong_is_told_with_the_right_form(folder, written, rule, fix):
    examined = examine.examine(f"{HEAD}{written}\n\nSource: Post\n", str(folder / "today.md"))
    assert [(each.line, each.id, each.fix) for each in examined.findings] == [(LINE, rule, fix)]
