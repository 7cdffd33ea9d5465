// Linear layer: y = x·wᵀ (+ b) (+ r).
// variants: tier=software|wide|workgroup operands=scalar|vec4|half|half_out bias? residual?
//
// x [N,I], w [O,I], b [O], y and r [N,O]. Both operands run along the inner dimension I, in vectors of four where it
// divides by four: floats, or halves (`half`; `half_out` stores y in halves too). shared/tile.wgsl says who computes what.

import package::shared::grid::group_number;
import package::shared::tile::{GROUP, SIDE};
@if(software || workgroup) import package::shared::tile::Blocks;
@if(software) import package::shared::tile::multiply;
@if(wide) import package::shared::tile::{Row, multiply_row};
@if(workgroup) import package::shared::tile::{DEPTH, staged_place, stage, multiply_staged};

@if(scalar) alias Entry = f32;
@if(vec4) alias Entry = vec4<f32>;
@if(half || half_out) alias Entry = vec4<f16>;
@if(half_out) alias Result = f16;
@else alias Result = f32;

struct Arguments {
    rows: u32, // N.
    columns: u32, // O.
    inner: u32, // I.
    column_tiles: u32, // Tiles of 64 side by side.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Entry>;
@group(0) @binding(2) var<storage, read> w: array<Entry>;
@group(0) @binding(3) var<storage, read_write> y: array<Result>;
@if(bias) @group(0) @binding(4) var<storage, read> b: array<f32>;
@if(residual && !bias) @group(0) @binding(4) var<storage, read> r: array<f32>;
@if(residual && bias) @group(0) @binding(5) var<storage, read> r: array<f32>;

@if(scalar)
fn x_entry(start: u32, step: u32, k: u32) -> f32 {
    return select(0.0, x[start + k], step + k < arguments.inner);
}

@if(scalar)
fn w_entry(start: u32, step: u32, k: u32) -> f32 {
    return select(0.0, w[start + k], step + k < arguments.inner);
}

// Four inner steps of a row of x; zeros past the inner dimension, any row past the last.
fn x_steps(row: u32, step: u32) -> vec4<f32> {
    let at = min(row, arguments.rows - 1u) * arguments.inner + step;
    @if(!scalar) return vec4<f32>(x[at / 4u]);
    @else return vec4<f32>(x_entry(at, step, 0u), x_entry(at, step, 1u), x_entry(at, step, 2u), x_entry(at, step, 3u));
}

fn w_steps(column: u32, step: u32) -> vec4<f32> {
    let at = min(column, arguments.columns - 1u) * arguments.inner + step;
    @if(!scalar) return vec4<f32>(w[at / 4u]);
    @else return vec4<f32>(w_entry(at, step, 0u), w_entry(at, step, 1u), w_entry(at, step, 2u), w_entry(at, step, 3u));
}

fn left(row: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(x_steps(row, step), x_steps(row + 1u, step), x_steps(row + 2u, step), x_steps(row + 3u, step));
}

fn right(column: u32, step: u32) -> mat4x4<f32> {
    let columns = mat4x4<f32>(
        w_steps(column, step), w_steps(column + 1u, step), w_steps(column + 2u, step), w_steps(column + 3u, step));
    return transpose(columns);
}

fn store_one(row: u32, column: u32, product: f32) {
    if row < arguments.rows && column < arguments.columns {
        let at = row * arguments.columns + column;
        var value = product;
        @if(bias) {
            value += b[column];
        }
        @if(residual) {
            value += r[at];
        }
        y[at] = Result(value);
    }
}

fn store_row(row: u32, column: u32, values: vec4<f32>) {
    store_one(row, column, values.x);
    store_one(row, column + 1u, values.y);
    store_one(row, column + 2u, values.z);
    store_one(row, column + 3u, values.w);
}

fn store(row: u32, column: u32, block: mat4x4<f32>) {
    store_row(row, column, block[0]);
    store_row(row + 1u, column, block[1]);
    store_row(row + 2u, column, block[2]);
    store_row(row + 3u, column, block[3]);
}

@if(wide)
fn right_row(column: u32, step: u32) -> Row {
    return Row(right(column, step), right(column + 16u, step), right(column + 32u, step), right(column + 48u, step));
}

@if(wide)
fn store_blocks(row: u32, column: u32, blocks: Row) {
    store(row, column, blocks.first);
    store(row, column + 16u, blocks.second);
    store(row, column + 32u, blocks.third);
    store(row, column + 48u, blocks.fourth);
}

@compute @workgroup_size(GROUP, GROUP)
fn linear(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let tile = group_number(group);
    let tile_row = tile / arguments.column_tiles * SIDE;
    let tile_column = tile % arguments.column_tiles * SIDE;
    if tile_row >= arguments.rows {
        return;
    }
    let row = tile_row + local.y * 4u;
    let column = tile_column + local.x * 4u;
    @if(software || workgroup) var blocks = Blocks();
    @if(software) {
        for (var step = 0u; step < arguments.inner; step += 4u) {
            multiply(&blocks, left(row, step), left(row + 32u, step), right(column, step), right(column + 32u, step));
        }
    }
    @if(workgroup) {
        let place = staged_place(index);
        for (var first = 0u; first < arguments.inner; first += DEPTH) {
            let step = first + place.y;
            var staged_left = mat4x4<f32>();
            var staged_right = mat4x4<f32>();
            if step < arguments.inner {
                staged_left = left(tile_row + place.x, step);
                staged_right = right(tile_column + place.x, step);
            }
            stage(index, staged_left, staged_right);
            workgroupBarrier();
            multiply_staged(&blocks, local);
            workgroupBarrier();
        }
    }
    @if(wide) {
        var rows = Row();
        var rows16 = Row();
        var rows32 = Row();
        var rows48 = Row();
        for (var step = 0u; step < arguments.inner; step += 4u) {
            let columns = right_row(column, step);
            multiply_row(&rows, left(row, step), columns);
            multiply_row(&rows16, left(row + 16u, step), columns);
            multiply_row(&rows32, left(row + 32u, step), columns);
            multiply_row(&rows48, left(row + 48u, step), columns);
        }
        store_blocks(row, column, rows);
        store_blocks(row + 16u, column, rows16);
        store_blocks(row + 32u, column, rows32);
        store_blocks(row + 48u, column, rows48);
    }
    @else {
        store(row, column, blocks.here);
        store(row, column + 32u, blocks.right);
        store(row + 32u, column, blocks.down);
        store(row + 32u, column + 32u, blocks.across);
    }
}
