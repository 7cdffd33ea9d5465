mod hostile;

use super::{Mode, Page, Settings, page};
use crate::document::Rank;

fn all_text(html: &str) -> String {
    page(html, &Settings { mode: Mode::AllText, ..Settings::default() }).unwrap().text
}

fn main_content(html: &str) -> Page {
    page(html, &Settings::default()).unwrap()
}

/// A typical page: an article with a menu, a banner, advertisements, comments and a footer.
pub(super) fn article(body: &str) -> String {
    format!(
        r##"<!DOCTYPE html>
<html lang="en-GB"><head><meta charset="utf-8"><title>How tides work &ndash; The Harbour Post</title>
<meta property="og:title" content="How tides work">
<meta property="article:published_time" content="2023-11-05T08:30:00+00:00">
<link rel="stylesheet" href="/site.css"><style>body {{ margin: 0 }} p > a {{ color: red }}</style>
<script>if (1 < 2 && 3 > 2) {{ document.write("<p>written by a script</p>"); }}</script>
<script type="application/ld+json">{{"@context": "https://schema.org", "@type": "NewsArticle", "headline": "Tides"}}</script>
</head><body class="single cookie-consent-active">
<div id="cookie-banner" class="cookie-notice"><p>We use cookies to make this site better. <button>Accept all</button> <a href="/privacy">Learn more</a></p></div>
<header class="site-header"><a href="/">The Harbour Post</a>
<nav><ul><li><a href="/news">News</a></li><li><a href="/sport">Sport</a></li><li><a href="/weather">Weather</a></li></ul></nav></header>
<div class="layout"><div class="sidebar"><h3>Most read</h3><ul><li><a href="/1">Ten lighthouses to see</a></li><li><a href="/2">Fish prices fall</a></li></ul></div>
<article class="content"><h1>How tides work</h1>
{body}
<div class="ad-break"><p>Advertisement: buy boots now!</p></div>
<p style="display: none">Hidden words for search engines.</p>
</article></div>
<div class="comments" id="comments"><h3>Comments</h3><p>First!!! says somebody who read nothing of it.</p></div>
<footer class="footer"><p>Copyright 2023 The Harbour Post. <a href="/terms">Terms</a> <a href="/contact">Contact</a></p>
<a rel="license" href="https://creativecommons.org/licenses/by-sa/4.0/"><img src="cc.png" alt="licence"></a></footer>
<script src="/track.js"></script><noscript><img src="/pixel.gif">Please enable JavaScript.</noscript>
</body></html>"##
    )
}

const PARAGRAPHS: &str = "<p>The sea rises and falls twice a day, and it does so because the Moon pulls harder at the side of the \
    Earth that faces it, and less at the side that is turned away.</p>\n<p>The Sun does the same, with <em>less than half</em> \
    the strength, and when both pull in one line, as at new and full moon, the tides are highest: these are spring tides, and \
    between them, when they pull crosswise, come the <a href=\"/neap\">neap tides</a>.</p>";

#[test]
fn the_main_content_and_nothing_else() {
    let found = main_content(&article(PARAGRAPHS));
    assert!(!found.fallback);
    assert!(found.text.contains("The sea rises and falls twice a day"), "{}", found.text);
    assert!(found.text.contains("with less than half the strength"), "{}", found.text);
    assert!(
        found.text.contains("come the neap tides.") && found.text.contains("turned away.\n\nThe Sun"),
        "{}",
        found.text
    );
    let gone = "cookies|Accept|Sport|Most read|lighthouses|Advertisement|Hidden words|First!!!|Copyright|Terms|\
        script|margin|JavaScript|NewsArticle";
    for gone in gone.split('|') {
        assert!(!found.text.contains(gone), "{gone} in:\n{}", found.text);
    }
}

#[test]
fn what_the_page_says_of_itself() {
    let found = main_content(&article(PARAGRAPHS));
    assert_eq!(found.title.as_deref(), Some("How tides work"));
    assert_eq!(found.language.as_deref(), Some("eng"));
    assert_eq!(found.date.as_deref(), Some("2023-11-05"));
    assert_eq!(found.licence.as_deref(), Some("CC-BY-SA-4.0"));
    let bare = main_content("<title> A &amp; B\n </title><p>Text</p>");
    assert_eq!(bare.title.as_deref(), Some("A & B"));
    assert_eq!((bare.language, bare.date, bare.licence), (None, None, None));
}

