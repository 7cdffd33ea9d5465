//! A model that can be looked at: values of its forward pass, and their gradients, on either executor.

mod batches;
mod forward;
mod kept;
mod tensor;

pub(super) use forward::{Forward, Statistics, statistics_of};
pub use tensor::Tensor;

use super::provenance::Indices;
use crate::cpu::{Program, Weights, Workers, fused, run_in_turns};
use crate::data::IGNORED;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, PreparedGraph};
use crate::graph::{
    Graph, Heads, Input, Origin, ParameterId, Type, ValueId, cut, gradient_from, token_order,
};
use crate::model::{LossForm, Model, Purpose, Site, build};
use crate::plan::arena::ArenaLayout;
use crate::plan::fuse::Fusions;
use crate::platform;
use crate::protocol::ModelConfig;
use crate::step::Data;
use std::sync::Arc;

/// Programs that are kept for the next prompt: two for each of some views.
const KEPT: usize = 16;

/// The shortest window: a prompt that grows by a token does not need another program each time.
const SHORTEST: usize = 16;

/// Where a lens computes.
#[derive(Debug)]
enum Place {
    Cpu(Arc<Workers>),
    Gpu(Box<Gpu>),
}

/// A part of the graph made ready.
#[derive(Debug)]
struct Prepared {
    key: Key,
    part: Part,
    runner: Runner,
}

#[derive(Debug)]
enum Runner {
    Cpu(Box<Program>),
    /// With the version of each parameter that it has, 0 for none.
    Gpu(Box<PreparedGraph>, Vec<u64>),
}

impl Prepared {
    /// Bytes that it keeps on its device.
    fn bytes(&self) -> u64 {
        match &self.runner {
            Runner::Cpu(program) => program.bytes(),
            Runner::Gpu(graph, _) => graph.bytes(),
        }
    }
}

/// What tells parts apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    batch: usize,
    time: usize,
    /// Where values come from outside.
    from: Option<Site>,
    sites: Vec<Site>,
    gradients: Gradients,
    /// Whether the loss of each target is read, and no site: then the head is made one with it.
    losses: bool,
}

impl Key {
    /// Values at some sites for texts of so many tokens, from the tokens on.
    fn of_sites(batch: usize, time: usize, sites: &[Site]) -> Self {
        Self { batch, time, from: None, sites: sites.to_vec(), gradients: Gradients::None, losses: false }
    }
}

/// Which gradients a part computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gradients {
    None,
    /// Of the sites.
    Sites,
    /// Of every parameter.
    Parameters,
}

/// A part of the graph, and what is read of it.
#[derive(Clone, Debug)]
struct Part {
    graph: Graph,
    tokens: Option<ValueId>,
    targets: Option<ValueId>,
    /// The tokens' order, which the gradient of the embedding runs over.
    order: Option<ValueId>,
    from: Option<ValueId>,
    /// The gradient with respect to the logits, where gradients are computed.
    seed: Option<ValueId>,
    read: Vec<ValueId>,
    /// The parameters that its nodes read.
    weights: Vec<(ParameterId, ValueId)>,
}

/// What a part is run over.
#[derive(Debug, Default)]
struct Given<'given> {
    /// Filled up with 0.
    tokens: &'given [u32],
    /// Filled up with [`IGNORED`].
    targets: &'given [u32],
    /// Values of the site that it goes on from.
    from: Option<Vec<f32>>,
    /// The gradient with respect to the logits.
    seed: Option<Vec<f32>>,
}

/// A model that can be looked at. It has the weights as they are, or with some of them changed ([`Lens::weights_mut`]).
#[derive(Debug)]
pub struct Lens {
    config: ModelConfig,
    kept: kept::Kept,
    place: Place,
    weights: Weights,
    layout: ArenaLayout,
    names: Vec<(String, Type)>,
    /// Which entries each parameter has: no two that may differ have the same number.
    versions: Vec<u64>,
    /// The last number that was given.
    last_version: u64,
    prepared: Vec<Prepared>,
    /// What texts are looked up in.
    pub(super) indices: Indices,
}

impl Lens {
    /// Over weights laid out as [`ArenaLayout`] says, on the processor's threads, or one a core.
    ///
    /// # Errors
    /// Another number of weights than the model has.
    pub fn on_cpu(config: &ModelConfig, parameters: Vec<f32>, threads: Option<usize>) -> Result<Self> {
        Self::new(config, parameters, Place::Cpu(Arc::new(Workers::new(threads)?)))
    }

