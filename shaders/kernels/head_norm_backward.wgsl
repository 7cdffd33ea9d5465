// Gradient of the norm of query and key heads.
// variants: half?
//
// Forward:  y = x·ρ·w, ρ = 1/√(mean x² + eps)
// Here:     dx = ρ·w·dy − x·ρ³·mean(x·w·dy); values pass.
//
// x, dy and dx are [N,(H+2K)·D], roots [N,H+K]. One invocation a head's row. half: x, dy and dx are
// stored in f16.

import package::shared::grid::group_number;
import package::shared::stored_float::Stored;

struct Arguments {
    rows: u32, // N.
    heads: u32, // H.
    kv_heads: u32, // K.
    head_size: u32, // D.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> query_scale: array<f32>;
@group(0) @binding(3) var<storage, read> key_scale: array<f32>;
@group(0) @binding(4) var<storage, read> roots: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<Stored>;
@group(0) @binding(6) var<storage, read_write> dx: array<Stored>;

@compute @workgroup_size(64)
fn head_norm_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
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
            dx[start + d] = dy[start + d];
        }
        return;
    }
    let is_query = head < arguments.heads;
    var sum = 0.0;
    for (var d = 0u; d < arguments.head_size; d++) {
        sum += f32(x[start + d]) * select(key_scale[d], query_scale[d], is_query) * f32(dy[start + d]);
    }
    let root = roots[row * normed_heads + head];
    let along = root * root * root * sum / f32(arguments.head_size);
    for (var d = 0u; d < arguments.head_size; d++) {
        let scale = select(key_scale[d], query_scale[d], is_query);
        dx[start + d] = Stored(root * scale * f32(dy[start + d]) - along * f32(x[start + d]));
    }
}
