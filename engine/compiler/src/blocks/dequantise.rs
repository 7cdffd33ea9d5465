//! Blocks as integers with scales and minimums: w = scale · (integer − offset) + minimum. All operations are those of `dequantize_row_*` in
//! `ggml-quants.c`, with bit-identical results.
//!
//! A block is whole words, and in some types a scale of 16 bits besides, before the words of 32 weights and after those of 256. Rows are
//! unpacked with the words of all blocks first and these scales last, two to a word ([`regroup`]). `LANES` rows of one type, whose words
//! take turns, are unpacked together by vector instructions.

use super::gguf::GgmlType;

/// The lowest four, two or single bits of a word's bytes.
const FOUR: u32 = 0x0f0f_0f0f;
const TWO: u32 = 0x0303_0303;
const ONE: u32 = 0x0101_0101;

/// The steps of `IQ4_NL` and `IQ4_XS`, plus 128 (`kvalues_iq4nl`).
const STEPS: [u8; 16] = [1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241];

/// Maximum weights in a block.
const LARGEST: usize = 256;

/// Unpacked blocks of `LANES` rows.
pub struct Groups<'to, const LANES: usize> {
    /// Unsigned bytes, four weights to a word, of which [`GgmlType::offset`] is to be subtracted.
    pub quants: &'to mut [[u32; LANES]],
    /// For each [`GgmlType::group`] of weights.
    pub scales: &'to mut [[f32; LANES]],
    /// Likewise; −0 in types without.
    pub minimums: &'to mut [[f32; LANES]],
}

/// Converts whole blocks to floats. If the lengths do not match, the excess of either side is left untouched. Inlined for the vector
/// instructions of the caller.
#[inline(always)]
pub fn dequantise(ty: GgmlType, bytes: &[u8], into: &mut [f32]) {
    match ty {
        GgmlType::F32 => numbers(bytes, into, f32::from_le_bytes),
        GgmlType::F16 => numbers(bytes, into, |bytes| half(u16::from_le_bytes(bytes).into())),
        GgmlType::BF16 => {
            numbers(bytes, into, |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16));
        }
        _ => {
            let mut words = [0; LARGEST / 4];
            for (bytes, into) in bytes.chunks_exact(ty.block_bytes()).zip(into.chunks_exact_mut(ty.block())) {
                regroup(ty, bytes, &mut words);
                unpack_row(ty, &words, into);
            }
        }
    }
}

#[inline(always)]
fn numbers<const BYTES: usize>(bytes: &[u8], into: &mut [f32], number: impl Fn([u8; BYTES]) -> f32) {
    for (bytes, weight) in bytes.as_chunks().0.iter().zip(into) {
        *weight = number(*bytes);
    }
}

/// Words of so many weights in regrouped blocks.
pub fn regrouped_words(ty: GgmlType, weights: usize) -> usize {
    let (blocks, bytes) = (weights / ty.block(), ty.block_bytes());
    blocks * (bytes / 4) + if bytes.is_multiple_of(4) { 0 } else { blocks.div_ceil(2) }
}

