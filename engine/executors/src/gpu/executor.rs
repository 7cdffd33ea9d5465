//! Training and evaluation on a GPU: two plans and the optimizer's dispatches over one set of buffers.
//!
//! Micro-batches are uploaded in groups up to the ring's size, with one upload and one read-back per group. While the
//! device works on a group, the host prepares the next and reads the reports of the previous one.

use super::Gpu;
use super::batch::BatchRules;
use super::device::PendingRead;
use super::program::Program;
use super::replay::{Cut, EncodeStatistics, Pacing, Recorder, Unit};
use super::storage::Storage;
use super::timestamps::{Stamps, dispatch_times};
use glasshouse_compiler::graph::ops::Preference;
use glasshouse_compiler::graph::{ValueId, has_half};
use glasshouse_compiler::model::{Probe, TrainingGraphs, loss_form};
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::buffers::{Role, buffers};
use glasshouse_compiler::plan::control::{ReportRow, ScheduleRow};
use glasshouse_compiler::plan::estimate::work;
use glasshouse_compiler::plan::{Buffer, Numbered, Plan, compile, update};
use glasshouse_compiler::step::{ArenaState, LossScale, MicroBatch, StepInput, StepReport};
use glasshouse_platform::{Error, OrInternal, Result};
use std::sync::Arc;
use web_time::Instant;

/// Indices of the plans in the list of buffers.
const TRAIN: usize = 0;
const EVALUATE: usize = 1;

/// A training run's model on a GPU.
pub struct GpuExecutor {
    gpu: Gpu,
    storage: Storage,
    train: Mode,
    evaluate: Mode,
    /// Clipping and the optimizer, after a step's last micro-batch.
    update: Program,
    /// In mixed precision, refreshes the 16-bit weights; the last part of `update`.
    cast: Option<Program>,
    /// Advances the device's counter to the next micro-batch.
    advance: Program,
    optimizer: Optimizer,
    layout: glasshouse_compiler::plan::arena::ArenaLayout,
    accumulate: usize,
    /// The pair loss, for that objective.
    preference: Option<Preference>,
    ring: usize,
    /// If set, replaces the measured pacing of submissions.
    pub(super) fixed_cut: Option<Cut>,
    /// Timestamps of passes, while the idle share is measured.
    stamps: Option<Stamps>,
    statistics: EncodeStatistics,
    /// Per-token losses of an evaluation, if read: buffer, offset and bytes.
    rows: Option<(Buffer, u64, u64)>,
    /// Norm statistics of the residual stream after each part: buffer, offset and bytes.
    probes: Vec<(String, (Buffer, u64, u64))>,
}

#[derive(Debug)]
struct Mode {
    program: Program,
    rules: BatchRules,
    pacing: Pacing,
}

impl Mode {
    /// `further` is the number of floating-point operations that may follow a micro-batch.
    async fn new(gpu: &Gpu, storage: &Storage, at: usize, plan: &Plan, further: f64) -> Result<Self> {
        storage.fill_constants(gpu, at, plan).await?;
        Ok(Self {
            program: Program::new(gpu, &plan.dispatches, storage, at, 0).await?,
            rules: BatchRules::new(&plan.graph)?,
            pacing: Pacing::new(work(&plan.graph) + further, gpu.wait()),
        })
    }
}

/// A micro-batch in its step.
#[derive(Clone, Copy)]
struct Item<'a> {
    batch: &'a MicroBatch,
    row: ScheduleRow,
    /// Whether the gradients are cleared first.
    first: bool,
    /// Whether the weights are updated afterwards.
    last: bool,
}

struct SubmissionGroup {
    reading: PendingRead,
    begun: Instant,
    units: usize,
}

