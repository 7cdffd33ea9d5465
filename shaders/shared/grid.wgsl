// Workgroups are numbered along x, then y: WebGPU allows 65,535 in each dimension, so a longer row of groups is folded
// into rows of GROUPS_IN_ROW. The engine's `grid` in plan/lower/mod.rs does the folding.

const GROUPS_IN_ROW: u32 = 32768u;

// Number of this workgroup. Numbers at or past the count that was asked for occur in the last row: guard against them.
fn group_number(group: vec3<u32>) -> u32 {
    return group.y * GROUPS_IN_ROW + group.x;
}
