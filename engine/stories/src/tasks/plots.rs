//! Questions about each plot of the stories, and its one-sentence summaries, from `questions.toml`. The file is separate because a
//! browser's engine includes the stories without the tasks.

use super::draw::Wordings;
use crate::stories::{Grammar, Plot, grammar, parsed, table_of, tables, text_field, texts};
use std::sync::LazyLock;
use toml::{Table, Value};

/// A question about stories of one plot, or of any plot.
#[derive(Debug)]
pub(super) struct Question {
    /// The level at which it is asked.
    pub level: u8,
    /// The story must contain one of these parts of sentences with open slots, if there are any.
    pub needs: &'static [&'static str],
    pub ask: Wordings,
    pub answer: &'static str,
    /// Texts that a right answer contains; if empty, the answer must equal the reference, except for articles and prepositions.
    pub keys: &'static [&'static str],
}

/// Questions and summaries of one plot, or of any plot.
#[derive(Debug)]
pub(super) struct About {
    pub plot: &'static str,
    pub questions: Vec<Question>,
    /// Summaries of the beginning, of the first two paragraphs and of the whole story: text, and required parts.
    pub summaries: Vec<(&'static str, &'static [&'static str])>,
}

const SOURCE: &str = include_str!("../../questions.toml");

/// The entry for any plot, then one for each plot.
static ALL: LazyLock<Vec<About>> = LazyLock::new(embedded);

#[expect(clippy::panic, reason = "a test reads the embedded questions")]
fn embedded() -> Vec<About> {
    read(SOURCE, grammar()).unwrap_or_else(|error| panic!("questions.toml: {error}"))
}

fn read(source: &str, grammar: &Grammar) -> Result<Vec<About>, String> {
    let asked = parsed(source)?;
    let any = About { plot: "", questions: questions(asked, grammar, None)?, summaries: Vec::new() };
    let plots = grammar.plots.iter().map(|plot| {
        let place = format!("plot {}", plot.name);
        let known = grammar.known(Some(plot));
        let asked = table_of(asked, plot.name, "the file")?;
        let summaries = tables(asked, "summary", &place)?.map(|table| {
            let place = format!("{place}: a summary");
            let (text, keys) = (text_field(table, "text", &place)?, texts(table, "keys", &place)?);
            grammar.check_texts(&[text], &known, &place)?;
            Ok((text, keys))
        });
        let summaries = summaries.collect::<Result<Vec<_>, String>>()?;
        if summaries.len() != 3 {
            return Err(format!("{place} must have three summaries"));
        }
        Ok(About { plot: plot.name, questions: questions(asked, grammar, Some(plot))?, summaries })
    });
    std::iter::once(Ok(any)).chain(plots).collect()
}

fn questions(asked: &'static Table, grammar: &Grammar, plot: Option<&Plot>) -> Result<Vec<Question>, String> {
    let place = plot.map_or("any plot".to_owned(), |plot| format!("plot {}", plot.name));
    let known = grammar.known(plot);
    let question = |table: &'static Table| {
        let name = text_field(table, "name", &format!("{place}: a question"))?;
        let place = format!("{place}: the question {name}");
        let list = |key: &str| if table.contains_key(key) { texts(table, key, &place) } else { Ok(&[][..]) };
        let level = table.get("level").and_then(Value::as_integer).and_then(|level| u8::try_from(level).ok());
        let wordings = |key: &str| -> Result<&'static [&'static str], String> {
            let asked = texts(table, key, &place)?;
            grammar.check_texts(asked, &known, &place)?;
            Ok(asked)
        };
        let [train, validation, held_out] = ["train", "validation", "held_out"].map(wordings);
        let answer = text_field(table, "answer", &place)?;
        grammar.check_texts(&[answer], &known, &place)?;
        Ok(Question {
            level: level
                .filter(|level| (1..=super::LEVELS).contains(level))
                .ok_or_else(|| format!("{place}: level must be 1, 2 or 3"))?,
            needs: list("needs")?,
            ask: Wordings { name, train: train?, validation: validation?, held_out: held_out? },
            answer,
            keys: list("keys")?,
        })
    };
    tables(asked, "question", &place)?.map(question).collect()
}

/// Questions about any plot.
pub(super) fn any() -> &'static [Question] {
    ALL.first().map_or(&[], |about| &about.questions)
}

/// Questions about a plot.
pub(super) fn of(plot: &Plot) -> Option<&'static About> {
    ALL.iter().find(|about| about.plot == plot.name)
}

pub(super) fn wordings() -> impl Iterator<Item = &'static Wordings> {
    ALL.iter().flat_map(|about| about.questions.iter().map(|question| &question.ask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_a_question_is_named() {
        let found = |right: &str, wrong: &str| {
            let source = SOURCE.replacen(right, wrong, 1);
            assert_ne!(source, SOURCE, "{right}");
            read(&source, grammar()).unwrap_err()
        };
        for (right, wrong, error) in [
            (
                "Where did {Hero} look first?",
                "Where did {Heron} look?",
                "plot lost-toy: the question story-where-look: unknown slot {Heron} in \"Where did {Heron} look?\"",
            ),
            (
                "validation = [\"Tell me where {Hero} looked.\"]\n",
                "",
                "plot lost-toy: the question story-where-look has no `validation`",
            ),
            (
                "name = \"story-where-look\"\nlevel = 1",
                "name = \"story-where-look\"\nlevel = 4",
                "plot lost-toy: the question story-where-look: level must be 1, 2 or 3",
            ),
            (
                "text = \"{Hero} lost {his} {toy}, and",
                "txt = \"{Hero} lost {his} {toy}, and",
                "plot lost-toy: a summary has no `text`",
            ),
        ] {
            assert_eq!(found(right, wrong), error);
        }
    }
}
