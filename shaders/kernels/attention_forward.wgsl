// Causal grouped-query attention: y = softmax(q·kᵀ/√D)·v for each head, T×T never stored.
// variants: entries=scalar|vec4 half?
//
//   s[j] = cap(q·k[j]/√D) for t − S < j ≤ t;  lse = log Σ exp s[j];  y = Σ exp(s[j] − lse)·M[j]·v[j]
//
// qkv [B,T,(H+2K)·D] holds queries, keys and values side by side; y is [B,T,H·D] and lse [B,H,T]. Query head h reads key head
// h/(H/K). S is the sliding window, or T. M is dropout's mask/(1 − rate), which the sum of the softmax does not see. cap(s) is c·tanh(s/c)
// or, without a soft cap, s.
//
// A workgroup owns 32 queries of one head and walks the keys in tiles of 32 (FlashAttention-2, Dao 2023): scores and weighted values are
// matrix products through workgroup memory, 4 × 4 numbers an invocation, so that registers hold any head size; the softmax is online
// (Milakov and Gimelshein 2018). Heads above 64 channels are shared by several workgroups, which compute the same scores.
// vec4: D is a multiple of four. half: qkv and y are stored in f16.
// documents: t sees no key before starts[b,t], the first position of its document; tiles of such keys are skipped.

import package::shared::attention::{
    COLUMNS, Stored, arguments, capped, control, document_start, document_starts, kept, positions_from,
    qkv_block, scaled_rows, schedule,
};
import package::shared::grid::group_number;
import package::shared::small_tile::{SIDE, left_tile, multiply, stage_left, stage_right, stage_steps};

const MIN_SCORE: f32 = -3.0e38;

@group(0) @binding(5) var<storage, read_write> y: array<Stored>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

// Maxima or sums of four keys each, for four rows.
var<workgroup> row_parts: array<array<vec4<f32>, 8>, 8>;

// A key's scores with four queries.
fn masked(products: vec4<f32>, t: vec4<u32>, documents: vec4<u32>, key: u32) -> vec4<f32> {
    let j = vec4<u32>(key);
    let sees = (documents <= j) & (j <= t) & (t - j < vec4<u32>(arguments.seen));
    return select(vec4<f32>(MIN_SCORE), capped(products * arguments.scale), sees);
}

// exp(s − largest), which is 0 for masked scores, also in a row without others.
fn exponentials(scores: vec4<f32>, largest: vec4<f32>) -> vec4<f32> {
    return select(exp(scores - largest), vec4<f32>(), scores == vec4<f32>(MIN_SCORE));
}

@if(scalar)
fn store_entry(at: u32, channel: u32, value: f32) {
    if channel < arguments.head_size {
        y[at + channel] = Stored(value);
    }
}

fn store(plane: u32, t: u32, channel: u32, values: vec4<f32>, largest: f32, total: f32) {
    if t >= arguments.time {
        return;
    }
    let head = plane % arguments.heads;
    let at = ((plane / arguments.heads * arguments.time + t) * arguments.heads + head) * arguments.head_size;
    @if(scalar) {
        store_entry(at, channel, values.x);
        store_entry(at, channel + 1u, values.y);
        store_entry(at, channel + 2u, values.z);
        store_entry(at, channel + 3u, values.w);
    }
    @if(vec4) if channel < arguments.head_size {
        y[(at + channel) / 4u] = Stored(values);
    }
    if channel == 0u {
        lse[plane * arguments.time + t] = largest + log(total);
    }
}

