// Gradient of the norm of query and key heads.
// variants: half?
//
// Forward:  y = x·ρ·w, ρ = 1/√(mean x² + eps)
// Here:     dx = ρ·w·dy − x·ρ³·mean(x·w·dy); values pass.
//
// x, dy and dx are [N,(H+2K)·D], roots [N,groups of queries and keys]. One invocation a group's row. half: x, dy and dx are
// stored in f16.

import package::shared::grid::group_number;
import package::shared::normed::first_entry;
import package::shared::stored_float::Stored;

struct Arguments {
    rows: u32, // N.
    queries: u32, // Groups of queries normed together: H, or 1.
    query_size: u32, // Channels of each: D, or H·D.
    keys: u32, // Groups of keys: K, or 1.
    key_size: u32, // Channels of each: D, or K·D.
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
    let normed_groups = arguments.queries + arguments.keys;
    let all_groups = normed_groups + arguments.keys;
    let row = number / all_groups;
    let group_in_row = number % all_groups;
    if row >= arguments.rows {
        return;
    }
    let is_query = group_in_row < arguments.queries;
    let size = select(arguments.key_size, arguments.query_size, is_query);
    let start = first_entry(row, group_in_row, arguments.queries, arguments.query_size, arguments.keys, arguments.key_size);
    if group_in_row >= normed_groups {
        for (var d = 0u; d < size; d++) {
            dx[start + d] = dy[start + d];
        }
        return;
    }
    var sum = 0.0;
    for (var d = 0u; d < size; d++) {
        sum += f32(x[start + d]) * select(key_scale[d], query_scale[d], is_query) * f32(dy[start + d]);
    }
    let root = roots[row * normed_groups + group_in_row];
    let along = root * root * root * sum / f32(size);
    for (var d = 0u; d < size; d++) {
        let scale = select(key_scale[d], query_scale[d], is_query);
        dx[start + d] = Stored(root * scale * f32(dy[start + d]) - along * f32(x[start + d]));
    }
}
