"""The rendered digest before other people's checkers: one table of figures beside their targets, and pictures.

Run: make render-report [ARGS="ISSUE.md ... -o FOLDER"], which fetches the Node checkers (`checkers.json`) with npm.
What is missing is named and its rows are left out. CHECKERS is the folder over their node_modules, default the current
one: vnu-jar (and Java), doiuse-email, caniemail, axe-core, mailparser. Also used: SpamAssassin, Chromium with
playwright, mailpit, Thunderbird with Xvfb, and Roundcube's sanitiser (ROUNDCUBE: the folder program/lib of a Roundcube,
default Debian's; PHP: how to call PHP with its extensions dom, mbstring, iconv and ctype, default `php`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import message_from_string, policy
from functools import partial
from pathlib import Path

import clients
import thunderbird

from mailer.mail import header
from mailer.model.issue import Issue
from mailer.rendering import edition, examine, images, picture, theme
from mailer.rendering.check_html import check_page
from mailer.rendering.check_message import check_message
from mailer.rendering.edition import SAMPLE, Edition
from mailer.rendering.facts import ClubFacts
from mailer.rendering.templates import Templates

ACCESSIBLE = frozenset(("H03", "H04", "H05", "H06", "H07", "H08", "H12", "H13", "I14", "L08"))
CLIENTS = "gmail.*,outlook.*,apple-mail.*,yahoo.*,samsung-email.*"
REPORT = """Written by `make render-report`: the issues in `examples` as they are sent, and what each checker says.
`make render-report ARGS="ISSUE.md ..."` does the same with yours.

