//! The grammar of `stories.toml`, parsed and checked once.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::LazyLock;

type Result<T, E = String> = std::result::Result<T, E>;

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(embedded);

/// Maximum nesting of lists in lists.
const DEPTH: usize = 8;

/// Slots for the people of every story.
const PEOPLE: [&str; 5] = ["hero", "kind", "friend", "fkind", "elder"];

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
    he: People,
    she: People,
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
    closings: String,
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
    lists: BTreeMap<String, Texts>,
    /// Slot names for hero, friend and elder, and the texts by gender.
    #[serde(deserialize_with = "pronouns")]
    pub(super) pronouns: Vec<([String; 3], Pronoun)>,
    pub(super) slots: Picks,
    #[serde(rename = "world")]
    pub(super) worlds: Vec<World>,
    pub(super) beats: Introduction,
    closings: BTreeMap<String, Texts>,
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
    let source = include_str!("../../stories.toml");
    Grammar::parse(source).unwrap_or_else(|error| panic!("stories.toml: {error}"))
}

impl Grammar {
    /// Parses a grammar. Fails with the first mistake: its line, or its plot and text.
    pub(crate) fn parse(source: &str) -> Result<Self> {
        let grammar: Self = toml::from_str(source).map_err(|error| error.to_string())?;
        grammar.check()?;
        Ok(grammar)
    }

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

    /// The slots that a plot's texts may use.
    pub(crate) fn known<'grammar>(&'grammar self, plot: Option<&'grammar Plot>) -> Vec<&'grammar str> {
        let world = self.worlds.first().map(|world| &world.slots);
        let slots = [&self.slots].into_iter().chain(world).chain(plot.map(|plot| &plot.slots)).flatten();
        let named = slots
            .flat_map(|(name, choices)| choices.iter().take(1).flat_map(move |choice| choice.texts(name)));
        let pronouns = self.pronouns.iter().flat_map(|(names, _)| names).map(String::as_str);
        named.map(|(name, _)| name).chain(PEOPLE).chain(pronouns).collect()
    }

    fn check(&self) -> Result<()> {
        let known = self.known(None);
        let check = |place: &str, texts: Texts| self.check_texts(&texts, &known, place);
        for (name, texts) in self.lists.iter().chain(&self.closings) {
            check(&format!("the list {name}"), *texts)?;
        }
        let Introduction { hero, friend, habit } = self.beats;
        for texts in [hero, friend, habit] {
            check("beats", texts)?;
        }
        for world in &self.worlds {
            self.check_slots(&world.slots, &known, "a world")?;
            check("the kinds of a world", world.he.kinds)?;
            check("the kinds of a world", world.she.kinds)?;
        }
        self.check_slots(&self.slots, &known, "the grammar")?;
        for plot in &self.plots {
            let (known, place) = (self.known(Some(plot)), format!("plot {}", plot.name));
            self.check_slots(&plot.slots, &known, &place)?;
            for beat in [&plot.opening, &plot.middle, &plot.ending].into_iter().flatten() {
                self.check_texts(beat, &known, &place)?;
            }
            if self.closings(plot).is_empty() {
                return Err(format!("{place}: there are no closings {}", plot.closings));
            }
        }
        Ok(())
    }

    fn check_slots(&self, slots: &Picks, known: &[&str], place: &str) -> Result<()> {
        for (name, choices) in slots {
            let texts = choices.iter().map(|choice| choice.texts(name));
            let mut all = texts.map(|texts| texts.into_iter().map(|(slot, _)| slot).collect::<Vec<_>>());
            let first = all.next().ok_or_else(|| format!("{place}: the slot {name} is empty"))?;
            if all.any(|other| other != first) {
                return Err(format!("{place}: every choice of the slot {name} must fill the same slots"));
            }
            for (_, text) in choices.iter().flat_map(|choice| choice.texts(name)) {
                self.check_texts(&[text], known, place)?;
            }
        }
        Ok(())
    }

    /// Checks that brackets are closed, and that lists and slots exist.
    pub(crate) fn check_texts(&self, texts: &[&str], known: &[&str], place: &str) -> Result<()> {
        let mistake =
            |text: &&str| self.mistake(text, known, 0).map(|what| format!("{place}: {what} in {text:?}"));
        texts.iter().find_map(mistake).map_or(Ok(()), Err)
    }

    fn mistake(&self, text: &str, known: &[&str], depth: usize) -> Option<String> {
        if depth > DEPTH {
            return Some("lists that hold each other".to_owned());
        }
        let mut open = 0;
        for (at, letter) in text.char_indices() {
            let inside = |end: char| {
                let inside = text.get(at + 1..)?.split_once(end)?.0;
                inside.chars().all(|letter| letter.is_alphanumeric() || letter == '_').then_some(inside)
            };
            match letter {
                '[' => open += 1,
                ']' if open == 0 => return Some("a bracket ] without [".to_owned()),
                ']' => open -= 1,
                '|' if open == 0 => return Some("a | outside of brackets".to_owned()),
                '{' => {
                    let Some(name) = inside('}') else { return Some("a brace { without }".to_owned()) };
                    if !known.contains(&name) && !known.contains(&&*lowered(name)) {
                        return Some(format!("unknown slot {{{name}}}"));
                    }
                }
                '<' => {
                    let Some(name) = inside('>') else { return Some("a < without >".to_owned()) };
                    let entries = self.list(name);
                    if entries.is_empty() {
                        return Some(format!("unknown list <{name}>"));
                    }
                    if let Some(what) = entries.iter().find_map(|entry| self.mistake(entry, known, depth + 1))
                    {
                        return Some(what);
                    }
                }
                _ => {}
            }
        }
        (open > 0).then(|| "a bracket [ without ]".to_owned())
    }
}

/// The slot's name for `{Name}`.
pub(super) fn lowered(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default() + letters.as_str()
}
