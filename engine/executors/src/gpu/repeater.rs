//! Repeated dispatches for timing. A single dispatch takes microseconds, too short for a host clock; many in one
//! submission to an idle device can be timed.

use super::Gpu;
use super::batch::BatchRules;
use super::program::Program;
use super::run::f16_bytes;
use super::storage::Storage;
use glasshouse_compiler::graph::{Element, Input, Origin};
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::buffers::buffers;
use glasshouse_compiler::plan::control::ScheduleRow;
use glasshouse_compiler::plan::{Buffer, Dispatch, Plan};
use glasshouse_compiler::step::{LossScale, MicroBatch, StepInput};
use glasshouse_platform::Result;
use std::ops::Range;
use web_time::{Duration, Instant};

/// A GPU at rest reaches its full clock only after tenths of a second of unbroken work (an H200 begins at a sixth of it). Until
/// then, whatever is timed seems slow.
pub const WARM_UP: Duration = Duration::from_millis(400);

/// Target seconds of a warm-up submission: long compared with the gaps between submissions, short enough for a responsive window.
const WARM_UP_SECONDS: f64 = 0.02;

/// A plan's dispatches over buffers of their own.
pub struct Repeater {
    gpu: Gpu,
    storage: Storage,
    program: Program,
}

impl Repeater {
    /// Prepares a plan with its weights, laid out like the arena. `further` dispatches, such as the optimizer's, follow the plan's own.
    /// Fails if the device cannot hold or bind what the plan needs.
    pub async fn new(
        gpu: &Gpu,
        plan: &Plan,
        weights: &[f32],
        optimizer: Option<&Optimizer>,
        further: &[Dispatch],
    ) -> Result<Self> {
        let storage =
            Storage::create(gpu, &buffers(&[plan], optimizer, further, 1), &[plan], further).await?;
        let dispatches: Vec<Dispatch> = plan.dispatches.iter().chain(further).cloned().collect();
        let program = Program::new(gpu, &dispatches, &storage, 0, 0).await?;
        storage.fill_constants(gpu, 0, plan).await?;
        storage.set_loss_scale(gpu, LossScale::ONE).await?;
        let floats = &weights[..weights.len().min(plan.arena.floats_end)];
        storage.write_arena(gpu, Buffer::Parameters, bytemuck::cast_slice(floats)).await?;
        let words = plan.arena.pack(&plan.arena, weights);
        storage.write_arena(gpu, Buffer::Stored, bytemuck::cast_slice(&words)).await?;
        Ok(Self { gpu: gpu.clone(), storage, program })
    }

    /// Fills up to `most` entries of the plan's free 16-bit inputs with the values of `entry`.
    pub async fn fill_f16(&self, plan: &Plan, most: usize, entry: impl Fn(usize) -> f32) -> Result<()> {
        for value in &plan.graph.values {
            if let (Origin::Input(input @ Input::Free(_)), Element::F16) = (&value.origin, value.ty.element) {
                let count = value.ty.count().min(most);
                let entries: Vec<f32> = (0..count).map(&entry).collect();
                self.gpu.write(self.storage.get(0, Buffer::Input(*input))?, 0, &f16_bytes(&entries)).await?;
            }
        }
        Ok(())
    }

    /// Uploads the first micro-batch of a step, for a training plan.
    pub fn upload(&self, plan: &Plan, step: &StepInput, optimizer: &Optimizer) -> Result<()> {
        let rules = BatchRules::new(&plan.graph)?;
        let (first_correction, second_correction) = optimizer.corrections(step.step);
        let row = |batch: &MicroBatch| ScheduleRow {
            learning_rate: step.learning_rate,
            first_correction,
            second_correction,
            seed: batch.seed,
            ..ScheduleRow::default()
        };
        let batches: Vec<(&MicroBatch, ScheduleRow)> =
            step.micro_batches.iter().take(1).map(|batch| (batch, row(batch))).collect();
        batches.iter().try_for_each(|(batch, _)| rules.check(batch))?;
        rules.upload(&self.gpu, &self.storage, &batches)
    }

    pub fn count(&self) -> usize {
        self.program.len()
    }

