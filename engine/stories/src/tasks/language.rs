//! Pelu, a small constructed language for the vocabulary of the stories: sentences are written in it and in English.
//!
//! * Common nouns end in `-a`, verbs in `-e`, adjectives in `-o`; names are as in English.
//! * *The* is `lo` before the noun; *a* has no word. The plural adds `-ri`. Adjectives follow their noun: `lo tolari rano`, *the red
//!   balls*.
//! * Word order is subject, object, place, verb. Verbs do not inflect; a tense particle follows: `ke` past, `su` future, none for the
//!   present. *Not* is `ma` before the verb.
//! * A place is a noun with a postposition after it: `lo geda na`, *in the garden*.
//!
//! `Lo fima tola rano lo geda na vike ke.` is *The fox saw a red ball in the garden.*

use super::texts::{Noun, TEXTS, Verb};

const PLURAL: &str = "ri";
const THE: &str = "lo";
const NOT: &str = "ma";
const PAST: &str = "ke";
const FUTURE: &str = "su";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tense {
    Past,
    Present,
    Future,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NounPhrase {
    Name(String),
    Common { noun: &'static Noun, adjective: Option<&'static str>, definite: bool, plural: bool },
}

impl NounPhrase {
    fn is_plural(&self) -> bool {
        matches!(self, Self::Common { plural: true, .. })
    }

    pub(super) fn english(&self) -> String {
        let Self::Common { noun: [one, many, _], adjective, definite, plural } = self else {
            return self.pelu();
        };
        let noun = if *plural { many } else { one };
        let noun = adjective.map_or_else(|| noun.clone(), |adjective| format!("{adjective} {noun}"));
        match (definite, plural) {
            (true, _) => format!("the {noun}"),
            (false, true) => noun,
            (false, false) => super::draw::with_article(&noun),
        }
    }

    pub(super) fn pelu(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Common { noun: [_, _, own], adjective, definite, plural } => {
                let article = if *definite { "lo " } else { "" };
                let plural = if *plural { PLURAL } else { "" };
                let adjective = adjective.and_then(|english| own_of(&TEXTS.pelu.adjectives, english));
                let adjective = adjective.map(|own| format!(" {own}")).unwrap_or_default();
                format!("{article}{own}{plural}{adjective}")
            }
        }
    }
}

/// The meaning of a sentence, independent of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clause {
    pub subject: NounPhrase,
    pub verb: &'static Verb,
    pub object: Option<NounPhrase>,
    /// The English preposition and its noun phrase.
    pub place: Option<(&'static str, NounPhrase)>,
    pub tense: Tense,
    pub negated: bool,
}

impl Clause {
    pub(super) fn english(&self) -> String {
        let [base, third, past, _] = self.verb;
        let plural = self.subject.is_plural();
        let verb = match (self.tense, self.negated, plural) {
            (Tense::Past, false, _) => past.clone(),
            (Tense::Past, true, _) => format!("did not {base}"),
            (Tense::Present, false, true) => base.clone(),
            (Tense::Present, false, false) => third.clone(),
            (Tense::Present, true, true) => format!("do not {base}"),
            (Tense::Present, true, false) => format!("does not {base}"),
            (Tense::Future, false, _) => format!("will {base}"),
            (Tense::Future, true, _) => format!("will not {base}"),
        };
        let mut words = vec![self.subject.english(), verb];
        words.extend(self.object.as_ref().map(NounPhrase::english));
        words.extend(self.place.as_ref().map(|(before, place)| format!("{before} {}", place.english())));
        super::draw::sentence(&words.join(" "))
    }

    pub(super) fn pelu(&self) -> String {
        let mut words = vec![self.subject.pelu()];
        words.extend(self.object.as_ref().map(NounPhrase::pelu));
        let place = self.place.as_ref();
        words.extend(place.and_then(|(before, place)| {
            Some(format!("{} {}", place.pelu(), own_of(&TEXTS.pelu.postpositions, before)?))
        }));
        words.extend(self.negated.then(|| NOT.to_owned()));
        words.push(self.verb[3].clone());
        words.extend(match self.tense {
            Tense::Past => Some(PAST.to_owned()),
            Tense::Present => None,
            Tense::Future => Some(FUTURE.to_owned()),
        });
        super::draw::sentence(&words.join(" "))
    }
}

