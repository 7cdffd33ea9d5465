// Gradient of the mean cross-entropy with unlikelihood: dx[n,j] = f·(p − [j = target] + α·([j ∈ C]·p/(1 − p) − p·S[n])), 0 for ignored
// rows; times the loss scale. f is scale/count, p = exp(x[n,j] − lse[n]), C the tokens of the row up to here without the target, of which
// those whose 1 − p is below 1e-5 are left out.
//
// logits x, dx [N,V], N = B·T; tokens, targets and starts are rings [rows, N]; sums [N,2] = (lse, S), S = Σ p/(1 − p) over C; loss = (mean,
// count). 64 invocations share a row, and mark its tokens as unlikelihood.wgsl does.

import package::shared::control::Control;
import package::shared::grid::group_number;
import package::shared::marks::{CHUNK, clear_marks, mark, is_marked};

struct Arguments {
    rows: u32, // N.
    time: u32, // T.
    vocabulary: u32, // V.
    alpha: f32, // α.
    documents: u32, // 1 where rows hold several documents.
    ignoring: u32, // 1 where there is a target that does not count.
    ignored: u32, // That target.
    scale: f32, // 1 / number of micro-batches.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> tokens: array<u32>;
@group(0) @binding(4) var<storage, read> targets: array<u32>;
@group(0) @binding(5) var<storage, read> starts: array<u32>;
@group(0) @binding(6) var<storage, read> sums: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read> loss: array<f32>;
@group(0) @binding(8) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn unlikelihood_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.vocabulary;
    let ring = control.row * arguments.rows;
    let goal = targets[ring + row];
    let ignored = arguments.ignoring == 1u && goal == arguments.ignored;
    let position = row % arguments.time;
    let first = select(0u, starts[ring + row], arguments.documents == 1u);
    let factor = arguments.scale * control.loss_scale / select(loss[1], 1.0, loss[1] == 0.0);
    let lse = sums[row].x;
    let kept = 1.0 - arguments.alpha * sums[row].y;
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
            let at = start + from_token + j;
            let p = exp(logits[at] - lse);
            let rest = 1.0 - p;
            var slope = p * kept - select(0.0, 1.0, from_token + j == goal);
            if is_marked(j) && rest >= 1e-5 {
                slope += arguments.alpha * p / rest;
            }
            dx[at] = select(factor * slope, 0.0, ignored);
        }
        workgroupBarrier();
    }
}