#[test]
fn metadata_from_many_places() {
    let data = r#"<script type="application/ld+json">{"@graph": [{"@type": "WebSite"}, {"@type": "Article",
        "datePublished": "2021-02-03", "license": "https://creativecommons.org/publicdomain/zero/1.0/", "inLanguage": "de-DE"}]}</script>"#;
    let found = main_content(data);
    assert_eq!(found.date.as_deref(), Some("2021-02-03"));
    assert_eq!(found.licence.as_deref(), Some("CC0-1.0"));
    assert_eq!(found.language.as_deref(), Some("deu"));
    let links = |first: &str, second: &str| {
        main_content(&format!(
            "<a href='https://creativecommons.org/licenses/{first}'>x</a><a href='//creativecommons.org/licenses/{second}'>y</a>"
        ))
    };
    assert_eq!(links("by/3.0/deed.en", "by/3.0").licence.as_deref(), Some("CC-BY-3.0"));
    assert_eq!(links("by/3.0/", "by-nc/4.0/").licence, None);
    let shown = ["by/4.0/", "by-nc/4.0/"]
        .map(|name| format!("<a rel=license href='https://creativecommons.org/licenses/{name}'>x</a>"));
    assert_eq!(main_content(&shown[0]).licence_rank, Some(Rank::Shown));
    assert_eq!(main_content(&shown.concat()).licence, None);
    let stated = |first: &str, second: &str| {
        let address = |name: &str| format!("https://creativecommons.org/licenses/{name}/4.0/");
        main_content(&format!(
            "<meta name=license content='{}'><script type=application/ld+json>{{\"license\": \"{}\"}}</script>",
            address(first),
            address(second)
        ))
    };
    assert_eq!(stated("by", "by").licence_rank, Some(Rank::Stated));
    assert_eq!(stated("by", "by-nc").licence, None);
    for host in [
        "evil.example/?u=https://creativecommons.org",
        "evilcreativecommons.org",
        "creativecommons.org@evil.example",
    ] {
        let linked = format!("<a href='https://{host}/licenses/by/4.0/'>x</a>");
        assert_eq!(main_content(&linked).licence, None, "{host}");
    }
    assert_eq!(links("by/3.0/", "by/3.0/").licence_rank, Some(Rank::Found));
    // That of a picture or of what is quoted.
    let by = "https://creativecommons.org/licenses/by/4.0/";
    for part in ["figure", "figcaption", "aside", "blockquote"] {
        let page = format!("<{part}>Photo: Ann, <a rel=license href={by}>CC BY</a></{part}>");
        assert_eq!(main_content(&page).licence_rank, Some(Rank::Found), "{part}");
    }
    let image = format!("{{\"@type\": \"ImageObject\", \"license\": \"{by}\"}}");
    for data in [image.clone(), format!("{{\"@graph\": [{{\"@type\": \"WebPage\"}}, {image}]}}")] {
        let page = format!("<script type=application/ld+json>{data}</script>");
        assert_eq!(main_content(&page).licence, None, "{data}");
    }
    for path in ["about/", "licenses/", "publicdomain/", "", "2024/05/licenses/by/4.0/"] {
        let linked = format!("<a href='https://creativecommons.org/{path}'>Creative Commons</a>");
        assert_eq!(main_content(&linked).licence, None, "{path}");
    }
    assert_eq!(
        main_content("<time datetime='2019-08-07 10:00'>x</time>").date.as_deref(),
        Some("2019-08-07")
    );
    assert_eq!(main_content("<meta name=date content=20190807>").date.as_deref(), Some("2019-08-07"));
    assert_eq!(main_content("<meta name=date content='2019-13-07'>").date, None);
    assert_eq!(main_content("<html lang='tlh'>").language.as_deref(), Some("tlh"));
    assert_eq!(
        main_content("<link rel=license href='https://www.gnu.org/licenses/fdl-1.3.html'>")
            .licence
            .as_deref(),
        Some("https://www.gnu.org/licenses/fdl-1.3.html")
    );
}

