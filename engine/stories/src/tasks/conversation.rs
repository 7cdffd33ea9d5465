//! Conversations whose last question depends on an earlier message: the previous turn at level 1, with another turn in between at level
//! 2, and with two facts, one of them corrected, at level 3.

use super::Check;
use super::draw::{Draft, Draw, assistant, user};
use super::texts::{Fact, TEXTS, list};
use crate::stories::colours;

/// A longer answer is assumed to guess.
const MAX_WORDS: u64 = 12;

pub(super) fn draft(draw: &mut Draw) -> Draft {
    let order = draw.pick_some(&[0, 1, 2, 3, 4], 2);
    let (fact, other) = (&TEXTS.facts[order[0]], &TEXTS.facts[order[1]]);
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
        let (told, part) = draw.word(&format!("conversation-tell-{}", fact.name));
        parts.push(part);
        told.replace("{value}", value).replace("a owl", "an owl")
    };
    let heard = |fact: &Fact, value: &str| {
        fact.heard.replace("{value}", value).replace("{Value}", &super::draw::capital(value))
    };
    let first = said(draw, fact, value, &mut parts);
    let greeting = if fact.values == "people" && draw.below(2) == 0 { "Hello! " } else { "" };
    messages.push(user(format!("{greeting}{first}")));
    messages.push(assistant(heard(fact, value)));
    if draw.level == 3 {
        messages.push(user(said(draw, other, unrelated, &mut parts)));
        messages.push(assistant(heard(other, unrelated)));
        if draw.below(2) == 0 {
            value = values[1];
            let told = said(draw, fact, value, &mut parts);
            let (correction, part) = draw.word("conversation-correction");
            parts.push(part);
            messages.push(user(correction.replace("{told}", &told)));
            messages.push(assistant("Thank you, now I know."));
        }
    }
    if draw.level > 1 {
        let (aside, part) = draw.word("conversation-aside");
        parts.push(part);
        let (said, answered) = aside.split_once('|').unwrap_or((aside, "Yes."));
        messages.push(user(said));
        messages.push(assistant(answered));
    }
    let (asked, part) = draw.word(&format!("conversation-ask-{}", fact.name));
    parts.push(part);
    messages.push(user(asked));
    messages.push(assistant(fact.answer.replace("{value}", value)));
    let check = Check::Contains { all: vec![value.to_owned()], max_words: MAX_WORDS };
    Draft { template: parts.join("+"), messages, check }
}

fn two_values(draw: &mut Draw, fact: &Fact) -> [&'static str; 2] {
    let found: Vec<&'static str> = match &*fact.values {
        "people" => draw.people(2).into_iter().map(|person| person.name).collect(),
        "colours" => draw.pick_some(colours(), 2),
        name => draw.pick_some(list(name), 2),
    };
    [found[0], found[1]]
}
