// The optimizer's update of every trained entry, as engine/compiler/src/optimizer.rs says it, with g = scale·gradient:
// variants: rule=adam|sgd|rmsprop
//
// all: p ← p − lr·decay·p, where decay is 0 from `decayed_end` on
// adam (AdamW too): m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², p ← p − lr·(m/c₁)/(√(v/c₂) + eps)
// sgd: m ← β₁m + g, p ← p − lr·m
// rmsprop: v ← β₂v + (1 − β₂)g², p ← p − lr·g/(√v + eps)
// with `keeps_zeros`, p = 0 stays 0
//
// All arrays are the arenas, or one piece of them, in vectors of four: entries begin on multiples of 64 floats. Does nothing
// where the gradient was not finite. lr, c₁ and c₂ come from the schedule's row.

import package::shared::control::{Control, ScheduleRow};
import package::shared::grid::group_number;

struct Arguments {
    count: u32, // Vectors of four in a binding.
    decayed_end: u32, // How many of them are decayed: the first ones.
    beta1: f32, // Smoothing of the first moment, or momentum.
    beta2: f32, // Smoothing of the second moment.
    rest1: f32, // 1 − β₁, computed once so that every executor has the same.
    rest2: f32, // 1 − β₂.
    eps: f32, // Added to the root of the second moment.
    weight_decay: f32, // Decoupled weight decay.
    keeps_zeros: u32, // Whether weights that are 0 stay 0: 1 or 0.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> control: Control;
@group(0) @binding(2) var<storage, read> schedule: array<ScheduleRow>;
@group(0) @binding(3) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> parameters: array<vec4<f32>>;
@if(adam || sgd) @group(0) @binding(5) var<storage, read_write> first: array<vec4<f32>>;
@if(rmsprop) @group(0) @binding(5) var<storage, read_write> second: array<vec4<f32>>;
@if(adam) @group(0) @binding(6) var<storage, read_write> second: array<vec4<f32>>;

@compute @workgroup_size(256)
fn optimizer(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at >= arguments.count || control.skipped == 1u {
        return;
    }
    let rate = schedule[control.row].learning_rate;
    let gradient = gradients[at] * control.gradient_scale;
    let decay = select(0.0, arguments.weight_decay, at < arguments.decayed_end);
    let kept = (parameters[at] == vec4<f32>()) & vec4<bool>(arguments.keeps_zeros == 1u);
    let parameter = parameters[at] - rate * decay * parameters[at];
    @if(adam || rmsprop) let squares = arguments.beta2 * second[at] + arguments.rest2 * gradient * gradient;
    @if(adam) {
        let mean = arguments.beta1 * first[at] + arguments.rest1 * gradient;
        let corrected = sqrt(squares / schedule[control.row].second_correction);
        let step = (mean / schedule[control.row].first_correction) / (corrected + arguments.eps);
        parameters[at] = select(parameter - rate * step, vec4<f32>(), kept);
        first[at] = mean;
        second[at] = squares;
    }
    @if(sgd) {
        let momentum = arguments.beta1 * first[at] + gradient;
        parameters[at] = select(parameter - rate * momentum, vec4<f32>(), kept);
        first[at] = momentum;
    }
    @if(rmsprop) {
        parameters[at] = select(parameter - rate * (gradient / (sqrt(squares) + arguments.eps)), vec4<f32>(), kept);
        second[at] = squares;
    }
}
