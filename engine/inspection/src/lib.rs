//! Model inspection: each [`View`] is a file here that reads values of the one graph through a [`Lens`] and turns them into named
//! tensors. A view that is not requested costs nothing; no other graph or plan depends on it.

mod attention;
mod diff;
mod distribution;
mod embeddings;
mod final_norm;
mod formulas;
mod graph;
mod head;
mod lens;
mod linear;
mod logit_lens;
mod next_token;
mod outputs;
mod positions;
mod probabilities;
mod provenance;
mod residual;
mod statistics;
#[cfg(test)]
mod tests;
mod tokens;
mod walk;
mod weights;
mod what_if;

pub use diff::Base;
pub use final_norm::{Direction, through_norm};
pub use lens::{Lens, Tensor};
pub use probabilities::Attention;
pub use provenance::Indices;

use glasshouse_compiler::model::HookPoint;
use glasshouse_compiler::step::Data;
use glasshouse_platform::{Error, Result};
use glasshouse_project::Run;
use glasshouse_protocol::inspect::{
    Detail, ElementKind, InspectSettings, Inspected, TensorSummary, TokenText, View,
};
use glasshouse_protocol::{ModelConfig, order};
use glasshouse_text::data::{Split, TokenStore};
use glasshouse_text::tokenizer::Tokenizer;
use web_time::Instant;

/// The model and prompt under inspection, with the view's settings.
pub struct Subject<'a> {
    pub lens: &'a mut Lens,
    pub tokenizer: &'a Tokenizer,
    /// The prompt's tokens, at most the context length.
    pub tokens: &'a [u32],
    /// The prompt's original text.
    pub prompt: &'a str,
    /// The inspected position, an index into `tokens`.
    pub position: usize,
    /// Layer, head and token refer to the model's.
    pub settings: &'a InspectSettings,
    /// The run of the weights, for its text and milestones.
    pub run: &'a Run,
    /// The embedding table [V, C] that maps are aligned with, and C.
    pub reference: Option<(&'a [f32], usize)>,
    /// For [`View::Diff`], which takes it.
    pub base: Option<Base<'a>>,
    /// Indices for looking up texts.
    pub indices: &'a mut Indices,
}

impl Subject<'_> {
    /// The layer for views of a single layer; the last by default.
    pub fn layer(&self) -> usize {
        self.settings.layer.unwrap_or(self.lens.config().layers.saturating_sub(1))
    }

    /// The layers for views of all layers; only the selected one if there is one.
    pub fn layers(&self) -> std::ops::Range<usize> {
        self.settings.layer.map_or(0..self.lens.config().layers, |layer| layer..layer + 1)
    }

    pub fn head(&self) -> usize {
        self.settings.head.unwrap_or(0)
    }

    /// The values at a site for the prompt, [T, …].
    pub async fn values(&mut self, site: HookPoint) -> Result<Tensor> {
        Ok(self.lens.probe(self.tokens, &[site]).await?.pop().unwrap_or_default())
    }

    /// The run's held-out text, if any.
    pub fn validation_text(&self) -> Result<Option<TokenStore>> {
        if self.run.is_imported() {
            return Ok(None);
        }
        let store = TokenStore::open(&self.run.data_folder()?)?;
        Ok((store.len(Split::Validation) > 0).then_some(store))
    }

    pub fn token(&self, id: u32) -> TokenText {
        TokenText { id, text: self.tokenizer.describe(id).text }
    }

    pub fn tokens_of(&self, ids: impl IntoIterator<Item = u32>) -> Detail {
        Detail::Tokens { tokens: order::distinct(ids).into_iter().map(|id| self.token(id)).collect() }
    }
}

/// Results of a view.
#[derive(Debug, Default)]
pub struct Found {
    tensors: Vec<(TensorSummary, Data)>,
    details: Vec<Detail>,
    notices: Vec<String>,
}

impl Found {
    /// Adds a tensor of floats, with its path in the graph (if any) and axes outermost first.
    pub fn floats(
        &mut self,
        name: &str,
        scope: &str,
        axes: &[(&str, usize)],
        data: Vec<f32>,
    ) -> &mut TensorSummary {
        self.add(name, scope, axes, Data::F32(data))
    }

