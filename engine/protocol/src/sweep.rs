//! Sweeps: runs over values of some settings, some of them stopped early by a rule. What to train next is a pure function of the file and
//! the runs' evaluations, so a killed sweep continues where it was.

use crate::RunConfig;
use crate::config::one_line;
use crate::quantity::{NOTHING, duration, whole};
use crate::random::nth;
use crate::setting::{Value, choices};
use serde::{Deserialize, Serialize};

pub const MAX_SWEPT_RUNS: usize = 1000;
/// Evaluated runs before the median rule stops one.
const MEDIAN_AFTER: usize = 3;
const MAX_NAME: usize = 40;

choices! {
    pub enum Search = Grid {
        /// Every combination of the values.
        Grid = "grid", "Grid";
        /// Each run draws a value of each setting.
        Random = "random", "Random";
    }
}

choices! {
    pub enum StopRule = Never {
        /// Every run does all its steps.
        Never = "never", "Never";
        /// Synchronous successive halving (Jamieson and Talwalkar 2016): at each rung, the best one of every `factor` runs goes on.
        Halving = "halving", "Successive halving";
        /// The median rule of Vizier (Golovin et al. 2017): at a rung, a run stops if its lowest validation loss is above the median of the
        /// earlier runs' means.
        Median = "median", "Median rule";
    }
}

choices! {
    pub enum Scale = Linear {
        Linear = "linear", "Linear";
        Log = "log", "Logarithmic";
    }
}

/// A sweep file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Tag of its runs.
    #[serde(default = "default_name")]
    pub name: String,
    #[serde(default)]
    pub search: Search,
    /// Number of runs of a random search.
    #[serde(default)]
    pub runs: usize,
    /// Seed of a random search.
    #[serde(default)]
    pub seed: u64,
    #[serde(default)]
    pub stop: Stop,
    /// Lists and ranges by the settings' paths.
    settings: toml::Table,
}

fn default_name() -> String {
    "sweep".to_owned()
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    pub rule: StopRule,
    /// Steps at which the rule compares runs.
    pub rungs: Vec<u64>,
    /// One of this many runs goes on from each rung of a halving.
    pub factor: usize,
}

impl Default for Stop {
    fn default() -> Self {
        Self { rule: StopRule::Never, rungs: Vec::new(), factor: 3 }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: f64,
    to: f64,
    #[serde(default)]
    scale: Scale,
    count: Option<usize>,
}

enum Values {
    List(Vec<toml::Value>),
    /// With the number of values of a grid, and whether they are whole.
    Range(Range, usize, bool),
}

/// The settings of one run of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepPoint {
    /// The varied settings, by path.
    pub values: Vec<(String, String)>,
    pub config: RunConfig,
}

impl SweepPoint {
    /// `train.learning_rate 0.001, model.layers 2`
    pub fn title(&self) -> String {
        let parts: Vec<String> = self.values.iter().map(|(path, value)| format!("{path} {value}")).collect();
        parts.join(", ")
    }
}

