from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.rendering import letter, skeleton
from mailer.rendering.inline import inline
from mailer.rendering.skeleton import inline_alike
from mailer.rendering.templates import Templates, shipped_folder
from mailer.rendering.translation import translator

KINDS = sorted(path.name for path in (shipped_folder() / "letters").iterdir() if path.is_dir())
PAGE = """<!DOCTYPE html>
<html><head><title>{0}</title><style>p{{color:red}} a{{color:blue}}</style>
<style data-premailer="ignore">@media (prefers-color-scheme:dark){{p{{color:#fff!important}}}}</style></head>
<body><p aria-label="{0}">{0}</p><!--[if mso]><p>{0}</p><![endif]-->
<p> and <a href="{1}">{0}</a>
</p><p data-x="a > b" class="{0}">x</p></body></html>"""
VALUES = {
    "merchant": "R&D <b>\"'s",
    "note": "first\nsecond line & more",
    "number": 7,
    "title": "A & <b>",
    "slug": "2026-11-23",
    "time": "08:00",
    "minutes": 15,
    "cause": "535 5.7.8",
    "causes": ["R&D <b>: 7 of 9", "qq.com: 3 of 5"],
    "frozen": 6,
    "waiting": 1,
    "counts": {"accepted": 2, "failed": 1, "uncertain": 1, "suppressed": 1, "cancelled": 0},
    "late": True,
    "well": False,
    "hours": 72,
    "name": "榕渡 🌟",
    "base_url": "https://news.example.com",
    **{
        f"{what}_url": f"https://news.example.com/{what}/t?lang=zh&x=1"
        for what in ("confirm", "preferences", "unsubscribe", "review", "answer")
    },
}


@pytest.fixture
def surroundings(theme, club):
    def of(language: str) -> dict[str, object]:
        writer = letter.LetterWriter(Templates(), theme, club, None, None, ("en", "zh"))
        return writer._surroundings(language)

    return of


@pytest.mark.parametrize(("kind", "language"), list(product(KINDS, ("en", "zh"))))
def test_every_letter_is_as_premailer_would_write_it(kind, language, surroundings):
    context = surroundings(language) | VALUES | {"subject": "A & <subject>", "_": translator(language)}
    page = Templates().render(f"letters/{kind}/body.html.j2", **context)
    assert inline_alike(page) == inline(page)


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters='<>"&\x00'), max_size=30),
    st.text("abc:/?=#.~+ ,;@%中'()", min_size=1, max_size=20),
)
def test_words_and_addresses_come_out_as_premailer_would_write_them(words, url):
    page = PAGE.format(words, url)
    assert inline_alike(page) == inline(page)


@pytest.mark.parametrize(
    "words", ["qslot0q", "qslot7q", "&amp;lt;", "&#13;", "&nbsp;", "&copy;", "a&#34;b&#39;c", "\ufffd"]
)
def test_no_word_can_pretend_to_be_something_else(words):
    page = PAGE.format(words, "https://x.example/qslot1q")
    assert inline_alike(page) == inline(page)


def test_premailer_runs_once_for_pages_that_differ_in_their_words(monkeypatch):
    runs = []
    monkeypatch.setattr(skeleton, "inline", lambda page: runs.append(page) or inline(page))
    skeleton._inlined.cache_clear()
    pages = [f"<html><body><p>Hello {name}</p><a href='x'>y</a></body></html>" for name in ("Alice", "Bob", "Zoë")]
    assert [inline_alike(page) for page in pages] == [inline(page) for page in pages]
    assert len(runs) == 1
