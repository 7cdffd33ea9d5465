// RMSNorm of each query and key head by itself: y = x·ρ·w, ρ = 1/√(mean x² + eps); values pass.
// variants: half?
//
// x and y are [N,(H+2K)·D], the scales [D] each, roots [N,H+K] keeps ρ for the backward pass. One invocation a head's row: D is at
// most 256, too short for a workgroup to share. half: x and y are stored in f16.

import package::shared::grid::group_number;
import package::shared::stored_float::Stored;

struct Arguments {
    rows: u32, // N.
    heads: u32, // H.
    kv_heads: u32, // K.
    head_size: u32, // D.
    eps: f32, // Added to the mean square.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> query_scale: array<f32>;
@group(0) @binding(3) var<storage, read> key_scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;
@group(0) @binding(5) var<storage, read_write> roots: array<f32>;

@compute @workgroup_size(64)
fn head_norm(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_number(group) * 64u + local;
    let normed_heads = arguments.heads + arguments.kv_heads;
    let all_heads = normed_heads + arguments.kv_heads;
    let row = number / all_heads;
    let head = number % all_heads;
    if row >= arguments.rows {
        return;
    }
    let start = number * arguments.head_size;
    if head >= normed_heads {
        for (var d = 0u; d < arguments.head_size; d++) {
            y[start + d] = x[start + d];
        }
        return;
    }
    var squares = 0.0;
    for (var d = 0u; d < arguments.head_size; d++) {
        let entry = f32(x[start + d]);
        squares += entry * entry;
    }
    let root = 1.0 / sqrt(squares / f32(arguments.head_size) + arguments.eps);
    roots[row * normed_heads + head] = root;
    for (var d = 0u; d < arguments.head_size; d++) {
        let scale = select(key_scale[d], query_scale[d], head < arguments.heads);
        y[start + d] = Stored(f32(x[start + d]) * root * scale);
    }
}
