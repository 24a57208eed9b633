"""Mutation of the delivery path: changes one thing at a time in its lines, and sees whether the tests notice.

    make mutants ARGS="--sample 150 --seed 7"      a random sample, each with its change when nobody noticed
    make mutants ARGS="--file mailer/store/ledger.py --list"

Works in a copy of the program. Each mutant is put before the fastest tests first: those of its rooms, then seeds of
the simulation, then the dispatcher over real SMTP, the worker's command, PostgreSQL: the first that fails caught it.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import copy
import difflib
import itertools
import os
import py_compile
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = (
    "mailer/flows/dispatch/*.py",
    "mailer/store/leases.py",
    "mailer/store/picking.py",
    "mailer/store/running.py",
    "mailer/store/ledger.py",
    "mailer/store/late.py",
    "mailer/store/holdings.py",
    "mailer/store/highwater.py",
    "mailer/store/journal.py",
    "mailer/store/budgets.py",
    "mailer/model/delivery.py",
    "mailer/model/pacing.py",
    "mailer/model/tempo.py",
    "mailer/transport/lane.py",
    "mailer/transport/pipelining.py",
    "mailer/transport/protocol.py",
    "mailer/transport/replies.py",
    "mailer/transport/session.py",
)
SESSION = ("pipelining", "protocol", "replies", "session")  # what a transaction is made of, without the dispatcher
PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout", "30")  # none takes that
SQLITE = "not postgresql"
ROOMS = (
    *(f"tests/model/test_{name}.py" for name in ("delivery", "pacing", "tempo", "throttle", "routing")),
    *(f"tests/transport/test_{name}.py" for name in ("lane", "pace")),
    *(f"tests/store/test_{name}.py" for name in ("ledger", "at_once", "holdings", "budgets", "journal", "issues")),
    *(f"tests/store/test_{name}.py" for name in ("highwater", "restored", "worker_costs")),
    *(f"tests/flows/test_{name}.py" for name in ("outcome", "control", "desk", "connection", "books")),
)
QUICK = f"{SQLITE} and (promptness or restarts or greylisting_costs or is_away or together and 1)"  # of the pace
PROMPT = f"{SQLITE} and not takes_two and not leaving_during"  # all but two that wait long
DISPATCH = ("tests/flows/test_dispatch.py", "tests/flows/test_dispatch_faults.py")  # they wait more than they work
Stage = tuple[str, tuple[str, ...]]  # name, command
PATIENCE = 4  # times as long as without a change; who takes longer has one more try, of three times as long
SIMULATION: Stage = ("simulation", (sys.executable, "-m", "support.play", "0:30"))
TRANSPORT: Stage = ("transport", (*PYTEST, "-n", "2", "tests/transport"))
PACED = ("tests/flows/test_promptness.py", "tests/flows/test_pacing_simulation.py")
PACING: Stage = ("pacing", (*PYTEST, "-k", QUICK, *PACED))
SENDING: tuple[Stage, ...] = (
    ("dispatch", (*PYTEST, "-n", "4", "-k", PROMPT, *DISPATCH)),
    ("worker", (*PYTEST, "-n", "4", "-k", SQLITE, "tests/cli/test_worker.py")),
)
POSTGRESQL: Stage = ("postgresql", (*PYTEST, "-m", "postgres", *ROOMS))


def stages_of(file: str) -> tuple[Stage, ...]:
    """What a change of a file is put before, the likeliest to notice soon first; PostgreSQL only where it is asked."""
    if Path(file).stem in SESSION:
        return (SIMULATION, TRANSPORT, PACING, *SENDING)
    rooms = sorted(ROOMS, key=lambda room: Path(room).stem != f"test_{Path(file).stem}")
    first: tuple[Stage, ...] = (("rooms", (*PYTEST, "-k", SQLITE, *rooms)), SIMULATION, PACING, *SENDING)
    return (*first, POSTGRESQL) if file.startswith("mailer/store/") else first


SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
}  # fmt: skip
OTHERS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """`file` with the text between two offsets replaced."""

    file: str
    line: int
    kind: str
    start: int
    end: int
    instead: str

    def apply(self, text: str) -> str:
        """The file's text with the change."""
        return text[: self.start] + self.instead + text[self.end :]


# --- the changes -------------------------------------------------------------------------------------------------