impl Sweep {
    /// # Errors
    /// One line: it is not TOML, has an unknown key, or its name or rule cannot be used.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let sweep: Self = toml::from_str(text).map_err(|error| format!("the sweep: {}", one_line(&error)))?;
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        if sweep.name.is_empty() || sweep.name.len() > MAX_NAME || !sweep.name.chars().all(fits) {
            return Err(format!(
                "the sweep: name must be at most {MAX_NAME} letters, digits, - and _ (got {:?})",
                sweep.name
            ));
        }
        let Stop { rule, rungs, factor } = &sweep.stop;
        if *rule != StopRule::Never && rungs.is_empty() {
            return Err("the sweep: stop.rungs must list the steps at which runs are compared, as in rungs = [100, 300]".to_owned());
        }
        if rungs.first() == Some(&0) || rungs.windows(2).any(|pair| pair.first() >= pair.get(1)) {
            return Err("the sweep: stop.rungs must rise, from 1 on".to_owned());
        }
        if *factor < 2 {
            return Err(format!("the sweep: stop.factor must be at least 2 (got {factor})"));
        }
        Ok(sweep)
    }

    /// All its runs, with `base` for everything that does not vary.
    ///
    /// # Errors
    /// One line: there are too many or none, a setting is unknown, a range is empty, or a run breaks a rule.
    pub fn points(&self, base: &RunConfig) -> Result<Vec<SweepPoint>, String> {
        let mut leaves = Vec::new();
        flatten("", &self.settings, &mut leaves);
        if leaves.is_empty() {
            return Err(
                "the sweep varies no setting; add one, as in settings.train.learning_rate = [1e-3, 3e-3]"
                    .to_owned(),
            );
        }
        let mut settings = Vec::new();
        for (path, value) in &leaves {
            settings.push((
                path.as_str(),
                self.values(path, value, base).map_err(|reason| format!("the sweep: {path}: {reason}"))?,
            ));
        }
        let counts = settings.iter().map(|(_, values)| match values {
            Values::List(list) => list.len(),
            Values::Range(_, count, _) => *count,
        });
        let counts: Vec<usize> = counts.collect();
        let count = match self.search {
            Search::Grid => counts.iter().fold(1, |product: usize, count| product.saturating_mul(*count)),
            Search::Random if self.runs == 0 => {
                return Err(
                    "the sweep: a random search needs the number of its runs, as in runs = 20".to_owned()
                );
            }
            Search::Random => self.runs,
        };
        if count > MAX_SWEPT_RUNS {
            return Err(format!(
                "the sweep has {} runs, and the limit is {}; use fewer values, or search = \"random\" with runs = 20",
                whole(count as u64),
                whole(MAX_SWEPT_RUNS as u64)
            ));
        }
        let mut points: Vec<SweepPoint> = Vec::new();
        for number in 0..count {
            let mut rest = number;
            let mut values = Vec::new();
            // The last setting varies fastest.
            for (at, ((path, of), count)) in settings.iter().zip(&counts).enumerate().rev() {
                let value = match self.search {
                    Search::Grid => of.nth(rest % count, *count),
                    Search::Random => of.drawn(nth(self.seed, at as u64, number as u64)),
                };
                rest /= count;
                values.push(((*path).to_owned(), value));
            }
            values.reverse();
            let point = SweepPoint { config: configured(base, &values)?, values };
            self.check_steps(&point)?;
            // Rounding to whole numbers may repeat a run.
            if points.iter().all(|known| known.values != point.values) {
                points.push(point);
            }
        }
        Ok(points)
    }

    fn values(&self, path: &str, value: &toml::Value, base: &RunConfig) -> Result<Values, String> {
        match value {
            toml::Value::Array(list) if list.is_empty() => Err("its list has no values; add one".to_owned()),
            toml::Value::Array(list) => Ok(Values::List(list.clone())),
            toml::Value::Table(table) => {
                let range: Range =
                    table.clone().try_into().map_err(|error: toml::de::Error| one_line(&error))?;
                let Range { from, to, scale, count } = range;
                if !(from.is_finite() && to.is_finite() && from < to) {
                    return Err(format!("its range is empty: from ({from}) must be below to ({to})"));
                }
                if scale == Scale::Log && from <= 0.0 {
                    return Err(format!("a logarithmic range must start above 0 (got {from})"));
                }
                let count = match (self.search, count) {
                    (Search::Grid, None) => {
                        return Err("a grid needs the number of values, as in count = 5".to_owned());
                    }
                    (Search::Grid, Some(count)) if count < 2 => {
                        return Err(format!("count must be at least 2 (got {count})"));
                    }
                    (_, count) => count.unwrap_or(2),
                };
                let is_whole = match base.clone().value(path) {
                    Some(Value::Number(number)) => number.is_whole(),
                    Some(_) => return Err("it is not a number, so it has no range; give a list".to_owned()),
                    None => [from, to].iter().all(|end| end.fract() == 0.0),
                };
                Ok(Values::Range(range, count, is_whole))
            }
            _ => {
                Err("must be a list, or a range as in { from = 1e-4, to = 1e-2, scale = \"log\", count = 5 }"
                    .to_owned())
            }
        }
    }

    fn check_steps(&self, point: &SweepPoint) -> Result<(), String> {
        let train = &point.config.train;
        if train.eval_interval == 0 {
            return Err("a sweep compares validation losses: train.eval_interval must not be 0".to_owned());
        }
        let first = self.stop.rungs.first().filter(|rung| **rung < train.eval_interval);
        if let Some(rung) = first {
            return Err(format!(
                "the sweep: the rung {rung} is before the first evaluation; raise it, or set train.eval_interval ({}) lower",
                train.eval_interval
            ));
        }
        match self.stop.rungs.last().filter(|rung| **rung >= train.steps && train.epochs.is_none()) {
            Some(rung) => {
                Err(format!("the sweep: the rung {rung} must be below train.steps ({})", train.steps))
            }
            None => Ok(()),
        }
    }

    /// What to train next: a run and the step to reach; and the runs that the rule has stopped.
    pub fn next(&self, runs: &[Standing]) -> (Option<(usize, u64)>, Vec<usize>) {
        let rungs =
            self.stop.rungs.iter().copied().filter(|_| self.stop.rule != StopRule::Never).chain([u64::MAX]);
        let mut stopped = Vec::new();
        if self.stop.rule == StopRule::Halving {
            let mut alive: Vec<usize> = (0..runs.len()).collect();
            for rung in rungs {
                let due = alive.iter().filter_map(|at| Some((*at, runs.get(*at)?.due(rung)?)));
                if let Some(next) = due.min() {
                    return (Some(next), stopped);
                }
                if rung < u64::MAX {
                    let loss = |at: &usize| runs.get(*at).map_or(f64::INFINITY, |run| run.lowest(rung));
                    alive.sort_by(|one, other| loss(one).total_cmp(&loss(other)));
                    let kept = (alive.len() / self.stop.factor).max(1);
                    stopped.extend(alive.split_off(kept.min(alive.len())));
                }
            }
            return (None, stopped);
        }
        for (at, run) in runs.iter().enumerate() {
            for rung in rungs.clone() {
                if let Some(until) = run.due(rung) {
                    return (Some((at, until)), stopped);
                }
                let earlier = runs.iter().take(at).filter(|other| other.step >= rung);
                let mut means: Vec<f64> = earlier.filter_map(|other| other.mean(rung)).collect();
                means.sort_by(f64::total_cmp);
                let median =
                    means.get(means.len().saturating_sub(1) / 2).filter(|_| means.len() >= MEDIAN_AFTER);
                if median.is_some_and(|median| run.lowest(rung) > *median) && !run.ended {
                    stopped.push(at);
                    break;
                }
            }
        }
        (None, stopped)
    }
}

