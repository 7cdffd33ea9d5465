// Gradient of a linear layer's weight on a software adapter, without workgroup memory: of y = x·wᵀ (+ b), dw += dyᵀ·x.
// variants: left=left1|left4 right=scalar|vec4
// never: left4+scalar
// without: left_half half cooperative8 cooperative16
//
// dy [N,O], x [N,I], dw [O,I]. The inner dimension is N, which both operands run across (left4, vec4: in vectors of four, where O or I
// divides by four). Where O·I is small and N large, the rows are cut into slices, each written to a [O,I] of
// its own in `dw`, here a scratch, and sum_rows.wgsl adds them up. Of a dw that is too large to bind, some rows are O here, and dy is
// bound from the column of the first on.

import package::shared::direct::multiply;
import package::shared::grid::group_number;
import package::shared::linear_weight_backward::{arguments, left, left_guarded, right, right_guarded, slice_steps, store};
import package::shared::tiles::{Blocks, SIDE, block_corner, tile_corner};

@compute @workgroup_size(8, 8)
fn linear_weight_backward_direct(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let slice = group_number(group) / arguments.tiles;
    let steps = slice_steps(slice);
    if steps.x >= arguments.inner {
        return;
    }
    let corner = tile_corner(group_number(group) % arguments.tiles, arguments.column_tiles, SIDE) + block_corner(index, 8u);
    let row = corner.x;
    let column = corner.y;
    var blocks = Blocks();
    var step = steps.x;
    for (; step + 4u <= steps.y; step += 4u) {
        multiply(&blocks, left(row, step), left(row + 32u, step), right(column, step), right(column + 32u, step));
    }
    // A loop and not a branch: llvmpipe runs both sides of a branch, but no turn of a loop that nobody takes.
    for (; step < steps.y; step += 4u) {
        multiply(
            &blocks,
            left_guarded(row, step),
            left_guarded(row + 32u, step),
            right_guarded(column, step),
            right_guarded(column + 32u, step),
        );
    }
    store(slice, row, column, blocks.here);
    store(slice, row, column + 32u, blocks.right);
    store(slice, row + 32u, column, blocks.down);
    store(slice, row + 32u, column + 32u, blocks.across);
}
