//! Compares every kernel variant of a device with the oracle. A variant that the driver computes wrongly would silently spoil
//! a run once tuning selects it.
//!
//! The cases are those of the parity tests ([`super::cases`], [`super::half_precision`]). Each runs with the default kernels,
//! every supported tier, every number of slices that tuning tries, and with weights split across a small binding; identical
//! launches run only once. With a time limit, all operations run their first cases before any runs its last, and the report lists
//! what was skipped.

use super::cases::{Bounds, Case, OPERATIONS};
use super::half_precision::{GROUPS, HalfCase};
use crate::task::{Backward, Deviation, Expectation, Task, floats, has_gradient};
use glasshouse_engine::gpu::{self, Gpu};
use glasshouse_engine::graph::Graph;
use glasshouse_engine::oracle::Device;
use glasshouse_engine::plan::compile;
use glasshouse_engine::plan::fuse::Fusions;
use glasshouse_engine::plan::lower::{Choices, Target, Tier};
use glasshouse_engine::plan::trial;
use glasshouse_engine::{Error, Result};
use serde::Serialize;
use std::collections::{BTreeSet, VecDeque};
use web_time::Instant;

/// Maximum bytes of a binding, small enough to split weights of 256 rows or more.
const SMALL_BINDING: u64 = 40_000;

/// Maximum deviations reported per operation.
const TOLD: usize = 8;

#[derive(Clone, Debug, Serialize)]
pub struct VariantsReport {
    pub device: String,
    /// Supported optional features.
    pub features: Vec<&'static str>,
    pub seconds: f64,
    /// One row per operation and precision (32 bits, f16).
    pub rows: Vec<VariantRow>,
    /// Number of kernels that ran.
    pub kernels: usize,
    /// Number of kernels that the operations may use on this device.
    pub kernels_of_device: usize,
    /// Names of kernels that did not run.
    pub left: Vec<&'static str>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct VariantRow {
    pub operation: String,
    /// Number of cases run, out of `of`.
    pub cases: usize,
    pub of: usize,
    /// Number of graphs run: forward and backward, with different launches.
    pub runs: usize,
    /// Maximum deviation of a value, relative to the largest entry.
    pub forward: f64,
    /// Maximum of `forward` that passes.
    pub forward_bound: f64,
    /// Maximum deviation of a gradient, relative to the largest entry.
    pub gradient: f64,
    /// Maximum of `gradient` that passes.
    pub gradient_bound: f64,
    /// Number of excessive deviations and of kernels that failed to run.
    pub wrong: usize,
    /// Descriptions of the first of them.
    pub told: Vec<String>,
}

impl VariantRow {
    fn named(operation: &str, of: usize) -> Self {
        Self { operation: operation.to_owned(), of, ..Self::default() }
    }

    fn wrong(&mut self, what: impl FnOnce() -> String) {
        self.wrong += 1;
        if self.told.len() < TOLD {
            self.told.push(what());
        }
    }

    fn add(&mut self, kernels: &str, case: &str, found: Vec<Deviation>, bounds: Bounds) {
        for Deviation { what, apart, is_gradient } in found {
            let (worst, bound) = match is_gradient {
                true => (&mut self.gradient, bounds.gradient),
                false => (&mut self.forward, bounds.forward),
            };
            *worst = worst.max(apart);
            // A deviation that is NaN counts as infinite.
            if apart > bound {
                self.wrong(|| format!("{what} by {kernels} kernels is {apart:.1e} off, in {case}"));
            }
        }
    }
}

impl VariantsReport {
    pub fn passed(&self) -> bool {
        self.rows.iter().all(|row| row.wrong == 0)
    }

    /// Whether every case ran.
    pub fn is_whole(&self) -> bool {
        self.rows.iter().all(|row| row.cases == row.of)
    }
}

impl std::fmt::Display for VariantsReport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "{}: every variant of its kernels against the oracle in f64", self.device)?;
        let width = self.rows.iter().map(|row| row.operation.len()).max().unwrap_or(0);
        writeln!(formatter, "  {:<width$}   cases     runs   value  allowed  gradient  allowed", "")?;
        for row in &self.rows {
            let VariantRow { operation, cases, of, runs, forward, forward_bound, .. } = row;
            let verdict = if row.wrong == 0 { "ok" } else { "TOO FAR" };
            writeln!(
                formatter,
                "  {operation:<width$}  {cases:>3}/{of:<3} {runs:>7} {forward:>8.1e} {forward_bound:>7.0e} {:>9.1e} {:>8.0e}  {verdict}",
                row.gradient, row.gradient_bound
            )?;
            for line in &row.told {
                writeln!(formatter, "    {line}")?;
            }
        }
        let verdict = match (self.passed(), self.is_whole()) {
            (true, true) => "passed",
            (true, false) => "passed within the time limit",
            (false, _) => "FAILED: do not trust runs on this device; train on the CPU, and report this table",
        };
        writeln!(
            formatter,
            "{} of {} kernels in {:.0} s. {verdict}",
            self.kernels, self.kernels_of_device, self.seconds
        )
    }
}

