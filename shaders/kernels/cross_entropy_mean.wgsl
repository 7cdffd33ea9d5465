// Mean loss over the rows that count, and how many do: loss = (Σ row losses / count, count), (0, 0) if none counts. Where the
// micro-batch is one of several of a step, its schedule may give another count, the mean of theirs.
//
// rows [N,2] = (lse, row loss); targets is a ring [rows, N]. The same two numbers go into the micro-batch's report.
// One workgroup: 256 invocations take every 256th row each, and their sums meet in a fixed tree.

import package::shared::control::{Control, ReportRow, ScheduleRow};
import package::shared::reduce::sum_of_group;

struct Arguments {
    rows: u32, // N.
    ignoring: u32, // 1 where there is a target that does not count.
    ignored: u32, // That target.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<ScheduleRow>;
@group(0) @binding(3) var<storage, read> rows: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> targets: array<u32>;
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;
@group(0) @binding(6) var<storage, read_write> reports: array<ReportRow>;

@compute @workgroup_size(256)
fn cross_entropy_mean(@builtin(local_invocation_index) local: u32) {
    var sum = 0.0;
    var counted = 0.0;
    for (var row = local; row < arguments.rows; row += 256u) {
        let goal = targets[control.row * arguments.rows + row];
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        sum += rows[row].y;
        counted += select(1.0, 0.0, ignored);
    }
    let total = sum_of_group(sum, local, 256u);
    let own = sum_of_group(counted, local, 256u);
    if local == 0u {
        let given = schedule[control.row].counted;
        let count = select(own, given, given > 0.0);
        let mean = total / select(count, 1.0, count == 0.0);
        loss[0] = mean;
        loss[1] = count;
        reports[control.row].loss = mean;
        reports[control.row].count = count;
    }
}
