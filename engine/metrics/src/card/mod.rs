//! A model's card: as a self-contained HTML page, as Markdown, and as the metadata that the Hugging Face Hub reads (`model_index`).

mod markdown;
mod model_index;
#[cfg(test)]
mod tests;

pub use glasshouse_protocol::evaluation::is_titled;
pub use markdown::markdown;
pub use model_index::model_index;

use crate::statistics::MAX_BLOCKS;
use chrono::{DateTime, Utc};
use glasshouse_protocol::evaluation::{Audit, Comparison, Evaluation, NO_INTERVAL, RESAMPLES, blocks};
use glasshouse_protocol::quantity::{NOTHING, whole};
use glasshouse_report::Page;

/// The card of an evaluation, with the run's audit if there is one (and a notice if it is of other weights), and with other
/// evaluations and comparisons with them.
pub fn html(
    evaluation: &Evaluation,
    audit: Option<&Audit>,
    beside: &[(&Evaluation, Vec<Comparison>)],
) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let settings = &evaluation.settings;
    let footer = format!(
        "Written by Glasshouse {version}. Intervals are 95 % confidence intervals: Wilson's (1927) for proportions of rows (also in \
         audits) and for the reliability diagram, Newcombe's (1998) for differences of such proportions; all others are percentiles of {} \
         bootstrap resamples ({} in audits) of documents, windows, texts or rows, seed {}. Figures that follow from sums over more than {} \
         of them resample that many blocks of neighbours. {NO_INTERVAL} The same figures are in evaluation.json in the run's folder.",
        whole(u64::from(settings.resamples)),
        whole(u64::from(RESAMPLES)),
        settings.seed,
        whole(MAX_BLOCKS as u64)
    );
    let blocks = blocks::blocks(evaluation, audit, beside, &date);
    let (title, lead) = (blocks::name(evaluation), &evaluation.model.about);
    let (kind, has_script) = ("model card", false);
    Page { kind, title, lead, blocks: &blocks, footer: &footer, version, has_script }.html()
}

/// A Unix time in UTC, because the page can be read anywhere. An edited file may contain any number.
fn date(seconds: f64) -> String {
    let time = DateTime::<Utc>::from_timestamp(seconds as i64, 0);
    time.map_or_else(|| NOTHING.to_owned(), |time| time.format("%-d %b %Y, %H:%M UTC").to_string())
}
