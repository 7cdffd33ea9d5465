//! Whether a text is a story of the grammar: the same people, pronouns, kinds and things from its first sentence to its last.

use super::expand::alternatives;
use super::grammar::{Grammar, Plot, World, grammar, lowered};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoryCheck {
    /// Whether the second sentence names the hero of the first.
    pub keeps_hero: bool,
    /// Whether the grammar could have written the whole text.
    pub follows_grammar: bool,
}

/// Compares a text with the grammar, ignoring capital letters.
pub fn check_story(text: &str) -> StoryCheck {
    let text = text.trim();
    let grammar = grammar();
    let readings = grammar
        .plots
        .iter()
        .flat_map(|plot| grammar.worlds.iter().map(move |world| Reading { grammar, plot, world }));
    let follows_grammar =
        readings.into_iter().any(|reading| reading.beat((0, 0), true, text, &Picks::default()));
    StoryCheck { keeps_hero: keeps_hero(text), follows_grammar }
}

fn keeps_hero(text: &str) -> bool {
    let (first, rest) = text.split_once(". ").unwrap_or((text, ""));
    let second = rest.split(['.', '!', '?']).next().unwrap_or_default();
    let words = |text| str::split(text, |letter: char| !letter.is_alphanumeric());
    let is_name = |word: &&str| (0..4).any(|set| grammar().names(set < 2, set % 2 == 0).contains(word));
    words(first).find(is_name).is_some_and(|hero| words(second).any(|word| word == hero))
}

/// The picks of a story, as far as it was read.
#[derive(Clone, Default)]
struct Picks<'text> {
    /// Of hero, friend and elder.
    genders: [Option<usize>; 3],
    slots: Vec<(&'static str, &'text str)>,
    /// Index of the choice made for slots that belong together, by the name of the choices.
    choices: Vec<(&'static str, usize)>,
}

impl<'text> Picks<'text> {
    fn get(&self, slot: &str) -> Option<&'text str> {
        self.slots.iter().find(|(name, _)| *name == slot).map(|(_, text)| *text)
    }

    fn with(&self, slot: &'static str, text: &'text str) -> Self {
        let mut picks = self.clone();
        picks.slots.push((slot, text));
        picks
    }

    fn of_gender(&self, person: usize, gender: usize) -> Option<Self> {
        let mut picks = self.clone();
        (*picks.genders[person].get_or_insert(gender) == gender).then_some(picks)
    }
}

/// What follows what was read: the rest of the text, and the picks so far.
type Next<'next, 'text> = &'next mut dyn FnMut(&'text str, &Picks<'text>) -> bool;

/// A backtracking reader of stories of one world and plot.
struct Reading {
    grammar: &'static Grammar,
    plot: &'static Plot,
    world: &'static World,
}

