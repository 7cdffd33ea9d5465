//! What modified Kneser–Ney smoothing takes from counts.

/// What is taken from a count of 1, of 2, and of 3 and more, so that unseen n-grams get a share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discounts(pub [f64; 3]);

/// Where the estimate is impossible, as `lmplz --discount_fallback` has them.
const FALLBACK: Discounts = Discounts([0.5, 1.0, 1.5]);

impl Discounts {
    /// The estimate of Chen and Goodman (1998, equation 26) from how many n-grams of an order have a count of 1, 2, 3 and 4:
    /// D(k) = k − (k + 1) · Y · n(k+1) / n(k), Y = n(1) / (n(1) + 2 n(2)). In a text that is too small or too regular, where n(1), n(2)
    /// or n(3) is 0 or a discount falls outside 0 … k, they are 0.5, 1 and 1.5. So where one is 0: after a context whose n-grams all
    /// have its count, unseen tokens would get no share, and a text with one of them an infinite loss (`lmplz` lets that be).
    pub fn of(counts: [u64; 4]) -> Self {
        let [one, two, three, four] = counts.map(|count| count as f64);
        let y = one / (one + 2.0 * two);
        let discounts =
            [1.0 - 2.0 * y * two / one, 2.0 - 3.0 * y * three / two, 3.0 - 4.0 * y * four / three];
        // What is 0 by the formula may be a little more by rounding.
        let is_possible = |(discount, most): (&f64, f64)| (1e-9..=most).contains(discount);
        match discounts.iter().zip([1.0, 2.0, 3.0]).all(is_possible) {
            true => Self(discounts),
            false => FALLBACK,
        }
    }

    /// What is taken from a count.
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
