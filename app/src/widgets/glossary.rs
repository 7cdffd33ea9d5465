//! Words of the field, each explained in a sentence, with its formula and where to read more.

mod evaluate;
mod inspect;
mod model;
mod tokenizer;
mod train;
mod tune;
mod write;

/// An explained word.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// The word, as pages write it, in lower case.
    pub term: &'static str,
    /// Other ways in which pages write it.
    pub also: &'static [&'static str],
    /// What it means, in a sentence or two.
    pub meaning: &'static str,
    /// Its formula; may be empty.
    pub formula: &'static str,
    /// Where to read more.
    pub more: &'static str,
}

impl Term {
    /// Whether a page's words are this term, in whatever case.
    pub fn names(&self, text: &str) -> bool {
        text.eq_ignore_ascii_case(self.term) || self.also.iter().any(|also| text.eq_ignore_ascii_case(also))
    }
}

const fn entry(
    term: &'static str,
    also: &'static [&'static str],
    meaning: &'static str,
    formula: &'static str,
    more: &'static str,
) -> Term {
    Term { term, also, meaning, formula, more }
}

/// Every explained word, by the page where it is first met.
const PAGES: &[&[Term]] = &[
    tokenizer::TERMS,
    model::TERMS,
    train::TERMS,
    tune::TERMS,
    write::TERMS,
    inspect::TERMS,
    evaluate::TERMS,
];

/// Every explained word.
pub fn glossary() -> impl Iterator<Item = &'static Term> {
    PAGES.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_explained_once() {
        let mut seen = std::collections::BTreeSet::new();
        for entry in glossary() {
            for name in entry.also.iter().chain([&entry.term]) {
                assert!(seen.insert(name.to_lowercase()), "{name} is explained twice");
            }
            assert!(entry.meaning.ends_with('.'), "{}", entry.term);
            assert!(entry.names(&entry.term.to_uppercase()));
        }
    }
}
