//! Whether a model was trained on what it is measured on.
//!
//! Texts are looked up as the data bench looks evaluation sets up before a training (`corpus::duplicates::contamination`): by runs of 13
//! words, lower-cased, punctuation folded, as for GPT-3 (Brown et al. 2020, appendix C); a shorter text is one run of all its words, unless
//! it has fewer than 8. Runs that more than ten of the texts share are instructions and templates and do not count.

use super::audit::texts::{Reading, Texts};
use super::documents::HeldOut;
use super::{Subject, Tell};
use crate::error::Result;
use crate::platform::Turns;
use crate::protocol::EvaluateSettings;
use crate::protocol::evaluation::Contamination;
use crate::protocol::quantity::counted;
use glasshouse_corpus::duplicates::contamination::{Set, Settings};
use std::collections::HashSet;

/// Texts that are named.
const WORST: usize = 10;

/// Characters of a text's beginning.
const BEGINNING: usize = 160;

/// How much of the documents that were held out stands in the training text. Long ones are looked up by their passages.
///
/// # Errors
/// Nothing was held out; a text is damaged.
pub async fn text_contamination(
    subject: &Subject<'_>,
    settings: &EvaluateSettings,
    tell: Tell<'_>,
) -> Result<Contamination> {
    let turns = Turns::new();
    let held_out = HeldOut::open(subject.run, subject.tokenizer, settings.documents, &turns).await?;
    let mut texts = Vec::new();
    for at in 0..held_out.count() {
        let document = held_out.document(at, &subject.tokenizer.tokenizer)?;
        let parts = document.parts.iter().filter_map(|part| document.text.get(part.text.clone()));
        texts.extend(parts.map(str::to_owned));
        turns.give().await;
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    contamination(subject, &texts, tell).await
}

/// How much of some texts stands in the training text of a run, and of those that it began from.
///
/// # Errors
/// A training text is damaged.
pub async fn contamination(subject: &Subject<'_>, texts: &[&str], tell: Tell<'_>) -> Result<Contamination> {
    let groups = contaminations(subject, &[texts], tell).await?;
    Ok(groups.into_iter().next().unwrap_or_default())
}

/// The same for several groups of texts, for which the training text is read once.
///
/// # Errors
/// As [`contamination`].
pub async fn contaminations(
    subject: &Subject<'_>,
    groups: &[&[&str]],
    tell: Tell<'_>,
) -> Result<Vec<Contamination>> {
    let training = Texts::of(subject.run)?;
    let turns = Turns::new();
    let mut lookups = Vec::with_capacity(groups.len());
    for texts in groups {
        let mut lookup = Lookup::new();
        for text in *texts {
            lookup.add(text);
            turns.give().await;
        }
        lookups.push(lookup);
    }
    let mut told = |done, of| tell("looking texts up in the training text", done, of);
    let hear = |text: &str| lookups.iter_mut().for_each(|lookup| lookup.read(text));
    let reading = training.read(&subject.tokenizer.tokenizer, &turns, &mut told, hear).await?;
    let of_group = |(lookup, texts): (Lookup, &&[&str])| lookup.finish(texts, reading, training.is_all);
    Ok(lookups.into_iter().zip(groups).map(of_group).collect())
}

/// Texts, and the runs of words of theirs that were found.
struct Lookup {
    words: usize,
    set: Set,
    /// Numbers of the texts that are looked up; the others are too short.
    texts: Vec<usize>,
    seen: usize,
    found: HashSet<(u32, u64)>,
}

impl Lookup {
    fn new() -> Self {
        let settings = Settings::default();
        let words = settings.words as usize;
        Self { words, set: Set::sampled(&settings), texts: Vec::new(), seen: 0, found: HashSet::new() }
    }

    fn add(&mut self, text: &str) {
        let before = self.set.items();
        self.set.add("", text);
        if self.set.items() > before {
            self.texts.push(self.seen);
        }
        self.seen += 1;
    }

    fn read(&mut self, text: &str) {
        let found = &mut self.found;
        self.set.visit(text, |item, hash| {
            found.insert((item, hash));
        });
    }

    fn finish(self, texts: &[&str], reading: Reading, is_all: bool) -> Contamination {
        let mut counts = vec![0_u32; self.texts.len()];
        for (item, _) in &self.found {
            if let Some(count) = counts.get_mut(*item as usize) {
                *count += 1;
            }
        }
        let all: u64 = (0..).take(counts.len()).map(|item| u64::from(self.set.item_runs(item))).sum();
        let mut worst: Vec<(f64, usize)> = (0..)
            .zip(&counts)
            .zip(&self.texts)
            .filter(|((_, count), _)| **count > 0)
            .map(|((item, count), text)| {
                (f64::from(*count) / f64::from(self.set.item_runs(item).max(1)), *text)
            })
            .collect();
        // Of equally contaminated ones the first.
        worst.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        let found = worst.len() as u64;
        worst.truncate(WORST);
        let beginning =
            |text: usize| texts.get(text).map(|text| text.chars().take(BEGINNING).collect::<String>());
        Contamination {
            n: self.words,
            looked_up: self.texts.len() as u64,
            found,
            share: self.found.len() as f64 / (all as f64).max(1.0),
            worst: worst.into_iter().filter_map(|(share, text)| Some((beginning(text)?, share))).collect(),
            about: about(self.words, texts.len() - self.texts.len(), reading, is_all),
        }
    }
}

/// How it was looked for.
fn about(words: usize, short: usize, reading: Reading, is_all: bool) -> String {
    let mut about = match reading.of {
        0 => "The training text is not there to be looked through.".to_owned(),
        _ => format!(
            "Runs of {words} words, lower-cased and without punctuation, as for GPT-3, in {}; runs that more than ten of the texts share \
             do not count.",
            reading.words()
        ),
    };
    if reading.of > 0 && !is_all {
        about.push_str(" What the weights that it began from were trained on is not known.");
    }
    if short > 0 {
        about.push_str(&format!(" {} of fewer than 8 words left out.", counted(short as u64, "text")));
    }
    about
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_up(texts: &[&str], training: &[&str]) -> Contamination {
        let mut lookup = Lookup::new();
        texts.iter().for_each(|text| lookup.add(text));
        training.iter().for_each(|text| lookup.read(text));
        lookup.finish(texts, Reading { read: 100, of: 100 }, true)
    }

    #[test]
    fn runs_of_words_are_found_whatever_their_case_and_punctuation() {
        let long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
        let other = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi";
        let short = "a text of no more than five words and three";
        let found = looked_up(
            &[long, other, short, "too short"],
            &[
                "Before: ONE, two three – four five six; seven eight nine ten eleven twelve thirteen! And on.",
                short,
            ],
        );
        // Of the first one run of two, of the short one all that there is.
        assert_eq!((found.n, found.looked_up, found.found), (13, 3, 2));
        assert!((found.share - 2.0 / 5.0).abs() < 1e-12, "{}", found.share);
        assert_eq!(found.worst, [(short.to_owned(), 1.0), (long.to_owned(), 0.5)]);
        assert!(found.about.contains("1 text of fewer than 8 words left out"), "{}", found.about);
        assert_eq!(looked_up(&[long], &[other]).found, 0);
        // What was found twice counts once.
        assert!((looked_up(&[long], &[long, long]).share - 1.0).abs() < 1e-12);
    }
}
