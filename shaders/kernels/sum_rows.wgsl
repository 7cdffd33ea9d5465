// Column sums: dx[c] = Σ over rows of dy[n,c], or dx[c] += Σ; the gradient of a bias, and of the first rows of a position table.
// variants: tier=column|workgroup entries=scalar|vec4|half half_out? pair?
// needs: half_out with vec4
// needs: half_out with column
// never: pair+half|pair+half_out
//
// dy [N,C], dx [C] or longer. Also the last stage of a split matrix product. half: dy is stored in f16; half_out: dx is. pair: the sums after
// the first `first` columns are added to `second`, as the first are to dx.

import package::shared::columns::{STEP, BLOCK, column_of, first_row, sum_of_column};
import package::shared::entry::Entry;
import package::shared::stored::Stored;

@if(half_out) alias Result = vec4<f16>;
@else alias Result = Entry;

struct Arguments {
    rows: u32, // N.
    columns: u32, // C, in entries.
    accumulate: u32, // 1 adds to dx.
    first: u32, // Columns of dx, in entries; `second` has the others.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> dy: array<Stored>;
@group(0) @binding(2) var<storage, read_write> dx: array<Result>;
@if(pair) @group(0) @binding(3) var<storage, read_write> second: array<Entry>;

@if(column)
@compute @workgroup_size(16)
fn sum_rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    sums(group, local);
}

@if(workgroup)
@compute @workgroup_size(256)
fn sum_rows(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    sums(group, local);
}

fn sums(group: vec3<u32>, local: u32) {
    let column = column_of(group, local);
    let inside = column < arguments.columns;
    var sum = Entry(0.0);
    for (var block = first_row(local); inside && block < arguments.rows; block += BLOCK * STEP) {
        var block_sum = Entry(0.0);
        let end = min(block + BLOCK * STEP, arguments.rows);
        for (var row = block; row < end; row += STEP) {
            block_sum += Entry(dy[row * arguments.columns + column]);
        }
        sum += block_sum;
    }
    sum = sum_of_column(sum, local);
    if inside && first_row(local) == 0u {
        @if(pair) {
            if column >= arguments.first {
                second[column - arguments.first] += sum;
                return;
            }
        }
        if arguments.accumulate == 1u {
            sum += Entry(dx[column]);
        }
        dx[column] = Result(sum);
    }
}
