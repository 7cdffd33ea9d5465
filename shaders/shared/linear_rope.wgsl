// Epilogue of a linear layer: y is z with queries and keys turned as rope.wgsl says, by a table [P,D]; D divides by eight.

import package::shared::linear::arguments;

@if(half_out) alias Result = vec4<f16>;
@else alias Result = vec4<f32>;

@group(0) @binding(3) var<storage, read_write> y: array<Result>;
@group(0) @binding(4) var<storage, read> table: array<vec4<f32>>;

// Four columns of a row, and their partners.
fn store_row(row: u32, column: u32, values: vec4<f32>, partners: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = (row * arguments.columns + column) / 4u;
        let angle = (row % arguments.time * 2u * arguments.partner + column % (2u * arguments.partner)) / 4u;
        let turns = column < arguments.turning;
        let cosine = select(vec4<f32>(1.0), table[angle], turns);
        let sine = select(vec4<f32>(0.0), table[angle + arguments.partner / 4u], turns);
        y[at] = Result(values * cosine - partners * sine);
        y[at + arguments.partner / 4u] = Result(partners * cosine + values * sine);
    }
}

fn store(row: u32, columns: vec2<u32>, here: mat4x4<f32>, right: mat4x4<f32>) {
    store_row(row, columns.x, here[0], right[0]);
    store_row(row + 1u, columns.x, here[1], right[1]);
    store_row(row + 2u, columns.x, here[2], right[2]);
    store_row(row + 3u, columns.x, here[3], right[3]);
}
