//! Compiled parts of the graph, cached between prompts, and their results.

use super::on_device::{OnDevice, Wanted};
use super::part::{Gradients, Key, Part};
use super::{Lens, LensDevice, Tensor};
use glasshouse_compiler::graph::{Graph, Origin, ValueId, token_order};
use glasshouse_compiler::plan::fuse::Fusions;
use glasshouse_compiler::step::Data;
use glasshouse_executors::cpu::{Program, Weights, fused, run_program};
use glasshouse_platform::{Error, OrInternal, Result};
use glasshouse_text::data::IGNORED;

/// Maximum cached programs: some views need two each.
const KEPT: usize = 16;

/// A compiled part of the graph.
#[derive(Debug)]
pub(super) struct Prepared {
    key: Key,
    part: Part,
    runner: Runner,
}

#[derive(Debug)]
enum Runner {
    Cpu(Box<Program>),
    Gpu(Box<OnDevice>),
}

impl Prepared {
    /// Bytes on the device, without the weights.
    pub(super) fn bytes(&self) -> u64 {
        match &self.runner {
            Runner::Cpu(program) => program.bytes(),
            Runner::Gpu(on_device) => on_device.graph.bytes(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Given<'given> {
    /// Padded with 0.
    pub(super) tokens: &'given [u32],
    /// Padded with [`IGNORED`].
    pub(super) targets: &'given [u32],
    /// Values of the site from which to continue.
    pub(super) from: Option<Vec<f32>>,
    /// Gradient with respect to the logits.
    pub(super) seed: Option<Vec<f32>>,
}

/// Results of a part. On the CPU they are borrowed, not copied.
pub(crate) struct Values<'lens> {
    part: &'lens Part,
    read: Read<'lens>,
}

enum Read<'lens> {
    Lent(Lent<'lens>),
    Own(Vec<Vec<f32>>),
}

/// A program with its weights.
struct Lent<'lens> {
    program: &'lens mut Program,
    weights: &'lens mut Weights,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // As large as the weights, so they are not kept.
        self.weights.gradients = Vec::new();
    }
}

impl Values<'_> {
    /// If all gradients were requested: the values, by number in the forward graph, that the first results are gradients of.
    pub(crate) fn of(&self) -> &[ValueId] {
        &self.part.of
    }

    /// The entries of the result at an index; empty if there is none. Fails if the value is not a result.
    pub(crate) fn floats(&self, at: usize) -> Result<&[f32]> {
        match (&self.read, self.part.read.get(at)) {
            (Read::Lent(lent), Some(value)) => lent.program.entries(lent.weights, *value),
            (Read::Own(all), _) => Ok(all.get(at).map_or(&[], Vec::as_slice)),
            (Read::Lent(_), None) => Ok(&[]),
        }
    }

    pub(crate) fn tensors(self) -> Result<Vec<Tensor>> {
        let shapes = self.part.read.iter().map(|value| &self.part.graph.ty(*value).shape);
        match self.read {
            Read::Lent(ref lent) => {
                let entries = |value: &ValueId| lent.program.entries(lent.weights, *value);
                let found = shapes.zip(&self.part.read);
                found.map(|(shape, value)| Ok(Tensor::new(shape, entries(value)?.to_vec()))).collect()
            }
            Read::Own(all) => Ok(shapes.zip(all).map(|(shape, data)| Tensor::new(shape, data)).collect()),
        }
    }
}

impl Lens {
    pub(super) async fn run(&mut self, key: Key, given: Given<'_>) -> Result<Vec<Tensor>> {
        self.read(key, given).await?.tensors()
    }

