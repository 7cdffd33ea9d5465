//! Inspects a model between other work.

use super::Session;
use super::models::{Generations, Model};
use super::training::ActiveRun;
use crate::evaluation::documents;
use crate::generation::prompt_tokens;
use crate::graph::ParameterId;
use crate::inspection::{Base, Subject, check, inspect};
use crate::model::{Purpose, build};
use crate::plan::arena::ArenaLayout;
use crate::platform::yield_now;
use crate::protocol::inspect::{InspectSettings, Inspected, Inspection, TokenText};
use crate::protocol::quantity::whole;
use crate::protocol::{Event, ModelConfig, View, WeightSource};
use crate::{Error, OrInternal, Result, refuse};
use std::ops::Range;
use web_time::Instant;

/// Characters of a prompt quoted in an error.
const BEGINNING: usize = 40;
/// Tokens of held-out text on which two models are compared.
const HELD_OUT: usize = 1024;

/// Inspection of a prompt, with the bytes of its tensors.
type Seen = (Box<Inspection>, Vec<Vec<u8>>);

impl Session {
    /// Answers with views of a model for each prompt. Either all prompts are answered, or none.
    pub(super) async fn inspect(
        &mut self,
        id: u64,
        source: &WeightSource,
        prompts: &[&str],
        views: &[View],
        settings: &InspectSettings,
        mut live: Option<ActiveRun<'_, '_>>,
    ) -> Result<()> {
        let begun = live.is_some().then(Instant::now);
        settings.sampling.validate()?;
        if views.is_empty() {
            refuse!("choose at least one view");
        }
        let model = self.weights(source, live.as_mut()).await?;
        let base = match settings.reference.as_ref().filter(|_| views.contains(&View::Diff)) {
            Some(reference) => Some(self.weights(reference, live.as_mut()).await?),
            None => None,
        };
        let text = match &base {
            Some(base) if settings.held_out => {
                let special = model.tokenizer.to_json()? == base.tokenizer.to_json()?;
                Some(documents::beginning(&self.run_named(&model.key.0)?, HELD_OUT, special).await?)
            }
            _ => None,
        };
        let held_out = text.as_deref().map(|text| [text]);
        let prompts = held_out.as_ref().map_or(prompts, |text| text.as_slice());
        if held_out.is_none() {
            self.report_lost(id, &model.tokenizer, &(prompts.concat() + &settings.other_prompt));
        }
        let mut read = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            let tokens = prompt_tokens(&model.tokenizer, prompt)
                .and_then(|all| check(&model.config, settings, kept(&model.config, &all)).map(|()| all));
            read.push(tokens.map_err(|error| about(error, prompt, prompts.len()))?);
        }
        let run = self.run_named(&model.key.0)?;
        let asked = settings.reference.as_ref().filter(|_| views.contains(&View::Embeddings));
        let (other, missing) = match asked {
            None => (None, None),
            Some(reference) => match self.reference(reference, live.as_mut()).await {
                Ok(found) => (Some(found), None),
                // The reference may have been deleted; all other views work without it.
                Err(error) => (None, Some(error)),
            },
        };
        let reference = match &other {
            Some((other, range, width)) => {
                other.parameters().await?.get(range.clone()).map(|table| (table, *width))
            }
            None => None,
        };
        let Generations { lenses, indices, .. } = &mut self.generations;
        let (request, threads) = (self.device.request.as_str(), self.options.threads);
        let recorded = run.record()?.device;
        let device = (request, recorded.as_ref());
        let sink = &self.sink;
        let on_progress = |done, total| sink.progress(done, total);
        let lens = lenses.of(&model.key, (&model.config, model.parameters().await?), device, threads).await?;
        let device = lens.device().to_owned();
        let mut earlier = match &base {
            Some(base) => Some(lens.beside(&base.config, base.parameters().await?.to_vec())?),
            None => None,
        };
        let mut answers: Vec<Seen> = Vec::with_capacity(prompts.len());
        for (prompt, all) in prompts.iter().zip(&read) {
            // What changed is read in windows.
            let tokens = if *views == [View::Diff] { all } else { kept(&model.config, all) };
            let position = settings.position.unwrap_or(tokens.len().saturating_sub(1));
            let mut subject = Subject {
                lens,
                tokenizer: &model.tokenizer,
                tokens,
                prompt,
                position,
                settings,
                run: &run,
                reference,
                base: earlier.as_mut().zip(base.as_ref()).map(|(lens, base)| Base {
                    lens,
                    tokenizer: &base.tokenizer,
                    names: [base, &model].map(|of| format!("{} at step {}", of.key.0, whole(of.step))),
                    on_progress: &on_progress,
                }),
                indices,
            };
            let seen = look(views, &mut subject).await;
            if let Err(Error::Device(_) | Error::DeviceLost(_) | Error::OutOfMemory { .. }) = &seen {
                self.generations.lenses.clear();
                return seen.map(|_| ());
            }
            let (mut seen, bytes) = seen.map_err(|error| about(error, prompt, prompts.len()))?;
            if let Some(error) = &missing {
                for inspected in seen.iter_mut().filter(|inspected| inspected.view == View::Embeddings) {
                    inspected.notices.push(format!("The map is not aligned with other weights: {error}."));
                }
            }
            let text = |id: &u32| TokenText { id: *id, text: model.tokenizer.describe(*id).text };
            let inspection = Box::new(Inspection {
                run: model.key.0.clone(),
                step: model.step,
                device: device.clone(),
                layers: model.config.layers,
                heads: model.config.heads,
                prompt: (*prompt).to_owned(),
                tokens: tokens.iter().map(text).collect(),
                cut: all.len() - tokens.len(),
                position,
                views: seen,
                held_training_ms: None,
            });
            answers.push((inspection, bytes));
        }
        let held = begun.map(|begun| begun.elapsed().as_secs_f64() * 1e3);
        for (mut inspection, bytes) in answers {
            inspection.held_training_ms = held;
            self.sink.answer_with(id, Event::Inspected { inspection }, bytes);
        }
        Ok(())
    }

    /// The model whose token map others are aligned with, the range of its token embeddings, and their width.
    async fn reference(
        &mut self,
        source: &WeightSource,
        live: Option<&mut ActiveRun<'_, '_>>,
    ) -> Result<(Model, Range<usize>, usize)> {
        let model = self.weights(source, live).await?;
        let (range, width) = token_embeddings(&model.config)?;
        Ok((model, range, width))
    }
}

