// Cross-entropy of each row with unlikelihood of the tokens before: lse − x[target] − α·Σ ln(max(1 − p, 1e-5)), p = softmax(x), over the
// tokens of the row up to here, each once and without the target; 0 where the target is ignored.
//
// logits x [N,V], N = B·T; tokens, targets and starts are rings [rows, N], starts the first position of each position's document, which
// counts where rows hold several; rows [N,2] = (lse, row loss); sums [N,2] = (lse, Σ p/(1 − p) over the same tokens, but those of which
// 1 − p is too little) for the backward pass. 64 invocations share a row. Which tokens were there is marked in workgroup memory, a bit each,
// for so many at a time as fit there. cross_entropy_mean.wgsl adds the rows up.

import package::shared::control::Control;
import package::shared::grid::group_number;
import package::shared::marks::{CHUNK, clear_marks, mark, is_marked};
import package::shared::reduce::{max_of_group, sum_of_group};

struct Arguments {
    rows: u32, // N.
    time: u32, // T.
    vocabulary: u32, // V.
    alpha: f32, // α.
    documents: u32, // 1 where rows hold several documents.
    ignoring: u32, // 1 where there is a target that does not count.
    ignored: u32, // That target.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> tokens: array<u32>;
@group(0) @binding(4) var<storage, read> targets: array<u32>;
@group(0) @binding(5) var<storage, read> starts: array<u32>;
@group(0) @binding(6) var<storage, read_write> rows: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> sums: array<vec2<f32>>;

@compute @workgroup_size(64)
fn unlikelihood(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.vocabulary;
    var most = logits[start];
    for (var j = local; j < arguments.vocabulary; j += 64u) {
        most = max(most, logits[start + j]);
    }
    most = max_of_group(most, local, 64u);
    var exponentials = 0.0;
    for (var j = local; j < arguments.vocabulary; j += 64u) {
        exponentials += exp(logits[start + j] - most);
    }
    let lse = most + log(sum_of_group(exponentials, local, 64u));
    let ring = control.row * arguments.rows;
    let goal = targets[ring + row];
    let position = row % arguments.time;
    let first = select(0u, starts[ring + row], arguments.documents == 1u);
    var unlikely = 0.0;
    var odds = 0.0;
    for (var from_token = 0u; from_token < arguments.vocabulary; from_token += CHUNK) {
        clear_marks(local, 64u);
        workgroupBarrier();
        for (var t = first + local; t <= position; t += 64u) {
            let token = tokens[ring + row - position + t];
            if token >= from_token && token != goal {
                mark(token - from_token);
            }
        }
        workgroupBarrier();
        let count = min(CHUNK, arguments.vocabulary - from_token);
        for (var j = local; j < count; j += 64u) {
            if is_marked(j) {
                let p = exp(logits[start + from_token + j] - lse);
                let rest = max(1.0 - p, 1e-5);
                unlikely -= log(rest);
                odds += select(0.0, p / rest, 1.0 - p >= 1e-5);
            }
        }
        workgroupBarrier();
    }
    let penalty = sum_of_group(unlikely, local, 64u);
    let sum = sum_of_group(odds, local, 64u);
    if local == 0u {
        let loss = lse - logits[start + min(goal, arguments.vocabulary - 1u)] + arguments.alpha * penalty;
        let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
        rows[row] = vec2<f32>(lse, select(loss, 0.0, ignored));
        sums[row] = vec2<f32>(lse, sum);
    }
}
