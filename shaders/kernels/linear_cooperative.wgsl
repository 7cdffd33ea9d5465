// Linear layer by cooperative matrices: y = x·wᵀ (+ b) (+ r).
// variants: side=cooperative8|cooperative16 operands=vec4|half half_out?
// needs: half_out with half
// without: scalar
//
// Shapes are those of linear_tiled.wgsl, and so are sums; N, I and O divide by the matrices' side. Operands are f32 or f16.
// shared/cooperative.wgsl says who computes what.

import package::shared::cooperative::{DEPTH, EDGE, Four, INVOCATIONS, KEPT_COLUMNS, PARTS, PART_ROWS, Sums, along, along_at, add_products, keep, kept_four, left_along, own_subgroup, right_along, stage_left, stage_right};
import package::shared::grid::group_number;
import package::shared::linear::arguments;
import package::shared::linear_sum::store_row;
import package::shared::tiles::{SIDE, tile_corner};

@group(0) @binding(1) var<storage, read> x: array<Four>;
@group(0) @binding(2) var<storage, read> w: array<Four>;

// Four inner steps of a row of x; zeros past the inner dimension, any row past the last.
fn left_four(tile_row: u32, first: u32, place: vec2<u32>) -> Four {
    let step = first + place.y;
    let numbers = x[(min(tile_row + place.x, arguments.rows - 1u) * arguments.inner + min(step, arguments.inner - 4u)) / 4u];
    return select(Four(), numbers, step < arguments.inner);
}

fn right_four(tile_column: u32, first: u32, place: vec2<u32>) -> Four {
    let step = first + place.y;
    let numbers = w[(min(tile_column + place.x, arguments.columns - 1u) * arguments.inner + min(step, arguments.inner - 4u)) / 4u];
    return select(Four(), numbers, step < arguments.inner);
}

// A four of both operands.
fn stage(tile: vec2<u32>, first: u32, four: u32) {
    let left = along(four);
    let right = along(four);
    stage_left(along_at(left), left_four(tile.x, first, left));
    stage_right(along_at(right), right_four(tile.y, first, right));
}

@compute @workgroup_size(64)
fn linear_cooperative(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let tile = tile_corner(group_number(group), arguments.column_tiles, SIDE);
    if tile.x >= arguments.rows {
        return;
    }
    let own = own_subgroup(index);
    for (var turn = 0u; turn < own.turns; turn += 1u) {
        let part = own.number + turn * own.count;
        let part_row = part * PART_ROWS * EDGE;
        var sums = Sums();
        for (var first = 0u; first < arguments.inner; first += DEPTH) {
            workgroupBarrier();
            for (var at = index; at < SIDE * DEPTH / 4u; at += 4u * INVOCATIONS) {
                stage(tile, first, at);
                stage(tile, first, at + INVOCATIONS);
                stage(tile, first, at + 2u * INVOCATIONS);
                stage(tile, first, at + 3u * INVOCATIONS);
            }
            workgroupBarrier();
            if part < PARTS {
                for (var step = 0u; step < DEPTH; step += EDGE) {
                    add_products(&sums, left_along(part_row, step), right_along(step));
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
                    store_row(row + at / KEPT_COLUMNS, column + at % KEPT_COLUMNS, kept_four(own, at));
                }
            }
        }
    }
}
