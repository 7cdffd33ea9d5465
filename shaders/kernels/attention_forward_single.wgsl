// Causal grouped-query attention on software adapters, for the heads that attention_forward_direct.wgsl does not take: a query an invocation.
// variants: half?
//
//   s[j] = q·k[j]/√D for t − S < j ≤ t;  lse = log Σ exp s[j];  y = Σ exp(s[j] − lse)·M[j]·v[j]
//
// qkv [B,T,(H+2K)·D] holds queries, keys and values side by side; y is [B,T,H·D] and lse [B,H,T]. Query head h reads key head
// h/(H/K). S is the sliding window, or T. M is dropout's mask/(1 − rate), which the sum of the softmax does not see.
//
// One invocation owns a query row and walks the keys straight from the buffer, float by float, with an online softmax (Milakov and
// Gimelshein 2018). The loop bounds are the workgroup's, its masks the row's. half: qkv and y are stored in f16.

import package::shared::attention::arguments;
import package::shared::control::{Control, ScheduleRow};
import package::shared::grid::group_number;
import package::shared::random::random_bits;
import package::shared::stored_float::Stored;

// Floats of the largest head, and rows of a workgroup, an invocation each.
const SIZE: u32 = 256u;
const ROWS: u32 = 8u;

const MIN_SCORE: f32 = -3.0e38;

@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<ScheduleRow>;
@group(0) @binding(3) var<storage, read> qkv: array<Stored>;
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;

@compute @workgroup_size(ROWS)
fn attention_forward_single(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tiles = (arguments.time + ROWS - 1u) / ROWS;
    let number = group_number(group);
    if number >= arguments.batch * arguments.heads * tiles {
        return;
    }
    // The longest rows begin first, so that the short ones fill the gaps at the end.
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

    var query: array<f32, SIZE>;
    var attended: array<f32, SIZE>;
    for (var c = 0u; c < arguments.head_size; c++) {
        query[c] = f32(qkv[(window + t) * row_entries + head * arguments.head_size + c]) * arguments.scale;
        attended[c] = 0.0;
    }
    var largest = MIN_SCORE;
    var total = 0.0;
    for (var j = begin; j < end; j++) {
        let key = (window + j) * row_entries + key_column;
        let value = (window + j) * row_entries + value_column;
        var score = 0.0;
        for (var c = 0u; c < arguments.head_size; c++) {
            score += query[c] * f32(qkv[key + c]);
        }
        if j <= t && t - j < arguments.seen {
            if score > largest {
                let shrink = exp(largest - score);
                total *= shrink;
                for (var c = 0u; c < arguments.head_size; c++) {
                    attended[c] *= shrink;
                }
                largest = score;
            }
            var share = exp(score - largest);
            total += share;
            if arguments.dropout != 0u {
                let index = (plane * arguments.time + t) * arguments.time + j;
                let dropped = random_bits(seed, arguments.site, index) < arguments.threshold;
                share = select(share * arguments.keep_scale, 0.0, dropped);
            }
            for (var c = 0u; c < arguments.head_size; c++) {
                attended[c] += share * f32(qkv[value + c]);
            }
        }
    }
    if first + local < arguments.time {
        let out = ((window + t) * arguments.heads + head) * arguments.head_size;
        for (var c = 0u; c < arguments.head_size; c++) {
            y[out + c] = Stored(attended[c] / total);
        }
        lse[plane * arguments.time + t] = largest + log(total);
    }
}
