// Gradient of a linear layer's input, through workgroup memory: of y = x·wᵀ (+ b), dx = dy·w (+ r).
// variants: size=large|small left=left1|left4|left_half right=scalar|vec4|half partial?
// needs: partial with half
// never: left4+scalar|large+scalar
// without: cooperative8 cooperative16
//
// dy [N,O], w [O,I], dx and r [N,I]. The inner dimension is O: dy runs along it (left4: in vectors of four, where O divides by four),
// w across it (vec4: likewise for I). Where I does not divide by four, an f32 dy is read float by float too. Of a w that is too large to
// bind, some rows are O here, dy is bound from the column of the first on, and each part after the first adds to dx.
// If N·I is small and O large, O is cut into slices, each written to a [N,I] of its own in `dx`, here scratch, and sum_rows.wgsl
// adds them up (without r). dy (`left_half`) or w and dx (`half`) may be f16, and sums of slices (`partial`) are f32. The workgroup copies a
// few inner steps of both operands to workgroup memory, and each invocation multiplies its rows and columns of them.

import package::shared::grid::group_number;
import package::shared::linear_input_backward::{arguments, left, product, right, slice_steps};
@if(large) import package::shared::linear_input_sum::store;
@if(small) import package::shared::linear_input_sum::store_row;
@if(small) import package::shared::split_tile::{
    INVOCATIONS, SIDE, STEPS, multiply_staged, row_of_sum, stage, staged_place, stages_left, stages_right,
};
@if(large) import package::shared::staged::{
    INVOCATIONS, STEPS, multiply_staged, stage, staged_place, stages_left, stages_right,
};
@if(large) import package::shared::tiles::{Blocks, SIDE};
import package::shared::tiles::{block_corner, tile_corner};

@compute @workgroup_size(INVOCATIONS)
fn linear_input_backward_tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    product = group.z;
    let slice = group_number(group) / arguments.tiles;
    let steps = slice_steps(slice);
    if steps.x >= arguments.inner {
        return;
    }
    let tile = tile_corner(group_number(group) % arguments.tiles, arguments.column_tiles, SIDE);
    let corner = block_corner(index % 64u, 8u);
    let staged = staged_place(index);
    @if(small) var blocks = mat4x4<f32>();
    @if(large) var blocks = Blocks();
    for (var first = steps.x; first < steps.y; first += STEPS) {
        let step = first + staged.y;
        var staged_left = mat4x4<f32>();
        var staged_right = mat4x4<f32>();
        if step < steps.y && stages_left(index) {
            staged_left = left(tile.x + staged.x, step);
        }
        if step < steps.y && stages_right(index) {
            staged_right = right(tile.y + staged.x, step);
        }
        stage(index, staged_left, staged_right);
        workgroupBarrier();
        multiply_staged(&blocks, index);
        workgroupBarrier();
    }
    let row = tile.x + corner.x;
    let column = tile.y + corner.y;
    @if(small) store_row(slice, row + index / 64u, column, row_of_sum(blocks, index));
    @if(large) {
        store(slice, row, column, blocks.here);
        store(slice, row, column + 32u, blocks.right);
        store(slice, row + 32u, column, blocks.down);
        store(slice, row + 32u, column + 32u, blocks.across);
    }
}
