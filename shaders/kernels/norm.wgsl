// Norm: layer y = (x − μ)·ρ·(w + offset) (+ b), ρ = 1/√(var + eps); rms y = x·ρ·(w + offset), ρ = 1/√(mean x² + eps).
// variants: form=layer|rms entries=scalar|vec4|half
//
// x, y [N,C]; w, b [C]; statistics [N,2] = (μ, ρ), with μ = 0 for rms. The variance is taken about the mean in a second
// pass: the difference of two large sums would lose it. half: y is stored in f16.

import package::shared::entry::{Entry, WIDTH, total};
import package::shared::grid::group_number;
import package::shared::rows::{LANES, sum_of_row};
import package::shared::stored::Stored;

struct Arguments {
    rows: u32, // N.
    channels: u32, // C, in entries.
    eps: f32, // Added to the variance or mean square.
    offset: f32, // Added to w: 1 where weights are stored without their 1.
    biased: u32, // 1 adds b; else anything may be bound there.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Entry>;
@group(0) @binding(2) var<storage, read> w: array<Entry>;
@group(0) @binding(3) var<storage, read_write> y: array<Stored>;
@group(0) @binding(4) var<storage, read_write> statistics: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read> b: array<Entry>;

@compute @workgroup_size(64)
fn norm(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_number(group);
    if row >= arguments.rows {
        return;
    }
    let start = row * arguments.channels;
    let count = f32(arguments.channels * WIDTH);
    var mean = 0.0;
    @if(layer) {
        var sum = Entry(0.0);
        for (var c = local; c < arguments.channels; c += LANES) {
            sum += x[start + c];
        }
        mean = sum_of_row(total(sum), local) / count;
    }
    var squares = Entry(0.0);
    for (var c = local; c < arguments.channels; c += LANES) {
        let centred = x[start + c] - mean;
        squares += centred * centred;
    }
    let root = 1.0 / sqrt(sum_of_row(total(squares), local) / count + arguments.eps);
    for (var c = local; c < arguments.channels; c += LANES) {
        var scaled = (x[start + c] - mean) * root * (w[c] + arguments.offset);
        let biased = arguments.biased == 1u;
        scaled = select(scaled, scaled + b[select(0u, c, biased)], biased);
        y[start + c] = Stored(scaled);
    }
    if local == 0u {
        statistics[row] = vec2<f32>(mean, root);
    }
}
