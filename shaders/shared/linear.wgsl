// A linear layer's arguments, and its operands: four inner steps of four rows of x, and of four rows of w.

struct Arguments {
    rows: u32, // N.
    columns: u32, // O.
    inner: u32, // I.
    column_tiles: u32, // Tiles in a row of tiles.
    stride: u32, // From a row of y and r to the next: O, or more where w is a part.
    biased: u32, // 1 adds b; else anything may be bound there.
    residual: u32, // 1 adds r; likewise.
}

@if(scalar) alias Operand = f32;
@if(vec4) alias Operand = vec4<f32>;
@if(half) alias Operand = vec4<f16>;

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<Operand>;
@group(0) @binding(2) var<storage, read> w: array<Operand>;

// Number of a product among several of one size, whose operands and results follow one another.
var<private> product: u32;

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
    let at = (product * arguments.rows + min(row, arguments.rows - 1u)) * arguments.inner + step;
    @if(!scalar) return vec4<f32>(x[at / 4u]);
    @else return vec4<f32>(x_entry(at, step, 0u), x_entry(at, step, 1u), x_entry(at, step, 2u), x_entry(at, step, 3u));
}

fn w_steps(column: u32, step: u32) -> vec4<f32> {
    let at = (product * arguments.columns + min(column, arguments.columns - 1u)) * arguments.inner + step;
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
