// Gradient of a linear layer's weight on a GPU, through workgroup memory: of y = x·wᵀ (+ b), dw += dyᵀ·x.
// variants: size=large|small left=left1|left4|left_half right=scalar|vec4|half
// never: left4+scalar|large+scalar
// without: cooperative8 cooperative16
//
// Shapes, operands and slices are those of linear_weight_backward_direct.wgsl; dy (`left_half`) and x (`half`) may be f16. The workgroup
// copies a few inner steps of both operands to workgroup memory, and each invocation multiplies its rows and columns of them.

import package::shared::grid::group_number;
import package::shared::linear_weight_backward::{arguments, left_guarded, right_guarded, slice_steps, store};
@if(small) import package::shared::small_tile::{DEPTH, SIDE, multiply_staged, stage, staged_place};
@if(large) import package::shared::staged::{DEPTH, multiply_staged, stage, staged_place};
@if(large) import package::shared::tiles::{Blocks, SIDE};
import package::shared::tiles::{block_corner, tile_corner};

@compute @workgroup_size(8, 8)
fn linear_weight_backward_tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let slice = group_number(group) / arguments.tiles;
    let steps = slice_steps(slice);
    if steps.x >= arguments.inner {
        return;
    }
    let tile = tile_corner(group_number(group) % arguments.tiles, arguments.column_tiles, SIDE);
    let corner = block_corner(index, 8u);
    let staged = staged_place(index);
    @if(small) var blocks = mat4x4<f32>();
    @if(large) var blocks = Blocks();
    for (var first = steps.x; first < steps.y; first += DEPTH) {
        let step = first + staged.y;
        stage(index, left_guarded(tile.x + staged.x, step), right_guarded(tile.y + staged.x, step));
        workgroupBarrier();
        multiply_staged(&blocks, corner / 4u);
        workgroupBarrier();
    }
    let row = tile.x + corner.x;
    let column = tile.y + corner.y;
    @if(small) store(slice, row, column, blocks);
    @if(large) {
        store(slice, row, column, blocks.here);
        store(slice, row, column + 32u, blocks.right);
        store(slice, row + 32u, column, blocks.down);
        store(slice, row + 32u, column + 32u, blocks.across);
    }
}
