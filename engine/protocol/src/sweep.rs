//! Sweeps: runs over values of some settings, some stopped early by a rule, over the sizes of a [`Ladder`], or over the versions of a text
//! ([`Ablate`]). What to train next is a pure function of the file and the runs' evaluations, so a killed sweep resumes at the same point.

mod form;

pub use form::SWEPT;

use crate::RunConfig;
use crate::blocks::{Bar, Block};
use crate::config::change::value_in_words;
use crate::config::{one_line, with_line};
use crate::evaluation::{Better, Cell, Metric, Table};
use crate::order;
use crate::quantity::{NOTHING, counted, duration, percent, whole};
use crate::random::nth;
use crate::setting::{Value, choices, settings};
use crate::{Ablate, Ablation, Ladder, LadderSize, Scaling};
use serde::{Deserialize, Serialize};

const MAX_SWEPT_RUNS: usize = 1000;
/// Evaluated runs before the median rule stops one.
const MEDIAN_AFTER: usize = 3;
const MAX_NAME: usize = 40;
/// Minimum finished runs for [`SweepSummary::importance`].
pub const MIN_IMPORTANCE_RUNS: usize = 8;

choices! {
    pub enum StopRule = Never {
        /// Every run does all its steps.
        Never = "never", "Never";
        /// Synchronous successive halving (Jamieson and Talwalkar 2016): at each rung, the best of every `factor` runs continues.
        Halving = "halving", "Successive halving";
        /// The median rule of Vizier (Golovin et al. 2017): at a rung, a run stops if its lowest validation loss is above the median of the
        /// earlier runs' means.
        Median = "median", "Median rule";
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Tag of its runs.
    #[serde(default = "default_name")]
    pub name: String,
    /// Number of runs of a random search, in which each run draws a value of each setting; `None` trains every combination.
    pub runs: Option<usize>,
    /// Seed of a random search.
    #[serde(default)]
    pub seed: u64,
    #[serde(default)]
    pub stop: Stop,
    /// The runs are models of growing size.
    pub ladder: Option<Ladder>,
    /// The runs learn versions of a text, each cleaned without one rule.
    pub ablate: Option<Ablate>,
    /// Lists and ranges by the settings' paths.
    #[serde(default)]
    settings: toml::Table,
}

fn default_name() -> String {
    "sweep".to_owned()
}

settings! {
    pub struct Stop: "stop." {
        pub rule: StopRule = StopRule::Never;
        /// Steps at which the rule compares runs.
        pub rungs: Vec<u64> = Vec::new();
        /// One in this many runs continues from each rung of a halving.
        pub factor: usize = 3;
    }
}

/// Fields of a [`Range`]; one of them makes a table a range.
const RANGE: [&str; 3] = ["from", "to", "count"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: f64,
    to: f64,
    #[serde(default)]
    log: bool,
    count: Option<usize>,
}

impl Sweep {
    /// Fails with one line if it is not TOML or has an unknown key (with the line number), or its name or rule cannot be used.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let sweep: Self =
            toml::from_str(text).map_err(|error| format!("the sweep: {}", with_line(text, &error)))?;
        let Self { name, runs, stop: Stop { rule, rungs, factor }, .. } = &sweep;
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        let (ladder, ablate) = (sweep.ladder.as_ref(), sweep.ablate.as_ref());
        let is_mixed = !sweep.settings.is_empty() || runs.is_some() || *rule != StopRule::Never;
        let reason = ladder.and_then(|ladder| ladder.check().err());
        let wrong = if let Some(reason) = reason.or_else(|| ablate?.check().err()) {
            reason
        } else if ladder.is_some() && ablate.is_some() {
            "[ladder] and [ablate] cannot be combined; leave one of them out".to_owned()
        } else if (ladder.is_some() || ablate.is_some()) && is_mixed {
            "[ladder] and [ablate] train all of their runs to the end; leave out [settings], runs and [stop]"
                .to_owned()
        } else if !(1..=MAX_NAME).contains(&name.len()) || !name.chars().all(fits) {
            format!("name must be at most {MAX_NAME} letters, digits, - and _ (got {name:?})")
        } else if runs.is_some_and(|runs| !(1..=MAX_SWEPT_RUNS).contains(&runs)) {
            format!("runs must be 1 to {MAX_SWEPT_RUNS}")
        } else if *rule != StopRule::Never && rungs.is_empty() {
            "stop.rungs must list the steps at which runs are compared, as in rungs = [100, 300]".to_owned()
        } else if !std::iter::once(&0).chain(rungs).is_sorted_by(|one, next| one < next) {
            "stop.rungs must be ascending, from 1 on".to_owned()
        } else if *factor < 2 {
            format!("stop.factor must be at least 2 (got {factor})")
        } else {
            return Ok(sweep);
        };
        Err(format!("the sweep: {wrong}"))
    }

    /// The number of its runs; that of a ladder may become smaller once it is started. `None` if it depends on the text. Fails as
    /// [`Self::points`] does.
    pub fn count(&self, base: &RunConfig) -> Result<Option<usize>, String> {
        let points = self.points(base)?;
        Ok(match &self.ladder {
            Some(ladder) => Some(ladder.sizes),
            None => Some(points.len()).filter(|_| self.ablate.is_none()),
        })
    }

    /// Whether its runs are trained in order: the prediction of a ladder precedes its largest run, and the versions of an ablation share
    /// the first one's tokenizer.
    pub fn is_in_order(&self) -> bool {
        self.ladder.is_some() || self.ablate.is_some()
    }

    /// All its runs, with `base` for the settings that do not vary: of a ladder, one per chosen size; of an ablation, one per version of
    /// the text. Fails with one line if there are too many or none, a setting is unknown, a range is empty, or a run breaks a rule.
    pub fn points(&self, base: &RunConfig) -> Result<Vec<(SweepRow, RunConfig)>, String> {
        if let Some(ladder) = &self.ladder {
            return ladder.rows(base);
        }
        if let Some(ablate) = &self.ablate {
            return ablate.rows(base).map_err(|reason| format!("the sweep: {reason}"));
        }
        let mut leaves = Vec::new();
        flatten("", &self.settings, &mut leaves);
        order::sort_by(&mut leaves, |(one, _), (other, _)| one.cmp(other));
        if leaves.is_empty() {
            let example = "settings.train.learning_rate = [1e-3, 3e-3]";
            return Err(format!("the sweep varies no setting; add one, as in {example}"));
        }
        let mut settings = Vec::new();
        for (at, (path, value)) in leaves.into_iter().enumerate() {
            let values = self.values(at as u64, &path, value, base);
            settings.push((values.map_err(|reason| format!("the sweep: {path}: {reason}"))?, path));
        }
        let sizes = settings.iter().map(|(values, _)| values.len());
        let count = self.runs.unwrap_or_else(|| sizes.fold(1, usize::saturating_mul));
        if count > MAX_SWEPT_RUNS {
            return Err(format!(
                "the sweep has {} runs, and the limit is {}; use fewer values, or a random search, as in runs = 20",
                whole(count as u64),
                whole(MAX_SWEPT_RUNS as u64)
            ));
        }
        let mut points: Vec<(SweepRow, RunConfig)> = Vec::new();
        for number in 0..count {
            let mut rest = number;
            let mut values = Vec::new();
            // The last setting varies fastest.
            for (list, path) in settings.iter().rev() {
                let place = if self.runs.is_some() { number } else { rest % list.len() };
                rest /= list.len();
                values.push((path.clone(), list[place].clone()));
            }
            values.reverse();
            // Rounding to whole numbers, or chance, may repeat a run.
            if points.iter().all(|(known, _)| known.values != values) {
                let config = self.configured(base, &values)?;
                let steps = config.train.steps;
                points.push((SweepRow { values, steps, ..SweepRow::default() }, config));
            }
        }
        Ok(points)
    }

    /// The values of a setting: one for each run of a random search, or those of a grid.
    fn values(
        &self,
        at: u64,
        path: &str,
        value: toml::Value,
        base: &RunConfig,
    ) -> Result<Vec<String>, String> {
        let share = |number: usize| (nth(self.seed, at, number as u64) >> 11) as f64 / (1_u64 << 53) as f64;
        let range: Range = match value {
            toml::Value::Array(list) if list.is_empty() => {
                return Err("its list has no values; add one".to_owned());
            }
            toml::Value::Array(list) => {
                let text =
                    |value: toml::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let list: Vec<String> = list.into_iter().map(text).collect();
                let drawn = |number| list[(share(number) * list.len() as f64) as usize].clone();
                return Ok(self.runs.map(|runs| (0..runs).map(drawn).collect()).unwrap_or(list));
            }
            toml::Value::Table(table) => {
                toml::from_str(&table.to_string()).map_err(|error| one_line(&error))?
            }
            _ => {
                let example = "{ from = 1e-4, to = 1e-2, log = true, count = 5 }";
                return Err(format!("must be a list, or a range as in {example}"));
            }
        };
        let Range { from, to, log, count } = range;
        if !(from.is_finite() && to.is_finite() && from < to) {
            return Err(format!("its range is empty: from ({from}) must be below to ({to})"));
        }
        if log && from <= 0.0 {
            return Err(format!("a logarithmic range must start above 0 (got {from})"));
        }
        let is_whole = match base.clone().value(path) {
            Some(Value::Number(number)) => number.is_whole(),
            Some(_) => return Err("it is not a number, so it has no range; give a list".to_owned()),
            None => [from, to].iter().all(|end| end.fract() == 0.0),
        };
        let value = |share: f64| {
            let number = match log {
                true => libm::exp(libm::log(from) + (libm::log(to) - libm::log(from)) * share),
                false => from + (to - from) * share,
            };
            // Four digits, written as a number of its type.
            match format!("{number:.3e}").parse::<f64>() {
                _ if is_whole => format!("{:.0}", number.round()),
                Ok(rounded) => format!("{rounded:?}"),
                Err(_) => number.to_string(),
            }
        };
        match (self.runs, count) {
            (Some(runs), _) => Ok((0..runs).map(|number| value(share(number))).collect()),
            (None, None) => Err("a grid needs the number of values, as in count = 5".to_owned()),
            (None, Some(count @ 2..=MAX_SWEPT_RUNS)) => {
                Ok((0..count).map(|number| value(number as f64 / (count - 1) as f64)).collect())
            }
            (None, Some(count)) => Err(format!("count must be 2 to {MAX_SWEPT_RUNS} (got {count})")),
        }
    }

    fn configured(&self, base: &RunConfig, values: &[(String, String)]) -> Result<RunConfig, String> {
        let mut config = base.clone();
        for (path, value) in values {
            if let ("train.learning_rate", Ok(rate)) = (path.as_str(), value.parse()) {
                // As with --lr, the minimum rate keeps its ratio; its own values come later in the alphabet.
                config.set_learning_rate(rate);
                continue;
            }
            config.set(&format!("{path}={value}")).map_err(|reason| format!("the sweep: {reason}"))?;
        }
        config.validate().map_err(|invalid| format!("the sweep's run with {}: {invalid}", titled(values)))?;
        let (train, rungs) = (&config.train, &self.stop.rungs);
        let interval = train.eval_interval;
        if interval == 0 {
            return Err("a sweep compares validation losses: train.eval_interval must not be 0".to_owned());
        }
        if let Some(rung) = rungs.first().filter(|rung| **rung < interval) {
            return Err(format!(
                "the sweep: the rung {rung} is before the first evaluation; raise it, or set train.eval_interval ({interval}) lower"
            ));
        }
        match rungs.last().filter(|rung| **rung >= train.steps && train.epochs.is_none()) {
            Some(rung) => {
                Err(format!("the sweep: the rung {rung} must be below train.steps ({})", train.steps))
            }
            None => Ok(config),
        }
    }

    /// What to train next: a row and the step to reach. A row that is trained elsewhere is returned only if the sweep has to wait for it.
    /// Marks the rows that the rule has stopped.
    pub fn next(&self, rows: &mut [SweepRow]) -> Option<(usize, u64)> {
        for row in rows.iter_mut().filter(|row| !row.is_over() && !row.is_elsewhere()) {
            row.state = if row.run.is_some() { SweepState::Begun } else { SweepState::Waiting };
        }
        let rungs = self.stop.rungs.iter().copied().filter(|_| self.stop.rule != StopRule::Never);
        let rungs = rungs.chain([u64::MAX]);
        if self.stop.rule == StopRule::Halving {
            let mut alive: Vec<usize> = (0..rows.len()).collect();
            for rung in rungs {
                let due = |at: &usize| {
                    let row = rows.get(*at)?;
                    Some((row.is_elsewhere(), *at, row.due(rung)?))
                };
                if let Some((_, at, until)) = alive.iter().filter_map(due).min() {
                    return Some((at, until));
                }
                if rung < u64::MAX {
                    let loss = |at: &usize| rows.get(*at).map_or(f32::INFINITY, |row| row.lowest(rung));
                    order::sort_by(&mut alive, |one, other| loss(one).total_cmp(&loss(other)));
                    let kept = (alive.len() / self.stop.factor).max(1).min(alive.len());
                    for at in alive.split_off(kept) {
                        rows.get_mut(at).map(SweepRow::drop_out);
                    }
                }
            }
            return None;
        }
        let mut elsewhere = None;
        for at in 0..rows.len() {
            for rung in rungs.clone() {
                let (earlier, later) = rows.split_at_mut(at);
                let row = later.first_mut()?;
                match row.due(rung) {
                    Some(until) if row.is_elsewhere() => {
                        elsewhere = elsewhere.or(Some((at, until)));
                        break;
                    }
                    Some(until) => return Some((at, until)),
                    None => {}
                }
                let reached = earlier.iter().filter(|other| other.step >= rung);
                let mut means: Vec<f32> = reached.filter_map(|other| other.mean(rung)).collect();
                order::sort_by(&mut means, f32::total_cmp);
                let median =
                    means.get(means.len().saturating_sub(1) / 2).filter(|_| means.len() >= MEDIAN_AFTER);
                if median.is_some_and(|median| row.lowest(rung) > *median) {
                    row.drop_out();
                    break;
                }
            }
        }
        elsewhere
    }
}

