// Sums down the columns of a tall matrix, in two shapes. workgroup: 4 columns of entries by 64 lanes that take every 64th
// row each and meet in workgroup memory, so that a matrix of few columns still fills a device. column: one invocation a
// column of entries, for wide or short matrices.

import package::shared::entry::Entry;
import package::shared::grid::group_number;

@if(column) const COLUMNS: u32 = 16u;
@if(workgroup) const COLUMNS: u32 = 4u;

// Lanes that share a column.
@if(column) const STEP: u32 = 1u;
@if(workgroup) const STEP: u32 = 64u;

// Rows that a lane adds up before they join its sum: rounding errors grow with the length of a chain of additions.
const BLOCK: u32 = 64u;

@if(workgroup) var<workgroup> columns: array<Entry, 256>;

fn column_of(group: vec3<u32>, local: u32) -> u32 {
    return group_number(group) * COLUMNS + local % COLUMNS;
}

fn first_row(local: u32) -> u32 {
    return local / COLUMNS;
}

// Sum over the lanes of a column; lane 0, the one whose first row is 0, holds it.
fn sum_of_column(value: Entry, local: u32) -> Entry {
    @if(column) return value;
    @if(workgroup) {
        columns[local] = value;
        workgroupBarrier();
        for (var half = STEP / 2u; half > 0u; half /= 2u) {
            if local < half * COLUMNS {
                columns[local] += columns[local + half * COLUMNS];
            }
            workgroupBarrier();
        }
        let sum = columns[local % COLUMNS];
        workgroupBarrier();
        return sum;
    }
}
