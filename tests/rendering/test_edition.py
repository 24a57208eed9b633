import re
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mailer.errors import SourceError, TemplateError
from mailer.model.issue import Issue, Item, Section, Source
from mailer.rendering import check_message, edition, source
from mailer.rendering.check_html import check_page
from mailer.rendering.edition import SAMPLE, Edition, subject_of
from mailer.rendering.message import Personal

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture
def made(issue, club, theme, templates) -> Edition:
    return edition.render(issue, club=club, theme=theme, templates=templates)


def test_the_same_issue_gives_the_same_bytes(made, issue, club, theme, templates):
    again = edition.render(issue, club=club, theme=theme, templates=templates)
    assert again.program.to_bytes() == made.program.to_bytes()
    assert again.archive_html == made.archive_html


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_edition_is_what_it_was_when_last_looked_at(lang, club, theme, templates):
    """Golden files: when a change of the template is wanted, delete them, run the tests and look at the difference."""
    file = GOLDEN / f"digest.{lang}.md"
    made = edition.render(
        source.read(file.read_text(encoding="utf-8"), file.name), club=club, theme=theme, templates=templates
    )
    pages = {"html": made.html.encode(), "txt": made.text.encode(), "eml": made.program.compose(SAMPLE)}
    missing = [suffix for suffix in pages if not (GOLDEN / f"digest.{lang}.{suffix}").exists()]
    for suffix in missing:
        (GOLDEN / f"digest.{lang}.{suffix}").write_bytes(pages[suffix])
    assert not missing, "golden files were not there and have been written; look at them and run again"
    for suffix, found in pages.items():
        assert found == (GOLDEN / f"digest.{lang}.{suffix}").read_bytes()


def test_title_subject_and_label_are_the_same_words(made):
    assert made.subject == "Cranes get a <new> coat; A lighthouse opens"
    assert "<title>Cranes get a &lt;new&gt; coat; A lighthouse opens</title>" in made.html
    message = message_from_bytes(made.program.compose(SAMPLE), policy=policy.default)
    assert message["Subject"] == made.subject


def test_a_merge_tag_in_the_preheader_is_filled(issue, club, theme, templates):
    words = '{{ first_name | "For " ?? "you" }}: cranes, cargo and a new lighthouse in three short stories.'
    made = edition.render(replace(issue, preheader=words), club=club, theme=theme, templates=templates)
    assert 'display:none">For Ali&lt;ce&gt;: cranes' in made.program.page(
        Personal("a@example.com", "", {"first_name": "Ali<ce>"}, SAMPLE.tokens)
    )
    assert 'display:none">For you: cranes' in made.archive_html
    assert [found.id for found in check_message.check_message(issue, made)] == []


def test_numbers_run_on_across_sections_and_every_item_has_an_anchor(made):
    text = re.sub(r"<[^>]+>", "", made.html)
    for number, headline in enumerate(["Cranes get a &lt;new&gt; coat", "港口新增三座泊位", "Lighthouse opens"], 1):
        assert f"{number}. {headline}" in text
        assert f'id="n{number}"' in made.archive_html


def test_items_above_the_first_section_title_skip_no_heading_level(issue, club, theme, templates):
    parted = (Section("", (Item("Alone", "Text."),)), Section("Town", (Item("Below", "Text."),)))
    page = edition.render(replace(issue, sections=parted), club=club, theme=theme, templates=templates).html
    assert [int(level) for level in re.findall(r"<h([1-6])", page)][:4] == [1, 2, 2, 3]


@pytest.mark.parametrize("title", ["", "Town"])
def test_headings_inside_texts_skip_no_level_and_are_smaller_than_headlines(title, issue, club, theme, templates):
    text = "#### One\n\n###### Two\n\n#### Three\n\nFour\n----\n\nText."
    parted = (Section(title, (Item("A headline", text),)),)
    made = edition.render(replace(issue, intro=text, sections=parted), club=club, theme=theme, templates=templates)
    assert "H06" not in {found.id for found in check_page(issue, made)}
    styles = {match[2]: match[1] for match in re.finditer(r'<h[1-6][^>]*style="([^"]*)"[^>]*>([^<]*)', made.html)}
    assert {"One", "Two", "Three", "Four"} <= set(styles)
    assert all("font-size:16px" in styles[name] for name in ("One", "Two", "Three", "Four"))


