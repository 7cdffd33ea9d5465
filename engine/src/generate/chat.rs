//! A conversation as a model's chat template writes it, in the model's tokens.

use crate::error::{Error, Result};
use crate::tokenizer::{TokenizerFiles, template_fails};
use glasshouse_protocol::{ChatMessage, Role};

/// What a model goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatPrompt {
    /// Tokens up to where the assistant is to answer.
    pub tokens: Vec<u32>,
    /// Messages that no longer fit and were left out: the oldest, but for the system's.
    pub left_out: usize,
}

/// Tokens that a conversation may have in a context: an answer of so many is to fit, too, but for half of the context at most.
pub fn chat_room(context: usize, max_tokens: usize) -> usize {
    context - max_tokens.min(context / 2)
}

/// The tokens of a conversation, `room` of them at most. The oldest exchanges are left out where all are more; the system message and the
/// last message stay.
///
/// # Errors
/// The tokenizer has no chat template, the template fails or refuses the conversation, or the last message alone is too long.
pub fn chat_prompt(files: &TokenizerFiles, messages: &[ChatMessage], room: usize) -> Result<ChatPrompt> {
    if messages.last().is_none_or(|last| !matches!(last.role, Role::User | Role::Tool)) {
        return Err(Error::Refused(
            "there is nothing to answer to: the last message is to be the person's".to_owned(),
        ));
    }
    let system = usize::from(messages.first().is_some_and(|first| first.role == Role::System));
    // An exchange begins with what the person says.
    let begins = (system..messages.len()).filter(|at| messages[*at].role == Role::User);
    let (renderer, mut needed) = (files.chat_renderer()?, 0);
    for begin in begins {
        let kept = [&messages[..system], &messages[begin..]].concat();
        // Templates write themselves what a text begins with.
        let tokens =
            files.tokenizer.encode(&renderer.text(&kept, true).map_err(|reason| template_fails(&reason))?)?;
        if tokens.len() <= room {
            return Ok(ChatPrompt { tokens, left_out: begin - system });
        }
        needed = tokens.len();
    }
    Err(Error::Refused(format!(
        "the last message has {needed} tokens with what the chat template adds, and there is room for {room}; say it in fewer words"
    )))
}
