//! Discounts of modified Kneser–Ney smoothing.

/// Amounts subtracted from counts of 1, 2, and 3 or more, to give unseen n-grams a share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discounts(pub [f64; 3]);

/// Values of `lmplz --discount_fallback` if the estimate is impossible.
const FALLBACK: Discounts = Discounts([0.5, 1.0, 1.5]);

impl Discounts {
    /// The estimate of Chen and Goodman (1998, equation 26) from the numbers of n-grams of an order with a count of 1, 2, 3 and
    /// 4: D(k) = k − (k + 1) · Y · n(k+1) / n(k), Y = n(1) / (n(1) + 2 n(2)). For texts that are too small or too regular (n(1),
    /// n(2) or n(3) is 0, or a discount is outside 0 … k), it is 0.5, 1 and 1.5. The same if a discount is 0: after a context
    /// whose n-grams all have that count, unseen tokens would get no share, and a text with one an infinite loss (`lmplz` allows
    /// that).
    pub fn from_counts(counts: [u64; 4]) -> Self {
        let [one, two, three, four] = counts.map(|count| count as f64);
        let y = one / (one + 2.0 * two);
        let discounts =
            [1.0 - 2.0 * y * two / one, 2.0 - 3.0 * y * three / two, 3.0 - 4.0 * y * four / three];
        // A discount of 0 may be slightly positive by rounding.
        let is_possible = |(discount, most): (&f64, f64)| (1e-9..=most).contains(discount);
        match discounts.iter().zip([1.0, 2.0, 3.0]).all(is_possible) {
            true => Self(discounts),
            false => FALLBACK,
        }
    }

    pub fn from(&self, count: u32) -> f64 {
        let Self([one, two, more]) = *self;
        match count {
            0 => 0.0,
            1 => one,
            2 => two,
            _ => more,
        }
    }
}
