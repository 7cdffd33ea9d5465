//! Frozen weights stored in fewer bits, as 32-bit words that a kernel or a vector unit reads without other tables.
//!
//! A row of a matrix that was quantised here has GGUF's blocks ([`quantise()`]), regrouped ([`gguf::regroup`]): the words of all quants, then
//! the f16 scales, two to a word. A row of f16 is two weights to a word. Matrices of imported files may also have the file's own blocks
//! ([`gguf`]).

mod dequantise;
pub mod gguf;
mod quantise;

pub use quantise::{q8_0, quantise};

use crate::graph::Element;
use half::f16;
use half::slice::HalfFloatSliceExt as _;

/// Weights that share a scale.
pub const BLOCK: usize = 32;

/// Words in a row of so many weights.
pub fn row_words(element: Element, columns: usize) -> usize {
    match element {
        Element::F32 | Element::U32 => columns,
        Element::F16 => columns.div_ceil(2),
        Element::Quantised(ty) => gguf::regrouped_words(ty, columns),
        Element::Gguf { row } => row as usize,
    }
}

/// Stores rows of `columns` weights each, which must be finite. In f16, weights beyond its range become its largest.
pub fn pack(element: Element, columns: usize, weights: &[f32], words: &mut [u32]) {
    match element {
        Element::F32 | Element::U32 => {
            words.iter_mut().zip(weights).for_each(|(word, weight)| *word = weight.to_bits());
        }
        Element::F16 => {
            let largest = f16::MAX.to_f32();
            let halves: &mut [f16] = bytemuck::cast_slice_mut(words);
            for (half, weight) in halves.iter_mut().zip(weights) {
                *half = f16::from_f32(weight.clamp(-largest, largest));
            }
        }
        Element::Quantised(ty) => {
            let mut blocks = vec![0; columns / ty.block() * ty.block_bytes()];
            let rows = words.chunks_exact_mut(row_words(element, columns));
            for (weights, words) in weights.chunks_exact(columns).zip(rows) {
                quantise(ty, weights, &mut blocks);
                gguf::regroup(ty, &blocks, words);
            }
        }
        // Blocks are only copied.
        Element::Gguf { .. } => {}
    }
}

/// Converts stored rows of `columns` weights each to floats.
pub fn unpack(element: Element, columns: usize, words: &[u32], weights: &mut [f32]) {
    let rows = words.chunks_exact(row_words(element, columns)).zip(weights.chunks_exact_mut(columns));
    match element {
        Element::F32 | Element::U32 => {
            weights.iter_mut().zip(words).for_each(|(weight, word)| *weight = f32::from_bits(*word));
        }
        Element::F16 => {
            let halves: &[f16] = bytemuck::cast_slice(words);
            halves[..weights.len()].convert_to_f32_slice(weights);
        }
        Element::Quantised(ty) => {
            rows.for_each(|(words, weights)| gguf::unpack_regrouped(ty, words, weights));
        }
        Element::Gguf { .. } => rows.for_each(|(words, weights)| gguf::unpack_row(words, weights)),
    }
}

/// Rounds rows of `columns` weights each to their stored values.
pub fn round(element: Element, columns: usize, weights: &mut [f32]) {
    let mut words = vec![0; weights.len() / columns * row_words(element, columns)];
    pack(element, columns, weights, &mut words);
    unpack(element, columns, &words, weights);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::gguf::GgmlType;
    use glasshouse_protocol::WeightFormat;

    #[test]
    fn formats_are_those_of_the_types_with_their_names() {
        for format in WeightFormat::ALL {
            let ty = GgmlType::from(format);
            assert_eq!(ty.name().to_lowercase(), format.name());
            assert_eq!(format.bits() * ty.block() as f64, 8.0 * ty.block_bytes() as f64, "{ty}");
            let is_of_blocks = format.block() == ty.block() && ty.is_written();
            assert!(is_of_blocks || !format.is_quantised(), "{ty}");
        }
    }

    fn weights(count: usize) -> Vec<f32> {
        (0..count).map(|at| ((at * 37 + 11) % 101) as f32 / 101.0 - 0.47).collect()
    }

    fn again(element: Element, columns: usize, given: &[f32]) -> Vec<f32> {
        let mut back = given.to_vec();
        round(element, columns, &mut back);
        back
    }

    #[test]
    fn each_format_keeps_weights_within_half_a_step() {
        // One block to a row leaves the last word half empty.
        for columns in [32, 64, 96] {
            let given = weights(5 * columns);
            // The side of 4 bits without the extreme weight reaches 7 of 8 steps.
            let formats = [
                (WeightFormat::F16, 0.0),
                (WeightFormat::Q8_0, 0.5 * 0.54 / 127.0),
                (WeightFormat::Q4_0, 0.54 / 8.0),
            ];
            for (format, most) in formats {
                let element = format.into();
                for (given, kept) in given.iter().zip(again(element, columns, &given)) {
                    // Weights or scales are rounded to 11 bits.
                    let most = most + given.abs() / 2048.0;
                    assert!((given - kept).abs() <= most, "{element:?}: {given} became {kept}");
                }
            }
        }
    }

    #[test]
    fn stored_weights_are_stored_again_without_loss() {
        let mut given = weights(256);
        given[64..96].fill(0.0);
        for element in WeightFormat::COMPRESSED.map(Element::from) {
            let once = again(element, 64, &given);
            assert_eq!(again(element, 64, &once), once, "{element:?}");
        }
    }
}
