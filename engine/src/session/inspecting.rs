//! Looking inside a model, between other work.

use super::Session;
use super::training::Live;
use super::writing::Key;
use crate::error::{Error, Result};
use crate::generate::prompt_tokens;
use crate::gpu::Gpu;
use crate::inspect::{Lens, Subject, inspect};
use crate::protocol::inspect::{InspectSettings, Inspection, TokenText};
use crate::protocol::{Event, View, WeightSource};
use web_time::Instant;

/// A model that was looked at last, and whose weights it has.
pub(super) struct OpenLens {
    key: Key,
    /// The device that it was asked for.
    device: String,
    lens: Lens,
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
        let reference = match &settings.reference {
            Some(reference) => {
                let model = self.weights(reference, live.as_mut()).await?;
                Lens::on_cpu(&model.config, model.parameters.to_vec(), Some(1))?
                    .weight("embedding.tokens")
                    .map(|(table, _)| table.to_vec())
            }
            None => None,
        };
        self.tell_lost(id, &model.tokenizer, prompt);
        let all = prompt_tokens(&model.tokenizer, prompt)?;
        // A prompt's end is what the next token follows from.
        let cut = all.len().saturating_sub(model.config.context_length);
        let tokens = &all[cut..];
        let run = self.run_named(&model.key.0)?;
        let mut open = self.lens(&model).await?;
        let position = settings.position.unwrap_or(tokens.len().saturating_sub(1));
        let (mut seen, mut bytes) = (Vec::new(), Vec::new());
        let mut subject = Subject {
            lens: &mut open.lens,
            tokenizer: &model.tokenizer,
            tokens,
            prompt,
            position,
            settings,
            run: &run,
            reference: reference.as_deref(),
        };
        for view in views {
            let (inspected, own) = inspect(*view, &mut subject).await?;
            seen.push(inspected);
            bytes.extend(own);
        }
        let text = |id: &u32| TokenText { id: *id, text: model.tokenizer.describe(*id).text };
        let inspection = Box::new(Inspection {
            run: model.key.0.clone(),
            step: model.step,
            device: open.lens.device().to_owned(),
            layers: model.config.layers,
            heads: model.config.heads,
            tokens: tokens.iter().map(text).collect(),
            cut,
            position,
            views: seen,
            held_training_ms: begun.map(|begun| begun.elapsed().as_secs_f64() * 1e3),
        });
        self.generations.lens = Some(open);
        self.outlet.answer_with(id, Event::Inspected { inspection }, bytes);
        Ok(())
    }

    /// A lens over a model: the last one, where it is of the same shape, so that its programs are there already.
    async fn lens(&mut self, model: &super::writing::Model) -> Result<OpenLens> {
        let device = &self.device.request;
        match self.generations.lens.take() {
            Some(mut open) if open.device == *device && *open.lens.config() == model.config => {
                if open.key != model.key {
                    open.lens.set_arena(&model.parameters)?;
                    open.key = model.key.clone();
                }
                Ok(open)
            }
            other => {
                let indices = other.map(|other| other.lens.into_indices()).unwrap_or_default();
                let (gpu, _) = Gpu::from_request(device).await?;
                let parameters = model.parameters.to_vec();
                let lens = match gpu {
                    Some(gpu) => Lens::on_gpu(&model.config, parameters, gpu)?,
                    None => Lens::on_cpu(&model.config, parameters, self.options.threads)?,
                };
                let lens = lens.with_indices(indices);
                Ok(OpenLens { key: model.key.clone(), device: device.clone(), lens })
            }
        }
    }
}
