// Rotary positions (Su et al. 2021), halves paired as in Hugging Face's Llama; values pass.
// variants: cursor? half?
// never: cursor+half
//
//   y[i] = x[i]·cos − x[i+D/2]·sin;  y[i+D/2] = x[i+D/2]·cos + x[i]·sin   for i < D/2, angle of (start + t, i)
//
// x and y are [B,T,(H+2K)·D], table is [P,D] (cosines, then sines). With `turn` = −1 the rotation goes back, which is the
// gradient. `start` is what the text's row of the cursor [B] begins with, else 0. One invocation a pair; D is even.
// half: x and y are stored in f16.

import package::shared::decode::Cursor;
import package::shared::grid::group_number;
import package::shared::stored_float::Stored;

struct Arguments {
    rows: u32, // B·T.
    time: u32, // T.
    turning_heads: u32, // H + K.
    all_heads: u32, // H + 2K.
    half_size: u32, // D / 2.
    positions: u32, // P.
    turn: f32, // 1 forward, −1 back.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@if(cursor) @group(0) @binding(3) var<storage, read> cursor: array<Cursor>;
@if(cursor) @group(0) @binding(4) var<storage, read_write> y: array<Stored>;
@else @group(0) @binding(3) var<storage, read_write> y: array<Stored>;

@compute @workgroup_size(256)
fn rope(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let pair = group_number(group) * 256u + local;
    let half_size = arguments.half_size;
    let pairs_in_row = arguments.all_heads * half_size;
    let row = pair / pairs_in_row;
    if row >= arguments.rows {
        return;
    }
    let head = (pair % pairs_in_row) / half_size;
    let i = pair % half_size;
    let at = (row * arguments.all_heads + head) * 2u * half_size + i;
    let first = f32(x[at]);
    let second = f32(x[at + half_size]);
    if head >= arguments.turning_heads {
        y[at] = Stored(first);
        y[at + half_size] = Stored(second);
        return;
    }
    var position = row % arguments.time;
    @if(cursor) {
        // A chunk's unused rows may reach past the table; what they become is never read.
        position = min(position + cursor[row / arguments.time].start, arguments.positions - 1u);
    }
    let angle = position * 2u * half_size + i;
    let cosine = table[angle];
    let sine = table[angle + half_size] * arguments.turn;
    y[at] = Stored(first * cosine - second * sine);
    y[at + half_size] = Stored(second * cosine + first * sine);
}
