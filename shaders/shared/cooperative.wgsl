// The arithmetic of a matrix product of 64 × 64 outputs by cooperative matrices: a subgroup holds them together, and a GPU with tensor
// cores multiplies two at once (VK_KHR_cooperative_matrix, Metal's simdgroup_matrix). Operands are f16 or f32; sums are f32.
//
// The workgroup stages DEPTH inner steps of both operands in workgroup memory, in the order in which they lie in the bindings: `along`,
// where neighbours are inner steps, or `across`, where they are outputs. A subgroup computes a part of 32 × 64 outputs at a time.
// Since the device decides how a matrix is spread over a subgroup, sums reach the epilogue through workgroup memory too. All sizes
// divide by EDGE, and all subgroups are full.
//
// NVIDIA's compiler keeps matrices in registers only where their indices are constants, so the sides of 16 are written out. (An H200,
// 16,384 × 384 by 384 × 1,536: 109 TFLOP/s so, 23 in loops, 36 straight from the bindings.) Metal's unrolls loops.
//
// Only natively: no browser has them yet.

import package::shared::tiles::SIDE;

@if(cooperative8) const EDGE: u32 = 8u;
@if(cooperative16) const EDGE: u32 = 16u;

@if(cooperative8) alias LeftMatrix = coop_mat8x8<Number, A>;
@if(cooperative8) alias RightMatrix = coop_mat8x8<Number, B>;
@if(cooperative8) alias Sum = coop_mat8x8<f32, C>;
@if(cooperative16) alias LeftMatrix = coop_mat16x16<Number, A>;
@if(cooperative16) alias RightMatrix = coop_mat16x16<Number, B>;
@if(cooperative16) alias Sum = coop_mat16x16<f32, C>;

@if(half) alias Number = f16;
@else alias Number = f32;
alias Four = vec4<Number>;

// Inner steps that are staged at once.
@if(half) const DEPTH: u32 = 32u;
@else const DEPTH: u32 = 16u;

// Numbers from a line of a staged operand to the next. Sixteen more bytes than it needs keep lines apart in the banks of the memory.
@if(half) const ALONG: u32 = 40u;
@else const ALONG: u32 = 20u;
@if(half) const ACROSS: u32 = 72u;
@else const ACROSS: u32 = 68u;

// Metal loads matrices from single numbers only.
@if(cooperative8) alias Staged = Number;
@if(cooperative8) const UNIT: u32 = 1u;
@if(cooperative16) alias Staged = Four;
@if(cooperative16) const UNIT: u32 = 4u;

// Invocations of a workgroup, all in a row, so that subgroups are full.
const INVOCATIONS: u32 = 64u;

const PARTS: u32 = 2u;
const PART_ROWS: u32 = SIDE / PARTS / EDGE;
const PART_COLUMNS: u32 = SIDE / EDGE;

// The matrices of EDGE inner steps, and a part's sums, row by row.
alias LeftMatrices = array<LeftMatrix, PART_ROWS>;
alias RightMatrices = array<RightMatrix, PART_COLUMNS>;
alias Sums = array<Sum, PART_ROWS * PART_COLUMNS>;

// Sums of a part that are kept at once: EDGE rows of half a tile.
const KEPT_COLUMNS: u32 = SIDE / 2u;

var<workgroup> left_tile: array<Staged, SIDE * ALONG / UNIT>;
var<workgroup> right_tile: array<Staged, SIDE * ALONG / UNIT>;
var<workgroup> kept: array<f32, PARTS * EDGE * KEPT_COLUMNS>;

// An invocation's subgroup.
struct Own {
    number: u32,
    count: u32, // Subgroups of the workgroup.
    lane: u32,
    turns: u32, // Parts that a subgroup computes, one by one.
}

fn own_subgroup(index: u32) -> Own {
    let width = subgroupAdd(1u);
    let count = INVOCATIONS / width;
    return Own(subgroupMin(index) / width, count, index % width, max(PARTS / count, 1u));
}

