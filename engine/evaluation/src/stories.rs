//! Stories written by a model of the built-in stories, compared with their grammar.

use super::repetition::sampled;
use super::{OnProgress, Subject};
use glasshouse_generation::prompt_tokens;
use glasshouse_metrics::statistics::share;
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::evaluation::Metric;
use glasshouse_protocol::{EvaluateSettings, GenerateConfig, RunConfig, Synthetic};
use glasshouse_text::data::stories::{StoryCheck, check_story, generate};

/// Number of stories.
const STORIES: usize = 64;
const PROMPT: &str = "Once";
/// Stories of the grammar whose longest limits the tokens of a story.
const MEASURED: usize = 32;

/// Whether a run learned to write the built-in stories.
pub(super) fn writes_stories(config: &RunConfig, subject: &Subject<'_>) -> bool {
    let is_embedded = config.data.paths.is_empty() && config.data.synthetic == Synthetic::None;
    is_embedded && config.train.objective.is_text() && !subject.run.is_imported()
}

/// The shares of stories whose second sentence names the hero of the first, and of those that the grammar could have written, at the
/// default temperature.
pub(super) async fn stories(
    subject: &Subject<'_>,
    settings: &EvaluateSettings,
    on_progress: OnProgress<'_>,
) -> Result<Vec<Metric>> {
    let tokenizer = &subject.tokenizer.tokenizer;
    let prompt = prompt_tokens(tokenizer, PROMPT)?;
    let mut longest = 0;
    for story in generate(settings.seed).take(MEASURED) {
        longest = longest.max(prompt_tokens(tokenizer, &story)?.len());
    }
    let own =
        GenerateConfig { max_tokens: longest * 3 / 2, seed: settings.seed, ..GenerateConfig::default() };
    let written = sampled(subject, &vec![prompt; STORIES], &own, on_progress).await?;
    let (mut checks, yielder) = (Vec::new(), Yielder::new());
    for text in written {
        checks.push(check_story(&format!("{PROMPT}{text}")));
        yielder.maybe_yield().await;
    }
    let of = |name: &str, holds: fn(&StoryCheck) -> bool| {
        let right = checks.iter().filter(|check| holds(check)).count();
        share(name, right as u64, checks.len() as u64, "sampled stories")
    };
    Ok(vec![
        of("stories_keep_hero", |check| check.keeps_hero),
        of("stories_hold", |check| check.follows_grammar),
    ])
}
