//! A graph compiled for execution: every value has its place in memory allocated once, and every node the places it reads and writes.

use super::interleaved::{interleave, interleave_blocks};
pub use super::ops::BatchShard;
use super::ops::{Call, Given, Interpret, Run};
use super::workers::Workers;
use glasshouse_compiler::graph::ops::Operands;
use glasshouse_compiler::graph::{Element, Graph, Op, Origin, Type, ValueId};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::lower::Target;
use glasshouse_compiler::plan::{fuse, memory};
use glasshouse_compiler::step::Data;
use glasshouse_compiler::{blocks, dispatch};
use glasshouse_platform::{Error, Result};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use web_time::Instant;

/// The graph as run here, with all fusions.
pub fn fused(graph: &Graph, keep: &[ValueId]) -> Graph {
    fuse::fused(graph.clone(), keep, &Target::new(false))
}

/// A model's parameters and gradients, shared by several programs. Parameters are copied when they change while others hold them.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    /// Laid out by [`ArenaLayout`], up to the matrices stored in fewer bits.
    pub parameters: Arc<Vec<f32>>,
    /// The words of these.
    pub stored: Arc<Vec<u32>>,
    /// Laid out like the trainable parameters.
    pub gradients: Vec<f32>,
}

impl Weights {
    /// Weights in the first layout, without gradients, from those given in the second. Fails if their number is that of another model.
    pub fn for_inference([layout, given]: &[ArenaLayout; 2], parameters: &[f32]) -> Result<Self> {
        given.check_count(parameters)?;
        Ok(Self {
            parameters: layout.floats(given, parameters).into_owned().into(),
            stored: layout.pack(given, parameters).into(),
            ..Self::default()
        })
    }

    /// Interleaves the quantised matrices.
    pub fn interleave(&mut self, layout: &ArenaLayout) {
        let stored = Arc::make_mut(&mut self.stored);
        for own in &layout.stored {
            let (words, length) =
                (&mut stored[own.words.clone()], blocks::row_words(own.element, own.columns));
            match own.element {
                Element::Gguf { .. } => interleave_blocks(words, length, own.columns),
                Element::Quantised(_) => interleave(words, length),
                _ => {}
            }
        }
    }
}

/// The parameters as a node reads them while gradients are added to.
#[derive(Clone, Copy)]
struct Held<'run> {
    parameters: &'run [f32],
    stored: &'run [u32],
}

#[derive(Clone, Debug)]
enum ValueLocation {
    /// A slot and a range of its floats.
    Slot(usize, Range<usize>),
    Parameter(Range<usize>),
    /// In [`Weights::stored`].
    Stored(Range<usize>),
    Gradient(Range<usize>),
    /// In [`Memory::fixed`]: constants and float inputs.
    Fixed(usize),
    Cache(usize),
    Words(usize),
    /// Not used by any node.
    Nowhere,
}

