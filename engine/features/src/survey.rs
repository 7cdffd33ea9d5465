//! Features of a dictionary on held-out text: how often each is active, where most, and what it does to the logits.

use crate::executor::{DictionaryExecutor, Subject};
use crate::passages::{ActivationWindow, top_passages};
use crate::weights::Weights;
use glasshouse_compiler::model::{self, HookPoint, model_parameters};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::{IGNORED, MicroBatch};
use glasshouse_inspection::Lens;
use glasshouse_platform::{Result, refuse};
use glasshouse_protocol::NormKind;
use glasshouse_protocol::features::{
    Dictionary, FeatureCard, FeatureQuery, FeatureSummary, Features, LogitEffect,
};
use glasshouse_protocol::inspect::TokenText;
use glasshouse_text::data::batch::Batches;
use glasshouse_text::data::store::Split;
use glasshouse_text::tokenizer::Tokenizer;

/// Held-out tokens that are read.
const TOKENS: usize = 1 << 15;
/// Raised tokens listed for each feature.
const RAISED: usize = 3;

/// A dictionary on a device, with what it reads.
pub struct Survey<'run> {
    pub subject: Subject<'run>,
    pub record: &'run Dictionary,
    pub batches: Batches<'run>,
    pub tokenizer: &'run Tokenizer,
    pub lens: &'run mut Lens,
}

/// A feature's activity.
#[derive(Clone, Copy, Default)]
struct Activity {
    tokens: u64,
    max: f32,
    token: u32,
}

