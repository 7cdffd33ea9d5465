//! A linear classifier for a user's own rows: logistic regression on hashed words, word pairs and character n-grams (Weinberger
//! et al. 2009, arXiv:0902.2206; like scikit-learn's `HashingVectorizer` and `SGDClassifier`), trained with seeded stochastic
//! gradient descent.

use super::sentences::sentences;
use super::words::words;
use super::{Category, Finding, Severity};
use crate::records::{found_instead, lines, unplaced};
use glasshouse_protocol::random;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Number of hash buckets.
const PLACES: usize = 1 << 18;
const EPOCHS: u64 = 20;
/// Learning rate of the first step; it decays with the square root of the step number.
const RATE: f64 = 4.0;
/// Weight decay per epoch.
const DECAY: f64 = 1e-4;
/// Lengths of character n-grams within words, including word boundaries.
const GRAMS: std::ops::RangeInclusive<usize> = 3..=5;
/// Minimum rows of each kind for training.
const MIN_ROWS: usize = 5;
/// Labels of harmless texts, in lower case.
const INNOCENT: &str = "innocent ok good keep none clean safe normal neutral non-toxic not_toxic 0";

/// A row `{"text", "label"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledRow {
    /// Line in the file, from 1.
    pub line: u64,
    pub text: String,
    /// Any label except `innocent`, `ok`, `none`, `clean`, `safe`, `normal`, `neutral`, 0 or false.
    pub is_harmful: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelledRows {
    pub rows: Vec<LabelledRow>,
    /// Invalid lines (from 1), with the reason.
    pub broken: Vec<(u64, String)>,
}

impl LabelledRows {
    /// Parses JSON Lines of `{"text", "label"}`; invalid lines go to `broken`.
    pub fn read(text: &str) -> Self {
        Self::read_by(text, |label| {
            Ok(number(label).map_or_else(|| !is_innocent(&written(label)), |number| number >= 0.5))
        })
    }

    /// Like [`read`](Self::read), for rows in which `wanted` labels the harmless texts and every other label the harmful ones; without it,
    /// `good`, `keep`, `ok` and the like.
    pub fn read_wanted(text: &str, wanted: Option<&str>) -> Self {
        Self::read_by(text, |label| {
            let (number, name) = (number(label), written(label));
            match wanted {
                Some(wanted) => {
                    Ok(name != wanted && number.is_none_or(|number| wanted.parse() != Ok(number)))
                }
                None if number.is_some()
                    || name.parse::<f64>().is_ok()
                    || matches!(&*name, "true" | "false") =>
                {
                    Err(format!("`label` is {label}, which does not say whether the text is wanted"))
                }
                None => Ok(!is_innocent(&name)),
            }
        })
    }

    fn read_by(text: &str, is_harmful: impl Fn(&Value) -> Result<bool, String>) -> Self {
        let mut read = Self::default();
        for (line, row) in lines(text) {
            match row_of(row, &is_harmful) {
                Ok((text, is_harmful)) => read.rows.push(LabelledRow { line, text, is_harmful }),
                Err(reason) => read.broken.push((line, reason)),
            }
        }
        read
    }
}

/// The number of a label: true is 1, and false 0.
fn number(label: &Value) -> Option<f64> {
    label.as_f64().or_else(|| label.as_bool().map(|is_one| f64::from(u8::from(is_one))))
}

fn written(label: &Value) -> Cow<'_, str> {
    label.as_str().map_or_else(|| label.to_string().into(), |name| name.trim().into())
}

fn is_innocent(name: &str) -> bool {
    let name = name.to_lowercase();
    INNOCENT.split(' ').any(|known| known == name)
}

fn row_of(row: &str, is_harmful: impl Fn(&Value) -> Result<bool, String>) -> Result<(String, bool), String> {
    let row: Map<String, Value> = serde_json::from_slice(row.as_bytes())
        .map_err(|error| format!("not a JSON object: {}", unplaced(&error)))?;
    let field =
        |name: &str| row.get(name).ok_or_else(|| format!("expected `{name}`{}", found_instead(name, &row)));
    let text = field("text")?.as_str().ok_or("`text` must be a string")?;
    if text.trim().is_empty() {
        return Err("`text` is empty".to_owned());
    }
    let label = field("label")?;
    if !(label.is_boolean()
        || label.is_number()
        || label.as_str().is_some_and(|name| !name.trim().is_empty()))
    {
        return Err("`label` must be a name, a number, true or false".to_owned());
    }
    Ok((text.to_owned(), is_harmful(label)?))
}

/// A trained classifier in its stored form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classifier {
    version: u32,
    /// Number of harmful and of harmless training rows.
    pub rows: [u64; 2],
    pub seed: u64,
    bias: f32,
    /// Used hash buckets in ascending order.
    places: Vec<u32>,
    /// One per entry of `places`.
    weights: Vec<f32>,
    /// CRC-32C of bias, places and weights.
    crc32c: u32,
}

