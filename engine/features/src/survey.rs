//! Features of a dictionary on held-out text: how often each is active, where most, and what it does to the logits.

use crate::Place;
use crate::executor::{DictionaryExecutor, Subject};
use crate::passages::{ActivationWindow, top_passages};
use crate::weights::Weights;
use glasshouse_compiler::model::HookPoint;
use glasshouse_compiler::step::{IGNORED, MicroBatch};
use glasshouse_inspection::Lens;
use glasshouse_platform::{Error, OrInternal, Result, yield_now};
use glasshouse_protocol::features::{
    Dictionary, FeatureCard, FeatureQuery, FeatureSummary, Features, LogitEffect, TokenPattern,
};
use glasshouse_protocol::inspect::TokenText;
use glasshouse_protocol::{NormKind, RunConfig};
use glasshouse_text::data::batch::Batches;
use glasshouse_text::data::store::Split;
use glasshouse_text::tokenizer::Tokenizer;
use std::collections::{BTreeMap, HashMap};

/// Held-out tokens that are read.
const TOKENS: usize = 1 << 15;
/// Raised tokens listed for each feature.
pub(crate) const RAISED: usize = 3;
/// Minimum activations of a feature with a pattern.
const MIN_ACTIVATIONS: usize = 4;

/// A dictionary on a device, with what it reads.
pub struct Survey<'run> {
    pub subject: Subject<'run>,
    pub record: &'run Dictionary,
    pub batches: Batches<'run>,
    pub tokenizer: &'run Tokenizer,
    pub lens: &'run mut Lens,
}

/// Held-out text with the activations of all features.
#[derive(Debug, Default)]
pub struct Reading {
    windows: Vec<Vec<u32>>,
    /// Window, place in it and activation, for each feature.
    activations: Vec<Vec<(u32, u32, f32)>>,
    pub(crate) tokens: u64,
    /// Occurrences of tokens and of pairs, at counted places.
    singles: HashMap<u32, u64>,
    pairs: HashMap<[u32; 2], u64>,
    /// Occurrences of tokens before counted places.
    before: HashMap<u32, u64>,
}

impl Reading {
    pub(crate) fn new(width: usize) -> Self {
        Self { activations: vec![Vec::new(); width], ..Self::default() }
    }

    /// Reads held-out text.
    async fn of(
        executor: &mut DictionaryExecutor,
        config: &RunConfig,
        batches: &Batches<'_>,
    ) -> Result<Self> {
        let time = config.model.context_length;
        let mut reading = Self::new(executor.weights.width());
        let count = TOKENS.div_ceil(config.train.batch_size * time);
        for batch in batches.full(Split::Validation).take(count) {
            let batch = batch?;
            reading.add(&executor.values(&batch).await?.features, &batch, time);
            yield_now().await;
        }
        Ok(reading)
    }

    /// Adds the rows of a batch. `time` is the length of a window.
    pub(crate) fn add(&mut self, features: &[f32], batch: &MicroBatch, time: usize) {
        let width = self.activations.len();
        let rows =
            features.chunks(time * width).zip(batch.tokens.chunks(time)).zip(batch.targets.chunks(time));
        for ((own, ids), targets) in rows {
            let number = self.windows.len() as u32;
            for at in (0..ids.len()).filter(|at| targets[*at] != IGNORED) {
                self.tokens += 1;
                *self.singles.entry(ids[at]).or_default() += 1;
                if at > 0 {
                    *self.pairs.entry([ids[at - 1], ids[at]]).or_default() += 1;
                    *self.before.entry(ids[at - 1]).or_default() += 1;
                }
                for (feature, value) in own[at * width..(at + 1) * width].iter().enumerate() {
                    if *value > 0.0 {
                        self.activations[feature].push((number, at as u32, *value));
                    }
                }
            }
            self.windows.push(ids.to_vec());
        }
    }

    /// Fraction of the tokens on which each feature is active.
    pub fn densities(&self) -> Vec<f64> {
        (0..self.activations.len()).map(|feature| self.density(feature)).collect()
    }

    fn density(&self, feature: usize) -> f64 {
        self.activations[feature].len() as f64 / self.tokens.max(1) as f64
    }

    /// Largest activation and its token; zeros for a feature that is never active.
    pub(crate) fn strongest(&self, feature: usize) -> (f32, u32) {
        // Of equals the first.
        let own = self.activations[feature].iter().rev();
        let largest = own.max_by(|one, other| one.2.total_cmp(&other.2));
        largest.map_or((0.0, 0), |(window, at, value)| (*value, self.windows[*window as usize][*at as usize]))
    }

