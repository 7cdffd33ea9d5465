//! Linear algebra for views: dot products and cosines of rows, softmax, and the first two principal components of a table.

use glasshouse_compiler::graph::random;
use glasshouse_platform::Yielder;
use glasshouse_platform::lanes::vectorised;
use glasshouse_protocol::order;

/// Size of the iterated subspace. Larger than needed, so that convergence depends on the ratio of the second to the ninth eigenvalue.
const TOGETHER: usize = 8;

/// Maximum iterations; a spectrum this flat has no better directions.
const ITERATIONS: usize = 300;

/// Maximum residual of A·v − λ·v, relative to the largest eigenvalue.
const RESIDUAL: f64 = 1e-6;

/// Independent partial sums of a dot product.
const SUMS: usize = 8;

vectorised! {
    /// a·b, accumulated in f64.
    pub(super) fn dot<L>(a: &[f32], b: &[f32]) -> f64 {
        summed(a, b)
    }

    /// y[n] = factor·(x·rows[n]), accumulated in f64. Rows start `stride` entries apart and have the length of x.
    pub(super) fn products<L>(x: &[f32], rows: &[f32], stride: usize, factor: f64, y: &mut [f32]) {
        for (y, row) in y.iter_mut().zip(rows.chunks(stride)) {
            *y = (factor * summed(x, &row[..x.len()])) as f32;
        }
    }
}

#[inline(always)]
fn summed(a: &[f32], b: &[f32]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    let mut sums = [0.0f64; SUMS];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += f64::from(*a) * f64::from(*b);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    sums.iter().sum::<f64>() + rest
}

pub(super) fn norm(row: &[f32]) -> f64 {
    dot(row, row).sqrt()
}

/// a·b / (‖a‖‖b‖); 0 if either is zero.
pub(super) fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let lengths = norm(a) * norm(b);
    if lengths > 0.0 { (dot(a, b) / lengths) as f32 } else { 0.0 }
}

/// Softmax in place, accumulated in f64.
pub(super) fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for entry in row.iter_mut() {
        *entry = libm::expf(*entry - largest);
        sum += f64::from(*entry);
    }
    for entry in row {
        *entry = (f64::from(*entry) / sum) as f32;
    }
}

/// Rows projected to two dimensions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Map {
    /// [N, 2].
    pub points: Vec<f32>,
    /// Total variance of all columns.
    variance: f64,
}

impl Map {
    /// Projects rows [N, C] minus their mean onto the two directions of largest variance (PCA): the first two columns of U·S. The
    /// sign makes each direction's largest entry positive. Deterministic.
    pub(super) async fn new(mut rows: Vec<f32>, columns: usize, yielder: &Yielder) -> Self {
        let count = rows.len() / columns.max(1);
        if count == 0 {
            return Self::default();
        }
        centre(&mut rows, columns);
        let covariance = covariance(&rows, columns, yielder).await;
        let variance = covariance.iter().step_by(columns + 1).map(|entry| f64::from(*entry)).sum();
        let axes = largest_directions(&covariance, columns, yielder).await;
        let mut points = vec![0.0; 2 * count];
        let mut along = vec![0.0; count];
        for (at, axis) in axes.iter().enumerate() {
            products(axis, &rows, columns, 1.0, &mut along);
            for (point, own) in points.chunks_exact_mut(2).zip(&along) {
                point[at] = *own;
            }
        }
        Self { points, variance }
    }

    /// Rotates and reflects the points to match another map's as closely as possible.
    pub(super) fn align(&mut self, onto: &Self) {
        let [[a, b], [c, d]] = procrustes(&self.points, &onto.points);
        for point in self.points.chunks_exact_mut(2) {
            let [x, y] = [point[0], point[1]].map(f64::from);
            (point[0], point[1]) = ((x * a + y * c) as f32, (x * b + y * d) as f32);
        }
    }

    /// Share of the rows' variance explained by each axis.
    pub(super) fn explained(&self) -> [f32; 2] {
        let count = self.points.len() / 2;
        std::array::from_fn(|at| {
            let squares = self.points.iter().skip(at).step_by(2).map(|entry| f64::from(*entry).powi(2));
            let own = squares.sum::<f64>() / count.max(1) as f64;
            if self.variance > 0.0 { (own / self.variance) as f32 } else { 0.0 }
        })
    }
}

