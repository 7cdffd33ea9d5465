// Epilogues that work on pairs of columns `partner` apart, F of a gate or D/2 of a rotation: a tile takes 32 columns and their 32
// partners, the first of each pair on its left, the second on its right, so that an invocation holds both.

import package::shared::linear::arguments;

fn column_of(tile_column: u32, place: u32) -> u32 {
    let pair = tile_column / 2u + place % 32u;
    let first = pair / arguments.partner * 2u * arguments.partner + pair % arguments.partner;
    return select(first, first + arguments.partner, place >= 32u);
}
