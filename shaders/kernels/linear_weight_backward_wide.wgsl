// Gradient of a linear layer's weight on a software adapter whose loads are dear, with larger blocks for each invocation: dw += dyᵀ·x.
// variants: left=left1|left4 right=scalar|vec4
// without: left_half half
//
// Shapes, operands and slices are those of linear_weight_backward_direct.wgsl, in 32-bit floats alone: SwiftShader, which this is for,
// has no others.

import package::shared::grid::group_number;
import package::shared::linear_weight_backward::{arguments, left, left_guarded, right, right_guarded, slice_steps, store};
import package::shared::tiles::{block_corner, tile_corner};
import package::shared::wide::{Row, multiply_row};

fn right_row(column: u32, step: u32) -> Row {
    return Row(right(column, step), right(column + 16u, step), right(column + 32u, step), right(column + 48u, step));
}

fn right_row_guarded(column: u32, step: u32) -> Row {
    return Row(
        right_guarded(column, step),
        right_guarded(column + 16u, step),
        right_guarded(column + 32u, step),
        right_guarded(column + 48u, step),
    );
}

fn store_blocks(slice: u32, row: u32, column: u32, blocks: Row) {
    store(slice, row, column, blocks.first);
    store(slice, row, column + 16u, blocks.second);
    store(slice, row, column + 32u, blocks.third);
    store(slice, row, column + 48u, blocks.fourth);
}

@compute @workgroup_size(4, 4)
fn linear_weight_backward_wide(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let slice = group_number(group) / arguments.tiles;
    let steps = slice_steps(slice);
    if steps.x >= arguments.inner {
        return;
    }
    let corner = tile_corner(group_number(group) % arguments.tiles, arguments.column_tiles) + block_corner(index, 4u);
    let row = corner.x;
    let column = corner.y;
    var rows = Row();
    var rows16 = Row();
    var rows32 = Row();
    var rows48 = Row();
    var step = steps.x;
    for (; step + 4u <= steps.y; step += 4u) {
        let columns = right_row(column, step);
        multiply_row(&rows, left(row, step), columns);
        multiply_row(&rows16, left(row + 16u, step), columns);
        multiply_row(&rows32, left(row + 32u, step), columns);
        multiply_row(&rows48, left(row + 48u, step), columns);
    }
    for (; step < steps.y; step += 4u) {
        let columns = right_row_guarded(column, step);
        multiply_row(&rows, left_guarded(row, step), columns);
        multiply_row(&rows16, left_guarded(row + 16u, step), columns);
        multiply_row(&rows32, left_guarded(row + 32u, step), columns);
        multiply_row(&rows48, left_guarded(row + 48u, step), columns);
    }
    store_blocks(slice, row, column, rows);
    store_blocks(slice, row + 16u, column, rows16);
    store_blocks(slice, row + 32u, column, rows32);
    store_blocks(slice, row + 48u, column, rows48);
}
