// Dropout: y = x·mask/(1 − rate) (+ r), the mask drawn for each entry from (seed, site, index).
// variants: entries=scalar|vec4 residual? x_half? y_half?
// needs: x_half|y_half with vec4
// never: residual+y_half|x_half+y_half
//
// Its own gradient without r. One invocation an entry (four with vec4). The mask is recomputed, never stored.
// x_half, y_half: x or y is stored in f16.

import package::shared::entry::Entry;
import package::shared::grid::group_number;
import package::shared::control::{Control, ScheduleRow};
import package::shared::random::random_bits;

@if(x_half) alias StoredX = vec4<f16>;
@else alias StoredX = Entry;
@if(y_half) alias StoredY = vec4<f16>;
@else alias StoredY = Entry;

struct Arguments {
    count: u32, // Entries of a binding: floats, or vectors of four.
    site: u32, // Number of the dropout site.
    threshold: u32, // Random bits below it drop the entry.
    scale: f32, // 1 / (1 − rate).
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<ScheduleRow>;
@group(0) @binding(3) var<storage, read> x: array<StoredX>;
@group(0) @binding(4) var<storage, read_write> y: array<StoredY>;
@if(residual) @group(0) @binding(5) var<storage, read> r: array<Entry>;

fn factor(index: u32) -> f32 {
    let bits = random_bits(schedule[control.row].seed, arguments.site, index);
    return select(arguments.scale, 0.0, bits < arguments.threshold);
}

@compute @workgroup_size(256)
fn dropout(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        @if(vec4) let mask = vec4<f32>(factor(4u * at), factor(4u * at + 1u), factor(4u * at + 2u), factor(4u * at + 3u));
        @else let mask = factor(at);
        var kept = Entry(x[at]) * mask;
        @if(residual) {
            kept += r[at];
        }
        y[at] = StoredY(kept);
    }
}
