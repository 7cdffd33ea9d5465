// Puts decoded chunks' keys and values into the caches: keys[text, k, start + t, :] = the row's keys, values alike.
//
// qkv [B,T,(H+2K)·D], caches [S,K,P,D], cursor [B] (start, length, text): rows at or past `length` write nothing. One invocation an
// entry of K·D.

import package::shared::decode::Cursor;
import package::shared::grid::group_number;

struct Arguments {
    rows: u32, // B·T.
    time: u32, // T, rows of a chunk.
    heads: u32, // H.
    kv_heads: u32, // K.
    head_size: u32, // D.
    positions: u32, // P, rows of a cache.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> cursor: array<Cursor>;
@group(0) @binding(3) var<storage, read_write> keys: array<f32>;
@group(0) @binding(4) var<storage, read_write> values: array<f32>;

@compute @workgroup_size(64)
fn cached_write(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_number(group) * 64u + local;
    let columns = arguments.kv_heads * arguments.head_size;
    let number_of_row = number / columns;
    if number_of_row >= arguments.rows {
        return;
    }
    let chunk = cursor[number_of_row / arguments.time];
    let t = number_of_row % arguments.time;
    let position = chunk.start + t;
    if t >= chunk.length || position >= arguments.positions {
        return;
    }
    let column = number % columns;
    let head = column / arguments.head_size;
    let d = column % arguments.head_size;
    let row = number_of_row * (arguments.heads + 2u * arguments.kv_heads) + arguments.heads + head;
    let cache = chunk.text * arguments.kv_heads + head;
    let slot = (cache * arguments.positions + position) * arguments.head_size + d;
    keys[slot] = qkv[row * arguments.head_size + d];
    values[slot] = qkv[(row + arguments.kv_heads) * arguments.head_size + d];
}
