// The arithmetic of a matrix product of 64 × 64 outputs by cooperative matrices: a subgroup holds them together, and a GPU with tensor cores
// multiplies two at once (VK_KHR_cooperative_matrix, Metal's simdgroup_matrix). Operands are loaded straight from the bindings,
// f16 or f32, and sums are floats.
//
// A subgroup takes a part of 2 × 4 matrices, and further parts one by one where there are more parts than subgroups. What it
// found goes through workgroup memory to the invocations whose blocks (shared/tiles.wgsl) it is, since how a matrix is spread over a
// subgroup is the device's own affair. All sizes divide by EDGE, and all subgroups are full.
//
// Only natively: no browser has them yet.

import package::shared::tiles::{Blocks, SIDE};

@if(cooperative8) const EDGE: u32 = 8u;
@if(cooperative16) const EDGE: u32 = 16u;

@if(cooperative8) alias LeftMatrix = coop_mat8x8<Number, A>;
@if(cooperative8) alias RightMatrix = coop_mat8x8<Number, B>;
@if(cooperative8) alias Sum = coop_mat8x8<f32, C>;
@if(cooperative16) alias LeftMatrix = coop_mat16x16<Number, A>;
@if(cooperative16) alias RightMatrix = coop_mat16x16<Number, B>;
@if(cooperative16) alias Sum = coop_mat16x16<f32, C>;

// What operands are stored in.
@if(half) alias Number = f16;
@else alias Number = f32;

// Parts of a tile, and those of them that lie side by side.
const ACROSS: u32 = SIDE / (4u * EDGE);
const PARTS: u32 = SIDE / (2u * EDGE) * ACROSS;

// Invocations of a workgroup, all in a row, so that subgroups are full.
const INVOCATIONS: u32 = 64u;

// Row by row.
alias Sums = array<Sum, 8>;

var<workgroup> product: array<f32, 4096>;

// Number of an invocation's subgroup, and how many there are. Each takes every so manieth part, so that control flow is the same
// within a subgroup, which is all that its matrices ask for.
fn own_subgroup(index: u32) -> vec2<u32> {
    let width = subgroupAdd(1u);
    return vec2<u32>(subgroupMin(index) / width, INVOCATIONS / width);
}

// Row and column of a part in its tile.
fn part_corner(part: u32) -> vec2<u32> {
    return vec2<u32>(part / ACROSS * 2u, part % ACROSS * 4u) * EDGE;
}

fn add_products(sums: ptr<function, Sums>, left: array<LeftMatrix, 2>, right: array<RightMatrix, 4>) {
    (*sums)[0] = coopMultiplyAdd(left[0], right[0], (*sums)[0]);
    (*sums)[1] = coopMultiplyAdd(left[0], right[1], (*sums)[1]);
    (*sums)[2] = coopMultiplyAdd(left[0], right[2], (*sums)[2]);
    (*sums)[3] = coopMultiplyAdd(left[0], right[3], (*sums)[3]);
    (*sums)[4] = coopMultiplyAdd(left[1], right[0], (*sums)[4]);
    (*sums)[5] = coopMultiplyAdd(left[1], right[1], (*sums)[5]);
    (*sums)[6] = coopMultiplyAdd(left[1], right[2], (*sums)[6]);
    (*sums)[7] = coopMultiplyAdd(left[1], right[3], (*sums)[7]);
}

// Puts a part's sums where the invocations find them.
fn keep(sums: ptr<function, Sums>, corner: vec2<u32>) {
    let at = corner.x * SIDE + corner.y;
    let below = at + EDGE * SIDE;
    coopStoreT((*sums)[0], &product[at], SIDE);
    coopStoreT((*sums)[1], &product[at + EDGE], SIDE);
    coopStoreT((*sums)[2], &product[at + 2u * EDGE], SIDE);
    coopStoreT((*sums)[3], &product[at + 3u * EDGE], SIDE);
    coopStoreT((*sums)[4], &product[below], SIDE);
    coopStoreT((*sums)[5], &product[below + EDGE], SIDE);
    coopStoreT((*sums)[6], &product[below + 2u * EDGE], SIDE);
    coopStoreT((*sums)[7], &product[below + 3u * EDGE], SIDE);
}

fn kept_row(row: u32, column: u32) -> vec4<f32> {
    let at = row * SIDE + column;
    return vec4<f32>(product[at], product[at + 1u], product[at + 2u], product[at + 3u]);
}

fn kept(row: u32, column: u32) -> mat4x4<f32> {
    return mat4x4<f32>(
        kept_row(row, column), kept_row(row + 1u, column), kept_row(row + 2u, column), kept_row(row + 3u, column));
}

// An invocation's blocks, when all have kept theirs.
fn kept_blocks(row: u32, column: u32) -> Blocks {
    workgroupBarrier();
    return Blocks(kept(row, column), kept(row, column + 32u), kept(row + 32u, column), kept(row + 32u, column + 32u));
}
