// Share of the rows that chose each expert: those whose gate is not 0.
//
// gates [N,E]; load [E]. One workgroup an expert: 256 invocations take every 256th row each.

import package::shared::grid::group_number;
import package::shared::reduce::sum_of_group;

struct Arguments {
    rows: u32, // N.
    experts: u32, // E.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> gates: array<f32>;
@group(0) @binding(2) var<storage, read_write> load: array<f32>;

@compute @workgroup_size(256)
fn expert_load(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let expert = group_number(group);
    if expert >= arguments.experts {
        return;
    }
    var count = 0.0;
    for (var n = local; n < arguments.rows; n += 256u) {
        count += select(0.0, 1.0, gates[n * arguments.experts + expert] != 0.0);
    }
    let total = sum_of_group(count, local, 256u);
    if local == 0u {
        load[expert] = total / f32(arguments.rows);
    }
}
