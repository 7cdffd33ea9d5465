// Attention over windows, forward and backward: arguments, operands, products of tiles of 32 × 32 pairs, and factors of probabilities.
//
// A workgroup has 64 invocations, 8 × 8 of them over a tile. Each holds a block of 4 × 4: four rows (columns of a mat4x4) of four neighbours.
// `own` is the invocation's place among the groups of four rows that belong to the workgroup, `other` its place across.

import package::shared::control::{Control, ScheduleRow};
import package::shared::random::random_bits;
import package::shared::softcap::softcapped_four;

struct Arguments {
    batch: u32, // B.
    time: u32, // T.
    heads: u32, // H.
    kv_heads: u32, // K.
    head_size: u32, // D.
    parts: u32, // Workgroups that share a head's channels: each computes COLUMNS of them.
    scale: f32, // 1 / √D.
    capped: u32, // 1 where scores have a soft cap.
    softcap: f32, // c.
    dropout: u32, // 1 where probabilities are dropped.
    site: u32, // Number of the dropout site.
    threshold: u32, // Random bits below it drop a probability.
    keep_scale: f32, // 1 / (1 − rate).
    seen: u32, // Positions that a query sees, its own included: all, or those of a sliding window.
    documents: u32, // 1 where rows hold several documents; else anything may be bound as their starts.
}

@if(scalar && !half) alias Stored = f32;
@if(scalar && half) alias Stored = f16;
@if(vec4 && !half) alias Stored = vec4<f32>;
@if(vec4 && half) alias Stored = vec4<f16>;

// Rows of a tile, and steps of a product that are staged at once.
const TILE: u32 = 32u;
// Channels of the result that a workgroup computes: two blocks an invocation. The engine's plan/lower/attention.rs has the same number.
const COLUMNS: u32 = 64u;

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<ScheduleRow>;
@group(0) @binding(3) var<storage, read> qkv: array<Stored>;
@group(0) @binding(4) var<storage, read> starts: array<u32>;

// Operands of a product, 4 KiB each: at each of 32 steps, 32 rows and 32 columns in groups of four.
var<workgroup> left_tile: array<array<vec4<f32>, 8>, TILE>;
var<workgroup> right_tile: array<array<vec4<f32>, 8>, TILE>;

// The first position of a row's document; 0 where rows hold one.
fn document_start(row: u32) -> u32 {
    let documents = arguments.documents == 1u;
    let at = control.row * arguments.batch * arguments.time + row;
    return select(0u, starts[select(0u, at, documents)], documents);
}

// Starts of four positions' documents.
fn document_starts(window: u32, at: vec4<u32>) -> vec4<u32> {
    return vec4<u32>(
        document_start(window + at.x), document_start(window + at.y), document_start(window + at.z), document_start(window + at.w));
}

// Four positions from `first` on.
fn four_from(first: u32) -> vec4<u32> {
    return vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u);
}

// The same; the window's last past its end.
fn positions_from(first: u32) -> vec4<u32> {
    return min(four_from(first), vec4<u32>(arguments.time - 1u));
}

@if(scalar)
fn qkv_entry(at: u32, channel: u32) -> f32 {
    return select(0.0, f32(qkv[at + min(channel, arguments.head_size - 1u)]), channel < arguments.head_size);
}

// Four channels of a head of a packed row; zeros past the head's last.
fn qkv_channels(row: u32, head: u32, channel: u32) -> vec4<f32> {
    let at = (row * (arguments.heads + 2u * arguments.kv_heads) + head) * arguments.head_size;
    @if(vec4) let entries = vec4<f32>(qkv[(at + min(channel, arguments.head_size - 4u)) / 4u]);
    @if(vec4) return select(vec4<f32>(), entries, channel < arguments.head_size);
    @if(scalar) return vec4<f32>(
        qkv_entry(at, channel), qkv_entry(at, channel + 1u), qkv_entry(at, channel + 2u), qkv_entry(at, channel + 3u));
}

// Four channels of four rows, row by row.
fn qkv_block(window: u32, at: vec4<u32>, head: u32, channel: u32) -> mat4x4<f32> {
    return mat4x4<f32>(
        qkv_channels(window + at.x, head, channel),
        qkv_channels(window + at.y, head, channel),
        qkv_channels(window + at.z, head, channel),
        qkv_channels(window + at.w, head, channel));
}

// Adds `steps` steps of the staged product, rounded up to four, to a block.
fn multiply(block: ptr<function, mat4x4<f32>>, own: u32, other: u32, steps: u32) {
    for (var first = 0u; first < steps; first += 4u) {
        for (var step = 0u; step < 4u; step += 1u) {
            let rows = left_tile[first + step][own];
            let columns = right_tile[first + step][other];
            *block += mat4x4<f32>(columns * rows.x, columns * rows.y, columns * rows.z, columns * rows.w);
        }
    }
}

// Stages a block of the left operand: four rows at the four steps from 4·`step` on.
fn stage_left(block: mat4x4<f32>, row: u32, step: u32) {
    let steps = transpose(block);
    left_tile[4u * step][row] = steps[0];
    left_tile[4u * step + 1u][row] = steps[1];
    left_tile[4u * step + 2u][row] = steps[2];
    left_tile[4u * step + 3u][row] = steps[3];
}

// The same for the right operand.
fn stage_right(block: mat4x4<f32>, row: u32, step: u32) {
    let steps = transpose(block);
    right_tile[4u * step][row] = steps[0];
    right_tile[4u * step + 1u][row] = steps[1];
    right_tile[4u * step + 2u][row] = steps[2];
    right_tile[4u * step + 3u][row] = steps[3];
}

// Stages channels of 32 rows, which are the steps.
fn stage_rows(rows: mat4x4<f32>, row: u32, channel: u32) {
    right_tile[4u * row][channel] = rows[0];
    right_tile[4u * row + 1u][channel] = rows[1];
    right_tile[4u * row + 2u][channel] = rows[2];
    right_tile[4u * row + 3u][channel] = rows[3];
}

// A block whose rows are multiplied by these factors.
fn scaled_rows(block: mat4x4<f32>, factors: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(block[0] * factors.x, block[1] * factors.y, block[2] * factors.z, block[3] * factors.w);
}

fn capped(scores: vec4<f32>) -> vec4<f32> {
    if arguments.capped == 0u {
        return scores;
    }
    return softcapped_four(scores, arguments.softcap);
}

// The gradient of scores before their cap for 1 after it: 1 − (s/c)².
fn cap_slope(scores: vec4<f32>) -> vec4<f32> {
    if arguments.capped == 0u {
        return vec4<f32>(1.0);
    }
    let shares = scores / arguments.softcap;
    return vec4<f32>(1.0) - shares * shares;
}

// Dropout's factors M of the probabilities with these numbers.
fn kept(seed: vec2<u32>, numbers: vec4<u32>) -> vec4<f32> {
    if arguments.dropout == 0u {
        return vec4<f32>(1.0);
    }
    let bits = vec4<u32>(
        random_bits(seed, arguments.site, numbers.x),
        random_bits(seed, arguments.site, numbers.y),
        random_bits(seed, arguments.site, numbers.z),
        random_bits(seed, arguments.site, numbers.w));
    return select(vec4<f32>(arguments.keep_scale), vec4<f32>(), bits < vec4<u32>(arguments.threshold));
}
