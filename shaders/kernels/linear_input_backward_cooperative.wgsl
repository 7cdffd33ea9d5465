// Gradient of a linear layer's input by cooperative matrices: of y = x·wᵀ (+ b), dx = dy·w (+ r).
// variants: side=cooperative8|cooperative16 operands=vec4|half epilogue=plain|residual
// never: residual+half
// without: left1 left4 left_half scalar
//
// Shapes are those of linear_input_backward_direct.wgsl, and so are sums; N, O and I divide by the matrices' side. Both operands are
// f32 or f16. shared/cooperative.wgsl says who computes what.

import package::shared::cooperative::{DEPTH, EDGE, FOURS, Four, Fours, INVOCATIONS, KEPT_COLUMNS, LeftMatrices, PARTS, PART_COLUMNS, PART_ROWS, Sums, along, along_at, add_products, keep, kept_four, left_along, own_subgroup, right_across, stage_left, stage_right, across, across_at};
import package::shared::grid::group_number;
import package::shared::linear_input_backward::{arguments, slice_steps};
import package::shared::linear_input_sum::store_row;
import package::shared::tiles::{SIDE, tile_corner};

@group(0) @binding(1) var<storage, read> dy: array<Four>;
@group(0) @binding(2) var<storage, read> w: array<Four>;

// Four inner steps of a row of dy; zeros past the inner dimension, any row past the last.
fn left_four(tile_row: u32, first: u32, place: vec2<u32>) -> Four {
    let step = first + place.y;
    if step >= arguments.inner {
        return Four();
    }
    return dy[(min(tile_row + place.x, arguments.rows - 1u) * arguments.stride + step) / 4u];
}

// Four columns of w at an inner step; zeros past the last step, any columns past the last.
fn right_four(tile_column: u32, first: u32, place: vec2<u32>) -> Four {
    let step = first + place.y;
    if step >= arguments.inner {
        return Four();
    }
    return w[(step * arguments.columns + min(tile_column + place.x, arguments.columns - 4u)) / 4u];
}

@compute @workgroup_size(64)
fn linear_input_backward_cooperative(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let slice = group_number(group) / arguments.tiles;
    let steps = slice_steps(slice);
    if steps.x >= arguments.inner {
        return;
    }
    let tile = tile_corner(group_number(group) % arguments.tiles, arguments.column_tiles);
    let own = own_subgroup(index);
    for (var turn = 0u; turn < own.turns; turn += 1u) {
        let part = own.number + turn * own.count;
        let part_row = part * PART_ROWS * EDGE;
        var sums = Sums();
        var left: Fours;
        var right: Fours;
        for (var at = 0u; at < FOURS; at += 1u) {
            left[at] = left_four(tile.x, steps.x, along(at * INVOCATIONS + index));
            right[at] = right_four(tile.y, steps.x, across(at * INVOCATIONS + index));
        }
        for (var first = steps.x; first < steps.y; first += DEPTH) {
            workgroupBarrier();
            for (var at = 0u; at < FOURS; at += 1u) {
                stage_left(along_at(along(at * INVOCATIONS + index)), left[at]);
                stage_right(across_at(across(at * INVOCATIONS + index)), right[at]);
            }
            workgroupBarrier();
            for (var at = 0u; at < FOURS; at += 1u) {
                left[at] = left_four(tile.x, first + DEPTH, along(at * INVOCATIONS + index));
                right[at] = right_four(tile.y, first + DEPTH, across(at * INVOCATIONS + index));
            }
            if part < PARTS {
                for (var step = 0u; step < DEPTH; step += EDGE) {
                    var matrices: LeftMatrices;
                    for (var row = 0u; row < PART_ROWS; row += 1u) {
                        matrices[row] = left_along(part_row + row * EDGE, step);
                    }
                    for (var column = 0u; column < PART_COLUMNS; column += 1u) {
                        add_products(&sums, &matrices, right_across(column * EDGE, step), column);
                    }
                }
            }
        }
        for (var half_row = 0u; half_row < 2u * PART_ROWS; half_row += 1u) {
            workgroupBarrier();
            if part < PARTS {
                keep(&sums, own, half_row * PART_COLUMNS / 2u);
            }
            workgroupBarrier();
            if part < PARTS {
                let row = tile.x + part_row + half_row / 2u * EDGE;
                let column = tile.y + half_row % 2u * KEPT_COLUMNS;
                for (var at = 4u * own.lane; at < EDGE * KEPT_COLUMNS; at += 4u * INVOCATIONS / own.count) {
                    store_row(slice, row + at / KEPT_COLUMNS, column + at % KEPT_COLUMNS, kept_four(own, at));
                }
            }
        }
    }
}
