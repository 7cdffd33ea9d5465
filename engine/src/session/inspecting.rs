//! Looking inside a model, between other work.

use super::Session;
use super::training::Live;
use super::writing::{Key, Model};
use crate::error::{Error, Result};
use crate::generate::prompt_tokens;
use crate::gpu::Gpu;
use crate::graph::ParameterId;
use crate::inspect::{Lens, Subject, check, inspect};
use crate::model::{Purpose, build};
use crate::plan::arena::ArenaLayout;
use crate::protocol::inspect::{InspectSettings, Inspected, Inspection, TokenText};
use crate::protocol::{Event, ModelConfig, View, WeightSource};
use std::ops::Range;
use web_time::Instant;

/// A model that was looked at last.
pub(super) struct OpenLens {
    /// Whose weights it has; `None` where they are to be put in anew.
    pub(super) key: Option<Key>,
    /// The device that it was asked for.
    device: String,
    pub(super) lens: Lens,
}

impl Session {
    /// Answers with views of a model at work on a prompt.
    pub(super) async fn inspect(
        &mut self,
        id: u64,
        source: &WeightSource,
        prompt: &str,
        views: &[View],
        settings: &InspectSettings,
        mut live: Option<Live<'_, '_>>,
    ) -> Result<()> {
        let begun = live.is_some().then(Instant::now);
        settings.sampling.validate()?;
        if views.is_empty() {
            return Err(Error::Refused("no view was asked for; name one or more".to_owned()));
        }
        let model = self.weights(source, live.as_mut()).await?;
        self.tell_lost(id, &model.tokenizer, prompt);
        let all = prompt_tokens(&model.tokenizer, prompt)?;
        // A prompt's end is what the next token follows from.
        let cut = all.len().saturating_sub(model.config.context_length);
        let tokens = &all[cut..];
        check(&model.config, settings, tokens)?;
        let run = self.run_named(&model.key.0)?;
        let position = settings.position.unwrap_or(tokens.len().saturating_sub(1));
        let asked = settings.reference.as_ref().filter(|_| views.contains(&View::Embeddings));
        let (other, missing) = match asked {
            None => (None, None),
            Some(reference) => match self.reference(reference, live.as_mut()).await {
                Ok(found) => (Some(found), None),
                // It may have been deleted meanwhile; everything else can be seen without.
                Err(error) => (None, Some(error)),
            },
        };
        let reference = other.as_ref().and_then(|(other, range, width)| {
            other.parameters.get(range.clone()).map(|table| (table, *width))
        });
        self.open_lens(&model).await?;
        let Some(open) = self.generations.lens.as_mut() else {
            return Err(Error::Internal("a lens that was just opened".to_owned()));
        };
        let device = open.lens.device().to_owned();
        let mut subject = Subject {
            lens: &mut open.lens,
            tokenizer: &model.tokenizer,
            tokens,
            prompt,
            position,
            settings,
            run: &run,
            reference,
        };
        let seen = look(views, &mut subject).await;
        if let Err(Error::Device(_) | Error::DeviceLost(_) | Error::OutOfMemory { .. }) = &seen {
            self.generations.forget_lens();
        }
        let (mut seen, bytes) = seen?;
        if let Some(error) = missing {
            for inspected in seen.iter_mut().filter(|inspected| inspected.view == View::Embeddings) {
                inspected.notices.push(format!("The map is not aligned with other weights: {error}."));
            }
        }
        let text = |id: &u32| TokenText { id: *id, text: model.tokenizer.describe(*id).text };
        let inspection = Box::new(Inspection {
            run: model.key.0.clone(),
            step: model.step,
            device,
            layers: model.config.layers,
            heads: model.config.heads,
            tokens: tokens.iter().map(text).collect(),
            cut,
            position,
            views: seen,
            held_training_ms: begun.map(|begun| begun.elapsed().as_secs_f64() * 1e3),
        });
        self.outlet.answer_with(id, Event::Inspected { inspection }, bytes);
        Ok(())
    }

    /// The model whose map of tokens another is aligned with, where its token embeddings stand in its weights, and their width.
    async fn reference(
        &mut self,
        source: &WeightSource,
        live: Option<&mut Live<'_, '_>>,
    ) -> Result<(Model, Range<usize>, usize)> {
        let model = self.weights(source, live).await?;
        let (range, width) = token_embeddings(&model.config)?;
        Ok((model, range, width))
    }

    /// Has a lens over a model: the last one, where it is of the same shape, so that its programs are there already.
    async fn open_lens(&mut self, model: &Model) -> Result<()> {
        let request = &self.device.request;
        if let Some(open) = &mut self.generations.lens
            && open.device == *request
            && *open.lens.config() == model.config
        {
            if open.key.as_ref() != Some(&model.key) {
                open.lens.set_arena(&model.parameters)?;
                open.key = Some(model.key.clone());
            }
            return Ok(());
        }
        self.generations.forget_lens();
        let (gpu, _) = Gpu::from_request(request).await?;
        let parameters = model.parameters.to_vec();
        let lens = match gpu {
            Some(gpu) => Lens::on_gpu(&model.config, parameters, gpu)?,
            None => Lens::on_cpu(&model.config, parameters, self.options.threads)?,
        };
        let lens = lens.with_indices(std::mem::take(&mut self.generations.indices));
        let (key, device) = (Some(model.key.clone()), request.clone());
        self.generations.lens = Some(OpenLens { key, device, lens });
        Ok(())
    }
}

/// Views one after the other, and the entries of all their tensors.
async fn look(views: &[View], subject: &mut Subject<'_>) -> Result<(Vec<Inspected>, Vec<Vec<u8>>)> {
    let (mut seen, mut bytes) = (Vec::new(), Vec::new());
    for view in views {
        let (inspected, own) = inspect(*view, subject).await?;
        seen.push(inspected);
        bytes.extend(own);
    }
    Ok((seen, bytes))
}

/// Where the token embeddings [V, C] stand in a model's weights, and C.
fn token_embeddings(config: &ModelConfig) -> Result<(Range<usize>, usize)> {
    let graph = build(config, Purpose::Window { time: 1 })?.graph;
    let found = graph.parameters.iter().zip(0..).find(|(own, _)| own.name == "embedding.tokens");
    let missing = || Error::Internal("a model without an embedding of tokens".to_owned());
    let (own, at) = found.ok_or_else(missing)?;
    let width = own.ty.shape.last().copied().unwrap_or(1);
    Ok((ArenaLayout::of(&graph).range(ParameterId(at)), width))
}
