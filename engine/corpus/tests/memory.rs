//! Cleaning holds the documents that it works on, not the corpus: with a counting allocator, 10 MB of each format.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

#[path = "../../../tests/campaign/files.rs"]
mod files;
#[path = "../../../tests/campaign/memory.rs"]
mod memory;

use files::{archive, gzip, parquet, warc};
use glasshouse_corpus::pipeline::{Cleaner, StartOptions};
use glasshouse_corpus::recipe::Recipe;
use glasshouse_documents::files::SystemFiles;
use memory::{Used, measure};
use std::fmt::Write as _;

const BYTES: usize = 10 << 20;
const MAX_PEAK: usize = 64 << 20;
/// Bytes of a document, and of a page that is a file of its own.
const DOCUMENT: usize = 2 << 10;
const PAGE: usize = 100 << 10;

/// Sentences, different for each seed.
fn prose(seed: usize, bytes: usize) -> String {
    let words = "river harbour captain letter garden winter village teacher window morning engine market";
    let words: Vec<&str> = words.split(' ').collect();
    let mut text = String::new();
    let mut state = seed as u64 + 1;
    while text.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = |shift: u32| words[(state >> shift) as usize % words.len()];
        write!(text, "The {} of the {} was in the {} that {}. ", word(20), word(30), word(40), state >> 48)
            .unwrap();
    }
    text
}

/// All documents in one file, each written by a function.
fn joined(separator: &str, document: impl Fn(String) -> String) -> Vec<u8> {
    let documents = (0..BYTES / DOCUMENT).map(|seed| document(prose(seed, DOCUMENT)));
    documents.collect::<Vec<_>>().join(separator).into_bytes()
}

/// A file for each page.
fn pages(page: impl Fn(String) -> Vec<u8>) -> Vec<Vec<u8>> {
    (0..BYTES / PAGE).map(|seed| page(prose(seed, PAGE))).collect()
}

fn pdf(text: &str) -> Vec<u8> {
    let lines: Vec<String> = text.split(". ").map(|line| format!("0 -14 Td ({line}.) Tj")).collect();
    let pages: Vec<String> = lines.chunks(40).map(|lines| lines.join("\n")).collect();
    files::pdf(&pages)
}

fn html(text: &str) -> String {
    let paragraphs: String =
        text.as_bytes().chunks(1000).map(|part| format!("<p>{}</p>", part.escape_ascii())).collect();
    format!("<html><head><title>T</title></head><body><article>{paragraphs}</article></body></html>")
}

/// The files of each format, with their extension.
fn formats() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let json = |text: String| format!("{{\"text\":\"{text}\"}}");
    let row = |text: String| format!("\"{text}\"");
    let lines = joined("\n", json);
    let record = |text: String| warc(&html(&text));
    let page = |text: String| {
        format!("<page><title>T</title><ns>0</ns><revision><text>{text}</text></revision></page>")
    };
    let post = |text: String| {
        format!("<row Id=\"1\" PostTypeId=\"1\" Title=\"T\" Body=\"&lt;p&gt;{text}&lt;/p&gt;\" />")
    };
    let wrapped =
        |before: &str, inner: Vec<u8>, after: &str| [before.as_bytes(), &inner, after.as_bytes()].concat();
    let chapters: Vec<_> = (0..BYTES / PAGE)
        .map(|seed| (format!("c{seed}.xhtml"), html(&prose(seed, PAGE)).into_bytes()))
        .collect();
    let word = |text: String| {
        let document =
            format!("<w:document xmlns:w='w'><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:document>");
        archive(&[("word/document.xml".to_owned(), document.into_bytes())])
    };
    vec![
        ("txt", vec![joined("\n<|endoftext|>\n", |text| text)]),
        ("md", pages(|text| format!("# Title\n\n{text}").into_bytes())),
        ("html", pages(|text| html(&text).into_bytes())),
        ("json", vec![wrapped("[", joined(",", json), "]")]),
        ("jsonl.gz", vec![gzip(&lines)]),
        ("jsonl", vec![lines]),
        ("csv", vec![wrapped("text\n", joined("\n", row), "\n")]),
        ("tsv", vec![wrapped("text\n", joined("\n", row), "\n")]),
        ("rs", pages(|text| format!("// {text}\nfn main() {{}}\n").into_bytes())),
        ("warc", vec![joined("", record)]),
        ("xml", vec![wrapped("<mediawiki>", joined("\n", page), "</mediawiki>")]),
        ("xml", vec![wrapped("<posts>\n", joined("\n", post), "\n</posts>")]),
        (
            "parquet",
            vec![parquet(&(0..BYTES / DOCUMENT).map(|seed| prose(seed, DOCUMENT)).collect::<Vec<_>>())],
        ),
        ("pdf", pages(|text| pdf(&text))),
        ("docx", pages(word)),
        ("zip", vec![archive(&[("a.jsonl".to_owned(), joined("\n", json))])]),
        ("epub", vec![archive(&chapters)]),
    ]
}

#[test]
fn ten_megabytes_of_each_format_are_cleaned_in_64() {
    let mut beyond = Vec::new();
    for (ending, files) in formats() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in");
        std::fs::create_dir(&input).unwrap();
        for (number, bytes) in files.into_iter().enumerate() {
            std::fs::write(input.join(format!("{number}.{ending}")), bytes).unwrap();
        }
        let out = folder.path().join("out");
        let recipe = Recipe::published("light").unwrap();
        let (report, Used { peak, total }) = measure(|| {
            Cleaner::new(&SystemFiles, recipe, &[input], &out, StartOptions::default())
                .unwrap()
                .run()
                .unwrap()
        });
        println!("{ending}: {} documents, held {peak} bytes, allocated {total}", report.raw.documents);
        assert!(report.raw.bytes as usize > BYTES * 9 / 10, "{ending}: read {} bytes", report.raw.bytes);
        beyond.extend((peak > MAX_PEAK).then_some((ending, peak)));
    }
    assert!(beyond.is_empty(), "{beyond:?}");
}
