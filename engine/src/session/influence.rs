//! Influence of a run's training text on a completion.

use super::Session;
use crate::data::prepare::{self, Prepared};
use crate::data::store::TokenStore;
use crate::executor::Executor;
use crate::features::influence::{Gradients, Passage, half, passage, passages, rank_correlation};
use crate::features::{Subject, check_learns_tokens};
use crate::generation::prompt_tokens;
use crate::initial;
use crate::model::training_graphs;
use crate::optimizer::Optimizer;
use crate::platform::Yielder;
use crate::project::Run;
use crate::protocol::answer;
use crate::protocol::influence::{Influence, InfluenceCheck, InfluenceQuery, InfluentialPassage};
use crate::protocol::summary::CheckpointSummary;
use crate::protocol::{RunConfig, WeightSource};
use crate::step::ArenaState;
use crate::training::step_input;
use crate::{Error, OrInternal, Result, refuse};
use std::ops::Range;
use web_time::Instant;

/// Sum of the learning rates of the steps before a checkpoint, since the one before.
fn learning_rates(config: &RunConfig, checkpoints: &[CheckpointSummary]) -> Vec<f64> {
    let starts = std::iter::once(0).chain(checkpoints.iter().map(|own| own.step));
    let sum = |steps: Range<u64>| steps.map(|step| config.train.learning_rate_at(step)).sum();
    starts.zip(checkpoints).map(|(from, own)| sum(from..own.step)).collect()
}

/// The runs whose training a check repeats: from random weights, on windows of text.
fn check_repeats(run: &Run, config: &RunConfig) -> Result<()> {
    let train = &config.train;
    if train.objective.learns_text()
        && train.adapter.is_none()
        && config.data.synthetic.is_none()
        && config.start.is_none()
    {
        return Ok(());
    }
    refuse!(
        "only runs on text from random weights can be trained again, but {} is another; leave out --retrained",
        run.name()
    )
}

/// Trains the model of a run anew, from the run's seed and by its settings, on these tokens only, and returns its weights.
async fn retrained(
    subject: &Subject<'_>,
    prepared: &mut Prepared,
    tokens: Vec<u32>,
    yielder: &Yielder,
) -> Result<Vec<f32>> {
    let Subject { config, device, threads, .. } = *subject;
    let window = config.model.context_length;
    if tokens.len() <= window {
        refuse!("half of the text is shorter than the context of {window} tokens; a check needs more text");
    }
    // Held-out text is not used, but must exist.
    let held_out = tokens[..=window].to_vec();
    let whole = std::mem::replace(&mut prepared.store, TokenStore::in_memory(tokens, held_out));
    let trained = trained(config, device, threads, prepared, yielder).await;
    prepared.store = whole;
    trained
}

async fn trained(
    config: &RunConfig,
    device: &str,
    threads: Option<usize>,
    prepared: &Prepared,
    yielder: &Yielder,
) -> Result<Vec<f32>> {
    let graphs = training_graphs(&config.model, &config.train)?;
    let batches = prepared.batches(config)?;
    let optimizer = Optimizer::new(&config.train).for_model(&config.model);
    let (mut executor, _) = Executor::open(device, &graphs, optimizer, threads).await?;
    let parameters = &graphs.train.parameters;
    let weights = initial::parameters(parameters, config.seed, yielder).await;
    let moments = initial::zero_moments(&config.train, parameters);
    executor.set_state(&ArenaState { parameters: weights.into(), ..moments }).await?;
    for step in 0..config.train.steps {
        executor.train(&[step_input(config, &batches, step)?]).await?;
        yielder.maybe_yield().await;
    }
    executor.weights().await
}

