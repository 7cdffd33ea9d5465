//! Dequantises blocks to floats like `dequantize_row_*` in `ggml-quants.c`, operation by operation, with bit-identical results.

use super::gguf::GgmlType;

/// Converts whole blocks to floats. If the lengths do not match, the excess of either side is left untouched. Inlined for the vector
/// instructions of the caller.
#[inline(always)]
pub fn dequantise(ty: GgmlType, bytes: &[u8], into: &mut [f32]) {
    match ty {
        GgmlType::F32 => blocks(bytes, into, f32),
        GgmlType::F16 => blocks(bytes, into, f16),
        GgmlType::BF16 => blocks(bytes, into, bf16),
        GgmlType::Q4_0 => blocks(bytes, into, q4_0),
        GgmlType::Q4_1 => blocks(bytes, into, q4_1),
        GgmlType::Q5_0 => blocks(bytes, into, q5_0),
        GgmlType::Q5_1 => blocks(bytes, into, q5_1),
        GgmlType::Q8_0 => blocks(bytes, into, q8_0),
        GgmlType::Q2_K => blocks(bytes, into, q2_k),
        GgmlType::Q3_K => blocks(bytes, into, q3_k),
        GgmlType::Q4_K => blocks(bytes, into, q4_k),
        GgmlType::Q5_K => blocks(bytes, into, q5_k),
        GgmlType::Q6_K => blocks(bytes, into, q6_k),
    }
}

/// Applies a function to each block.
#[inline(always)]
fn blocks<const BYTES: usize, const WEIGHTS: usize>(
    bytes: &[u8],
    into: &mut [f32],
    one: impl Fn(&[u8; BYTES], &mut [f32; WEIGHTS]),
) {
    for (bytes, weights) in bytes.as_chunks().0.iter().zip(into.as_chunks_mut().0) {
        one(bytes, weights);
    }
}

/// A scale in f16.
#[inline(always)]
fn half(bytes: [u8; 2]) -> f32 {
    half::f16::from_le_bytes(bytes).to_f32()
}

#[inline(always)]
fn f32(bytes: &[u8; 4], [weight]: &mut [f32; 1]) {
    *weight = f32::from_le_bytes(*bytes);
}

#[inline(always)]
fn f16(bytes: &[u8; 2], [weight]: &mut [f32; 1]) {
    *weight = half(*bytes);
}

#[inline(always)]
fn bf16(bytes: &[u8; 2], [weight]: &mut [f32; 1]) {
    *weight = f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16);
}

/// Scale; byte j holds weight j in its low and weight j + 16 in its high bits.
#[inline(always)]
fn q4_0(&[s0, s1, ref nibbles @ ..]: &[u8; 18], weights: &mut [f32; 32]) {
    let d = half([s0, s1]);
    for (j, byte) in nibbles.iter().enumerate() {
        weights[j] = (i32::from(byte & 15) - 8) as f32 * d;
        weights[j + 16] = (i32::from(byte >> 4) - 8) as f32 * d;
    }
}

/// Scale, minimum, nibbles like Q4_0.
#[inline(always)]
fn q4_1(&[s0, s1, m0, m1, ref nibbles @ ..]: &[u8; 20], weights: &mut [f32; 32]) {
    let (d, m) = (half([s0, s1]), half([m0, m1]));
    for (j, byte) in nibbles.iter().enumerate() {
        weights[j] = f32::from(byte & 15) * d + m;
        weights[j + 16] = f32::from(byte >> 4) * d + m;
    }
}

/// Scale, the fifth bits of all weights, nibbles like Q4_0.
#[inline(always)]
fn q5_0(&[s0, s1, h0, h1, h2, h3, ref nibbles @ ..]: &[u8; 22], weights: &mut [f32; 32]) {
    let (d, high) = (half([s0, s1]), u32::from_le_bytes([h0, h1, h2, h3]));
    for (j, byte) in nibbles.iter().enumerate() {
        weights[j] = (fifth(byte & 15, high, j) - 16) as f32 * d;
        weights[j + 16] = (fifth(byte >> 4, high, j + 16) - 16) as f32 * d;
    }
}

/// Scale, minimum, fifth bits, nibbles.
#[inline(always)]
fn q5_1(&[s0, s1, m0, m1, h0, h1, h2, h3, ref nibbles @ ..]: &[u8; 24], weights: &mut [f32; 32]) {
    let (d, m, high) = (half([s0, s1]), half([m0, m1]), u32::from_le_bytes([h0, h1, h2, h3]));
    for (j, byte) in nibbles.iter().enumerate() {
        weights[j] = fifth(byte & 15, high, j) as f32 * d + m;
        weights[j + 16] = fifth(byte >> 4, high, j + 16) as f32 * d + m;
    }
}

/// Four bits combined with the fifth, which is bit `at` of `high`.
#[inline(always)]
fn fifth(low: u8, high: u32, at: usize) -> i32 {
    i32::from(low) | (((high >> at) & 1) << 4) as i32
}

#[inline(always)]
fn q8_0(&[s0, s1, ref quants @ ..]: &[u8; 34], weights: &mut [f32; 32]) {
    let d = half([s0, s1]);
    for (weight, quant) in weights.iter_mut().zip(quants) {
        *weight = f32::from(quant.cast_signed()) * d;
    }
}

