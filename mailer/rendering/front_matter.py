"""The YAML head of an issue file: known keys only, each value with its line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from datetime import date

import yaml

from mailer.model import language_tag
from mailer.model.issue import Silence
from mailer.rendering import slips
from mailer.rendering.finding import NOT_SILENCED, RULES, Finding, error
from mailer.sentence import Sentence

KEYS = (
    "newsletter", "number", "date", "lang", "title", "subject", "preheader", "template", "cta", "tags", "silence",
)  # fmt: skip
REQUIRED = ("newsletter", "date", "lang")
AUTO = "auto"
LIMIT = 20_000

_TAG = "tag:yaml.org,2002:"
_TAGS = frozenset(f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map"))
_COMMENT = re.compile(r"""(?:\s*|[\w-]+:(?:[^"'#]|(?<!\s)#)*\s)(#.*)$""")
_WORD = re.compile(r"[\w][\w.-]*")
_DIGITS = 9  # of an issue's number, at most


class _Wrong(ValueError):
    """A value that its key does not take, and what to do about it."""

    def __init__(self, what: str, fix: str, /, **values: object) -> None:
        self.what, self.fix = Sentence(what, **values), Sentence(fix, **values)

    def finding(self, key: str, line: int) -> Finding:
        return error("I02" if key == "date" else "I01", line, "%(key)s: %(what)s.", self.fix, key=key, what=self.what)


@dataclass(slots=True)
class FrontMatter:
    """The head's values as they will stand in the Issue; `lines` maps a key to its line."""

    newsletter: str = ""
    number: int | None = None
    date: date | None = None
    lang: str = ""
    title: str = ""
    subject: str = ""
    preheader: str = ""
    template: str = "digest"
    cta: str = ""
    tags: tuple[str, ...] = ()
    silenced: tuple[Silence, ...] = ()
    lines: dict[str, int] = field(default_factory=dict)


def read(text: str, first_line: int) -> tuple[FrontMatter, list[Finding]]:
    """The head between the `---` lines; every mistake is a finding, and its key keeps the default."""
    head = FrontMatter()
    findings: list[Finding] = []
    for key, node, line in _pairs(text, first_line, findings):
        if key in head.lines:
            message = "'%(key)s' is given twice, first on line %(first)s."
            fix = "Keep one."
            findings.append(error("I01", line, message, fix, key=key, first=head.lines[key]))
            continue
        head.lines[key] = line
        reader = _READERS.get(key)
        if reader is None:
            findings.append(error("I01", line, "unknown front matter key '%(key)s'.", _suggestion(key), key=key))
        elif key in _TEXTS and (lost := _behind_a_sharp(text, node, line - first_line)):
            message = "%(key)s: '%(lost)s' is left out, because YAML takes # behind a blank for a comment."
            findings.append(error("I01", line, message, "Put the value in double quotes.", key=key, lost=lost))
        elif key == "silence" and isinstance(node, yaml.MappingNode):
            head.silenced = _silenced(node, first_line, findings)
        elif not _is_empty(node):
            try:
                setattr(head, key, reader(node, first_line))
            except _Wrong as problem:
                findings.append(problem.finding(key, line))
    last_line = first_line + text.count("\n") + 1
    for key in REQUIRED:
        if head.lines and (key not in head.lines or _empty_value(head, key, findings)):
            message = "front matter has no '%(key)s'."
            fix = "Add: %(example)s"
            findings.append(error("I01", last_line, message, fix, key=key, example=_EXAMPLES[key]))
    return head, findings


def comments(text: str) -> list[tuple[int, str]]:
    """The comments in the front matter of a file, each with its line; an Issue does not keep them."""
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if number > 1 and line.rstrip() in ("---", "..."):
            break
        if comment := _COMMENT.match(line):
            found.append((number, comment[1]))
    return found


def _behind_a_sharp(text: str, node: yaml.Node, row: int) -> str:
    """What YAML drops behind a value that is not in quotes, from its # on; "" where it drops nothing."""
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return ""
    lines = text.split("\n")
    if node.value and node.end_mark.line < len(lines):
        rest = lines[node.end_mark.line][node.end_mark.column :]
    else:
        rest = lines[row].partition(":")[2]
    return rest.strip() if re.match(r"\s+#", rest) else ""


def _empty_value(head: FrontMatter, key: str, findings: list[Finding]) -> bool:
    said = any(finding.line == head.lines[key] for finding in findings)
    return not said and not getattr(head, key)


def _pairs(text: str, first_line: int, findings: list[Finding]) -> list[tuple[str, yaml.Node, int]]:
    if len(text) > LIMIT:
        findings.append(error("I01", first_line, "the front matter is longer than 20,000 characters.", _CLOSE))
        return []
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError:
        findings.append(error("I01", first_line, "the front matter is nested too deeply.", "Write `key: value` lines."))
        return []
    except yaml.MarkedYAMLError as problem:
        if slipped := slips.find(text, first_line, KEYS):
            findings.extend(slipped)
            return []
        begun = "flow" in (problem.context or "") or "quoted" in (problem.context or "")
        mark = (problem.context_mark if begun else None) or problem.problem_mark or problem.context_mark
        line = first_line + (mark.line if mark else 0)
        why = (problem.problem or "it cannot be read").replace("\n", " ")
        findings.append(error("I01", line, "the front matter is not valid YAML: %(why)s.", _QUOTE, why=why))
        return []
    except yaml.YAMLError:
        findings.append(error("I01", first_line, "the front matter holds a character YAML forbids.", "Delete it."))
        return []
    if root is None or (isinstance(root, yaml.MappingNode) and not root.value):
        findings.append(error("I01", first_line, "the front matter is empty.", "Add newsletter, date and lang."))
        return []
    if not isinstance(root, yaml.MappingNode):
        message = "the front matter is not made of `key: value` lines."
        findings.extend(slips.find(text, first_line, KEYS) or [error("I01", first_line, message, _QUOTE)])
        return []
    for _, value in root.value:
        if value.tag not in _TAGS:
            line = first_line + value.start_mark.line
            tag = value.tag.removeprefix(_TAG)
            findings.append(error("I01", line, "the YAML tag '%(tag)s' is not taken.", _QUOTE, tag=tag))
    return [(str(key.value), value, first_line + key.start_mark.line) for key, value in root.value]


def _suggestion(key: str) -> Sentence:
    close = (
        [_OTHER_NAMES[key.lower()]]
        if key.lower() in _OTHER_NAMES
        else difflib.get_close_matches(key.lower(), KEYS, n=1)
    )
    if close:
        return Sentence("Did you mean '%(name)s'?", name=close[0])
    return Sentence("Known are: %(keys)s.", keys=", ".join(KEYS))


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value in ("", "~", "null")


def _text(node: yaml.Node, _line: int = 0) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _Wrong("must be one text", "Put it in quotes on one line.")
    return " ".join(str(node.value).split())


def _title(node: yaml.Node, line: int) -> str:
    text = _text(node)
    return "" if text == AUTO else text


def _word(node: yaml.Node, line: int) -> str:
    text = _text(node)
    if not _WORD.fullmatch(text):
        raise _Wrong("'%(text)s' is not a word of letters, digits and dashes", "Write, for example: digest.", text=text)
    return text


def _number(node: yaml.Node, line: int) -> int:
    text = _text(node)
    if not re.fullmatch(rf"[0-9]{{1,{_DIGITS}}}", text):
        message = "'%(text)s' is not a whole number"
        meant = re.findall(r"\d+", text)
        if len(meant) == 1 and len(meant[0]) <= _DIGITS:
            raise _Wrong(message, "Write: number: %(meant)s", text=text, meant=int(meant[0]))
        raise _Wrong(message, "Write, for example: number: 214.", text=text)
    return int(text)


def _date(node: yaml.Node, line: int) -> date:
    text = _text(node)
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        day = _meant_day(text)
        fix = "Write year-month-day: date: %(day)s" if day else "Write year-month-day, for example: date: 2026-05-21."
        raise _Wrong("'%(text)s' is not a full date", fix, text=text, day=day)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _Wrong("there is no day %(text)s", "Write the day the issue goes out.", text=text) from None


def _meant_day(text: str) -> str:
    """The day that was meant, where year, month and day stand there in this order; else ""."""
    parts = re.fullmatch(r"(\d{4})\D{1,3}(\d{1,2})\D{1,3}(\d{1,2})\D?|(\d{4})(\d\d)(\d\d)", text.replace(" ", ""))
    if parts:
        try:
            return date(*(int(part) for part in parts.groups() if part)).isoformat()
        except ValueError:
            pass
    return ""


def _lang(node: yaml.Node, line: int) -> str:
    text = _text(node)
    meant = _OTHER_TAGS.get(text.lower()) or (text.replace("_", "-") if "_" in text else "")
    if meant and language_tag.is_tag(meant):
        raise _Wrong("'%(text)s' is not a language tag", "Did you mean '%(name)s'?", text=text, name=meant)
    if not language_tag.is_tag(text):
        fix = "Write, for example: lang: en, or lang: zh-Hans."
        raise _Wrong("'%(text)s' is not a language tag", fix, text=text)
    return language_tag.canonical(text)


def _tags(node: yaml.Node, line: int) -> tuple[str, ...]:
    if isinstance(node, yaml.SequenceNode):
        tags = [_text(part) for part in node.value]
    elif _text(node)[:1] in "【［〔":
        raise _Wrong("the brackets are full-width", "Write: tags: [a, b]")
    else:
        tags = re.split("[,，、]", _text(node))
    return tuple(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))


def _silence(node: yaml.Node, line: int) -> None:
    raise _Wrong("must name a rule and its reason", "Write, on a line below it:   I03: our own story.")


def _silenced(node: yaml.MappingNode, first_line: int, findings: list[Finding]) -> tuple[Silence, ...]:
    """The rules that are switched off; what is wrong with one is told on its own line."""
    silenced: dict[str, Silence] = {}
    for key, value in node.value:
        line = first_line + key.start_mark.line
        try:
            rule, reason = _text(key), _text(value)
            _refuse_silence(rule, reason, silenced)
        except _Wrong as problem:
            findings.append(problem.finding("silence", line))
        else:
            silenced[rule] = Silence(rule, reason, line)
    return tuple(silenced.values())


def _refuse_silence(rule: str, reason: str, silenced: Container[str]) -> None:
    if rule not in RULES:
        raise _Wrong("'%(rule)s' is not a rule's id", "Write, for example:   I03: our own story.", rule=rule)
    if rule in NOT_SILENCED:
        raise _Wrong("rule %(rule)s cannot be silenced", "Correct what it finds.", rule=rule)
    if not reason or reason == "~":
        fix = "Write, for example:   %(rule)s: our own story."
        raise _Wrong("rule %(rule)s is silenced without a reason", fix, rule=rule)
    if rule in silenced:
        raise _Wrong("rule %(rule)s is silenced twice", "Keep one.", rule=rule)


_OTHER_NAMES = {
    "language": "lang", "no": "number", "issue": "number", "name": "newsletter", "silenced": "silence",
    "期号": "number", "期数": "number", "编号": "number", "日期": "date", "语言": "lang", "标题": "title",
    "主题": "subject", "邮件主题": "subject", "摘要": "preheader", "预览": "preheader", "刊名": "newsletter",
    "名称": "newsletter", "模板": "template", "标签": "tags",
}  # fmt: skip
_OTHER_TAGS = {
    "cn": "zh-Hans", "hk": "zh-Hant", "jp": "ja", "gb": "en", "us": "en",
    "chinese": "zh-Hans", "english": "en", "中文": "zh-Hans", "简体": "zh-Hans", "简体中文": "zh-Hans",
    "繁体": "zh-Hant", "繁体中文": "zh-Hant", "繁體中文": "zh-Hant", "英文": "en", "英语": "en",
}  # fmt: skip
_TEXTS = frozenset(("newsletter", "title", "subject", "preheader"))
_CLOSE = "Close it with a line of three dashes."
_QUOTE = 'Write `key: value` lines, and put a value that holds ": " or begins with a sign in double quotes.'
_EXAMPLES = {"newsletter": "newsletter: harbour-morning", "date": "date: 2026-05-21", "lang": "lang: en"}
_READERS: dict[str, Callable[[yaml.Node, int], object]] = {
    "newsletter": _text,
    "number": _number,
    "date": _date,
    "lang": _lang,
    "title": _title,
    "subject": _text,
    "preheader": _text,
    "template": _word,
    "cta": _word,
    "tags": _tags,
    "silence": _silence,
}
