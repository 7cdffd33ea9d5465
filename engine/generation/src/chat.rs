//! Tokenized conversations, written by a model's chat template.

use glasshouse_platform::{ChatRenderer, Error, Result};
use glasshouse_protocol::{ChatEnding, ChatMessage, ChatRendering, Role};
use glasshouse_text::tokenizer::{TokenizerFiles, template_fails};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatPrompt {
    /// Tokens up to the start of the assistant's turn.
    pub tokens: Vec<u32>,
    /// Number of messages left out for lack of room: the oldest after the instructions.
    pub left_out: usize,
}

/// Maximum prompt tokens in a context: leaves room for an answer of `max_tokens`, but at most half of the context.
pub fn chat_room(context: usize, max_tokens: usize) -> usize {
    context - max_tokens.min(context / 2)
}

/// Tokenizes a conversation that ends with a message to answer, in at most `room` tokens. If there are more, the oldest
/// exchanges are left out; the initial instructions and the last message stay.
///
/// # Errors
/// The tokenizer has no chat template, the template fails or rejects the conversation, or the last message alone is too long.
pub fn chat_prompt(files: &TokenizerFiles, messages: &[ChatMessage], room: usize) -> Result<ChatPrompt> {
    if messages.last().is_none_or(|last| !matches!(last.role, Role::User | Role::Tool)) {
        return Err(Error::Refused(
            "there is nothing to answer to: the last message must be the user's".to_owned(),
        ));
    }
    let instructions = messages.iter().take_while(|message| message.role.instructs()).count();
    // An exchange starts with a user message.
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
        "the last message has {needed} tokens in the chat template, but there is room for {room}; shorten it"
    )))
}

/// Tokenizes a whole conversation, rendered with the given options.
///
/// # Errors
/// The tokenizer has no chat template, or the template fails or rejects the conversation.
pub fn rendered_prompt(
    files: &TokenizerFiles,
    messages: &[ChatMessage],
    rendering: &ChatRendering,
) -> Result<Vec<u32>> {
    let renderer = match &rendering.template {
        Some(template) => {
            ChatRenderer::new(template, &files.settings).map_err(|reason| template_fails(&reason))?
        }
        None => files.chat_renderer()?,
    };
    tokens(files, &renderer, messages, rendering)
}

fn tokens(
    files: &TokenizerFiles,
    renderer: &ChatRenderer,
    messages: &[ChatMessage],
    rendering: &ChatRendering,
) -> Result<Vec<u32>> {
    let text = text(renderer, messages, rendering).map_err(|reason| template_fails(&reason))?;
    // Templates write the tokens that begin a text themselves.
    files.tokenizer.encode(&text)
}