/// All supported structures, and their expected text.
const STRUCTURES: &str = r#"<h2>A list</h2>
<ul><li>first <b>item</b></li><li>second<ul><li>nested</li><li>again<ol start=3><li>three<li>four</ol></li></ul></li><li><p>third</p><p>and more of it</p></li></ul>
<h3>A table</h3>
<table><thead><tr><th>Port</th><th>High</th><th>Low</th></tr></thead><tbody><tr><td>Dover</td><td><p>6.8 m</p></td><td>0.8 m</td></tr>
<tr><td>Brest</td><td></td><td>1.1 m</td></tr></tbody></table>
<blockquote><p>Time and tide</p><p>wait for none.</p><blockquote>So it is said.</blockquote></blockquote>
<pre><code class="language-rust">
fn main() {
    let tide = 1 &lt; 2; // ``
}
</code></pre>
<p>Call <code>main()</code>, he said:<br><q>not now</q>. Entities: caf&eacute; &#8212; &#x2019; &#150; &amp;amp; &copy2024 &notanentity; AT&T.</p>
<dl><dt>neap</dt><dd>low range</dd><dt>spring</dt><dd><p>high range</p></dd></dl>"#;

const STRUCTURES_AS_TEXT: &str = "## A list\n\n- first item\n- second\n  - nested\n  - again\n    3. three\n    4. four\n- third\n\n  and more of \
    it\n\n### A table\n\nPort | High | Low\nDover | 6.8 m | 0.8 m\nBrest | | 1.1 m\n\n> Time and tide\n\n> wait for none.\n\n> > So it is \
    said.\n\n```rust\nfn main() {\n    let tide = 1 < 2; // ``\n}\n```\n\nCall `main()`, he said:\n\"not now\". Entities: café — ’ – &amp; \
    ©2024 ¬anentity; AT&T.\n\nneap\n: low range\nspring\n: high range";

#[test]
fn structure_is_kept_as_plain_text() {
    assert_eq!(all_text(STRUCTURES), STRUCTURES_AS_TEXT);
}

#[test]
fn structure_survives_the_choice_of_main_content() {
    let found = main_content(&article(&format!("{PARAGRAPHS}{STRUCTURES}{PARAGRAPHS}")));
    assert!(found.text.starts_with("# How tides work\n\n"), "{}", found.text);
    assert!(found.text.contains(STRUCTURES_AS_TEXT), "{}", found.text);
}

#[test]
fn a_short_article_keeps_its_words_apart_and_its_blocks() {
    let lines = [
        "<h1>A fox</h1>",
        "<p>Once there was a fox who lived in a wood by the river, and it drank there.</p>",
        "<p>One day it met a heron.</p>",
        "<ul><li>They talked</li><li>about fish</li></ul>",
        "<pre>fish = 1</pre>",
    ];
    let wanted = "# A fox\n\nOnce there was a fox who lived in a wood by the river, and it drank there.\n\nOne day it met a heron.\n\n\
        - They talked\n- about fish\n\n```\nfish = 1\n```";
    for between in ["", "\n"] {
        let page = |inner: String| format!("<html><head><title>T</title></head><body>{inner}</body></html>");
        let article = format!("<article>{}</article>", lines.join(between));
        assert_eq!(main_content(&page(article.clone())).text, wanted, "{between:?}");
        // With other elements, and with two on one page.
        let text =
            main_content(&page(format!("<nav><a href=\"/\">Home</a></nav>{article}<footer>2024</footer>")))
                .text;
        assert_eq!(text, wanted, "{between:?}");
        let text = main_content(&page(article.repeat(2))).text;
        assert!(!text.contains("foxOnce") && !text.contains("there.One"), "{text}");
    }
}

#[test]
fn all_text_leaves_out_only_what_is_not_seen() {
    let text = all_text(&article(PARAGRAPHS));
    for kept in ["Sport", "Most read", "The sea rises", "First!!!", "Copyright", "Learn more"] {
        assert!(text.contains(kept), "{kept}");
    }
    for gone in ["margin", "written by a script", "Hidden words", "pixel", "Accept all"] {
        assert!(!text.contains(gone), "{gone}");
    }
}

