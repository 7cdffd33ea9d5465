//! Mistakes in the texts of the grammar: unknown slots and lists, and brackets that are not closed.

use crate::stories::grammar::{Grammar, Introduction, Picks, Plot, Texts, lowered};

type Result<T, E = String> = std::result::Result<T, E>;

/// Maximum nesting of lists in lists.
const DEPTH: usize = 8;

/// Slots for the people of every story.
const PEOPLE: [&str; 5] = ["hero", "kind", "friend", "fkind", "elder"];

impl Grammar {
    /// The slots that a plot's texts may use.
    pub(crate) fn known<'grammar>(&'grammar self, plot: Option<&'grammar Plot>) -> Vec<&'grammar str> {
        let world = self.worlds.first().map(|world| &world.slots);
        let slots = [&self.slots].into_iter().chain(world).chain(plot.map(|plot| &plot.slots)).flatten();
        let named = slots
            .flat_map(|(name, choices)| choices.iter().take(1).flat_map(move |choice| choice.texts(name)));
        let pronouns = self.pronouns.iter().flat_map(|(names, _)| names).map(String::as_str);
        named.map(|(name, _)| name).chain(PEOPLE).chain(pronouns).collect()
    }

    pub(crate) fn check(&self) -> Result<()> {
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
