//! What the tokens of documents come to, added up as they are scored: no score is kept.

use super::TokenScore;
use super::documents::{Document, HeldOut};
use super::errors::{KINDS, KindOfTokens, WORST, WorstTokens, kinds};
use super::frequencies::{Frequencies, GROUPS};
use super::temperatures::{GRID, grid, lowest};
use super::windows::Window;
use crate::evaluation::metrics::calibration::{self, Sums};
use crate::evaluation::statistics::Bootstrap;
use crate::platform::Turns;
use crate::protocol::evaluation::{Better, DocumentLoss, Metric};
use crate::tokenizer::Tokenizer;
use std::collections::HashMap;

/// Documents are drawn again in at most so many runs of neighbours, as [`Bootstrap`] does.
const UNITS: usize = 2048;

/// The rank up to which a token is among the five likeliest.
const TOP: u32 = 5;

/// Sums of a unit: what is drawn again for intervals.
#[derive(Clone, Debug)]
struct UnitSums {
    nats: f64,
    tokens: f64,
    bytes: f64,
    right: f64,
    right_of_5: f64,
    bins: Sums,
    /// Those of the half on which a temperature is checked, without it and with it.
    checked: [Sums; 2],
    /// Nats and tokens of each group of frequency, each kind and each source.
    groups: Vec<[f64; 2]>,
}

/// Everything that is counted.
pub(super) struct Tally<'text> {
    frequencies: &'text Frequencies,
    documents: usize,
    sources: usize,
    passages: bool,
    units: Vec<UnitSums>,
    /// Of each document or passage.
    pub(super) by_document: Vec<DocumentLoss>,
    /// Which those are: the document's number, and the part's in it.
    pub(super) places: Vec<(usize, usize)>,
    pub(super) worst: WorstTokens,
    /// The worst token of each kind.
    worst_of_kinds: Vec<WorstTokens>,
    /// The document that is under way, where its parts begin in the lists, and the kinds of its tokens.
    under_way: Option<(usize, usize, Vec<u8>)>,
    /// Where the parts of each document begin in the lists.
    firsts: HashMap<usize, usize>,
    /// Inverse temperatures, and the nats of the half that one is fitted on at each of them.
    grid: [f64; GRID],
    nats: [f64; GRID],
    /// Tokens of that half.
    pub(super) fitted_tokens: u64,
}

impl<'text> Tally<'text> {
    /// For documents, and how often tokens occur in the training text.
    pub(super) fn new(held_out: &HeldOut, frequencies: &'text Frequencies) -> Self {
        Self {
            frequencies,
            documents: held_out.count(),
            sources: held_out.sources.len(),
            passages: held_out.passages,
            units: Vec::new(),
            by_document: Vec::new(),
            places: Vec::new(),
            worst: WorstTokens::of(WORST),
            worst_of_kinds: vec![WorstTokens::of(1); KINDS.len()],
            under_way: None,
            firsts: HashMap::new(),
            grid: grid(),
            nats: [0.0; GRID],
            fitted_tokens: 0,
        }
    }

