// Gives the model the next tokens of each row's text: up to T tokens of the history that it has not read yet.
//
// A row's settings say which text it continues. history [S, capacity] has a ring of token ids for each text, of which length were
// ever put in; tokens [B,T]; cursor [B] (start, length, text) is where the chunks stand, counted from the first token in the model's
// window. An idle row reads nothing.
// One workgroup a row: every invocation must have read the state before one of them moves it.

import package::shared::decode::{Cursor, DecodeState, IDLE, SampleSettings};

const LANES: u32 = 64u;

struct Arguments {
    time: u32, // T, tokens of a chunk.
    capacity: u32, // Entries of a history.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> settings: array<SampleSettings>;
@group(0) @binding(2) var<storage, read_write> state: array<DecodeState>;
@group(0) @binding(3) var<storage, read> history: array<u32>;
@group(0) @binding(4) var<storage, read_write> cursor: array<Cursor>;
@group(0) @binding(5) var<storage, read_write> tokens: array<u32>;

@compute @workgroup_size(LANES)
fn decode_feed(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group.x;
    let text = settings[row].text;
    if text == IDLE {
        for (var t = local; t < arguments.time; t += LANES) {
            tokens[row * arguments.time + t] = 0u;
        }
        if local == 0u {
            cursor[row] = Cursor(0u, 0u, 0u);
        }
        return;
    }
    let length = state[text].length;
    let start = min(state[text].read, length);
    let count = min(length - start, arguments.time);
    storageBarrier();
    for (var t = local; t < arguments.time; t += LANES) {
        // Rows past the text hold a token too, so that nothing is looked up out of range; nobody reads their result.
        let position = start + min(t, max(count, 1u) - 1u);
        tokens[row * arguments.time + t] = history[text * arguments.capacity + position % arguments.capacity];
    }
    if local == 0u {
        cursor[row] = Cursor(start - min(start, state[text].dropped), count, text);
        state[text].read = start + count;
    }
}
