// Gradient of causal grouped-query attention with respect to queries, keys and values.
// variants: entries=scalar|vec4 half?
//
// Forward:  s[t,j] = cap(q[t]·k[j]/√D);  p[t,j] = exp(s[t,j] − lse[t]);  y[t] = Σ_j p[t,j]·M[t,j]·v[j]
// Here:     ds[t,j] = p[t,j]·(M[t,j]·(dy[t]·v[j]) − delta[t])·cap′[t,j], for t − S < j ≤ t
//           dq[t] = Σ_j ds[t,j]·k[j]/√D;  dk[j] = Σ_t ds[t,j]·q[t]/√D;  dv[j] = Σ_t p[t,j]·M[t,j]·dy[t]
//
// cap′ is 1 − (s/c)² with a soft cap, else 1. The probabilities are recomputed from lse [B,H,T]. delta[t] is dy[t]·y[t] (FlashAttention-2, Dao
// 2023, line 4 of the backward pass), also with dropout, since y has the mask in it. y and dy are [B,T,H·D], dqkv [B,T,(H+2K)·D]. Sums over t
// also run over the H/K query heads that share the key head, one after another, so that the order never changes.
//
// Shaped as attention_forward.wgsl: a workgroup owns 32 rows of one head of dqkv and walks their counterparts in tiles of 32, with two products
// for a tile of ds (one for p) and one for the result. A workgroup of values needs no dy·v, and one of both dk and dv would need more
// registers than some GPUs have. half: qkv, y, dy and dqkv are stored in f16.
// documents: queries t with starts[b,t] > j, the first position of their document, do not see key j. Starts grow along a row, so that
// the first tile of queries that sees none of the keys ends the walk.

import package::shared::attention::{
    COLUMNS, Stored, arguments, cap_slope, capped, control, document_start, document_starts, kept,
    positions_from, qkv_block, scaled_rows, schedule,
};
import package::shared::grid::group_number;
import package::shared::small_tile::{SIDE, left_tile, multiply, stage_left, stage_right, stage_steps};

@group(0) @binding(5) var<storage, read> lse: array<f32>;
@group(0) @binding(6) var<storage, read> y: array<Stored>;
@group(0) @binding(7) var<storage, read> dy: array<Stored>;
@group(0) @binding(8) var<storage, read_write> dqkv: array<Stored>;

// Channels in an entry of a binding.
@if(scalar) const WIDTH: u32 = 1u;
@if(vec4) const WIDTH: u32 = 4u;

// delta of the queries of a tile, in two halves. No vectors, since invocations may not write components of one at the same time.
var<workgroup> delta_halves: array<array<f32, SIDE>, 2>;

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
fn operand(of_dy: bool, window: u32, first: u32, head: u32, channel: u32) -> mat4x4<f32> {
    if !of_dy {
        return qkv_block(window, first, head, channel);
    }
    let at = vec4<u32>(window) + positions_from(first);
    return mat4x4<f32>(
        dy_channels(at.x, head, channel),
        dy_channels(at.y, head, channel),
        dy_channels(at.z, head, channel),
        dy_channels(at.w, head, channel));
}

// Stages delta of a tile of queries: an invocation half of the channels of one of them.
fn stage_deltas(window: u32, first: u32, head: u32, own: u32, other: u32) {
    let row = window + min(first + 4u * own + other % 4u, arguments.time - 1u);
    let channels = arguments.head_size / WIDTH;
    let begin = (row * arguments.heads + head) * channels;
    var sum = 0.0;
    for (var at = begin + other / 4u; at < begin + channels; at += 2u) {
        @if(scalar) sum += f32(dy[at]) * f32(y[at]);
        @if(vec4) sum += dot(vec4<f32>(dy[at]), vec4<f32>(y[at]));
    }
    delta_halves[other / 4u][4u * own + other % 4u] = sum;
}

// delta of a group of four staged queries.
fn staged_deltas(group: u32) -> vec4<f32> {
    let at = 4u * group + vec4<u32>(0u, 1u, 2u, 3u);
    return vec4<f32>(
        delta_halves[0][at.x] + delta_halves[1][at.x],
        delta_halves[0][at.y] + delta_halves[1][at.y],
        delta_halves[0][at.z] + delta_halves[1][at.z],
        delta_halves[0][at.w] + delta_halves[1][at.w]);
}