    /// Takes in what a window of a document came to: with the sums at all temperatures where one is fitted on it, with those at one where that
    /// is checked. Windows of a document come one after the other, in each half.
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
                // A loss that is not finite has no lowest place.
                _ if !nats.is_finite() => {}
                _ => {
                    self.fitted_tokens += 1;
                    // How far its logit lies below the highest.
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

    /// The unit of the part that was added last, made where it is the first of it.
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

    /// Tokens that were predicted.
    pub(super) fn tokens(&self) -> u64 {
        self.by_document.iter().map(|document| u64::from(document.tokens)).sum()
    }

    /// Bytes of the text that they stand for.
    pub(super) fn bytes(&self) -> u64 {
        self.by_document.iter().map(|document| u64::from(document.bytes)).sum()
    }

    /// The inverse temperature of the lowest loss of the half that it is fitted on.
    pub(super) fn inverse(&self) -> f64 {
        lowest(&self.nats)
    }

    /// Puts documents into their order: they were read in two halves. Nothing is noted behind that.
    pub(super) fn put_in_order(&mut self) {
        let mut all: Vec<_> = self.places.drain(..).zip(self.by_document.drain(..)).collect();
        all.sort_by_key(|(place, _)| *place);
        (self.places, self.by_document) = all.into_iter().unzip();
    }

    /// Bins of confidence of the half on which the temperature is checked, without it and with it, by unit.
    pub(super) fn checked(&self) -> [Vec<Sums>; 2] {
        [0, 1].map(|at: usize| self.units.iter().map(|unit| unit.checked[at]).collect())
    }

    /// Bins of confidence by unit.
    pub(super) fn bins(&self) -> Vec<Sums> {
        self.units.iter().map(|unit| unit.bins).collect()
    }

    /// Loss, perplexity, bits per byte, token accuracy and top-5 accuracy.
    pub(super) async fn metrics(&self, bootstrap: &Bootstrap, turns: &Turns) -> Vec<Metric> {
        let tokens = ("tokens", self.tokens(), Better::Lower);
        let loss = self.metric("loss", tokens, bootstrap, |unit| [unit.nats, unit.tokens]);
        let mut perplexity = Metric { name: "perplexity".to_owned(), ..loss.clone() };
        perplexity.value = loss.value.map(f64::exp).filter(|value| value.is_finite());
        perplexity.interval = loss.interval.map(|interval| interval.map(f64::exp));
        let bytes = ("bytes", self.bytes(), Better::Lower);
        let bits = |unit: &UnitSums| [unit.nats / std::f64::consts::LN_2, unit.bytes];
        let tokens = ("tokens", self.tokens(), Better::Higher);
        turns.give().await;
        let bits = self.metric("bits_per_byte", bytes, bootstrap, bits);
        turns.give().await;
        let first = self.metric("token_accuracy", tokens, bootstrap, |unit| [unit.right, unit.tokens]);
        turns.give().await;
        let fifth = self.metric("top_5_accuracy", tokens, bootstrap, |unit| [unit.right_of_5, unit.tokens]);
        turns.give().await;
        vec![loss, perplexity, bits, first, fifth]
    }

    fn metric(
        &self,
        name: &str,
        (of, count, better): (&str, u64, Better),
        bootstrap: &Bootstrap,
        part: impl Fn(&UnitSums) -> [f64; 2],
    ) -> Metric {
        let parts: Vec<[f64; 2]> = self.units.iter().map(part).collect();
        Metric { count, better, ..ratio(name, of, &parts, bootstrap) }
    }

    /// The loss of a group of frequency, and so of a kind and of a source, by the numbers that [`UnitSums::groups`] gives them.
    fn group(&self, group: usize, bootstrap: &Bootstrap) -> Metric {
        let parts = self.units.iter().filter_map(|unit| unit.groups.get(group).copied());
        ratio("loss", "tokens", &parts.collect::<Vec<_>>(), bootstrap)
    }

    /// The loss of tokens of a group of frequency.
    pub(super) fn frequency(&self, group: usize, bootstrap: &Bootstrap) -> Metric {
        self.group(group, bootstrap)
    }

    /// The loss of tokens of a source.
    pub(super) fn source(&self, source: usize, bootstrap: &Bootstrap) -> Metric {
        self.group(GROUPS + KINDS.len() + source, bootstrap)
    }

    /// A kind of tokens; a model reads so many tokens.
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

/// Σ of the first numbers by Σ of the second, with its interval; how many the second are.
pub(super) fn ratio(name: &str, of: &str, parts: &[[f64; 2]], bootstrap: &Bootstrap) -> Metric {
    let [above, below] = parts.iter().fold([0.0; 2], |[a, b], [above, below]| [a + above, b + below]);
    Metric {
        name: name.to_owned(),
        value: Some(above / below).filter(|value| value.is_finite()),
        interval: bootstrap.sums(parts, |[above, below]| above / below),
        better: Better::Lower,
        count: below as u64,
        of: of.to_owned(),
        signature: None,
    }
}
