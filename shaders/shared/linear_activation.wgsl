// Epilogue of a linear layer: y = f(z), z and y [N,O], O dividing by four. z is stored too, for the gradient.

import package::shared::curve::activated;
import package::shared::linear::arguments;
import package::shared::linear_sum::column_of;

@if(half_out) alias Result = vec4<f16>;
@else alias Result = vec4<f32>;

@group(0) @binding(3) var<storage, read_write> y: array<Result>;
@if(bias) @group(0) @binding(4) var<storage, read> b: array<vec4<f32>>;
@if(!bias) @group(0) @binding(4) var<storage, read_write> z: array<Result>;
@if(bias) @group(0) @binding(5) var<storage, read_write> z: array<Result>;

fn store_row(row: u32, column: u32, values: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = (row * arguments.columns + column) / 4u;
        var value = values;
        @if(bias) {
            value += b[column / 4u];
        }
        z[at] = Result(value);
        y[at] = Result(activated(value));
    }
}

fn store_block(row: u32, column: u32, block: mat4x4<f32>) {
    store_row(row, column, block[0]);
    store_row(row + 1u, column, block[1]);
    store_row(row + 2u, column, block[2]);
    store_row(row + 3u, column, block[3]);
}

fn store(row: u32, columns: vec2<u32>, here: mat4x4<f32>, right: mat4x4<f32>) {
    store_block(row, columns.x, here);
    store_block(row, columns.y, right);
}
