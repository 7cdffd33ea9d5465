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
        !matches!(self, Self::Q2_K | Self::Q3_K | Self::IQ4_NL | Self::IQ4_XS)
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
        GgmlType::Q5_0 => blocks(entries, bytes, q5_0),
        GgmlType::Q5_1 => blocks(entries, bytes, q5_1),
        GgmlType::Q4_K => blocks(entries, bytes, q4_k),
        GgmlType::Q5_K => blocks(entries, bytes, q5_k),
        GgmlType::Q6_K => blocks(entries, bytes, q6_k),
        GgmlType::Q2_K | GgmlType::Q3_K | GgmlType::IQ4_NL | GgmlType::IQ4_XS => {}
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

/// The lowest and highest entry.
#[inline(always)]
fn range(entries: &[f32; 32]) -> [f32; 2] {
    let minimum = entries.iter().fold(f32::MAX, |least, entry| if *entry < least { *entry } else { least });
    let maximum = entries.iter().fold(f32::MIN, |most, entry| if *entry > most { *entry } else { most });
    [minimum, maximum]
}

/// d = (maximum − minimum) / 15, then the minimum; nibbles like Q4_0.
#[inline(always)]
fn q4_1(entries: &[f32; 32], [s0, s1, m0, m1, nibbles @ ..]: &mut [u8; 20]) {
    let [minimum, maximum] = range(entries);
    let d = (maximum - minimum) / 15.0;
    [*s0, *s1] = half(d);
    [*m0, *m1] = half(minimum);
    let inverse = inverse(d);
    let quant = |entry: f32| (((entry - minimum) * inverse + 0.5) as i32).min(15) as u8;
    for (j, byte) in nibbles.iter_mut().enumerate() {
        *byte = quant(entries[j]) | quant(entries[j + 16]) << 4;
    }
}

/// The fifth bits of 32 quants, a bit for each, then their nibbles like Q4_0.
#[inline(always)]
fn fifth_and_four(quants: &[u8; 32], [b0, b1, b2, b3, nibbles @ ..]: &mut [u8; 20]) {
    let fifth = quants.iter().rev().fold(0_u32, |bits, quant| bits << 1 | u32::from(quant >> 4 & 1));
    [*b0, *b1, *b2, *b3] = fifth.to_le_bytes();
    for (j, byte) in nibbles.iter_mut().enumerate() {
        *byte = quants[j] & 15 | quants[j + 16] << 4;
    }
}

/// d = −1/16 of the entry of maximum magnitude.
#[inline(always)]
fn q5_0(entries: &[f32; 32], bytes: &mut [u8; 22]) {
    let d = extreme(entries) / -16.0;
    let inverse = inverse(d);
    let Some((scale, rest)) = bytes.split_first_chunk_mut() else { return };
    *scale = half(d);
    let quants = entries.map(|entry| ((entry * inverse + 16.5) as i32).min(31) as u8);
    if let Some(rest) = rest.first_chunk_mut() {
        fifth_and_four(&quants, rest);
    }
}

