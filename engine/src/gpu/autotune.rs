//! Which kernel variants a device runs fastest, found by timing a few candidates for each shape bucket before a run begins.
//!
//! The buckets come from the run's own graph, those with the most operations first; each candidate is the bucket's kernel by itself
//! over operands of the same shapes. All of it ends within about two seconds: what was not reached keeps the rule by kind of
//! adapter and has its turn when the device is opened next, except on a software adapter, where it is settled (building a variant
//! takes a second there, and the rule is right). Results are kept by adapter, driver and version of the kernels.

mod cache;
mod search;
mod verify;

pub use search::TunedBucket;

use super::{AdapterReport, Gpu, Repeater};
use crate::device::DeviceDescription;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::plan::fuse::{Fusions, fused};
use crate::plan::lower::{Choice, Choices, ShapeBucket, Tier};
use crate::plan::trial::{self, Trial};
use crate::platform;
use search::{Bench, search};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use web_time::Instant;

/// Seconds that tuning may take before a run.
pub const BUDGET: f64 = 2.0;

/// What a timed submission should last: short, so that a window beside it stays smooth.
const SECONDS: f64 = 0.003;

/// Most runs in a submission.
const MAX_REPEATS: usize = 256;

/// Submissions of which the fastest counts.
const SAMPLES: usize = 3;

/// A single run that lasts so long is repeated once, since a driver may finish a kernel when it first runs.
const LONG_SECONDS: f64 = 0.05;

/// One that lasts so long is not repeated at all: no finishing takes that long.
const MAX_SECONDS: f64 = 4.0;

/// What is timed lasts so many times as long as the wait for it at least.
const WAITS: f64 = 8.0;

/// Where a wait takes so long by itself, the kernels of the kind of adapter stay.
const MAX_WAIT: f64 = 0.02;

/// Operands that are filled with noise; what is beyond stays zero.
const NOISE: usize = 1 << 22;

/// How kernel variants are chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Tuning {
    /// By kind of adapter alone.
    #[default]
    Default,
    /// Likewise, and every operation of a layer by itself: what shows what fusions gain.
    Unfused,
    /// As recorded of a device, if it is that device.
    Pinned(DeviceDescription),
    /// By measuring.
    Measured(Measuring),
}

/// How much is measured, and where it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Measuring {
    /// Folder of what was found before; `None` forgets.
    pub folder: Option<PathBuf>,
    /// Seconds that it may take.
    pub budget: f64,
    /// What is known is measured anew.
    pub anew: bool,
    /// Only kernels with this in their name are measured.
    pub kernels: String,
}

impl Tuning {
    /// As before any run: within [`BUDGET`], and only what is not known yet.
    pub fn before_a_run() -> Self {
        let (folder, kernels) = (platform::cache_folder(), String::new());
        Self::Measured(Measuring { folder, budget: BUDGET, anew: false, kernels })
    }
}

/// What tuning did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tuned {
    /// The buckets that were timed now.
    pub found: Vec<TunedBucket>,
    /// Seconds that it took.
    pub seconds: f64,
    /// Classes whose products by cooperative matrices were fastest and gave something else than the default ones.
    pub wrong: Vec<ShapeBucket>,
}

impl Tuned {
    /// What was done, for the user; `None` where nothing was.
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

/// What is kept of an adapter on this machine, of shape buckets of kernels and of precisions, each by its name.
pub fn known(adapter: &AdapterReport) -> BTreeMap<String, String> {
    platform::cache_folder().map(|folder| cache::words(&folder, adapter)).unwrap_or_default()
}

impl Gpu {
    /// A word that was kept about this adapter and these kernels under a name.
    pub fn remembered(&self, folder: &Path, name: &str) -> Option<String> {
        cache::words(folder, self.report()).remove(name)
    }

    /// Keeps such a word beside what was found of kernels.
    pub fn remember(&self, folder: &Path, name: &str, word: &str) {
        cache::store_words(folder, self.report(), [(name.to_owned(), word.to_owned())].into());
    }

    /// The same device, with kernels chosen for a graph.
    ///
    /// # Errors
    /// The device was lost. A candidate that cannot be run is none.
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

