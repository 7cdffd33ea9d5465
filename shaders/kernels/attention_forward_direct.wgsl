// Causal grouped-query attention on software adapters: the formula of attention_forward_tiled.wgsl, four queries an invocation.
// variants: dropout? half? documents?
// needs: documents with dropout
//
//   s[j] = cap(q·k[j]/√D) for t − S < j ≤ t;  lse = log Σ exp s[j];  y = Σ exp(s[j] − lse)·M[j]·v[j]
//
// qkv [B,T,(H+2K)·D] holds queries, keys and values side by side; y is [B,T,H·D] and lse [B,H,T]. Query head h reads key head
// h/(H/K). S is the sliding window, or T. D divides by four and is at most 128. half: qkv and y are stored in f16. M is dropout's mask/(1 − rate), which the sum of the softmax does not see.
//
// Four queries meet four keys at a time, so that what is loaded serves four products and not one: on a CPU that plays GPU a
// load goes lane by lane. The sums are rescaled once for four keys (online softmax, Milakov and Gimelshein 2018). Queries are
// read again for each block of keys, since an array that a loop indexes costs as much as a buffer.
// documents: t sees no key before starts[b,t], the first position of its document; whole blocks of such keys are skipped.
// Those variants have dropout's code too, of a rate of 0 where nothing is dropped. A soft cap, cap(s) = c·tanh(s/c), is a loop of one turn
// or none: software adapters run both sides of a branch.

import package::shared::attention::arguments;
import package::shared::blocks::{LANES, MIN_SCORE, ROWS, SIZE, Stored, exponentials, highest, neighbours, scaled, softcapped_block, total};
@if(dropout) import package::shared::blocks::{kept_of_queries, products};
@if(dropout) import package::shared::control::{Control, ScheduleRow};
@if(documents) import package::shared::blocks::keys_from;
import package::shared::grid::group_number;

@group(0) @binding(1) var<storage, read> qkv: array<Stored>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;
@group(0) @binding(3) var<storage, read_write> lse: array<f32>;
@if(dropout) @group(0) @binding(4) var<storage, read> control: Control;
@if(dropout) @group(0) @binding(5) var<storage, read> schedule: array<ScheduleRow>;
@if(documents) @group(0) @binding(6) var<storage, read> starts: array<u32>;

fn four(rows: vec4<u32>, c: u32) -> mat4x4<f32> {
    return mat4x4<f32>(
        vec4<f32>(qkv[rows.x + c]), vec4<f32>(qkv[rows.y + c]), vec4<f32>(qkv[rows.z + c]), vec4<f32>(qkv[rows.w + c]));
}

// Scores of the keys that a query sees.
fn seen(scores: vec4<f32>, keys: vec4<u32>, t: u32) -> vec4<f32> {
    let sees = (keys <= vec4<u32>(t)) & (vec4<u32>(t) < keys + vec4<u32>(arguments.seen));
    return select(vec4<f32>(MIN_SCORE), scores * arguments.scale, sees);
}

fn store(t: u32, at: u32, value: vec4<f32>) {
    if t < arguments.time {
        y[at] = Stored(value);
    }
}

fn store_lse(t: u32, plane: u32, value: f32) {
    if t < arguments.time {
        lse[plane * arguments.time + t] = value;
    }
}

@compute @workgroup_size(LANES)
fn attention_forward_direct(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
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
    let queries = (vec4<u32>(window) + neighbours(own, arguments.time)) * row_entries + head * entries;
    @if(dropout) let seed = schedule[control.row].seed;
    @if(dropout) let rows = vec4<u32>(plane * arguments.time + own) + vec4<u32>(0u, 1u, 2u, 3u);

    var attended: array<mat4x4<f32>, SIZE>;
    for (var c = 0u; c < entries; c++) {
        attended[c] = mat4x4<f32>();
    }
    var largest = vec4<f32>(MIN_SCORE);
    var sums = vec4<f32>();
    for (var j = begin; j < end; j += 4u) {
        let keys = (vec4<u32>(window) + neighbours(j, arguments.time)) * row_entries + key_column;
        var scores = mat4x4<f32>();
        for (var c = 0u; c < entries; c++) {
            scores += transpose(four(keys, c)) * four(queries, c);
        }
        let js = vec4<u32>(j) + vec4<u32>(0u, 1u, 2u, 3u);
        for (var turn = 0u; turn < arguments.capped; turn++) {
            scores = softcapped_block(scores, arguments.softcap / arguments.scale);
        }
        @if(documents) {
            scores = keys_from(scores, js, documents);
        }
        let visible = mat4x4<f32>(
            seen(scores[0], js, own), seen(scores[1], js, own + 1u), seen(scores[2], js, own + 2u), seen(scores[3], js, own + 3u));
        let now = max(largest, vec4<f32>(highest(visible[0]), highest(visible[1]), highest(visible[2]), highest(visible[3])));
        let shrink = exp(largest - now);
        largest = now;
        var shares = exponentials(mat4x4<f32>(
            visible[0] - vec4<f32>(now.x), visible[1] - vec4<f32>(now.y), visible[2] - vec4<f32>(now.z), visible[3] - vec4<f32>(now.w)));
        sums = sums * shrink + vec4<f32>(total(shares[0]), total(shares[1]), total(shares[2]), total(shares[3]));
        @if(dropout) {
            shares = products(shares, kept_of_queries(seed, rows, js));
        }
        let values = keys - vec4<u32>(key_column) + vec4<u32>(value_column);
        for (var c = 0u; c < entries; c++) {
            attended[c] = scaled(attended[c], shrink) + four(values, c) * shares;
        }
    }
    let out = ((window + own) * arguments.heads + head) * entries;
    let below = arguments.heads * entries;
    for (var c = 0u; c < entries; c++) {
        let block = attended[c];
        store(own, out + c, block[0] / sums.x);
        store(own + 1u, out + below + c, block[1] / sums.y);
        store(own + 2u, out + 2u * below + c, block[2] / sums.z);
        store(own + 3u, out + 3u * below + c, block[3] / sums.w);
    }
    let sum = largest + log(sums);
    store_lse(own, plane, sum.x);
    store_lse(own + 1u, plane, sum.y);
    store_lse(own + 2u, plane, sum.z);
    store_lse(own + 3u, plane, sum.w);
}