    /// Keeps the device busy with dispatches until its clock is up. Does nothing on a software adapter.
    pub async fn warm_up(&self, dispatches: Range<usize>) -> Result<()> {
        let (begun, mut repeats) = (Instant::now(), 1);
        while !self.gpu.report().software && begun.elapsed() < WARM_UP {
            let seconds = self.seconds_of(dispatches.clone(), repeats).await?;
            if seconds < WARM_UP_SECONDS {
                repeats = (2 * repeats).min(1 << 12);
            }
            glasshouse_platform::yield_now().await;
        }
        Ok(())
    }

    /// Seconds for `repeats` runs of one dispatch, from submission to an idle device until the last one ends. The runs
    /// are sequential, since they write the same buffers.
    pub async fn seconds(&self, number: usize, repeats: usize) -> Result<f64> {
        self.seconds_of(number..number + 1, repeats).await
    }

    /// Like [`Repeater::seconds`], for several dispatches in sequence.
    pub async fn seconds_of(&self, dispatches: Range<usize>, repeats: usize) -> Result<f64> {
        self.gpu.idle().await?;
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for _ in 0..repeats {
                self.program.encode(&mut pass, dispatches.clone());
            }
        }
        let commands = encoder.finish();
        let begun = Instant::now();
        self.gpu.queue.submit([commands]);
        self.gpu.idle().await?;
        Ok(begun.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::test_gpu;
    use glasshouse_compiler::graph::ops;
    use glasshouse_compiler::graph::{Graph, Parameter, Type};
    use glasshouse_compiler::plan::{Binding, compile};
    use glasshouse_shaders::peak_flops;
    use std::rc::Rc;

    /// Repeating a sum does not change it; the loop in registers computes what its head comment says.
    #[test]
    fn what_is_repeated_gives_its_result() {
        const COUNT: usize = 256;
        const INVOCATIONS: usize = 192;
        const TURNS: i32 = 2;
        let gpu = test_gpu();
        let mut graph = Graph::default();
        let mut parameter = || graph.parameter(Parameter::zeros("operand", Type::f32(&[COUNT])));
        let (a, b) = (parameter(), parameter());
        let sum = graph.push(ops::Add, &[a, b]).unwrap();
        let mut plan = compile(graph, &sum, &gpu.target()).unwrap();
        let slot = Buffer::Slot(plan.placement.spot_of_value[sum[0].index()].unwrap().slot);
        let arguments = peak_flops::Arguments {
            count: INVOCATIONS as u32,
            turns: TURNS as u32,
            factor: 0.5,
            addend: 0.25,
        };
        plan.dispatches.push(Dispatch {
            kernel: peak_flops::kernel(),
            arguments: arguments.bytes(),
            bindings: vec![Binding { buffer: slot, offset: 0, bytes: None }],
            groups: [INVOCATIONS.div_ceil(64) as u32, 1, 1],
            node: None,
            scope: Rc::from("peak"),
        });
        let weights: Vec<f32> = (0..plan.arena.length).map(|at| at as f32).collect();
        pollster::block_on(async {
            let repeater = Repeater::new(&gpu, &plan, &weights, None, &[]).await.unwrap();
            assert_eq!(repeater.count(), 2);
            let read = async || -> Vec<f32> {
                let buffer = repeater.storage.get(0, slot).unwrap();
                bytemuck::pod_collect_to_vec(&gpu.read(buffer, 0, COUNT as u64 * 4).await.unwrap())
            };
            assert!(repeater.seconds(0, 5).await.unwrap() > 0.0);
            let sums = read().await;
            assert!(sums.iter().enumerate().all(|(at, sum)| *sum == (2 * at + COUNT) as f32), "{sums:?}");
            repeater.seconds(1, 1).await.unwrap();
            // x · 0.5ⁿ + 0.25 · (1 − 0.5ⁿ) / 0.5 after n steps, for twelve x whose mean is the invocation and 0.55.
            let shrunk = 0.5f64.powi(8 * TURNS);
            for (at, found) in read().await.iter().enumerate() {
                let expected = if at < INVOCATIONS {
                    12.0 * ((at as f64 + 0.55) * shrunk + 0.5 * (1.0 - shrunk))
                } else {
                    f64::from(sums[at])
                };
                assert!((f64::from(*found) - expected).abs() < 1e-4, "{at}: {found} for {expected}");
            }
        });
    }
}
