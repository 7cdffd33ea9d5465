// Gradient of causal attention with respect to keys and values on software adapters: four keys an invocation.
// variants: dropout? half? documents?
// needs: documents with dropout
//
// Forward:  s[t] = cap(q[t]·k/√D);  p[t] = exp(s[t] − lse[t]);  y[t] = Σ p[t]·M[t]·v
// Here:     dv = Σ_{j ≤ t < j + S} p[t]·M[t]·dy[t];  ds[t] = p[t]·(M[t]·(dy[t]·v) − delta[t])·cap′[t]
//           dk = Σ_{j ≤ t < j + S} ds[t]·q[t]/√D
//
// cap′ is 1 − (s/c)² with a soft cap, else 1.
// Both sums also run over the H/K query heads that share the key head, one after another, so that the order never changes.
// Writes the last 2K·D columns of dqkv [B,T,(H+2K)·D]. half: qkv, dy and dqkv are stored in f16. attention_forward_direct.wgsl
// says why blocks; here a block holds, for each of four keys, its weights for four queries.
// documents: queries t with starts[b,t] > j, the first position of their document, do not see key j. Starts grow along a row, so that
// the first query that sees none of the keys ends the walk.

import package::shared::attention::arguments;
import package::shared::blocks::{LANES, MIN_SCORE, ROWS, SIZE, Stored, cap_slopes, exponentials, neighbours, products, softcapped_block};
@if(dropout) import package::shared::blocks::kept;
@if(dropout) import package::shared::control::{Control, ScheduleRow};
@if(documents) import package::shared::blocks::queries_until;
import package::shared::grid::group_number;

@group(0) @binding(1) var<storage, read> qkv: array<Stored>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> delta: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<Stored>;
@group(0) @binding(5) var<storage, read_write> dqkv: array<Stored>;
@if(dropout) @group(0) @binding(6) var<storage, read> control: Control;
@if(dropout) @group(0) @binding(7) var<storage, read> schedule: array<ScheduleRow>;
@if(documents) @group(0) @binding(8) var<storage, read> starts: array<u32>;

fn four(rows: vec4<u32>, c: u32) -> mat4x4<f32> {
    return mat4x4<f32>(
        vec4<f32>(qkv[rows.x + c]), vec4<f32>(qkv[rows.y + c]), vec4<f32>(qkv[rows.z + c]), vec4<f32>(qkv[rows.w + c]));
}

fn four_flows(rows: vec4<u32>, c: u32) -> mat4x4<f32> {
    return mat4x4<f32>(
        vec4<f32>(dy[rows.x + c]), vec4<f32>(dy[rows.y + c]), vec4<f32>(dy[rows.z + c]), vec4<f32>(dy[rows.w + c]));
}

// Logarithms of the probabilities that four queries give a key.
fn seeing(scores: vec4<f32>, ts: vec4<u32>, j: u32, lse: vec4<f32>) -> vec4<f32> {
    let sees = (vec4<u32>(j) <= ts) & (ts < min(vec4<u32>(arguments.time), vec4<u32>(j + arguments.seen)));
    return select(vec4<f32>(MIN_SCORE), scores * arguments.scale - lse, sees);
}

// M of the probabilities that four queries, from `first` on in all of them, give a key.
@if(dropout)
fn kept_of(seed: vec2<u32>, first: u32, j: u32) -> vec4<f32> {
    let entries = (vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u)) * arguments.time + j;
    return kept(seed, entries);
}

fn store(j: u32, at: u32, value: vec4<f32>) {
    if j < arguments.time {
        dqkv[at] = Stored(value);
    }
}

