//! The stages of a recipe in the order in which they work, each with what it is and its recorder.

use crate::duplicates::near;
use crate::recipe::Recipe;
use crate::report::{About, Amount, Group, Stage, StageRecorder};
use crate::rules::Rule;

/// Names of the stages that are no rules, as in `dropped.jsonl`.
pub mod names {
    /// Prose from web pages, wikitext and PDF.
    pub const EXTRACTION: &str = "extraction";
    /// Repair of text.
    pub const REPAIR: &str = "repair";
    /// Overlap with evaluation sets.
    pub const CONTAMINATION: &str = "contamination";
    /// Personal data and secrets.
    pub const PERSONAL: &str = "personal-data";
    /// Documents with the same words.
    pub const EXACT: &str = "exact-duplicates";
    /// Documents with nearly the same words.
    pub const NEAR: &str = "near-duplicates";
    /// Caps by source.
    pub const CAPS: &str = "caps";
    /// Overlap of training documents with held-out ones.
    pub const HELD_OUT: &str = "held-out-overlap";
    /// Paragraphs that earlier documents had.
    pub const PARAGRAPHS: &str = "repeated-paragraphs";
}

/// Where a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Extraction,
    Repair,
    /// By its number in the recipe.
    Rule(usize),
    Contamination,
    Personal,
    Exact,
    Near,
    Caps,
    HeldOut,
    Paragraphs,
}

/// Every stage's recorder.
#[derive(Debug)]
pub(super) struct Stages {
    rules: usize,
    /// In the order in which the stages work.
    recorders: Vec<StageRecorder>,
}

impl Stages {
    pub(super) fn new(recipe: &Recipe) -> Self {
        let mut recorders = vec![StageRecorder::new(extraction()), StageRecorder::new(repair())];
        recorders.extend(recipe.rules.iter().map(|rule| StageRecorder::new(about_rule(rule))));
        let later = [
            contamination(recipe),
            personal(),
            exact(),
            near_copies(&recipe.duplicates.near),
            caps(),
            held_out(),
            paragraphs(recipe),
        ];
        recorders.extend(later.map(StageRecorder::new));
        Self { rules: recipe.rules.len(), recorders }
    }

    /// A stage's place in the order.
    pub(super) fn place(&self, at: At) -> usize {
        match at {
            At::Extraction => 0,
            At::Repair => 1,
            At::Rule(number) => 2 + number,
            At::Contamination => 2 + self.rules,
            At::Personal => 3 + self.rules,
            At::Exact => 4 + self.rules,
            At::Near => 5 + self.rules,
            At::Caps => 6 + self.rules,
            At::HeldOut => 7 + self.rules,
            At::Paragraphs => 8 + self.rules,
        }
    }

    /// A stage's recorder.
    pub(super) fn at(&mut self, at: At) -> Option<&mut StageRecorder> {
        let place = self.place(at);
        self.recorders.get_mut(place)
    }

    /// A stage's name.
    pub(super) fn name(&self, at: At) -> String {
        self.recorders.get(self.place(at)).map(|recorder| recorder.name().to_owned()).unwrap_or_default()
    }

    /// Every stage's name, in order.
    pub(super) fn names(&self) -> Vec<String> {
        self.recorders.iter().map(|recorder| recorder.name().to_owned()).collect()
    }

    /// What the stages did with what went in.
    pub(super) fn finish(self, raw: Amount) -> Vec<Stage> {
        StageRecorder::chain(raw, self.recorders)
    }
}

fn about(name: &str, group: Group, title: &str, sentence: &str) -> About {
    About {
        name: name.to_owned(),
        group,
        title: title.to_owned(),
        sentence: sentence.to_owned(),
        threshold: String::new(),
        paper: String::new(),
    }
}

/// What a rule is.
pub(super) fn about_rule(rule: &Rule) -> About {
    let thresholds = rule.thresholds();
    let threshold: Vec<String> =
        thresholds.iter().map(|threshold| format!("{} {}", threshold.name, threshold.value)).collect();
    About {
        name: rule.name().to_owned(),
        group: Group::Rules,
        title: rule.title().to_owned(),
        sentence: rule.explain().to_owned(),
        threshold: threshold.join(", "),
        paper: rule.paper().to_owned(),
    }
}

fn extraction() -> About {
    let sentence = "Takes the article out of a web page, the prose out of wikitext and the text out of a PDF; what holds none goes.";
    about(names::EXTRACTION, Group::Extraction, "Extraction", sentence)
}

fn repair() -> About {
    let sentence = "Mends characters that were decoded wrongly, brings Unicode to one form (NFC), and tidies control characters, white space and line ends.";
    about(names::REPAIR, Group::Repair, "Repair", sentence)
}

fn contamination(recipe: &Recipe) -> About {
    let sentence = "Takes away documents that share long runs of words with the texts that a model will be measured on: a model that has read the answers is not being measured.";
    let settings = &recipe.contamination;
    About {
        threshold: format!("{} words in a row", settings.words),
        paper: "GPT-3 (Brown et al. 2020, arXiv:2005.14165, appendix C)".to_owned(),
        ..about(names::CONTAMINATION, Group::Contamination, "Evaluation overlap", sentence)
    }
}

fn personal() -> About {
    let sentence = "Finds e-mail addresses, telephone numbers, account and card numbers, IP addresses, secrets and listed names, and puts a placeholder in their place.";
    about(names::PERSONAL, Group::Personal, "Personal data", sentence)
}

fn exact() -> About {
    let sentence =
        "Keeps the first of documents with the same words, whatever their case, punctuation and white space.";
    about(names::EXACT, Group::Duplicates, "Exact duplicates", sentence)
}

fn near_copies(settings: &near::Settings) -> About {
    let sentence = "Keeps one of documents with nearly the same words: found by MinHash, and compared by their true similarity before anything goes.";
    About {
        threshold: format!(
            "similarity {} of runs of {} words; {} permutations in {} bands of {}",
            settings.similarity, settings.shingle_words, settings.permutations, settings.bands, settings.rows
        ),
        paper: "Broder 1997; FineWeb (Penedo et al. 2024, arXiv:2406.17557)".to_owned(),
        ..about(names::NEAR, Group::Duplicates, "Near duplicates", sentence)
    }
}

fn caps() -> About {
    let sentence = "Takes documents of a source by lot where the recipe allows it only so many.";
    about(names::CAPS, Group::Balance, "Caps by source", sentence)
}

fn held_out() -> About {
    let sentence = "Takes documents out of training that share long runs of words with those held out for validation, so that the validation loss means something.";
    about(names::HELD_OUT, Group::Contamination, "Held-out overlap", sentence)
}

fn paragraphs(recipe: &Recipe) -> About {
    let sentence = "Takes paragraphs out of a document that an earlier one had: notices, menus and licences that many pages repeat.";
    About {
        threshold: format!("paragraphs of {} words or more", recipe.duplicates.paragraphs.minimum_words),
        paper: "CCNet (Wenzek et al. 2020, arXiv:1911.00359)".to_owned(),
        ..about(names::PARAGRAPHS, Group::Duplicates, "Repeated paragraphs", sentence)
    }
}