    /// The same on a GPU.
    ///
    /// # Errors
    /// Another number of weights than the model has.
    pub fn on_gpu(config: &ModelConfig, parameters: Vec<f32>, gpu: Gpu) -> Result<Self> {
        Self::new(config, parameters, Place::Gpu(Box::new(gpu)))
    }

    fn new(config: &ModelConfig, parameters: Vec<f32>, place: Place) -> Result<Self> {
        let graph = build(config, Purpose::Window { time: 1 })?.graph;
        let layout = ArenaLayout::of(&graph);
        if parameters.len() != layout.length {
            let (given, has) = (parameters.len(), layout.length);
            return Err(Error::Refused(format!("{given} weights given where the model has {has}")));
        }
        let names: Vec<_> = graph.parameters.into_iter().map(|own| (own.name, own.ty)).collect();
        let weights = Weights { parameters, ..Weights::default() };
        Ok(Self {
            config: config.clone(),
            kept: kept::Kept::default(),
            place,
            weights,
            layout,
            versions: vec![1; names.len()],
            last_version: 1,
            names,
            prepared: Vec::new(),
            indices: Indices::default(),
        })
    }

    /// The model's settings.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Sizes of its attention.
    pub fn heads(&self) -> Heads {
        let ModelConfig { heads, kv_heads, head_size, .. } = self.config;
        Heads { heads, kv_heads, head_size }
    }

    /// The device's name.
    pub fn device(&self) -> &str {
        match &self.place {
            Place::Cpu(_) => "cpu",
            Place::Gpu(gpu) => &gpu.report().name,
        }
    }

    /// Whether the processor computes.
    pub fn is_on_cpu(&self) -> bool {
        matches!(self.place, Place::Cpu(_))
    }

    /// Names and sizes of the parameters, in the graph's order.
    pub fn parameters(&self) -> &[(String, Type)] {
        &self.names
    }

    /// A parameter's entries and sizes, by its name.
    pub fn weight(&self, name: &str) -> Option<(&[f32], &[usize])> {
        let (at, ty) = self.parameter(name)?;
        let range = self.layout.range(ParameterId(at as u32));
        Some((self.weights.parameters.get(range)?, &ty.shape))
    }

    /// The token embedding's table [V, C], or the head's, where it has its own.
    pub fn unembedding(&self) -> Option<(&[f32], &[usize])> {
        ["head.weight", "classifier.weight", "embedding.tokens"].iter().find_map(|name| self.weight(name))
    }

    /// A parameter's entries, to be changed. What is computed from then on is computed with them.
    pub fn weights_mut(&mut self, name: &str) -> Option<&mut [f32]> {
        let (at, _) = self.parameter(name)?;
        self.last_version += 1;
        *self.versions.get_mut(at)? = self.last_version;
        self.weights.parameters.get_mut(self.layout.range(ParameterId(at as u32)))
    }

    /// The number of a parameter's entries as they are, for [`Self::put_back`].
    pub(super) fn version(&self, name: &str) -> Option<u64> {
        let (at, _) = self.parameter(name)?;
        self.versions.get(at).copied()
    }

    /// Puts entries back that a parameter had, with their number: what has not heard of others meanwhile need not hear of these.
    pub(super) fn put_back(&mut self, name: &str, entries: &[f32], version: u64) {
        let Some((at, _)) = self.parameter(name) else { return };
        let range = self.layout.range(ParameterId(at as u32));
        if let (Some(own), Some(number)) = (self.weights.parameters.get_mut(range), self.versions.get_mut(at))
            && own.len() == entries.len()
        {
            own.copy_from_slice(entries);
            *number = version;
        }
    }

    /// All weights, laid out as the arena.
    pub fn arena(&self) -> &[f32] {
        &self.weights.parameters
    }

    /// Puts other weights in their place.
    ///
    /// # Errors
    /// Another number of weights.
    pub fn set_arena(&mut self, parameters: &[f32]) -> Result<()> {
        if parameters.len() != self.weights.parameters.len() {
            let (given, has) = (parameters.len(), self.weights.parameters.len());
            return Err(Error::Refused(format!("{given} weights given where the model has {has}")));
        }
        self.last_version += 1;
        self.versions.fill(self.last_version);
        self.weights.parameters.copy_from_slice(parameters);
        Ok(())
    }

    fn parameter(&self, name: &str) -> Option<(usize, &Type)> {
        self.names.iter().enumerate().find(|(_, own)| own.0 == name).map(|(at, own)| (at, &own.1))
    }

