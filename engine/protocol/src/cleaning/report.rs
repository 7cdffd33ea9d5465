//! The account of a cleaning: what went in, what every stage took away and from whom, and what came out.
//!
//! It is what `report.json` holds. It holds no times and no names of machines: the same recipe on the same input gives the same
//! bytes. Texts in it are masked: personal data was taken out before.

use super::table::CorpusTable;
use crate::quantity::counted;
use serde::{Deserialize, Serialize};

/// The shape of `report.json` that this build writes; a reader refuses a later one.
pub const FORMAT: u32 = 1;

/// Everything that a cleaning counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CleaningReport {
    /// The shape of this file: [`FORMAT`].
    pub format: u32,
    /// The version of the program that wrote it.
    pub version: String,
    /// The recipe, whole, so that the cleaning can be repeated from the report alone.
    pub recipe: RecipeText,
    /// The files that were read, in the order in which they were.
    pub inputs: Vec<Input>,
    /// Documents as the readers gave them.
    pub raw: Amount,
    /// Documents as they were written to `kept.jsonl`.
    pub kept: Amount,
    /// Those of them that are held out for validation.
    #[serde(default)]
    pub held_out: Amount,
    /// What was done, in order.
    pub stages: Vec<Stage>,
    /// Personal data by class, in the order of the classes' names.
    pub personal: Vec<PersonalClass>,
    /// Groups of documents that say the same, by how they were found.
    pub duplicates: Vec<Duplicates>,
    /// What the corpus is made of, raw beside kept (`source`, `genre`, `language`, `licence`, `length`, `date`), its `mixture`, and
    /// what beside that was counted (`terms`, `safety`): told apart by [`CorpusTable::key`].
    pub tables: Vec<CorpusTable>,
    /// A few documents that were kept.
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
    /// A report from the text of a `report.json`.
    ///
    /// # Errors
    /// It is no report, or one of a later version of the program; the sentence starts with what is wrong.
    pub fn from_json(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Shape {
            format: u32,
        }
        let shape: Shape =
            serde_json::from_str(text).map_err(|error| format!("no report of a cleaning: {error}"))?;
        if shape.format > FORMAT {
            return Err(format!(
                "a report of format {}, and this version reads up to {FORMAT}: read it with the version that wrote it",
                shape.format
            ));
        }
        serde_json::from_str(text).map_err(|error| format!("no report of a cleaning: {error}"))
    }

    /// The text of a `report.json`, indented, with a line break at its end.
    ///
    /// # Errors
    /// Never for a report made by this crate: every key is a string.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// The table of this key, where there is one.
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

    /// Documents that stages took away.
    pub fn dropped(&self) -> u64 {
        self.stages.iter().map(|stage| stage.removed.documents).sum()
    }
}

/// A recipe by name and in full.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecipeText {
    /// As in `fineweb`, or the file's name.
    pub name: String,
    /// Its TOML text.
    pub toml: String,
}

/// A file that was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Its path below what the person named.
    pub path: String,
    /// As in `WARC, gzip`.
    pub format: String,
    /// Its size on disk.
    pub bytes: u64,
    /// Documents that it held.
    pub documents: u64,
}

/// So many documents, and how large their texts are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Documents.
    pub documents: u64,
    /// Bytes of text, UTF-8.
    pub bytes: u64,
    /// Words: runs of what is not white space.
    pub words: u64,
}

impl Amount {
    /// One document of this text.
    pub fn of(text: &str) -> Self {
        Self { documents: 1, bytes: text.len() as u64, words: words(text) }
    }

    /// Adds another amount.
    pub fn add(&mut self, other: Self) {
        self.documents = self.documents.saturating_add(other.documents);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.words = self.words.saturating_add(other.words);
    }
}

/// Words of a text: runs of what is not white space. Non-ASCII white space ends a word too; bytes are looked at singly where the
/// text is ASCII.
pub fn words(text: &str) -> u64 {
    if text.is_ascii() {
        let mut count = 0_u64;
        let mut inside = false;
        for byte in text.bytes() {
            // As `char::is_whitespace` sees ASCII: tab to carriage return, and space.
            let space = matches!(byte, b'\t'..=b'\r' | b' ');
            count += u64::from(!space && !inside);
            inside = !space;
        }
        count
    } else {
        text.split_whitespace().count() as u64
    }
}

/// The part of the bench that a stage belongs to; decides its colour and heading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Files and records to documents.
    Reading,
    /// Web pages and wikitext to prose.
    Extraction,
    /// Unicode, control characters, white space.
    Repair,
    /// Quality rules.
    #[default]
    Rules,
    /// Whole, near and partial copies.
    Duplicates,
    /// Overlap with what models are measured on.
    Contamination,
    /// Personal data and secrets.
    Personal,
    /// Licences, caps and shares.
    Balance,
}

impl Group {
    /// The heading over its stages.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Reading => "Reading",
            Self::Extraction => "Extraction",
            Self::Repair => "Repair",
            Self::Rules => "Quality rules",
            Self::Duplicates => "Duplicates",
            Self::Contamination => "Evaluation",
            Self::Personal => "Personal data",
            Self::Balance => "Mixture",
        }
    }
}