@compute @workgroup_size(64)
fn attention_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tiles = (arguments.time + SIDE - 1u) / SIDE;
    let planes = arguments.batch * arguments.heads;
    let number = group_number(group);
    if number >= planes * arguments.parts * tiles {
        return;
    }
    // The longest rows begin first, so that the short ones fill the gaps at the end.
    let first = (tiles - 1u - number / (planes * arguments.parts)) * SIDE;
    let plane = number / arguments.parts % planes;
    let column = number % arguments.parts * COLUMNS;
    let head = plane % arguments.heads;
    let window = (plane / arguments.heads) * arguments.time;
    let key_head = arguments.heads + head / (arguments.heads / arguments.kv_heads);
    let value_head = key_head + arguments.kv_heads;
    let end = min(first + SIDE, arguments.time);
    let begin = max(first + 1u - min(first + 1u, arguments.seen), document_start(window + first));
    let seed = schedule[control.row].seed;
    // The invocation's groups of four among the tile's eight: of queries, and of keys or channels.
    let own = local % 8u;
    let other = local / 8u;
    let t = positions_from(first + 4u * own);
    let documents = document_starts(window, t);

    // Four channels of four rows, and those 32 channels further.
    var attended = mat4x4<f32>();
    var attended_right = mat4x4<f32>();
    var largest = vec4<f32>(MIN_SCORE);
    var total = vec4<f32>();
    for (var start = begin; start < end; start += SIDE) {
        // A key in each column, with four queries.
        var scores = mat4x4<f32>();
        for (var channel = 0u; channel < arguments.head_size; channel += SIDE) {
            workgroupBarrier();
            stage_left(qkv_block(window, start + 4u * own, key_head, channel + 4u * other), own, other);
            stage_right(qkv_block(window, first + 4u * own, head, channel + 4u * other), own, other);
            workgroupBarrier();
            multiply(&scores, other, own, min(SIDE, arguments.head_size - channel));
        }
        let key = start + 4u * other;
        scores = mat4x4<f32>(
            masked(scores[0], t, documents, key),
            masked(scores[1], t, documents, key + 1u),
            masked(scores[2], t, documents, key + 2u),
            masked(scores[3], t, documents, key + 3u));
        row_parts[other][own] = max(max(scores[0], scores[1]), max(scores[2], scores[3]));
        workgroupBarrier();
        let before = largest;
        for (var part = 0u; part < 8u; part += 1u) {
            largest = max(largest, row_parts[part][own]);
        }
        let shrink = exp(before - largest);
        scores = mat4x4<f32>(
            exponentials(scores[0], largest),
            exponentials(scores[1], largest),
            exponentials(scores[2], largest),
            exponentials(scores[3], largest));
        total = total * shrink + ((scores[0] + scores[1]) + (scores[2] + scores[3]));
        let numbers = (vec4<u32>(plane * arguments.time) + t) * arguments.time + key;
        left_tile[4u * other][own] = scores[0] * kept(seed, numbers);
        left_tile[4u * other + 1u][own] = scores[1] * kept(seed, numbers + 1u);
        left_tile[4u * other + 2u][own] = scores[2] * kept(seed, numbers + 2u);
        left_tile[4u * other + 3u][own] = scores[3] * kept(seed, numbers + 3u);
        stage_steps(qkv_block(window, key, value_head, column + 4u * own), other, own);
        workgroupBarrier();
        attended = scaled_rows(attended, shrink);
        multiply(&attended, own, other, min(SIDE, end - start));
        if column + SIDE < arguments.head_size {
            workgroupBarrier();
            stage_steps(qkv_block(window, key, value_head, column + SIDE + 4u * own), other, own);
            workgroupBarrier();
            attended_right = scaled_rows(attended_right, shrink);
            multiply(&attended_right, own, other, min(SIDE, end - start));
        }
    }
    workgroupBarrier();
    row_parts[other][own] = total;
    workgroupBarrier();
    total = vec4<f32>();
    for (var part = 0u; part < 8u; part += 1u) {
        total += row_parts[part][own];
    }
    let at = first + 4u * own;
    let channel = column + 4u * other;
    attended = scaled_rows(attended, 1.0 / total);
    attended_right = scaled_rows(attended_right, 1.0 / total);
    store(plane, at, channel, attended[0], largest.x, total.x);
    store(plane, at + 1u, channel, attended[1], largest.y, total.y);
    store(plane, at + 2u, channel, attended[2], largest.z, total.z);
    store(plane, at + 3u, channel, attended[3], largest.w, total.w);
    store(plane, at, channel + SIDE, attended_right[0], largest.x, total.x);
    store(plane, at + 1u, channel + SIDE, attended_right[1], largest.y, total.y);
    store(plane, at + 2u, channel + SIDE, attended_right[2], largest.z, total.z);
    store(plane, at + 3u, channel + SIDE, attended_right[3], largest.w, total.w);
}