/// What is known of a run of a sweep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    pub step: u64,
    pub steps: u64,
    /// Step and validation loss of its evaluations. Empty if it diverged.
    pub losses: Vec<(u64, f32)>,
    /// Whether it is not to be trained further: finished, stopped early, diverged or deleted.
    pub ended: bool,
}

impl Standing {
    /// The step to train to, if it is not at the rung yet.
    fn due(&self, rung: u64) -> Option<u64> {
        let until = rung.min(self.steps);
        (!self.ended && self.step < until).then_some(until)
    }

    fn until(&self, step: u64) -> impl Iterator<Item = f64> {
        let counts = move |(at, loss): &&(u64, f32)| (1..=step).contains(at) && loss.is_finite();
        self.losses.iter().filter(counts).map(|(_, loss)| f64::from(*loss))
    }

    fn lowest(&self, step: u64) -> f64 {
        self.until(step).fold(f64::INFINITY, f64::min)
    }

    fn mean(&self, step: u64) -> Option<f64> {
        let count = self.until(step).count();
        (count > 0).then(|| self.until(step).sum::<f64>() / count as f64)
    }
}

impl Values {
    fn nth(&self, at: usize, count: usize) -> String {
        match self {
            Self::List(list) => match list.get(at) {
                Some(toml::Value::String(text)) => text.clone(),
                value => value.map(ToString::to_string).unwrap_or_default(),
            },
            Self::Range(range, _, is_whole) => {
                range.at(at as f64 / count.saturating_sub(1).max(1) as f64, *is_whole)
            }
        }
    }

    fn drawn(&self, bits: u64) -> String {
        let share = (bits >> 11) as f64 / (1_u64 << 53) as f64;
        match self {
            Self::List(list) => self.nth((share * list.len() as f64) as usize, list.len()),
            Self::Range(range, _, is_whole) => range.at(share, *is_whole),
        }
    }
}

