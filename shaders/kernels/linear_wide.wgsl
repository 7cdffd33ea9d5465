// Linear layer on a software adapter whose loads are dear, with larger blocks for each invocation: y = x·wᵀ (+ b) (+ r).
// variants: operands=scalar|vec4 bias? epilogue=plain|residual
// without: half half_out
//
// Shapes are those of linear_direct.wgsl, and so are operands and sums, in 32-bit floats alone: SwiftShader, which this is for, has no
// others.

import package::shared::grid::group_number;
import package::shared::linear::{arguments, left, right};
import package::shared::linear_sum::{column_of, store};
import package::shared::tiles::{block_corner, tile_corner};
import package::shared::wide::{Row, multiply_row};

fn right_row(tile_column: u32, place: u32, step: u32) -> Row {
    return Row(
        right(column_of(tile_column, place), step),
        right(column_of(tile_column, place + 16u), step),
        right(column_of(tile_column, place + 32u), step),
        right(column_of(tile_column, place + 48u), step));
}

fn store_blocks(row: u32, tile_column: u32, place: u32, blocks: Row) {
    let columns = vec2<u32>(column_of(tile_column, place), column_of(tile_column, place + 32u));
    store(row, columns, blocks.first, blocks.third);
    store(row, columns + 16u, blocks.second, blocks.fourth);
}

@compute @workgroup_size(4, 4)
fn linear_wide(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let tile = tile_corner(group_number(group), arguments.column_tiles);
    if tile.x >= arguments.rows {
        return;
    }
    let corner = block_corner(index, 4u);
    let row = tile.x + corner.x;
    var rows = Row();
    var rows16 = Row();
    var rows32 = Row();
    var rows48 = Row();
    for (var step = 0u; step < arguments.inner; step += 4u) {
        let columns = right_row(tile.y, corner.y, step);
        multiply_row(&rows, left(row, step), columns);
        multiply_row(&rows16, left(row + 16u, step), columns);
        multiply_row(&rows32, left(row + 32u, step), columns);
        multiply_row(&rows48, left(row + 48u, step), columns);
    }
    store_blocks(row, tile.y, corner.y, rows);
    store_blocks(row + 16u, tile.y, corner.y, rows16);
    store_blocks(row + 32u, tile.y, corner.y, rows32);
    store_blocks(row + 48u, tile.y, corner.y, rows48);
}
