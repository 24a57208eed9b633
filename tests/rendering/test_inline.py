from mailer.rendering.inline import css_mistakes, inline

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>t</title>
<style>p { margin-top: 0; font-family: Segoe UI, Arial } .x p { color: #ff1100 } .w { max-width: 600px }</style>
<style data-premailer="ignore">
@media (prefers-color-scheme:dark){p{color:#fff !important}}[data-ogsc] p{color:#ee0}</style>
<!--[if mso]><style>p{mso-hide:all}</style><![endif]-->
</head><body><div class="x"><p align="left">高 &amp; <a href="{{ x }}">a</a><a href="#n1">b</a></p></div>
<table class="w" width="100%"><tr><td>x</td></tr></table></body></html>"""


def test_rules_go_into_style_attributes_and_nothing_else_changes():
    made = inline(PAGE)
    assert made.startswith("<!DOCTYPE html>\n")
    assert '<p align="left" style="margin-top:0;font-family:Segoe UI,Arial;color:#f10">' in made
    assert '<table class="w" width="100%" style="max-width:600px">' in made
    assert "@media (prefers-color-scheme:dark){p{color:#fff !important}}[data-ogsc] p{color:#ee0}" in made
    assert "<!--[if mso]><style>p{mso-hide:all}</style><![endif]-->" in made
    assert 'href="#n1"' in made
    assert "高 &amp;" in made
    assert made.count("<style>") == 2
    assert inline(PAGE) == made


def test_rules_that_would_be_lost_are_told():
    found = css_mistakes("p { color: red }\n.a:not(.b,.c) { color: red }\n.d { color: #12345 }")
    assert {line for line, _ in found} >= {2}
    assert css_mistakes("p { margin-top: 0 }") == ()


def test_inlining_often_adds_no_log_handlers():
    import logging

    inline(PAGE)
    before = [len(logging.getLogger(name).handlers) for name in ("CSSUTILS", "mailer.css.silent")]
    for _ in range(5):
        inline(PAGE)
    assert [len(logging.getLogger(name).handlers) for name in ("CSSUTILS", "mailer.css.silent")] == before