    /// The values at some sites for a text of at most a context's tokens: [T, …] each, T being the text's.
    ///
    /// # Errors
    /// No tokens, too many, or one beyond the vocabulary; a site that the model lacks; a device that fails.
    pub async fn probe(&mut self, tokens: &[u32], sites: &[Site]) -> Result<Vec<Tensor>> {
        self.check(tokens)?;
        let time = self.window(tokens.len());
        let key = Key::of_sites(1, time, sites);
        let found = self.run(key, Given { tokens, ..Given::default() }).await?;
        Ok(found.into_iter().map(|tensor| of_text(tensor, time, tokens.len())).collect())
    }

    /// The values at some sites behind another whose values are given, [B, T, …] each: `from` is [B, T, …], too. So a layer's stream
    /// is read by the head as if it were the last one, or a prompt goes on with another's.
    ///
    /// # Errors
    /// Values of another size; a site that the model lacks or that does not lie behind; a device that fails.
    pub async fn probe_from(&mut self, from: Site, values: &Tensor, sites: &[Site]) -> Result<Vec<Tensor>> {
        let &[batch, length, columns] = values.shape.as_slice() else {
            return Err(Error::Internal("values are given as [B, T, columns]".to_owned()));
        };
        if length == 0 || length > self.config.context_length || values.data.len() != batch * length * columns
        {
            return Err(Error::Internal(format!("values of {:?} are no part of a window", values.shape)));
        }
        let time = self.window(length);
        let mut padded = vec![0.0; batch * time * columns];
        for (row, own) in
            padded.chunks_exact_mut(time * columns).zip(values.data.chunks_exact(length * columns))
        {
            row[..own.len()].copy_from_slice(own);
        }
        let key = Key { from: Some(from), ..Key::of_sites(batch, time, sites) };
        let found = self.run(key, Given { from: Some(padded), ..Given::default() }).await?;
        let cut = |tensor: Tensor| {
            let columns = tensor.columns();
            let rows = tensor.data.chunks_exact(time * columns);
            let data = rows.flat_map(|row| row[..length * columns].iter().copied()).collect();
            Tensor::new(&[batch, length, columns], data)
        };
        Ok(found.into_iter().map(cut).collect())
    }

    /// The gradient of Σ logits·seed with respect to the values at some sites, [T, …] each; `seed` is [T, V].
    ///
    /// # Errors
    /// As [`Self::probe`]; a seed of another size.
    pub async fn gradients(&mut self, tokens: &[u32], seed: &Tensor, sites: &[Site]) -> Result<Vec<Tensor>> {
        self.check(tokens)?;
        let time = self.window(tokens.len());
        let key = Key { gradients: Gradients::Sites, ..Key::of_sites(1, time, sites) };
        let seed = Some(self.padded(seed, time)?);
        let found = self.run(key, Given { tokens, seed, ..Given::default() }).await?;
        Ok(found.into_iter().map(|tensor| of_text(tensor, time, tokens.len())).collect())
    }

    /// The gradient of Σ logits·seed with respect to every parameter, in their order; `seed` is [T, V].
    ///
    /// # Errors
    /// As [`Self::gradients`].
    pub async fn parameter_gradients(&mut self, tokens: &[u32], seed: &Tensor) -> Result<Vec<Tensor>> {
        self.check(tokens)?;
        let time = self.window(tokens.len());
        let key = Key { gradients: Gradients::Parameters, ..Key::of_sites(1, time, &[]) };
        let seed = Some(self.padded(seed, time)?);
        self.run(key, Given { tokens, seed, ..Given::default() }).await
    }

    /// A seed, with zeros behind the text.
    fn padded(&self, seed: &Tensor, time: usize) -> Result<Vec<f32>> {
        let outputs = self.config.outputs();
        if seed.columns() != outputs || seed.data.len() > time * outputs {
            return Err(Error::Internal(format!("a seed of {:?} for logits of {outputs}", seed.shape)));
        }
        let mut padded = seed.data.clone();
        padded.resize(time * outputs, 0.0);
        Ok(padded)
    }

    fn check(&self, tokens: &[u32]) -> Result<()> {
        let (context, vocabulary) = (self.config.context_length, self.config.vocabulary);
        if tokens.is_empty() {
            return Err(Error::Refused("an empty text has nothing to look at; give a prompt".to_owned()));
        }
        if tokens.len() > context {
            let count = tokens.len();
            return Err(Error::Refused(format!("{count} tokens do not fit the context of {context}")));
        }
        match tokens.iter().find(|token| **token as usize >= vocabulary) {
            Some(token) => {
                Err(Error::Refused(format!("token {token} is beyond the vocabulary of {vocabulary}")))
            }
            None => Ok(()),
        }
    }

