// Gradient of a norm's input: of y = x̂·(w + offset) (+ b), x̂ = (x − μ)·ρ, with g = dy·(w + offset):
// variants: form=layer|rms entries=scalar|vec4|half
//
// layer dx = ρ·(g − mean g − x̂·mean(g·x̂)) (+ r); rms dx = ρ·(g − x̂·mean(g·x̂)) (+ r).
// x, dy, r, dx [N,C]; w [C]; statistics [N,2] = (μ, ρ). r is what else flows into x.
// half: dy is stored in f16.

import package::shared::entry::{Entry, WIDTH, total};
import package::shared::grid::group_number;
import package::shared::rows::{LANES, sum_of_row};
import package::shared::stored::Stored;

struct Arguments {
    rows: u32, // N.
    channels: u32, // C, in entries.
    offset: f32, // Added to w: 1 where weights are stored without their 1.
    residual: u32, // 1 adds r; else anything may be bound there.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Entry>;
@group(0) @binding(2) var<storage, read> w: array<Entry>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> dy: array<Stored>;
@group(0) @binding(5) var<storage, read_write> dx: array<Entry>;
@group(0) @binding(6) var<storage, read> r: array<Entry>;

@compute @workgroup_size(64)
fn norm_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.channels;
    let count = f32(arguments.channels * WIDTH);
    let mean = statistics[row].x;
    let root = statistics[row].y;
    var along = Entry(0.0);
    @if(layer) var sum = Entry(0.0);
    for (var c = local; c < arguments.channels; c += LANES) {
        let g = Entry(dy[start + c]) * (w[c] + arguments.offset);
        along += g * (x[start + c] - mean) * root;
        @if(layer) {
            sum += g;
        }
    }
    let mean_along = sum_of_row(total(along), local) / count;
    @if(layer) let mean_g = sum_of_row(total(sum), local) / count;
    for (var c = local; c < arguments.channels; c += LANES) {
        let normal = (x[start + c] - mean) * root;
        var g = Entry(dy[start + c]) * (w[c] + arguments.offset);
        @if(layer) {
            g -= mean_g;
        }
        var gradient = root * (g - normal * mean_along);
        let residual = arguments.residual == 1u;
        gradient = select(gradient, gradient + r[select(0u, start + c, residual)], residual);
        dx[start + c] = gradient;
    }
}
