//! Pelu, a small constructed language for the vocabulary of the stories, with rule-based translation in both directions.
//!
//! * Common nouns end in `-a`, verbs in `-e`, adjectives in `-o`; names are as in English.
//! * *The* is `lo` before the noun; *a* has no word. The plural adds `-ri`. Adjectives follow their noun: `lo tolari rano`, *the red
//!   balls*.
//! * Word order is subject, object, place, verb. Verbs do not inflect; a tense particle follows: `ke` past, `su` future, none for the
//!   present. *Not* is `ma` before the verb.
//! * A place is a noun with a postposition after it: `lo geda na`, *in the garden*.
//!
//! `Lo fima tola rano lo geda na vike ke.` is *The fox saw a red ball in the garden.*

pub const NAME: &str = "Pelu";

const PLURAL: &str = "ri";
const THE: &str = "lo";
const NOT: &str = "ma";
const PAST: &str = "ke";
const FUTURE: &str = "su";

/// A noun: English singular, English plural, Pelu.
pub(super) type Noun = (&'static str, &'static str, &'static str);

/// Nouns for subjects.
pub(super) const BEINGS: &[Noun] = &[
    ("fox", "foxes", "fima"),
    ("rabbit", "rabbits", "lupa"),
    ("bear", "bears", "gora"),
    ("mouse", "mice", "nita"),
    ("duck", "ducks", "kawa"),
    ("cat", "cats", "misa"),
    ("dog", "dogs", "bura"),
    ("owl", "owls", "huna"),
    ("bird", "birds", "pila"),
    ("boy", "boys", "tama"),
    ("girl", "girls", "sela"),
    ("mother", "mothers", "mema"),
    ("father", "fathers", "pada"),
    ("friend", "friends", "lina"),
];
/// Nouns for objects.
pub(super) const THINGS: &[Noun] = &[
    ("ball", "balls", "tola"),
    ("kite", "kites", "vina"),
    ("hat", "hats", "kopa"),
    ("boat", "boats", "suna"),
    ("book", "books", "leka"),
    ("apple", "apples", "mala"),
    ("flower", "flowers", "fela"),
    ("cake", "cakes", "toka"),
    ("star", "stars", "tira"),
];
pub(super) const PLACES: &[Noun] = &[
    ("tree", "trees", "dura"),
    ("house", "houses", "hema"),
    ("river", "rivers", "wisa"),
    ("garden", "gardens", "geda"),
    ("hill", "hills", "mota"),
    ("forest", "forests", "sola"),
    ("door", "doors", "poda"),
];
/// Adjectives: English, Pelu.
pub(super) const ADJECTIVES: &[(&str, &str)] = &[
    ("red", "rano"),
    ("blue", "sulo"),
    ("green", "veho"),
    ("small", "pino"),
    ("big", "gako"),
    ("old", "koro"),
    ("happy", "hayo"),
    ("sad", "tumo"),
    ("warm", "wano"),
    ("new", "nefo"),
];
/// English prepositions and the postpositions of Pelu.
pub(super) const POSTPOSITIONS: &[(&str, &str)] =
    &[("in", "na"), ("on", "po"), ("under", "du"), ("near", "ni"), ("behind", "gu")];

/// A verb: its English forms, and its single form in Pelu.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verb {
    base: &'static str,
    third: &'static str,
    past: &'static str,
    own: &'static str,
}

const fn verb(base: &'static str, third: &'static str, past: &'static str, own: &'static str) -> Verb {
    Verb { base, third, past, own }
}

