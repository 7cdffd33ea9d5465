//! Sampling of the next token from logits on the host. The CPU decoder uses it, and it is the oracle for the GPU's
//! `sample.wgsl`.
//!
//! The order of operations is Hugging Face's: repetition penalty, temperature, top-k, top-p, min-p, draw.
//!
//! 0. Fixed biases and the penalties of [`Additions`] are added to the logits, only on the host.
//! 1. For each distinct token of the window, a positive logit is divided by the penalty and any other multiplied by it (Keskar
//!    et al. 2019).
//! 2. Tokens are ranked by that logit in descending order, lower ids first among equals. At temperature 0 the first one is the
//!    result. Otherwise a token weighs exp((logit − largest) / temperature).
//! 3. top-k keeps the first k. top-p keeps the shortest prefix of the rest whose weight reaches p (minus a millionth of it)
//!    times the weight of the rest (Holtzman et al. 2020). min-p then drops tokens that weigh less than `min_p`, with the
//!    most likely weighing 1 (Nguyen et al. 2024). All three keep a prefix of the ranking, at least its first token.
//! 4. The kept tokens are accumulated *in the order of their ids*, which needs no sorting: the result is the first whose
//!    cumulative weight exceeds draw × total weight.
//!
//! Weights are summed in f64 here and in f32 on the device: the two agree unless a draw lies within 1e-5 of the boundary
//! between two tokens, or the edge of the nucleus within rounding of p.

use crate::{Error, Result};
use glasshouse_protocol::{Cut, GenerateConfig, random};
use std::collections::BTreeMap;

/// Logits are clamped to ± this, so that differences stay finite; NaN ranks last.
pub const MAX_LOGIT: f32 = 1e30;

/// Factor on top-p's p. Users choose round values, which equal probabilities can reach exactly; without slack, rounding would decide.
const NUCLEUS: f64 = 0.999_999;

/// Random stream of the draws.
const DRAWS: u64 = 0x5a3b_17e0;

/// Sampling settings: the sampler's part of [`GenerateConfig`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Divisor of the logits; 0 is greedy.
    pub temperature: f32,
    /// Keep the k most likely tokens; 0 keeps all.
    pub top_k: u32,
    /// Keep the most likely tokens that together reach this probability; 1 keeps all.
    pub top_p: f32,
    /// Drop tokens less likely than this fraction of the most likely; 0 drops none.
    pub min_p: f32,
    /// Divides positive and multiplies other logits of tokens in the window; 1 is off.
    pub repetition_penalty: f32,
}

impl Sampling {
    pub fn new(config: &GenerateConfig) -> Self {
        Self {
            temperature: config.temperature,
            top_k: u32::try_from(config.top_k).unwrap_or(u32::MAX),
            top_p: config.top_p,
            min_p: config.min_p,
            repetition_penalty: config.repetition_penalty,
        }
    }
}

/// What is added to a text's logits: a bias for each of some tokens, and penalties for generated tokens, as in OpenAI's API.
#[derive(Clone, Debug)]
pub struct Additions {
    bias: Vec<(u32, f32)>,
    /// Subtracted once for each time that a token was generated.
    frequency_penalty: f32,
    /// Subtracted if it was generated.
    presence_penalty: f32,
    /// How often each token was generated.
    counts: BTreeMap<u32, u32>,
}

impl Additions {
    /// `None` if the settings add nothing.
    pub fn new(config: &GenerateConfig) -> Option<Self> {
        let &GenerateConfig { frequency_penalty, presence_penalty, ref logit_bias, .. } = config;
        let adds = frequency_penalty != 0.0 || presence_penalty != 0.0 || !logit_bias.is_empty();
        let (bias, counts) = (logit_bias.clone(), BTreeMap::new());
        adds.then_some(Self { bias, frequency_penalty, presence_penalty, counts })
    }

