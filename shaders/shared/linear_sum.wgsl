// Epilogue of a linear layer: y = x·wᵀ (+ b) (+ r).

import package::shared::linear::{arguments, product};

// Cooperative matrices have whole fours of columns.
@if(half_out && !cooperative8 && !cooperative16) alias Result = f16;
@if(!half_out && !cooperative8 && !cooperative16) alias Result = f32;
@if(half_out && (cooperative8 || cooperative16)) alias Result = vec4<f16>;
@if(!half_out && (cooperative8 || cooperative16)) alias Result = vec4<f32>;

@group(0) @binding(3) var<storage, read_write> y: array<Result>;
@group(0) @binding(4) var<storage, read> b: array<f32>;
@group(0) @binding(5) var<storage, read> r: array<f32>;

@if(!cooperative8 && !cooperative16)
fn store_one(row: u32, column: u32, sum: f32) {
    if row < arguments.rows && column < arguments.columns {
        let at = (product * arguments.rows + row) * arguments.stride + column;
        var value = sum;
        let biased = arguments.biased == 1u;
        let residual = arguments.residual == 1u;
        value = select(value, value + b[select(0u, column, biased)], biased);
        value = select(value, value + r[select(0u, at, residual)], residual);
        y[at] = Result(value);
    }
}

@if(!cooperative8 && !cooperative16)
fn store_row(row: u32, column: u32, values: vec4<f32>) {
    store_one(row, column, values.x);
    store_one(row, column + 1u, values.y);
    store_one(row, column + 2u, values.z);
    store_one(row, column + 3u, values.w);
}

@if(cooperative8 || cooperative16)
fn store_row(row: u32, column: u32, values: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = row * arguments.stride + column;
        var sums = values;
        if arguments.biased == 1u {
            sums += vec4<f32>(b[column], b[column + 1u], b[column + 2u], b[column + 3u]);
        }
        if arguments.residual == 1u {
            sums += vec4<f32>(r[at], r[at + 1u], r[at + 2u], r[at + 3u]);
        }
        y[at / 4u] = Result(sums);
    }
}

fn store(row: u32, column: u32, block: mat4x4<f32>) {
    store_row(row, column, block[0]);
    store_row(row + 1u, column, block[1]);
    store_row(row + 2u, column, block[2]);
    store_row(row + 3u, column, block[3]);
}