![The digest in light and dark, on a phone, and with every style removed](images/digest.png)
"""
CLUB = ClubFacts(
    newsletter="Quay News",
    base_url="https://news.example.org",
    sender_address="news@example.org",
    reply_to="editors@example.org",
    unsubscribe_address="leave@example.org",
    postal_address="1 Quay Street, Ningbo",
    names={"zh": "码头早报"},
    postal_addresses={"zh": "浙江省宁波市码头街 1 号"},
)
EXAMPLES = Path(__file__).parent.parent / "examples"
ROUNDCUBE = Path(os.environ.get("ROUNDCUBE", "/usr/share/roundcube/program/lib"))
CANIEMAIL = """
import fs from 'fs';
const {caniemail} = await import(process.argv[2]);
const result = caniemail({clients: process.argv[3].split(','), html: fs.readFileSync(process.argv[4], 'utf8')});
const titles = new Set();
for (const [, list] of result.issues.errors) for (const issue of list) titles.add(issue.title);
console.log(titles.size);
"""
MAILPARSER = """
const fs = require('fs');
const {simpleParser} = require(process.argv[2]);
(async () => {
  let wrong = 0;
  for (const [subject, field] of JSON.parse(fs.readFileSync(process.argv[3], 'utf8'))) {
    const mail = await simpleParser(Buffer.from(field + '\\r\\n', 'ascii'));
    if (mail.subject !== subject) wrong++;
  }
  console.log(wrong);
})();
"""
WORDS = [
    "Harbour",
    "Lane",
    "buys",
    "Nookbox;",
    "港巷商城",
    "收购",
    "格子箱；七座沿江小城",
    "—",
    "“瓣与邮”",
    "R&D",
    "50%",
    "¥60",
    "=?utf-8?q?x?=",
    "Zoë",
    "😀",
    "a_b",
    "(36Kr)",
    "高",
]


@dataclass(frozen=True)
class Row:
    """One figure beside its target; `most` is the largest value that meets it."""

    target: str
    name: str
    value: float
    most: float

    def __str__(self) -> str:
        verdict = "ok" if self.value <= self.most else "MISSED"
        return f"| {self.target} | {self.name} | {self.value:g} | <= {self.most:g} | {verdict} |"


class Bench:
    """The checkers of this machine; `missing` collects the names of those that are not there."""

    def __init__(self) -> None:
        self.modules = Path(os.environ.get("CHECKERS", ".")).resolve() / "node_modules"
        self.missing: set[str] = set()

    def module(self, name: str) -> Path | None:
        """The folder of a Node package, or None."""
        found = self.modules / name
        if found.is_dir() and shutil.which("node"):
            return found
        self.missing.add(f"{name} (npm)")
        return None

    def program(self, name: str) -> str | None:
        """The path of a program, or None."""
        found = shutil.which(name)
        if not found:
            self.missing.add(name)
        return found


def run(*command: str | Path, stdin: bytes | None = None) -> str:
    """Standard output and error of a checker, whatever it thinks of what it saw."""
    done = subprocess.run([str(part) for part in command], input=stdin, capture_output=True, timeout=120, check=False)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def static_rows(bench: Bench, name: str, issue: Issue, made: Edition, folder: Path) -> Iterator[Row]:
    """Figures that need no browser."""
    page, core = folder / f"{name}.html", folder / f"{name}.core.html"
    shown = images.hosted(made.html, CLUB.base_url, "i/")
    page.write_text(shown, encoding="utf-8")
    core.write_text(re.sub(r"<style>.*?</style>\n?", "", shown, flags=re.DOTALL), encoding="utf-8")
    mail = made.program.compose(SAMPLE)
    (folder / f"{name}.eml").write_bytes(mail)
    found = [*check_page(issue, made), *check_message(issue, made)]
    yield Row("", f"{name}: our own findings", len(found), 0)
    yield Row("T6", f"{name}: findings on the rules of accessibility", sum(each.id in ACCESSIBLE for each in found), 0)
    if program := bench.program("mailpit"):
        yield Row(
            "T1", f"{name}: mailpit HTML check, % not supported", round(100 - clients.mailpit(program, mail), 1), 4
        )
    if ROUNDCUBE.is_dir():
        sent = folder / f"{name}.sent.html"
        sent.write_text(made.html, encoding="utf-8")
        kinds, count, dark = clients.roundcube(os.environ.get("PHP", "php"), ROUNDCUBE, sent)
        yield Row("T12", f"{name}: kinds of attributes Roundcube takes ({count} in all)", kinds, 3)
        yield Row("T12", f"{name}: dark block lost in Roundcube", int(not dark), 0)
    else:
        bench.missing.add("Roundcube (ROUNDCUBE)")
    if doiuse := bench.module("doiuse-email"):
        for kind, file, most in (("whole", page, 44), ("core", core, 12)):
            output = run("node", doiuse.parent / ".bin" / "doiuse-email", "-e", CLIENTS, file)
            yield Row("T2", f"{name}: doiuse-email errors, {kind}", len(json.loads(output)["errors"]), most)
    if caniemail := bench.module("caniemail"):
        script = folder / "caniemail.mjs"
        script.write_text(CANIEMAIL, encoding="utf-8")
        entry = json.loads((caniemail / "package.json").read_text(encoding="utf-8"))["exports"]["."]
        entry = entry if isinstance(entry, str) else entry.get("default") or entry["import"]
        entry = entry if isinstance(entry, str) else entry["default"]
        for kind, file, most in (("whole", page, 11), ("core", core, 5)):
            output = run("node", script, (caniemail / entry).resolve().as_uri(), CLIENTS, file)
            yield Row("T3", f"{name}: caniemail error features, {kind}", int(output.split()[-1]), most)
    if (vnu := bench.module("vnu-jar")) and bench.program("java"):
        output = run("java", "-jar", vnu / "build" / "dist" / "vnu.jar", "--errors-only", page)
        yield Row("T4", f"{name}: W3C checker errors", output.count(" error: "), 0)
    if bench.program("spamassassin"):
        output = run("spamassassin", "-L", "-t", stdin=mail)
        points = re.findall(r"^ *(-?\d+\.\d+) [A-Z]", output, re.MULTILINE)
        yield Row("T7", f"{name}: SpamAssassin, positive points", sum(max(0.0, float(point)) for point in points), 0)
    sizes = [float(size) for size in re.findall(r"font-size:([\d.]+)px", made.html)]
    yield Row("T11", f"{name}: 14 px less the smallest font", 14 - min(sizes), 0)


def browser_rows(bench: Bench, name: str, made: Edition, folder: Path) -> Iterator[Row]:
    """Figures and pictures that need Chromium."""
    chromium = picture.find_chromium()
    if chromium is None:
        bench.missing.add("chromium")
        return
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        bench.missing.add("playwright (pip)")
        return
    axe = bench.module("axe-core")
    page_file = folder / f"{name}.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            for width in (640, 375):
                for scheme in ("light", "dark"):
                    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                    page.goto(page_file.as_uri())
                    page.screenshot(path=folder / f"{name}.{width}.{scheme}.png", full_page=True)
                    if axe:
                        page.add_script_tag(path=axe / "axe.min.js")
                        options = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}"
                        nodes = page.evaluate(
                            f"axe.run({options}).then(r => r.violations.reduce((n, v) => n + v.nodes.length, 0))"
                        )
                        yield Row("T5", f"{name}: axe violations, {width} px {scheme}", nodes, 0)
                    page.close()
            page = browser.new_page(viewport={"width": 640, "height": 900})
            page.goto(page_file.as_uri())
            whole = page.screenshot(full_page=True)
            page.goto((folder / f"{name}.core.html").as_uri())
            yield Row(
                "T9", f"{name}: picture changed without style blocks", whole != page.screenshot(full_page=True), 0
            )
            bare = re.sub(r' (?:style|class)="[^"]*"', "", (folder / f"{name}.core.html").read_text(encoding="utf-8"))
            (folder / f"{name}.bare.html").write_text(bare, encoding="utf-8")
            for kind, width, file in (("", 320, page_file), (", no styles", 375, folder / f"{name}.bare.html")):
                page.set_viewport_size({"width": width, "height": 900})
                page.goto(file.as_uri())
                over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                if kind and made.images:  # nothing makes a picture smaller there
                    over -= page.evaluate("Math.max(0, ...[...document.images].map(i => i.width + 16 - innerWidth))")
                yield Row("T10", f"{name}: overflow at {width} px{kind}", over, 0)
            page.screenshot(path=folder / f"{name}.375.bare.png", full_page=True)
        finally:
            browser.close()


def thunderbird_rows(bench: Bench, mails: list[Path], folder: Path) -> Iterator[Row]:
    """Pictures of every message in Thunderbird, and the widest of them."""
    if lacking := thunderbird.missing():
        bench.missing.update(lacking)
        return
    taken = [*thunderbird.pictures(mails, folder)]
    for scheme in ("light", "dark"):
        over = max(over for _, told, _, over in taken if told == scheme)
        yield Row("", f"Thunderbird, {len(mails)} messages, {scheme}: overflow at any width", over, 0)


def sheet(folder: Path, names: list[str]) -> None:
    """One picture of the first and the last issue side by side: light, dark, phone, styles removed."""
    first, last = names[0], names[-1]
    shots = (f"{first}.640.light", f"{last}.640.dark", f"{last}.375.light", f"{first}.375.bare")
    chromium = picture.find_chromium()
    if chromium is None or not all((folder / f"{shot}.png").exists() for shot in shots):
        return
    from playwright.sync_api import sync_playwright

    images = "".join(f'<img src="{shot}.png">' for shot in shots)
    page_file = folder / "sheet.html"
    page_file.write_text(
        f'<body style="margin:8px;display:flex;gap:8px;align-items:flex-start;background:#888;zoom:.6">{images}',
        encoding="utf-8",
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1252, "height": 760})
        page.goto(page_file.as_uri())
        page.screenshot(path=folder / "sheet.png")
        browser.close()


def subject_rows(bench: Bench, folder: Path) -> Iterator[Row]:
    """4,000 bilingual subjects through two readers of MIME."""
    chance = random.Random(20260521)  # noqa: S311 - the same subjects in every run
    pairs = []
    for _ in range(4000):
        picked = [chance.choice(WORDS) for _ in range(chance.randint(1, 24))]
        subject = "".join(word + chance.choice([" ", " ", "", "；"]) for word in picked).strip()
        pairs.append((subject, header.text_field("Subject", subject)))
    (folder / "subjects.json").write_text(json.dumps(pairs), encoding="utf-8")
    read = [str(message_from_string(field + "\r\n", policy=policy.default)["Subject"]) for _, field in pairs]
    wrong = sum(one != other for one, (other, _) in zip(read, pairs, strict=True))
    yield Row("T13", "4,000 subjects misread by Python's email", wrong, 0)
    mailparser = bench.module("mailparser")
    if mailparser is None:
        return
    (folder / "mailparser.cjs").write_text(MAILPARSER, encoding="utf-8")
    output = run("node", folder / "mailparser.cjs", mailparser, folder / "subjects.json")
    yield Row("T13", "4,000 subjects misread by mailparser", int(output.split()[-1]), 0)


def publish(docs: Path, table: str, folder: Path, missing: list[str]) -> None:
    """Write the table as a page of the docs, and the picture sheet beside the docs' other pictures."""
    left_out = f"\nNot there, so left out: {', '.join(missing)}.\n" if missing else ""
    text = f"# The digest before other people's checkers\n\n{REPORT}\n{table}\n{left_out}"
    (docs / "render-report.md").write_text(text, encoding="utf-8")
    if (folder / "sheet.png").exists():
        shutil.copyfile(folder / "sheet.png", docs / "images" / "digest.png")


