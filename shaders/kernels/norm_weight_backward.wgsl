// Gradients of a norm's scale and bias: of y = x̂·w (+ b), dw += Σ dy·x̂ (and db += Σ dy), x̂ = (x − μ)·ρ.
// variants: tier=column|workgroup entries=scalar|vec4|half bias?
//
// x, dy [N,C]; statistics [N,2] = (μ, ρ); dw, db [C]. One pass over the rows for both sums.
// half: dy is stored in f16.

import package::shared::columns::{STEP, BLOCK, column_of, first_row, sum_of_column};
import package::shared::entry::Entry;
import package::shared::stored::Stored;

struct Arguments {
    rows: u32, // N.
    channels: u32, // C, in entries.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Entry>;
@group(0) @binding(2) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> dy: array<Stored>;
@group(0) @binding(4) var<storage, read_write> dw: array<Entry>;
@if(bias) @group(0) @binding(5) var<storage, read_write> db: array<Entry>;

@if(column)
@compute @workgroup_size(16)
fn norm_weight_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    sums(group, local);
}

@if(workgroup)
@compute @workgroup_size(256)
fn norm_weight_backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    sums(group, local);
}

fn sums(group: vec3<u32>, local: u32) {
    let column = column_of(group, local);
    let inside = column < arguments.channels;
    var scale = Entry(0.0);
    var bias = Entry(0.0);
    for (var block = first_row(local); inside && block < arguments.rows; block += BLOCK * STEP) {
        var block_scale = Entry(0.0);
        var block_bias = Entry(0.0);
        let end = min(block + BLOCK * STEP, arguments.rows);
        for (var row = block; row < end; row += STEP) {
            let at = row * arguments.channels + column;
            let flow = Entry(dy[at]);
            block_scale += flow * (x[at] - statistics[row].x) * statistics[row].y;
            block_bias += flow;
        }
        scale += block_scale;
        bias += block_bias;
    }
    scale = sum_of_column(scale, local);
    @if(bias) {
        bias = sum_of_column(bias, local);
    }
    if inside && first_row(local) == 0u {
        dw[column] += scale;
        @if(bias) {
            db[column] += bias;
        }
    }
}
