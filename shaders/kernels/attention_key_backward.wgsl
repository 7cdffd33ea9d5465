// Gradient of causal attention with respect to keys and values.
// variants: size=d8|d16|d32|d48|d64|d128|any4|any|single half?
//
// Forward:  s[t] = q[t]·k/√D;  p[t] = exp(s[t] − lse[t]);  y[t] = Σ p[t]·M[t]·v
// Here:     dv = Σ_{t ≥ j} p[t]·M[t]·dy[t];  ds[t] = p[t]·(M[t]·(dy[t]·v) − delta[t]);  dk = Σ_{t ≥ j} ds[t]·q[t]/√D
//
// Both sums also run over the H/K query heads that share the key head, one after another, so that the order never changes.
// Writes the last 2K·D columns of dqkv [B,T,(H+2K)·D]; attention_query_backward writes the rest.
// An invocation owns a key row j, a workgroup ROWS neighbours of one key head, and all walk the same queries; the queries are
// staged in workgroup memory where it is fast. half: qkv, dy and dqkv are stored in halves.

import package::shared::grid::group_number;
import package::shared::control::{Control, ScheduleRow};
import package::shared::random::random_bits;

@if(any || single) alias Entry = f32;
@else alias Entry = vec4<f32>;
@if(half && (any || single)) alias Stored = f16;
@if(half && !any && !single) alias Stored = vec4<f16>;
@if(!half) alias Stored = Entry;

// Entries of a head's row, and queries staged at once (about 1024 floats).
@if(d8) const SIZE: u32 = 2u;
@if(d16) const SIZE: u32 = 4u;
@if(d32) const SIZE: u32 = 8u;
@if(d48) const SIZE: u32 = 12u;
@if(d64) const SIZE: u32 = 16u;
@if(d128) const SIZE: u32 = 32u;
@if(any4) const SIZE: u32 = 64u;
@if(any || single) const SIZE: u32 = 256u;
@if(d8 || d16 || d32) const STAGED: u32 = 32u;
@if(d48 || d64) const STAGED: u32 = 16u;
@if(d128) const STAGED: u32 = 8u;
@if(any4 || any || single) const STAGED: u32 = 4u;
@if(!single) const ROWS: u32 = 64u;
@else const ROWS: u32 = 8u;

struct Arguments {
    batch: u32, // B.
    time: u32, // T.
    heads: u32, // H.
    kv_heads: u32, // K.
    head_size: u32, // D.
    scale: f32, // 1 / √D.
    dropout: u32, // 1 where probabilities are dropped.
    site: u32, // Number of the dropout site.
    threshold: u32, // Random bits below it drop a probability.
    keep_scale: f32, // 1 / (1 − rate).
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<ScheduleRow>;
@group(0) @binding(3) var<storage, read> qkv: array<Stored>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> delta: array<f32>;
@group(0) @binding(6) var<storage, read> dy: array<Stored>;
@group(0) @binding(7) var<storage, read_write> dqkv: array<Stored>;

@if(!single) var<workgroup> staged_queries: array<Entry, STAGED * SIZE>;
@if(!single) var<workgroup> staged_flows: array<Entry, STAGED * SIZE>;

fn entries() -> u32 {
    @if(any || single) return arguments.head_size;
    @if(any4) return arguments.head_size / 4u;
    @if(!any && !any4 && !single) return SIZE;
}

fn horizontal_sum(x: Entry) -> f32 {
    @if(any || single) return x;
    @else return (x.x + x.y) + (x.z + x.w);
}

@compute @workgroup_size(ROWS)
fn attention_key_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
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
    let key_at = (window + j) * row_entries + (arguments.heads + key_head) * entries();
    let value_at = key_at + arguments.kv_heads * entries();
    let seed = schedule[control.row].seed;

    var key: array<Entry, SIZE>;
    var value: array<Entry, SIZE>;
    var key_gradient: array<Entry, SIZE>;
    var value_gradient: array<Entry, SIZE>;
    for (var c = 0u; c < entries(); c++) {
        key[c] = Entry(qkv[key_at + c]) * arguments.scale;
        value[c] = Entry(qkv[value_at + c]);
        key_gradient[c] = Entry();
        value_gradient[c] = Entry();
    }
    for (var sharer = 0u; sharer < sharers; sharer++) {
        let head = key_head * sharers + sharer;
        let query_plane = (text * arguments.heads + head) * arguments.time;
        for (var start = first; start < arguments.time; start += STAGED) {
            let count = min(STAGED, arguments.time - start);
            @if(!single) {
                workgroupBarrier();
                for (var at = local; at < count * entries(); at += ROWS) {
                    let row = window + start + at / entries();
                    let column = head * entries() + at % entries();
                    staged_queries[at] = Entry(qkv[row * row_entries + column]);
                    staged_flows[at] = Entry(dy[row * arguments.heads * entries() + column]);
                }
                workgroupBarrier();
            }
            for (var slot = 0u; slot < count; slot++) {
                let t = start + slot;
                @if(!single) let query = slot * entries();
                @else let query = (window + t) * row_entries + head * entries();
                @if(!single) let flow = query;
                @else let flow = ((window + t) * arguments.heads + head) * entries();
                var scores = Entry();
                var flows = Entry();
                for (var c = 0u; c < entries(); c++) {
                    @if(!single) {
                        scores += key[c] * staged_queries[query + c];
                        flows += value[c] * staged_flows[flow + c];
                    }
                    @else {
                        scores += key[c] * Entry(qkv[query + c]);
                        flows += value[c] * Entry(dy[flow + c]);
                    }
                }
                if j <= t {
                    let probability = exp(horizontal_sum(scores) - lse[query_plane + t]);
                    var keep = 1.0;
                    if arguments.dropout != 0u {
                        let index = (query_plane + t) * arguments.time + j;
                        let dropped = random_bits(seed, arguments.site, index) < arguments.threshold;
                        keep = select(arguments.keep_scale, 0.0, dropped);
                    }
                    let share = probability * keep;
                    let slope = probability * (keep * horizontal_sum(flows) - delta[query_plane + t]);
                    for (var c = 0u; c < entries(); c++) {
                        @if(!single) {
                            value_gradient[c] += share * staged_flows[flow + c];
                            key_gradient[c] += slope * staged_queries[query + c];
                        }
                        @else {
                            value_gradient[c] += share * Entry(dy[flow + c]);
                            key_gradient[c] += slope * Entry(qkv[query + c]);
                        }
                    }
                }
            }
        }
    }
    if first + local < arguments.time {
        for (var c = 0u; c < entries(); c++) {
            dqkv[key_at + c] = Stored(key_gradient[c] * arguments.scale);
            dqkv[value_at + c] = Stored(value_gradient[c]);
        }
    }
}
