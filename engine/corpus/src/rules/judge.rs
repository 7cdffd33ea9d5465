//! Applies rules to documents.

use super::learned::Perplexity;
use super::measured::Measured;
use super::outcome::Reason;
use super::rule::{Ready, Rule, keeps_all};
use glasshouse_documents::Result;
use glasshouse_documents::document::{Document, Kind};
use glasshouse_documents::files::Files;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    pub dropped: Option<(usize, Reason)>,
    /// The text, if rules edited it (up to the one that dropped it).
    pub text: Option<String>,
    pub edited_by: Vec<usize>,
    /// The ISO 639-3 code of the language that a rule found.
    pub language: Option<String>,
}

/// Compiled rules with checked settings. One instance serves all threads.
pub struct Judge {
    pub rules: Vec<Rule>,
    ready: Vec<Ready>,
    is_on: Vec<bool>,
}

impl Judge {
    pub fn new(rules: &[Rule], files: &dyn Files) -> Result<Self> {
        Self::with_off(rules, |_| true, false, files)
    }

    /// With rules that are off. [`Self::judge`] passes over them; [`Self::judge_each`] does not, if they are `prepared` and have their files.
    pub fn with_off(
        rules: &[Rule],
        is_on: impl Fn(&Rule) -> bool,
        prepared: bool,
        files: &dyn Files,
    ) -> Result<Self> {
        rules.iter().try_for_each(Rule::validate)?;
        let ready = |rule: &Rule| match is_on(rule) {
            true => rule.ready(files),
            false if prepared => Ok(rule.ready(files).unwrap_or_else(|_| keeps_all())),
            false => Ok(keeps_all()),
        };
        let ready = rules.iter().map(ready).collect::<Result<_>>()?;
        Ok(Self { rules: rules.to_vec(), ready, is_on: rules.iter().map(&is_on).collect() })
    }

    /// The rule that judges texts by their corpus, and its index. It needs the other rules' verdicts on all texts, so it keeps every
    /// text here; the pipeline applies [`Perplexity::judge_by_corpus`] in the second pass.
    pub fn by_corpus(&self) -> Option<(usize, &Perplexity)> {
        let rules = self.rules.iter().zip(&self.is_on).enumerate();
        rules.filter(|(_, (_, is_on))| **is_on).find_map(|(index, (rule, _))| match rule {
            Rule::Perplexity(perplexity) if perplexity.file.is_none() => Some((index, perplexity)),
            _ => None,
        })
    }

    /// Runs the rules in order, each on the result of the previous ones, until one drops the document.
    pub fn judge(&self, document: &Document) -> Judgement {
        let mut judgement = Judgement::default();
        let mut measured = Measured::new(&document.text);
        let rules = self.rules.iter().zip(&self.ready).zip(&self.is_on).enumerate();
        for (index, ((rule, ready), _)) in rules.filter(|(_, (_, is_on))| **is_on) {
            match step(rule, ready, document, &measured) {
                Ok(None) => {}
                Ok(Some(left)) => {
                    judgement.language = measured.language.take().or(judgement.language);
                    judgement.edited_by.push(index);
                    measured = left;
                }
                Err(reason) => {
                    judgement.dropped = Some((index, reason));
                    break;
                }
            }
        }
        judgement.language = measured.language.take().or(judgement.language);
        judgement.text = measured.into_edited();
        judgement
    }

    /// For each rule, independently of the others, whether it edits the document, or the reason for dropping it.
    pub fn judge_each(&self, document: &Document) -> Vec<Result<bool, Reason>> {
        let measured = Measured::new(&document.text);
        let rules = self.rules.iter().zip(&self.ready);
        rules.map(|(rule, ready)| Ok(step(rule, ready, document, &measured)?.is_some())).collect()
    }
}

/// The remaining text if a rule edits it, `None` if it is unchanged, or the reason for dropping it.
fn step(
    rule: &Rule,
    ready: &Ready,
    document: &Document,
    measured: &Measured<'_>,
) -> Result<Option<Measured<'static>>, Reason> {
    if rule.is_about_prose() && matches!(document.kind, Kind::Code(_)) {
        return Ok(None);
    }
    ready(document, measured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;
    use glasshouse_documents::files::SystemFiles;

    fn published(name: &str) -> Vec<Rule> {
        Recipe::published(name).unwrap().rules
    }

    fn document(text: &str) -> Document {
        Document { text: text.into(), ..Document::default() }
    }

    /// Prose that all published rules keep, except for one line of a menu.
    fn prose() -> String {
        let sentences = [
            "The ferry to the island leaves twice a day, and the last one back is seldom on time.",
            "We had planned to be home by dark, but the captain took one look at the sky and shook his head.",
            "So we ate what there was, which was bread with cheese, and listened to the rain.",
            "By morning the harbour lay still, and the whole town had come to see what the storm left behind.",
            "Nobody spoke of the boat that was missing until it came round the point at noon.",
        ];
        format!("{}\n\nHome | About\n{}", sentences[..3].join(" "), sentences[3..].join(" "))
    }

    #[test]
    fn good_prose_passes_every_preset_and_loses_its_menu() {
        let judge = Judge::new(&published("fineweb"), &SystemFiles).unwrap();
        let judgement = judge.judge(&document(&prose()));
        assert_eq!(judgement.dropped, None);
        assert_eq!(judgement.edited_by, [3]);
        let text = judgement.text.unwrap();
        assert!(!text.contains("Home | About") || text.contains("| About"), "{text}");
        assert_eq!(judgement.language.as_deref(), Some("eng"));
        for rules in ["gopher", "c4"].map(published) {
            assert_eq!(Judge::new(&rules, &SystemFiles).unwrap().judge(&document(&prose())).dropped, None);
        }
    }

    #[test]
    fn the_first_rule_that_drops_is_the_one_named() {
        let judge = Judge::new(&published("fineweb"), &SystemFiles).unwrap();
        let text = prose() + " Use { brackets }. Short.";
        let judgement = judge.judge(&document(&text));
        let (rule, reason) = judgement.dropped.unwrap();
        assert_eq!((judge.rules[rule].name(), reason.threshold), ("c4-quality", "drop_curly_brackets"));
        let outcomes = judge.judge_each(&document("Zu kurz."));
        let dropped: Vec<_> = outcomes.iter().map(Result::is_err).collect();
        assert_eq!(dropped, [false, true, true, true, true]);
    }

    #[test]
    fn rules_about_prose_pass_over_code() {
        let judge = Judge::new(&published("fineweb"), &SystemFiles).unwrap();
        let mut document = document("fn main() {\n}\n");
        assert!(judge.judge(&document).dropped.is_some());
        document.kind = Kind::Code("rust".into());
        assert_eq!(judge.judge(&document), Judgement::default());
    }

    #[test]
    fn settings_are_checked_before_the_first_document() {
        let rules = [Rule::Length(crate::rules::Length { minimum_words: 0, maximum_words: 0 })];
        let error = Judge::new(&rules, &SystemFiles).err().unwrap().to_string();
        assert!(error.starts_with("length: maximum_words is 0"), "{error}");
    }
}
