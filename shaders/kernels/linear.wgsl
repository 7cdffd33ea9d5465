// Linear layer, and what is done to its result before it is stored: z = x·wᵀ (+ b), y = z (+ r), f(z), a gate or a rotation of z.
// variants: tier=software|wide|workgroup|cooperative8|cooperative16 operands=scalar|vec4|half half_out? bias? epilogue=plain|residual|activation|gate|rope function=none|gelu_exact|gelu_tanh|relu|relu_squared|silu
// needs: half_out with half
// needs: activation|gate|rope with vec4|half_out
// needs: activation with gelu_exact|gelu_tanh|relu|relu_squared|silu
// needs: gate with gelu_tanh|silu
// needs: plain|residual|rope with none
// needs: cooperative8|cooperative16 with vec4|half
// never: residual+half_out
//
// x [N,I], w [O,I], b [O], z, y and r [N,O]. Both operands run along the inner dimension I, in vectors of four where it
// divides by four: floats, or halves (`half`; `half_out` stores results in halves too). Cooperative matrices are loaded entry by entry. shared/tile.wgsl says who computes what.
// Of a w that is too large to bind, some rows are O here, and y, b and r are bound from the column of the first on (plain and
// residual alone).
//
// activation: y = f(z), and z is stored too, for the gradient; O divides by four.
// gate: y [N,F], F = O/2: y[n,c] = f(z[n,c])·z[n,F+c], and z is stored too; F divides by four.
// rope: y is z with queries and keys turned as rope.wgsl says, by a table [P,D]; D divides by eight.
//
// gate and rope work on pairs of columns `partner` apart: F, or D/2. A tile then takes 32 columns and their 32 partners, which
// are the right half of its blocks, so that an invocation holds both of a pair.

import package::shared::grid::group_number;
import package::shared::tile::{ALONG, DOWN, GROUP, SIDE};
@if(!wide) import package::shared::tile::Blocks;
@if(software) import package::shared::tile::multiply;
@if(wide) import package::shared::tile::{Row, multiply_row};
@if(cooperative8 || cooperative16) import package::shared::cooperative::{EDGE, PARTS, LeftMatrix, RightMatrix, Sums, own_subgroup, part_corner, add_products, keep, kept_blocks};
@if(workgroup) import package::shared::tile::{DEPTH, staged_place, stage, multiply_staged};
@if(activation || gate) import package::shared::curve::activated;

@if(scalar || (vec4 && (cooperative8 || cooperative16))) alias Operand = f32;
@if(vec4 && !cooperative8 && !cooperative16) alias Operand = vec4<f32>;
@if(half && (cooperative8 || cooperative16)) alias Operand = f16;
@if(half && !cooperative8 && !cooperative16) alias Operand = vec4<f16>;
@if(half_out && (plain || residual)) alias Result = f16;
@if(half_out && !plain && !residual) alias Result = vec4<f16>;
@if(!half_out && (plain || residual)) alias Result = f32;
@if(!half_out && !plain && !residual) alias Result = vec4<f32>;
@if(plain || residual) alias Shift = f32;
@else alias Shift = vec4<f32>;