/// What a stage is, said once and shown with its counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Its name in recipes and in `dropped.jsonl`, as in `gopher.word_count`. Unique in a report.
    pub name: String,
    /// Where in the bench it stands.
    pub group: Group,
    /// What people read, as in `Word count`.
    pub title: String,
    /// One sentence: what it takes away, and why.
    pub sentence: String,
    /// The thresholds at work, in words, as in `50 to 100,000 words`; empty where it has none.
    pub threshold: String,
    /// The paper or project that the threshold comes from, as in `Gopher (Rae et al., 2021)`; empty where there is none.
    pub paper: String,
    /// Whether the recipe has it switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_off: bool,
}

/// What a stage did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// What it is.
    #[serde(flatten)]
    pub about: About,
    /// Documents that reached it, as they were then.
    pub before: Amount,
    /// Documents that it took away.
    pub removed: Amount,
    /// Documents that it changed.
    pub edited: Edited,
    /// What it counted beside, in the order of their names, as in `line_endings` or `mojibake`.
    pub counters: Vec<Counter>,
    /// A few documents that it took away, chosen by a hash of their ids.
    pub victims: Vec<Victim>,
    /// A few documents that it changed, likewise.
    pub changes: Vec<Example>,
}

impl Stage {
    /// What was left after it.
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

    /// Whether it took away or changed anything.
    pub fn acted(&self) -> bool {
        self.removed.documents > 0 || self.edited.before.documents > 0
    }
}

/// Documents that a stage changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edited {
    /// As they were.
    pub before: Amount,
    /// As they are now.
    pub after: Amount,
}

/// A named count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// What was counted.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// A document that was removed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Victim {
    /// Its id.
    pub id: String,
    /// Its source.
    pub source: String,
    /// How long it was.
    pub words: u64,
    /// How large it was.
    pub bytes: u64,
    /// The measured value beside the threshold.
    pub reason: String,
    /// Its beginning, personal data masked.
    pub excerpt: String,
}

/// A document that was changed: the part around the first change, as it was and as it is, personal data masked in both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Its id.
    pub id: String,
    /// Its source.
    pub source: String,
    /// As it was.
    pub before: String,
    /// As it is.
    pub after: String,
}

/// Personal data of one class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PersonalClass {
    /// As in `email`.
    pub class: String,
    /// What was done with it, as in `replaced by <EMAIL>`, `masked`, `document dropped`.
    pub treatment: String,
    /// Places where it stood.
    pub found: u64,
    /// Documents that held it.
    pub documents: u64,
    /// A few places with what stands around, masked.
    pub samples: Vec<PersonalSample>,
}

/// A place where personal data stood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonalSample {
    /// The document's id.
    pub id: String,
    /// The masked value with what stands around it, as in `write to j•••@e•••.org before`.
    pub masked: String,
}

/// Groups of documents that say the same, found in one way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Duplicates {
    /// The stage's name, as in `duplicates.near`.
    pub name: String,
    /// What people read, as in `Near copies`.
    pub title: String,
    /// How they were found and with which parameters, as in `MinHash, 128 permutations, 14 bands of 8, Jaccard at least 0.75`.
    pub method: String,
    /// Groups of at least two.
    pub clusters: u64,
    /// Documents in them, the kept ones included.
    pub documents: u64,
    /// Memory that a document's signature takes, where there is one, in bytes.
    pub bytes_per_document: Option<u64>,
    /// How many groups are how large, by size.
    pub sizes: Vec<ClusterSize>,
    /// The largest groups, largest first.
    pub largest: Vec<Cluster>,
}

/// So many groups of so many documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSize {
    /// Documents in each.
    pub size: u64,
    /// Groups.
    pub clusters: u64,
}

/// A group of documents that say the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Documents in it, [`Cluster::members`] and those left out here.
    pub size: u64,
    /// Why the kept one was kept, as in `the longest of its group`.
    pub reason: String,
    /// Who is in it, the kept one first; a few of them only where it is large.
    pub members: Vec<Member>,
}

/// A document in a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its source.
    pub source: String,
    /// How long it is.
    pub words: u64,
    /// Whether it was kept.
    pub kept: bool,
    /// How alike it is to the kept one, from 0 to 1, where that was measured.
    pub similarity: Option<f64>,
    /// By what it was found, as in `13 of 16 bands agree`; empty for the kept one.
    #[serde(default)]
    pub found_by: String,
    /// Its beginning, personal data masked.
    pub excerpt: String,
}

/// Files and records that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Troubles {
    /// How many in all.
    pub count: u64,
    /// The first thousand.
    pub listed: Vec<TroubleEntry>,
    /// How many there are of each kind, the most frequent first: the first hundred kinds.
    #[serde(default)]
    pub kinds: Vec<TroubleKind>,
}

impl Troubles {
    /// The kinds; in reports that do not sum them, each trouble that is listed.
    pub fn by_kind(&self) -> Vec<TroubleKind> {
        match self.kinds.as_slice() {
            [] => self.listed.iter().map(|first| TroubleKind { count: 1, first: first.clone() }).collect(),
            kinds => kinds.to_vec(),
        }
    }
}

/// Troubles whose reasons differ in numbers and names only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleKind {
    /// Files or records with such a trouble.
    pub count: u64,
    /// The first of them.
    pub first: TroubleEntry,
}

/// What was wrong where.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TroubleEntry {
    /// A path, with `#number` for a record in it.
    pub place: String,
    /// What is wrong, in one sentence.
    pub reason: String,
}

/// A document that was kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its id.
    pub id: String,
    /// Its source.
    pub source: String,
    /// How large it is.
    pub amount: Amount,
    /// Its beginning, personal data masked.
    pub excerpt: String,
}
