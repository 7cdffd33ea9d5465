// Gradient of a linear layer's input, and of the activation that made it: of y = h·wᵀ (+ b), dh = dy·w; dx = dh (+ r), or x's where h = f(x) or a gate of x.
// variants: tier=software|wide|workgroup|cooperative8|cooperative16 left=left1|left4|half right=right1|vec4|right_half epilogue=plain|residual|accumulate|activation|gate function=none|gelu_exact|gelu_tanh|relu|relu_squared|silu
// needs: activation|gate with left4|half
// needs: activation|gate with vec4|right_half
// needs: activation with gelu_exact|gelu_tanh|relu|relu_squared|silu
// needs: gate with gelu_tanh|silu
// needs: plain|residual|accumulate with none
// needs: residual with right1|vec4
// needs: cooperative8|cooperative16 with left4|half
// needs: cooperative8|cooperative16 with vec4|right_half
// never: cooperative8+left4+right_half|cooperative8+half+vec4|cooperative16+left4+right_half|cooperative16+half+vec4
//
// dy [N,O], w [O,I], dx and r [N,I]. The inner dimension is O: dy runs along it (left4: in vectors of four, where O divides by
// four; half: of halves), w across it (vec4, right_half: likewise for I). With right_half x and dx are stored in halves too.
// shared/tile.wgsl says who computes what. Of a w that is too large to bind, some rows are O here, dy
// is bound from the column of the first on, and each part after the first adds to dx (accumulate).
//
// activation: dx = dh·f′(x), x [N,I].
// gate: of h[n,c] = f(x[n,c])·x[n,I+c], dx[n,c] = dh·x[n,I+c]·f′(x[n,c]) and dx[n,I+c] = dh·f(x[n,c]), both [N,2I].

import package::shared::grid::group_number;
import package::shared::tile::{ALONG, DOWN, GROUP, SIDE};
@if(!wide) import package::shared::tile::Blocks;
@if(software) import package::shared::tile::multiply;
@if(wide) import package::shared::tile::{Row, multiply_row};
@if(cooperative8 || cooperative16) import package::shared::cooperative::{EDGE, PARTS, LeftMatrix, RightMatrix, Sums, own_subgroup, part_corner, add_products, keep, kept_blocks};
@if(workgroup) import package::shared::tile::{DEPTH, staged_place, stage, multiply_staged};
@if(activation) import package::shared::curve::slope;
@if(gate) import package::shared::curve::{activated, slope};

@if(left1 || (left4 && (cooperative8 || cooperative16))) alias Left = f32;
@if(left4 && !cooperative8 && !cooperative16) alias Left = vec4<f32>;
@if(half && (cooperative8 || cooperative16)) alias Left = f16;
@if(half && !cooperative8 && !cooperative16) alias Left = vec4<f16>;
@if(right1) alias Right = f32;
@if(vec4) alias Right = vec4<f32>;
@if(right_half) alias Right = vec4<f16>;
// What w is loaded by.
@if(vec4 && (cooperative8 || cooperative16)) alias Weight = f32;
@if(right_half && (cooperative8 || cooperative16)) alias Weight = f16;
@if(!cooperative8 && !cooperative16) alias Weight = Right;
@if(activation || gate) alias Result = Right;
@if((plain || accumulate) && right_half) alias Result = f16;
@if(((plain || accumulate) && !right_half) || residual) alias Result = f32;

