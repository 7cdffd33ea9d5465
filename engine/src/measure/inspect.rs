//! Measures the latency of inspection views on a model with a run's initial weights and the beginning of a held-out story as
//! prompt. Each request changes the last token, like a user who types.

use super::spread;
use crate::data::{Split, prepare};
use crate::device;
use crate::gpu::Gpu;
use crate::initial;
use crate::inspection::{Indices, Lens, Subject, inspect};
use crate::model::{Purpose, build};
use crate::platform::{self, Yielder};
use crate::project::{Project, Run};
use crate::protocol::bench::{InspectMeasurement, UnmeasuredView, ViewPart, ViewTime};
use crate::protocol::inspect::{Edit, InspectSettings, View};
use crate::protocol::{DataConfig, Objective, RunConfig, TokenizerKind};
use crate::storage::{self, Staging};
use crate::tokenizer::Tokenizer;
use crate::{Error, Result, refuse};
use web_time::{Duration, Instant};

/// Tokens of the short prompt; the long one fills the context.
const PROMPT_TOKENS: usize = 64;

/// Time limit per view, after which it is not repeated; a software adapter takes seconds for some views.
const ENOUGH: Duration = Duration::from_secs(10);

/// A view to measure.
struct Question {
    view: View,
    /// A part that a page requests only on demand; requested once.
    part: Option<ViewPart>,
    settings: InspectSettings,
}

/// Every view as requested by a page, and the on-demand part of one.
fn questions(layers: usize) -> Vec<Question> {
    let edits = vec![Edit::Head { layer: layers.saturating_sub(1), head: 0, factor: 0.0 }];
    let plain = InspectSettings { edits, ..InspectSettings::default() };
    let mut questions: Vec<Question> =
        View::ALL.into_iter().map(|view| Question { view, part: None, settings: plain.clone() }).collect();
    let every_part = InspectSettings { every_part: true, ..plain };
    questions.push(Question { view: View::WhatIf, part: Some(ViewPart::EveryPart), settings: every_part });
    questions
}

/// A model and the resources for its views.
struct ViewBench<'a> {
    lens: Lens,
    tokenizer: &'a Tokenizer,
    run: &'a Run,
    indices: Indices,
}

impl ViewBench<'_> {
    /// Milliseconds of the first answer, which includes compiling programs and indexing the text, and of later ones (at least
    /// one). A part is requested once, so its single time is returned as both.
    async fn time(
        &mut self,
        question: &Question,
        mut tokens: Vec<u32>,
        prompt: &str,
        repeats: usize,
    ) -> Result<(f64, Vec<f64>)> {
        let vocabulary = (self.lens.config().vocabulary as u32).max(1);
        let rounds = if question.part.is_some() { 0 } else { repeats };
        let (begun, mut first, mut ms) = (Instant::now(), 0.0, Vec::new());
        for round in 0..=rounds {
            if round > 1 && begun.elapsed() > ENOUGH {
                break;
            }
            if let Some(last) = tokens.last_mut() {
                *last = (*last + 1) % vocabulary;
            }
            let asked = Instant::now();
            let mut subject = Subject {
                lens: &mut self.lens,
                tokenizer: self.tokenizer,
                tokens: &tokens,
                prompt,
                position: tokens.len().saturating_sub(1),
                settings: &question.settings,
                run: self.run,
                reference: None,
                base: None,
                indices: &mut self.indices,
            };
            inspect(question.view, &mut subject).await?;
            let took = asked.elapsed().as_secs_f64() * 1e3;
            if round == 0 {
                first = took;
            }
            if round > 0 || rounds == 0 {
                ms.push(took);
            }
            platform::yield_now().await;
        }
        Ok((first, ms))
    }
}

/// Returns the error if it only concerns this view. Other errors mean that the device or the program is at fault, and end the benchmark.
fn of_view(error: Error) -> Result<Error> {
    match error {
        Error::Refused(_) | Error::TooLarge { .. } | Error::Invalid(_) => Ok(error),
        other => Err(other),
    }
}

/// Measures views of a run's model on a device (named as for [`Gpu::from_request`]); all views if none are given. `on_view` gets each result;
/// failed views are reported with the reason. Also returns a warning if the device is a fallback. Fails if the device is missing, cannot
/// hold the model or fails; the temporary folder cannot be written; or every view fails.
pub async fn measure_views(
    config: &RunConfig,
    device: &str,
    threads: Option<usize>,
    asked: (&[View], usize),
    on_view: &mut dyn FnMut(&ViewTime),
) -> Result<(InspectMeasurement, Option<String>)> {
    if asked.1 == 0 {
        refuse!("the number of repeats must be at least 1");
    }
    let (gpu, warning) = Gpu::from_request(device).await?;
    Ok((measure_on(config, gpu, threads, asked, on_view).await?, warning))
}

