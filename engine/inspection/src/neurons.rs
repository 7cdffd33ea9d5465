//! An MLP's neurons: the most active ones for a prompt, and the passages of validation text that activate one of them most.

use super::outputs::largest;
use super::{Found, Subject, Tensor};
use glasshouse_compiler::model::HookPoint;
use glasshouse_platform::Result;
use glasshouse_protocol::inspect::{ActivatingPassage, Detail, TokenText};
use glasshouse_text::data::{Split, TokenStore};
use std::ops::Range;

/// Windows searched, spread over the validation text.
const WINDOWS: u64 = 32;
/// Tokens of a passage, tokens before its peak, and the minimum worth showing.
const PASSAGE: usize = 32;
const BEFORE: usize = 20;
const MIN_PASSAGE: usize = 8;

/// neurons [N] of a layer, ordered by |activation| at the position, their activations [N] there, and hidden [T, N]: their
/// activations at every position. With a selected neuron, also [`Detail::Passages`].
pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let (tokens, position, layer) = (subject.tokens, subject.position, subject.layer());
    let hidden = subject.values(HookPoint::Hidden(layer)).await?;
    let here = hidden.row(position);
    let strengths: Vec<f32> = here.iter().map(|activation| activation.abs()).collect();
    let neurons = largest(&strengths, subject.settings.count);
    let of = |row: &[f32]| -> Vec<f32> { neurons.iter().map(|neuron| row[*neuron as usize]).collect() };
    let scope = format!("blocks.{layer}.mlp");
    let (mut found, count) = (Found::default(), neurons.len());
    found.floats("activations", &scope, &[("N", count)], of(here));
    found.floats(
        "hidden",
        &scope,
        &[("T", tokens.len()), ("N", count)],
        hidden.rows().flat_map(of).collect(),
    );
    found.integers("neurons", &scope, &[("N", count)], neurons);
    if let Some(neuron) = subject.settings.neuron {
        match subject.validation_text() {
            Ok(Some(store)) => found.detail(passages(subject, &store, layer, neuron).await?),
            Ok(None) => found.notice("The run has no validation text to search for passages."),
            Err(error) => found.notice(format!("The validation text cannot be read: {error}.")),
        }
    }
    Ok(found)
}

/// A neuron's or feature's activations in a window of text.
#[derive(Clone, Debug)]
pub struct ActivationWindow {
    tokens: Vec<u32>,
    activations: Vec<f32>,
    /// Positions already part of a passage.
    shown: Vec<bool>,
}

impl ActivationWindow {
    /// One activation for each token.
    pub fn new(tokens: Vec<u32>, activations: Vec<f32>) -> Self {
        Self { shown: vec![false; tokens.len()], tokens, activations }
    }

    /// The passage around a peak, without positions of other passages. So a peak is the maximum of its passage.
    fn around(&self, peak: usize) -> Range<usize> {
        let free = |at: &usize| self.shown.get(*at) == Some(&false);
        let before = (peak.saturating_sub(BEFORE)..peak).rev().take_while(free).count();
        let behind = (peak..peak - before + PASSAGE).take_while(free).count();
        peak - before..peak + behind
    }
}

/// The passages that activate a neuron most.
async fn passages(
    subject: &mut Subject<'_>,
    store: &TokenStore,
    layer: usize,
    neuron: usize,
) -> Result<Detail> {
    let (context, length) = (subject.lens.config().context_length as u64, store.len(Split::Validation));
    let count = length.div_ceil(context).min(WINDOWS);
    let (mut windows, mut searched) = (Vec::new(), 0);
    for window in 0..count {
        let [start, end] = [window, window + 1].map(|window| window * length / count);
        let tokens = store.read(Split::Validation, start, (end - start).min(context) as usize)?;
        let hidden =
            subject.lens.probe(&tokens, &[HookPoint::Hidden(layer)]).await?.pop().unwrap_or_default();
        searched += tokens.len();
        windows.push(ActivationWindow::new(tokens, column(&hidden, neuron)));
    }
    let passages = top_passages(windows, subject.settings.count, |id| subject.token(id));
    Ok(Detail::Passages { passages, searched })
}

/// The `count` passages around the largest activations, which do not overlap, the largest first.
pub fn top_passages(
    mut windows: Vec<ActivationWindow>,
    count: usize,
    token: impl Fn(u32) -> TokenText,
) -> Vec<ActivatingPassage> {
    let mut peaks: Vec<(f32, usize, usize)> = Vec::new();
    for (number, window) in windows.iter().enumerate() {
        peaks.extend(window.activations.iter().enumerate().map(|(at, activation)| (*activation, number, at)));
    }
    peaks.sort_unstable_by(|one, other| {
        other.0.total_cmp(&one.0).then((one.1, one.2).cmp(&(other.1, other.2)))
    });
    let mut passages = Vec::new();
    for (_, number, peak) in peaks {
        if passages.len() == count {
            break;
        }
        let window = &mut windows[number];
        if window.shown[peak] {
            continue;
        }
        let range = window.around(peak);
        if range.len() < MIN_PASSAGE.min(window.tokens.len()) {
            continue;
        }
        window.shown[range.clone()].fill(true);
        passages.push(ActivatingPassage {
            tokens: window.tokens[range.clone()].iter().map(|id| token(*id)).collect(),
            activations: window.activations[range.clone()].to_vec(),
            peak: peak - range.start,
        });
    }
    passages
}

fn column(matrix: &Tensor, at: usize) -> Vec<f32> {
    matrix.rows().map(|row| row[at]).collect()
}