@pytest.mark.parametrize(("lang", "side", "other"), [("en", "left", "right"), ("ar", "right", "left")])
def test_a_quotation_has_its_bar_where_lines_begin(lang, side, other, issue, club, theme, templates):
    parted = (Section("", (Item("A headline", "> Said."),)),)
    made = edition.render(replace(issue, lang=lang, sections=parted), club=club, theme=theme, templates=templates)
    quote = re.search(r'<blockquote style="([^"]*)">\s*<p style="([^"]*)"', made.html)
    assert quote
    assert f"border-{side}:" in quote[1]
    assert f"border-{other}:" not in quote[1]
    assert f"margin-{side}:16px" in quote[2]


def test_words_and_an_address_in_latin_letters_keep_their_order_below_arabic(issue, club, theme, templates):
    made = edition.render(replace(issue, lang="ar"), club=club, theme=theme, templates=templates)
    assert re.search(r'<p dir="auto"[^>]*>You get this mail', made.html)
    assert re.search(r'<p dir="auto"[^>]*>Quay News<br>1 Quay Street', made.html)
    assert 'dir="auto"' not in edition.render(issue, club=club, theme=theme, templates=templates).html


def test_a_list_inside_a_list_leaves_no_gap(issue, club, theme, templates):
    parted = (Section("", (Item("A headline", "- a\n  - b\n- c"),)),)
    made = edition.render(replace(issue, sections=parted), club=club, theme=theme, templates=templates)
    assert [re.search(r"margin-bottom:(\d+)", style)[1] for style in re.findall(r'<ul style="([^"]*)"', made.html)] == [
        "10",
        "0",
    ]


def test_what_is_in_the_other_language_says_so(made):
    assert '<span lang="zh-Hans">港口新增三座泊位</span>' in made.html
    assert '<span lang="zh-Hans">港口集团</span>' in made.html
    assert made.html.startswith('<!DOCTYPE html>\n<html lang="en" dir="ltr">')


def test_an_english_story_in_a_chinese_issue_says_so(issue, club, theme, templates):
    chinese = replace(
        issue,
        lang="zh-Hans",
        sections=(Section("快讯", (Item("A headline left in English", "An English story here."),)),),
    )
    html = edition.render(chinese, club=club, theme=theme, templates=templates).html
    assert '<span lang="en">A headline left in English</span>' in html
    assert '<div lang="en">' in html
    assert "2026 年 5 月 21 日 星期四" in html
    assert "第 7 期" in html


def test_an_address_in_other_letters_is_the_same_in_both_parts(issue, club, theme, templates):
    first = issue.sections[0]
    item = replace(first.items[0], source=Source("税报", "https://bücher.example/café?x=税"))
    changed = replace(issue, sections=(replace(first, items=(item, *first.items[1:])), *issue.sections[1:]))
    made = edition.render(changed, club=club, theme=theme, templates=templates)
    address = "https://xn--bcher-kva.example/caf%C3%A9?x=%E7%A8%8E"
    assert f'href="{address}"' in made.html
    assert address in made.text
    assert not [finding for finding in check_message.check_message(changed, made) if finding.id == "M02"]


def test_personal_values_are_filled_in_for_their_place(made):
    reader = Personal(
        "alice+news@example.com",
        fields={"first_name": "Ali<ce>", "email": "alice+news@example.com", "town": "Ningbo & co"},
        tokens=SAMPLE.tokens,
    )
    page, plain = made.program.page(reader), made.program.plain(reader)
    assert "Good morning, Ali&lt;ce&gt;." in page
    assert "Good morning, Ali<ce>." in plain
    assert "https://d.example/1?e=alice%2Bnews%40example.com" in page
    assert "<https://d.example/1?e=alice%2Bnews%40example.com>" in plain
    assert "of Ningbo &amp; co." in page
    assert "Good morning." in made.html
    assert "Open to all." in made.text
    assert not re.search(r"\{\{|mrg", page + plain + made.html + made.text)


