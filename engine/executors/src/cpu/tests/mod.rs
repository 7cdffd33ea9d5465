//! The executor compared with plain f64 loops, whose finite differences check every gradient.

mod decoder;
mod double;
mod shard;
pub(super) mod training;

use super::matrix::{Matrix, MatrixMut, Old, product};
use super::vector;
use glasshouse_compiler::blocks::gguf::{self, GgmlType};
use glasshouse_platform::lanes::{Lanes, vectorised};
use glasshouse_protocol::random;

/// Numbers in (−1, 1) determined by the seed.
pub fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let number = |n| random::nth(seed, 7, n) as f64 / (u64::MAX as f64) * 2.0 - 1.0;
    (0..count as u64).map(|n| number(n) as f32).collect()
}

/// Rows of random blocks of these types as a GGUF file stores them, and the words of each.
pub fn rows_of_blocks(types: &[GgmlType], columns: usize) -> (usize, Vec<u32>) {
    let length = types.iter().map(|ty| gguf::row_words(*ty, columns)).max().unwrap_or_default();
    let mut words = vec![0; types.len() * length];
    for (number, (ty, row)) in types.iter().zip(words.chunks_exact_mut(length)).enumerate() {
        let random = numbers(number as u64, columns / ty.block() * ty.block_bytes());
        let mut bytes: Vec<u8> = random.iter().map(|number| (number * 128.0) as i8 as u8).collect();
        let size = ty.block_bytes();
        // Where a block has its floats.
        let places = match ty {
            GgmlType::Q4_0 | GgmlType::Q5_0 | GgmlType::Q8_0 | GgmlType::F16 => 0..2,
            GgmlType::IQ4_NL | GgmlType::IQ4_XS => 0..2,
            GgmlType::Q4_1 | GgmlType::Q5_1 | GgmlType::Q4_K | GgmlType::Q5_K => 0..4,
            GgmlType::Q2_K => 80..84,
            GgmlType::Q3_K | GgmlType::Q6_K => size - 2..size,
            GgmlType::F32 | GgmlType::BF16 => 0..0,
        };
        for (block, random) in bytes.chunks_exact_mut(size).zip(&random) {
            for bytes in block[places.clone()].as_chunks_mut().0 {
                *bytes = half::f16::from_f32(random / 64.0).to_le_bytes();
            }
            match ty {
                GgmlType::F32 => block.copy_from_slice(&random.to_le_bytes()),
                GgmlType::BF16 => block.copy_from_slice(&random.to_le_bytes()[2..]),
                _ => {}
            }
        }
        gguf::put_row(*ty, &bytes, row);
    }
    (length, words)
}

vectorised! {
    fn functions<L>(x: &[f32], y: &mut [[f32; 5]]) {
        for (x, y) in x.iter().zip(y) {
            *y = every::<L>(*x);
        }
    }
}

#[inline(always)]
fn every<L: Lanes>(x: f32) -> [f32; 5] {
    let (phi, density) = vector::normal::<L>(x);
    [vector::exp::<L>(x), vector::tanh::<L>(x), vector::sigmoid::<L>(x), phi, density]
}

#[test]
fn vector_functions_are_accurate() {
    let x: Vec<f32> = (-40_000..=40_000).map(|n| n as f32 * 5e-4).collect();
    let mut y = vec![[0.0; 5]; x.len()];
    functions(&x, &mut y);
    for (x, y) in x.iter().zip(&y) {
        let exact = f64::from(*x);
        let near = |got: f32, wanted: f64, relative: f64, absolute: f64| {
            let error = (f64::from(got) - wanted).abs();
            assert!(error <= absolute + relative * wanted.abs(), "at {x}: {got} for {wanted}");
        };
        near(y[0], exact.exp(), 2e-7, 0.0);
        near(y[1], exact.tanh(), 0.0, 2.5e-7);
        near(y[2], 1.0 / (1.0 + (-exact).exp()), 0.0, 1.5e-7);
        near(y[3], 0.5 * (1.0 + double::erf(exact / 2f64.sqrt())), 0.0, 1.5e-7);
        near(y[4], (-0.5 * exact * exact).exp() / (2.0 * std::f64::consts::PI).sqrt(), 0.0, 1e-7);
    }
    let mut special = [[0.0; 5]; 1];
    functions(&[f32::NAN], &mut special);
    assert!(special[0].iter().all(|y| y.is_nan()), "{special:?}");
}

#[test]
fn products_of_every_layout_and_size() {
    for [rows, depth, columns] in [
        [1, 1, 1],
        [2, 3, 5],
        [7, 300, 33],
        [40, 17, 31],
        [64, 257, 64],
        [13, 8, 97],
        [97, 513, 1],
        [33, 32, 128],
    ] {
        let (a, b) = (numbers(1, rows * depth), numbers(2, depth * columns));
        let turn = |data: &[f32], rows: usize, columns: usize| -> Vec<f32> {
            (0..rows * columns).map(|at| data[at % rows * columns + at / rows]).collect()
        };
        let (a_turned, b_turned) = (turn(&a, rows, depth), turn(&b, depth, columns));
        let lefts =
            [Matrix::new(&a, rows, depth, depth), Matrix::new(&a_turned, depth, rows, rows).transposed()];
        let rights = [
            Matrix::new(&b, depth, columns, columns),
            Matrix::new(&b_turned, columns, depth, depth).transposed(),
        ];
        for (left, right, old) in lefts
            .iter()
            .flat_map(|l| rights.iter().flat_map(move |r| [(l, r, Old::Add), (l, r, Old::Overwrite)]))
        {
            let stride = columns + 3;
            let mut c = vec![0.5; rows * stride];
            product(*left, *right, MatrixMut::new(&mut c, rows, columns, stride), 0.25, old, &mut Vec::new());
            for (i, row) in c.chunks(stride).enumerate() {
                for (j, got) in row.iter().enumerate() {
                    let sum: f64 = (0..depth)
                        .map(|k| f64::from(a[i * depth + k]) * f64::from(b[k * columns + j.min(columns - 1)]))
                        .sum();
                    let wanted = match old {
                        _ if j >= columns => 0.5,
                        Old::Add => 0.5 + 0.25 * sum,
                        Old::Overwrite => 0.25 * sum,
                    };
                    assert!(
                        (f64::from(*got) - wanted).abs() < 2e-5,
                        "{rows}×{depth}×{columns} at ({i}, {j}): {got} for {wanted}"
                    );
                }
            }
        }
    }
}
