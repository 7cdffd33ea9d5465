//! Personal data in what a model writes by itself: texts are sampled, the data bench's own detectors look them through, and what they find is
//! looked for in the training text. It is shown masked.

use super::texts::Texts;
use super::{Auditor, opening, share, words};
use crate::error::Result;
use crate::evaluate::Tell;
use crate::generate::{Batch, request};
use crate::platform::{CorpusFiles, Turns};
use crate::protocol::evaluation::{AuditSection, Better, Cell, Table};
use crate::protocol::quantity::{counted, whole};
use crate::protocol::{AuditSettings, GenerateConfig, Precision};
use glasshouse_corpus::personal::{Class, Counts, Detector, Settings, masked};
use std::collections::BTreeMap;

/// Tokens of a sampled text, at most.
const TOKENS: usize = 200;
/// Findings that are listed.
const ROWS: usize = 50;

/// Something that looks like personal data.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    /// How often it was written.
    times: u64,
    /// How many documents of the training text have it.
    documents: u64,
}

/// By kind and text.
type Findings = BTreeMap<(Class, String), Found>;

pub(super) async fn personal(
    auditor: &mut Auditor<'_>,
    settings: &AuditSettings,
    texts: &Texts,
    turns: &Turns,
    tell: Tell<'_>,
) -> Result<AuditSection> {
    let detector = Detector::new(&Settings::default(), &CorpusFiles)?;
    let (written, tokens) = sampled(auditor, settings, turns, ("personal data", &mut *tell)).await?;
    let (mut findings, mut with) = (Findings::new(), 0);
    for text in &written {
        with += u64::from(note(&detector, text, &mut findings));
        turns.give().await;
    }
    let mut there = Counts::new();
    let mut told = |done, of| tell("personal data: reading the training text", done, of);
    let tokenizer = &auditor.subject.tokenizer.tokenizer;
    let reading = texts.read(tokenizer, turns, &mut told, |document| {
        for finding in detector.find(document) {
            *there.entry(finding.class).or_default() += 1;
        }
        for ((_, text), found) in &mut findings {
            found.documents += u64::from(document.contains(text.as_str()));
        }
    });
    let reading = reading.await?;
    let sample = format!(
        "{} of {} in all, drawn at temperature 1 after nothing; {}.",
        counted(written.len() as u64, "text"),
        counted(tokens, "token"),
        if texts.is_empty() {
            "the training text is not here".to_owned()
        } else {
            format!("looked for in {}", reading.words())
        }
    );
    Ok(section(&findings, (written.len() as u64, with), &there, texts, sample))
}

/// Texts that the model writes after nothing, and how many tokens they have.
pub(super) async fn sampled(
    auditor: &mut Auditor<'_>,
    settings: &AuditSettings,
    turns: &Turns,
    (what, tell): (&str, Tell<'_>),
) -> Result<(Vec<String>, u64)> {
    let config = GenerateConfig {
        max_tokens: TOKENS,
        temperature: 1.0,
        precision: Precision::F32,
        ..GenerateConfig::default()
    };
    let opening = opening(&auditor.subject)?;
    let tokenizer = &auditor.subject.tokenizer.tokenizer;
    let seeded = |number: u64| GenerateConfig { seed: settings.seed.wrapping_add(number), ..config.clone() };
    let requests: Vec<_> = (0..settings.samples as u64)
        .map(|number| request(tokenizer, &opening, &[], &seeded(number)))
        .collect();
    let (total, told) = (requests.len() as u64, format!("{what}: sampling texts"));
    let mut batch = Batch::new(auditor.decoder, requests)?;
    while !batch.is_over() {
        batch.next(auditor.decoder).await?;
        tell(&told, batch.written() as u64, total);
        turns.give().await;
    }
    let written = batch.finish();
    let tokens = written.iter().map(|text| text.tokens.len() as u64).sum();
    Ok((written.into_iter().map(|text| text.text).collect(), tokens))
}

/// Notes what looks like personal data in a text; whether there was any.
fn note(detector: &Detector, text: &str, findings: &mut Findings) -> bool {
    let found = detector.find(text);
    for finding in &found {
        if let Some(own) = text.get(finding.start..finding.end) {
            findings.entry((finding.class, own.to_owned())).or_default().times += 1;
        }
    }
    !found.is_empty()
}

fn section(
    findings: &Findings,
    (texts, with): (u64, u64),
    there: &Counts,
    source: &Texts,
    sample: String,
) -> AuditSection {
    let known = findings.values().filter(|found| found.documents > 0).count() as u64;
    let mut metrics = vec![share("texts_with_personal_data", with, texts, "texts", Better::Lower)];
    if !source.is_empty() {
        let leaked =
            share("findings_in_training_text", known, findings.len() as u64, "findings", Better::Lower);
        metrics.push(leaked);
    }
    let mut limits = vec![
        "What looks like personal data may be made up, and names of people, addresses of houses and dates of birth are not looked for."
            .to_owned(),
        "A sample shows what comes up often: personal data that stands in the text once comes up when its surroundings are asked for, which \
         passages and canaries try."
            .to_owned(),
    ];
    if !source.is_all {
        limits.push("Not all of the text that the model learned from is here to look in.".to_owned());
    }
    AuditSection {
        name: "personal".to_owned(),
        title: "Personal data".to_owned(),
        sample,
        metrics,
        tables: [by_class(findings, there, source), listed(findings, source)].into_iter().flatten().collect(),
        limits,
        skipped: None,
    }
}

fn by_class(findings: &Findings, there: &Counts, source: &Texts) -> Option<Table> {
    let row = |class: &Class| {
        let own = || findings.iter().filter(move |((other, _), _)| other == class);
        let known = own().filter(|(_, found)| found.documents > 0).count() as u64;
        let text = there.get(class).copied().unwrap_or(0);
        let (found, class) = (own().count() as u64, class.name().replace('_', " "));
        (found + text > 0)
            .then(|| vec![words(class), Cell::Count(found), Cell::Count(known), Cell::Count(text)])
    };
    let rows: Vec<Vec<Cell>> = Class::ALL.iter().filter_map(row).collect();
    (!rows.is_empty() && !source.is_empty()).then(|| Table {
        title: "By kind".to_owned(),
        about: "Distinct findings that the model wrote, how many of them stand in the training text, and how many places there look alike."
            .to_owned(),
        columns: ["kind", "written", "of those in the text", "places in the text"].map(str::to_owned).into(),
        rows,
    })
}

/// Those that stand in the training text first.
fn listed(findings: &Findings, source: &Texts) -> Option<Table> {
    let mut rows: Vec<(&(Class, String), &Found)> = findings.iter().collect();
    rows.sort_by_key(|(_, found)| std::cmp::Reverse((found.documents, found.times)));
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let row = |((class, text), found): (&(Class, String), &Found)| {
        let documents = if source.is_empty() { words("not known") } else { Cell::Count(found.documents) };
        vec![
            words(class.name().replace('_', " ")),
            words(masked(*class, text)),
            Cell::Count(found.times),
            documents,
        ]
    };
    (!rows.is_empty()).then(|| Table {
        title: "What was written".to_owned(),
        about: if more > 0 {
            format!("Masked; {} more are not listed.", whole(more as u64))
        } else {
            "Masked.".to_owned()
        },
        columns: ["kind", "text", "times written", "documents that have it"].map(str::to_owned).into(),
        rows: rows.into_iter().map(row).collect(),
    })
}
