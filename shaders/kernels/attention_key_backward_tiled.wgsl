// Gradient of causal attention with respect to keys and values on a GPU, through workgroup memory.
// variants: size=d32|d48|d64|d128|any4|any half?
//
// Forward:  s[t] = cap(q[t]·k/√D);  p[t] = exp(s[t] − lse[t]);  y[t] = Σ p[t]·M[t]·v
// Here:     dv = Σ_{j ≤ t < j + S} p[t]·M[t]·dy[t];  ds[t] = p[t]·(M[t]·(dy[t]·v) − delta[t])·cap′[t]
//           dk = Σ_{j ≤ t < j + S} ds[t]·q[t]/√D
//
// cap′ is 1 − (s/c)² with a soft cap, else 1.
// Both sums also run over the H/K query heads that share the key head, one after another, so that the order never changes.
// Writes the last 2K·D columns of dqkv [B,T,(H+2K)·D]; the queries' kernel writes the rest.
// An invocation owns a key row j, a workgroup ROWS neighbours of one key head, and all walk the same queries, from workgroup
// memory: once for dv, once for dk. In one walk, key, value and both gradients would be more numbers than an invocation has registers.
// half: qkv, dy and dqkv are stored in f16.
// documents: queries t with starts[b,t] > j, the first position of their document, do not see key j. Starts grow along a row, so that
// the first query that sees none of the keys ends the walk.

import package::shared::attention::{arguments, cap_slope, capped};
import package::shared::control::{Control, ScheduleRow};
import package::shared::grid::group_number;
import package::shared::heads::{Entry, ROWS, SIZE, STAGED, Stored, entries, horizontal_sum};
import package::shared::random::random_bits;

@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<ScheduleRow>;
@group(0) @binding(3) var<storage, read> qkv: array<Stored>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> delta: array<f32>;
@group(0) @binding(6) var<storage, read> dy: array<Stored>;
@group(0) @binding(7) var<storage, read_write> dqkv: array<Stored>;
@group(0) @binding(8) var<storage, read> starts: array<u32>;

var<workgroup> staged_queries: array<Entry, STAGED * SIZE>;
var<workgroup> staged_flows: array<Entry, STAGED * SIZE>;

// Stages queries and the gradients of their outputs from a row on.
fn stage(local: u32, count: u32, first_row: u32, head: u32) {
    let row_entries = (arguments.heads + 2u * arguments.kv_heads) * entries();
    for (var at = local; at < count * entries(); at += ROWS) {
        let row = first_row + at / entries();
        let column = head * entries() + at % entries();
        staged_queries[at] = Entry(qkv[row * row_entries + column]);
        staged_flows[at] = Entry(dy[row * arguments.heads * entries() + column]);
    }
}

// Dropout's factor of a probability: M.
fn kept(index: u32) -> f32 {
    if arguments.dropout == 0u {
        return 1.0;
    }
    let dropped = random_bits(schedule[control.row].seed, arguments.site, index) < arguments.threshold;
    return select(arguments.keep_scale, 0.0, dropped);
}

// The first position of a row's document; 0 where rows hold one.
fn document_start(row: u32) -> u32 {
    if arguments.documents == 0u {
        return 0u;
    }
    return starts[control.row * arguments.batch * arguments.time + row];
}

@compute @workgroup_size(ROWS)
fn attention_key_backward_tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
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
    let row_entries = (arguments.heads + 2u * arguments.kv_heads) * entries();
    let j = min(first + local, arguments.time - 1u);
    // Behind the last query that sees the last of these keys.
    let end = min(arguments.time, first + ROWS - 1u + arguments.seen);
    let key_at = (window + j) * row_entries + (arguments.heads + key_head) * entries();
    let value_at = key_at + arguments.kv_heads * entries();
    let last = min(first + ROWS, arguments.time) - 1u;

    // Scaled by 1/√D.
    var key: array<Entry, SIZE>;
    for (var c = 0u; c < entries(); c++) {
        key[c] = Entry(qkv[key_at + c]) * arguments.scale;
    }

    var value_gradient: array<Entry, SIZE>;
    for (var c = 0u; c < entries(); c++) {
        value_gradient[c] = Entry();
    }
    for (var sharer = 0u; sharer < sharers; sharer++) {
        let head = key_head * sharers + sharer;
        let query_plane = (text * arguments.heads + head) * arguments.time;
        for (var start = first; start < end; start += STAGED) {
            if document_start(window + start) > last {
                break;
            }
            let count = min(STAGED, end - start);
            workgroupBarrier();
            stage(local, count, window + start, head);
            workgroupBarrier();
            for (var slot = 0u; slot < count; slot++) {
                let t = start + slot;
                let query = slot * entries();
                var scores = Entry();
                for (var c = 0u; c < entries(); c++) {
                    scores += key[c] * staged_queries[query + c];
                }
                let sees = j <= t && t - j < arguments.seen && document_start(window + t) <= j;
                if sees {
                    let probability = exp(capped(horizontal_sum(scores)) - lse[query_plane + t]);
                    let share = probability * kept((query_plane + t) * arguments.time + j);
                    for (var c = 0u; c < entries(); c++) {
                        value_gradient[c] += share * staged_flows[query + c];
                    }
                }
            }
        }
    }
    if first + local < arguments.time {
        for (var c = 0u; c < entries(); c++) {
            dqkv[value_at + c] = Stored(value_gradient[c]);
        }
    }

    var value: array<Entry, SIZE>;
    var key_gradient: array<Entry, SIZE>;
    for (var c = 0u; c < entries(); c++) {
        value[c] = Entry(qkv[value_at + c]);
        key_gradient[c] = Entry();
    }
    for (var sharer = 0u; sharer < sharers; sharer++) {
        let head = key_head * sharers + sharer;
        let query_plane = (text * arguments.heads + head) * arguments.time;
        for (var start = first; start < end; start += STAGED) {
            if document_start(window + start) > last {
                break;
            }
            let count = min(STAGED, end - start);
            workgroupBarrier();
            stage(local, count, window + start, head);
            workgroupBarrier();
            for (var slot = 0u; slot < count; slot++) {
                let t = start + slot;
                let query = slot * entries();
                var scores = Entry();
                var flows = Entry();
                for (var c = 0u; c < entries(); c++) {
                    scores += key[c] * staged_queries[query + c];
                    flows += value[c] * staged_flows[query + c];
                }
                let sees = j <= t && t - j < arguments.seen && document_start(window + t) <= j;
                if sees {
                    let score = capped(horizontal_sum(scores));
                    let probability = exp(score - lse[query_plane + t]);
                    let flow = kept((query_plane + t) * arguments.time + j) * horizontal_sum(flows);
                    let slope = probability * (flow - delta[query_plane + t]) * cap_slope(score);
                    for (var c = 0u; c < entries(); c++) {
                        key_gradient[c] += slope * staged_queries[query + c];
                    }
                }
            }
        }
    }
    if first + local < arguments.time {
        for (var c = 0u; c < entries(); c++) {
            dqkv[key_at + c] = Stored(key_gradient[c] * arguments.scale);
        }
    }
}
