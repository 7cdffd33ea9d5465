//! Tokens shaded by value.

use crate::pages::prelude::*;
use glasshouse_protocol::inspect::TokenText;

/// Tokens as pieces of a text, shaded by value relative to `most`; the one at index `underlined` is underlined.
pub fn shaded_tokens(
    palette: &Palette,
    tokens: &[TokenText],
    values: &[f32],
    most: f32,
    underlined: usize,
) -> Vec<Piece> {
    let piece = |(place, token): (usize, &TokenText)| {
        let value = values.get(place).copied().unwrap_or(0.0);
        let text = visible(&token.text);
        Piece {
            hover: format!("{place} {text}: {}", format::signed(value, 4)),
            text,
            // At most half of the full colour, so that text stays readable on it.
            fill: theme::signed(palette, value / most * 0.5),
            line: if place == underlined { palette.text } else { Color32::TRANSPARENT },
            lit: false,
        }
    };
    tokens.iter().enumerate().map(piece).collect()
}

/// The largest absolute value; never 0.
pub fn largest<'a>(values: impl IntoIterator<Item = &'a f32>) -> f32 {
    let finite = values.into_iter().filter(|value| value.is_finite());
    finite.fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()))
}
