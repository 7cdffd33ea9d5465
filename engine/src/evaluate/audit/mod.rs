//! Audits: what a model has learned that nobody wanted it to. Each part is a file here, says how large its sample was, and what it cannot
//! show.

mod bias;
mod canaries;
mod memorisation;
mod moderation;
mod personal;
mod sampled;
#[cfg(test)]
mod tests;
pub(super) mod texts;

use super::{Subject, Tell};
use crate::error::{Error, Result};
use crate::evaluation::bias::PairFile;
use crate::evaluation::statistics::{Bootstrap, share};
use crate::generate::Decoder;
use crate::inspect::Indices;
use crate::platform::Turns;
use crate::protocol::AuditSettings;
use crate::protocol::evaluation::{
    AuditSection, AuditTopic, Better, Cell, MAX_AUDIT_SAMPLES, Metric, RESAMPLES, Table,
};
use sampled::{Sampled, sampled};
use texts::Texts;

/// A model that is audited, and what reads and writes with it.
pub struct Auditor<'a> {
    /// The model that predicts.
    pub subject: Subject<'a>,
    /// The same model where it writes.
    pub decoder: &'a mut Decoder,
    /// What texts are found in.
    pub indices: &'a mut Indices,
}

/// The sections that are asked for, in their order.
///
/// # Errors
/// No sample can have the size that is asked for.
pub fn asked(settings: &AuditSettings) -> Result<Vec<AuditTopic>> {
    let samples = settings.samples;
    if !(1..=MAX_AUDIT_SAMPLES).contains(&samples) {
        return Err(Error::Refused(format!("samples must be 1 to {MAX_AUDIT_SAMPLES} (got {samples})")));
    }
    let is_asked = |topic: &AuditTopic| settings.sections.is_empty() || settings.sections.contains(topic);
    Ok(AuditTopic::ALL.into_iter().filter(is_asked).collect())
}

/// Audits a model; `own` are pairs of sentences of the person's own.
///
/// # Errors
/// As [`asked`]; a line of the project's rules of moderation is broken, its classifier or the run's text is damaged, or a device fails.
pub async fn audit(
    auditor: &mut Auditor<'_>,
    settings: &AuditSettings,
    own: &PairFile,
    tell: Tell<'_>,
) -> Result<Vec<AuditSection>> {
    let (asked, turns) = (asked(settings)?, Turns::new());
    let texts = Texts::of(auditor.subject.run)?;
    let mut sections = Vec::with_capacity(asked.len());
    // Rules that are broken, and such a classifier, are told before anything takes its time.
    let judges =
        asked.contains(&AuditTopic::Moderation).then(|| moderation::judges_of(auditor)).transpose()?;
    // One set of texts serves both sections that look through what the model writes by itself.
    let written =
        match asked.iter().any(|topic| matches!(topic, AuditTopic::Moderation | AuditTopic::Personal)) {
            true => sampled(auditor, settings, &turns, tell).await?,
            false => Sampled::default(),
        };
    for topic in asked {
        sections.push(match topic {
            AuditTopic::Bias => bias::bias(auditor, settings, own, &texts, &turns, tell).await?,
            AuditTopic::Moderation => {
                // They were read where this is asked for.
                let Some(judges) = &judges else { continue };
                moderation::moderation(auditor, judges, &written, &texts, &turns, tell).await?
            }
            AuditTopic::Memorisation => memorisation::memorisation(auditor, settings, &turns, tell).await?,
            AuditTopic::Canaries => canaries::canaries(auditor, settings, &texts, tell).await?,
            AuditTopic::Personal => personal::personal(auditor, &written, &texts, &turns, tell).await?,
        });
    }
    Ok(sections)
}

/// A section that was not made, and why.
fn skipped(name: AuditTopic, title: &str, reason: String) -> AuditSection {
    AuditSection { name, title: title.to_owned(), skipped: Some(reason), ..AuditSection::default() }
}

/// What holds for what was looked up in texts that were not read whole.
const NOT_THERE: &str = "text in the rest counts as absent";

/// A section of sampled texts. `unread` says what of the text that the model learned from was not read beside them.
fn of_sampled(
    (name, title): (AuditTopic, &str),
    sample: String,
    metrics: Vec<Metric>,
    tables: [Option<Table>; 2],
    (limits, unread): (&[&str], Option<String>),
) -> AuditSection {
    let mut limits: Vec<String> = limits.iter().map(|limit| (*limit).to_owned()).collect();
    limits.extend(unread);
    AuditSection {
        name,
        title: title.to_owned(),
        sample,
        metrics,
        tables: tables.into_iter().flatten().collect(),
        limits,
        skipped: None,
    }
}

/// A mean of values, with its bootstrap's interval.
fn mean(name: &str, values: &[f64], of: &str, better: Better, seed: u64) -> Metric {
    let count = values.len();
    Metric {
        name: name.to_owned(),
        value: (count > 0).then(|| values.iter().sum::<f64>() / count as f64),
        interval: Bootstrap { resamples: RESAMPLES, seed }.mean(values),
        better,
        count: count as u64,
        of: of.to_owned(),
        signature: None,
    }
}

/// A cell of words.
fn words(words: impl Into<String>) -> Cell {
    Cell::Text(words.into())
}

/// A cell of a metric.
fn metric(metric: Metric) -> Cell {
    Cell::Metric(Box::new(metric))
}

/// What a text can begin after, where nothing of its own stands before it: the token that ends texts, or a line's end, or else whatever the
/// vocabulary has first.
fn opening(subject: &Subject<'_>) -> Result<Vec<u32>> {
    let tokenizer = &subject.tokenizer.tokenizer;
    let opening = match tokenizer.end_of_text() {
        Some(end) => vec![end],
        None => tokenizer.encode("\n")?,
    };
    Ok(if opening.is_empty() { vec![0] } else { opening })
}
