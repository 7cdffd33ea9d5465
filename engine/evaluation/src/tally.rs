//! Sums over the scored tokens of documents; individual scores are not kept.

use super::TokenScore;
use super::documents::{Document, HeldOut};
use super::errors::{KINDS, KindOfTokens, WORST, WorstTokens, kinds};
use super::frequencies::{Frequencies, GROUPS};
use super::temperatures::{GRID, grid, lowest};
use super::windows::Window;
use glasshouse_metrics::metrics::calibration::{self, Sums};
use glasshouse_metrics::statistics::{self, Bootstrap, finite, metric, sum};
use glasshouse_platform::Yielder;
use glasshouse_protocol::evaluation::{DocumentLoss, Metric};
use glasshouse_text::tokenizer::Tokenizer;
use std::collections::HashMap;

/// Maximum number of units; units are runs of neighbouring documents, resampled by [`Bootstrap`].
const UNITS: usize = 2048;

/// Rank up to which a token counts for top-5 accuracy.
const TOP: u32 = 5;

#[derive(Clone, Debug)]
struct UnitSums {
    nats: f64,
    tokens: f64,
    bytes: f64,
    right: f64,
    right_of_5: f64,
    bins: Sums,
    /// Calibration sums on the half that checks the temperature: without and with it.
    checked: [Sums; 2],
    /// Nats and tokens per frequency group, kind and source.
    groups: Vec<[f64; 2]>,
}

pub(super) struct Tally<'text> {
    frequencies: &'text Frequencies,
    documents: usize,
    sources: usize,
    passages: bool,
    units: Vec<UnitSums>,
    /// Per document or passage.
    pub(super) by_document: Vec<DocumentLoss>,
    /// For each entry of `by_document`: the document's number, and the part's index in it.
    pub(super) places: Vec<(usize, usize)>,
    pub(super) worst: WorstTokens,
    worst_of_kinds: Vec<WorstTokens>,
    /// The current document, the index of its first part in the lists, and its tokens' kinds.
    under_way: Option<(usize, usize, Vec<u8>)>,
    /// Index of each document's first part in the lists.
    firsts: HashMap<usize, usize>,
    /// Inverse temperatures, and the nats at each of them on the half used for fitting.
    grid: [f64; GRID],
    nats: [f64; GRID],
    /// Number of tokens in the half used for fitting.
    pub(super) fitted_tokens: u64,
}

impl<'text> Tally<'text> {
    pub(super) fn new(held_out: &HeldOut, frequencies: &'text Frequencies) -> Self {
        Self {
            frequencies,
            documents: held_out.count(),
            sources: held_out.sources.len(),
            passages: held_out.passages,
            units: Vec::new(),
            by_document: Vec::new(),
            places: Vec::new(),
            worst: WorstTokens::new(WORST),
            worst_of_kinds: vec![WorstTokens::new(1); KINDS.len()],
            under_way: None,
            firsts: HashMap::new(),
            grid: grid(),
            nats: [0.0; GRID],
            fitted_tokens: 0,
        }
    }

