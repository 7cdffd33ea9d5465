// Loss of each row against a teacher: (1 − m)·(lse(x) − x[target]) + m·T²·Σ q·(ln q − ln p), p = softmax(x/T), q = softmax(t/T),
// lse(x) = ln Σ exp x; 0 where the target is ignored.
//
// logits x and teacher t [N,V]; targets is a ring [rows, N]; rows [N,2] = (lse(x), row loss); softened [N,2] = (lse(x/T), lse(t/T)) for the
// backward pass. 64 invocations share a row and go through it three times: the largest entries, the sums of exponentials, and the divergence,
// which needs them. cross_entropy_mean.wgsl adds the rows up.

import package::shared::control::Control;
import package::shared::grid::group_number;
import package::shared::reduce::{max_of_group, sum_of_group};

struct Arguments {
    rows: u32, // N.
    vocabulary: u32, // V.
    temperature: f32, // T.
    mix: f32, // m.
    ignoring: u32, // 1 where there is a target that does not count.
    ignored: u32, // That target.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> teacher: array<f32>;
@group(0) @binding(4) var<storage, read> targets: array<u32>;
@group(0) @binding(5) var<storage, read_write> rows: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> softened: array<vec2<f32>>;

@compute @workgroup_size(64)
fn distil(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.vocabulary;
    let share = 1.0 / arguments.temperature;
    var most = logits[start];
    var most_taught = teacher[start];
    for (var j = local; j < arguments.vocabulary; j += 64u) {
        most = max(most, logits[start + j]);
        most_taught = max(most_taught, teacher[start + j]);
    }
    most = max_of_group(most, local, 64u);
    most_taught = max_of_group(most_taught, local, 64u);
    var plain = 0.0;
    var soft = 0.0;
    var taught = 0.0;
    for (var j = local; j < arguments.vocabulary; j += 64u) {
        let below = logits[start + j] - most;
        plain += exp(below);
        soft += exp(below * share);
        taught += exp((teacher[start + j] - most_taught) * share);
    }
    let lse = most + log(sum_of_group(plain, local, 64u));
    let log_soft = log(sum_of_group(soft, local, 64u));
    let log_taught = log(sum_of_group(taught, local, 64u));
    var apart = 0.0;
    for (var j = local; j < arguments.vocabulary; j += 64u) {
        let own = (logits[start + j] - most) * share - log_soft;
        let other = (teacher[start + j] - most_taught) * share - log_taught;
        apart += exp(other) * (other - own);
    }
    let divergence = sum_of_group(apart, local, 64u);
    if local == 0u {
        let goal = targets[control.row * arguments.rows + row];
        let right = logits[start + min(goal, arguments.vocabulary - 1u)];
        let scale = arguments.mix * arguments.temperature * arguments.temperature;
        let loss = (1.0 - arguments.mix) * (lse - right) + scale * divergence;
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        rows[row] = vec2<f32>(lse, select(loss, 0.0, ignored));
        softened[row] = vec2<f32>(most * share + log_soft, most_taught * share + log_taught);
    }
}