    /// Ids at or past `logits.len()` are ignored.
    pub fn add(&self, logits: &mut [f32]) {
        let bias = self.bias.iter().copied();
        let penalties = self.counts.iter().map(|(token, count)| {
            (*token, -(*count as f32) * self.frequency_penalty - self.presence_penalty)
        });
        for (token, added) in bias.chain(penalties) {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit += added;
            }
        }
    }

    /// Counts a generated token.
    pub fn count(&mut self, token: u32) {
        *self.counts.entry(token).or_default() += 1;
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenScore {
    pub token: u32,
    /// Natural logarithm of the token's probability.
    pub log_probability: f32,
    /// Rank among all tokens by probability, from 1; ties are broken by lower id.
    pub rank: u32,
    pub likeliest: u32,
    /// Probability of the most likely token.
    pub confidence: f32,
    /// Entropy of the distribution, in nats.
    pub entropy: f32,
    /// The most likely tokens with their log-probabilities, as many as requested.
    pub top: Vec<(u32, f32)>,
    /// ln Σ e^((x − highest) / T) over all logits x, for each requested temperature.
    pub log_sums: Vec<f32>,
}

/// The n-th draw of a generation, in [0, 1): 24 bits, so that it is exact in f32.
pub fn draw(seed: u64, n: u64) -> f32 {
    (random::nth(seed, DRAWS, n) >> 40) as f32 / 16_777_216.0
}

/// Returns the last `context_length` tokens of a prompt. Refuses an empty prompt and ids outside the vocabulary.
pub fn checked_prompt(prompt: &[u32], context_length: usize, vocabulary: usize) -> Result<&[u32]> {
    if prompt.is_empty() {
        return Err(Error::Refused("the prompt is empty; give at least one token".to_owned()));
    }
    if let Some(token) = prompt.iter().find(|token| **token as usize >= vocabulary) {
        return Err(Error::Refused(format!(
            "token {token} is outside the model's vocabulary of {vocabulary}"
        )));
    }
    Ok(prompt.split_at(prompt.len().saturating_sub(context_length)).1)
}

/// A token and its logit.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ranked {
    logit: f32,
    id: u32,
}

impl Ranked {
    /// Likelier first, then lower ids. Logits are finite here.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        other.logit.partial_cmp(&self.logit).unwrap_or(std::cmp::Ordering::Equal).then(self.id.cmp(&other.id))
    }
}

