//! Quantises floats to blocks like `quantize_row_*_ref` in `ggml-quants.c`, operation by operation, with byte-identical results.
//! Quants are computed with the f32 scale; only the stored scale is rounded to f16.
//!
//! Entries must be finite. ggml is the work of its authors, under the MIT licence.

use super::gguf::GgmlType;

/// Q6_K groups with no larger entry count as zeros (`GROUP_MAX_EPS`).
const NOTHING: f32 = 1e-15;

impl GgmlType {
    /// Whether [`quantise`] makes blocks of this type.
    pub fn is_written(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::BF16 | Self::Q4_0 | Self::Q4_1 | Self::Q8_0 | Self::Q6_K)
    }
}

/// Converts entries to as many whole blocks as there is room for. No-op unless the type [is written](GgmlType::is_written).
// Elsewhere for the vector instructions of the caller; in a browser, where there is one set, each copy would be downloaded.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub fn quantise(ty: GgmlType, entries: &[f32], bytes: &mut [u8]) {
    match ty {
        GgmlType::F32 => blocks(entries, bytes, f32),
        GgmlType::F16 => blocks(entries, bytes, f16),
        GgmlType::BF16 => blocks(entries, bytes, bf16),
        GgmlType::Q4_0 => blocks(entries, bytes, q4_0),
        GgmlType::Q4_1 => blocks(entries, bytes, q4_1),
        GgmlType::Q8_0 => blocks(entries, bytes, |entries, [s0, s1, quants @ ..]: &mut [u8; 34]| {
            let scale;
            (scale, *quants) = q8_0(entries);
            [*s0, *s1] = half(scale);
        }),
        GgmlType::Q6_K => blocks(entries, bytes, q6_k),
        GgmlType::Q5_0
        | GgmlType::Q5_1
        | GgmlType::Q2_K
        | GgmlType::Q3_K
        | GgmlType::Q4_K
        | GgmlType::Q5_K => {}
    }
}

/// Applies a function to each block.
#[inline(always)]
fn blocks<const WEIGHTS: usize, const BYTES: usize>(
    entries: &[f32],
    bytes: &mut [u8],
    one: impl Fn(&[f32; WEIGHTS], &mut [u8; BYTES]),
) {
    for (entries, bytes) in entries.as_chunks().0.iter().zip(bytes.as_chunks_mut().0) {
        one(entries, bytes);
    }
}

/// The bytes of a scale in f16.
#[inline(always)]
fn half(value: f32) -> [u8; 2] {
    half::f16::from_f32(value).to_le_bytes()
}

#[inline(always)]
fn f32([entry]: &[f32; 1], bytes: &mut [u8; 4]) {
    *bytes = entry.to_le_bytes();
}

#[inline(always)]
fn f16([entry]: &[f32; 1], bytes: &mut [u8; 2]) {
    *bytes = half(*entry);
}

#[inline(always)]
fn bf16([entry]: &[f32; 1], bytes: &mut [u8; 2]) {
    *bytes = half::bf16::from_f32(*entry).to_le_bytes();
}

/// 1/d, or 0 for 0.
#[inline(always)]
fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

/// Maximum magnitude. Positive floats sort like their bits, which vector units can compare in any order.
#[inline(always)]
fn largest<const COUNT: usize>(entries: &[f32; COUNT]) -> f32 {
    f32::from_bits(entries.iter().fold(0, |largest, entry| largest.max(entry.abs().to_bits())))
}

/// The first entry of maximum magnitude, with its sign; +0 if all are zero.
#[inline(always)]
fn extreme<const COUNT: usize>(entries: &[f32; COUNT]) -> f32 {
    let largest = largest(entries);
    entries.iter().copied().find(|entry| *entry != 0.0 && entry.abs() == largest).unwrap_or(0.0)
}

/// The scale, maximum magnitude / 127, and the quants rounded to nearest, ties away from zero.
#[inline(always)]
pub fn q8_0(entries: &[f32; 32]) -> (f32, [u8; 32]) {
    let d = largest(entries) / 127.0;
    let inverse = inverse(d);
    let quant = |entry: f32| {
        let scaled = entry * inverse;
        // Adding the largest float below 1/2, with the sign, and truncating equals `round` for this range, and vectorises everywhere.
        (scaled + 0.499_999_97_f32.copysign(scaled)) as i32 as u8
    };
    (d, std::array::from_fn(|at| quant(entries[at])))
}

/// d = −1/8 of the entry of maximum magnitude; nibble j belongs to entries j and j + 16.
#[inline(always)]
fn q4_0(entries: &[f32; 32], [s0, s1, nibbles @ ..]: &mut [u8; 18]) {
    let d = extreme(entries) / -8.0;
    [*s0, *s1] = half(d);
    let inverse = inverse(d);
    let quant = |entry: f32| ((entry * inverse + 8.5) as i32).min(15) as u8;
    for (j, byte) in nibbles.iter_mut().enumerate() {
        *byte = quant(entries[j]) | quant(entries[j + 16]) << 4;
    }
}

