//! Technical terms, each with a short explanation, a formula and a source. They are in `glossary.txt`.

use glasshouse_protocol::GenerateConfig;
use glasshouse_protocol::setting::{Setting, Settings as _};
use std::borrow::Cow;
use std::sync::LazyLock;

#[derive(Debug, Default)]
pub struct Term {
    /// As the pages write it, followed by its other spellings there.
    pub names: Vec<&'static str>,
    /// A sentence or two: in the file, or the help of the setting whose path is there.
    pub meaning: Cow<'static, str>,
    /// May be empty.
    pub formula: &'static str,
    /// May be empty.
    pub source: &'static str,
}

static TERMS: LazyLock<Vec<Term>> = LazyLock::new(|| {
    let mut terms: Vec<Term> = Vec::new();
    for line in include_str!("glossary.txt").lines() {
        if let Some((names, meaning)) = line.split_once(" :: ") {
            let setting = Setting::at(meaning).or_else(|| GenerateConfig::setting(meaning));
            let meaning = setting.map_or(Cow::Borrowed(meaning), |setting| setting.help().into());
            terms.push(Term { names: names.split("; ").collect(), meaning, ..Term::default() });
        } else if let Some(term) = terms.last_mut() {
            term.formula = line.strip_prefix("  = ").unwrap_or(term.formula);
            term.source = line.strip_prefix("  @ ").unwrap_or(term.source);
        }
    }
    terms
});

/// The term of this name, ignoring case.
pub fn explained(name: &str) -> Option<&'static Term> {
    TERMS.iter().find(|term| term.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_explained_once() {
        let mut seen = std::collections::BTreeSet::new();
        for term in TERMS.iter() {
            for name in &term.names {
                assert!(!name.is_empty() && seen.insert(name.to_lowercase()), "{name} is explained twice");
                assert!(explained(&name.to_ascii_uppercase()).is_some());
            }
            assert!(term.meaning.ends_with('.'), "{:?}", term.names);
        }
        let term = explained("Attention").unwrap();
        assert_eq!((term.formula, term.source), ("softmax(QKᵀ / √D) V", "Vaswani et al. 2017, §3.2"));
    }

    #[test]
    fn every_line_is_a_term_or_belongs_to_one() {
        let mut lines = include_str!("glossary.txt").lines().filter(|line| !line.is_empty());
        let read = |line: &str| {
            line.contains(" :: ") || ["# ", "  = ", "  @ "].iter().any(|mark| line.starts_with(mark))
        };
        assert!(lines.all(read));
    }
}
