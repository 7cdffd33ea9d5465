//! Dumps of MediaWiki and Stack Exchange.

use super::*;
use crate::document::Kind;

fn page(namespace: u32, title: &str, inner: &str, text: &str) -> String {
    format!(
        "  <page>\n    <title>{title}</title>\n    <ns>{namespace}</ns>\n    <id>7</id>{inner}\n    <revision>\n      <id>9</id>\n      \
         <timestamp>2023-04-05T06:07:08Z</timestamp>\n      <contributor><username>U</username></contributor>\n      \
         <model>wikitext</model>\n      <text bytes=\"3\" xml:space=\"preserve\">{text}</text>\n    </revision>\n  </page>\n"
    )
}

fn wiki(pages: &str) -> String {
    format!(
        "<mediawiki xmlns=\"http://www.mediawiki.org/xml/export-0.11/\" version=\"0.11\" xml:lang=\"de\">\n  <siteinfo>\n    \
         <base>https://de.wikipedia.org/wiki/Hauptseite</base>\n  </siteinfo>\n{pages}</mediawiki>\n"
    )
}

pub(super) fn small_wiki() -> String {
    wiki(&page(0, "A &amp; B", "", "'''A''' &lt;ref&gt; x &#8211; [[B]]"))
}

pub(super) fn small_posts() -> String {
    "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<posts>\n  <row Id=\"4\" PostTypeId=\"1\" CreationDate=\"2008-07-31T21:42:52.667\" \
     Score=\"-3\" Body=\"&lt;p&gt;How?&#xA;&lt;/p&gt;\" Title=\"A &quot;title&quot;\" Tags=\"&lt;c#&gt;&lt;rust&gt;\" \
     ContentLicense=\"CC BY-SA 4.0\" />\n  <row Id=\"5\" PostTypeId=\"2\" ParentId=\"4\" Body=\"&lt;p&gt;So.\" />\n  \
     <row Id=\"6\" PostTypeId=\"4\" Body=\"wiki\" />\n</posts>\n"
        .to_owned()
}

#[test]
fn articles_come_out_of_a_wiki() {
    let redirect = page(0, "R", "\n    <redirect title=\"A\" />", "#REDIRECT [[A]]");
    let talk = page(1, "Talk:A", "", "talk");
    let pages =
        format!("{redirect}{talk}{}", page(0, "A &amp; B", "", "'''A''' &lt;ref&gt; x &#8211; [[B]]"));
    for (name, content) in [("w.xml", wiki(&pages).into_bytes()), ("w.xml.bz2", bzip2(wiki(&pages)))] {
        let mut documents = read(name, content);
        let document = documents.remove(0);
        assert_eq!(documents, []);
        assert_eq!(document.id, format!("{name}#3"));
        assert_eq!(document.text, "'''A''' <ref> x – [[B]]");
        assert_eq!(document.kind, Kind::Wikitext);
        assert_eq!(document.title.as_deref(), Some("A & B"));
        assert_eq!(document.address.as_deref(), Some("https://de.wikipedia.org/wiki/A_&_B"));
        assert_eq!(document.date.as_deref(), Some("2023-04-05"));
        assert_eq!(document.language.as_deref(), Some("deu"));
        assert_eq!(document.licence.as_deref(), Some("CC-BY-SA-4.0"));
        assert_eq!(document.genre.as_deref(), Some("encyclopedia"));
    }
}

#[test]
fn the_newest_revision_is_the_text() {
    let old = page(0, "A", "", "old");
    let text = old.replace(
        "</revision>",
        "</revision><revision><timestamp>2024-01-01T00:00:00Z</timestamp><text>new</text></revision>",
    );
    let document = read("w.xml", wiki(&text)).remove(0);
    assert_eq!((document.text.as_str(), document.date.as_deref()), ("new", Some("2024-01-01")));
}

#[test]
fn broken_pages_cost_themselves_alone() {
    let good = page(0, "Good", "", "good");
    let deep = page(0, "D", &"<a>".repeat(100_000), "x");
    let large = page(0, "L", "", &"a".repeat(9000));
    let entity = page(0, "E", "", "&lol9;");
    let crossed = page(0, "C", "<a></b>", "x");
    for (bad, reason) in
        [(&entity, "is not valid XML"), (&large, "the page is longer than 8 KiB"), (&crossed, "is not XML")]
    {
        let (troubles, texts) = wrong("w.xml", wiki(&format!("{bad}{good}")), &small());
        assert_eq!(texts, ["good"], "{reason}");
        assert!(
            troubles.len() == 1 && troubles[0].starts_with("w.xml#1: ") && troubles[0].contains(reason),
            "{troubles:?}"
        );
    }
    assert_eq!(
        says(
            "w.xml",
            wiki(&format!("{deep}{good}")),
            &Settings::default(),
            "nests more than 32 elements deep"
        ),
        ["good"]
    );
    let cut = wiki(&format!("{good}{good}"));
    assert_eq!(says("w.xml", &cut[..cut.len() - 60], &Settings::default(), "ends within a page"), ["good"]);
    let bomb = format!("<?xml version=\"1.0\"?><!DOCTYPE mediawiki [<!ENTITY lol \"lol\">]>{}", wiki(&good));
    let (troubles, texts) = wrong("w.xml", bomb, &Settings::default());
    assert!(texts.is_empty() && troubles[0].contains("declares its own entities"), "{troubles:?}");
    says("w.xml", "<rss><item>x</item></rss>", &Settings::default(), "is XML of an unsupported kind");
}

#[test]
fn questions_and_answers_come_out_of_a_dump() {
    let documents = read("Posts.xml", small_posts());
    assert_eq!(documents.len(), 2);
    let question = &documents[0];
    assert_eq!(question.id, "Posts.xml#1:4");
    assert_eq!((question.text.as_str(), &question.kind), ("<p>How?\n</p>", &Kind::HtmlFragment));
    assert_eq!(question.title.as_deref(), Some("A \"title\""));
    assert_eq!(question.licence.as_deref(), Some("CC-BY-SA-4.0"));
    assert_eq!(question.date.as_deref(), Some("2008-07-31"));
    let record = serde_json::json!({"score": -3, "tags": ["c#", "rust"], "post": "question"});
    assert_eq!(question.record.as_ref(), record.as_object());
    let record = serde_json::json!({"question": 4, "post": "answer"});
    assert_eq!(documents[1].record.as_ref(), record.as_object());
    let broken = small_posts().replace("<row Id=\"4\"", "<row Id=\"4").replace("&lt;p&gt;So", "&bomb;So");
    let (troubles, texts) = wrong("Posts.xml", broken, &Settings::default());
    assert_eq!((texts.len(), troubles.len()), (0, 2), "{troubles:?}");
}

#[test]
fn the_names_of_spaces_are_the_dumps_own() {
    let wiki = small_wiki();
    let (head, rest) = wiki.split_once("<page>").unwrap();
    let page = "<page><title>T</title><ns>0</ns><revision><text>[[Gambarkula:A.png|thumb|no]] [[ kelompok : B]] [[Other:C|see]].</text></revision></page>";
    let spaces = "<siteinfo><namespaces><namespace key=\"6\" case=\"first-letter\">Gambarkula</namespace><namespace key=\"14\">Kelompok</namespace>\
                  <namespace key=\"4\">Other</namespace></namespaces></siteinfo>";
    let documents = read("w.xml", format!("{head}{spaces}{page}<page>{rest}"));
    assert_eq!(documents[0].text, "[[File:A.png|thumb|no]] [[Category: B]] [[Other:C|see]].");
}
