//! One-sentence summaries: of a story's beginning at level 1, of its first two paragraphs at level 2, of the whole story at level 3.

use super::Check;
use super::draw::{Draft, Draw, Wordings};
use super::plots;

pub(super) const WORDINGS: &[&Wordings] = &[&ASK];

/// Longer answers are not summaries.
const MAX_WORDS: u64 = 25;

const ASK: Wordings = Wordings {
    name: "summary",
    train: &[
        "{story}\n\nTell this story in one sentence.",
        "{story}\n\nWhat happened? Say it in one sentence.",
        "Say in one sentence what happens here.\n\n{story}",
        "Make this story short: one sentence.\n\n{story}",
        "Story: {story}\n\nSummary in one sentence:",
        "{story}\n\nGive a short summary.",
    ],
    validation: &["{story}\n\nWrite a summary of one sentence.", "Sum this up in a sentence.\n\n{story}"],
    held_out: &[
        "{story}\n\nPlease put the story into a single sentence.",
        "Here is a story. Give only one sentence that tells what happened.\n\n{story}",
    ],
};

pub(super) fn draft(draw: &mut Draw) -> Option<Draft> {
    let outline = draw.story();
    let about = plots::of(outline.plot())?;
    let [second, third] = outline.paragraphs();
    let story = match draw.level {
        1 => outline.excerpt(0..second),
        2 => [0..second, second..third].map(|beats| outline.excerpt(beats)).join("\n\n"),
        _ => outline.text(),
    };
    let (summary, keys) = *about.summaries.get(usize::from(draw.level).checked_sub(1)?)?;
    let all = keys.iter().map(|key| outline.fill(key)).collect();
    let (asked, template) = draw.word(&ASK);
    let check = Check::Contains { all, max_words: MAX_WORDS };
    Some(Draft::new(template, &asked.replace("{story}", &story), &outline.fill(summary), check))
}
