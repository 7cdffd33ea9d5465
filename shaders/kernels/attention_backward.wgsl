// Gradient of causal grouped-query attention with respect to queries, keys and values.
// variants: entries=scalar|vec4 half?
//
// Forward:  s[t,j] = cap(q[t]·k[j]/√D);  p[t,j] = exp(s[t,j] − lse[t]);  y[t] = Σ_j p[t,j]·M[t,j]·v[j]
// Here:     ds[t,j] = p[t,j]·(M[t,j]·(dy[t]·v[j]) − delta[t])·cap′[t,j], for t − S < j ≤ t
//           dq[t] = Σ_j ds[t,j]·k[j]/√D;  dk[j] = Σ_t ds[t,j]·q[t]/√D;  dv[j] = Σ_t p[t,j]·M[t,j]·dy[t]
//
// cap′ is 1 − (s/c)² with a soft cap, else 1. The probabilities are recomputed from lse [B,H,T]; delta [B,H,T] comes from attention_delta;
// dy is [B,T,H·D], dqkv [B,T,(H+2K)·D]. Sums over t also run over the H/K query heads that share the key head, one after another, so
// that the order never changes.
//
// Shaped as attention_forward.wgsl: a workgroup owns 32 rows of one head of dqkv and walks their counterparts in tiles of 32, with two products
// for a tile of ds (one for p) and one for the result. A workgroup of values needs no dy·v, and one of both dk and dv would need more
// registers than some GPUs have. half: qkv, dy and dqkv are stored in f16.
// documents: queries t with starts[b,t] > j, the first position of their document, do not see key j. Starts grow along a row, so that
// the first tile of queries that sees none of the keys ends the walk.

import package::shared::attention::{
    COLUMNS, Stored, TILE, arguments, cap_slope, capped, control, document_start, document_starts, four_from, kept, multiply,
    positions_from, qkv_block, scaled_rows, schedule, stage_left, stage_right, stage_rows,
};
import package::shared::grid::group_number;

@group(0) @binding(5) var<storage, read> lse: array<f32>;
@group(0) @binding(6) var<storage, read> delta: array<f32>;
@group(0) @binding(7) var<storage, read> dy: array<Stored>;
@group(0) @binding(8) var<storage, read_write> dqkv: array<Stored>;

@if(scalar)
fn dy_entry(at: u32, channel: u32) -> f32 {
    return select(0.0, f32(dy[at + min(channel, arguments.head_size - 1u)]), channel < arguments.head_size);
}

fn dy_channels(row: u32, head: u32, channel: u32) -> vec4<f32> {
    let at = (row * arguments.heads + head) * arguments.head_size;
    @if(vec4) let entries = vec4<f32>(dy[(at + min(channel, arguments.head_size - 4u)) / 4u]);
    @if(vec4) return select(vec4<f32>(), entries, channel < arguments.head_size);
    @if(scalar) return vec4<f32>(
        dy_entry(at, channel), dy_entry(at, channel + 1u), dy_entry(at, channel + 2u), dy_entry(at, channel + 3u));
}

// Four channels of four rows of a head: of qkv, or of dy.
fn operand(of_dy: bool, window: u32, at: vec4<u32>, head: u32, channel: u32) -> mat4x4<f32> {
    if of_dy {
        return mat4x4<f32>(
            dy_channels(window + at.x, head, channel),
            dy_channels(window + at.y, head, channel),
            dy_channels(window + at.z, head, channel),
            dy_channels(window + at.w, head, channel));
    }
    return qkv_block(window, at, head, channel);
}

// What four of a query's numbers in lse or delta say.
fn lse_of(plane: u32, t: vec4<u32>) -> vec4<f32> {
    let at = vec4<u32>(plane * arguments.time) + t;
    return vec4<f32>(lse[at.x], lse[at.y], lse[at.z], lse[at.w]);
}

fn delta_of(plane: u32, t: vec4<u32>) -> vec4<f32> {
    let at = vec4<u32>(plane * arguments.time) + t;
    return vec4<f32>(delta[at.x], delta[at.y], delta[at.z], delta[at.w]);
}

