// Noise: y = x + size·u, u of [−1, 1) drawn for each entry from (seed, site, index).
//
// One invocation an entry. Its gradient passes through, so that the noise is never drawn again.

import package::shared::grid::group_number;
import package::shared::control::{Control, ScheduleRow};
import package::shared::random::random_bits;

struct Arguments {
    count: u32,
    site: u32, // Number of the site.
    size: f32, // Largest that is added.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<ScheduleRow>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn drawn(index: u32) -> f32 {
    let bits = random_bits(schedule[control.row].seed, arguments.site, index);
    return f32(bits >> 8u) / 8388608.0 - 1.0;
}

@compute @workgroup_size(256)
fn noise(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        y[at] = x[at] + arguments.size * drawn(at);
    }
}
