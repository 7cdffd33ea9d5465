// Gradient of the query and key heads' scales, first part: sums over a segment of the rows.
// variants: half?
//
// Forward:  y = x·ρ·w
// Here:     partial[s, d] = Σ x·ρ·dy over the segment's rows and groups of queries, partial[s, query size + d] the same over keys.
//
// x and dy are [N,(H+2K)·D], roots [N,groups of queries and keys], partial [S,query size + key size]. One invocation an entry of partial; sum_rows adds the
// segments up in order, so that the result is the same every time. half: x and dy are stored in f16.

import package::shared::grid::group_number;
import package::shared::normed::first_entry;
import package::shared::stored_float::Stored;

struct Arguments {
    rows: u32, // N.
    queries: u32, // Groups of queries normed together: H, or 1.
    query_size: u32, // Channels of each: D, or H·D.
    keys: u32, // Groups of keys: K, or 1.
    key_size: u32, // Channels of each: D, or K·D.
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
    let columns = arguments.query_size + arguments.key_size;
    let segment = number / columns;
    if segment >= arguments.segments {
        return;
    }
    let column = number % columns;
    let is_key = column >= arguments.query_size;
    let d = select(column, column - arguments.query_size, is_key);
    let normed_groups = arguments.queries + arguments.keys;
    let first_group = select(0u, arguments.queries, is_key);
    let end_group = select(arguments.queries, normed_groups, is_key);
    let first_row = segment * arguments.rows_in_segment;
    let end_row = min(first_row + arguments.rows_in_segment, arguments.rows);
    var sum = 0.0;
    for (var row = first_row; row < end_row; row++) {
        for (var in_row = first_group; in_row < end_group; in_row++) {
            let at = d + first_entry(row, in_row, arguments.queries, arguments.query_size, arguments.keys, arguments.key_size);
            sum += f32(x[at]) * roots[row * normed_groups + in_row] * f32(dy[at]);
        }
    }
    partial_sums[number] = sum;
}