/// Words of whole blocks, with the words of all blocks before the single scales.
pub fn regroup(ty: GgmlType, blocks: &[u8], words: &mut [u32]) {
    let (count, own) = (blocks.len() / ty.block_bytes(), ty.block_bytes() / 4);
    let (words, scales) = words.split_at_mut(count * own);
    scales.fill(0);
    for (number, block) in blocks.chunks_exact(ty.block_bytes()).enumerate() {
        let (first, rest) = match ty.block_bytes() % 4 {
            0 => (&[][..], block),
            _ if ty.block() == LARGEST => {
                let (rest, last) = block.split_at(4 * own);
                (last, rest)
            }
            _ => block.split_at(2),
        };
        for (word, bytes) in words[number * own..].iter_mut().zip(rest.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        if let [low, high] = *first {
            scales[number / 2] |= u32::from(u16::from_le_bytes([low, high])) << (number % 2 * 16);
        }
    }
}

/// Converts regrouped blocks of a row to floats.
#[inline(always)]
pub fn unpack_row(ty: GgmlType, words: &[u32], into: &mut [f32]) {
    let (group, offset) = (ty.group(), ty.offset());
    let mut quants = [[0; 1]; LARGEST / 4];
    let (mut scales, mut minimums) = ([[0.0; 1]; LARGEST / 16], [[0.0; 1]; LARGEST / 16]);
    let count = into.len() / ty.block();
    for (number, into) in into.chunks_exact_mut(ty.block()).enumerate() {
        let mut to = Groups { quants: &mut quants, scales: &mut scales, minimums: &mut minimums };
        unpack_block(ty, words.as_chunks().0, [number, count], &mut to);
        let quants: &[u8] = bytemuck::cast_slice(&quants);
        let groups = into.chunks_exact_mut(group).zip(quants.chunks_exact(group));
        for ((weights, quants), ([scale], [minimum])) in groups.zip(scales.iter().zip(&minimums)) {
            for (weight, quant) in weights.iter_mut().zip(quants) {
                *weight = scale * (i32::from(*quant) - offset) as f32 + minimum;
            }
        }
    }
}

/// Unpacks regrouped rows of `count` blocks.
#[inline(always)]
pub fn unpack_groups<const LANES: usize>(
    ty: GgmlType,
    words: &[[u32; LANES]],
    count: usize,
    to: &mut Groups<'_, LANES>,
) {
    let (quants, groups) = (ty.block() / 4, ty.block() / ty.group());
    let parts = to.quants.chunks_exact_mut(quants).zip(to.scales.chunks_exact_mut(groups));
    let parts = parts.zip(to.minimums.chunks_exact_mut(groups)).take(count);
    for (number, ((quants, scales), minimums)) in parts.enumerate() {
        unpack_block(ty, words, [number, count], &mut Groups { quants, scales, minimums });
    }
}

/// Unpacks block `number` of regrouped rows of `count` blocks.
// Elsewhere for the vector instructions of the caller; in a browser, where there is one set, each copy would be downloaded.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn unpack_block<const LANES: usize>(
    ty: GgmlType,
    words: &[[u32; LANES]],
    [number, count]: [usize; 2],
    to: &mut Groups<'_, LANES>,
) {
    let own = ty.block_bytes() / 4;
    let w = &words[number * own..(number + 1) * own];
    let mut single = [0.0; LANES];
    if !ty.block_bytes().is_multiple_of(4) {
        lanes(&mut single, &words[count * own + number / 2], |word| half(word >> (number % 2 * 16)));
    }
    let (d, none) = (&single, [0; LANES]);
    match ty {
        GgmlType::F32 | GgmlType::F16 | GgmlType::BF16 => {}
        // Scale; byte j of the words holds weight j in its low and weight j + 16 in its high bits.
        GgmlType::Q4_0 => {
            four_and_fifth(w, &none, to.quants);
            (to.scales[0], to.minimums[0]) = (*d, [-0.0; LANES]);
        }
        // Scale and minimum, nibbles like Q4_0.
        GgmlType::Q4_1 => {
            four_and_fifth(&w[1..], &none, to.quants);
            scale_and_minimum(&w[0], to);
        }
        // Scale, the fifth bits of all weights, nibbles.
        GgmlType::Q5_0 => {
            four_and_fifth(&w[1..], &w[0], to.quants);
            (to.scales[0], to.minimums[0]) = (*d, [-0.0; LANES]);
        }
        // Scale and minimum, fifth bits, nibbles.
        GgmlType::Q5_1 => {
            four_and_fifth(&w[2..], &w[1], to.quants);
            scale_and_minimum(&w[0], to);
        }
        // Scale, signed bytes.
        GgmlType::Q8_0 => {
            for (quants, word) in to.quants.iter_mut().zip(w) {
                lanes(quants, word, |word| word ^ 0x8080_8080);
            }
            (to.scales[0], to.minimums[0]) = (*d, [-0.0; LANES]);
        }
        // Scale and minimum for each 16 weights, two bits per weight (each 32 bytes hold four groups of 32 weights), d, dmin.
        GgmlType::Q2_K => {
            for (at, quants) in to.quants[..64].iter_mut().enumerate() {
                let shift = at % 32 / 8 * 2;
                lanes(quants, &w[4 + at / 32 * 8 + at % 8], |word| (word >> shift) & TWO);
            }
            for group in 0..16 {
                for lane in 0..LANES {
                    let (d, minimum) = (half(w[20][lane]), half(w[20][lane] >> 16));
                    let own = byte(w, group, lane);
                    to.scales[group][lane] = d * (own & 15) as f32;
                    to.minimums[group][lane] = -(minimum * (own >> 4) as f32);
                }
            }
        }
        // Third bits (bit j of byte l belongs to weight 32j + l), two bits per weight like Q2_K, six-bit scales for each 16 weights, d.
        GgmlType::Q3_K => {
            for (at, quants) in to.quants[..64].iter_mut().enumerate() {
                let (low, third) = (&w[8 + at / 32 * 8 + at % 8], &w[at % 8]);
                let (shift, bit) = (at % 32 / 8 * 2, at / 8);
                pairs(quants, low, third, |low, third| (low >> shift) & TWO | ((third >> bit) & ONE) << 2);
            }
            for group in 0..16 {
                for (lane, d) in d.iter().enumerate() {
                    let low = byte(w, 96 + group % 8, lane) >> (group / 8 * 4) & 15;
                    let high = byte(w, 104 + group % 4, lane) >> (group / 4 * 2) & 3;
                    to.scales[group][lane] = d * ((low | high << 4) - 32) as f32;
                }
                to.minimums[group] = [-0.0; LANES];
            }
        }
        // d, dmin, scales and minimums, nibbles: each 32 bytes hold 32 weights in their low and the next 32 in their high bits.
        GgmlType::Q4_K => {
            for (at, quants) in to.quants[..64].iter_mut().enumerate() {
                let shift = at / 8 % 2 * 4;
                lanes(quants, &w[4 + at / 16 * 8 + at % 8], |word| (word >> shift) & FOUR);
            }
            six_bits(w, to);
        }
        // Like Q4_K, with the fifth bits before the nibbles: bit j of byte l belongs to weight 32j + l.
        GgmlType::Q5_K => {
            for (at, quants) in to.quants[..64].iter_mut().enumerate() {
                let (low, fifth) = (&w[12 + at / 16 * 8 + at % 8], &w[4 + at % 8]);
                let (shift, bit) = (at / 8 % 2 * 4, at / 8);
                pairs(quants, low, fifth, |low, fifth| (low >> shift) & FOUR | ((fifth >> bit) & ONE) << 4);
            }
            six_bits(w, to);
        }
        // For each half: 64 bytes with low nibbles (like two groups of Q4_K, the low bits of both first), and 32 bytes with the two upper
        // bits of four groups of 32 weights. Then scales for each 16 weights, and d.
        GgmlType::Q6_K => {
            for (at, quants) in to.quants[..64].iter_mut().enumerate() {
                let (low, high) = (&w[at / 32 * 16 + at % 16], &w[32 + at / 32 * 8 + at % 8]);
                let (shift, upper) = (at % 32 / 16 * 4, at % 32 / 8 * 2);
                pairs(quants, low, high, |low, high| (low >> shift) & FOUR | ((high >> upper) & TWO) << 4);
            }
            for group in 0..16 {
                for (lane, d) in d.iter().enumerate() {
                    let scale = byte(w, 192 + group, lane) as i8;
                    to.scales[group][lane] = d * f32::from(scale);
                }
                to.minimums[group] = [-0.0; LANES];
            }
        }
        // Scale, nibbles like Q4_0.
        GgmlType::IQ4_NL => {
            unequal_steps(w, to.quants);
            (to.scales[0], to.minimums[0]) = (*d, [-0.0; LANES]);
        }
        // d, the upper two bits of all scales, the lower four, nibbles of each 32 weights like Q4_0.
        GgmlType::IQ4_XS => {
            for group in 0..8 {
                unequal_steps(&w[2 + 4 * group..6 + 4 * group], &mut to.quants[8 * group..8 * group + 8]);
                for lane in 0..LANES {
                    let low = byte(w, 4 + group / 2, lane) >> (group % 2 * 4) & 15;
                    let high = (w[0][lane] >> (16 + 2 * group)) as i32 & 3;
                    to.scales[group][lane] = half(w[0][lane]) * ((low | high << 4) - 32) as f32;
                }
                to.minimums[group] = [-0.0; LANES];
            }
        }
    }
}

