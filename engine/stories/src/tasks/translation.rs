//! Translation to and from Pelu ([`super::language`]): nouns with articles and adjectives at level 1, sentences at level 2, and
//! sentences with adjectives, places, negation and three tenses at level 3.

use super::draw::{Draft, Draw, exact};
use super::language::{Clause, NounPhrase, Tense};
use super::texts::{Noun, TEXTS};

pub(super) fn draft(draw: &mut Draw) -> Draft {
    let (english, pelu) = if draw.level == 1 {
        let pelu = &TEXTS.pelu;
        let nouns = draw.pick(&[&pelu.beings, &pelu.things, &pelu.places]);
        let adjective = draw.below(3) > 0;
        let phrase = common(draw, nouns, adjective);
        (phrase.english(), phrase.pelu())
    } else {
        let clause = clause(draw);
        (clause.english(), clause.pelu())
    };
    let out = draw.below(2) == 1;
    let (wording, template) = draw.word(if out { "translation-out-of" } else { "translation-into" });
    let (from, to) = if out { (pelu, english) } else { (english, pelu) };
    Draft::new(template, &wording.replace("{text}", &from), &to, exact([to.as_str()]))
}

/// A noun with its article and, optionally, an adjective.
fn common(draw: &mut Draw, nouns: &'static [Noun], adjective: bool) -> NounPhrase {
    let noun = &nouns[draw.below(nouns.len())];
    let pelu = &TEXTS.pelu;
    // Houses are not happy.
    let feels = nouns.as_ptr() == pelu.beings.as_ptr();
    let adjectives = pelu.adjectives.iter().map(|[english, _]| english.as_str());
    let fitting: Vec<_> = adjectives.filter(|word| feels || !matches!(*word, "happy" | "sad")).collect();
    let adjective = adjective.then(|| draw.pick(&fitting));
    NounPhrase::Common { noun, adjective, definite: draw.below(2) == 1, plural: draw.below(3) == 0 }
}

fn clause(draw: &mut Draw) -> Clause {
    let hard = draw.level == 3;
    let pelu = &TEXTS.pelu;
    let subject = match draw.below(3) {
        0 => NounPhrase::Name(draw.person(&[]).name.to_owned()),
        _ => {
            let adjective = hard && draw.below(2) == 1;
            common(draw, &pelu.beings, adjective)
        }
    };
    let (verb, object) = if draw.below(3) == 0 {
        (&pelu.intransitive[draw.below(pelu.intransitive.len())], None)
    } else {
        let adjective = hard && draw.below(2) == 1;
        let verb = &pelu.transitive[draw.below(pelu.transitive.len())];
        (verb, Some(common(draw, &pelu.things, adjective)))
    };
    let place = (hard && draw.below(2) == 1).then(|| {
        let before = pelu.postpositions[draw.below(pelu.postpositions.len())][0].as_str();
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
    let fits = |noun: &&'static Noun| match before {
        "in" => !matches!(noun[0].as_str(), "door" | "hill"),
        "on" => matches!(noun[0].as_str(), "hill" | "house" | "tree"),
        "under" => matches!(noun[0].as_str(), "tree" | "house"),
        _ => true,
    };
    let places: Vec<&'static Noun> = TEXTS.pelu.places.iter().filter(fits).collect();
    let noun = draw.pick(&places);
    NounPhrase::Common { noun, adjective: None, definite: draw.below(3) > 0, plural: false }
}