def test_a_name_right_after_an_address_is_no_part_of_it(issue, club, theme, templates):
    chinese = replace(issue, lang="zh", intro="见 <https://d.example/>，{{ name }}，https://d.example/?n={{ name }}")
    program = edition.render(chinese, club=club, theme=theme, templates=templates).program
    plain = program.plain(Personal("gao@example.com", fields={"name": "老高"}, tokens=SAMPLE.tokens))
    assert "https://d.example/，老高，https://d.example/?n=%E8%80%81%E9%AB%98" in "".join(plain.split("\n"))


def test_the_archive_holds_nothing_personal(made):
    assert "a" * 26 not in made.archive_html
    assert "Unsubscribe" not in made.archive_html
    assert "unsubscribe" in made.html.lower()
    assert 'href="https://news.example.org/apply"' in made.archive_html
    assert f'href="https://news.example.org/apply?from={"a" * 26}"' in made.html
    assert "<!--mail" not in made.html + made.archive_html


def test_both_parts_have_every_item_every_link_and_the_way_out(made):
    for part in (made.html, made.text):
        for path in ("/u/", "/p/", "/v/"):
            assert f"https://news.example.org{path}{'a' * 26}" in part
        for words in ("1 Quay Street, Ningbo", "You get this mail because", "Dock Post", "https://d.example/1"):
            assert words in part
    assert made.text.count("https://d.example/1\n") == 1
    assert "\n-- \n" in made.text


def test_an_unknown_merge_tag_is_refused_not_sent(issue, club, theme, templates):
    broken = replace(issue, intro="Hello {{ nick_name }}")
    with pytest.raises(SourceError, match="nick_name"):
        edition.render(broken, club=club, theme=theme, templates=templates)


def test_a_long_title_is_cut_between_headlines_for_the_subject(issue):
    items = tuple(Item(f"Headline number {n} of the morning", lead="") for n in range(9))
    subject = subject_of(replace(issue, sections=(Section("", items),)))
    assert subject == "Headline number 0 of the morning; Headline number 1 of the morning"
    one = replace(issue, sections=(Section("", (Item("word " * 40, lead=""),)),))
    assert len(subject_of(one)) <= 90
    assert subject_of(one).endswith("…")
    assert subject_of(replace(issue, subject="Short"), "AD") == "AD Short"
    assert subject_of(replace(issue, subject="AD Short"), "AD") == "AD Short"


def test_a_long_issue_has_a_table_of_contents_and_stays_small(issue, club, theme, templates):
    body = "A story of some two hundred characters, which is about what a short item of a news digest has. " * 2
    sections = tuple(
        Section(f"Section {s}", tuple(Item(f"Story {s}-{n} with a headline", body) for n in range(10)))
        for s in range(10)
    )
    sections = (*sections, Section("Alone", (Item("Last story", body),)))
    long = edition.render(
        replace(issue, sections=sections, title="A hundred stories"), club=club, theme=theme, templates=templates
    )
    assert "Contents" in long.html
    assert "Section 9 91-100" in long.text
    assert "Alone 101\n" in long.text
    assert "Alone\u2002101</p>" in long.html.replace("&ensp;", "\u2002")
    assert len(long.html.encode()) < 61_000
    assert long.html.count("line-height") < 20  # a share of all elements that Mailpit's check notices
    assert "Contents" not in edition.render(issue, club=club, theme=theme, templates=templates).html


