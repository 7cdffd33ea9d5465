//! Questions about a story: who and where, with a name or place as the answer, about a beginning that says it, at level 1; what, about
//! a longer beginning, at level 2; why, how and who, about the whole story, at level 3.

use super::Check;
use super::draw::{Draft, Draw, exact, with_article};
use super::plots::{self, Question};
use super::texts::Wordings;

/// Maximum number of characters of a story at levels 1 and 2: a row of level 1 is about 128 tokens of a small vocabulary.
const MAX_CHARACTERS: [usize; 2] = [340, 640];

/// Maximum number of words in an answer that is checked for its content, at levels 1 and 2 and at level 3; excludes copies of the
/// story.
const MAX_WORDS: [u64; 2] = [12, 20];

pub(super) fn draft(draw: &mut Draw) -> Option<Draft> {
    let outline = draw.story();
    let about = plots::of(outline.plot)?;
    let level = draw.level;
    let of_level = |questions: &'static [Question]| -> Vec<&'static Question> {
        questions.iter().filter(|question| question.level == level).collect()
    };
    let (any, own) = (of_level(plots::any()), of_level(&about.questions));
    // At level 1, most questions are about any plot, so that a small model sees each of them often.
    let choices = match (own.is_empty(), level) {
        (true, _) => any,
        (false, 1) if draw.below(4) > 0 => any,
        (false, 2) if draw.below(4) == 0 => any,
        (false, _) => own,
    };
    if choices.is_empty() {
        return None;
    }
    let question = draw.pick(&choices);
    let beats = &outline.beats;
    // Number of the last required beat, from 1.
    let said = |beat: &String| question.needs.iter().any(|part| beat.contains(part.as_str()));
    let needed = if question.needs.is_empty() { 2 } else { (beats.iter().position(said)? + 1).max(2) };
    let story = match level {
        1 => outline.excerpt(0..needed.max(2 + draw.below(3))),
        2 => outline.excerpt(0..(needed.max(4) + draw.below(3)).min(beats.len())),
        _ => outline.text(),
    };
    if MAX_CHARACTERS.get(usize::from(level) - 1).is_some_and(|most| story.chars().count() > *most) {
        return None;
    }
    let (asked, template) = match clause(&question.ask) {
        Some(clause) if draw.below(5) < 2 => {
            let (opening, template) = draw.word("story-indirect");
            (opening.replace("{clause}", clause), template)
        }
        _ => {
            let (asked, template) = draw.word_of(&question.name, &question.ask);
            (asked.to_owned(), template)
        }
    };
    let (frame, frame_template) = draw.word("story-frame");
    let prompt = frame.replace("{question}", &outline.fill(&asked)).replace("{story}", &story);
    let answer = outline.fill(&question.answer);
    let check = if question.keys.is_empty() {
        exact(accepted(&answer))
    } else {
        let all = question.keys.iter().map(|key| outline.fill(key)).collect();
        Check::Contains { all, max_words: MAX_WORDS[usize::from(level > 2)] }
    };
    Some(Draft::new(format!("{template}+{frame_template}"), &prompt, &answer, check))
}

/// The question as a clause, taken from its validation wording.
fn clause(ask: &Wordings) -> Option<&'static str> {
    ask.validation.first()?.strip_prefix("Tell me ")?.strip_suffix('.')
}

/// Accepted variants of an answer: a place without its preposition, a thing with another article or none.
pub(super) fn accepted(answer: &str) -> Vec<String> {
    let mut all = vec![answer.to_owned()];
    let mut core = answer;
    for small in [
        "in ", "on ", "at ", "by ", "near ", "next to ", "to ", "under ", "behind ", "of ", "between ",
        "along ", "through ", "up ", "deep ",
    ] {
        if let Some(rest) = core.strip_prefix(small) {
            core = rest;
            all.push(core.to_owned());
            break;
        }
    }
    let stripped =
        ["a ", "an ", "the ", "his ", "her "].iter().find_map(|article| core.strip_prefix(article));
    if let Some(noun) = stripped {
        all.push(noun.to_owned());
        all.push(with_article(noun));
        all.extend(["the", "his", "her"].map(|article| format!("{article} {noun}")));
    }
    let mut seen = Vec::new();
    all.retain(|text| {
        let new = !seen.contains(text);
        seen.push(text.clone());
        new
    });
    all
}
