//! A project's own moderation rules and classifier.

use super::Project;
use glasshouse_metrics::moderation::{CLASSIFIER_FILE, Classifier, Judges, RULES_FILE, Rules};
use glasshouse_platform::{Error, Result, files, storage};
use glasshouse_protocol::config::MAX_RULES_BYTES;
use glasshouse_protocol::{Hint, Moderation, ModerationMode};
use std::sync::Arc;

/// Maximum size of a classifier; one with all weights used has 10 MB.
const MAX_CLASSIFIER_BYTES: u64 = 16 << 20;

impl Project {
    /// The project's rules file, used in addition to the built-in rules; `None` if there is none.
    pub fn moderation_rules(&self) -> Result<Option<String>> {
        let path = self.folder().join(RULES_FILE);
        storage::if_there(&path, MAX_RULES_BYTES as u64, storage::read_text)
    }

    pub fn has_classifier(&self) -> bool {
        files::exists(&self.folder().join(CLASSIFIER_FILE))
    }

    /// The project's classifier file; `None` if there is none.
    pub fn moderation_classifier(&self) -> Result<Option<String>> {
        storage::if_there(&self.folder().join(CLASSIFIER_FILE), MAX_CLASSIFIER_BYTES, storage::read_text)
    }
}

/// Cache of the last parsed rules and classifier, because parsing takes too long to repeat for each text.
#[derive(Default)]
pub struct ParsedJudges {
    rules: Parsed<Rules>,
    classifier: Parsed<Classifier>,
}

impl ParsedJudges {
    /// The judges for a text: the settings' own rules, or else the project's in addition to the built-in ones; and its classifier, if
    /// enabled. `None` if moderation is off; nothing is read then. Fails if a line of the rules is invalid (the error names it), or the
    /// classifier is missing or damaged.
    pub fn judges(&mut self, moderation: &Moderation, project: Option<&Project>) -> Result<Option<Judges>> {
        if moderation.mode == ModerationMode::Off {
            return Ok(None);
        }
        let (place, own) = match (&moderation.rules, project) {
            (Some(own), _) => ("the rules of moderation".to_owned(), own.clone()),
            (None, Some(project)) => {
                (place_of(project, RULES_FILE), project.moderation_rules()?.unwrap_or_default())
            }
            (None, None) => Default::default(),
        };
        let rules = self.rules.of(own, &place, Rules::with)?;
        let classifier = moderation.classifier.then(|| self.classifier(project)).transpose()?;
        Ok(Some(Judges { rules, classifier }))
    }

    fn classifier(&mut self, project: Option<&Project>) -> Result<Arc<Classifier>> {
        let missing = |place: String| {
            Error::Refused(format!(
                "moderation uses the project's classifier, but there is no {place}; train one on labelled rows, or moderate only by \
                 rules"
            ))
            .hint(Hint::TrainModeration)
        };
        let project = project.ok_or_else(|| missing("project".to_owned()))?;
        let own = project
            .moderation_classifier()?
            .ok_or_else(|| missing(format!("{CLASSIFIER_FILE} in {}", project.folder().display())))?;
        self.classifier.of(own, &place_of(project, CLASSIFIER_FILE), Classifier::read)
    }
}

fn place_of(project: &Project, file: &str) -> String {
    project.folder().join(file).display().to_string()
}

struct Parsed<T>(Option<(String, Arc<T>)>);

impl<T> Default for Parsed<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Parsed<T> {
    /// Parses a text unless it is unchanged. Errors include `place`.
    fn of(
        &mut self,
        own: String,
        place: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Arc<T>> {
        if let Some((_, parsed)) = self.0.as_ref().filter(|(known, _)| *known == own) {
            return Ok(parsed.clone());
        }
        let parsed = parse(&own).map_err(|reason| Error::Refused(format!("{place}: {reason}")))?;
        let parsed = Arc::new(parsed);
        self.0 = Some((own, parsed.clone()));
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_parsed_once_and_again_where_they_are_others() {
        let mut parsed = ParsedJudges::default();
        let mut of = |own: &str| {
            let mode = ModerationMode::Filter;
            let moderation = Moderation { mode, rules: Some(own.to_owned()), ..Moderation::default() };
            parsed.judges(&moderation, None).map(|judges| judges.unwrap().rules)
        };
        let ours = of("").unwrap();
        assert!(Arc::ptr_eq(&ours, &of("").unwrap()));
        let own = of("{\"words\":[\"blorb\"]}").unwrap();
        assert_eq!((own.find("a blorb").len(), ours.find("a blorb").len()), (1, 0));
        assert!(of("{\"wods\":[\"blorb\"]}").unwrap_err().to_string().contains("line 1"));
        assert!(Arc::ptr_eq(&own, &of("{\"words\":[\"blorb\"]}").unwrap()), "what is broken takes no place");
    }

    #[test]
    fn a_classifier_without_a_project_is_refused() {
        let moderation =
            Moderation { mode: ModerationMode::Filter, classifier: true, ..Moderation::default() };
        let error = ParsedJudges::default().judges(&moderation, None).unwrap_err().to_string();
        assert!(error.contains("there is no project"), "{error}");
    }
}
