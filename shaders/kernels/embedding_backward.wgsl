// Gradient of the embedding's table: dtable[v,:] += Σ dy[n,:] over the positions n that hold v.
// variants: entries=scalar|vec4
//
// dy [N,C]; tokens and order are rings: [rows, N] and [rows, 2, N], where order's first row lists the positions sorted by
// token and its second holds, where a token's run begins, its length, else 0. No atomics: a workgroup belongs to a sorted
// position and adds up the run that begins there, in a fixed order, or has nothing to do.
// A workgroup takes 32 columns of entries by 8 lanes of rows. Of a table that is too large to bind, some rows are bound, and only they
// are added to.

import package::shared::control::Control;
import package::shared::entry::Entry;
import package::shared::grid::group_number;

struct Arguments {
    count: u32, // N.
    channels: u32, // C, in entries.
    chunks: u32, // Workgroups for a position.
    first: u32, // The first row of the table that is bound.
    rows: u32, // How many are: V, or fewer.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> dy: array<Entry>;
@group(0) @binding(3) var<storage, read> tokens: array<u32>;
@group(0) @binding(4) var<storage, read> order: array<u32>;
@group(0) @binding(5) var<storage, read_write> dtable: array<Entry>;

var<workgroup> sums: array<Entry, 256>;

// Σ dy over every `step`-th row of a run.
fn run_sum(begin: u32, first: u32, step: u32, length: u32, column: u32) -> Entry {
    var sum = Entry(0.0);
    for (var at = first; at < length; at += step) {
        sum += dy[order[begin + at] * arguments.channels + column];
    }
    return sum;
}

@compute @workgroup_size(256)
fn embedding_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let position = group_number(group) / arguments.chunks;
    let column = group_number(group) % arguments.chunks * 32u + local % 32u;
    if position >= arguments.count {
        return;
    }
    let begin = control.row * 2u * arguments.count + position;
    let length = order[begin + arguments.count];
    if length == 0u {
        return;
    }
    var sum = Entry(0.0);
    if column < arguments.channels {
        sum = run_sum(begin, local / 32u, 8u, length, column);
    }
    sums[local] = sum;
    workgroupBarrier();
    // Of a row before the first this wraps around and is past the last.
    let bound = tokens[control.row * arguments.count + order[begin]] - arguments.first;
    if local < 32u && column < arguments.channels && bound < arguments.rows {
        for (var lane = 1u; lane < 8u; lane += 1u) {
            sum += sums[lane * 32u + local];
        }
        dtable[bound * arguments.channels + column] += sum;
    }
}