    /// Adds a window's scores: with log sums at all temperatures for fitting, or at one for checking. Within each half,
    /// a document's windows must be consecutive.
    pub(super) fn note(
        &mut self,
        number: usize,
        document: &Document,
        window: &Window,
        scores: &[TokenScore],
    ) {
        if self.under_way.as_ref().is_none_or(|(own, ..)| *own != number) {
            let kinds = kinds(document, self.frequencies);
            let known = self.firsts.get(&number).copied();
            let first = known.unwrap_or(self.by_document.len());
            self.firsts.insert(number, first);
            self.under_way = Some((number, first, kinds));
            for (part, own) in document.parts.iter().enumerate().filter(|_| known.is_none()) {
                let text = document.text.get(own.text.clone()).unwrap_or_default();
                let text_crc32c = crc32c::crc32c(text.as_bytes());
                self.by_document.push(DocumentLoss {
                    text_crc32c,
                    bytes: own.bytes,
                    ..DocumentLoss::default()
                });
                self.places.push((number, part));
                let unit = self.unit(number);
                self.units[unit].bytes += f64::from(own.bytes);
            }
        }
        let Some((_, first, kinds)) = self.under_way.take() else { return };
        for (at, score) in (window.from..window.tokens.end).zip(scores) {
            if document.predicted.get(at) != Some(&true) {
                continue;
            }
            let part = document.parts.partition_point(|part| part.tokens.end <= at);
            let Some(own) = self.by_document.get_mut(first + part) else { continue };
            let nats = -f64::from(score.log_probability);
            let (right, of_5) = (score.rank == 1, score.rank <= TOP);
            own.nats += nats;
            own.tokens += 1;
            own.right += u32::from(right);
            own.right_of_5 += u32::from(of_5);
            let unit = self.unit_of(number, first + part);
            let Some(unit) = self.units.get_mut(unit) else { continue };
            unit.nats += nats;
            unit.tokens += 1.0;
            unit.right += f64::from(u8::from(right));
            unit.right_of_5 += f64::from(u8::from(of_5));
            let confidence = f64::from(score.confidence);
            calibration::add(&mut unit.bins, confidence, right);
            match score.log_sums[..] {
                [] => {}
                [log_sum] => {
                    let [without, with] = &mut unit.checked;
                    calibration::add(without, confidence, right);
                    calibration::add(with, f64::from(-log_sum).exp(), right);
                }
                // A non-finite loss would have no minimum.
                _ if !nats.is_finite() => {}
                _ => {
                    self.fitted_tokens += 1;
                    // Distance of its logit from the highest.
                    let below = -nats - confidence.ln();
                    let points = self.grid.iter().zip(&score.log_sums);
                    for (sum, (inverse, log_sum)) in self.nats.iter_mut().zip(points) {
                        *sum += f64::from(*log_sum) - inverse * below;
                    }
                }
            }
            let kind = kinds.get(at).map_or(0, |kind| usize::from(*kind));
            let groups = [
                Some(self.frequencies.group(score.token)),
                Some(GROUPS + kind),
                document.source.map(|at| GROUPS + KINDS.len() + at),
            ];
            for group in groups.into_iter().flatten() {
                if let Some([sum, tokens]) = unit.groups.get_mut(group) {
                    *sum += nats;
                    *tokens += 1.0;
                }
            }
            let read = document.tokens.get(window.tokens.start..=at).unwrap_or_default();
            self.worst.note(read, score);
            if let Some(worst) = self.worst_of_kinds.get_mut(kind) {
                worst.note(read, score);
            }
        }
        self.under_way = Some((number, first, kinds));
    }

    /// The unit of the part added last; created for its first part.
    fn unit(&mut self, number: usize) -> usize {
        let unit = self.unit_of(number, self.by_document.len() - 1);
        let empty = UnitSums {
            nats: 0.0,
            tokens: 0.0,
            bytes: 0.0,
            right: 0.0,
            right_of_5: 0.0,
            bins: calibration::NONE,
            checked: [calibration::NONE; 2],
            groups: vec![[0.0; 2]; GROUPS + KINDS.len() + self.sources],
        };
        if self.units.len() <= unit {
            self.units.resize(unit + 1, empty);
        }
        unit
    }

    fn unit_of(&self, number: usize, part: usize) -> usize {
        if self.passages { part } else { number * self.documents.min(UNITS) / self.documents.max(1) }
    }

    /// Number of predicted tokens.
    pub(super) fn tokens(&self) -> u64 {
        self.by_document.iter().map(|document| u64::from(document.tokens)).sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.by_document.iter().map(|document| u64::from(document.bytes)).sum()
    }

    /// The inverse temperature with the lowest loss on the half used for fitting.
    pub(super) fn inverse(&self) -> f64 {
        lowest(&self.nats)
    }

    /// Sorts the parts into document order, as they were read in two halves. No scores may be added afterwards.
    pub(super) fn put_in_order(&mut self) {
        let mut all: Vec<_> = self.places.drain(..).zip(self.by_document.drain(..)).collect();
        glasshouse_protocol::order::sort_by_key(&mut all, |(place, _)| *place);
        (self.places, self.by_document) = all.into_iter().unzip();
    }

