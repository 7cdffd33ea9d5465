// Four inner steps of an invocation's four blocks, straight from what was loaded.

import package::shared::tiles::Blocks;

fn multiply(
    blocks: ptr<function, Blocks>,
    left: mat4x4<f32>,
    left_down: mat4x4<f32>,
    right: mat4x4<f32>,
    right_across: mat4x4<f32>,
) {
    (*blocks).here += right * left;
    (*blocks).right += right_across * left;
    (*blocks).down += right * left_down;
    (*blocks).across += right_across * left_down;
}
