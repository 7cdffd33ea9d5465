// Gradient of causal attention with respect to keys and values on software adapters, for heads of any size: a key an invocation.
// variants: half?
//
// Forward:  s[t] = q[t]·k/√D;  p[t] = exp(s[t] − lse[t]);  y[t] = Σ p[t]·M[t]·v
// Here:     dv = Σ_{j ≤ t < j + S} p[t]·M[t]·dy[t];  ds[t] = p[t]·(M[t]·(dy[t]·v) − delta[t]);  dk = Σ_{j ≤ t < j + S} ds[t]·q[t]/√D
//
// Both sums also run over the H/K query heads that share the key head, one after another, so that the order never changes.
// Writes the last 2K·D columns of dqkv [B,T,(H+2K)·D]; the queries' kernel writes the rest.
// An invocation owns a key row j and walks the queries straight from the buffer, float by float. half: qkv, dy and dqkv are stored in f16.

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
fn attention_key_backward_single(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tiles = (arguments.time + ROWS - 1u) / ROWS;
    let number = group_number(group);
    if number >= arguments.batch * arguments.kv_heads * tiles {
        return;
    }
    // Early keys are seen by the most queries and begin first.
    let first = (number % tiles) * ROWS;
    let plane = number / tiles;
    let key_head = plane % arguments.kv_heads;
    let text = plane / arguments.kv_heads;
    let window = text * arguments.time;
    let sharers = arguments.heads / arguments.kv_heads;
    let row_entries = (arguments.heads + 2u * arguments.kv_heads) * arguments.head_size;
    let j = min(first + local, arguments.time - 1u);
    // Behind the last query that sees the last of these keys.
    let end = min(arguments.time, first + ROWS - 1u + arguments.seen);
    let key_at = (window + j) * row_entries + (arguments.heads + key_head) * arguments.head_size;
    let value_at = key_at + arguments.kv_heads * arguments.head_size;
    let seed = schedule[control.row].seed;

    var key: array<f32, SIZE>;
    var value: array<f32, SIZE>;
    var key_gradient: array<f32, SIZE>;
    var value_gradient: array<f32, SIZE>;
    for (var c = 0u; c < arguments.head_size; c++) {
        key[c] = f32(qkv[key_at + c]) * arguments.scale;
        value[c] = f32(qkv[value_at + c]);
        key_gradient[c] = 0.0;
        value_gradient[c] = 0.0;
    }
    for (var sharer = 0u; sharer < sharers; sharer++) {
        let head = key_head * sharers + sharer;
        let query_plane = (text * arguments.heads + head) * arguments.time;
        for (var t = first; t < end; t++) {
            let query = (window + t) * row_entries + head * arguments.head_size;
            let flow = ((window + t) * arguments.heads + head) * arguments.head_size;
            var scores = 0.0;
            var flows = 0.0;
            for (var c = 0u; c < arguments.head_size; c++) {
                scores += key[c] * f32(qkv[query + c]);
                flows += value[c] * f32(dy[flow + c]);
            }
            if j <= t && t - j < arguments.seen {
                let probability = exp(scores - lse[query_plane + t]);
                var keep = 1.0;
                if arguments.dropout != 0u {
                    let index = (query_plane + t) * arguments.time + j;
                    let dropped = random_bits(seed, arguments.site, index) < arguments.threshold;
                    keep = select(arguments.keep_scale, 0.0, dropped);
                }
                let share = probability * keep;
                let slope = probability * (keep * flows - delta[query_plane + t]);
                for (var c = 0u; c < arguments.head_size; c++) {
                    value_gradient[c] += share * f32(dy[flow + c]);
                    key_gradient[c] += slope * f32(qkv[query + c]);
                }
            }
        }
    }
    if first + local < arguments.time {
        for (var c = 0u; c < arguments.head_size; c++) {
            dqkv[key_at + c] = Stored(key_gradient[c] * arguments.scale);
            dqkv[value_at + c] = Stored(value_gradient[c]);
        }
    }
}