    /// The window that a text of so many tokens is read in. What stands behind the text is not seen by it.
    fn window(&self, tokens: usize) -> usize {
        tokens.next_power_of_two().max(SHORTEST).min(self.config.context_length)
    }

    async fn run(&mut self, key: Key, given: Given<'_>) -> Result<Vec<Tensor>> {
        let prepared = match self.prepared.iter().position(|prepared| prepared.key == key) {
            Some(at) => self.prepared.remove(at),
            None => self.prepare(key).await?,
        };
        // The last used is the last to go.
        self.prepared.push(prepared);
        self.keep_within(platform::LENS_BYTES);
        self.run_last(given).await
    }

    /// Forgets the programs that were used longest ago, until the others take no more than so many bytes. The last used stays.
    fn keep_within(&mut self, most: u64) {
        let mut bytes: u64 = self.prepared.iter().map(Prepared::bytes).sum();
        while self.prepared.len() > 1 && (bytes > most || self.prepared.len() > KEPT) {
            bytes -= self.prepared.remove(0).bytes();
        }
    }

    /// Runs the program that was asked for last.
    async fn run_last(&mut self, given: Given<'_>) -> Result<Vec<Tensor>> {
        let Given { tokens, targets, from, seed } = given;
        let missing = || Error::Internal("a program that was just made ready".to_owned());
        let Prepared { part, runner, .. } = self.prepared.last_mut().ok_or_else(missing)?;
        let mut inputs: Vec<(ValueId, Data)> = Vec::new();
        if let Some(value) = part.tokens {
            let mut padded = tokens.to_vec();
            padded.resize(part.graph.ty(value).count(), 0);
            if let Some(order) = part.order {
                inputs.push((order, Data::U32(token_order(&padded))));
            }
            inputs.push((value, Data::U32(padded)));
        }
        if let Some(value) = part.targets {
            let mut padded = targets.to_vec();
            padded.resize(part.graph.ty(value).count(), IGNORED);
            inputs.push((value, Data::U32(padded)));
        }
        for (value, given) in [(part.from, from), (part.seed, seed)] {
            if let (Some(value), Some(given)) = (value, given) {
                inputs.push((value, Data::F32(given)));
            }
        }
        let found = match (runner, &self.place) {
            (Runner::Cpu(program), Place::Cpu(workers)) => {
                let weights = &mut self.weights;
                weights.gradients.clear();
                if part.read.iter().any(|value| is_gradient(&part.graph, *value)) {
                    weights.gradients.resize(weights.parameters.len(), 0.0);
                }
                for (value, data) in &inputs {
                    match data {
                        Data::U32(words) => program.set_words(*value, words)?,
                        Data::F32(floats) => program.set_floats(weights, *value, floats)?,
                    }
                }
                run_in_turns(program, weights, workers, [0, 0]).await?;
                let read =
                    part.read.iter().map(|value| program.read(weights, *value)).collect::<Result<Vec<_>>>();
                // As many as weights: they are not kept.
                weights.gradients = Vec::new();
                read?
            }
            (Runner::Gpu(graph, versions), Place::Gpu(gpu)) => {
                for (id, value) in &part.weights {
                    let (has, wanted) = (&mut versions[id.index()], self.versions[id.index()]);
                    if *has != wanted {
                        let own = self.weights.parameters[self.layout.range(*id)].to_vec();
                        // Given up in the midst of it, it has neither these nor those.
                        *has = 0;
                        graph.upload(gpu, &[(*value, Data::F32(own))]).await?;
                        *has = wanted;
                    }
                }
                graph.run(gpu, &inputs, &part.read).await?
            }
            _ => return Err(Error::Internal("a lens of two devices".to_owned())),
        };
        let tensor = |(value, data): (&ValueId, Data)| {
            let shape = part.graph.ty(*value).shape.clone();
            let data = match data {
                Data::F32(data) => data,
                Data::U32(data) => data.into_iter().map(|entry| entry as f32).collect(),
            };
            Tensor { shape, data }
        };
        Ok(part.read.iter().zip(found).map(tensor).collect())
    }

