// Cross-entropy of each row: (1 − s)·(lse − x[target]) + s·(lse − mean x), lse = ln Σ exp x; 0 where the target is ignored.
//
// logits x [N,V]; targets is a ring [rows, N]; rows [N,2] = (lse, row loss). Three numbers in two passes: the largest logit,
// then Σ exp(x − largest) and Σ x. cross_entropy_mean.wgsl adds the rows up.

import package::shared::control::Control;
import package::shared::grid::group_number;
import package::shared::rows::{LANES, sum_of_row, max_of_row};

struct Arguments {
    rows: u32, // N, or fewer where the head is taken in chunks.
    vocabulary: u32, // V.
    smoothing: f32, // s.
    ignoring: u32, // 1 where there is a target that does not count.
    ignored: u32, // That target.
    first_row: u32, // Of the micro-batch, where these are a part of its rows.
    all_rows: u32, // Rows of a micro-batch.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read_write> rows: array<vec2<f32>>;

@compute @workgroup_size(64)
fn cross_entropy(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.vocabulary;
    var largest = logits[start];
    for (var j = local; j < arguments.vocabulary; j += LANES) {
        largest = max(largest, logits[start + j]);
    }
    largest = max_of_row(largest, local);
    var exponentials = 0.0;
    var plain = 0.0;
    for (var j = local; j < arguments.vocabulary; j += LANES) {
        exponentials += exp(logits[start + j] - largest);
        plain += logits[start + j];
    }
    let lse = largest + log(sum_of_row(exponentials, local));
    let mean = sum_of_row(plain, local) / f32(arguments.vocabulary);
    if local == 0u {
        let goal = targets[control.row * arguments.all_rows + arguments.first_row + row];
        let right = logits[start + min(goal, arguments.vocabulary - 1u)];
        let loss = (1.0 - arguments.smoothing) * (lse - right) + arguments.smoothing * (lse - mean);
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        rows[row] = vec2<f32>(lse, select(loss, 0.0, ignored));
    }
}
