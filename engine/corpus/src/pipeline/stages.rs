//! The stages of a recipe in order of execution, with description and recorder. Descriptions are defined once here, for the
//! cards of a recipe and for the report.

use crate::recipe::Recipe;
use crate::report::{About, Amount, Group, Stage, StageRecorder};
use crate::rules::Rule;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum At {
    Extraction,
    Repair,
    /// By index in the recipe.
    Rule(usize),
    Contamination,
    Personal,
    Exact,
    Near,
    HeldOut,
}

/// The stages other than rules, before and after the rules.
const BEFORE: [At; 2] = [At::Extraction, At::Repair];
const BEHIND: [At; 5] = [At::Contamination, At::Personal, At::Exact, At::Near, At::HeldOut];

/// Generates what describes a stage other than a rule.
macro_rules! stages {
    ($( $at:ident, $group:ident, $name:literal, $title:literal, $paper:literal, $sentence:literal; )*) => {
        impl At {
            /// Its group; and its name as in `dropped.jsonl`, its title, the source of its numbers (empty if it has none), and its effect and
            /// reason in one or two sentences.
            fn texts(self) -> (Group, [&'static str; 4]) {
                match self {
                    $( Self::$at => (Group::$group, [$name, $title, $paper, $sentence]), )*
                    Self::Rule(_) => (Group::Rules, [""; 4]),
                }
            }
        }
    };
}

stages! {
    Extraction, Extraction, "extraction", "Extraction", "",
        "Extracts the article from a web page, the prose from wikitext and the text from a PDF; drops documents without any.";
    Repair, Repair, "repair", "Repair", "",
        "Repairs wrongly decoded characters, normalises Unicode (NFC), and cleans up control characters, white space and line ends.";
    Contamination, Contamination, "contamination", "Evaluation overlap", "GPT-3 (Brown et al. 2020, arXiv:2005.14165, appendix C)",
        "Drops documents that share long n-grams with evaluation texts: a model that has read the answers cannot be evaluated on them.";
    Personal, Personal, "personal-data", "Personal data", "",
        "Finds e-mail addresses, telephone numbers, account and card numbers, IP addresses, secrets and listed names, and replaces each by a \
         placeholder.";
    Exact, Duplicates, "exact-duplicates", "Exact duplicates", "",
        "Keeps the first of several documents with the same words, ignoring case, punctuation and white space; source code must have the \
         same bytes. Repeated text is memorised.";
    Near, Duplicates, "near-duplicates", "Near duplicates", "Broder 1997; FineWeb (Penedo et al. 2024, arXiv:2406.17557)",
        "Keeps one of several documents with nearly the same words: found by MinHash, and verified by their true similarity before any is \
         dropped.";
    HeldOut, Contamination, "held-out-overlap", "Held-out overlap", "GPT-3 (Brown et al. 2020, arXiv:2005.14165, appendix C)",
        "Drops training documents that share long n-grams with validation documents, so that the validation loss is meaningful. Source \
         code is only counted, because its files share much.";
}

impl At {
    fn is_on(self, recipe: &Recipe) -> bool {
        match self {
            Self::Extraction => true,
            Self::Repair => recipe.repair.enabled,
            Self::Rule(number) => recipe.rules.get(number).is_some_and(|rule| recipe.is_on(rule)),
            Self::Contamination => !recipe.contamination.against.is_empty(),
            Self::Personal => recipe.personal.enabled,
            Self::Exact => recipe.duplicates.exact.enabled,
            Self::Near => recipe.duplicates.near.enabled,
            Self::HeldOut => recipe.contamination.held_out && recipe.validation > 0.0,
        }
    }

    pub(crate) fn name(self, recipe: &Recipe) -> &'static str {
        match self {
            Self::Rule(number) => recipe.rules.get(number).map_or("", Rule::name),
            _ => self.texts().1[0],
        }
    }

    pub(crate) fn about(self, recipe: &Recipe) -> About {
        let near = &recipe.duplicates.near;
        let threshold = match self {
            Self::Rule(number) => {
                let about = recipe.rules.get(number).map(about_rule).unwrap_or_default();
                return About { is_off: !self.is_on(recipe), ..about };
            }
            Self::Contamination => format!("{} words in a row", recipe.contamination.words),
            Self::Near => format!(
                "similarity {} of runs of {} words; {} permutations in {} bands of {}",
                near.similarity, near.shingle_words, near.permutations, near.bands, near.rows
            ),
            _ => String::new(),
        };
        let (group, texts) = self.texts();
        let [name, title, paper, sentence] = texts.map(str::to_owned);
        About { name, group, title, sentence, threshold, paper, is_off: !self.is_on(recipe) }
    }
}

pub(crate) fn about_rule(rule: &Rule) -> About {
    let thresholds = rule.thresholds();
    let threshold: Vec<String> =
        thresholds.iter().map(|threshold| format!("{} {}", threshold.name, threshold.value)).collect();
    let [name, title, sentence, paper] =
        [rule.name(), rule.title(), rule.explain(), rule.paper()].map(str::to_owned);
    About {
        name,
        group: Group::Rules,
        title,
        sentence,
        threshold: threshold.join(", "),
        paper,
        is_off: false,
    }
}

#[derive(Debug)]
pub(super) struct Stages {
    rules: usize,
    /// In order of execution.
    recorders: Vec<StageRecorder>,
}

impl Stages {
    pub(super) fn new(recipe: &Recipe) -> Self {
        let rules = (0..recipe.rules.len()).map(At::Rule);
        let all = BEFORE.into_iter().chain(rules).chain(BEHIND);
        let recorders = all.map(|at| StageRecorder::new(at.about(recipe))).collect();
        Self { rules: recipe.rules.len(), recorders }
    }

    /// A stage's index in the order of execution.
    pub(super) fn place(&self, at: At) -> usize {
        let before = BEFORE.iter().position(|own| *own == at);
        before.unwrap_or_else(|| {
            BEFORE.len()
                + match at {
                    At::Rule(number) => number,
                    _ => self.rules + BEHIND.iter().position(|own| *own == at).unwrap_or_default(),
                }
        })
    }

    pub(super) fn at(&mut self, at: At) -> Option<&mut StageRecorder> {
        let place = self.place(at);
        self.recorders.get_mut(place)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.recorders.iter().map(|recorder| recorder.name().to_owned()).collect()
    }

    pub(super) fn finish(self, raw: Amount) -> Vec<Stage> {
        StageRecorder::chain(raw, self.recorders)
    }
}