// Four entries of a row of lse.
fn lse_of(plane: u32, t: vec4<u32>) -> vec4<f32> {
    let at = vec4<u32>(plane * arguments.time) + t;
    return vec4<f32>(lse[at.x], lse[at.y], lse[at.z], lse[at.w]);
}

// Four queries: their positions, and what the softmax and its gradient subtract.
struct Queries {
    t: vec4<u32>,
    documents: vec4<u32>,
    lse: vec4<f32>,
    delta: vec4<f32>,
}

fn queries_from(window: u32, plane: u32, first: u32, deltas: vec4<f32>) -> Queries {
    let t = positions_from(first);
    return Queries(t, document_starts(window, t), lse_of(plane, t), deltas);
}

// Four times the same query; one that sees nothing past the window's end.
fn repeated(window: u32, plane: u32, t: u32, delta: f32) -> Queries {
    let at = min(t, arguments.time - 1u);
    let document = select(arguments.time, document_start(window + at), t < arguments.time);
    return Queries(
        vec4<u32>(at), vec4<u32>(document), vec4<f32>(lse[plane * arguments.time + at]), vec4<f32>(delta));
}

// ds, or p·M, of four pairs, from q·k and dy·v.
fn weights(
    of_value: bool,
    plane: u32,
    queries: Queries,
    j: vec4<u32>,
    products: vec4<f32>,
    flows: vec4<f32>,
) -> vec4<f32> {
    let t = queries.t;
    let sees = (queries.documents <= j) & (j <= t) & (t - j < vec4<u32>(arguments.seen));
    let scores = capped(products * arguments.scale);
    let factors = kept(schedule[control.row].seed, (vec4<u32>(plane * arguments.time) + t) * arguments.time + j);
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

// The gradient of a tile of rows of a packed head. The flags are constants, so that compilers make three programs of this.
fn backward(of_query: bool, of_value: bool, rank: u32, text: u32, head: u32, column: u32, local: u32) {
    let window = text * arguments.time;
    let sharers = arguments.heads / arguments.kv_heads;
    let pair = select((head - arguments.heads) % arguments.kv_heads, head / sharers, of_query);
    let key_head = arguments.heads + pair;
    let value_head = key_head + arguments.kv_heads;
    // The longest walks begin first: those of late queries and of early keys.
    let first = select(rank, (arguments.time - 1u) / SIDE - rank, of_query) * SIDE;
    let oldest = max(first + 1u - min(first + 1u, arguments.seen), document_start(window + first));
    let begin = select(first, oldest, of_query);
    let end = min(arguments.time, first + SIDE + select(arguments.seen - 1u, 0u, of_query));
    // The invocation's groups of four among the tile's eight: of its own rows, and of the others or channels.
    let own = local % 8u;
    let other = local / 8u;
    let mine = first + 4u * own;

    // Four channels of four rows, and those 32 channels further.
    var gradient = mat4x4<f32>();
    var gradient_right = mat4x4<f32>();
    if of_query {
        stage_deltas(window, first, head, own, other);
    }
    for (var sharer = 0u; sharer < select(sharers, 1u, of_query); sharer += 1u) {
        let query_head = select(pair * sharers + sharer, head, of_query);
        let query_plane = text * arguments.heads + query_head;
        for (var start = begin; start < end; start += SIDE) {
            // Late queries of other documents.
            if !of_query && document_start(window + start) >= first + SIDE {
                break;
            }
            let theirs = start + 4u * own;
            if !of_query && !of_value {
                stage_deltas(window, start, query_head, own, other);
            }
            // One of theirs in each column, with four of mine.
            var products = mat4x4<f32>();
            for (var channel = 0u; channel < arguments.head_size; channel += SIDE) {
                workgroupBarrier();
                stage_left(
                    qkv_block(window, theirs, select(query_head, key_head, of_query), channel + 4u * other), own, other);
                stage_right(qkv_block(window, mine, select(key_head, head, of_query), channel + 4u * other), own, other);
                workgroupBarrier();
                multiply(&products, other, own, min(SIDE, arguments.head_size - channel));
            }
            var flows = mat4x4<f32>();
            for (var channel = 0u; channel < select(arguments.head_size, 0u, of_value); channel += SIDE) {
                workgroupBarrier();
                stage_left(
                    operand(!of_query, window, theirs, select(query_head, value_head, of_query), channel + 4u * other),
                    own, other);
                stage_right(
                    operand(of_query, window, mine, select(value_head, head, of_query), channel + 4u * other), own, other);
                workgroupBarrier();
                multiply(&flows, other, own, min(SIDE, arguments.head_size - channel));
            }
            workgroupBarrier();
            let their = start + 4u * other;
            if of_query {
                let queries = queries_from(window, query_plane, mine, staged_deltas(own));
                left_tile[4u * other][own] =
                    weights(false, query_plane, queries, vec4<u32>(their), products[0], flows[0]);
                left_tile[4u * other + 1u][own] =
                    weights(false, query_plane, queries, vec4<u32>(their + 1u), products[1], flows[1]);
                left_tile[4u * other + 2u][own] =
                    weights(false, query_plane, queries, vec4<u32>(their + 2u), products[2], flows[2]);
                left_tile[4u * other + 3u][own] =
                    weights(false, query_plane, queries, vec4<u32>(their + 3u), products[3], flows[3]);
            } else {
                let keys = positions_from(mine);
                var deltas = vec4<f32>();
                if !of_value {
                    deltas = staged_deltas(other);
                }
                left_tile[4u * other][own] =
                    weights(
                        of_value, query_plane, repeated(window, query_plane, their, deltas.x), keys, products[0], flows[0]);
                left_tile[4u * other + 1u][own] =
                    weights(
                        of_value, query_plane, repeated(window, query_plane, their + 1u, deltas.y), keys, products[1], flows[1]);
                left_tile[4u * other + 2u][own] =
                    weights(
                        of_value, query_plane, repeated(window, query_plane, their + 2u, deltas.z), keys, products[2], flows[2]);
                left_tile[4u * other + 3u][own] =
                    weights(
                        of_value, query_plane, repeated(window, query_plane, their + 3u, deltas.w), keys, products[3], flows[3]);
            }
            let source = select(query_head, key_head, of_query);
            stage_steps(operand(of_value, window, their, source, column + 4u * own), other, own);
            workgroupBarrier();
            multiply(&gradient, own, other, min(SIDE, end - start));
            if column + SIDE < arguments.head_size {
                workgroupBarrier();
                stage_steps(operand(of_value, window, their, source, column + SIDE + 4u * own), other, own);
                workgroupBarrier();
                multiply(&gradient_right, own, other, min(SIDE, end - start));
            }
        }
    }
    let scale = select(arguments.scale, 1.0, of_value);
    let channel = column + 4u * other;
    store(window, mine, head, channel, gradient[0] * scale);
    store(window, mine + 1u, head, channel, gradient[1] * scale);
    store(window, mine + 2u, head, channel, gradient[2] * scale);
    store(window, mine + 3u, head, channel, gradient[3] * scale);
    store(window, mine, head, channel + SIDE, gradient_right[0] * scale);
    store(window, mine + 1u, head, channel + SIDE, gradient_right[1] * scale);
    store(window, mine + 2u, head, channel + SIDE, gradient_right[2] * scale);
    store(window, mine + 3u, head, channel + SIDE, gradient_right[3] * scale);
}

@compute @workgroup_size(64)
fn attention_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let packed_heads = arguments.heads + 2u * arguments.kv_heads;
    let planes = arguments.batch * packed_heads;
    let number = group_number(group);
    let rank = number / (planes * arguments.parts);
    if rank * SIDE >= arguments.time {
        return;
    }
    let plane = number / arguments.parts % planes;
    let text = plane / packed_heads;
    let head = plane % packed_heads;
    let column = number % arguments.parts * COLUMNS;
    // In this order nothing spills on Intel's Arc.
    if head >= arguments.heads + arguments.kv_heads {
        backward(false, true, rank, text, head, column, local);
    } else if head >= arguments.heads {
        backward(false, false, rank, text, head, column, local);
    } else {
        backward(true, false, rank, text, head, column, local);
    }
}