/// The steps of 32 weights.
#[inline(always)]
fn unequal_steps<const LANES: usize>(w: &[[u32; LANES]], quants: &mut [[u32; LANES]]) {
    for (at, quants) in quants[..8].iter_mut().enumerate() {
        lanes(quants, &w[at % 4], |word| {
            let nibbles = (word >> (at / 4 * 4)) & FOUR;
            u32::from_le_bytes(nibbles.to_le_bytes().map(|nibble| STEPS[usize::from(nibble)]))
        });
    }
}

/// Four bits of 32 weights, and their fifth bits: bit i of a word belongs to weight i.
#[inline(always)]
fn four_and_fifth<const LANES: usize>(w: &[[u32; LANES]], fifth: &[u32; LANES], quants: &mut [[u32; LANES]]) {
    for (at, quants) in quants[..8].iter_mut().enumerate() {
        pairs(quants, &w[at % 4], fifth, |low, fifth| {
            let bits = fifth >> (4 * at);
            let bits =
                bits << 4 & 0x10 | bits << 11 & 0x1000 | bits << 18 & 0x10_0000 | bits << 25 & 0x1000_0000;
            (low >> (at / 4 * 4)) & FOUR | bits
        });
    }
}

/// Those of a block with one of each, in 16 bits.
#[inline(always)]
fn scale_and_minimum<const LANES: usize>(word: &[u32; LANES], to: &mut Groups<'_, LANES>) {
    lanes(&mut to.scales[0], word, half);
    lanes(&mut to.minimums[0], word, |word| half(word >> 16));
}

