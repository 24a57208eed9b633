"""`mailer check`: exit codes, JSON, tables of names and sister editions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailer.cli import main

ISSUE = "---\nnewsletter: x\nnumber: 7\ndate: 2026-05-21\nlang: en\n---\n### One {lead}\n\nIt opened.\n\nSource: Post\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(main, list(arguments), input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_a_clean_issue_is_code_0_without_output(folder: Path) -> None:
    assert run("check", "-", stdin=ISSUE)[:2] == (0, "")


def test_warnings_are_code_0_and_with_strict_1(folder: Path) -> None:
    text = ISSUE.replace("Source: Post\n", "")
    code, out, _ = run("check", "-", stdin=text)
    assert (code, out.startswith("stdin:7: warning I03")) == (0, True)
    assert run("check", "--strict", "-", stdin=text)[0] == 1


def test_errors_are_code_1_and_json_is_one_object_a_line(folder: Path) -> None:
    code, out, _ = run("check", "--json", "-", stdin=ISSUE.replace("opened", "{{ x }} TODO"))
    findings = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [(found["id"], found["level"], found["line"]) for found in findings] == [
        ("I09", "error", 9),
        ("P01", "error", 9),
    ]
    assert set(findings[0]) == {"file", "id", "level", "line", "message", "fix"}


def test_a_file_that_cannot_be_read_is_findings_too(folder: Path) -> None:
    code, out, _ = run("check", "-", stdin="---\nnewslettr: x\n---\n")
    assert code == 1
    assert "stdin:2: error I01: unknown front matter key 'newslettr'. Did you mean 'newsletter'?" in out


def test_tables_and_sisters_beside_the_issue_are_used(folder: Path) -> None:
    Path("a.en.md").write_text(ISSUE, encoding="utf-8")
    Path("a.zh.md").write_text(ISSUE.replace("lang: en", "lang: zh-Hans") + "\n### 二\n", encoding="utf-8")
    Path("sources.yaml").write_text("Other Post:\n", encoding="utf-8")
    out = run("check", "a.en.md")[1]
    assert "I18" in out
    assert "I04" in out


def test_a_broken_table_is_one_line_with_its_place(folder: Path) -> None:
    Path("a.md").write_text(ISSUE, encoding="utf-8")
    Path("sources.yaml").write_text("A: [\n", encoding="utf-8")
    code, _, err = run("check", "a.md")
    assert (code, "sources.yaml:" in err) == (1, True)


def test_another_file_with_the_same_number_is_told_at_the_number(folder: Path) -> None:
    Path("one.md").write_text(ISSUE, encoding="utf-8")
    assert run("check", "one.md")[1] == ""
    Path("copy.md").write_text(ISSUE.replace("05-21", "05-22"), encoding="utf-8")
    assert "one.md:3: warning I22: copy.md is issue 7 too" in run("check", "one.md")[1]


def test_a_file_copied_from_the_last_issue_with_its_date_is_told(folder: Path) -> None:
    Path("2026-05-22.en.md").write_text(ISSUE, encoding="utf-8")
    told = run("check", "2026-05-22.en.md")[1]
    assert "2026-05-22.en.md:4: warning I26: the file is named 2026-05-22, and the issue is dated 2026-05-21." in told
    Path("2026-05-22.en.md").rename("2026-05-21-7.md")
    assert run("check", "2026-05-21-7.md")[1] == ""


def test_a_broken_head_is_told_where_it_begins(folder: Path) -> None:
    assert "stdin:3: error I01" in run("check", "-", stdin=ISSUE.replace("number: 7", "number: [7"))[1]
    tagged = ISSUE.replace("lang: en", "lang: en\ntags: !!python/tuple [a]")
    assert "stdin:6: error I01: the YAML tag 'python/tuple' is not taken." in run("check", "-", stdin=tagged)[1]


def test_findings_are_told_in_the_language_asked_for(folder: Path) -> None:
    code, out, err = run("check", "--language", "zh", "-", stdin=ISSUE.replace("opened", "TODO"))
    assert (code, out) == (1, "stdin:9: 错误 I09：正文中留有“TODO”。请填上应有的内容。\n")
    assert "1 个错误，0 个警告" in err
    assert run("check", "--language", "fr", "-", stdin=ISSUE)[0] == 2


def test_a_chinese_terminal_is_told_in_chinese_and_a_program_in_english(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ISSUE.replace("opened", "TODO")
    english = run("check", "--json", "-", stdin=text)
    for variable, locale in (("LANG", "zh_CN.UTF-8"), ("LC_MESSAGES", "zh_TW"), ("LC_ALL", "zh_CN.GB18030")):
        monkeypatch.delenv("LC_ALL", raising=False)
        monkeypatch.setenv(variable, locale)
        code, out, _ = run("check", "-", stdin=text)
        assert (code, "正文中留有“TODO”。" in out) == (1, True)
        assert run("check", "--json", "-", stdin=text) == english
        assert "'TODO' was left" in run("check", "--language", "en", "-", stdin=text)[1]
        monkeypatch.delenv(variable)
    told, plain = (json.loads(run("check", "--json", *more, "-", stdin=text)[1]) for more in (("--language", "zh"), ()))
    assert (told["id"], told["line"], told["message"]) == (plain["id"], plain["line"], "正文中留有“TODO”。")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert "'TODO' was left" in run("check", "-", stdin=text)[1]


def test_what_ends_a_command_is_told_in_the_editors_language_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zh = "mailer: nowhere.md: 没有这个文件；mailer issue list 会列出各期\n"
    en = "mailer: nowhere.md: no such file; 'mailer issue list' shows the club's issues\n"
    assert run("check", "nowhere.md")[2].endswith(en)
    assert run("check", "--language", "zh", "nowhere.md")[2].endswith(zh)
    assert run("check", "nowhere:12") == (2, "", run("check", "nowhere.md")[2].replace("nowhere.md", "nowhere:12"))
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert run("check", "nowhere.md")[2].endswith(zh)
    assert run("check", "--json", "nowhere.md")[2].endswith(en)
    assert run("init", "club")[0] == 0
    assert run("--config", "club/mailer.toml", "preview", "nowhere.md")[2].endswith(zh)
    Path("sources.yaml").write_text("A: x\n", encoding="utf-8")
    Path("a.md").write_text(ISSUE, encoding="utf-8")
    assert "mailer: sources.yaml:1: “A”下面必须有 `url:`、`aliases:` 之类的项" in run("check", "a.md")[2]


def test_a_file_in_another_encoding_is_a_finding_and_the_next_one_is_looked_at(folder: Path) -> None:
    Path("gbk.md").write_bytes(ISSUE.replace("opened", "开业").encode("gb18030"))
    Path("good.md").write_text(ISSUE.replace("opened", "TODO"), encoding="utf-8")
    code, out, _ = run("check", "gbk.md", "good.md")
    assert (code, out.splitlines()) == (
        1,
        [
            "gbk.md:9: error I01: not UTF-8; 'mailer issue import' reads other encodings.",
            "good.md:3: warning I22: gbk.md is issue 7 too; only one of them can be published. "
            "Give one of them another number.",
            "good.md:9: error I09: 'TODO' was left in the text. Write what belongs there.",
        ],
    )
    found = json.loads(run("check", "--json", "gbk.md")[1])
    assert (found["file"], found["line"], found["id"]) == ("gbk.md", 9, "I01")