#[test]
fn without_main_content_all_visible_text_is_taken() {
    let found = main_content("<nav><ul><li><a href=/a>Alpha</a><li><a href=/b>Beta</a></ul></nav>");
    assert!(found.fallback);
    assert_eq!(found.text, "- Alpha\n- Beta");
    let crowded = Settings { most_elements: 10, ..Settings::default() };
    let found = page(&article(PARAGRAPHS), &crowded).unwrap();
    assert!(found.fallback && found.text.contains("Sport"));
}

#[test]
fn tags_that_authors_leave_out() {
    assert_eq!(all_text("<p>one<p>two<ul><li>a<li>b</ul>three"), "one\n\ntwo\n\n- a\n- b\n\nthree");
    assert_eq!(all_text("<table><tr><td>a<td>b<tr><td>c<td>d</table>"), "a | b\nc | d");
    assert_eq!(all_text("<p hidden>gone<p>here"), "here");
    assert_eq!(all_text("<div><span hidden>gone</div>here"), "here");
    // By the HTML standard, the end of a paragraph that never began is an empty one.
    assert_eq!(all_text("a</p>b</b></div>c"), "a\n\nbc");
    assert_eq!(all_text("1 < 2 and <3 > 2"), "1 < 2 and <3 > 2");
    assert_eq!(all_text("a<br/>b<BR>c<hr>d"), "a\nb\nc\n\nd");
    assert_eq!(all_text("<a title='1 > 0' href=x>link</a><!-- <p>no --> text<![CDATA[x]]>"), "link text");
    assert_eq!(all_text("<P STYLE='Display : None'>gone</P><P CLASS=x>here</P>"), "here");
    assert_eq!(all_text("wo<b>rd</b>s<sup class=reference>[1]</sup> H<sub>2</sub>O"), "words H₂O");
}

#[test]
fn raised_and_lowered_text_stays_apart() {
    for (html, text) in [
        ("10<sup>6</sup> candles, 3 × 10<sup>−4</sup>", "10⁶ candles, 3 × 10⁻⁴"),
        ("5 m<sup>3</sup> and <sup>14</sup>C in CO<sub>2</sub>", "5 m³ and ¹⁴C in CO₂"),
        ("In 1904<sup>12</sup> the tower", "In 1904[12] the tower"),
        ("The sea<sup><a href=#n3>3</a></sup> rose", "The sea[3] rose"),
        ("The sea<a href=#n3><sup>3</sup></a> rose", "The sea[3] rose"),
        ("the gate<a epub:type=noteref href=#n>1</a> of", "the gate[1] of"),
        ("e<sup>x<sup>2</sup></sup> and the 19<sup>th</sup>", "e^{x²} and the 19th"),
        ("a<sup> 2 </sup>b <sup></sup>c", "a²b c"),
        ("<sup>2<p>3</p></sup>", "2\n\n3"),
        (
            "10<span style='vertical-align: super'>8</span>, 10<span style='top:0;vertical-align:super'>-9</span>",
            "10⁸, 10⁻⁹",
        ),
        (
            "<span style='vertical-align:super'><sup>8</sup></span>, <del>13</del>14, 1<b>5</b>",
            "⁸, 13 14, 15",
        ),
        (
            "5<span class=sfrac><span>1</span>/<span>4</span></span> m, <span class=frac>6<span class=num>1</span>/2</span>",
            "5 1/4 m, 6 1/2",
        ),
        (
            "3<math><mfrac><mn>1</mn><mn>2</mn></mfrac></math>4, <math><mroot><mn>16</mn><mn>4</mn></mroot></math>",
            "3 1/2 4, ⁴√(16)",
        ),
        (
            "<math><mn>2</mn><mfrac><mn>1</mn><mn>3</mn></mfrac><mfrac linethickness=0><mn>5</mn><mn>2</mn></mfrac></math>",
            "2 1/3 5¦2",
        ),
        ("1<sup>1</sup>/<sub>2</sub> miles", "1 1/2 miles"),
        ("<pre>x = 10<sup>6</sup>\n</pre>", "```\nx = 10⁶\n```"),
        ("<math><mroot><mn>8</mn><mn>3</mn></mroot></math>", "³√(8)"),
    ] {
        assert_eq!(all_text(html), text, "{html}");
    }
}

