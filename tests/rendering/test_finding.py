"""Findings in the editor's language: every sentence of every rule is in the catalogue, with its values."""

from __future__ import annotations

import ast
import re
import weakref
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import mailer
from mailer.errors import SourceError, spoken
from mailer.rendering import check
from mailer.rendering.finding import counted_errors, error, first_of, warning
from mailer.rendering.translation import slips, translations, translator
from mailer.sentence import CONTEXT_ENDS, Sentence, word

ZH = translator("zh")
FILES = sorted(Path(mailer.__file__).parent.rglob("*.py"))
FIRST = {"error": 2, "warning": 2, "Sentence": 0, "_Wrong": 0, "how_many": 1, "_": 0}  # the argument that is the first
REPORTED = {"found": 2, "add": 2, "drop": 1}  # the argument of a Report's method that is the sentence


@cache
def sentences(file: Path) -> frozenset[str]:
    """Every sentence that a module gives to what makes findings, also by way of a variable."""
    return frozenset(_sentences(file))


def _sentences(file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for scope in (tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))):
        values: dict[str, list[ast.expr]] = {}
        for node in [*ast.walk(scope), *tree.body]:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    pairs = [(target, node.value)]
                    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                        pairs = [*zip(target.elts, node.value.elts, strict=True)]
                    for name, value in pairs:
                        values.setdefault(ast.unparse(name), []).append(value)
        for call in ast.walk(scope):
            for given in _given(call):
                yield from _texts(given, values, f"{file.name}:{call.lineno}")
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "word":
                context, said = call.args
                assert isinstance(context, ast.Constant)
                for text in _texts(said, values, f"{file.name}:{call.lineno}"):
                    yield f"{context.value}{CONTEXT_ENDS}{text}"


def _given(call: ast.AST) -> list[ast.expr]:
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in FIRST:
        return call.args[FIRST[call.func.id] :]
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in REPORTED:
        at = REPORTED[call.func.attr]
        return call.args[at : at + 1]
    return []


def _texts(given: ast.expr, values: dict[str, list[ast.expr]], where: str) -> Iterator[str]:
    assert not isinstance(given, ast.JoinedStr | ast.BinOp), f"{where}: give the values by name, as %(name)s"
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        yield given.value
    elif isinstance(given, ast.IfExp):
        yield from _texts(given.body, values, where)
        yield from _texts(given.orelse, values, where)
    elif isinstance(given, ast.Name):
        for value in values.get(given.id, ()):
            yield from _texts(value, {}, where)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_sentence_is_in_the_catalogue_with_the_same_placeholders(file: Path) -> None:
    catalogue = translations("zh")
    for text in sentences(file):
        if re.search("[A-Za-z]", re.sub(r"%\(\w+\)s", "", text)):
            found = catalogue.gettext(text)
            assert found != text, f"no translation of {text!r}"
            assert sorted(re.findall(r"%\(\w+\)s", found)) == sorted(re.findall(r"%\(\w+\)s", text))


def test_hundreds_of_sentences_were_looked_at_and_none_has_a_slip() -> None:
    assert len({text for file in FILES for text in sentences(file)}) > 600
    assert slips("zh") == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_sentence_is_filled_once_in_both_languages(file: Path) -> None:
    value = "100% %(name)s {0}"
    for said in sentences(file):
        context, _, text = said.rpartition(CONTEXT_ENDS)
        names = re.findall(r"%\((\w+)\)s", text)
        made = word(context, text) if context else Sentence(text, **dict.fromkeys(names, value))
        for told in (made, made.said(ZH)):
            assert told.count(value) == len(names), told
            assert told.count("%") == text.count("%%") + len(names) * value.count("%"), told


def test_a_finding_is_told_in_both_languages_and_kept_in_english() -> None:
    found = warning("I06", 9, "the headline is nearly that of line %(line)s.", "Delete one of the two.", line=5)
    assert str(found) == "warning I06: the headline is nearly that of line 5. Delete one of the two."
    assert found.told(ZH) == "警告 I06：标题与第 5 行的几乎相同。请删去其中一条。"
    assert found.as_json(ZH)["message"] == "标题与第 5 行的几乎相同。"
    assert {**found.as_json(ZH), "message": "", "fix": ""} == {**found.as_json(), "message": "", "fix": ""}


def test_a_sentence_in_a_sentence_is_translated_too() -> None:
    found = error("L01", 3, "the %(what)s '%(text)s' is empty.", "Drop it.", what=Sentence("picture"), text="a % b")
    assert found.message == "the picture 'a % b' is empty."
    assert found.told(ZH) == "错误 L01：图片“a % b”没有网址。请去掉。"


@pytest.mark.parametrize("value", ["100%", "%(what)s", "%s", "{}", "a\nb", "\u202eb", ""])
def test_values_are_values_whatever_they_hold(value: str) -> None:
    found = error("I09", 1, "'%(text)s' was left in the text.", "Write what belongs there.", text=value)
    seen = value.replace("\n", " ").replace("\u202e", "")
    assert found.message == f"'{seen}' was left in the text."
    assert found.message.said(ZH) == f"正文中留有“{seen}”。"


def test_a_finding_keeps_what_an_error_says_and_lets_the_error_go() -> None:
    class Fault(OSError):
        """One that can be watched."""

    fault = Fault("no such device")
    gone = weakref.ref(fault)
    told = Sentence("cannot be read (%(why)s)", why=fault)
    del fault
    assert gone() is None
    assert told.said(ZH) == "无法读取（no such device）"


def test_errors_are_counted_in_words() -> None:
    assert [counted_errors(count).said(ZH) for count in (1, 1200)] == ["1 个错误", "1,200 个错误"]
    assert [str(counted_errors(count)) for count in (0, 1, 1200)] == ["0 errors", "1 error", "1,200 errors"]


def test_the_first_of_many_and_an_error_with_its_place_are_sentences() -> None:
    found = [error("I01", 1, "the issue has no items."), error("I01", 2, "an empty headline.")]
    assert first_of(found).said(ZH) == "本期没有条目。（另有 1 处，mailer check 会全部列出）"
    problem = SourceError(first_of(found[:1]), where="a.md:1")
    assert spoken(problem) == str(problem) == "a.md:1: the issue has no items."
    assert spoken(problem).said(ZH) == "a.md:1: 本期没有条目。"


def test_a_file_full_of_mistakes_is_told_without_a_word_of_english() -> None:
    text = (
        "---\nnewsletter: 晨报\nnumber: 第12期\ndate: 2026/5/1\nlang: cn\ntitel: x\ntags: 【a，b】\n"
        "silence:\n  I99: x\n---\n"
        "# 一\n### \n### 标题。 {lang=1}\n\n```\n"
    )
    told = [finding.told(ZH) for finding in check.check_text(text)[1]]
    assert len(told) == 10
    for line in told:
        assert not re.search(r"[a-z]{2,} [a-z]{2,} ", line), line