def mutants_of(file: str, text: str) -> list[Mutant]:
    """Every change this program knows to make to a file."""
    offsets = list(itertools.accumulate((len(line.encode()) for line in text.splitlines(keepends=True)), initial=0))
    raw = text.encode()

    def place(line: int, column: int) -> int:
        return len(raw[: offsets[line - 1] + column].decode())

    found = []
    for node in _code(ast.parse(text)):
        for kind, instead in _changes(node):
            start = place(node.lineno, node.col_offset)  # type: ignore[attr-defined]
            end = place(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
            new = "pass" if instead is None else ast.unparse(ast.fix_missing_locations(instead))
            if isinstance(instead, ast.expr) and "\n" not in new:
                new = f"({new})"
            found.append(Mutant(file, node.lineno, kind, start, end, new))  # type: ignore[attr-defined]
    return found


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that are run: no docstrings, annotations, imports, nor the bodies of what is only described."""
    for name, value in ast.iter_fields(tree):
        if name in {"annotation", "returns", "decorator_list", "bases"}:
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or isinstance(node, ast.Import | ast.ImportFrom):
                continue
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            if isinstance(node, ast.JoinedStr):  # words for people
                continue
            yield node
            yield from _code(node)


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST | None]]:
    match node:
        case ast.Compare(ops=ops):
            for number, op in enumerate(ops):
                yield "comparison", _with(node, "ops", number, SWAPS[type(op)]())
        case ast.BoolOp(op=op, values=values):
            yield "and/or", _set(node, "op", SWAPS[type(op)]())
            if len(values) > 1:
                for number in range(len(values)):
                    yield "term dropped", _without(node, "values", number)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "not dropped", operand
        case ast.BinOp(op=op) if type(op) in SWAPS:
            yield "arithmetic", _set(node, "op", SWAPS[type(op)]())
        case ast.Constant(value=bool(value)):
            yield "truth", ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield "number", ast.Constant(value + 1)
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield "return None", ast.Return(ast.Constant(None))
        case ast.Raise():
            yield "no raise", None
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield "call dropped", None
        case ast.AugAssign() | ast.Delete():
            yield "statement dropped", None
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "assignment dropped", None
        case ast.Call():
            yield from _calls(node)
        case ast.Tuple(elts=elts, ctx=ast.Load()) | ast.Set(elts=elts) if len(elts) > 1 and _states(elts):
            for number in range(len(elts)):
                yield "state dropped", _without(node, "elts", number)
    if isinstance(node, ast.IfExp):
        yield "condition negated", _set(node, "test", ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.comprehension | ast.If | ast.While):
        return


def _calls(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in OTHERS and isinstance(node.func, ast.Name):
        yield "other choice", _set(node, "func", ast.Name(OTHERS[name], ast.Load()))
    if name == "where" and isinstance(node.func, ast.Attribute):
        for number in range(len(node.args)):
            dropped = _without(node, "args", number)
            yield "condition dropped", dropped if len(node.args) > 1 else node.func.value
    if name == "values":
        for number in range(len(node.keywords)):
            yield "value dropped", _without(node, "keywords", number)
    if name in {"or_", "and_"}:
        yield "and/or", _set(node, "func", ast.Name("or_" if name == "and_" else "and_", ast.Load()))
        for number in range(len(node.args)):
            yield "term dropped", _without(node, "args", number)


def _states(elts: list[ast.expr]) -> bool:
    return all(isinstance(one, ast.Attribute) and one.attr.isupper() for one in elts)


def _set(node: ast.AST, name: str, value: object) -> ast.AST:
    changed = copy.copy(node)
    setattr(changed, name, value)
    return changed


def _with(node: ast.AST, name: str, number: int, value: object) -> ast.AST:
    items = list(getattr(node, name))
    items[number] = value
    return _set(node, name, items)


def _without(node: ast.AST, name: str, number: int) -> ast.AST:
    items = list(getattr(node, name))
    del items[number]
    if name == "values" and isinstance(node, ast.BoolOp) and len(items) == 1:
        return items[0]
    return _set(node, name, items)


def conditions_of(file: str, text: str) -> list[Mutant]:
    """The conditions of `if`, `while` and comprehensions, each negated."""
    found = []
    lines = text.splitlines(keepends=True)
    offsets = list(itertools.accumulate(map(len, lines), initial=0))
    for node in _code(ast.parse(text)):
        tests = node.ifs if isinstance(node, ast.comprehension) else []
        if isinstance(node, ast.If | ast.While) and not isinstance(node.test, ast.Constant):
            tests = [node.test]
        for test in tests:
            start = offsets[test.lineno - 1] + test.col_offset
            end = offsets[(test.end_lineno or 0) - 1] + (test.end_col_offset or 0)
            negated = f"(not ({text[start:end]}))"
            found.append(Mutant(file, test.lineno, "condition negated", start, end, negated))
    return found


# --- the trial ---------------------------------------------------------------------------------------------------


class Bench:
    """Copies of the program, one for each trial that runs at the same time."""

    def __init__(self, folder: Path, count: int, *, quick: bool) -> None:
        self._quick = quick
        self._limits: dict[str, float] = {}  # seconds, by stage
        self._free = [folder / str(number) for number in range(count)]
        for copied in self._free:
            for name in ("mailer", "tests", "tools", "templates", "examples"):
                shutil.copytree(ROOT / name, copied / name, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(ROOT / "pyproject.toml", copied)
            by_content = py_compile.PycInvalidationMode.CHECKED_HASH  # a change of the same length in the same second
            compileall.compile_dir(copied / "mailer", quiet=1, invalidation_mode=by_content)

    def try_out(self, mutant: Mutant | None) -> str:
        """Who caught it: a stage's name, with "in time" for one that never ended; "" when nobody did."""
        copied = self._free.pop()
        try:
            if mutant is None:
                return self._run(copied, tuple(dict([*stages_of("mailer/store/"), TRANSPORT]).items()))
            file = copied / mutant.file
            before = file.read_text(encoding="utf-8")
            file.write_text(mutant.apply(before), encoding="utf-8")
            try:
                return self._run(copied, stages_of(mutant.file))
            finally:
                file.write_text(before, encoding="utf-8")
        finally:
            self._free.append(copied)

    def _run(self, copied: Path, stages: Sequence[Stage]) -> str:
        path = f"{copied}{os.pathsep}{copied / 'tests'}"
        environment = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": ""}
        for name, command in stages[: 2 if self._quick else None]:
            began, limit = time.monotonic(), self._limits.get(name)
            if (ended := _ends_well(command, copied, environment, limit)) is None:  # the machine may have been busy
                ended = _ends_well(command, copied, environment, 3 * (limit or 0))
            if not ended:
                return name if ended is not None else f"{name}, in time"
            self._limits.setdefault(name, PATIENCE * (time.monotonic() - began))
        return ""


def _ends_well(
    command: tuple[str, ...], folder: Path, environment: dict[str, str], seconds: float | None
) -> bool | None:
    """Whether nothing fails; None when it takes too long. In real time a test may fail that was only hurried: what
    failed beside others has to fail alone, too."""
    for more in ((), ("--maxfail=20",)):
        ended, failed = _end((*command, *more), folder, environment, seconds)
        if ended is None or ended == 0:
            return None if ended is None else True
        if "-n" not in command or not failed:
            return False
        if ended := _end((*PYTEST, *failed), folder, environment, seconds)[0]:
            return False
        if ended is None:
            return None
    return True


def _end(
    command: tuple[str, ...], folder: Path, environment: dict[str, str], seconds: float | None
) -> tuple[int | None, list[str]]:
    """What a command ended with, None when it took too long; and the tests that failed."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            ended = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None, []
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said.seek(0)
        words = [line.partition(" - ")[0].strip().partition(" ") for line in said]
    return ended, [test for what, _, test in words if what in {"FAILED", "ERROR"} and test.startswith("tests/")]


def difference(mutant: Mutant, text: str) -> str:
    """The change as a patch with two lines around it."""
    new = mutant.apply(text)
    lines = difflib.unified_diff(text.splitlines(), new.splitlines(), mutant.file, mutant.kind, lineterm="", n=2)
    return "\n".join(lines)


def main() -> int:
    """Try a sample; 0 when at least the wanted share was caught."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sample", type=int, default=0, help="so many of them, drawn at random; 0: all")
    options.add_argument("--seed", type=int, default=1, help="of the drawing")
    options.add_argument("--file", action="append", help="mutate this file only")
    options.add_argument("--jobs", type=int, default=1, help="trials at the same time")
    options.add_argument("--report", type=Path, help="write the survivors there")
    options.add_argument("--quick", action="store_true", help="only the tests of the rooms and the simulation")
    options.add_argument("--list", action="store_true", help="only say what would be tried")
    options.add_argument("--least", type=float, default=0.85, help="the share to be caught")
    given = options.parse_args()

    files = given.file or [str(f.relative_to(ROOT)) for pattern in FILES for f in sorted(ROOT.glob(pattern))]
    texts = {file: (ROOT / file).read_text(encoding="utf-8") for file in files}
    everything = [one for file, text in texts.items() for one in mutants_of(file, text) + conditions_of(file, text)]
    chosen = everything
    if given.sample:
        chosen = random.Random(given.seed).sample(everything, min(given.sample, len(everything)))  # noqa: S311
    print(f"{len(chosen)} of {len(everything)} mutants of {len(files)} files", flush=True)
    if given.list:
        for one in chosen:
            print(f"{one.file}:{one.line}: {one.kind}: {one.instead}")
        return 0
    return _try(chosen, texts, given.jobs, given.report, given.least, quick=given.quick)


