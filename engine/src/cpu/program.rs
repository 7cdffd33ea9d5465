//! A graph made ready to run: every value has its place in memory that is allocated once, every node the places of what it
//! reads and writes.

use super::ops::{attention, cached, elementwise, embedding, head_norm, linear, loss, norm, rope};
use super::workers::Workers;
use crate::error::{Error, Result};
use crate::graph::{Element, Graph, Nonlinearity, Op, Origin, Type, ValueId};
use crate::plan::arena::ArenaLayout;
use crate::plan::memory;
use crate::step::Data;
use std::ops::Range;
use std::time::Duration;
use web_time::Instant;

/// What a model is trained from and into; several programs share it.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    /// Laid out as [`ArenaLayout`] says.
    pub parameters: Vec<f32>,
    /// Likewise.
    pub gradients: Vec<f32>,
}

/// Where a value lies.
#[derive(Clone, Debug)]
enum Place {
    /// A slot, and the floats of it.
    Slot(usize, Range<usize>),
    Parameter(Range<usize>),
    Gradient(Range<usize>),
    /// Of [`Memory::fixed`]: constants and float inputs.
    Fixed(usize),
    Cache(usize),
    Words(usize),
    /// Not used by any node.
    Nowhere,
}

#[derive(Clone, Debug)]
struct Operand {
    place: Place,
    ty: Type,
}

#[derive(Clone, Debug)]
struct Instruction {
    op: Op,
    inputs: Vec<Operand>,
    outputs: Vec<Operand>,
    scope: String,
}

#[derive(Clone, Debug, Default)]
struct Memory {
    slots: Vec<Vec<f32>>,
    fixed: Vec<Vec<f32>>,
    caches: Vec<Vec<f32>>,
    words: Vec<Vec<u32>>,
}

/// What a program's batch is of a larger one that is divided among several programs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Portion {
    /// Windows of the whole batch before this one's: dropout numbers its elements over the whole.
    pub first: usize,
    /// Targets that count in the whole batch, over which the gradient is a mean; `None` where this is all of it.
    pub counted: Option<f32>,
}

/// A graph made ready to run.
#[derive(Clone, Debug, Default)]
pub struct Program {
    instructions: Vec<Instruction>,
    values: Vec<Operand>,
    memory: Memory,
    portion: Portion,
    /// Seconds that each instruction took in the last run.
    seconds: Vec<f64>,
}

impl Program {
    /// Lays out `graph`, whose values in `keep` can be read after a run.
    pub fn new(graph: &Graph, keep: &[ValueId]) -> Self {
        let layout = ArenaLayout::of(graph);
        let placement = memory::place(graph, keep, &[]);
        let mut memory = Memory {
            slots: placement.slots.iter().map(|bytes| vec![0.0; (*bytes / 4) as usize]).collect(),
            ..Memory::default()
        };
        let mut values = Vec::with_capacity(graph.values.len());
        for (at, value) in graph.values.iter().enumerate() {
            let count = value.ty.count();
            let place = match value.origin {
                Origin::Parameter(id) => Place::Parameter(layout.range(id)),
                Origin::Gradient(id) => Place::Gradient(layout.range(id)),
                Origin::Constant(constant) => push(&mut memory.fixed, constant.data(&value.ty), Place::Fixed),
                Origin::Cache(_) => push(&mut memory.caches, vec![0.0; count], Place::Cache),
                Origin::Input(_) if value.ty.element == Element::U32 => {
                    push(&mut memory.words, vec![0; count], Place::Words)
                }
                Origin::Input(_) => push(&mut memory.fixed, vec![0.0; count], Place::Fixed),
                Origin::Node(_) => placement.spot_of_value[at].map_or(Place::Nowhere, |spot| {
                    let start = (spot.offset / 4) as usize;
                    Place::Slot(spot.slot, start..start + count)
                }),
            };
            values.push(Operand { place, ty: value.ty.clone() });
        }
        let operands = |ids: &[ValueId]| ids.iter().map(|id| values[id.index()].clone()).collect();
        let instructions = graph.nodes.iter().map(|node| Instruction {
            op: node.op,
            inputs: operands(&node.inputs),
            outputs: operands(&node.outputs),
            scope: node.scope.to_string(),
        });
        let (instructions, seconds) = (instructions.collect(), vec![0.0; graph.nodes.len()]);
        Self { instructions, values, memory, portion: Portion::default(), seconds }
    }

