// Activation: y = f(x), entry by entry.
// variants: entries=scalar|vec4|half
//
// One invocation an entry (four with vec4). half: x and y are stored in f16.

import package::shared::curves::activated_by;
import package::shared::entry::Entry;
import package::shared::grid::group_number;
import package::shared::stored::Stored;

struct Arguments {
    count: u32, // Entries of a binding: floats, or vectors of four.
    kind: u32, // The activation, by its number in shared/curves.wgsl.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;

@compute @workgroup_size(256)
fn activation(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        y[at] = Stored(activated_by(arguments.kind, Entry(x[at])));
    }
}
