//! Conversion of stored weights.

use super::{Call, Given, Interpret};
use crate::cpu::workers::Rows;
use glasshouse_compiler::blocks;
use glasshouse_compiler::graph::ops::Unpack;
use glasshouse_platform::Result;
use glasshouse_platform::lanes::vectorised;

/// Minimum entries per thread.
const WORK: usize = 1 << 14;

impl Interpret for Unpack {
    fn run(
        &self,
        call: Call<'_>,
        inputs: Self::Inputs<Given<'_>>,
        outputs: Self::Outputs<&mut [f32]>,
        _: Self::Gradients<&mut [f32]>,
    ) -> Result<()> {
        let (x, columns) = (inputs.x, inputs.x.columns());
        let row = blocks::row_words(x.ty.element, columns);
        call.workers.rows(
            x.rows(),
            WORK.div_ceil(columns),
            Rows::new(outputs.y, columns),
            |range, part, _| {
                unpack(x, &x.words[range.start * row..range.end * row], part.data);
            },
        );
        Ok(())
    }
}

vectorised! {
    /// Converts some rows of a stored matrix.
    pub fn unpack<L>(matrix: Given<'_>, words: &[u32], weights: &mut [f32]) {
        blocks::unpack(matrix.ty.element, matrix.columns(), words, weights);
    }
}
