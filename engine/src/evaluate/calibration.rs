//! Whether a model is as sure as it is right: the expected calibration error of the likeliest token, and the temperature that would mend it
//! (Guo et al. 2017, "On calibration of modern neural networks").

use super::documents::{Document, HeldOut};
use super::windows::Window;
use super::{Scorer, Scoring};
use crate::error::Result;
use crate::evaluation::metrics::calibration::{NONE, Sums, add, bins, ece};
use crate::evaluation::statistics::Bootstrap;
use crate::platform::Turns;
use crate::protocol::evaluation::{Better, Calibration, Metric};
use crate::protocol::random::nth;
use crate::tokenizer::Tokenizer;
use std::ops::Range;

/// Resamples of an interval of the error: each adds up all bins.
const RESAMPLES: u32 = 1000;

/// Tokens whose logits are kept for the temperature, and logits of all of them together, at most.
const TOKENS: usize = 16_384;
const ENTRIES: usize = 16 << 20;

/// Stretches of the text that those tokens are of.
const STRETCHES: usize = 512;

/// Stretches that are scored together.
const TOGETHER: usize = 32;

/// What decides where a stretch lies.
const DRAWN: u64 = 0x7465_6d70;

/// Newton's steps, and how far 1/T may go.
const STEPS: usize = 20;
const SMALLEST: f64 = 0.05;
const LARGEST: f64 = 20.0;

/// Rows of logits between which others have their turn.
const ROWS: usize = 64;

/// What all units come to.
fn sum(units: &[Sums]) -> Sums {
    units.iter().fold(NONE, |mut sum, unit| {
        sum.iter_mut().zip(unit).for_each(|(sum, part)| *sum += part);
        sum
    })
}

/// The error of tokens counted in units, which are what is drawn again for its interval.
async fn metric(units: &[Sums], bootstrap: &Bootstrap, turns: &Turns) -> Metric {
    let bins = sum(units);
    let tokens: f64 = bins.iter().step_by(3).sum();
    let bootstrap = Bootstrap { resamples: bootstrap.resamples.min(RESAMPLES), ..*bootstrap };
    Metric {
        name: "ece".to_owned(),
        value: Some(ece(&bins)).filter(|value| value.is_finite()),
        interval: bootstrap.sums_in_turns(units, |sums| ece(&sums), &async || turns.give().await).await,
        better: Better::Lower,
        count: tokens as u64,
        of: "tokens".to_owned(),
        signature: None,
    }
}

