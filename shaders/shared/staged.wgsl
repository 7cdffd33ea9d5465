// Operands of a tile of 64 × 64 outputs in workgroup memory: 16 inner steps of both, 8 KiB, inner step by inner step, so that neighbouring
// invocations read neighbouring vectors. A workgroup has 8 × 8 invocations.

import package::shared::tiles::Blocks;

const INVOCATIONS: u32 = 64u;
// Inner steps that are staged at once.
const STEPS: u32 = 16u;

var<workgroup> left_tile: array<array<vec4<f32>, 16>, STEPS>;
var<workgroup> right_tile: array<array<vec4<f32>, 16>, STEPS>;

// Which rows (or columns) and inner steps of the tile an invocation stages: (first row, first step).
fn staged_place(index: u32) -> vec2<u32> {
    return vec2<u32>(index % 16u * 4u, index / 16u * 4u);
}

fn stages_left(index: u32) -> bool {
    return true;
}

fn stages_right(index: u32) -> bool {
    return true;
}

// Stages one 4 × 4 block of each operand.
fn stage(index: u32, left: mat4x4<f32>, right: mat4x4<f32>) {
    let steps = transpose(left);
    let place = index % 16u;
    let step = index / 16u * 4u;
    left_tile[step][place] = steps[0];
    left_tile[step + 1u][place] = steps[1];
    left_tile[step + 2u][place] = steps[2];
    left_tile[step + 3u][place] = steps[3];
    right_tile[step][place] = right[0];
    right_tile[step + 1u][place] = right[1];
    right_tile[step + 2u][place] = right[2];
    right_tile[step + 3u][place] = right[3];
}

// The outer product of a row of outputs' columns and its rows.
fn outer(rows: vec4<f32>, columns: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(columns * rows.x, columns * rows.y, columns * rows.z, columns * rows.w);
}

fn multiply_staged(blocks: ptr<function, Blocks>, index: u32) {
    let row = index / 8u;
    let column = index % 8u;
    for (var k = 0u; k < STEPS; k += 1u) {
        let left = left_tile[k][row];
        let left_down = left_tile[k][row + 8u];
        let right = right_tile[k][column];
        let right_across = right_tile[k][column + 8u];
        (*blocks).here += outer(left, right);
        (*blocks).right += outer(left, right_across);
        (*blocks).down += outer(left_down, right);
        (*blocks).across += outer(left_down, right_across);
    }
}