    /// Calibration bins per unit, on the half that checks the temperature: without and with it.
    pub(super) fn checked(&self) -> [Vec<Sums>; 2] {
        [0, 1].map(|at: usize| self.units.iter().map(|unit| unit.checked[at]).collect())
    }

    pub(super) fn bins(&self) -> Vec<Sums> {
        self.units.iter().map(|unit| unit.bins).collect()
    }

    /// Loss, perplexity, bits per byte, token accuracy and top-5 accuracy.
    pub(super) async fn metrics(&self, bootstrap: &Bootstrap, yielder: &Yielder) -> Vec<Metric> {
        let tokens = ("tokens", self.tokens());
        let loss = self.metric("loss", tokens, bootstrap, |unit| [unit.nats, unit.tokens]);
        let mut perplexity = Metric { name: "perplexity".to_owned(), ..loss.clone() };
        perplexity.value = loss.value.map(f64::exp).filter(|value| value.is_finite());
        perplexity.interval = loss.interval.map(|interval| interval.map(f64::exp));
        let bytes = ("bytes", self.bytes());
        let bits = |unit: &UnitSums| [unit.nats / std::f64::consts::LN_2, unit.bytes];
        yielder.maybe_yield().await;
        let bits = self.metric("bits_per_byte", bytes, bootstrap, bits);
        yielder.maybe_yield().await;
        let first = self.metric("token_accuracy", tokens, bootstrap, |unit| [unit.right, unit.tokens]);
        yielder.maybe_yield().await;
        let fifth = self.metric("top_5_accuracy", tokens, bootstrap, |unit| [unit.right_of_5, unit.tokens]);
        yielder.maybe_yield().await;
        vec![loss, perplexity, bits, first, fifth]
    }

    fn metric(
        &self,
        name: &str,
        (of, count): (&str, u64),
        bootstrap: &Bootstrap,
        part: impl Fn(&UnitSums) -> [f64; 2],
    ) -> Metric {
        let parts: Vec<[f64; 2]> = self.units.iter().map(part).collect();
        Metric { count, ..ratio(name, of, &parts, bootstrap) }
    }

    /// The loss of a frequency group, kind or source, by its index in [`UnitSums::groups`].
    pub(super) fn group(&self, group: usize, bootstrap: &Bootstrap) -> Metric {
        let parts = self.units.iter().filter_map(|unit| unit.groups.get(group).copied());
        ratio("loss", "tokens", &parts.collect::<Vec<_>>(), bootstrap)
    }

    pub(super) fn source(&self, source: usize, bootstrap: &Bootstrap) -> Metric {
        self.group(GROUPS + KINDS.len() + source, bootstrap)
    }

    /// Statistics of a kind of token; contexts are cut to `window` tokens.
    pub(super) fn kind(
        &self,
        kind: usize,
        (tokenizer, window): (&Tokenizer, usize),
        bootstrap: &Bootstrap,
    ) -> KindOfTokens {
        let group = GROUPS + kind;
        let sum = |at: usize| {
            self.units.iter().filter_map(|unit| unit.groups.get(group)).map(|sums| sums[at]).sum()
        };
        let worst = self.worst_of_kinds.get(kind).map(|worst| worst.passage(tokenizer, window));
        KindOfTokens {
            tokens: sum(1),
            nats: sum(0),
            loss: self.group(group, bootstrap),
            worst: worst.unwrap_or_default(),
        }
    }
}

/// Σ of the first numbers / Σ of the second, with its confidence interval; the count is the second sum.
pub(super) fn ratio(name: &str, of: &str, parts: &[[f64; 2]], bootstrap: &Bootstrap) -> Metric {
    let (sums, interval) = (sum(parts), bootstrap.sums(parts, statistics::ratio));
    metric(name, finite(statistics::ratio(sums)), interval, (sums[1] as u64, of))
}
