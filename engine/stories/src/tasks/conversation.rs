//! Conversations whose last question depends on an earlier message: the previous turn at level 1, with another turn in between at level
//! 2, and with two facts, one of them corrected, at level 3.

use super::Check;
use super::draw::{Draft, Draw, Wordings, assistant, user};
use crate::stories::colours;

pub(super) const WORDINGS: &[&Wordings] = &[
    &FACTS[0].told,
    &FACTS[0].asked,
    &FACTS[1].told,
    &FACTS[1].asked,
    &FACTS[2].told,
    &FACTS[2].asked,
    &FACTS[3].told,
    &FACTS[3].asked,
    &FACTS[4].told,
    &FACTS[4].asked,
    &ASIDE,
    &CORRECTION,
];

/// A longer answer is assumed to guess.
const MAX_WORDS: u64 = 12;

/// A fact that people state about themselves.
struct Fact {
    told: Wordings,
    heard: &'static str,
    asked: Wordings,
    answer: &'static str,
    values: FactValues,
}

enum FactValues {
    Names,
    Colours,
    Of(&'static [&'static str]),
}

const FACTS: &[Fact] = &[
    Fact {
        told: Wordings {
            name: "conversation-tell-name",
            train: &["My name is {value}.", "I am {value}.", "You can call me {value}."],
            validation: &["They call me {value}."],
            held_out: &["I am named {value}."],
        },
        heard: "Hello, {value}! It is good to meet you.",
        asked: Wordings {
            name: "conversation-ask-name",
            train: &["What is my name?", "Do you know my name?", "Who am I?"],
            validation: &["Tell me my name."],
            held_out: &["Please say my name."],
        },
        answer: "Your name is {value}.",
        values: FactValues::Names,
    },
    Fact {
        told: Wordings {
            name: "conversation-tell-color",
            train: &[
                "My favorite color is {value}.",
                "I like {value} things the most.",
                "I love the color {value}.",
            ],
            validation: &["The best color is {value}, I think."],
            held_out: &["Of all colors, I like {value} best."],
        },
        heard: "{Value} is a beautiful color.",
        asked: Wordings {
            name: "conversation-ask-color",
            train: &[
                "What is my favorite color?",
                "Which color do I like?",
                "Do you know which color I love?",
            ],
            validation: &["Tell me my favorite color."],
            held_out: &["Please say which color I like best."],
        },
        answer: "You like {value}.",
        values: FactValues::Colours,
    },
    Fact {
        told: Wordings {
            name: "conversation-tell-friend",
            train: &[
                "My best friend is {value}.",
                "I have a friend named {value}.",
                "I play with my friend {value} every day.",
            ],
            validation: &["{value} is a very good friend of mine."],
            held_out: &["There is a friend that I like: {value}."],
        },
        heard: "It is good to have a friend.",
        asked: Wordings {
            name: "conversation-ask-friend",
            train: &["Who is my friend?", "What is the name of my friend?", "Who do I play with?"],
            validation: &["Tell me who my friend is."],
            held_out: &["Please say the name of my friend."],
        },
        answer: "Your friend is {value}.",
        values: FactValues::Names,
    },
    Fact {
        told: Wordings {
            name: "conversation-tell-pet",
            train: &[
                "I have a little {value} at home.",
                "There is a {value} in our house.",
                "A {value} lives with me.",
            ],
            validation: &["At home, we have a {value}."],
            held_out: &["We have a small {value} in the garden."],
        },
        heard: "How nice! Be kind to it.",
        asked: Wordings {
            name: "conversation-ask-pet",
            train: &[
                "Which animal do I have?",
                "What animal lives with me?",
                "Do you know which animal I have?",
            ],
            validation: &["Tell me which animal I have."],
            held_out: &["Please say what animal we have."],
        },
        answer: "You have a {value}.",
        values: FactValues::Of(&[
            "cat", "dog", "rabbit", "mouse", "duck", "kitten", "puppy", "turtle", "bird", "hedgehog",
        ]),
    },
    Fact {
        told: Wordings {
            name: "conversation-tell-food",
            train: &[
                "I like to eat {value}.",
                "My favorite food is {value}.",
                "I could eat {value} all day long.",
            ],
            validation: &["For me, nothing tastes better than {value}."],
            held_out: &["The food that I like most is {value}."],
        },
        heard: "That sounds very good.",
        asked: Wordings {
            name: "conversation-ask-food",
            train: &["What do I like to eat?", "What is my favorite food?", "Which food do I like?"],
            validation: &["Tell me my favorite food."],
            held_out: &["Please say which food I like."],
        },
        answer: "You like {value}.",
        values: FactValues::Of(&[
            "apples", "cookies", "berries", "nuts", "pears", "carrots", "pancakes", "bread", "honey", "soup",
            "cheese", "cake",
        ]),
    },
];

