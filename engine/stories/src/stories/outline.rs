//! A story as a list of sentences and picks, so that tasks can ask about its content.

use super::expand::{Picker, Slots, capitals, expand};
use super::grammar::{Plot, World, grammar};
use std::ops::Range;

#[derive(Debug)]
pub(crate) struct Outline {
    pub(crate) plot: &'static Plot,
    /// The story's parts, of one or two sentences each, in order and with open slots: two that introduce the hero, those of the plot,
    /// and the closing.
    pub(crate) beats: Vec<String>,
    /// Indices of the beats that start the second and third paragraph.
    pub(crate) paragraphs: [usize; 2],
    slots: Slots,
}

impl Outline {
    pub(crate) fn new(key: u64) -> Self {
        let grammar = grammar();
        let mut picker = Picker::new(key);
        let world = &grammar.worlds[picker.below(grammar.worlds.len())];
        let mut slots = cast(&mut picker, world);
        let plot = &grammar.plots[picker.below(grammar.plots.len())];
        for (name, choices) in grammar.slots.iter().chain(&world.slots).chain(&plot.slots) {
            let choice = choices[picker.below(choices.len())].texts(name).into_iter();
            slots.extend(choice.map(|(name, text)| (name, picker.resolve(text, grammar))));
        }
        let mut pick = |texts: &[&'static str]| {
            let text = picker.pick(texts);
            picker.resolve(text, grammar)
        };
        let mut told = [&plot.opening, &plot.middle, &plot.ending].map(|beats| {
            let beats = beats.iter().map(|texts| pick(texts));
            beats.filter(|beat| !beat.is_empty()).collect::<Vec<_>>()
        });
        told[2].push(pick(grammar.closings(plot)));
        // The introduction mentions the friend if the friend appears later, unless the two first meet in the story.
        let friend_comes = told.iter().flatten().any(|beat| beat.contains("{Friend}"));
        let about = if friend_comes && !plot.strangers { grammar.beats.friend } else { grammar.beats.habit };
        let mut beats = vec![pick(&grammar.beats.hero), pick(&about)];
        let mut starts = [0; 3];
        for (start, paragraph) in starts.iter_mut().zip(told) {
            *start = beats.len();
            beats.extend(paragraph);
        }
        Self { plot, beats, paragraphs: [starts[1], starts[2]], slots }
    }

    pub(crate) fn fill(&self, template: &str) -> String {
        expand(template, &self.slots)
    }

    /// The text of a range of beats, separated by spaces.
    pub(crate) fn excerpt(&self, beats: Range<usize>) -> String {
        let beats = self.beats.get(beats).unwrap_or_default().iter();
        beats.map(|beat| capitals(self.fill(beat))).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn text(&self) -> String {
        let [second, third] = self.paragraphs;
        [0..second, second..third, third..self.beats.len()].map(|beats| self.excerpt(beats)).join("\n\n")
    }
}

/// Picks a hero, a friend and an elder with their pronouns.
fn cast(picker: &mut Picker, world: &'static World) -> Slots {
    let mut person = || {
        let she = picker.below(2);
        let people = world.people(she);
        let kind = picker.pick(&people.kinds);
        (she, picker.pick(&people.names), picker.resolve(kind, grammar()))
    };
    let (he, name, kind) = person();
    // With two foxes in one story, "the fox" would be ambiguous.
    let (fhe, friend, fkind) = loop {
        let other = person();
        if other.1 != name && (other.2 != kind || *world.people(0).kinds != *world.people(1).kinds) {
            break other;
        }
    };
    let ehe = picker.below(2);
    let elder = picker.pick(&world.people(ehe).elders).to_owned();
    let named = [("hero", name.to_owned()), ("friend", friend.to_owned())];
    let kinds = [("kind", kind), ("fkind", fkind), ("elder", elder)];
    let pronouns = grammar().pronouns.iter().flat_map(|(forms, pronoun)| {
        let text = |gender| if gender == 0 { &pronoun.he } else { &pronoun.she };
        forms.iter().zip([he, fhe, ehe]).map(move |(form, gender)| (form.as_str(), text(gender).clone()))
    });
    named.into_iter().chain(kinds).chain(pronouns).collect()
}
