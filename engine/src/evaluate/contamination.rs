//! Whether a model was trained on what it is measured on.
//!
//! Texts are looked up as the data bench looks evaluation sets up before a training (`corpus::duplicates::contamination`): by runs of 13
//! words, lower-cased, punctuation folded, as for GPT-3 (Brown et al. 2020, appendix C); a shorter text is one run of all its words, unless
//! it has fewer than 8. Runs that more than ten of the texts share are instructions and templates and do not count. Of a task's row the right
//! answer is looked up behind its question ([`with_answers`]): questions are short, and it is the answer that must not have been learned.

use super::audit::texts::{ReadShare, Texts};
use super::documents::HeldOut;
use super::{Subject, Tell};
use crate::error::Result;
use crate::platform::Turns;
use crate::protocol::EvaluateSettings;
use crate::protocol::evaluation::Contamination;
use crate::protocol::quantity::counted;
use glasshouse_corpus::duplicates::contamination::{Set, Settings};
use std::collections::{BTreeMap, HashSet};

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
        texts.extend(parts.map(|text| vec![text.to_owned()]));
        turns.give().await;
    }
    let groups = contaminations(subject, &[texts], tell).await?;
    Ok(groups.into_iter().next().unwrap_or_default())
}

/// What is looked up as one thing: a document by its text, a row by several.
pub type LookedUp = Vec<String>;

/// What is looked up of a row: its question with a right answer behind it, and each further answer by itself.
pub fn with_answers(question: &str, answers: &[String]) -> LookedUp {
    let Some((first, others)) = answers.split_first() else { return vec![question.to_owned()] };
    let mut texts = vec![format!("{question}\n{first}")];
    // A short question is a run of its own, which the longer text does not have.
    if question.split_whitespace().count() < Settings::default().words as usize {
        texts.push(question.to_owned());
    }
    texts.extend_from_slice(others);
    texts
}

/// How much of groups of texts stands in the training text of a run, and of those that it began from. That is read once.
///
/// # Errors
/// A training text is damaged.
pub async fn contaminations(
    subject: &Subject<'_>,
    groups: &[Vec<LookedUp>],
    tell: Tell<'_>,
) -> Result<Vec<Contamination>> {
    let training = Texts::of(subject.run)?;
    let turns = Turns::new();
    let mut lookups = Vec::with_capacity(groups.len());
    for texts in groups {
        let mut lookup = Lookup::new();
        for one in texts {
            lookup.add(one);
            turns.give().await;
        }
        lookups.push(lookup);
    }
    let mut told = |done, of| tell("looking texts up in the training text", done, of);
    let hear = |text: &str| lookups.iter_mut().for_each(|lookup| lookup.read(text));
    let reading = training.read(&subject.tokenizer.tokenizer, &turns, &mut told, hear).await?;
    let of_group = |(lookup, texts): (Lookup, &Vec<LookedUp>)| lookup.finish(texts, reading, training.is_all);
    Ok(lookups.into_iter().zip(groups).map(of_group).collect())
}

/// Texts, and the runs of words of theirs that were found.
struct Lookup {
    words: usize,
    set: Set,
    /// Of each item of the set the number of what it is a text of. What has no item is too short.
    of: Vec<usize>,
    seen: usize,
    found: HashSet<(u32, u64)>,
}

impl Lookup {
    fn new() -> Self {
        let settings = Settings::default();
        let words = settings.words as usize;
        Self { words, set: Set::sampled(&settings), of: Vec::new(), seen: 0, found: HashSet::new() }
    }

    fn add(&mut self, one: &[String]) {
        for text in one {
            self.set.add("", text);
            self.of.resize(self.set.items(), self.seen);
        }
        self.seen += 1;
    }

    fn read(&mut self, text: &str) {
        let found = &mut self.found;
        self.set.visit(text, |item, hash| {
            found.insert((item, hash));
        });
    }

