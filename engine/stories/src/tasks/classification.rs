//! Feeling and topic of a passage: happy or sad at level 1, one of four feelings or of six topics at level 2, both at level 3.

use super::TaskSplit;
use super::draw::{Draft, Draw, Wordings, exact, fill};
use crate::stories::colours;
use glasshouse_protocol::random::nth;

/// Purpose of the random numbers for passages, plus the split's number.
const PASSAGES: u64 = 0x7061_7373_0000;

pub(super) const WORDINGS: &[&Wordings] = &[
    &HAPPY_OR_SAD,
    &FEELING,
    &TOPIC,
    &BOTH,
    &FEELINGS[0].1,
    &FEELINGS[1].1,
    &FEELINGS[2].1,
    &FEELINGS[3].1,
    &TOPICS[0].1,
    &TOPICS[1].1,
    &TOPICS[2].1,
    &TOPICS[3].1,
    &TOPICS[4].1,
    &TOPICS[5].1,
];

const HAPPY_OR_SAD: Wordings = Wordings {
    name: "classification-happy-or-sad",
    train: &[
        "{text}\n\nIs this happy or sad?",
        "Happy or sad? {text}",
        "{text}\n\nDoes this sound happy or sad?",
        "Say happy or sad. {text}",
    ],
    validation: &["{text}\n\nWhich is it, happy or sad?"],
    held_out: &["{text}\n\nWould you say that this is happy or sad?", "Choose happy or sad for this: {text}"],
};
const FEELING: Wordings = Wordings {
    name: "classification-feeling",
    train: &[
        "{text}\n\nIs {name} happy, sad, angry or scared?",
        "{text}\n\nHow does {name} feel: happy, sad, angry or scared?",
        "Happy, sad, angry or scared? {text}",
    ],
    validation: &["{text}\n\nWhat does {name} feel? Say happy, sad, angry or scared."],
    held_out: &["Choose a feeling, happy, sad, angry or scared: {text}"],
};
const TOPIC: Wordings = Wordings {
    name: "classification-topic",
    train: &[
        "{text}\n\nIs this about weather, food, animals, toys, music or family?",
        "{text}\n\nWhat is the topic: weather, food, animals, toys, music or family?",
        "Weather, food, animals, toys, music or family? {text}",
    ],
    validation: &["{text}\n\nName the topic. Say weather, food, animals, toys, music or family."],
    held_out: &["Choose a topic, weather, food, animals, toys, music or family: {text}"],
};
const BOTH: Wordings = Wordings {
    name: "classification-both",
    train: &[
        "{text}\n\nSay the topic (weather, food, animals, toys, music, family) and the feeling (happy, sad, angry, scared).",
        "First the topic (weather, food, animals, toys, music, family), then the feeling (happy, sad, angry, scared).\n\n{text}",
    ],
    validation: &[
        "{text}\n\nName topic and feeling: weather, food, animals, toys, music, family; happy, sad, angry, scared.",
    ],
    held_out: &[
        "Choose a topic (weather, food, animals, toys, music, family), and after it a feeling (happy, sad, angry, scared).\n\n{text}",
    ],
};

const FEELINGS: &[(&str, Wordings)] = &[
    (
        "happy",
        Wordings {
            name: "classification-passage-happy",
            train: &[
                "{name} jumped up and down with joy.",
                "{name} had a big smile.",
                "{name} laughed and clapped.",
                "It was the best day for {name}.",
                "{name} sang and danced all the way home.",
                "\"Hooray!\" cried {name}.",
            ],
            validation: &["{name} could not stop smiling.", "\"I love this day,\" said {name}."],
            held_out: &["{name} danced with joy.", "\"What a good day!\" said {name} with a smile."],
        },
    ),
    (
        "sad",
        Wordings {
            name: "classification-passage-sad",
            train: &[
                "{name} began to cry.",
                "{name} sat down alone and cried.",
                "{name} looked at the ground and did not say a word.",
                "It was a bad day for {name}.",
                "{name} felt lonely and did not want to play.",
                "\"Everything is lost,\" said {name} and cried.",
            ],
            validation: &["{name} cried all day long.", "\"I miss my friend so much,\" said {name}."],
            held_out: &["{name} felt bad and almost cried.", "\"What a bad day,\" said {name} and cried."],
        },
    ),
    (
        "angry",
        Wordings {
            name: "classification-passage-angry",
            train: &[
                "\"Give it back now!\" cried {name}.",
                "{name} was mad and threw a stick.",
                "\"That is not fair!\" said {name} in a loud voice.",
                "{name} pulled hard. \"It is mine!\"",
            ],
            validation: &["\"Go away, you are mean!\" said {name}."],
            held_out: &["\"No, it is mine! Give it to me!\" cried {name}."],
        },
    ),
    (
        "scared",
        Wordings {
            name: "classification-passage-scared",
            train: &[
                "{name} hid under the bed and did not move.",
                "\"Is it a monster?\" thought {name}.",
                "{name} began to shake. It was so dark.",
                "{name} heard a strange noise and ran away.",
            ],
            validation: &["{name} did not dare to look. What was that sound?"],
            held_out: &["{name}'s heart beat very fast in the dark."],
        },
    ),
];

