// Attention of decoded chunks to everything in their texts' caches: y[b,t,h] = softmax(cap(q·kᵀ/√D))·v over the last positions up to start + t,
// all of them or those of a sliding window.
// variants: split?
//
// qkv [B,T,(H+2K)·D] (queries only), caches [S,K,P,D] (cached_write has put the chunks' own rows there), cursor [B] (start, length,
// text), y [B,T,H·D]. Rows at or past `length` are left alone.
//
// While a text is written it has one query row, so a workgroup takes one head of one row and its invocations share the keys:
// each scores one of LANES keys, then each sums the weighted values of its own channels, with an online softmax from one
// group of keys to the next. The two workgroup arrays take turns, which saves a third barrier. Every D up to 256 fits.
//
// split: a long cache is cut along time, so that a model of few heads fills a device too (Dao et al. 2023, "Flash-Decoding"). Each part
// of a head of a row has a workgroup, which writes Σ exp(s − m)·v, m and Σ exp(s − m) to partials [B,T,H,parts,D+2];
// cached_attention_join puts them together.

import package::shared::decode::Cursor;
import package::shared::grid::group_number;
import package::shared::softcap::softcapped;

const LANES: u32 = 64u;
const MIN_SCORE: f32 = -3.0e38;

struct Arguments {
    rows: u32, // B·T.
    time: u32, // T, rows of a chunk.
    heads: u32, // H.
    kv_heads: u32, // K.
    head_size: u32, // D.
    positions: u32, // P, rows of a cache.
    scale: f32, // 1 / √D.
    capped: u32, // 1 where scores have a soft cap, else 0: turns of a loop, since software adapters run both sides of a branch.
    softcap: f32, // Soft cap of the scaled scores.
    parts: u32, // Parts that the cache is cut into; 1 without a split.
    part: u32, // Positions of a part.
    seen: u32, // Positions that a query sees, its own included: all, or those of a sliding window.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> keys: array<f32>;
@group(0) @binding(3) var<storage, read> values: array<f32>;
@group(0) @binding(4) var<storage, read> cursor: array<Cursor>;
@if(split) @group(0) @binding(5) var<storage, read_write> partials: array<f32>;
@else @group(0) @binding(5) var<storage, read_write> y: array<f32>;

var<workgroup> query: array<f32, 256>;
var<workgroup> scores: array<f32, LANES>;
var<workgroup> shares: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn cached_attention(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    @if(split) let number = group_number(group) / arguments.parts;
    @else let number = group_number(group);
    let row = number / arguments.heads;
    if row >= arguments.rows {
        return;
    }
    let chunk = cursor[row / arguments.time];
    let t = row % arguments.time;
    if t >= chunk.length {
        return;
    }
    let head = number % arguments.heads;
    let head_size = arguments.head_size;
    let key_head = head / (arguments.heads / arguments.kv_heads);
    let cache = (chunk.text * arguments.kv_heads + key_head) * arguments.positions * head_size;
    @if(split) let part = group_number(group) % arguments.parts;
    let until = min(chunk.start + t + 1u, arguments.positions);
    let oldest = until - min(until, arguments.seen);
    @if(split) let begin = max(oldest, part * arguments.part);
    @if(split) let end = min(until, (part + 1u) * arguments.part);
    @if(!split) let begin = oldest;
    @if(!split) let end = until;
    let query_at = (row * (arguments.heads + 2u * arguments.kv_heads) + head) * head_size;
    for (var d = local; d < head_size; d += LANES) {
        query[d] = qkv[query_at + d] * arguments.scale;
    }
    workgroupBarrier();

    var largest = MIN_SCORE;
    var total = 0.0;
    var attended = vec4<f32>();
    for (var start = begin; start < end; start += LANES) {
        let count = min(LANES, end - start);
        var score = MIN_SCORE;
        if local < count {
            let key = cache + (start + local) * head_size;
            score = 0.0;
            for (var d = 0u; d < head_size; d++) {
                score += query[d] * keys[key + d];
            }
            for (var turn = 0u; turn < arguments.capped; turn++) {
                score = softcapped(score, arguments.softcap);
            }
        }
        scores[local] = score;
        workgroupBarrier();
        var next = largest;
        for (var slot = 0u; slot < count; slot++) {
            next = max(next, scores[slot]);
        }
        shares[local] = exp(score - next);
        workgroupBarrier();
        let shrink = exp(largest - next);
        largest = next;
        total *= shrink;
        attended *= shrink;
        for (var slot = 0u; slot < count; slot++) {
            let share = shares[slot];
            let value = cache + (start + slot) * head_size;
            total += share;
            for (var channel = 0u; channel < 4u; channel++) {
                let d = channel * LANES + local;
                if d < head_size {
                    attended[channel] += share * values[value + d];
                }
            }
        }
    }
    for (var channel = 0u; channel < 4u; channel++) {
        let d = channel * LANES + local;
        if d < head_size {
            @if(split) partials[(number * arguments.parts + part) * (head_size + 2u) + d] = attended[channel];
            @else y[number * head_size + d] = attended[channel] / total;
        }
    }
    @if(split) {
        if local == 0u {
            let at = (number * arguments.parts + part) * (head_size + 2u) + head_size;
            partials[at] = largest;
            partials[at + 1u] = total;
        }
    }
}
