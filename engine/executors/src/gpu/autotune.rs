//! Finds the fastest kernel variants of a device by timing a few candidates for each shape bucket before a run.
//!
//! The buckets come from the run's graph, those with the most operations first; each candidate is timed on its own with operands of the
//! same shapes. Tuning takes about two seconds at most. Buckets not reached keep the default and are timed when the
//! device is next opened, except on a software adapter, where the default is recorded as final (building a variant takes a second there,
//! and the default is right). Results are cached by adapter, driver and kernel version.

mod cache;
mod search;
mod verify;

pub use search::TunedBucket;

use super::{AdapterReport, Gpu, Repeater};
use crate::device::DeviceDescription;
use glasshouse_compiler::graph::Graph;
use glasshouse_compiler::plan::fuse::{Fusions, fused};
use glasshouse_compiler::plan::lower::{Choice, Choices, ShapeBucket, Tier};
use glasshouse_compiler::plan::trial::{self, Trial};
use glasshouse_platform::{Error, Result};
use search::{Bench, search};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use web_time::Instant;

/// Maximum seconds of tuning before a run.
pub const BUDGET: f64 = 2.0;

/// Target duration of a timed submission in seconds; short, so that a window stays responsive.
const SECONDS: f64 = 0.003;

/// Maximum runs per submission.
const MAX_REPEATS: usize = 256;

/// Number of submissions; the fastest counts.
const SAMPLES: usize = 3;

/// From this duration in seconds on, a single run is repeated only once, since a driver may finish compiling a kernel on its first run.
const LONG_SECONDS: f64 = 0.05;

/// From this duration in seconds on, a run is not repeated: compilation never takes that long.
const MAX_SECONDS: f64 = 4.0;

/// A timed submission lasts at least this many times the waiting overhead.
const WAITS: f64 = 8.0;

/// With a longer waiting overhead in seconds, the default kernels are kept.
const MAX_WAIT: f64 = 0.02;

/// Entries of operands filled with noise; the rest stays zero.
const NOISE: usize = 1 << 22;