// Row of the tile and inner step of the n-th four where neighbours are inner steps.
fn along(four: u32) -> vec2<u32> {
    return vec2<u32>(four / (DEPTH / 4u), four % (DEPTH / 4u) * 4u);
}

// The same where neighbours are outputs.
fn across(four: u32) -> vec2<u32> {
    return vec2<u32>(four % (SIDE / 4u) * 4u, four / (SIDE / 4u));
}

fn along_at(place: vec2<u32>) -> u32 {
    return (place.x * ALONG + place.y) / UNIT;
}

fn across_at(place: vec2<u32>) -> u32 {
    return (place.y * ACROSS + place.x) / UNIT;
}

fn stage_left(at: u32, numbers: Four) {
    @if(cooperative16) left_tile[at] = numbers;
    @if(cooperative8) {
        left_tile[at] = numbers.x;
        left_tile[at + 1u] = numbers.y;
        left_tile[at + 2u] = numbers.z;
        left_tile[at + 3u] = numbers.w;
    }
}

fn stage_right(at: u32, numbers: Four) {
    @if(cooperative16) right_tile[at] = numbers;
    @if(cooperative8) {
        right_tile[at] = numbers.x;
        right_tile[at + 1u] = numbers.y;
        right_tile[at + 2u] = numbers.z;
        right_tile[at + 3u] = numbers.w;
    }
}

fn left_along_matrix(row: u32, step: u32) -> LeftMatrix {
    return coopLoadT<LeftMatrix>(&left_tile[along_at(vec2<u32>(row, step))], ALONG / UNIT);
}

fn left_across_matrix(row: u32, step: u32) -> LeftMatrix {
    return coopLoad<LeftMatrix>(&left_tile[across_at(vec2<u32>(row, step))], ACROSS / UNIT);
}

fn right_along_matrix(column: u32, step: u32) -> RightMatrix {
    return coopLoad<RightMatrix>(&right_tile[along_at(vec2<u32>(column, step))], ALONG / UNIT);
}

fn right_across_matrix(column: u32, step: u32) -> RightMatrix {
    return coopLoadT<RightMatrix>(&right_tile[across_at(vec2<u32>(column, step))], ACROSS / UNIT);
}

@if(cooperative16)
fn left_along(row: u32, step: u32) -> LeftMatrices {
    return LeftMatrices(
        left_along_matrix(row, step),
        left_along_matrix(row + EDGE, step));
}

@if(cooperative8)
fn left_along(row: u32, step: u32) -> LeftMatrices {
    return LeftMatrices(
        left_along_matrix(row, step),
        left_along_matrix(row + EDGE, step),
        left_along_matrix(row + 2u * EDGE, step),
        left_along_matrix(row + 3u * EDGE, step));
}

@if(cooperative16)
fn left_across(row: u32, step: u32) -> LeftMatrices {
    return LeftMatrices(
        left_across_matrix(row, step),
        left_across_matrix(row + EDGE, step));
}

@if(cooperative8)
fn left_across(row: u32, step: u32) -> LeftMatrices {
    return LeftMatrices(
        left_across_matrix(row, step),
        left_across_matrix(row + EDGE, step),
        left_across_matrix(row + 2u * EDGE, step),
        left_across_matrix(row + 3u * EDGE, step));
}

@if(cooperative16)
fn right_along(step: u32) -> RightMatrices {
    return RightMatrices(
        right_along_matrix(0u, step),
        right_along_matrix(EDGE, step),
        right_along_matrix(2u * EDGE, step),
        right_along_matrix(3u * EDGE, step));
}

@if(cooperative8)
fn right_along(step: u32) -> RightMatrices {
    return RightMatrices(
        right_along_matrix(0u, step),
        right_along_matrix(EDGE, step),
        right_along_matrix(2u * EDGE, step),
        right_along_matrix(3u * EDGE, step),
        right_along_matrix(4u * EDGE, step),
        right_along_matrix(5u * EDGE, step),
        right_along_matrix(6u * EDGE, step),
        right_along_matrix(7u * EDGE, step));
}