/// The kernel variants of a graph on a device, by name. Duplicates with identical launches are listed once; variants that the
/// device does not support are omitted. Adds the kernels' names to `seen`.
fn ways(device: &Target, task: &Task, seen: &mut BTreeSet<&'static str>) -> Vec<(String, Result<Target>)> {
    let graph = &task.graph;
    let mut all = vec![("default".to_owned(), device.clone())];
    for tier in Tier::ALL {
        let choices = trial::everywhere(graph, tier, |_| true);
        all.push((tier.name().to_owned(), device.clone().with(&choices)));
    }
    for trial in trial::of_graph(graph) {
        for choice in trial.candidates(device).into_iter().filter(|choice| choice.slices.is_some()) {
            let choices = Choices::from_iter([(trial.bucket, choice)]);
            all.push((choice.to_string(), device.clone().with(&choices)));
        }
    }
    let parts = |(name, target): &(String, Target)| {
        (format!("{name} (in parts)"), target.clone().with_binding(SMALL_BINDING))
    };
    all.extend(all.iter().map(parts).collect::<Vec<_>>());
    let mut known = Vec::new();
    let mut ways = Vec::new();
    for (name, target) in all {
        match launches(graph, task, &target) {
            Ok((kernels, launches)) => {
                if !known.contains(&launches) {
                    seen.extend(kernels);
                    known.push(launches);
                    ways.push((name, Ok(target)));
                }
            }
            Err(error) if ways.is_empty() => ways.push((name, Err(error))),
            Err(_) => {}
        }
    }
    ways
}

