"""Score the reader of returned mail on a corpus, beside flufl.bounce, and Perl's Sisimai where that is installed.

python benchmarks/bounces.py CORPUS      CORPUS has index.jsonl and mails/, and may have replies.jsonl: SMTP replies
                                         (or set MAILER_BOUNCE_CORPUS)

Sisimai is the Debian package libsisimai-perl; it is not needed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

from flufl.bounce import scan_message

from mailer.model.bounce import FAMILY
from mailer.model.diagnosis import classify_line
from mailer.model.reading import read_mail

SISIMAI = r"""
use Sisimai; use JSON::PP; use Time::HiRes qw(clock);
while (my $file = <STDIN>) { chomp $file; my $start = clock();
  my $found = eval { Sisimai->rise($file, delivered => 1, vacation => 1) }
    // eval { Sisimai->make($file) } // [];
  my @rows = map { { recipient => "" . $_->recipient->address, reason => "" . $_->reason,
    hard => ($_->can('hardbounce') ? $_->hardbounce : $_->softbounce eq '0') ? 1 : 0,
    action => "" . $_->action } } @$found;
  print encode_json({ results => \@rows, ms => (clock() - $start) * 1000 }), "\n"; }
"""
CHINESE = ("qq.com", "tencent", "163.com", "126.com", "netease", "sina", "aliyun", "sohu")


@dataclass(frozen=True)
class Answer:
    """What one program said of one mail; `kind` "" when it does not classify."""

    recipients: list[str]
    kind: str
    reason: str
    ms: float


def ours(files: list[Path]) -> list[Answer]:
    """Our own reader."""
    answers = []
    for file in files:
        raw, start = file.read_bytes(), time.process_time()
        reading = read_mail(raw)
        ms = (time.process_time() - start) * 1000
        answers.append(Answer([each.lower() for each in reading.recipients], reading.kind, reading.reason, ms))
    return answers


def sisimai(files: list[Path]) -> list[Answer] | None:
    """Perl's Sisimai in one process for all mails, or None where it is not installed."""
    perl = shutil.which("perl")
    if not perl or subprocess.run([perl, "-MSisimai", "-e1"], capture_output=True, check=False).returncode:
        return None
    listed = "".join(f"{file}\n" for file in files)
    done = subprocess.run([perl, "-e", SISIMAI], input=listed, capture_output=True, text=True, check=True)
    return [_sisimai_answer(json.loads(line)) for line in done.stdout.splitlines()]


def _sisimai_answer(found: dict[str, object]) -> Answer:
    rows = found["results"]
    assert isinstance(rows, list)
    kinds = {_sisimai_kind(row) for row in rows}
    kind = next((each for each in ("complaint", "hard", "soft", "delay", "auto-reply") if each in kinds), "none")
    gravest = next((row for row in rows if _sisimai_kind(row) == kind), {"reason": ""})
    ms = found["ms"]
    assert isinstance(ms, float | int)
    return Answer([str(row["recipient"]).lower() for row in rows], kind, str(gravest["reason"]), float(ms))


def _sisimai_kind(row: dict[str, object]) -> str:
    special = {"feedback": "complaint", "vacation": "auto-reply", "delivered": "none"}.get(str(row["reason"]))
    return special or ("delay" if row["action"] == "delayed" else "hard" if row["hard"] else "soft")


def flufl(files: list[Path]) -> list[Answer]:
    """flufl.bounce, which finds recipients only."""
    answers = []
    for file in files:
        raw, start = file.read_bytes(), time.process_time()
        try:
            found = [each.decode("latin-1").lower() for each in scan_message(message_from_bytes(raw))]
        except Exception:
            found = []
        answers.append(Answer(sorted(found), "", "", (time.process_time() - start) * 1000))
    return answers


