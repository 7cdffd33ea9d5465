// Linear layer, through workgroup memory: y = x·wᵀ (+ b) (+ r).
// variants: size=large|small operands=scalar|vec4|half half_out?
// needs: half_out with half
// never: large+scalar
// without: cooperative8 cooperative16
//
// x [N,I], w [O,I], b [O], y and r [N,O]. Both operands run along the inner dimension I, in vectors of four where it divides by four.
// Of a w that is too large to bind, some rows are O here, and y, b and r are bound from the column of the first on. Operands may be f16
// (`half`), and results too (`half_out`). The workgroup copies a few inner steps of both operands to workgroup memory, and each invocation
// multiplies its rows and columns of them.

import package::shared::grid::group_number;
import package::shared::linear::{arguments, left, product, right};
@if(large) import package::shared::linear_sum::store;
@if(small) import package::shared::linear_sum::store_row;
@if(small) import package::shared::split_tile::{
    INVOCATIONS, SIDE, STEPS, multiply_staged, row_of_sum, stage, staged_place, stages_left, stages_right,
};
@if(large) import package::shared::staged::{
    INVOCATIONS, STEPS, multiply_staged, stage, staged_place, stages_left, stages_right,
};
@if(large) import package::shared::tiles::{Blocks, SIDE};
import package::shared::tiles::{block_corner, tile_corner};

@compute @workgroup_size(INVOCATIONS)
fn linear_tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    product = group.z;
    let tile = tile_corner(group_number(group), arguments.column_tiles, SIDE);
    if tile.x >= arguments.rows {
        return;
    }
    let corner = block_corner(index % 64u, 8u);
    let staged = staged_place(index);
    @if(small) var blocks = mat4x4<f32>();
    @if(large) var blocks = Blocks();
    for (var first = 0u; first < arguments.inner; first += STEPS) {
        let step = first + staged.y;
        var staged_left = mat4x4<f32>();
        var staged_right = mat4x4<f32>();
        if step < arguments.inner && stages_left(index) {
            staged_left = left(tile.x + staged.x, step);
        }
        if step < arguments.inner && stages_right(index) {
            staged_right = right(tile.y + staged.x, step);
        }
        stage(index, staged_left, staged_right);
        workgroupBarrier();
        multiply_staged(&blocks, index);
        workgroupBarrier();
    }
    let row = tile.x + corner.x;
    let column = tile.y + corner.y;
    @if(small) store_row(row + index / 64u, column, row_of_sum(blocks, index));
    @if(large) {
        store(row, column, blocks.here);
        store(row, column + 32u, blocks.right);
        store(row + 32u, column, blocks.down);
        store(row + 32u, column + 32u, blocks.across);
    }
}