impl Session {
    pub(super) async fn influence(
        &mut self,
        id: u64,
        run: &str,
        query: InfluenceQuery,
    ) -> Result<answer::Influence> {
        query.check().map_err(Error::Refused)?;
        let (run, yielder, began) = (self.run_named(run)?, Yielder::new(), Instant::now());
        let config = run.config()?;
        check_learns_tokens(&run, &config)?;
        if query.retrained > 0 {
            check_repeats(&run, &config)?;
        }
        let checkpoints = run.summary()?.spread_checkpoints(query.checkpoints);
        if checkpoints.is_empty() {
            refuse!("{} has no checkpoint yet; train it until the first one", run.name());
        }
        let rates = learning_rates(&config, &checkpoints);
        let mut models = Vec::with_capacity(checkpoints.len());
        for checkpoint in &checkpoints {
            let source = WeightSource::Checkpoint { run: run.name(), checkpoint: checkpoint.choice() };
            models.push(self.weights(&source, None).await?);
        }
        let last = models.last().or_internal("a run without a checkpoint")?.clone();
        let window = last.config.context_length;
        let text = format!("{}{}", query.prompt, query.completion);
        self.report_lost(id, &last.tokenizer, &text);
        let tokens = prompt_tokens(&last.tokenizer, &text)?;
        let prompt = prompt_tokens(&last.tokenizer, &query.prompt).unwrap_or_default();
        let given = prompt.iter().zip(&tokens).take_while(|(one, other)| one == other).count();
        let asked = Passage::new(tokens, given.max(1));
        if asked.tokens.len() < 2 || asked.tokens.len() > window + 1 {
            let count = asked.tokens.len();
            refuse!("prompt and completion are {count} tokens; this model takes 2 to {}", window + 1);
        }
        let mut prepared = prepare::open_aside(run.data_folder()?).await?;
        let end = prepared.store.index().and_then(|index| index.end_of_text);
        let all = passages(&prepared.store, end, window, &yielder).await?;
        let measured = all.len().min(query.passages);
        if query.retrained > 0 && measured < all.len() {
            refuse!(
                "a check needs the scores of all {} passages; raise --passages, or leave out --retrained",
                all.len()
            );
        }
        let drawn: Vec<usize> = (0..measured).map(|at| at * all.len() / measured).collect();
        let read = |at: &usize| passage(&prepared.store, &all[*at]);
        let own = drawn.iter().map(read).collect::<Result<Vec<Passage>>>()?;
        let (device, threads) = (self.device.request.clone(), self.options.threads);
        let own_config = RunConfig { model: last.config.clone(), ..config.clone() };
        let parameters = last.parameters().await?;
        let subject = Subject { config: &own_config, parameters, device: &device, threads };
        let mut gradients = Gradients::open(&subject).await?;
        let (mut scores, mut loss) = (vec![0.0; measured], 0.0);
        let total = (models.len() * measured + query.retrained * measured) as u64;
        for (at, (model, rate)) in models.iter().zip(&rates).enumerate() {
            gradients.set_weights(&model.config, model.parameters().await?).await?;
            let done = |done: usize| self.sink.progress((at * measured + done) as u64, total);
            loss = gradients
                .add_influences(&asked, &own, (*rate, !query.preconditioned), &mut scores, done, &yielder)
                .await?;
        }
        let mut check = InfluenceCheck::default();
        for number in 0..query.retrained as u64 {
            let is_in = half(query.seed, number, measured);
            let kept = own.iter().zip(&is_in).filter(|(_, is_in)| **is_in);
            let tokens = kept.flat_map(|(own, _)| own.tokens.iter().copied()).collect();
            let weights = retrained(&subject, &mut prepared, tokens, &yielder).await?;
            gradients.set_weights(&own_config.model, &weights).await?;
            check.losses.push(f64::from(gradients.of(&asked).await?.0));
            check
                .predicted
                .push(scores.iter().zip(&is_in).filter(|(_, is_in)| **is_in).map(|(score, _)| score).sum());
            self.sink.progress((models.len() as u64 + number + 1) * measured as u64, total);
        }
        let gains: Vec<f64> = check.losses.iter().map(|loss| -loss).collect();
        check.correlation = rank_correlation(&check.predicted, &gains);
        let mut order: Vec<usize> = (0..measured).collect();
        order.sort_by(|one, other| scores[*other].total_cmp(&scores[*one]));
        let told = |at: &usize| InfluentialPassage {
            number: drawn[*at] as u64 + 1,
            text: last.tokenizer.decode(&own[*at].tokens),
            score: scores[*at],
        };
        let helps = order.iter().filter(|at| scores[**at] > 0.0);
        let harms = order.iter().rev().filter(|at| scores[**at] < 0.0);
        Ok(Influence {
            run: run.name(),
            tokens: asked.predicted.iter().filter(|is| **is).count() as u64,
            loss,
            steps: checkpoints.iter().map(|own| own.step).collect(),
            measured: measured as u64,
            all: all.len() as u64,
            helpful: helps.take(query.count).map(told).collect(),
            harmful: harms.take(query.count).map(told).collect(),
            check: (query.retrained > 0).then_some(check),
            seconds: began.elapsed().as_secs_f64(),
            query,
        })
    }
}
