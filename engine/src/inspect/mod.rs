//! Looking inside a model: each [`View`] is a file here that asks a [`Lens`] for values of the one graph and makes named tensors of
//! them. What is not asked for costs nothing: no other graph or plan knows of it.

mod attention;
mod distribution;
mod embeddings;
mod final_norm;
mod formulas;
mod graph;
mod head;
mod lens;
mod linear;
mod logit_lens;
mod neurons;
mod next_token;
mod outputs;
mod positions;
mod probabilities;
mod provenance;
mod residual;
mod statistics;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_parts;
mod tokens;
mod walk;
mod weights;
mod what_if;

pub use lens::{Lens, Tensor};
pub use provenance::Indices;

use crate::data::{Split, TokenStore};
use crate::error::{Error, Result};
use crate::model::Site;
use crate::project::Run;
use crate::protocol::ModelConfig;
use crate::protocol::inspect::{
    Axis, Detail, ElementKind, InspectSettings, Inspected, TensorSummary, TokenText, View,
};
use crate::step::Data;
use crate::tokenizer::Tokenizer;
use web_time::Instant;

/// What is looked at: a model, the prompt that it works on, and what of both.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The model.
    pub lens: &'a mut Lens,
    /// Its tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// The prompt's tokens, as many as the context holds.
    pub tokens: &'a [u32],
    /// The prompt as it was given.
    pub prompt: &'a str,
    /// The position that is looked at, within the tokens.
    pub position: usize,
    /// What is looked at within a view. Layer, head and token are those of the model.
    pub settings: &'a InspectSettings,
    /// The run that the weights are of: its text and its milestones.
    pub run: &'a Run,
    /// The embedding table [V, C] that maps are aligned with, and C.
    pub reference: Option<(&'a [f32], usize)>,
    /// What texts are looked up in.
    pub indices: &'a mut Indices,
}

impl Subject<'_> {
    /// The layer that is looked at, where a view has one: the last unless another was asked for.
    pub fn layer(&self) -> usize {
        self.settings.layer.unwrap_or(self.lens.config().layers.saturating_sub(1))
    }

    /// The layers that are looked at, where a view has all: the one that was asked for alone.
    pub fn layers(&self) -> std::ops::Range<usize> {
        self.settings.layer.map_or(0..self.lens.config().layers, |layer| layer..layer + 1)
    }

    /// The head that is looked at.
    pub fn head(&self) -> usize {
        self.settings.head.unwrap_or(0)
    }

    /// The values at a site for the prompt, [T, …].
    ///
    /// # Errors
    /// As [`Lens::probe`].
    pub async fn values(&mut self, site: Site) -> Result<Tensor> {
        Ok(self.lens.probe(self.tokens, &[site]).await?.pop().unwrap_or_default())
    }

    /// The run's text, where it has one that is held out.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn validation_text(&self) -> Result<Option<TokenStore>> {
        if self.run.is_imported() {
            return Ok(None);
        }
        let store = TokenStore::open(&self.run.data_folder()?)?;
        Ok((store.len(Split::Validation) > 0).then_some(store))
    }

    /// A token with its text.
    pub fn token(&self, id: u32) -> TokenText {
        TokenText { id, text: self.tokenizer.describe(id).text }
    }

    /// The tokens that ids mean, each once.
    pub fn tokens_of(&self, ids: impl IntoIterator<Item = u32>) -> Detail {
        let mut ids: Vec<u32> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Detail::Tokens { tokens: ids.into_iter().map(|id| self.token(id)).collect() }
    }
}

/// What a view found.
#[derive(Debug, Default)]
pub struct Found {
    tensors: Vec<(TensorSummary, Data)>,
    details: Vec<Detail>,
    notices: Vec<String>,
}

impl Found {
    /// Adds floats: named, with the graph's path where they belong to one, and axes outermost first.
    pub fn floats(&mut self, name: &str, scope: &str, axes: &[(&str, usize)], data: Vec<f32>) {
        self.add(name, scope, axes, Data::F32(data));
    }

    /// Adds integers.
    pub fn integers(&mut self, name: &str, scope: &str, axes: &[(&str, usize)], data: Vec<u32>) {
        self.add(name, scope, axes, Data::U32(data));
    }

