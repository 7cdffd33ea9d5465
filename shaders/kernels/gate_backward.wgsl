// Gradient of a gate: of y[n,f] = g(x[n,f])·x[n,F+f], dx[n,f] = dy·x[n,F+f]·g′(x[n,f]), dx[n,F+f] = dy·g(x[n,f]).
// variants: entries=scalar|vec4|half
//
// One invocation an entry of dy (four with vec4), which writes both sides. half: x, dy and dx are stored in f16.

import package::shared::curves::{activated_by, slope_by};
import package::shared::entry::Entry;
import package::shared::grid::group_number;
import package::shared::stored::Stored;

struct Arguments {
    count: u32, // Entries of dy.
    hidden: u32, // F, in entries.
    kind: u32, // g, by its number in shared/curves.wgsl.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> dy: array<Stored>;
@group(0) @binding(3) var<storage, read_write> dx: array<Stored>;

@compute @workgroup_size(256)
fn gate_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        let first = at / arguments.hidden * 2u * arguments.hidden + at % arguments.hidden;
        let before = Entry(x[first]);
        let flow = Entry(dy[at]);
        dx[first] = Stored(flow * Entry(x[first + arguments.hidden]) * slope_by(arguments.kind, before));
        dx[first + arguments.hidden] = Stored(flow * activated_by(arguments.kind, before));
    }
}
