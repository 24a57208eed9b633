"""Rules on what was rendered: the page (H), the links owed by law (L04) and what stands in the theme's CSS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import lxml.html
from lxml.html import HtmlElement

from mailer.model.columns import width
from mailer.model.issue import Issue
from mailer.rendering import merge_tags
from mailer.rendering.edition import Edition
from mailer.rendering.finding import Finding, error, warning
from mailer.rendering.inline import css_mistakes, css_slips
from mailer.rendering.layout import INNER
from mailer.rendering.theme import CONTRAST, contrast
from mailer.sentence import Sentence, ended

CLIPPED = 102_400  # bytes at which Gmail cuts a mail off
NEARLY_CLIPPED = 80_000
STYLE_LIMIT = 16_000
SMALLEST_FONT = 14
PREHEADER = (40, 130)  # display columns
HEAVY = 1_000_000  # bytes of all pictures
MOST_PICTURE = 0.4  # of the page's area
COLUMN_AREA = 200  # square pixels that a column of text takes, roughly

_FORBIDDEN = frozenset(
    {"script", "form", "iframe", "object", "embed", "link", "base", "input", "button", "video", "audio"}
    | {"canvas", "svg", "applet", "frame", "frameset"}
)
_FRAGILE = re.compile(
    r"(?:^|;)\s*(?:(?P<property>opacity|overflow|word-break|position|float)\s*:|[^;]*?(?P<value>\d+rem\b|var\()|"
    r"margin[\w-]*\s*:[^;]*?(?P<negative>-\d))"
)
_COLOUR = re.compile(r"(?:^|;)\s*(background-color|color)\s*:\s*(#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3})\b")
_SIZE = re.compile(r"font-size\s*:\s*([\d.]+)px")
_LOST = re.compile(r"\[[^\]]*\][^{]*\{|@font-face|@supports|@keyframes|@media|:not\([^)]*,|u \+ ")
_STYLE_BLOCK = re.compile(r"<style\b[^>]*>(.*?)</style>", re.DOTALL)
_CLASS = re.compile(r'class="([^"]*)"')
_NAMED = {"white": "#ffffff", "black": "#000000", "red": "#ff0000"}


def check_page(issue: Issue, edition: Edition) -> list[Finding]:
    """Every finding on the rendered page; those that no line of the issue is to blame for have line 0."""
    page = lxml.html.document_fromstring(edition.html)
    return [
        *_size(edition.html),
        *_document(page, edition),
        *_headings(page),
        *_elements(page),
        *_preheader(page, issue, edition),
        *_way_out(page),
        *_styles(page),
        *_contrast(page),
        *_kept_css(page),
        *_unused(edition),
        *_coloured(page),
        *_weight(page, edition),
        *check_css(edition.css),
    ]


def check_css(css: str) -> list[Finding]:
    """Findings on a stylesheet that is to be inlined: rules that would silently be lost."""
    place = "core.css line %(line)s: %(what)s"
    fix = "Write the rule so that it can be read, or leave it out."
    found = [error("H21", 0, place, fix, line=line, what=ended(what)) for line, what in css_mistakes(css)]
    fix = "Correct it, or leave it out."
    found += [warning("H21", 0, place, fix, line=line, what=ended(what)) for line, what in css_slips(css)]
    for match in _LOST.finditer(css):
        line = css.count("\n", 0, match.start()) + 1
        message = "core.css line %(line)s: '%(rule)s' cannot be inlined and would be lost."
        fix = "Move it to a style block of its own in head.html.j2."
        found.append(error("H22", 0, message, fix, line=line, rule=match[0].strip()[:40]))
    return found


def _size(page: str) -> Iterator[Finding]:
    size = len(page.encode("utf-8"))
    if size > CLIPPED:
        message = "The page has %(size)s bytes; Gmail cuts it off at %(limit)s."
        fix = "Split the issue."
        yield error("H01", 0, message, fix, size=f"{size:,}", limit=f"{CLIPPED:,}")
    elif size > NEARLY_CLIPPED:
        message = "The page has %(size)s bytes; Gmail cuts mails off at %(limit)s."
        fix = "Shorten the issue."
        yield warning("H01", 0, message, fix, size=f"{size:,}", limit=f"{CLIPPED:,}")
    if not page.startswith("<!DOCTYPE html>"):
        yield error("H02", 0, "The page does not start with <!DOCTYPE html>.", "Write it so, in capitals.")


def _document(page: HtmlElement, edition: Edition) -> Iterator[Finding]:
    if not page.get("lang"):
        yield error("H03", 0, "The html element has no lang.", "Add lang to the template.")
    child = next(iter(page.body), None)
    if child is None or not child.get("lang") or not child.get("dir"):
        yield error("H04", 0, "The body's first element has no lang and dir; webmail drops those of html.", "Add them.")
    title = " ".join((page.findtext(".//title") or "").split())
    if title != " ".join(edition.subject.split()):
        yield error("H05", 0, "The title of the page is not the Subject; spam filters count that.", "Make them equal.")
    metas = {meta.get("name") for meta in page.iter("meta")}
    if "viewport" not in metas:
        yield error("H09", 0, "There is no viewport meta; phones would show a shrunk desktop page.", "Add it.")
    styles = "".join(style.text or "" for style in page.iter("style"))
    if "color-scheme" not in metas or "prefers-color-scheme" not in styles:
        yield warning("H10", 0, "The page does not say what it looks like in dark mode.", "Add a dark block.")


def _headings(page: HtmlElement) -> Iterator[Finding]:
    levels = [int(element.tag[1]) for element in page.iter("h1", "h2", "h3", "h4", "h5", "h6")]
    if levels.count(1) != 1:
        message = "The page has %(count)s h1 headings instead of one."
        yield warning("H06", 0, message, "Keep one.", count=levels.count(1))
    for above, below in pairwise(levels):
        if below > above + 1:
            message = "A heading h%(below)s follows an h%(above)s."
            fix = "Do not skip a level."
            yield warning("H06", 0, message, fix, below=below, above=above)
            return


def _elements(page: HtmlElement) -> Iterator[Finding]:
    for table in page.iter("table"):
        if table.get("role") not in {"presentation", "none", "table"}:
            yield error("H07", 0, "A table has no role; screen readers would read out its cells.", "Add the role.")
    for image in page.iter("img"):
        if image.get("alt") is None or (not image.get("alt") and image.getparent().tag == "a"):
            message = "The picture %(src)s has no alt text."
            yield error("H08", 0, message, "Describe it in the brackets.", src=image.get("src"))
        if not image.get("width"):
            message = "The picture %(src)s has no width."
            yield warning("H08", 0, message, "Add {width=560} after it.", src=image.get("src"))
    for element in page.iter():
        if not isinstance(element.tag, str):
            continue
        events = [name for name in element.attrib if str(name).startswith("on")]
        if element.tag in _FORBIDDEN or events:
            message = "The attribute %(name)s is not allowed in mail."
            if not events:
                message = "The element %(name)s is not allowed in mail."
            name = events[0] if events else element.tag
            yield error("H14", 0, message, "Remove it from the template.", name=name)


def _preheader(page: HtmlElement, issue: Issue, edition: Edition) -> Iterator[Finding]:
    line = issue.lines.get("preheader", 1)
    if not issue.preheader:
        yield warning(
            "H11", line, "There is no preheader; inboxes will show the first words instead.", "Add preheader:."
        )
        return
    columns = width(merge_tags.for_nobody(issue.preheader))
    if not PREHEADER[0] <= columns <= PREHEADER[1]:
        message = "The preheader has %(columns)s columns; %(least)s to %(most)s are shown well."
        fix = "Make it shorter or longer."
        yield warning("H11", line, message, fix, columns=columns, least=PREHEADER[0], most=PREHEADER[1])
    if issue.preheader.strip() in {edition.subject.strip(), issue.digest_title.strip()}:
        yield warning("H11", line, "The preheader repeats the title.", "Say something new in it.")
    hidden = [div for div in page.iter("div") if "display:none" in (div.get("style") or "").replace(" ", "")]
    if not any((div.text or "").strip() for div in hidden):
        yield warning(
            "H11", line, "The preheader is not in the page, or hidden by other means than display:none.", "Restore it."
        )


def _is_hidden(element: HtmlElement) -> bool:
    around = [element, *element.iterancestors()]
    return any("display:none" in (each.get("style") or "").replace(" ", "") for each in around)


def _way_out(page: HtmlElement) -> Iterator[Finding]:
    links = [link for link in page.iter("a") if (link.text_content() or "").strip() and not _is_hidden(link)]
    addresses = [str(link.get("href") or "") for link in links]
    if not any(re.search(r"/u/[a-z2-7]{26}$", address) for address in addresses):
        message = "The page has no visible link to unsubscribe, which Gmail and Yahoo demand."
        fix = "Restore the footer."
        yield error("L04", 0, message, fix)
    if not any(re.search(r"/v/[a-z2-7]{26}$", address) for address in addresses):
        yield warning("L04", 0, "The page has no link to view it in the browser.", "Restore the footer.")


def _styles(page: HtmlElement) -> Iterator[Finding]:
    told: set[str] = set()
    for element in page.iter():
        style = element.get("style") if isinstance(element.tag, str) else None
        if not style:
            continue
        for match in _FRAGILE.finditer(style):
            what = match["property"] or match["value"] or Sentence("a negative margin")
            if what not in told:
                told.add(what)
                message = "The core layer uses %(what)s, which mail programs drop."
                yield error("H15", 0, message, "Find another way.", what=what)
        if "padding" in style and element.tag not in {"td", "th"} and "padding" not in told:
            told.add("padding")
            message = "Padding stands on %(tag)s; Outlook knows it on td only."
            yield error("H16", 0, message, "Move it to a td.", tag=element.tag)
        size = _SIZE.search(style)
        if size and float(size[1]) < SMALLEST_FONT and "font" not in told:
            told.add("font")
            message = "A text has %(size)s px; under %(least)s it is hard to read."
            fix = "Enlarge it."
            yield warning("H13", 0, message, fix, size=size[1], least=SMALLEST_FONT)


def _contrast(page: HtmlElement) -> Iterator[Finding]:
    told: set[tuple[str, str]] = set()

    def walk(element: HtmlElement, ink: str, paper: str) -> Iterator[Finding]:
        for name, colour in _COLOUR.findall(_hex(element.get("style") or "")):
            ink, paper = (colour, paper) if name == "color" else (ink, colour)
        pieces = [element.text, *(child.tail for child in element)]
        if any(piece and piece.strip() for piece in pieces) and (ink, paper) not in told:
            told.add((ink, paper))
            ratio = contrast(ink.lower(), paper.lower())
            if ratio < CONTRAST:
                message = "Text in %(ink)s on %(paper)s has a contrast of %(ratio)s, under %(least)s."
                fix = "Darken it."
                yield error("H12", 0, message, fix, ink=ink, paper=paper, ratio=f"{ratio:.1f}", least=CONTRAST)
        for child in element:
            if isinstance(child.tag, str):
                yield from walk(child, ink, paper)

    yield from walk(page.body, "#000000", "#ffffff")


def _hex(style: str) -> str:
    return re.sub(r"(color\s*:\s*)(white|black|red)\b", lambda match: match[1] + _NAMED[match[2]], style)


def _unused(edition: Edition) -> Iterator[Finding]:
    """Classes of the stylesheets that neither the page nor its template ever gives to anything."""
    styles = edition.css + "".join(_STYLE_BLOCK.findall(edition.html))
    template = edition.template.read_text(encoding="utf-8") if edition.template else ""
    given = {INNER, *re.findall(r"[\w-]+", template + " ".join(_CLASS.findall(edition.html)))}
    for name in sorted(set(re.findall(r"\.([A-Za-z_][\w-]*)(?=[^{}]*\{)", styles)) - given):
        fix = "Delete the rule, or correct its name."
        yield warning("H23", 0, "The class %(name)s is styled and never used.", fix, name=name)


def _coloured(page: HtmlElement) -> Iterator[Finding]:
    """Links in running text that only their colour tells apart (WCAG 2.2, 1.4.1)."""
    for link in page.iter("a"):
        block = link.getparent()
        words = (link.text_content() or "").strip()
        style = (link.get("style") or "").replace(" ", "")
        if "text-decoration:none" not in style or not words or block is None:
            continue
        around = (block.text_content() or "").replace(words, "", 1).strip()
        if around and not re.search(r"font-weight:(?:bold|[6-9]00)|border-bottom:|background-color:", style):
            message = "The link '%(text)s' is told apart from its text by colour alone."
            yield warning("L08", 0, message, "Let it be underlined in the template.", text=words[:40])


def _weight(page: HtmlElement, edition: Edition) -> Iterator[Finding]:
    size = sum(len(image.content) for image in edition.images)
    if size > HEAVY:
        message = "The pictures have %(size)s bytes together."
        fix = "Save them smaller: under 1 MB in all."
        yield warning("H26", 0, message, fix, size=f"{size:,}")
    area = 0
    for image in page.iter("img"):
        sides = [str(image.get(side) or "") for side in ("width", "height")]
        wide, high = (int(side) if side.isdigit() else 0 for side in sides)
        known = next((each for each in edition.images if each.digest in image.get("src", "")), None)
        area += wide * (high or (wide * known.height // known.width if known else wide * 2 // 3))
    written = width(edition.text) * COLUMN_AREA
    if area > MOST_PICTURE * (area + written):
        share = 100 * area // (area + written)
        message = "Pictures take about %(share)s %% of the page; filters distrust mails that are mostly pictures."
        yield warning("H26", 0, message, "Make them smaller, or write more.", share=share)


def _kept_css(page: HtmlElement) -> Iterator[Finding]:
    blocks = [style.text or "" for style in page.iter("style")]
    if sum(map(len, blocks)) > STYLE_LIMIT:
        yield error("H17", 0, "The style blocks have over 16 KB together; Gmail drops them all.", "Shorten them.")
    for block in blocks:
        if _nests_at_rule(block):
            yield error("H18", 0, "An @ rule stands inside another; Gmail drops the whole block.", "Part them.")
        if "/*" in block:
            yield warning("H19", 0, "A comment stands in CSS that is kept; some clients drop the block.", "Remove it.")
        if re.search(r"\S!important|! important|!(?=[A-Za-z]*[A-Z])[A-Za-z]+", block):
            yield warning("H20", 0, "Write ' !important' with a blank before it and in small letters.", "Correct it.")
        if re.search(r"@import|@font-face|url\(", block):
            yield error("H14", 0, "A style block loads something from elsewhere.", "Remove @import and url().")


def _nests_at_rule(css: str) -> bool:
    depth, inside = 0, 0
    for token in re.findall(r"@[\w-]+|[{}]", css):
        if token == "{":  # noqa: S105 - a brace
            depth += 1
        elif token == "}":  # noqa: S105 - a brace
            depth -= 1
            inside = inside if depth >= inside else 0
        elif inside:
            return True
        else:
            inside = depth + 1
    return False