    fn add(&mut self, name: &str, scope: &str, axes: &[(&str, usize)], data: Data) {
        let axis = |(name, size): &(&str, usize)| Axis { name: (*name).to_owned(), size: *size };
        let axes: Vec<Axis> = axes.iter().map(axis).collect();
        let (element, count) = match &data {
            Data::F32(data) => (ElementKind::F32, data.len()),
            Data::U32(data) => (ElementKind::U32, data.len()),
        };
        let summary = TensorSummary { name: name.to_owned(), scope: scope.to_owned(), axes, element };
        debug_assert_eq!(summary.count(), count, "{name} of {scope}");
        self.tensors.push((summary, data));
    }

    /// Adds what is no tensor.
    pub fn detail(&mut self, detail: Detail) {
        self.details.push(detail);
    }

    /// Says what a reader should know.
    pub fn notice(&mut self, notice: impl Into<String>) {
        self.notices.push(notice.into());
    }

    /// A tensor's entries, by its name; nothing where it has no such floats.
    pub fn get(&self, name: &str) -> &[f32] {
        let found = self.tensors.iter().find(|(summary, _)| summary.name == name);
        match found {
            Some((_, Data::F32(data))) => data,
            _ => &[],
        }
    }

    fn finished(self, view: View, ms: f64) -> (Inspected, Vec<Vec<u8>>) {
        let (tensors, data): (Vec<_>, Vec<_>) = self.tensors.into_iter().unzip();
        // Little-endian, as every CPU is that this is built for.
        let bytes = |data: Data| match data {
            Data::F32(data) => bytemuck::cast_slice::<f32, u8>(&data).to_vec(),
            Data::U32(data) => bytemuck::cast_slice::<u32, u8>(&data).to_vec(),
        };
        let bytes = data.into_iter().map(bytes).collect();
        (Inspected { view, tensors, details: self.details, notices: self.notices, ms }, bytes)
    }
}

/// A view of a model at work, and the entries of its tensors.
///
/// # Errors
/// A layer, head, position or token that does not exist, with the nearest that does; a device that fails.
pub async fn inspect(view: View, subject: &mut Subject<'_>) -> Result<(Inspected, Vec<Vec<u8>>)> {
    check(subject.lens.config(), subject.settings, subject.tokens)?;
    let begun = Instant::now();
    let found = match view {
        View::Tokens => tokens::view(subject).await?,
        View::Embeddings => embeddings::view(subject).await?,
        View::Positions => positions::view(subject).await?,
        View::Attention => attention::view(subject).await?,
        View::Head => head::view(subject).await?,
        View::Residual => residual::view(subject).await?,
        View::Neurons => neurons::view(subject).await?,
        View::LogitLens => logit_lens::view(subject).await?,
        View::NextToken => next_token::view(subject).await?,
        View::Weights => weights::view(subject).await?,
        View::WhatIf => what_if::view(subject).await?,
        View::Provenance => provenance::view(subject).await?,
        View::Walk => walk::view(subject).await?,
        View::Graph => graph::view(subject).await?,
    };
    Ok(found.finished(view, begun.elapsed().as_secs_f64() * 1e3))
}

/// Refuses what the model or the prompt does not have.
///
/// # Errors
/// A layer, head, position, token or neuron that does not exist, with the nearest that does.
pub fn check(config: &ModelConfig, settings: &InspectSettings, tokens: &[u32]) -> Result<()> {
    let numbers = [
        ("layer", settings.layer, config.layers),
        ("head", settings.head, config.heads),
        ("position", settings.position, tokens.len()),
        ("token", settings.token.map(|token| token as usize), config.vocabulary),
        ("neuron", settings.neuron, config.mlp.hidden),
    ];
    for (what, asked, count) in numbers {
        asked.map_or(Ok(()), |asked| exists(what, asked, count))?;
    }
    // A tokenizer may have more tokens than the model has rows for.
    match tokens.iter().find(|token| **token as usize >= config.vocabulary) {
        Some(token) => {
            let vocabulary = config.vocabulary;
            Err(Error::Refused(format!("token {token} is beyond the vocabulary of {vocabulary}")))
        }
        None => Ok(()),
    }
}

/// Knows no number, counted from 0, beyond what there is, and names the nearest that there is.
fn exists(what: &str, asked: usize, count: usize) -> Result<()> {
    if asked < count {
        return Ok(());
    }
    let last = count.saturating_sub(1);
    Err(Error::Unknown(format!("there is no {what} {asked}; the nearest is {last} (0 to {last})")))
}