/// d = (maximum − minimum) / 15, then the minimum; nibbles like Q4_0.
#[inline(always)]
fn q4_1(entries: &[f32; 32], [s0, s1, m0, m1, nibbles @ ..]: &mut [u8; 20]) {
    let minimum = entries.iter().fold(f32::MAX, |least, entry| if *entry < least { *entry } else { least });
    let maximum = entries.iter().fold(f32::MIN, |most, entry| if *entry > most { *entry } else { most });
    let d = (maximum - minimum) / 15.0;
    [*s0, *s1] = half(d);
    [*m0, *m1] = half(minimum);
    let inverse = inverse(d);
    let quant = |entry: f32| (((entry - minimum) * inverse + 0.5) as i32).min(15) as u8;
    for (j, byte) in nibbles.iter_mut().enumerate() {
        *byte = quant(entries[j]) | quant(entries[j + 16]) << 4;
    }
}

/// Groups per block of Q6_K, each with as many entries.
const GROUPS: usize = 16;

/// The nearest integer, ties to even, for magnitudes below 2²² (`nearest_int`).
#[inline(always)]
fn nearest(value: f32) -> f32 {
    (value + 12_582_912.0) - 12_582_912.0
}

/// The nearest of the 64 steps.
#[inline(always)]
fn step(value: f32) -> f32 {
    nearest(value).clamp(-32.0, 31.0)
}

/// Result for the 16 groups of a block.
struct Fit {
    /// Scales; 0 for groups of zeros.
    scales: [f32; GROUPS],
    /// Factor from entry to quant, for groups whose scale is too small to be stored; 0 for groups of zeros.
    steps: [f32; GROUPS],
}

/// For each group of 16, the scale with the least squared error, weighted by squares, among 19 candidates near the largest entry
/// (`make_qx_quants`). Groups are processed in parallel lanes, because sums within a group must be added in order.
#[inline(always)]
fn fit(columns: &[[f32; GROUPS]; 16]) -> Fit {
    let mut extremes = [0.0_f32; GROUPS];
    for column in columns {
        for (extreme, entry) in extremes.iter_mut().zip(column) {
            *extreme = if entry.abs() > extreme.abs() { *entry } else { *extreme };
        }
    }
    let mut found = Fit { scales: [0.0; GROUPS], steps: [0.0; GROUPS] };
    let mut best = [-1.0; GROUPS];
    for trial in [0, -9, -8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9] {
        let steps = extremes.map(|extreme| -(32.0 + 0.1 * trial as f32) / extreme);
        let (mut products, mut squares) = ([0.0; GROUPS], [0.0; GROUPS]);
        for column in columns {
            for group in 0..GROUPS {
                let entry = column[group];
                let (weight, step) = (entry * entry, step(steps[group] * entry));
                products[group] += weight * entry * step;
                squares[group] += weight * step * step;
            }
        }
        for group in 0..GROUPS {
            let (product, square) = (products[group], squares[group]);
            if extremes[group].abs() >= NOTHING && square > 0.0 && product * product > best[group] * square {
                found.scales[group] = product / square;
                found.steps[group] = steps[group];
                best[group] = found.scales[group] * product;
            }
        }
    }
    found
}

/// Low nibbles and high bits as in `dequantise`, 16 eight-bit scales, d.
#[inline(always)]
fn q6_k(entries: &[f32; 256], bytes: &mut [u8; 210]) {
    let groups: &[[f32; 16]] = entries.as_chunks().0;
    let columns = std::array::from_fn(|at| std::array::from_fn(|group| groups[group][at]));
    let Fit { scales, steps } = fit(&columns);
    let widest = extreme(&scales);
    *bytes = [0; 210];
    if widest.abs() < NOTHING {
        return;
    }
    let finest = -128.0 / widest;
    let d = half::f16::from_f32(1.0 / finest);
    bytes[208..].copy_from_slice(&d.to_le_bytes());
    for (group, entries) in groups.iter().enumerate() {
        let scale = nearest(finest * scales[group]).min(127.0) as i8;
        bytes[192 + group] = scale.cast_unsigned();
        let scale = d.to_f32() * f32::from(scale);
        let (half, quarter, side) = (group / 8, group % 8 / 2, group % 2);
        for (at, entry) in entries.iter().enumerate() {
            let quant = match scale == 0.0 {
                false => step(entry / scale) + 32.0,
                true if steps[group] == 0.0 => 0.0,
                true => step(steps[group] * entry) + 32.0,
            } as u8;
            bytes[64 * half + 32 * (quarter % 2) + 16 * side + at] |= (quant & 15) << (4 * (quarter / 2));
            bytes[128 + 32 * half + 16 * side + at] |= quant >> 4 << (2 * quarter);
        }
    }
}
