//! Conversion of stored weights.

use super::{Call, Given, Interpret, Run};
use crate::cpu::interleaved;
use crate::cpu::workers::Rows;
use glasshouse_compiler::blocks;
use glasshouse_compiler::graph::Element;
use glasshouse_compiler::graph::ops::Unpack;
use glasshouse_platform::Result;
use glasshouse_platform::lanes::vectorised;

/// Minimum entries per thread.
const WORK: usize = 1 << 14;

impl Interpret for Unpack {
    fn run(&self, call: Call<'_>, Run { inputs, outputs, .. }: Run<'_, Self>) -> Result<()> {
        let (x, columns) = (inputs.x, inputs.x.columns());
        let (least, y) = (WORK.div_ceil(columns), Rows::new(outputs.y, columns));
        call.workers.rows(x.rows(), least, y, |range, part, _| {
            for (row, y) in range.zip(part.data.chunks_exact_mut(columns)) {
                unpack_row(x, call.interleaved, row, y);
            }
        });
        Ok(())
    }
}

/// Converts a row of a stored matrix.
pub fn unpack_row(matrix: Given<'_>, is_interleaved: bool, row: usize, weights: &mut [f32]) {
    let (element, length) = (matrix.ty.element, blocks::row_words(matrix.ty.element, matrix.columns()));
    if is_interleaved && blocks::quant_words(element) > 0 {
        unpack(element, &interleaved::row(matrix.words, length, row), weights);
    } else {
        unpack(element, &matrix.words[row * length..(row + 1) * length], weights);
    }
}

vectorised! {
    /// Converts a row that is not interleaved.
    pub fn unpack<L>(element: Element, words: &[u32], weights: &mut [f32]) {
        match element {
            Element::Gguf { .. } => blocks::gguf::unpack_row(words, weights),
            _ => blocks::unpack(element, weights.len(), words, weights),
        }
    }
}