struct Arguments {
    rows: u32, // N.
    columns: u32, // O.
    inner: u32, // I.
    column_tiles: u32, // Tiles of 64 side by side.
    partner: u32, // Columns from one of a pair to the other: F or D/2, else 0.
    turning: u32, // rope: columns of queries and keys, (H + K)·D, else 0.
    time: u32, // rope: T, else 0.
    stride: u32, // plain and residual: from a row of y and r to the next, O or more where w is a part.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Operand>;
@group(0) @binding(2) var<storage, read> w: array<Operand>;
@group(0) @binding(3) var<storage, read_write> y: array<Result>;
@if(bias) @group(0) @binding(4) var<storage, read> b: array<Shift>;
@if(residual && !bias) @group(0) @binding(4) var<storage, read> r: array<f32>;
@if(residual && bias) @group(0) @binding(5) var<storage, read> r: array<f32>;
@if((activation || gate) && !bias) @group(0) @binding(4) var<storage, read_write> z: array<Result>;
@if((activation || gate) && bias) @group(0) @binding(5) var<storage, read_write> z: array<Result>;
@if(rope && !bias) @group(0) @binding(4) var<storage, read> table: array<vec4<f32>>;
@if(rope && bias) @group(0) @binding(5) var<storage, read> table: array<vec4<f32>>;

@if(scalar)
fn x_entry(start: u32, step: u32, k: u32) -> f32 {
    return select(0.0, x[start + k], step + k < arguments.inner);
}

@if(scalar)
fn w_entry(start: u32, step: u32, k: u32) -> f32 {
    return select(0.0, w[start + k], step + k < arguments.inner);
}

// Four inner steps of a row of x; zeros past the inner dimension, any row past the last.
@if(!cooperative8 && !cooperative16)
fn x_steps(row: u32, step: u32) -> vec4<f32> {
    let at = min(row, arguments.rows - 1u) * arguments.inner + step;
    @if(!scalar) return vec4<f32>(x[at / 4u]);
    @else return vec4<f32>(x_entry(at, step, 0u), x_entry(at, step, 1u), x_entry(at, step, 2u), x_entry(at, step, 3u));
}

@if(!cooperative8 && !cooperative16)
fn w_steps(column: u32, step: u32) -> vec4<f32> {
    let at = min(column, arguments.columns - 1u) * arguments.inner + step;
    @if(!scalar) return vec4<f32>(w[at / 4u]);
    @else return vec4<f32>(w_entry(at, step, 0u), w_entry(at, step, 1u), w_entry(at, step, 2u), w_entry(at, step, 3u));
}

@if(!cooperative8 && !cooperative16)
fn left(row: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(x_steps(row, step), x_steps(row + 1u, step), x_steps(row + 2u, step), x_steps(row + 3u, step));
}

@if(!cooperative8 && !cooperative16)
fn right(column: u32, step: u32) -> mat4x4<f32> {
    let columns = mat4x4<f32>(
        w_steps(column, step), w_steps(column + 1u, step), w_steps(column + 2u, step), w_steps(column + 3u, step));
    return transpose(columns);
}

@if(plain || residual)
fn store_one(row: u32, column: u32, product: f32) {
    if row < arguments.rows && column < arguments.columns {
        let at = row * arguments.stride + column;
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

@if(plain || residual)
fn store_row(row: u32, column: u32, values: vec4<f32>) {
    store_one(row, column, values.x);
    store_one(row, column + 1u, values.y);
    store_one(row, column + 2u, values.z);
    store_one(row, column + 3u, values.w);
}

@if(activation || gate)
fn curve(x: vec4<f32>) -> vec4<f32> {
    @if(vec4) return activated(x);
    @else return vec4<f32>(activated(x.x), activated(x.y), activated(x.z), activated(x.w));
}

@if(activation)
fn store_row(row: u32, column: u32, values: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = (row * arguments.columns + column) / 4u;
        var value = values;
        @if(bias) {
            value += b[column / 4u];
        }
        z[at] = Result(value);
        y[at] = Result(curve(value));
    }
}

// Four columns of a row, and their partners.
@if(gate || rope)
fn store_row(row: u32, column: u32, values: vec4<f32>, partners: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = (row * arguments.columns + column) / 4u;
        let there = at + arguments.partner / 4u;
        var first = values;
        var second = partners;
        @if(bias) {
            first += b[column / 4u];
            second += b[(column + arguments.partner) / 4u];
        }
        @if(gate) {
            z[at] = Result(first);
            z[there] = Result(second);
            y[(row * arguments.partner + column) / 4u] = Result(curve(first) * second);
        }
        @if(rope) {
            let angle = (row % arguments.time * 2u * arguments.partner + column % (2u * arguments.partner)) / 4u;
            let turns = column < arguments.turning;
            let cosine = select(vec4<f32>(1.0), table[angle], turns);
            let sine = select(vec4<f32>(0.0), table[angle + arguments.partner / 4u], turns);
            y[at] = Result(first * cosine - second * sine);
            y[there] = Result(second * cosine + first * sine);
        }
    }
}

@if(!gate && !rope)
fn store(row: u32, column: u32, block: mat4x4<f32>) {
    store_row(row, column, block[0]);
    store_row(row + 1u, column, block[1]);
    store_row(row + 2u, column, block[2]);
    store_row(row + 3u, column, block[3]);
}

@if(gate || rope)
fn store(row: u32, column: u32, block: mat4x4<f32>, partners: mat4x4<f32>) {
    store_row(row, column, block[0], partners[0]);
    store_row(row + 1u, column, block[1], partners[1]);
    store_row(row + 2u, column, block[2], partners[2]);
    store_row(row + 3u, column, block[3], partners[3]);
}

// The column of y that a tile's column is: a tile of pairs holds the first of each on its left, the second on its right.
fn column_of(tile_column: u32, place: u32) -> u32 {
    @if(gate || rope) {
        let pair = tile_column / 2u + place % 32u;
        let first = pair / arguments.partner * 2u * arguments.partner + pair % arguments.partner;
        return select(first, first + arguments.partner, place >= 32u);
    }
    @if(!gate && !rope) return tile_column + place;
}

// Rows and inner steps of x, any rows past the last.
@if(cooperative8 || cooperative16)
fn left_matrix(row: u32, step: u32) -> LeftMatrix {
    let at = min(row, arguments.rows - EDGE) * arguments.inner + step;
    return coopLoadT<LeftMatrix>(&x[at], arguments.inner);
}

// Inner steps and rows of w, any past the last.
@if(cooperative8 || cooperative16)
fn right_matrix(tile_column: u32, place: u32, step: u32) -> RightMatrix {
    let at = min(column_of(tile_column, place), arguments.columns - EDGE) * arguments.inner + step;
    return coopLoad<RightMatrix>(&w[at], arguments.inner);
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
fn right_row(tile_column: u32, place: u32, step: u32) -> Row {
    return Row(
        right(column_of(tile_column, place), step),
        right(column_of(tile_column, place + 16u), step),
        right(column_of(tile_column, place + 32u), step),
        right(column_of(tile_column, place + 48u), step));
}

@if(wide)
fn store_blocks(row: u32, tile_column: u32, place: u32, blocks: Row) {
    @if(gate || rope) {
        store(row, column_of(tile_column, place), blocks.first, blocks.third);
        store(row, column_of(tile_column, place + 16u), blocks.second, blocks.fourth);
    }
    @if(!gate && !rope) {
        store(row, column_of(tile_column, place), blocks.first);
        store(row, column_of(tile_column, place + 16u), blocks.second);
        store(row, column_of(tile_column, place + 32u), blocks.third);
        store(row, column_of(tile_column, place + 48u), blocks.fourth);
    }
}

@compute @workgroup_size(ALONG, DOWN)
fn linear(
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
    let place = local.x * 4u;
    @if(!wide) let column = column_of(tile_column, place);
    @if(!wide) let across = column_of(tile_column, place + 32u);
    @if(!wide) var blocks = Blocks();
    @if(software) {
        for (var step = 0u; step < arguments.inner; step += 4u) {
            multiply(&blocks, left(row, step), left(row + 32u, step), right(column, step), right(across, step));
        }
    }
    @if(workgroup) {
        let staged = staged_place(index);
        for (var first = 0u; first < arguments.inner; first += DEPTH) {
            let step = first + staged.y;
            var staged_left = mat4x4<f32>();
            var staged_right = mat4x4<f32>();
            if step < arguments.inner {
                staged_left = left(tile_row + staged.x, step);
                staged_right = right(column_of(tile_column, staged.x), step);
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
            let columns = right_row(tile_column, place, step);
            multiply_row(&rows, left(row, step), columns);
            multiply_row(&rows16, left(row + 16u, step), columns);
            multiply_row(&rows32, left(row + 32u, step), columns);
            multiply_row(&rows48, left(row + 48u, step), columns);
        }
        store_blocks(row, tile_column, place, rows);
        store_blocks(row + 16u, tile_column, place, rows16);
        store_blocks(row + 32u, tile_column, place, rows32);
        store_blocks(row + 48u, tile_column, place, rows48);
    }
    @if(!wide && (gate || rope)) {
        store(row, column, blocks.here, blocks.right);
        store(row + 32u, column, blocks.down, blocks.across);
    }
    @if(!wide && !gate && !rope) {
        store(row, column, blocks.here);
        store(row, across, blocks.right);
        store(row + 32u, column, blocks.down);
        store(row + 32u, across, blocks.across);
    }
}
