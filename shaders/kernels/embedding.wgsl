// Embedding: y[b,t,:] = table[tokens[b,t],:] (+ positions[start + t,:]).
// variants: entries=scalar|vec4|half|quantised
//
// tokens is a ring of micro-batches [rows, B, T]; table [V,C], positions [P,C], y [B,T,C]; `start` is cursor[b].start
// or 0. One invocation an entry of y (four with vec4). Of a table that is too large to bind, some
// rows are bound, and only what they hold is written. half, quantised: the table is stored in fewer bits.

import package::shared::control::Control;
import package::shared::decode::Cursor;
import package::shared::entry::Entry;
import package::shared::grid::group_number;
@if(quantised) import package::shared::quants::quad;
@if(!quantised) import package::shared::stored::Stored;

struct Arguments {
    tokens: u32, // B·T.
    time: u32, // T.
    channels: u32, // C, in entries.
    vocabulary: u32, // V.
    limit: u32, // P.
    first: u32, // The first row of the table that is bound.
    rows: u32, // How many are: V, or fewer.
    positioned: u32, // 1 adds positions; else anything may be bound there.
    moved: u32, // 1 starts at the cursor; likewise.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@if(!quantised) @group(0) @binding(2) var<storage, read> table: array<Stored>;
@group(0) @binding(3) var<storage, read> tokens: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<Entry>;
@group(0) @binding(5) var<storage, read> positions: array<Entry>;
@group(0) @binding(6) var<storage, read> cursor: array<Cursor>;

// Entry `channel` of a bound row.
fn embedded(bound: u32, channel: u32) -> Entry {
    @if(quantised) return quad(bound, arguments.channels, channel);
    @else return Entry(table[bound * arguments.channels + channel]);
}

@compute @workgroup_size(256)
fn embedding(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let row = at / arguments.channels;
    let channel = at % arguments.channels;
    if row < arguments.tokens {
        // An id from outside the vocabulary reads its last row rather than past the table.
        let token = min(tokens[control.row * arguments.tokens + row], arguments.vocabulary - 1u);
        // Of a row before the first this wraps around and is past the last.
        let bound = token - arguments.first;
        if bound >= arguments.rows {
            return;
        }
        let moved = arguments.moved == 1u;
        let positioned = arguments.positioned == 1u;
        let start = select(0u, cursor[select(0u, row / arguments.time, moved)].start, moved);
        let place = min(row % arguments.time + start, arguments.limit - 1u) * arguments.channels + channel;
        let entry = embedded(bound, channel);
        y[at] = select(entry, entry + positions[select(0u, place, positioned)], positioned);
    }
}
