//! The grammar of `stories.toml`, parsed and checked once.

use std::sync::LazyLock;
use toml::{Table, Value};

/// Entries and sentences have a static lifetime.
type Texts = &'static [&'static str];
type Result<T> = std::result::Result<T, String>;

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(embedded);

/// Maximum nesting of lists in lists.
const DEPTH: usize = 8;

/// Slots for the people of every story.
const PEOPLE: Texts = &["hero", "kind", "friend", "fkind", "elder"];

/// Prefixes of the pronoun names: for the hero, the friend and the elder.
const PREFIXES: [&str; 3] = ["", "f", "e"];

/// A pick that is used throughout a story: slot names, and the slots' texts for each choice.
#[derive(Debug)]
pub(crate) struct Slot {
    pub names: Vec<&'static str>,
    pub choices: Vec<Vec<&'static str>>,
}

/// The names of one gender in a world.
#[derive(Debug)]
pub(super) struct People {
    pub names: Texts,
    pub kinds: Texts,
    pub elders: Texts,
}

/// A world: children or animals. `people` are `he` and `she`.
#[derive(Debug)]
pub(super) struct World {
    pub people: [People; 2],
    pub slots: Vec<Slot>,
}

#[derive(Debug)]
pub(crate) struct Plot {
    pub name: &'static str,
    /// Whether hero and friend first meet in the story.
    pub strangers: bool,
    pub slots: Vec<Slot>,
    /// The beats of the three paragraphs, without introduction and closing; each beat is a list of alternative texts.
    pub paragraphs: [Vec<Texts>; 3],
    pub closings: Texts,
}

#[derive(Debug)]
pub(crate) struct Grammar {
    lists: Vec<(&'static str, Texts)>,
    /// Slot names for hero, friend and elder, and the texts for `he` and `she`.
    pub(super) pronouns: Vec<([&'static str; 3], [&'static str; 2])>,
    pub(super) slots: Vec<Slot>,
    pub(super) worlds: Vec<World>,
    pub(super) hero: Texts,
    pub(super) friend: Texts,
    pub(super) habit: Texts,
    pub(crate) plots: Vec<Plot>,
}

pub(crate) fn grammar() -> &'static Grammar {
    &GRAMMAR
}

const SOURCE: &str = include_str!("../../stories.toml");

#[expect(clippy::panic, reason = "a test reads the embedded grammar")]
fn embedded() -> Grammar {
    Grammar::parse(SOURCE).unwrap_or_else(|error| panic!("stories.toml: {error}"))
}

impl Grammar {
    /// Parses a grammar.
    ///
    /// # Errors
    /// The first mistake, with its plot and text.
    pub(crate) fn parse(source: &str) -> Result<Self> {
        let table = parsed(source)?;
        let section = |name| table_of(table, name, "the grammar");
        let each = |name| -> Result<Vec<(&'static str, Texts)>> {
            let lists = sorted(section(name)?).into_iter();
            lists.map(|(key, value)| Ok((key.as_str(), texts_of(value, &format!("{name}.{key}"))?))).collect()
        };
        let pronouns = section("pronouns")?.iter().map(|(key, forms)| {
            let place = format!("pronouns.{key}");
            let forms = as_table(forms, &place)?;
            let names = PREFIXES.map(|prefix| &*format!("{prefix}{key}").leak());
            Ok((names, [text(forms, "he", &place)?, text(forms, "she", &place)?]))
        });
        let beats = section("beats")?;
        let mut grammar = Self {
            lists: each("lists")?,
            pronouns: pronouns.collect::<Result<_>>()?,
            slots: slots(table, "the grammar")?,
            worlds: tables(table, "world", "the grammar")?.map(world).collect::<Result<_>>()?,
            hero: texts(beats, "hero", "beats")?,
            friend: texts(beats, "friend", "beats")?,
            habit: texts(beats, "habit", "beats")?,
            plots: Vec::new(),
        };
        let closings = each("closings")?;
        for table in tables(table, "plot", "the grammar")? {
            grammar.plots.push(plot(table, &closings)?);
        }
        grammar.check(&closings)?;
        Ok(grammar)
    }

    /// The entries of a list; empty if the list does not exist.
    pub(crate) fn list(&self, name: &str) -> Texts {
        let found = self.lists.binary_search_by_key(&name, |(list, _)| list);
        found.ok().and_then(|at| self.lists.get(at)).map_or(&[], |(_, entries)| entries)
    }

    /// Names of one gender, of children or animals.
    pub(crate) fn names(&self, animals: bool, she: bool) -> Texts {
        let world = self.worlds.get(usize::from(animals));
        world.map_or(&[], |world| world.people[usize::from(she)].names)
    }

