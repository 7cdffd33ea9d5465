// Gradient of causal attention with respect to queries on a GPU, through workgroup memory.
// variants: size=d32|d48|d64|d128|any4|any half?
//
// Forward:  s[j] = cap(q·k[j]/√D);  p[j] = exp(s[j] − lse);  y = Σ p[j]·M[j]·v[j]
// Here:     dp[j] = M[j]·(dy·v[j]);  ds[j] = p[j]·(dp[j] − delta)·cap′[j];  dq = Σ_{t − S < j ≤ t} ds[j]·k[j]/√D
//
// cap′ is 1 − (s/c)² with a soft cap, else 1.
// Writes the first H·D columns of dqkv [B,T,(H+2K)·D]; the keys' kernel writes the rest. The probabilities are
// recomputed from lse [B,H,T]; delta [B,H,T] comes from attention_delta; dy is [B,T,H·D].
// Shaped as attention_forward_tiled.wgsl: an invocation owns a query row, a workgroup ROWS neighbours of one head.
// half: qkv, dy and dqkv are stored in f16.
// documents: t sees no key before starts[b,t], the first position of its document; whole blocks of such keys are skipped.

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

var<workgroup> staged_keys: array<Entry, STAGED * SIZE>;
var<workgroup> staged_values: array<Entry, STAGED * SIZE>;

// The first position of a row's document; 0 where rows hold one.
fn document_start(row: u32) -> u32 {
    if arguments.documents == 0u {
        return 0u;
    }
    return starts[control.row * arguments.batch * arguments.time + row];
}

@compute @workgroup_size(ROWS)
fn attention_query_backward_tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tiles = (arguments.time + ROWS - 1u) / ROWS;
    let number = group_number(group);
    if number >= arguments.batch * arguments.heads * tiles {
        return;
    }
    let first = (tiles - 1u - number % tiles) * ROWS;
    let plane = number / tiles;
    let head = plane % arguments.heads;
    let window = (plane / arguments.heads) * arguments.time;
    let row_entries = (arguments.heads + 2u * arguments.kv_heads) * entries();
    let key_column = (arguments.heads + head / (arguments.heads / arguments.kv_heads)) * entries();
    let value_column = key_column + arguments.kv_heads * entries();
    let t = min(first + local, arguments.time - 1u);
    let end = min(first + ROWS, arguments.time);
    let document = document_start(window + t);
    let begin = max(first + 1u - min(first + 1u, arguments.seen), document_start(window + first));
    let seed = schedule[control.row].seed;
    let query_at = (window + t) * row_entries + head * entries();

    var query: array<Entry, SIZE>;
    var flow: array<Entry, SIZE>;
    var gradient: array<Entry, SIZE>;
    for (var c = 0u; c < entries(); c++) {
        query[c] = Entry(qkv[query_at + c]) * arguments.scale;
        flow[c] = Entry(dy[((window + t) * arguments.heads + head) * entries() + c]);
        gradient[c] = Entry();
    }
    let row_lse = lse[plane * arguments.time + t];
    let row_delta = delta[plane * arguments.time + t];
    for (var start = begin; start < end; start += STAGED) {
        let count = min(STAGED, end - start);
        workgroupBarrier();
        for (var at = local; at < count * entries(); at += ROWS) {
            let row = (window + start + at / entries()) * row_entries;
            staged_keys[at] = Entry(qkv[row + key_column + at % entries()]);
            staged_values[at] = Entry(qkv[row + value_column + at % entries()]);
        }
        workgroupBarrier();
        for (var slot = 0u; slot < count; slot++) {
            let j = start + slot;
            let key = slot * entries();
            var scores = Entry();
            var flows = Entry();
            for (var c = 0u; c < entries(); c++) {
                scores += query[c] * staged_keys[key + c];
                flows += flow[c] * staged_values[key + c];
            }
            let sees = document <= j && j <= t && t - j < arguments.seen;
            if sees {
                var share = horizontal_sum(flows);
                if arguments.dropout != 0u {
                    let index = (plane * arguments.time + t) * arguments.time + j;
                    let dropped = random_bits(seed, arguments.site, index) < arguments.threshold;
                    share = select(share * arguments.keep_scale, 0.0, dropped);
                }
                let score = capped(horizontal_sum(scores));
                let slope = exp(score - row_lse) * (share - row_delta) * cap_slope(score);
                for (var c = 0u; c < entries(); c++) {
                    gradient[c] += slope * staged_keys[key + c];
                }
            }
        }
    }
    if first + local < arguments.time {
        for (var c = 0u; c < entries(); c++) {
            dqkv[query_at + c] = Stored(gradient[c] * arguments.scale);
        }
    }
}
