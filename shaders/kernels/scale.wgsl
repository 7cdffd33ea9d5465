// A value times a constant: y = x·factor, entry by entry.
//
// x is in 32-bit floats, or, being a weight that is held so, in 16-bit ones, two in a word, the first in its lower half: those are taken
// apart bit by bit, which any device can do, and none rounds small ones to 0. One invocation an entry.

import package::shared::grid::group_number;

struct Arguments {
    count: u32,
    factor: f32,
    half_precision: u32, // 1 where x is in 16-bit floats.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// The 16-bit float in the lower half of a word: sign, five bits of exponent, ten of mantissa. There are no infinities.
fn widened(word: u32) -> f32 {
    let exponent = (word >> 10u) & 31u;
    let mantissa = word & 1023u;
    // Below 2⁻¹⁴ the exponent stays, and the first digit may be 0.
    let small = f32(mantissa) * 5.9604644775390625e-8;
    let magnitude = select(bitcast<f32>(((exponent + 112u) << 23u) | (mantissa << 13u)), small, exponent == 0u);
    return bitcast<f32>(bitcast<u32>(magnitude) | ((word & 32768u) << 16u));
}

fn entry(at: u32) -> f32 {
    if arguments.half_precision == 1u {
        return widened((x[at / 2u] >> (16u * (at % 2u))) & 65535u);
    }
    return bitcast<f32>(x[at]);
}

@compute @workgroup_size(256)
fn scale(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        y[at] = entry(at) * arguments.factor;
    }
}
