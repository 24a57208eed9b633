import pytest

from mailer.errors import TemplateError
from mailer.rendering import theme as themes
from mailer.rendering.templates import Templates, shipped_folder


def club_templates(tmp_path, **files: str) -> Templates:
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Templates(tmp_path)


def test_a_clubs_own_template_comes_before_the_shipped_one(tmp_path):
    made = club_templates(tmp_path, **{"issue__core.css": "p { color: {{ ink }} }"})
    assert made.render("issue/core.css", ink="red") == "p { color: red }"
    assert made.read("issue/theme.yaml") == (shipped_folder() / "issue" / "theme.yaml").read_text(encoding="utf-8")
    assert not made.exists("issue/nothing")


def test_html_is_escaped_and_text_is_not(tmp_path):
    made = club_templates(tmp_path, **{"a.html.j2": "{{ x }}", "a.txt.j2": "{{ x }}", "a.xml.j2": "{{ x }}"})
    assert made.render("a.html.j2", x="<&>") == made.render("a.xml.j2", x="<&>") == "&lt;&amp;&gt;"
    assert made.render("a.txt.j2", x="<&>") == "<&>"


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("ok\n{% if %}", 2, "mistake in a template"),
        ("ok\n\n{{ missing }}", 3, "'missing' is undefined"),
        ("{{ x.y.z }}", 1, "cannot be filled in"),
        ("ok\n{{ 1 / 0 }}", 2, "division by zero"),
        ("{{ x.__class__.__mro__ }}", 1, "unsafe"),
        ("{{ x.append(1) }}", 1, "cannot be filled in"),
        ("{{ cycler.__init__.__globals__.os.environ }}", 1, "cannot be filled in"),
        ("\n{% include 'nothing.html' %}", 0, "no template 'nothing.html'"),
        ("{% for i in range(6) %}{{ 'a' * 900000 }}{% endfor %}", 0, "more than 4 MB"),
    ],
)
def test_a_mistake_in_a_template_is_named_with_its_file_and_line(tmp_path, source, line, words):
    made = club_templates(tmp_path, **{"page.html.j2": source})
    with pytest.raises(TemplateError, match=words) as caught:
        made.render("page.html.j2", x=[])
    assert "page.html.j2" in caught.value.where
    if line:
        assert caught.value.where.endswith(f"page.html.j2:{line}")


def test_templates_lie_in_their_folders_only(tmp_path):
    (tmp_path / "secret").write_text("x")
    made = club_templates(tmp_path / "club", **{"a.html.j2": "{% include '../secret' %}"})
    with pytest.raises(TemplateError):
        made.render("a.html.j2")


def test_the_shipped_theme_is_readable_in_both_modes(theme):
    assert themes.contrast("#000", "#ffffff") == pytest.approx(21)
    for colours in (theme.light, theme.dark):
        for ink, paper in themes.PAIRS:
            assert themes.contrast(colours[ink], colours[paper]) >= 4.5
    assert theme.words("zh-Hans-CN")["unsubscribe"] == "退订"
    assert theme.words("zh-Hant-TW")["unsubscribe"] == "退訂"
    assert theme.words("fr")["unsubscribe"] == "Unsubscribe"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('ink: "#222222"', 'ink: "#999999"', r"light ink on card has a contrast of 2\.8"),
        ('ink: "#222222"', "ink: black", "light ink must be a colour"),
        ("light:", "light: [", "not valid YAML"),
        ('ink: "#222222"', 'ink： "#222222"', "the colon behind 'ink' is full-width"),
        ("dark:", "darker:", "the part dark is missing"),
        ('  ink: "#e6e3dd"', '  nik: "#e6e3dd"', "dark lacks ink"),
        ("  en: -apple-system", "  en: <x>", "font stack"),
    ],
)
def test_a_theme_that_cannot_be_read_is_refused_with_its_line(tmp_path, templates, old, new, words):
    text = templates.read("issue/theme.yaml")
    assert old in text
    made = club_templates(tmp_path, **{"issue__theme.yaml": text.replace(old, new, 1)})
    with pytest.raises(TemplateError, match=words) as caught:
        themes.load(made)
    file, _, line = caught.value.where.rpartition(":")
    assert file.endswith("theme.yaml")
    wanted = {"dark lacks ink": "dark:", "the part dark is missing": text.splitlines()[0]}.get(words, new.strip()[:9])
    assert text.replace(old, new, 1).splitlines()[int(line) - 1].strip().startswith(wanted) or "YAML" in words


@pytest.mark.parametrize(
    ("lines", "place", "words"),
    [
        ("{% for a in range(99999) %}\n{% for b in range(99999) %}{% endfor %}{% endfor %}", 2, "may never end"),
        ("{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}\n{{ m(60) }}", 1, "may never"),
        ("x\n{{ 9 ** 999999999 }}", 2, "characters or digits"),
        ("x\n{{ ('x' * 99999999) | length }}", 2, "characters or digits"),
    ],
)
def test_a_template_that_would_not_end_is_stopped_at_its_line(tmp_path, lines, place, words):
    (tmp_path / "x.html.j2").write_text(lines, encoding="utf-8")
    with pytest.raises(TemplateError, match=words) as caught:
        Templates(tmp_path).render("x.html.j2")
    assert caught.value.where == f"{tmp_path / 'x.html.j2'}:{place}"


def test_loops_know_their_length_as_before(tmp_path):
    (tmp_path / "x.txt.j2").write_text(
        "{% for a in x %}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% else %}none{% endfor %}"
        "{{ 2 * 3 }}{{ 'ab' * 2 }}{{ 2 ** 10 }}",
        encoding="utf-8",
    )
    assert Templates(tmp_path).render("x.txt.j2", x=[1, 2]) == "1/2,2/26abab1024"
    assert Templates(tmp_path).render("x.txt.j2", x=[]).startswith("none")


def test_a_file_that_is_no_text_is_named_though_another_takes_it_in(tmp_path):
    made = club_templates(tmp_path, **{"issue__page.html.j2": "{% include 'issue/core.css' %}"})
    (tmp_path / "issue" / "core.css").write_bytes(b"\xff\xfe")
    (tmp_path / "issue" / "logo.png").write_bytes(b"\xff\xfe")
    with pytest.raises(TemplateError, match="not UTF-8") as caught:
        made.render("issue/page.html.j2")
    assert caught.value.where == str(tmp_path / "issue" / "core.css")
