//! Pages designed to exhaust the stack, time or memory.

use proptest::prelude::*;

use super::super::{Mode, Page, Settings, page};

const MILLION: usize = 1_000_000;

fn main_content(html: &str) -> Page {
    page(html, &Settings { largest_page: 64 << 20, ..Settings::default() }).unwrap()
}

fn all_text(html: &str) -> Page {
    page(html, &Settings { mode: Mode::AllText, largest_page: 64 << 20, ..Settings::default() }).unwrap()
}

/// Runs on a stack of the size of a browser's worker.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap().join().unwrap();
}

#[test]
fn elements_nested_two_hundred_thousand_deep() {
    // Each tag exercises another rule: the most common ones 200,000 deep, the others 20,000.
    let deepest = ["div", "span", "b", "table"].map(|tag| (tag, MILLION / 5));
    for (tag, depth) in
        deepest.into_iter().chain(["p", "li", "ul", "a", "unknown", "pre"].map(|tag| (tag, MILLION / 50)))
    {
        on_a_small_stack(move || {
            let prose = "The text at the bottom of it all, which is found, whatever lies above, and it is long enough. ".repeat(3);
            let open = format!("<{tag}>").repeat(depth);
            let close = format!("</{tag}>").repeat(depth);
            for html in [
                format!("{open}{prose}{close}<p>after</p>"),
                format!("{open}{prose}"),
                format!("{prose}{close}"),
            ] {
                assert!(all_text(&html).text.contains("The text at the bottom"), "{tag}");
                assert!(main_content(&html).text.contains("The text at the bottom"), "{tag}");
            }
        });
    }
}

#[test]
fn tables_nested_twenty_thousand_deep() {
    on_a_small_stack(|| {
        let html =
            format!("{}deep down{}", "<table><tr><td>".repeat(20_000), "</td></tr></table>".repeat(20_000));
        assert_eq!(all_text(&html).text, "deep down");
        assert_eq!(main_content(&html).text, "deep down");
    });
}

#[test]
fn many_of_a_kind_side_by_side() {
    let pieces = "<p>one, two, three, four, five, six, seven</p>|<br>|<br>x|\
        <div class=same>words, words, words, and more words here</div>|<a href=#x>link</a>|\
        <a href=#x>link|<h1>heading</h1>|<li>item|<tr><td>cell|<ul><li>item</ul>|\
        <table><tr><td>cell</table>|<div><div><p>text, and text</div>|<p><b><i><u>|<div hidden>|\
        <p hidden>gone|<nav>|<td></td>|<blockquote>a</blockquote>|<div class=share>x</div>|\
        <p class=byline>x</p>|<q>|<code>x|<pre>`";
    for piece in pieces.split('|') {
        let html = format!("<title>t</title>{}", piece.repeat(20_000));
        let found = main_content(&html);
        assert!(found.text.len() < html.len() * 4, "{piece}");
        assert!(all_text(&html).text.len() < html.len() * 4, "{piece}");
    }
}

#[test]
fn what_is_never_closed() {
    let tails = "<!--|<script>|<style>|<a href=\"|<a href='|<div class=|<|</|<!|<?|&|&#|&#x|<title>";
    for tail in tails.split('|') {
        let html = format!("<p>Before it all is well.{tail}");
        assert!(all_text(&html).text.starts_with("Before it all is well."), "{tail}");
        let many = format!("<p>Before it all is well.{}", tail.repeat(300_000));
        assert!(all_text(&many).text.starts_with("Before it all is well."), "{tail}");
        let mixed = format!("<p>Before it all is well.{}", format!("{tail}x=\"y'").repeat(100_000));
        assert!(all_text(&mixed).text.starts_with("Before it all is well."), "{tail}");
    }
}

#[test]
fn bombs_of_character_references() {
    let named = "&CounterClockwiseContourIntegral;".repeat(100_000);
    assert_eq!(all_text(&named).text.chars().count(), 100_000);
    let number = format!("&#x{};", "F".repeat(MILLION));
    assert_eq!(all_text(&number).text, "\u{FFFD}");
    let declared = "<!DOCTYPE x [<!ENTITY a \"&b;&b;&b;\"><!ENTITY b \"bomb\">]><p>&a;</p>";
    assert!(!all_text(declared).text.contains("bombbomb"));
    assert_eq!(all_text(&"&nosuchname".repeat(100_000)).text.len(), 1_100_000);
}

#[test]
fn a_page_too_large_is_refused_by_name() {
    let settings = Settings { largest_page: 10, ..Settings::default() };
    let error = page("<p>more than ten bytes", &settings).unwrap_err();
    assert!(error.contains("22 bytes") && error.contains("largest_page"), "{error}");
}

fn soup() -> impl Strategy<Value = String> {
    let names = "div p a table tr td th tbody ul ol li dl dt dd pre code blockquote q b span h1 h2 h3 nav footer \
        aside form fieldset section article main body html head figure br hr script style title svg xmp \
        sup time header center caption select";
    let names = prop::sample::select(names.split(' ').collect::<Vec<_>>());
    let attributes = prop::sample::select(vec![
        "",
        " hidden",
        " class=comment",
        " class='cookie-banner'",
        " id=main",
        " href=#a",
        " href=javascript:x",
        " role=presentation",
        " style='display:none'",
        " class=\"article content\"",
        " id=readability-page-1",
        " class=sidebar",
        " rel=author",
        " start=9",
        " class=language-c",
        " datetime=2020-01-02",
        " colspan=99999999999",
        " summary=x",
        " class=share",
        " itemprop=author",
        " data-readability-score=2143289344",
        " data-readability-table",
        " aria-hidden=true",
        " role=dialog aria-modal=true",
    ]);
    let piece = prop_oneof![
        4 => (names.clone(), attributes).prop_map(|(name, attributes)| format!("<{name}{attributes}>")),
        3 => names.prop_map(|name| format!("</{name}>")),
        2 => "[a-z]{1,8}([,.]? [a-z]{1,8}){0,30}",
        1 => "\\PC{0,6}",
        1 => prop::sample::select(vec!["&amp;", "&nbsp", "&#0;", "<!-- x -->", "<", ">", "\"", "'", "\n", "`", "&"]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_soup_of_tags_is_read(html in soup()) {
        let main = main_content(&html);
        let all = all_text(&html);
        prop_assert_eq!(main.text.trim_end(), main.text.as_str());
        prop_assert!(all.text.len() <= html.len() * 12 + 64);
        prop_assert_eq!(page(&html, &Settings::default()).unwrap(), main);
    }

    #[test]
    fn any_text_is_read(html in "\\PC{0,200}") {
        main_content(&html);
        all_text(&html);
    }
}
