// Rows of quantised weights (engine/compiler/src/blocks.rs), read four weights at a time: quads. A row is its quants, then its scales in
// f16, one for every eight quads.
//
// formats: q8_0 q4_0

import package::shared::widened::widened;

// Binding 2 of every kernel with a quantised variant.
@group(0) @binding(2) var<storage, read> w: array<u32>;

// Words of a row's quants.
fn quant_words(quads: u32) -> u32 {
    @if(q8_0) return quads;
    @else return quads / 2u;
}

// Quad k of a row of so many quads.
fn quad(row: u32, quads: u32, k: u32) -> vec4<f32> {
    let words = quant_words(quads);
    let start = row * (words + (quads / 8u + 1u) / 2u);
    let scale = widened((w[start + words + k / 16u] >> (k / 8u % 2u * 16u)) & 65535u);
    @if(q8_0) {
        let quants = w[start + k];
        let bytes = bitcast<vec4<i32>>(vec4<u32>(quants << 24u, quants << 16u, quants << 8u, quants));
        return vec4<f32>(bytes >> vec4<u32>(24u)) * scale;
    }
    @else {
        // The second half of a block is in the high four bits.
        let bits = w[start + k / 8u * 4u + k % 4u] >> (k / 4u % 2u * 4u);
        let nibbles = vec4<u32>(bits, bits >> 8u, bits >> 16u, bits >> 24u) & vec4<u32>(15u);
        return (vec4<f32>(nibbles) - 8.0) * scale;
    }
}
