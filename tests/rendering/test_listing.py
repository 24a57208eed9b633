import re

import pytest

from mailer.rendering import edition, picture, source
from mailer.rendering.listing import as_paragraphs
from mailer.rendering.markdown import to_html

WRITTEN = """```
if fare < 4 && "late":
    for boat in quay:  # 码头
\tpass

        return 0
 end
```"""


def copied(page: str) -> str:
    """What a browser's clipboard has of a page: blanks it keeps are blanks again, a `<br>` ends a line."""
    return re.sub("<(?!br)[^>]*>", "", page.replace("<br>\n", "<br>")).replace("<br>", "\n").replace("\u00a0", " ")


def test_code_is_a_paragraph_with_its_lines_and_blanks():
    made = as_paragraphs(to_html(WRITTEN), "ltr")
    assert "<pre" not in made
    assert made.startswith(
        '<p><code>if fare &lt; 4 &amp;&amp; "late":<br>\n\u00a0 \u00a0 for boat in quay:\u00a0 # 码头<br>\n'
    )
    assert "<br>\n<br>\n\u00a0 \u00a0 \u00a0 \u00a0 return 0<br>\n\u00a0end</code></p>" in made


def test_copied_code_is_what_was_written_with_blanks_for_tabs():
    shown = copied(as_paragraphs(to_html(WRITTEN), "ltr")).replace("&lt;", "<").replace("&amp;", "&")
    assert shown == "\n".join(WRITTEN.split("\n")[1:-1]).expandtabs(4)


def test_a_tab_counts_characters_and_not_what_they_are_written_with():
    code = '<pre><code>a&lt;<span lang="zh-Hans">码</span>\tb\n</code></pre>'
    assert copied(as_paragraphs(code, "ltr")) == "a&lt;码 b"


def test_code_runs_from_left_to_right_in_a_page_that_does_not():
    assert as_paragraphs(to_html(WRITTEN), "rtl").startswith('<p dir="ltr"><code>')


@pytest.mark.skipif(picture.find_chromium() is None, reason="no Chromium on this machine")
def test_no_code_makes_the_mail_wider_than_a_phone(club, theme, templates, tmp_path):
    lines = [
        "curl -sSL https://fares.example.org/api/v2/settlements/2026-05-21T00:00:00Z/ferries/" + "0f" * 32,
        " " * 40 + "deep = inside(self.some_object.some_attribute.another_attribute, 'x')",
        "a" * 200,
        "GET /v1/123e4567-e89b-12d3-a456-426614174000-123e4567-e89b-12d3-a456-426614174000",
    ]
    block = "```\n" + "\n".join(lines) + "\n```"
    nested = "\n".join(f"   {line}" for line in block.split("\n"))
    quoted = "\n".join(f"> {line}" for line in block.split("\n"))
    text = (
        "---\nnewsletter: q\ndate: 2026-06-02\nlang: en\n---\n### A story\n\n"
        f"{block}\n\n1. Run `{lines[0]}` now:\n\n{nested}\n\n{quoted}\n"
    )
    made = edition.render(source.read(text), club=club, theme=theme, templates=templates)
    assert lines[2] in made.text
    for name, width, styles in (
        ("whole", 320, r"(?!)"),
        ("bare", 375, r'<style.*?</style>| style="[^"]*"| class="[^"]*"'),
    ):
        file = tmp_path / f"{name}.html"
        file.write_text(re.sub(styles, "", made.html, flags=re.DOTALL), encoding="utf-8")
        assert picture.extent(file, width)[0] == width, name