/// Renders a conversation. A continued one ends where transformers ends it: before a tag appended to the last message,
/// and without the white space before it if the template trimmed the tag's own.
fn text(
    renderer: &ChatRenderer,
    messages: &[ChatMessage],
    rendering: &ChatRendering,
) -> Result<String, String> {
    const TAG: &str = "CONTINUE_FINAL_MESSAGE_TAG ";
    if rendering.ending != ChatEnding::Continued {
        return renderer.text_with(messages, rendering.ending == ChatEnding::Answer, rendering);
    }
    let mut tagged = messages.to_vec();
    if let Some(last) = tagged.last_mut() {
        last.content.push_str(TAG);
    }
    let mut text = renderer.text_with(&tagged, false, rendering)?;
    let at = text
        .rfind(TAG.trim_end())
        .ok_or("it does not write the last message, which the model must continue")?;
    let is_trimmed = !text.split_at(at).1.starts_with(TAG);
    text.truncate(at);
    Ok(if is_trimmed { text.trim_end().to_owned() } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::{Yielder, block_on};
    use glasshouse_protocol::{TokenizerConfig, TokenizerKind};
    use glasshouse_text::tokenizer::Tokenizer;
    use serde_json::{Map, json};

    /// Writes a letter for the role, the message's name and tools, and a full stop at its end.
    const TEMPLATE: &str = "{% if thinking %}T.{% endif %}{% for m in messages %}{{ m.role[0] }}{{ m.name }},{{ m.content }}\
        {% for call in m.tool_calls %}{{ call.function.arguments.city }}{% endfor %}{{ m.tool_call_id }}.{% endfor %}\
        {% if add_generation_prompt %}a,{% endif %}";

    fn files(template: &str) -> TokenizerFiles {
        let config = TokenizerConfig::new(TokenizerKind::Byte, 256);
        let tokenizer = block_on(Tokenizer::train(&config, ["x"], &Yielder::none())).unwrap();
        TokenizerFiles { chat_template: Some(template.to_owned()), ..TokenizerFiles::from(tokenizer) }
    }

    fn said(role: Role, text: &str) -> ChatMessage {
        ChatMessage::new(role, text)
    }

    #[test]
    fn every_message_comes_to_the_template_with_all_its_fields() {
        use Role::{Assistant, Developer, System, Tool, User};
        let files = files(TEMPLATE);
        let written = |messages: &[ChatMessage]| {
            let prompt = chat_prompt(&files, messages, 100).unwrap();
            assert_eq!(prompt.left_out, 0);
            files.tokenizer.decode(&prompt.tokens)
        };
        assert_eq!(
            written(&[said(System, "one"), said(System, "two"), said(User, "hi")]),
            "s,one.s,two.u,hi.a,"
        );
        assert_eq!(written(&[said(Developer, "d"), said(System, "s"), said(User, "hi")]), "d,d.s,s.u,hi.a,");
        assert_eq!(written(&[said(Assistant, "hello"), said(User, "hi")]), "a,hello.u,hi.a,");
        assert_eq!(written(&[said(Tool, "x")]), "t,x.a,");
        let with = |role, text: &str, name: &str, value| ChatMessage {
            fields: Map::from_iter([(name.to_owned(), value)]),
            ..said(role, text)
        };
        let call =
            json!([{ "type": "function", "function": { "name": "f", "arguments": { "city": "Bern" } } }]);
        let called = [
            with(User, "hi", "name", json!("Ada")),
            with(Assistant, "", "tool_calls", call),
            with(Tool, "4", "tool_call_id", json!("c1")),
        ];
        assert_eq!(written(&called), "uAda,hi.a,Bern.t,4c1.a,");
    }

    #[test]
    fn what_has_no_room_is_counted_and_instructions_stay() {
        use Role::{Assistant, System, User};
        let files = files(TEMPLATE);
        let messages = [
            said(System, "x"),
            said(System, "y"),
            said(Assistant, "hello"),
            said(User, "help"),
            said(Assistant, "there"),
            said(User, "Go"),
        ];
        for (room, text, left_out) in [
            (100, "s,x.s,y.a,hello.u,help.a,there.u,Go.a,", 0),
            (32, "s,x.s,y.u,help.a,there.u,Go.a,", 1),
            (20, "s,x.s,y.u,Go.a,", 3),
        ] {
            let prompt = chat_prompt(&files, &messages, room).unwrap();
            assert_eq!((files.tokenizer.decode(&prompt.tokens).as_str(), prompt.left_out), (text, left_out));
        }
        let refused = chat_prompt(&files, &messages, 14).unwrap_err().to_string();
        assert!(refused.contains("has 15 tokens") && refused.contains("room for 14"), "{refused}");
    }

    #[test]
    fn a_conversation_is_rendered_as_transformers_does() {
        use Role::{Assistant, User};
        let begun = [said(User, "hi"), said(Assistant, " Once ")];
        let with_tools = |template: &str, ending, tools, variables| {
            let files = files(template);
            let rendering = ChatRendering { ending, template: None, tools, variables };
            rendered_prompt(&files, &begun, &rendering).map(|tokens| files.tokenizer.decode(&tokens))
        };
        let rendered =
            |template: &str, ending, variables| with_tools(template, ending, Vec::new(), variables);
        let none = Map::new;
        assert_eq!(rendered(TEMPLATE, ChatEnding::Answer, none()).unwrap(), "u,hi.a, Once .a,");
        assert_eq!(rendered(TEMPLATE, ChatEnding::Closed, none()).unwrap(), "u,hi.a, Once .");
        assert_eq!(rendered(TEMPLATE, ChatEnding::Continued, none()).unwrap(), "u,hi.a, Once ");
        let trims = TEMPLATE.replace("m.content", "m.content | trim");
        assert_eq!(rendered(&trims, ChatEnding::Continued, none()).unwrap(), "u,hi.a,Once");
        let thinking = Map::from_iter([("thinking".to_owned(), json!(true))]);
        assert_eq!(rendered(TEMPLATE, ChatEnding::Closed, thinking).unwrap(), "T.u,hi.a, Once .");
        assert!(rendered("{{ messages[0].content }}", ChatEnding::Continued, none()).is_err());
        let tools = |template: &str| with_tools(template, ChatEnding::Answer, vec![json!("now")], none());
        assert_eq!(tools("{{ tools[0] }}").unwrap(), "now");
        assert!(tools(TEMPLATE).is_err());
    }

    #[test]
    fn our_own_template_has_a_developer_speak_as_the_system() {
        let files = files("").tokenizer;
        let files = TokenizerFiles::from(files).with_chatml().unwrap();
        let asked = [said(Role::Developer, "Be brief."), said(Role::User, "Hi")];
        let prompt = chat_prompt(&files, &asked, 100).unwrap();
        let expected = [said(Role::System, "Be brief."), said(Role::User, "Hi")];
        assert_eq!(prompt, chat_prompt(&files, &expected, 100).unwrap());
    }
}
