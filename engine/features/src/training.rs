//! Training of a dictionary, with measurements, revival of dead features, and the loss that the model recovers.

use crate::Place;
use crate::executor::{DictionaryExecutor, Subject, Values, diverged};
use crate::files::DictionaryFolder;
use crate::weights::{Weights, norm};
use glasshouse_compiler::step::{IGNORED, MicroBatch, StepInput};
use glasshouse_platform::{OrInternal, Result, refuse};
use glasshouse_project::Run;
use glasshouse_protocol::config::Decay;
use glasshouse_protocol::features::{
    Dictionary, DictionaryKind, DictionaryPoint, DictionarySettings, LossRecovery,
};
use glasshouse_protocol::random::nth;
use glasshouse_protocol::{ModelConfig, OptimizerKind, Precision, RunConfig};
use glasshouse_text::data::batch::Batches;
use glasshouse_text::data::store::Split;
use web_time::Instant;

/// Tokens of a step, in whole windows.
const STEP_TOKENS: usize = 2048;
/// Number of points of a training.
const POINTS: u64 = 20;
/// Tokens measured at a point, and held-out tokens of the last measurement.
const MEASURED_TOKENS: usize = 8192;
const HELD_OUT_TOKENS: usize = 1 << 15;
/// A feature is dead after this many points without an activation. Dead features are revived in the first part of the training.
const IDLE_POINTS: u32 = 2;
const REVIVED_UNTIL: f64 = 0.75;
/// Streams of random numbers.
const DIRECTIONS: u64 = 0x6469_6374;
const REVIVALS: u64 = 0x7265_7669;
/// Variance of a value that is the same on all tokens.
const LEAST_VARIANCE: f64 = 1e-12;
/// Share of noise in a direction, so that features of equal tokens differ.
const NOISE: f32 = 0.01;

/// Fails for a run without text of its own, or one that learns labels, pairs or rewards.
pub fn check_learns_tokens(run: &Run, config: &RunConfig) -> Result<()> {
    run.check_has_text()?;
    let objective = config.train.objective;
    if objective.compares_answers() || objective.learns_labels() {
        refuse!(
            "this needs a run on text or conversations, but {} learns from labels, preferences or rewards; choose the run it started from",
            run.name()
        );
    }
    Ok(())
}

/// The settings of a run, as the executors train a dictionary on its text: batches, Adam, and a warm-up and linear decay of the learning
/// rate. Fails for a run without text of its own, or one that learns labels, pairs or rewards.
pub fn config_of(run: &Run, model: &ModelConfig, settings: &DictionarySettings) -> Result<RunConfig> {
    settings.check().map_err(glasshouse_platform::Error::Refused)?;
    let mut config = RunConfig { model: model.clone(), ..run.config()? };
    check_learns_tokens(run, &config)?;
    let train = &mut config.train;
    train.batch_size = (STEP_TOKENS / model.context_length).max(1);
    let of_step = (train.batch_size * model.context_length) as u64;
    (train.accumulate, train.adapter, train.precision) = (1, None, Precision::F32);
    (train.steps, train.epochs) = (settings.tokens.div_ceil(of_step), None);
    (train.warmup_steps, train.decay, train.decay_steps) =
        (train.steps / 20, Decay::WarmupStableDecay, (train.steps / 5).max(1));
    (train.learning_rate, train.min_learning_rate) = (settings.learning_rate, 0.0);
    (train.optimizer, train.beta1, train.beta2, train.weight_decay) = (OptimizerKind::Adam, 0.9, 0.999, 0.0);
    (train.gradient_clipping, train.keep_zeros) = (0.0, None);
    // They need scores of each token, which the graphs do not take.
    (train.prompt_loss_weight, train.unlikelihood) = (0.0, 0.0);
    Ok(config)
}

/// Sums over measured tokens.
#[derive(Default)]
struct Measured {
    rows: u64,
    error: f64,
    sum: Vec<f64>,
    squares: f64,
    /// Activations of each feature.
    fired: Vec<u64>,
    /// x and y − ŷ of all tokens.
    inputs: Vec<f32>,
    residuals: Vec<f32>,
}

