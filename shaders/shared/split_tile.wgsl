// Operands of a tile of 32 × 32 outputs in workgroup memory, for products with few tiles: four parts of a workgroup, 8 × 8 invocations with a
// block of 4 × 4 each, take 16 of 64 inner steps at a time and add up their blocks in the end, so that a tile waits for memory a quarter as
// often. 16 KiB. shared/staged.wgsl has larger tiles and the same functions.

const SIDE: u32 = 32u;
const INVOCATIONS: u32 = 256u;
// Inner steps of a part that are staged at once, and those of all parts.
const DEPTH: u32 = 16u;
const STEPS: u32 = 64u;

var<workgroup> left_tile: array<array<vec4<f32>, 8>, STEPS>;
var<workgroup> right_tile: array<array<vec4<f32>, 8>, STEPS>;

// First row (or column) and first inner step of the block that an invocation stages.
fn staged_place(index: u32) -> vec2<u32> {
    return vec2<u32>(index % 8u * 4u, index / 64u * DEPTH + index / 8u % 4u * 4u);
}

// Half of the invocations stage a block of the left operand, the others one of the right.
fn stages_left(index: u32) -> bool {
    return index % 64u < 32u;
}

fn stages_right(index: u32) -> bool {
    return !stages_left(index);
}

fn stage(index: u32, left: mat4x4<f32>, right: mat4x4<f32>) {
    let place = index % 8u;
    let step = staged_place(index).y;
    if stages_left(index) {
        let steps = transpose(left);
        left_tile[step][place] = steps[0];
        left_tile[step + 1u][place] = steps[1];
        left_tile[step + 2u][place] = steps[2];
        left_tile[step + 3u][place] = steps[3];
    } else {
        right_tile[step][place] = right[0];
        right_tile[step + 1u][place] = right[1];
        right_tile[step + 2u][place] = right[2];
        right_tile[step + 3u][place] = right[3];
    }
}

// Multiplies a part's steps.
fn multiply_staged(block: ptr<function, mat4x4<f32>>, index: u32) {
    let first = index / 64u * DEPTH;
    for (var k = 0u; k < DEPTH; k += 1u) {
        let rows = left_tile[first + k][index / 8u % 8u];
        let columns = right_tile[first + k][index % 8u];
        *block += mat4x4<f32>(columns * rows.x, columns * rows.y, columns * rows.z, columns * rows.w);
    }
}

// The sum of the parts' blocks, in order: the row of it whose number is the invocation's part.
fn row_of_sum(block: mat4x4<f32>, index: u32) -> vec4<f32> {
    let place = index % 8u;
    let part = index / 64u;
    let own = index / 8u;
    left_tile[own][place] = block[0];
    left_tile[own + 32u][place] = block[1];
    right_tile[own][place] = block[2];
    right_tile[own + 32u][place] = block[3];
    workgroupBarrier();
    var sum = vec4<f32>();
    for (var other = 0u; other < 4u; other += 1u) {
        let at = part % 2u * 32u + other * 8u + own % 8u;
        sum += select(right_tile[at][place], left_tile[at][place], part < 2u);
    }
    return sum;
}