    /// What [`Self::bytes`] will be, before anything is allocated.
    pub fn needed(graph: &Graph, keep: &[ValueId]) -> u64 {
        let own = |origin| matches!(origin, Origin::Constant(_) | Origin::Cache(_) | Origin::Input(_));
        let fixed = graph.values.iter().filter(|value| own(value.origin)).map(|value| value.ty.bytes());
        memory::place(graph, keep, &[]).slots.iter().sum::<u64>() + fixed.sum::<u64>()
    }

    /// Bytes of everything but the weights.
    pub fn bytes(&self) -> u64 {
        let Memory { slots, fixed, caches, words } = &self.memory;
        let floats: usize = slots.iter().chain(fixed).chain(caches).map(Vec::len).sum();
        (floats + words.iter().map(Vec::len).sum::<usize>()) as u64 * 4
    }

    /// Says what the batch is a part of, for the runs from now on.
    pub fn set_portion(&mut self, portion: Portion) {
        self.portion = portion;
    }

    /// Fills in a value of integers.
    pub fn set_words(&mut self, value: ValueId, data: &[u32]) -> Result<()> {
        let target = match self.values[value.index()].place {
            Place::Words(at) => &mut self.memory.words[at],
            _ => return Err(misplaced(value, "integers cannot be fed into it")),
        };
        if target.len() != data.len() {
            return Err(Error::Refused(format!("{} integers given, {} needed", data.len(), target.len())));
        }
        target.copy_from_slice(data);
        Ok(())
    }

    /// Fills in a value of floats.
    pub fn set_floats(&mut self, weights: &mut Weights, value: ValueId, data: &[f32]) -> Result<()> {
        let target = match self.values[value.index()].place.clone() {
            Place::Fixed(at) => &mut self.memory.fixed[at][..],
            Place::Cache(at) => &mut self.memory.caches[at][..],
            Place::Parameter(range) => &mut weights.parameters[range],
            Place::Gradient(range) => &mut weights.gradients[range],
            Place::Slot(..) | Place::Words(_) | Place::Nowhere => {
                return Err(misplaced(value, "floats cannot be fed into it"));
            }
        };
        if target.len() != data.len() {
            return Err(Error::Refused(format!("{} floats given, {} needed", data.len(), target.len())));
        }
        target.copy_from_slice(data);
        Ok(())
    }

    /// A value's entries after a run.
    pub fn read(&self, weights: &Weights, value: ValueId) -> Result<Data> {
        let Operand { place, ty } = &self.values[value.index()];
        Ok(match place {
            Place::Words(at) => Data::U32(self.memory.words[*at].clone()),
            Place::Nowhere => return Err(misplaced(value, "no node computes it")),
            Place::Gradient(range) => Data::F32(weights.gradients[range.clone()].to_vec()),
            _ => Data::F32(self.memory.floats(&weights.parameters, place)[..ty.count()].to_vec()),
        })
    }

    /// A computed value, in place.
    pub fn floats(&self, value: ValueId) -> &[f32] {
        let Operand { place, ty } = &self.values[value.index()];
        self.memory.floats(&[], place).get(..ty.count()).unwrap_or_default()
    }

    /// Hands its caches to another program over the same model.
    pub fn give_caches(&mut self, other: &mut Self) {
        other.memory.caches = std::mem::take(&mut self.memory.caches);
    }

    /// (scope, operation, seconds) of each node in the last run, in order.
    pub fn timings(&self) -> impl Iterator<Item = (&str, &'static str, f64)> {
        let instructions = self.instructions.iter();
        instructions
            .zip(&self.seconds)
            .map(|(instruction, seconds)| (instruction.scope.as_str(), instruction.op.name(), *seconds))
    }

    /// Runs every node. `seed` is dropout's.
    pub fn run(&mut self, weights: &mut Weights, seed: [u32; 2], workers: &Workers) -> Result<()> {
        self.run_for(Duration::MAX, 0, weights, seed, workers).map(|_| ())
    }