impl Measured {
    fn add(&mut self, values: &Values, batch: &MicroBatch, [width, columns]: [usize; 2]) {
        self.sum.resize(columns, 0.0);
        self.fired.resize(width, 0);
        let counted = batch.targets.iter().enumerate().filter(|(_, target)| **target != IGNORED);
        for (row, _) in counted {
            let own = row * columns..(row + 1) * columns;
            let [x, y, found] =
                [&values.input, values.target(), &values.reconstruction].map(|values| &values[own.clone()]);
            let features = &values.features[row * width..(row + 1) * width];
            self.rows += 1;
            for ((sum, y), found) in self.sum.iter_mut().zip(y).zip(found) {
                let [y, found] = [y, found].map(|entry| f64::from(*entry));
                *sum += y;
                self.squares += y * y;
                self.error += (y - found) * (y - found);
            }
            self.fired
                .iter_mut()
                .zip(features)
                .for_each(|(fired, feature)| *fired += u64::from(*feature > 0.0));
            self.inputs.extend_from_slice(x);
            self.residuals.extend(y.iter().zip(found).map(|(y, found)| y - found));
        }
    }

    fn mean(&self) -> Vec<f32> {
        self.sum.iter().map(|sum| (sum / self.rows.max(1) as f64) as f32).collect()
    }

    fn loss(&self) -> f64 {
        self.error / self.rows.max(1) as f64
    }

    /// Sum of squared distances of y from its mean.
    fn variation(&self) -> f64 {
        self.squares - self.sum.iter().map(|sum| sum * sum).sum::<f64>() / self.rows.max(1) as f64
    }

    fn explained_variance(&self) -> f64 {
        let variation = self.variation();
        if variation > 0.0 { 1.0 - self.error / variation } else { 0.0 }
    }

    fn l0(&self) -> f64 {
        self.fired.iter().sum::<u64>() as f64 / self.rows.max(1) as f64
    }

    fn dead(&self) -> f64 {
        self.fired.iter().filter(|fired| **fired == 0).count() as f64 / self.fired.len().max(1) as f64
    }
}

/// A dictionary in training. Dropping it keeps what [`Self::advance`] saved last.
pub struct DictionaryTraining<'run> {
    executor: DictionaryExecutor,
    batches: Batches<'run>,
    config: RunConfig,
    folder: DictionaryFolder,
    record: Dictionary,
    step: u64,
    /// Mean of y, and of a transcoder's x.
    mean: Vec<f32>,
    mean_input: Option<Vec<f32>>,
    /// Consecutive points without an activation of each feature.
    idle: Vec<u32>,
    begun: Instant,
}

impl<'run> DictionaryTraining<'run> {
    /// Opens the device and initialises the dictionary: d is the mean of y, features point from evenly spaced tokens' x to their y, less the
    /// means, the thresholds of a JumpReLU leave k features active, and the encoder is scaled to the least error. `record` names the run and the
    /// model; settings, device and bytes are filled in.
    /// Fails if the hook point does not exist, the width does not fit, or the text is too short.
    pub async fn begin(
        subject: &Subject<'_>,
        batches: Batches<'run>,
        settings: DictionarySettings,
        folder: DictionaryFolder,
        record: Dictionary,
    ) -> Result<Self> {
        let (mut training, place) =
            Self::open(subject, batches, settings.clone(), folder, record, 1.0).await?;
        let (columns, seed) = (place.columns, settings.seed);
        let measured = training.measure(0).await?;
        if settings.kind == DictionaryKind::JumpRelu {
            let variance = (measured.variation() / measured.rows.max(1) as f64).max(LEAST_VARIANCE);
            let Self { executor, batches, folder, record, .. } = training;
            // The device may not have room for two.
            drop(executor);
            (training, _) = Self::open(subject, batches, settings, folder, record, variance).await?;
        }
        training.mean = measured.mean();
        let mut weights = Weights::of(training.executor.dictionary, columns);
        weights.decoder_bias.clone_from(&training.mean);
        let tokens = (measured.inputs.len() / columns).max(1);
        if measured.inputs.is_empty() {
            refuse!("the training text has no tokens to learn from");
        }
        if place.is_transcoder() {
            training.mean_input = Some(mean_of(&measured.inputs, columns));
        }
        let mean_input = training.mean_input.as_ref().unwrap_or(&training.mean);
        for feature in 0..weights.width() {
            let token = feature * tokens / weights.width();
            // All weights were zero, so that the residual is y.
            let [from, to] = [(&measured.inputs, mean_input), (&measured.residuals, &training.mean)].map(
                |(values, mean)| {
                    let own = &values[token * columns..(token + 1) * columns];
                    let less: Vec<f32> = own.iter().zip(mean).map(|(own, mean)| own - mean).collect();
                    apart(&less, seed, DIRECTIONS + feature as u64)
                },
            );
            weights.point(feature, [&from, &to], mean_input, 1.0);
        }
        training.executor.set_weights(weights).await?;
        training.executor.set_thresholds(&training.batches.train(0, 0)?, training.record.settings.k).await?;
        let factor = training.best_scale().await?;
        training.executor.settle(|weights| weights.scale_encoder(factor)).await?;
        Ok(training)
    }

