//! Moderation of what is written: by our rules, and by those of the open project.

use super::Session;
use crate::error::{Error, Result};
use crate::evaluation::moderation::{RULES_FILE, Rules};
use crate::platform::files;
use crate::protocol::config::LONGEST_RULES;
use crate::protocol::{GenerateConfig, ModerationMode};
use crate::storage;

impl Session {
    /// Settings with the rules of the open project, where they bring none of their own and nobody turned moderation off.
    ///
    /// # Errors
    /// A line of the rules is broken; it is named.
    pub(super) fn with_rules(&self, config: &GenerateConfig) -> Result<GenerateConfig> {
        let mut config = config.clone();
        if config.moderation.mode == ModerationMode::Off {
            return Ok(config);
        }
        let mut place = "the rules of moderation".to_owned();
        if config.moderation.rules.is_none()
            && let Some(open) = &self.project
        {
            let path = open.project.folder().join(RULES_FILE);
            if files::is_file(&path) {
                let size = files::metadata(&path).map_err(Error::io(&path))?.len();
                if size > LONGEST_RULES as u64 {
                    return Err(Error::bad_file(&path, format!("{size} bytes are too many for rules")));
                }
                let text = String::from_utf8(storage::read(&path)?)
                    .map_err(|_| Error::bad_file(&path, "is not UTF-8; convert it to UTF-8"))?;
                config.moderation.rules = Some(text);
                place = path.display().to_string();
            }
        }
        if let Some(own) = &config.moderation.rules {
            Rules::with(own).map_err(|reason| Error::Refused(format!("{place}: {reason}")))?;
        }
        Ok(config)
    }
}
