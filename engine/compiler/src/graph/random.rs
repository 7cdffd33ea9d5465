//! Counter-based random numbers for dropout and noise: a mask is a pure function of (seed, site, element), so the backward pass
//! recomputes it instead of storing it, and all executors draw the same one.

pub use glasshouse_protocol::random::{nth, split_mix};

/// Chris Wellons' `lowbias32` integer hash (nullprogram.com/blog/2018/07/31), also in `shaders/shared/random.wgsl`.
pub fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// 32 random bits of element `index` at a dropout site, for a micro-batch's seed.
pub fn bits(seed: [u32; 2], site: u32, index: u32) -> u32 {
    mix(mix(index ^ seed[0]).wrapping_add(seed[1]) ^ site.wrapping_mul(0x9e37_79b9))
}

/// Elements whose bits are below this are dropped.
pub fn threshold(rate: f32) -> u32 {
    // `as` saturates, and a rate is below 1.
    (f64::from(rate) * 4_294_967_296.0) as u32
}

/// Maps random bits to [−1, 1) in steps of 2⁻²³, exactly the same on every executor.
pub fn signed(bits: u32) -> f32 {
    (bits >> 8) as f32 / 8_388_608.0 - 1.0
}

pub fn dropout_seed(seed: u64, step: u64, micro_batch: u64) -> [u32; 2] {
    let number = nth(seed, 0xd20_9017, (step << 16) | micro_batch);
    [number as u32, (number >> 32) as u32]
}