#[derive(Clone, Debug)]
struct Operand {
    place: ValueLocation,
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

#[derive(Clone, Debug, Default)]
pub struct Program {
    instructions: Vec<Instruction>,
    values: Vec<Operand>,
    memory: Memory,
    /// The batch's place in a divided one.
    pub(super) shard: BatchShard,
    /// Whether it reads weights after [`Weights::interleave`]; products with them round their inputs to blocks of 8 bits.
    pub(super) interleaved: bool,
    pub(super) parts: usize,
    /// Seconds each instruction took in the last run.
    seconds: Vec<f64>,
}

impl Program {
    /// Lays out `graph`. The values in `keep` can be read after a run.
    pub fn new(graph: &Graph, keep: &[ValueId]) -> Self {
        let layout = ArenaLayout::new(graph);
        let placement = memory::place(graph, keep, &[]);
        let mut memory = Memory {
            slots: placement.slots.iter().map(|bytes| vec![0.0; (*bytes / 4) as usize]).collect(),
            ..Memory::default()
        };
        let mut values = Vec::with_capacity(graph.values.len());
        for (at, value) in graph.values.iter().enumerate() {
            let count = value.ty.count();
            let place = match value.origin {
                Origin::Parameter(id) => layout.stored(id).map_or_else(
                    || ValueLocation::Parameter(layout.range(id)),
                    |stored| ValueLocation::Stored(stored.words.clone()),
                ),
                Origin::Gradient(id) => ValueLocation::Gradient(layout.range(id)),
                Origin::Constant(ref constant) => {
                    push(&mut memory.fixed, constant.data(&value.ty), ValueLocation::Fixed)
                }
                Origin::Cache(_) => push(&mut memory.caches, vec![0.0; count], ValueLocation::Cache),
                Origin::Input(_) if value.ty.element == Element::U32 => {
                    push(&mut memory.words, vec![0; count], ValueLocation::Words)
                }
                Origin::Input(_) => push(&mut memory.fixed, vec![0.0; count], ValueLocation::Fixed),
                Origin::Node(_) | Origin::Removed => {
                    placement.spot_of_value[at].map_or(ValueLocation::Nowhere, |spot| {
                        let start = (spot.offset / 4) as usize;
                        ValueLocation::Slot(spot.slot, start..start + count)
                    })
                }
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
        Self {
            instructions,
            values,
            memory,
            shard: BatchShard::default(),
            interleaved: false,
            parts: 1,
            seconds,
        }
    }

    /// What [`Self::bytes`] will return, without allocating.
    pub fn needed(graph: &Graph, keep: &[ValueId]) -> u64 {
        let own =
            |origin: &Origin| matches!(origin, Origin::Constant(_) | Origin::Cache(_) | Origin::Input(_));
        let fixed = graph.values.iter().filter(|value| own(&value.origin)).map(|value| value.ty.bytes());
        memory::place(graph, keep, &[]).slots.iter().sum::<u64>() + fixed.sum::<u64>()
    }

    /// The part of [`Self::needed`] for caches, which programs over the same model hand to each other.
    pub fn needed_for_caches(graph: &Graph) -> u64 {
        let caches = graph.values.iter().filter(|value| matches!(value.origin, Origin::Cache(_)));
        caches.map(|value| value.ty.bytes()).sum()
    }

    /// Bytes of all memory except the weights.
    pub fn bytes(&self) -> u64 {
        let Memory { slots, fixed, caches, words } = &self.memory;
        let floats: usize = slots.iter().chain(fixed).chain(caches).map(Vec::len).sum();
        (floats + words.iter().map(Vec::len).sum::<usize>()) as u64 * 4
    }

    pub fn set_words(&mut self, value: ValueId, data: &[u32]) -> Result<()> {
        let target = match self.values[value.index()].place {
            ValueLocation::Words(at) => &mut self.memory.words[at],
            _ => return Err(misplaced(value, "integers cannot be fed into it")),
        };
        if target.len() != data.len() {
            return Err(Error::Refused(format!("{} integers given, {} needed", data.len(), target.len())));
        }
        target.copy_from_slice(data);
        Ok(())
    }

    pub fn set_floats(&mut self, weights: &mut Weights, value: ValueId, data: &[f32]) -> Result<()> {
        let Operand { place, ty } = &self.values[value.index()];
        let target = match place.clone() {
            ValueLocation::Fixed(at) => &mut self.memory.fixed[at][..],
            ValueLocation::Cache(at) => &mut self.memory.caches[at][..],
            ValueLocation::Parameter(range) => &mut Arc::make_mut(&mut weights.parameters)[range],
            ValueLocation::Gradient(range) => &mut weights.gradients[range],
            ValueLocation::Stored(range) if ty.count() == data.len() => {
                blocks::pack(ty.element, ty.columns(), data, &mut Arc::make_mut(&mut weights.stored)[range]);
                return Ok(());
            }
            ValueLocation::Slot(..)
            | ValueLocation::Words(_)
            | ValueLocation::Stored(_)
            | ValueLocation::Nowhere => {
                return Err(misplaced(value, "floats cannot be fed into it"));
            }
        };
        if target.len() != data.len() {
            return Err(Error::Refused(format!("{} floats given, {} needed", data.len(), target.len())));
        }
        target.copy_from_slice(data);
        Ok(())
    }

    /// The floats of an input, to be filled in.
    pub fn input(&mut self, value: ValueId) -> &mut [f32] {
        match self.values[value.index()].place {
            ValueLocation::Fixed(at) => &mut self.memory.fixed[at],
            _ => &mut [],
        }
    }

    /// Returns a value's entries after a run.
    pub fn read(&self, weights: &Weights, value: ValueId) -> Result<Data> {
        let Operand { place, ty } = &self.values[value.index()];
        Ok(match place {
            ValueLocation::Words(at) => Data::U32(self.memory.words[*at].clone()),
            ValueLocation::Stored(range) => {
                let mut floats = vec![0.0; ty.count()];
                blocks::unpack(ty.element, ty.columns(), &weights.stored[range.clone()], &mut floats);
                Data::F32(floats)
            }
            _ => Data::F32(self.entries(weights, value)?.to_vec()),
        })
    }

    /// A computed value, without copying.
    pub fn floats(&self, value: ValueId) -> &[f32] {
        let Operand { place, ty } = &self.values[value.index()];
        self.memory.floats(&[], place).get(..ty.count()).unwrap_or_default()
    }

    /// A value's floats after a run, without copying, including parameters and gradients.
    pub fn entries<'data>(&'data self, weights: &'data Weights, value: ValueId) -> Result<&'data [f32]> {
        let Operand { place, ty } = &self.values[value.index()];
        match place {
            ValueLocation::Words(_) | ValueLocation::Nowhere => {
                Err(misplaced(value, "no node computes floats of it"))
            }
            ValueLocation::Gradient(range) => Ok(weights.gradients.get(range.clone()).unwrap_or_default()),
            _ => Ok(self.memory.floats(&weights.parameters, place).get(..ty.count()).unwrap_or_default()),
        }
    }

    /// Moves the caches to another program over the same model.
    pub fn move_caches_to(&mut self, other: &mut Self) {
        other.memory.caches = std::mem::take(&mut self.memory.caches);
    }

    /// Frees the caches; another program may supply some later.
    pub fn drop_caches(&mut self) {
        self.memory.caches.clear();
    }

    /// Copies the cache contents of one text to another; `texts` is the number of texts in the caches.
    pub fn copy_text(&mut self, texts: usize, [from, to]: [usize; 2]) {
        for cache in &mut self.memory.caches {
            let count = cache.len() / texts;
            cache.copy_within(from * count..(from + 1) * count, to * count);
        }
    }

    /// (scope, operation, seconds) of each node in the last run, in order.
    pub fn timings(&self) -> impl Iterator<Item = (&str, &'static str, f64)> {
        let instructions = self.instructions.iter();
        instructions
            .zip(&self.seconds)
            .map(|(instruction, seconds)| (instruction.scope.as_str(), instruction.op.name(), *seconds))
    }

    /// Runs every node. `seed` is the dropout seed.
    pub fn run(&mut self, weights: &mut Weights, seed: [u32; 2], workers: &Workers) -> Result<()> {
        self.run_for(Duration::MAX, 0..usize::MAX, weights, seed, workers).map(|_| ())
    }

    /// Number of nodes until the caches are complete.
    pub fn caches_end(&self) -> usize {
        let last = self.instructions.iter().rposition(|instruction| instruction.caches().next().is_some());
        last.map_or(0, |last| last + 1)
    }

    /// Runs the given nodes for about `time`. Returns the number to continue from, or `None` after the last.
    pub fn run_for(
        &mut self,
        time: Duration,
        nodes: Range<usize>,
        weights: &mut Weights,
        seed: [u32; 2],
        workers: &Workers,
    ) -> Result<Option<usize>> {
        let begun = Instant::now();
        let mut before = Duration::ZERO;
        for (number, instruction) in self.instructions.iter().enumerate().take(nodes.end).skip(nodes.start) {
            // Slots being written are taken out of memory meanwhile; placement keeps them apart from those being read.
            let mut slots = [const { Vec::new() }; MAX_VALUES];
            for (slot, output) in slots.iter_mut().zip(&instruction.outputs) {
                if let ValueLocation::Slot(at, _) = output.place {
                    *slot = std::mem::take(&mut self.memory.slots[at]);
                }
            }
            // Caches too, as they are read and written.
            let mut caches = [Vec::new(), Vec::new()];
            for (cache, at) in caches.iter_mut().zip(instruction.caches()) {
                *cache = std::mem::take(&mut self.memory.caches[at]);
            }
            let (memory, shard, interleaved) = (&self.memory, self.shard, self.interleaved);
            let parts = self.parts;
            let held = Held { parameters: &weights.parameters, stored: &weights.stored };
            let call = Call {
                scope: &instruction.scope,
                caches: &mut caches,
                seed,
                shard,
                interleaved,
                parts,
                workers,
            };
            let done = outputs(instruction, &mut slots, &mut weights.gradients)
                .and_then(|outputs| instruction.run(call, memory, held, outputs));
            for (slot, output) in slots.into_iter().zip(&instruction.outputs) {
                if let ValueLocation::Slot(at, _) = output.place {
                    self.memory.slots[at] = slot;
                }
            }
            for (cache, at) in caches.into_iter().zip(instruction.caches()) {
                self.memory.caches[at] = cache;
            }
            done?;
            if workers.is_interrupted() {
                return Err(Error::Cancelled("a batch".to_owned()));
            }
            let elapsed = begun.elapsed();
            self.seconds[number] = (elapsed - before).as_secs_f64();
            before = elapsed;
            if elapsed >= time {
                return Ok(Some(number + 1).filter(|next| *next < self.instructions.len().min(nodes.end)));
            }
        }
        Ok(None)
    }
}

fn push<T>(list: &mut Vec<T>, item: T, place: impl Fn(usize) -> ValueLocation) -> ValueLocation {
    list.push(item);
    place(list.len() - 1)
}

fn misplaced(value: ValueId, reason: &str) -> Error {
    Error::Internal(format!("value {}: {reason}", value.0))
}

/// Maximum number of values an instruction computes, not counting gradients.
const MAX_VALUES: usize = 3;

const MAX_RESULTS: usize = MAX_VALUES + 1;

/// An instruction's results: its values, then its gradients.
fn outputs<'data>(
    instruction: &Instruction,
    slots: &'data mut [Vec<f32>; MAX_VALUES],
    gradients: &'data mut [f32],
) -> Result<[&'data mut [f32]; MAX_RESULTS]> {
    let overlap = || Error::Internal(format!("{}: outputs overlap", instruction.op.name()));
    let mut found: [&mut [f32]; MAX_RESULTS] = std::array::from_fn(|_| &mut [][..]);
    let is_gradient = |output: &&Operand| matches!(output.place, ValueLocation::Gradient(_));
    let values = instruction.outputs.iter().take_while(|output| !is_gradient(output)).count();
    for ((found, slot), output) in found.iter_mut().zip(slots).zip(&instruction.outputs[..values]) {
        if let ValueLocation::Slot(_, range) = &output.place {
            *found = slot.get_mut(range.clone()).ok_or_else(overlap)?;
        }
    }
    match &instruction.outputs[values..] {
        [Operand { place: ValueLocation::Gradient(range), .. }] => {
            found[values] = gradients.get_mut(range.clone()).ok_or_else(overlap)?;
        }
        [
            Operand { place: ValueLocation::Gradient(first), .. },
            Operand { place: ValueLocation::Gradient(second), .. },
        ] => {
            let both = gradients.get_disjoint_mut([first.clone(), second.clone()]);
            let [first, second] = both.map_err(|_| overlap())?;
            (found[values], found[values + 1]) = (first, second);
        }
        _ => {}
    }
    Ok(found)
}

impl Memory {
    /// The content of a place, for an operation to read.
    fn given<'data>(&'data self, held: Held<'data>, place: &ValueLocation, ty: &'data Type) -> Given<'data> {
        let words = match place {
            ValueLocation::Words(at) => &self.words[*at][..],
            ValueLocation::Stored(range) => &held.stored[range.clone()],
            _ => &[],
        };
        let floats = self.floats(held.parameters, place).get(..ty.count()).unwrap_or_default();
        Given { ty, floats, words }
    }

