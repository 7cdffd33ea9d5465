// Epilogue of the gradient of a linear layer's input: dx = dy·w (+ r), or dx += dy·w.

import package::shared::linear_input_backward::{arguments, product};

// Cooperative matrices have whole fours of columns.
@if(half && !partial && !cooperative8 && !cooperative16) alias Result = f16;
@if((!half || partial) && !cooperative8 && !cooperative16) alias Result = f32;
@if(half && !partial && (cooperative8 || cooperative16)) alias Result = vec4<f16>;
@if((!half || partial) && (cooperative8 || cooperative16)) alias Result = vec4<f32>;

@group(0) @binding(3) var<storage, read_write> dx: array<Result>;
@group(0) @binding(4) var<storage, read> r: array<f32>;

@if(!cooperative8 && !cooperative16)
fn store_one(slice: u32, row: u32, column: u32, sum: f32) {
    if row < arguments.rows && column < arguments.columns {
        // One of several products has no slices.
        let at = ((slice + product) * arguments.rows + row) * arguments.columns + column;
        var value = sum;
        let residual = arguments.residual == 1u;
        value = select(value, value + r[select(0u, at, residual)], residual);
        value += select(0.0, f32(dx[at]), arguments.accumulate == 1u);
        dx[at] = Result(value);
    }
}

@if(!cooperative8 && !cooperative16)
fn store_row(slice: u32, row: u32, column: u32, values: vec4<f32>) {
    store_one(slice, row, column, values.x);
    store_one(slice, row, column + 1u, values.y);
    store_one(slice, row, column + 2u, values.z);
    store_one(slice, row, column + 3u, values.w);
}

@if(cooperative8 || cooperative16)
fn store_row(slice: u32, row: u32, column: u32, values: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = (slice * arguments.rows + row) * arguments.columns + column;
        var sums = values;
        if arguments.residual == 1u {
            sums += vec4<f32>(r[at], r[at + 1u], r[at + 2u], r[at + 3u]);
        }
        if arguments.accumulate == 1u {
            sums += vec4<f32>(dx[at / 4u]);
        }
        dx[at / 4u] = Result(sums);
    }
}

fn store(slice: u32, row: u32, column: u32, block: mat4x4<f32>) {
    store_row(slice, row, column, block[0]);
    store_row(slice, row + 1u, column, block[1]);
    store_row(slice, row + 2u, column, block[2]);
    store_row(slice, row + 3u, column, block[3]);
}
