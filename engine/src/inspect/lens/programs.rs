//! Parts made ready to run, kept for the next prompt, and what they come to.

use super::on_device::{OnDevice, Wanted};
use super::part::{Gradients, Key, Part};
use super::{Lens, LensDevice, Tensor};
use crate::cpu::{Program, Weights, fused, run_in_turns};
use crate::data::IGNORED;
use crate::error::{Error, Result};
use crate::graph::{Graph, Origin, ValueId, token_order};
use crate::plan::fuse::Fusions;
use crate::step::Data;

/// Programs that are kept for the next prompt: two for each of some views.
const KEPT: usize = 16;

/// A part of the graph made ready.
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
    /// Bytes that it keeps on its device, beside the weights.
    pub(super) fn bytes(&self) -> u64 {
        match &self.runner {
            Runner::Cpu(program) => program.bytes(),
            Runner::Gpu(on_device) => on_device.graph.bytes(),
        }
    }
}

/// What a part is run over.
#[derive(Debug, Default)]
pub(super) struct Given<'given> {
    /// Filled up with 0.
    pub(super) tokens: &'given [u32],
    /// Filled up with [`IGNORED`].
    pub(super) targets: &'given [u32],
    /// Values of the site that it goes on from.
    pub(super) from: Option<Vec<f32>>,
    /// The gradient with respect to the logits.
    pub(super) seed: Option<Vec<f32>>,
}

/// What was read of a part: on the CPU where it lies, so that whoever looks through it needs no copy.
#[derive(Debug)]
pub(in crate::inspect) struct Values<'lens> {
    part: &'lens Part,
    read: Read<'lens>,
}

#[derive(Debug)]
enum Read<'lens> {
    Lent(Lent<'lens>),
    Own(Vec<Vec<f32>>),
}

/// A program with the weights that it runs over.
#[derive(Debug)]
struct Lent<'lens> {
    program: &'lens mut Program,
    weights: &'lens mut Weights,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // As many as weights: they are not kept.
        self.weights.gradients = Vec::new();
    }
}

impl Values<'_> {
    /// The values that the first of what was read are gradients of, where all were asked for, by their numbers in the graph of the pass.
    pub(in crate::inspect) fn of(&self) -> &[ValueId] {
        &self.part.of
    }

    /// The entries of what was asked for at a place; nothing where there is no such place.
    ///
    /// # Errors
    /// A value that is no result.
    pub(in crate::inspect) fn floats(&self, at: usize) -> Result<&[f32]> {
        match (&self.read, self.part.read.get(at)) {
            (Read::Lent(lent), Some(value)) => lent.program.entries(lent.weights, *value),
            (Read::Own(all), _) => Ok(all.get(at).map_or(&[], Vec::as_slice)),
            (Read::Lent(_), None) => Ok(&[]),
        }
    }

    /// All of it as tensors.
    ///
    /// # Errors
    /// As [`Self::floats`].
    pub(in crate::inspect) fn tensors(self) -> Result<Vec<Tensor>> {
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
    /// What a part comes to.
    pub(super) async fn run(&mut self, key: Key, given: Given<'_>) -> Result<Vec<Tensor>> {
        self.read(key, given).await?.tensors()
    }

    /// The same, where it lies.
    pub(super) async fn read(&mut self, key: Key, given: Given<'_>) -> Result<Values<'_>> {
        let prepared = match self.prepared.iter().position(|prepared| prepared.key == key) {
            Some(at) => self.prepared.remove(at),
            None => self.prepare(key).await?,
        };
        // The last used is the last to go.
        self.prepared.push(prepared);
        self.keep_within(self.program_bytes);
        self.run_last(given).await
    }

    /// Keeps no more programs for the next prompt than take so many bytes; the one that is used stays whatever it takes.
    pub(crate) fn keep_programs_within(&mut self, bytes: u64) {
        self.program_bytes = bytes;
        self.keep_within(bytes);
    }

    /// How many programs are kept.
    #[cfg(test)]
    pub(crate) fn programs(&self) -> usize {
        self.prepared.len()
    }

    /// A graph on the device whose weights others can read, too.
    pub(super) fn on_device(&self) -> Option<&OnDevice> {
        match &self.prepared.last()?.runner {
            Runner::Gpu(on_device) => Some(on_device),
            Runner::Cpu(_) => None,
        }
    }

    /// Forgets the programs that were used longest ago, until the others take no more than so many bytes. The last used stays.
    fn keep_within(&mut self, most: u64) {
        // All of a lens have the weights on a device together.
        let weights = self.on_device().map_or(0, |_| self.weights.parameters.len() as u64 * 4);
        let mut bytes = weights + self.prepared.iter().map(Prepared::bytes).sum::<u64>();
        while self.prepared.len() > 1 && (bytes > most || self.prepared.len() > KEPT) {
            bytes -= self.prepared.remove(0).bytes();
        }
    }

    /// Runs the program that was asked for last.
    async fn run_last(&mut self, given: Given<'_>) -> Result<Values<'_>> {
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
                run_in_turns(lent.program, lent.weights, workers, [0, 0]).await?;
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
        let part = Part::of(&self.config, &key)?;
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