#[test]
fn void_elements_swallow_nothing() {
    let hidden = [
        "<img hidden src=x>",
        "<img style='display:none'>",
        "<input aria-hidden=true>",
        "<br hidden>",
        "<wbr style='visibility:hidden'>",
    ];
    for hidden in hidden {
        let body = PARAGRAPHS.replace("Earth", &format!("{hidden}Earth"));
        for text in [main_content(&article(&body)).text, all_text(&article(&body))] {
            assert!(
                text.contains("the Earth that faces it") && text.contains("neap tides"),
                "{hidden}: {text}"
            );
        }
    }
    let page = format!(
        "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/><script src='a.js'/><style/></head><body><textarea/>{PARAGRAPHS}</body></html>"
    );
    for text in [main_content(&page).text, all_text(&page)] {
        assert!(text.contains("The sea rises") && text.contains("neap tides"), "{text}");
    }
}

#[test]
fn languages_come_in_pairs() {
    assert_eq!(main_content("<html lang=zul>").language.as_deref(), Some("zul"));
    assert_eq!(main_content("<html lang=ak>").language.as_deref(), Some("aka"));
    assert_eq!(main_content("<html lang=zh-Hans>").language.as_deref(), Some("cmn"));
}

#[test]
fn limits_are_checked() {
    assert!(Settings::default().validate().is_ok());
    let error = Settings { most_elements: 0, ..Settings::default() }.validate().unwrap_err();
    assert!(error.to_string().contains("most_elements is 0"));
}

/// An article with this between enough paragraphs to be found.
fn among_prose(inner: &str) -> String {
    let found = main_content(&article(&format!("{PARAGRAPHS}{inner}{PARAGRAPHS}")));
    assert!(!found.fallback, "{}", found.text);
    found.text
}

#[test]
fn text_around_inline_elements_stays_where_it_is() {
    let elements = [
        ("on <time datetime=2024-01-02>2 January</time> it", "on 2 January it"),
        ("was <label>early</label>, and", "was early, and"),
        ("/usr/<wbr>share/<wbr>log and", "/usr/share/log and"),
        ("before <script>var x = 1;</script>and", "before and"),
        ("before <style>p { color: red }</style>and", "before and"),
        ("a <g-emoji>*</g-emoji> star", "a * star"),
        ("let <math><mi>x</mi></math> be", "let x be"),
        ("see <iframe src=x></iframe> here", "see here"),
        ("see <iframe src=x><p>no frames</p></iframe> here", "see here"),
        ("write <input value=x> here", "write here"),
        ("an <svg><text>icon</text></svg> and", "an and"),
        ("a <select><option>one</option></select> and", "a and"),
        ("<img src=x alt=no>and <picture><source><img></picture> so", "and so"),
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>字 is", "漢字 is"),
        ("began <b>early</b>, and (<em>late</em>) in <i>spring</i>.", "began early, and (late) in spring."),
        ("<del>old</del> <ins>new</ins> <kbd>Ctrl</kbd>+<kbd>C</kbd>", "old new Ctrl+C"),
        ("cited<sup class=reference>[1]</sup>, and", "cited, and"),
        ("<code>a</code>, <code>b</code> and (<code>c</code>)", "`a`, `b` and (`c`)"),
        ("<b>Note</b>:<br>read <a href=/x>this</a>!", "Note:\nread this!"),
    ];
    for (html, text) in elements {
        for (open, close) in [("<p>", "</p>"), ("<ul><li>", "</li></ul>"), ("<blockquote>", "</blockquote>")]
        {
            let found =
                among_prose(&format!("{open}First, {html}, and the rest of this sentence is here.{close}"));
            let mark = if open == "<blockquote>" {
                text.replace('\n', "\n> ")
            } else if open == "<ul><li>" {
                text.replace('\n', "\n  ")
            } else {
                text.to_owned()
            };
            let wanted = format!("First, {mark}, and the rest of this sentence is here.");
            assert!(found.contains(&wanted), "{open}{html} as\n{found}");
        }
    }
}

