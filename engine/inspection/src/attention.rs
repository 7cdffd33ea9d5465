//! Attention probabilities of every head, and measures of each head's behaviour.

use super::lens::kept;
use super::probabilities::{Attention, MAX_PROBABILITIES, check, count, yield_after};
use super::{Found, Subject, Tensor};
use glasshouse_compiler::model::HookPoint;
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::{ModelConfig, random};
use std::f64::consts::LN_2;

/// Length of the random text for measuring induction, before repetition.
const REPEATED: usize = 48;

/// Seed of that text.
const SEED: u64 = 1;

pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let config = subject.lens.config().clone();
    let (layers, heads, tokens) = (config.layers, config.heads, subject.tokens);
    let (wanted, time) = (subject.layers(), tokens.len());
    check(time)?;
    let fits = MAX_PROBABILITIES / count(heads, time).max(1);
    let shown = wanted.start..wanted.end.min(wanted.start + fits);
    let sites: Vec<HookPoint> = (0..layers).map(HookPoint::QueriesKeysValues).collect();
    let packed = subject.lens.probe(tokens, &sites).await?;

    let yielder = Yielder::new();
    let mut probabilities = Vec::with_capacity(shown.len() * count(heads, time));
    let (mut scores, mut entropies) = (Vec::new(), Vec::new());
    for (layer, packed) in packed.iter().enumerate() {
        let attention = Attention::new(&config, layer, packed);
        for head in 0..heads {
            let own = attention.probabilities(head, &yielder).await;
            scores.push([previous(&own, time), first(&own, time), earlier(&own, tokens, 0), 0.0]);
            entropies.push(entropy(&own, time, &yielder).await);
            if shown.contains(&layer) {
                probabilities.extend(own);
            }
            yielder.maybe_yield().await;
        }
    }

    let mut found = Found::default();
    let repeated = repeated(&config);
    if repeated.is_empty() {
        found.notice("No query sees a two-token text twice: there is no induction score.");
    }
    for (scores, own) in scores.iter_mut().zip(induction(subject, &repeated, &sites, &yielder).await?) {
        scores[3] = own;
    }
    let numbers = shown.clone().map(|layer| layer as u32).collect();
    let scope = if shown.len() == 1 { format!("blocks.{}.attention", shown.start) } else { String::new() };
    let squares = [("L", shown.len()), ("H", heads), ("T", time), ("T", time)];
    found.floats("probabilities", &scope, &squares, probabilities);
    found.integers("layers", "", &[("L", shown.len())], numbers);
    found.floats("scores", "", &[("L", layers), ("H", heads), ("score", 4)], scores.into_flattened());
    found.floats("entropy", "", &[("L", layers), ("H", heads)], entropies).unit = "bits".to_owned();
    found.ids("repeated", "", &[("N", repeated.len())], repeated);
    if shown.is_empty() && !wanted.is_empty() {
        found.notice(format!(
            "The probabilities of a layer's {heads} heads for {time} tokens exceed {MAX_PROBABILITIES} and are left out; use the view of one head, \
             or a shorter prompt."
        ));
    } else if shown.len() < wanted.len() {
        let (count, last) = (shown.len(), shown.end.saturating_sub(1));
        found.notice(format!(
            "The probabilities of {count} of {} layers fit, up to layer {last}; choose a layer by its number.",
            wanted.len()
        ));
    }
    if time < 2 {
        found.notice("A single token has no previous one: scores on the prompt are 0.");
    } else if !(1..time).any(|at| tokens[..at].contains(&tokens[at])) {
        found.notice("No token occurs twice in the prompt: duplicate-token scores are 0.");
    }
    Ok(found)
}

/// Mean attention of every head, layer by layer, to the induction target in a repeated text; empty if there is no such text. It
/// depends only on the weights, so the lens caches it between prompts.
async fn induction(
    subject: &mut Subject<'_>,
    repeated: &[u32],
    sites: &[HookPoint],
    yielder: &Yielder,
) -> Result<Vec<f32>> {
    if repeated.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(kept) = kept::of(&subject.lens.kept.induction, &subject.lens.versions) {
        return Ok(kept.clone());
    }
    let config = subject.lens.config().clone();
    let packed: Vec<Tensor> = subject.lens.probe(repeated, sites).await?;
    let mut scores = Vec::with_capacity(packed.len() * config.heads);
    for (layer, packed) in packed.iter().enumerate() {
        let attention = Attention::new(&config, layer, packed);
        for head in 0..config.heads {
            scores.push(earlier(&attention.probabilities(head, yielder).await, repeated, 1));
            yielder.maybe_yield().await;
        }
    }
    subject.lens.kept.induction = Some((subject.lens.versions.clone(), scores.clone()));
    Ok(scores)
}

/// Distinct random tokens, repeated once; the length is limited by half the context and by the sliding window. Empty if it would
/// be a single token, because the induction target would then be the query itself.
fn repeated(config: &ModelConfig) -> Vec<u32> {
    let vocabulary = config.vocabulary;
    let seen = config.sliding_window.unwrap_or(usize::MAX);
    let length = REPEATED.min(config.context_length / 2).min(vocabulary).min(seen);
    if length < 2 {
        return Vec::new();
    }
    let mut text: Vec<u32> = Vec::with_capacity(2 * length);
    // Draw until there are enough distinct tokens; this takes longer if nearly the whole vocabulary is needed.
    let mut draws = (0..).map(|n| (random::nth(SEED, 0x1d_0c71, n) % vocabulary as u64) as u32);
    while text.len() < length {
        text.extend(draws.next().filter(|token| !text.contains(token)));
    }
    text.extend_from_within(..);
    text
}

