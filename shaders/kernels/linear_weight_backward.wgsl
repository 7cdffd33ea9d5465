// Gradient of a linear layer's weight: of y = x·wᵀ (+ b), dw += dyᵀ·x.
// variants: tier=software|wide|workgroup|cooperative8|cooperative16 left=left1|left4|half right=right1|right4|right_half
// needs: cooperative8|cooperative16 with left4|half
// needs: cooperative8|cooperative16 with right4|right_half
// never: cooperative8+left4+right_half|cooperative8+half+right4|cooperative16+left4+right_half|cooperative16+half+right4
//
// dy [N,O], x [N,I], dw [O,I]. The inner dimension is N, which both operands run across (left4, right4: in vectors of four,
// where O or I divides by four; half, right_half: of halves). Where O·I is small and N large, the rows are cut into slices, each written to a [O,I] of its
// own in `dw`, here a scratch, and sum_rows.wgsl adds them up. shared/tile.wgsl says who computes what. Of a dw that is too large to
// bind, some rows are O here, and dy is bound from the column of the first on.

import package::shared::grid::group_number;
import package::shared::tile::{ALONG, DOWN, GROUP, SIDE};
@if(!wide) import package::shared::tile::Blocks;
@if(software) import package::shared::tile::multiply;
@if(wide) import package::shared::tile::{Row, multiply_row};
@if(cooperative8 || cooperative16) import package::shared::cooperative::{EDGE, PARTS, LeftMatrix, RightMatrix, Sums, own_subgroup, part_corner, add_products, keep, kept_blocks};
@if(workgroup) import package::shared::tile::{DEPTH, staged_place, stage, multiply_staged};

@if(left1 || (left4 && (cooperative8 || cooperative16))) alias Left = f32;
@if(left4 && !cooperative8 && !cooperative16) alias Left = vec4<f32>;
@if(half && (cooperative8 || cooperative16)) alias Left = f16;
@if(half && !cooperative8 && !cooperative16) alias Left = vec4<f16>;
@if(right1 || (right4 && (cooperative8 || cooperative16))) alias Right = f32;
@if(right4 && !cooperative8 && !cooperative16) alias Right = vec4<f32>;
@if(right_half && (cooperative8 || cooperative16)) alias Right = f16;
@if(right_half && !cooperative8 && !cooperative16) alias Right = vec4<f16>;

struct Arguments {
    rows: u32, // O.
    columns: u32, // I.
    inner: u32, // N.
    column_tiles: u32, // Tiles of 64 side by side.
    tiles: u32, // Tiles of a slice.
    slice: u32, // Inner steps of a slice, a multiple of 16.
    accumulate: u32, // 1 adds to dw, 0 writes each slice by itself.
    stride: u32, // From a row of dy to the next: O, or more where dw is a part.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> dy: array<Left>;
@group(0) @binding(2) var<storage, read> x: array<Right>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

@if(left1)
fn dy_entry(step: u32, row: u32) -> f32 {
    return dy[step * arguments.stride + min(row, arguments.rows - 1u)];
}

// Four columns of dy, rows of dw, at an inner step; any past the last.
@if(!cooperative8 && !cooperative16)
fn dy_columns(step: u32, row: u32) -> vec4<f32> {
    @if(!left1) return vec4<f32>(dy[(step * arguments.stride + min(row, arguments.rows - 4u)) / 4u]);
    @else return vec4<f32>(dy_entry(step, row), dy_entry(step, row + 1u), dy_entry(step, row + 2u), dy_entry(step, row + 3u));
}

@if(right1)
fn x_entry(step: u32, column: u32) -> f32 {
    return x[step * arguments.columns + min(column, arguments.columns - 1u)];
}

@if(!cooperative8 && !cooperative16)
fn x_columns(step: u32, column: u32) -> vec4<f32> {
    @if(!right1) return vec4<f32>(x[(step * arguments.columns + min(column, arguments.columns - 4u)) / 4u]);
    @else return vec4<f32>(
        x_entry(step, column), x_entry(step, column + 1u), x_entry(step, column + 2u), x_entry(step, column + 3u));
}

// Zeros past the last inner step, of which the end may have fewer than four.
@if(!cooperative8 && !cooperative16)
fn dy_guarded(step: u32, row: u32) -> vec4<f32> {
    return select(vec4<f32>(), dy_columns(min(step, arguments.inner - 1u), row), step < arguments.inner);
}

@if(!cooperative8 && !cooperative16)
fn x_guarded(step: u32, column: u32) -> vec4<f32> {
    return select(vec4<f32>(), x_columns(min(step, arguments.inner - 1u), column), step < arguments.inner);
}

@if(!cooperative8 && !cooperative16)
fn left(row: u32, step: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(
        dy_columns(step, row), dy_columns(step + 1u, row), dy_columns(step + 2u, row), dy_columns(step + 3u, row)));
}

