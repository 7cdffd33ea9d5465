//! Training shares of the sources, and caps on sources.

use crate::report::{CorpusTable, Unit};
use glasshouse_documents::{Error, Result};
use glasshouse_protocol::names;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;
use std::collections::BTreeMap;

/// Shares are rounded to multiples of 1 / `PARTS`, so that CPUs whose `powf` differs in the last bit agree.
const PARTS: f64 = 1e9;

/// Maximum size of a source; which documents to drop is drawn by a hash of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cap {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documents: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

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
    /// Maximum share of a source, above 0 and at most 1; the excess is distributed to the others in proportion.
    #[default = 1.0]
    pub most_share: f64,
    /// Factor on a source's size: 2 doubles its frequency, 0 excludes it. Default 1.
    pub weights: BTreeMap<String, f64>,
    /// Maximum size of each source not named in [`Mixture::caps`].
    pub cap: Cap,
    /// Maximum sizes by source.
    pub caps: BTreeMap<String, Cap>,
}

impl Mixture {
    pub fn validate(&self) -> Result<()> {
        let invalid = |reason: String| Err(Error::Invalid(format!("mixture.{reason}")));
        if !(self.temperature.is_finite() && self.temperature >= 1.0) {
            return invalid(format!("temperature = {} must be at least 1", self.temperature));
        }
        if !(self.most_share > 0.0 && self.most_share <= 1.0) {
            return invalid(format!("most_share = {} must be above 0 and at most 1", self.most_share));
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
        self.temperature != 1.0 || self.most_share < 1.0 || self.weights.values().any(|weight| *weight != 1.0)
    }

    pub fn is_capped(&self) -> bool {
        self.cap != Cap::default() || self.caps.values().any(|cap| *cap != Cap::default())
    }

    /// The share of training windows that begin in each source, given names and sizes; empty if shares follow sizes. Shares add
    /// up to 1 within 10⁻⁹.
    ///
    /// A mixture never excludes the whole corpus: weights of unknown sources are ignored, shares follow sizes if all weights
    /// are 0, and a maximum share too small for the number of sources becomes an equal one. [`Mixture::remarks`] reports these
    /// cases.
    pub fn shares(&self, sizes: &[(&str, u64)]) -> Result<BTreeMap<String, f64>> {
        if !self.is_weighed() || sizes.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(self.weigh(sizes)?.into_iter().map(|(source, share)| (source.to_owned(), share)).collect())
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
        let rows = self.weigh(sizes)?.into_iter().zip(sizes).map(row);
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
        let named = |list: &'static str, source: &String| {
            let missing = !known().any(|known| known == source.as_str());
            missing.then(|| format!("mixture.{list}: {}", names::unknown("source", source, known())))
        };
        let mut remarks: Vec<String> =
            self.weights.keys().filter_map(|source| named("weights", source)).collect();
        remarks.extend(self.caps.keys().filter_map(|source| named("caps", source)));
        let weight = |source: &str| self.weights.get(source).copied().unwrap_or(1.0);
        let present = sizes.iter().filter(|(source, size)| *size > 0 && weight(source) > 0.0).count();
        if present == 0 && !sizes.is_empty() {
            remarks.push(
                "mixture.weights: all sources have the weight 0, so they are sampled by size".to_owned(),
            );
        } else if self.most_share * (present as f64) < 1.0 - 1e-9 && !sizes.is_empty() {
            remarks.push(format!(
                "mixture.most_share = {} is too small for {present} sources, so all get equal shares",
                self.most_share
            ));
        }
        remarks
    }

    fn weigh<'a>(&self, sizes: &[(&'a str, u64)]) -> Result<Vec<(&'a str, f64)>> {
        self.validate()?;
        let largest = sizes.iter().map(|(_, size)| *size).max().unwrap_or(0).max(1) as f64;
        let mut shares: Vec<f64> = sizes
            .iter()
            .map(|(source, size)| {
                let weight = self.weights.get(*source).copied().unwrap_or(1.0);
                weight * (*size as f64 / largest).powf(1.0 / self.temperature)
            })
            .collect();
        let present = shares.iter().filter(|share| **share > 0.0).count();
        if present == 0 {
            shares = sizes.iter().map(|(_, size)| (*size as f64 / largest).max(1e-12)).collect();
        }
        let limit = self.most_share.max(1.0 / present.max(1) as f64);
        // Sources above the limit get the limit and the others share the rest, which may raise further ones above it: at most
        // as many rounds as sources, and in fewer than 1 / limit + 1 of them a source is limited.
        let mut limited = vec![false; shares.len()];
        loop {
            let held = limited.iter().filter(|limited| **limited).count() as f64 * limit;
            let free: f64 =
                shares.iter().zip(&limited).filter(|(_, limited)| !**limited).map(|(share, _)| share).sum();
            let scale = if free > 0.0 { (1.0 - held) / free } else { 0.0 };
            let mut again = false;
            for (share, limited) in shares.iter_mut().zip(&mut limited).filter(|(_, limited)| !**limited) {
                *share *= scale;
                if *share > limit + 1e-12 {
                    *share = limit;
                    *limited = true;
                    again = true;
                }
            }
            if !again {
                break;
            }
        }
        let rounded = shares.iter().map(|share| (share * PARTS).round() / PARTS);
        Ok(sizes.iter().map(|(source, _)| *source).zip(rounded).collect())
    }

    /// Documents to drop because of caps, with the reason. A candidate is (document number, source number, bytes, random rank):
    /// a source keeps the documents with the lowest ranks up to its cap.
    pub fn beyond_caps(&self, sources: &[String], candidates: &[(u32, u32, u64, u64)]) -> Vec<(u32, String)> {
        let cap = |source: u32| {
            let name = sources.get(source as usize)?;
            let cap = self.caps.get(name).copied().unwrap_or(self.cap);
            (cap != Cap::default()).then_some((name, cap))
        };
        let mut order: Vec<_> = candidates.iter().filter(|(_, source, ..)| cap(*source).is_some()).collect();
        order.sort_by_key(|(number, source, _, lot)| (*source, *lot, *number));
        let mut beyond = Vec::new();
        for own in order.chunk_by(|(_, one, ..), (_, other, ..)| one == other) {
            let Some((name, cap)) = own.first().and_then(|(_, source, ..)| cap(*source)) else { continue };
            let (mut documents, mut bytes, mut full) = (0_u64, 0_u64, false);
            for (number, _, size, _) in own.iter().copied() {
                // A document larger than its source's cap does not exclude the others.
                let alone = cap.bytes.is_some_and(|most| *size > most);
                full |= cap.documents.is_some_and(|most| documents >= most);
                full |= !alone && cap.bytes.is_some_and(|most| bytes.saturating_add(*size) > most);
                if full || alone {
                    beyond.push((*number, reason(name, cap)));
                } else {
                    documents += 1;
                    bytes = bytes.saturating_add(*size);
                }
            }
        }
        beyond.sort();
        beyond
    }
}

fn reason(source: &str, cap: Cap) -> String {
    let documents = cap.documents.map(|most| format!("{most} documents"));
    let bytes = cap.bytes.map(|most| format!("{most} bytes"));
    let caps: Vec<String> = [documents, bytes].into_iter().flatten().collect();
    format!("random sample: {source} may have at most {}", caps.join(" and "))
}
