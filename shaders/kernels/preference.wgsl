// Loss over pairs of answers, the better in row 2p and the worse in row 2p + 1, and its gradient with respect to each token's loss.
//
// With S the sum of an answer's token losses (negative log-likelihoods), n how many count, r the reference's log-probability, and
// h the chosen answer's less the rejected one's, the mean over all pairs of
//   sigmoid  softplus(−β·h), h of −S − r;
//   orpo     β·softplus(−h), h of a − log(1 − exp(a)), a = −S/n; and the losses of all chosen tokens over the first score, or over their
//            number where that is 0;
//   bradley-terry  softplus(−(h − margin)) + center·(sum of both)², h and the sum of −S, which are scores then.
//   kto      |w|·sigmoid(−sign(w)·β·(−S − r − z)) of the first answer, z the mean of −S − r of the second ones, 0 at least, without a gradient.
// A pair of which an answer has no token that counts gives 0.
//
// rows [2P·T,2] = (lse, row loss), of a cross-entropy or of scores; targets, scores are rings [rows, 2P·T] and [rows, 2P], scores the reference's,
// and behind them, of kto, w [P]; loss = (mean, P, mean rewards of both answers, share of pairs whose chosen answer has the higher one, log-ratio
// of a chosen token to the reference, share of ties, numbers of both answers), which goes into the micro-batch's report too; weights [2P·T]. A
// reward is β·(−S − r), β·(−S/n) without a reference, or a score. Ties, by rewards that differ by rounding alone, count half.
// One workgroup: 256 invocations take every 256th position of a row each.

import package::shared::control::{Control, ReportRow};
import package::shared::reduce::sum_of_group;

