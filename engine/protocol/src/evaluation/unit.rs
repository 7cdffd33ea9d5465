//! Losses in one unit, for a page.

use super::{Baseline, Cell, Comparison, Evaluation, LossBy, Metric, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The unit of losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossUnit {
    /// Nats per token.
    #[default]
    Nats,
    /// Bits per byte of the run's text, comparable between tokenizers; a run that learns rows has nats.
    Bits,
}

impl LossUnit {
    /// Name of the metric in this unit.
    pub fn metric(self) -> &'static str {
        match self {
            Self::Nats => "loss",
            Self::Bits => "bits_per_byte",
        }
    }

    /// Its name after a number.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats per token",
            Self::Bits => "bits per byte",
        }
    }

    const ALL: [Self; 2] = [Self::Nats, Self::Bits];

    /// The unit of a loss, by the name of its metric.
    fn of(metric: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.metric() == metric)
    }

    /// The loss that leads a report, with its unit: bits per byte if there are both.
    pub fn leading<'a>(metrics: impl IntoIterator<Item = &'a Metric>) -> Option<(Self, &'a Metric)> {
        let losses = metrics.into_iter().filter_map(|metric| Some((Self::of(&metric.name)?, metric)));
        losses.max_by_key(|(unit, _)| *unit == Self::Bits)
    }
}

/// Converts losses on a text.
#[derive(Clone, Copy)]
struct Conversion {
    unit: LossUnit,
    /// Nats per token for each bit per byte.
    nats: f64,
}

impl Conversion {
    fn new(unit: LossUnit, evaluation: &Evaluation) -> Option<Self> {
        let metrics = &evaluation.likelihood.as_ref()?.metrics;
        let [nats, bits] = LossUnit::ALL.map(|unit| {
            metrics.iter().find(|metric| metric.name == unit.metric()).and_then(|metric| metric.value)
        });
        let nats = nats? / bits?;
        (nats.is_finite() && nats > 0.0).then_some(Self { unit, nats })
    }

    fn metric(self, metric: &mut Metric) {
        let factor = match (LossUnit::of(&metric.name), self.unit) {
            (Some(LossUnit::Bits), LossUnit::Nats) => self.nats,
            (Some(LossUnit::Nats), LossUnit::Bits) => 1.0 / self.nats,
            _ => return,
        };
        self.unit.metric().clone_into(&mut metric.name);
        let numbers = metric.value.iter_mut().chain(metric.interval.iter_mut().flatten());
        numbers.for_each(|number| *number *= factor);
    }

    /// Losses of tokens, which alone have no other unit, are named.
    fn table(self, table: &mut Table) {
        let mut named = None;
        for (place, cell) in table.rows.iter_mut().flat_map(|row| row.iter_mut().enumerate()) {
            match cell {
                Cell::Metric(metric) => self.metric(metric),
                Cell::Number(_) if self.unit == LossUnit::Bits => named = named.or(Some(place)),
                _ => {}
            }
        }
        let column = named.and_then(|place| table.columns.get_mut(place));
        column.into_iter().filter(|title| *title == "Loss").for_each(|title| *title += " in nats");
    }
}

/// Evaluations by run, and their comparisons, with losses in one unit.
#[derive(Clone, Debug, Default)]
pub struct Results {
    pub evaluations: BTreeMap<String, Evaluation>,
    pub comparisons: Vec<Comparison>,
}

impl Results {
    /// Converts results; nats per token are comparable only with the same tokenizer.
    pub fn in_unit(
        unit: LossUnit,
        evaluations: &BTreeMap<String, Evaluation>,
        comparisons: &[Comparison],
    ) -> Self {
        let compared = |pair: &Comparison| match evaluations.get(&pair.first) {
            Some(first) => first.compared_in(unit, pair),
            None => pair.clone(),
        };
        Self {
            evaluations: evaluations.iter().map(|(run, own)| (run.clone(), own.in_unit(unit))).collect(),
            comparisons: comparisons.iter().map(compared).collect(),
        }
    }
}

