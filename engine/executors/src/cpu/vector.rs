//! Scalar functions that compilers can vectorise: no branches, calls or tables.
//!
//! Each is written for one float; inside a [`vectorised!`](glasshouse_platform::lanes) function, a loop over it becomes
//! vector code. Non-finite inputs propagate to the result, so that a failed step is noticed.

use glasshouse_platform::lanes::{BLOCK, Lanes, fused};

/// eˣ to about 1 ulp; arguments are clamped to [−87, 88], where the result is a normal number.
#[inline(always)]
pub fn exp<L: Lanes>(x: f32) -> f32 {
    // Adding 1.5·2²³ rounds to an integer and leaves it in the low bits of the sum.
    const MAGIC: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = fused::<L>(x, std::f32::consts::LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    // ln 2 in two parts (Cody and Waite 1980), so that n·ln 2 is exact.
    let r = fused::<L>(n, -0.693_359_4, x);
    let r = fused::<L>(n, 2.121_944_4e-4, r);
    let mut p = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = fused::<L>(p, r, coefficient);
    }
    let exponent = shifted.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(127);
    p * f32::from_bits(exponent << 23)
}

/// 1/(1 + e⁻ˣ).
#[inline(always)]
pub fn sigmoid<L: Lanes>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<L>(-x))
}

/// tanh x, accurate to 2.5e-7.
#[inline(always)]
pub fn tanh<L: Lanes>(x: f32) -> f32 {
    1.0 - 2.0 / (exp::<L>(2.0 * x) + 1.0)
}

/// Φ(x) of the normal distribution, accurate to 1e-7, and its density φ(x).
///
/// erfc(t)·exp(t²) for t = |x|/√2 is smooth; a polynomial in (t − 1.5)/(t + 1.5), fitted by weighted least squares,
/// approximates it over the relevant t. One exponential serves both Φ and φ.
#[inline(always)]
pub fn normal<L: Lanes>(x: f32) -> (f32, f32) {
    let t = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    // A comparison, because `min` is a call in WebAssembly.
    let t = if t < 12.0 { t } else { 12.0 };
    let bell = exp::<L>(-0.5 * x * x);
    let u = (t - 1.5) / (t + 1.5);
    let mut p = 1.700_838_2e-4;
    for coefficient in [
        1.196_518_1e-3,
        2.957_699_8e-3,
        -4.994_682e-4,
        -1.866_809e-2,
        -9.292_82e-3,
        0.194_490_49,
        -0.490_868_63,
        0.321_585_42,
    ] {
        p = fused::<L>(p, u, coefficient);
    }
    let tail = 0.5 * bell * p;
    let phi = if x < 0.0 { tail } else { 1.0 - tail };
    // 1/√(2π)
    (phi, 0.398_942_3 * bell)
}

#[inline(always)]
pub fn maximum(row: &[f32]) -> f32 {
    let mut lanes = [f32::MIN; BLOCK];
    let (blocks, rest) = row.as_chunks::<BLOCK>();
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane = if *x > *lane { *x } else { *lane };
        }
    }
    rest.iter().chain(&lanes).fold(f32::MIN, |most, x| if *x > most { *x } else { most })
}

/// Sum of the lanes of a partial sum, by halves.
#[inline(always)]
pub fn total(mut lanes: [f32; BLOCK]) -> f32 {
    let mut half = BLOCK / 2;
    while half > 0 {
        for at in 0..half {
            lanes[at] += lanes[at + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Σ f(i) over all i below `count`, in [`BLOCK`] partial sums.
#[inline(always)]
pub fn sum(count: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0; BLOCK];
    let whole = count - count % BLOCK;
    for block in (0..whole).step_by(BLOCK) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += f(block + lane);
        }
    }
    for (lane, sum) in lanes.iter_mut().enumerate().take(count - whole) {
        *sum += f(whole + lane);
    }
    total(lanes)
}

/// Replaces every entry by exp(x − shift) and returns their sum.
#[inline(always)]
pub fn exponentials<L: Lanes>(row: &mut [f32], shift: f32) -> f32 {
    let mut lanes = [0.0; BLOCK];
    let (blocks, rest) = row.as_chunks_mut::<BLOCK>();
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *x = exp::<L>(*x - shift);
            *lane += *x;
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *x = exp::<L>(*x - shift);
        *lane += *x;
    }
    total(lanes)
}
