// Linear layer on a software adapter, without workgroup memory: y = x·wᵀ (+ b) (+ r).
// variants: operands=scalar|vec4
// without: half half_out cooperative8 cooperative16
//
// x [N,I], w [O,I], b [O], y and r [N,O]. Both operands run along the inner dimension I, in vectors of four where it divides by four.
// Of a w that is too large to bind, some rows are O here, and y, b and r are bound from the column of the first on.

import package::shared::direct::multiply;
import package::shared::grid::group_number;
import package::shared::linear::{arguments, left, product, right};
import package::shared::linear_sum::store;
import package::shared::tiles::{Blocks, SIDE, block_corner, tile_corner};

@compute @workgroup_size(8, 8)
fn linear_direct(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    product = group.z;
    let tile = tile_corner(group_number(group), arguments.column_tiles, SIDE);
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
