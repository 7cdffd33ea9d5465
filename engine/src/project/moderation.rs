//! A project's own rules of moderation, and its classifier.

use super::Project;
use crate::error::{Error, Result};
use crate::evaluation::moderation::{CLASSIFIER_FILE, Classifier, RULES_FILE, Rules};
use crate::platform::files;
use crate::protocol::config::MAX_RULES_BYTES;
use crate::protocol::{Moderation, ModerationMode};
use crate::storage;

/// Bytes of a classifier at most: one with a weight for each of its places has 10 MB.
const MAX_CLASSIFIER_BYTES: u64 = 16 << 20;

impl Project {
    /// Rules beside ours, as their file has them; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read, is too long, or is not UTF-8.
    pub fn moderation_rules(&self) -> Result<Option<String>> {
        let path = self.folder().join(RULES_FILE);
        storage::if_there(&path, MAX_RULES_BYTES as u64, storage::read_text)
    }

    /// Whether it has a classifier.
    pub fn has_classifier(&self) -> bool {
        files::exists(&self.folder().join(CLASSIFIER_FILE))
    }

    /// The classifier of its own, as its file has it; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read, is too long, or is not UTF-8.
    pub fn moderation_classifier(&self) -> Result<Option<String>> {
        storage::if_there(&self.folder().join(CLASSIFIER_FILE), MAX_CLASSIFIER_BYTES, storage::read_text)
    }

    /// The same where moderation goes by it.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn expect_classifier(&self) -> Result<String> {
        self.moderation_classifier()?.ok_or_else(|| {
            Error::Refused(format!(
                "moderation is to go by the project's classifier, and there is no {CLASSIFIER_FILE} in {}; train one of labelled rows, \
                 or moderate by rules alone",
                self.folder().display()
            ))
        })
    }

    /// Sees to it that texts can be moderated so, before there are any.
    ///
    /// # Errors
    /// The project's rules are broken where they count, or its classifier is missing or damaged where it does.
    pub fn check_moderation(&self, moderation: &Moderation) -> Result<()> {
        if moderation.mode == ModerationMode::Off {
            return Ok(());
        }
        let broken = |file: &str, reason: String| {
            Error::Refused(format!("{}: {reason}", self.folder().join(file).display()))
        };
        if moderation.rules.is_none() {
            let own = self.moderation_rules()?.unwrap_or_default();
            Rules::with(&own).map_err(|reason| broken(RULES_FILE, reason))?;
        }
        if moderation.classifier {
            let own = self.expect_classifier()?;
            Classifier::read(&own).map_err(|reason| broken(CLASSIFIER_FILE, reason))?;
        }
        Ok(())
    }
}
