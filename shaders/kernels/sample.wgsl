// The next token of each row's text from its logits: repetition penalty, temperature, top-k, top-p, min-p, draw.
//
// engine/compiler/src/sampler.rs states the rules and is held to the same answers. logits [B,V] come as bits, since WGSL may
// assume that no float is infinite or undefined; draws [S, each] are the host's random numbers in [0, 1) for each text, taken one after
// another; the answer is appended to the text's history (a ring of [S, capacity]), whose last `context` tokens the penalty applies to,
// and written [S, each] where the host reads it, beside the draw's number. A row's settings say which text it is; an idle row has none.
//
// Nothing is sorted. Tokens are ranked by an integer key that orders as their logit does. top-k and top-p each keep a beginning
// of the ranking: all keys above a threshold, and of those that equal it the first few by id. The threshold is found bit by
// bit, each bit with one sum over the vocabulary: of ones for top-k, of weights for top-p. The draw then runs over the ids in
// order, each invocation owning a run of them. All sums have a fixed order, so the same input gives the same token.
// One workgroup a row, since every step needs the sum of the one before.

import package::shared::decode::{DecodeState, IDLE, SampleSettings};

const LANES: u32 = 256u;
const BLOCK: u32 = 16u;
const MAX_LOGIT: f32 = 1e30;
// As in sampler.rs: keeps rounding out of shares that are reached exactly.
const NUCLEUS: f32 = 0.999999;