fn own_of(list: &'static [[String; 2]], english: &str) -> Option<&'static str> {
    list.iter().find(|[word, _]| word == english).map(|[_, own]| own.as_str())
}

/// All words in English and in Pelu: nouns, verbs, adjectives, postpositions, particles.
pub fn lexicon() -> Vec<(&'static str, &'static str)> {
    let pelu = &TEXTS.pelu;
    let nouns = [&pelu.beings, &pelu.things, &pelu.places].into_iter().flatten();
    let verbs = pelu.transitive.iter().chain(&pelu.intransitive);
    nouns
        .map(|[english, _, own]| (english.as_str(), own.as_str()))
        .chain(verbs.map(|[base, _, _, own]| (base.as_str(), own.as_str())))
        .chain(
            pelu.adjectives
                .iter()
                .chain(&pelu.postpositions)
                .map(|[english, own]| (english.as_str(), own.as_str())),
        )
        .chain([("the", THE), ("not", NOT)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::names;
    use std::collections::HashSet;

    #[test]
    fn words_are_one_to_one_and_no_names() {
        let lexicon = lexicon();
        let own: HashSet<&str> = lexicon.iter().map(|(_, own)| *own).chain([PAST, FUTURE]).collect();
        assert_eq!(own.len(), lexicon.len() + 2);
        let all = [(false, false), (false, true), (true, false), (true, true)];
        for name in all.into_iter().flat_map(|(animals, she)| names(animals, she)) {
            assert!(!own.contains(name.to_lowercase().as_str()), "{name}");
        }
        let pelu = &TEXTS.pelu;
        let nouns = [&pelu.beings, &pelu.things, &pelu.places].into_iter().flatten();
        assert!(nouns.into_iter().all(|[.., own]| own.ends_with('a')));
        assert!(pelu.transitive.iter().chain(&pelu.intransitive).all(|[.., own]| own.ends_with('e')));
        assert!(pelu.adjectives.iter().all(|[_, own]| own.ends_with('o')));
    }

    fn common(nouns: &'static [Noun], english: &str, adjective: Option<&'static str>) -> NounPhrase {
        let noun = nouns.iter().find(|noun| noun[..2].iter().any(|form| form == english)).unwrap();
        NounPhrase::Common { noun, adjective, definite: true, plural: noun[1] == english }
    }

    #[test]
    fn both_languages_say_the_same() {
        let pelu = &TEXTS.pelu;
        let verb = |base: &str| {
            pelu.transitive.iter().chain(&pelu.intransitive).find(|verb| verb[0] == base).unwrap()
        };
        let mut clause = Clause {
            subject: common(&pelu.beings, "fox", None),
            verb: verb("see"),
            object: Some(common(&pelu.things, "balls", Some("red"))),
            place: Some(("in", common(&pelu.places, "garden", None))),
            tense: Tense::Past,
            negated: false,
        };
        assert_eq!(clause.english(), "The fox saw the red balls in the garden.");
        assert_eq!(clause.pelu(), "Lo fima lo tolari rano lo geda na vike ke.");
        clause = Clause { place: None, tense: Tense::Present, negated: true, ..clause };
        assert_eq!(clause.english(), "The fox does not see the red balls.");
        assert_eq!(clause.pelu(), "Lo fima lo tolari rano ma vike.");
        let subject = NounPhrase::Name("Lily".to_owned());
        clause = Clause { subject, verb: verb("sing"), object: None, tense: Tense::Future, ..clause };
        assert_eq!(clause.english(), "Lily will not sing.");
        assert_eq!(clause.pelu(), "Lily ma lale su.");
    }
}