@pytest.mark.parametrize("lang", ["en", "zh-Hans"])
def test_an_item_costs_little_beyond_its_words_and_addresses(lang, issue, club, theme, templates):
    headline, body = ("A headline", "A text.") if lang == "en" else ("标题", "正文。")
    item = Item(headline, body, Source("Post", "https://p.example/"), line=1)

    def size(count):
        many = replace(issue, lang=lang, sections=(Section("News", (item,) * count), Section("Last", (item,) * 20)))
        return len(edition.render(many, club=club, theme=theme, templates=templates).html.encode())

    own = sum(len(text.encode()) for text in (headline, body, "Post", "https://p.example/"))
    assert (size(80) - size(20)) / 60 - own < 290


def test_an_issue_without_sections_still_has_no_gap_between_headings(issue, club, theme, templates):
    flat = replace(issue, sections=(Section("", (Item("Only story", "Text."),)),), cta=None)
    html = edition.render(flat, club=club, theme=theme, templates=templates).html
    assert re.findall(r"<h(\d)", html) == ["1", "2"]


def test_hostile_texts_stay_texts(issue, club, theme, templates):
    evil = '"><script>alert(1)</script>{{ 7*7 }}{% x %}<!--mail--> & mrg0z'
    hostile = replace(
        issue,
        title=evil,
        preheader=evil.replace("{{", "{"),
        sections=(Section(evil, (Item(evil, "<script>x</script> [x](javascript:alert(1))", lead=evil),)),),
    )
    made = edition.render(hostile, club=club, theme=theme, templates=templates)

    class Tags(HTMLParser):
        seen: set[str]

        def handle_starttag(self, tag, attrs):
            self.seen.add(tag)
            assert not any(
                name.startswith("on") or "javascript:" in (value or "") for name, value in attrs if name == "href"
            )

    for page in (made.html, made.archive_html):
        reader = Tags()
        reader.seen = set()
        reader.feed(page)
        assert "script" not in reader.seen
        assert "mrg0z" in page
        assert "javascript:alert(1)" in page  # the story's text: a mark of the template's in the title hides nothing


def test_a_text_that_looks_like_an_attribute_stays_as_it_was_written(issue, club, theme, templates):
    shown = 'He wrote style="color: red; margin: 0, 1" there.'
    told = replace(issue, sections=(Section("", (Item("What he wrote", shown),)),))
    assert shown in edition.render(told, club=club, theme=theme, templates=templates).html


def test_the_date_of_the_message_is_the_freeze(issue, club, theme, templates):
    moment = datetime(2026, 5, 20, 23, 15, tzinfo=UTC)
    made = edition.render(issue, club=club, theme=theme, templates=templates, frozen_at=moment)
    assert b"Date: Wed, 20 May 2026 23:15:00 +0000\r\n" in made.program.compose(SAMPLE)


def test_an_issue_with_nothing_but_a_date_can_be_rendered(club, theme, templates):
    bare = Issue(newsletter="n", date=date(2026, 5, 21), lang="de", sections=(Section("", (Item("Nur eins"),)),))
    made = edition.render(bare, club=club, theme=theme, templates=templates)
    assert made.subject == "n 2026-05-21"
    assert '<html lang="de"' in made.html


def test_an_issue_seen_at_a_glance_does_not_list_its_leads(issue, club, theme, templates):
    item = Item("A ferry is sold", "The price was not given.", lead="")
    short = replace(issue, sections=(Section("", (item,)),))
    made = edition.render(short, club=club, theme=theme, templates=templates)
    assert made.html.count("A ferry is sold") == made.text.count("A ferry is sold") + 2  # title, aria-label
    assert "In this issue" not in made.html + made.text


def test_without_leads_the_masthead_leaves_its_gap_to_the_first_heading(issue, club, theme, templates):
    bare = replace(
        issue,
        title="Cranes",
        sections=tuple(
            replace(section, items=tuple(replace(item, lead=None) for item in section.items))
            for section in issue.sections
        ),
    )
    top = re.compile(r'<td class="card p top[^"]*" style="[^"]*?(?:;padding-bottom:(\w+))?"')
    found = [
        top.search(edition.render(each, club=club, theme=theme, templates=templates).html)[1] for each in (issue, bare)
    ]
    assert found == [None, "0"]


