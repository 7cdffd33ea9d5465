//! A story as a list of sentences and picks, so that others can ask about what it says.

use super::expand::{Picker, Slots, expand};
use super::{cast, plots};

/// What a story is made of before its text is put together.
#[derive(Debug)]
pub(crate) struct Outline {
    plot: &'static str,
    beats: Vec<&'static str>,
    /// At which beats the second and the third paragraph begin.
    paragraphs: [usize; 2],
    slots: Slots,
}

impl Outline {
    /// Of the story that has this key.
    pub(crate) fn new(key: u64) -> Self {
        let mut picker = Picker::new(key);
        let mut slots = cast::slots(&mut picker);
        let plot = plots::choose(&mut picker);
        for (slot, choices) in plot.slots {
            slots.push((slot, picker.pick(choices).to_string()));
        }
        let mut pick = |beats: &[&[&'static str]]| -> Vec<&'static str> {
            beats.iter().map(|choices| picker.pick(choices)).collect()
        };
        let told: Vec<_> =
            [plot.opening, plot.middle, plot.ending, &[plot.closings]].into_iter().map(&mut pick).collect();
        // Nobody turns up who has not been introduced, unless the two meet in the story.
        let friend_comes = told.iter().flatten().any(|beat| beat.contains("{Friend}"));
        let about = if friend_comes && !plot.strangers { plots::FRIENDS } else { plots::HABITS };
        let introduction = pick(&[plots::OPENINGS, about]);
        let first = introduction.len() + plot.opening.len();
        let paragraphs = [first, first + plot.middle.len()];
        let beats = introduction.into_iter().chain(told.into_iter().flatten()).collect();
        Self { plot: plot.name, beats, paragraphs, slots }
    }

    /// The plot's name.
    pub(crate) fn plot(&self) -> &'static str {
        self.plot
    }

    /// The story's parts of a sentence or two, in order, with their slots open: two introduce the hero, the plot's follow, and the
    /// last one closes.
    pub(crate) fn beats(&self) -> &[&'static str] {
        &self.beats
    }

    /// At which beats the second and the third paragraph begin.
    pub(crate) fn paragraphs(&self) -> [usize; 2] {
        self.paragraphs
    }

    /// A text with this story's picks in its slots.
    pub(crate) fn fill(&self, template: &str) -> String {
        expand(template, &self.slots)
    }

    /// The beats from one number up to another, with spaces between them.
    pub(crate) fn excerpt(&self, beats: std::ops::Range<usize>) -> String {
        self.fill(&self.beats.get(beats).unwrap_or_default().join(" "))
    }

    /// The whole story: three paragraphs.
    pub(crate) fn text(&self) -> String {
        let [second, third] = self.paragraphs;
        [0..second, second..third, third..self.beats.len()].map(|beats| self.excerpt(beats)).join("\n\n")
    }
}