def _try(
    chosen: list[Mutant], texts: dict[str, str], jobs: int, report: Path | None, least: float, *, quick: bool
) -> int:
    caught: Counter[str] = Counter()
    survivors: list[str] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), jobs, quick=quick)
        if failing := bench.try_out(None):
            print(f"the tests fail without any change ({failing}): nothing can be seen from them")
            return 2
        with ThreadPoolExecutor(jobs) as pool:
            trials = {pool.submit(bench.try_out, mutant): mutant for mutant in chosen}
            for trial in as_completed(trials):
                mutant, by = trials[trial], trial.result()
                caught[by or "nobody"] += 1
                print(f"{by or 'SURVIVED':18} {mutant.file}:{mutant.line} {mutant.kind}", flush=True)
                if not by:
                    survivors.append(difference(mutant, texts[mutant.file]))
                    print(survivors[-1], flush=True)
    share = 1 - caught["nobody"] / len(chosen)
    by_whom = ", ".join(f"{name} {count}" for name, count in caught.most_common())
    verdict = f"{share:.1%} of {len(chosen)} caught in {time.monotonic() - began:.0f} s ({by_whom})"
    print(verdict)
    if report is not None:
        report.write_text("\n\n".join([verdict, *survivors]) + "\n", encoding="utf-8")
    return 0 if share >= least else 1


if __name__ == "__main__":
    sys.exit(main())
