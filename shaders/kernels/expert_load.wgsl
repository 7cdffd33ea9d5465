// Share of the rows that chose each expert, those whose gate is not 0, among those whose own share is not 0.
//
// gates [N,E]; shares [N] of every micro-batch; load [E]. One workgroup an expert: 256 invocations take every 256th row each.

import package::shared::control::Control;
import package::shared::grid::group_number;
import package::shared::reduce::sum_of_group;

struct Arguments {
    rows: u32, // N.
    experts: u32, // E.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> gates: array<f32>;
@group(0) @binding(2) var<storage, read> control: Control;
@group(0) @binding(3) var<storage, read> shares: array<f32>;
@group(0) @binding(4) var<storage, read_write> load: array<f32>;

@compute @workgroup_size(256)
fn expert_load(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let expert = group_number(group);
    if expert >= arguments.experts {
        return;
    }
    let first = control.row * arguments.rows;
    var count = 0.0;
    var whole = 0.0;
    for (var n = local; n < arguments.rows; n += 256u) {
        let counts = shares[first + n] != 0.0;
        whole += select(0.0, 1.0, counts);
        count += select(0.0, 1.0, counts && gates[n * arguments.experts + expert] != 0.0);
    }
    let chosen = sum_of_group(count, local, 256u);
    let counted = sum_of_group(whole, local, 256u);
    if local == 0u {
        load[expert] = chosen / max(counted, 1.0);
    }
}
