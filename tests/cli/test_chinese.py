"""What commands say where the terminal is Chinese: no sentence is left in English, and no command says one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import mailer
from mailer import errors
from mailer.cli import main
from mailer.cli.init import make_club

ROOT = Path(mailer.__file__).parent
ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.MailerError)}
TOLD = {"talk", "show", "confirm", "ask", "echo", "prompt", "table", "Finding"}  # by what commands speak to a person
WORDS = re.compile(r"[A-Za-z]{2,}[ ,:;].*[A-Za-z]{2,}|[a-z]{4,}")
# what is no sentence: states of a finding, settings and files by name, what is copied into a file, addresses
NAMES = re.compile(
    r"\[\w+\] \w+|right|advice|wrong|mailer: \{\}|pg_dump|mailer\.key|\S*://\S*  \{\}|\$ mailer \{\}|\{\} <\S+>"
    r"|\[\[?dkim.*|\{\}\. IN TXT ",
    re.DOTALL,
)


def bare(given: ast.expr) -> Iterator[str]:
    """The words of an argument that can be said in English only."""
    if isinstance(given, ast.IfExp):
        yield from bare(given.body)
        yield from bare(given.orelse)
    elif isinstance(given, ast.BinOp):
        yield from bare(given.left)
        yield from bare(given.right)
    elif isinstance(given, ast.Tuple):
        for each in given.elts:
            yield from bare(each)
    elif isinstance(given, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in given.values)
    elif isinstance(given, ast.Constant) and isinstance(given.value, str):
        yield given.value


def unspoken(file: Path) -> list[str]:
    """Where a file says or raises words that are no Sentence."""
    found = []
    calls = TOLD | ERRORS if file.is_relative_to(ROOT / "cli") else ERRORS
    for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if ast.unparse(call.func) == "click.UsageError":  # in click's own words, which help.py knows
                continue
            for given in call.args if name in calls else ():
                found += [
                    f"{file.name}:{call.lineno}: {text}"
                    for text in bare(given)
                    if not NAMES.fullmatch(text) and WORDS.search(text)
                ]
    return found


NOT_YET: set[str] = set()
FILES = {f"{file.parent.name}/{file.stem}": file for file in sorted(ROOT.rglob("*.py"))}


def test_whatever_is_said_to_a_person_can_be_said_in_chinese() -> None:
    assert [line for name, file in FILES.items() if name not in NOT_YET for line in unspoken(file)] == []


@pytest.fixture
def club(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A club whose operator reads Chinese."""
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.chdir(tmp_path)
    make_club(tmp_path, timezone="Asia/Shanghai", languages=("zh",))
    return tmp_path


def run(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, args, input=stdin, prog_name="mailer")


def english_in(text: str) -> list[str]:
    """The lines of what a command said in which several words of English stand side by side."""
    plain = re.sub(r"mailer [a-z]+( [a-z]+)?( --[a-z]+)?|\[[a-z]+\] \w+|https?://\S+|[\w/.-]+@[\w.-]+", "", text)
    return [line for line in plain.splitlines() if re.search(r"[a-z]{2,} [a-z]{2,}", line)]


def test_a_list_is_imported_row_by_row_in_chinese(club: Path) -> None:
    rows = [
        "email,name,language,status",
        "wang@example.com,王芳,zh,active",
        "WANG@example.com,王,zh,active",
        "wang.example.com,王,zh,active",
        "li@example.com,李,中文,active",
        "sun@example.com,孙,zh,left",
        "wu@example.com,吴",
        "zhou@example.com,周,,unsubscribed",
    ]
    (club / "名单.csv").write_text("\n".join(rows), encoding="utf-8")
    asked = run("subscribers", "import", "名单.csv")
    assert (asked.exit_code, asked.stderr.startswith("mailer: 没有 consent_source 列；")) == (2, True)
    done = run("subscribers", "import", "名单.csv", "--consent", "展会")
    assert done.stdout == "共 7 行：新增 2，重复 1，读不出 4\n"
    assert done.stderr.splitlines() == [
        "名单.csv:3: 重复：地址与第 2 行相同；以先出现的为准",
        "名单.csv:4: 读不出：邮箱地址必须有 @",
        "名单.csv:5: 读不出：language 的“中文”不是语言代码，例如 en 或 zh-CN",
        "名单.csv:6: 读不出：不认识 status 的“left”；请用 active、pending 或 unsubscribed",
        "名单.csv:7: 读不出：有 2 格，而标题有 4 格",
    ]
    again = run("subscribers", "import", "-", "--consent", "展会", "--dry-run", stdin="email\nzhou@example.com\n")
    assert again.stderr == "-:2: 已退订：没有导入：这位读者已退订\n"
    assert again.stdout == "只是试算，什么也没有改动；共 1 行：已退订 1\n"


def test_single_readers_are_looked_after_in_chinese(club: Path) -> None:
    said = [
        run("subscribers", *call.split()).output.strip()
        for call in (
            "add wang@example.com --name 王芳",
            "add wang@example.com",
            "tag wang@example.com --add 老客",
            "list",
            "remove wang@example.com",
            "remove wang@example.com",
            "add wang@example.com",
            "add wang",
            "show li@example.com",
            "erase wang@example.com",
            "erase wang@example.com --yes",
            "add wang@example.com",
        )
    ]
    assert said == [
        "已添加",
        "已经在名单里；没有改动",
        "老客",
        "邮箱              姓名  语言  状态    标签\nwang@example.com  王芳        已订阅  老客\n"
        "列出 1 位，共 1 位订阅者",
        "已退订",
        "早已退订；没有改动",
        "mailer: 这位读者已退订；只有本人重新订阅才能恢复",
        "mailer: 邮箱地址必须有 @",
        "mailer: 没有这个地址的任何记录",
        "mailer: 抹去后不能恢复；确定的话请加 --yes",
        "已抹去",
        "mailer: 这位读者的资料已抹去；只有本人重新订阅才能恢复",
    ]


def test_the_history_of_a_person_is_told_in_chinese(club: Path) -> None:
    run("subscribers", "add", "wang@example.com", "--name", "王芳")
    run("subscribers", "remove", "wang@example.com")
    told = run("subscribers", "show", "wang@example.com").stdout
    assert english_in(told) == []
    assert re.search("^状态 +已退订$", told, re.MULTILINE)
    assert re.search("同意订阅 +新增 操作者添加 经手：", told)
    assert re.search("同意订阅 +撤回 操作者 经手：", told)


def test_a_mistake_in_a_segment_is_shown_with_its_place_in_chinese(club: Path) -> None:
    told = run("segments", "count", "language = ‘zh’").stderr
    assert told == 'mailer: 分组 第 12 列: 看不懂“‘zh’”；请把 ‘ 写成 "\n  language = ‘zh’\n             ^\n'
    assert run("segments", "list").stderr == "还没有分组；请写在 segments/组名.segment\n"