/// Subtracts each column's mean.
fn centre(rows: &mut [f32], columns: usize) {
    let count = rows.len() / columns;
    let mut means = vec![0.0f64; columns];
    for row in rows.chunks_exact(columns) {
        for (mean, entry) in means.iter_mut().zip(row) {
            *mean += f64::from(*entry) / count as f64;
        }
    }
    for row in rows.chunks_exact_mut(columns) {
        for (entry, mean) in row.iter_mut().zip(&means) {
            *entry = (f64::from(*entry) - mean) as f32;
        }
    }
}

/// XᵀX / N [C, C] of centred rows [N, C].
async fn covariance(rows: &[f32], columns: usize, yielder: &Yielder) -> Vec<f32> {
    let count = rows.len() / columns;
    let mut turned = vec![0.0; rows.len()];
    for (n, row) in rows.chunks_exact(columns).enumerate() {
        for (column, entry) in row.iter().enumerate() {
            turned[column * count + n] = *entry;
        }
    }
    let mut covariance = vec![0.0; columns * columns];
    for (at, column) in turned.chunks_exact(count).enumerate() {
        let own = &mut covariance[at * columns + at..(at + 1) * columns];
        products(column, &turned[at * count..], count, 1.0 / count as f64, own);
        for other in at + 1..columns {
            covariance[other * columns + at] = covariance[at * columns + other];
        }
        yielder.maybe_yield().await;
    }
    covariance
}

/// The eigenvectors of the two largest eigenvalues of a covariance [C, C], by subspace iteration with a Rayleigh–Ritz step
/// (Rutishauser 1970). The second is zero if it does not exist.
async fn largest_directions(covariance: &[f32], columns: usize, yielder: &Yielder) -> [Vec<f32>; 2] {
    let together = TOGETHER.min(columns);
    let start = |n: usize| random::signed((random::nth(17, 0xe1_6e45, n as u64) >> 32) as u32);
    let mut basis: Vec<f32> = (0..together * columns).map(start).collect();
    orthonormalise(&mut basis, columns);
    let mut images = vec![0.0; basis.len()];
    let mut ritz = basis.clone();
    for _ in 0..ITERATIONS {
        for (direction, image) in basis.chunks_exact(columns).zip(images.chunks_exact_mut(columns)) {
            products(direction, covariance, columns, 1.0, image);
        }
        let small = |at: usize| {
            let (a, b) = (at / together, at % together);
            let entry = |a: usize, b: usize| {
                dot(&basis[a * columns..(a + 1) * columns], &images[b * columns..(b + 1) * columns])
            };
            (entry(a, b) + entry(b, a)) / 2.0
        };
        let (values, vectors) = eigen((0..together * together).map(small).collect(), together);
        ritz = combined(&vectors, &basis, columns);
        let combined_images = combined(&vectors, &images, columns);
        let left = |at: usize| {
            let range = at * columns..(at + 1) * columns;
            let pairs = combined_images[range.clone()].iter().zip(&ritz[range]);
            let squares =
                pairs.map(|(image, own)| (f64::from(*image) - values[at] * f64::from(*own)).powi(2));
            squares.sum::<f64>().sqrt()
        };
        if (0..together.min(2)).all(|at| left(at) <= RESIDUAL * values[0].abs()) {
            break;
        }
        basis = combined_images;
        orthonormalise(&mut basis, columns);
        yielder.maybe_yield().await;
    }
    let mut axes = ritz.chunks_exact(columns).map(facing);
    let mut next = || axes.next().unwrap_or_else(|| vec![0.0; columns]);
    [next(), next()]
}

/// Flips a direction so that its largest entry is positive.
fn facing(direction: &[f32]) -> Vec<f32> {
    let larger = |most: f32, entry: &f32| if entry.abs() > most.abs() { *entry } else { most };
    let sign = if direction.iter().fold(0.0, larger) < 0.0 { -1.0 } else { 1.0 };
    direction.iter().map(|entry| sign * entry).collect()
}

