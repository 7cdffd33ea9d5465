//! What is asked about each plot of the stories, and what its stories come to in a sentence.

mod kindness;
mod trouble;

use super::draw::Wordings;

/// A question about stories of one plot, or of all.
#[derive(Debug)]
pub(in crate::tasks) struct Question {
    /// The lowest level that it is asked at.
    pub level: u8,
    /// The story must have said one of each list: parts of sentences with open slots.
    pub needs: &'static [&'static [&'static str]],
    /// How it is asked.
    pub ask: Wordings,
    /// The reference answer.
    pub answer: &'static str,
    /// What a right answer contains; where nothing is named, it is the reference itself, give or take an article or a preposition.
    pub keys: &'static [&'static str],
}

/// A summary, and what must be in any.
pub(in crate::tasks) type Summary = (&'static str, &'static [&'static str]);

/// What is asked about one plot.
#[derive(Debug)]
pub(in crate::tasks) struct About {
    pub plot: &'static str,
    pub questions: &'static [Question],
    /// Of the beginning, of the first two paragraphs, of the whole.
    pub summaries: [Summary; 3],
}

/// Shorthand: needs, and how it is asked in training, validation and held-out rows.
const fn question(
    level: u8,
    (name, needs): (&'static str, &'static [&'static [&'static str]]),
    [train, validation, held_out]: [&'static [&'static str]; 3],
    answer: &'static str,
    keys: &'static [&'static str],
) -> Question {
    Question { level, needs, ask: Wordings { name, train, validation, held_out }, answer, keys }
}

/// What can be asked about any plot.
pub(in crate::tasks) const ANY: &[Question] = &[
    question(
        1,
        ("story-who-hero", &[]),
        [
            &[
                "Who is the story about?",
                "Who is this story about?",
                "Whose story is this?",
                "Who is it about?",
                "Who do we read about first?",
                "Who is the story mostly about?",
                "Which name comes first in the story?",
                "What is the story about? Say the name.",
            ],
            &["Tell me who this story is about."],
            &["Please say who the story is about.", "Say who this is about.", "The story is about whom?"],
        ],
        "{Hero}",
        &[],
    ),
    question(
        1,
        ("story-who-friend", &[&["friend named {Friend}", "friend {Friend}", "{fkind} named {Friend}"]]),
        [
            &[
                "Who is {Hero}'s friend?",
                "What is the name of {Hero}'s friend?",
                "Who is the friend of {Hero}?",
                "Who was {Hero}'s friend?",
                "Which friend did {Hero} have?",
                "{Hero} had a friend. Who was it?",
                "What was {Hero}'s friend named?",
                "Who was a friend to {Hero}?",
            ],
            &["Tell me the name of {Hero}'s friend."],
            &[
                "Please say who {Hero}'s friend is.",
                "Name the friend of {Hero}.",
                "{Hero}'s friend is named what?",
            ],
        ],
        "{Friend}",
        &[],
    ),
    question(
        1,
        ("story-where-home", &[&["lived {home}"]]),
        [
            &[
                "Where did {Hero} live?",
                "Where was {Hero}'s home?",
                "In what place did {Hero} live?",
                "Where is the home of {Hero}?",
                "Where does {Hero} live?",
                "{Hero} had a home. Where was it?",
                "What was the place where {Hero} lived?",
            ],
            &["Tell me where {Hero} lived."],
            &[
                "Please say where {Hero} lived.",
                "Say where {Hero}'s home was.",
                "The home of {Hero} was where?",
            ],
        ],
        "{home}",
        &[],
    ),
    question(
        1,
        ("story-who-elder", &[&["lived with {his} {elder}"]]),
        [
            &["Who did {Hero} live with?", "With whom did {Hero} live?", "Who lived with {Hero}?"],
            &["Tell me who {Hero} lived with."],
            &["Please say who {Hero} lived with."],
        ],
        "{his} {elder}",
        &[],
    ),
    question(
        2,
        ("story-what-trait", &[&["{trait}"]]),
        [
            &["What was {Hero} like?", "Which word tells what {Hero} was like?"],
            &["Tell me what {Hero} was like."],
            &["Describe {Hero} in a word."],
        ],
        "{trait}",
        &[],
    ),
    question(
        2,
        ("story-what-hobby", &[&["to {hobby}"]]),
        [
            &["What did {Hero} like to do?", "What did {Hero} love to do?"],
            &["Tell me what {Hero} liked to do."],
            &["Which things did {Hero} like to do?"],
        ],
        "{hobby}",
        &[],
    ),
];

/// What is asked about a plot.
pub(in crate::tasks) fn of(plot: &str) -> Option<&'static About> {
    all().find(|about| about.plot == plot)
}

/// About every plot of the stories.
pub(in crate::tasks) fn all() -> impl Iterator<Item = &'static About> {
    trouble::PLOTS.iter().chain(kindness::PLOTS)
}