    /// The pattern with the largest F1 = 2·(active there) / (occurrences + activations); of equals the first of token, token before,
    /// both.
    pub(crate) fn pattern(&self, feature: usize, text: impl Fn(u32) -> String) -> Option<TokenPattern> {
        let own = &self.activations[feature];
        if own.len() < MIN_ACTIVATIONS {
            return None;
        }
        // Tokens by kind of pattern: the token itself, the one before, both.
        let mut counts: BTreeMap<(usize, [u32; 2]), u64> = BTreeMap::new();
        for (window, at, _) in own {
            let (ids, at) = (&self.windows[*window as usize], *at as usize);
            *counts.entry((0, [0, ids[at]])).or_default() += 1;
            if at > 0 {
                *counts.entry((1, [ids[at - 1], 0])).or_default() += 1;
                *counts.entry((2, [ids[at - 1], ids[at]])).or_default() += 1;
            }
        }
        let mut best: Option<(f64, TokenPattern)> = None;
        for ((kind, tokens), active) in counts {
            let [before, token] = tokens;
            let occurrences = match kind {
                0 => self.singles.get(&token),
                1 => self.before.get(&before),
                _ => self.pairs.get(&tokens),
            };
            let (active, occurrences) = (active as f64, occurrences.copied().unwrap_or(1) as f64);
            let score = 2.0 * active / (occurrences + own.len() as f64);
            if best.as_ref().is_none_or(|(most, _)| score > *most) {
                let pattern = TokenPattern {
                    before: (kind > 0).then(|| text(before)),
                    token: (kind != 1).then(|| text(token)),
                    precision: active / occurrences,
                    recall: active / own.len() as f64,
                };
                best = Some((score, pattern));
            }
        }
        best.map(|(_, pattern)| pattern)
    }

    /// The windows in which a feature is active.
    pub(crate) fn windows_of(&self, feature: usize) -> Vec<ActivationWindow> {
        let groups = self.activations[feature].chunk_by(|one, other| one.0 == other.0);
        let window = |group: &[(u32, u32, f32)]| {
            let ids = &self.windows[group[0].0 as usize];
            let mut values = vec![0.0; ids.len()];
            group.iter().for_each(|(_, at, value)| values[*at as usize] = *value);
            ActivationWindow::new(ids.clone(), values)
        };
        groups.map(window).collect()
    }
}

/// Fraction of held-out tokens on which each feature is active, at the subject's weights.
pub async fn densities(
    subject: &Subject<'_>,
    record: &Dictionary,
    weights: &Weights,
    batches: &Batches<'_>,
) -> Result<Vec<f64>> {
    let place = Place::named(&subject.config.model, &record.settings.at)?;
    let dictionary = place.dictionary(&record.settings);
    let mut executor = DictionaryExecutor::open(subject, dictionary, place.columns).await?;
    executor.set_weights(weights.clone()).await?;
    let reading = Reading::of(&mut executor, subject.config, batches).await?;
    Ok(reading.densities())
}