impl Range {
    /// The number at a share of the range, rounded to four digits.
    fn at(&self, share: f64, is_whole: bool) -> String {
        let Self { from, to, scale, .. } = *self;
        let number = match scale {
            Scale::Linear => from + (to - from) * share,
            Scale::Log => libm::exp(libm::log(from) + (libm::log(to) - libm::log(from)) * share),
        };
        if is_whole {
            return format!("{:.0}", number.round());
        }
        let rounded = format!("{number:.3e}").parse().unwrap_or(number);
        toml::Value::Float(rounded).to_string()
    }
}

/// Settings below a table, by dotted path.
fn flatten(prefix: &str, table: &toml::Table, found: &mut Vec<(String, toml::Value)>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(inner) if !inner.contains_key("from") => flatten(&path, inner, found),
            value => found.push((path, value.clone())),
        }
    }
}

fn configured(base: &RunConfig, values: &[(String, String)]) -> Result<RunConfig, String> {
    let mut config = base.clone();
    for (path, value) in values {
        let before = config.train.learning_rate;
        let lowest = config.train.min_learning_rate;
        config
            .set(&format!("{path}={value}"))
            .map_err(|reason| format!("the sweep: {path} = {value}: {reason}"))?;
        let is_rate =
            path == "train.learning_rate" && values.iter().all(|(path, _)| path != "train.min_learning_rate");
        if is_rate && before > 0.0 {
            // As with --lr, the minimum rate keeps its ratio.
            config.train.min_learning_rate = lowest * (config.train.learning_rate / before);
        }
    }
    let what =
        || values.iter().map(|(path, value)| format!("{path} = {value}")).collect::<Vec<_>>().join(", ");
    config.validate().map_err(|invalid| format!("the sweep's run with {}: {invalid}", what()))?;
    Ok(config)
}

