//! Audits of unwanted learning: bias, memorised text, canaries, personal data. Each part has its own file, and reports
//! its sample size and limits.

mod bias;
mod canaries;
mod memorisation;
mod moderation;
mod personal;
mod sampled;
#[cfg(test)]
mod tests;
pub(super) mod texts;

use super::{OnProgress, Subject};
use glasshouse_generation::Decoder;
use glasshouse_inspection::Indices;
use glasshouse_metrics::bias::PairFile;
use glasshouse_metrics::statistics::{self, Bootstrap, share};
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::AuditSettings;
use glasshouse_protocol::evaluation::{AuditSection, AuditTopic, Metric, RESAMPLES, Table};
use glasshouse_protocol::setting::Settings as _;
use sampled::{Sampled, sampled};
use texts::Texts;

pub struct Auditor<'a> {
    /// The scorer side of the model.
    pub subject: Subject<'a>,
    /// The same model as a generator.
    pub decoder: &'a mut Decoder,
    pub indices: &'a mut Indices,
}

/// The requested sections, in report order.
pub fn asked(settings: &AuditSettings) -> Result<Vec<AuditTopic>> {
    settings.check()?;
    let is_asked = |topic: &AuditTopic| settings.sections.is_empty() || settings.sections.contains(topic);
    Ok(AuditTopic::ALL.into_iter().filter(is_asked).collect())
}

/// Audits a model; `own` holds the user's own sentence pairs. Fails if the sample size is out of range, the project's
/// classifier or the run's text is damaged, or a device fails.
pub async fn audit(
    auditor: &mut Auditor<'_>,
    settings: &AuditSettings,
    own: &PairFile,
    on_progress: OnProgress<'_>,
) -> Result<Vec<AuditSection>> {
    let (asked, yielder) = (asked(settings)?, Yielder::new());
    let texts = Texts::from_run(auditor.subject.run)?;
    let mut sections = Vec::with_capacity(asked.len());
    // A damaged classifier is reported before the long work starts.
    let classifier = match asked.contains(&AuditTopic::Moderation) {
        true => moderation::classifier_of(auditor)?,
        false => None,
    };
    // Both sections on sampled text share one set of samples.
    let written =
        match asked.iter().any(|topic| matches!(topic, AuditTopic::Moderation | AuditTopic::Personal)) {
            true => sampled(auditor, settings, &yielder, on_progress).await?,
            false => Sampled::default(),
        };
    for topic in asked {
        sections.push(match topic {
            AuditTopic::Bias => bias::bias(auditor, settings, own, &texts, &yielder, on_progress).await?,
            AuditTopic::Moderation => {
                moderation::moderation(auditor, classifier.as_ref(), &written, &texts, &yielder, on_progress)
                    .await?
            }
            AuditTopic::Memorisation => {
                memorisation::memorisation(auditor, settings, &yielder, on_progress).await?
            }
            AuditTopic::Canaries => canaries::canaries(auditor, settings, &texts, on_progress).await?,
            AuditTopic::Personal => {
                personal::personal(auditor, &written, &texts, &yielder, on_progress).await?
            }
        });
    }
    Ok(sections)
}

fn skipped(name: AuditTopic, title: &str, reason: String) -> AuditSection {
    AuditSection { name, title: title.to_owned(), skipped: Some(reason), ..AuditSection::default() }
}

/// Caveat for searches in partially read texts.
const NOT_THERE: &str = "text in the rest counts as absent";

/// A section on sampled texts. `unread` describes the part of the training text that was not read.
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

fn mean(name: &str, values: &[f64], of: &str, seed: u64) -> Metric {
    let count = values.len();
    let value = (count > 0).then(|| values.iter().sum::<f64>() / count as f64);
    let interval = Bootstrap { resamples: RESAMPLES, seed }.mean(values);
    statistics::metric(name, value, interval, (count as u64, of))
}

/// Tokens to start an unconditional text with: the end-of-text token, else a line break, else token 0.
fn opening(subject: &Subject<'_>) -> Result<Vec<u32>> {
    let tokenizer = &subject.tokenizer.tokenizer;
    let opening = match tokenizer.end_of_text() {
        Some(end) => vec![end],
        None => tokenizer.encode("\n")?,
    };
    Ok(if opening.is_empty() { vec![0] } else { opening })
}
