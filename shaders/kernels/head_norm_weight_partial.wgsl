// Gradient of the query and key heads' scales, first part: sums over a segment of the rows.
// variants: half?
//
// Forward:  y = x·ρ·w
// Here:     partial[s, d] = Σ x·ρ·dy over the segment's rows and query heads, partial[s, D + d] the same over key heads.
//
// x and dy are [N,(H+2K)·D], roots [N,H+K], partial [S,2·D]. One invocation an entry of partial; head_norm_weight_backward adds the
// segments up in order, so that the result is the same every time. half: x and dy are stored in f16.

import package::shared::grid::group_number;
import package::shared::stored_float::Stored;

struct Arguments {
    rows: u32, // N.
    heads: u32, // H.
    kv_heads: u32, // K.
    head_size: u32, // D.
    segments: u32, // S.
    rows_in_segment: u32, // Rows of all segments but perhaps the last.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> roots: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<Stored>;
@group(0) @binding(4) var<storage, read_write> partial_sums: array<f32>;

@compute @workgroup_size(64)
fn head_norm_weight_partial(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_number(group) * 64u + local;
    let columns = 2u * arguments.head_size;
    let segment = number / columns;
    if segment >= arguments.segments {
        return;
    }
    let d = number % arguments.head_size;
    let is_key = number % columns >= arguments.head_size;
    let normed_heads = arguments.heads + arguments.kv_heads;
    let all_heads = normed_heads + arguments.kv_heads;
    let first_head = select(0u, arguments.heads, is_key);
    let end_head = select(arguments.heads, normed_heads, is_key);
    let first_row = segment * arguments.rows_in_segment;
    let end_row = min(first_row + arguments.rows_in_segment, arguments.rows);
    var sum = 0.0;
    for (var row = first_row; row < end_row; row++) {
        for (var head = first_head; head < end_head; head++) {
            let at = (row * all_heads + head) * arguments.head_size + d;
            sum += f32(x[at]) * roots[row * normed_heads + head] * f32(dy[at]);
        }
    }
    partial_sums[number] = sum;
}