def score(facts: list[dict[str, object]], answers: list[Answer]) -> dict[str, str]:
    """The shares that matter, as text."""
    tally: dict[str, list[bool]] = {}
    for fact, answer in zip(facts, answers, strict=True):
        kinds, reasons = _texts(fact["kinds"]), _texts(fact["reasons"])
        if not fact["scored"]:
            continue
        expected = fact["expect"]
        assert isinstance(expected, list)
        if kinds & {"hard", "soft", "complaint", "delay"}:
            accepted = [{str(name).lower() for name in each["accept"]} for each in expected]
            tally.setdefault("recipients found", []).extend(bool(each & set(answer.recipients)) for each in accepted)
            right = [any(name in each for each in accepted) for name in dict.fromkeys(answer.recipients)]
            tally.setdefault("recipients right", []).extend(right)
        if kinds and answer.kind:
            tally.setdefault("kind", []).append(answer.kind in kinds)
            name = "hard found" if kinds == {"hard"} else "" if "hard" in kinds else "false hard"
            tally.setdefault(name, []).append(answer.kind == "hard")
        if reasons and answer.kind:
            families = {FAMILY.get(each, each) for each in reasons}
            tally.setdefault("reason, strict", []).append(answer.reason in reasons)
            tally.setdefault("reason, family", []).append(FAMILY.get(answer.reason, answer.reason) in families)
    tally.pop("", None)
    shares = {name: f"{100 * sum(each) / len(each):.1f} % of {len(each)}" for name, each in tally.items() if each}
    return {**shares, "CPU ms, mean": f"{sum(answer.ms for answer in answers) / len(answers):.3f}"}


def replies(facts: list[dict[str, object]]) -> dict[str, str]:
    """The shares for SMTP replies, a line each, of which nobody says what they answered."""
    tally: dict[str, list[bool]] = {}
    for fact in facts:
        found = classify_line(str(fact["text"]))
        if fact.get("reason"):
            families = fact.get("families") or [fact["family"]]
            tally.setdefault("reason, strict", []).append(found.reason == fact["reason"])
            tally.setdefault("reason, family", []).append(found.family in _texts(families))
        if fact.get("hard") is not None:
            name = "hard found" if fact["hard"] else "false hard"
            tally.setdefault(name, []).append(found.kind == "hard")
    return {name: f"{100 * sum(each) / len(each):.1f} % of {len(each)}" for name, each in tally.items()}


def _texts(values: object) -> set[str]:
    assert isinstance(values, Iterable)
    return {str(each) for each in values}


def main() -> None:
    """Print one column a program, then the slice of Chinese providers."""
    corpus = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MAILER_BOUNCE_CORPUS", ""))
    if not (corpus / "index.jsonl").is_file():
        sys.exit("name a folder with index.jsonl and mails/, or set MAILER_BOUNCE_CORPUS")
    facts = [json.loads(line) for line in (corpus / "index.jsonl").read_text(encoding="utf-8").splitlines()]
    files = [corpus / fact["file"] for fact in facts]
    programs: dict[str, Callable[[list[Path]], list[Answer] | None]] = {"mailer": ours, "Sisimai": sisimai}
    programs["flufl.bounce"] = flufl
    chinese = [any(name.encode() in file.read_bytes().lower() for name in CHINESE) for file in files]
    for program, run in programs.items():
        answers = run(files)
        if answers is None:
            print(f"{program}: not installed")
            continue
        print(f"{program}: " + "; ".join(f"{name} {share}" for name, share in score(facts, answers).items()))
        some = [(fact, answer) for fact, answer, mine in zip(facts, answers, chinese, strict=True) if mine]
        if some:
            slice_facts, slice_answers = [fact for fact, _ in some], [answer for _, answer in some]
            shares = "; ".join(f"{name} {share}" for name, share in score(slice_facts, slice_answers).items())
            print(f"  Chinese providers ({len(some)} mails): {shares}")
    lines = corpus / "replies.jsonl"
    if lines.is_file():
        found = replies([json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()])
        print("mailer, SMTP replies: " + "; ".join(f"{name} {share}" for name, share in found.items()))


if __name__ == "__main__":
    main()
