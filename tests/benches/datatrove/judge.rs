//! Applies a preset's rules to documents from JSON lines, with the result as JSON lines, for the comparison in
//! `tests/benches/datatrove`.
//!
//! ```text
//! judge PRESET < documents.jsonl > decisions.jsonl      each {"id", "text"} gives {"id", "rule", "threshold", "text"}
//! judge PRESET --language < documents.jsonl             the same with the language rule
//! judge --words < documents.jsonl > words.jsonl         each gives {"id", "words"}
//! ```
//!
//! `rule` is null if the document is kept, and `text` is then its remaining text. The seconds spent in the rules, without JSON,
//! are printed to standard error. The language rule is disabled by default, since the peer uses another model.

use std::io::{self, BufRead, Write};
use std::time::Instant;

use glasshouse_corpus::recipe::Recipe;
use glasshouse_corpus::rules::{Judge, Rule, words};
use glasshouse_documents::{Document, SystemFiles};
use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let preset = std::env::args().nth(1).unwrap_or_default();
    let rules = match preset.as_str() {
        "--words" => Vec::new(),
        name => Recipe::published(name)?.rules,
    };
    let with_language = std::env::args().nth(2).is_some_and(|argument| argument == "--language");
    let rules: Vec<_> =
        rules.into_iter().filter(|rule| with_language || !matches!(rule, Rule::Language(_))).collect();
    let judge = Judge::new(&rules, &SystemFiles)?;
    let documents = io::stdin().lock().lines().map(read).collect::<Fallible<Vec<_>>>()?;
    let start = Instant::now();
    let answers: Vec<Value> = documents.iter().map(|document| answer(&judge, document, &preset)).collect();
    let (seconds, bytes) =
        (start.elapsed().as_secs_f64(), documents.iter().map(|document| document.text.len()).sum::<usize>());
    let mut output = io::BufWriter::new(io::stdout().lock());
    answers.iter().try_for_each(|answer| writeln!(output, "{answer}"))?;
    writeln!(
        io::stderr(),
        "{}",
        json!({ "bytes": bytes, "seconds": seconds, "mb_per_second": bytes as f64 / seconds / 1e6 })
    )?;
    Ok(())
}

fn read(line: io::Result<String>) -> Fallible<Document> {
    let record: Value = serde_json::from_str(&line?)?;
    let field = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
    Ok(Document { id: field("id"), text: field("text"), ..Document::default() })
}

fn answer(judge: &Judge, document: &Document, preset: &str) -> Value {
    if preset == "--words" {
        let words: Vec<_> = words::split(&document.text).iter().map(|word| word.of(&document.text)).collect();
        return json!({ "id": document.id, "words": words });
    }
    let judgement = judge.judge(document);
    match &judgement.dropped {
        Some((rule, reason)) => {
            let rule = judge.rules.get(*rule).map(Rule::name);
            json!({ "id": document.id, "rule": rule, "threshold": reason.threshold, "reason": reason.text })
        }
        None => json!({ "id": document.id, "rule": null, "text": judgement.text }),
    }
}
