// Scores in the place of likelihoods: the loss of each row is its logit, negated; 0 where the target is ignored.
//
// logits x [N,1]; targets is a ring [rows, N]; rows [N,2] = (x + beyond, row loss): for cross_entropy_backward.wgsl, which takes the first for a
// log-sum-exp, no softmax is left. cross_entropy_mean.wgsl adds the rows up. One invocation a row.

import package::shared::control::Control;
import package::shared::grid::group_number;

struct Arguments {
    rows: u32, // N.
    ignoring: u32, // 1 where there is a target that does not count.
    ignored: u32, // That target.
    beyond: f32, // What makes the logit a log-sum-exp that leaves no softmax.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read_write> rows: array<vec2<f32>>;

@compute @workgroup_size(256)
fn score(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group) * 256u + local;
    if row < arguments.rows {
        let goal = targets[control.row * arguments.rows + row];
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        rows[row] = vec2<f32>(logits[row] + arguments.beyond, select(-logits[row], 0.0, ignored));
    }
}
