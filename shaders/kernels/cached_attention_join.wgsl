// Puts the parts of decoded chunks' attention together: y[b,t,h] = Σ exp(m[p] − m)·attended[p] / Σ exp(m[p] − m)·total[p], m = max m[p].
//
// partials [B,T,H,parts,D+2] as cached_attention with a split writes them: attended, m and total of each part, whose m is lowest where it
// holds no position yet. cursor [B] (start, length, text), y [B,T,H·D]. Rows at or past `length` are left alone. One invocation an entry.

import package::shared::decode::Cursor;
import package::shared::grid::group_number;

struct Arguments {
    rows: u32, // B·T.
    time: u32, // T, rows of a chunk.
    heads: u32, // H.
    head_size: u32, // D.
    parts: u32, // Parts of the cache.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read> cursor: array<Cursor>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn cached_attention_join(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 64u + local;
    let number = at / arguments.head_size;
    let query = number / arguments.heads;
    if query >= arguments.rows || query % arguments.time >= cursor[query / arguments.time].length {
        return;
    }
    let row = arguments.head_size + 2u;
    let first = number * arguments.parts * row;
    var largest = partials[first + arguments.head_size];
    for (var part = 1u; part < arguments.parts; part++) {
        largest = max(largest, partials[first + part * row + arguments.head_size]);
    }
    var attended = 0.0;
    var total = 0.0;
    for (var part = 0u; part < arguments.parts; part++) {
        let own = first + part * row;
        let weight = exp(partials[own + arguments.head_size] - largest);
        attended += weight * partials[own + at % arguments.head_size];
        total += weight * partials[own + arguments.head_size + 1u];
    }
    y[at] = attended / total;
}
