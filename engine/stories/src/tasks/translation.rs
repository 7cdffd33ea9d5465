//! Translation to and from Pelu ([`super::language`]): nouns with articles and adjectives at level 1, sentences at level 2, and
//! sentences with adjectives, places, negation and three tenses at level 3.

use super::draw::{Draft, Draw, Wordings, exact};
use super::language::{
    ADJECTIVES, BEINGS, Clause, INTRANSITIVE, Noun, NounPhrase, PLACES, POSTPOSITIONS, THINGS, TRANSITIVE,
    Tense,
};

pub(super) const WORDINGS: &[&Wordings] = &[&INTO, &OUT_OF];

const INTO: Wordings = Wordings {
    name: "translation-into",
    train: &[
        "Translate into Pelu: {text}",
        "{text}\nSay this in Pelu.",
        "How do you say this in Pelu? {text}",
        "English: {text}\nPelu:",
        "Put this into Pelu: {text}",
    ],
    validation: &["Write this in Pelu: {text}", "{text}\nWhat is this in Pelu?"],
    held_out: &["Please give the Pelu for this: {text}", "Turn this into Pelu. {text}"],
};

const OUT_OF: Wordings = Wordings {
    name: "translation-out-of",
    train: &[
        "Translate into English: {text}",
        "{text}\nSay this in English.",
        "What does this mean in English? {text}",
        "Pelu: {text}\nEnglish:",
        "Put this into English: {text}",
    ],
    validation: &["Write this in English: {text}", "{text}\nWhat is this in English?"],
    held_out: &["Please give the English for this: {text}", "Turn this into English. {text}"],
};

pub(super) fn draft(draw: &mut Draw) -> Draft {
    let (english, pelu) = if draw.level == 1 {
        let nouns = draw.pick(&[BEINGS, THINGS, PLACES]);
        let adjective = draw.below(3) > 0;
        let phrase = common(draw, nouns, adjective);
        (phrase.english(), phrase.pelu())
    } else {
        let clause = clause(draw);
        (clause.english(), clause.pelu())
    };
    let out = draw.below(2) == 1;
    let (wording, template) = draw.word(if out { &OUT_OF } else { &INTO });
    let (from, to) = if out { (pelu, english) } else { (english, pelu) };
    Draft::new(template, &wording.replace("{text}", &from), &to, exact([to.as_str()]))
}

/// A noun with its article and, optionally, an adjective.
fn common(draw: &mut Draw, nouns: &'static [Noun], adjective: bool) -> NounPhrase {
    let noun = &nouns[draw.below(nouns.len())];
    // Houses are not happy.
    let fitting: Vec<&'static str> = ADJECTIVES
        .iter()
        .map(|(english, _)| *english)
        .filter(|word| nouns.as_ptr() == BEINGS.as_ptr() || !matches!(*word, "happy" | "sad"))
        .collect();
    let adjective = adjective.then(|| draw.pick(&fitting));
    NounPhrase::Common { noun, adjective, definite: draw.below(2) == 1, plural: draw.below(3) == 0 }
}

fn clause(draw: &mut Draw) -> Clause {
    let hard = draw.level == 3;
    let subject = match draw.below(3) {
        0 => NounPhrase::Name(draw.person(&[]).name.to_owned()),
        _ => {
            let adjective = hard && draw.below(2) == 1;
            common(draw, BEINGS, adjective)
        }
    };
    let (verb, object) = if draw.below(3) == 0 {
        (&INTRANSITIVE[draw.below(INTRANSITIVE.len())], None)
    } else {
        let adjective = hard && draw.below(2) == 1;
        (&TRANSITIVE[draw.below(TRANSITIVE.len())], Some(common(draw, THINGS, adjective)))
    };
    let place = (hard && draw.below(2) == 1).then(|| {
        let before = draw.pick(POSTPOSITIONS).0;
        (before, place_for(draw, before))
    });
    let tense = if hard {
        draw.pick(&[Tense::Past, Tense::Present, Tense::Future])
    } else {
        draw.pick(&[Tense::Past, Tense::Present])
    };
    Clause { subject, verb, object, place, tense, negated: hard && draw.below(3) == 0 }
}

/// A place that fits the preposition: nobody is in a door or on a river.
fn place_for(draw: &mut Draw, before: &str) -> NounPhrase {
    let fits: Vec<&'static Noun> = PLACES
        .iter()
        .filter(|noun| match before {
            "in" => !matches!(noun.0, "door" | "hill"),
            "on" => matches!(noun.0, "hill" | "house" | "tree"),
            "under" => matches!(noun.0, "tree" | "house"),
            _ => true,
        })
        .collect();
    let noun = draw.pick(&fits);
    NounPhrase::Common { noun, adjective: None, definite: draw.below(3) > 0, plural: false }
}
