"""Commands called where the terminal is Chinese, and what they say."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailer.cli import main, output
from mailer.cli.init import make_club
from mailer.errors import PublishError, RestoredError
from mailer.rendering.translation import translator
from mailer.sentence import Sentence
from mailer.store import applications
from mailer.wiring import Club

BOUNCES = Path(__file__).parents[1] / "samples" / "bounces"
ISSUE = Path(__file__).parents[2] / "examples" / "issue-en.md"
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


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


def test_applications_are_reviewed_in_chinese(club: Path) -> None:
    with Club.open(club / "mailer.toml").db.transaction() as conn:
        for name, address in (("王芳", "wang@example.com"), ("李强", "li@example.com")):
            answers = {"company": "榕渡百货", "shop_name": "榕渡", "shop_url": "https://shop.example.com"}
            kept = {"name": name, "language": "zh", "kind": "tmall", "answers": answers, "source": "apply"}
            row = applications.add(conn, address=address, match_key=address, wording="", client="", now=NOW, **kept)
            applications.move(conn, row.id, applications.Standing.WAITING, NOW)
    assert run("applications", "list").stdout.splitlines()[0].split("\t")[:2] == ["1", "等待审核"]
    asked = run("applications", "ask", "1", "有实体店吗？")
    assert asked.stderr == "1 号申请：等待回答；信件已放入待发，mailer dispatch 会发送\n"
    again = run("applications", "ask", "1", "有吗？")
    assert (again.exit_code, again.stderr) == (2, "mailer: 1 号申请的状态是“等待回答”；没有改动\n")
    assert run("applications", "approve", "1", "--note", "欢迎").exit_code == 0
    shown = run("applications", "show", "1").stdout
    for line in ("状态：已通过", "类型：天猫商家", "来自：申请页面", "公司名称：榕渡百货", "订阅简报：未勾选"):
        assert line in shown.splitlines()
    assert re.search(r"已通过：欢迎（\w+）$", shown, re.MULTILINE)
    assert english_in(shown) == []
    assert run("applications", "show", "9").stderr == "mailer: 没有 9 号申请\n"
    assert run("applications", "list", "--state", "new").stderr.startswith("mailer: 没有“new”这个状态；可用的是 ")
    nobody = run("applications", "list", "--state", "declined")
    assert nobody.stderr == "没有等待处理的申请；其他状态用 --state 查看\n"


def test_the_doctor_speaks_chinese_to_people_and_english_to_scripts(
    club: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILER_RELAY__URL", "smtp://127.0.0.1:1")
    told = run("doctor")
    assert told.exit_code == 1
    assert re.search("^正常 +数据库 +SQLite .*，可以写入$", told.stdout, re.MULTILINE)
    assert re.search(
        "^错误 +发信服务器 .*连接被拒绝；请启动 mailer inbox，或把发信服务器写进 ", told.stdout, re.MULTILINE
    )
    assert re.search(r"^建议 +\[web\] base_url +\S+ 是本机；请换成读者能访问的网址$", told.stdout, re.MULTILINE)
    assert told.stderr == "有 1 处错误\n"
    assert english_in(told.stdout.replace("SQLite", "")) == []
    found = json.loads(run("doctor", "--json").stdout)["findings"]
    assert {"about": "key", "state": "right", "text": "mailer.key, readable by its owner alone", "todo": ""} in found


def test_mistakes_in_the_settings_are_told_in_chinese_with_their_lines(club: Path) -> None:
    config = club / "mailer.toml"
    good = config.read_text(encoding="utf-8")

    def told(text: str) -> str:
        config.write_text(text, encoding="utf-8")
        return run("status").stderr.replace(f"{config}:", "").replace("mailer.toml:", "")

    lines = good.count("\n")
    several = told(good + "[sending]\nbackoff_minutes = [0]\nuncertain = 3\n")
    assert several == (
        f"mailer: {lines + 2}: [sending] backoff_minutes: 每次等待都应是大于 0 的分钟数\n"
        f"        {lines + 3}: [sending] uncertain: 只能是 'at_most_once', 'at_least_once' 之一\n"
    )
    unknown = told(good + "[lgal]\nx = 1\n")
    assert unknown == f"mailer: {lines + 1}: 不认识的设置 [lgal]；是不是“legal”？\n"
    curly = told(good.replace('name = "My Newsletter"', "name = “晨报”", 1))
    assert re.fullmatch(r"mailer: \d+: 不是正确的 TOML：值写得不对；文字要放在半角引号里（第 \d+ 列）\n", curly)
    (club / "mailer.toml").unlink()
    gone = run("status").stderr
    assert gone == "mailer: mailer.toml: 没有这个文件；用 mailer init 建一个俱乐部文件夹，或用 --config 指明设置文件\n"


def test_a_club_is_made_looked_after_and_kept_in_chinese(club: Path) -> None:
    said = [
        run(*call.split()).stderr
        for call in (
            "init new --yes",
            "init .",
            "init other --timezone Mars/X --yes",
            "db upgrade",
            "db backup .",
            "db backup mailer.toml",
            "db copy nowhere",
            "dkim show",
            "serve --listen here",
            "dispatch --metrics 9464",
            "receipt 31 wang@example.com",
            "report 31",
        )
    ]
    assert said[0].startswith("已建立 new/mailer.toml、mailer.key、subscribers.db、issues/ 和 .gitignore\n")
    assert said[1] == "mailer: .: 已经有 mailer.toml；没有改动\n"
    assert said[2].endswith("[newsletter] timezone: “Mars/X”不是 IANA 时区，例如 Asia/Shanghai\n")
    assert re.fullmatch(r"数据库已是版本 \d+；不需要升级\n", said[3])
    assert "\nmailer: FILE：'.' 是文件夹。用法说明：mailer db backup --help\n" in said[4]
    assert said[5:] == [
        "mailer: mailer.toml: 文件已经有了；请给一个新的文件名\n",
        "mailer: [database] url 不是数据库地址；请写成 sqlite:///subscribers.db\n",
        "mailer: 没有 DKIM 密钥，这里不签名；用 mailer dkim new 生成\n",
        "mailer: [web] listen: “here”不是“主机:端口”，例如 127.0.0.1:8080\n",
        "mailer: --metrics 只用于一个一直运行的发送进程：dispatch --forever --metrics 主机:端口\n",
        "mailer: 没有发布过“31”这一期；mailer status 会列出已发布的\n",
        "mailer: 没有发布过“31”这一期；mailer status 会列出已发布的\n",
    ]


def test_returned_mail_is_taken_in_and_explained_in_chinese(club: Path) -> None:
    mail = str(BOUNCES / "postfix-unknown-user.eml")
    lines = run("bounces", "explain", mail).stdout.splitlines()
    assert lines[0] == f"{mail}：硬退信，地址不存在 userunknown；投递状态报告（RFC 3464）"
    assert lines[1] == "  dave@example.org：硬退信，地址不存在 userunknown（地址不存在）"
    assert lines[-1] == "    仅此一次的后果：列入不发名单（收件方说没有这个地址）"
    taken = run("bounces", "take", mail).stdout
    assert taken == "未核实：硬退信，地址不存在 userunknown；没有我们的标记：已保存，不改变任何读者的状态\n"
    assert "\t硬退信\t地址不存在 userunknown\tdave@example.org（未核实）\t文件\n" in run("bounces", "list").stdout
    assert "种类：硬退信\n" in run("bounces", "show", "1").stdout
    assert json.loads(run("bounces", "take", mail, "--json").stdout)["what"] == "the very same mail was taken before"
    assert run("bounces", "judge", "--replay").stderr == "按现在的规则，没有读者的状态会不同\n"
    assert run("bounces", "show", "9").stderr == "mailer: 没有 9 号退信；mailer bounces list 会列出\n"
    nowhere = run("bounces", "explain", "nowhere").stderr.splitlines()[-1]
    assert nowhere.startswith("mailer: [FILES]...：没有 'nowhere' 这个文件或文件夹。")


def test_who_is_not_mailed_is_told_in_chinese(club: Path) -> None:
    assert run("suppressions", "add", "wang@example.com").stdout == "已列入 1 个\n"
    assert run("suppressions", "list").stdout.split("\t")[:3] == ["wang@example.com", "手工", "生效"]
    assert run("subscribers", "add", "wang@example.com").stderr.startswith("mailer: 这个地址在不发名单上（手工）；")
    assert run("suppressions", "add", "*@example.com").stderr.endswith(
        "“*@example.com”是整个域名，不发名单只收单个地址\n"
    )
    assert run("suppressions", "lift", "wang@example.com").stdout == "已解除 1 个\n"
    again = run("suppressions", "lift", "wang@example.com").stderr
    assert again == "mailer: wang@example.com 没有可解除的；投诉要加 --complaints\n"


@pytest.mark.parametrize(
    ("call", "told"),
    [("--nothing", "没有 --nothing 这个选项。"), ("--config . status", "--config：'.' 是文件夹。")],
)
def test_what_is_wrong_before_a_command_is_told_in_chinese_too(call: str, told: str, club: Path) -> None:
    done = run(*call.split())
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, f"mailer: {told}用法说明：mailer --help")


def test_a_second_publisher_and_a_restored_backup_are_told_in_chinese() -> None:
    zh = translator("zh")
    what = Sentence("issue %(issue)s is being published by somebody else at this moment", issue="31")
    assert PublishError(what).said(zh) == "第 31 期正由别人发布"
    assert RestoredError().said(zh).startswith("恢复过备份，数据库可能缺少备份之后的发送记录。请先运行 ")
    assert str(RestoredError()).startswith("a backup was restored, ")


def test_who_is_asked_is_asked_in_chinese(club: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    made = run("init", "new", stdin="榕渡早报\n\nAsia/Shanghai\n\n")
    assert "刊名 [My Newsletter]：" in made.output
    assert "语言（可写几种，如 zh, en） [zh]：" in made.output
    settings = (club / "new" / "mailer.toml").read_text(encoding="utf-8")
    assert 'name = "榕渡早报"' in settings
    assert 'languages = ["zh"]' in settings
    assert "# 俱乐部的设置。" in settings
    (club / "list.csv").write_text("email\nwang@example.com\n", encoding="utf-8")
    assert run("subscribers", "import", "list.csv", stdin="展会\n").stdout == "共 1 行：新增 1\n"
    erasing = ("subscribers", "erase", "wang@example.com")
    refused, broken_off = run(*erasing, stdin="不\n"), run("init", "other", stdin="")
    assert (refused.exit_code, refused.stderr.splitlines()[-1]) == (1, "没有确认：什么也没有改动")
    assert (broken_off.exit_code, broken_off.stderr.splitlines()[-1]) == (1, "已停止")
    assert run(*erasing, stdin="是\n").stdout == "已抹去\n"


def test_what_scripts_read_is_the_same_in_every_language(club: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILER_RELAY__URL", "smtp://127.0.0.1:1")
    (club / "list.csv").write_text("email,name\nwang@example.com,王芳\nli.example.com,李\n", encoding="utf-8")
    run("subscribers", "import", "list.csv", "--consent", "展会")
    run("suppressions", "add", "gone@example.com")
    run("bounces", "take", str(BOUNCES / "postfix-unknown-user.eml"))
    run("dkim", "new")
    shutil.copyfile(ISSUE, club / "today.md")
    assert run("publish", "today.md", "--yes", "--queue-only").exit_code == 0
    calls = [
        "subscribers import list.csv --consent fair --dry-run --json",
        "subscribers list --json",
        "subscribers show wang@example.com --json",
        "subscribers export",
        "suppressions list --json",
        "bounces list --json",
        f"bounces explain {BOUNCES / 'qq-mailbox-not-found.eml'} --json",
        "applications list --json",
        "segments list --json",
        "segments count tag=vip",
        "dkim show --json",
        "dkim show",
        "doctor --json",
        "status --json",
        "report today.md --json",
        "audit today.md --json",
        "audit today.md --csv -",
        "receipt today.md wang@example.com --json",
    ]
    chinese = [run(*call.split()).stdout for call in calls]
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    for call, told in zip(calls, chinese, strict=True):
        assert run(*call.split()).stdout == told, call
        assert told, call
