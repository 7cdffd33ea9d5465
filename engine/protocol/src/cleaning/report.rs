//! The report of a cleaning, stored as `report.json`: its input, the effect of every stage, and its output.
//!
//! It contains no times and no machine names: the same recipe on the same input gives the same bytes. Texts in it are masked: personal
//! data is removed first.

use super::table::CorpusTable;
use crate::quantity::counted;
use crate::setting::choices;
use serde::{Deserialize, Serialize};

/// Version of the `report.json` format that this build writes; readers refuse later ones.
pub const FORMAT: u32 = 1;

/// All counts and samples of a cleaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CleaningReport {
    /// Version of the format: [`FORMAT`].
    pub format: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// The full recipe, so that the cleaning can be repeated from the report alone.
    pub recipe: RecipeText,
    /// The input files in reading order.
    pub inputs: Vec<Input>,
    pub raw: Amount,
    /// Documents written to `kept.jsonl`.
    pub kept: Amount,
    /// The part of `kept` that is held out for validation.
    pub held_out: Amount,
    /// In order of application.
    pub stages: Vec<Stage>,
    /// Personal data by class, ordered by class name.
    pub personal: Vec<PersonalClass>,
    /// Groups of duplicate documents, by detection method.
    pub duplicates: Vec<Duplicates>,
    /// Composition of the corpus, raw and kept (`source`, `genre`, `language`, `licence`, `length`, `date`), and its `mixture`,
    /// identified by [`CorpusTable::key`].
    pub tables: Vec<CorpusTable>,
    pub samples: Vec<Sample>,
    /// Files and records that could not be read.
    pub troubles: Troubles,
}

impl Default for CleaningReport {
    fn default() -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            recipe: RecipeText::default(),
            inputs: Vec::new(),
            raw: Amount::default(),
            kept: Amount::default(),
            held_out: Amount::default(),
            stages: Vec::new(),
            personal: Vec::new(),
            duplicates: Vec::new(),
            tables: Vec::new(),
            samples: Vec::new(),
            troubles: Troubles::default(),
        }
    }
}

impl CleaningReport {
    /// Parses a `report.json`.
    pub fn from_json(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Shape {
            format: u32,
        }
        let shape: Shape = serde_json::from_slice(text.as_bytes())
            .map_err(|error| format!("not a cleaning report: {error}"))?;
        if shape.format > FORMAT {
            return Err(format!(
                "the report has format {}, but this version reads up to {FORMAT}: read it with the version that wrote it",
                shape.format
            ));
        }
        serde_json::from_slice(text.as_bytes()).map_err(|error| format!("not a cleaning report: {error}"))
    }

    /// Serialises as `report.json`: indented, with a final newline.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let mut text = crate::json::indented(self)?;
        text.push('\n');
        Ok(text)
    }

    pub fn table(&self, key: &str) -> Option<&CorpusTable> {
        self.tables.iter().find(|table| table.key == key)
    }

    /// Warns if fewer than half of the documents are kept, or if none is kept for training. Names the stage that removed the most if
    /// stages are the cause: fewer than half are kept, or that stage removed more than half.
    pub fn warnings(&self) -> Vec<String> {
        let (raw, kept, held_out) = (self.raw.documents, self.kept.documents, self.held_out.documents);
        let mut warnings = Vec::new();
        if kept > 0 && kept == held_out {
            warnings.push(format!(
                "no text to train on is left: all {} are held out for validation",
                counted(kept, "kept document")
            ));
        } else if kept * 2 < raw {
            warnings.push(format!("only {kept} of {} are kept", counted(raw, "document")));
        }
        let most = self.stages.iter().max_by_key(|stage| stage.removed.documents);
        let is_cause = |removed: u64| removed > 0 && (kept * 2 < raw || removed * 2 > raw);
        if let (Some(warning), Some(stage)) =
            (warnings.last_mut(), most.filter(|stage| is_cause(stage.removed.documents)))
        {
            *warning += &format!(
                "; the step \u{201c}{}\u{201d} ({}) removed {} of them. If they should stay, switch it off in the recipe",
                stage.about.title, stage.about.name, stage.removed.documents
            );
        }
        warnings
    }

    /// Number of documents removed by stages.
    pub fn dropped(&self) -> u64 {
        self.stages.iter().map(|stage| stage.removed.documents).sum()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecipeText {
    /// A preset's name such as `fineweb`, or the file's name.
    pub name: String,
    pub toml: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Path below the input that the user named.
    pub path: String,
    /// Format, as in `WARC, gzip`.
    pub format: String,
    /// Size on disk.
    pub bytes: u64,
    pub documents: u64,
}

/// A number of documents and the total size of their texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    pub documents: u64,
    /// Bytes of text, UTF-8.
    pub bytes: u64,
    /// Runs of non-white-space characters.
    pub words: u64,
}

impl Amount {
    /// The amount of a single document with this text.
    pub fn from_text(text: &str) -> Self {
        Self { documents: 1, bytes: text.len() as u64, words: words(text) }
    }

    pub fn add(&mut self, other: Self) {
        self.documents = self.documents.saturating_add(other.documents);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.words = self.words.saturating_add(other.words);
    }
}

/// Counts words: runs of non-white-space characters, where white space includes non-ASCII. ASCII texts are counted byte by byte, which
/// is faster.
pub fn words(text: &str) -> u64 {
    if text.is_ascii() {
        let mut count = 0_u64;
        let mut inside = false;
        for byte in text.bytes() {
            // `char::is_whitespace` on ASCII: tab to carriage return, and space.
            let space = matches!(byte, b'\t'..=b'\r' | b' ');
            count += u64::from(!space && !inside);
            inside = !space;
        }
        count
    } else {
        text.split_whitespace().count() as u64
    }
}

