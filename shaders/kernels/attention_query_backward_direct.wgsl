// Gradient of causal attention with respect to queries on software adapters: four queries an invocation.
// variants: dropout? half? documents?
// needs: documents with dropout
//
// Forward:  s[j] = cap(q·k[j]/√D);  p[j] = exp(s[j] − lse);  y = Σ p[j]·M[j]·v[j]
// Here:     ds[j] = p[j]·(M[j]·(dy·v[j]) − delta)·cap′[j];  dq = Σ_{t − S < j ≤ t} ds[j]·k[j]/√D
//
// delta = dy·y of each row [B,H,T]; cap′ is 1 − (s/c)² with a soft cap, else 1.
// Writes the first H·D columns of dqkv [B,T,(H+2K)·D]; the keys' kernel
// writes the rest. half: qkv, dy and dqkv are stored in f16. attention_forward_direct.wgsl says why blocks, and what documents are.

import package::shared::attention::arguments;
import package::shared::blocks::{LANES, MIN_SCORE, ROWS, SIZE, Stored, cap_slopes, exponentials, neighbours, products, softcapped_block};
@if(dropout) import package::shared::blocks::kept_of_queries;
@if(dropout) import package::shared::control::{Control, ScheduleRow};
@if(documents) import package::shared::blocks::keys_from;
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

// Logarithms of the probabilities of the keys that a query sees.
fn seen(scores: vec4<f32>, keys: vec4<u32>, t: u32, lse: f32) -> vec4<f32> {
    let sees = (keys <= vec4<u32>(t)) & (vec4<u32>(t) < keys + vec4<u32>(arguments.seen));
    return select(vec4<f32>(MIN_SCORE), scores * arguments.scale - vec4<f32>(lse), sees);
}

fn store(t: u32, at: u32, value: vec4<f32>) {
    if t < arguments.time {
        dqkv[at] = Stored(value * arguments.scale);
    }
}

@compute @workgroup_size(LANES)
fn attention_query_backward_direct(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tiles = (arguments.time + ROWS - 1u) / ROWS;
    let number = group_number(group);
    if number >= arguments.batch * arguments.heads * tiles {
        return;
    }
    let first = (tiles - 1u - number % tiles) * ROWS;
    let plane = number / tiles;
    let head = plane % arguments.heads;
    let window = (plane / arguments.heads) * arguments.time;
    let entries = arguments.head_size / 4u;
    let row_entries = (arguments.heads + 2u * arguments.kv_heads) * entries;
    let key_column = (arguments.heads + head / (arguments.heads / arguments.kv_heads)) * entries;
    let value_column = key_column + arguments.kv_heads * entries;
    let own = first + local * 4u;
    let end = min(first + ROWS, arguments.time);
    @if(!documents) let begin = first + 1u - min(first + 1u, arguments.seen);
    @if(documents) let start_row = control.row * arguments.batch * arguments.time + window;
    @if(documents) let begin = max(first + 1u - min(first + 1u, arguments.seen), starts[start_row + first]);
    @if(documents) let own_documents = vec4<u32>(start_row) + neighbours(own, arguments.time);
    @if(documents) let documents = vec4<u32>(
        starts[own_documents.x], starts[own_documents.y], starts[own_documents.z], starts[own_documents.w]);
    let ts = neighbours(own, arguments.time);
    let queries = (vec4<u32>(window) + ts) * row_entries + head * entries;
    let flows = ((vec4<u32>(window) + ts) * arguments.heads + head) * entries;
    let rows = vec4<u32>(plane * arguments.time) + ts;
    let row_lse = vec4<f32>(lse[rows.x], lse[rows.y], lse[rows.z], lse[rows.w]);
    let row_delta = vec4<f32>(delta[rows.x], delta[rows.y], delta[rows.z], delta[rows.w]);
    @if(dropout) let seed = schedule[control.row].seed;

    var gradient: array<mat4x4<f32>, SIZE>;
    for (var c = 0u; c < entries; c++) {
        gradient[c] = mat4x4<f32>();
    }
    for (var j = begin; j < end; j += 4u) {
        let keys = (vec4<u32>(window) + neighbours(j, arguments.time)) * row_entries + key_column;
        let values = keys - vec4<u32>(key_column) + vec4<u32>(value_column);
        var scores = mat4x4<f32>();
        var shares = mat4x4<f32>();
        for (var c = 0u; c < entries; c++) {
            scores += transpose(four(keys, c)) * four(queries, c);
            shares += transpose(four(values, c)) * four_flows(flows, c);
        }
        let js = vec4<u32>(j) + vec4<u32>(0u, 1u, 2u, 3u);
        for (var turn = 0u; turn < arguments.capped; turn++) {
            scores = softcapped_block(scores, arguments.softcap / arguments.scale);
        }
        @if(documents) {
            scores = keys_from(scores, js, documents);
        }
        let probabilities = exponentials(mat4x4<f32>(
            seen(scores[0], js, own, row_lse.x),
            seen(scores[1], js, own + 1u, row_lse.y),
            seen(scores[2], js, own + 2u, row_lse.z),
            seen(scores[3], js, own + 3u, row_lse.w),
        ));
        @if(dropout) {
            shares = products(shares, kept_of_queries(seed, rows, js));
        }
        var slopes = products(probabilities, mat4x4<f32>(
            shares[0] - vec4<f32>(row_delta.x),
            shares[1] - vec4<f32>(row_delta.y),
            shares[2] - vec4<f32>(row_delta.z),
            shares[3] - vec4<f32>(row_delta.w),
        ));
        for (var turn = 0u; turn < arguments.capped; turn++) {
            slopes = products(slopes, cap_slopes(scores, arguments.softcap / arguments.scale));
        }
        for (var c = 0u; c < entries; c++) {
            gradient[c] += four(keys, c) * slopes;
        }
    }
    for (var c = 0u; c < entries; c++) {
        let block = gradient[c];
        store(own, queries.x + c, block[0]);
        store(own + 1u, queries.y + c, block[1]);
        store(own + 2u, queries.z + c, block[2]);
        store(own + 3u, queries.w + c, block[3]);
    }
}
