// Arguments and operands of the gradient of a linear layer's input: four inner steps of four rows of dy, and four columns of w at four
// inner steps.

struct Arguments {
    rows: u32, // N.
    columns: u32, // I.
    inner: u32, // O.
    column_tiles: u32, // Tiles in a row of tiles.
    tiles: u32, // Tiles of a slice.
    slice: u32, // Inner steps of a slice, a multiple of 32 or all.
    stride: u32, // From a row of dy to the next: O, or more where w is a part.
    accumulate: u32, // 1 adds to dx, as parts of w after the first do.
    residual: u32, // 1 adds r; else anything may be bound there.
}

@if(left1) alias Left = f32;
@if(left4) alias Left = vec4<f32>;
@if(left_half) alias Left = vec4<f16>;
@if(scalar) alias Right = f32;
@if(vec4) alias Right = vec4<f32>;
@if(half) alias Right = vec4<f16>;

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> dy: array<Left>;
@group(0) @binding(2) var<storage, read> w: array<Right>;

// Number of a product among several of one size, whose operands and results follow one another.
var<private> product: u32;

@if(left1)
fn dy_entry(start: u32, step: u32, k: u32) -> f32 {
    return select(0.0, dy[start + k], step + k < arguments.inner);
}

// Four inner steps of a row of dy; zeros past the inner dimension, any row past the last.
fn dy_steps(row: u32, step: u32) -> vec4<f32> {
    let at = (product * arguments.rows + min(row, arguments.rows - 1u)) * arguments.stride + step;
    @if(!left1) return vec4<f32>(dy[at / 4u]);
    @else return vec4<f32>(dy_entry(at, step, 0u), dy_entry(at, step, 1u), dy_entry(at, step, 2u), dy_entry(at, step, 3u));
}

@if(scalar)
fn w_entry(step: u32, column: u32) -> f32 {
    return w[step * arguments.columns + min(column, arguments.columns - 1u)];
}

// Four columns of w at an inner step; any columns past the last, zeros past the last step.
fn w_columns(step: u32, column: u32) -> vec4<f32> {
    let inside = product * arguments.inner + min(step, arguments.inner - 1u);
    @if(!scalar) let columns = vec4<f32>(w[(inside * arguments.columns + min(column, arguments.columns - 4u)) / 4u]);
    @else let columns = vec4<f32>(
        w_entry(inside, column), w_entry(inside, column + 1u), w_entry(inside, column + 2u), w_entry(inside, column + 3u));
    @if(!left1) return columns;
    @else return select(vec4<f32>(), columns, step < arguments.inner);
}

// First inner step of a slice, and the first after it.
fn slice_steps(slice: u32) -> vec2<u32> {
    let begin = slice * arguments.slice;
    return vec2<u32>(begin, min(begin + arguments.slice, arguments.inner));
}

fn left(row: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(dy_steps(row, step), dy_steps(row + 1u, step), dy_steps(row + 2u, step), dy_steps(row + 3u, step));
}

fn right(column: u32, step: u32) -> mat4x4<f32> {
    return mat4x4<f32>(
        w_columns(step, column), w_columns(step + 1u, column), w_columns(step + 2u, column), w_columns(step + 3u, column));
}
