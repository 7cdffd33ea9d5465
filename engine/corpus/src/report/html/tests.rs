//! Tests of the page: hostile texts, no network references, and all counts are shown.

use super::super::{About, Column, CorpusTable, StageRecorder, Unit, demo};
use super::*;
use serde_json::Value;

/// Markup, quotes, control characters and a right-to-left override.
const HOSTILE: &str =
    "</pre><script>alert(1)</script><img src=x onerror=\"alert('2')\">&amp;\u{0}\u{1b}[31m\u{202e}gnp.exe";

/// Tags of a page with their attributes, as a browser would tokenize them, without the texts between.
fn tags(page: &str) -> Vec<&str> {
    let body = page.split_once("</head>").expect("head").1;
    let body = body.rsplit_once("<script>").expect("script").0;
    body.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()).collect()
}

/// Makes all texts hostile, and changed ones different from the originals.
fn make_hostile(key: &str, value: &mut Value) {
    match value {
        // The report's own names.
        Value::String(_) if matches!(key, "group" | "unit") => {}
        Value::String(text) => {
            *text = if key == "after" { format!("{HOSTILE} more") } else { HOSTILE.into() }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| make_hostile(key, value)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| make_hostile(key, value)),
        _ => {}
    }
}

#[test]
fn hostile_texts_stay_texts_wherever_they_stand() {
    let mut report = serde_json::to_value(demo::report()).expect("JSON");
    make_hostile("", &mut report);
    let report: CleaningReport = serde_json::from_value(report).expect("a report");
    let page = page(&report);
    assert_eq!(page.matches("<script").count(), 1, "the page's own and no other");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for tag in tags(&page) {
        assert!(!tag.starts_with("img") && !tag.contains("onerror"), "{tag}");
    }
    assert!(!page.chars().any(|letter| matches!(letter, '\0' | '\u{1b}' | '\u{202e}')));
}

#[test]
fn every_tag_is_closed() {
    let page = page(&demo::report());
    let mut open: Vec<&str> = Vec::new();
    for tag in tags(&page) {
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes what is open");
        } else if !tag.ends_with('/') && !matches!(name, "br") {
            open.push(name);
        }
    }
    // Opened before the body and closed after its footer, which are both cut off.
    assert_eq!(open, ["body"], "left open");
}

#[test]
fn nothing_is_asked_of_a_network() {
    let page = page(&demo::report());
    assert!(page.contains("default-src 'none'"));
    for word in
        ["http:", "https:", "//", "url(", "@import", "src=", "@font-face", "fetch(", "XMLHttp", "import("]
    {
        assert!(!page.contains(word), "the page contains {word}");
    }
    let links: Vec<&str> =
        page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect();
    assert!(links.len() > 5, "the parts are linked");
    for link in links {
        let anchor = link.strip_prefix('#').map(|anchor| format!("id=\"{anchor}\""));
        assert!(
            link == "data:," || anchor.is_some_and(|anchor| page.contains(&anchor)),
            "{link} leads nowhere"
        );
    }
}

#[test]
fn the_page_says_what_was_counted() {
    let report = demo::report();
    let page = page(&report);
    for stage in &report.stages {
        assert!(page.contains(&stage.about.title), "{}", stage.about.title);
        if stage.acted() && stage.removed.documents > 0 {
            assert!(
                page.contains(&format!("−{}", number::whole(stage.removed.documents))),
                "{}",
                stage.about.title
            );
        }
    }
    for text in [
        "deu at 0.98",
        "top 2-gram 0.41",
        "31 documents",
        "98.0 % alike",
        "j•••@e••••••.org",
        "<del>Read more",
        "8.21 k",
        "62.1 MB",
    ] {
        assert!(page.contains(text), "{text}");
    }
    keep(&report, &page);
}

#[test]
fn an_empty_report_is_a_page_too() {
    let page = page(&CleaningReport::default());
    assert!(page.contains("Nothing was read"));
    assert!(!page.contains("NaN") && !page.contains("inf"));
}

#[test]
fn long_tables_and_lists_are_cut_and_say_so() {
    let mut report = demo::report();
    report.tables.push(CorpusTable {
        title: "Long".to_owned(),
        columns: vec![Column::new("Name", Unit::Text), Column::new("Count", Unit::Count)],
        rows: (0..1040_u64).map(|number| vec![format!("row-{number}").into(), number.into()]).collect(),
        ..CorpusTable::default()
    });
    report.inputs = vec![report.inputs[0].clone(); 4000];
    let page = page(&report);
    assert!(page.contains("And 1,000 more rows") && page.contains("And 3,940 more files"));
    assert!(page.contains("row-39<") && !page.contains("row-40<"));
}

#[test]
fn texts_of_any_length_and_script_are_written() {
    let mut recorder = StageRecorder::new(About::default());
    let before = "word ".repeat(100_000);
    recorder.edit(
        "a",
        "b",
        super::super::Amount::from_text(&before),
        super::super::Amount::from_text("x"),
        || (before.clone(), "x".to_owned()),
    );
    let report = CleaningReport {
        stages: StageRecorder::chain(super::super::Amount::from_text(&before), [recorder]),
        ..CleaningReport::default()
    };
    assert!(page(&report).len() < 100_000);
    assert_eq!(shown("a\u{7}b\tc\nd"), "a\u{fffd}b\tc\nd");
    assert_eq!(html! { (shown("ζωή & 生活")) }.into_string(), "ζωή &amp; 生活");
}

/// Saves page and report to the folder in `GLASSHOUSE_REPORT_FOLDER`, for manual inspection.
fn keep(report: &CleaningReport, page: &str) {
    if let Some(folder) = std::env::var_os("GLASSHOUSE_REPORT_FOLDER") {
        let folder = std::path::Path::new(&folder);
        std::fs::write(folder.join("report.html"), page).expect("page");
        std::fs::write(folder.join("report.json"), report.to_json().expect("report")).expect("report");
    }
}