    /// Opens the device, with zeros for weights, for values of a variance.
    async fn open(
        subject: &Subject<'_>,
        batches: Batches<'run>,
        settings: DictionarySettings,
        folder: DictionaryFolder,
        record: Dictionary,
        variance: f64,
    ) -> Result<(Self, Place)> {
        let place = Place::named(&subject.config.model, &settings.at)?;
        let (dictionary, columns) = (place.scaled_dictionary(&settings, variance), place.columns);
        let executor = DictionaryExecutor::open(subject, dictionary, columns).await?;
        let idle = vec![0; settings.width];
        let record =
            Dictionary { columns, device: executor.device(), bytes: executor.bytes(), settings, ..record };
        let config = subject.config.clone();
        let training = Self {
            executor,
            batches,
            config,
            folder,
            record,
            step: 0,
            mean: Vec::new(),
            mean_input: None,
            idle,
            begun: Instant::now(),
        };
        Ok((training, place))
    }

    /// Saves a dictionary that was trained elsewhere, with its measurements on this model. Fails if its columns are not those of the hook point.
    pub async fn import(
        subject: &Subject<'_>,
        batches: Batches<'run>,
        (settings, weights): (DictionarySettings, Weights),
        folder: DictionaryFolder,
        record: Dictionary,
    ) -> Result<Dictionary> {
        let place = Place::named(&subject.config.model, &settings.at)?;
        if weights.columns() != place.columns {
            let (own, at) = (weights.columns(), &settings.at);
            refuse!("the dictionary has {own} columns, but {at} of this model has {}", place.columns);
        }
        let (mut training, _) = Self::open(subject, batches, settings, folder, record, 1.0).await?;
        training.executor.set_weights(weights).await?;
        training.mean = training.measure(0).await?.mean();
        training.record.recovery = Some(training.recovery().await?);
        training.folder.save(&mut training.record, &training.executor.weights)?;
        Ok(training.record)
    }

    pub fn record(&self) -> &Dictionary {
        &self.record
    }

    /// The factor on the encoder with the least squared error on a batch.
    async fn best_scale(&mut self) -> Result<f32> {
        let values = self.executor.values(&self.batches.train(0, 0)?).await?;
        let bias = self.mean.iter().cycle();
        let (mut dot, mut squares) = (0.0, 0.0);
        for ((x, y), d) in values.target().iter().zip(&values.reconstruction).zip(bias) {
            let [x, y] = [x, y].map(|entry| f64::from(entry - d));
            (dot, squares) = (dot + x * y, squares + y * y);
        }
        Ok(if squares > 0.0 && dot > 0.0 { (dot / squares) as f32 } else { 1.0 })
    }

    /// Measures the dictionary on batches of training text that no step reads; a small text occurs in both.
    async fn measure(&mut self, point: u64) -> Result<Measured> {
        let train = &self.config.train;
        let of_batch = train.batch_size * self.config.model.context_length;
        let (batches, mut measured) = (MEASURED_TOKENS.div_ceil(of_batch) as u64, Measured::default());
        for number in 0..batches {
            let batch = self.batches.train(train.steps + point * batches + number, 0)?;
            let values = self.executor.values(&batch).await?;
            measured.add(&values, &batch, [self.record.settings.width, self.record.columns]);
        }
        Ok(measured)
    }

