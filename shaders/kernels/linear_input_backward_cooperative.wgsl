// Gradient of a linear layer's input by cooperative matrices: of y = x·wᵀ (+ b), dx = dy·w (+ r).
// variants: side=cooperative8|cooperative16 operands=vec4|half partial?
// needs: partial with half
// without: left1 left4 left_half scalar
//
// Shapes are those of linear_input_backward_tiled.wgsl, and so are sums; N, O and I divide by the matrices' side. Both operands are
// f32 or f16. shared/cooperative.wgsl says who computes what.

import package::shared::cooperative::{DEPTH, EDGE, Four, INVOCATIONS, KEPT_COLUMNS, PARTS, PART_ROWS, Sums, along, along_at, add_products, keep, kept_four, left_along, own_subgroup, right_across, stage_left, stage_right, across, across_at};
import package::shared::grid::group_number;
import package::shared::linear_input_backward::{arguments, slice_steps};
import package::shared::linear_input_sum::store_row;
import package::shared::tiles::{SIDE, tile_corner};

@group(0) @binding(1) var<storage, read> dy: array<Four>;
@group(0) @binding(2) var<storage, read> w: array<Four>;

// Four inner steps of a row of dy; zeros past the last step, any row past the last.
fn left_four(tile_row: u32, first: u32, place: vec2<u32>, end: u32) -> Four {
    let step = first + place.y;
    let numbers = dy[(min(tile_row + place.x, arguments.rows - 1u) * arguments.stride + min(step, end - 4u)) / 4u];
    return select(Four(), numbers, step < end);
}

// Four columns of w at an inner step; zeros past the last step, any columns past the last.
fn right_four(tile_column: u32, first: u32, place: vec2<u32>, end: u32) -> Four {
    let step = first + place.y;
    let numbers = w[(min(step, end - 1u) * arguments.columns + min(tile_column + place.x, arguments.columns - 4u)) / 4u];
    return select(Four(), numbers, step < end);
}

// A four of both operands.
fn stage(tile: vec2<u32>, first: u32, four: u32, end: u32) {
    let left = along(four);
    let right = across(four);
    stage_left(along_at(left), left_four(tile.x, first, left, end));
    stage_right(across_at(right), right_four(tile.y, first, right, end));
}

@compute @workgroup_size(64)
fn linear_input_backward_cooperative(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let slice = group_number(group) / arguments.tiles;
    let steps = slice_steps(slice);
    if steps.x >= arguments.inner {
        return;
    }
    let tile = tile_corner(group_number(group) % arguments.tiles, arguments.column_tiles, SIDE);
    let own = own_subgroup(index);
    for (var turn = 0u; turn < own.turns; turn += 1u) {
        let part = own.number + turn * own.count;
        let part_row = part * PART_ROWS * EDGE;
        var sums = Sums();
        for (var first = steps.x; first < steps.y; first += DEPTH) {
            workgroupBarrier();
            for (var at = index; at < SIDE * DEPTH / 4u; at += 4u * INVOCATIONS) {
                stage(tile, first, at, steps.y);
                stage(tile, first, at + INVOCATIONS, steps.y);
                stage(tile, first, at + 2u * INVOCATIONS, steps.y);
                stage(tile, first, at + 3u * INVOCATIONS, steps.y);
            }
            workgroupBarrier();
            if part < PARTS {
                for (var step = 0u; step < DEPTH; step += EDGE) {
                    add_products(&sums, left_along(part_row, step), right_across(step));
                }
            }
        }
        for (var half_row = 0u; half_row < 2u * PART_ROWS; half_row += 1u) {
            workgroupBarrier();
            if part < PARTS {
                keep(&sums, own, half_row);
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
