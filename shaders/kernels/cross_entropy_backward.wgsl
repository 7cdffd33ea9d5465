// Gradient of the mean cross-entropy: dx[n,j] = f·(exp(x[n,j] − lse[n]) − (1 − s)·[j = target] − s/V), 0 for ignored rows;
// times the loss scale. f is scale/count, or scale·share[n] where each row has a weight of its own.
// variants: half?
//
// logits x, dx [N,V]; targets is a ring [rows, N]; rows [N,2] = (lse, row loss); share = (mean, count), or weights [N]. One invocation an
// entry: the probabilities are recomputed from the row's lse. half: dx is stored in f16.

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
    weighted: u32, // 1 where rows have weights.
    first_row: u32, // Of the micro-batch, where these are a part of its rows.
    all_rows: u32, // Rows of a micro-batch.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> rows: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read> share: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<Stored>;

@compute @workgroup_size(256)
fn cross_entropy_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let row = at / arguments.vocabulary;
    if row < arguments.rows {
        let goal = targets[control.row * arguments.all_rows + arguments.first_row + row];
        let right = select(0.0, 1.0 - arguments.smoothing, at % arguments.vocabulary == goal);
        let wanted = right + arguments.smoothing / f32(arguments.vocabulary);
        let scale = arguments.scale * control.loss_scale;
        var factor = 0.0;
        if arguments.weighted == 1u {
            factor = scale * share[arguments.first_row + row];
        } else {
            factor = scale / select(share[1], 1.0, share[1] == 0.0);
        }
        let gradient = factor * (exp(logits[at] - rows[row].x) - wanted);
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        dx[at] = Stored(select(gradient, 0.0, ignored));
    }
}