@if(!cooperative8 && !cooperative16)
fn right(column: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(
        x_columns(step, column), x_columns(step + 1u, column), x_columns(step + 2u, column), x_columns(step + 3u, column));
}

@if(!cooperative8 && !cooperative16)
fn left_guarded(row: u32, step: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(
        dy_guarded(step, row), dy_guarded(step + 1u, row), dy_guarded(step + 2u, row), dy_guarded(step + 3u, row)));
}

@if(!cooperative8 && !cooperative16)
fn right_guarded(column: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(
        x_guarded(step, column), x_guarded(step + 1u, column), x_guarded(step + 2u, column), x_guarded(step + 3u, column));
}

fn store_one(slice: u32, row: u32, column: u32, product: f32) {
    if row < arguments.rows && column < arguments.columns {
        let at = (slice * arguments.rows + row) * arguments.columns + column;
        dw[at] = product + select(0.0, dw[at], arguments.accumulate == 1u);
    }
}

fn store_row(slice: u32, row: u32, column: u32, values: vec4<f32>) {
    store_one(slice, row, column, values.x);
    store_one(slice, row, column + 1u, values.y);
    store_one(slice, row, column + 2u, values.z);
    store_one(slice, row, column + 3u, values.w);
}

fn store(slice: u32, row: u32, column: u32, block: mat4x4<f32>) {
    store_row(slice, row, column, block[0]);
    store_row(slice, row + 1u, column, block[1]);
    store_row(slice, row + 2u, column, block[2]);
    store_row(slice, row + 3u, column, block[3]);
}

// Rows of dw and inner steps of dy, any rows past the last.
@if(cooperative8 || cooperative16)
fn left_matrix(row: u32, step: u32) -> LeftMatrix {
    let at = step * arguments.stride + min(row, arguments.rows - EDGE);
    return coopLoad<LeftMatrix>(&dy[at], arguments.stride);
}

// Inner steps and columns of x, any columns past the last.
@if(cooperative8 || cooperative16)
fn right_matrix(tile_column: u32, place: u32, step: u32) -> RightMatrix {
    let at = step * arguments.columns + min(tile_column + place, arguments.columns - EDGE);
    return coopLoadT<RightMatrix>(&x[at], arguments.columns);
}

@if(cooperative8 || cooperative16)
fn left_matrices(row: u32, step: u32) -> array<LeftMatrix, 2> {
    return array<LeftMatrix, 2>(left_matrix(row, step), left_matrix(row + EDGE, step));
}

@if(cooperative8 || cooperative16)
fn right_matrices(tile_column: u32, place: u32, step: u32) -> array<RightMatrix, 4> {
    return array<RightMatrix, 4>(
        right_matrix(tile_column, place, step),
        right_matrix(tile_column, place + EDGE, step),
        right_matrix(tile_column, place + 2u * EDGE, step),
        right_matrix(tile_column, place + 3u * EDGE, step));
}

@if(wide)
fn right_row(column: u32, step: u32) -> Row {
    return Row(right(column, step), right(column + 16u, step), right(column + 32u, step), right(column + 48u, step));
}

