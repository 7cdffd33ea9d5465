// The 16-bit float in the lower half of a word, without the extension `f16`: sign, five bits of exponent, ten of mantissa. There are no
// infinities, and small ones are not rounded to 0 as `unpack2x16float` may.

fn widened(word: u32) -> f32 {
    let exponent = (word >> 10u) & 31u;
    let mantissa = word & 1023u;
    // Below 2⁻¹⁴ the exponent stays, and the first digit may be 0.
    let small = f32(mantissa) * 5.9604644775390625e-8;
    let magnitude = select(bitcast<f32>(((exponent + 112u) << 23u) | (mantissa << 13u)), small, exponent == 0u);
    return bitcast<f32>(bitcast<u32>(magnitude) | ((word & 32768u) << 16u));
}
