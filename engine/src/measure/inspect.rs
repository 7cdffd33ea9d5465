//! How long views of the lens take: a model with a run's own initial weights, at work on the beginning of a held-out story, asked
//! again each time another last token stands there, as somebody types.

use super::spread;
use crate::data::{Split, prepare};
use crate::device;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::initial;
use crate::inspect::{Indices, Lens, Subject, inspect};
use crate::model::{Purpose, build};
use crate::plan::arena::ArenaLayout;
use crate::platform::{self, Turns};
use crate::project::Project;
use crate::protocol::bench::{InspectMeasurement, ViewTime};
use crate::protocol::inspect::{Edit, InspectSettings, View};
use crate::protocol::{DataConfig, Objective, RunConfig, TokenizerKind};
use crate::storage::{self, Staging};
use web_time::Instant;

/// Tokens of the short prompt; the long one fills the context.
const PROMPT_TOKENS: usize = 64;

/// What is asked for.
struct Question {
    view: View,
    /// What of it, where that is more than a page shows while somebody types. It is asked for once.
    part: Option<&'static str>,
    settings: InspectSettings,
}

/// Every view as a page asks for it, and what of two a person asks for by a click.
fn questions(layers: usize) -> Vec<Question> {
    let edits = vec![Edit::Head { layer: layers.saturating_sub(1), head: 0, factor: 0.0 }];
    let plain = InspectSettings { edits, ..InspectSettings::default() };
    let mut questions: Vec<Question> =
        View::ALL.into_iter().map(|view| Question { view, part: None, settings: plain.clone() }).collect();
    let every_part = InspectSettings { every_part: true, ..plain.clone() };
    questions.push(Question { view: View::WhatIf, part: Some("every part"), settings: every_part });
    let passages = InspectSettings { neuron: Some(0), ..plain };
    questions.push(Question { view: View::Neurons, part: Some("passages"), settings: passages });
    questions
}

/// Times views of a run's model on a device, as [`Gpu::from_request`] names it; all views where none is named. The second half is that
/// function's warning.
///
/// # Errors
/// The device is missing or cannot hold the model; the folder for passing files cannot be written; a view that fails.
pub async fn measure_views(
    config: &RunConfig,
    device: &str,
    threads: Option<usize>,
    views: &[View],
    repeats: usize,
) -> Result<(InspectMeasurement, Option<String>)> {
    if repeats == 0 {
        return Err(Error::Refused("a bench of no repeats; ask for one or more".to_owned()));
    }
    let model = &config.model;
    // A project of its own: views that read a run's text have one.
    let folder = platform::passing_folder();
    storage::create_folder(&folder)?;
    let staging = Staging::inside(&folder)?;
    let project = Project::open_or_create(&staging.path().join("project"))?;
    let text = text_of(config);
    let prepared =
        prepare::prepare_in_turns(&text, None, project.folder(), &mut |_| {}, &Turns::new()).await?;
    let run = project.create_run(config, &prepared.folder)?;

    let graph = build(model, Purpose::STEP)?.graph;
    let weights = initial::parameters(&graph.parameters, &ArenaLayout::of(&graph), config.seed);
    let (gpu, warning) = Gpu::from_request(device).await?;
    let description = match &gpu {
        Some(gpu) => gpu.describe(),
        None => device::cpu(platform::threads(threads)),
    };
    let mut lens = match gpu {
        Some(gpu) => Lens::on_gpu(model, weights, gpu)?,
        None => Lens::on_cpu(model, weights, threads)?,
    };

    let mut indices = Indices::default();
    // Passages are looked for in the text as it is.
    let has_room = prepared.tokenizer.vocabulary_size() <= model.vocabulary;
    let mut questions = questions(model.layers);
    questions.retain(|question| views.is_empty() || views.contains(&question.view));
    questions.retain(|question| question.settings.neuron.is_none() || has_room);
    let mut lengths = vec![PROMPT_TOKENS.min(model.context_length), model.context_length];
    lengths.dedup();
    let mut times = Vec::new();
    for length in lengths {
        let held_out = prepared.store.read(Split::Validation, 0, length)?;
        let vocabulary = (model.vocabulary as u32).max(1);
        let tokens: Vec<u32> = held_out.iter().map(|token| token % vocabulary).collect();
        let prompt = prepared.tokenizer.decode(&held_out);
        for question in &questions {
            let rounds = if question.part.is_some() { 0 } else { repeats };
            let (mut ms, mut ms_first, mut tokens) = (Vec::new(), 0.0, tokens.clone());
            for round in 0..=rounds {
                if let Some(last) = tokens.last_mut() {
                    *last = (*last + 1) % vocabulary;
                }
                let begun = Instant::now();
                let mut subject = Subject {
                    lens: &mut lens,
                    tokenizer: &prepared.tokenizer,
                    tokens: &tokens,
                    prompt: &prompt,
                    position: tokens.len().saturating_sub(1),
                    settings: &question.settings,
                    run: &run,
                    reference: None,
                    indices: &mut indices,
                };
                inspect(question.view, &mut subject).await?;
                let took = begun.elapsed().as_secs_f64() * 1e3;
                // The first answer makes programs ready, and the index of the text.
                if round == 0 {
                    ms_first = took;
                }
                if round > 0 || rounds == 0 {
                    ms.push(took);
                }
                platform::yield_now().await;
            }
            let (median, ms_fastest, ms_slowest) = spread(&mut ms);
            times.push(ViewTime {
                view: question.view,
                part: question.part.map(str::to_owned),
                prompt_tokens: length,
                ms_first,
                ms: median,
                ms_fastest,
                ms_slowest,
            });
        }
    }
    let measurement = InspectMeasurement {
        config: config.preset.clone(),
        parameters: graph.parameter_count() as u64,
        context_length: model.context_length,
        vocabulary: model.vocabulary,
        device: description,
        repeats,
        text_tokens: prepared.store.len(Split::Train),
        times,
    };
    Ok((measurement, warning))
}

/// The embedded stories by characters, of which there are few.
fn text_of(config: &RunConfig) -> RunConfig {
    let mut text = config.clone();
    text.data = DataConfig::default();
    text.tokenizer.kind = TokenizerKind::Char;
    text.tokenizer.special_tokens.clear();
    text.train.objective = Objective::Text;
    text.start = None;
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::presets;

    #[test]
    fn views_are_timed_on_both_prompts_and_those_that_were_named_alone() {
        let mut config = presets::preset("first-stories").unwrap();
        (config.model.layers, config.model.context_length) = (1, 96);
        let views = [View::Tokens, View::WhatIf];
        let measured = pollster::block_on(measure_views(&config, "cpu", Some(1), &views, 2)).unwrap().0;
        let asked: Vec<_> =
            measured.times.iter().map(|time| (time.view, time.part.is_some(), time.prompt_tokens)).collect();
        let of = |tokens| {
            [(View::Tokens, false, tokens), (View::WhatIf, false, tokens), (View::WhatIf, true, tokens)]
        };
        assert_eq!(asked, [of(64), of(96)].concat());
        for time in &measured.times {
            assert!(time.ms_fastest > 0.0 && time.ms_fastest <= time.ms && time.ms <= time.ms_slowest);
        }
        assert!(measured.text_tokens > 100_000 && measured.parameters > 100_000);
        let none = measure_views(&config, "cpu", Some(1), &views, 0);
        assert!(pollster::block_on(none).is_err());
    }
}
