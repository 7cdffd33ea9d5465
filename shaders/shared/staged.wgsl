// Operands of a tile of 64 × 64 outputs in workgroup memory: 16 inner steps of both, 8 KiB, inner step by inner step, so that neighbouring
// invocations read neighbouring vectors. A workgroup has 8 × 8 invocations.

import package::shared::tiles::Blocks;

// Inner steps that are staged at once.
const DEPTH: u32 = 16u;

var<workgroup> left_tile: array<array<vec4<f32>, 16>, DEPTH>;
var<workgroup> right_tile: array<array<vec4<f32>, 16>, DEPTH>;

// Which rows (or columns) and inner steps of the tile an invocation stages: (first row, first step).
fn staged_place(index: u32) -> vec2<u32> {
    return vec2<u32>(index % 16u * 4u, index / 16u * 4u);
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

// Multiplies what is staged; `local` is the invocation's row and column in the workgroup.
fn multiply_staged(blocks: ptr<function, Blocks>, local: vec2<u32>) {
    for (var k = 0u; k < DEPTH; k += 1u) {
        let left = left_tile[k][local.x];
        let left_down = left_tile[k][local.x + 8u];
        let right = right_tile[k][local.y];
        let right_across = right_tile[k][local.y + 8u];
        (*blocks).here += outer(left, right);
        (*blocks).right += outer(left, right_across);
        (*blocks).down += outer(left_down, right);
        (*blocks).across += outer(left_down, right_across);
    }
}