struct Arguments {
    vocabulary: u32, // V.
    context_length: u32, // Tokens that the penalty looks back on.
    capacity: u32, // Entries of a history.
    each: u32, // Draws of a text.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> settings: array<SampleSettings>;
@group(0) @binding(2) var<storage, read> draws: array<f32>;
@group(0) @binding(3) var<storage, read> logits: array<u32>;
@group(0) @binding(4) var<storage, read_write> keys: array<u32>;
@group(0) @binding(5) var<storage, read_write> weights: array<f32>;
@group(0) @binding(6) var<storage, read_write> history: array<u32>;
@group(0) @binding(7) var<storage, read_write> written: array<u32>;
@group(0) @binding(8) var<storage, read_write> state: array<DecodeState>;

var<workgroup> lane_sums: array<f32, LANES>;
var<workgroup> block_sums: array<f32, BLOCK>;
var<workgroup> lane_keys: array<u32, LANES>;
var<workgroup> lane_ids: array<u32, LANES>;
var<workgroup> chosen: u32;

// A logit with what is undefined or beyond bounds brought to them.
fn bounded(bits: u32) -> f32 {
    let magnitude = bits & 0x7fffffffu;
    if magnitude <= bitcast<u32>(MAX_LOGIT) {
        return bitcast<f32>(bits);
    }
    let undefined = magnitude > 0x7f800000u;
    return select(MAX_LOGIT, -MAX_LOGIT, undefined || bits != magnitude);
}

// An integer that orders as the logit does; both zeros are one.
fn key_of(logit: f32) -> u32 {
    let bits = select(bitcast<u32>(logit), 0u, logit == 0.0);
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn logit_of(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
}

fn weight_of(key: u32, best: u32, temperature: f32) -> f32 {
    // The bound keeps the quotient finite; e^-100 is nothing beside the likeliest token's 1.
    let distance = max(logit_of(key) - logit_of(best), -100.0 * temperature);
    return exp(distance / temperature);
}

// Sum over the lanes, the same on all of them.
fn sum_of_lanes(lane: u32, value: f32) -> f32 {
    lane_sums[lane] = value;
    workgroupBarrier();
    if lane < BLOCK {
        var sum = 0.0;
        for (var at = 0u; at < LANES / BLOCK; at++) {
            sum += lane_sums[lane * (LANES / BLOCK) + at];
        }
        block_sums[lane] = sum;
    }
    workgroupBarrier();
    var total = 0.0;
    for (var at = 0u; at < BLOCK; at++) {
        total += block_sums[at];
    }
    return total;
}

// How many of a row's keys lie at or above a threshold.
fn count_from(row: u32, lane: u32, threshold: u32) -> f32 {
    var count = 0.0;
    for (var id = lane; id < arguments.vocabulary; id += LANES) {
        count += select(0.0, 1.0, keys[row + id] >= threshold);
    }
    return sum_of_lanes(lane, count);
}

// What a row's keys at or above a threshold weigh.
fn mass_from(row: u32, lane: u32, threshold: u32) -> f32 {
    var mass = 0.0;
    for (var id = lane; id < arguments.vocabulary; id += LANES) {
        mass += select(0.0, weights[row + id], keys[row + id] >= threshold);
    }
    return sum_of_lanes(lane, mass);
}

@compute @workgroup_size(LANES)
fn sample(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let own = settings[group.x];
    if own.text == IDLE {
        return;
    }
    let vocabulary = arguments.vocabulary;
    // Where the row's logits, keys and weights begin, and its text's tokens.
    let row = group.x * vocabulary;
    let ring = own.text * arguments.capacity;
    let length = state[own.text].length;
    let drawn = state[own.text].drawn;
    let draw = draws[own.text * arguments.each + drawn];
    for (var id = lane; id < vocabulary; id += LANES) {
        keys[row + id] = key_of(bounded(logits[row + id]));
    }
    storageBarrier();
    if own.repetition_penalty != 1.0 {
        let count = min(length, arguments.context_length);
        for (var at = lane; at < count; at += LANES) {
            let token = history[ring + (length - count + at) % arguments.capacity];
            if token < vocabulary {
                // From the logit itself: a token that occurs twice is written twice, with the same key.
                let logit = bounded(logits[row + token]);
                let penalty = own.repetition_penalty;
                let penalised = select(logit * penalty, logit / penalty, logit > 0.0);
                keys[row + token] = key_of(clamp(penalised, -MAX_LOGIT, MAX_LOGIT));
            }
        }
    }
    storageBarrier();
    if lane < own.masked_tokens && drawn < own.masked_draws {
        let token = select(own.masked[lane & 3u], own.masked_high[lane & 3u], lane >= 4u);
        if token < vocabulary {
            keys[row + token] = key_of(-MAX_LOGIT);
        }
    }
    storageBarrier();

    // The likeliest token, the lowest id among equals.
    var best_key = 0u;
    var best_id = 0u;
    for (var id = lane; id < vocabulary; id += LANES) {
        if keys[row + id] > best_key {
            best_key = keys[row + id];
            best_id = id;
        }
    }
    lane_keys[lane] = best_key;
    lane_ids[lane] = best_id;
    workgroupBarrier();
    for (var other = 0u; other < LANES; other++) {
        let key = lane_keys[other];
        if key > best_key || (key == best_key && lane_ids[other] < best_id) {
            best_key = key;
            best_id = lane_ids[other];
        }
    }
    if lane == 0u {
        chosen = best_id;
    }

    if own.temperature > 0.0 {
        for (var id = lane; id < vocabulary; id += LANES) {
            weights[row + id] = weight_of(keys[row + id], best_key, own.temperature);
        }
        // Kept: keys above the threshold, and the first `ties` of those that equal it.
        var threshold = 0u;
        var ties = f32(vocabulary);
        if own.top_k > 0u && own.top_k < vocabulary {
            let needed = f32(own.top_k);
            for (var bit = 0u; bit < 32u; bit++) {
                let candidate = threshold | (0x80000000u >> bit);
                if count_from(row, lane, candidate) >= needed {
                    threshold = candidate;
                }
            }
            ties = needed - count_from(row, lane, threshold + 1u);
        }
        if own.top_p < 1.0 {
            let lowest = threshold;
            let above_lowest = mass_from(row, lane, lowest + 1u);
            let all = mass_from(row, lane, lowest);
            let limited = own.top_k > 0u && own.top_k < vocabulary;
            let total = select(all, above_lowest + ties * weight_of(lowest, best_key, own.temperature), limited);
            let needed = NUCLEUS * own.top_p * total;
            threshold = 0u;
            for (var bit = 0u; bit < 32u; bit++) {
                let candidate = threshold | (0x80000000u >> bit);
                let mass = mass_from(row, lane, candidate);
                if candidate <= lowest || mass >= needed {
                    threshold = candidate;
                }
            }
            let above = mass_from(row, lane, threshold + 1u);
            let weight = weight_of(threshold, best_key, own.temperature);
            let wanted = clamp(ceil((needed - above) / max(weight, 1e-37)), 1.0, f32(vocabulary));
            ties = select(wanted, min(wanted, ties), threshold == lowest);
        }

        // From here on a lane owns a run of neighbouring ids, some of them weighed by other lanes.
        storageBarrier();
        let run = (vocabulary + LANES - 1u) / LANES;
        let first = min(lane * run, vocabulary);
        let end = min(first + run, vocabulary);
        var equals = 0.0;
        for (var id = first; id < end; id++) {
            equals += select(0.0, 1.0, keys[row + id] == threshold);
        }
        // Its barriers also part the reads of lane_sums from the writes below.
        sum_of_lanes(lane, equals);
        var equals_before = 0.0;
        for (var other = 0u; other < lane; other++) {
            equals_before += lane_sums[other];
        }
        var mass = 0.0;
        var rank = equals_before;
        for (var id = first; id < end; id++) {
            let is_tie = keys[row + id] == threshold;
            let is_kept = keys[row + id] > threshold || (is_tie && rank < ties);
            rank += select(0.0, 1.0, is_tie);
            if is_kept && (weights[row + id] >= own.min_p || keys[row + id] == best_key) {
                mass += weights[row + id];
            } else {
                weights[row + id] = 0.0;
            }
        }
        workgroupBarrier();
        lane_sums[lane] = mass;
        workgroupBarrier();
        var total = 0.0;
        var before = 0.0;
        for (var other = 0u; other < LANES; other++) {
            before = select(before, total, other == lane);
            total += lane_sums[other];
        }
        let goal = draw * total;
        if mass > 0.0 && before <= goal && goal < before + mass {
            var reached = 0.0;
            var found = first;
            for (var id = first; id < end; id++) {
                if weights[row + id] > 0.0 {
                    found = id;
                    reached += weights[row + id];
                    if before + reached > goal {
                        break;
                    }
                }
            }
            chosen = found;
        }
    }
    workgroupBarrier();
    if lane == 0u {
        history[ring + length % arguments.capacity] = chosen;
        written[own.text * arguments.each + drawn] = chosen;
        state[own.text].length = length + 1u;
        state[own.text].drawn = drawn + 1u;
    }
}