    /// The slots that a plot's texts may use.
    pub(crate) fn known(&self, plot: Option<&Plot>) -> Vec<&'static str> {
        let world = self.worlds.first().map_or(&[][..], |world| &world.slots);
        let slots = self.slots.iter().chain(world).chain(plot.map_or(&[][..], |plot| &plot.slots));
        let named = slots.flat_map(|slot| &slot.names).chain(PEOPLE).copied();
        named.chain(self.pronouns.iter().flat_map(|(names, _)| *names)).collect()
    }

    fn check(&self, closings: &[(&'static str, Texts)]) -> Result<()> {
        let known = self.known(None);
        let check = |place: &str, texts: Texts| self.check_texts(texts, &known, place);
        for (name, texts) in self.lists.iter().chain(closings) {
            check(&format!("the list {name}"), texts)?;
        }
        for (name, texts) in [("hero", self.hero), ("friend", self.friend), ("habit", self.habit)] {
            check(&format!("beats.{name}"), texts)?;
        }
        for world in &self.worlds {
            self.check_slots(&world.slots, &known, "a world")?;
            for people in &world.people {
                check("the kinds of a world", people.kinds)?;
            }
        }
        self.check_slots(&self.slots, &known, "the grammar")?;
        for plot in &self.plots {
            let (known, place) = (self.known(Some(plot)), format!("plot {}", plot.name));
            self.check_slots(&plot.slots, &known, &place)?;
            for beat in plot.paragraphs.iter().flatten() {
                self.check_texts(beat, &known, &place)?;
            }
        }
        Ok(())
    }

    fn check_slots(&self, slots: &[Slot], known: &[&str], place: &str) -> Result<()> {
        for choice in slots.iter().flat_map(|slot| &slot.choices) {
            self.check_texts(choice, known, place)?;
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

fn world(table: &'static Table) -> Result<World> {
    let people = |gender: &str| -> Result<People> {
        let (table, place) = (table_of(table, gender, "a world")?, format!("world.{gender}"));
        let of = |key: &str| texts(table, key, &place);
        Ok(People { names: of("names")?, kinds: of("kinds")?, elders: of("elders")? })
    };
    Ok(World { people: [people("he")?, people("she")?], slots: slots(table, "a world")? })
}

fn plot(table: &'static Table, closings: &[(&'static str, Texts)]) -> Result<Plot> {
    let name = text(table, "name", "a plot")?;
    let place = format!("plot {name}");
    let beats = |key: &str| -> Result<Vec<Texts>> {
        let beats = filled(field(table, key, &place)?, &format!("{place}: {key}"))?;
        beats.iter().map(|beat| texts_of(beat, &format!("{place}: a beat of {key}"))).collect()
    };
    let closing = text(table, "closings", &place)?;
    let found = closings.iter().find(|(name, _)| *name == closing);
    Ok(Plot {
        name,
        strangers: table.get("strangers").and_then(Value::as_bool).unwrap_or(false),
        slots: if table.contains_key("slots") { slots(table, &place)? } else { Vec::new() },
        paragraphs: [beats("opening")?, beats("middle")?, beats("ending")?],
        closings: found.ok_or_else(|| format!("{place}: there are no closings {closing}"))?.1,
    })
}

fn slots(table: &'static Table, place: &str) -> Result<Vec<Slot>> {
    let slot = |(name, value): (&'static String, &'static Value)| {
        let place = format!("{place}: the slot {name}");
        let mut slot = Slot { names: Vec::new(), choices: Vec::new() };
        for choice in filled(value, &place)? {
            let mut row = match choice.as_table() {
                None => vec![(name.as_str(), as_text(choice, &place)?)],
                Some(row) => {
                    let row = row.iter().map(|(key, text)| Ok((key.as_str(), as_text(text, &place)?)));
                    row.collect::<Result<Vec<_>>>()?
                }
            };
            row.sort_unstable();
            let (names, texts) = row.into_iter().unzip();
            if !slot.choices.is_empty() && slot.names != names {
                return Err(format!("{place}: every choice must fill the same slots"));
            }
            slot.names = names;
            slot.choices.push(texts);
        }
        Ok(slot)
    };
    sorted(table_of(table, "slots", place)?).into_iter().map(slot).collect()
}

/// Sorted by name, because the draws must not depend on the parser's order.
fn sorted(table: &'static Table) -> Vec<(&'static String, &'static Value)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_unstable_by_key(|(name, _)| *name);
    entries
}

/// Parses TOML into a static table (leaked).
pub(crate) fn parsed(source: &str) -> Result<&'static Table> {
    let table = source.parse::<Table>().map_err(|error| error.to_string())?;
    Ok(Box::leak(Box::new(table)))
}

fn field(table: &'static Table, key: &str, place: &str) -> Result<&'static Value> {
    table.get(key).ok_or_else(|| format!("{place} has no `{key}`"))
}

fn as_table(value: &'static Value, place: &str) -> Result<&'static Table> {
    value.as_table().ok_or_else(|| format!("{place} must be a table"))
}

/// A field that is a table.
pub(crate) fn table_of(table: &'static Table, key: &str, place: &str) -> Result<&'static Table> {
    as_table(field(table, key, place)?, &format!("{place}: {key}"))
}

fn as_text(value: &'static Value, place: &str) -> Result<&'static str> {
    value.as_str().ok_or_else(|| format!("{place} must be text"))
}

pub(crate) fn text(table: &'static Table, key: &str, place: &str) -> Result<&'static str> {
    as_text(field(table, key, place)?, &format!("{place}: {key}"))
}

/// A non-empty list.
fn filled(value: &'static Value, place: &str) -> Result<&'static Vec<Value>> {
    let list = value.as_array().ok_or_else(|| format!("{place} must be a list"))?;
    if list.is_empty() { Err(format!("{place} is empty")) } else { Ok(list) }
}

fn texts_of(value: &'static Value, place: &str) -> Result<Texts> {
    let texts = filled(value, place)?.iter().map(|entry| as_text(entry, place));
    Ok(texts.collect::<Result<Vec<_>>>()?.leak())
}

/// A field that is a list of strings.
pub(crate) fn texts(table: &'static Table, key: &str, place: &str) -> Result<Texts> {
    texts_of(field(table, key, place)?, &format!("{place}: {key}"))
}

/// The tables of `[[key]]`.
pub(crate) fn tables(
    table: &'static Table,
    key: &str,
    place: &str,
) -> Result<impl Iterator<Item = &'static Table>> {
    let at = format!("{place}: {key}");
    let found = filled(field(table, key, place)?, &at)?.iter().map(|entry| as_table(entry, &at));
    Ok(found.collect::<Result<Vec<_>>>()?.into_iter())
}