/// Mean over queries with preceding positions; 0 if there are none.
fn mean(shares: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = shares.fold((0.0, 0), |(sum, count), share| (sum + f64::from(share), count + 1));
    if count > 0 { (sum / f64::from(count)) as f32 } else { 0.0 }
}

/// Mean attention to the previous token.
fn previous(probabilities: &[f32], time: usize) -> f32 {
    mean((1..time).map(|query| probabilities[query * time + query - 1]))
}

/// Mean attention of all other tokens to the first one.
fn first(probabilities: &[f32], time: usize) -> f32 {
    mean((1..time).map(|query| probabilities[query * time]))
}

/// Mean attention to the position `behind` steps after an earlier token equal to the query's: 0 for that token itself, 1 for its
/// successor, the target of an induction head (Olsson et al. 2022). Queries without such a token are ignored.
fn earlier(probabilities: &[f32], tokens: &[u32], behind: usize) -> f32 {
    let time = tokens.len();
    let share = |query: usize| {
        let equal = |at: &usize| tokens[*at] == tokens[query];
        let row = &probabilities[query * time..(query + 1) * time];
        let shares = (0..query).filter(equal).map(|at| row[at + behind]);
        shares.fold(None, |sum: Option<f32>, share| Some(sum.unwrap_or(0.0) + share))
    };
    mean((0..time).filter_map(share))
}

/// Entropy of a query's probabilities in bits, averaged over all queries.
async fn entropy(probabilities: &[f32], time: usize, yielder: &Yielder) -> f32 {
    let bits = |row: &[f32]| {
        // NaN stays NaN.
        let seen = row.iter().filter(|share| **share != 0.0).map(|share| f64::from(*share));
        (0.0 - seen.map(|share| share * libm::log(share)).sum::<f64>() / LN_2) as f32
    };
    let mut each = Vec::with_capacity(time);
    for (query, row) in probabilities.chunks_exact(time.max(1)).enumerate() {
        each.push(bits(row));
        yield_after(query, yielder).await;
    }
    mean(each.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::block_on;
    use glasshouse_protocol::presets;

    /// Probabilities of queries that each attend to a single position.
    fn looking_at(positions: &[usize]) -> Vec<f32> {
        let time = positions.len();
        let mut probabilities = vec![0.0; time * time];
        for (query, position) in positions.iter().enumerate() {
            probabilities[query * time + position] = 1.0;
        }
        probabilities
    }

    #[test]
    fn heads_that_look_at_one_place_score_there_alone() {
        let tokens = [7, 8, 9, 7, 8, 9];
        let scores = |positions: &[usize]| {
            let own = looking_at(positions);
            [previous(&own, 6), first(&own, 6), earlier(&own, &tokens, 0), earlier(&own, &tokens, 1)]
        };
        assert_eq!(scores(&[0, 0, 1, 2, 3, 4]), [1.0, 0.2, 0.0, 0.0]);
        assert_eq!(scores(&[0, 0, 0, 0, 0, 0]), [0.2, 1.0, 1.0 / 3.0, 0.0]);
        assert_eq!(scores(&[0, 1, 2, 0, 1, 2]), [0.0, 0.2, 1.0, 0.0]);
        assert_eq!(scores(&[0, 1, 2, 1, 2, 3]), [0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn nothing_before_is_no_score_and_even_attention_has_the_entropy_of_its_count() {
        assert_eq!([previous(&[1.0], 1), first(&[1.0], 1), earlier(&[1.0], &[3], 0)], [0.0; 3]);
        let entropy = |own: &[f32], time| block_on(entropy(own, time, &Yielder::none()));
        assert_eq!(entropy(&[1.0], 1), 0.0);
        let even = [1.0, 0.0, 0.5, 0.5];
        assert!((entropy(&even, 2) - 0.5).abs() < 1e-6);
        assert!(entropy(&[1.0, 0.0, f32::NAN, f32::NAN], 2).is_nan());
    }

    #[test]
    fn the_repeated_text_is_distinct_tokens_twice() {
        let lengths = [
            (128, 512, None, 48),
            (20, 512, None, 10),
            (128, 7, None, 7),
            (1, 9, None, 0),
            (3, 9, None, 0),
            (128, 512, Some(16), 16),
            (128, 512, Some(1), 0),
        ];
        for (context_length, vocabulary, sliding_window, length) in lengths {
            let shape = presets::gpt(vocabulary, context_length, 1, 1, 8);
            let text = repeated(&ModelConfig { sliding_window, ..shape });
            assert_eq!(text.len(), 2 * length);
            let (once, again) = text.split_at(length);
            assert_eq!(once, again);
            assert!(once.iter().enumerate().all(|(at, token)| !once[..at].contains(token)));
            assert!(text.iter().all(|token| (*token as usize) < vocabulary));
        }
    }
}