impl GpuExecutor {
    /// Allocates all buffers of a run and builds the pipelines. Weights and moments are zero until [`set_state`](Self::set_state). `ring`
    /// is the number of micro-batches uploaded at once. Fails with [`Error::TooLarge`] if the device cannot hold or bind what the model
    /// needs.
    pub async fn new(gpu: &Gpu, graphs: &TrainingGraphs, optimizer: Optimizer, ring: usize) -> Result<Self> {
        if ring == 0 {
            return Err(Error::Internal("a ring of no micro-batches".to_owned()));
        }
        if !gpu.has_half() {
            graphs.expect_full(&optimizer, &gpu.report().name)?;
        }
        // A model's dimensions may leave no value in f16.
        if has_half(&graphs.train) && !optimizer.mixed {
            return Err(Error::Internal("values in f16 without a loss scale".to_owned()));
        }
        let train = compile(graphs.train.clone(), &[graphs.train_loss], &gpu.target())?;
        let evaluate = compile(graphs.evaluate.clone(), &graphs.evaluate_read(), &gpu.target())?;
        let place = |value: ValueId| {
            let spot = evaluate.placement.spot_of_value[value.index()]?;
            Some((Buffer::Slot(spot.slot), spot.offset, evaluate.graph.ty(value).bytes()))
        };
        let rows = graphs.evaluate_rows.and_then(place);
        let probe = |probe: &Probe| Some((probe.part.clone(), place(probe.statistics)?));
        let probes = graphs.evaluate_probes.iter().filter_map(probe).collect();
        let mut further = update::update_dispatches(&train.arena, &optimizer, &gpu.target())?;
        let updates = further.len();
        further.push(update::advance_dispatch());
        let plans = [&train, &evaluate];
        let allocations = buffers(&plans, Some(&optimizer), &further[..updates], ring);
        let storage = Storage::create(gpu, &allocations, &plans, &further).await?;
        let first = train.dispatches.len();
        let update = Program::new(gpu, &further[..updates], &storage, TRAIN, first).await?;
        let cast = if optimizer.mixed {
            let from = updates - update::cast_dispatches(&train.arena)?.len();
            Some(Program::new(gpu, &further[from..updates], &storage, TRAIN, first + from).await?)
        } else {
            None
        };
        storage.set_loss_scale(gpu, first_scale(&optimizer)).await?;
        let advance = Program::new(gpu, &further[updates..], &storage, TRAIN, first + updates).await?;
        let of_update = update::flops(&train.arena, &optimizer);
        let train_mode = Mode::new(gpu, &storage, TRAIN, &train, of_update).await?;
        let evaluate_mode = Mode::new(gpu, &storage, EVALUATE, &evaluate, 0.0).await?;
        Ok(Self {
            gpu: gpu.clone(),
            storage,
            train: train_mode,
            evaluate: evaluate_mode,
            update,
            cast,
            advance,
            optimizer,
            layout: train.arena,
            accumulate: graphs.spec.train.accumulate,
            preference: loss_form(&graphs.spec.train, &graphs.spec.model).preference(),
            ring,
            fixed_cut: None,
            stamps: None,
            statistics: EncodeStatistics::default(),
            rows,
            probes,
        })
    }

    pub async fn train(&mut self, steps: &[StepInput]) -> Result<Vec<StepReport>> {
        let items = self.items(steps)?;
        let rows = self.run(TRAIN, &items, true).await?;
        let per_step = |rows: &[ReportRow]| {
            let last = rows.last().copied().unwrap_or_default();
            let of_pairs = |op: Preference| {
                let reported = |row: &ReportRow| {
                    let ReportRow { chosen_reward, rejected_reward, accuracy, log_ratio, .. } = *row;
                    [chosen_reward, rejected_reward, accuracy, log_ratio, row.ties, row.chosen, row.rejected]
                };
                op.of_reports(&rows.iter().map(reported).collect::<Vec<_>>())
            };
            StepReport {
                preference: self.preference.and_then(of_pairs),
                loss: mean_loss(rows),
                gradient_norm: last.gradient_norm,
                skipped: last.skipped != 0.0,
            }
        };
        Ok(rows.chunks(self.accumulate).map(per_step).collect())
    }

    /// Returns (mean loss, counted rows) per micro-batch, without dropout or label smoothing.
    pub async fn evaluate(&mut self, batches: &[MicroBatch]) -> Result<Vec<(f32, f32)>> {
        for batch in batches {
            self.evaluate.rules.check(batch)?;
        }
        let item = |batch| Item { batch, row: ScheduleRow::default(), first: false, last: false };
        let items: Vec<Item<'_>> = batches.iter().map(item).collect();
        let rows = self.run(EVALUATE, &items, false).await?;
        Ok(rows.iter().map(|row| (row.loss, row.count)).collect())
    }

    /// Returns the loss of each target per micro-batch, without dropout or label smoothing; 0 for ignored targets.
    pub async fn token_losses(&mut self, batches: &[MicroBatch]) -> Result<Vec<Vec<f32>>> {
        let (buffer, offset, bytes) = self.rows.or_internal("a graph whose tokens' losses are not kept")?;
        let mut losses = Vec::with_capacity(batches.len());
        for batch in batches {
            self.evaluate(std::slice::from_ref(batch)).await?;
            let rows = self.gpu.read(self.storage.get(EVALUATE, buffer)?, offset, bytes).await?;
            let rows: Vec<[f32; 2]> = bytemuck::pod_collect_to_vec(&rows);
            losses.push(rows.into_iter().map(|[_, loss]| loss).collect());
        }
        Ok(losses)
    }

