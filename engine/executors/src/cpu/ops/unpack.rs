//! Conversion of stored weights.

use super::{Call, Given, Interpret, Run};
use crate::cpu::interleaved;
use crate::cpu::workers::Rows;
use glasshouse_compiler::blocks;
use glasshouse_compiler::blocks::gguf::{self, GgmlType};
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
    // The type of an interleaved row, and the words before its blocks.
    let (ty, first) = match element {
        Element::Gguf { .. } if is_interleaved => {
            (interleaved::type_of_blocks(interleaved::group_of(matrix.words, length, row)), 1)
        }
        Element::Quantised(ty) if is_interleaved => (Some(ty), 0),
        _ => (None, 0),
    };
    match ty {
        Some(ty) => unpack_regrouped(ty, &interleaved::row(matrix.words, length, row)[first..], weights),
        None => unpack(element, &matrix.words[row * length..(row + 1) * length], weights),
    }
}

/// Converts a row that is not interleaved.
pub fn unpack(element: Element, words: &[u32], weights: &mut [f32]) {
    match element {
        Element::Gguf { .. } => unpack_blocks(words, weights),
        Element::Quantised(ty) => unpack_regrouped(ty, words, weights),
        _ => blocks::unpack(element, weights.len(), words, weights),
    }
}

vectorised! {
    fn unpack_blocks<L>(words: &[u32], weights: &mut [f32]) {
        gguf::unpack_row(words, weights);
    }

    fn unpack_regrouped<L>(ty: GgmlType, words: &[u32], weights: &mut [f32]) {
        gguf::unpack_regrouped(ty, words, weights);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::tests::rows_of_blocks;
    use glasshouse_compiler::graph::Type;

    #[test]
    fn interleaved_blocks_are_the_weights_of_the_file() {
        let columns = 512;
        let blocky = || GgmlType::ALL.into_iter().filter(|ty| ty.block() > 1);
        // Whole groups and remainders of one type, and rows of several.
        let of_one = blocky().flat_map(|ty| [1, 16, 35].map(|count| vec![ty; count]));
        let of_several = [16, 20].map(|first| {
            let rest = [GgmlType::Q6_K, GgmlType::F16, GgmlType::BF16];
            vec![GgmlType::Q4_K; first]
                .into_iter()
                .chain(rest.into_iter().cycle().take(23))
                .collect::<Vec<_>>()
        });
        for types in of_one.chain(of_several) {
            let (length, mut words) = rows_of_blocks(&types, columns);
            let ty =
                Type { shape: vec![types.len(), columns], element: Element::Gguf { row: length as u32 } };
            let read = |words: &[u32], is_interleaved| {
                let mut weights = vec![0.0; types.len() * columns];
                for (row, weights) in weights.chunks_exact_mut(columns).enumerate() {
                    unpack_row(Given { ty: &ty, floats: &[], words }, is_interleaved, row, weights);
                }
                weights
            };
            let expected = read(&words, false);
            assert!(
                expected.iter().all(|weight| weight.is_finite()) && expected.iter().any(|one| *one != 0.0)
            );
            interleaved::interleave_blocks(&mut words, length, columns);
            assert_eq!(read(&words, true), expected, "{types:?}");
        }
    }
}
