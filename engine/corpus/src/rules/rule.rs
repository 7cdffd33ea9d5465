//! The list of rules in a recipe.

use serde::{Deserialize, Serialize};

use super::blocklist::BlocklistFinder;
use super::{
    Address, Blocklist, C4Quality, Entropy, FinewebQuality, GopherQuality, GopherRepetition, Language,
    Length, Licence, Measured, Perplexity, Quality, Reason,
};
use glasshouse_documents::document::Document;
use glasshouse_documents::files::Files;
use glasshouse_documents::threshold::{self, Row, Threshold, Thresholds as _};
use glasshouse_documents::{Error, Result};

/// A compiled rule. Returns the remaining text if it edits it, `None` if it keeps it, or the reason for dropping it.
pub(super) type Ready =
    Box<dyn Fn(&Document, &Measured<'_>) -> Result<Option<Measured<'static>>, Reason> + Send + Sync>;

/// A rule that only keeps or drops texts, with what it is compiled to.
fn judged<T: Send + Sync + 'static>(
    compiled: T,
    judge: fn(&T, &Measured<'_>) -> Result<(), Reason>,
) -> Ready {
    Box::new(move |_, text| judge(&compiled, text).map(|()| None))
}

pub(super) fn keeps_all() -> Ready {
    Box::new(|_, _| Ok(None))
}

/// Generates the enum and what depends only on the variant: name in recipes, title, source, whether it is about prose, explanation, and its
/// compilation.
macro_rules! rules {
    ($(
        $(#[$attribute:meta])*
        $variant:ident $name:literal, $title:literal, $paper:literal, $prose:literal, $explanation:literal,
        |$rule:ident, $files:pat_param| $ready:expr;
    )*) => {
        /// A rule with its settings. In a recipe it is a table of the list `rules`, named by its field `rule`:
        ///
        /// ```toml
        /// [[rules]]
        /// rule = "gopher-repetition"
        /// duplicate_line_fraction = 0.25
        /// ```
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "rule")]
        pub enum Rule {
            $( #[doc = $explanation] $(#[$attribute])* #[serde(rename = $name)] $variant($variant), )*
        }

        impl Rule {
            pub fn all() -> Vec<Self> {
                vec![ $( Self::$variant($variant::default()), )* ]
            }

            pub fn name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $name, )* }
            }

            pub fn title(&self) -> &'static str {
                match self { $( Self::$variant(_) => $title, )* }
            }

            pub fn paper(&self) -> &'static str {
                match self { $( Self::$variant(_) => $paper, )* }
            }

            /// The rule's effect and reason, in one sentence.
            pub fn explain(&self) -> &'static str {
                match self { $( Self::$variant(_) => $explanation, )* }
            }

            /// Whether it applies to prose only and skips source code.
            pub fn is_about_prose(&self) -> bool {
                match self { $( Self::$variant(_) => $prose, )* }
            }

            pub fn rows(&mut self) -> Vec<Row<'_>> {
                match self { $( Self::$variant(settings) => settings.rows(), )* }
            }

            /// Compiles the rule.
            pub(super) fn ready(&self, all_files: &dyn Files) -> Result<Ready> {
                let ready: Ready = match self { $(
                    Self::$variant($rule) => {
                        let $files = all_files;
                        $ready
                    }
                )* };
                Ok(ready)
            }
        }
    };
}