struct Arguments {
    pairs: u32, // P.
    time: u32, // T.
    ignored: u32, // The target that does not count.
    kind: u32, // 0 sigmoid, 1 orpo, 2 bradley-terry, 3 kto.
    beta: f32, // β.
    margin: f32, // bradley-terry's.
    center: f32, // bradley-terry's.
    scores: u32, // Scores of a micro-batch.
    tie: f32, // Share of what a difference is of, below which it is none.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> rows: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> scores: array<f32>;
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;
@group(0) @binding(6) var<storage, read_write> weights: array<f32>;
@group(0) @binding(7) var<storage, read_write> reports: array<ReportRow>;

fn counts(at: u32) -> bool {
    return targets[control.row * 2u * arguments.pairs * arguments.time + at] != arguments.ignored;
}

// (S, n) of a row.
fn answer(row: u32, local: u32) -> vec2<f32> {
    var sum = 0.0;
    var counted = 0.0;
    for (var t = local; t < arguments.time; t += 256u) {
        let at = row * arguments.time + t;
        let one = counts(at);
        sum += select(0.0, rows[at].y, one);
        counted += select(0.0, 1.0, one);
    }
    let total = sum_of_group(sum, local, 256u);
    return vec2(total, sum_of_group(counted, local, 256u));
}

fn softplus(x: f32) -> f32 {
    return max(x, 0.0) + log(1.0 + exp(-abs(x)));
}

fn sigmoid(x: f32) -> f32 {
    return 1.0 / (1.0 + exp(-clamp(x, -80.0, 80.0)));
}

// 1 − exp(a) of a < 0, by its series near 0, where the difference would have no digits left.
fn complement(a: f32) -> f32 {
    let s = min(a, -1e-7);
    let series = -s * (1.0 + s / 2.0 * (1.0 + s / 3.0 * (1.0 + s / 4.0 * (1.0 + s / 5.0))));
    return select(1.0 - exp(s), series, s > -0.25);
}

@compute @workgroup_size(256)
fn preference(@builtin(local_invocation_index) local: u32) {
    let beta = arguments.beta;
    var chosen_tokens = 0.0;
    if arguments.kind == 1u {
        var own = 0.0;
        for (var pair = 0u; pair < arguments.pairs; pair += 1u) {
            for (var t = local; t < arguments.time; t += 256u) {
                own += select(0.0, 1.0, counts(2u * pair * arguments.time + t));
            }
        }
        let counted = sum_of_group(own, local, 256u);
        let given = scores[control.row * arguments.scores];
        chosen_tokens = select(counted, given, given > 0.0);
    }
    var divergence = 0.0;
    if arguments.kind == 3u {
        var sum = 0.0;
        var both = 0.0;
        for (var pair = 0u; pair < arguments.pairs; pair += 1u) {
            let own = answer(2u * pair, local);
            let other = answer(2u * pair + 1u, local);
            let whole = own.y > 0.0 && other.y > 0.0;
            sum += select(0.0, -other.x - scores[control.row * arguments.scores + 2u * pair + 1u], whole);
            both += select(0.0, 1.0, whole);
        }
        divergence = max(sum / max(both, 1.0), 0.0);
    }
    let share = 1.0 / f32(arguments.pairs);
    var total = 0.0;
    // Of pairs whose answers both count: rewards, numbers of answers, how many pairs are in order, ties, how many there are; log-ratios, tokens.
    var rewards = vec2(0.0);
    var answers = vec2(0.0);
    var right = 0.0;
    var ties = 0.0;
    var whole = 0.0;
    var ratios = 0.0;
    var ratio_tokens = 0.0;
    for (var pair = 0u; pair < arguments.pairs; pair += 1u) {
        let row = 2u * pair;
        let c = answer(row, local);
        let r = answer(row + 1u, local);
        let first = control.row * arguments.scores + row;
        let n = max(vec2(c.y, r.y), vec2(1.0));
        var mean = 0.0;
        // Of each token's loss of the two answers.
        var slope = vec2(0.0);
        if c.y > 0.0 && r.y > 0.0 {
            let likelihood = vec2(-c.x, -r.x);
            let ratio = likelihood - vec2(scores[first], scores[first + 1u]);
            var worth = beta * ratio;
            if arguments.kind == 1u {
                worth = beta * likelihood / n;
            }
            if arguments.kind == 2u {
                worth = likelihood;
            }
            // What the rewards are differences of.
            var size = beta * (abs(likelihood) + abs(vec2(scores[first], scores[first + 1u])));
            if arguments.kind == 1u {
                size = beta * abs(likelihood) / n;
            }
            if arguments.kind == 2u {
                size = abs(likelihood);
            }
            var ahead = worth.x - worth.y;
            var around = size.x + size.y;
            var good = true;
            if arguments.kind == 3u {
                let w = scores[control.row * arguments.scores + 2u * arguments.pairs + pair];
                good = w >= 0.0;
                let along = select(-beta, beta, good);
                ahead = along * (ratio.x - divergence);
                // Not 1 − far, which has no digits left near 1. Beyond what the sigmoid is clamped to it is 0.
                let far = sigmoid(-ahead);
                let near = select(sigmoid(ahead), 0.0, abs(ahead) > 80.0);
                mean = abs(w) * far;
                slope = vec2(abs(w) * along * far * near, 0.0);
                around = size.x;
                rewards += select(vec2(0.0, worth.x), vec2(worth.x, 0.0), good);
                answers += select(vec2(0.0, 1.0), vec2(1.0, 0.0), good);
            } else {
                rewards += worth;
                answers += vec2(1.0);
            }
            let tie = abs(ahead) <= arguments.tie * around;
            right += select(select(0.0, 1.0, ahead > 0.0), 0.5, tie);
            ties += select(0.0, 1.0, tie);
            whole += 1.0;
            ratios += select(0.0, ratio.x, good);
            ratio_tokens += select(0.0, c.y, good);
            switch arguments.kind {
                case 0u: {
                    let h = (-c.x - scores[first]) - (-r.x - scores[first + 1u]);
                    mean = softplus(-beta * h);
                    slope = beta * sigmoid(-beta * h) * vec2(1.0, -1.0);
                }
                case 2u: {
                    let z = r.x - c.x - arguments.margin;
                    let sum = -c.x - r.x;
                    mean = softplus(-z) + arguments.center * sum * sum;
                    slope = sigmoid(-z) * vec2(1.0, -1.0) - vec2(2.0 * arguments.center * sum);
                }
                case 3u: {}
                default: {
                    let a = vec2(-c.x, -r.x) / n;
                    let rest = vec2(complement(a.x), complement(a.y));
                    let h = (a.x - log(rest.x)) - (a.y - log(rest.y));
                    mean = beta * softplus(-h);
                    slope = beta * sigmoid(-h) * vec2(1.0, -1.0) / (rest * n);
                }
            }
        }
        mean *= share;
        slope *= share;
        if chosen_tokens > 0.0 {
            mean += c.x / chosen_tokens;
            slope.x += 1.0 / chosen_tokens;
        }
        total += mean;
        for (var t = local; t < arguments.time; t += 256u) {
            let at = row * arguments.time + t;
            weights[at] = slope.x;
            weights[at + arguments.time] = slope.y;
        }
    }
    if local == 0u {
        loss[0] = total;
        loss[1] = f32(arguments.pairs);
        let each = rewards / max(answers, vec2(1.0));
        let accuracy = right / max(whole, 1.0);
        // Losses without a reference compare with none.
        let compares = arguments.kind == 0u || arguments.kind == 3u;
        let log_ratio = select(0.0, ratios / max(ratio_tokens, 1.0), compares);
        let tied = ties / max(whole, 1.0);
        loss[2] = each.x;
        loss[3] = each.y;
        loss[4] = accuracy;
        loss[5] = log_ratio;
        loss[6] = tied;
        loss[7] = answers.x;
        loss[8] = answers.y;
        reports[control.row].loss = total;
        reports[control.row].count = f32(arguments.pairs);
        reports[control.row].chosen_reward = each.x;
        reports[control.row].rejected_reward = each.y;
        reports[control.row].accuracy = accuracy;
        reports[control.row].log_ratio = log_ratio;
        reports[control.row].ties = tied;
        reports[control.row].chosen = answers.x;
        reports[control.row].rejected = answers.y;
    }
}
