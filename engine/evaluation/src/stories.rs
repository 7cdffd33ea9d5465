//! Stories that a model of the built-in stories writes, compared with their grammar.

use super::repetition::sampled;
use super::{Subject, Tell};
use glasshouse_generation::prompt_tokens;
use glasshouse_metrics::statistics::share;
use glasshouse_platform::Result;
use glasshouse_protocol::evaluation::Metric;
use glasshouse_protocol::{EvaluateSettings, GenerateConfig};
use glasshouse_text::data::stories::held;

/// Number of stories, and maximum tokens of each; the grammar's longest have about half as many.
const STORIES: usize = 100;
const LENGTH: usize = 600;

const PROMPT: &str = "Once";

/// The shares of stories whose second sentence is about the hero of the first, and of those that the grammar could have written,
/// at the default temperature.
pub(super) async fn stories(
    subject: &Subject<'_>,
    settings: &EvaluateSettings,
    tell: Tell<'_>,
) -> Result<Vec<Metric>> {
    let prompt = prompt_tokens(&subject.tokenizer.tokenizer, PROMPT)?;
    let own = GenerateConfig { max_tokens: LENGTH, seed: settings.seed, ..GenerateConfig::default() };
    let written = sampled(subject, &vec![prompt; STORIES], &own, tell).await?;
    let held: Vec<_> = written.iter().map(|text| held(&format!("{PROMPT}{text}"))).collect();
    let of = |name, counts: &dyn Fn(&&_) -> bool| {
        share(name, held.iter().filter(counts).count() as u64, held.len() as u64, "sampled stories")
    };
    Ok(vec![of("stories_keep_hero", &|held| held.hero), of("stories_hold", &|held| held.whole)])
}