/// Logits with those of `tokens` set to −∞; ids at or past `logits.len()` are ignored.
pub fn masked(logits: &[f32], tokens: &[u32]) -> Vec<f32> {
    let mut masked = logits.to_vec();
    for token in tokens {
        if let Some(logit) = masked.get_mut(*token as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
    masked
}

/// A rule about the tokens that may continue a text, one of whose logits is finite.
pub trait Constraint: std::fmt::Debug + Send {
    /// Sets the logits of all others to −∞. The error is a sentence.
    fn mask(&mut self, logits: &mut [f32]) -> Result<(), String>;

    /// Continues the text.
    fn take(&mut self, token: u32) -> Result<(), String>;
}

/// What is kept and demanded of a text that is drawn on the host.
#[derive(Debug, Default)]
pub struct Watch {
    /// Keep the score of each token, with this many of the most likely ones.
    pub top: Option<usize>,
    /// Of the tokens so far, from the logits they were drawn from, before any sampling setting.
    pub scores: Vec<TokenScore>,
    pub constraint: Option<Box<dyn Constraint>>,
    /// Why the constraint cannot be followed any further.
    pub failure: Option<String>,
}

/// A token's score, with the `top` most likely tokens, from unmodified logits. The token must be one of them.
pub fn score(logits: &[f32], token: u32, top: usize) -> TokenScore {
    let (mut likeliest, mut most) = (0, f32::NEG_INFINITY);
    for (id, logit) in (0..).zip(logits) {
        if *logit > most {
            (likeliest, most) = (id, *logit);
        }
    }
    let (mut sum, mut products) = (0.0_f64, 0.0_f64);
    for logit in logits {
        let below = logit - most;
        let weight = f64::from(below.exp());
        sum += weight;
        // Not of an infinite logit and its weight.
        products += if weight == 0.0 { 0.0 } else { weight * f64::from(below) };
    }
    let log_sum = f64::from(most) + sum.ln();
    let own = logits[token as usize];
    let before = logits[..token as usize].iter().filter(|logit| **logit >= own).count();
    let behind = logits[token as usize..].iter().filter(|logit| **logit > own).count();
    let of = |logit: f32| (f64::from(logit) - log_sum) as f32;
    let mut ids: Vec<u32> = Vec::new();
    if top > 0 {
        ids = (0..logits.len() as u32).collect();
        let by = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
        if top < ids.len() {
            ids.select_nth_unstable_by(top, by);
            ids.truncate(top);
        }
        ids.sort_unstable_by(by);
    }
    TokenScore {
        token,
        log_probability: of(own),
        rank: (before + behind + 1) as u32,
        likeliest,
        confidence: (1.0 / sum) as f32,
        entropy: (sum.ln() - products / sum) as f32,
        top: ids.into_iter().map(|id| (id, of(logits[id as usize]))).collect(),
        log_sums: Vec::new(),
    }
}

/// Softmax of unmodified logits.
pub fn probabilities(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits.iter().map(|x| libm::exp(f64::from(*x) - f64::from(largest))).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// Entropy of probabilities, −Σ p ln p, in nats.
pub fn entropy(probabilities: &[f64]) -> f64 {
    let of = |share: &f64| if *share == 0.0 { 0.0 } else { -share * libm::log(*share) };
    probabilities.iter().map(of).sum()
}

/// The possible next tokens in the order of their ids, with their probabilities (sum 1). The penalty applies to the tokens of
/// `window`; ids at or past `logits.len()` are ignored.
pub fn distribution(logits: &[f32], window: &[u32], sampling: &Sampling) -> Vec<(u32, f64)> {
    let penalty = sampling.repetition_penalty;
    if sampling.temperature == 0.0 && penalty == 1.0 {
        return likeliest(ranked(logits)).map(|entry| (entry.id, 1.0)).into_iter().collect();
    }
    let mut kept = penalised(logits, window, penalty);
    let Some(likeliest) = likeliest(kept.iter().copied()) else { return Vec::new() };
    if sampling.temperature == 0.0 {
        return vec![(likeliest.id, 1.0)];
    }
    let top_k = sampling.top_k as usize;
    if top_k > 0 && top_k < kept.len() {
        kept.select_nth_unstable_by(top_k - 1, Ranked::order);
        kept.truncate(top_k);
    }
    let weight = |entry: &Ranked| {
        let scaled = (f64::from(entry.logit) - f64::from(likeliest.logit)) / f64::from(sampling.temperature);
        libm::exp(scaled)
    };
    if sampling.top_p < 1.0 {
        kept.sort_unstable_by(Ranked::order);
        let needed = NUCLEUS * f64::from(sampling.top_p) * kept.iter().map(weight).sum::<f64>();
        let mut sum = 0.0;
        let count = kept.iter().position(|entry| {
            sum += weight(entry);
            sum >= needed
        });
        kept.truncate(count.map_or(kept.len(), |last| last + 1));
    }
    if sampling.min_p > 0.0 {
        kept.retain(|entry| entry.id == likeliest.id || weight(entry) >= f64::from(sampling.min_p));
    }
    kept.sort_unstable_by_key(|entry| entry.id);
    let mut weights: Vec<(u32, f64)> = kept.iter().map(|entry| (entry.id, weight(entry))).collect();
    let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
    weights.iter_mut().for_each(|(_, weight)| *weight /= total);
    weights
}

/// A possible next token, and the effect of each setting on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explained {
    pub id: u32,
    /// Rank by the model's own probability, from 1.
    pub rank: usize,
    /// Softmax of the unmodified logits.
    pub probability: f64,
    /// Softmax after repetition penalty and temperature; at temperature 0, 1 for the most likely token.
    pub tempered: f64,
    /// Final probability; 0 if cut off by a setting.
    pub drawn: f64,
    /// The first setting that cut it off.
    pub cut_by: Option<Cut>,
}

/// All tokens of the vocabulary, most likely first, with their probabilities before and after each setting of [`distribution`].
pub fn explain(logits: &[f32], window: &[u32], sampling: &Sampling) -> Vec<Explained> {
    let mut order: Vec<Ranked> = ranked(logits).collect();
    let plain: Vec<f32> = order.iter().map(|entry| entry.logit).collect();
    let probabilities = probabilities(&plain);
    let unlimited = Sampling { top_k: 0, top_p: 1.0, min_p: 0.0, ..*sampling };
    // Kept tokens after each setting, in order of application.
    let stages = [
        (Cut::TopK, Sampling { top_k: sampling.top_k, ..unlimited }),
        (Cut::TopP, Sampling { top_k: sampling.top_k, top_p: sampling.top_p, ..unlimited }),
        (Cut::MinP, *sampling),
    ];
    let by_id = |sampling: &Sampling| {
        let mut table = vec![0.0; logits.len()];
        for (id, probability) in distribution(logits, window, sampling) {
            if let Some(entry) = table.get_mut(id as usize) {
                *entry = probability;
            }
        }
        table
    };
    let tempered = by_id(&unlimited);
    let after: Vec<(Cut, Vec<f64>)> = stages.iter().map(|(cut, stage)| (*cut, by_id(stage))).collect();
    let drawn = by_id(sampling);
    order.sort_unstable_by(Ranked::order);
    let entry = |(place, ranked): (usize, &Ranked)| {
        let id = ranked.id as usize;
        let at = |table: &[f64]| table.get(id).copied().unwrap_or(0.0);
        let cut = || after.iter().find(|(_, table)| at(table) == 0.0).map(|(cut, _)| *cut);
        Explained {
            id: ranked.id,
            rank: place + 1,
            probability: at(&probabilities),
            tempered: at(&tempered),
            drawn: at(&drawn),
            // At temperature 0 the temperature leaves a single token, and a weight that underflows was not cut by any setting.
            cut_by: if at(&tempered) == 0.0 { None } else { cut() },
        }
    };
    order.iter().enumerate().map(entry).collect()
}

/// An excerpt of [`explain`], and totals over all tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The most likely tokens in descending order, and the chosen one.
    pub entries: Vec<Explained>,
    /// Entropy of the model's own distribution, in bits.
    pub entropy_bits: f64,
    /// Number of tokens that no setting cut off.
    pub kept: usize,
}

/// The `count` most likely tokens of [`explain`], and the `chosen` one, regardless of its rank.
pub fn explain_likeliest(
    logits: &[f32],
    window: &[u32],
    sampling: &Sampling,
    count: usize,
    chosen: Option<u32>,
) -> Listed {
    let mut entries = explain(logits, window, sampling);
    let probabilities: Vec<f64> = entries.iter().map(|entry| entry.probability).collect();
    let entropy_bits = entropy(&probabilities) / core::f64::consts::LN_2;
    let kept = entries.iter().filter(|entry| entry.drawn > 0.0).count();
    entries.retain(|entry| entry.rank <= count || Some(entry.id) == chosen);
    Listed { entries, entropy_bits, kept }
}

/// The token that a draw in [0, 1) selects; 0 for an empty distribution.
pub fn choose(distribution: &[(u32, f64)], draw: f32) -> u32 {
    let mut end = 0.0;
    let found = distribution.iter().find(|(_, probability)| {
        end += probability;
        end > f64::from(draw)
    });
    // Rounding can leave the last end slightly below a draw close to 1.
    found.or(distribution.last()).map_or(0, |(id, _)| *id)
}

pub fn sample(logits: &[f32], window: &[u32], sampling: &Sampling, draw: f32) -> u32 {
    choose(&distribution(logits, window, sampling), draw)
}

/// Clamps a logit; NaN becomes the minimum.
fn clamped(logit: f32) -> f32 {
    if logit.is_nan() { -MAX_LOGIT } else { logit.clamp(-MAX_LOGIT, MAX_LOGIT) }
}

/// All tokens in the order of their ids.
fn ranked(logits: &[f32]) -> impl Iterator<Item = Ranked> {
    logits.iter().zip(0u32..).map(|(logit, id)| Ranked { logit: clamped(*logit), id })
}

/// The most likely entry; the first among equals.
fn likeliest(entries: impl Iterator<Item = Ranked>) -> Option<Ranked> {
    entries.reduce(|best, entry| if entry.logit > best.logit { entry } else { best })
}

fn penalised(logits: &[f32], window: &[u32], penalty: f32) -> Vec<Ranked> {
    let mut entries: Vec<Ranked> = ranked(logits).collect();
    if penalty != 1.0 {
        for token in window {
            if let (Some(entry), Some(logit)) =
                (entries.get_mut(*token as usize), logits.get(*token as usize))
            {
                let logit = clamped(*logit);
                entry.logit = clamped(if logit > 0.0 { logit / penalty } else { logit * penalty });
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: Sampling =
        Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, repetition_penalty: 1.0 };

    #[test]
    fn an_explanation_names_the_setting_that_cut_a_token_off() {
        let logits = [3.0, 2.0, 1.0, 0.0, -1.0];
        let sampling = Sampling { top_k: 3, min_p: 0.3, ..PLAIN };
        let explained = explain(&logits, &[], &sampling);
        let cuts: Vec<_> = explained.iter().map(|entry| entry.cut_by).collect();
        assert_eq!(cuts, [None, None, Some(Cut::MinP), Some(Cut::TopK), Some(Cut::TopK)]);
        let nucleus = explain(&logits, &[], &Sampling { top_p: 0.6, ..PLAIN });
        assert_eq!(nucleus[1].cut_by, Some(Cut::TopP));
        let sum = |of: fn(&Explained) -> f64| explained.iter().map(of).sum::<f64>();
        for total in [sum(|entry| entry.probability), sum(|entry| entry.tempered), sum(|entry| entry.drawn)] {
            assert!((total - 1.0).abs() < 1e-9);
        }
        let penalised = explain(&logits, &[0], &Sampling { repetition_penalty: 4.0, ..PLAIN });
        assert_eq!((penalised[0].id, penalised[0].rank), (0, 1));
        assert!(penalised[0].tempered < penalised[0].probability);
    }

    #[test]
    fn a_masked_token_is_never_drawn() {
        let logits = [9.0, 8.0, 1.0, 0.5];
        for temperature in [0.0, 1.0, 100.0] {
            let kept = distribution(&masked(&logits, &[0, 1, 7]), &[], &Sampling { temperature, ..PLAIN });
            assert!(kept.iter().all(|(id, share)| *id > 1 || *share == 0.0), "{kept:?}");
            let drawn = [0.0, 0.3, 0.7, 0.999_999].map(|draw| choose(&kept, draw));
            assert!(drawn.iter().all(|id| [2, 3].contains(id)), "{drawn:?}");
        }
    }

    /// Reference implementation: sort everything, then cut three times.
    fn sorted(logits: &[f32], window: &[u32], sampling: &Sampling) -> Vec<(u32, f64)> {
        let mut logits = logits.to_vec();
        let mut seen = window.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            let logit = &mut logits[token as usize];
            *logit = if *logit < 0.0 {
                *logit * sampling.repetition_penalty
            } else {
                *logit / sampling.repetition_penalty
            };
        }
        let mut ranking: Vec<usize> = (0..logits.len()).collect();
        ranking.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
        let largest = f64::from(logits[ranking[0]]);
        let weight = |id: usize| ((f64::from(logits[id]) - largest) / f64::from(sampling.temperature)).exp();
        if sampling.temperature == 0.0 {
            return vec![(ranking[0] as u32, 1.0)];
        }
        if sampling.top_k > 0 {
            ranking.truncate(sampling.top_k as usize);
        }
        let total: f64 = ranking.iter().map(|id| weight(*id)).sum();
        let mut before = 0.0;
        ranking = ranking
            .into_iter()
            .enumerate()
            .filter(|(place, id)| {
                let kept = *place == 0
                    || sampling.top_p >= 1.0
                    || before < NUCLEUS * f64::from(sampling.top_p) * total;
                before += weight(*id);
                kept
            })
            .map(|(_, id)| id)
            .filter(|id| weight(*id) >= f64::from(sampling.min_p))
            .collect();
        ranking.sort_unstable();
        let total: f64 = ranking.iter().map(|id| weight(*id)).sum();
        ranking.iter().map(|id| (*id as u32, weight(*id) / total)).collect()
    }

    fn ids(distribution: &[(u32, f64)]) -> Vec<u32> {
        distribution.iter().map(|(id, _)| *id).collect()
    }

    #[test]
    fn each_setting_keeps_what_it_says() {
        let logits = [1.0, 3.0, 2.0, 3.0, -1.0];
        assert_eq!(ids(&distribution(&logits, &[], &PLAIN)), [0, 1, 2, 3, 4]);
        assert_eq!(ids(&distribution(&logits, &[], &Sampling { temperature: 0.0, ..PLAIN })), [1]);
        assert_eq!(ids(&distribution(&logits, &[], &Sampling { top_k: 1, ..PLAIN })), [1]);
        assert_eq!(ids(&distribution(&logits, &[], &Sampling { top_k: 3, ..PLAIN })), [1, 2, 3]);
        // Tokens 1 and 3 have 0.4 each, 2 has 0.15.
        assert_eq!(ids(&distribution(&logits, &[], &Sampling { top_p: 0.3, ..PLAIN })), [1]);
        assert_eq!(ids(&distribution(&logits, &[], &Sampling { top_p: 0.79, ..PLAIN })), [1, 3]);
        assert_eq!(ids(&distribution(&logits, &[], &Sampling { top_p: 0.85, ..PLAIN })), [1, 2, 3]);
        assert_eq!(ids(&distribution(&logits, &[], &Sampling { min_p: 0.3, ..PLAIN })), [1, 2, 3]);
        assert_eq!(ids(&distribution(&logits, &[], &Sampling { min_p: 1.0, ..PLAIN })), [1, 3]);
        let greedy = Sampling { temperature: 0.0, repetition_penalty: 2.0, ..PLAIN };
        assert_eq!(ids(&distribution(&logits, &[1, 3, 1], &greedy)), [2]);
        assert_eq!(ids(&distribution(&[-1.0, -1.5], &[0], &greedy)), [1]);
    }

    #[test]
    fn what_is_not_finite_is_survived() {
        let logits = [f32::NAN, f32::NEG_INFINITY, 1.0, f32::NAN];
        assert_eq!(sample(&logits, &[], &PLAIN, 0.999), 2);
        assert_eq!(sample(&[f32::INFINITY, 0.0], &[0, 7], &Sampling { temperature: 0.01, ..PLAIN }, 0.5), 0);
        assert_eq!(sample(&[f32::NAN; 3], &[], &Sampling { temperature: 0.0, ..PLAIN }, 0.5), 0);
    }

    #[test]
    fn draws_fall_as_often_as_the_probabilities_say() {
        let logits = [0.0f32, 1.0, 2.0];
        let distribution = distribution(&logits, &[], &PLAIN);
        let mut counts = [0usize; 3];
        for n in 0..20_000 {
            counts[choose(&distribution, draw(7, n)) as usize] += 1;
        }
        for (count, (_, probability)) in counts.iter().zip(&distribution) {
            let share = *count as f64 / 20_000.0;
            assert!((share - probability).abs() < 0.015, "{share} against {probability}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_sorting_everything(
            logits in prop::collection::vec((-8i32..8).prop_map(|step| step as f32 * 0.75), 1..40),
            window in prop::collection::vec(0u32..40, 0..12),
            temperature in prop::sample::select(vec![0.0f32, 0.3, 0.8, 1.0, 2.0]),
            top_k in 0u32..12,
            top_p in prop::sample::select(vec![0.05f32, 0.5, 0.83, 0.97, 1.0]),
            min_p in prop::sample::select(vec![0.0f32, 0.05, 0.31, 1.0]),
            repetition_penalty in prop::sample::select(vec![1.0f32, 1.3, 0.7]),
        ) {
            let window: Vec<u32> = window.into_iter().filter(|id| (*id as usize) < logits.len()).collect();
            let sampling = Sampling { temperature, top_k, top_p, min_p, repetition_penalty };
            let ours = distribution(&logits, &window, &sampling);
            let plain = sorted(&logits, &window, &sampling);
            prop_assert_eq!(ids(&ours), ids(&plain));
            for (one, other) in ours.iter().zip(&plain) {
                prop_assert!((one.1 - other.1).abs() < 1e-12);
            }
            let sum: f64 = ours.iter().map(|(_, probability)| probability).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9);
        }
    }
}
