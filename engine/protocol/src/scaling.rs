//! Scaling ladders: sweeps whose runs are models of growing size at equal tokens per parameter, and the laws fitted to their losses.

use crate::blocks::{Block, Fact, Section};
use crate::config::EarlyStopping;
use crate::evaluation::{Better, Cell, Metric, Table};
use crate::quantity::{percent, scientific};
use crate::setting::{choices, settings};
use crate::{RunConfig, SweepRow};
use serde::{Deserialize, Serialize};

/// Minimum sizes of a ladder: three to fit a law, and the one that it predicts.
pub const MIN_SIZES: usize = 4;
const MAX_SIZES: usize = 20;
const DEFAULT_MINUTES: f64 = 10.0;
/// Evaluations of a run, for its curve; only the last counts.
const EVALUATIONS: u64 = 5;

settings! {
    /// The table `[ladder]` of a sweep file.
    pub struct Ladder: "ladder." {
        pub sizes: usize = 5;
        /// Tokens read per parameter: 20 is near the compute-optimal ratio of large models (Hoffmann et al. 2022).
        pub tokens_per_parameter: f64 = 20.0;
        /// Time for all runs together; `None` means 10, or no limit if `largest` is set.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub minutes: Option<f64> = None;
        /// Least and most parameters.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub smallest: Option<u64> = None;
        #[serde(skip_serializing_if = "Option::is_none")]
        pub largest: Option<u64> = None;
        /// The chosen sizes, the smallest first; empty before the ladder is started.
        #[serde(skip)]
        pub points: Vec<LadderPoint> = Vec::new();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LadderPoint {
    pub heads: usize,
    pub steps: u64,
    pub size: LadderSize,
}

/// What the loss of a run is a function of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LadderSize {
    /// All parameters, with embeddings.
    pub parameters: u64,
    pub tokens: u64,
    pub flops: f64,
}

impl LadderSize {
    pub fn of(&self, what: LawOf) -> f64 {
        match what {
            LawOf::Parameters => self.parameters as f64,
            LawOf::Tokens => self.tokens as f64,
            LawOf::Flops => self.flops,
        }
    }
}

impl Ladder {
    pub(crate) fn check(&self) -> Result<(), String> {
        let above_0 = |number: f64| number.is_finite() && number > 0.0;
        if !(MIN_SIZES..=MAX_SIZES).contains(&self.sizes) {
            Err(format!(
                "ladder.sizes must be {MIN_SIZES} to {MAX_SIZES} (got {}): a law needs {} sizes, and one more to be compared with",
                self.sizes,
                MIN_SIZES - 1
            ))
        } else if !above_0(self.tokens_per_parameter) {
            Err(format!("ladder.tokens_per_parameter must be positive (got {})", self.tokens_per_parameter))
        } else if self.minutes.is_some_and(|minutes| !above_0(minutes)) {
            Err("ladder.minutes must be positive".to_owned())
        } else if self.smallest.zip(self.largest).is_some_and(|(smallest, largest)| smallest >= largest) {
            Err("ladder.smallest must be below ladder.largest".to_owned())
        } else {
            Ok(())
        }
    }

    /// A sweep file of this ladder. Fails if a number is too large for TOML.
    pub fn to_toml(&self, name: &str) -> Result<String, String> {
        crate::sweep::file(name, "ladder", self)
    }

    /// Seconds for all runs together.
    pub fn seconds(&self) -> Option<f64> {
        let minutes = self.minutes.or_else(|| self.largest.is_none().then_some(DEFAULT_MINUTES));
        minutes.map(|minutes| 60.0 * minutes)
    }

    /// The base model with this number of heads of the same size. Width, MLP and layers grow with them; with muP only the width, across
    /// which it transfers.
    pub fn resized(base: &RunConfig, heads: usize) -> RunConfig {
        let mut config = base.clone();
        let model = &mut config.model;
        let from = model.heads.max(1);
        let scaled = |size: usize| (size * heads + from / 2) / from;
        let shared = scaled(model.kv_heads).clamp(1, heads.max(1));
        (model.heads, model.width) = (heads, scaled(model.width).next_multiple_of(4).max(4));
        model.kv_heads = (1..=shared).rev().find(|own| heads.is_multiple_of(*own)).unwrap_or(1);
        model.mlp.hidden = scaled(model.mlp.hidden).next_multiple_of(4).max(4);
        if model.base_width.is_none() {
            model.layers = scaled(model.layers).max(1);
        }
        model.full_attention.retain(|block| *block < model.layers);
        model.settle_parametrisation();
        config
    }

    /// The settings of a run: a schedule of the base's shape over this many steps, without early stopping.
    pub fn configured(base: &RunConfig, heads: usize, steps: u64) -> RunConfig {
        let mut config = Self::resized(base, heads);
        let share = |length: u64| (length as f64 * steps as f64 / base.train.steps.max(1) as f64) as u64;
        config.set_steps(steps);
        let train = &mut config.train;
        (train.warmup_steps, train.decay_steps) =
            (share(base.train.warmup_steps), share(base.train.decay_steps).min(steps));
        (train.eval_interval, train.sample_interval) = ((steps / EVALUATIONS).max(1), 0);
        train.early_stopping = EarlyStopping::default();
        config
    }

    /// As many of the wanted sizes as a budget of FLOP allows, in about geometric progression from the smallest candidate; empty if fewer
    /// than [`MIN_SIZES`] fit. Candidates are in order of size.
    pub fn choose(&self, candidates: &[LadderPoint], budget: Option<f64>) -> Vec<LadderPoint> {
        let log = |point: &LadderPoint| libm::log(point.size.parameters as f64);
        for sizes in (MIN_SIZES..=self.sizes).rev() {
            for count in (sizes..=candidates.len()).rev() {
                let (smallest, largest) = (log(&candidates[0]), log(&candidates[count - 1]));
                let (mut points, mut next) = (Vec::new(), 0);
                for at in 0..sizes {
                    let wanted = smallest + (largest - smallest) * at as f64 / (sizes - 1) as f64;
                    let distance = |place: &usize| (log(&candidates[*place]) - wanted).abs();
                    // Leaves a candidate for each size after this one.
                    let places = next..=count - (sizes - at);
                    let place = places.min_by(|one, other| distance(one).total_cmp(&distance(other)));
                    let Some(place) = place else { break };
                    points.push(candidates[place]);
                    next = place + 1;
                }
                let flops: f64 = points.iter().map(|point| point.size.flops).sum();
                if points.len() == sizes && budget.is_none_or(|budget| flops <= budget) {
                    return points;
                }
            }
        }
        Vec::new()
    }

    pub(crate) fn rows(&self, base: &RunConfig) -> Result<Vec<(SweepRow, RunConfig)>, String> {
        let row = |LadderPoint { heads, steps, size }: &LadderPoint| {
            let config = Self::configured(base, *heads, *steps);
            config
                .validate()
                .map_err(|invalid| format!("the ladder's model with {heads} heads: {invalid}"))?;
            let model = &config.model;
            let values = [("parameters", size.parameters.to_string()), ("width", model.width.to_string())];
            let values = values.into_iter().chain([("layers", model.layers.to_string())]);
            let values = values.map(|(name, value)| (name.to_owned(), value)).collect();
            Ok((SweepRow { values, steps: *steps, size: Some(*size), ..SweepRow::default() }, config))
        };
        self.points.iter().map(row).collect()
    }
}

choices! {
    pub enum LawOf = Parameters {
        Parameters = "parameters", "parameters";
        Tokens = "tokens", "tokens";
        Flops = "flops", "FLOP";
    }
}

/// L(x) = E + A·x^−α.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Law {
    pub of: LawOf,
    /// α.
    pub exponent: f64,
    pub exponent_interval: [f64; 2],
    /// A.
    pub coefficient: f64,
    /// E; `None` with too few runs to tell it from a slow fall.
    pub irreducible: Option<f64>,
    pub irreducible_interval: Option<[f64; 2]>,
    pub runs: usize,
}