def hundred(issue: Issue) -> Issue:
    """The issue's items again and again up to a hundred."""
    items = [*issue.items]
    half = tuple(replace(items[number % len(items)], lead=None) for number in range(50))
    again = tuple(replace(item) for item in half)  # an item of its own has a number of its own
    sections = [replace(issue.sections[0], items=each) for each in (half, again)]
    return replace(issue, sections=tuple(sections), title="A hundred stories")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("issues", nargs="*", type=Path, help="issue files; default: those of examples")
    parser.add_argument("-o", "--output", type=Path, help="folder for pages, messages and pictures; default: a new one")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="write the table and the picture sheet there too")
    wanted = parser.parse_args()
    folder = (wanted.output or Path(tempfile.mkdtemp(prefix="render-report-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    bench, templates = Bench(), Templates()
    look = theme.load(templates)
    render = partial(edition.render, club=CLUB, theme=look, templates=templates)
    rows: list[Row] = []
    files = wanted.issues or sorted(EXAMPLES.glob("*.md"))
    for file in files:
        examined = examine.examine(file.read_text(encoding="utf-8"), str(file), render=render)
        made, name = examined.rendered(str(file)), file.stem
        assert examined.issue is not None
        issue = examined.issue
        for image in made.images:
            (folder / "i").mkdir(exist_ok=True)
            (folder / "i" / image.digest).write_bytes(image.content)
        rows += [*static_rows(bench, name, issue, made, folder), *browser_rows(bench, name, made, folder)]
        items = len(list(issue.items))
        if items == 10:
            rows.append(Row("T8", f"{name}: HTML bytes, 10 items", len(made.html.encode()), 11_200))
        long = edition.render(hundred(issue), club=CLUB, theme=look, templates=templates)
        rows.append(Row("T8", f"{name}: HTML bytes, 100 items", len(long.html.encode()), 66 * 1024))
        (folder / f"{name}-100.eml").write_bytes(long.program.compose(SAMPLE))
    sheet(folder, [file.stem for file in files])
    rows += [*subject_rows(bench, folder), *thunderbird_rows(bench, sorted(folder.glob("*.eml")), folder)]
    table = "\n".join(["| target | figure | value | wanted | |", "|---|---|---|---|---|", *map(str, rows)])
    print(table)
    if wanted.docs:
        publish(wanted.docs, table, folder, sorted(bench.missing))
    for name in sorted(bench.missing):
        print(f"missing, rows left out: {name}", file=sys.stderr)
    print(f"pages and pictures: {folder}", file=sys.stderr)
    return int(any(row.value > row.most for row in rows))


if __name__ == "__main__":
    sys.exit(main())
