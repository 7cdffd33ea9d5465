// Gradient of a linear layer's input on a software adapter, without workgroup memory: of y = x·wᵀ (+ b), dx = dy·w (+ r).
// variants: left=left1|left4|left_half right=scalar|vec4|half epilogue=plain|residual
// never: residual+half|residual+left_half
//
// dy [N,O], w [O,I], dx and r [N,I]. The inner dimension is O: dy runs along it (left4: in vectors of four, where O divides by four;
// left_half: of f16), w across it (vec4, half: likewise for I). With `half` dx is stored in f16 too. Of a w that is too large
// to bind, some rows are O here, dy is bound from the column of the first on, and each part after the first adds to dx (plain alone).

import package::shared::direct::multiply;
import package::shared::grid::group_number;
import package::shared::linear_input_backward::{arguments, left, right};
import package::shared::linear_input_sum::store;
import package::shared::tiles::{Blocks, block_corner, tile_corner};

@compute @workgroup_size(8, 8)
fn linear_input_backward_direct(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let tile = tile_corner(group_number(group), arguments.column_tiles);
    if tile.x >= arguments.rows {
        return;
    }
    let corner = tile + block_corner(index, 8u);
    let row = corner.x;
    let column = corner.y;
    var blocks = Blocks();
    for (var step = 0u; step < arguments.inner; step += 4u) {
        multiply(&blocks, left(row, step), left(row + 32u, step), right(column, step), right(column + 32u, step));
    }
    store(row, column, blocks.here);
    store(row, column + 32u, blocks.right);
    store(row + 32u, column, blocks.down);
    store(row + 32u, column + 32u, blocks.across);
}