/// The loss of the largest size, from the law of the smaller ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    pub loss: f64,
    pub interval: [f64; 2],
    pub runs: usize,
    /// The final loss of the largest size, once it is trained.
    pub measured: Option<f64>,
    /// measured / predicted − 1.
    pub error: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Of all finished runs.
    pub laws: Vec<Law>,
    pub prediction: Option<Prediction>,
    /// What a fit still needs.
    pub missing: Option<String>,
}

impl Prediction {
    pub fn metric(&self) -> Metric {
        lower("predicted loss", self.loss, Some(self.interval))
    }
}

fn lower(name: &str, value: f64, interval: Option<[f64; 2]>) -> Metric {
    Metric { name: name.to_owned(), value: Some(value), interval, better: Better::Lower, ..Metric::default() }
}

impl Scaling {
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        if let Some(prediction) = &self.prediction {
            let Prediction { interval: [low, high], runs, measured, error, .. } = prediction;
            let mut facts =
                vec![Fact::new("Predicted", prediction.metric().with_interval()).note(format!(
                    "from the law of the {runs} smaller models, before the largest is trained"
                ))];
            if let Some((measured, error)) = measured.zip(*error) {
                let inside = if (*low..=*high).contains(&measured) { "within" } else { "outside" };
                let error = format!("{}{}", if error < 0.0 { "−" } else { "+" }, percent(error.abs()));
                facts.push(Fact::new("Measured", format!("{measured:.4}")));
                facts.push(Fact::new("Error", error).note(format!("{inside} the 95 % interval")));
            }
            blocks
                .extend(Section::new("Validation loss of the largest model", [Block::Facts(facts)]).block());
        }
        if !self.laws.is_empty() {
            let row = |law: &Law| -> [Cell; 5] {
                let irreducible = law.irreducible.map(|value| lower("", value, law.irreducible_interval));
                [
                    law.of.title().into(),
                    (&lower("", law.exponent, Some(law.exponent_interval))).into(),
                    irreducible.as_ref().map_or_else(|| Cell::from("0 (assumed)"), Cell::from),
                    scientific(law.coefficient).into(),
                    (law.runs as u64).into(),
                ]
            };
            let columns = ["x", "exponent α", "irreducible loss E", "coefficient A", "runs"];
            let table = Table::new("", columns, self.laws.iter().map(row));
            let note = "Final validation losses. Tokens grow with parameters on a ladder, so these are three views of one curve.";
            let all = [Block::Note(note.to_owned()), Block::Table(table)];
            blocks.extend(Section::new("Scaling laws: loss = E + A·x^−α", all).block());
        }
        blocks.extend(self.missing.as_ref().map(|missing| Block::Note(missing.clone())));
        blocks
    }
}