choices! {
    /// The part of the bench to which a stage belongs; decides its colour and the heading above its stages.
    pub enum Group = Rules {
        /// Files and records to documents.
        Reading = "reading", "Reading";
        /// Web pages and wikitext to prose.
        Extraction = "extraction", "Extraction";
        /// Unicode, control characters, white space.
        Repair = "repair", "Repair";
        Rules = "rules", "Quality rules";
        /// Whole, near and partial copies.
        Duplicates = "duplicates", "Duplicates";
        /// Overlap with evaluation sets.
        Contamination = "contamination", "Evaluation";
        /// Personal data and secrets.
        Personal = "personal", "Personal data";
        /// The shares of the sources.
        Balance = "balance", "Mixture";
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Name in recipes and in `dropped.jsonl`, as in `gopher.word_count`. Unique in a report.
    pub name: String,
    pub group: Group,
    /// Display title, as in `Word count`.
    pub title: String,
    /// One sentence: what it removes, and why.
    pub sentence: String,
    /// The thresholds in words, as in `50 to 100,000 words`; empty if it has none.
    pub threshold: String,
    /// The paper or project that the threshold comes from, as in `Gopher (Rae et al., 2021)`, or empty.
    pub paper: String,
    /// Whether the recipe switches it off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_off: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    #[serde(flatten)]
    pub about: About,
    /// Documents that reached it, in their state at that point.
    pub before: Amount,
    pub removed: Amount,
    pub edited: Edited,
    /// Further counts, ordered by name, as in `line_endings` or `mojibake`.
    pub counters: Vec<Counter>,
    /// A few documents that it removed, chosen by a hash of their ids.
    pub victims: Vec<Victim>,
    /// A few documents that it changed, chosen in the same way.
    pub changes: Vec<Example>,
}

impl Stage {
    /// The documents that remain after it.
    pub fn after(&self) -> Amount {
        let change = |before: u64, removed: u64, old: u64, new: u64| {
            before.saturating_sub(removed).saturating_sub(old).saturating_add(new)
        };
        Amount {
            documents: self.before.documents.saturating_sub(self.removed.documents),
            bytes: change(
                self.before.bytes,
                self.removed.bytes,
                self.edited.before.bytes,
                self.edited.after.bytes,
            ),
            words: change(
                self.before.words,
                self.removed.words,
                self.edited.before.words,
                self.edited.after.words,
            ),
        }
    }

    /// Whether it removed or changed anything.
    pub fn acted(&self) -> bool {
        self.removed.documents > 0 || self.edited.before.documents > 0
    }
}

/// Documents that a stage changed, before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edited {
    pub before: Amount,
    pub after: Amount,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    pub name: String,
    pub count: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Victim {
    pub id: String,
    pub source: String,
    pub words: u64,
    pub bytes: u64,
    /// The measured value and the threshold.
    pub reason: String,
    /// Its beginning, personal data masked.
    pub excerpt: String,
}

/// A changed document: the text around the first change before and after, personal data masked in both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Example {
    pub id: String,
    pub source: String,
    pub before: String,
    pub after: String,
}

/// Findings of one class of personal data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PersonalClass {
    /// Name, as in `email`.
    pub class: String,
    /// The action taken, as in `replaced by <EMAIL>`, `masked`, `document dropped`.
    pub treatment: String,
    pub found: u64,
    pub documents: u64,
    /// A few occurrences with their context, masked.
    pub samples: Vec<PersonalSample>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonalSample {
    pub id: String,
    /// The masked value in its context, as in `write to j•••@e•••.org before`.
    pub masked: String,
}

/// Groups of duplicates found by one method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Duplicates {
    /// Name of the stage, as in `duplicates.near`.
    pub name: String,
    /// Display title, as in `Near copies`.
    pub title: String,
    /// Method and parameters, as in `MinHash, 128 permutations, 14 bands of 8, Jaccard at least 0.75`.
    pub method: String,
    /// Number of groups with at least two documents.
    pub clusters: u64,
    /// Number of documents in them, including the kept ones.
    pub documents: u64,
    /// Bytes of memory for a document's signature, if the method has one.
    pub bytes_per_document: Option<u64>,
    /// Distribution of group sizes, by size.
    pub sizes: Vec<ClusterSize>,
    pub largest: Vec<Cluster>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSize {
    /// Documents in each group.
    pub size: u64,
    pub clusters: u64,
}

/// A group of duplicates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Number of documents in it, including those not in [`Cluster::members`].
    pub size: u64,
    /// Why this document was kept, as in `the longest of its group`.
    pub reason: String,
    /// The kept document, then others; only a few of a large group.
    pub members: Vec<Member>,
}

/// A document in a group of duplicates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub id: String,
    pub source: String,
    pub words: u64,
    pub kept: bool,
    /// Similarity to the kept one, from 0 to 1, if it was measured.
    pub similarity: Option<f64>,
    /// Evidence, as in `13 of 16 bands agree`; empty for the kept one.
    pub found_by: String,
    /// Its beginning, personal data masked.
    pub excerpt: String,
}

/// Files and records that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Troubles {
    pub count: u64,
    /// The first 1000.
    pub listed: Vec<TroubleEntry>,
    /// Counts by kind, most frequent first; at most 100 kinds.
    pub kinds: Vec<TroubleKind>,
}

/// Troubles whose reasons differ only in numbers and names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleKind {
    /// Number of files or records affected.
    pub count: u64,
    pub first: TroubleEntry,
}

/// A problem with a file or record.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TroubleEntry {
    /// A path, with `#number` for a record in it.
    pub place: String,
    /// One sentence.
    pub reason: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub id: String,
    pub source: String,
    pub amount: Amount,
    /// Its beginning, personal data masked.
    pub excerpt: String,
}
