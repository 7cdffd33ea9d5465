//! Feeling and topic of a passage: happy or sad at level 1, one of four feelings or of six topics at level 2, both at level 3.

use super::TaskSplit;
use super::draw::{Draft, Draw, exact, fill};
use super::texts::list;
use crate::stories::colours;
use glasshouse_protocol::random::nth;

/// Purpose of the random numbers for passages, plus the split's number.
const PASSAGES: u64 = 0x7061_7373_0000;

pub(super) fn draft(draw: &mut Draw) -> Draft {
    let person = draw.person(&[]);
    let [colour, number] = [draw.pick(colours()), draw.pick(list("numbers"))];
    let written = |text: &str| written(text, [person.name, colour, number]);
    let feelings = list("feelings");
    let feeling = draw.pick(if draw.level == 1 { &feelings[..2] } else { feelings });
    let topic = draw.pick(list("topics"));
    let (felt, felt_template) = draw.word(&format!("classification-passage-{feeling}"));
    let (told, told_template) = draw.word(&format!("classification-passage-{topic}"));
    let (felt, told) = (written(felt), written(told));
    let topic_alone = draw.below(2) == 0;
    let topic_first = draw.below(2) == 0;
    let (ask, text, answers, content) = match draw.level {
        1 => (
            "classification-happy-or-sad",
            felt,
            vec![feeling.to_owned(), format!("it is {feeling}")],
            felt_template,
        ),
        2 if topic_alone => ("classification-topic", told, vec![topic.to_owned()], told_template),
        2 => {
            let answers = vec![feeling.to_owned(), format!("{} is {feeling}", person.name)];
            // The topic sentence is a distractor: it says nothing about the feeling.
            (
                "classification-feeling",
                format!("{told} {felt}"),
                answers,
                format!("{told_template}+{felt_template}"),
            )
        }
        _ => {
            let text = if topic_first { format!("{told} {felt}") } else { format!("{felt} {told}") };
            let answers = vec![format!("{topic}, {feeling}"), format!("{topic} and {feeling}")];
            ("classification-both", text, answers, format!("{told_template}+{felt_template}"))
        }
    };
    let (asked, template) = draw.word(ask);
    let prompt = asked.replace("{text}", &text).replace("{name}", person.name);
    let answer = answers.first().cloned().unwrap_or_default();
    Draft::new(format!("{template}+{content}"), &prompt, &answer, exact(answers))
}

fn written(text: &str, [name, colour, number]: [&str; 3]) -> String {
    super::draw::sentence(&fill(text, &[("name", name), ("colour", colour), ("number", number)]))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// A person's feeling: one of four.
    Feelings,
    /// The topic: one of six.
    Topics,
}

/// An endless stream of labelled passages, without a question. Different splits share no wording.
pub fn passages(labels: Labels, seed: u64, split: TaskSplit) -> impl Iterator<Item = (String, &'static str)> {
    let labels = match labels {
        Labels::Feelings => list("feelings"),
        Labels::Topics => list("topics"),
    };
    (0..).map(move |number| {
        let mut draw = Draw::new(nth(seed, PASSAGES + split as u64, number), split, 1);
        let name = draw.person(&[]).name;
        let [colour, many] = [draw.pick(colours()), draw.pick(list("numbers"))];
        let label = draw.pick(labels);
        let (text, _) = draw.word(&format!("classification-passage-{label}"));
        (written(text, [name, colour, many]), label)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn passages_have_every_label_and_no_split_has_those_of_another() {
        for (labels, count) in [(Labels::Feelings, 4), (Labels::Topics, 6)] {
            let of = |split| passages(labels, 1, split).take(400).collect::<Vec<_>>();
            let (train, held_out) = (of(TaskSplit::Train), of(TaskSplit::HeldOut));
            assert_eq!(train, of(TaskSplit::Train));
            for rows in [&train, &held_out] {
                let found: BTreeSet<&str> = rows.iter().map(|(_, label)| *label).collect();
                assert_eq!(found.len(), count);
                assert!(rows.iter().all(|(text, _)| !text.contains(['{', '}']) && !text.is_empty()));
            }
            let known: BTreeSet<&String> = train.iter().map(|(text, _)| text).collect();
            assert!(held_out.iter().all(|(text, _)| !known.contains(text)));
        }
    }
}
