//! Training shares of the sources.

use crate::report::{CorpusTable, Unit};
use glasshouse_documents::{Error, Result};
use glasshouse_protocol::names;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use std::collections::BTreeMap;

/// Shares are rounded to multiples of 1 / `PARTS`, so that CPUs whose `powf` differs in the last bit agree.
const PARTS: f64 = 1e9;

/// The table `[mixture]` of a recipe.
///
/// The share of a source of `size` bytes is proportional to `weight · size^(1 / temperature)`. Temperature 1 and no weights
/// leave the sources in proportion to their sizes; a higher temperature raises the small ones, as for the languages of XLM-R
/// (Conneau et al. 2020, exponent 0.3, a temperature of 3.3) and mT5 (Xue et al. 2021, the same).
#[derive(Clone, Debug, PartialEq, SmartDefault, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mixture {
    /// At least 1 (by size); higher values approach equal shares.
    #[default = 1.0]
    pub temperature: f64,
    /// Factor on a source's size: 2 doubles its frequency, 0 excludes it. Default 1.
    pub weights: BTreeMap<String, f64>,
}

impl Mixture {
    pub fn validate(&self) -> Result<()> {
        let invalid = |reason: String| Err(Error::Invalid(format!("mixture.{reason}")));
        if !(self.temperature.is_finite() && self.temperature >= 1.0) {
            return invalid(format!("temperature = {} must be at least 1", self.temperature));
        }
        for (source, weight) in &self.weights {
            if !((0.0..=1e6).contains(weight)) {
                return invalid(format!("weights: {weight} for {source:?} must be from 0 to 1000000"));
            }
        }
        Ok(())
    }

    /// Whether shares differ from the sources' sizes.
    pub fn is_weighed(&self) -> bool {
        self.temperature != 1.0 || self.weights.values().any(|weight| *weight != 1.0)
    }

    /// The share of training windows that begin in each source, given names and sizes; empty if shares follow sizes. Shares add
    /// up to 1 within 10⁻⁹.
    ///
    /// A mixture never excludes the whole corpus: weights of unknown sources are ignored, and shares follow sizes if all
    /// weights are 0. [`Mixture::remarks`] reports these cases.
    pub fn shares(&self, sizes: &[(&str, u64)]) -> Result<BTreeMap<String, f64>> {
        if !self.is_weighed() || sizes.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(self.each_share(sizes)?.into_iter().map(|(source, share)| (source.to_owned(), share)).collect())
    }

    pub fn table(&self, sizes: &[(&str, u64)]) -> Result<Option<CorpusTable>> {
        if !self.is_weighed() || sizes.is_empty() {
            return Ok(None);
        }
        let total: f64 = sizes.iter().map(|(_, size)| *size as f64).sum();
        let row = |((source, share), (_, size)): ((&str, f64), &(&str, u64))| {
            let part = *size as f64;
            let seen = if *size > 0 { total * share / part } else { 0.0 };
            [source.into(), (*size).into(), (part / total.max(1.0)).into(), share.into(), seen.into()]
        };
        let rows = self.each_share(sizes)?.into_iter().zip(sizes).map(row);
        let note = "The share of each source in a run, and how often each is read in as much text as the corpus holds; more than four repetitions \
            teach little (Muennighoff et al. 2023).";
        let columns = [
            ("Source", Unit::Text),
            ("Text", Unit::Bytes),
            ("Share of text", Unit::Share),
            ("Share of training", Unit::Share),
            ("Times seen", Unit::Number),
        ];
        Ok(Some(CorpusTable::new(["mixture", "Mixture", note], columns, rows)))
    }

    /// Sentences about settings that could not be applied, to be shown with the mixture.
    pub fn remarks(&self, sizes: &[(&str, u64)]) -> Vec<String> {
        let known = || sizes.iter().map(|(source, _)| *source);
        let unknown = self.weights.keys().filter(|source| known().all(|known| known != source.as_str()));
        let mut remarks: Vec<String> = unknown
            .map(|source| format!("mixture.weights: {}", names::unknown("source", source, known())))
            .collect();
        let excludes = |source: &str| self.weights.get(source) == Some(&0.0);
        if !sizes.is_empty() && sizes.iter().all(|(source, size)| *size == 0 || excludes(source)) {
            remarks.push(
                "mixture.weights: all sources have the weight 0, so they are sampled by size".to_owned(),
            );
        }
        remarks
    }

    fn each_share<'a>(&self, sizes: &[(&'a str, u64)]) -> Result<Vec<(&'a str, f64)>> {
        self.validate()?;
        let largest = sizes.iter().map(|(_, size)| *size).max().unwrap_or(0).max(1) as f64;
        let mut shares: Vec<f64> = sizes
            .iter()
            .map(|(source, size)| {
                let weight = self.weights.get(*source).copied().unwrap_or(1.0);
                weight * (*size as f64 / largest).powf(1.0 / self.temperature)
            })
            .collect();
        if shares.iter().all(|share| *share <= 0.0) {
            shares = sizes.iter().map(|(_, size)| (*size as f64 / largest).max(1e-12)).collect();
        }
        let total: f64 = shares.iter().sum();
        let rounded = shares.iter().map(|share| (share * (1.0 / total) * PARTS).round() / PARTS);
        Ok(sizes.iter().map(|(source, _)| *source).zip(rounded).collect())
    }
}