const TOPICS: &[(&str, Wordings)] = &[
    (
        "weather",
        Wordings {
            name: "classification-passage-weather",
            train: &[
                "It rained all day, and the sky was gray.",
                "The sun came out, and it was warm.",
                "Snow lay on the ground, and the wind was cold.",
                "Dark clouds came, and there was loud thunder.",
            ],
            validation: &["It was a windy day with some rain."],
            held_out: &["The wind blew hard, and big clouds came."],
        },
    ),
    (
        "food",
        Wordings {
            name: "classification-passage-food",
            train: &[
                "There were {number} apples and some bread on the table.",
                "The soup was hot, and the cake was sweet.",
                "They baked {number} cookies and ate them with honey.",
                "There was cheese, and there were {number} sweet pears.",
            ],
            validation: &["They made {number} pancakes with jam."],
            held_out: &["They ate {number} berries with bread and cheese."],
        },
    ),
    (
        "animals",
        Wordings {
            name: "classification-passage-animals",
            train: &[
                "A little bird sat next to a turtle.",
                "{number} ducks came to the pond, and a frog saw them.",
                "The kitten and the puppy ran through the grass.",
                "A deer and {number} rabbits stood in the forest.",
            ],
            validation: &["An old owl looked at {number} mice."],
            held_out: &["A fox and a bear met {number} birds in the woods."],
        },
    ),
    (
        "toys",
        Wordings {
            name: "classification-passage-toys",
            train: &[
                "There was a {colour} kite and a ball.",
                "They played with the {colour} train and the doll.",
                "A {colour} wagon stood next to the paper boat.",
                "The {colour} ball and the {colour} bucket were in the sand.",
            ],
            validation: &["They took turns with the {colour} kite."],
            held_out: &["The doll was in the {colour} wagon with the ball."],
        },
    ),
    (
        "music",
        Wordings {
            name: "classification-passage-music",
            train: &[
                "They sang a soft song and played the drum.",
                "The drum was loud, and {number} children danced to it.",
                "They made music with pots and spoons.",
                "A bell rang, and they sang {number} songs.",
            ],
            validation: &["They played {number} songs on the drum."],
            held_out: &["They heard a song and sang it {number} times."],
        },
    ),
    (
        "family",
        Wordings {
            name: "classification-passage-family",
            train: &[
                "Mother and father came home.",
                "Grandmother told grandfather about her brother.",
                "Mother gave father a big hug.",
                "Grandfather sat with his {number} grandchildren.",
            ],
            validation: &["Father and grandmother were at home with mother."],
            held_out: &["Grandmother and grandfather came to see mother and father."],
        },
    ),
];

const NUMBERS: &[&str] = &["two", "three", "four", "five", "six"];

pub(super) fn draft(draw: &mut Draw) -> Draft {
    let person = draw.person(&[]);
    let [colour, number] = [draw.pick(colours()), draw.pick(NUMBERS)];
    let written = |text: &str| written(text, [person.name, colour, number]);
    let feelings = if draw.level == 1 { &FEELINGS[..2] } else { FEELINGS };
    let (feeling, about_feeling) = &feelings[draw.below(feelings.len())];
    let (topic, about_topic) = &TOPICS[draw.below(TOPICS.len())];
    let (felt, felt_template) = draw.word(about_feeling);
    let (told, told_template) = draw.word(about_topic);
    let (felt, told) = (written(felt), written(told));
    let topic_alone = draw.below(2) == 0;
    let topic_first = draw.below(2) == 0;
    let (ask, text, answers, content) = match draw.level {
        1 => (&HAPPY_OR_SAD, felt, vec![(*feeling).to_owned(), format!("it is {feeling}")], felt_template),
        2 if topic_alone => (&TOPIC, told, vec![(*topic).to_owned()], told_template),
        2 => {
            let answers = vec![(*feeling).to_owned(), format!("{} is {feeling}", person.name)];
            // The topic sentence is a distractor: it says nothing about the feeling.
            (&FEELING, format!("{told} {felt}"), answers, format!("{told_template}+{felt_template}"))
        }
        _ => {
            let text = if topic_first { format!("{told} {felt}") } else { format!("{felt} {told}") };
            let answers = vec![format!("{topic}, {feeling}"), format!("{topic} and {feeling}")];
            (&BOTH, text, answers, format!("{told_template}+{felt_template}"))
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

/// Kind of labels for passages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// A person's feeling: one of four.
    Feelings,
    /// The topic: one of six.
    Topics,
}

/// An endless stream of labelled passages, without a question. Different splits share no wording.
pub fn passages(labels: Labels, seed: u64, split: TaskSplit) -> impl Iterator<Item = (String, &'static str)> {
    let about = match labels {
        Labels::Feelings => FEELINGS,
        Labels::Topics => TOPICS,
    };
    (0..).map(move |number| {
        let mut draw = Draw::new(nth(seed, PASSAGES + split as u64, number), split, 1);
        let name = draw.person(&[]).name;
        let [colour, many] = [draw.pick(colours()), draw.pick(NUMBERS)];
        let (label, wordings) = &about[draw.below(about.len())];
        let (text, _) = draw.word(wordings);
        (written(text, [name, colour, many]), *label)
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