    /// Trains up to the next point, measures, revives dead features and saves. After the last point, measures the recovered loss. Returns
    /// whether there is more to do. Fails if the loss is not finite, or device or disk fail.
    pub async fn advance(&mut self) -> Result<bool> {
        let train = &self.config.train;
        let (steps, begin) = (train.steps, self.step);
        let end = (begin + steps.div_ceil(POINTS)).min(steps);
        for step in begin..end {
            let learning_rate = train.learning_rate_at(step) as f32;
            let micro_batches = vec![self.batches.train(step, 0)?];
            self.executor.train(&[StepInput { step, learning_rate, micro_batches }]).await?;
        }
        self.step = end;
        self.executor.settle(|_| ()).await?;
        let measured = self.measure(self.record.curve.len() as u64 + 1).await?;
        if !measured.loss().is_finite() {
            return Err(diverged());
        }
        for (idle, fired) in self.idle.iter_mut().zip(&measured.fired) {
            *idle = if *fired == 0 { *idle + 1 } else { 0 };
        }
        let may_revive = (end as f64) < REVIVED_UNTIL * steps as f64;
        let revived = if may_revive { self.revive(&measured).await? } else { 0 };
        self.record.curve.push(DictionaryPoint {
            tokens: end * (train_tokens(&self.config)),
            loss: measured.loss(),
            explained_variance: measured.explained_variance(),
            l0: measured.l0(),
            dead: measured.dead(),
            revived,
        });
        self.record.seconds = self.begun.elapsed().as_secs_f64();
        self.folder.save(&mut self.record, &self.executor.weights)?;
        if end == steps {
            self.record.recovery = Some(self.recovery().await?);
            self.folder.save_record(&self.record)?;
        }
        Ok(end < steps)
    }

    /// Points dead features to the residuals of random tokens, drawn by their squared error, and returns their number.
    async fn revive(&mut self, measured: &Measured) -> Result<usize> {
        let dead: Vec<usize> =
            (0..self.idle.len()).filter(|feature| self.idle[*feature] >= IDLE_POINTS).collect();
        let columns = self.record.columns;
        let mut total = 0.0f64;
        let residuals: Vec<&[f32]> = measured.residuals.chunks_exact(columns).collect();
        let until: Vec<f64> = residuals
            .iter()
            .map(|residual| {
                total += f64::from(norm(residual)).powi(2);
                total
            })
            .collect();
        if dead.is_empty() || total == 0.0 {
            return Ok(0);
        }
        let (seed, stream) = (nth(self.record.settings.seed, REVIVALS, self.step), DIRECTIONS);
        let mean_input = self.mean_input.as_ref();
        self.executor
            .settle(|weights| {
                let mean = mean_input.unwrap_or(&weights.decoder_bias).clone();
                // As strong as the others: stronger ones would displace them.
                let alive = (0..weights.width()).filter(|feature| dead.binary_search(feature).is_err());
                let alive: Vec<usize> = alive.collect();
                let models = if alive.is_empty() { &dead } else { &alive };
                let of_alive = |of: &dyn Fn(usize) -> f32| {
                    models.iter().map(|feature| of(*feature)).sum::<f32>() / models.len() as f32
                };
                let strength = of_alive(&|feature| weights.strength(feature));
                let threshold =
                    of_alive(&|feature| weights.threshold.get(feature).copied().unwrap_or_default());
                for feature in &dead {
                    let share = f64::from(unit(nth(seed, stream, *feature as u64)));
                    let token = until.partition_point(|sum| *sum <= share * total).min(residuals.len() - 1);
                    let stream = stream + 1 + *feature as u64;
                    let to = apart(residuals[token], seed, stream);
                    let x = &measured.inputs[token * columns..(token + 1) * columns];
                    let from = mean_input
                        .map(|mean| x.iter().zip(mean).map(|(x, mean)| x - mean).collect::<Vec<f32>>());
                    weights.point(*feature, [from.as_ref().unwrap_or(&to), &to], &mean, strength);
                    if let Some(own) = weights.threshold.get_mut(*feature) {
                        *own = threshold;
                    }
                }
            })
            .await?;
        if dead.len() == self.idle.len() {
            self.executor.set_thresholds(&self.batches.train(self.step, 0)?, self.record.settings.k).await?;
        }
        dead.iter().for_each(|feature| self.idle[*feature] = 0);
        Ok(dead.len())
    }