    /// Adds a tensor of integers.
    pub fn integers(
        &mut self,
        name: &str,
        scope: &str,
        axes: &[(&str, usize)],
        data: Vec<u32>,
    ) -> &mut TensorSummary {
        self.add(name, scope, axes, Data::U32(data))
    }

    /// Adds a tensor of token ids.
    pub fn ids(&mut self, name: &str, scope: &str, axes: &[(&str, usize)], ids: Vec<u32>) {
        self.integers(name, scope, axes, ids).token_ids = true;
    }

    fn add(&mut self, name: &str, scope: &str, axes: &[(&str, usize)], data: Data) -> &mut TensorSummary {
        let (element, count) = match &data {
            Data::F32(data) => (ElementKind::F32, data.len()),
            Data::U32(data) => (ElementKind::U32, data.len()),
        };
        let summary = TensorSummary::new(name, scope, axes, element);
        debug_assert_eq!(summary.count(), count, "{name} of {scope}");
        let at = self.tensors.len();
        self.tensors.push((summary, data));
        &mut self.tensors[at].0
    }

    /// Adds a result that is not a tensor.
    pub fn detail(&mut self, detail: Detail) {
        self.details.push(detail);
    }

    pub fn notice(&mut self, notice: impl Into<String>) {
        self.notices.push(notice.into());
    }

    /// A float tensor's entries by name; empty if there is none.
    pub fn get(&self, name: &str) -> &[f32] {
        let found = self.tensors.iter().find(|(summary, _)| summary.name == name);
        match found {
            Some((_, Data::F32(data))) => data,
            _ => &[],
        }
    }

    fn finished(self, view: View, ms: f64) -> (Inspected, Vec<Vec<u8>>) {
        let (tensors, data): (Vec<_>, Vec<_>) = self.tensors.into_iter().unzip();
        // Little-endian, like every target CPU.
        let bytes = |data: Data| match data {
            Data::F32(data) => bytemuck::cast_slice::<f32, u8>(&data).to_vec(),
            Data::U32(data) => bytemuck::cast_slice::<u32, u8>(&data).to_vec(),
        };
        let bytes = data.into_iter().map(bytes).collect();
        (Inspected::new(view, tensors, self.details, self.notices, ms), bytes)
    }
}

/// Computes a view, with the bytes of its tensors. Fails if a layer, head, position or token does not exist (the error names the nearest
/// that does), or the device fails.
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
        View::LogitLens => logit_lens::view(subject).await?,
        View::NextToken => next_token::view(subject).await?,
        View::Weights => weights::view(subject).await?,
        View::WhatIf => what_if::view(subject).await?,
        View::Provenance => provenance::view(subject).await?,
        View::Walk => walk::view(subject).await?,
        View::Graph => graph::view(subject).await?,
        View::Diff => diff::view(subject).await?,
    };
    Ok(found.finished(view, begun.elapsed().as_secs_f64() * 1e3))
}

/// Validates the settings against the model and the prompt. Fails if a layer, head, position or token does not exist; the error
/// names the nearest that does.
pub fn check(config: &ModelConfig, settings: &InspectSettings, tokens: &[u32]) -> Result<()> {
    let numbers = [
        ("layer", settings.layer, config.layers),
        ("head", settings.head, config.heads),
        ("position", settings.position, tokens.len()),
        ("token", settings.token.map(|token| token as usize), config.vocabulary),
    ];
    for (what, asked, count) in numbers {
        asked.map_or(Ok(()), |asked| exists(what, asked, count))?;
    }
    // A tokenizer may have more tokens than the model's embedding has rows.
    match tokens.iter().find(|token| **token as usize >= config.vocabulary) {
        Some(token) => {
            let vocabulary = config.vocabulary;
            Err(Error::Refused(format!("token {token} is beyond the vocabulary of {vocabulary}")))
        }
        None => Ok(()),
    }
}

/// Fails if an index is out of range, naming the nearest valid one.
fn exists(what: &str, asked: usize, count: usize) -> Result<()> {
    if asked < count {
        return Ok(());
    }
    let last = count.saturating_sub(1);
    Err(Error::Unknown(format!("there is no {what} {asked}; the nearest is {last} (0 to {last})")))
}
