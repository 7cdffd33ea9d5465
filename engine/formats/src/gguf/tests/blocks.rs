//! Compares blocks with llama.cpp: checksums of the results of its own functions (`ggml_quantize_chunk`, `dequantize_row_*` of
//! version 0.5.0) for the same numbers.

use super::*;
use half::f16;

/// A simple random sequence that is easy to reproduce in any language.
fn draws() -> impl Iterator<Item = u32> {
    std::iter::successors(Some(1_u32), |state| {
        Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    })
    .skip(1)
}

/// 4,096 entries; each group of 16 has another magnitude, and one block is all zeros.
fn entries() -> Vec<f32> {
    let entry = |(at, draw): (usize, u32)| {
        let magnitude = ((at / 16 % 11) as f32 - 5.0).exp2();
        if (512..544).contains(&at) { 0.0 } else { ((draw >> 8) as f32 / 16_777_216.0 - 0.5) * magnitude }
    };
    draws().take(4096).enumerate().map(entry).collect()
}

#[test]
fn quants_are_those_of_ggml() {
    for (ty, expected) in [
        (GgmlType::F16, 0xda5b_5eb5),
        (GgmlType::BF16, 0xe3a7_717b),
        (GgmlType::Q4_0, 0x44d2_b59f),
        (GgmlType::Q4_1, 0xdfc7_9f43),
        (GgmlType::Q5_0, 0xf73e_1e14),
        (GgmlType::Q5_1, 0x4feb_7f6f),
        (GgmlType::Q8_0, 0xb1cc_89f2),
        (GgmlType::Q4_K, 0xc3a9_7f47),
        (GgmlType::Q5_K, 0x6caf_bcce),
        (GgmlType::Q6_K, 0x1a82_3089),
    ] {
        let mut bytes = Vec::new();
        quantise(ty, &entries(), &mut bytes);
        assert_eq!(crc32c::crc32c(&bytes), expected, "{ty}");
    }
}

#[test]
fn weights_are_those_of_ggml() {
    for (ty, expected) in [
        (GgmlType::F16, 0xb62f_bf5d),
        (GgmlType::BF16, 0xc89a_abd5),
        (GgmlType::Q4_0, 0xfeeb_4d57),
        (GgmlType::Q4_1, 0xcba0_043a),
        (GgmlType::Q5_0, 0x30dc_2fc2),
        (GgmlType::Q5_1, 0x6308_f580),
        (GgmlType::Q8_0, 0xb4b7_bd59),
        (GgmlType::Q2_K, 0x06f0_8a6f),
        (GgmlType::Q3_K, 0xd329_eb39),
        (GgmlType::Q4_K, 0x629c_1a57),
        (GgmlType::Q5_K, 0x1de1_d869),
        (GgmlType::Q6_K, 0x51ad_56e7),
        (GgmlType::IQ4_NL, 0xd141_ae32),
        (GgmlType::IQ4_XS, 0xcc02_aad5),
    ] {
        // One bit is cleared, so that no scale is infinite.
        let bytes = draws().map(|draw| (draw >> 24) as u8 & 0xbf);
        let bytes: Vec<u8> = bytes.take(4096 / ty.block() * ty.block_bytes()).collect();
        let mut weights = vec![0.0; 4096];
        dequantise(ty, &bytes, &mut weights);
        let bytes: Vec<u8> = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        assert_eq!(crc32c::crc32c(&bytes), expected, "{ty}");
    }
}

#[test]
fn a_block_by_hand() {
    let mut entries = [0.0_f32; 32];
    (entries[0], entries[1], entries[2], entries[17]) = (12.7, -6.35, 0.05, -12.7);
    let quantised = |ty| {
        let mut bytes = Vec::new();
        quantise(ty, &entries, &mut bytes);
        bytes
    };
    let half = |value: f32| f16::from_f32(value).to_le_bytes();

    // d = 12.7 / 127 = 0.1; −63.5 is rounded away from zero, and so is 0.5.
    let mut expected = [0; 34];
    expected[..2].copy_from_slice(&half(12.7 / 127.0));
    (expected[2], expected[3], expected[4], expected[19]) = (127, -64_i8 as u8, 1, -127_i8 as u8);
    assert_eq!(quantised(GgmlType::Q8_0), expected);

    // d = 12.7 / −8, from the first of the two largest; 0 gives 8, 12.7 gives 0, −6.35 gives 12, −12.7 gives 16, clamped to 15.
    let mut expected = [0x88; 18];
    expected[..2].copy_from_slice(&half(12.7 / -8.0));
    (expected[2], expected[3]) = (0x80, 0xfc);
    assert_eq!(quantised(GgmlType::Q4_0), expected);

    // d = 25.4 / 15, m = −12.7; 12.7 gives 15, −6.35 gives trunc(3.75 + 0.5) = 4, −12.7 gives 0, 0 gives trunc(7.5 + 0.5) = 8.
    let mut expected = [0x88; 20];
    expected[..2].copy_from_slice(&half(25.4 / 15.0));
    expected[2..4].copy_from_slice(&half(-12.7));
    (expected[4], expected[5]) = (0x8f, 0x04);
    assert_eq!(quantised(GgmlType::Q4_1), expected);
}
