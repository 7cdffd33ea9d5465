//! The search over candidates. The clock is part of [`Bench`], so that tests can simulate time.

use glasshouse_compiler::plan::lower::{Choice, ShapeBucket, Target, Tier};
use glasshouse_compiler::plan::trial::Trial;
use glasshouse_platform::Result;
use std::collections::BTreeMap;

/// A candidate must take less than this share of the default's time to replace it; smaller gains are noise.
const BETTER: f64 = 0.97;

/// If the default takes this many seconds on a GPU, another tier might take so long that the driver kills it.
const LONG_SECONDS: f64 = 0.05;

/// Approximate cost of timing two kernels once more, in runs of the slower one.
const RUNS: f64 = 8.0;

pub(super) trait Bench {
    /// Seconds since tuning began.
    fn elapsed(&self) -> f64;

    /// Seconds of a bucket's kernels with this choice; `None` if the device cannot run them.
    async fn seconds(&mut self, trial: &Trial, choice: Choice) -> Result<Option<f64>>;
}

#[derive(Clone, Debug, PartialEq)]
pub struct TunedBucket {
    pub bucket: ShapeBucket,
    /// Seconds of each timed candidate, the default first.
    pub candidates: Vec<(Choice, f64)>,
    pub chosen: Choice,
}

impl TunedBucket {
    /// Chooses the fastest candidate if it beats the first, the default, by more than noise; else the default. `None` without candidates.
    fn new(bucket: ShapeBucket, candidates: Vec<(Choice, f64)>) -> Option<Self> {
        let (default, seconds) = *candidates.first()?;
        let fastest = candidates.iter().min_by(|(_, one), (_, other)| one.total_cmp(other))?;
        let chosen = if fastest.1 < BETTER * seconds { fastest.0 } else { default };
        Some(Self { bucket, candidates, chosen })
    }

    /// The result without a tier that proved wrong.
    pub(super) fn without(&self, tier: Tier) -> Option<Self> {
        let others = self.candidates.iter().copied().filter(|(choice, _)| choice.tier != tier);
        Self::new(self.bucket, others.collect())
    }
}

/// Times the candidates of each bucket in turn, as long as the next is expected to finish within `budget` seconds. A candidate is expected
/// to take as long as the slowest of its tier so far; for a new tier, as the slowest of all. A bucket is skipped if there would be no time to
/// compare its default with anything. A candidate that beats the default must do so twice.
pub(super) async fn search(
    bench: &mut impl Bench,
    trials: &[Trial],
    target: &Target,
    budget: f64,
) -> Result<Vec<TunedBucket>> {
    let mut found = Vec::new();
    let mut longest: BTreeMap<Tier, f64> = BTreeMap::new();
    for trial in trials {
        let candidates = trial.candidates(target);
        let mut timed: Vec<(Choice, f64)> = Vec::with_capacity(candidates.len());
        for (number, choice) in candidates.iter().copied().enumerate() {
            let slow = timed.first().is_some_and(|(_, seconds)| *seconds > LONG_SECONDS);
            if slow && !target.software && choice.tier != candidates[0].tier {
                continue;
            }
            let of_all = longest.values().copied().fold(0.0, f64::max);
            let expected = |choice: &Choice| longest.get(&choice.tier).copied().unwrap_or(of_all);
            let begun = bench.elapsed();
            let mut needed = expected(&choice);
            if number == 0 {
                needed += candidates[1..].iter().map(expected).fold(f64::INFINITY, f64::min);
            }
            if begun + needed > budget {
                if number == 0 {
                    break;
                }
                // A candidate of another tier may be cheaper to try.
                continue;
            }
            let seconds = bench.seconds(trial, choice).await?;
            let took = longest.entry(choice.tier).or_default();
            *took = took.max(bench.elapsed() - begun);
            match seconds {
                Some(seconds) => timed.push((choice, seconds)),
                None if number == 0 => break,
                None => {}
            }
        }
        if timed.len() < 2 {
            continue;
        }
        let default = timed[0].0;
        if let Some(mut winner) = TunedBucket::new(trial.bucket, timed) {
            if winner.chosen != default && !wins_again(bench, trial, &winner, budget).await? {
                winner.chosen = default;
            }
            found.push(winner);
        }
    }
    Ok(found)
}

