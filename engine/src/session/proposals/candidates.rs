//! Candidates for labelling: a file's prompts and texts.

use crate::Result;
use crate::data::read::{self, Problems, RowLocation, SourceFile, labelled_texts, prompt_of};
use crate::generation::{chat_prompt, prompt_tokens};
use crate::platform::Yielder;
use crate::protocol::quantity::things;
use crate::protocol::{ChatMessage, Feedback, Proposal};
use crate::session::models::Model;
use std::collections::HashSet;

/// The candidates, and numbers of those excluded.
#[derive(Default)]
pub(super) struct Candidates {
    pub(super) found: Vec<Candidate>,
    /// Already answered or labelled.
    done: u64,
    repeated: u64,
    /// Too long for the context.
    long: u64,
    /// Keys of those seen.
    known: HashSet<String>,
}

/// A prompt with its tokens, or a text without tokens.
pub(super) struct Candidate {
    pub(super) proposal: Proposal,
    pub(super) tokens: Vec<u32>,
    /// Tokens that end an answer.
    pub(super) ends: Vec<u32>,
}

/// Identifies a conversation.
fn key(messages: &[ChatMessage]) -> String {
    let said = |message: &ChatMessage| format!("{}\u{0}{}\u{0}", message.role, message.content.trim());
    messages.iter().map(said).collect()
}

impl Candidates {
    /// Records a key; returns whether it is new.
    fn meet(&mut self, key: String) -> bool {
        let new = self.known.insert(key);
        self.repeated += u64::from(!new);
        new
    }

    pub(super) async fn read_prompts(
        &mut self,
        source: &SourceFile,
        answered: &[Feedback],
        (model, room): (&Model, usize),
        problems: &Problems,
        yielder: &Yielder,
    ) -> Result<()> {
        let files = model.tokenizer.files();
        let has_template = files.chat_template.is_some();
        let read = |line: &str, place: RowLocation| Ok(Some((place, prompt_of(line))));
        for row in read::json_rows(source, read)? {
            yielder.maybe_yield().await;
            let (place, row) = row?;
            let wrong = |reason: &str| problems.note(&source.path, &format!("{place}: {reason}"));
            let prompt = match row {
                Ok(Some(prompt)) => prompt,
                Ok(None) => {
                    self.done += 1;
                    continue;
                }
                Err(reason) => {
                    wrong(&reason);
                    continue;
                }
            };
            let proposal = Proposal { prompt, ..Proposal::default() };
            if answered.iter().any(|row| row.answers(&proposal)) {
                self.done += 1;
                continue;
            }
            if !self.meet(key(&proposal.prompt)) {
                continue;
            }
            let tokens = match proposal.prompt.as_slice() {
                // Without a limit, nothing is cut, so prompts that do not fit are counted as such.
                messages if has_template => {
                    chat_prompt(files, messages, usize::MAX).map(|prompt| prompt.tokens)
                }
                [only] => prompt_tokens(&model.tokenizer, &only.content),
                _ => {
                    wrong("several messages, but the model has no chat template");
                    continue;
                }
            };
            match tokens {
                Ok(tokens) if tokens.len() > room => self.long += 1,
                Ok(tokens) => {
                    let ends = if has_template { files.turn_end(&proposal.prompt) } else { None };
                    self.found.push(Candidate { proposal, tokens, ends: ends.into_iter().collect() });
                }
                Err(error) => wrong(&error.to_string()),
            }
        }
        Ok(())
    }

    pub(super) async fn read_texts(
        &mut self,
        source: &SourceFile,
        answered: &[Feedback],
        model: &Model,
        problems: &Problems,
        yielder: &Yielder,
    ) -> Result<()> {
        for row in labelled_texts(source)? {
            yielder.maybe_yield().await;
            let row = match row? {
                Ok(row) => row,
                Err(reason) => {
                    problems.note(&source.path, &reason);
                    continue;
                }
            };
            let proposal = Proposal { text: row.text, ..Proposal::default() };
            if row.label.is_some() || answered.iter().any(|row| row.answers(&proposal)) {
                self.done += 1;
                self.known.insert(proposal.text.trim().to_owned());
            } else if self.meet(proposal.text.trim().to_owned()) {
                if model.tokenizer.encode(&proposal.text)?.is_empty() {
                    let reason = "`text`: the vocabulary has none of its characters";
                    problems.note(&source.path, &format!("{}: {reason}", row.place));
                    continue;
                }
                self.found.push(Candidate { proposal, tokens: Vec::new(), ends: Vec::new() });
            }
        }
        Ok(())
    }

    /// Describes how many prompts or texts were excluded and why, as part of a sentence.
    pub(super) fn left_out(&self, labelled: bool) -> Option<String> {
        let (what, done) =
            if labelled { ("text", "labelled already") } else { ("prompt", "answered already") };
        let reasons = [
            (self.done, done.to_owned()),
            (self.repeated, "the same as others".to_owned()),
            (self.long, "too long to leave room for an answer".to_owned()),
        ];
        let all: u64 = reasons.iter().map(|(count, _)| count).sum();
        let each: Vec<String> = reasons
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, reason)| format!("{count} {reason}"))
            .collect();
        let were = if all == 1 { "was" } else { "were" };
        (all > 0).then(|| format!("{all} {} {were} left out: {}", things(all, what), each.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_counted_by_reason() {
        let none = Candidates::default();
        assert_eq!(none.left_out(false), None);
        let some = Candidates { done: 2, long: 1, ..Candidates::default() };
        let said = "3 prompts were left out: 2 answered already, 1 too long to leave room for an answer";
        assert_eq!(some.left_out(false).as_deref(), Some(said));
        let one = Candidates { repeated: 1, ..Candidates::default() };
        assert_eq!(one.left_out(true).as_deref(), Some("1 text was left out: 1 the same as others"));
    }
}
