// Gradient of a norm's input, and parts of its weight's and bias's: of y = x̂·(w + offset) (+ b), x̂ = (x − μ)·ρ, with g = dy·(w + offset):
// variants: form=layer|rms entries=scalar|vec4|half
//
// layer dx = ρ·(g − mean g − x̂·mean(g·x̂)) (+ r); rms dx = ρ·(g − x̂·mean(g·x̂)) (+ r); parts[group] = (Σ dy·x̂, Σ dy) over the group's rows.
// x, dy, r, dx [N,C]; w [C]; statistics [N,2] = (μ, ρ); parts [groups,C] or [groups,2·C]. r is what else flows into x.
// A workgroup takes the means of some rows, then walks down their columns. half: dy is stored in f16.

import package::shared::entry::{Entry, WIDTH, total};
import package::shared::grid::group_number;
import package::shared::rows::{LANES, sum_of_row};
import package::shared::stored::Stored;

struct Arguments {
    rows: u32, // N.
    channels: u32, // C, in entries.
    offset: f32, // Added to w: 1 where weights are stored without their 1.
    residual: u32, // 1 adds r; else anything may be bound there.
    rows_in_group: u32, // Rows of a workgroup.
    parts: u32, // 1 writes a group's part of the weight's gradient, 2 also of the bias's, 0 none.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Entry>;
@group(0) @binding(2) var<storage, read> w: array<Entry>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> dy: array<Stored>;
@group(0) @binding(5) var<storage, read_write> dx: array<Entry>;
@group(0) @binding(6) var<storage, read> r: array<Entry>;
@group(0) @binding(7) var<storage, read_write> parts: array<Entry>;

// mean g and mean(g·x̂) of the workgroup's rows. The engine's plan/lower/norm.rs has the same number of them.
var<workgroup> means: array<vec2<f32>, 64>;

@compute @workgroup_size(64)
fn norm_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_number(group);
    let first = number * arguments.rows_in_group;
    if first >= arguments.rows {
        return;
    }
    let end = min(first + arguments.rows_in_group, arguments.rows);
    let count = f32(arguments.channels * WIDTH);
    for (var row = first; row < end; row += 1u) {
        let centre = statistics[row];
        var along = Entry(0.0);
        @if(layer) var sum = Entry(0.0);
        for (var c = local; c < arguments.channels; c += LANES) {
            let at = row * arguments.channels + c;
            let g = Entry(dy[at]) * (w[c] + arguments.offset);
            along += g * (x[at] - centre.x) * centre.y;
            @if(layer) {
                sum += g;
            }
        }
        var mean = vec2<f32>(0.0, sum_of_row(total(along), local) / count);
        @if(layer) {
            mean.x = sum_of_row(total(sum), local) / count;
        }
        if local == 0u {
            means[row - first] = mean;
        }
    }
    workgroupBarrier();
    for (var c = local; c < arguments.channels; c += LANES) {
        var weight = Entry(0.0);
        var bias = Entry(0.0);
        for (var row = first; row < end; row += 1u) {
            let at = row * arguments.channels + c;
            let centre = statistics[row];
            let mean = means[row - first];
            let normal = (x[at] - centre.x) * centre.y;
            let flow = Entry(dy[at]);
            let gradient = centre.y * (flow * (w[c] + arguments.offset) - mean.x - normal * mean.y);
            let residual = arguments.residual == 1u;
            dx[at] = select(gradient, gradient + r[select(0u, at, residual)], residual);
            weight += flow * normal;
            bias += flow;
        }
        let place = number * arguments.parts * arguments.channels + c;
        if arguments.parts > 0u {
            parts[place] = weight;
        }
        if arguments.parts > 1u {
            parts[place + arguments.channels] = bias;
        }
    }
}
