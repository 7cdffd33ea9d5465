//! Finds the copies in a file of documents, and measures the speed on this machine:
//!
//! ```text
//! cargo run --release -p glasshouse-corpus --example duplicates -- documents.jsonl decisions.jsonl
//! ```
//!
//! The first file has one object with `id` and `text` per line. Prints throughput as JSON, including the overlap check against
//! every tenth document as held out. The second file gets an object for each document to drop: its id, the kept one's id, and
//! their true similarity. `tests/benches/datatrove/minhash.py` compares both with datatrove's.

use std::io::Write;
use std::time::Instant;

use glasshouse_corpus::duplicates::{Marker, Settings, contamination, exact, near, paragraphs};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("name a file of documents and one for the decisions".into());
    };
    let mut settings: Settings = match arguments.next() {
        Some(recipe) => toml::from_str(&std::fs::read_to_string(recipe)?)?,
        None => Settings::default(),
    };
    settings.near.enabled = true;

    let mut documents = Vec::new();
    for line in std::fs::read_to_string(input)?.lines() {
        let record: Value = serde_json::from_str(line)?;
        let field = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        documents.push((field("id"), field("text")));
    }
    let megabytes = documents.iter().map(|(_, text)| text.len()).sum::<usize>() as f64 / 1e6;

    let marker = Marker::new(&settings)?;
    let started = Instant::now();
    let marks: Vec<_> = documents.iter().map(|(_, text)| marker.mark(text)).collect();
    let marking = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let fingerprints = documents.iter().fold(0, |all, (_, text)| all ^ exact::Fingerprint::of_words(text).0);
    let hashing = started.elapsed().as_secs_f64();

    let overlap = contamination::Settings::default();
    let mut held_out = contamination::Set::empty(&overlap);
    documents.iter().step_by(10).for_each(|(id, text)| held_out.add(id, text));
    let started = Instant::now();
    let overlapping = documents.iter().filter(|(_, text)| held_out.contaminating(text).is_some()).count();
    let checking = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let mut seen = paragraphs::Index::new(&settings.paragraphs)?;
    for (_, text) in &documents {
        seen.filter(text, &settings.paragraphs.paragraphs(text));
    }
    let filtering = started.elapsed().as_secs_f64();

    let mut results = std::io::BufWriter::new(std::fs::File::create(output)?);
    let started = Instant::now();
    let mut same = exact::ExactIndex::default();
    let mut alike = near::Index::new(&settings.near)?;
    let mut staged = Vec::new();
    for (number, mark) in marks.iter().enumerate() {
        let copy = if settings.exact.enabled { same.first(mark.fingerprint, number as u32)? } else { None };
        match copy {
            Some(first) => {
                let (gone, kept) = (&documents[number].0, &documents[first as usize].0);
                writeln!(results, "{}", json!({"id": gone, "kept": kept, "similarity": 1.0, "by": "exact"}))?;
            }
            None => {
                alike.push(mark.keys.as_ref())?;
                staged.push(number);
            }
        }
    }
    let decision = alike.decide(&mut |batch| {
        Ok(batch.iter().map(|&document| documents[staged[document as usize]].1.clone()).collect())
    })?;
    for one in &decision.dropped {
        let (gone, kept) =
            (&documents[staged[one.document as usize]].0, &documents[staged[one.kept as usize]].0);
        writeln!(
            results,
            "{}",
            json!({"id": gone, "kept": kept, "similarity": one.similarity, "by": "near"})
        )?;
    }
    let deciding = started.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({
            "documents": documents.len(), "megabytes": megabytes, "threads": 1,
            "marking_megabytes_per_second": megabytes / marking,
            "exact_alone_megabytes_per_second": megabytes / hashing,
            "overlap_megabytes_per_second": megabytes / checking, "overlap_ngrams": held_out.ngrams(), "overlapping": overlapping,
            "paragraphs_megabytes_per_second": megabytes / filtering,
            "deciding_seconds": deciding, "comparisons": decision.comparisons, "dropped_near": decision.dropped.len(),
            "bytes_per_document": settings.bytes_per_document(), "check": format!("{fingerprints:032x}"),
        })
    );
    Ok(())
}
