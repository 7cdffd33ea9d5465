// Counter-based random numbers, bit for bit those of engine/compiler/src/graph/random.rs.

// Chris Wellons' lowbias32 integer hash.
fn mix_bits(start: u32) -> u32 {
    var x = start;
    x ^= x >> 16u;
    x *= 0x7feb352du;
    x ^= x >> 15u;
    x *= 0x846ca68bu;
    return x ^ (x >> 16u);
}

// 32 random bits of element `index` at a dropout site. Elements whose bits lie below the site's threshold are dropped.
fn random_bits(seed: vec2<u32>, site: u32, index: u32) -> u32 {
    return mix_bits((mix_bits(index ^ seed.x) + seed.y) ^ (site * 0x9e3779b9u));
}
