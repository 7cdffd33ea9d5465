//! What each operation does, on slices. The formulas stand in [`crate::graph::ops`], in files of the same names; shapes have been
//! checked there.

pub mod attention;
pub mod cached;
mod distil;
pub mod elementwise;
pub mod embedding;
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

use super::workers::Workers;
use crate::error::{Error, Result};
use crate::graph::Type;
use crate::graph::ops::Operation;
use half::f16;

/// An operation that the CPU can do.
pub trait Interpret: Operation {
    /// Reads its inputs, fills in its outputs and adds to its gradients.
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        gradients: Self::Gradients<&mut [f32]>,
    ) -> Result<()>;
}

/// An input of an operation: floats or words of its type.
#[derive(Clone, Copy, Debug)]
pub struct Given<'run> {
    /// Shape and element.
    pub ty: &'run Type,
    /// Its entries, where they are floats.
    pub floats: &'run [f32],
    /// Its entries, where they are integers.
    pub words: &'run [u32],
    /// Its entries, where it is a weight that is held in 16-bit floats.
    pub f16s: &'run [f16],
}

impl<'run> Given<'run> {
    /// Its rows.
    pub fn rows(self) -> usize {
        self.ty.rows()
    }

    /// Its columns.
    pub fn columns(self) -> usize {
        self.ty.columns()
    }

    /// [start, length, text] of each row of a cursor.
    fn cursor(self) -> &'run [[u32; 3]] {
        self.words.as_chunks().0
    }
}

/// What a program's batch is of a larger one that is divided among several programs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BatchShard {
    /// Windows of the whole batch before this one's: dropout numbers its elements over the whole.
    pub first: usize,
    /// Targets that count in the whole batch, over which the gradient is a mean; `None` where this is all of it.
    pub counted: Option<f32>,
}

/// What an operation is told beside its operands.
#[derive(Debug)]
pub struct Call<'run> {
    /// Where in the model the operation stands.
    pub scope: &'run str,
    /// The caches that it reads and writes, in the order of its inputs.
    pub caches: &'run mut [Vec<f32>; 2],
    /// Dropout's seed.
    pub seed: [u32; 2],
    /// What the batch is a part of.
    pub shard: BatchShard,
    /// Who shares the work.
    pub workers: &'run Workers,
}

/// Where a row of a batch starts in its text: at 0 without a cursor.
fn start(cursor: &[[u32; 3]], row: usize) -> usize {
    cursor.get(row).map_or(0, |[start, ..]| *start as usize)
}

impl Call<'_> {
    /// Ids of an input must lie below `limit`, or be the one that does not count.
    fn known(&self, ids: Given<'_>, limit: usize, ignored: Option<u32>) -> Result<()> {
        match ids.words.iter().position(|id| *id as usize >= limit && Some(*id) != ignored) {
            None => Ok(()),
            Some(at) => Err(Error::Refused(format!(
                "{}: id {} at position {} of the batch is outside the vocabulary of {limit}; the tokens come from \
                 another tokenizer than the model's",
                self.scope,
                ids.words[at],
                self.first_element(ids.ty) + at
            ))),
        }
    }

    /// Number of an input's first element in the whole batch, counted as dropout does.
    fn first_element(&self, ty: &Type) -> usize {
        self.shard.first * ty.shape.iter().skip(1).product::<usize>()
    }

    /// Targets over which the gradient is a mean: those of the whole batch, or `here` where this is it.
    fn counted(&self, here: f32) -> f32 {
        self.shard.counted.unwrap_or(here)
    }
}
