use super::*;

fn prepared(kind: Kind, text: &str) -> (Document, Prepared) {
    let mut document = Document { kind, text: text.to_owned(), ..Document::default() };
    let done = prepare(&mut document, &Settings::default(), &repair::Settings::default(), None).unwrap();
    (document, done)
}

#[test]
fn a_page_is_extracted_and_repaired() {
    let html = "<html lang=fr><title>Le cafÃ©</title><p>Un cafÃ© crÃ¨me\u{AD}, et puis&nbsp;voilÃ .</p>";
    let (document, done) = prepared(Kind::Html, html);
    assert_eq!(document.text, "Un café crème, et puis voilà .");
    assert_eq!(document.title.as_deref(), Some("Le café"));
    assert_eq!(document.language.as_deref(), Some("fra"));
    // A page with one sentence has no distinct main content.
    assert_eq!((done.fallbacks, done.repaired.mojibake, done.repaired.invisible), (1, 3, 1));
}

#[test]
fn what_the_record_said_is_kept() {
    let mut document = Document {
        kind: Kind::Html,
        text: "<html lang=fr><title>Page</title><a rel=license href=//creativecommons.org/licenses/by/4.0/>x</a>".to_owned(),
        title: Some("Record".to_owned()),
        language: Some("eng".to_owned()),
        licence: Some("MIT".to_owned()),
        date: Some("2020-01-01".to_owned()),
        ..Document::default()
    };
    prepare(&mut document, &Settings::default(), &repair::Settings::default(), None).unwrap();
    assert_eq!(document.title.as_deref(), Some("Record"));
    assert_eq!(document.language.as_deref(), Some("eng"));
    assert_eq!(document.licence.as_deref(), Some("MIT"));
    assert_eq!(document.date.as_deref(), Some("2020-01-01"));
}

#[test]
fn each_kind_in_its_way() {
    assert_eq!(prepared(Kind::Plain, "<b>x</b>  y ").0.text, "<b>x</b> y");
    assert_eq!(prepared(Kind::Markdown, "# A\r\n\r\n\r\n*b*").0.text, "# A\n\n*b*");
    assert_eq!(prepared(Kind::Wikitext, "'''A''' is [[b|c]].{{stub}}").0.text, "A is c.");
    let code = "if x:\r\n\ty  = 1\r\n\r\n\r\n";
    assert_eq!(prepared(Kind::Code("python".to_owned()), code).0.text, "if x:\n\ty  = 1\n\n\n");
}

#[test]
fn a_page_too_large_is_a_trouble() {
    let settings = Settings { html: html::Settings { largest_page: 3, ..html::Settings::default() } };
    let mut document = Document { kind: Kind::Html, text: "<p>x".to_owned(), ..Document::default() };
    assert!(prepare(&mut document, &settings, &repair::Settings::default(), None).is_err());
    assert!(settings.validate().is_ok());
}

#[test]
fn a_post_is_taken_whole() {
    let post = "<p>Try this:</p>\n<pre><code>for i in range(3):\n    if i:\n        print(i)\n</code></pre>\n\n<nav>All <a href=x>of it</a></nav>";
    let (document, done) = prepared(Kind::HtmlFragment, post);
    assert_eq!(
        document.text,
        "Try this:\n\n```\nfor i in range(3):\n    if i:\n        print(i)\n```\n\nAll of it"
    );
    assert_eq!((done.fallbacks, done.words, done.words_left_out), (0, 14, 0));
}
