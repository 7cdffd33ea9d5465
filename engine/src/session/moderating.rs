//! Moderation of what is written: by our rules, and by those of the open project.

use super::Session;
use crate::error::{Error, Result};
use crate::evaluation::moderation::{RULES_FILE, Rules};
use crate::protocol::{GenerateConfig, ModerationMode};
use std::sync::Arc;

/// Rules as they were parsed last, which takes longer than most texts have time for.
#[derive(Default)]
pub(super) struct ParsedRules(Option<(String, Arc<Rules>)>);

impl ParsedRules {
    /// What a person's rules come to beside ours: parsed anew where they are others than last time.
    fn of(&mut self, own: String) -> Result<Arc<Rules>, String> {
        if let Some((_, rules)) = self.0.as_ref().filter(|(known, _)| *known == own) {
            return Ok(rules.clone());
        }
        let rules = Arc::new(Rules::with(&own)?);
        self.0 = Some((own, rules.clone()));
        Ok(rules)
    }
}

impl Session {
    /// Settings and the rules of their moderation: their own, or else those of the open project. Neither are read nor parsed where nobody
    /// moderates.
    ///
    /// # Errors
    /// A line of the rules is broken; it is named.
    pub(super) fn with_rules(
        &mut self,
        config: &GenerateConfig,
    ) -> Result<(GenerateConfig, Option<Arc<Rules>>)> {
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
        let rules = self.generations.rules.of(own);
        Ok((config, Some(rules.map_err(|reason| Error::Refused(format!("{place}: {reason}")))?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_parsed_once_and_again_where_they_are_others() {
        let mut parsed = ParsedRules::default();
        let mut of = |own: &str| parsed.of(own.to_owned());
        let ours = of("").unwrap();
        assert!(Arc::ptr_eq(&ours, &of("").unwrap()));
        let own = of("{\"words\":[\"blorb\"]}").unwrap();
        assert_eq!((own.find("a blorb").len(), ours.find("a blorb").len()), (1, 0));
        assert!(of("{\"wods\":[\"blorb\"]}").unwrap_err().contains("line 1"));
        assert!(Arc::ptr_eq(&own, &of("{\"words\":[\"blorb\"]}").unwrap()), "what is broken takes no place");
    }
}
