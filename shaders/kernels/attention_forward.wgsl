// Causal grouped-query attention: y = softmax(q·kᵀ/√D)·v for each head, T×T never stored.
// variants: size=d8|d16|d32|d48|d64|d128|any4|any|single half?
//
//   s[j] = q·k[j]/√D for j ≤ t;  lse = log Σ exp s[j];  y = Σ exp(s[j] − lse)·M[j]·v[j]
//
// qkv [B,T,(H+2K)·D] holds queries, keys and values side by side; y is [B,T,H·D] and lse [B,H,T]. Query head h reads key head
// h/(H/K). M is dropout's mask/(1 − rate), which the sum of the softmax does not see.
//
// One invocation owns a query row and walks the keys with an online softmax (Milakov and Gimelshein 2018): the sums are
// rescaled when a larger score comes, which gets rarer along the row. A workgroup takes ROWS neighbouring queries of one head,
// so that all its invocations read the same key at the same time, from workgroup memory. The loop bounds are the workgroup's, its
// masks the row's. `size` is D as a constant, which lets the compiler keep a row in registers; `any4` takes every D up to 256
// that divides by four, `any` the others, scalar by scalar. On software adapters, where barriers cost more than loads, `single`
// takes the heads that attention_forward_blocks does not, straight from the buffer. half: qkv and y are stored in halves.

import package::shared::grid::group_number;
import package::shared::control::{Control, ScheduleRow};
import package::shared::random::random_bits;

@if(any || single) alias Entry = f32;
@else alias Entry = vec4<f32>;
@if(half && (any || single)) alias Stored = f16;
@if(half && !any && !single) alias Stored = vec4<f16>;
@if(!half) alias Stored = Entry;

// Entries of a head's row, and keys staged at once (about 1024 floats).
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

const LOWEST: f32 = -3.0e38;

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
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;

@if(!single) var<workgroup> staged_keys: array<Entry, STAGED * SIZE>;
@if(!single) var<workgroup> staged_values: array<Entry, STAGED * SIZE>;

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
fn attention_forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
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
    let row_entries = (arguments.heads + 2u * arguments.kv_heads) * entries();
    let key_column = (arguments.heads + head / (arguments.heads / arguments.kv_heads)) * entries();
    let value_column = key_column + arguments.kv_heads * entries();
    let t = min(first + local, arguments.time - 1u);
    let end = min(first + ROWS, arguments.time);
    let seed = schedule[control.row].seed;

    var query: array<Entry, SIZE>;
    var mixed: array<Entry, SIZE>;
    for (var c = 0u; c < entries(); c++) {
        query[c] = Entry(qkv[(window + t) * row_entries + head * entries() + c]) * arguments.scale;
        mixed[c] = Entry();
    }
    var largest = LOWEST;
    var total = 0.0;
    for (var start = 0u; start < end; start += STAGED) {
        let count = min(STAGED, end - start);
        @if(!single) {
            workgroupBarrier();
            for (var at = local; at < count * entries(); at += ROWS) {
                let row = (window + start + at / entries()) * row_entries;
                staged_keys[at] = Entry(qkv[row + key_column + at % entries()]);
                staged_values[at] = Entry(qkv[row + value_column + at % entries()]);
            }
            workgroupBarrier();
        }
        for (var slot = 0u; slot < count; slot++) {
            let j = start + slot;
            @if(!single) let key = slot * entries();
            @else let key = (window + j) * row_entries + key_column;
            @if(!single) let value = key;
            @else let value = (window + j) * row_entries + value_column;
            var products = Entry();
            for (var c = 0u; c < entries(); c++) {
                @if(!single) products += query[c] * staged_keys[key + c];
                @else products += query[c] * Entry(qkv[key + c]);
            }
            let score = horizontal_sum(products);
            if j <= t {
                if score > largest {
                    let shrink = exp(largest - score);
                    total *= shrink;
                    for (var c = 0u; c < entries(); c++) {
                        mixed[c] *= shrink;
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
                for (var c = 0u; c < entries(); c++) {
                    @if(!single) mixed[c] += share * staged_values[value + c];
                    @else mixed[c] += share * Entry(qkv[value + c]);
                }
            }
        }
    }
    if first + local < arguments.time {
        let out = ((window + t) * arguments.heads + head) * entries();
        for (var c = 0u; c < entries(); c++) {
            y[out + c] = Stored(mixed[c] / total);
        }
        lse[plane * arguments.time + t] = largest + log(total);
    }
}
