// Gradient of the mean cross-entropy: dx[n,j] = scale/count·(exp(x[n,j] − lse[n]) − (1 − s)·[j = target] − s/V), 0 for
// ignored rows; times the loss scale.
// variants: half?
//
// logits x, dx [N,V]; targets is a ring [rows, N]; rows [N,2] = (lse, row loss); loss = (mean, count). One invocation an
// entry: the probabilities are recomputed from the row's lse. half: dx is stored in halves.

import package::shared::control::Control;
import package::shared::grid::group_number;
import package::shared::stored_float::Stored;

struct Arguments {
    rows: u32, // N, or fewer where the head is taken in chunks.
    vocabulary: u32, // V.
    smoothing: f32, // s.
    ignoring: u32, // 1 where there is a target that does not count.
    ignored: u32, // That target.
    scale: f32, // 1 / number of micro-batches.
    first_row: u32, // Of the micro-batch, where these are a part of its rows.
    all_rows: u32, // Rows of a micro-batch.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> rows: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read> loss: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<Stored>;

@compute @workgroup_size(256)
fn cross_entropy_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let row = at / arguments.vocabulary;
    if row < arguments.rows {
        let goal = targets[control.row * arguments.all_rows + arguments.first_row + row];
        let right = select(0.0, 1.0 - arguments.smoothing, at % arguments.vocabulary == goal);
        let wanted = right + arguments.smoothing / f32(arguments.vocabulary);
        let share = arguments.scale * control.loss_scale / select(loss[1], 1.0, loss[1] == 0.0);
        let gradient = share * (exp(logits[at] - rows[row].x) - wanted);
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        dx[at] = Stored(select(gradient, 0.0, ignored));
    }
}