struct Arguments {
    rows: u32, // N.
    columns: u32, // I.
    inner: u32, // O.
    column_tiles: u32, // Tiles of 64 side by side.
    stride: u32, // From a row of dy to the next: O, or more where w is a part.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> dy: array<Left>;
@group(0) @binding(2) var<storage, read> w: array<Weight>;
@group(0) @binding(3) var<storage, read_write> dx: array<Result>;
@if(residual) @group(0) @binding(4) var<storage, read> r: array<f32>;
@if(activation || gate) @group(0) @binding(4) var<storage, read> x: array<Right>;

@if(left1)
fn dy_entry(start: u32, step: u32, k: u32) -> f32 {
    return select(0.0, dy[start + k], step + k < arguments.inner);
}

// Four inner steps of a row of dy; zeros past the inner dimension, any row past the last.
@if(!cooperative8 && !cooperative16)
fn dy_steps(row: u32, step: u32) -> vec4<f32> {
    let at = min(row, arguments.rows - 1u) * arguments.stride + step;
    @if(!left1) return vec4<f32>(dy[at / 4u]);
    @else return vec4<f32>(dy_entry(at, step, 0u), dy_entry(at, step, 1u), dy_entry(at, step, 2u), dy_entry(at, step, 3u));
}

@if(right1)
fn w_entry(step: u32, column: u32) -> f32 {
    return w[step * arguments.columns + min(column, arguments.columns - 1u)];
}

// Four columns of w at an inner step; any columns past the last, zeros past the last step.
@if(!cooperative8 && !cooperative16)
fn w_columns(step: u32, column: u32) -> vec4<f32> {
    let inside = min(step, arguments.inner - 1u);
    @if(!right1) let columns = vec4<f32>(w[(inside * arguments.columns + min(column, arguments.columns - 4u)) / 4u]);
    @else let columns = vec4<f32>(
        w_entry(inside, column), w_entry(inside, column + 1u), w_entry(inside, column + 2u), w_entry(inside, column + 3u));
    @if(!left1) return columns;
    @else return select(vec4<f32>(), columns, step < arguments.inner);
}

@if(!cooperative8 && !cooperative16)
fn left(row: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(dy_steps(row, step), dy_steps(row + 1u, step), dy_steps(row + 2u, step), dy_steps(row + 3u, step));
}

@if(!cooperative8 && !cooperative16)
fn right(column: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(
        w_columns(step, column), w_columns(step + 1u, column), w_columns(step + 2u, column), w_columns(step + 3u, column));
}

@if(plain || residual || accumulate)
fn store_one(row: u32, column: u32, product: f32) {
    if row < arguments.rows && column < arguments.columns {
        let at = row * arguments.columns + column;
        var value = product;
        @if(accumulate) {
            value += f32(dx[at]);
        }
        @if(residual) {
            value += r[at];
        }
        dx[at] = Result(value);
    }
}

@if(plain || residual || accumulate)
fn store_row(row: u32, column: u32, values: vec4<f32>) {
    store_one(row, column, values.x);
    store_one(row, column + 1u, values.y);
    store_one(row, column + 2u, values.z);
    store_one(row, column + 3u, values.w);
}

@if(gate)
fn curve(x: vec4<f32>) -> vec4<f32> {
    @if(vec4) return activated(x);
    @else return vec4<f32>(activated(x.x), activated(x.y), activated(x.z), activated(x.w));
}

@if(activation || gate)
fn slopes(x: vec4<f32>) -> vec4<f32> {
    @if(vec4) return slope(x);
    @else return vec4<f32>(slope(x.x), slope(x.y), slope(x.z), slope(x.w));
}

@if(activation)
fn store_row(row: u32, column: u32, values: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = (row * arguments.columns + column) / 4u;
        dx[at] = Result(values * slopes(vec4<f32>(x[at])));
    }
}

@if(gate)
fn store_row(row: u32, column: u32, values: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = (row * 2u * arguments.columns + column) / 4u;
        let there = at + arguments.columns / 4u;
        let before = vec4<f32>(x[at]);
        dx[at] = Result(values * vec4<f32>(x[there]) * slopes(before));
        dx[there] = Result(values * curve(before));
    }
}

fn store(row: u32, column: u32, block: mat4x4<f32>) {
    store_row(row, column, block[0]);
    store_row(row + 1u, column, block[1]);
    store_row(row + 2u, column, block[2]);
    store_row(row + 3u, column, block[3]);
}

// Rows and inner steps of dy, any rows past the last.
@if(cooperative8 || cooperative16)
fn left_matrix(row: u32, step: u32) -> LeftMatrix {
    let at = min(row, arguments.rows - EDGE) * arguments.stride + step;
    return coopLoadT<LeftMatrix>(&dy[at], arguments.stride);
}

// Inner steps and columns of w, any columns past the last.
@if(cooperative8 || cooperative16)
fn right_matrix(tile_column: u32, place: u32, step: u32) -> RightMatrix {
    let at = step * arguments.columns + min(tile_column + place, arguments.columns - EDGE);
    return coopLoadT<RightMatrix>(&w[at], arguments.columns);
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
fn store_blocks(row: u32, column: u32, blocks: Row) {
    store(row, column, blocks.first);
    store(row, column + 16u, blocks.second);
    store(row, column + 32u, blocks.third);
    store(row, column + 48u, blocks.fourth);
}

@compute @workgroup_size(ALONG, DOWN)
fn linear_input_backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let tile = group_number(group);
    let tile_row = tile / arguments.column_tiles * SIDE;
    let tile_column = tile % arguments.column_tiles * SIDE;
    if tile_row >= arguments.rows {
        return;
    }
    let local = vec2<u32>(index % GROUP, index / GROUP);
    let row = tile_row + local.y * 4u;
    let column = tile_column + local.x * 4u;
    @if(!wide) var blocks = Blocks();
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
    @if(cooperative8 || cooperative16) {
        let own = own_subgroup(index);
        for (var part = own.x; part < PARTS; part += own.y) {
            let corner = part_corner(part);
            var sums = Sums();
            for (var step = 0u; step < arguments.inner; step += EDGE) {
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
