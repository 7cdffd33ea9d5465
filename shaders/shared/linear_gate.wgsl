// Epilogue of a linear layer: a gate y [N,F] of z [N,2F], y[n,c] = f(z[n,c])·z[n,F+c], F dividing by four. z is stored too, for the
// gradient.

import package::shared::curve::activated;
import package::shared::linear::arguments;

@if(half_out) alias Result = vec4<f16>;
@else alias Result = vec4<f32>;

@group(0) @binding(3) var<storage, read_write> y: array<Result>;
@group(0) @binding(4) var<storage, read_write> z: array<Result>;

// Four columns of a row, and their partners.
fn store_row(row: u32, column: u32, values: vec4<f32>, partners: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = (row * arguments.columns + column) / 4u;
        z[at] = Result(values);
        z[at + arguments.partner / 4u] = Result(partners);
        y[(row * arguments.partner + column) / 4u] = Result(activated(values) * partners);
    }
}

fn store(row: u32, columns: vec2<u32>, here: mat4x4<f32>, right: mat4x4<f32>) {
    store_row(row, columns.x, here[0], right[0]);
    store_row(row + 1u, columns.x, here[1], right[1]);
    store_row(row + 2u, columns.x, here[2], right[2]);
    store_row(row + 3u, columns.x, here[3], right[3]);
}