    /// Runs nodes from number `from` on until about so much time has passed; returns the number to go on from, `None` after the
    /// last.
    pub fn run_for(
        &mut self,
        time: Duration,
        from: usize,
        weights: &mut Weights,
        seed: [u32; 2],
        workers: &Workers,
    ) -> Result<Option<usize>> {
        let begun = Instant::now();
        let mut before = Duration::ZERO;
        for (number, instruction) in self.instructions.iter().enumerate().skip(from) {
            // Slots that are written are taken out of memory while they are; their placement keeps them apart from what is read.
            let mut slots = [const { Vec::new() }; MOST_VALUES];
            for (slot, output) in slots.iter_mut().zip(&instruction.outputs) {
                if let Place::Slot(at, _) = output.place {
                    *slot = std::mem::take(&mut self.memory.slots[at]);
                }
            }
            let mut caches = [Vec::new(), Vec::new()];
            if let Op::CachedAttention { .. } = instruction.op {
                for (cache, input) in caches.iter_mut().zip(&instruction.inputs[1..3]) {
                    if let Place::Cache(at) = input.place {
                        *cache = std::mem::take(&mut self.memory.caches[at]);
                    }
                }
            }
            let (memory, parameters, portion) = (&self.memory, &weights.parameters, self.portion);
            let call = Call { instruction, memory, parameters, seed, portion, workers };
            let done = outputs(instruction, &mut slots, &mut weights.gradients)
                .and_then(|outputs| call.run(outputs, &mut caches));
            for (slot, output) in slots.into_iter().zip(&instruction.outputs) {
                if let Place::Slot(at, _) = output.place {
                    self.memory.slots[at] = slot;
                }
            }
            if let Op::CachedAttention { .. } = instruction.op {
                for (cache, input) in caches.into_iter().zip(&instruction.inputs[1..3]) {
                    if let Place::Cache(at) = input.place {
                        self.memory.caches[at] = cache;
                    }
                }
            }
            done?;
            if workers.is_interrupted() {
                return Err(Error::Cancelled("a batch".to_owned()));
            }
            let elapsed = begun.elapsed();
            self.seconds[number] = (elapsed - before).as_secs_f64();
            before = elapsed;
            if elapsed >= time {
                return Ok(Some(number + 1).filter(|next| *next < self.instructions.len()));
            }
        }
        Ok(None)
    }
}

/// Ranges of `chunk` rows that cover all of them.
fn chunks(rows: usize, chunk: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(chunk.max(1)).map(move |start| start..(start + chunk).min(rows))
}

fn push<T>(list: &mut Vec<T>, item: T, place: impl Fn(usize) -> Place) -> Place {
    list.push(item);
    place(list.len() - 1)
}

fn misplaced(value: ValueId, reason: &str) -> Error {
    Error::Internal(format!("value {}: {reason}", value.0))
}

/// Most values that an instruction computes, beside gradients that it adds to.
const MOST_VALUES: usize = 3;

/// The results of an instruction: its values, then its gradients.
fn outputs<'data>(
    instruction: &Instruction,
    slots: &'data mut [Vec<f32>; MOST_VALUES],
    gradients: &'data mut [f32],
) -> Result<[&'data mut [f32]; MOST_VALUES + 1]> {
    let overlap = || Error::Internal(format!("{}: outputs overlap", instruction.op.name()));
    let nothing: &mut [f32] = &mut [];
    match &instruction.outputs[..] {
        [Operand { place: Place::Gradient(range), .. }] => {
            Ok([gradients.get_mut(range.clone()).ok_or_else(overlap)?, &mut [], &mut [], nothing])
        }
        [Operand { place: Place::Gradient(first), .. }, Operand { place: Place::Gradient(second), .. }] => {
            let both = gradients.get_disjoint_mut([first.clone(), second.clone()]);
            let [first, second] = both.map_err(|_| overlap())?;
            Ok([first, second, &mut [], nothing])
        }
        list => {
            let [first, second, third] = slots;
            let range = |at: usize| match list.get(at) {
                Some(Operand { place: Place::Slot(_, range), .. }) => range.clone(),
                _ => 0..0,
            };
            let gradient = match list.last() {
                Some(Operand { place: Place::Gradient(range), .. }) => {
                    gradients.get_mut(range.clone()).ok_or_else(overlap)?
                }
                _ => nothing,
            };
            Ok([
                first.get_mut(range(0)).ok_or_else(overlap)?,
                second.get_mut(range(1)).ok_or_else(overlap)?,
                third.get_mut(range(2)).ok_or_else(overlap)?,
                gradient,
            ])
        }
    }
}