/// Orthonormalises rows (Gram–Schmidt, twice for accuracy); linearly dependent rows become zero.
fn orthonormalise(rows: &mut [f32], columns: usize) {
    for at in 0..rows.len() / columns {
        let (before, rest) = rows.split_at_mut(at * columns);
        let row = &mut rest[..columns];
        let length = norm(row);
        for _ in 0..2 {
            for other in before.chunks_exact(columns) {
                let part = dot(other, row);
                for (entry, other) in row.iter_mut().zip(other) {
                    *entry = (f64::from(*entry) - part * f64::from(*other)) as f32;
                }
            }
        }
        let left = norm(row);
        let factor = if left > 1e-6 * length { 1.0 / left } else { 0.0 };
        row.iter_mut().for_each(|entry| *entry = (f64::from(*entry) * factor) as f32);
    }
}

/// Linear combinations: row n is Σ vectors[k, n]·rows[k].
fn combined(vectors: &[f64], rows: &[f32], columns: usize) -> Vec<f32> {
    let count = rows.len() / columns;
    let entry = |at: usize| {
        let (n, column) = (at / columns, at % columns);
        let terms = (0..count).map(|k| vectors[k * count + n] * f64::from(rows[k * columns + column]));
        terms.sum::<f64>() as f32
    };
    (0..rows.len()).map(entry).collect()
}