    fn floats<'data>(&'data self, parameters: &'data [f32], place: &ValueLocation) -> &'data [f32] {
        match place {
            ValueLocation::Slot(at, range) => &self.slots[*at][range.clone()],
            ValueLocation::Fixed(at) => &self.fixed[*at],
            ValueLocation::Cache(at) => &self.caches[*at],
            ValueLocation::Parameter(range) => &parameters[range.clone()],
            ValueLocation::Gradient(_)
            | ValueLocation::Stored(_)
            | ValueLocation::Words(_)
            | ValueLocation::Nowhere => &[],
        }
    }
}

impl Instruction {
    /// Indices of the caches it reads and writes.
    fn caches(&self) -> impl Iterator<Item = usize> {
        self.inputs.iter().filter_map(|input| match input.place {
            ValueLocation::Cache(at) => Some(at),
            _ => None,
        })
    }

    fn run(
        &self,
        call: Call<'_>,
        memory: &Memory,
        held: Held<'_>,
        results: [&mut [f32]; MAX_RESULTS],
    ) -> Result<()> {
        let inputs = self.inputs.iter().map(|Operand { place, ty }| memory.given(held, place, ty));
        dispatch!(&self.op, op => interpret(op, call, inputs, results))
    }
}

fn interpret<'run, O: Interpret>(
    op: &O,
    call: Call<'_>,
    mut inputs: impl Iterator<Item = Given<'run>>,
    results: [&'run mut [f32]; MAX_RESULTS],
) -> Result<()> {
    let mut results = results.into_iter();
    let operands = (
        O::Inputs::take(op, &mut inputs),
        O::Outputs::take(op, &mut results),
        O::Gradients::take(op, &mut results),
    );
    match operands {
        (Some(inputs), Some(outputs), Some(gradients)) => op.run(call, Run { inputs, outputs, gradients }),
        _ => Err(Error::Internal(format!("{}: operands are missing", call.scope))),
    }
}