@compute @workgroup_size(LANES)
fn attention_key_backward_direct(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tiles = (arguments.time + ROWS - 1u) / ROWS;
    let number = group_number(group);
    if number >= arguments.batch * arguments.kv_heads * tiles {
        return;
    }
    let first = (number % tiles) * ROWS;
    let plane = number / tiles;
    let key_head = plane % arguments.kv_heads;
    let text = plane / arguments.kv_heads;
    let window = text * arguments.time;
    let sharers = arguments.heads / arguments.kv_heads;
    let entries = arguments.head_size / 4u;
    let row_entries = (arguments.heads + 2u * arguments.kv_heads) * entries;
    let own = first + local * 4u;
    // Behind the last query that sees the last of these keys.
    let end = min(arguments.time, first + ROWS - 1u + arguments.seen);
    let keys = (vec4<u32>(window) + neighbours(own, arguments.time)) * row_entries + (arguments.heads + key_head) * entries;
    let values = keys + vec4<u32>(arguments.kv_heads * entries);
    @if(dropout) let seed = schedule[control.row].seed;
    @if(documents) let start_row = control.row * arguments.batch * arguments.time + window;
    @if(documents) let last = min(first + ROWS, arguments.time) - 1u;

    var key_gradient: array<mat4x4<f32>, SIZE>;
    var value_gradient: array<mat4x4<f32>, SIZE>;
    for (var c = 0u; c < entries; c++) {
        key_gradient[c] = mat4x4<f32>();
        value_gradient[c] = mat4x4<f32>();
    }
    for (var sharer = 0u; sharer < sharers; sharer++) {
        let head = key_head * sharers + sharer;
        let query_plane = (text * arguments.heads + head) * arguments.time;
        for (var t = first; t < end; t += 4u) {
            @if(documents) {
                if starts[start_row + t] > last {
                    break;
                }
            }
            let seers = neighbours(t, arguments.time);
            let queries = (vec4<u32>(window) + seers) * row_entries + head * entries;
            let flows = ((vec4<u32>(window) + seers) * arguments.heads + head) * entries;
            var scores = mat4x4<f32>();
            var shares = mat4x4<f32>();
            for (var c = 0u; c < entries; c++) {
                scores += transpose(four(queries, c)) * four(keys, c);
                shares += transpose(four_flows(flows, c)) * four(values, c);
            }
            for (var turn = 0u; turn < arguments.capped; turn++) {
                scores = softcapped_block(scores, arguments.softcap / arguments.scale);
            }
            @if(documents) {
                let documents = vec4<u32>(
                    starts[start_row + seers.x], starts[start_row + seers.y], starts[start_row + seers.z], starts[start_row + seers.w]);
                scores = queries_until(scores, documents, own);
            }
            let rows = vec4<u32>(query_plane) + seers;
            let row_lse = vec4<f32>(lse[rows.x], lse[rows.y], lse[rows.z], lse[rows.w]);
            let row_delta = vec4<f32>(delta[rows.x], delta[rows.y], delta[rows.z], delta[rows.w]);
            let ts = vec4<u32>(t) + vec4<u32>(0u, 1u, 2u, 3u);
            let probabilities = exponentials(mat4x4<f32>(
                seeing(scores[0], ts, own, row_lse),
                seeing(scores[1], ts, own + 1u, row_lse),
                seeing(scores[2], ts, own + 2u, row_lse),
                seeing(scores[3], ts, own + 3u, row_lse),
            ));
            var kept_probabilities = probabilities;
            @if(dropout) {
                let keep = mat4x4<f32>(
                    kept_of(seed, query_plane + t, own),
                    kept_of(seed, query_plane + t, own + 1u),
                    kept_of(seed, query_plane + t, own + 2u),
                    kept_of(seed, query_plane + t, own + 3u),
                );
                kept_probabilities = products(probabilities, keep);
                shares = products(shares, keep);
            }
            var slopes = products(probabilities, mat4x4<f32>(
                shares[0] - row_delta, shares[1] - row_delta, shares[2] - row_delta, shares[3] - row_delta));
            for (var turn = 0u; turn < arguments.capped; turn++) {
                slopes = products(slopes, cap_slopes(scores, arguments.softcap / arguments.scale));
            }
            for (var c = 0u; c < entries; c++) {
                value_gradient[c] += four_flows(flows, c) * kept_probabilities;
                key_gradient[c] += four(queries, c) * slopes;
            }
        }
    }
    for (var c = 0u; c < entries; c++) {
        let by_key = key_gradient[c];
        let by_value = value_gradient[c];
        store(own, keys.x + c, by_key[0] * arguments.scale);
        store(own + 1u, keys.y + c, by_key[1] * arguments.scale);
        store(own + 2u, keys.z + c, by_key[2] * arguments.scale);
        store(own + 3u, keys.w + c, by_key[3] * arguments.scale);
        store(own, values.x + c, by_value[0]);
        store(own + 1u, values.y + c, by_value[1]);
        store(own + 2u, values.z + c, by_value[2]);
        store(own + 3u, values.w + c, by_value[3]);
    }
}
