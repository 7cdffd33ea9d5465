// Gradient of a linear layer's input on a software adapter, without workgroup memory: of y = x·wᵀ (+ b), dx = dy·w (+ r).
// variants: left=left1|left4 right=scalar|vec4
// never: left4+scalar
// without: left_half half partial cooperative8 cooperative16
//
// dy [N,O], w [O,I], dx and r [N,I]. The inner dimension is O: dy runs along it (left4: in vectors of four, where O divides by four),
// w across it (vec4: likewise for I). Of a w that is too large to bind, some rows are O here, dy is bound from the column of the first
// on, and each part after the first adds to dx.
// Where I does not divide by four, an f32 dy is read float by float too.
// If N·I is small and O large, O is cut into slices, each written to a [N,I] of its own in `dx`, here scratch, and sum_rows.wgsl
// adds them up (without r, and f32 only).

import package::shared::direct::multiply;
import package::shared::grid::group_number;
import package::shared::linear_input_backward::{arguments, left, product, right, slice_steps};
import package::shared::linear_input_sum::store;
import package::shared::tiles::{Blocks, SIDE, block_corner, tile_corner};

@compute @workgroup_size(8, 8)
fn linear_input_backward_direct(
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
    let corner = tile + block_corner(index, 8u);
    let row = corner.x;
    let column = corner.y;
    var blocks = Blocks();
    for (var step = steps.x; step < steps.y; step += 4u) {
        multiply(&blocks, left(row, step), left(row + 32u, step), right(column, step), right(column + 32u, step));
    }
    store(slice, row, column, blocks.here);
    store(slice, row, column + 32u, blocks.right);
    store(slice, row + 32u, column, blocks.down);
    store(slice, row + 32u, column + 32u, blocks.across);
}