pub(super) const TRANSITIVE: &[Verb] = &[
    verb("see", "sees", "saw", "vike"),
    verb("find", "finds", "found", "tane"),
    verb("like", "likes", "liked", "lame"),
    verb("want", "wants", "wanted", "wine"),
    verb("take", "takes", "took", "gabe"),
    verb("make", "makes", "made", "fate"),
    verb("hide", "hides", "hid", "kuve"),
    verb("carry", "carries", "carried", "dofe"),
];
pub(super) const INTRANSITIVE: &[Verb] = &[
    verb("sleep", "sleeps", "slept", "nume"),
    verb("sing", "sings", "sang", "lale"),
    verb("run", "runs", "ran", "rike"),
    verb("laugh", "laughs", "laughed", "hike"),
    verb("jump", "jumps", "jumped", "pupe"),
    verb("play", "plays", "played", "yole"),
    verb("wait", "waits", "waited", "sade"),
    verb("cry", "cries", "cried", "bawe"),
];

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
        let Self::Common { noun: (one, many, _), adjective, definite, plural } = self else {
            return self.pelu();
        };
        let noun = if *plural { many } else { one };
        let noun = adjective.map_or_else(|| (*noun).to_owned(), |adjective| format!("{adjective} {noun}"));
        match (definite, plural) {
            (true, _) => format!("the {noun}"),
            (false, true) => noun,
            (false, false) => super::draw::with_article(&noun),
        }
    }

    pub(super) fn pelu(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Common { noun: (_, _, own), adjective, definite, plural } => {
                let article = if *definite { "lo " } else { "" };
                let plural = if *plural { PLURAL } else { "" };
                let adjective = adjective.and_then(|english| own_of(ADJECTIVES, english));
                let adjective = adjective.map(|own| format!(" {own}")).unwrap_or_default();
                format!("{article}{own}{plural}{adjective}")
            }
        }
    }

    fn from_english(words: &mut Words<'_>) -> Option<Self> {
        let article = words.take(&["the", "a", "an"]);
        let adjective =
            words.find(|word| ADJECTIVES.iter().find(|(english, _)| *english == word)).map(|found| found.0);
        let found = words
            .find(|word| nouns().find_map(|noun| (noun.0 == word).then_some((noun, false))))
            .or_else(|| words.find(|word| nouns().find_map(|noun| (noun.1 == word).then_some((noun, true)))));
        match (found, article) {
            (Some((_, false)), None) | (Some((_, true)), Some("a" | "an")) => None,
            (Some((noun, plural)), article) => {
                Some(Self::Common { noun, adjective, definite: article == Some("the"), plural })
            }
            (None, None) if adjective.is_none() => words.name().map(Self::Name),
            (None, _) => None,
        }
    }

    fn from_pelu(words: &mut Words<'_>) -> Option<Self> {
        let definite = words.take(&[THE]).is_some();
        let found = words.find(|word| {
            nouns().find_map(|noun| match word.strip_prefix(noun.2)? {
                "" => Some((noun, false)),
                PLURAL => Some((noun, true)),
                _ => None,
            })
        });
        let Some((noun, plural)) = found else {
            return if definite { None } else { words.name().map(Self::Name) };
        };
        let adjective =
            words.find(|word| ADJECTIVES.iter().find(|(_, own)| *own == word)).map(|found| found.0);
        Some(Self::Common { noun, adjective, definite, plural })
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
        let Verb { base, third, past, .. } = self.verb;
        let plural = self.subject.is_plural();
        let verb = match (self.tense, self.negated, plural) {
            (Tense::Past, false, _) => (*past).to_owned(),
            (Tense::Past, true, _) => format!("did not {base}"),
            (Tense::Present, false, true) => (*base).to_owned(),
            (Tense::Present, false, false) => (*third).to_owned(),
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
            Some(format!("{} {}", place.pelu(), own_of(POSTPOSITIONS, before)?))
        }));
        words.extend(self.negated.then(|| NOT.to_owned()));
        words.push(self.verb.own.to_owned());
        words.extend(match self.tense {
            Tense::Past => Some(PAST.to_owned()),
            Tense::Present => None,
            Tense::Future => Some(FUTURE.to_owned()),
        });
        super::draw::sentence(&words.join(" "))
    }

    fn from_english(words: &mut Words<'_>) -> Option<Self> {
        let subject = NounPhrase::from_english(words)?;
        let helper = words.take(&["did", "do", "does", "will"]);
        let negated = words.take(&["not"]).is_some();
        let by = |form: fn(&Verb) -> &'static str, words: &mut Words<'_>| {
            words.find(|word| verbs().find(|verb| form(verb) == word))
        };
        let (verb, tense) = match helper {
            Some("did") => (by(|verb| verb.base, words)?, Tense::Past),
            Some("will") => (by(|verb| verb.base, words)?, Tense::Future),
            Some(_) => (by(|verb| verb.base, words)?, Tense::Present),
            None => match by(|verb| verb.past, words) {
                Some(verb) => (verb, Tense::Past),
                None if subject.is_plural() => (by(|verb| verb.base, words)?, Tense::Present),
                None => (by(|verb| verb.third, words)?, Tense::Present),
            },
        };
        let object = if TRANSITIVE.contains(verb) { Some(NounPhrase::from_english(words)?) } else { None };
        let before = words.find(|word| POSTPOSITIONS.iter().find(|(english, _)| *english == word));
        let place = match before {
            Some((before, _)) => Some((*before, NounPhrase::from_english(words)?)),
            None => None,
        };
        Some(Self { subject, verb, object, place, tense, negated })
    }

    fn from_pelu(words: &mut Words<'_>) -> Option<Self> {
        let subject = NounPhrase::from_pelu(words)?;
        let (mut object, mut place) = (None, None);
        while let Some(phrase) = NounPhrase::from_pelu(words) {
            match words.find(|word| POSTPOSITIONS.iter().find(|(_, own)| *own == word)) {
                Some((before, _)) if place.is_none() => place = Some((*before, phrase)),
                None if object.is_none() && place.is_none() => object = Some(phrase),
                _ => return None,
            }
        }
        let negated = words.take(&[NOT]).is_some();
        let verb = words.find(|word| verbs().find(|verb| verb.own == word))?;
        let tense = match words.take(&[PAST, FUTURE]) {
            Some(PAST) => Tense::Past,
            Some(_) => Tense::Future,
            None => Tense::Present,
        };
        (TRANSITIVE.contains(verb) == object.is_some()).then_some(Self {
            subject,
            verb,
            object,
            place,
            tense,
            negated,
        })
    }
}