/// Scale and minimum for each 16 weights, two bits per weight (each 32 bytes hold four groups of 32 weights), d, dmin.
#[inline(always)]
fn q2_k(block: &[u8; 84], weights: &mut [f32; 256]) {
    let (d, dmin) = (half([block[80], block[81]]), half([block[82], block[83]]));
    for (group, weights) in weights.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (scale, minimum) = (d * f32::from(block[group] & 15), dmin * f32::from(block[group] >> 4));
        let (half, quarter, side) = (group / 8, group % 8 / 2, group % 2);
        for (at, weight) in weights.iter_mut().enumerate() {
            let quant = (block[16 + 32 * half + 16 * side + at] >> (2 * quarter)) & 3;
            *weight = scale * f32::from(quant) - minimum;
        }
    }
}

/// Third bits (bit j of byte l belongs to weight 32j + l; if not set, 4 is subtracted), two bits per weight like Q2_K, six-bit
/// scales for each 16 weights, d.
#[inline(always)]
fn q3_k(block: &[u8; 110], weights: &mut [f32; 256]) {
    let d = half([block[108], block[109]]);
    for (group, weights) in weights.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let low = (block[96 + group % 8] >> (4 * (group / 8))) & 15;
        let high = (block[104 + group % 4] >> (2 * (group / 4))) & 3;
        let scale = d * f32::from((low | high << 4).cast_signed() - 32);
        let (half, quarter, side) = (group / 8, group % 8 / 2, group % 2);
        for (at, weight) in weights.iter_mut().enumerate() {
            let low = (block[32 + 32 * half + 16 * side + at] >> (2 * quarter)) & 3;
            let high = (block[16 * side + at] >> (group / 2)) & 1;
            *weight = scale * (i32::from(low | high << 2) - 4) as f32;
        }
    }
}

/// Scale and minimum of one of the eight groups of 32: six bits each, packed into twelve bytes.
#[inline(always)]
fn scale_and_minimum(packed: &[u8; 12], group: usize) -> (f32, f32) {
    let (scale, minimum) = if group < 4 {
        (packed[group] & 63, packed[group + 4] & 63)
    } else {
        let low = packed[group + 4];
        (low & 15 | packed[group - 4] >> 6 << 4, low >> 4 | packed[group] >> 6 << 4)
    };
    (f32::from(scale), f32::from(minimum))
}

/// d, dmin, scales and minimums, nibbles: each 32 bytes hold 32 weights in their low and the next 32 in their high bits.
#[inline(always)]
fn q4_k(&[s0, s1, m0, m1, ref rest @ ..]: &[u8; 144], weights: &mut [f32; 256]) {
    let (d, dmin) = (half([s0, s1]), half([m0, m1]));
    let (packed, nibbles) = split::<12, 128>(rest);
    for (group, weights) in weights.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, minimum) = scale_and_minimum(packed, group);
        let (scale, minimum) = (d * scale, dmin * minimum);
        for (at, weight) in weights.iter_mut().enumerate() {
            let quant = (nibbles[group / 2 * 32 + at] >> (4 * (group % 2))) & 15;
            *weight = scale * f32::from(quant) - minimum;
        }
    }
}

/// Like Q4_K, with the fifth bits before the nibbles: bit j of byte l belongs to weight 32j + l.
#[inline(always)]
fn q5_k(&[s0, s1, m0, m1, ref rest @ ..]: &[u8; 176], weights: &mut [f32; 256]) {
    let (d, dmin) = (half([s0, s1]), half([m0, m1]));
    let (packed, rest) = split::<12, 160>(rest);
    let (high, nibbles) = split::<32, 128>(rest);
    for (group, weights) in weights.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, minimum) = scale_and_minimum(packed, group);
        let (scale, minimum) = (d * scale, dmin * minimum);
        for (at, weight) in weights.iter_mut().enumerate() {
            let low = (nibbles[group / 2 * 32 + at] >> (4 * (group % 2))) & 15;
            let quant = low | ((high[at] >> group) & 1) << 4;
            *weight = scale * f32::from(quant) - minimum;
        }
    }
}

/// For each half: 64 bytes with low nibbles (like two groups of Q4_K, the low bits of both first), and 32 bytes with the two
/// upper bits of four groups of 32 weights. Then scales for each 16 weights, and d.
#[inline(always)]
fn q6_k(block: &[u8; 210], weights: &mut [f32; 256]) {
    let (low, rest) = split::<128, 82>(block);
    let (high, rest) = split::<64, 18>(rest);
    let (scales, &d) = split::<16, 2>(rest);
    let d = half(d);
    for (group, weights) in weights.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let scale = d * f32::from(scales[group].cast_signed());
        let (half, quarter, side) = (group / 8, group % 8 / 2, group % 2);
        for (at, weight) in weights.iter_mut().enumerate() {
            let low = (low[64 * half + 32 * (quarter % 2) + 16 * side + at] >> (4 * (quarter / 2))) & 15;
            let high = (high[32 * half + 16 * side + at] >> (2 * quarter)) & 3;
            *weight = scale * (i32::from(low | high << 4) - 32) as f32;
        }
    }
}

#[inline(always)]
fn split<const FIRST: usize, const SECOND: usize>(bytes: &[u8]) -> (&[u8; FIRST], &[u8; SECOND]) {
    match bytes.split_first_chunk().map(|(first, rest)| (first, rest.first_chunk())) {
        Some((first, Some(second))) => (first, second),
        _ => (&[0; FIRST], &[0; SECOND]),
    }
}
