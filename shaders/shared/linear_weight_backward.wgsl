// Gradient of a linear layer's weight: its arguments; its operands, four columns of dy and of x at four inner steps; and where sums go.

struct Arguments {
    rows: u32, // O.
    columns: u32, // I.
    inner: u32, // N.
    column_tiles: u32, // Tiles in a row of tiles.
    tiles: u32, // Tiles of a slice.
    slice: u32, // Inner steps of a slice, a multiple of 32 or all.
    accumulate: u32, // 1 adds to dw, 0 writes each slice by itself.
    stride: u32, // From a row of dy to the next: O, or more where dw is a part.
}

@if(left1) alias Left = f32;
@if(left4) alias Left = vec4<f32>;
@if(left_half) alias Left = vec4<f16>;
@if(scalar) alias Right = f32;
@if(vec4) alias Right = vec4<f32>;
@if(half) alias Right = vec4<f16>;

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> dy: array<Left>;
@group(0) @binding(2) var<storage, read> x: array<Right>;
@if(!cooperative8 && !cooperative16) @group(0) @binding(3) var<storage, read_write> dw: array<f32>;
// Cooperative matrices have whole fours of columns.
@if(cooperative8 || cooperative16) @group(0) @binding(3) var<storage, read_write> dw: array<vec4<f32>>;

@if(left1)
fn dy_entry(step: u32, row: u32) -> f32 {
    return dy[step * arguments.stride + min(row, arguments.rows - 1u)];
}

// Four columns of dy, rows of dw, at an inner step; any past the last.
fn dy_columns(step: u32, row: u32) -> vec4<f32> {
    @if(!left1) return vec4<f32>(dy[(step * arguments.stride + min(row, arguments.rows - 4u)) / 4u]);
    @else return vec4<f32>(dy_entry(step, row), dy_entry(step, row + 1u), dy_entry(step, row + 2u), dy_entry(step, row + 3u));
}

@if(scalar)
fn x_entry(step: u32, column: u32) -> f32 {
    return x[step * arguments.columns + min(column, arguments.columns - 1u)];
}

fn x_columns(step: u32, column: u32) -> vec4<f32> {
    @if(!scalar) return vec4<f32>(x[(step * arguments.columns + min(column, arguments.columns - 4u)) / 4u]);
    @else return vec4<f32>(
        x_entry(step, column), x_entry(step, column + 1u), x_entry(step, column + 2u), x_entry(step, column + 3u));
}

// Zeros past the last inner step, of which the end may have fewer than four.
fn dy_guarded(step: u32, row: u32) -> vec4<f32> {
    return select(vec4<f32>(), dy_columns(min(step, arguments.inner - 1u), row), step < arguments.inner);
}

fn x_guarded(step: u32, column: u32) -> vec4<f32> {
    return select(vec4<f32>(), x_columns(min(step, arguments.inner - 1u), column), step < arguments.inner);
}

fn left(row: u32, step: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(
        dy_guarded(step, row), dy_guarded(step + 1u, row), dy_guarded(step + 2u, row), dy_guarded(step + 3u, row)));
}

fn right(column: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(
        x_guarded(step, column), x_guarded(step + 1u, column), x_guarded(step + 2u, column), x_guarded(step + 3u, column));
}

// First inner step of a slice, and the first that is behind it; nothing at all past the last slice.
fn slice_steps(slice: u32) -> vec2<u32> {
    let begin = slice * arguments.slice;
    return vec2<u32>(begin, min(begin + arguments.slice, arguments.inner));
}

@if(!cooperative8 && !cooperative16)
fn store_one(slice: u32, row: u32, column: u32, product: f32) {
    if row < arguments.rows && column < arguments.columns {
        let at = (slice * arguments.rows + row) * arguments.columns + column;
        dw[at] = product + select(0.0, dw[at], arguments.accumulate == 1u);
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
        let at = ((slice * arguments.rows + row) * arguments.columns + column) / 4u;
        var sums = values;
        if arguments.accumulate == 1u {
            sums += dw[at];
        }
        dw[at] = sums;
    }
}

fn store(slice: u32, row: u32, column: u32, block: mat4x4<f32>) {
    store_row(slice, row, column, block[0]);
    store_row(slice, row + 1u, column, block[1]);
    store_row(slice, row + 2u, column, block[2]);
    store_row(slice, row + 3u, column, block[3]);
}