/// The remaining words of a text.
#[derive(Clone)]
struct Words<'text> {
    /// Each word as written, and in lowercase.
    left: Vec<(&'text str, String)>,
    at: usize,
}

impl<'text> Words<'text> {
    fn of(text: &'text str) -> Self {
        let text = text.trim().trim_end_matches('.');
        Self { left: text.split_whitespace().map(|word| (word, word.to_lowercase())).collect(), at: 0 }
    }

    /// Applies `what` to the next word, and consumes the word if the result is not `None`.
    fn find<T>(&mut self, what: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let found = what(&self.left.get(self.at)?.1)?;
        self.at += 1;
        Some(found)
    }

    /// Consumes the next word if it is one of these.
    fn take(&mut self, of: &[&'static str]) -> Option<&'static str> {
        self.find(|word| of.iter().find(|listed| **listed == word).copied())
    }

    /// Consumes a capitalised word that is not in the lexicon.
    fn name(&mut self) -> Option<String> {
        let (word, small) = self.left.get(self.at)?;
        let known = lexicon().iter().any(|(english, own)| english == small || own == small);
        if known || !word.starts_with(char::is_uppercase) {
            return None;
        }
        self.at += 1;
        Some((*word).to_owned())
    }

    fn are_used_up(&self) -> bool {
        self.at == self.left.len()
    }
}

fn own_of(list: &[(&'static str, &'static str)], english: &str) -> Option<&'static str> {
    list.iter().find(|(word, _)| *word == english).map(|(_, own)| *own)
}

fn nouns() -> impl Iterator<Item = &'static Noun> {
    [BEINGS, THINGS, PLACES].into_iter().flatten()
}

fn verbs() -> impl Iterator<Item = &'static Verb> {
    TRANSITIVE.iter().chain(INTRANSITIVE)
}

/// All words in English and in Pelu: nouns, verbs, adjectives, postpositions, particles.
pub fn lexicon() -> Vec<(&'static str, &'static str)> {
    let particles = [("the", THE), ("not", NOT)];
    nouns()
        .map(|noun| (noun.0, noun.2))
        .chain(verbs().map(|verb| (verb.base, verb.own)))
        .chain(ADJECTIVES.iter().chain(POSTPOSITIONS).copied())
        .chain(particles)
        .collect()
}

/// Parses a text, which must be consumed completely.
fn whole<T>(text: &str, read: impl FnOnce(&mut Words<'_>) -> Option<T>) -> Option<T> {
    let mut words = Words::of(text);
    read(&mut words).filter(|_| words.are_used_up())
}

/// Translates an English sentence, or noun phrase, to Pelu; `None` if the grammar or lexicon does not cover it.
pub fn pelu_from_english(text: &str) -> Option<String> {
    let clause = whole(text, Clause::from_english).map(|clause| clause.pelu());
    clause.or_else(|| whole(text, NounPhrase::from_english).map(|phrase| phrase.pelu()))
}

/// Translates a sentence or noun phrase from Pelu to English; `None` if the grammar or lexicon does not cover it.
pub fn english_from_pelu(text: &str) -> Option<String> {
    let clause = whole(text, Clause::from_pelu).map(|clause| clause.english());
    clause.or_else(|| whole(text, NounPhrase::from_pelu).map(|phrase| phrase.english()))
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
        assert!(nouns().all(|noun| noun.2.ends_with('a')) && verbs().all(|verb| verb.own.ends_with('e')));
        assert!(ADJECTIVES.iter().all(|(_, own)| own.ends_with('o')));
    }

    #[test]
    fn sentences_of_the_grammar_are_translated_both_ways() {
        for (english, pelu) in [
            ("The fox saw a red ball in the garden.", "Lo fima tola rano lo geda na vike ke."),
            ("Lily does not like the old books.", "Lily lo lekari koro ma lame."),
            ("Mice will sing under an apple.", "Nitari mala du lale su."),
            ("The owls play.", "Lo hunari yole."),
            ("Tom did not sleep.", "Tom ma nume ke."),
            ("the small house", "lo hema pino"),
            ("foxes", "fimari"),
            ("an old owl", "huna koro"),
        ] {
            assert_eq!(pelu_from_english(english).as_deref(), Some(pelu));
            assert_eq!(english_from_pelu(pelu).as_deref(), Some(english));
        }
        for bad in ["", "Fox sees.", "The fox see a ball.", "The fox saw.", "The fox saw the sea.", "a foxes"]
        {
            assert_eq!(pelu_from_english(bad), None, "{bad}");
        }
        for bad in ["", "Lo fima vike ke.", "Vike lo fima.", "Lo fima tola ke vike.", "lo Lily"] {
            assert_eq!(english_from_pelu(bad), None, "{bad}");
        }
    }
}