/// An unrelated turn; the reply follows `|`.
const ASIDE: Wordings = Wordings {
    name: "conversation-aside",
    train: &[
        "It is a sunny day.|Then you can play in the park.",
        "I am a little sad today.|I am sorry. Maybe a friend can help you.",
        "Tell me something good.|You are brave and kind.",
        "What do birds do?|Birds sing and fly.",
        "What is in the sky at night?|The moon and the stars.",
        "It rains.|Then you can play inside.",
    ],
    validation: &["What comes after summer?|Autumn comes after summer.", "I am cold.|Put on a warm coat."],
    held_out: &["What do bees make?|Bees make honey.", "I hear a noise.|Maybe it is only the wind."],
};

const CORRECTION: Wordings = Wordings {
    name: "conversation-correction",
    train: &[
        "Oh no, I said it wrong. {told}",
        "That was not true. {told}",
        "I am sorry, that was wrong. {told}",
    ],
    validation: &["Wait, I must say that again. {told}"],
    held_out: &["No, no, forget what I said. {told}"],
};

pub(super) fn draft(draw: &mut Draw) -> Draft {
    let order = draw.pick_some(&[0, 1, 2, 3, 4], 2);
    let (fact, other) = (&FACTS[order[0]], &FACTS[order[1]]);
    let values = two_values(draw, fact);
    // The same name for two people would be ambiguous.
    let mut unrelated = two_values(draw, other)[0];
    while values.contains(&unrelated) {
        unrelated = two_values(draw, other)[0];
    }
    let mut messages = Vec::new();
    let mut parts = Vec::new();
    let mut value = values[0];
    let said = |draw: &mut Draw, fact: &Fact, value: &str, parts: &mut Vec<String>| {
        let (told, part) = draw.word(&fact.told);
        parts.push(part);
        told.replace("{value}", value).replace("a owl", "an owl")
    };
    let heard = |fact: &Fact, value: &str| {
        fact.heard.replace("{value}", value).replace("{Value}", &super::draw::capital(value))
    };
    let first = said(draw, fact, value, &mut parts);
    let greeting =
        if matches!(fact.values, FactValues::Names) && draw.below(2) == 0 { "Hello! " } else { "" };
    messages.push(user(format!("{greeting}{first}")));
    messages.push(assistant(heard(fact, value)));
    if draw.level == 3 {
        messages.push(user(said(draw, other, unrelated, &mut parts)));
        messages.push(assistant(heard(other, unrelated)));
        if draw.below(2) == 0 {
            value = values[1];
            let told = said(draw, fact, value, &mut parts);
            let (correction, part) = draw.word(&CORRECTION);
            parts.push(part);
            messages.push(user(correction.replace("{told}", &told)));
            messages.push(assistant("Thank you, now I know."));
        }
    }
    if draw.level > 1 {
        let (aside, part) = draw.word(&ASIDE);
        parts.push(part);
        let (said, answered) = aside.split_once('|').unwrap_or((aside, "Yes."));
        messages.push(user(said));
        messages.push(assistant(answered));
    }
    let (asked, part) = draw.word(&fact.asked);
    parts.push(part);
    messages.push(user(asked));
    messages.push(assistant(fact.answer.replace("{value}", value)));
    let check = Check::Contains { all: vec![value.to_owned()], max_words: MAX_WORDS };
    Draft { template: parts.join("+"), messages, check }
}

/// Two different values of a fact.
fn two_values(draw: &mut Draw, fact: &Fact) -> [&'static str; 2] {
    let found: Vec<&'static str> = match &fact.values {
        FactValues::Names => draw.people(2).into_iter().map(|person| person.name).collect(),
        FactValues::Colours => draw.pick_some(colours(), 2),
        FactValues::Of(list) => draw.pick_some(list, 2),
    };
    [found[0], found[1]]
}