/// What the tokens of a whole text come to, counted in units, and the temperature of a sample of them.
///
/// # Errors
/// As [`Scorer::score`].
pub(super) async fn calibration(
    scorer: &mut Scorer,
    tokenizer: &Tokenizer,
    held_out: &HeldOut,
    units: &[Sums],
    bootstrap: &Bootstrap,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<Calibration> {
    let bins = bins(&sum(units));
    let [fitted, checked] = sample(scorer, tokenizer, held_out, tell).await?;
    let inverse = fit(&fitted).await;
    let turns = Turns::new();
    let mut of = Vec::new();
    for inverse in [1.0, inverse] {
        let mut units = Vec::with_capacity(checked.len());
        for stretch in &checked {
            let mut bins = NONE;
            for (token, logits) in stretch.rows() {
                let (likeliest, confidence) = surest(logits, inverse);
                add(&mut bins, confidence, likeliest == *token);
            }
            units.push(bins);
            turns.give().await;
        }
        of.push(metric(&units, bootstrap, &turns).await);
    }
    let with = of.pop().unwrap_or_default();
    let checked = [of.pop().unwrap_or_default(), with];
    let ece = metric(units, bootstrap, &turns).await;
    Ok(Calibration { bins, ece, temperature: 1.0 / inverse, checked })
}

/// Tokens of a stretch of the text, and their logits [N, V].
#[derive(Debug, Default)]
struct Stretch {
    tokens: Vec<u32>,
    logits: Vec<f32>,
}

impl Stretch {
    fn rows(&self) -> impl Iterator<Item = (&u32, &[f32])> {
        let columns = self.logits.len() / self.tokens.len().max(1);
        self.tokens.iter().zip(self.logits.chunks_exact(columns.max(1)))
    }
}

/// Tokens whose logits are still to be computed.
#[derive(Debug)]
struct Waiting {
    /// What is read, and the last token that is scored.
    tokens: Vec<u32>,
    from: usize,
    /// Which of the scored ones count.
    predicted: Vec<bool>,
}

/// The logits of some tokens from all over the text: of every other stretch in either half.
async fn sample(
    scorer: &mut Scorer,
    tokenizer: &Tokenizer,
    held_out: &HeldOut,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<[Vec<Stretch>; 2]> {
    let (columns, window) = (scorer.config().outputs(), scorer.config().context_length);
    let budget = (ENTRIES / columns).clamp(2, TOKENS);
    let documents = held_out.count().min(STRETCHES);
    let share = (budget / held_out.parts().min(STRETCHES)).max(1);
    let (mut waiting, mut found) = (Vec::new(), Vec::new());
    for document in 0..documents {
        let whole = held_out.document(document * held_out.count() / documents, tokenizer)?;
        let windows = whole.windows(window, window.div_ceil(2), held_out.separate);
        for part in &whole.parts {
            waiting.extend(stretch(&whole, &windows, &part.tokens, share, waiting.len() + found.len()));
        }
        if waiting.len() >= TOGETHER || document + 1 == documents {
            let scorings: Vec<Scoring<'_>> =
                waiting.iter().map(|Waiting { tokens, from, .. }| Scoring { tokens, from: *from }).collect();
            let logits = scorer.logits(&scorings, &mut |_, _| ()).await?;
            for (Waiting { tokens, from, predicted }, logits) in waiting.drain(..).zip(logits) {
                let mut own = Stretch::default();
                let scored = tokens.iter().skip(from).zip(logits.chunks_exact(columns)).zip(predicted);
                for ((token, row), _) in scored.filter(|(_, predicted)| *predicted) {
                    own.tokens.push(*token);
                    own.logits.extend_from_slice(row);
                }
                found.push(own);
            }
            tell(document as u64 + 1, documents as u64);
        }
    }
    let mut halves = [Vec::new(), Vec::new()];
    for (number, stretch) in found.into_iter().enumerate() {
        halves[number % 2].push(stretch);
    }
    Ok(halves)
}

/// So many tokens of a part of a document, from anywhere in one of its windows; none where nothing is predicted there.
fn stretch(
    document: &Document,
    windows: &[Window],
    part: &Range<usize>,
    share: usize,
    number: usize,
) -> Option<Waiting> {
    let within = |window: &Window| window.from.max(part.start)..window.tokens.end.min(part.end);
    let predicted = |at: usize| document.predicted.get(at) == Some(&true);
    let fit: Vec<&Window> = windows.iter().filter(|window| within(window).any(predicted)).collect();
    let draw = nth(DRAWN, 0, number as u64) as usize;
    let window = fit.get(draw % fit.len().max(1))?;
    let places = within(window);
    let first = places.start + nth(DRAWN, 1, number as u64) as usize % places.len();
    let first =
        (first..places.end).find(|at| predicted(*at)).or_else(|| places.clone().find(|at| predicted(*at)))?;
    let end = (first + share).min(places.end);
    // The more of them where the window ends soon.
    let from = first.min(end.saturating_sub(share).max(places.start));
    Some(Waiting {
        tokens: document.tokens.get(window.tokens.start..end)?.to_vec(),
        from: from - window.tokens.start,
        predicted: document.predicted.get(from..end)?.to_vec(),
    })
}

/// 1/T of the lowest loss, by Newton's method: the loss is convex in it.
async fn fit(stretches: &[Stretch]) -> f64 {
    let (turns, mut inverse) = (Turns::new(), 1.0_f64);
    for _ in 0..STEPS {
        let (mut slope, mut curvature, mut rows) = (0.0, 0.0, 0);
        for (token, logits) in stretches.iter().flat_map(Stretch::rows) {
            let (mean, variance) = moments(logits, inverse);
            let own = logits.get(*token as usize).copied().map_or(mean, f64::from);
            slope += mean - own;
            curvature += variance;
            rows += 1;
            if rows % ROWS == 0 {
                turns.give().await;
            }
        }
        let step = slope / curvature;
        if !step.is_finite() {
            break;
        }
        // Far from the lowest point the second derivative promises too much.
        let next = (inverse - step).clamp(inverse / 2.0, inverse * 2.0).clamp(SMALLEST, LARGEST);
        let moved = (next - inverse).abs();
        inverse = next;
        if moved < 1e-6 * inverse {
            break;
        }
    }
    inverse
}

/// Mean and variance of logits under the probabilities that they have at a temperature.
fn moments(logits: &[f32], inverse: f64) -> (f64, f64) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
    for logit in logits {
        let above = f64::from(*logit) - f64::from(most);
        let weight = f64::from(((inverse * above) as f32).exp());
        sum += weight;
        first += weight * above;
        second += weight * above * above;
    }
    let mean = first / sum;
    (mean + f64::from(most), (second / sum - mean * mean).max(0.0))
}

/// The likeliest token and its probability at a temperature.
fn surest(logits: &[f32], inverse: f64) -> (u32, f64) {
    let (mut likeliest, mut most) = (0, f32::NEG_INFINITY);
    for (id, logit) in (0..).zip(logits) {
        if *logit > most {
            (likeliest, most) = (id, *logit);
        }
    }
    let above = |logit: &f32| ((inverse * (f64::from(*logit) - f64::from(most))) as f32).exp();
    (likeliest, 1.0 / logits.iter().map(|logit| f64::from(above(logit))).sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pollster::block_on;

    #[test]
    fn a_temperature_undoes_what_logits_were_multiplied_by() {
        // Two tokens with 3 : 1, drawn as often, and logits three times too far apart.
        let logits = [3.0 * 3.0_f32.ln(), 0.0];
        let stretch = Stretch { tokens: vec![0, 0, 0, 1], logits: logits.repeat(4) };
        let inverse = block_on(fit(&[stretch]));
        assert!((1.0 / inverse - 3.0).abs() < 1e-4, "{inverse}");
        let (likeliest, confidence) = surest(&logits, inverse);
        assert_eq!(likeliest, 0);
        assert!((confidence - 0.75).abs() < 1e-5);
        // Nothing to learn from leaves it.
        assert_eq!(block_on(fit(&[])), 1.0);
    }
}
