// The arithmetic of a matrix product of 64 × 64 outputs a workgroup of 8 × 8 invocations, each with four 4 × 4 blocks that
// lie 32 rows and 32 columns apart (wide: 4 × 4 invocations, each with sixteen of them, 16 apart). Operands travel as mat4x4: `left` holds, for a row of outputs in each of its columns,
// four steps along the inner dimension; `right` holds, for each step, four neighbouring columns of outputs. Then
// right · left is a block of outputs, one row of outputs in each of its columns.
//
// software: invocations multiply straight from the bindings, four inner steps at a time.
// wide: the same with twice as many products for what is loaded: SwiftShader goes through the lanes of a load one by one, and
// a number costs it twenty times what a product does.
// cooperative8, cooperative16: shared/cooperative.wgsl.
// workgroup: 16 inner steps of both operands are staged in workgroup memory, 8 KiB, inner step by inner step, so that
// neighbouring invocations read neighbouring vectors.

import package::shared::grid::group_number;

const SIDE: u32 = 64u;
// Invocations along a workgroup's side, and the square's as the workgroup numbers them: where subgroups must be full, all in a row.
@if(wide) const GROUP: u32 = 4u;
@else const GROUP: u32 = 8u;
@if(cooperative8 || cooperative16) const ALONG: u32 = GROUP * GROUP;
@else const ALONG: u32 = GROUP;
const DOWN: u32 = GROUP * GROUP / ALONG;

// An invocation's blocks: at (row, column), 32 columns to the right, 32 rows down, and both.
struct Blocks {
    here: mat4x4<f32>,
    right: mat4x4<f32>,
    down: mat4x4<f32>,
    across: mat4x4<f32>,
}

fn multiply(
    blocks: ptr<function, Blocks>,
    left: mat4x4<f32>,
    left_down: mat4x4<f32>,
    right: mat4x4<f32>,
    right_across: mat4x4<f32>,
) {
    (*blocks).here += right * left;
    (*blocks).right += right_across * left;
    (*blocks).down += right * left_down;
    (*blocks).across += right_across * left_down;
}

// Four of an invocation's blocks side by side, 16 columns apart.
@if(wide)
struct Row {
    first: mat4x4<f32>,
    second: mat4x4<f32>,
    third: mat4x4<f32>,
    fourth: mat4x4<f32>,
}

@if(wide)
fn multiply_row(row: ptr<function, Row>, left: mat4x4<f32>, right: Row) {
    (*row).first += right.first * left;
    (*row).second += right.second * left;
    (*row).third += right.third * left;
    (*row).fourth += right.fourth * left;
}

// Inner steps that are staged at once.
const DEPTH: u32 = 16u;

@if(workgroup) var<workgroup> left_tile: array<vec4<f32>, 256>;
@if(workgroup) var<workgroup> right_tile: array<vec4<f32>, 256>;

// Which rows (or columns) and inner steps of the tile this invocation stages: (first row, first step).
fn staged_place(index: u32) -> vec2<u32> {
    return vec2<u32>(index % 16u * 4u, index / 16u * 4u);
}

// Stages one 4 × 4 block of each operand.
@if(workgroup)
fn stage(index: u32, left: mat4x4<f32>, right: mat4x4<f32>) {
    let steps = transpose(left);
    let place = index % 16u;
    let step = index / 16u * 4u;
    left_tile[step * 16u + place] = steps[0];
    left_tile[(step + 1u) * 16u + place] = steps[1];
    left_tile[(step + 2u) * 16u + place] = steps[2];
    left_tile[(step + 3u) * 16u + place] = steps[3];
    right_tile[step * 16u + place] = right[0];
    right_tile[(step + 1u) * 16u + place] = right[1];
    right_tile[(step + 2u) * 16u + place] = right[2];
    right_tile[(step + 3u) * 16u + place] = right[3];
}

// The outer product of a row of outputs' columns and its rows.
fn outer(rows: vec4<f32>, columns: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(columns * rows.x, columns * rows.y, columns * rows.z, columns * rows.w);
}

// Multiplies what is staged.
@if(workgroup)
fn multiply_staged(blocks: ptr<function, Blocks>, local: vec2<u32>) {
    for (var k = 0u; k < DEPTH; k += 1u) {
        let left = left_tile[k * 16u + local.y];
        let left_down = left_tile[k * 16u + local.y + 8u];
        let right = right_tile[k * 16u + local.x];
        let right_across = right_tile[k * 16u + local.x + 8u];
        (*blocks).here += outer(left, right);
        (*blocks).right += outer(left, right_across);
        (*blocks).down += outer(left_down, right);
        (*blocks).across += outer(left_down, right_across);
    }
}