    /// The same device, with the kernels that were recorded of it, if it is that device.
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
            let named = trial.bucket.family.kernel().contains(&measuring.kernels);
            let has_choice = trial.candidates(&target).len() > 1;
            named && has_choice && (measuring.anew || known.get(&trial.bucket).is_none())
        };
        let unknown: Vec<Trial> = trials.iter().filter(wanted).cloned().collect();
        let mut tuned = Tuned::default();
        if !unknown.is_empty() {
            // A software adapter builds a kernel with barriers many times as long as one without.
            let unmet = if target.software { 4.0 } else { 1.0 };
            let mut bench = Device { gpu: plain, begun };
            let found = match search(&mut bench, &unknown, &target, measuring.budget, unmet).await {
                Ok(found) => verified(&bench.gpu, graph, found).await,
                Err(error) => Err(error),
            };
            if let (Err(_), Some(folder)) = (&found, folder) {
                // Whatever cost the device is not tried again before every run.
                let default =
                    unknown.iter().map(|trial| (trial.bucket, target.default_choice(trial.bucket.family)));
                cache::store(folder, self.report(), &default.collect());
            }
            (tuned.found, tuned.wrong) = found?;
            let mut now: Choices = tuned.found.iter().map(|found| (found.bucket, found.chosen)).collect();
            if target.software {
                let left = unknown.iter().filter(|trial| known.get(&trial.bucket).is_none());
                let mut settled: Choices =
                    left.map(|trial| (trial.bucket, target.default_choice(trial.bucket.family))).collect();
                settled.extend(&now);
                now = settled;
            }
            if let Some(folder) = folder {
                cache::store(folder, self.report(), &now);
            }
            known.extend(&now);
            tuned.seconds = begun.elapsed().as_secs_f64();
        }
        // Only what this graph uses and what differs from the rule: that is what a run has to remember.
        let own = trials.iter().filter_map(|trial| Some((trial.bucket, known.get(&trial.bucket)?)));
        let choices: Choices =
            own.filter(|(bucket, choice)| *choice != target.default_choice(bucket.family)).collect();
        Ok((self.with_choices(&choices), tuned))
    }
}

/// What was found, without cooperative matrices where they compute something else; and the buckets where they do.
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

/// Candidates on a device.
struct Device {
    gpu: Gpu,
    begun: Instant,
}

impl Bench for Device {
    fn elapsed(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    async fn seconds(&mut self, trial: &Trial, choice: Choice) -> Result<Option<f64>> {
        platform::yield_now().await;
        match self.timed(trial, choice).await {
            Ok(seconds) => Ok(Some(seconds)),
            // No room, a limit, a kernel that the driver does not build: the run decides what that means, if it meets it.
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
    async fn timed(&self, trial: &Trial, choice: Choice) -> Result<f64> {
        expect_short(self.gpu.wait())?;
        let (plan, own) = trial.plan(&self.gpu.target(), choice)?;
        // Neither zeros nor all alike, which some devices compute faster.
        let noise = |at: usize| (at % 251) as f32 / 251.0 - 0.5;
        let weights: Vec<f32> = (0..plan.arena.length.min(NOISE)).map(noise).collect();
        let repeater = Repeater::new(&self.gpu, &plan, &weights, None, &[]).await?;
        repeater.fill_f16(&plan, NOISE, noise).await?;
        fastest(self.gpu.wait(), async |repeats| repeater.seconds_of(own.clone(), repeats).await).await
    }
}

/// Refuses to time kernels where the wait for them is all that would be seen.
fn expect_short(wait: f64) -> Result<()> {
    if wait <= MAX_WAIT {
        return Ok(());
    }
    let milliseconds = 1e3 * wait;
    Err(Error::Refused(format!(
        "a wait for the device takes {milliseconds:.0} ms, too long to time kernels by"
    )))
}

/// Seconds of one run of what `run` runs so many times, where a wait takes `wait` by itself.
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
        platform::yield_now().await;
        let seconds = run(repeats).await?;
        if seconds < target / 2.0 && repeats < MAX_REPEATS {
            // A browser's clock moves by up to a millisecond at a time.
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

    /// In Firefox every kernel once took 103 ms.
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
