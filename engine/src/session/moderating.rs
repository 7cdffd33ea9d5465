//! Moderation of what is written: by our rules, and by those and the classifier of the open project.

use super::Session;
use crate::error::{Error, Result};
use crate::evaluation::moderation::{CLASSIFIER_FILE, Classifier, Judges, RULES_FILE, Rules};
use crate::protocol::{GenerateConfig, ModerationMode};
use std::sync::Arc;

/// Rules or a classifier as they were parsed last, which takes longer than most texts have time for.
pub(super) struct Parsed<T>(Option<(String, Arc<T>)>);

impl<T> Default for Parsed<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Parsed<T> {
    /// What a file's text comes to: parsed anew where it is another than last time.
    fn of(&mut self, own: String, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Arc<T>, String> {
        if let Some((_, parsed)) = self.0.as_ref().filter(|(known, _)| *known == own) {
            return Ok(parsed.clone());
        }
        let parsed = Arc::new(parse(&own)?);
        self.0 = Some((own, parsed.clone()));
        Ok(parsed)
    }
}

impl Session {
    /// Settings and what their moderation judges by: rules of their own, or else those of the open project, and its classifier where that is
    /// switched on. Neither are read nor parsed where nobody moderates.
    ///
    /// # Errors
    /// A line of the rules is broken; it is named. Or the classifier is missing or damaged.
    pub(super) fn with_judges(
        &mut self,
        config: &GenerateConfig,
    ) -> Result<(GenerateConfig, Option<Judges>)> {
        let mut config = config.clone();
        if config.moderation.mode == ModerationMode::Off {
            return Ok((config, None));
        }
        config.validate()?;
        let mut place = "the rules of moderation".to_owned();
        let own = match (config.moderation.rules.take(), &self.project) {
            (Some(own), _) => own,
            (None, Some(open)) => {
                place = open.project.folder().join(RULES_FILE).display().to_string();
                open.project.moderation_rules()?.unwrap_or_default()
            }
            (None, None) => String::new(),
        };
        let rules = self.generations.rules.of(own, Rules::with);
        let rules = rules.map_err(|reason| Error::Refused(format!("{place}: {reason}")))?;
        let classifier = config.moderation.classifier.then(|| self.classifier()).transpose()?;
        Ok((config, Some(Judges { rules, classifier })))
    }

    /// The open project's classifier.
    fn classifier(&mut self) -> Result<Arc<Classifier>> {
        let project = &self.opened()?.project;
        let (folder, own) = (project.folder().to_owned(), project.expect_classifier()?);
        let read = self.generations.classifier.of(own, Classifier::read);
        read.map_err(|reason| Error::Refused(format!("{}: {reason}", folder.join(CLASSIFIER_FILE).display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_parsed_once_and_again_where_they_are_others() {
        let mut parsed = Parsed::default();
        let mut of = |own: &str| parsed.of(own.to_owned(), Rules::with);
        let ours = of("").unwrap();
        assert!(Arc::ptr_eq(&ours, &of("").unwrap()));
        let own = of("{\"words\":[\"blorb\"]}").unwrap();
        assert_eq!((own.find("a blorb").len(), ours.find("a blorb").len()), (1, 0));
        assert!(of("{\"wods\":[\"blorb\"]}").unwrap_err().contains("line 1"));
        assert!(Arc::ptr_eq(&own, &of("{\"words\":[\"blorb\"]}").unwrap()), "what is broken takes no place");
    }
}