def test_a_lead_that_goes_on_in_small_letters_begins_its_line_with_a_capital(issue, club, theme, templates):
    leads = ("harbour sold", "iPhone cases recalled", "ropes dearer")
    items = tuple(Item(f"Headline {number}", "Text.", lead=lead) for number, lead in enumerate(leads))
    made = edition.render(
        replace(issue, title="", subject="", sections=(Section("", items),)),
        club=club,
        theme=theme,
        templates=templates,
    )
    assert all(lead in made.text for lead in ("Harbour sold", "iPhone cases recalled", "Ropes dearer"))
    assert made.subject == "harbour sold; iPhone cases recalled; ropes dearer"


def test_a_traditional_headline_in_an_english_issue_is_marked_as_such(issue, club, theme, templates):
    items = (Item("碼頭倉庫租金連升三個月", "Text."), Item("码头仓库租金连涨三个月", "Text."))
    made = edition.render(replace(issue, sections=(Section("", items),)), club=club, theme=theme, templates=templates)
    assert 'lang="zh-Hant">碼頭倉庫' in made.html
    assert 'lang="zh-Hans">码头仓库' in made.html


def test_an_edition_says_what_the_newsletter_is_called_in_its_language_on_the_same_list(issue, club, theme, templates):
    bilingual = replace(
        club, sender_name=club.newsletter, names={"zh-Hans": "码头早报"}, postal_addresses={"zh-Hans": "宁波码头街1号"}
    )
    english = edition.render(issue, club=bilingual, theme=theme, templates=templates)
    chinese = edition.render(replace(issue, lang="zh-Hans"), club=bilingual, theme=theme, templates=templates)
    mails = [message_from_bytes(made.program.compose(SAMPLE), policy=policy.default) for made in (english, chinese)]
    assert [made.sender for made in (english, chinese)] == ["Quay News", "码头早报"]
    assert [mail["From"].addresses[0].display_name for mail in mails] == ["Quay News", "码头早报"]
    assert {str(mail["List-Id"]).rpartition("<")[2] for mail in mails} == {"quay-news.example.org>"}
    for text in ("码头早报</h1>", "您订阅了《码头早报》", "宁波码头街1号"):
        assert text in chinese.html
    assert not any(word in chinese.html + chinese.text for word in ("Quay News", "1 Quay Street"))
    assert "码头早报" not in english.html
    kept = edition.render(
        replace(issue, lang="zh"), club=replace(bilingual, sender_name="Dock Press"), theme=theme, templates=templates
    )
    assert kept.sender == "Dock Press"


def test_a_template_that_is_not_there_is_named_with_a_way_out(issue, club, theme, templates):
    with pytest.raises(TemplateError, match=r"templates/issue/weekly\.html\.j2: .*write 'template: digest'"):
        edition.render(replace(issue, template="weekly"), club=club, theme=theme, templates=templates)


def test_a_chinese_source_that_is_a_link_is_parted_from_its_word_or_spamassassin_counts_it_as_obfuscation(
    issue, club, theme, templates
):
    chinese = edition.render(replace(issue, lang="zh-Hans"), club=club, theme=theme, templates=templates)
    assert re.search(r"来源：\n<a [^>]*>Dock Post</a>", chinese.html)
    assert "来源：Dock Post" in chinese.text
    english = edition.render(issue, club=club, theme=theme, templates=templates)
    assert "Source: <a " in english.html


@pytest.mark.parametrize(("last", "hang"), [(9, 18), (10, 27), (100, 36)])
def test_leads_hang_as_far_as_their_widest_number_needs(last, hang, issue, club, theme, templates):
    items = [
        Item(f"Story {number}", "Text.", lead="" if number in (1, last) else None) for number in range(1, last + 1)
    ]
    many = replace(issue, sections=(Section("News", tuple(items)),))
    html = edition.render(many, club=club, theme=theme, templates=templates).html
    assert f"padding:20px 32px 14px {32 + hang}px" in html
    assert f"text-indent:-{hang}px" in html
    assert f".l{{padding-left:{18 + hang}px !important}}" in html
