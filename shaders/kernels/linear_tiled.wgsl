// Linear layer on a GPU, through workgroup memory: z = x·wᵀ (+ b), and y is z (+ r), f(z), a gate of z, or z turned.
// variants: operands=scalar|vec4|half half_out? bias? epilogue=plain|residual|activation|gate|rope function=none|gelu_exact|gelu_tanh|silu
// needs: half_out with half
// needs: activation|gate|rope with vec4|half_out
// needs: activation with gelu_exact|gelu_tanh
// needs: gate with silu
// needs: plain|residual|rope with none
// never: residual+half_out|gate+bias|rope+bias
// without: relu relu_squared
//
// Shapes, operands and epilogues are those of linear_direct.wgsl. The workgroup loads 16 inner steps of its tile at a time, a block of
// each operand an invocation, and all multiply what they find there.

import package::shared::grid::group_number;
import package::shared::linear::{arguments, left, right};
@if(plain || residual) import package::shared::linear_sum::{column_of, store};
@if(activation) import package::shared::linear_sum::column_of;
@if(activation) import package::shared::linear_activation::store;
@if(gate || rope) import package::shared::pairs::column_of;
@if(gate) import package::shared::linear_gate::store;
@if(rope) import package::shared::linear_rope::store;
import package::shared::staged::{DEPTH, multiply_staged, stage, staged_place};
import package::shared::tiles::{Blocks, block_corner, tile_corner};

@compute @workgroup_size(8, 8)
fn linear_tiled(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let tile = tile_corner(group_number(group), arguments.column_tiles);
    if tile.x >= arguments.rows {
        return;
    }
    let corner = block_corner(index, 8u);
    let staged = staged_place(index);
    var blocks = Blocks();
    for (var first = 0u; first < arguments.inner; first += DEPTH) {
        let step = first + staged.y;
        var staged_left = mat4x4<f32>();
        var staged_right = mat4x4<f32>();
        if step < arguments.inner {
            staged_left = left(tile.x + staged.x, step);
            staged_right = right(column_of(tile.y, staged.x), step);
        }
        stage(index, staged_left, staged_right);
        workgroupBarrier();
        multiply_staged(&blocks, corner / 4u);
        workgroupBarrier();
    }
    let row = tile.x + corner.x;
    let columns = vec2<u32>(column_of(tile.y, corner.y), column_of(tile.y, corner.y + 32u));
    store(row, columns, blocks.here, blocks.right);
    store(row + 32u, columns, blocks.down, blocks.across);
}
