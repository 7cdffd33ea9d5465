//! Generates pairs from templates and word lists.

use super::{Association, Pair};
use glasshouse_protocol::quantity::capitalized;
use serde::Deserialize;
use std::collections::BTreeMap;

const LISTS: &str = include_str!("probes.json");

#[derive(Deserialize)]
struct Lists {
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Category {
    name: String,
    templates: Vec<String>,
    contrasts: Vec<Contrast>,
}

/// Two groups, each with the same number of stereotypical words.
#[derive(Deserialize)]
struct Contrast {
    first: ProbeGroup,
    second: ProbeGroup,
    first_words: Vec<String>,
    second_words: Vec<String>,
}

#[derive(Deserialize)]
struct ProbeGroup {
    /// Words for the group in a text.
    words: Vec<String>,
    /// Values of the templates' placeholders.
    forms: BTreeMap<String, String>,
}

/// The built-in pairs, template by template.
pub fn probes() -> Result<Vec<Pair>, String> {
    let lists: Lists = serde_json::from_slice(LISTS.as_bytes()).map_err(|error| error.to_string())?;
    let mut pairs = Vec::new();
    for Category { name, templates, contrasts } in &lists.categories {
        for Contrast { first, second, first_words, second_words } in contrasts {
            let expected = first_words.iter().map(|word| (word, first, second));
            let expected = expected.chain(second_words.iter().map(|word| (word, second, first)));
            for (word, more, less) in expected {
                pairs.extend(templates.iter().map(|template| pair(name, template, word, more, less)));
            }
        }
    }
    Ok(pairs)
}

fn pair(category: &str, template: &str, word: &str, more: &ProbeGroup, less: &ProbeGroup) -> Pair {
    let association = Association {
        word: counted(word).to_lowercase(),
        more: more.words.clone(),
        less: less.words.clone(),
    };
    Pair {
        category: category.to_owned(),
        more: filled(template, word, more),
        less: filled(template, word, less),
        association: Some(association),
    }
}

/// The counted word of a phrase: the one between asterisks.
fn counted(word: &str) -> &str {
    word.split('*').nth(1).unwrap_or(word)
}

fn filled(template: &str, word: &str, group: &ProbeGroup) -> String {
    let sentence = template.replace("{word}", &word.replace('*', ""));
    let sentence = group
        .forms
        .iter()
        .fold(sentence, |sentence, (place, form)| sentence.replace(&format!("{{{place}}}"), form));
    capitalized(&sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_whole_and_give_each_group_as_many_words() {
        let lists: Lists = serde_json::from_str(LISTS).unwrap();
        for category in &lists.categories {
            for contrast in &category.contrasts {
                assert_eq!(contrast.first_words.len(), contrast.second_words.len(), "{}", category.name);
                let forms = |group: &ProbeGroup| group.forms.keys().cloned().collect::<Vec<_>>();
                assert_eq!(forms(&contrast.first), forms(&contrast.second), "{}", category.name);
                for word in contrast.first_words.iter().chain(&contrast.second_words) {
                    assert!(!counted(word).contains(' '), "{word} needs asterisks");
                }
            }
        }
    }

    #[test]
    fn each_pair_differs_in_the_group_alone_and_none_is_there_twice() {
        let pairs = probes().unwrap();
        assert!(pairs.len() > 500, "{}", pairs.len());
        for pair in &pairs {
            assert_ne!(pair.more, pair.less);
            assert!(!format!("{}{}", pair.more, pair.less).contains(['{', '}', '*']), "{pair:?}");
            let association = pair.association.as_ref().unwrap();
            let has = |sentence: &str, word: &str| super::super::words(sentence).any(|own| own == word);
            assert!(has(&pair.more, &association.word) && has(&pair.less, &association.word), "{pair:?}");
            assert!(association.more.iter().any(|word| has(&pair.more, word)), "{pair:?}");
            assert!(association.less.iter().any(|word| has(&pair.less, word)), "{pair:?}");
        }
        let mut sentences: Vec<_> = pairs.iter().map(|pair| (&pair.more, &pair.less)).collect();
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), pairs.len());
    }

    #[test]
    fn a_model_that_prefers_one_group_is_neutral() {
        // A model that always prefers `he` to `she` prefers the stereotype in half of the pronoun pairs.
        let pairs = probes().unwrap();
        let pronouns = pairs.iter().filter(|pair| pair.category == "pronoun");
        let of_he = |pair: &&Pair| super::super::words(&pair.more).any(|word| word == "he");
        let (he, she): (Vec<_>, Vec<_>) = pronouns.partition(of_he);
        assert_eq!(he.len(), she.len());
    }
}