@if(cooperative16)
fn right_across(step: u32) -> RightMatrices {
    return RightMatrices(
        right_across_matrix(0u, step),
        right_across_matrix(EDGE, step),
        right_across_matrix(2u * EDGE, step),
        right_across_matrix(3u * EDGE, step));
}

@if(cooperative8)
fn right_across(step: u32) -> RightMatrices {
    return RightMatrices(
        right_across_matrix(0u, step),
        right_across_matrix(EDGE, step),
        right_across_matrix(2u * EDGE, step),
        right_across_matrix(3u * EDGE, step),
        right_across_matrix(4u * EDGE, step),
        right_across_matrix(5u * EDGE, step),
        right_across_matrix(6u * EDGE, step),
        right_across_matrix(7u * EDGE, step));
}

@if(cooperative16)
fn add_products(sums: ptr<function, Sums>, left: LeftMatrices, right: RightMatrices) {
    (*sums)[0] = coopMultiplyAdd(left[0], right[0], (*sums)[0]);
    (*sums)[1] = coopMultiplyAdd(left[0], right[1], (*sums)[1]);
    (*sums)[2] = coopMultiplyAdd(left[0], right[2], (*sums)[2]);
    (*sums)[3] = coopMultiplyAdd(left[0], right[3], (*sums)[3]);
    (*sums)[4] = coopMultiplyAdd(left[1], right[0], (*sums)[4]);
    (*sums)[5] = coopMultiplyAdd(left[1], right[1], (*sums)[5]);
    (*sums)[6] = coopMultiplyAdd(left[1], right[2], (*sums)[6]);
    (*sums)[7] = coopMultiplyAdd(left[1], right[3], (*sums)[7]);
}

@if(cooperative8)
fn add_products(sums: ptr<function, Sums>, left_by_value: LeftMatrices, right_by_value: RightMatrices) {
    var left = left_by_value;
    var right = right_by_value;
    for (var row = 0u; row < PART_ROWS; row += 1u) {
        for (var column = 0u; column < PART_COLUMNS; column += 1u) {
            let at = row * PART_COLUMNS + column;
            (*sums)[at] = coopMultiplyAdd(left[row], right[column], (*sums)[at]);
        }
    }
}

// Puts half a row of a part's matrices, the n-th, where the subgroup's invocations find their numbers.
@if(cooperative16)
fn keep(sums: ptr<function, Sums>, own: Own, half_row: u32) {
    let at = own.number * EDGE * KEPT_COLUMNS;
    switch half_row {
        case 0u {
            coopStoreT((*sums)[0], &kept[at], KEPT_COLUMNS);
            coopStoreT((*sums)[1], &kept[at + EDGE], KEPT_COLUMNS);
        }
        case 1u {
            coopStoreT((*sums)[2], &kept[at], KEPT_COLUMNS);
            coopStoreT((*sums)[3], &kept[at + EDGE], KEPT_COLUMNS);
        }
        case 2u {
            coopStoreT((*sums)[4], &kept[at], KEPT_COLUMNS);
            coopStoreT((*sums)[5], &kept[at + EDGE], KEPT_COLUMNS);
        }
        default {
            coopStoreT((*sums)[6], &kept[at], KEPT_COLUMNS);
            coopStoreT((*sums)[7], &kept[at + EDGE], KEPT_COLUMNS);
        }
    }
}

@if(cooperative8)
fn keep(sums: ptr<function, Sums>, own: Own, half_row: u32) {
    let first = half_row * PART_COLUMNS / 2u;
    for (var column = 0u; column < PART_COLUMNS / 2u; column += 1u) {
        let at = own.number * EDGE * KEPT_COLUMNS + column * EDGE;
        coopStoreT((*sums)[first + column], &kept[at], KEPT_COLUMNS);
    }
}

// Four sums from the n-th kept one on.
fn kept_four(own: Own, at: u32) -> vec4<f32> {
    let first = own.number * EDGE * KEPT_COLUMNS + at;
    return vec4<f32>(kept[first], kept[first + 1u], kept[first + 2u], kept[first + 3u]);
}
