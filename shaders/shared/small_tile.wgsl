// Products of 32 × 32 outputs by 8 × 8 invocations with a block of 4 × 4 each: 32 inner steps of both operands in workgroup memory, 8 KiB, step
// by step in groups of four rows or columns. The columns of a mat4x4 are the rows of its block.

const SIDE: u32 = 32u;
// Inner steps that are staged at once.
const DEPTH: u32 = 32u;

var<workgroup> left_tile: array<array<vec4<f32>, 8>, DEPTH>;
var<workgroup> right_tile: array<array<vec4<f32>, 8>, DEPTH>;

// Adds `steps` steps of the staged product, rounded up to four, to the block in this row and column of blocks.
fn multiply(block: ptr<function, mat4x4<f32>>, row: u32, column: u32, steps: u32) {
    for (var first = 0u; first < steps; first += 4u) {
        for (var step = 0u; step < 4u; step += 1u) {
            let rows = left_tile[first + step][row];
            let columns = right_tile[first + step][column];
            *block += mat4x4<f32>(columns * rows.x, columns * rows.y, columns * rows.z, columns * rows.w);
        }
    }
}

// Stages a group of four rows of the left operand at the four steps from 4·`step` on.
fn stage_left(block: mat4x4<f32>, row: u32, step: u32) {
    let steps = transpose(block);
    left_tile[4u * step][row] = steps[0];
    left_tile[4u * step + 1u][row] = steps[1];
    left_tile[4u * step + 2u][row] = steps[2];
    left_tile[4u * step + 3u][row] = steps[3];
}

// The same of the right operand, given column by column.
fn stage_right(block: mat4x4<f32>, column: u32, step: u32) {
    stage_steps(transpose(block), step, column);
}

// Stages a group of four columns of the right operand, given step by step.
fn stage_steps(steps: mat4x4<f32>, step: u32, column: u32) {
    right_tile[4u * step][column] = steps[0];
    right_tile[4u * step + 1u][column] = steps[1];
    right_tile[4u * step + 2u][column] = steps[2];
    right_tile[4u * step + 3u][column] = steps[3];
}