impl Survey<'_> {
    /// Answers a query. `text` holds the tokens of its text. Held-out text is read unless `known` has it, and left there for the next
    /// query. Fails if the feature does not exist, or the device fails.
    pub async fn answer(
        &mut self,
        weights: Weights,
        known: &mut Option<Reading>,
        query: &FeatureQuery,
        text: Option<&[u32]>,
    ) -> Result<Features> {
        let (record, config) = (self.record, self.subject.config);
        let width = record.settings.width;
        record.check_feature(query.feature.unwrap_or(0)).map_err(Error::Refused)?;
        let place = Place::named(&config.model, &record.settings.at)?;
        let (dictionary, to) = (place.dictionary(&record.settings), place.to);
        let mut in_text = None;
        if known.is_none() || text.is_some() {
            let mut executor = DictionaryExecutor::open(&self.subject, dictionary, place.columns).await?;
            executor.set_weights(weights.clone()).await?;
            if known.is_none() {
                *known = Some(Reading::of(&mut executor, config, &self.batches).await?);
            }
            if let Some(text) = text {
                in_text = Some(self.strongest_in(&mut executor, text).await?);
            }
        }
        let reading = known.as_ref().or_internal("held-out text that was not read")?;
        let tokenizer = self.tokenizer;
        let name = |id: u32| tokenizer.describe(id).text;
        let mut order: Vec<usize> = match &in_text {
            Some(found) => (0..width).filter(|feature| found[*feature].0 > 0.0).collect(),
            None => (0..width).filter(|feature| !reading.activations[*feature].is_empty()).collect(),
        };
        match &in_text {
            Some(found) => order.sort_by(|one, other| found[*other].0.total_cmp(&found[*one].0)),
            None => order.sort_by_key(|feature| std::cmp::Reverse(reading.activations[*feature].len())),
        }
        order.truncate(if query.feature.is_some() { 0 } else { query.count });
        let mut features = Vec::with_capacity(order.len());
        for feature in order {
            let direction = weights.direction(feature);
            let [raises, _] = effects(self.lens, tokenizer, to, direction, RAISED).await?;
            let (max, token) = reading.strongest(feature);
            features.push(FeatureSummary {
                feature,
                name: record.name(feature).map(str::to_owned),
                pattern: reading.pattern(feature, name),
                density: reading.density(feature),
                max,
                token: name(token),
                raises: raises.into_iter().map(|effect| effect.token).collect(),
                life: None,
                in_text: in_text.as_ref().map(|found| (found[feature].0, name(found[feature].1))),
            });
        }
        let card = match query.feature {
            None => None,
            Some(feature) => {
                let direction = weights.direction(feature);
                let [raises, lowers] = effects(self.lens, tokenizer, to, direction, query.count).await?;
                let text = |id: u32| TokenText { id, text: name(id) };
                let mut passages = top_passages(reading.windows_of(feature), query.count, text);
                passages
                    .retain(|passage| passage.activations.get(passage.peak).is_some_and(|peak| *peak > 0.0));
                Some(FeatureCard {
                    feature,
                    name: record.name(feature).map(str::to_owned),
                    pattern: reading.pattern(feature, name),
                    density: reading.density(feature),
                    max: reading.strongest(feature).0,
                    raises,
                    lowers,
                    neighbours: weights.neighbours(feature, query.count),
                    passages,
                    history: Vec::new(),
                })
            }
        };
        Ok(Features {
            run: record.run.clone(),
            dictionary: record.number,
            at: record.settings.at.clone(),
            width,
            tokens: reading.tokens,
            dead: reading.activations.iter().filter(|own| own.is_empty()).count(),
            features,
            card,
        })
    }

    /// Each feature's largest activation, and its token, in the last tokens of a text that fit into the context.
    async fn strongest_in(&self, executor: &mut DictionaryExecutor, text: &[u32]) -> Result<Vec<(f32, u32)>> {
        let (config, width) = (self.subject.config, self.record.settings.width);
        let time = config.model.context_length;
        let text = &text[text.len().saturating_sub(time)..];
        let count = config.train.batch_size * time;
        let mut batch =
            MicroBatch { tokens: text.to_vec(), targets: vec![IGNORED; count], ..MicroBatch::default() };
        batch.tokens.resize(count, 0);
        batch.document_starts = config.train.separates_documents(&config.model).then(|| vec![0; count]);
        let features = executor.values(&batch).await?.features;
        let mut found = vec![(0.0, 0); width];
        for (row, token) in features.chunks_exact(width).zip(text) {
            for (own, value) in found.iter_mut().zip(row).filter(|(own, value)| **value > own.0) {
                *own = (*value, *token);
            }
        }
        Ok(found)
    }
}

/// The tokens whose logits a unit of a direction raises and lowers most, if only the final norm's weight and the head read it.
/// Empty for hook points that do not write to the residual stream.
pub(crate) async fn effects(
    lens: &mut Lens,
    tokenizer: &Tokenizer,
    at: HookPoint,
    mut read: Vec<f32>,
    count: usize,
) -> Result<[Vec<LogitEffect>; 2]> {
    let columns = read.len();
    match at {
        HookPoint::Normed => {}
        HookPoint::Stream(_)
        | HookPoint::AttentionOutput(_)
        | HookPoint::Between(_)
        | HookPoint::MlpOutput(_) => {
            let norm = &lens.config().norm;
            if norm.kind == NormKind::Layer {
                let mean = read.iter().sum::<f32>() / columns.max(1) as f32;
                read.iter_mut().for_each(|entry| *entry -= mean);
            }
            if let Some((weight, _)) = lens.weight("norm.weight") {
                let one = if norm.add_unit_offset { 1.0 } else { 0.0 };
                read.iter_mut().zip(weight).for_each(|(entry, weight)| *entry *= weight + one);
            }
        }
        _ => return Ok(Default::default()),
    }
    read.resize(2 * columns, 0.0);
    let logits = lens.logits_of(&read).await?;
    let outputs = logits.columns();
    let (of_read, of_zero) = logits.data.split_at(outputs);
    let effects: Vec<f32> = of_read.iter().zip(of_zero).map(|(read, zero)| read - zero).collect();
    let mut order: Vec<u32> = (0..outputs as u32).collect();
    order.sort_by(|one, other| effects[*other as usize].total_cmp(&effects[*one as usize]));
    let effect =
        |id: &u32| LogitEffect { token: tokenizer.describe(*id).text, effect: effects[*id as usize] };
    Ok([order.iter().take(count).map(effect).collect(), order.iter().rev().take(count).map(effect).collect()])
}