/// Times the default and the winner again, since another program may have disturbed the first timing. False if no time is left.
async fn wins_again(bench: &mut impl Bench, trial: &Trial, found: &TunedBucket, budget: f64) -> Result<bool> {
    let (default, seconds) = found.candidates[0];
    if bench.elapsed() + RUNS * seconds > budget {
        return Ok(false);
    }
    let default = bench.seconds(trial, default).await?;
    let chosen = bench.seconds(trial, found.chosen).await?;
    Ok(default.zip(chosen).is_some_and(|(default, chosen)| chosen < BETTER * default))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_compiler::model::training_graphs;
    use glasshouse_compiler::plan::fuse::fused;
    use glasshouse_compiler::plan::lower::Family;
    use glasshouse_compiler::plan::trial;
    use glasshouse_protocol::presets::preset;

    /// A simulated device, on which candidates take a second to try or as long as a test specifies.
    struct Made {
        elapsed: f64,
        tried: Vec<(ShapeBucket, Choice)>,
        /// Seconds to try a candidate, and the kernel's milliseconds; `None` if it does not run.
        take: fn(&Trial, Choice) -> (f64, Option<f64>),
    }

    impl Bench for Made {
        fn elapsed(&self) -> f64 {
            self.elapsed
        }

        async fn seconds(&mut self, trial: &Trial, choice: Choice) -> Result<Option<f64>> {
            let (trying, seconds) = (self.take)(trial, choice);
            self.elapsed += trying;
            self.tried.push((trial.bucket, choice));
            Ok(seconds.map(|seconds| seconds * 1e-3))
        }
    }

    fn trials() -> Vec<Trial> {
        let config = preset("nanogpt-cpu").unwrap();
        let graph = training_graphs(&config.model, &config.train).unwrap().train;
        trial::of_graph(&fused(graph, &[], &Target::new(false)))
    }

    fn searched(
        target: &Target,
        budget: f64,
        take: fn(&Trial, Choice) -> (f64, Option<f64>),
    ) -> (Made, Vec<TunedBucket>) {
        let mut bench = Made { elapsed: 0.0, tried: Vec::new(), take };
        let found = pollster::block_on(search(&mut bench, &trials(), target, budget)).unwrap();
        (bench, found)
    }

    #[test]
    fn the_fastest_wins_if_it_is_no_noise() {
        let target = Target::new(false);
        let (bench, found) = searched(&target, 1e9, |trial, choice| {
            let tiled = if trial.bucket.family == Family::Linear { 0.5 } else { 3.0 };
            let sliced = if choice.slices.is_some_and(|slices| slices > 2) { 0.7 } else { 2.0 };
            let seconds = match choice {
                Choice { tier: Tier::Tiled, .. } => tiled,
                Choice { slices: Some(_), .. } => sliced,
                _ => 1.0,
            };
            (0.01, Some(seconds))
        });
        assert_eq!(found.len(), trials().len());
        // Winners over the default were timed twice.
        let again = |found: &TunedBucket| {
            if found.chosen == found.bucket.default_choice() { 0 } else { 2 }
        };
        let tried = |found: &TunedBucket| found.candidates.len() + again(found);
        assert_eq!(bench.tried.len(), found.iter().map(tried).sum::<usize>());
        for TunedBucket { bucket, candidates, chosen } in &found {
            let more = candidates.iter().map(|(choice, _)| *choice).find(|choice| choice.slices > Some(2));
            let expected = match bucket.family {
                Family::Linear => Choice::tier(Tier::Tiled),
                Family::LinearInputBackward | Family::LinearWeightBackward => {
                    more.unwrap_or(bucket.default_choice())
                }
                _ => bucket.default_choice(),
            };
            assert_eq!(*chosen, expected, "{bucket}");
        }
        assert!(found.iter().any(|found| found.chosen.slices.is_some()));
    }

    /// Another program disturbs the first timing of each bucket's default.
    #[test]
    fn what_wins_beside_another_program_must_win_again() {
        struct Disturbed(Vec<ShapeBucket>);
        impl Bench for Disturbed {
            fn elapsed(&self) -> f64 {
                0.0
            }

            async fn seconds(&mut self, trial: &Trial, choice: Choice) -> Result<Option<f64>> {
                if !self.0.contains(&trial.bucket) {
                    self.0.push(trial.bucket);
                    return Ok(Some(9.0e-3));
                }
                let default = choice == trial.bucket.default_choice();
                Ok(Some(if default { 1.0e-3 } else { 2.0e-3 }))
            }
        }
        let target = Target::new(false);
        let mut bench = Disturbed(Vec::new());
        let found = pollster::block_on(search(&mut bench, &trials(), &target, 1e9)).unwrap();
        assert_eq!(found.len(), trials().len());
        assert!(found.iter().all(|found| found.chosen == found.bucket.default_choice()), "{found:?}");
    }

    #[test]
    fn nothing_is_begun_that_would_not_be_done_in_time() {
        let (bench, found) = searched(&Target::new(false), 2.0, |_, _| (0.15, Some(1.0)));
        assert!((11..=13).contains(&bench.tried.len()) && bench.elapsed <= 2.0, "{}", bench.elapsed);
        let buckets: Vec<ShapeBucket> = trials().iter().map(|trial| trial.bucket).collect();
        let reached: Vec<ShapeBucket> = found.iter().map(|found| found.bucket).collect();
        assert!(reached.len() > 2 && reached == buckets[..reached.len()], "{reached:?}");
        assert!(found.iter().all(|found| found.candidates.len() > 1));
    }

    /// The other tier probably takes too long, so the default is timed once at most.
    #[test]
    fn nothing_is_timed_that_nothing_can_be_compared_with() {
        let mut bench = Made { elapsed: 0.0, tried: Vec::new(), take: |_, _| (0.6, Some(1.0)) };
        let target = Target::new(false);
        let found = pollster::block_on(search(&mut bench, &trials(), &target, 1.0)).unwrap();
        assert_eq!((found.len(), bench.tried.len()), (0, 1));
        bench.tried.clear();
        let found = pollster::block_on(search(&mut bench, &trials(), &target, 0.0)).unwrap();
        assert_eq!((found.len(), bench.tried.len()), (0, 0));
    }

    /// A tier that is slow to build is tried once and then avoided.
    #[test]
    fn a_tier_that_is_slow_to_try_leaves_the_budget_to_others() {
        let (bench, found) = searched(&Target::new(false), 2.0, |_, choice| {
            if choice.tier == Tier::Tiled { (1.5, Some(9.0)) } else { (0.05, Some(1.0)) }
        });
        let slow = bench.tried.iter().filter(|(_, choice)| choice.tier == Tier::Tiled).count();
        assert_eq!(slow, 1);
        assert!(bench.elapsed <= 2.0, "{}", bench.elapsed);
        assert_eq!(
            found[0].candidates.len(),
            if found[0].bucket.family == Family::LinearWeightBackward { 4 } else { 2 }
        );
    }

    /// Slow kernels in another tier might exceed the driver's time limit and lose the device.
    #[test]
    fn kernels_that_take_long_are_not_tried_in_other_tiers_on_a_gpu() {
        let (bench, found) = searched(&Target::new(false), 1e9, |_, _| (0.2, Some(200.0)));
        assert!(bench.tried.iter().all(|(bucket, choice)| choice.tier == bucket.default_choice().tier));
        let sliced = [Family::LinearInputBackward, Family::LinearWeightBackward];
        assert!(found.iter().all(|found| sliced.contains(&found.bucket.family)));
    }

    #[test]
    fn what_the_device_cannot_run_is_not_chosen() {
        let (_, found) =
            searched(&Target::new(false), 1e9, |trial, choice| match (trial.bucket.family, choice.tier) {
                (Family::Linear, Tier::Small) | (_, Tier::Tiled) => (0.1, None),
                _ => (0.1, choice.slices.is_none().then_some(1.0)),
            });
        assert!(found.is_empty(), "{found:?}");
    }
}