/// Eigenvalues of a small symmetric matrix in descending order, and its eigenvectors as columns, by cyclic Jacobi rotations.
fn eigen(mut a: Vec<f64>, size: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; size * size];
    vectors.iter_mut().step_by(size + 1).for_each(|entry| *entry = 1.0);
    let scale = a.iter().fold(0.0f64, |most, entry| most.max(entry.abs()));
    // Each sweep squares the off-diagonal rest, so a handful is enough for any matrix of this size.
    for _ in 0..24 {
        for p in 0..size {
            for q in p + 1..size {
                let off = a[p * size + q];
                if off.abs() <= 1e-17 * scale {
                    continue;
                }
                let theta = (a[q * size + q] - a[p * size + p]) / (2.0 * off);
                let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
                let sine = tangent * cosine;
                let turn =
                    |x: &mut f64, y: &mut f64| (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
                for k in 0..size {
                    let (mut x, mut y) = (a[k * size + p], a[k * size + q]);
                    turn(&mut x, &mut y);
                    (a[k * size + p], a[k * size + q]) = (x, y);
                    let (mut x, mut y) = (vectors[k * size + p], vectors[k * size + q]);
                    turn(&mut x, &mut y);
                    (vectors[k * size + p], vectors[k * size + q]) = (x, y);
                }
                for k in 0..size {
                    let (mut x, mut y) = (a[p * size + k], a[q * size + k]);
                    turn(&mut x, &mut y);
                    (a[p * size + k], a[q * size + k]) = (x, y);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order::sort_by(&mut order, |x, y| a[y * size + y].total_cmp(&a[x * size + x]));
    let values = order.iter().map(|at| a[at * size + at]).collect();
    let sorted = (0..size * size).map(|at| vectors[at / size * size + order[at % size]]).collect();
    (values, sorted)
}

/// The orthogonal 2×2 matrix R that minimises the distance of `points`·R to `onto`, both [N, 2] (Schönemann 1966). The best
/// rotation and the best reflection have closed forms; the better of the two is returned.
fn procrustes(points: &[f32], onto: &[f32]) -> [[f64; 2]; 2] {
    let mut m = [[0.0f64; 2]; 2];
    for (from, to) in points.chunks_exact(2).zip(onto.chunks_exact(2)) {
        for (row, from) in m.iter_mut().zip(from) {
            for (entry, to) in row.iter_mut().zip(to) {
                *entry += f64::from(*from) * f64::from(*to);
            }
        }
    }
    let rotation = (m[0][0] + m[1][1], m[0][1] - m[1][0]);
    let reflection = (m[0][0] - m[1][1], m[0][1] + m[1][0]);
    let unit = |(x, y): (f64, f64)| {
        let length = x.hypot(y);
        if length > 0.0 { (x / length, y / length) } else { (1.0, 0.0) }
    };
    if rotation.0.hypot(rotation.1) >= reflection.0.hypot(reflection.1) {
        let (cosine, sine) = unit(rotation);
        [[cosine, sine], [-sine, cosine]]
    } else {
        let (cosine, sine) = unit(reflection);
        [[cosine, sine], [sine, -cosine]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::block_on;

    fn map(rows: &[f32], columns: usize) -> Map {
        block_on(Map::new(rows.to_vec(), columns, &Yielder::none()))
    }

    /// Numbers in [−1, 1) from a seed.
    fn numbers(seed: u64, count: usize) -> Vec<f32> {
        (0..count as u64).map(|n| random::signed((random::nth(seed, 3, n) >> 32) as u32)).collect()
    }

    #[test]
    fn principal_components_of_a_cross_are_its_beams() {
        // Around (5, −1, 2): ±4 along (0.6, 0.8, 0), ±1 along (0, 0, 1).
        let rows = [7.4, 2.2, 2.0, 2.6, -4.2, 2.0, 5.0, -1.0, 3.0, 5.0, -1.0, 1.0];
        let found = map(&rows, 3);
        let wanted = [4.0, 0.0, -4.0, 0.0, 0.0, 1.0, 0.0, -1.0];
        for (found, wanted) in found.points.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-5, "{found} for {wanted}");
        }
        let [first, second] = found.explained();
        assert!((first - 16.0 / 17.0).abs() < 1e-6 && (second - 1.0 / 17.0).abs() < 1e-6);
    }

    #[test]
    fn tables_without_two_directions_have_zeros() {
        let line = map(&[1.0, 1.0, 2.0, 2.0, 3.0, 3.0], 2);
        let root = 2f32.sqrt();
        for (found, wanted) in line.points.iter().zip([-root, 0.0, 0.0, 0.0, root, 0.0]) {
            assert!((found - wanted).abs() < 1e-6, "{line:?}");
        }
        assert_eq!(map(&[3.0, 3.0, 3.0, 3.0], 2).points, [0.0; 4]);
        assert_eq!(map(&[3.0, 3.0, 3.0, 3.0], 2).explained(), [0.0; 2]);
        let thin = map(&[-1.0, 1.0], 1);
        assert_eq!((thin.points, thin.variance), (vec![-1.0, 0.0, 1.0, 0.0], 1.0));
        assert_eq!(map(&[], 4), Map::default());
    }

    #[test]
    fn directions_of_a_wide_table_are_eigenvectors() {
        let (count, columns) = (90, 40);
        let mut rows = numbers(5, count * columns);
        centre(&mut rows, columns);
        let covariance = block_on(covariance(&rows, columns, &Yielder::none()));
        let axes = block_on(largest_directions(&covariance, columns, &Yielder::none()));
        assert!(dot(&axes[0], &axes[1]).abs() < 1e-5);
        let mut values = [0.0; 2];
        for (value, axis) in values.iter_mut().zip(&axes) {
            let mut image = vec![0.0; columns];
            products(axis, &covariance, columns, 1.0, &mut image);
            *value = dot(axis, &image);
            for (image, own) in image.iter().zip(axis) {
                assert!((f64::from(*image) - *value * f64::from(*own)).abs() < 1e-5);
            }
        }
        assert!(values[0] > values[1]);
        // No other direction has more variance.
        for seed in 0..50 {
            let other = numbers(seed + 100, columns);
            let mut image = vec![0.0; columns];
            products(&other, &covariance, columns, 1.0, &mut image);
            assert!(dot(&other, &image) / dot(&other, &other) <= values[0]);
        }
    }

    #[test]
    fn procrustes_undoes_a_rotation_and_a_reflection() {
        let onto = Map { points: numbers(8, 60), variance: 1.0 };
        let (sine, cosine) = 1.1f32.sin_cos();
        for mirror in [1.0, -1.0] {
            let turned = |point: &[f32]| {
                let (x, y) = (point[0], mirror * point[1]);
                [cosine * x - sine * y, sine * x + cosine * y]
            };
            let mut map =
                Map { points: onto.points.chunks_exact(2).flat_map(turned).collect(), variance: 1.0 };
            map.align(&onto);
            for (found, wanted) in map.points.iter().zip(&onto.points) {
                assert!((found - wanted).abs() < 1e-6, "{found} for {wanted}, {mirror}");
            }
        }
    }

    #[test]
    fn a_softmax_adds_up_and_a_cosine_of_nothing_is_nothing() {
        let mut row = [1000.0, 1000.0 + 2f32.ln(), 1000.0];
        softmax(&mut row);
        for (found, wanted) in row.iter().zip([0.25, 0.5, 0.25]) {
            assert!((found - wanted).abs() < 2e-5, "{row:?}");
        }
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 2.0]), 0.0);
        assert!((cosine(&[3.0, 4.0], &[-3.0, -4.0]) + 1.0).abs() < 1e-7);
    }
}