/// The last tokens of a prompt that fit into the context.
fn kept<'tokens>(config: &ModelConfig, tokens: &'tokens [u32]) -> &'tokens [u32] {
    &tokens[tokens.len().saturating_sub(config.context_length)..]
}

/// Names the prompt that an error is about, if there are several.
fn about(error: Error, prompt: &str, prompts: usize) -> Error {
    if prompts < 2 {
        return error;
    }
    let beginning: String = prompt.chars().take(BEGINNING).collect();
    let rest = if prompt.chars().nth(BEGINNING).is_some() { "…" } else { "" };
    let told = |reason: String| format!("of the prompt “{beginning}{rest}”: {reason}");
    error.map(|error| match error {
        Error::Refused(reason) => Error::Refused(told(reason)),
        Error::Unknown(reason) => Error::Unknown(told(reason)),
        other => other,
    })
}

/// Computes views in order, with the bytes of their tensors.
async fn look(views: &[View], subject: &mut Subject<'_>) -> Result<(Vec<Inspected>, Vec<Vec<u8>>)> {
    let (mut seen, mut bytes) = (Vec::new(), Vec::new());
    for view in views {
        let (inspected, own) = inspect(*view, subject).await?;
        seen.push(inspected);
        bytes.extend(own);
        // With a small model, views themselves never yield.
        yield_now().await;
    }
    Ok((seen, bytes))
}

/// Range of the token embeddings [V, C] in a model's weights, and C.
fn token_embeddings(config: &ModelConfig) -> Result<(Range<usize>, usize)> {
    let graph = build(config, Purpose::Window { time: 1 })?.graph;
    let found = graph.parameters.iter().zip(0..).find(|(own, _)| own.name == "embedding.tokens");
    let (own, at) = found.or_internal("a model without an embedding of tokens")?;
    let width = own.ty.shape.last().copied().unwrap_or(1);
    Ok((ArenaLayout::new(&graph).range(ParameterId(at)), width))
}