    /// Norm statistics of the residual stream after each part of the model, [N,2], for a micro-batch without dropout.
    pub async fn probes(&mut self, batch: &MicroBatch) -> Result<Vec<(String, Vec<f32>)>> {
        self.evaluate(std::slice::from_ref(batch)).await?;
        let range = |(_, (buffer, offset, bytes)): &(String, (Buffer, u64, u64))| {
            Ok((self.storage.get(EVALUATE, *buffer)?, *offset, *bytes))
        };
        let ranges = self.probes.iter().map(range).collect::<Result<Vec<_>>>()?;
        let found = self.gpu.read_several(&ranges).await?;
        let parts = self.probes.iter().map(|(part, _)| part.clone());
        Ok(parts.zip(found.iter().map(|bytes| bytemuck::pod_collect_to_vec(bytes))).collect())
    }

    /// Returns a step's loss and its unclipped gradient, laid out like the arena, without an update.
    pub async fn gradients(&mut self, step: &StepInput) -> Result<(f32, Vec<f32>)> {
        let items = self.items(std::slice::from_ref(step))?;
        let rows = self.run(TRAIN, &items, false).await?;
        let mut gradients = self.storage.read_arena(&self.gpu, Buffer::Gradients).await?;
        let LossScale { scale, .. } = self.storage.loss_scale(&self.gpu).await?;
        gradients.iter_mut().for_each(|gradient| *gradient /= scale);
        Ok((mean_loss(&rows), gradients))
    }

    /// Trains on a step's first micro-batch and returns (scope, kernel, count, milliseconds) of each dispatch of a whole step, assuming
    /// equal micro-batches. [`Error::Device`] if the device has no timestamps.
    pub async fn profile(&mut self, step: &StepInput) -> Result<Vec<(String, &'static str, usize, f64)>> {
        let items = self.items(std::slice::from_ref(step))?;
        let item = items.first().or_internal("a step without micro-batches")?;
        self.train.rules.upload(&self.gpu, &self.storage, &[(item.batch, item.row)])?;
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        for gradients in self.storage.pieces(Buffer::Gradients) {
            encoder.clear_buffer(gradients, 0, None);
        }
        self.gpu.queue.submit([encoder.finish()]);
        let each = self.accumulate;
        let mut found = Vec::new();
        for (program, count) in [(&self.train.program, each), (&self.update, 1), (&self.advance, each)] {
            for (at, spent) in dispatch_times(&self.gpu, program).await?.into_iter().enumerate() {
                let (scope, kernel) = program.name(at);
                found.push((scope.to_owned(), kernel, count, spent * count as f64 / 1e6));
            }
        }
        Ok(found)
    }

    /// Trains on a step sent as one submission to an idle device, and returns the launch cost, which is the CPU's share only. A software
    /// adapter's kernels evict the recording code from the CPU's caches; `warm` records the step once beforehand to make up for that.
    pub async fn time_launch(&mut self, step: &StepInput, warm: bool) -> Result<EncodeStatistics> {
        let items = self.items(std::slice::from_ref(step))?;
        self.gpu.idle().await?;
        let before = self.take_statistics();
        let fixed = self.fixed_cut.replace(Cut::Together(usize::MAX));
        if warm {
            self.record(TRAIN, &items, true).await?.discard();
        }
        let done = self.run(TRAIN, &items, true).await;
        self.fixed_cut = fixed;
        let cost = std::mem::replace(&mut self.statistics, before);
        self.statistics += cost;
        done.map(|_| cost)
    }

    /// Trains on these steps and returns the share of time the device was idle; `None` without timestamps.
    pub async fn idle_share(&mut self, steps: &[StepInput]) -> Result<Option<f64>> {
        let Ok(stamps) = Stamps::new(&self.gpu) else { return Ok(None) };
        self.stamps = Some(stamps);
        let trained = self.train(steps).await;
        let stamps = self.stamps.take();
        trained?;
        match stamps {
            Some(stamps) => stamps.idle_share(&self.gpu).await,
            None => Ok(None),
        }
    }

