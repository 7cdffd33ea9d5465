// Linear layer on a GPU, through workgroup memory: y = x·wᵀ (+ b) (+ r).
// variants: size=large|small operands=scalar|vec4|half half_out?
// needs: half_out with half
// never: large+scalar
// without: cooperative8 cooperative16
//
// Shapes and operands are those of linear_direct.wgsl; operands may be f16 (`half`), and results too (`half_out`). The workgroup copies a
// few inner steps of both operands to workgroup memory, and each invocation multiplies its rows and columns of them.

import package::shared::grid::group_number;
import package::shared::linear::{arguments, left, product, right};
import package::shared::linear_sum::store;
@if(small) import package::shared::small_tile::{DEPTH, SIDE, multiply_staged, stage, staged_place};
@if(large) import package::shared::staged::{DEPTH, multiply_staged, stage, staged_place};
@if(large) import package::shared::tiles::{Blocks, SIDE};
import package::shared::tiles::{block_corner, tile_corner};

@compute @workgroup_size(8, 8)
fn linear_tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    product = group.z;
    let tile = tile_corner(group_number(group), arguments.column_tiles, SIDE);
    if tile.x >= arguments.rows {
        return;
    }
    let corner = block_corner(index, 8u);
    let staged = staged_place(index);
    @if(small) var blocks = mat4x4<f32>();
    @if(large) var blocks = Blocks();
    for (var first = 0u; first < arguments.inner; first += DEPTH) {
        let step = first + staged.y;
        var staged_left = mat4x4<f32>();
        var staged_right = mat4x4<f32>();
        if step < arguments.inner {
            staged_left = left(tile.x + staged.x, step);
            staged_right = right(tile.y + staged.x, step);
        }
        stage(index, staged_left, staged_right);
        workgroupBarrier();
        multiply_staged(&blocks, corner / 4u);
        workgroupBarrier();
    }
    let row = tile.x + corner.x;
    let column = tile.y + corner.y;
    @if(small) store(row, column, blocks);
    @if(large) {
        store(row, column, blocks.here);
        store(row, column + 32u, blocks.right);
        store(row + 32u, column, blocks.down);
        store(row + 32u, column + 32u, blocks.across);
    }
}
