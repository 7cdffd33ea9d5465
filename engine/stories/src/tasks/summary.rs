//! One-sentence summaries: of a story's beginning at level 1, of its first two paragraphs at level 2, of the whole story at level 3.

use super::Check;
use super::draw::{Draft, Draw};
use super::plots;

/// Longer answers are not summaries.
const MAX_WORDS: u64 = 25;

pub(super) fn draft(draw: &mut Draw) -> Option<Draft> {
    let outline = draw.story();
    let about = plots::of(outline.plot)?;
    let [second, third] = outline.paragraphs;
    let story = match draw.level {
        1 => outline.excerpt(0..second),
        2 => [0..second, second..third].map(|beats| outline.excerpt(beats)).join("\n\n"),
        _ => outline.text(),
    };
    let summary = about.summaries.get(usize::from(draw.level).checked_sub(1)?)?;
    let all = summary.keys.iter().map(|key| outline.fill(key)).collect();
    let (asked, template) = draw.word("summary");
    let check = Check::Contains { all, max_words: MAX_WORDS };
    Some(Draft::new(template, &asked.replace("{story}", &story), &outline.fill(&summary.text), check))
}