    /// The buffers, for a decoder of the same weights.
    pub(super) fn storage(&self) -> &Storage {
        &self.storage
    }

    pub(super) fn layout(&self) -> &glasshouse_compiler::plan::arena::ArenaLayout {
        &self.layout
    }

    /// The weights in 32-bit floats, without those stored in fewer bits.
    pub async fn floats(&self) -> Result<Arc<Vec<f32>>> {
        self.storage.read_arena(&self.gpu, Buffer::Parameters).await.map(Arc::new)
    }

    pub async fn weights(&self) -> Result<Vec<f32>> {
        let words = self.storage.read_words(&self.gpu, Buffer::Stored).await?;
        Ok(self.layout.all_floats(Arc::unwrap_or_clone(self.floats().await?), &words))
    }

    pub async fn state(&self) -> Result<ArenaState> {
        let (gpu, storage) = (&self.gpu, &self.storage);
        Ok(ArenaState {
            parameters: self.floats().await?,
            stored: storage.read_words(gpu, Buffer::Stored).await?.into(),
            first_moments: storage.read_arena(gpu, Buffer::FirstMoments).await?,
            second_moments: storage.read_arena(gpu, Buffer::SecondMoments).await?,
            loss_scale: match self.optimizer.mixed {
                true => Some(self.storage.loss_scale(&self.gpu).await?),
                false => None,
            },
            ..ArenaState::default()
        })
    }

    /// Replaces the weights and the optimizer state. Moments absent from the state become zero; an absent loss scale is searched for anew.
    pub async fn set_state(&mut self, state: &ArenaState) -> Result<()> {
        let trained = self.layout.trained_end;
        let (first, second) = (self.optimizer.first_moments(), self.optimizer.second_moments());
        let arenas: [(&str, Numbered, &[f32], usize, bool); 3] = [
            ("weights", Buffer::Parameters, &state.parameters, self.layout.length_of(state)?, true),
            ("first moments", Buffer::FirstMoments, &state.first_moments, trained, first),
            ("second moments", Buffer::SecondMoments, &state.second_moments, trained, second),
        ];
        for (number, (name, arena, floats, length, kept)) in arenas.into_iter().enumerate() {
            let optional = number > 0;
            if floats.len() != length && !(optional && floats.is_empty()) {
                return Err(Error::Refused(format!(
                    "{} {name} given, but the model has {length}",
                    floats.len()
                )));
            }
            if kept && floats.is_empty() {
                let zeros = vec![0.0f32; length];
                self.storage.write_arena(&self.gpu, arena, bytemuck::cast_slice(&zeros)).await?;
            } else if kept {
                let floats = &floats[..floats.len().min(self.layout.floats_end)];
                self.storage.write_arena(&self.gpu, arena, bytemuck::cast_slice(floats)).await?;
            }
        }
        let words = self.layout.words_of(state);
        self.storage.write_arena(&self.gpu, Buffer::Stored, bytemuck::cast_slice(words.as_slice())).await?;
        if let Some(cast) = &self.cast {
            let scale = state.loss_scale.unwrap_or(first_scale(&self.optimizer));
            self.storage.set_loss_scale(&self.gpu, scale).await?;
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            cast.encode(&mut encoder.begin_compute_pass(&Default::default()), 0..cast.len());
            self.gpu.queue.submit([encoder.finish()]);
        }
        Ok(())
    }

    pub fn bytes(&self) -> u64 {
        self.storage.bytes()
    }

    pub fn device_name(&self) -> &str {
        &self.gpu.report().name
    }

    /// Dispatches per step, over all micro-batches and the update.
    pub fn dispatches_per_step(&self) -> usize {
        self.accumulate * (self.train.program.len() + self.advance.len()) + self.update.len()
    }

    /// Launch costs since the last call.
    pub fn take_statistics(&mut self) -> EncodeStatistics {
        std::mem::take(&mut self.statistics)
    }

    /// In interactive mode, submissions are kept shorter than a frame.
    pub fn set_interactive(&mut self, interactive: bool) {
        self.train.pacing.interactive = interactive;
        self.evaluate.pacing.interactive = interactive;
    }

