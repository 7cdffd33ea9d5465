//! The stages of a recipe in the order in which they work, each with what it is and its recorder.

use super::described;
use crate::duplicates::near;
use crate::recipe::Recipe;
use crate::report::{About, Amount, Group, Stage, StageRecorder};
use crate::rules::Rule;

/// Where a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

impl At {
    /// The stage's name.
    pub(super) fn name(self, recipe: &Recipe) -> &'static str {
        match self {
            Self::Extraction => described::EXTRACTION.name,
            Self::Repair => described::REPAIR.name,
            Self::Rule(number) => recipe.rules.get(number).map_or("", Rule::name),
            Self::Contamination => described::CONTAMINATION.name,
            Self::Personal => described::PERSONAL.name,
            Self::Exact => described::EXACT.name,
            Self::Near => described::NEAR.name,
            Self::Caps => described::CAPS.name,
            Self::HeldOut => described::HELD_OUT.name,
            Self::Paragraphs => described::PARAGRAPHS.name,
        }
    }
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
        let mut recorders = vec![
            StageRecorder::new(described::EXTRACTION.about()),
            StageRecorder::new(described::REPAIR.about()),
        ];
        recorders.extend(recipe.rules.iter().map(|rule| StageRecorder::new(about_rule(rule))));
        let later = [
            contamination(recipe),
            described::PERSONAL.about(),
            described::EXACT.about(),
            near_copies(&recipe.duplicates.near),
            described::CAPS.about(),
            described::HELD_OUT.about(),
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

    /// Every stage's name, in order.
    pub(super) fn names(&self) -> Vec<String> {
        self.recorders.iter().map(|recorder| recorder.name().to_owned()).collect()
    }

    /// What the stages did with what went in.
    pub(super) fn finish(self, raw: Amount) -> Vec<Stage> {
        StageRecorder::chain(raw, self.recorders)
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

fn contamination(recipe: &Recipe) -> About {
    let words = recipe.contamination.words;
    About { threshold: format!("{words} words in a row"), ..described::CONTAMINATION.about() }
}

fn near_copies(settings: &near::Settings) -> About {
    let threshold = format!(
        "similarity {} of runs of {} words; {} permutations in {} bands of {}",
        settings.similarity, settings.shingle_words, settings.permutations, settings.bands, settings.rows
    );
    About { threshold, ..described::NEAR.about() }
}

fn paragraphs(recipe: &Recipe) -> About {
    let words = recipe.duplicates.paragraphs.minimum_words;
    About { threshold: format!("paragraphs of {words} words or more"), ..described::PARAGRAPHS.about() }
}
