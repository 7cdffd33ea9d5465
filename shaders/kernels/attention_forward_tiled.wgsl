// Causal grouped-query attention on a GPU, through workgroup memory: y = softmax(q·kᵀ/√D)·v for each head, T×T never stored.
// variants: size=d32|d48|d64|d128|any4|any half?
//
//   s[j] = cap(q·k[j]/√D) for t − S < j ≤ t;  lse = log Σ exp s[j];  y = Σ exp(s[j] − lse)·M[j]·v[j]
//
// qkv [B,T,(H+2K)·D] holds queries, keys and values side by side; y is [B,T,H·D] and lse [B,H,T]. Query head h reads key head
// h/(H/K). S is the sliding window, or T. M is dropout's mask/(1 − rate), which the sum of the softmax does not see. cap(s) is c·tanh(s/c)
// or, without a soft cap, s.
//
// One invocation owns a query row and walks the keys with an online softmax (Milakov and Gimelshein 2018): the sums are
// rescaled when a larger score comes, which gets rarer along the row. A workgroup takes ROWS neighbouring queries of one head,
// so that all its invocations read the same key at the same time, from workgroup memory. The loop bounds are the workgroup's, its
// masks the row's. shared/heads.wgsl says what `size` is. half: qkv and y are stored in f16.
// documents: t sees no key before starts[b,t], the first position of its document; whole blocks of such keys are skipped.

import package::shared::attention::{arguments, capped};
import package::shared::control::{Control, ScheduleRow};
import package::shared::grid::group_number;
import package::shared::heads::{Entry, ROWS, SIZE, STAGED, Stored, entries, horizontal_sum};
import package::shared::random::random_bits;

const MIN_SCORE: f32 = -3.0e38;

@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<ScheduleRow>;
@group(0) @binding(3) var<storage, read> qkv: array<Stored>;
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
@group(0) @binding(6) var<storage, read> starts: array<u32>;

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
fn attention_forward_tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
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
    let document = document_start(window + t);
    let begin = max(first + 1u - min(first + 1u, arguments.seen), document_start(window + first));
    let seed = schedule[control.row].seed;

    var query: array<Entry, SIZE>;
    var attended: array<Entry, SIZE>;
    for (var c = 0u; c < entries(); c++) {
        query[c] = Entry(qkv[(window + t) * row_entries + head * entries() + c]) * arguments.scale;
        attended[c] = Entry();
    }
    var largest = MIN_SCORE;
    var total = 0.0;
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
            var products = Entry();
            for (var c = 0u; c < entries(); c++) {
                products += query[c] * staged_keys[key + c];
            }
            let score = capped(horizontal_sum(products));
            let sees = document <= j && j <= t && t - j < arguments.seen;
            if sees {
                if score > largest {
                    let shrink = exp(largest - score);
                    total *= shrink;
                    for (var c = 0u; c < entries(); c++) {
                        attended[c] *= shrink;
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
                    attended[c] += share * staged_values[key + c];
                }
            }
        }
    }
    if first + local < arguments.time {
        let out = ((window + t) * arguments.heads + head) * entries();
        for (var c = 0u; c < entries(); c++) {
            y[out + c] = Stored(attended[c] / total);
        }
        lse[plane * arguments.time + t] = largest + log(total);
    }
}
