// Linear layer by cooperative matrices: y = x·wᵀ (+ b) (+ r).
// variants: side=cooperative8|cooperative16 operands=vec4|half half_out? bias? epilogue=plain|residual
// needs: half_out with half
// never: residual+half_out
// without: scalar
//
// Shapes are those of linear_direct.wgsl, and so are sums; N, I and O divide by the matrices' side. Operands are loaded entry by entry,
// f32 or f16. shared/cooperative.wgsl says who computes what.

import package::shared::cooperative::{EDGE, LeftMatrix, Number, PARTS, RightMatrix, Sums, add_products, keep, kept_blocks, own_subgroup, part_corner};
import package::shared::grid::group_number;
import package::shared::linear::arguments;
import package::shared::linear_sum::store;
import package::shared::tiles::{block_corner, tile_corner};

@group(0) @binding(1) var<storage, read> x: array<Number>;
@group(0) @binding(2) var<storage, read> w: array<Number>;

// Rows and inner steps of x, any rows past the last.
fn left_matrix(row: u32, step: u32) -> LeftMatrix {
    let at = min(row, arguments.rows - EDGE) * arguments.inner + step;
    return coopLoadT<LeftMatrix>(&x[at], arguments.inner);
}

// Inner steps and rows of w, any past the last.
fn right_matrix(column: u32, step: u32) -> RightMatrix {
    let at = min(column, arguments.columns - EDGE) * arguments.inner + step;
    return coopLoad<RightMatrix>(&w[at], arguments.inner);
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
fn linear_cooperative(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let tile = tile_corner(group_number(group), arguments.column_tiles);
    if tile.x >= arguments.rows {
        return;
    }
    let own = own_subgroup(index);
    for (var part = own.x; part < PARTS; part += own.y) {
        let corner = part_corner(part);
        var sums = Sums();
        for (var step = 0u; step < arguments.inner; step += EDGE) {
            add_products(&sums, left_matrices(tile.x + corner.x, step), right_matrices(tile.y + corner.y, step));
        }
        keep(&sums, corner);
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
