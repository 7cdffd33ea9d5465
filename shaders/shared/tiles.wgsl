// A matrix product cut into tiles of 64 × 64 outputs (or 32 × 32: shared/split_tile.wgsl), a workgroup each. How a workgroup computes its
// tile is what the files of a product differ in: _tiled (through workgroup memory) and _cooperative (by the matrices that subgroups hold
// together).
//
// Operands travel as mat4x4: `left` holds, for a row of outputs in each of its columns, four steps along the inner dimension; `right`
// holds, for each step, four neighbouring columns of outputs. Then right · left is a block of outputs, one row of outputs in each of its
// columns.

import package::shared::grid::group_number;

const SIDE: u32 = 64u;

// Four blocks of an invocation: at (row, column), 32 columns to the right, 32 rows down, and both.
struct Blocks {
    here: mat4x4<f32>,
    right: mat4x4<f32>,
    down: mat4x4<f32>,
    across: mat4x4<f32>,
}

// First row and column of a tile with this side, in rows of so many tiles.
fn tile_corner(tile: u32, tiles_per_row: u32, side: u32) -> vec2<u32> {
    return vec2<u32>(tile / tiles_per_row, tile % tiles_per_row) * side;
}

// Row and column of an invocation's first block in a tile, where `group` of them lie side by side.
fn block_corner(index: u32, group: u32) -> vec2<u32> {
    return vec2<u32>(index / group, index % group) * 4u;
}
