//! The grammar of `stories.toml`, parsed once; a test checks its texts.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::LazyLock;

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(embedded);

/// Prefixes of the pronoun names: for the hero, the friend and the elder.
const PREFIXES: [&str; 3] = ["", "f", "e"];

/// A non-empty list of texts, never freed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts(pub &'static [&'static str]);

impl Deref for Texts {
    type Target = [&'static str];

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        if texts.is_empty() {
            return Err(D::Error::custom("a list is empty"));
        }
        Ok(Self(texts.into_iter().map(|text| &*text.leak()).collect::<Vec<_>>().leak()))
    }
}

/// One pick for a slot, or for several slots that belong together.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Choice {
    One(String),
    Several(BTreeMap<String, String>),
}

impl Choice {
    /// The texts by slot, given the name of the choices.
    pub(super) fn texts<'grammar>(
        &'grammar self,
        name: &'grammar str,
    ) -> Vec<(&'grammar str, &'grammar str)> {
        match self {
            Self::One(text) => vec![(name, text.as_str())],
            Self::Several(texts) => texts.iter().map(|(slot, text)| (slot.as_str(), text.as_str())).collect(),
        }
    }
}

/// Picks that are used throughout a story. Sorted by name, because the draws must not depend on the parser's order.
pub(super) type Picks = BTreeMap<String, Vec<Choice>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct People {
    pub names: Texts,
    pub kinds: Texts,
    pub elders: Texts,
}

/// A world: children or animals.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct World {
    pub he: People,
    pub she: People,
    pub slots: Picks,
}

impl World {
    /// The people by gender: 0 is he, 1 is she.
    pub(super) fn people(&self, gender: usize) -> &People {
        if gender == 0 { &self.he } else { &self.she }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plot {
    pub name: String,
    /// Whether hero and friend first meet in the story.
    #[serde(default)]
    pub strangers: bool,
    #[serde(default)]
    pub(super) slots: Picks,
    /// The beats of the three paragraphs, without introduction and closing; each beat is a list of alternative texts.
    pub opening: Vec<Texts>,
    pub middle: Vec<Texts>,
    pub ending: Vec<Texts>,
    pub(super) closings: String,
}

/// Texts of the two sentences that introduce the hero.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Introduction {
    pub hero: Texts,
    pub friend: Texts,
    pub habit: Texts,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pronoun {
    pub he: String,
    pub she: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grammar {
    pub(super) lists: BTreeMap<String, Texts>,
    /// Slot names for hero, friend and elder, and the texts by gender.
    #[serde(deserialize_with = "pronouns")]
    pub(super) pronouns: Vec<([String; 3], Pronoun)>,
    pub(super) slots: Picks,
    #[serde(rename = "world")]
    pub(super) worlds: Vec<World>,
    pub(super) beats: Introduction,
    pub(super) closings: BTreeMap<String, Texts>,
    #[serde(rename = "plot")]
    pub(crate) plots: Vec<Plot>,
}

fn pronouns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<([String; 3], Pronoun)>, D::Error> {
    let forms = BTreeMap::<String, Pronoun>::deserialize(deserializer)?;
    let named = |(form, pronoun)| (PREFIXES.map(|prefix| format!("{prefix}{form}")), pronoun);
    Ok(forms.into_iter().map(named).collect())
}

pub(crate) fn grammar() -> &'static Grammar {
    &GRAMMAR
}

#[expect(clippy::panic, reason = "a test reads the embedded grammar")]
fn embedded() -> Grammar {
    toml::from_str(include_str!("../../stories.toml")).unwrap_or_else(|error| panic!("stories.toml: {error}"))
}

impl Grammar {
    /// The entries of a list; empty if the list does not exist.
    pub(crate) fn list(&self, name: &str) -> &'static [&'static str] {
        self.lists.get(name).map_or(&[], |texts| texts.0)
    }

    /// Names of one gender, of children or animals.
    pub(crate) fn names(&self, animals: bool, she: bool) -> &'static [&'static str] {
        let world = self.worlds.get(usize::from(animals));
        world.map_or(&[], |world| world.people(she.into()).names.0)
    }

    pub(super) fn closings(&self, plot: &Plot) -> &'static [&'static str] {
        self.closings.get(&plot.closings).map_or(&[], |texts| texts.0)
    }
}

/// The slot's name for `{Name}`.
pub(super) fn lowered(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default() + letters.as_str()
}
