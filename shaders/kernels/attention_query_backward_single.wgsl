// Gradient of causal attention with respect to queries on software adapters, for heads of any size: a query an invocation.
// variants: half?
//
// Forward:  s[j] = q·k[j]/√D;  p[j] = exp(s[j] − lse);  y = Σ p[j]·M[j]·v[j]
// Here:     dp[j] = M[j]·(dy·v[j]);  ds[j] = p[j]·(dp[j] − delta);  dq = Σ_{t − S < j ≤ t} ds[j]·k[j]/√D
//
// Writes the first H·D columns of dqkv [B,T,(H+2K)·D]; the keys' kernel writes the rest. The probabilities are
// recomputed from lse [B,H,T]; delta [B,H,T] comes from attention_delta; dy is [B,T,H·D].
// Shaped as attention_forward_single.wgsl.
// half: qkv, dy and dqkv are stored in f16.

import package::shared::attention::arguments;
import package::shared::control::{Control, ScheduleRow};
import package::shared::grid::group_number;
import package::shared::random::random_bits;
import package::shared::stored_float::Stored;

// Floats of the largest head, and rows of a workgroup, an invocation each.
const SIZE: u32 = 256u;
const ROWS: u32 = 8u;

@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<ScheduleRow>;
@group(0) @binding(3) var<storage, read> qkv: array<Stored>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> delta: array<f32>;
@group(0) @binding(6) var<storage, read> dy: array<Stored>;
@group(0) @binding(7) var<storage, read_write> dqkv: array<Stored>;

@compute @workgroup_size(ROWS)
fn attention_query_backward_single(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tiles = (arguments.time + ROWS - 1u) / ROWS;
    let number = group_number(group);
    if number >= arguments.batch * arguments.heads * tiles {
        return;
    }
    let first = (tiles - 1u - number % tiles) * ROWS;
    let plane = number / tiles;
    let head = plane % arguments.heads;
    let window = (plane / arguments.heads) * arguments.time;
    let row_entries = (arguments.heads + 2u * arguments.kv_heads) * arguments.head_size;
    let key_column = (arguments.heads + head / (arguments.heads / arguments.kv_heads)) * arguments.head_size;
    let value_column = key_column + arguments.kv_heads * arguments.head_size;
    let t = min(first + local, arguments.time - 1u);
    let end = min(first + ROWS, arguments.time);
    let begin = first + 1u - min(first + 1u, arguments.seen);
    let seed = schedule[control.row].seed;
    let query_at = (window + t) * row_entries + head * arguments.head_size;

    var query: array<f32, SIZE>;
    var flow: array<f32, SIZE>;
    var gradient: array<f32, SIZE>;
    for (var c = 0u; c < arguments.head_size; c++) {
        query[c] = f32(qkv[query_at + c]) * arguments.scale;
        flow[c] = f32(dy[((window + t) * arguments.heads + head) * arguments.head_size + c]);
        gradient[c] = 0.0;
    }
    let row_lse = lse[plane * arguments.time + t];
    let row_delta = delta[plane * arguments.time + t];
    for (var j = begin; j < end; j++) {
        let key = (window + j) * row_entries + key_column;
        let value = (window + j) * row_entries + value_column;
        var scores = 0.0;
        var flows = 0.0;
        for (var c = 0u; c < arguments.head_size; c++) {
            scores += query[c] * f32(qkv[key + c]);
            flows += flow[c] * f32(qkv[value + c]);
        }
        if j <= t && t - j < arguments.seen {
            var share = flows;
            if arguments.dropout != 0u {
                let index = (plane * arguments.time + t) * arguments.time + j;
                let dropped = random_bits(seed, arguments.site, index) < arguments.threshold;
                share = select(share * arguments.keep_scale, 0.0, dropped);
            }
            let slope = exp(scores - row_lse) * (share - row_delta);
            for (var c = 0u; c < arguments.head_size; c++) {
                gradient[c] += slope * f32(qkv[key + c]);
            }
        }
    }
    if first + local < arguments.time {
        for (var c = 0u; c < arguments.head_size; c++) {
            dqkv[query_at + c] = Stored(gradient[c] * arguments.scale);
        }
    }
}