/// d = (maximum − minimum) / 31, then the minimum.
#[inline(always)]
fn q5_1(entries: &[f32; 32], bytes: &mut [u8; 24]) {
    let [minimum, maximum] = range(entries);
    let d = (maximum - minimum) / 31.0;
    let inverse = inverse(d);
    let Some(([s0, s1, m0, m1], rest)) = bytes.split_first_chunk_mut() else { return };
    ([*s0, *s1], [*m0, *m1]) = (half(d), half(minimum));
    let quants = entries.map(|entry| ((entry - minimum) * inverse + 0.5) as i32 as u8);
    if let Some(rest) = rest.first_chunk_mut() {
        fifth_and_four(&quants, rest);
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

/// Scale and minimum of 32 entries, and their steps from the minimum on.
#[derive(Clone, Copy)]
struct Affine {
    scale: f32,
    /// Subtracted from all steps; not negative.
    minimum: f32,
    quants: [f32; 32],
}

/// The scale and minimum with the least weighted squared error for steps of 0 to `most`, among candidates of which the first has so many
/// more than that (`make_qkx2_quants`). Sums are added in order.
#[inline(always)]
fn affine(entries: &[f32; 32], most: f32, (first, candidates): (f32, usize)) -> Affine {
    let squares = entries.iter().fold(0.0, |sum, entry| sum + entry * entry);
    let typical = (squares / 32.0_f32).sqrt();
    let weights = entries.map(|entry| typical + entry.abs());
    let (mut lowest, mut highest) = (entries[0], entries[0]);
    let (mut sum_w, mut sum_x) = (weights[0], weights[0] * entries[0]);
    for (entry, weight) in entries.iter().zip(&weights).skip(1) {
        lowest = if *entry < lowest { *entry } else { lowest };
        highest = if *entry > highest { *entry } else { highest };
        sum_w += weight;
        sum_x += weight * entry;
    }
    lowest = if lowest > 0.0 { 0.0 } else { lowest };
    if highest == lowest {
        return Affine { scale: 0.0, minimum: -lowest, quants: [0.0; 32] };
    }
    let steps =
        |inverse: f32, lowest: f32| entries.map(|entry| nearest(inverse * (entry - lowest)).clamp(0.0, most));
    let error = |scale: f32, minimum: f32, quants: &[f32; 32]| {
        let all = entries.iter().zip(&weights).zip(quants);
        all.fold(0.0, |sum, ((entry, weight), quant)| {
            let difference = scale * quant + minimum - entry;
            sum + weight * (difference * difference)
        })
    };
    let inverse = most / (highest - lowest);
    let mut found = Affine { scale: 1.0 / inverse, minimum: lowest, quants: steps(inverse, lowest) };
    let mut least = error(found.scale, found.minimum, &found.quants);
    for trial in 0..candidates {
        // From the best minimum so far.
        let inverse = (first + 0.1 * trial as f32 + most) / (highest - found.minimum);
        let quants = steps(inverse, found.minimum);
        let (mut sum_l, mut sum_l2, mut sum_xl) = (0.0, 0.0, 0.0);
        for ((entry, weight), quant) in entries.iter().zip(&weights).zip(&quants) {
            sum_l += weight * quant;
            sum_l2 += weight * quant * quant;
            sum_xl += weight * quant * entry;
        }
        let determinant = sum_w * sum_l2 - sum_l * sum_l;
        if determinant > 0.0 {
            let mut scale = (sum_w * sum_xl - sum_x * sum_l) / determinant;
            let mut minimum = (sum_l2 * sum_x - sum_l * sum_xl) / determinant;
            if minimum > 0.0 {
                (scale, minimum) = (sum_xl / sum_l2, 0.0);
            }
            let own = error(scale, minimum, &quants);
            if own < least {
                (found, least) = (Affine { scale, minimum, quants }, own);
            }
        }
    }
    Affine { minimum: -found.minimum, ..found }
}

/// d, dmin, and the packed scales and minimums of a block's groups, as in `dequantise`; returns the steps of all entries, up to `most`.
#[inline(always)]
fn affine_groups(
    entries: &[f32; 256],
    most: f32,
    candidates: (f32, usize),
    [d0, d1, m0, m1, packed @ ..]: &mut [u8; 16],
) -> [[u8; 32]; 8] {
    let groups: &[[f32; 32]] = entries.as_chunks().0;
    let found: [Affine; 8] = std::array::from_fn(|group| affine(&groups[group], most, candidates));
    let largest = |own: fn(&Affine) -> f32| {
        found.iter().map(own).fold(0.0, |largest, own| if own > largest { own } else { largest })
    };
    let largest = [largest(|own| own.scale), largest(|own| own.minimum)];
    let inverses = largest.map(|largest| if largest > 0.0 { 63.0 / largest } else { 0.0 });
    let [d, dmin] = largest.map(|largest| half::f16::from_f32(largest / 63.0));
    ([*d0, *d1], [*m0, *m1]) = (d.to_le_bytes(), dmin.to_le_bytes());
    *packed = [0; 12];
    std::array::from_fn(|group| {
        let own = &found[group];
        let [scale, minimum] = [inverses[0] * own.scale, inverses[1] * own.minimum]
            .map(|own| (nearest(own) as i32 as u8).min(63));
        if group < 4 {
            packed[group] |= scale;
            packed[group + 4] |= minimum;
        } else {
            packed[group + 4] = scale & 15 | minimum << 4;
            packed[group - 4] |= scale >> 4 << 6;
            packed[group] |= minimum >> 4 << 6;
        }
        let step = d.to_f32() * f32::from(scale);
        let minimum = dmin.to_f32() * f32::from(minimum);
        let quants = match step == 0.0 {
            true => own.quants,
            false => groups[group].map(|entry| nearest((entry + minimum) / step).clamp(0.0, most)),
        };
        quants.map(|quant| quant as u8)
    })
}

#[inline(always)]
fn q4_k(entries: &[f32; 256], bytes: &mut [u8; 144]) {
    let Some((head, nibbles)) = bytes.split_first_chunk_mut() else { return };
    let quants = affine_groups(entries, 15.0, (-1.0, 21), head);
    for (pair, nibbles) in quants.as_chunks::<2>().0.iter().zip(nibbles.as_chunks_mut::<32>().0) {
        *nibbles = std::array::from_fn(|at| pair[0][at] | pair[1][at] << 4);
    }
}

#[inline(always)]
fn q5_k(entries: &[f32; 256], bytes: &mut [u8; 176]) {
    let Some((head, rest)) = bytes.split_first_chunk_mut() else { return };
    let quants = affine_groups(entries, 31.0, (-0.5, 16), head);
    let (fifth, nibbles) = rest.split_at_mut(32);
    for (at, fifth) in fifth.iter_mut().enumerate() {
        *fifth = (0..8).fold(0, |bits, group| bits | quants[group][at] >> 4 << group);
    }
    for (pair, nibbles) in quants.as_chunks::<2>().0.iter().zip(nibbles.as_chunks_mut::<32>().0) {
        *nibbles = std::array::from_fn(|at| pair[0][at] & 15 | pair[1][at] << 4);
    }
}
