//! A long text in windows that overlap, so that no token but the first ones is predicted from little.

use super::{Detail, Scorer, TokenScore};
use crate::error::{Error, Result};

/// Scores each token of a text but the first once, with at least window − `stride` tokens before it where there are as many; `stride` is
/// clamped to 1 … window. A text that begins with the token that ends texts has all of its own tokens scored.
///
/// # Errors
/// As [`Scorer::score`].
pub async fn score_text(
    _scorer: &mut Scorer,
    _tokens: &[u32],
    _stride: usize,
    _detail: Detail,
    _tell: &mut dyn FnMut(u64, u64),
) -> Result<Vec<TokenScore>> {
    Err(Error::Internal("nothing scores yet".to_owned()))
}
