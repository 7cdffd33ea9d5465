// Gradient of a linear layer's input by cooperative matrices: of y = x·wᵀ (+ b), dx = dy·w (+ r).
// variants: side=cooperative8|cooperative16 operands=vec4|half epilogue=plain|residual
// never: residual+half
// without: left1 left4 left_half scalar
//
// Shapes are those of linear_input_backward_direct.wgsl, and so are sums; N, O and I divide by the matrices' side. Both operands are
// f32, or f16, loaded entry by entry. shared/cooperative.wgsl says who computes what.

import package::shared::cooperative::{EDGE, LeftMatrix, Number, PARTS, RightMatrix, Sums, add_products, keep, kept_blocks, own_subgroup, part_corner};
import package::shared::grid::group_number;
import package::shared::linear_input_backward::arguments;
import package::shared::linear_input_sum::store;
import package::shared::tiles::{block_corner, tile_corner};

@group(0) @binding(1) var<storage, read> dy: array<Number>;
@group(0) @binding(2) var<storage, read> w: array<Number>;

// Rows and inner steps of dy, any rows past the last.
fn left_matrix(row: u32, step: u32) -> LeftMatrix {
    let at = min(row, arguments.rows - EDGE) * arguments.stride + step;
    return coopLoadT<LeftMatrix>(&dy[at], arguments.stride);
}

// Inner steps and columns of w, any columns past the last.
fn right_matrix(column: u32, step: u32) -> RightMatrix {
    let at = step * arguments.columns + min(column, arguments.columns - EDGE);
    return coopLoadT<RightMatrix>(&w[at], arguments.columns);
}

fn left_matrices(row: u32, step: u32) -> array<LeftMatrix, 2> {
    return array<LeftMatrix, 2>(left_matrix(row, step), left_matrix(row + EDGE, step));
}

fn right_matrices(column: u32, step: u32) -> array<RightMatrix, 4> {
    return array<RightMatrix, 4>(
        right_matrix(column, step),
        right_matrix(column + EDGE, step),
        right_matrix(column + 2u * EDGE, step),
        right_matrix(column + 3u * EDGE, step));
}

@compute @workgroup_size(64)
fn linear_input_backward_cooperative(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let tile = tile_corner(group_number(group), arguments.column_tiles);
    if tile.x >= arguments.rows {
        return;
    }
    let own = own_subgroup(index);
    for (var part = own.x; part < PARTS; part += own.y) {
        let corner = tile + part_corner(part);
        var sums = Sums();
        for (var step = 0u; step < arguments.inner; step += EDGE) {
            add_products(&sums, left_matrices(corner.x, step), right_matrices(corner.y, step));
        }
        keep(&sums, part_corner(part));
    }
    let corner = block_corner(index, 8u);
    let blocks = kept_blocks(corner.x, corner.y);
    let row = tile.x + corner.x;
    let column = tile.y + corner.y;
    store(row, column, blocks.here);
    store(row, column + 32u, blocks.right);
    store(row + 32u, column, blocks.down);
    store(row + 32u, column + 32u, blocks.across);
}
