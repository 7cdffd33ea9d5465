// Blocks of 4 rows × 4 keys, as the attention kernels for software adapters compute them. A mat4x4 holds a vector of four in each
// of its columns: four channels of a row, or a row's weights for four keys.

@if(dropout) import package::shared::attention::arguments;
@if(dropout) import package::shared::random::random_bits;
import package::shared::softcap::softcapped_four;

@if(half) alias Stored = vec4<f16>;
@else alias Stored = vec4<f32>;

// A head's row in vectors of four: room for the largest D, 128, which is no slower for smaller ones.
const SIZE: u32 = 32u;

// Invocations of a workgroup, and the rows that they own.
const LANES: u32 = 8u;
const ROWS: u32 = 32u;

// A score that leaves nothing of a probability.
const MIN_SCORE: f32 = -3.0e38;

// Dropout's mask/(1 − rate) of four entries.
@if(dropout)
fn kept(seed: vec2<u32>, entries: vec4<u32>) -> vec4<f32> {
    let dropped = vec4<bool>(
        random_bits(seed, arguments.site, entries.x) < arguments.threshold,
        random_bits(seed, arguments.site, entries.y) < arguments.threshold,
        random_bits(seed, arguments.site, entries.z) < arguments.threshold,
        random_bits(seed, arguments.site, entries.w) < arguments.threshold,
    );
    return select(vec4<f32>(arguments.keep_scale), vec4<f32>(), dropped);
}

// The same of four rows of probabilities (columns), by their numbers in [B,H,T], for four keys.
@if(dropout)
fn kept_of_queries(seed: vec2<u32>, rows: vec4<u32>, keys: vec4<u32>) -> mat4x4<f32> {
    let firsts = rows * arguments.time;
    return mat4x4<f32>(
        kept(seed, keys + firsts.x), kept(seed, keys + firsts.y), kept(seed, keys + firsts.z), kept(seed, keys + firsts.w));
}

fn total(values: vec4<f32>) -> f32 {
    return (values.x + values.y) + (values.z + values.w);
}

fn highest(values: vec4<f32>) -> f32 {
    return max(max(values.x, values.y), max(values.z, values.w));
}

// Each column times a factor of its own.
fn scaled(block: mat4x4<f32>, factors: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(block[0] * factors.x, block[1] * factors.y, block[2] * factors.z, block[3] * factors.w);
}

fn exponentials(block: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(exp(block[0]), exp(block[1]), exp(block[2]), exp(block[3]));
}

// Entry by entry.
fn products(left: mat4x4<f32>, right: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(left[0] * right[0], left[1] * right[1], left[2] * right[2], left[3] * right[3]);
}

// Scores with a soft cap, before masks.
fn softcapped_block(scores: mat4x4<f32>, cap: f32) -> mat4x4<f32> {
    return mat4x4<f32>(
        softcapped_four(scores[0], cap), softcapped_four(scores[1], cap), softcapped_four(scores[2], cap), softcapped_four(scores[3], cap));
}

// 1 − (s/c)² of capped scores; 0 of masked ones.
fn cap_slopes(scores: mat4x4<f32>, cap: f32) -> mat4x4<f32> {
    return mat4x4<f32>(cap_slope(scores[0], cap), cap_slope(scores[1], cap), cap_slope(scores[2], cap), cap_slope(scores[3], cap));
}

fn cap_slope(scores: vec4<f32>, cap: f32) -> vec4<f32> {
    let shares = clamp(scores / cap, vec4<f32>(-1.0), vec4<f32>(1.0));
    return vec4<f32>(1.0) - shares * shares;
}

// Four neighbours from `first` on; past the last one, the last.
fn neighbours(first: u32, count: u32) -> vec4<u32> {
    return min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(count - 1u));
}

// Scores of four queries (columns) with four keys, those lowest that stand before the first position of a query's document.
fn keys_from(scores: mat4x4<f32>, keys: vec4<u32>, documents: vec4<u32>) -> mat4x4<f32> {
    let lowest = vec4<f32>(MIN_SCORE);
    return mat4x4<f32>(
        select(lowest, scores[0], vec4<u32>(documents.x) <= keys),
        select(lowest, scores[1], vec4<u32>(documents.y) <= keys),
        select(lowest, scores[2], vec4<u32>(documents.z) <= keys),
        select(lowest, scores[3], vec4<u32>(documents.w) <= keys),
    );
}

// The same of four keys (columns), from `key` on, with four queries.
fn queries_until(scores: mat4x4<f32>, documents: vec4<u32>, key: u32) -> mat4x4<f32> {
    let lowest = vec4<f32>(MIN_SCORE);
    return mat4x4<f32>(
        select(lowest, scores[0], documents <= vec4<u32>(key)),
        select(lowest, scores[1], documents <= vec4<u32>(key + 1u)),
        select(lowest, scores[2], documents <= vec4<u32>(key + 2u)),
        select(lowest, scores[3], documents <= vec4<u32>(key + 3u)),
    );
}
