// Linear layer on a software adapter, without workgroup memory: z = x·wᵀ (+ b), and y is z (+ r), f(z), a gate of z, or z turned.
// variants: operands=scalar|vec4|half half_out? bias? epilogue=plain|residual|activation|gate|rope function=none|gelu_exact|gelu_tanh|silu
// needs: half_out with half
// needs: activation|gate|rope with vec4|half_out
// needs: activation with gelu_exact|gelu_tanh
// needs: gate with silu
// needs: plain|residual|rope with none
// never: residual+half_out|gate+bias|rope+bias
// without: relu relu_squared
//
// x [N,I], w [O,I], b [O], z, y and r [N,O]. Both operands run along the inner dimension I, in vectors of four where it divides by four:
// f32, or f16 (`half`; `half_out` stores results in f16 too). Of a w that is too large to bind, some rows are O here, and y, b
// and r are bound from the column of the first on (plain and residual alone). An epilogue is a file under shared/, linear_….wgsl.

import package::shared::direct::multiply;
import package::shared::grid::group_number;
import package::shared::linear::{arguments, left, right};
@if(plain || residual) import package::shared::linear_sum::{column_of, store};
@if(activation) import package::shared::linear_sum::column_of;
@if(activation) import package::shared::linear_activation::store;
@if(gate || rope) import package::shared::pairs::column_of;
@if(gate) import package::shared::linear_gate::store;
@if(rope) import package::shared::linear_rope::store;
import package::shared::tiles::{Blocks, block_corner, tile_corner};

@compute @workgroup_size(8, 8)
fn linear_direct(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let tile = tile_corner(group_number(group), arguments.column_tiles);
    if tile.x >= arguments.rows {
        return;
    }
    let corner = block_corner(index, 8u);
    let row = tile.x + corner.x;
    let columns = vec2<u32>(column_of(tile.y, corner.y), column_of(tile.y, corner.y + 32u));
    var blocks = Blocks();
    for (var step = 0u; step < arguments.inner; step += 4u) {
        multiply(&blocks, left(row, step), left(row + 32u, step), right(columns.x, step), right(columns.y, step));
    }
    store(row, columns, blocks.here, blocks.right);
    store(row + 32u, columns, blocks.down, blocks.across);
}