impl Reading {
    /// Reads the text from a beat on, by index of paragraph and beat. `begins` says that the paragraph has no text yet.
    fn beat<'text>(
        &self,
        (paragraph, beat): (usize, usize),
        begins: bool,
        text: &'text str,
        picks: &Picks<'text>,
    ) -> bool {
        let Some(choices) = self.choices(paragraph, beat) else {
            return match paragraph {
                2 => text.is_empty(),
                _ => text
                    .strip_prefix("\n\n")
                    .is_some_and(|text| self.beat((paragraph + 1, 0), true, text, picks)),
            };
        };
        choices.into_iter().any(|choice| {
            let next = (paragraph, beat + 1);
            if choice.is_empty() {
                return self.beat(next, begins, text, picks);
            }
            let text = if begins { Some(text) } else { text.strip_prefix(' ') };
            text.is_some_and(|text| {
                self.template(choice, text, picks, &mut |rest, picks| self.beat(next, false, rest, picks))
            })
        })
    }

    /// The texts of a beat; `None` after the last of a paragraph.
    fn choices(&self, paragraph: usize, beat: usize) -> Option<Vec<&'static str>> {
        let introduction = &self.grammar.beats;
        let (beats, own) = match (paragraph, beat) {
            (0, 0) => return Some(introduction.hero.to_vec()),
            (0, 1) if self.plot.strangers => return Some(introduction.habit.to_vec()),
            (0, 1) => return Some([introduction.friend.0, introduction.habit.0].concat()),
            (0, _) => (&self.plot.opening, beat - 2),
            (1, _) => (&self.plot.middle, beat),
            _ => (&self.plot.ending, beat),
        };
        if paragraph == 2 && own == beats.len() {
            return Some(self.grammar.closings(self.plot).to_vec());
        }
        beats.get(own).map(|texts| texts.to_vec())
    }

    /// Reads what a template says, in any of its wordings.
    fn template<'text>(
        &self,
        template: &'static str,
        text: &'text str,
        picks: &Picks<'text>,
        next: Next<'_, 'text>,
    ) -> bool {
        let Some(at) = template.find(['{', '<', '[', '(']) else {
            return after(text, template).is_some_and(|rest| next(rest, picks));
        };
        let (literal, open) = template.split_at(at);
        let Some(text) = after(text, literal) else { return false };
        if let Some(tail) = open.strip_prefix("(n) ") {
            let (rest, has_n) = text.strip_prefix('n').map_or((text, false), |rest| (rest, true));
            return rest.strip_prefix(' ').is_some_and(|rest| {
                has_n == rest.starts_with(['a', 'e', 'i', 'o', 'u']) && self.template(tail, rest, picks, next)
            });
        }
        if let Some(inside) = open.strip_prefix('[') {
            let (count, tail) = alternatives(inside, usize::MAX);
            let choice = |number| alternatives(inside, number).1;
            let mut new =
                (0..count).filter(|number| !(0..*number).any(|other| choice(other) == choice(*number)));
            return new.any(|number| self.both(choice(number), tail, text, picks, next));
        }
        if let Some((name, tail)) = open.strip_prefix('<').and_then(|inside| inside.split_once('>')) {
            // Entries that are listed twice are more frequent; reading them twice would double the search at each.
            let entries = self.grammar.list(name);
            let mut new = entries.iter().enumerate().filter(|(at, entry)| !entries[..*at].contains(entry));
            return new.any(|(_, entry)| self.both(entry, tail, text, picks, next));
        }
        let Some((name, tail)) = open[1..].split_once('}') else { return false };
        self.slot(name, text, picks, &mut |rest, picks| self.template(tail, rest, picks, next))
    }

    fn both<'text>(
        &self,
        first: &'static str,
        second: &'static str,
        text: &'text str,
        picks: &Picks<'text>,
        next: Next<'_, 'text>,
    ) -> bool {
        self.template(first, text, picks, &mut |rest, picks| self.template(second, rest, picks, next))
    }

    /// Reads a slot: what the story has picked for it, or any pick that fits.
    fn slot<'text>(
        &self,
        name: &'static str,
        text: &'text str,
        picks: &Picks<'text>,
        next: Next<'_, 'text>,
    ) -> bool {
        // `{Name}` is `{name}` with a capital letter, and capital letters do not count.
        let lowered = lowered(name);
        let is_own = |own: &str| own == name || own == lowered;
        if let Some((_, pick)) = picks.slots.iter().find(|(own, _)| is_own(own)) {
            return after(text, pick).is_some_and(|rest| next(rest, picks));
        }
        for (forms, pronoun) in &self.grammar.pronouns {
            if let Some(person) = forms.iter().position(|form| is_own(form)) {
                return [&pronoun.he, &pronoun.she].into_iter().enumerate().any(|(gender, word)| {
                    let fits = after(text, word).zip(picks.of_gender(person, gender));
                    fits.is_some_and(|(rest, picks)| next(rest, &picks))
                });
            }
        }
        if let Some((person, slot)) = [(0, "hero"), (1, "friend")].into_iter().find(|(_, slot)| is_own(slot))
        {
            return self.name(person, slot, text, picks, next);
        }
        if let Some((person, slot)) =
            [(0, "kind"), (1, "fkind"), (2, "elder")].into_iter().find(|(_, slot)| is_own(slot))
        {
            // Two animals of one kind could not be told apart; two boys can.
            let may_share_kind = person != 1 || *self.world.people(0).kinds != *self.world.people(1).kinds;
            let mut next = |rest, picks: &Picks<'text>| {
                (may_share_kind || picks.get("kind") != picks.get("fkind")) && next(rest, picks)
            };
            return [0, 1].into_iter().any(|gender| {
                let Some(picks) = picks.of_gender(person, gender) else { return false };
                let people = self.world.people(gender);
                let texts = if person == 2 { people.elders } else { people.kinds };
                texts.iter().any(|choice| self.pick(slot, choice, text, &picks, &mut next))
            });
        }
        let all = self.grammar.slots.iter().chain(&self.world.slots).chain(&self.plot.slots);
        all.into_iter().any(|(group, choices)| {
            let made = picks.choices.iter().find(|(own, _)| own == group).map(|(_, index)| *index);
            let mut possible =
                choices.iter().enumerate().filter(|(index, _)| made.is_none_or(|made| made == *index));
            possible.any(|(index, choice)| {
                let texts = choice.texts(group);
                let Some((slot, template)) = texts.into_iter().find(|(slot, _)| is_own(slot)) else {
                    return false;
                };
                if made.is_some() {
                    return self.pick(slot, template, text, picks, next);
                }
                let mut picks = picks.clone();
                picks.choices.push((group, index));
                self.pick(slot, template, text, &picks, next)
            })
        })
    }

    /// Reads a pick of a slot and keeps it.
    fn pick<'text>(
        &self,
        slot: &'static str,
        template: &'static str,
        text: &'text str,
        picks: &Picks<'text>,
        next: Next<'_, 'text>,
    ) -> bool {
        self.template(template, text, picks, &mut |rest, picks| {
            next(rest, &picks.with(slot, &text[..text.len() - rest.len()]))
        })
    }

    fn name<'text>(
        &self,
        person: usize,
        slot: &'static str,
        text: &'text str,
        picks: &Picks<'text>,
        next: Next<'_, 'text>,
    ) -> bool {
        let is_taken = |name: &str| ["hero", "friend"].iter().any(|other| picks.get(other) == Some(name));
        [0, 1].into_iter().any(|gender| {
            let Some(picks) = picks.of_gender(person, gender) else { return false };
            let names = self.world.people(gender).names;
            names.iter().any(|name| !is_taken(name) && self.pick(slot, name, text, &picks, next))
        })
    }
}