type Launches = Vec<(&'static str, [u32; 3], Vec<u8>)>;

fn launches(graph: &Graph, task: &Task, target: &Target) -> Result<(Vec<&'static str>, Launches)> {
    let plan = compile(graph.clone(), &task.read, target)?;
    let kernels = plan.dispatches.iter().map(|dispatch| dispatch.kernel.name).collect();
    let each = plan.dispatches.into_iter();
    let launches = each.map(|dispatch| (dispatch.kernel.name, dispatch.groups, dispatch.arguments)).collect();
    Ok((kernels, launches))
}

/// A case to run: its tasks and the tolerances.
enum Pending {
    Full(Case, Bounds),
    Half(HalfCase),
}

/// Results of a task: name of the variant, its target, and the values.
type Results = Vec<(String, Target, Vec<Vec<f32>>)>;

/// The device under test.
struct Subject {
    request: String,
    gpu: Gpu,
    ran: BTreeSet<&'static str>,
}

impl Subject {
    /// The target for running graphs node by node.
    fn target(&self) -> Target {
        self.gpu.target().with_fusions(Fusions::NONE)
    }

    async fn run(&self, task: &Task, target: Target) -> Result<Vec<Vec<f32>>> {
        let Task { graph, inputs, read } = task;
        floats(gpu::run_graph_for(&self.gpu, graph, inputs, read, [0, 0], target).await?)
    }

    /// Results of a task for each variant. If one loses the device, it is reopened for the next.
    async fn results(&mut self, task: &Task, row: &mut VariantRow) -> Result<Results> {
        let mut results = Vec::new();
        for (name, target) in ways(&self.target(), task, &mut self.ran) {
            row.runs += 1;
            let found = match target {
                Ok(target) => self.run(task, target.clone()).await.map(|found| (target, found)),
                Err(error) => Err(error),
            };
            match found {
                Ok((target, found)) => results.push((name, target, found)),
                Err(error) => {
                    row.wrong(|| {
                        format!(
                            "{name} kernels of {:?}: {error}",
                            task.graph.nodes.last().map(|node| node.op)
                        )
                    });
                    if self.gpu.check().is_err() {
                        let (again, _) = Gpu::from_request(&self.request).await?;
                        self.gpu = again.ok_or_else(glasshouse_engine::selftest::no_gpu)?;
                    }
                }
            }
        }
        Ok(results)
    }

    async fn full(
        &mut self,
        case: &Case,
        bounds: Bounds,
        oracle: &Device,
        row: &mut VariantRow,
    ) -> Result<()> {
        let expected = Expectation::of(case, oracle)?;
        let name = format!("{case:?}");
        for (kernels, _, got) in self.results(&expected.forward.fused(case), row).await? {
            row.add(&kernels, &name, expected.of_values(got), bounds);
        }
        if let Some(backward) = &expected.backward {
            for (kernels, _, got) in self.results(&backward.fused(case), row).await? {
                row.add(&kernels, &name, expected.of_gradients(&got), bounds);
            }
        }
        Ok(())
    }

    async fn half(&mut self, case: &HalfCase, row: &mut VariantRow) -> Result<()> {
        let [full, half] = case.build()?;
        let bounds = Bounds { forward: case.tolerance, gradient: case.tolerance };
        let name = format!("{case:?}");
        for (kernels, target, got) in self.results(&half, row).await? {
            let full = self.run(&full, target).await?;
            let found = full.iter().zip(&got).enumerate().map(|(at, (full, half))| Deviation {
                what: format!("value {at} in f16"),
                apart: HalfCase::apart(full, half),
                is_gradient: false,
            });
            row.add(&kernels, &name, found.collect(), bounds);
        }
        Ok(())
    }

    /// Collects the kernels of a case that did not run.
    fn kernels(&self, case: &Pending, reached: &mut BTreeSet<&'static str>) -> Result<()> {
        let tasks = match case {
            Pending::Full(case, _) => {
                let built = case.build()?;
                let backward = if has_gradient(case) { Some(Backward::of(case, &built)?) } else { None };
                let forward = Task { graph: built.graph, inputs: Vec::new(), read: built.outputs };
                let backward =
                    backward.map(|Backward { graph, read, .. }| Task { graph, inputs: Vec::new(), read });
                std::iter::once(forward).chain(backward).map(|task| task.fused(case)).collect()
            }
            Pending::Half(case) => vec![case.build()?[1].clone()],
        };
        for task in &tasks {
            ways(&self.target(), task, reached);
        }
        Ok(())
    }
}

/// Runs every kernel variant of a device (named as for [`Gpu::from_request`]), for operations whose names contain `filter`, for
/// about `seconds`. Also returns a warning if the device is a fallback.
///
/// # Errors
/// There is no such GPU, or it is lost and does not come back. Wrong results are not errors; the report lists them.
pub async fn run(device: &str, seconds: f64, filter: &str) -> Result<(VariantsReport, Option<String>)> {
    let begun = Instant::now();
    let (gpu, warning) = Gpu::from_request(device).await?;
    let gpu = gpu.ok_or_else(glasshouse_engine::selftest::no_gpu)?;
    let mut subject = Subject { request: device.to_owned(), gpu, ran: BTreeSet::new() };
    let mut queues = queues(filter, subject.gpu.has_half());
    if queues.is_empty() {
        let names: Vec<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
        return Err(Error::Refused(format!(
            "no operation has {filter:?} in its name; known: {}",
            names.join(", ")
        )));
    }
    let oracle = Device::flex_in_f64();
    // Round-robin, so that every operation has run its first cases when time runs out.
    'rounds: while queues.iter().any(|(_, queue)| !queue.is_empty()) {
        for (row, queue) in &mut queues {
            if begun.elapsed().as_secs_f64() > seconds {
                break 'rounds;
            }
            match queue.pop_front() {
                Some(Pending::Full(case, bounds)) => subject.full(&case, bounds, &oracle, row).await?,
                Some(Pending::Half(case)) => subject.half(&case, row).await?,
                None => continue,
            }
            row.cases += 1;
            glasshouse_platform::yield_now().await;
        }
    }
    let mut reached = subject.ran.clone();
    for (_, queue) in &queues {
        for case in queue {
            subject.kernels(case, &mut reached)?;
        }
    }
    let report = subject.gpu.report();
    let report = VariantsReport {
        device: report.name.clone(),
        features: report.features.clone(),
        seconds: begun.elapsed().as_secs_f64(),
        rows: queues.into_iter().map(|(row, _)| row).collect(),
        kernels: subject.ran.len(),
        kernels_of_device: reached.len(),
        left: reached.difference(&subject.ran).copied().collect(),
    };
    Ok((report, warning))
}

/// The cases of each operation, with its row of the report.
fn queues(filter: &str, f16s: bool) -> Vec<(VariantRow, VecDeque<Pending>)> {
    let full = OPERATIONS.into_iter().map(|operation| {
        let Bounds { forward, gradient } = operation.bounds;
        let cases: VecDeque<Pending> =
            (operation.cases)().into_iter().map(|case| Pending::Full(case, operation.bounds)).collect();
        let row = VariantRow {
            forward_bound: forward,
            gradient_bound: gradient,
            ..VariantRow::named(operation.name, cases.len())
        };
        (row, cases)
    });
    let in_f16 = GROUPS.into_iter().filter(|_| f16s).map(|(name, cases)| {
        let cases: VecDeque<Pending> = cases().into_iter().map(Pending::Half).collect();
        let most = cases.iter().map(|case| match case {
            Pending::Half(case) => case.tolerance,
            Pending::Full(_, bounds) => bounds.forward,
        });
        let forward_bound = most.fold(0.0, f64::max);
        (VariantRow { forward_bound, ..VariantRow::named(&format!("{name}, in f16"), cases.len()) }, cases)
    });
    full.chain(in_f16).filter(|(row, _)| row.operation.contains(filter)).collect()
}
