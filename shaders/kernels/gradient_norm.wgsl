// Global norm of the gradient and what follows from it: the factor min(1, clip/(norm + 1e-6)), or the decision to skip the
// step where the norm is not finite.
//
// partials [count] = (Σ g², entries that are not finite). Writes the control structure and the micro-batch's report. One
// workgroup.
//
// The gradients are those of loss_scale times the loss, which the norm and the factor divide out. Where the scale is dynamic
// (`interval` > 0), a step that is skipped halves it, down to 1, and every `interval` good steps double it (Micikevicius et al.
// 2018, "Mixed Precision Training"; the numbers are those of PyTorch's GradScaler).

import package::shared::control::{Control, ReportRow};
import package::shared::reduce::sum_of_group;

struct Arguments {
    count: u32, // Partials.
    clip: f32, // Largest norm; 0 is no clipping.
    interval: u32, // Good steps in a row that double the loss scale; 0 leaves it as it is.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> partials: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> control: Control;
@group(0) @binding(3) var<storage, read_write> reports: array<ReportRow>;

@compute @workgroup_size(256)
fn gradient_norm(@builtin(local_invocation_index) local: u32) {
    var squares = 0.0;
    var odd = 0.0;
    for (var at = local; at < arguments.count; at += 256u) {
        squares += partials[at].x;
        odd += partials[at].y;
    }
    let sum = sum_of_group(squares, local, 256u);
    let broken = sum_of_group(odd, local, 256u);
    if local == 0u {
        let overflown = (bitcast<u32>(sum) & 0x7f800000u) == 0x7f800000u;
        let skipped = overflown || broken > 0.0;
        let norm = sqrt(sum) / control.loss_scale;
        let scale = select(1.0, min(arguments.clip / (norm + 1e-6), 1.0), arguments.clip > 0.0);
        control.gradient_norm = norm;
        control.skipped = select(0u, 1u, skipped);
        control.gradient_scale = select(scale / control.loss_scale, 0.0, skipped);
        if arguments.interval > 0u {
            let good = select(control.good_steps + 1u, 0u, skipped);
            let grows = good >= arguments.interval;
            let halved = max(0.5 * control.loss_scale, 1.0);
            control.loss_scale = select(select(control.loss_scale, 2.0 * control.loss_scale, grows), halved, skipped);
            control.good_steps = select(good, 0u, grows);
        }
        reports[control.row].gradient_norm = norm;
        reports[control.row].skipped = select(0.0, 1.0, skipped);
    }
}