rules! {
    Language "language", "Language", "whatlang, after Cavnar and Trenkle 1994", true,
        "Keeps texts in the listed languages. A small model learns one language better than five.",
        |rule, files| match &rule.file {
            None => judged(rule.clone(), Language::judge),
            Some(file) => {
                judged((rule.clone(), rule.model(file, files)?), |(rule, model), text| rule.judge_by(model, text))
            }
        };
    GopherRepetition "gopher-repetition", "Repetition (Gopher)", "Gopher, Rae et al. 2021, arXiv:2112.11446, table A1", true,
        "Drops texts that repeat lines, paragraphs or phrases: models learn to loop first.",
        |rule, _| judged(rule.clone(), GopherRepetition::judge);
    GopherQuality "gopher-quality", "Prose (Gopher)", "Gopher, Rae et al. 2021, arXiv:2112.11446, appendix A1.1", true,
        "Drops texts that do not look like prose: too few words, odd word lengths, mostly symbols, bullets or cut-off lines.",
        |rule, _| judged(rule.clone(), GopherQuality::judge);
    C4Quality "c4-quality", "Sentences (C4)", "C4, Raffel et al. 2020, arXiv:1910.10683, section 2.2, and TensorFlow Datasets", true,
        "Removes lines that are not sentences (menus, cookie notices, scripts), and drops texts with too few sentences.",
        |rule, _| {
            let rule = rule.clone();
            Box::new(move |_, text| Ok(rule.edit(text)?.map(|left| Measured::with_words(left.text, left.words))))
        };
    FinewebQuality "fineweb-quality", "Lists and menus (FineWeb)", "FineWeb, Penedo et al. 2024, arXiv:2406.17557, section 3.3, with datatrove's numbers", true,
        "Drops lists: few lines that end like a sentence, many short lines, many repeated ones.",
        |rule, _| judged(rule.clone(), FinewebQuality::judge);
    Length "length", "Length", "Glasshouse's own bounds", true,
        "Drops texts that are too short to teach anything or too long for one document.",
        |rule, _| judged(rule.clone(), Length::judge);
    Entropy "entropy", "Noise", "Shannon 1948; Glasshouse's own bounds", true,
        "Drops encoded data, drawn lines and random keys by the distribution of their characters.",
        |rule, _| judged(rule.clone(), Entropy::judge);
    Quality "classifier", "Quality classifier", "logistic regression on hashed n-grams, as DataComp-LM's filter (Li et al. 2024, arXiv:2406.11794) by fastText", true,
        "Drops texts that a classifier trained on your labelled rows finds unwanted. It judges by words: look at the dropped texts.",
        |rule, files| match rule.fast_text(files)? {
            None => judged((rule.clone(), rule.classifier(files)?), |(rule, model), text| rule.judge(model, text)),
            Some(model) => judged((rule.clone(), model), |(rule, model), text| rule.judge_by(model, text)),
        };
    #[serde(alias = "gibberish")] // Its name without a reference, in earlier versions.
    Perplexity "perplexity", "Perplexity", "after CCNet (Wenzek et al. 2020, arXiv:1911.00359), with a byte 5-gram model of a reference, or letter trigrams of the corpus (Shannon 1948)", true,
        "Drops texts that are unlike your reference text, or too predictable by it. Without a reference, drops texts spelled unlike the kept ones (gibberish), after all other rules.",
        |rule, files| match &rule.file {
            None => keeps_all(),
            Some(file) => judged((rule.clone(), rule.model(file, files)?), |(rule, model), text| rule.judge(model, text)),
        };
    Blocklist "blocklist", "Blocked words", "after C4's list of bad words, arXiv:1910.10683", false,
        "Drops texts with words from your own list. Lists drop more than intended: look at the dropped texts.",
        |rule, files| judged(rule.finder(files)?, BlocklistFinder::judge);
    Licence "licence", "Licences", "your own list", false,
        "Keeps texts under the listed licences, so that the terms of the training data are known.",
        |rule, _| {
            let rule = rule.clone();
            Box::new(move |document, _| rule.judge(document.licence.as_deref(), document.licence_rank).map(|()| None))
        };
    Address "address", "Addresses", "after FineWeb's address filter, arXiv:2406.17557", false,
        "Drops pages of the listed hosts.",
        |rule, files| {
            let finder = rule.finder(files)?;
            Box::new(move |document, _| finder.judge(document.address.as_deref()).map(|()| None))
        };
}