// Queries of a block's row, or of its columns: their positions, with what the softmax and its gradient subtract.
struct Queries {
    plane: u32,
    t: vec4<u32>,
    documents: vec4<u32>,
    lse: vec4<f32>,
    delta: vec4<f32>,
}

fn queries_of(plane: u32, window: u32, first: u32) -> Queries {
    let t = positions_from(first);
    return Queries(plane, four_from(first), document_starts(window, t), lse_of(plane, t), delta_of(plane, t));
}

// Four copies of each of a row's numbers.
fn repeated(queries: Queries, t: u32, document: u32, row_lse: f32, row_delta: f32) -> Queries {
    return Queries(queries.plane, vec4<u32>(t), vec4<u32>(document), vec4<f32>(row_lse), vec4<f32>(row_delta));
}

// ds, or p·M, of four pairs, from q·k and dy·v.
fn weights(of_value: bool, queries: Queries, j: vec4<u32>, products: vec4<f32>, flows: vec4<f32>) -> vec4<f32> {
    let t = queries.t;
    let sees = (queries.documents <= j) & (j <= t) & (t - j < vec4<u32>(arguments.seen)) & (t < vec4<u32>(arguments.time));
    let scores = capped(products * arguments.scale);
    let numbers = (vec4<u32>(queries.plane * arguments.time) + t) * arguments.time + j;
    let factors = kept(schedule[control.row].seed, numbers);
    let slopes = (factors * flows - queries.delta) * cap_slope(scores);
    return select(vec4<f32>(), exp(scores - queries.lse) * select(slopes, factors, of_value), sees);
}

@if(scalar)
fn store_entry(at: u32, channel: u32, value: f32) {
    if channel < arguments.head_size {
        dqkv[at + channel] = Stored(value);
    }
}

fn store(window: u32, position: u32, head: u32, channel: u32, values: vec4<f32>) {
    if position >= arguments.time {
        return;
    }
    let at = ((window + position) * (arguments.heads + 2u * arguments.kv_heads) + head) * arguments.head_size;
    @if(scalar) {
        store_entry(at, channel, values.x);
        store_entry(at, channel + 1u, values.y);
        store_entry(at, channel + 2u, values.z);
        store_entry(at, channel + 3u, values.w);
    }
    @if(vec4) if channel < arguments.head_size {
        dqkv[(at + channel) / 4u] = Stored(values);
    }
}

