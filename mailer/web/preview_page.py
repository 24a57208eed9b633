"""The page around the preview's frames, in the editor's language."""

from __future__ import annotations

import json
from functools import cache
from html import escape

from mailer.rendering.translation import choose

_FRAMES = (
    ("desktop", "light", "wide"),
    ("phone", "light", "phone"),
    ("dark", "dark", "wide"),
    ("phone_dark", "dark", "phone"),
    ("bare", "bare", "wide"),
    ("phone_bare", "bare", "phone"),
    ("text", "text", "wide"),
    ("source", "source", "wide"),
)
_WORDS = {
    "en": {
        "preview": "Preview",
        "editions": "Editions",
        "views": "Views",
        "findings": "Findings",
        "file": "Issue file",
        "desktop": "Desktop",
        "phone": "Phone",
        "dark": "Dark",
        "phone_dark": "Phone, dark",
        "bare": "Styles removed",
        "phone_bare": "Phone, styles removed",
        "text": "Text part",
        "source": "Source of the message",
        "line": "line {}",
        "whole": "issue",
        "error": "error",
        "warning": "warning",
        "none": "None.",
        "before": "The views show it as it was before.",
        "bytes": "{} KB of HTML",
        "ended": "The preview has ended; start 'mailer preview' again.",
    },
    "zh": {
        "preview": "预览",
        "editions": "语言版本",
        "views": "视图",
        "findings": "检查结果",
        "file": "期刊文件",
        "desktop": "电脑",
        "phone": "手机",
        "dark": "深色模式",
        "phone_dark": "手机，深色模式",
        "bare": "去除样式",
        "phone_bare": "手机，去除样式",
        "text": "纯文本部分",
        "source": "邮件源码",
        "line": "第 {} 行",
        "whole": "全文",
        "error": "错误",
        "warning": "警告",
        "none": "没有问题。",
        "before": "下列视图仍是上一次的内容。",
        "bytes": "HTML {} KB",
        "ended": "预览已结束；请重新运行 mailer preview。",
    },
}
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


def page(wishes: str) -> str:
    """The page in the language that an Accept-Language header asks for, else in English."""
    return _page(choose(tuple(_WORDS), wishes))


@cache
def _page(lang: str) -> str:
    words = _WORDS[lang]
    links = " ".join(f'<a href="#f{number}">{words[name]}</a>' for number, (name, _, _) in enumerate(_FRAMES))
    frames = "\n".join(
        f'<figure id="f{number}" class="{size}"><figcaption>{words[name]}</figcaption>'
        f'<iframe data-kind="{kind}" title="{words[name]}"></iframe></figure>'
        for number, (name, kind, size) in enumerate(_FRAMES)
    )
    said = escape(json.dumps(words, ensure_ascii=False))
    return _PAGE.format(lang=lang, words=said, links=links, frames=frames, **words)
