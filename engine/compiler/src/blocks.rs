//! Frozen weights stored in fewer bits, as 32-bit words that a kernel or a vector unit reads without other tables.
//!
//! A row of a matrix that was quantised here begins with its quants, 32 weights after another, and ends with its f16 scales, two to a word. Within a
//! block, the bytes are GGUF's: `q8_0` has a signed byte per weight, `q4_0` has weight j in the low and weight j + 16 in the high four
//! bits of byte j, offset by 8. A row of f16 is two weights to a word. Matrices of imported files may also have the file's own blocks
//! ([`gguf`]).

mod dequantise;
pub mod gguf;

use crate::graph::Element;
use half::f16;
use half::slice::HalfFloatSliceExt as _;

/// Weights that share a scale.
pub const BLOCK: usize = 32;

/// Words of a block's quants; 0 unless the element is quantised.
pub const fn quant_words(element: Element) -> usize {
    match element {
        Element::Q8_0 => 8,
        Element::Q4_0 => 4,
        Element::F32 | Element::F16 | Element::U32 | Element::Gguf { .. } => 0,
    }
}

/// Words in a row of so many weights.
pub fn row_words(element: Element, columns: usize) -> usize {
    match element {
        Element::F32 | Element::U32 => columns,
        Element::F16 => columns.div_ceil(2),
        Element::Q8_0 | Element::Q4_0 => {
            let blocks = columns / BLOCK;
            blocks * quant_words(element) + blocks.div_ceil(2)
        }
        Element::Gguf { row } => row as usize,
    }
}

/// The scale, maximum magnitude / 127, and the quants rounded to nearest, ties away from zero (`quantize_row_q8_0_ref` of ggml, which
/// stores the scale in f16).
#[inline(always)]
pub fn q8_0(weights: &[f32; BLOCK]) -> (f32, [u8; 32]) {
    let d = largest(weights) / 127.0;
    let inverse = inverse(d);
    let quant = |weight: f32| {
        let scaled = weight * inverse;
        // Adding the largest float below 1/2, with the sign, and truncating equals `round` for this range, and vectorises everywhere.
        (scaled + 0.499_999_97_f32.copysign(scaled)) as i32 as u8
    };
    (d, std::array::from_fn(|at| quant(weights[at])))
}

/// The scale, −1/8 of the weight of maximum magnitude, and the quants (`quantize_row_q4_0_ref` of ggml).
#[inline(always)]
pub fn q4_0(weights: &[f32; BLOCK]) -> (f32, [u8; 16]) {
    let largest = largest(weights);
    let extreme =
        weights.iter().copied().find(|weight| *weight != 0.0 && weight.abs() == largest).unwrap_or(0.0);
    let d = extreme / -8.0;
    let inverse = inverse(d);
    let quant = |weight: f32| ((weight * inverse + 8.5) as i32).min(15) as u8;
    (d, std::array::from_fn(|at| quant(weights[at]) | quant(weights[at + 16]) << 4))
}

/// 1/d, or 0 for 0.
#[inline(always)]
fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

/// Maximum magnitude. Positive floats sort like their bits, which vector units can compare in any order.
#[inline(always)]
fn largest(weights: &[f32; BLOCK]) -> f32 {
    f32::from_bits(weights.iter().fold(0, |largest, weight| largest.max(weight.abs().to_bits())))
}

/// Stores rows of `columns` weights each, which must be finite. In f16, weights beyond its range become its largest.
pub fn pack(element: Element, columns: usize, weights: &[f32], words: &mut [u32]) {
    let rows = weights.chunks_exact(columns).zip(words.chunks_exact_mut(row_words(element, columns)));
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
        Element::Q8_0 => rows.for_each(|(weights, words)| pack_row(weights, words, q8_0)),
        Element::Q4_0 => rows.for_each(|(weights, words)| pack_row(weights, words, q4_0)),
        // Blocks are only copied.
        Element::Gguf { .. } => {}
    }
}

fn pack_row<const BYTES: usize>(
    weights: &[f32],
    words: &mut [u32],
    quantise: impl Fn(&[f32; BLOCK]) -> (f32, [u8; BYTES]),
) {
    let blocks = weights.as_chunks().0;
    let (quants, scales) = words.split_at_mut(blocks.len() * BYTES / 4);
    let (quants, scales): (&mut [u8], &mut [f16]) =
        (bytemuck::cast_slice_mut(quants), bytemuck::cast_slice_mut(scales));
    for ((weights, quants), scale) in blocks.iter().zip(quants.as_chunks_mut().0).zip(scales) {
        let (d, own) = quantise(weights);
        (*scale, *quants) = (f16::from_f32(d), own);
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
        Element::Q8_0 => rows.for_each(|(words, weights)| {
            unpack_row(words, weights, |quants: &[u8; 32], weights| {
                weights.iter_mut().zip(quants).for_each(|(weight, quant)| *weight = f32::from(*quant as i8));
            });
        }),
        Element::Q4_0 => rows.for_each(|(words, weights)| {
            unpack_row(words, weights, |quants: &[u8; 16], weights| {
                for (at, quant) in quants.iter().enumerate() {
                    weights[at] = (i32::from(quant & 15) - 8) as f32;
                    weights[at + 16] = (i32::from(quant >> 4) - 8) as f32;
                }
            });
        }),
        Element::Gguf { .. } => rows.for_each(|(words, weights)| gguf::unpack_row(words, weights)),
    }
}

/// Rounds rows of `columns` weights each to their stored values.
pub fn round(element: Element, columns: usize, weights: &mut [f32]) {
    let mut words = vec![0; weights.len() / columns * row_words(element, columns)];
    pack(element, columns, weights, &mut words);
    unpack(element, columns, &words, weights);
}

fn unpack_row<const BYTES: usize>(
    words: &[u32],
    weights: &mut [f32],
    dequantise: impl Fn(&[u8; BYTES], &mut [f32; BLOCK]),
) {
    let blocks = weights.as_chunks_mut().0;
    let (quants, scales) = words.split_at(blocks.len() * BYTES / 4);
    let (quants, scales): (&[u8], &[f16]) = (bytemuck::cast_slice(quants), bytemuck::cast_slice(scales));
    for ((quants, weights), scale) in quants.as_chunks().0.iter().zip(blocks).zip(scales) {
        dequantise(quants, weights);
        let scale = scale.to_f32();
        weights.iter_mut().for_each(|weight| *weight *= scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let formats =
                [(Element::F16, 0.0), (Element::Q8_0, 0.5 * 0.54 / 127.0), (Element::Q4_0, 0.54 / 8.0)];
            for (element, most) in formats {
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
        for element in [Element::F16, Element::Q8_0, Element::Q4_0] {
            let once = again(element, 64, &given);
            assert_eq!(again(element, 64, &once), once, "{element:?}");
        }
    }
}
