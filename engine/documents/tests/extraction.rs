//! Precision and recall of main-content extraction: on generated pages, and on the articles of a public benchmark if available.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]
#[path = "extraction/pages.rs"]
mod pages;
#[path = "../../../tests/src/skipped.rs"]
mod skipped;
#[path = "extraction/words.rs"]
mod words;

use glasshouse_documents::extract::html;
use serde_json::Value;
use skipped::skip;
use std::collections::{BTreeMap, HashMap};
use std::io::Read;

/// Environment variable with the folder of a copy of github.com/scrapinghub/article-extraction-benchmark.
const ARTICLES: &str = "GLASSHOUSE_ARTICLES";

/// Runs of letters and digits; Chinese has no spaces, so each character is a token.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    for letter in text.chars() {
        let chinese = ('\u{3400}'..='\u{9fff}').contains(&letter);
        if chinese || !letter.is_alphanumeric() {
            tokens.push(String::new());
        }
        if letter.is_alphanumeric() {
            tokens.last_mut().unwrap().push(letter);
        }
        if chinese {
            tokens.push(String::new());
        }
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

/// Number of occurrences of each item.
fn counts<T: std::hash::Hash + Eq>(items: impl IntoIterator<Item = T>) -> HashMap<T, f64> {
    let mut counts = HashMap::new();
    for item in items {
        *counts.entry(item).or_insert(0.0) += 1.0;
    }
    counts
}

/// Precision and recall; `None` for an empty side.
fn score<T: std::hash::Hash + Eq>(
    found: &HashMap<T, f64>,
    wanted: &HashMap<T, f64>,
) -> (Option<f64>, Option<f64>) {
    let right: f64 = found.iter().map(|(item, count)| count.min(*wanted.get(item).unwrap_or(&0.0))).sum();
    let share = |of: f64| (of > 0.0).then(|| right / of);
    (share(found.values().sum()), share(wanted.values().sum()))
}

/// Precision, recall and F1, with equal weight for each page.
fn means(scores: &[(Option<f64>, Option<f64>)]) -> (f64, f64, f64) {
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let precision = mean(scores.iter().filter_map(|score| score.0).collect());
    let recall = mean(scores.iter().filter_map(|score| score.1).collect());
    (precision, recall, 2.0 * precision * recall / (precision + recall))
}

#[test]
fn slow_extraction_of_labelled_pages() {
    let settings = html::Settings::default();
    let between = regex::Regex::new(r">\s+<").unwrap();
    let mut scores: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for seed in 0..4 {
        for page in pages::pages(seed) {
            let wanted = counts(tokens(&page.content));
            let mut measure = |html: &str, form| {
                let found = html::page(html, &settings).unwrap();
                scores
                    .entry((page.kind, form))
                    .or_default()
                    .push(score(&counts(tokens(&found.text)), &wanted));
            };
            measure(&page.html, "as written");
            // In preformatted text, white space between tags is significant.
            if !page.html.contains("<pre") {
                measure(&between.replace_all(&page.html, "><"), "minified");
            }
        }
    }
    // Slightly below the measured values.
    let least =
        BTreeMap::from([("article", 0.99), ("documentation", 0.99), ("forum", 0.9), ("product", 0.99)]);
    for ((kind, form), scores) in &scores {
        let (precision, recall, f1) = means(scores);
        println!(
            "{kind:14} {form:10} precision {precision:.3}  recall {recall:.3}  F1 {f1:.3}  ({} pages)",
            scores.len()
        );
        assert!(f1 >= least[kind], "{kind}, {form}: {f1:.3} is less than {}", least[kind]);
    }
}

/// The benchmark's own metric (its evaluate.py): 4-grams of words, precision and recall by article.
#[test]
fn slow_extraction_of_articles() {
    let Some(folder) = std::env::var_os(ARTICLES).map(std::path::PathBuf::from) else {
        return skip(&format!(
            "{ARTICLES} names no copy of github.com/scrapinghub/article-extraction-benchmark"
        ));
    };
    let truth = std::fs::read_to_string(folder.join("ground-truth.json")).unwrap();
    let truth: BTreeMap<String, Value> = serde_json::from_str(&truth).unwrap();
    let settings = html::Settings::default();
    let mut scores = Vec::new();
    let mut worst = Vec::new();
    for (name, article) in &truth {
        let file = std::fs::File::open(folder.join(format!("html/{name}.html.gz"))).unwrap();
        let mut page = Vec::new();
        flate2::read::GzDecoder::new(file).read_to_end(&mut page).unwrap();
        let found = html::page(&String::from_utf8_lossy(&page), &settings).unwrap();
        let wanted = runs(article["articleBody"].as_str().unwrap_or_default());
        let found = score(&runs(&found.text), &wanted);
        scores.push(found);
        worst.push((found.0.unwrap_or(1.0).min(found.1.unwrap_or(1.0)), found, name.as_str()));
    }
    worst.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (_, (precision, recall), name) in worst.iter().take(12) {
        println!("{name}: precision {:.3}  recall {:.3}", precision.unwrap_or(1.0), recall.unwrap_or(1.0));
    }
    let (precision, recall, f1) = means(&scores);
    println!("precision {precision:.3}  recall {recall:.3}  F1 {f1:.3}  ({} articles)", scores.len());
    assert!(f1 >= 0.955, "{f1:.3}");
}

fn runs(text: &str) -> HashMap<Vec<String>, f64> {
    // Equivalent to Python's `\w+`.
    let words: Vec<String> = text
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    if words.is_empty() {
        return HashMap::new();
    }
    counts(words.windows(words.len().min(4)).map(<[String]>::to_vec))
}