#[test]
fn cells_keep_their_words_on_their_rows_line() {
    let found = among_prose(
        "<table><tr><th>Name</th><th>Text</th></tr><tr><td><code>a</code> and <code>b</code></td><td>The <code>one</code> and \
         <code>two</code> chips use registers (aka <code>reg</code>) for it.<br> <br> A second sentence.</td></tr>\
         <tr><td><p><b>c</b></p></td><td><ul><li>first</li><li><a href=/s>second</a></li></ul></td></tr></table>",
    );
    let wanted = "Name | Text\n`a` and `b` | The `one` and `two` chips use registers (aka `reg`) for it. A second sentence.\nc | first second\n";
    assert!(found.contains(wanted), "{found}");
}

#[test]
fn a_table_that_lays_out_a_page_keeps_its_lines() {
    let found =
        main_content(&format!("<table><tr><td>{PARAGRAPHS}<h2>More</h2>one<br>two</td></tr></table>"));
    assert!(
        found.text.contains("turned away.\n\nThe Sun") && found.text.ends_with("## More\n\none\ntwo"),
        "{}",
        found.text
    );
}

#[test]
fn code_keeps_its_white_space_and_comes_once() {
    let code = "name   = \"two  spaces\"\nlonger = 1     # aligned\n\n\tif x:";
    for html in [
        format!("<pre>{code}</pre>"),
        format!(
            "<pre><code class=language-python>{}</code></pre>",
            code.replace("name", "<span class=hljs-name>name</span>")
        ),
        format!("<figure class=highlight><pre>{}</pre></figure>", code.replace('\n', "<br>")),
        format!(
            "<pre><div>{}</div></pre>",
            code.replace('\n', "</div><div>").replace("<div></div>", "<div>\n</div>")
        ),
        format!("<xmp>{code}</xmp>"),
    ] {
        let found = among_prose(&html);
        assert!(found.contains(&format!("\n{code}\n```\n")), "{html}: {found}");
        assert_eq!(found.matches("longer = 1").count(), 1, "{found}");
    }
    let short = main_content(
        "<title>t</title><p>Use a loop.</p><pre><code>for i in range(3):\n    print(i)</code></pre><p>It prints.</p>",
    );
    assert_eq!(short.text, "Use a loop.\n\n```\nfor i in range(3):\n    print(i)\n```\n\nIt prints.");
}

#[test]
fn formulas_are_tex_where_the_page_has_it() {
    let mathml = "<math><semantics><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow><annotation encoding=\"application/x-tex\">x^2 + \n1</annotation></semantics></math>";
    let shown = "<span class=katex-html aria-hidden=true><span>x</span><span>2</span></span>";
    let formulas = [
        (format!("<span class=katex><span class=katex-mathml>{mathml}</span>{shown}</span>"), "$x^2 + 1$"),
        ("<span class=mwe-math-element><span style='display: none'><math alttext='{\\displaystyle y_1}'><mi>y</mi></math></span>\
          <img aria-hidden=true class=mwe-math-fallback-image-inline alt='{\\displaystyle y_1}'></span>".to_owned(), "$y_1$"),
        ("<span class=MathJax_Preview></span><span class=MathJax><nobr aria-hidden=true>z</nobr></span><script type='math/tex'>z < 3</script>".to_owned(), "$z < 3$"),
        ("<img class=latex src=x alt='\\pi r^2'>".to_owned(), "$\\pi r^2$"),
        ("<math><mfrac><mrow><mi>a</mi><mo>+</mo><mn>1</mn></mrow><msub><mi>b</mi><mi>i</mi></msub></mfrac><mo>=</mo><msqrt><mi>c</mi></msqrt></math>".to_owned(), "(a+1)/(b_i)=√(c)"),
    ];
    for (html, text) in formulas {
        let found = among_prose(&format!("<p>Let {html}, so that all is well in this sentence.</p>"));
        assert!(found.contains(&format!("Let {text}, so that")), "{html}: {found}");
    }
    let display = mathml.replace("<math>", "<math display=block>");
    let found = among_prose(&format!("<p>It follows that</p><p>{display}</p><p>as said.</p>"));
    assert!(found.contains("It follows that\n\n$$x^2 + 1$$\n\nas said."), "{found}");
}

