//! Texts with labels, made up, and what is proposed to be labelled or answered next.

use super::tuning::{ROOMY, lines, trained, write_rows};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// What words tell of which kind a text is.
const KINDS: [(&str, [&str; 4]); 3] = [
    ("food", ["soup", "apples", "bread", "honey"]),
    ("music", ["a drum", "the flute", "a song", "two bells"]),
    ("weather", ["rain", "a storm", "much snow", "wind"]),
];

/// Texts from this number on are about others than those before.
const HELD_OUT: usize = 2000;

/// The number-th text and its label; neighbours are of other kinds.
pub fn row(number: usize) -> (String, &'static str) {
    let (label, words) = KINDS[number % KINDS.len()];
    let of = |at: usize, from: &[&'static str]| from[at % from.len()];
    let (many, others) = (["Ada", "The owl", "Ben", "A fox", "Mia"], ["Tom", "The hen", "Zoe"]);
    let who = of(number / 3, if number < HELD_OUT { &many } else { &others });
    let verb = of(number / 7, &["saw", "liked", "found", "had"]);
    (format!("{who} {verb} {} and {}.", of(number / 5, &words), of(number / 11, &words)), label)
}

/// A folder with a trained model of a few words, and texts with labels to learn from and to try.
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

/// What is printed, and what is said beside it.
pub fn propose(folder: &Path, pool: &str, more: &[&str]) -> (Vec<Value>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_glasshouse"))
        .current_dir(folder)
        .args(["feedback", "--project", "first", "--json", "--device", "cpu", "--propose", pool])
        .args(more)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{more:?}: {told}");
    (lines(&String::from_utf8(output.stdout).unwrap()), told)
}