/// Measures on a GPU, or on the CPU if there is none.
async fn measure_on(
    config: &RunConfig,
    gpu: Option<Gpu>,
    threads: Option<usize>,
    (views, repeats): (&[View], usize),
    on_view: &mut dyn FnMut(&ViewTime),
) -> Result<InspectMeasurement> {
    let model = &config.model;
    // A temporary project, because some views read a run's text.
    let folder = platform::passing_folder();
    storage::create_folder(&folder)?;
    let staging = Staging::inside(&folder)?;
    let project = Project::open_or_create(&staging.path().join("project"))?;
    let text = text_of(config);
    let prepared =
        prepare::prepare_in_turns(&text, None, project.folder(), &mut |_| {}, &Yielder::new()).await?;
    let run = project.create_run(config, &prepared.folder)?;

    let graph = build(model, Purpose::STEP)?.graph;
    let weights = initial::parameters(&graph.parameters, config.seed, &Yielder::new()).await;
    let description = match &gpu {
        Some(gpu) => gpu.describe(),
        None => device::cpu(platform::threads(threads)),
    };
    let lens = match gpu {
        Some(gpu) => Lens::on_gpu(model, weights, gpu)?,
        None => Lens::on_cpu(model, weights, threads)?,
    };
    let mut bench =
        ViewBench { lens, tokenizer: &prepared.tokenizer, run: &run, indices: Indices::default() };

    let mut questions = questions(model.layers);
    questions.retain(|question| views.is_empty() || views.contains(&question.view));
    let mut lengths = vec![PROMPT_TOKENS.min(model.context_length), model.context_length];
    lengths.dedup();
    let (mut times, mut unmeasured, mut failed) = (Vec::new(), Vec::new(), None);
    for prompt_tokens in lengths {
        let held_out = prepared.store.read(Split::Validation, 0, prompt_tokens)?;
        let vocabulary = (model.vocabulary as u32).max(1);
        let tokens: Vec<u32> = held_out.iter().map(|token| token % vocabulary).collect();
        let prompt = prepared.tokenizer.decode(&held_out);
        for question in &questions {
            let (view, part) = (question.view, question.part);
            match bench.time(question, tokens.clone(), &prompt, repeats).await {
                Ok((ms_first, mut all)) => {
                    let (ms, ms_fastest, ms_slowest) = spread(&mut all);
                    let answers = all.len();
                    let time =
                        ViewTime { view, part, prompt_tokens, ms_first, ms, ms_fastest, ms_slowest, answers };
                    on_view(&time);
                    times.push(time);
                }
                Err(error) => {
                    let error = of_view(error)?;
                    let reason = error.to_string();
                    unmeasured.push(UnmeasuredView { view, part, prompt_tokens, reason });
                    failed.get_or_insert(error);
                }
            }
        }
    }
    if let (true, Some(error)) = (times.is_empty(), failed) {
        return Err(error);
    }
    Ok(InspectMeasurement {
        config: config.preset.clone(),
        parameters: graph.parameter_count() as u64,
        context_length: model.context_length,
        vocabulary: model.vocabulary,
        device: description,
        repeats,
        text_tokens: prepared.store.len(Split::Train),
        times,
        unmeasured,
    })
}

/// The built-in stories with a small character vocabulary.
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
    use crate::gpu::test_gpu;
    use crate::protocol::presets;

    #[test]
    fn views_are_timed_on_both_prompts_and_those_that_were_named_alone() {
        let mut config = presets::preset("first-stories").unwrap();
        (config.model.layers, config.model.context_length) = (1, 96);
        let views = [View::Tokens, View::WhatIf];
        let mut reported = Vec::new();
        let mut on_view = |time: &ViewTime| reported.push(time.clone());
        let measured = measure_views(&config, "cpu", Some(1), (&views, 2), &mut on_view);
        let measured = pollster::block_on(measured).unwrap().0;
        let asked: Vec<_> =
            measured.times.iter().map(|time| (time.view, time.part.is_some(), time.prompt_tokens)).collect();
        let of = |tokens| {
            [(View::Tokens, false, tokens), (View::WhatIf, false, tokens), (View::WhatIf, true, tokens)]
        };
        assert_eq!(asked, [of(64), of(96)].concat());
        for time in &measured.times {
            assert!(time.ms_fastest > 0.0 && time.ms_fastest <= time.ms && time.ms <= time.ms_slowest);
            assert_eq!(time.answers, if time.part.is_some() { 1 } else { 2 });
        }
        assert!(reported == measured.times && measured.unmeasured.is_empty());
        assert!(measured.text_tokens > 100_000 && measured.parameters > 100_000);
        assert!(
            pollster::block_on(measure_views(&config, "cpu", Some(1), (&views, 0), &mut |_| {})).is_err()
        );
    }

    #[test]
    fn a_view_that_gives_no_answer_leaves_the_others_and_is_listed_with_the_reason() {
        let mut config = presets::preset("first-stories").unwrap();
        // The long prompt has more probabilities per head than the view computes.
        (config.model.layers, config.model.context_length) = (1, 4_097);
        let mut on_view = |_: &ViewTime| {};
        let measured = measure_views(&config, "cpu", Some(1), (&[View::Head], 1), &mut on_view);
        let measured = pollster::block_on(measured).unwrap().0;
        let [time] = measured.times.as_slice() else { panic!("{measured:?}") };
        assert_eq!((time.view, time.prompt_tokens), (View::Head, 64));
        let [missing] = measured.unmeasured.as_slice() else { panic!("{measured:?}") };
        assert_eq!((missing.view, missing.part, missing.prompt_tokens), (View::Head, None, 4_097));
        assert!(missing.reason.contains("4097 × 4097 probabilities"), "{}", missing.reason);
    }

    #[test]
    fn a_device_that_breaks_down_ends_the_bench_whatever_was_measured_before() {
        let mut config = presets::preset("first-stories").unwrap();
        (config.model.layers, config.model.context_length) = (1, 64);
        let gpu = test_gpu();
        let (own, mut reported) = (gpu.clone(), 0);
        let mut on_view = |_: &ViewTime| {
            reported += 1;
            gpu.destroy();
        };
        let views = [View::Tokens, View::WhatIf];
        let measured = pollster::block_on(measure_on(&config, Some(own), None, (&views, 1), &mut on_view));
        assert!(matches!(measured, Err(Error::Device(_) | Error::DeviceLost(_))), "{measured:?}");
        assert_eq!(reported, 1);
    }
}