impl Evaluation {
    /// The evaluation with its losses in one unit, by the mean number of bytes per token of its text; unchanged without both units. The worst
    /// documents keep bits per byte, by which they are chosen.
    #[must_use]
    fn in_unit(&self, unit: LossUnit) -> Self {
        let mut found = self.clone();
        let (Some(conversion), Some(own)) = (Conversion::new(unit, self), &mut found.likelihood) else {
            return found;
        };
        own.metrics.retain(|metric| LossUnit::of(&metric.name).is_none_or(|other| other == unit));
        let groups = own.by.iter_mut().flat_map(|LossBy { groups, .. }| groups);
        groups.for_each(|(_, metric)| conversion.metric(metric));
        own.errors.iter_mut().for_each(|table| conversion.table(table));
        for Baseline { bits_per_byte: loss, difference, .. } in &mut found.baselines {
            conversion.metric(loss);
            difference.iter_mut().for_each(|difference| conversion.metric(difference));
        }
        found
    }

    /// A comparison of this evaluation with another one by the same tokenizer, in one unit.
    #[must_use]
    fn compared_in(&self, unit: LossUnit, pair: &Comparison) -> Comparison {
        let mut pair = pair.clone();
        if let Some(conversion) = Conversion::new(unit, self).filter(|_| pair.what == LossUnit::Bits.metric())
        {
            let value = |value: f64| {
                let mut metric = Metric { name: pair.what.clone(), value: Some(value), ..Metric::default() };
                conversion.metric(&mut metric);
                metric.value.unwrap_or(value)
            };
            (pair.first_value, pair.second_value) = (value(pair.first_value), value(pair.second_value));
            conversion.metric(&mut pair.difference);
            unit.metric().clone_into(&mut pair.what);
        }
        pair
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Likelihood, LossGrouping};
    use super::*;

    fn metric(name: &str, value: f64) -> Metric {
        let interval = Some([value - 0.5, value + 0.5]);
        Metric { name: name.to_owned(), value: Some(value), interval, ..Metric::default() }
    }

    #[test]
    fn all_losses_of_an_evaluation_have_one_unit() {
        let (nats, bits) = (LossUnit::Nats, LossUnit::Bits);
        let by =
            LossBy { name: LossGrouping::Source, groups: vec![("letters".to_owned(), metric("loss", 4.0))] };
        let worst = Table::new("Worst tokens", ["Token", "Loss"], [["owl".into(), Cell::Number(9.0)]]);
        let likelihood = Likelihood {
            metrics: vec![metric("loss", 3.0), metric("perplexity", 20.0), metric("bits_per_byte", 1.5)],
            by: vec![by],
            errors: vec![worst],
            ..Likelihood::default()
        };
        let baseline = Baseline { bits_per_byte: metric("bits_per_byte", 2.0), ..Baseline::default() };
        let own = Evaluation {
            run: "1-a".to_owned(),
            likelihood: Some(likelihood),
            baselines: vec![baseline],
            ..Evaluation::default()
        };
        let pair = Comparison {
            first: "1-a".to_owned(),
            what: "bits_per_byte".to_owned(),
            first_value: 1.5,
            second_value: 1.0,
            difference: metric("bits_per_byte", 0.5),
            ..Comparison::default()
        };
        let evaluations = BTreeMap::from([("1-a".to_owned(), own)]);
        for (unit, group, baseline, difference, column) in
            [(nats, 4.0, 4.0, 1.0, "Loss"), (bits, 2.0, 2.0, 0.5, "Loss in nats")]
        {
            let found = Results::in_unit(unit, &evaluations, std::slice::from_ref(&pair));
            let own = &found.evaluations["1-a"];
            let likelihood = own.likelihood.as_ref().unwrap();
            let names: Vec<&str> = likelihood.metrics.iter().map(|metric| metric.name.as_str()).collect();
            assert!(names.len() == 2 && names.contains(&unit.metric()), "{names:?}");
            let other = own.baselines[0].bits_per_byte.clone();
            for (found, value) in [
                (&likelihood.by[0].groups[0].1, group),
                (&other, baseline),
                (&found.comparisons[0].difference, difference),
            ] {
                assert_eq!((found.name.as_str(), found.value), (unit.metric(), Some(value)));
                assert!(found.interval.is_some_and(|[low, high]| low < value && high > value));
            }
            assert_eq!(found.comparisons[0].what, unit.metric());
            assert_eq!(found.comparisons[0].first_value, if unit == nats { 3.0 } else { 1.5 });
            assert_eq!(likelihood.errors[0].columns[1], column);
            assert!(
                super::super::blocks::verdict(&Evaluation {
                    likelihood: Some(Likelihood { tokens: 5000, ..likelihood.clone() }),
                    ..own.clone()
                })
                .unwrap()
                .contains(unit.name())
            );
        }
    }
}
