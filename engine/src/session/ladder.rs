//! The sizes of a scaling ladder, chosen by time and memory.

use super::Session;
use super::training::RunRequest;
use crate::measure::Extent;
use crate::plan::estimate::estimate;
use crate::platform;
use crate::protocol::quantity::{count, duration, whole};
use crate::protocol::{Ladder, LadderPoint, LadderSize, MIN_SIZES, RunConfig, RunLaunch};
use crate::{Result, refuse};

/// Minimum steps of a run: fewer are mostly warm-up.
const MIN_STEPS: u64 = 20;
/// Numbers of heads that are tried, each at least a tenth larger than the one before.
const MAX_HEADS: usize = 1024;
/// Seconds of a speed measurement.
const MEASURED: f64 = 1.0;
/// Maximum gain in speed from the smallest to the largest model.
const GAIN: f64 = 8.0;

impl Session {
    /// Prepares the text and measures the device, to choose the sizes of a ladder.
    pub(super) async fn choose_sizes(
        &mut self,
        id: u64,
        ladder: &Ladder,
        config: &RunConfig,
        launch: &RunLaunch,
    ) -> Result<Vec<LadderPoint>> {
        let request = RunRequest::start(id, Ladder::resized(config, 1), launch.clone());
        let (prepared, ..) = self.prepare_run(request).await?;
        let mut base = config.clone();
        // The tokenizer may have found fewer entries than wanted.
        base.model.vocabulary = prepared.config.model.vocabulary;
        let text = prepared.prepared.store.index().map_or(0, |index| index.train.tokens);
        drop(prepared);
        let mut speed = None;
        if ladder.seconds().is_some() {
            speed = Some(self.speed_of(&base, 1).await?);
        }
        let budget = |speed: Option<f64>| ladder.seconds().zip(speed).map(|(seconds, speed)| seconds * speed);
        let (candidates, limits) = self.candidates(ladder, &base, budget(speed)).await?;
        let mut chosen = ladder.choose(&candidates, budget(speed));
        if let (Some(largest), Some(_)) = (chosen.last(), speed) {
            speed = Some(self.speed_of(&base, largest.heads).await?);
            chosen = ladder.choose(&candidates, budget(speed));
        }
        let (Some(smallest), Some(largest)) = (chosen.first(), chosen.last()) else {
            let limits = if candidates.len() < MIN_SIZES { limits } else { time_limit(ladder) };
            refuse!(
                "fewer than {MIN_SIZES} model sizes fit {limits}, and a law and its prediction need at least {MIN_SIZES}; allow more time, or \
                 use a smaller vocabulary, a smaller model.head_size, or fewer tokens per parameter"
            );
        };
        if chosen.len() < ladder.sizes {
            self.sink.notice(format!("{} of the {} sizes fit", chosen.len(), ladder.sizes));
        }
        let [from, to] = [smallest, largest].map(|point| count(point.size.parameters));
        let flops: f64 = chosen.iter().map(|point| point.size.flops).sum();
        let time = speed.map(|speed| format!(", in about {}", duration(flops / speed))).unwrap_or_default();
        self.sink.notice(format!("{} sizes from {from} to {to} parameters{time}", chosen.len()));
        if text > 0 && largest.size.tokens > text {
            self.sink.notice(format!(
                "the largest model reads the {} tokens of the text {:.1} times; repeated text bends the law, so use more text or fewer tokens \
                 per parameter",
                whole(text),
                largest.size.tokens as f64 / text as f64
            ));
        }
        Ok(chosen)
    }

    /// FLOP per second of a run's time.
    async fn speed_of(&self, base: &RunConfig, heads: usize) -> Result<f64> {
        let measured = self.measured(&Ladder::resized(base, heads), Extent::Seconds(MEASURED)).await?;
        Ok((measured.step.flops_per_s / self.device_speed().upkeep).max(1.0))
    }

    /// The sizes that the memory holds and the limits allow, the smallest first, and the limits that end them.
    async fn candidates(
        &self,
        ladder: &Ladder,
        base: &RunConfig,
        budget: Option<f64>,
    ) -> Result<(Vec<LadderPoint>, String)> {
        let (target, limits) = (self.device.target(), self.device.limits());
        let (mut candidates, mut heads) = (Vec::<LadderPoint>::new(), 1);
        let (mut most, mut least) = (format!("{MAX_HEADS} heads"), String::new());
        while heads <= MAX_HEADS {
            platform::yield_now().await;
            let config = Ladder::resized(base, heads);
            let needs = estimate(&config.model, &config.train, &target)?;
            let parameters = needs.parameters;
            if let Some(largest) = ladder.largest.filter(|largest| parameters > *largest) {
                most = format!("the largest size of {} parameters", whole(largest));
                break;
            }
            if limits.holds(&needs) == Some(false) {
                most = "the device's memory".to_owned();
                break;
            }
            let step = config.tokens_per_step();
            let steps = (ladder.tokens_per_parameter * parameters as f64 / step as f64).round() as u64;
            if let Some(smallest) = ladder.smallest.filter(|smallest| parameters < *smallest) {
                least = format!(" and the smallest size of {} parameters", whole(smallest));
            } else if steps < MIN_STEPS {
                least = format!(" and {MIN_STEPS} steps or more each");
            } else {
                let tokens = steps * step;
                let size = LadderSize { parameters, tokens, flops: tokens as f64 * needs.flops_per_token };
                candidates.push(LadderPoint { heads, steps, size });
            }
            let work = ladder.tokens_per_parameter * parameters as f64 * needs.flops_per_token;
            if budget.is_some_and(|budget| work > GAIN * budget) {
                most = time_limit(ladder);
                break;
            }
            heads += (heads / 10).max(1);
        }
        Ok((candidates, most + &least))
    }
}

fn time_limit(ladder: &Ladder) -> String {
    format!("the time of {}", duration(ladder.seconds().unwrap_or_default()))
}