impl Rule {
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|rule| rule.name() == name)
    }

    /// The file that it learns from, or of its list; `None` if it takes none.
    pub fn file(&mut self) -> Option<&mut Option<String>> {
        match self {
            Self::Blocklist(rule) => Some(&mut rule.file),
            Self::Address(rule) => Some(&mut rule.hosts_file),
            Self::Language(rule) => Some(&mut rule.file),
            Self::Quality(rule) => Some(&mut rule.file),
            Self::Perplexity(rule) => Some(&mut rule.file),
            _ => None,
        }
    }

    pub fn thresholds(&self) -> Vec<Threshold> {
        self.clone().rows().iter_mut().map(Row::threshold).collect()
    }

    pub fn set_threshold(&mut self, name: &str, value: f64) -> Result<()> {
        let path = format!("{}: ", self.name());
        threshold::set(&mut self.rows(), &path, name, value)
    }

    pub fn validate(&self) -> Result<()> {
        let name = self.name();
        threshold::check(&mut self.clone().rows(), &format!("{name}: "))?;
        match self {
            Self::Language(language) => match language.unknown_code() {
                Some(code) => Err(Error::Invalid(format!(
                    "{name}: languages: {code:?} is not a known ISO 639-3 code such as eng or deu"
                ))),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_told_apart_and_explained() {
        let all = Rule::all();
        for (index, rule) in all.iter().enumerate() {
            assert_eq!(Rule::named(rule.name()).as_ref(), Some(rule));
            assert!(
                all[..index].iter().all(|other| other.name() != rule.name() && other.title() != rule.title())
            );
            assert!(!rule.paper().is_empty() && rule.explain().ends_with('.'));
            rule.validate().unwrap();
            for threshold in rule.thresholds() {
                assert!(threshold.meaning.ends_with('.'), "{}", threshold.meaning);
            }
        }
    }

    #[test]
    fn thresholds_are_set_by_name_within_their_bounds() {
        let mut rule = Rule::named("gopher-quality").unwrap();
        rule.set_threshold("minimum_words", 7.0).unwrap();
        let Rule::GopherQuality(settings) = &rule else { panic!() };
        assert_eq!(settings.minimum_words, 7);
        for (name, value, told) in [
            ("minimum_words", 7.5, "must be a whole number"),
            ("minimum_words", -1.0, "minimum_words is -1, but must be a number from 0"),
            ("maximum_bullet_line_fraction", f64::NAN, "must be a number from 0 to 1"),
            ("words", 1.0, "unknown threshold `words`"),
        ] {
            let error = rule.set_threshold(name, value).unwrap_err().to_string();
            assert!(error.starts_with("gopher-quality: ") && error.contains(told), "{error}");
        }
        let mut rule = Rule::named("c4-quality").unwrap();
        rule.set_threshold("remove_citations", 0.0).unwrap();
        let Rule::C4Quality(settings) = &rule else { panic!() };
        assert!(!settings.remove_citations);
    }

    #[test]
    fn recipes_name_rules_and_only_known_settings() {
        #[derive(Deserialize, Serialize)]
        struct Recipe {
            rules: Vec<Rule>,
        }
        let text = "[[rules]]\nrule = \"gopher-repetition\"\nduplicate_line_fraction = 0.25\n\
            [[rules]]\nrule = \"language\"\nlanguages = [\"deu\"]\nminimum_confidence = 1\n";
        let recipe: Recipe = toml::from_str(text).unwrap();
        let Rule::GopherRepetition(settings) = &recipe.rules[0] else { panic!() };
        assert_eq!((settings.duplicate_line_fraction, settings.top_2_gram), (0.25, 0.2));
        let again: Recipe = toml::from_str(&toml::to_string(&recipe).unwrap()).unwrap();
        assert_eq!(again.rules, recipe.rules);
        let text = "[[rules]]\nrule = \"gopher-quality\"\nmin_doc_words = 20\n";
        let Rule::GopherQuality(settings) = &toml::from_str::<Recipe>(text).unwrap().rules[0] else {
            panic!()
        };
        assert_eq!(settings.minimum_words, 20);
        let wrong = toml::from_str::<Recipe>("[[rules]]\nrule = \"length\"\nwords = 3\n").err().unwrap();
        assert!(wrong.to_string().contains("unknown field `words`"), "{wrong}");
        let all = Recipe { rules: Rule::all() };
        let again: Recipe = toml::from_str(&toml::to_string(&all).unwrap()).unwrap();
        assert_eq!(again.rules, all.rules);
    }

    #[test]
    fn validation_names_field_value_and_rule() {
        let rule = Rule::Language(Language { languages: vec!["en".into()], ..Language::default() });
        let error = rule.validate().unwrap_err().to_string();
        assert!(error.starts_with("language: languages: \"en\""), "{error}");
        let rule = Rule::Entropy(Entropy { maximum_bits: f64::INFINITY, ..Entropy::default() });
        let error = rule.validate().unwrap_err().to_string();
        assert!(error.starts_with("entropy: maximum_bits is inf"), "{error}");
    }
}
