//! CPU implementations of the operations, on slices. The formulas are in [`glasshouse_compiler::graph::ops`], in files of the same
//! names; shapes are checked there.

pub mod attention;
pub mod cached;
mod dictionary;
mod distil;
pub mod elementwise;
pub mod embedding;
mod experts;
mod fused;
pub mod head_norm;
pub mod linear;
pub mod loss;
pub mod mlp;
pub mod norm;
mod policy;
mod preference;
pub mod rope;
mod unlikelihood;
mod unpack;

use super::workers::Workers;
use glasshouse_compiler::graph::Type;
use glasshouse_compiler::graph::ops::Operation;
use glasshouse_platform::{Error, Result};

/// Minimum entries per thread of operations that are cheap per entry.
const WORK: usize = 1 << 13;

pub trait Interpret: Operation {
    /// Reads the inputs, fills in the outputs and adds to the gradients.
    fn run(&self, call: Call<'_>, operands: Run<'_, Self>) -> Result<()>;
}

pub struct Run<'run, O: Operation> {
    pub inputs: O::Inputs<Given<'run>>,
    pub outputs: O::Outputs<&'run mut [f32]>,
    pub gradients: O::Gradients<&'run mut [f32]>,
}

#[derive(Clone, Copy, Debug)]
pub struct Given<'run> {
    pub ty: &'run Type,
    /// The entries, if floats.
    pub floats: &'run [f32],
    /// The entries, if integers; the words of a weight stored in fewer bits.
    pub words: &'run [u32],
}

impl<'run> Given<'run> {
    pub fn rows(self) -> usize {
        self.ty.rows()
    }

    pub fn columns(self) -> usize {
        self.ty.columns()
    }

    /// [start, length, text] of each row of a cursor.
    fn cursor(self) -> &'run [[u32; 3]] {
        self.words.as_chunks().0
    }
}

/// The place of a program's batch in a larger one divided among several programs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BatchShard {
    /// Windows of the whole batch before this one; dropout numbers its elements over the whole.
    pub first: usize,
    /// Counted targets of the whole batch, over which the gradient is a mean; `None` if undivided.
    pub loss_denominator: Option<f32>,
}

/// Context of an operation's run besides its operands.
pub struct Call<'run> {
    pub scope: &'run str,
    /// The caches to read and write, in the order of the inputs.
    pub caches: &'run mut [Vec<f32>; 2],
    pub seed: [u32; 2],
    pub shard: BatchShard,
    /// Whether quantised weights are interleaved. Products with them round their input to blocks of 8 bits, as llama.cpp does, but with
    /// scales in f32.
    pub interleaved: bool,
    /// Rows of 8-bit integers that each of these rows is rounded to, 1 or 2.
    pub parts: usize,
    pub workers: &'run Workers,
}

/// Start of a batch row in its text; 0 without a cursor.
fn start(cursor: &[[u32; 3]], row: usize) -> usize {
    cursor.get(row).map_or(0, |[start, ..]| *start as usize)
}

impl Call<'_> {
    /// Checks that an input's ids are below `limit` or equal to `ignored`.
    fn known(&self, ids: Given<'_>, limit: usize, ignored: Option<u32>) -> Result<()> {
        match ids.words.iter().position(|id| *id as usize >= limit && Some(*id) != ignored) {
            None => Ok(()),
            Some(at) => Err(Error::Refused(format!(
                "{}: id {} at position {} of the batch is outside the vocabulary of {limit}; the tokens come from a different tokenizer",
                self.scope,
                ids.words[at],
                self.first_element(ids.ty) + at
            ))),
        }
    }

    /// Number of an input's first element in the whole batch, for dropout.
    fn first_element(&self, ty: &Type) -> usize {
        self.shard.first * ty.shape.iter().skip(1).product::<usize>()
    }

    /// Targets over which the gradient is a mean: those of the whole batch, or `here` if undivided.
    fn denominator(&self, here: f32) -> f32 {
        self.shard.loss_denominator.unwrap_or(here)
    }
}
