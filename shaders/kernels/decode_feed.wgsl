// Gives the model its next tokens: those of the history that it has not read yet, or the last T of them.
//
// history is a ring of token ids, of which state.length were ever put in; tokens [T]; cursor (start, length) of the chunk read
// last becomes that of the next. With `window` the whole window is read again, as the text is longer than the context.
// One workgroup: every invocation must have read the cursor before one of them moves it.

import package::shared::decode::DecodeState;

const LANES: u32 = 64u;

struct Arguments {
    time: u32, // T, tokens of a chunk.
    capacity: u32, // Entries of the history.
    window: u32, // 1 to read the last T tokens again.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> state: DecodeState;
@group(0) @binding(2) var<storage, read> history: array<u32>;
@group(0) @binding(3) var<storage, read_write> cursor: vec2<u32>;
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;

@compute @workgroup_size(LANES)
fn decode_feed(@builtin(local_invocation_index) local: u32) {
    let length = state.length;
    var start = min(cursor.x + cursor.y, length);
    if arguments.window != 0u {
        start = length - min(length, arguments.time);
    }
    let count = min(length - start, arguments.time);
    storageBarrier();
    for (var t = local; t < arguments.time; t += LANES) {
        // Rows past the text hold a token too, so that nothing is looked up out of range; nobody reads their result.
        tokens[t] = history[(start + min(t, max(count, 1u) - 1u)) % arguments.capacity];
    }
    if local == 0u {
        cursor = vec2<u32>(start, count);
    }
}
