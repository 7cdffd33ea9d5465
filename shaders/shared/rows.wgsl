// Work that goes row by row. direct: each invocation has a row of its own, since barriers are what a software adapter is slow
// at. Else 64 invocations share a row and meet in workgroup memory.

import package::shared::grid::group_number;
import package::shared::reduce::{sum_of_group, max_of_group};

// Invocations that share a row.
@if(direct) const LANES: u32 = 1u;
@else const LANES: u32 = 64u;

fn row_of(group: vec3<u32>, local: u32) -> u32 {
    @if(direct) return group_number(group) * 64u + local;
    @else return group_number(group);
}

// Place among those that share the row.
fn lane_of(local: u32) -> u32 {
    @if(direct) return 0u;
    @else return local;
}

fn sum_of_row(value: f32, local: u32) -> f32 {
    @if(direct) return value;
    @else return sum_of_group(value, local, LANES);
}

fn max_of_row(value: f32, local: u32) -> f32 {
    @if(direct) return value;
    @else return max_of_group(value, local, LANES);
}
