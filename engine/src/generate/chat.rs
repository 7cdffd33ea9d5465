//! A conversation as a model's chat template writes it, in the model's tokens.

use crate::error::{Error, Result};
use crate::platform::ChatRenderer;
use crate::tokenizer::{TokenizerFiles, template_fails};
use glasshouse_protocol::{ChatEnding, ChatMessage, ChatRendering, Role};

/// What a model goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatPrompt {
    /// Tokens up to where the assistant is to answer.
    pub tokens: Vec<u32>,
    /// Messages that no longer fit and were left out: the oldest after the instructions.
    pub left_out: usize,
}

/// Tokens that a conversation may have in a context: an answer of so many is to fit, too, but for half of the context at most.
pub fn chat_room(context: usize, max_tokens: usize) -> usize {
    context - max_tokens.min(context / 2)
}

/// The tokens of a conversation that ends with what the model is to answer, `room` of them at most. Where all are more, the oldest exchanges
/// are left out; the instructions at its beginning and the last message stay.
///
/// # Errors
/// The tokenizer has no chat template, the template fails or refuses the conversation, or the last message alone is too long.
pub fn chat_prompt(files: &TokenizerFiles, messages: &[ChatMessage], room: usize) -> Result<ChatPrompt> {
    if messages.last().is_none_or(|last| !matches!(last.role, Role::User | Role::Tool)) {
        return Err(Error::Refused(
            "there is nothing to answer to: the last message is to be the person's".to_owned(),
        ));
    }
    let instructions = messages.iter().take_while(|message| message.role.instructs()).count();
    // An exchange begins with what the person says.
    let later = (instructions + 1..messages.len()).filter(|at| messages[*at].role == Role::User);
    let (renderer, mut needed) = (files.chat_renderer()?, 0);
    for begin in std::iter::once(instructions).chain(later) {
        let kept = [&messages[..instructions], &messages[begin..]].concat();
        let tokens = tokens(files, &renderer, &kept, &ChatRendering::default())?;
        if tokens.len() <= room {
            return Ok(ChatPrompt { tokens, left_out: begin - instructions });
        }
        needed = tokens.len();
    }
    Err(Error::Refused(format!(
        "the last message has {needed} tokens with what the chat template adds, and there is room for {room}; say it in fewer words"
    )))
}

/// The tokens of all of a conversation, rendered as asked.
///
/// # Errors
/// The tokenizer has no chat template, or the template fails or refuses the conversation.
pub fn rendered_prompt(
    files: &TokenizerFiles,
    messages: &[ChatMessage],
    rendering: &ChatRendering,
) -> Result<Vec<u32>> {
    tokens(files, &files.chat_renderer()?, messages, rendering)
}

fn tokens(
    files: &TokenizerFiles,
    renderer: &ChatRenderer,
    messages: &[ChatMessage],
    rendering: &ChatRendering,
) -> Result<Vec<u32>> {
    let text = text(renderer, messages, rendering).map_err(|reason| template_fails(&reason))?;
    // Templates write themselves what a text begins with.
    files.tokenizer.encode(&text)
}

/// A conversation's text. One that is continued ends where transformers ends it: before a tag that is put behind the last message, and
/// without the white space before that where the template trimmed the tag's own.
fn text(renderer: &ChatRenderer, messages: &[ChatMessage], rendering: &ChatRendering) -> Result<String, String> {
    const TAG: &str = "CONTINUE_FINAL_MESSAGE_TAG ";
    if rendering.ending != ChatEnding::Continued {
        return renderer.text_with(messages, rendering.ending == ChatEnding::Answer, &rendering.variables);
    }
    let mut tagged = messages.to_vec();
    if let Some(last) = tagged.last_mut() {
        last.content.push_str(TAG);
    }
    let mut text = renderer.text_with(&tagged, false, &rendering.variables)?;
    let at = text.rfind(TAG.trim_end()).ok_or("it does not write the last message, which is to be continued")?;
    let is_trimmed = !text.split_at(at).1.starts_with(TAG);
    text.truncate(at);
    Ok(if is_trimmed { text.trim_end().to_owned() } else { text })
}
