//! A project's own classifier of harmful sentences.

use super::Project;
use glasshouse_metrics::moderation::{CLASSIFIER_FILE, Classifier};
use glasshouse_platform::{Error, Result, files, storage};
use glasshouse_protocol::{Hint, Moderation, ModerationMode};
use std::sync::Arc;

/// Maximum size of a classifier; one with all weights used has 10 MB.
const MAX_CLASSIFIER_BYTES: u64 = 16 << 20;

impl Project {
    pub fn has_classifier(&self) -> bool {
        files::exists(&self.folder().join(CLASSIFIER_FILE))
    }

    /// The project's classifier file; `None` if there is none.
    pub fn moderation_classifier(&self) -> Result<Option<String>> {
        storage::if_there(&self.folder().join(CLASSIFIER_FILE), MAX_CLASSIFIER_BYTES, storage::read_text)
    }
}

/// The last parsed classifier and its file, because parsing takes too long to repeat for each text.
#[derive(Default)]
pub struct ParsedClassifier(Option<(String, Arc<Classifier>)>);

impl ParsedClassifier {
    /// The project's classifier, if moderation applies it. Fails if it is missing or damaged.
    pub fn of(
        &mut self,
        moderation: &Moderation,
        project: Option<&Project>,
    ) -> Result<Option<Arc<Classifier>>> {
        if moderation.mode == ModerationMode::Off || !moderation.classifier {
            return Ok(None);
        }
        let missing = |place: String| {
            Error::Refused(format!(
                "moderation uses the project's classifier, but there is no {place}; train one on labelled rows, or moderate only by \
                 the word list"
            ))
            .hint(Hint::TrainModeration)
        };
        let project = project.ok_or_else(|| missing("project".to_owned()))?;
        let file = project
            .moderation_classifier()?
            .ok_or_else(|| missing(format!("{CLASSIFIER_FILE} in {}", project.folder().display())))?;
        if let Some((_, parsed)) = self.0.as_ref().filter(|(known, _)| *known == file) {
            return Ok(Some(parsed.clone()));
        }
        let place = project.folder().join(CLASSIFIER_FILE);
        let parsed = Classifier::read(&file).map(Arc::new);
        let parsed = parsed.map_err(|reason| Error::Refused(format!("{}: {reason}", place.display())))?;
        self.0 = Some((file, parsed.clone()));
        Ok(Some(parsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_classifier_without_a_project_is_refused() {
        let moderation =
            Moderation { mode: ModerationMode::Filter, classifier: true, ..Moderation::default() };
        let error = ParsedClassifier::default().of(&moderation, None).unwrap_err().to_string();
        assert!(error.contains("there is no project"), "{error}");
    }
}