/// What follows a literal text, whatever its capital letters.
fn after<'text>(text: &'text str, literal: &str) -> Option<&'text str> {
    let (start, rest) = text.split_at_checked(literal.len())?;
    start.eq_ignore_ascii_case(literal).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::generate;

    #[test]
    fn stories_follow_the_grammar_and_their_parts_do_not() {
        for story in generate(7).take(400) {
            assert_eq!(
                check_story(&story),
                StoryCheck { keeps_hero: true, follows_grammar: true },
                "{story}"
            );
        }
        let story = generate(7).next().unwrap();
        let without_end = &story[..story.len() - 20];
        let doubled = story.replacen("\n\n", "\n\nThe end. ", 1);
        for other in [without_end, &doubled, "", "Once upon a time"] {
            assert!(!check_story(other).follows_grammar, "{other}");
        }
    }

    #[test]
    fn another_name_or_pronoun_or_kind_is_noticed() {
        let mut names = 0;
        for story in generate(11).take(200) {
            let name = story
                .split([' ', '.', ','])
                .find(|word| (0..4).any(|set| grammar().names(set < 2, set % 2 == 0).contains(word)));
            let name = name.unwrap();
            let other = if name == "Tom" { "Ben" } else { "Tom" };
            let (start, end) = story.split_at(story.rfind("\n\n").unwrap());
            if !end.contains(name) {
                continue;
            }
            names += 1;
            assert!(!check_story(&format!("{start}{}", end.replace(name, other))).follows_grammar, "{story}");
        }
        assert!(names > 100, "{names} of the endings name the hero");
        let told = |story: &str, from: &str, to: &str| check_story(&story.replace(from, to)).follows_grammar;
        let story = generate(7).next().unwrap();
        assert!(told(&story, "", "") && story.contains("with her friend Max, a boy who"));
        assert!(
            !told(&story, "with her friend", "with his friend") && !told(&story, "a boy who", "a girl who")
        );
        let begins = "Once upon a time, there was a shy girl named Mia. ";
        assert!(check_story(&format!("{begins}Mia had a good friend named Tom.")).keeps_hero);
        assert!(!check_story(&format!("{begins}Anna had a good friend named Tom.")).keeps_hero);
        assert!(!check_story(begins).keeps_hero);
    }
}