    fn finish(self, texts: &[LookedUp], reading: ReadShare, is_all: bool) -> Contamination {
        // Of each thing that is looked up how many runs it has, and how many of them were found.
        let mut runs: BTreeMap<usize, [u32; 2]> = BTreeMap::new();
        for (item, of) in (0..).zip(&self.of) {
            runs.entry(*of).or_default()[0] += self.set.item_runs(item);
        }
        for (item, _) in &self.found {
            if let Some(counts) = self.of.get(*item as usize).and_then(|of| runs.get_mut(of)) {
                counts[1] += 1;
            }
        }
        let all: u64 = runs.values().map(|[all, _]| u64::from(*all)).sum();
        let mut worst: Vec<(f64, usize)> = runs
            .iter()
            .filter(|(_, [_, found])| *found > 0)
            .map(|(of, [all, found])| (f64::from(*found) / f64::from((*all).max(1)), *of))
            .collect();
        // Of equally contaminated ones the first.
        worst.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        let found = worst.len() as u64;
        worst.truncate(WORST);
        let beginning = |of: usize| {
            texts
                .get(of)
                .and_then(|one| one.first())
                .map(|text| text.chars().take(BEGINNING).collect::<String>())
        };
        Contamination {
            n: self.words,
            looked_up: runs.len() as u64,
            found,
            share: self.found.len() as f64 / (all as f64).max(1.0),
            worst: worst.into_iter().filter_map(|(share, of)| Some((beginning(of)?, share))).collect(),
            about: about(self.words, texts.len() - runs.len(), reading, is_all),
        }
    }
}

/// How it was looked for.
fn about(words: usize, short: usize, reading: ReadShare, is_all: bool) -> String {
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
    use super::super::tasks::{Asked, TaskFile};
    use super::*;
    use crate::protocol::evaluation::TaskRequest;

    fn all_looked_up(texts: &[LookedUp], training: &[&str]) -> Contamination {
        let mut lookup = Lookup::new();
        texts.iter().for_each(|one| lookup.add(one));
        training.iter().for_each(|text| lookup.read(text));
        lookup.finish(texts, ReadShare { read: 100, of: 100 }, true)
    }

    fn looked_up(texts: &[&str], training: &[&str]) -> Contamination {
        let texts: Vec<LookedUp> = texts.iter().map(|text| vec![(*text).to_owned()]).collect();
        all_looked_up(&texts, training)
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
    fn rows_looked_up(rows: &str, training: &[&str]) -> Contamination {
        let file = TaskFile::read("rows.jsonl", rows.as_bytes(), None).unwrap();
        let asked = Asked::new(file, &TaskRequest::default(), Vec::new()).unwrap();
        all_looked_up(&asked.texts(), training)
    }

    #[test]
    fn a_short_question_is_found_by_the_answer_that_was_learned() {
        let answer = "it is the one that stands by the river where nobody has lived since then";
        let training = format!("Of the old house they say {answer}. And on.");
        let training =
            [training.as_str(), "Who wrote the long book of whales? Herman Melville", "No one is like it"];
        for rows in [
            format!(r#"{{"prompt":"Which house is old?","answer":"{answer}"}}"#),
            format!(r#"{{"prompt":"Which house is old?","answers":["That one","{answer}"]}}"#),
            format!(r#"{{"prompt":"Which house is old?","choices":["That one","{answer}"],"answer":1}}"#),
            // A question of less than 8 words is one run with its answer, and one of more by itself as well.
            r#"{"prompt":"Who wrote the long book of whales?","answer":"Herman Melville"}"#.to_owned(),
            r#"{"prompt":"Who wrote the long book of whales? Herman Melville","answer":"did"}"#.to_owned(),
        ] {
            let found = rows_looked_up(&rows, &training);
            assert_eq!((found.looked_up, found.found), (1, 1), "{rows}");
            assert!(found.share > 0.0 && found.share <= 1.0, "{rows}");
        }
        // What is wrong may have been read, and what is too short says nothing.
        let wrong =
            format!(r#"{{"prompt":"Which house is old?","choices":["That one","{answer}"],"answer":0}}"#);
        let found = rows_looked_up(&wrong, &training);
        assert_eq!((found.looked_up, found.found), (0, 0));
        assert!(found.about.contains("1 text of fewer than 8 words left out"), "{}", found.about);
    }
}