/// The sweep file of this name with one table.
pub(crate) fn file(name: &str, key: &str, table: &impl Serialize) -> Result<String, String> {
    let table = toml::Value::try_from(table).map_err(|error| error.to_string())?;
    let entries = [("name", toml::Value::from(name)), (key, table)];
    let file: toml::Table = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    toml::to_string(&file).map_err(|error| error.to_string())
}

/// Settings below a table, by dotted path.
fn flatten(prefix: &str, table: &toml::Table, found: &mut Vec<(String, toml::Value)>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(inner) if RANGE.iter().all(|key| !inner.contains_key(*key)) => {
                flatten(&path, inner, found);
            }
            value => found.push((path, value.clone())),
        }
    }
}

/// `learning rate 0.001, layers 2`
fn titled(values: &[(String, String)]) -> String {
    let words = |(path, value): &(String, String)| {
        value_in_words(path, value).unwrap_or_else(|| format!("{path} {value}"))
    };
    values.iter().map(words).collect::<Vec<_>>().join(", ")
}

choices! {
    pub enum SweepState = Waiting {
        Waiting = "waiting", "waiting";
        Training = "training", "training";
        /// Another worker trains it, perhaps in another process.
        Elsewhere = "elsewhere", "training elsewhere";
        /// Continues if it is among the best, or when the sweep is resumed.
        Begun = "begun", "to be continued";
        Dropped = "dropped", "stopped by the rule";
        Finished = "finished", "finished";
        /// It diverged, was deleted or could not start.
        Failed = "failed", "failed";
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SweepRow {
    /// The varied settings: path and value.
    pub values: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<LadderSize>,
    pub run: Option<String>,
    pub state: SweepState,
    pub step: u64,
    pub steps: u64,
    /// Step and validation loss of its evaluations, without that of the initial weights; empty if it failed.
    pub losses: Vec<(u64, f32)>,
    /// That of the run's best checkpoint; in a ladder and an ablation, the last of them.
    pub loss: Option<f32>,
    /// Its 95 % interval over the batches of the evaluation.
    pub interval: Option<[f32; 2]>,
    pub seconds: f64,
    pub error: Option<String>,
}

impl SweepRow {
    pub fn title(&self) -> String {
        titled(&self.values)
    }

    pub fn fail(&mut self, error: String) {
        (self.state, self.error) = (SweepState::Failed, Some(error));
        (self.losses, self.loss, self.interval) = (Vec::new(), None, None);
    }

    /// Whether it must not be trained further, regardless of the rule.
    pub fn is_over(&self) -> bool {
        matches!(self.state, SweepState::Finished | SweepState::Failed)
    }

    pub fn is_elsewhere(&self) -> bool {
        self.state == SweepState::Elsewhere
    }

    fn drop_out(&mut self) {
        if !self.is_over() {
            self.state = SweepState::Dropped;
        }
    }

    /// The step to train to, if it is not at the rung yet.
    fn due(&self, rung: u64) -> Option<u64> {
        let until = rung.min(self.steps);
        (!self.is_over() && self.step < until).then_some(until)
    }

    fn until(&self, step: u64) -> impl Iterator<Item = f32> {
        self.losses.iter().filter(move |(at, _)| *at <= step).map(|(_, loss)| *loss)
    }

    fn lowest(&self, step: u64) -> f32 {
        self.until(step).fold(f32::INFINITY, f32::min)
    }

    fn mean(&self, step: u64) -> Option<f32> {
        let count = self.until(step).count();
        (count > 0).then(|| self.until(step).sum::<f32>() / count as f32)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepSummary {
    pub name: String,
    pub toml: String,
    pub rows: Vec<SweepRow>,
    /// Index of the row in training, here or (if nothing else is left) elsewhere, and the step it is trained to.
    pub current: Option<(usize, u64)>,
    /// Index of the row with the lowest loss.
    pub best: Option<usize>,
    pub complete: bool,
    /// The share of the variance of the finished runs' losses that each setting explains on its own; empty for too few runs.
    pub importance: Vec<Metric>,
    /// Laws and prediction of a ladder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ablation: Option<Ablation>,
}

impl SweepSummary {
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().take(1).flat_map(|row| &row.values).map(|(path, _)| path.as_str())
    }

    /// The lowest loss first.
    pub fn by_loss(&self) -> Vec<&SweepRow> {
        let mut rows: Vec<&SweepRow> = self.rows.iter().collect();
        let loss = |row: &SweepRow| row.loss.unwrap_or(f32::INFINITY);
        order::sort_by(&mut rows, |one, other| loss(one).total_cmp(&loss(other)));
        rows
    }

    pub fn best_row(&self) -> Option<&SweepRow> {
        self.rows.get(self.best?)
    }

    /// Finds what to train next, unless the sweep is stopped, which rows the rule has stopped, and the best row.
    pub fn settle(&mut self, sweep: &Sweep, goes_on: bool) {
        let next = sweep.next(&mut self.rows);
        (self.complete, self.current) = (next.is_none(), next.filter(|_| goes_on));
        let current = self.current.and_then(|(at, _)| self.rows.get_mut(at));
        if let Some(row) = current.filter(|row| !row.is_elsewhere()) {
            row.state = SweepState::Training;
        }
        let losses = self.rows.iter().enumerate().filter_map(|(at, row)| Some((at, row.loss?)));
        self.best = losses.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(at, _)| at);
    }

    /// Its table with the lowest loss first, what failed, the best run, and the importance of the settings.
    pub fn blocks(&self) -> Vec<Block> {
        let columns = self.settings().chain(["validation loss (nats)", "steps", "time", "state", "run"]);
        let cells = |row: &&SweepRow| -> Vec<Cell> {
            let loss = Metric {
                value: row.loss.map(f64::from),
                interval: row.interval.map(|ends| ends.map(f64::from)),
                better: Better::Lower,
                ..Metric::default()
            };
            let figures = [
                (&loss).into(),
                format!("{}/{}", whole(row.step), whole(row.steps)).into(),
                duration(row.seconds).into(),
                row.state.title().into(),
                row.run.as_deref().unwrap_or(NOTHING).into(),
            ];
            row.values.iter().map(|(_, value)| value.as_str().into()).chain(figures).collect()
        };
        let rows = self.by_loss();
        let table = Table {
            columns: columns.map(str::to_owned).collect(),
            rows: rows.iter().map(cells).collect(),
            ..Table::default()
        };
        let error = |row: &&SweepRow| Some(format!("{}: {}", row.title(), row.error.as_ref()?));
        let best = self.best_row().map(|row| {
            Block::Text(format!("Best: {} ({})", row.run.as_deref().unwrap_or_default(), row.title()))
        });
        let errors = Block::List(rows.iter().filter_map(error).collect());
        [Block::Table(table), errors].into_iter().chain(best).chain(self.importance_blocks()).collect()
    }

    fn importance_blocks(&self) -> Vec<Block> {
        let Some(count) = self.importance.first().map(|first| first.count) else {
            let text = format!(
                "The importance of the settings needs at least {MIN_IMPORTANCE_RUNS} finished runs, and more runs than the settings have values \
                 in total."
            );
            return Some(Block::Note(text))
                .filter(|_| self.complete && self.rows.len() > 1)
                .filter(|_| self.scaling.is_none() && self.ablation.is_none())
                .into_iter()
                .collect();
        };
        let bar = |share: &Metric| {
            let length = share.value.unwrap_or_default();
            let ends = share.interval.map(|ends| ends.map(percent));
            let ends = ends.map(|[low, high]| format!(" ({low} to {high})")).unwrap_or_default();
            Bar { name: share.name.clone(), length, text: format!("{}{ends}", percent(length)) }
        };
        let about = format!(
            "Importance: the share of the variance of the loss over {} that each setting explains on its own, with a 95 % bootstrap \
             interval. The remainder is interactions and noise.",
            counted(count, "finished run")
        );
        vec![Block::Note(about), Block::Bars(self.importance.iter().map(bar).collect())]
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

    fn points(text: &str) -> Result<Vec<(SweepRow, RunConfig)>, String> {
        Sweep::from_toml(text)?.points(&base())
    }

    fn values(text: &str) -> Vec<String> {
        points(text).unwrap().iter().map(|(row, _)| row.title()).collect()
    }

    #[test]
    fn a_grid_has_every_combination_and_the_minimum_rate_follows() {
        let text = "[settings]\nmodel.layers = [1, 2]\ntrain.learning_rate = { from = 1e-4, to = 1e-2, log = true, count = 3 }";
        let all = points(text).unwrap();
        let seen: Vec<(usize, f64)> =
            all.iter().map(|(_, config)| (config.model.layers, config.train.learning_rate)).collect();
        assert_eq!(seen, [(1, 1e-4), (1, 1e-3), (1, 1e-2), (2, 1e-4), (2, 1e-3), (2, 1e-2)]);
        let (one, ratio) = (&all[2].1.train, base().train.min_learning_rate / base().train.learning_rate);
        assert!((one.min_learning_rate / one.learning_rate - ratio).abs() < 1e-9);
        // Whole numbers are rounded, and each run is trained once.
        assert_eq!(values("settings.model.layers = { from = 1, to = 3, count = 7 }").len(), 3);
        assert_eq!(
            values("[settings]\n\"train.optimizer\" = [\"adamw\", \"sgd\"]"),
            ["optimizer adamw", "optimizer sgd"]
        );
    }

    #[test]
    fn a_random_search_is_a_function_of_its_seed() {
        let text = |seed: u64| {
            format!(
                "runs = 12\nseed = {seed}\n[settings]\ntrain.learning_rate = {{ from = 1e-4, to = 1e-2, log = true }}\nmodel.layers = [1, 2]"
            )
        };
        assert_eq!(values(&text(1)), values(&text(1)));
        assert_ne!(values(&text(1)), values(&text(2)));
        let rates: Vec<f64> =
            points(&text(1)).unwrap().iter().map(|(_, config)| config.train.learning_rate).collect();
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
        assert!(error("settings.model.layers = { form = 1, to = 2, count = 2 }").contains("`from`"));
        assert!(
            error("[settings]\ntrain.optimizer = { from = 0, to = 1, count = 2 }").contains("not a number")
        );
        assert!(
            error("[settings]\ntrain.learning_rate = { from = 0, to = 1, log = true, count = 2 }")
                .contains("above 0")
        );
        let long = "[settings]\nseed = { from = 1, to = 1000, count = 1000 }\ntrain.batch_size = { from = 1, to = 1000, count = 1000 }";
        let told = error(long);
        assert!(told.contains("1,000,000") && told.contains("1,000;"), "{told}");
        assert!(error("[settings]\nmodel.heads = [5]").contains("the sweep's run with heads 5"));
        assert!(error("seeds = 1\n[settings]").contains("did you mean `seed`?"));
        assert!(error("runs = 2\nname = 3").starts_with("the sweep: line 2: "));
        assert!(error("runs = 0\n[settings]\nmodel.layers = [1]").contains("runs must"));
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

    /// Trains runs whose loss is always `losses`, and returns what was asked for and what the rule stopped.
    fn play(sweep: &Sweep, losses: &[f32]) -> (Vec<(usize, u64)>, Vec<usize>) {
        let row = SweepRow { steps: 900, ..SweepRow::default() };
        let mut rows = vec![row; losses.len()];
        let mut asked = Vec::new();
        while let Some((at, until)) = sweep.next(&mut rows) {
            asked.push((at, until));
            rows[at].step = until;
            rows[at].losses.push((until, losses[at]));
            if losses[at].is_nan() {
                rows[at].fail("it diverged".to_owned());
            } else if until == 900 {
                rows[at].state = SweepState::Finished;
            }
        }
        let dropped = |at: &usize| rows[*at].state == SweepState::Dropped;
        (asked, (0..rows.len()).filter(dropped).collect())
    }

    #[test]
    fn rows_trained_elsewhere_are_passed_over_until_nothing_else_is_left() {
        for (rule, kept) in [("never", 900), ("halving", 100)] {
            let sweep = sweep(rule);
            let mut rows = vec![SweepRow { steps: 900, ..SweepRow::default() }; 3];
            rows[0].state = SweepState::Elsewhere;
            assert_eq!(sweep.next(&mut rows).map(|(at, _)| at), Some(1), "{rule}");
            for row in &mut rows[1..] {
                row.step = kept;
                row.losses.push((kept, 1.0));
                if kept == 900 {
                    row.state = SweepState::Finished;
                }
            }
            // A rung compares all runs.
            assert_eq!(sweep.next(&mut rows).map(|(at, _)| at), Some(0), "{rule}");
            let mut summary = SweepSummary { rows, ..SweepSummary::default() };
            summary.settle(&sweep, true);
            assert!(!summary.complete && summary.rows[0].is_elsewhere(), "{rule}");
        }
    }

    #[test]
    fn halving_trains_the_best_of_each_rung_further() {
        let (asked, stopped) = play(&sweep("halving"), &[5.0, 1.0, 4.0, 3.0, f32::NAN, 2.0, 7.0, 8.0, 9.0]);
        assert_eq!(asked[..9], (0..9).map(|at| (at, 100)).collect::<Vec<_>>());
        assert_eq!(asked[9..], [(1, 300), (3, 300), (5, 300), (1, 900)]);
        assert_eq!(stopped, [0, 2, 3, 5, 6, 7, 8]);
    }

    #[test]
    fn a_table_has_the_lowest_loss_first_and_a_cell_for_every_column() {
        let row = |loss: f32| SweepRow {
            values: vec![("model.layers".to_owned(), "2".to_owned())],
            losses: vec![(100, loss)],
            loss: Some(loss),
            interval: Some([loss - 0.5, loss + 0.5]),
            steps: 900,
            ..SweepRow::default()
        };
        let mut rows = vec![SweepRow { loss: None, ..row(0.0) }, row(1.0), row(3.0), row(2.5)];
        rows[1].fail("it was deleted".to_owned());
        let mut summary = SweepSummary { rows, ..SweepSummary::default() };
        summary.settle(&sweep("never"), true);
        assert_eq!((summary.best, summary.current), (Some(3), Some((0, 900))));
        let states: Vec<SweepState> = summary.rows.iter().map(|row| row.state).collect();
        let (waiting, training) = (SweepState::Waiting, SweepState::Training);
        assert_eq!(states, [training, SweepState::Failed, waiting, waiting]);
        let [Block::Table(table), Block::List(errors), Block::Text(_)] = &summary.blocks()[..] else {
            panic!("{:?}", summary.blocks())
        };
        let losses: Vec<String> = table.rows.iter().map(|row| row[1].text()).collect();
        assert_eq!(losses[..2], ["2.5000 (2.0000 to 3.0000)", "3.0000 (2.5000 to 3.5000)"]);
        assert!(
            table.columns[0] == "model.layers"
                && table.rows.iter().all(|row| row.len() == table.columns.len())
        );
        assert_eq!(errors.len(), 1);
        summary.settle(&sweep("never"), false);
        assert!(summary.current.is_none() && !summary.complete && summary.rows[0].state == waiting);
    }

    #[test]
    fn a_ladder_says_nothing_of_the_importance_of_its_sizes() {
        let rows = vec![SweepRow { state: SweepState::Finished, ..SweepRow::default() }; 4];
        let mut summary = SweepSummary { rows, complete: true, ..SweepSummary::default() };
        let notes = |summary: &SweepSummary| {
            summary.blocks().iter().filter(|block| matches!(block, Block::Note(_))).count()
        };
        assert_eq!(notes(&summary), 1);
        summary.scaling = Some(Scaling::default());
        assert_eq!(notes(&summary), 0);
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
