"""The page around the preview's frames, in the editor's language."""

from __future__ import annotations

import json
from html import escape

from mailer.sentence import Translate

_PAGE = """<!DOCTYPE html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{preview}</title>
<link rel="stylesheet" href="/static/preview.css">
<script src="/static/preview.js" defer></script>
</head>
<body data-words="{words}">
<header>
<p id="inbox"><b id="sender"></b> <span id="subject"></span> <span id="preheader"></span></p>
<p id="facts" role="status"></p>
<nav id="editions" aria-label="{editions}"></nav>
<nav aria-label="{views}">{links}</nav>
</header>
<main>
<aside>
<h1>{findings}</h1>
<div id="findings"></div>
<h1>{file}</h1>
<div id="lines"></div>
</aside>
<div class="frames">
{frames}
</div>
</main>
</body>
</html>
"""


def page(lang: str, _: Translate) -> str:
    """The page in a language, into which `_` translates."""
    views = (
        (_("Desktop"), "light", "wide"),
        (_("Phone"), "light", "phone"),
        (_("Dark"), "dark", "wide"),
        (_("Phone, dark"), "dark", "phone"),
        (_("Styles removed"), "bare", "wide"),
        (_("Phone, styles removed"), "bare", "phone"),
        (_("Text part"), "text", "wide"),
        (_("Source of the message"), "source", "wide"),
    )
    links = " ".join(f'<a href="#f{number}">{name}</a>' for number, (name, _kind, _size) in enumerate(views))
    frames = "\n".join(
        f'<figure id="f{number}" class="{size}"><figcaption>{name}</figcaption>'
        f'<iframe data-kind="{kind}" title="{name}"></iframe></figure>'
        for number, (name, kind, size) in enumerate(views)
    )
    words = {
        "line": _("line %(number)s", number="{}"),
        "whole": _("whole issue"),
        "error": _("error"),
        "warning": _("warning"),
        "none": _("None."),
        "before": _("The views show it as it was before."),
        "bytes": _("%(size)s KB of HTML", size="{}"),
        "ended": _("The preview has ended; start 'mailer preview' again."),
    }
    return _PAGE.format(
        lang=lang,
        preview=_("Preview"),
        editions=_("Editions"),
        views=_("Views"),
        findings=_("Findings"),
        file=_("Issue file"),
        words=escape(json.dumps(words, ensure_ascii=False)),
        links=links,
        frames=frames,
    )
