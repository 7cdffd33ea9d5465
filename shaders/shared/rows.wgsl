// Work that goes row by row: the 64 invocations of a workgroup share a row and meet in workgroup memory.

import package::shared::reduce::{sum_of_group, max_of_group};

// Invocations that share a row.
const LANES: u32 = 64u;

fn sum_of_row(value: f32, local: u32) -> f32 {
    return sum_of_group(value, local, LANES);
}

fn max_of_row(value: f32, local: u32) -> f32 {
    return max_of_group(value, local, LANES);
}
