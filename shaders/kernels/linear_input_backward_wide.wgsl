// Gradient of a linear layer's input on a software adapter whose loads are dear, with larger blocks for each invocation: dx = dy·w (+ r).
// variants: left=left1|left4 right=scalar|vec4 epilogue=plain|residual
// without: left_half half
//
// Shapes and operands are those of linear_input_backward_direct.wgsl, in 32-bit floats alone: SwiftShader, which this is for, has no
// others.

import package::shared::grid::group_number;
import package::shared::linear_input_backward::{arguments, left, right};
import package::shared::linear_input_sum::store;
import package::shared::tiles::{block_corner, tile_corner};
import package::shared::wide::{Row, multiply_row};

fn right_row(column: u32, step: u32) -> Row {
    return Row(right(column, step), right(column + 16u, step), right(column + 32u, step), right(column + 48u, step));
}

fn store_blocks(row: u32, column: u32, blocks: Row) {
    store(row, column, blocks.first);
    store(row, column + 16u, blocks.second);
    store(row, column + 32u, blocks.third);
    store(row, column + 48u, blocks.fourth);
}

@compute @workgroup_size(4, 4)
fn linear_input_backward_wide(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let tile = tile_corner(group_number(group), arguments.column_tiles);
    if tile.x >= arguments.rows {
        return;
    }
    let corner = tile + block_corner(index, 4u);
    let row = corner.x;
    let column = corner.y;
    var rows = Row();
    var rows16 = Row();
    var rows32 = Row();
    var rows48 = Row();
    for (var step = 0u; step < arguments.inner; step += 4u) {
        let columns = right_row(column, step);
        multiply_row(&rows, left(row, step), columns);
        multiply_row(&rows16, left(row + 16u, step), columns);
        multiply_row(&rows32, left(row + 32u, step), columns);
        multiply_row(&rows48, left(row + 48u, step), columns);
    }
    store_blocks(row, column, rows);
    store_blocks(row + 16u, column, rows16);
    store_blocks(row + 32u, column, rows32);
    store_blocks(row + 48u, column, rows48);
}