choices! {
    pub enum SweepState = Waiting {
        Waiting = "waiting", "waiting";
        Training = "training", "training";
        /// It goes on if it is among the best, or when the sweep continues.
        Begun = "begun", "to be continued";
        Dropped = "dropped", "stopped by the rule";
        Finished = "finished", "finished";
        /// It diverged or was deleted.
        Failed = "failed", "failed";
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// In the order of [`SweepSummary::settings`].
    pub values: Vec<String>,
    pub run: Option<String>,
    pub state: SweepState,
    pub step: u64,
    pub steps: u64,
    /// Lowest validation loss so far.
    pub loss: Option<f32>,
    /// Its 95 % interval over the batches of the evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f32; 2]>,
    /// Training time.
    pub seconds: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepSummary {
    pub name: String,
    /// The sweep file.
    pub toml: String,
    /// Paths of the settings that vary.
    pub settings: Vec<String>,
    pub rows: Vec<SweepRow>,
    /// Index of the row in training and the step it is trained to.
    pub current: Option<(usize, u64)>,
    /// Index of the row with the lowest loss.
    pub best: Option<usize>,
    /// Whether all is trained.
    pub complete: bool,
}

impl SweepRow {
    /// The row of a table: values, then [`SweepSummary::FIGURES`].
    pub fn cells(&self) -> Vec<String> {
        let none = || NOTHING.to_owned();
        let figures = [
            self.loss.map_or_else(none, |loss| format!("{loss:.4}")),
            self.interval.map_or_else(none, |[low, high]| format!("{low:.4} to {high:.4}")),
            format!("{}/{}", whole(self.step), whole(self.steps)),
            duration(self.seconds),
            self.state.title().to_owned(),
            self.run.clone().unwrap_or_else(none),
        ];
        self.values.iter().cloned().chain(figures).collect()
    }
}

impl SweepSummary {
    /// Columns of a table after those of the settings.
    pub const FIGURES: [&str; 6] = ["validation loss", "95 %", "steps", "time", "state", "run"];

    /// The lowest loss first.
    pub fn by_loss(&self) -> Vec<&SweepRow> {
        let mut rows: Vec<&SweepRow> = self.rows.iter().collect();
        let loss = |row: &SweepRow| row.loss.unwrap_or(f32::INFINITY);
        rows.sort_by(|one, other| loss(one).total_cmp(&loss(other)));
        rows
    }

    pub fn best_row(&self) -> Option<&SweepRow> {
        self.rows.get(self.best?)
    }

    /// Finds the best row: the lowest loss of a run that did not fail.
    #[must_use]
    pub fn with_best(mut self) -> Self {
        let usable =
            |row: &SweepRow| row.loss.filter(|loss| loss.is_finite() && row.state != SweepState::Failed);
        let losses = self.rows.iter().enumerate().filter_map(|(at, row)| Some((at, usable(row)?)));
        self.best = losses.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(at, _)| at);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets;

    fn base() -> RunConfig {
        let mut base = presets::preset("llama-tiny").unwrap();
        base.set("train.steps=900").unwrap();
        base.set("train.eval_interval=50").unwrap();
        base
    }

    fn points(text: &str) -> Result<Vec<SweepPoint>, String> {
        Sweep::from_toml(text)?.points(&base())
    }

    fn values(text: &str) -> Vec<String> {
        points(text).unwrap().iter().map(SweepPoint::title).collect()
    }

    #[test]
    fn a_grid_has_every_combination_and_the_minimum_rate_follows() {
        let text = "[settings]\nmodel.layers = [1, 2]\ntrain.learning_rate = { from = 1e-4, to = 1e-2, scale = \"log\", count = 3 }";
        let all = points(text).unwrap();
        let seen: Vec<(usize, f64)> =
            all.iter().map(|point| (point.config.model.layers, point.config.train.learning_rate)).collect();
        assert_eq!(seen, [(1, 1e-4), (1, 1e-3), (1, 1e-2), (2, 1e-4), (2, 1e-3), (2, 1e-2)]);
        let (one, ratio) =
            (&all[2].config.train, base().train.min_learning_rate / base().train.learning_rate);
        assert!((one.min_learning_rate / one.learning_rate - ratio).abs() < 1e-9);
        // Whole numbers are rounded, and each run is trained once.
        assert_eq!(values("settings.model.layers = { from = 1, to = 3, count = 7 }").len(), 3);
        assert_eq!(
            values("[settings]\n\"train.optimizer\" = [\"adamw\", \"sgd\"]"),
            ["train.optimizer adamw", "train.optimizer sgd"]
        );
    }

    #[test]
    fn a_random_search_is_a_function_of_its_seed() {
        let text = |seed: u64| {
            format!(
                "search = \"random\"\nruns = 12\nseed = {seed}\n[settings]\ntrain.learning_rate = {{ from = 1e-4, to = 1e-2, scale = \"log\" }}\nmodel.layers = [1, 2]"
            )
        };
        assert_eq!(values(&text(1)), values(&text(1)));
        assert_ne!(values(&text(1)), values(&text(2)));
        let rates: Vec<f64> =
            points(&text(1)).unwrap().iter().map(|point| point.config.train.learning_rate).collect();
        assert!(rates.iter().all(|rate| (1e-4..=1e-2).contains(rate)), "{rates:?}");
        assert!(rates.iter().any(|rate| *rate < 1e-3) && rates.iter().any(|rate| *rate > 1e-3));
    }

    #[test]
    fn bad_files_are_refused_before_anything_starts() {
        let error = |text: &str| points(text).unwrap_err();
        assert!(error("[settings]\ntrain.learning_rat = [1]").contains("learning_rate"));
        assert!(
            error("[settings]\ntrain.learning_rate = { from = 1, to = 0.1, count = 3 }")
                .contains("range is empty")
        );
        assert!(error("[settings]\ntrain.learning_rate = []").contains("no values"));
        assert!(
            error("[settings]\ntrain.optimizer = { from = 0, to = 1, count = 2 }").contains("not a number")
        );
        assert!(
            error("[settings]\ntrain.learning_rate = { from = 0, to = 1, scale = \"log\", count = 2 }")
                .contains("above 0")
        );
        let long = "[settings]\nseed = { from = 1, to = 1000, count = 1000 }\ntrain.batch_size = { from = 1, to = 1000, count = 1000 }";
        let told = error(long);
        assert!(told.contains("1,000,000") && told.contains("1,000;"), "{told}");
        assert!(error("[settings]\nmodel.heads = [5]").contains("the sweep's run with model.heads = 5"));
        assert!(error("serch = \"grid\"\n[settings]").contains("did you mean `search`?"));
        assert!(error("search = \"random\"\n[settings]\nmodel.layers = [1]").contains("runs = 20"));
        assert!(
            error("stop = { rule = \"halving\", rungs = [900] }\n[settings]\nmodel.layers = [1]")
                .contains("below train.steps")
        );
        assert!(
            error("stop = { rule = \"median\", rungs = [20] }\n[settings]\nmodel.layers = [1]")
                .contains("first evaluation")
        );
        assert!(error("name = \"../x\"\n[settings]\nmodel.layers = [1]").contains("name must be"));
    }

    fn sweep(rule: &str) -> Sweep {
        Sweep::from_toml(&format!(
            "stop = {{ rule = \"{rule}\", rungs = [100, 300] }}\n[settings]\nmodel.layers = [1]"
        ))
        .unwrap()
    }

    /// Trains runs whose loss is always `losses`, and returns what was asked for.
    fn play(sweep: &Sweep, losses: &[f32]) -> (Vec<(usize, u64)>, Vec<usize>) {
        let mut runs: Vec<Standing> =
            losses.iter().map(|_| Standing { steps: 900, ..Standing::default() }).collect();
        let mut asked = Vec::new();
        loop {
            let (next, stopped) = sweep.next(&runs);
            let Some((at, until)) = next else { return (asked, stopped) };
            asked.push((at, until));
            runs[at].step = until;
            match losses[at].is_finite() {
                true => runs[at].losses.push((until, losses[at])),
                false => (runs[at].ended, runs[at].losses) = (true, Vec::new()),
            }
            runs[at].ended |= until == 900;
        }
    }

    #[test]
    fn halving_trains_the_best_of_each_rung_further() {
        let (asked, mut stopped) =
            play(&sweep("halving"), &[5.0, 1.0, 4.0, 3.0, f32::NAN, 2.0, 7.0, 8.0, 9.0]);
        assert_eq!(asked[..9], (0..9).map(|at| (at, 100)).collect::<Vec<_>>());
        assert_eq!(asked[9..], [(1, 300), (3, 300), (5, 300), (1, 900)]);
        stopped.sort_unstable();
        assert_eq!(stopped, [0, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_table_has_the_lowest_loss_first_and_a_cell_for_every_column() {
        let row = |loss: Option<f32>, state| SweepRow {
            values: vec!["2".to_owned()],
            loss,
            state,
            ..SweepRow::default()
        };
        let rows = vec![
            row(None, SweepState::Waiting),
            row(Some(1.0), SweepState::Failed),
            row(Some(2.5), SweepState::Begun),
        ];
        let summary = SweepSummary { rows, ..SweepSummary::default() }.with_best();
        assert_eq!(summary.best, Some(2), "a run that failed is not the best");
        let losses: Vec<Option<f32>> = summary.by_loss().iter().map(|row| row.loss).collect();
        assert_eq!(losses, [Some(1.0), Some(2.5), None]);
        let best = SweepRow { interval: Some([2.0, 3.0]), ..summary.best_row().unwrap().clone() };
        assert_eq!(best.cells()[..3], ["2", "2.5000", "2.0000 to 3.0000"]);
        assert_eq!(best.cells().len(), 1 + SweepSummary::FIGURES.len());
    }

    #[test]
    fn the_median_rule_stops_runs_that_are_worse_than_most_before_them() {
        let (asked, stopped) = play(&sweep("median"), &[3.0, 2.0, 4.0, 3.5, 1.0]);
        let of = |run: usize| {
            asked.iter().filter(|(at, _)| *at == run).map(|(_, until)| *until).collect::<Vec<_>>()
        };
        assert_eq!((of(2), of(3), of(4)), (vec![100, 300, 900], vec![100], vec![100, 300, 900]));
        assert_eq!(stopped, [3]);
        let (asked, stopped) = play(&sweep("never"), &[3.0, f32::NAN]);
        assert_eq!((asked, stopped), (vec![(0, 900), (1, 900)], Vec::new()));
    }
}
