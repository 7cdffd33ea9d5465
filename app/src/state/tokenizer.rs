//! The open project's tokenizer, and answers about it.

use glasshouse_protocol::{Command, Event, PreparationStage, TokenizerSummary, answer};

#[derive(Debug, Default)]
pub struct Tokenizing {
    /// `None` before it was trained.
    pub summary: Option<TokenizerSummary>,
    /// Stage, processed bytes and total bytes of a preparation in progress.
    pub preparing: Option<(Option<PreparationStage>, u64, u64)>,
    /// The text tokenized last.
    pub tokens: Option<answer::Tokens>,
    pub vocabulary: Option<answer::Vocabulary>,
    /// Number of trainings so far; each outdates earlier answers.
    pub trained: u64,
    /// [`Documents::changes`](super::documents::Documents::changes) when it was trained; a run on another text trains it again.
    pub of_text: u64,
}

impl Tokenizing {
    pub(super) fn sent(&mut self, command: &Command) {
        if matches!(command, Command::TrainTokenizer { .. }) {
            self.preparing = Some((None, 0, 0));
        }
    }

    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Project { opened } => {
                let summary = opened.as_ref().and_then(|opened| opened.tokenizer.clone());
                *self = Self { summary, ..Self::default() };
            }
            Event::Preparing { stage, done, total } => self.preparing = Some((Some(*stage), *done, *total)),
            Event::TokenizerReady { tokenizer } => {
                let same = self.summary.as_ref().is_some_and(|before| before.config == tokenizer.config);
                let trained = self.trained + 1;
                if !same {
                    *self = Self::default();
                }
                self.trained = trained;
                self.summary = Some(tokenizer.clone());
                self.preparing = None;
            }
            Event::Failed { .. } | Event::TrainingStarted { .. } => self.preparing = None,
            Event::Tokens(tokens) => self.tokens = Some(tokens.clone()),
            Event::Vocabulary(page) => self.vocabulary = Some(page.clone()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::{TokenizerConfig, TokenizerKind};

    fn ready(kind: TokenizerKind) -> Event {
        let config = TokenizerConfig::new(kind, 300);
        let tokenizer = TokenizerSummary {
            config,
            vocabulary: 300,
            train_tokens: 10,
            validation_tokens: 1,
            bytes_per_token: 2.0,
            unused: 0,
            merges: true,
        };
        Event::TokenizerReady { tokenizer }
    }

    #[test]
    fn answers_of_another_tokenizer_are_forgotten() {
        let mut state = Tokenizing::default();
        state.apply(&ready(TokenizerKind::Bpe));
        let (text, lost) = ("a".to_owned(), String::new());
        let tokens = Event::Tokens(answer::Tokens { text, tokens: Vec::new(), lost, merges: None });
        state.apply(&tokens);
        state.apply(&ready(TokenizerKind::Bpe));
        assert_eq!((state.trained, state.tokens.is_some()), (2, true));
        state.apply(&ready(TokenizerKind::Char));
        assert_eq!((state.trained, state.tokens.is_some()), (3, false));
    }
}