    /// The loss on held-out text with reconstruction, zeros and mean. Fails if one is not finite.
    async fn recovery(&mut self) -> Result<LossRecovery> {
        let count = HELD_OUT_TOKENS.div_ceil(train_tokens(&self.config) as usize);
        let batches = self.batches.full(Split::Validation).take(count).collect::<Result<Vec<_>>>()?;
        let [width, columns] = [self.record.settings.width, self.record.columns];
        let (mut measured, mut clean) = (Measured::default(), [0.0; 2]);
        for batch in &batches {
            let values = self.executor.values(batch).await?;
            measured.add(&values, batch, [width, columns]);
            let [loss, count] = values.clean.map(f64::from);
            clean = [clean[0] + loss * count, clean[1] + count];
        }
        let trained = self.executor.weights.clone();
        let zeros = Weights::of(self.executor.dictionary, columns);
        let constant = |bias: &[f32]| Weights { decoder_bias: bias.to_vec(), ..zeros.clone() };
        let reconstruction = self.loss_with(trained.clone(), &batches).await?;
        let zero = self.loss_with(constant(&vec![0.0; columns]), &batches).await?;
        let mean = self.loss_with(constant(&self.mean.clone()), &batches).await?;
        self.executor.set_weights(trained).await?;
        let clean = clean[0] / clean[1].max(1.0);
        let explained_variance = measured.explained_variance();
        // Other numbers are null in JSON, and the record could not be read again.
        if ![clean, reconstruction, zero, mean, explained_variance].iter().all(|number| number.is_finite()) {
            refuse!("the loss with the dictionary is not finite; its weights are too large for this model");
        }
        Ok(LossRecovery {
            clean,
            reconstruction,
            zero,
            mean,
            recovered: (zero > clean).then(|| (zero - reconstruction) / (zero - clean)),
            explained_variance,
            l0: measured.l0(),
            dead: measured.dead(),
            tokens: measured.rows,
        })
    }

    async fn loss_with(&mut self, weights: Weights, batches: &[MicroBatch]) -> Result<f64> {
        self.executor.set_weights(weights).await?;
        let (mut sum, mut counted) = (0.0, 0.0);
        for batch in batches {
            let (loss, count) = self.executor.loss(batch).await?;
            (sum, counted) = (sum + f64::from(loss) * f64::from(count), counted + f64::from(count));
        }
        (counted > 0.0).then(|| sum / counted).or_internal("held-out text without targets")
    }
}

/// Mean of rows.
fn mean_of(values: &[f32], columns: usize) -> Vec<f32> {
    let mut sum = vec![0.0f64; columns];
    for row in values.chunks_exact(columns) {
        sum.iter_mut().zip(row).for_each(|(sum, entry)| *sum += f64::from(*entry));
    }
    let rows = (values.len() / columns.max(1)).max(1) as f64;
    sum.into_iter().map(|sum| (sum / rows) as f32).collect()
}

/// A random number in [0, 1) from bits.
fn unit(bits: u64) -> f32 {
    (bits >> 40) as f32 / (1u64 << 24) as f32
}

/// A direction with a little noise.
fn apart(direction: &[f32], seed: u64, stream: u64) -> Vec<f32> {
    let size = NOISE * norm(direction) / (direction.len().max(1) as f32).sqrt();
    let noise = |at: usize| size * (2.0 * unit(nth(seed, stream, at as u64)) - 1.0);
    direction.iter().enumerate().map(|(at, entry)| entry + noise(at)).collect()
}

/// Tokens of a step.
fn train_tokens(config: &RunConfig) -> u64 {
    (config.train.batch_size * config.model.context_length) as u64
}
