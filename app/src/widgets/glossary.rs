//! Technical terms, each with a short explanation, a formula and a link.

mod evaluate;
mod inspect;
mod model;
mod tokenizer;
mod train;
mod tune;
mod write;

#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// In lower case, as the pages write it.
    pub term: &'static str,
    /// Other spellings on the pages.
    pub also: &'static [&'static str],
    /// The explanation, in a sentence or two.
    pub meaning: &'static str,
    /// May be empty.
    pub formula: &'static str,
    /// Further reading.
    pub more: &'static str,
}

impl Term {
    /// Whether a text is this term, ignoring case.
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

/// All terms, by the page where they first occur.
const PAGES: &[&[Term]] = &[
    tokenizer::TERMS,
    model::TERMS,
    train::TERMS,
    tune::TERMS,
    write::TERMS,
    inspect::TERMS,
    evaluate::TERMS,
];

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