    /// The micro-batches of some steps in sequence.
    fn items<'a>(&self, steps: &'a [StepInput]) -> Result<Vec<Item<'a>>> {
        let mut items = Vec::with_capacity(steps.len() * self.accumulate);
        for step in steps {
            if step.micro_batches.len() != self.accumulate {
                return Err(Error::Refused(format!(
                    "a step of {} micro-batches, but the model was built for {}",
                    step.micro_batches.len(),
                    self.accumulate
                )));
            }
            let (first_correction, second_correction) = self.optimizer.corrections(step.step);
            for (at, batch) in step.micro_batches.iter().enumerate() {
                self.train.rules.check(batch)?;
                let row = ScheduleRow {
                    learning_rate: step.learning_rate,
                    first_correction,
                    second_correction,
                    counted: batch.loss_denominator.unwrap_or(0.0),
                    seed: batch.seed,
                    ..ScheduleRow::default()
                };
                items.push(Item { batch, row, first: at == 0, last: at + 1 == self.accumulate });
            }
        }
        Ok(items)
    }

    /// Runs micro-batches group by group and returns their reports. Submissions are split by measured time.
    async fn run(&mut self, mode: usize, items: &[Item<'_>], update: bool) -> Result<Vec<ReportRow>> {
        self.gpu.check()?;
        let mut reports = Vec::with_capacity(items.len());
        let mut under_way: Option<SubmissionGroup> = None;
        let mut free_since = Instant::now();
        for (number, group) in items.chunks(self.ring).enumerate() {
            let begun = self.begin(mode, group, number, update).await?;
            if let Some(before) = under_way.replace(begun) {
                free_since = self.end(mode, before, free_since, &mut reports).await?;
            }
        }
        if let Some(last) = under_way {
            self.end(mode, last, free_since, &mut reports).await?;
        }
        Ok(reports)
    }

    async fn begin(
        &mut self,
        mode: usize,
        group: &[Item<'_>],
        number: usize,
        update: bool,
    ) -> Result<SubmissionGroup> {
        let own = if mode == TRAIN { &self.train } else { &self.evaluate };
        let rows: Vec<(&MicroBatch, ScheduleRow)> = group.iter().map(|item| (item.batch, item.row)).collect();
        own.rules.upload(&self.gpu, &self.storage, &rows)?;
        let begun = Instant::now();
        let recorder = self.record(mode, group, update).await?;
        let readbacks: Vec<&wgpu::Buffer> = self.storage.all(|role| role == Role::Readback).collect();
        let readback = readbacks[number % readbacks.len()];
        let bytes = (group.len() * size_of::<ReportRow>()) as u64;
        let (submission, cost) = recorder.finish(self.storage.get(mode, Buffer::Reports)?, readback, bytes);
        let reading = self.gpu.begin_read(readback, bytes, submission);
        self.statistics += cost;
        Ok(SubmissionGroup { reading, begun, units: group.len() })
    }

    async fn record(&self, mode: usize, group: &[Item<'_>], update: bool) -> Result<Recorder<'_>> {
        let own = if mode == TRAIN { &self.train } else { &self.evaluate };
        let gradients: Vec<&wgpu::Buffer> = self.storage.pieces(Buffer::Gradients).collect();
        let cut = self.fixed_cut.unwrap_or_else(|| own.pacing.cut());
        let mut recorder = Recorder::new(&self.gpu, cut, self.stamps.as_ref());
        for item in group {
            let clear = if item.first { &gradients[..] } else { &[] };
            if update && item.last {
                recorder
                    .record(Unit { clear, programs: &[&own.program, &self.update, &self.advance] })
                    .await?;
            } else {
                recorder.record(Unit { clear, programs: &[&own.program, &self.advance] }).await?;
            }
        }
        Ok(recorder)
    }

    /// Waits for a group and records its duration since the device became free.
    async fn end(
        &mut self,
        mode: usize,
        group: SubmissionGroup,
        free_since: Instant,
        reports: &mut Vec<ReportRow>,
    ) -> Result<Instant> {
        let bytes = self.gpu.end_read(group.reading).await?;
        let now = Instant::now();
        let own = if mode == TRAIN { &mut self.train } else { &mut self.evaluate };
        own.pacing.observe((now - group.begun.max(free_since)).as_secs_f64(), group.units);
        reports.extend(bytemuck::pod_collect_to_vec::<u8, ReportRow>(&bytes));
        Ok(now)
    }
}

fn first_scale(optimizer: &Optimizer) -> LossScale {
    if optimizer.mixed { LossScale::FIRST } else { LossScale::ONE }
}

fn mean_loss(rows: &[ReportRow]) -> f32 {
    (rows.iter().map(|row| f64::from(row.loss)).sum::<f64>() / rows.len().max(1) as f64) as f32
}