impl Classifier {
    /// Trains a classifier. Rows of both kinds get the same total weight. Deterministic for the same rows and seed. Fails
    /// if there are fewer than five rows of a kind.
    pub fn train(rows: &[LabelledRow], seed: u64, mut show: impl FnMut(u64, u64)) -> Result<Self, String> {
        let harmful = rows.iter().filter(|row| row.is_harmful).count();
        let innocent = rows.len() - harmful;
        for (count, labels) in [
            (harmful, "labels other than good, ok, innocent or 0"),
            (innocent, "the labels good, ok, innocent or 0"),
        ] {
            if count < MIN_ROWS {
                return Err(format!("{count} rows have {labels}; at least {MIN_ROWS} are needed"));
            }
        }
        let seen: Vec<Vec<(u32, f32)>> = rows.iter().map(|row| features(&row.text)).collect();
        let weight = |count: usize| rows.len() as f64 / (2.0 * count as f64);
        let (mut weights, mut bias, mut step) = (vec![0.0f64; PLACES], 0.0f64, 0u64);
        for epoch in 0..EPOCHS {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by_cached_key(|number| random::nth(seed, epoch, *number as u64));
            for number in order {
                let (Some(row), Some(features)) = (rows.get(number), seen.get(number)) else { continue };
                let rate = RATE / (1.0 + step as f64 / rows.len() as f64).sqrt();
                step += 1;
                let at = |place: &u32| weights.get(*place as usize).copied().unwrap_or(0.0);
                let score: f64 =
                    bias + features.iter().map(|(place, value)| at(place) * f64::from(*value)).sum::<f64>();
                let (truth, kind) = if row.is_harmful { (1.0, harmful) } else { (0.0, innocent) };
                let gradient = (sigmoid(score) - truth) * weight(kind);
                bias -= 0.1 * rate * gradient;
                for (place, value) in features {
                    if let Some(weight) = weights.get_mut(*place as usize) {
                        *weight -= rate * gradient * f64::from(*value);
                    }
                }
            }
            weights.iter_mut().for_each(|weight| *weight *= 1.0 - DECAY * RATE);
            show(epoch + 1, EPOCHS);
        }
        let kept = (0u32..).zip(&weights).filter(|(_, weight)| weight.abs() > 1e-4);
        let (places, weights) = kept.map(|(place, weight)| (place, *weight as f32)).unzip();
        let rows = [harmful as u64, innocent as u64];
        let mut trained = Self { version: 1, rows, seed, bias: bias as f32, places, weights, crc32c: 0 };
        trained.crc32c = trained.checksum();
        Ok(trained)
    }

    /// Reads a stored classifier.
    pub fn read(text: &str) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(text.as_bytes())
            .map_err(|error| format!("is not a classifier: {error}; train it again"))?;
        if read.version != 1 {
            return Err(format!(
                "has version {}, but this program reads version 1; train it again",
                read.version
            ));
        }
        let is_sorted =
            read.places.is_sorted() && read.places.last().is_none_or(|last| (*last as usize) < PLACES);
        if read.crc32c != read.checksum() || read.places.len() != read.weights.len() || !is_sorted {
            return Err("is damaged (checksum); train it again".to_owned());
        }
        Ok(read)
    }

    pub fn probability(&self, text: &str) -> f64 {
        sigmoid(self.score(text).unwrap_or(f64::from(self.bias)))
    }

    /// Whether a text is more likely harmful than not; false if it has no known n-gram.
    pub fn is_harmful(&self, text: &str) -> bool {
        self.score(text).is_some_and(|score| score >= 0.0)
    }

    pub fn find(&self, text: &str) -> Vec<Finding> {
        sentences(text, 0, true).into_iter().filter_map(|sentence| self.finding(text, sentence)).collect()
    }

    pub(super) fn finding(&self, text: &str, (start, end): (usize, usize)) -> Option<Finding> {
        let own = text.get(start..end).unwrap_or_default();
        let (category, severity) = (Category::Classifier, Severity::Severe);
        self.is_harmful(own).then(|| Finding { start, end, category, severity, rule: String::new() })
    }

    /// Log-odds that a text is harmful; `None` if it has no known n-gram.
    fn score(&self, text: &str) -> Option<f64> {
        let weight = |(place, value): (u32, f32)| {
            let at = self.places.binary_search(&place).ok()?;
            Some(f64::from(*self.weights.get(at)?) * f64::from(value))
        };
        let mut known = features(text).into_iter().filter_map(weight).peekable();
        known.peek()?;
        Some(f64::from(self.bias) + known.sum::<f64>())
    }

    fn checksum(&self) -> u32 {
        let bytes = self.bias.to_le_bytes().into_iter();
        let bytes = bytes.chain(self.places.iter().flat_map(|place| place.to_le_bytes()));
        let bytes: Vec<u8> =
            bytes.chain(self.weights.iter().flat_map(|weight| weight.to_le_bytes())).collect();
        crc32c::crc32c(&bytes)
    }
}

fn sigmoid(score: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-score))
}

/// Hash buckets of a text's n-grams in ascending order, with their L2-normalised values.
fn features(text: &str) -> Vec<(u32, f32)> {
    let (words, _) = words(text);
    let own: Vec<&str> = words
        .iter()
        .filter_map(|word| word.forms.first())
        .map(String::as_str)
        .filter(|word| !word.is_empty())
        .collect();
    let mut places = Vec::new();
    let mut add = |gram: &str, kind: u32| {
        places.push(crc32c::crc32c_append(kind, gram.as_bytes()) % PLACES as u32);
    };
    for (number, word) in own.iter().enumerate() {
        add(word, 1);
        if let Some(next) = own.get(number + 1) {
            add(&format!("{word} {next}"), 2);
        }
        let bordered = format!(" {word} ");
        let ends: Vec<usize> = bordered.char_indices().map(|(at, _)| at).chain([bordered.len()]).collect();
        for length in GRAMS {
            for (from, to) in ends.iter().zip(ends.iter().skip(length)) {
                add(bordered.get(*from..*to).unwrap_or_default(), 3);
            }
        }
    }
    places.sort_unstable();
    let counted = places.chunk_by(|one, other| one == other);
    // Repeated n-grams count logarithmically.
    let mut features: Vec<(u32, f32)> =
        counted.filter_map(|same| Some((*same.first()?, 1.0 + libm::logf(same.len() as f32)))).collect();
    let length = features.iter().map(|(_, value)| value * value).sum::<f32>().sqrt();
    features.iter_mut().for_each(|(_, value)| *value /= length.max(1e-12));
    features
}
