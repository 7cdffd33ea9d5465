// Linear layer for a few rows, as in decoding: y = x·wᵀ (+ b) (+ r).
// variants: tier=tiled|subgroup operands=scalar|vec4|half|quantised
//
// x [N,I], w [O,I], b [O], y and r [N,O]. A tile of 64 rows would be mostly empty; here each output is a dot product of its
// own (shared/rows.wgsl), and reading w once is all the work. Of a w that is too large to bind, some rows are O here, and y, b and
// r are bound from the column of the first on. half, quantised: w is stored in fewer bits, less work by as
// much; the rest in floats. What w is stored as is known to `weights` alone.

import package::shared::entry::{Entry, total};
import package::shared::grid::group_number;
import package::shared::rows::{LANES, sum_of_row};
@if(quantised) import package::shared::quants::quad;
@if(!quantised) import package::shared::stored::Stored;
@if(subgroup) import package::shared::subgroups::sum_of_subgroups;

struct Arguments {
    count: u32, // N·O.
    columns: u32, // O.
    inner: u32, // I, in entries.
    stride: u32, // From a row of y and r to the next: O, or more where w is a part.
    biased: u32, // 1 adds b; else anything may be bound there.
    residual: u32, // 1 adds r; likewise.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Entry>;
@if(!quantised) @group(0) @binding(2) var<storage, read> w: array<Stored>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read> b: array<f32>;
@group(0) @binding(5) var<storage, read> r: array<f32>;

// Entry k of the weights of an output.
fn weights(output: u32, k: u32) -> Entry {
    @if(quantised) return quad(output, arguments.inner, k);
    @else return Entry(w[output * arguments.inner + k]);
}

@compute @workgroup_size(64)
fn linear_few(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group);
    if at >= arguments.count {
        return;
    }
    let row = at / arguments.columns * arguments.inner;
    let output = at % arguments.columns;
    var products = Entry(0.0);
    for (var k = local; k < arguments.inner; k += LANES) {
        products += x[row + k] * weights(output, k);
    }
    @if(subgroup) var value = sum_of_subgroups(total(products), local, LANES);
    @else var value = sum_of_row(total(products), local);
    if local == 0u {
        let place = at / arguments.columns * arguments.stride + at % arguments.columns;
        let biased = arguments.biased == 1u;
        let residual = arguments.residual == 1u;
        value = select(value, value + b[select(0u, output, biased)], biased);
        value = select(value, value + r[select(0u, place, residual)], residual);
        y[place] = value;
    }
}