/// Scales and minimums of eight groups of 32: d and dmin, and six bits for each, packed into twelve bytes.
#[inline(always)]
fn six_bits<const LANES: usize>(w: &[[u32; LANES]], to: &mut Groups<'_, LANES>) {
    for group in 0..8 {
        for lane in 0..LANES {
            let (d, dmin) = (half(w[0][lane]), half(w[0][lane] >> 16));
            let packed = |at| byte(w, 4 + at, lane);
            let (scale, minimum) = if group < 4 {
                (packed(group) & 63, packed(group + 4) & 63)
            } else {
                let low = packed(group + 4);
                (low & 15 | packed(group - 4) >> 6 << 4, low >> 4 | packed(group) >> 6 << 4)
            };
            to.scales[group][lane] = d * scale as f32;
            to.minimums[group][lane] = -(dmin * minimum as f32);
        }
    }
}

/// A byte of a block's words. Signed, since vector units convert only signed integers to floats.
#[inline(always)]
fn byte<const LANES: usize>(w: &[[u32; LANES]], at: usize, lane: usize) -> i32 {
    (w[at / 4][lane] >> (at % 4 * 8) & 255) as i32
}

#[inline(always)]
fn lanes<T, const LANES: usize>(to: &mut [T; LANES], from: &[u32; LANES], change: impl Fn(u32) -> T) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = change(*from);
    }
}

#[inline(always)]
fn pairs<const LANES: usize>(
    to: &mut [u32; LANES],
    first: &[u32; LANES],
    second: &[u32; LANES],
    join: impl Fn(u32, u32) -> u32,
) {
    for (to, (first, second)) in to.iter_mut().zip(first.iter().zip(second)) {
        *to = join(*first, *second);
    }
}

/// The 16-bit float in the lower half of a word. Without branches or calls, for vector instructions.
#[inline(always)]
fn half(word: u32) -> f32 {
    const TWO_TO_112: f32 = f32::from_bits((127 + 112) << 23);
    let magnitude = word & 0x7fff;
    // Widening the exponent's field divides by 2¹¹², subnormal numbers included.
    let finite = f32::from_bits(magnitude << 13) * TWO_TO_112;
    let infinite = 0x7f80_0000 | magnitude << 13;
    let bits = if magnitude < 0x7c00 { finite.to_bits() } else { infinite };
    f32::from_bits(bits | (word & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `dequantise` is compared with llama.cpp in the crate of GGUF files.
    #[test]
    fn rows_unpacked_together_are_the_weights_of_each() {
        const ROWS: usize = 3;
        let columns = 2 * LARGEST;
        let mut random = 1_u32;
        let mut byte = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // One bit is cleared, so that no scale is infinite.
            (random >> 24) as u8 & 0xbf
        };
        for ty in GgmlType::ALL.into_iter().filter(|ty| ty.block() > 1) {
            let count = columns / ty.block();
            let mut words = vec![[0; ROWS]; count * ty.block_bytes().div_ceil(4)];
            let mut expected = vec![0.0; ROWS * columns];
            for (row, expected) in expected.chunks_exact_mut(columns).enumerate() {
                let blocks: Vec<u8> = (0..count * ty.block_bytes()).map(|_| byte()).collect();
                dequantise(ty, &blocks, expected);
                let mut own = vec![0; words.len()];
                regroup(ty, &blocks, &mut own);
                words.iter_mut().zip(own).for_each(|(word, own)| word[row] = own);
            }
            let groups = columns / ty.group();
            let mut quants = vec![[0; ROWS]; columns / 4];
            let (mut scales, mut minimums) = (vec![[0.0; ROWS]; groups], vec![[0.0; ROWS]; groups]);
            let mut to = Groups { quants: &mut quants, scales: &mut scales, minimums: &mut minimums };
            unpack_groups(ty, &words, count, &mut to);
            for (at, expected) in expected.iter().enumerate() {
                let (row, column) = (at / columns, at % columns);
                let quant = i32::from(quants[column / 4][row].to_le_bytes()[column % 4]) - ty.offset();
                assert_eq!(i32::from(quant as i8), quant, "{ty}");
                let group = column / ty.group();
                let weight = scales[group][row] * quant as f32 + minimums[group][row];
                assert_eq!(weight, *expected, "{ty}: column {column} of row {row}");
            }
        }
    }
}
