"""`mailer issue`: a paste becomes a file, files are listed, shown, formatted and started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailer.cli import main

PASTE = """Pier News, 21 May
The pier opens; boats for hire

Town
1. The pier opens again
Boards were laid all winter. (Pier Post)
2. Boats for hire by the hour
An hour costs four coins. (Pier Post)
,
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, stdin: str | bytes = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(main, list(arguments), input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_a_paste_on_stdin_becomes_an_issue_on_stdout_and_a_report_on_stderr(folder: Path) -> None:
    code, out, err = run("issue", "import", "-", "--date", "2026-05-21", stdin=PASTE)
    assert code == 0
    assert out.startswith("---\nnewsletter: Pier News\ndate: 2026-05-21\nlang: en\n")
    assert "stdin:9: line of strokes or stray punctuation dropped: ," in err
    assert "1 section, 2 items, 2 sources, 2 leads, 0 call to action" in err
    assert run("issue", "import", "-", "-o", "-", "--date", "2026-05-21", stdin=PASTE)[1] == out
    assert not (folder / "-").exists()


def test_the_issue_is_written_to_a_file_and_never_over_another(folder: Path) -> None:
    assert run("issue", "import", "-", "-o", "today.md", stdin=PASTE)[:2] == (0, "")
    code, _, err = run("issue", "import", "-", "-o", "today.md", stdin=PASTE)
    assert (code, "is there already" in err) == (2, True)
    assert run("issue", "import", "-", "-o", "today.md", "--force", stdin=PASTE)[0] == 0


def test_json_tells_the_issue_its_repairs_and_what_was_not_placed(folder: Path) -> None:
    code, out, _ = run("issue", "import", "-", "--json", "--number", "7", stdin=PASTE.encode("utf-16"))
    data = json.loads(out)
    assert code == 0
    assert (data["issue"]["number"], data["issue"]["title_leads"]) == (7, [1, 2])
    assert data["issue"]["sections"][0]["items"][1]["source"] == "Pier Post"
    assert [line["line"] for line in data["unplaced"]] == [9]
    assert "encoding" in {repair["kind"] for repair in data["repairs"]}
    assert data["markdown"].startswith("---\n")


def test_what_is_no_digest_is_refused_with_code_1(folder: Path) -> None:
    code, out, err = run("issue", "import", "-", stdin="Dear all, lunch is at one.")
    assert (code, out) == (1, "")
    assert "stdin: this is no digest" in err


def test_the_report_is_told_in_the_language_asked_for(folder: Path) -> None:
    code, out, err = run("issue", "import", "-", "--date", "2026-05-21", "--language", "zh", stdin=PASTE)
    assert (code, out) == run("issue", "import", "-", "--date", "2026-05-21", stdin=PASTE)[:2]
    assert "stdin:9: 略去分隔线或零散的标点：,\n" in err
    assert "stdin:2: 找到 2 条要闻：The pier opens / boats for hire\n" in err
    assert "1 个栏目，2 个条目，2 个来源，2 条要闻，0 个行动号召，" in err
    assert run("issue", "import", "-", "--language", "fr", stdin=PASTE)[0] == 2


def test_a_chinese_terminal_reads_the_report_in_chinese_and_a_program_in_english(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = run("issue", "import", "--json", "-", stdin=PASTE)
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert "略去分隔线或零散的标点：," in run("issue", "import", "-", stdin=PASTE)[2]
    assert run("issue", "import", "--json", "-", stdin=PASTE) == english
    told, plain = (
        json.loads(run("issue", "import", "--json", *more, "-", stdin=PASTE)[1]) for more in (("--language", "zh"), ())
    )
    assert told["unplaced"][0]["message"] == "略去分隔线或零散的标点"
    for one, other in zip(told["repairs"], plain["repairs"], strict=True):
        assert one["message"] != other["message"]
        assert {**one, "message": ""} == {**other, "message": ""}
    assert run("issue", "import", "-", stdin="Dear all, lunch is at one.")[2].startswith("mailer: stdin: 这不是简报")
    assert run("issue", "import", "nowhere.txt")[2].startswith("mailer: nowhere.txt: 没有这个文件")


def test_a_chinese_terminal_starts_lists_shows_and_formats_issues_in_chinese(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "issues").mkdir(exist_ok=True)
    (folder / "issues" / "broken.md").write_text("no front matter", encoding="utf-8")
    plain = run("issue", "list", "--json")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    code, made, err = run("issue", "new")
    assert (code, err) == (0, f"请填写各条内容，然后运行：mailer check {made}")
    assert run("issue", "new", "--lang", "x")[2].startswith("mailer: --lang“x”不是语言代码")
    assert "这个文件已经有了" in run("issue", "new", "-o", made.strip())[2]
    header, *rows = run("issue", "list")[1].splitlines()
    assert header.split() == ["文件", "期号", "日期", "语言", "条数", "标题"]
    assert any("无法读取" in row for row in rows)
    assert "第 1 期" in run("issue", "show", made.strip())[1]
    Path(made.strip()).write_text(
        Path(made.strip()).read_text(encoding="utf-8").replace("###", "###  "), encoding="utf-8"
    )
    assert "不是规范格式" in run("issue", "fmt", "--check", made.strip())[2]
    assert "cannot be read" in plain[1]


@pytest.mark.parametrize("arguments", [["import", "missing.txt"], ["show", "missing.md"], ["fmt", "missing.md"]])
def test_a_missing_file_is_one_line(folder: Path, arguments: list[str]) -> None:
    code, _, err = run("issue", *arguments)
    assert code == 2
    assert len(err.strip().splitlines()) == 1


def test_a_wrong_date_is_wrong_use(folder: Path) -> None:
    assert run("issue", "import", "-", "--date", "21 May", stdin=PASTE)[0] == 2


def test_fmt_writes_the_canonical_form_once(folder: Path) -> None:
    Path("a.md").write_text(
        "---\nlang: EN\ndate: 2026-05-21\nnewsletter: x\n---\n### One\ntext\n(Post)\n", encoding="utf-8"
    )
    assert run("issue", "fmt", "--check", "a.md")[0] == 1
    assert run("issue", "fmt", "a.md")[0] == 0
    assert Path("a.md").read_text(encoding="utf-8").endswith("### One\n\ntext\n\nSource: Post\n")
    assert run("issue", "fmt", "--check", "a.md") == (0, "", "")


def test_fmt_filters_standard_input(folder: Path) -> None:
    text = "---\nnewsletter: x\ndate: 2026-05-21\nlang: en\n---\n### One\n"
    assert "title: auto" in run("issue", "fmt", "-", stdin=text)[1]


def test_new_is_the_next_number_on_the_next_working_day(folder: Path) -> None:
    Path("issues").mkdir()
    friday = "---\nnewsletter: x\nnumber: 41\ndate: 2026-05-22\nlang: zh-Hans\n---\n### 一\n"
    Path("issues/2026-05-22.md").write_text(friday, encoding="utf-8")
    shown = run("issue", "new", "-o", "-")[1]
    code, out, _ = run("issue", "new")
    assert (code, out.strip()) == (0, "issues/2026-05-25.md")
    assert shown == Path("issues/2026-05-25.md").read_text(encoding="utf-8")
    text = Path("issues/2026-05-25.md").read_text(encoding="utf-8")
    assert "number: 42\ndate: 2026-05-25\nlang: zh-Hans" in text


def test_new_starts_each_edition_of_an_issue_in_two_languages(folder: Path) -> None:
    Path("issues").mkdir()
    head = "---\nnewsletter: {}\nnumber: 50\ndate: 2026-05-29\nlang: {}\ncta: club\n---\n\n### One {{lead}}\n"
    for tag, lang, name in (("zh", "zh-Hans", "港口早报"), ("en", "en", "Harbour Morning")):
        (folder / "issues" / f"2026-05-29.{tag}.md").write_text(head.format(name, lang), encoding="utf-8")
    code, out, _ = run("issue", "new")
    assert (code, sorted(out.split())) == (0, ["issues/2026-06-01.en.md", "issues/2026-06-01.zh.md"])
    texts = {tag: Path(f"issues/2026-06-01.{tag}.md").read_text(encoding="utf-8") for tag in ("en", "zh")}
    assert "newsletter: Harbour Morning\nnumber: 51\ndate: 2026-06-01\nlang: en\n" in texts["en"]
    assert "newsletter: 港口早报\nnumber: 51\ndate: 2026-06-01\nlang: zh-Hans\n" in texts["zh"]
    assert texts["zh"].endswith("## TODO 栏目\n\n### TODO 标题 {lead}\n\nTODO 正文\n\n来源：TODO\n")
    Path("issues/2026-06-01.en.md").unlink()
    Path("issues/2026-06-01.zh.md").write_text("broken", encoding="utf-8")
    code, _, err = run("issue", "new")
    assert (code, "2026-06-01.zh.md: is there already" in err) == (2, True)
    assert not Path("issues/2026-06-01.en.md").exists()
    code, out, _ = run("issue", "new", "--lang", "en")
    assert (code, out.strip()) == (0, "issues/2026-06-01.en.md")


def test_list_shows_the_newest_first(folder: Path) -> None:
    Path("issues").mkdir()
    for day in ("2026-05-21", "2026-05-22"):
        text = f"---\nnewsletter: x\ndate: {day}\nlang: en\n---\n### One {{lead}}\n"
        Path(f"issues/{day}.md").write_text(text, encoding="utf-8")
    Path("issues/broken.md").write_text("no issue", encoding="utf-8")
    rows = json.loads(run("issue", "list", "--json")[1])
    assert [row["date"] for row in rows] == ["2026-05-22", "2026-05-21", None]


def test_show_tells_what_was_read(folder: Path) -> None:
    _, text, _ = run("issue", "import", "-", stdin=PASTE)
    out = run("issue", "show", "-", stdin=text)[1]
    assert "*  1. The pier opens again  [Pier Post]" in out
    assert json.loads(run("issue", "show", "-", "--json", stdin=text)[1])["lang"] == "en"


def test_the_club_s_name_and_language_stand_above_the_paste(folder: Path) -> None:
    settings = '[newsletter]\nname = "Harbour"\nlanguages = ["en-GB", "zh-Hans"]\n'
    Path("mailer.toml").write_text(settings, encoding="utf-8")
    code, out, err = run("issue", "import", "-", stdin=PASTE)
    assert (code, out.splitlines()[1]) == (0, "newsletter: Harbour")
    assert "lang: en-GB" in out
    assert "the paste names the newsletter 'Pier News'" in err


def test_the_importer_takes_spelling_and_address_of_sources_from_the_table(folder: Path) -> None:
    table = "Coast Daily:\n  zh: 海岸日报\n  aliases: [coastdaily]\n  url: https://coast.example.com\n"
    Path("sources.yaml").write_text(table, encoding="utf-8")
    paste = (
        "Club News, 21 May 2026\n1. Lockers sold\nA firm sold them. (coastdaily)\n2. Fees cut\nThey fell. (Fee Post)\n"
    )
    code, out, err = run("issue", "import", "-", stdin=paste)
    assert code == 0
    assert "Source: [Coast Daily](https://coast.example.com)" in out
    assert "Source: Fee Post" in out
    assert "stdin:2: source written 'coastdaily', in sources.yaml 'Coast Daily'" in err


def test_a_club_without_a_name_yet_sends_under_the_name_the_paste_has(folder: Path) -> None:
    assert run("init")[0] == 0
    code, _, err = run("issue", "import", "-", "-o", "today.md", "--date", "2026-05-21", stdin=PASTE)
    assert (code, '[newsletter] name = "Pier News"' in err) == (0, True)
    assert run("render", "today.md")[0] == 0
    mail = Path("rendered/issue.eml").read_text(encoding="ascii")
    assert "From: Pier News <news@example.com>" in mail
    assert "My Newsletter" not in mail

    settings = Path("mailer.toml").read_text(encoding="utf-8").replace('"My Newsletter"', '"The Pier"')
    Path("mailer.toml").write_text(settings, encoding="utf-8")
    assert run("render", "today.md")[0] == 0
    mail = Path("rendered/issue.eml").read_text(encoding="ascii")
    assert "From: The Pier <news@example.com>" in mail
    assert "Pier News" not in mail
    assert "placeholder" not in run("issue", "import", "-", stdin=PASTE)[2]


def test_formatting_says_which_comments_go(folder: Path) -> None:
    head = '# ours\nnewsletter: C#\nnumber: 7 # seventh\ndate: 2026-05-21\nlang: en\ntitle: "No. #1"\n'
    Path("today.md").write_text(f"---\n{head}---\n\n### One #2\n", encoding="utf-8")
    _, _, err = run("issue", "fmt", "today.md")
    assert [line.partition(": a comment")[0] for line in err.splitlines()] == [
        "today.md:2",
        "today.md:4",
        "today.md: formatted",
    ]
    assert run("issue", "fmt", "--check", "today.md")[0] == 0


def test_an_import_without_a_number_says_which_is_next(folder: Path) -> None:
    assert "it has no number" not in run("issue", "import", "-", "--date", "2026-05-21", stdin=PASTE)[2]
    Path("issues").mkdir()
    head = "---\nnewsletter: x\nnumber: 50\ndate: 2026-05-20\nlang: en\n---\n\n### One {lead}\n"
    Path("issues/2026-05-20.md").write_text(head, encoding="utf-8")
    code, out, err = run("issue", "import", "-", "--date", "2026-05-21", stdin=PASTE)
    assert (code, "the last issue is 50: add 'number: 51'" in err, "number:" in out) == (0, True, False)
    assert (
        "it has no number" not in run("issue", "import", "-", "--date", "2026-05-21", "--number", "51", stdin=PASTE)[2]
    )


def test_an_import_calls_the_newsletter_as_the_club_does_in_the_pastes_language(folder: Path) -> None:
    settings = '[newsletter]\nname = "码头早报"\nlanguages = ["zh", "en"]\nnames = { en = "Quay News" }\n'
    Path("mailer.toml").write_text(settings, encoding="utf-8")
    _, out, _ = run("issue", "import", "-", "--date", "2026-05-21", stdin=PASTE)
    assert "newsletter: Quay News\n" in out


def test_a_files_name_tells_which_edition_of_a_bilingual_paste_is_wanted(folder: Path) -> None:
    pairs = "Quay Daily, 21 May 2026\n1. 渡轮加班\n1. Ferry sails\n2. 吊机换钩\n2. Crane hooked\n"
    for name, headline in (("a.zh.md", "### 渡轮加班"), ("a.en.md", "### Ferry sails")):
        assert run("issue", "import", "-", "-o", name, stdin=pairs)[0] == 0
        assert Path(name).read_text(encoding="utf-8").count("### ") == 2
        assert headline in Path(name).read_text(encoding="utf-8")
