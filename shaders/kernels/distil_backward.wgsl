// Gradient of the mean loss against a teacher: dx[n,j] = f·((1 − m)·(exp(x[n,j] − lse[n]) − [j = target]) + m·T·(p[n,j] − q[n,j])), 0 for
// ignored rows; times the loss scale. f is scale/count, p = softmax(x/T), q = softmax(t/T).
//
// logits x, teacher t, dx [N,V]; targets is a ring [rows, N]; rows [N,2] = (lse(x), row loss); softened [N,2] = (lse(x/T), lse(t/T)); loss =
// (mean, count). One invocation an entry: the probabilities are recomputed from the rows' sums.

import package::shared::control::Control;
import package::shared::grid::group_number;

struct Arguments {
    rows: u32, // N.
    vocabulary: u32, // V.
    temperature: f32, // T.
    mix: f32, // m.
    ignoring: u32, // 1 where there is a target that does not count.
    ignored: u32, // That target.
    scale: f32, // 1 / number of micro-batches.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> teacher: array<f32>;
@group(0) @binding(4) var<storage, read> targets: array<u32>;
@group(0) @binding(5) var<storage, read> rows: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read> softened: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read> loss: array<f32>;
@group(0) @binding(8) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn distil_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let row = at / arguments.vocabulary;
    if row < arguments.rows {
        let goal = targets[control.row * arguments.rows + row];
        let right = select(0.0, 1.0, at % arguments.vocabulary == goal);
        let share = 1.0 / arguments.temperature;
        let own = exp(logits[at] * share - softened[row].x);
        let other = exp(teacher[at] * share - softened[row].y);
        let plain = exp(logits[at] - rows[row].x) - right;
        let slope = (1.0 - arguments.mix) * plain + arguments.mix * arguments.temperature * (own - other);
        let factor = arguments.scale * control.loss_scale / select(loss[1], 1.0, loss[1] == 0.0);
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        dx[at] = select(factor * slope, 0.0, ignored);
    }
}