#[derive(Clone, Debug, Default, PartialEq)]
pub enum Tuning {
    /// Defaults by size.
    #[default]
    Default,
    /// Defaults without fusions, to measure their benefit.
    Unfused,
    /// Choices recorded for a device, if this is the same device.
    Pinned(DeviceDescription),
    /// By timing.
    Measured(Measuring),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Measuring {
    /// Cache folder; `None` disables the cache.
    pub folder: Option<PathBuf>,
    pub budget: f64,
    /// Whether known buckets are timed again.
    pub anew: bool,
    /// Only kernels whose name contains this are timed.
    pub kernels: String,
}

impl Tuning {
    /// The options before a run: within [`BUDGET`], only unknown buckets.
    pub fn before_a_run() -> Self {
        let (folder, kernels) = (glasshouse_platform::cache_folder(), String::new());
        Self::Measured(Measuring { folder, budget: BUDGET, anew: false, kernels })
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tuned {
    /// Buckets timed in this session.
    pub found: Vec<TunedBucket>,
    pub seconds: f64,
    /// Buckets whose cooperative-matrix kernels were fastest but computed wrong results.
    pub wrong: Vec<ShapeBucket>,
}

impl Tuned {
    /// A summary for the user; `None` if nothing was timed.
    pub fn sentence(&self) -> Option<String> {
        let (count, seconds) = (self.found.len(), self.seconds);
        let kernels = if count == 1 { "kernel" } else { "kernels" };
        let wrong = match self.wrong.as_slice() {
            [] => String::new(),
            [bucket, ..] => format!(
                "; cooperative matrices are not used for {} of them: wrong or missing results ({bucket})",
                self.wrong.len()
            ),
        };
        (count > 0).then(|| format!("tuned {count} {kernels} in {seconds:.1} s{wrong}"))
    }
}

/// Cached entries about an adapter on this machine: choices by shape bucket, and precisions.
pub fn known(adapter: &AdapterReport) -> BTreeMap<String, String> {
    glasshouse_platform::cache_folder().map(|folder| cache::words(&folder, adapter)).unwrap_or_default()
}

impl Gpu {
    /// A cached value about this adapter and kernel version, by name.
    pub fn remembered(&self, folder: &Path, name: &str) -> Option<String> {
        cache::words(folder, self.report()).remove(name)
    }

    /// Caches a value about this adapter by name.
    pub fn remember(&self, folder: &Path, name: &str, word: &str) {
        cache::store_words(folder, self.report(), [(name.to_owned(), word.to_owned())].into());
    }

    /// The same device with kernels chosen for a graph. Fails if the device was lost. Candidates that cannot run are skipped.
    pub async fn tuned(self, graph: &Graph, tuning: &Tuning) -> Result<(Self, Tuned)> {
        match tuning {
            Tuning::Default => Ok((self, Tuned::default())),
            Tuning::Unfused => {
                let fusions = Fusions { head: self.target.fusions.head, ..Fusions::NONE };
                Ok((self.with_fusions(fusions), Tuned::default()))
            }
            Tuning::Pinned(device) => Ok((self.pinned(device), Tuned::default())),
            Tuning::Measured(measuring) => self.measured(graph, measuring).await,
        }
    }

    /// The same device with recorded kernel choices, if they belong to this device.
    pub fn pinned(&self, device: &DeviceDescription) -> Self {
        let same = device.name == self.report().name && device.software == self.report().software;
        let choices = if same { Choices::from_texts(&device.variants) } else { Choices::default() };
        self.with_choices(&choices)
    }

    async fn measured(self, graph: &Graph, measuring: &Measuring) -> Result<(Self, Tuned)> {
        let begun = Instant::now();
        let plain = self.with_choices(&Choices::default());
        let target = plain.target();
        let folder = measuring.folder.as_deref();
        let mut known = folder.map(|folder| cache::load(folder, self.report())).unwrap_or_default();
        let graph = &fused(graph.clone(), &[], &target);
        let trials = trial::of_graph(graph);
        let wanted = |trial: &&Trial| {
            let named = trial.bucket.family.name().contains(&measuring.kernels);
            let has_choice = trial.candidates(&target).len() > 1;
            named && has_choice && (measuring.anew || known.get(&trial.bucket).is_none())
        };
        let unknown: Vec<Trial> = trials.iter().filter(wanted).cloned().collect();
        let mut tuned = Tuned::default();
        if !unknown.is_empty() {
            let mut bench = Device { gpu: plain, begun };
            if !target.software {
                bench.warm_up(&unknown[0], unknown[0].bucket.default_choice()).await;
            }
            let found = match search(&mut bench, &unknown, &target, measuring.budget).await {
                Ok(found) => verified(&bench.gpu, graph, found).await,
                Err(error) => Err(error),
            };
            if let (Err(_), Some(folder)) = (&found, folder) {
                // Record the defaults, so that a candidate that loses the device is not tried again before every run.
                let default = unknown.iter().map(|trial| (trial.bucket, trial.bucket.default_choice()));
                cache::store(folder, self.report(), &default.collect());
            }
            (tuned.found, tuned.wrong) = found?;
            let mut now: Choices = tuned.found.iter().map(|found| (found.bucket, found.chosen)).collect();
            if target.software {
                let left = unknown.iter().filter(|trial| known.get(&trial.bucket).is_none());
                let mut settled: Choices =
                    left.map(|trial| (trial.bucket, trial.bucket.default_choice())).collect();
                settled.extend(&now);
                now = settled;
            }
            if let Some(folder) = folder {
                cache::store(folder, self.report(), &now);
            }
            known.extend(&now);
            tuned.seconds = begun.elapsed().as_secs_f64();
        }
        // A run only needs to record the choices that its graph uses and that differ from the defaults.
        let own = trials.iter().filter_map(|trial| Some((trial.bucket, known.get(&trial.bucket)?)));
        let choices: Choices = own.filter(|(bucket, choice)| *choice != bucket.default_choice()).collect();
        Ok((self.with_choices(&choices), tuned))
    }
}

/// The results without wrong cooperative-matrix kernels, and the buckets of those.
async fn verified(
    gpu: &Gpu,
    graph: &Graph,
    found: Vec<TunedBucket>,
) -> Result<(Vec<TunedBucket>, Vec<ShapeBucket>)> {
    let cooperative = found.iter().filter(|found| found.chosen.tier == Tier::Cooperative);
    let chosen: Vec<ShapeBucket> = cooperative.map(|found| found.bucket).collect();
    let wrong = verify::wrong(gpu, graph, &chosen).await?;
    let right = |found: TunedBucket| match wrong.contains(&found.bucket) {
        true => found.without(Tier::Cooperative),
        false => Some(found),
    };
    Ok((found.into_iter().filter_map(right).collect(), wrong))
}

/// Times candidates on a device.
struct Device {
    gpu: Gpu,
    begun: Instant,
}

impl Bench for Device {
    fn elapsed(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    async fn seconds(&mut self, trial: &Trial, choice: Choice) -> Result<Option<f64>> {
        glasshouse_platform::yield_now().await;
        match self.timed(trial, choice).await {
            Ok(seconds) => Ok(Some(seconds)),
            // Lack of memory, a limit, or a kernel the driver cannot build: skip it; if the run needs it, it fails there.
            Err(
                Error::TooLarge { .. }
                | Error::OutOfMemory { .. }
                | Error::Refused(_)
                | Error::Device(_)
                | Error::DeviceLost(_),
            ) => self.gpu.check().map(|()| None),
            Err(error) => Err(error),
        }
    }
}

impl Device {
    /// Brings the device's clock up, which is not part of the tuning budget. Failures are left to the timing of the same trial.
    async fn warm_up(&mut self, trial: &Trial, choice: Choice) {
        if let Ok((repeater, own)) = self.prepared(trial, choice).await {
            repeater.warm_up(own).await.ok();
            self.begun = Instant::now();
        }
    }

    async fn prepared(&self, trial: &Trial, choice: Choice) -> Result<(Repeater, Range<usize>)> {
        expect_short(self.gpu.wait())?;
        let plan = trial.plan(&self.gpu.target(), choice)?;
        // Neither zeros nor equal values, which some devices compute faster.
        let noise = |at: usize| (at % 251) as f32 / 251.0 - 0.5;
        let weights: Vec<f32> = (0..plan.arena.length.min(NOISE)).map(noise).collect();
        let repeater = Repeater::new(&self.gpu, &plan, &weights, None, &[]).await?;
        repeater.fill_f16(&plan, NOISE, noise).await?;
        Ok((repeater, 0..plan.dispatches.len()))
    }

    async fn timed(&self, trial: &Trial, choice: Choice) -> Result<f64> {
        let (repeater, own) = self.prepared(trial, choice).await?;
        fastest(self.gpu.wait(), async |repeats| repeater.seconds_of(own.clone(), repeats).await).await
    }
}

/// Refuses to time kernels if the waiting overhead would dominate.
fn expect_short(wait: f64) -> Result<()> {
    if wait <= MAX_WAIT {
        return Ok(());
    }
    let milliseconds = 1e3 * wait;
    Err(Error::Refused(format!("a wait for the device takes {milliseconds:.0} ms, too long to time kernels")))
}

/// Seconds per run, where `run(n)` takes the time of n runs plus the overhead `wait`.
async fn fastest(wait: f64, run: impl AsyncFn(usize) -> Result<f64>) -> Result<f64> {
    let run = async |repeats| Ok::<_, Error>((run(repeats).await? - wait).max(0.0));
    let target = SECONDS.max(WAITS * wait);
    let first = run(1).await?;
    if first > MAX_SECONDS {
        return Ok(first);
    }
    let once = run(1).await?;
    if once > LONG_SECONDS {
        return Ok(once.min(first));
    }
    let mut repeats = ((target / once.max(1e-6)) as usize).clamp(1, MAX_REPEATS);
    let (mut fastest, mut samples) = (f64::INFINITY, 0);
    while samples < SAMPLES {
        glasshouse_platform::yield_now().await;
        let seconds = run(repeats).await?;
        if seconds < target / 2.0 && repeats < MAX_REPEATS {
            // A browser's clock has steps of up to a millisecond.
            repeats = (4 * repeats).min(MAX_REPEATS);
            (fastest, samples) = (f64::INFINITY, 0);
            continue;
        }
        fastest = fastest.min(seconds / repeats as f64);
        samples += 1;
    }
    if fastest > 0.0 { Ok(fastest) } else { Err(Error::Refused("too short to be timed here".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::super::signal::firefox;
    use super::*;

    /// Regression test: in Firefox, every kernel seemed to take 103 ms.
    #[test]
    fn kernels_are_timed_by_what_they_take_and_not_by_the_wait_for_them() {
        let wait = firefox::waited(0.0, true);
        assert!(expect_short(wait).is_ok());
        for kernel in [2e-4, 4e-4, 2e-3, 8e-3] {
            let run = async |repeats: usize| Ok(firefox::waited(kernel * repeats as f64, true));
            let found = pollster::block_on(fastest(wait, run)).unwrap();
            assert!((found / kernel - 1.0).abs() < 0.15, "{found} for {kernel}");
        }
        let refused = expect_short(firefox::waited(0.0, false)).unwrap_err().to_string();
        assert!(refused.contains("100 ms"), "{refused}");
    }
}
