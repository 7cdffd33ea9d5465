//! Questions about each plot of the stories, and its one-sentence summaries, from `questions.toml`.

use super::texts::Wordings;
use crate::stories::{Plot, Texts};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A question about stories of one plot, or of any plot.
#[derive(Debug, Deserialize)]
pub(super) struct Question {
    pub name: String,
    pub level: u8,
    /// The story must contain one of these parts of sentences with open slots, if there are any.
    #[serde(default)]
    pub needs: Vec<String>,
    #[serde(flatten)]
    pub ask: Wordings,
    pub answer: String,
    /// Texts that a right answer contains; if empty, the answer must equal the reference, except for articles and prepositions.
    #[serde(default)]
    pub keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Summary {
    pub text: String,
    pub keys: Texts,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    #[serde(rename = "question")]
    pub questions: Vec<Question>,
    /// Summaries of the beginning, of the first two paragraphs and of the whole story.
    #[serde(rename = "summary")]
    pub summaries: [Summary; 3],
}

#[derive(Debug, Deserialize)]
struct Asked {
    question: Vec<Question>,
    #[serde(flatten)]
    plots: BTreeMap<String, About>,
}

const SOURCE: &str = include_str!("../../questions.toml");

static ASKED: LazyLock<Asked> = LazyLock::new(embedded);

#[expect(clippy::panic, reason = "a test reads the embedded questions")]
fn embedded() -> Asked {
    toml::from_str(SOURCE).unwrap_or_else(|error| panic!("questions.toml: {error}"))
}

pub(super) fn any() -> &'static [Question] {
    &ASKED.question
}

pub(super) fn of(plot: &Plot) -> Option<&'static About> {
    ASKED.plots.get(&plot.name)
}

#[cfg(test)]
pub(super) fn wordings() -> impl Iterator<Item = (&'static str, &'static Wordings)> {
    let own = ASKED.plots.values().flat_map(|about| &about.questions);
    ASKED.question.iter().chain(own).map(|question| (question.name.as_str(), &question.ask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::{Grammar, grammar};

    fn parse(source: &str) -> Result<(), String> {
        let asked: Asked = toml::from_str(source).map_err(|error| error.to_string())?;
        let grammar = grammar();
        check(&asked.question, grammar, None)?;
        for plot in &grammar.plots {
            let about =
                asked.plots.get(&plot.name).ok_or_else(|| format!("nothing is asked about {}", plot.name))?;
            check(&about.questions, grammar, Some(plot))?;
            let summaries = about.summaries.each_ref().map(|summary| summary.text.as_str());
            let place = format!("plot {}: a summary", plot.name);
            grammar.check_texts(&summaries, &grammar.known(Some(plot)), &place)?;
        }
        Ok(())
    }

    fn check(questions: &[Question], grammar: &Grammar, plot: Option<&Plot>) -> Result<(), String> {
        let known = grammar.known(plot);
        for Question { name, level, ask, answer, .. } in questions {
            let place = format!("plot {}: the question {name}", plot.map_or("any", |plot| &plot.name));
            if !(1..=crate::tasks::LEVELS).contains(level) {
                return Err(format!("{place}: level must be 1, 2 or 3"));
            }
            for texts in [&[answer.as_str()], ask.train.0, ask.validation.0, ask.held_out.0] {
                grammar.check_texts(texts, &known, &place)?;
            }
        }
        Ok(())
    }

    #[test]
    fn a_mistake_in_a_question_is_named() {
        assert_eq!(parse(SOURCE), Ok(()));
        let found = |right: &str, wrong: &str| {
            let source = SOURCE.replacen(right, wrong, 1);
            assert_ne!(source, SOURCE, "{right}");
            parse(&source).unwrap_err()
        };
        for (right, wrong, error) in [
            (
                "{Hero} look first?",
                "{Heron} look?",
                "lost-toy: the question story-where-look: unknown slot {Heron}",
            ),
            ("validation = [\"Tell me where {Hero} looked.\"]\n", "", "`validation`"),
            (
                "name = \"story-where-look\"\nlevel = 1",
                "name = \"story-where-look\"\nlevel = 4",
                "level must be",
            ),
            ("text = \"{Hero} lost {his} {toy}, and", "txt = \"{Hero} lost {his} {toy}, and", "`txt`"),
        ] {
            let found = found(right, wrong);
            assert!(found.contains(error), "{error}: {found}");
        }
    }
}
