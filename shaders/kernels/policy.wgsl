// Loss of answers by their rewards, and its gradient with respect to each token's loss: the sum over rows that count of
//   −min(ρ·a, clip(ρ, 1 − ε, 1 + ε)·a) + b·(exp(d) − d − 1)·c
// with l the row's loss (the token's negative log-probability), ρ = exp(−l − old), d = reference + l, and c = ρ where the penalty is
// corrected, 1 else. Without a ratio ρ is 1, with the gradient of its formula. Where it only weighs, the sum of a·l.
//
// rows [N,2] = (lse, row loss); targets, scores are rings [rows, N] and [rows, N,4], scores = (a, old, b, reference); loss = (sum, rows
// that count), which goes into the micro-batch's report too; weights [N], 0 for ignored rows. One workgroup: 256 invocations take every
// 256th row each.

import package::shared::control::{Control, ReportRow};
import package::shared::reduce::sum_of_group;

struct Arguments {
    rows: u32, // N.
    ignored: u32, // The target that does not count.
    ratio: u32, // 1 where ρ is computed.
    corrected: u32, // 1 where the penalty is multiplied by ρ.
    epsilon: f32, // ε.
    weighs: u32, // 1 where a row's part is a·l.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> rows: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> scores: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;
@group(0) @binding(6) var<storage, read_write> weights: array<f32>;
@group(0) @binding(7) var<storage, read_write> reports: array<ReportRow>;

// exp(x) − 1, by its series near 0, where the difference would have no digits left.
fn exp_less_one(x: f32) -> f32 {
    let series = x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0)))));
    return select(exp(min(x, 80.0)) - 1.0, series, abs(x) < 0.25);
}

// exp(x) − 1 − x, likewise.
fn divergence(x: f32) -> f32 {
    let series = x * x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0))));
    return select(exp_less_one(x) - x, series, abs(x) < 0.25);
}

@compute @workgroup_size(256)
fn policy(@builtin(local_invocation_index) local: u32) {
    let least = 1.0 - arguments.epsilon;
    let most = 1.0 + arguments.epsilon;
    var sum = 0.0;
    var counted = 0.0;
    for (var n = local; n < arguments.rows; n += 256u) {
        let at = control.row * arguments.rows + n;
        var slope = 0.0;
        if targets[at] != arguments.ignored {
            let l = rows[n].y;
            let score = scores[at];
            let ratio = select(1.0, exp(clamp(-l - score.y, -80.0, 80.0)), arguments.ratio == 1u);
            let clips = (ratio > most && score.x > 0.0) || (ratio < least && score.x < 0.0);
            let gain = select(ratio, clamp(ratio, least, most), clips);
            sum += select(-gain, l, arguments.weighs == 1u) * score.x;
            slope = select(ratio * score.x, 0.0, clips);
            if arguments.weighs == 1u {
                slope = score.x;
            } else if score.z > 0.0 {
                let d = score.w + l;
                let apart = divergence(d);
                let corrected = arguments.corrected == 1u;
                let factor = select(1.0, ratio, corrected);
                sum += score.z * apart * factor;
                slope += score.z * (exp_less_one(d) * factor - select(0.0, apart * ratio, corrected));
            }
            counted += 1.0;
        }
        weights[n] = slope;
    }
    let total = sum_of_group(sum, local, 256u);
    let count = sum_of_group(counted, local, 256u);
    if local == 0u {
        loss[0] = total;
        loss[1] = count;
        reports[control.row].loss = total;
        reports[control.row].count = count;
    }
}