@if(wide)
fn right_row_guarded(column: u32, step: u32) -> Row {
    return Row(
        right_guarded(column, step),
        right_guarded(column + 16u, step),
        right_guarded(column + 32u, step),
        right_guarded(column + 48u, step),
    );
}

@if(wide)
fn store_blocks(slice: u32, row: u32, column: u32, blocks: Row) {
    store(slice, row, column, blocks.first);
    store(slice, row, column + 16u, blocks.second);
    store(slice, row, column + 32u, blocks.third);
    store(slice, row, column + 48u, blocks.fourth);
}

@compute @workgroup_size(ALONG, DOWN)
fn linear_weight_backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let slice = group_number(group) / arguments.tiles;
    let tile = group_number(group) % arguments.tiles;
    let begin = slice * arguments.slice;
    if begin >= arguments.inner {
        return;
    }
    let end = min(begin + arguments.slice, arguments.inner);
    let tile_row = tile / arguments.column_tiles * SIDE;
    let tile_column = tile % arguments.column_tiles * SIDE;
    let local = vec2<u32>(index % GROUP, index / GROUP);
    let row = tile_row + local.y * 4u;
    let column = tile_column + local.x * 4u;
    @if(!wide) var blocks = Blocks();
    @if(software) {
        var step = begin;
        for (; step + 4u <= end; step += 4u) {
            multiply(&blocks, left(row, step), left(row + 32u, step), right(column, step), right(column + 32u, step));
        }
        // A loop and not a branch: llvmpipe runs both sides of a branch, but no turn of a loop that nobody takes.
        for (; step < end; step += 4u) {
            multiply(
                &blocks,
                left_guarded(row, step),
                left_guarded(row + 32u, step),
                right_guarded(column, step),
                right_guarded(column + 32u, step),
            );
        }
    }
    @if(workgroup) {
        let place = staged_place(index);
        for (var first = begin; first < end; first += DEPTH) {
            let step = first + place.y;
            stage(index, left_guarded(tile_row + place.x, step), right_guarded(tile_column + place.x, step));
            workgroupBarrier();
            multiply_staged(&blocks, local);
            workgroupBarrier();
        }
    }
    @if(cooperative8 || cooperative16) {
        let own = own_subgroup(index);
        for (var part = own.x; part < PARTS; part += own.y) {
            let corner = part_corner(part);
            var sums = Sums();
            for (var step = begin; step < end; step += EDGE) {
                add_products(&sums, left_matrices(tile_row + corner.x, step), right_matrices(tile_column, corner.y, step));
            }
            keep(&sums, corner);
        }
        blocks = kept_blocks(local.y * 4u, local.x * 4u);
    }
    @if(wide) {
        var rows = Row();
        var rows16 = Row();
        var rows32 = Row();
        var rows48 = Row();
        var step = begin;
        for (; step + 4u <= end; step += 4u) {
            let columns = right_row(column, step);
            multiply_row(&rows, left(row, step), columns);
            multiply_row(&rows16, left(row + 16u, step), columns);
            multiply_row(&rows32, left(row + 32u, step), columns);
            multiply_row(&rows48, left(row + 48u, step), columns);
        }
        for (; step < end; step += 4u) {
            let columns = right_row_guarded(column, step);
            multiply_row(&rows, left_guarded(row, step), columns);
            multiply_row(&rows16, left_guarded(row + 16u, step), columns);
            multiply_row(&rows32, left_guarded(row + 32u, step), columns);
            multiply_row(&rows48, left_guarded(row + 48u, step), columns);
        }
        store_blocks(slice, row, column, rows);
        store_blocks(slice, row + 16u, column, rows16);
        store_blocks(slice, row + 32u, column, rows32);
        store_blocks(slice, row + 48u, column, rows48);
    }
    @else {
        store(slice, row, column, blocks.here);
        store(slice, row, column + 32u, blocks.right);
        store(slice, row + 32u, column, blocks.down);
        store(slice, row + 32u, column + 32u, blocks.across);
    }
}