impl Memory {
    fn floats<'data>(&'data self, parameters: &'data [f32], place: &Place) -> &'data [f32] {
        match place {
            Place::Slot(at, range) => &self.slots[*at][range.clone()],
            Place::Fixed(at) => &self.fixed[*at],
            Place::Cache(at) => &self.caches[*at],
            Place::Parameter(range) => &parameters[range.clone()],
            Place::Gradient(_) | Place::Words(_) | Place::Nowhere => &[],
        }
    }
}

/// One node, about to run.
struct Call<'run> {
    instruction: &'run Instruction,
    memory: &'run Memory,
    parameters: &'run [f32],
    seed: [u32; 2],
    portion: Portion,
    workers: &'run Workers,
}

impl<'run> Call<'run> {
    fn floats(&self, input: usize) -> &'run [f32] {
        let Operand { place, ty } = &self.instruction.inputs[input];
        &self.memory.floats(self.parameters, place)[..ty.count()]
    }

    fn floats_if(&self, given: bool, input: usize) -> Option<&'run [f32]> {
        given.then(|| self.floats(input))
    }

    fn words(&self, input: usize) -> &'run [u32] {
        match self.instruction.inputs[input].place {
            Place::Words(at) => &self.memory.words[at],
            _ => &[],
        }
    }

    fn ty(&self, input: usize) -> &'run Type {
        &self.instruction.inputs[input].ty
    }

    fn last(&self) -> usize {
        self.instruction.inputs.len() - 1
    }

    /// (start, length) of the last input.
    fn cursor(&self) -> (usize, usize) {
        match self.words(self.last()) {
            [start, length] => (*start as usize, *length as usize),
            _ => (0, 0),
        }
    }

    /// Ids of an input must lie below `limit`, or be the one that does not count.
    fn known(&self, input: usize, limit: usize, ignored: Option<u32>) -> Result<()> {
        let ids = self.words(input);
        match ids.iter().position(|id| *id as usize >= limit && Some(*id) != ignored) {
            None => Ok(()),
            Some(at) => Err(Error::Refused(format!(
                "{}: id {} at position {} of the batch is outside the vocabulary of {limit}; the tokens come from \
                 another tokenizer than the model's",
                self.instruction.scope,
                ids[at],
                self.first_element(self.ty(input)) + at
            ))),
        }
    }

    fn attention(&self, heads: crate::graph::Heads, ty: &Type) -> attention::Sizes {
        attention::Sizes { heads, batch: ty.shape[0], time: ty.shape[1], first: self.portion.first }
    }

    /// Number of an input's first element in the whole batch, counted as dropout does.
    fn first_element(&self, ty: &Type) -> usize {
        self.portion.first * ty.shape.iter().skip(1).product::<usize>()
    }

    /// Targets over which the gradient is a mean: those of the whole batch, or `here` where this is it.
    fn counted(&self, here: f32) -> f32 {
        self.portion.counted.unwrap_or(here)
    }

    fn run(
        &self,
        [y, second, third, gradient]: [&mut [f32]; MOST_VALUES + 1],
        caches: &mut [Vec<f32>; 2],
    ) -> Result<()> {
        let workers = self.workers;
        let floats = |input| self.floats(input);
        match self.instruction.op {
            Op::Embedding { positions, cursor } => {
                let (tokens, table) = (self.words(0), self.ty(1));
                self.known(0, table.rows(), None)?;
                let start = if cursor { self.cursor().0 } else { 0 };
                let positions = self.floats_if(positions, 2).map(|table| (table, start));
                let sizes = [self.ty(0).columns(), table.columns()];
                embedding::forward(workers, tokens, floats(1), positions, y, sizes);
            }
            Op::Norm { form, bias } => {
                norm::forward(workers, form, floats(0), floats(1), self.floats_if(bias, 2), y, second);
            }
            Op::Linear { bias, residual } => {
                let residual = self.floats_if(residual, self.last());
                let sizes = [self.ty(0).rows(), self.ty(1).columns(), self.ty(1).rows()];
                linear::forward(workers, floats(0), floats(1), self.floats_if(bias, 2), residual, y, sizes);
            }
            Op::LinearActivation { bias, kind } => {
                let sizes = [self.ty(0).rows(), self.ty(1).columns(), self.ty(1).rows()];
                linear::forward(workers, floats(0), floats(1), self.floats_if(bias, 2), None, second, sizes);
                elementwise::nonlinearity(workers, kind, second, y, sizes[2]);
            }
            Op::LinearRope { bias, heads } => {
                let sizes = [self.ty(0).rows(), self.ty(1).columns(), self.ty(1).rows()];
                linear::forward(workers, floats(0), floats(1), self.floats_if(bias, 2), None, y, sizes);
                rope::turn_in_place(workers, heads, false, floats(self.last()), 0, self.ty(0).shape[1], y);
            }
            Op::HeadNorm { heads, eps } => {
                head_norm::forward(workers, heads, eps, floats(0), floats(1), floats(2), y, second);
            }
            Op::Rope { heads, inverse, cursor } => {
                let start = if cursor { self.cursor().0 } else { 0 };
                let time = self.ty(0).shape[1];
                y.copy_from_slice(floats(0));
                rope::turn_in_place(workers, heads, inverse, floats(1), start, time, y);
            }
            Op::Attention { heads, dropout } => {
                let sizes = self.attention(heads, self.ty(0));
                let dropout = dropout.map(|site| (site, self.seed));
                attention::forward(workers, sizes, dropout, floats(0), y, second);
            }
            Op::CachedAttention { heads } => {
                let (start, length) = self.cursor();
                let ([keys, values], room) = (caches, self.ty(1).shape[1]);
                if length > self.ty(0).shape[1] || start + length > room {
                    return Err(Error::Internal(format!("tokens {start}..{} of {room}", start + length)));
                }
                cached::forward(workers, heads, floats(0), keys, values, start, length, y);
            }
            Op::LastRow => {
                let (columns, length) = (self.ty(0).columns(), self.cursor().1);
                if length == 0 || length > self.ty(0).rows() {
                    return Err(Error::Internal(format!("row {length} of {}", self.ty(0).rows())));
                }
                y.copy_from_slice(&floats(0)[(length - 1) * columns..length * columns]);
            }
            Op::Activation(kind) => {
                let kind = Nonlinearity::Activation(kind);
                elementwise::nonlinearity(workers, kind, floats(0), y, self.ty(0).columns());
            }
            Op::Gate(kind) => {
                let kind = Nonlinearity::Gate(kind);
                elementwise::nonlinearity(workers, kind, floats(0), y, self.ty(0).columns());
            }
            Op::Dropout { site, residual } => {
                let (first, residual) = (self.first_element(self.ty(0)), self.floats_if(residual, 1));
                elementwise::dropout(workers, site, self.seed, first, floats(0), residual, y);
            }
            Op::Add => elementwise::add(workers, floats(0), floats(1), y),
            Op::CrossEntropy { label_smoothing, ignore_index } => {
                let vocabulary = self.ty(0).columns();
                self.known(1, vocabulary, ignore_index)?;
                let settings = loss::Settings { vocabulary, label_smoothing, ignore_index };
                loss::forward(workers, settings, floats(0), self.words(1), y, second);
            }
            Op::CrossEntropyBackward { label_smoothing, ignore_index, scale } => {
                let vocabulary = self.ty(0).columns();
                self.known(1, vocabulary, ignore_index)?;
                let settings = loss::Settings { vocabulary, label_smoothing, ignore_index };
                let (rows, count) = (floats(2), self.counted(floats(3)[1]));
                loss::backward(workers, settings, scale, floats(0), self.words(1), rows, count, y);
            }
            Op::LinearCrossEntropy { label_smoothing, ignore_index, chunk } => {
                let [rows, inner, vocabulary] = [self.ty(0).rows(), self.ty(1).columns(), self.ty(1).rows()];
                self.known(2, vocabulary, ignore_index)?;
                let settings = loss::Settings { vocabulary, label_smoothing, ignore_index };
                let (x, weight, targets) = (floats(0), floats(1), self.words(2));
                for part in chunks(rows, chunk) {
                    let logits = &mut third[..part.len() * vocabulary];
                    let x = &x[part.start * inner..part.end * inner];
                    linear::forward(workers, x, weight, None, None, logits, [part.len(), inner, vocabulary]);
                    let results = &mut second[part.start * 2..part.end * 2];
                    loss::rows(workers, settings, logits, &targets[part], results);
                }
                loss::mean(settings, targets, second, y);
            }
            Op::LinearCrossEntropyBackward { label_smoothing, ignore_index, scale, chunk, .. } => {
                let [rows, inner, vocabulary] = [self.ty(0).rows(), self.ty(1).columns(), self.ty(1).rows()];
                self.known(2, vocabulary, ignore_index)?;
                let settings = loss::Settings { vocabulary, label_smoothing, ignore_index };
                let (x, weight, targets) = (floats(0), floats(1), self.words(2));
                let (results, count) = (floats(3), self.counted(floats(4)[1]));
                for part in chunks(rows, chunk) {
                    let sizes = [part.len(), inner, vocabulary];
                    let logits = &mut second[..part.len() * vocabulary];
                    let dlogits = &mut third[..part.len() * vocabulary];
                    let x = &x[part.start * inner..part.end * inner];
                    linear::forward(workers, x, weight, None, None, logits, sizes);
                    let (results, targets) = (&results[part.start * 2..part.end * 2], &targets[part.clone()]);
                    loss::backward(workers, settings, scale, logits, targets, results, count, dlogits);
                    let dx = &mut y[part.start * inner..part.end * inner];
                    linear::input_backward(workers, dlogits, weight, None, dx, sizes);
                    if !gradient.is_empty() {
                        linear::weight_backward(workers, dlogits, x, gradient, sizes);
                    }
                }
            }
            Op::LinearInputBackward { residual } => {
                let sizes = [self.ty(0).rows(), self.ty(1).columns(), self.ty(1).rows()];
                linear::input_backward(workers, floats(0), floats(1), self.floats_if(residual, 2), y, sizes);
            }
            Op::LinearInputActivationBackward(kind) => {
                let sizes = [self.ty(0).rows(), self.ty(1).columns(), self.ty(1).rows()];
                linear::input_backward_beside(workers, floats(0), floats(1), y, sizes, kind.columns());
                elementwise::nonlinearity_backward(workers, kind, floats(2), y, sizes[1]);
            }
            Op::LinearWeightBackward => {
                let sizes = [self.ty(0).rows(), self.ty(1).columns(), self.ty(0).columns()];
                linear::weight_backward(workers, floats(0), floats(1), y, sizes);
            }
            Op::SumRows { groups } => linear::sum_rows(workers, floats(0), groups, y),
            Op::NormBackward { form, residual } => {
                let residual = self.floats_if(residual, 4);
                norm::backward(workers, form, floats(0), floats(1), floats(2), floats(3), residual, y);
            }
            Op::NormWeightBackward { bias } => {
                norm::weight_backward(workers, floats(0), floats(1), floats(2), y, bias.then_some(second));
            }
            Op::HeadNormBackward { heads } => {
                let (roots, dy) = (floats(3), floats(4));
                head_norm::backward(workers, heads, floats(0), floats(1), floats(2), roots, dy, y);
            }
            Op::HeadNormWeightBackward { heads } => {
                head_norm::weight_backward(heads, floats(0), floats(1), floats(2), y, second);
            }
            Op::AttentionDelta { heads } => {
                attention::delta(workers, self.attention(heads, self.ty(0)), floats(0), floats(1), y);
            }
            Op::AttentionBackward { heads, dropout } => {
                let sizes = self.attention(heads, self.ty(0));
                let dropout = dropout.map(|site| (site, self.seed));
                attention::backward(workers, sizes, dropout, floats(0), floats(1), floats(2), floats(3), y);
            }
            Op::ActivationBackward(kind) => {
                y.copy_from_slice(floats(1));
                let kind = Nonlinearity::Activation(kind);
                elementwise::nonlinearity_backward(workers, kind, floats(0), y, self.ty(1).columns());
            }
            Op::GateBackward(kind) => {
                let hidden = self.ty(1).columns();
                for (dx, dy) in y.chunks_exact_mut(2 * hidden).zip(floats(1).chunks_exact(hidden)) {
                    dx[..hidden].copy_from_slice(dy);
                }
                let kind = Nonlinearity::Gate(kind);
                elementwise::nonlinearity_backward(workers, kind, floats(0), y, hidden);
            }
            Op::EmbeddingBackward => {
                let columns = self.ty(0).columns();
                self.known(1, y.len() / columns, None)?;
                embedding::backward(workers, floats(0), self.words(1), y, columns);
            }
        }
        Ok(())
    }
}
