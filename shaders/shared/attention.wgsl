// Attention over windows, forward and backward: arguments, operands, products of tiles of 32 × 32 pairs, and factors of probabilities.
//
// Of the 8 × 8 invocations over a tile, `own` counts those along the workgroup's own rows, `other` those across.

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

// Channels of the result that a workgroup computes: two blocks an invocation. The engine's plan/lower/attention.rs has the same number.
const COLUMNS: u32 = 64u;

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<ScheduleRow>;
@group(0) @binding(3) var<storage, read> qkv: array<Stored>;
@group(0) @binding(4) var<storage, read> starts: array<u32>;

// The first position of a row's document; 0 where rows hold one.
fn document_start(row: u32) -> u32 {
    let documents = arguments.documents == 1u;
    let at = control.row * arguments.batch * arguments.time + row;
    return select(0u, starts[select(0u, at, documents)], documents);
}

// Four positions from `first` on; the window's last past its end.
fn positions_from(first: u32) -> vec4<u32> {
    return min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(arguments.time - 1u));
}

// Starts of four positions' documents.
fn document_starts(window: u32, at: vec4<u32>) -> vec4<u32> {
    return vec4<u32>(
        document_start(window + at.x), document_start(window + at.y), document_start(window + at.z), document_start(window + at.w));
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

// Four channels of four rows from a position on, row by row.
fn qkv_block(window: u32, first: u32, head: u32, channel: u32) -> mat4x4<f32> {
    let at = vec4<u32>(window) + positions_from(first);
    return mat4x4<f32>(
        qkv_channels(at.x, head, channel),
        qkv_channels(at.y, head, channel),
        qkv_channels(at.z, head, channel),
        qkv_channels(at.w, head, channel));
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