impl Law {
    pub fn loss(&self, x: f64) -> f64 {
        self.irreducible.unwrap_or_default() + self.coefficient * libm::pow(x, -self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Position, Sweep, presets};

    #[test]
    fn a_ladder_keeps_the_shape_and_the_schedule_of_its_base() {
        let mut base = presets::preset("llama-tiny").unwrap();
        base.model.vocabulary = 512;
        let same = Ladder::resized(&base, base.model.heads);
        assert_eq!(same.model, base.model);
        let mut last = 0;
        for heads in 1..=12 {
            let config = Ladder::configured(&base, heads, 1000);
            config.validate().unwrap();
            assert_eq!(config.model.head_size, base.model.head_size);
            assert_eq!(config.model.width, heads * base.model.head_size);
            assert!(config.model.layers >= 1 && config.model.mlp.hidden > last);
            last = config.model.mlp.hidden;
        }
        let (own, base_train) = (Ladder::configured(&base, 2, 1000).train, &base.train);
        assert_eq!(own.warmup_steps * base_train.steps, base_train.warmup_steps * 1000);
        assert_eq!((own.steps, own.eval_interval), (1000, 200));
        // With muP, only the width grows.
        base.model.base_width = Some(base.model.width);
        base.model.position = Position::None;
        let wide = Ladder::resized(&base, 2 * base.model.heads);
        assert_eq!((wide.model.layers, wide.model.width), (base.model.layers, 2 * base.model.width));
        assert_eq!(wide.model.logit_divisor, 2.0);
    }

    #[test]
    fn sizes_are_spread_and_kept_within_the_budget() {
        let point = |heads: usize| {
            let parameters = 1000 * (heads * heads) as u64;
            let size = LadderSize { parameters, tokens: 20 * parameters, flops: (parameters as f64).powi(2) };
            LadderPoint { heads, steps: 100, size }
        };
        let candidates: Vec<LadderPoint> = (1..=32).map(point).collect();
        let ladder = Ladder::default();
        let heads = |points: Vec<LadderPoint>| points.iter().map(|point| point.heads).collect::<Vec<_>>();
        assert_eq!(heads(ladder.choose(&candidates, None)), [1, 2, 6, 13, 32]);
        let chosen = ladder.choose(&candidates, Some(1e11));
        assert!(chosen.iter().map(|point| point.size.flops).sum::<f64>() <= 1e11 && chosen.len() == 5);
        assert!(chosen[4].heads > 10, "{chosen:?}");
        let four: f64 = candidates[..4].iter().map(|point| point.size.flops).sum();
        assert_eq!(heads(ladder.choose(&candidates, Some(four))), [1, 2, 3, 4]);
        assert!(ladder.choose(&candidates, Some(four - 1.0)).is_empty());
        assert!(ladder.choose(&candidates[..3], None).is_empty());
    }

    #[test]
    fn bad_ladders_are_refused_with_the_number_needed() {
        let error = |text: &str| Sweep::from_toml(text).unwrap_err();
        assert!(error("[ladder]\nsizes = 3").contains("4 to 20"));
        assert!(error("[ladder]\ntokens_per_parameter = 0").contains("must be positive"));
        assert!(error("[ladder]\nminutes = -1").contains("must be positive"));
        assert!(error("[ladder]\nsmallest = 10\nlargest = 10").contains("below"));
        assert!(error("[ladder]\nsize = 5").contains("did you mean `sizes`?"));
        assert!(error("[ladder]\n[settings]\nmodel.layers = [1]").contains("[settings]"));
        assert!(error("[ladder]\n[stop]\nrule = \"median\"\nrungs = [1]").contains("[stop]"));
        let ladder = Ladder { minutes: Some(1.5), largest: Some(9), ..Ladder::default() };
        let sweep = Sweep::from_toml(&ladder.to_toml("mine").unwrap()).unwrap();
        assert_eq!((sweep.name.as_str(), sweep.ladder), ("mine", Some(ladder)));
        let base = presets::preset("llama-tiny").unwrap();
        assert_eq!(Sweep::from_toml("[ladder]\nsizes = 7").unwrap().count(&base), Ok(Some(7)));
    }
}