@compute @workgroup_size(64)
fn attention_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tiles = (arguments.time + TILE - 1u) / TILE;
    let packed_heads = arguments.heads + 2u * arguments.kv_heads;
    let planes = arguments.batch * packed_heads;
    let number = group_number(group);
    if number >= planes * arguments.parts * tiles {
        return;
    }
    let rank = number / (planes * arguments.parts);
    let column = number % arguments.parts * COLUMNS;
    let plane = number / arguments.parts % planes;
    // A head of queries, keys or values.
    let head = plane % packed_heads;
    let text = plane / packed_heads;
    let window = text * arguments.time;
    let of_query = head < arguments.heads;
    let of_value = head >= arguments.heads + arguments.kv_heads;
    let sharers = arguments.heads / arguments.kv_heads;
    let pair = select((head - arguments.heads) % arguments.kv_heads, head / sharers, of_query);
    let key_head = arguments.heads + pair;
    let value_head = key_head + arguments.kv_heads;
    // The longest walks begin first: those of late queries and of early keys.
    let first = select(rank, tiles - 1u - rank, of_query) * TILE;
    let last = min(first + TILE, arguments.time) - 1u;
    let oldest = max(first + 1u - min(first + 1u, arguments.seen), document_start(window + first));
    let begin = select(first, oldest, of_query);
    let end = select(min(arguments.time, first + TILE - 1u + arguments.seen), last + 1u, of_query);
    // Of the invocation's four rows and of four columns, among the tile's eight each.
    let own = local % 8u;
    let other = local / 8u;
    let mine = positions_from(first + 4u * own);

    // Four channels of four rows, and those 32 channels further.
    var gradient = mat4x4<f32>();
    var gradient_right = mat4x4<f32>();
    for (var sharer = 0u; sharer < select(sharers, 1u, of_query); sharer += 1u) {
        let query_head = select(pair * sharers + sharer, head, of_query);
        let query_plane = text * arguments.heads + query_head;
        for (var start = begin; start < end; start += TILE) {
            // Late queries of other documents.
            if !of_query && document_start(window + start) > last {
                break;
            }
            let theirs = positions_from(start + 4u * own);
            var products = mat4x4<f32>();
            for (var channel = 0u; channel < arguments.head_size; channel += TILE) {
                let left = qkv_block(window, mine, select(key_head, head, of_query), channel + 4u * other);
                let right = qkv_block(window, theirs, select(query_head, key_head, of_query), channel + 4u * other);
                workgroupBarrier();
                stage_left(left, own, other);
                stage_right(right, own, other);
                workgroupBarrier();
                multiply(&products, own, other, min(TILE, arguments.head_size - channel));
            }
            var flows = mat4x4<f32>();
            for (var channel = 0u; channel < select(arguments.head_size, 0u, of_value); channel += TILE) {
                let left = operand(of_query, window, mine, select(value_head, head, of_query), channel + 4u * other);
                let right = operand(!of_query, window, theirs, select(query_head, value_head, of_query), channel + 4u * other);
                workgroupBarrier();
                stage_left(left, own, other);
                stage_right(right, own, other);
                workgroupBarrier();
                multiply(&flows, own, other, min(TILE, arguments.head_size - channel));
            }
            if of_query {
                let rows = queries_of(query_plane, window, first + 4u * own);
                let j = four_from(start + 4u * other);
                products = mat4x4<f32>(
                    weights(false, repeated(rows, rows.t.x, rows.documents.x, rows.lse.x, rows.delta.x), j, products[0], flows[0]),
                    weights(false, repeated(rows, rows.t.y, rows.documents.y, rows.lse.y, rows.delta.y), j, products[1], flows[1]),
                    weights(false, repeated(rows, rows.t.z, rows.documents.z, rows.lse.z, rows.delta.z), j, products[2], flows[2]),
                    weights(false, repeated(rows, rows.t.w, rows.documents.w, rows.lse.w, rows.delta.w), j, products[3], flows[3]));
            } else {
                let columns = queries_of(query_plane, window, start + 4u * other);
                let j = four_from(first + 4u * own);
                products = mat4x4<f32>(
                    weights(of_value, columns, vec4<u32>(j.x), products[0], flows[0]),
                    weights(of_value, columns, vec4<u32>(j.y), products[1], flows[1]),
                    weights(of_value, columns, vec4<u32>(j.z), products[2], flows[2]),
                    weights(of_value, columns, vec4<u32>(j.w), products[3], flows[3]));
            }
            let source = select(query_head, key_head, of_query);
            let rows = positions_from(start + 4u * other);
            let steps = operand(of_value, window, rows, source, column + 4u * own);
            workgroupBarrier();
            stage_left(products, own, other);
            stage_rows(steps, other, own);
            workgroupBarrier();
            multiply(&gradient, own, other, min(TILE, end - start));
            if column + TILE < arguments.head_size {
                let steps = operand(of_value, window, rows, source, column + TILE + 4u * own);
                workgroupBarrier();
                stage_rows(steps, other, own);
                workgroupBarrier();
                multiply(&gradient_right, own, other, min(TILE, end - start));
            }
        }
    }
    let scale = select(arguments.scale, 1.0, of_value);
    let at = first + 4u * own;
    let channel = column + 4u * other;
    store(window, at, head, channel, gradient[0] * scale);
    store(window, at + 1u, head, channel, gradient[1] * scale);
    store(window, at + 2u, head, channel, gradient[2] * scale);
    store(window, at + 3u, head, channel, gradient[3] * scale);
    store(window, at, head, channel + TILE, gradient_right[0] * scale);
    store(window, at + 1u, head, channel + TILE, gradient_right[1] * scale);
    store(window, at + 2u, head, channel + TILE, gradient_right[2] * scale);
    store(window, at + 3u, head, channel + TILE, gradient_right[3] * scale);
}
