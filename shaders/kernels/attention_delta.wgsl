// What attention's backward pass subtracts in each row: delta[b,h,t] = Σ_d dy[b,t,h,d]·y[b,t,h,d].
// variants: half?
//
// FlashAttention-2 (Dao 2023), line 4 of the backward pass; it holds with dropout too, since y has the mask in it.
// y and dy are [B,T,H·D], delta is [B,H,T]. One invocation an entry of delta. half: y and dy are
// stored in f16.

import package::shared::grid::group_number;
import package::shared::stored_float::Stored;

struct Arguments {
    batch: u32, // B.
    time: u32, // T.
    heads: u32, // H.
    head_size: u32, // D.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> y: array<Stored>;
@group(0) @binding(2) var<storage, read> dy: array<Stored>;
@group(0) @binding(3) var<storage, read_write> delta: array<f32>;

@compute @workgroup_size(64)
fn attention_delta(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 64u + local;
    if at >= arguments.batch * arguments.heads * arguments.time {
        return;
    }
    // Neighbours read neighbouring heads of one row.
    let row = at / arguments.heads;
    let head = at % arguments.heads;
    var sum = 0.0;
    for (var d = 0u; d < arguments.head_size; d++) {
        let index = at * arguments.head_size + d;
        sum += f32(y[index]) * f32(dy[index]);
    }
    let plane = (row / arguments.time) * arguments.heads + head;
    delta[plane * arguments.time + row % arguments.time] = sum;
}