    async fn prepare(&self, key: Key) -> Result<Prepared> {
        let part = self.part(&key)?;
        let runner = match &self.place {
            Place::Cpu(_) if key.losses => {
                Runner::Cpu(Box::new(Program::new(&fused(&part.graph, &part.read), &part.read)))
            }
            Place::Cpu(_) => Runner::Cpu(Box::new(Program::new(&part.graph, &part.read))),
            Place::Gpu(gpu) => {
                let fusions = if key.losses { Fusions::ALL } else { Fusions::NONE };
                let graph = PreparedGraph::with_fusions(gpu, &part.graph, &part.read, fusions).await?;
                Runner::Gpu(Box::new(graph), vec![0; self.names.len()])
            }
        };
        Ok(Prepared { key, part, runner })
    }

    /// The part of the one graph that a key asks for.
    fn part(&self, key: &Key) -> Result<Part> {
        let Model { mut graph, sites, loss, .. } = model(&self.config, key.batch, key.time)?;
        let at = |site: Site| {
            let missing = || Error::Refused(format!("the model has no {site:?}"));
            sites.get(site).ok_or_else(missing)
        };
        let from = key.from.map(at).transpose()?;
        let mut read = key.sites.iter().map(|site| at(*site)).collect::<Result<Vec<_>>>()?;
        if key.losses {
            let missing = || Error::Internal("a model without losses".to_owned());
            let node =
                graph.nodes.iter().find(|node| loss.is_some() && node.outputs.first() == loss.as_ref());
            read.push(node.and_then(|node| node.outputs.get(1).copied()).ok_or_else(missing)?);
        }
        let mut given: Vec<ValueId> = from.into_iter().collect();
        let mut seed = None;
        if key.gradients != Gradients::None {
            let logits = at(Site::Logits)?;
            let ty = graph.ty(logits).clone();
            let value = graph.input(Input::Free(u32::MAX), ty);
            // Where weights lie follows from which of them train, so that they are frozen for this pass alone.
            let parameters = graph.parameters.clone();
            if key.gradients == Gradients::Sites {
                for parameter in &mut graph.parameters {
                    parameter.trainable = false;
                }
            }
            let of_sites = gradient_from(&mut graph, &[(logits, value)], &read)?;
            graph.parameters = parameters;
            let missing = || Error::Internal("a site that no logit depends on".to_owned());
            read = match key.gradients {
                Gradients::Sites => {
                    of_sites.into_iter().map(|found| found.ok_or_else(missing)).collect::<Result<_>>()?
                }
                _ => {
                    (0..graph.parameters.len()).map(|at| graph.gradient_of(ParameterId(at as u32))).collect()
                }
            };
            seed = Some(value);
        }
        given.dedup();
        let graph = cut(&graph, &given, &read);
        let reads = |value: &ValueId| graph.nodes.iter().any(|node| node.inputs.contains(value));
        let weights = parameters_of(&graph).filter(|(_, value)| reads(value)).collect();
        let tokens = graph.find(Origin::Input(Input::Tokens)).filter(reads);
        let targets = graph.find(Origin::Input(Input::Targets)).filter(reads);
        let order = graph.find(Origin::Input(Input::TokenOrder)).filter(reads);
        if let (Some(site), Some(_)) = (key.from, tokens) {
            return Err(Error::Internal(format!("{site:?} is not all that the pass goes on from")));
        }
        Ok(Part { graph, tokens, targets, order, from, seed, read, weights })
    }
}

/// The decoder's forward pass over so many texts.
fn model(config: &ModelConfig, batch: usize, time: usize) -> Result<Model> {
    let purpose = Purpose::Loss {
        batch,
        time,
        dropout: false,
        label_smoothing: 0.0,
        ignore_index: Some(IGNORED),
        documents: false,
        form: LossForm::CrossEntropy,
    };
    Ok(build(config, purpose)?)
}

/// The parameters of a graph.
fn parameters_of(graph: &Graph) -> impl Iterator<Item = (ParameterId, ValueId)> + '_ {
    graph.values.iter().enumerate().filter_map(|(at, value)| match value.origin {
        Origin::Parameter(id) => Some((id, ValueId(at as u32))),
        _ => None,
    })
}

fn is_gradient(graph: &Graph, value: ValueId) -> bool {
    matches!(graph.values[value.index()].origin, Origin::Gradient(_))
}

/// The rows of a text in a window's values, without the window's axis of one text.
fn of_text(tensor: Tensor, time: usize, tokens: usize) -> Tensor {
    let columns = tensor.data.len() / time;
    let mut data = tensor.data;
    data.truncate(tokens * columns);
    Tensor { shape: vec![tokens, columns], data }
}