    /// Like [`Self::run`], without copying on the CPU.
    pub(super) async fn read(&mut self, key: Key, given: Given<'_>) -> Result<Values<'_>> {
        let prepared = match self.prepared.iter().position(|prepared| prepared.key == key) {
            Some(at) => self.prepared.remove(at),
            None => self.prepare(key).await?,
        };
        // Most recently used last.
        self.prepared.push(prepared);
        self.keep_within(self.program_bytes);
        self.run_last(given).await
    }

    /// Limits the bytes of cached programs; the most recently used one stays in any case.
    pub fn keep_programs_within(&mut self, bytes: u64) {
        self.program_bytes = bytes;
        self.keep_within(bytes);
    }

    pub fn programs(&self) -> usize {
        self.prepared.len()
    }

    /// A graph on the device, whose weights can be shared.
    pub(super) fn on_device(&self) -> Option<&OnDevice> {
        match &self.prepared.last()?.runner {
            Runner::Gpu(on_device) => Some(on_device),
            Runner::Cpu(_) => None,
        }
    }

    /// Evicts the least recently used programs until the rest fits into `most` bytes. The most recently used one stays.
    fn keep_within(&mut self, most: u64) {
        // All programs of a lens share the weights on a device.
        let weights = self.on_device().map_or(0, |_| self.weights.parameters.len() as u64 * 4);
        let mut bytes = weights + self.prepared.iter().map(Prepared::bytes).sum::<u64>();
        while self.prepared.len() > 1 && (bytes > most || self.prepared.len() > KEPT) {
            bytes -= self.prepared.remove(0).bytes();
        }
    }

    /// Runs the most recently requested program.
    async fn run_last(&mut self, given: Given<'_>) -> Result<Values<'_>> {
        let Given { tokens, targets, from, seed } = given;
        let Prepared { part, runner, .. } =
            self.prepared.last_mut().or_internal("a program that was just made ready")?;
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
        let read = match (runner, &self.place) {
            (Runner::Cpu(program), LensDevice::Cpu(workers)) => {
                let lent = Lent { program, weights: &mut self.weights };
                lent.weights.gradients.clear();
                if part.read.iter().any(|value| is_gradient(&part.graph, *value)) {
                    lent.weights.gradients.resize(lent.weights.parameters.len(), 0.0);
                }
                for (value, data) in &inputs {
                    match data {
                        Data::U32(words) => lent.program.set_words(*value, words)?,
                        Data::F32(floats) => lent.program.set_floats(lent.weights, *value, floats)?,
                    }
                }
                run_program(lent.program, lent.weights, workers, [0, 0]).await?;
                Read::Lent(lent)
            }
            (Runner::Gpu(on_device), LensDevice::Gpu(gpu)) => {
                let Weights { parameters: arena, .. } = &self.weights;
                let wanted = Wanted { arena, layout: &self.layout, versions: &self.versions };
                on_device.bring(gpu, part.weights.iter().copied(), wanted).await?;
                let floats = |data: Data| match data {
                    Data::F32(data) => data,
                    Data::U32(data) => data.into_iter().map(|entry| entry as f32).collect(),
                };
                let found = on_device.graph.run(gpu, &inputs, &part.read).await?;
                Read::Own(found.into_iter().map(floats).collect())
            }
            _ => return Err(Error::Internal("a lens of two devices".to_owned())),
        };
        Ok(Values { part, read })
    }

    async fn prepare(&self, key: Key) -> Result<Prepared> {
        let part = Part::new(&self.config, &key)?;
        let runner = match &self.place {
            LensDevice::Cpu(_) if key.losses || key.gradients == Gradients::OfLoss => {
                Runner::Cpu(Box::new(Program::new(&fused(&part.graph, &part.read), &part.read)))
            }
            LensDevice::Cpu(_) => Runner::Cpu(Box::new(Program::new(&part.graph, &part.read))),
            LensDevice::Gpu(gpu) => {
                let fusions = if key.losses { Fusions::ALL } else { Fusions::NONE };
                let beside = self.on_device();
                Runner::Gpu(Box::new(OnDevice::new(gpu, &part.graph, &part.read, fusions, beside).await?))
            }
        };
        Ok(Prepared { key, part, runner })
    }
}

fn is_gradient(graph: &Graph, value: ValueId) -> bool {
    matches!(graph.values[value.index()].origin, Origin::Gradient(_))
}
