//! Made-up texts with labels, and proposals of what to label or answer next.

use super::program::{both, lines, write_rows};
use super::tuning::{ROOMY, trained};
use serde_json::{Value, json};
use std::path::Path;

/// The words that identify each kind of text.
const KINDS: [(&str, [&str; 4]); 3] = [
    ("food", ["soup", "apples", "bread", "honey"]),
    ("music", ["a drum", "the flute", "a song", "two bells"]),
    ("weather", ["rain", "a storm", "much snow", "wind"]),
];

/// Texts from this number on have other subjects than those before.
const HELD_OUT: usize = 2000;

/// A text and its label by number; consecutive texts differ in kind.
pub fn row(number: usize) -> (String, &'static str) {
    let (label, words) = KINDS[number % KINDS.len()];
    let of = |at: usize, from: &[&'static str]| from[at % from.len()];
    let (many, others) = (["Ada", "The owl", "Ben", "A fox", "Mia"], ["Tom", "The hen", "Zoe"]);
    let who = of(number / 3, if number < HELD_OUT { &many } else { &others });
    let verb = of(number / 7, &["saw", "liked", "found", "had"]);
    (format!("{who} {verb} {} and {}.", of(number / 5, &words), of(number / 11, &words)), label)
}

/// A folder with a small trained model, and labelled texts to train and test on.
pub fn folder(more: &[&str]) -> tempfile::TempDir {
    let folder = trained(&[&ROOMY[..], more].concat());
    let line = |number| {
        let (text, label) = row(number);
        json!({ "text": text, "label": label })
    };
    write_rows(&folder.path().join("texts.jsonl"), (0..400).map(line));
    write_rows(&folder.path().join("held.jsonl"), (HELD_OUT..HELD_OUT + 60).map(line));
    folder
}

/// Standard output and standard error of a proposal.
pub fn propose(folder: &Path, pool: &str, more: &[&str]) -> (Vec<Value>, String) {
    let asked = ["feedback", "--project", "first", "--json", "--device", "cpu", "--propose", pool];
    let (said, told) = both(folder, &[&asked[..], more].concat());
    (lines(&said), told)
}