#[test]
fn pages_that_a_script_shows_are_read() {
    let hidden = "<div id=menu style='display:none'>A menu with <a href=/x>links</a></div>";
    for open in [
        "<div id=app style='display: none'>",
        "<div hidden>",
        "<div style='visibility:hidden'><div hidden>",
        "<div aria-hidden=true>",
    ] {
        let found =
            main_content(&format!("<body>{hidden}<p>Please wait.</p>{open}{PARAGRAPHS}</div></div></body>"));
        assert!(found.text.contains("turned away.\n\nThe Sun"), "{open}: {}", found.text);
        assert!(!found.text.contains("A menu"), "{}", found.text);
    }
}

#[test]
fn what_speaks_of_consent_is_no_banner() {
    let section = |names: &str| {
        format!(
            "<section {names}><h2>Of this</h2><p>Whoever takes part agrees in writing, and may take that back at any time.</p></section>"
        )
    };
    for names in [
        "class=informed-consent",
        "id=gdpr",
        "class=cookie-recipe",
        "class='ad-hoc'",
        "id=consent",
        "class=gdpr-explained",
    ] {
        let found = among_prose(
            &section(names)
                .replace("time.", &format!("time. {}", "So it is said in the law of the land. ".repeat(6))),
        );
        assert!(found.contains("## Of this\n\nWhoever takes part"), "{names}: {found}");
    }
    for banner in [
        "<div class=gdpr-overlay><p>We value your privacy a lot.</p><button>Accept</button></div>",
        "<div id=onetrust-consent-sdk><p>We value your privacy a lot.</p><a role=button>Accept</a></div>",
        "<section class=cookie-notice><p>We value your privacy a lot.</p></section>",
        "<div class=ad-slot-3><p>We value your privacy a lot.</p></div>",
    ] {
        let found = main_content(&format!("<body>{banner}<div>{PARAGRAPHS}</div></body>")).text;
        assert!(found.contains("The sea rises") && !found.contains("privacy"), "{banner}: {found}");
    }
}

#[test]
fn words_of_a_page_are_counted_beside_those_taken() {
    let found = main_content(&article(PARAGRAPHS));
    assert!(
        found.words > found.words_taken && found.words_taken > 80,
        "{} {}",
        found.words,
        found.words_taken
    );
    let all = page(
        "<p>one <b>two</b></p><p>three <math><mi>x</mi></math></p>",
        &Settings { mode: Mode::AllText, ..Settings::default() },
    )
    .unwrap();
    assert_eq!((all.words, all.words_taken), (3, 3));
}

/// A benchmark: `cargo test --release -p glasshouse-corpus html_throughput -- --ignored --nocapture`.
#[test]
#[ignore = "prints how fast pages are read"]
fn html_throughput() {
    // As much markup per word as on news sites: scripts, styles and attributes around a dozen paragraphs.
    let clutter = "<div class=\"card teaser teaser--small\" data-id=\"12\"><a class=\"card__link\" href=\"/some/where/else.html\">\
        <span class=\"card__title\">Something else</span></a></div><script>window.queue=window.queue||[];queue.push({\"a\":1});</script>"
        .repeat(60);
    let body = format!("{PARAGRAPHS}{STRUCTURES}").repeat(6);
    let html = article(&format!("{body}</article><aside class=related>{clutter}</aside><article>"));
    for mode in [Mode::MainContent, Mode::AllText] {
        let settings = Settings { mode, ..Settings::default() };
        let started = std::time::Instant::now();
        let mut bytes = 0;
        let mut text = 0;
        while started.elapsed().as_secs() < 2 {
            text += page(&html, &settings).unwrap().text.len();
            bytes += html.len();
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{mode:?}: {:.1} MB/s of pages, {:.1} MB/s of text",
            bytes as f64 / 1e6 / seconds,
            text as f64 / 1e6 / seconds
        );
    }
}