impl Survey<'_> {
    /// Answers a query. `text` holds the tokens of its text. Fails if the feature does not exist, or the device fails.
    pub async fn answer(
        &mut self,
        weights: Weights,
        query: &FeatureQuery,
        text: Option<&[u32]>,
    ) -> Result<Features> {
        let (record, config) = (self.record, self.subject.config);
        let (width, time) = (record.settings.width, config.model.context_length);
        if let Some(feature) = query.feature.filter(|feature| *feature >= width) {
            refuse!("dictionary {} has no feature {feature}; the last is {}", record.number, width - 1);
        }
        let (at, columns) = crate::hook_point(&config.model, &record.settings.at)?;
        let dictionary = model::Dictionary { at, width, k: record.settings.k };
        let mut executor = DictionaryExecutor::open(&self.subject, dictionary, columns).await?;
        executor.set_weights(weights).await?;
        let (mut activities, mut windows, mut tokens) = (vec![Activity::default(); width], Vec::new(), 0u64);
        let count = TOKENS.div_ceil(config.train.batch_size * time);
        for batch in self.batches.full(Split::Validation).take(count) {
            let batch = batch?;
            let features = executor.values(&batch).await?.features;
            let window = time * width;
            for ((own, ids), targets) in
                features.chunks(window).zip(batch.tokens.chunks(time)).zip(batch.targets.chunks(time))
            {
                let counts = |at: &usize| targets[*at] != IGNORED;
                for at in (0..ids.len()).filter(counts) {
                    tokens += 1;
                    for (activity, value) in activities.iter_mut().zip(&own[at * width..(at + 1) * width]) {
                        if *value > 0.0 {
                            activity.tokens += 1;
                            if *value > activity.max {
                                (activity.max, activity.token) = (*value, ids[at]);
                            }
                        }
                    }
                }
                if let Some(feature) = query.feature.filter(|_| (0..ids.len()).any(|at| counts(&at))) {
                    let of_feature = own.iter().skip(feature).step_by(width).zip(targets);
                    let counted = of_feature
                        .map(|(value, target)| if *target == IGNORED { 0.0 } else { *value })
                        .collect();
                    windows.push(ActivationWindow::new(ids.to_vec(), counted));
                }
            }
        }
        let in_text = match text {
            Some(text) => Some(self.strongest_in(&mut executor, text).await?),
            None => None,
        };
        let name = |id: u32| self.tokenizer.describe(id).text;
        let mut order: Vec<usize> = (0..width).filter(|feature| activities[*feature].tokens > 0).collect();
        match &in_text {
            Some(found) => {
                order = (0..width).filter(|feature| found[*feature].max > 0.0).collect();
                order.sort_by(|one, other| found[*other].max.total_cmp(&found[*one].max));
            }
            None => order.sort_by_key(|feature| std::cmp::Reverse(activities[*feature].tokens)),
        }
        order.truncate(query.count);
        let scale = self.head_scale(at)?;
        let density = |feature: usize| activities[feature].tokens as f64 / tokens.max(1) as f64;
        let mut features = Vec::with_capacity(order.len());
        for feature in order {
            let direction = executor.weights.direction(feature);
            let (raises, _) = self.effects(at, scale.as_deref(), direction, RAISED).await?;
            features.push(FeatureSummary {
                feature,
                density: density(feature),
                max: activities[feature].max,
                token: name(activities[feature].token),
                raises: raises.into_iter().map(|effect| effect.token).collect(),
                in_text: in_text.as_ref().map(|found| (found[feature].max, name(found[feature].token))),
            });
        }
        let card = match query.feature {
            None => None,
            Some(feature) => {
                let (raises, lowers) = self
                    .effects(at, scale.as_deref(), executor.weights.direction(feature), query.count)
                    .await?;
                let text = |id: u32| TokenText { id, text: name(id) };
                let mut passages = top_passages(windows, query.count, text);
                passages
                    .retain(|passage| passage.activations.get(passage.peak).is_some_and(|peak| *peak > 0.0));
                Some(FeatureCard {
                    feature,
                    density: density(feature),
                    max: activities[feature].max,
                    raises,
                    lowers,
                    neighbours: executor.weights.neighbours(feature, query.count),
                    passages,
                })
            }
        };
        Ok(Features {
            run: record.run.clone(),
            dictionary: record.number,
            at: record.settings.at.clone(),
            width,
            tokens,
            dead: activities.iter().filter(|activity| activity.tokens == 0).count(),
            features,
            card,
        })
    }

    /// Each feature's largest activation in the last tokens of a text that fit into the context.
    async fn strongest_in(&self, executor: &mut DictionaryExecutor, text: &[u32]) -> Result<Vec<Activity>> {
        let (config, width) = (self.subject.config, self.record.settings.width);
        let time = config.model.context_length;
        let text = &text[text.len().saturating_sub(time)..];
        let count = config.train.batch_size * time;
        let mut batch =
            MicroBatch { tokens: text.to_vec(), targets: vec![IGNORED; count], ..MicroBatch::default() };
        batch.tokens.resize(count, 0);
        batch.document_starts = config.train.separates_documents(&config.model).then(|| vec![0; count]);
        let features = executor.values(&batch).await?.features;
        let mut found = vec![Activity::default(); width];
        for (row, token) in features.chunks_exact(width).zip(text) {
            for (own, value) in found.iter_mut().zip(row).filter(|(own, value)| **value > own.max) {
                (own.max, own.token) = (*value, *token);
            }
        }
        Ok(found)
    }

    /// What the final norm multiplies each column by, ones after it or without it; `None` for hook points that do not write to the residual stream.
    fn head_scale(&self, at: HookPoint) -> Result<Option<Vec<f32>>> {
        let model = &self.subject.config.model;
        let mut scale = vec![1.0; model.width];
        match at {
            HookPoint::Normed => {}
            HookPoint::Stream(_)
            | HookPoint::AttentionOutput(_)
            | HookPoint::Between(_)
            | HookPoint::MlpOutput(_) => {
                let parameters = model_parameters(model)?;
                if let Some(norm) = parameters.iter().position(|own| own.name == "norm.weight") {
                    let offset = ArenaLayout::unfrozen(&parameters).offsets[norm];
                    let one = if model.norm.add_unit_offset { 1.0 } else { 0.0 };
                    let own = &self.subject.parameters[offset..];
                    scale.iter_mut().zip(own).for_each(|(scale, own)| *scale = own + one);
                }
            }
            _ => return Ok(None),
        }
        Ok(Some(scale))
    }

    /// The tokens whose logits a unit of a direction raises and lowers most, if only the final norm's weight and the head read it. Empty for hook
    /// points that do not write to the residual stream.
    async fn effects(
        &mut self,
        at: HookPoint,
        scale: Option<&[f32]>,
        mut read: Vec<f32>,
        count: usize,
    ) -> Result<(Vec<LogitEffect>, Vec<LogitEffect>)> {
        let Some(scale) = scale else { return Ok(Default::default()) };
        let columns = read.len();
        if at != HookPoint::Normed && self.subject.config.model.norm.kind == NormKind::Layer {
            let mean = read.iter().sum::<f32>() / columns.max(1) as f32;
            read.iter_mut().for_each(|entry| *entry -= mean);
        }
        read.iter_mut().zip(scale).for_each(|(entry, scale)| *entry *= scale);
        read.resize(2 * columns, 0.0);
        let logits = self.lens.logits_of(&read).await?;
        let outputs = logits.columns();
        let (of_read, of_zero) = logits.data.split_at(outputs);
        let effects: Vec<f32> = of_read.iter().zip(of_zero).map(|(read, zero)| read - zero).collect();
        let mut order: Vec<u32> = (0..outputs as u32).collect();
        order.sort_by(|one, other| effects[*other as usize].total_cmp(&effects[*one as usize]));
        let effect = |id: &u32| LogitEffect {
            token: self.tokenizer.describe(*id).text,
            effect: effects[*id as usize],
        };
        Ok((
            order.iter().take(count).map(effect).collect(),
            order.iter().rev().take(count).map(effect).collect(),
        ))
    }
}
