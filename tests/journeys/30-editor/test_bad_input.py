"""An editor's and an operator's mistakes: each is a line with file, place and a way out, and nothing is published."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.command import data, mailer

from mailer.cli import main

SHIPPED = Path(__file__).parents[3] / "templates" / "issue"
HEAD = "---\nnewsletter: Quay News\nnumber: 7\ndate: 2026-05-21\nlang: en\n---\n"
BODY = "### One {lead}\n\nIt opened.\n\nSource: Post\n"
GOOD = HEAD + BODY
BAD = {  # a file's text, the line of the mistake, the rule, and words of the way out
    "unknown-key": (GOOD.replace("number:", "nubmer:"), 3, "I01", "Did you mean 'number'?"),
    "repeated-key": (GOOD.replace("number: 7", "number: 7\nnumber: 8"), 4, "I01", "Keep one"),
    "broken-yaml": (GOOD.replace("Quay News", "Quay: News"), 2, "I01", "double quotes"),
    "yaml-object": (GOOD.replace("Quay News", "!!python/object/apply:os.system [id]"), 2, "I01", "one text"),
    "no-date": (GOOD.replace("2026-05-21", "May 21"), 4, "I02", "year-month-day"),
    "not-closed": (GOOD.replace("lang: en\n---\n", "lang: en\n"), 1, "I01", "three dashes"),
    "no-items": (HEAD + "Hello.\n", 8, "I01", "### Headline"),
    "unknown-tag": (GOOD.replace("opened", "{{ nickname }}"), 9, "P01", "did you mean"),
    "template-code": (GOOD.replace("opened", "{% raw %}{{ 7*7 }}"), 9, "P01", "not a merge tag"),
    "tag-without-default": (GOOD.replace("opened", "{{ first_name }}"), 9, "P02", "??"),
    "open-block": (GOOD + "\n::: cta club\n[Join](https://club.example.com)\n", 13, "I10", "three colons"),
    "open-code": (HEAD + "### One {lead}\n\n```\ncode\n", 9, "I10", "```"),
    "script-link": (GOOD.replace("It opened", "[It](javascript:alert)"), 9, "L01", "https:"),
    "script-source": (GOOD.replace("Post", "[Post](javascript:alert)"), 11, "L01", "https:"),
    "script": (GOOD.replace("opened", "<script>alert()</script>"), 9, "I10", "Delete it"),
    "style": (GOOD.replace("opened", "<style>p{}</style>"), 9, "I10", "Delete it"),
    "override": (GOOD.replace("One", "One \u202egnp"), 7, "I10", "Delete it"),
    "unclosed-direction": (GOOD.replace("opened", "\u2067opened"), 9, "I10", "invisible marks"),
    "noncharacter": (GOOD.replace("One", "One \ufffe"), 7, "I10", "Delete it"),
    "lost-character": (GOOD.replace("opened", "\ufffd"), 9, "I10", "belongs there"),
    "encoded-break": (GOOD.replace("One", "=?utf-8?q?=0D=0ABcc:?="), 0, "H00", "plain letters"),
    "endless-line": (GOOD.replace("opened", "[" * 150_000), 9, "I01", "blank lines"),
    "five-megabytes": (GOOD.replace("opened", "word " * 1_000_000), 1, "I01", "Split it"),
    "other-template": (GOOD.replace("lang: en", "lang: en\ntemplate: ../key"), 6, "I01", "for example"),
}
MISTAKES = {  # what an operator's override of a template does wrong, and where it is told
    "syntax": ("digest.html.j2", "{% endif %}", "{% endfi %}", r"digest\.html\.j2:\d+: .*endfi"),
    "unknown-name": ("digest.html.j2", "{{ intro }}", "{{ intor }}", r"digest\.html\.j2:LINE: .*'intor' is undefined"),
    "escape": ("digest.html.j2", "{{ intro }}", "{{ intro.__class__ }}", r"digest\.html\.j2:LINE: .*unsafe"),
    "other-file": ("digest.html.j2", "{{ intro }}", "{% include '../../mailer.key' %}", r"j2:LINE: .*no template"),
    "itself": ("digest.html.j2", "{{ intro }}", "{% include 'issue/digest.html.j2' %}", r"j2: .*includes itself"),
    "no-page": ("digest.html.j2", "<body", "<table", r"digest\.html\.j2: .*no <body>"),
    "script": ("digest.html.j2", "</body>", "<script></script></body>", r"H14.*script"),
    "no-way-out": ("digest.html.j2", "{{ links.unsubscribe }}", "#", r"L04.*unsubscribe"),
    "css": ("core.css", "h1 {", "h1 { colour red;", r"H21.*core\.css line LINE"),
    "lost-css": ("core.css", "h1 {", "@media print{p{margin-top:0}}\nh1 {", r"H22.*core\.css line LINE"),
    "pale": ("theme.yaml", '"#222222"', '"#cccccc"', r"theme\.yaml:6: .*contrast"),
    "place": ("theme.yaml", "{weekday}", "{week}", r"theme\.yaml:29: .*\{week\}"),
}  # fmt: skip


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("club")
    mailer(folder, "init", ".", "--yes", "--name", "Quay News")
    mailer(folder, "subscribers", "add", "alice@example.com", "--consent", "asked")
    for name, (text, *_) in BAD.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    (folder / "good.md").write_text(GOOD, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def found(club: Path) -> list[str]:
    return mailer(club, "check", *[f"{name}.md" for name in BAD], code=1).stdout.splitlines()


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_told_with_its_line_and_a_way_out(found: list[str], name: str) -> None:
    _, line, rule, fix = BAD[name]
    place = f"{name}.md:{line}" if line else f"{name}.md"
    told = [entry for entry in found if entry.startswith(f"{place}: error {rule}: ")]
    assert any(fix in entry for entry in told), [entry for entry in found if entry.startswith(name)]


@pytest.mark.parametrize("name", ["unknown-tag", "encoded-break"])
def test_what_check_refuses_publish_refuses(club: Path, name: str) -> None:
    refused = mailer(club, "publish", f"{name}.md", "--yes", "--queue-only", code=1)
    assert f"error {BAD[name][2]}: " in refused.stderr
    assert "'mailer check'" in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("raw", "line"), [(GOOD.encode("utf-16"), 1), (HEAD.encode() + "### 标题\n".encode("gb18030"), 7)]
)
def test_other_encodings_are_sent_to_the_importer(club: Path, raw: bytes, line: int) -> None:
    (club / "other.md").write_bytes(raw)
    refused = mailer(club, "publish", "other.md", "--yes", code=1)
    assert f"other.md:{line}: not UTF-8; 'mailer issue import' reads other encodings" in refused.stderr


@pytest.mark.parametrize("name", MISTAKES)
def test_an_operators_mistake_is_told_with_the_templates_place(club: Path, name: str) -> None:
    file, old, new, told = MISTAKES[name]
    override = club / "templates" / "issue" / file
    override.parent.mkdir(parents=True, exist_ok=True)
    text = (SHIPPED / file).read_text(encoding="utf-8")
    assert old in text
    override.write_text(text.replace(old, new, 1), encoding="utf-8")
    try:
        arguments = ["--config", str(club / "mailer.toml"), "check", str(club / "good.md")]
        checked = CliRunner().invoke(main, arguments)
    finally:
        override.unlink()
    assert checked.exit_code == 1
    line = text.count("\n", 0, text.index(old)) + 1
    assert re.search(told.replace("LINE", str(line)), checked.stdout), checked.stdout


def test_a_mistake_in_the_sister_edition_refuses_both(club: Path) -> None:
    (club / "day.en.md").write_text(GOOD, encoding="utf-8")
    (club / "day.zh.md").write_text(
        GOOD.replace("lang: en", "lang: zh-Hans").replace("opened", "TODO"), encoding="utf-8"
    )
    refused = mailer(club, "publish", "day.en.md", "--yes", "--queue-only", code=1)
    assert "day.zh.md:9: error I09" in refused.stderr
    (club / "day.zh.md").write_text(
        GOOD.replace("lang: en", "lang: zh").replace("number: 7", "number: 8"), encoding="utf-8"
    )
    refused = mailer(club, "publish", "day.en.md", "--yes", "--queue-only", code=1)
    assert "day.en.md:3: error I19: day.zh.md is issue 8, this is 7" in refused.stderr


def test_hostile_names_reach_nothing_but_their_own_place(club: Path) -> None:
    nasty = '<b>&"{{ email }}{% x %}=?utf-8?q?=0A?=\u202e' + "x" * 300
    mailer(
        club,
        "subscribers",
        "import",
        "-",
        "--consent",
        "x",
        stdin=f'email,name\nbob@example.com,"{nasty.replace(chr(34), chr(34) * 2)}"\n',
        code=None,
    )
    (club / "hello.md").write_text(
        GOOD.replace("It opened", 'It opened{{ name | " for " ?? " for you" }}'), encoding="utf-8"
    )
    mailer(club, "publish", "hello.md", "--dry-run")
    mailer(club, "render", "hello.md", "-o", "out", "--name", nasty)
    page = (club / "out" / "issue.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page
    assert "\u202e" not in page + (club / "out" / "issue.txt").read_text(encoding="utf-8")
    head = (club / "out" / "issue.eml").read_bytes().partition(b"\r\n\r\n")[0]
    assert b"Bcc" not in head
    assert head.count(b"\r\nTo: ") == 1


def test_nothing_of_all_this_was_published(club: Path) -> None:
    assert data(club, "status")["issues"] == []
