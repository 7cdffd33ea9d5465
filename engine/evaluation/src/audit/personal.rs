//! Personal data in sampled texts: found by the detectors of `glasshouse-corpus`, looked up in the training text, and shown masked.

use super::texts::Texts;
use super::{Auditor, NOT_THERE, Sampled, of_sampled, share};
use crate::OnProgress;
use glasshouse_corpus::personal::{Class, Counts, Detector, Settings, masked};
use glasshouse_platform::{CorpusFiles, Result, Yielder};
use glasshouse_protocol::evaluation::{AuditSection, AuditTopic, Cell, Table};
use glasshouse_protocol::quantity::whole;
use std::collections::BTreeMap;

const ROWS: usize = 50;

#[derive(Clone, Copy, Debug, Default)]
struct PersonalMatch {
    times: u64,
    /// Number of training documents that contain it.
    documents: u64,
}

type Findings = BTreeMap<(Class, String), PersonalMatch>;

pub(super) async fn personal(
    auditor: &Auditor<'_>,
    written: &Sampled,
    texts: &Texts,
    yielder: &Yielder,
    on_progress: OnProgress<'_>,
) -> Result<AuditSection> {
    let detector = Detector::new(&Settings::default(), &CorpusFiles)?;
    let (mut findings, mut with) = (Findings::new(), 0);
    for text in &written.texts {
        with += u64::from(note(&detector, text, &mut findings));
        yielder.maybe_yield().await;
    }
    let mut there = Counts::new();
    let mut on_read = |done, of| on_progress("personal data: reading the training text", done, of);
    let tokenizer = &auditor.subject.tokenizer.tokenizer;
    let reading = texts.read(tokenizer, yielder, &mut on_read, |document| {
        for finding in detector.find(document) {
            *there.entry(finding.class).or_default() += 1;
        }
        for ((_, text), found) in &mut findings {
            found.documents += u64::from(document.contains(text.as_str()));
        }
    });
    let reading = reading.await?;
    let sample = format!(
        "{}; {}.",
        written.words(),
        if texts.is_empty() {
            "the training text is not available".to_owned()
        } else {
            format!("looked for in {}", reading.words())
        }
    );
    let unread = texts.unread(reading, NOT_THERE);
    Ok(section(&findings, (written.texts.len() as u64, with), &there, (texts, unread), sample))
}

/// Records the findings in a text; returns whether there were any.
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
    (source, unread): (&Texts, Option<String>),
    sample: String,
) -> AuditSection {
    let known = findings.values().filter(|found| found.documents > 0).count() as u64;
    let mut metrics = vec![share("texts_with_personal_data", with, texts, "texts")];
    if !source.is_empty() {
        let leaked = share("findings_in_training_text", known, findings.len() as u64, "findings");
        metrics.push(leaked);
    }
    let limits = [
        "Apparent personal data may be invented. Names of people, street addresses and dates of birth are not searched for.",
        "Training text is compared by spelling: the same number with other spaces counts as a different one.",
        "Sampling shows frequent output. Personal data that occurs once in the text is produced only in its context; passages and canaries test that.",
    ];
    let tables = [by_class(findings, there, source), listed(findings, source)];
    of_sampled((AuditTopic::Personal, "Personal data"), sample, metrics, tables, (&limits, unread))
}

fn by_class(findings: &Findings, there: &Counts, source: &Texts) -> Option<Table> {
    let row = |class: &Class| {
        let own = || findings.iter().filter(move |((other, _), _)| other == class);
        let known = own().filter(|(_, found)| found.documents > 0).count() as u64;
        let text = there.get(class).copied().unwrap_or(0);
        let (found, class) = (own().count() as u64, class.name().replace('_', " "));
        (found + text > 0).then(|| [class.into(), found.into(), known.into(), Cell::Count(text)])
    };
    let rows: Vec<_> = Class::ALL.iter().filter_map(row).collect();
    let columns = ["kind", "written", "of those in the text", "places in the text"];
    (!rows.is_empty() && !source.is_empty()).then(|| Table {
        about: "Distinct findings in the model's texts, how many of them occur in the training text, and how many similar places the training text \
            has."
            .to_owned(),
        ..Table::new("By kind", columns, rows)
    })
}

/// The findings, those in the training text first.
fn listed(findings: &Findings, source: &Texts) -> Option<Table> {
    let mut rows: Vec<(&(Class, String), &PersonalMatch)> = findings.iter().collect();
    glasshouse_protocol::order::sort_by_key(&mut rows, |(_, found)| {
        std::cmp::Reverse((found.documents, found.times))
    });
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let row = |((class, text), found): (&(Class, String), &PersonalMatch)| {
        let documents = if source.is_empty() { "not known".into() } else { Cell::Count(found.documents) };
        let kind = class.name().replace('_', " ");
        [kind.into(), masked(*class, text).into(), found.times.into(), documents]
    };
    let columns = ["kind", "text", "times generated", "training documents"];
    let unlisted = (more > 0).then(|| format!("; {} more are not listed", whole(more as u64)));
    (!rows.is_empty()).then(|| Table {
        about: format!("Masked{}.", unlisted.unwrap_or_default()),
        ..Table::new("Generated personal data", columns, rows.into_iter().map(row))
    })
}
