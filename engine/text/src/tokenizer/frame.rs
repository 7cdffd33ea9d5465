//! Extracts the text that a chat template writes around messages, to tell a conversation's content from its markup.

use super::TokenizerFiles;
use glasshouse_protocol::{ChatMessage, Role, order};

/// A content that occurs in no template.
const CONTENT: &str = "glasshouse-content";

/// Conversations that together produce all of a template's markup.
const ROLES: [&[Role]; 3] = [
    &[Role::User, Role::Assistant, Role::User, Role::Assistant],
    &[Role::System, Role::User, Role::Assistant],
    &[Role::User],
];

/// The markup of a model's conversations and texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame(Vec<String>);

impl Frame {
    /// The markup of a model's chat template, the special tokens in it, and the end-of-text token.
    pub fn new(files: &TokenizerFiles) -> Self {
        let tokenizer = &files.tokenizer;
        let mut marks: Vec<String> = Vec::new();
        if let Ok(renderer) = files.chat_renderer() {
            for roles in ROLES {
                let messages: Vec<_> = roles.iter().map(|role| ChatMessage::new(*role, CONTENT)).collect();
                let answer = roles.last() == Some(&Role::User);
                // A template without system messages still has other markup.
                let text = renderer.text(&messages, answer).unwrap_or_default();
                marks.extend(text.split(CONTENT).map(|mark| mark.trim().to_owned()));
            }
        }
        let special = |mark: &String| tokenizer.encode(mark).unwrap_or_default();
        let special = marks.iter().flat_map(special).chain(tokenizer.end_of_text());
        let special: Vec<String> =
            special.filter(|id| tokenizer.is_special(*id)).map(|id| tokenizer.decode(&[id])).collect();
        marks.extend(special);
        marks.retain(|mark| !mark.is_empty());
        // Longest first, because shorter markup can be part of longer.
        order::sort_by(&mut marks, |one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        marks.dedup();
        Self(marks)
    }

    /// A text's contents, one per line, without markup.
    pub fn contents(&self, text: &str) -> String {
        let mut contents = text.to_owned();
        for mark in self.0.iter().filter(|mark| text.contains(mark.as_str())) {
            contents = contents.replace(mark.as_str(), "\n");
        }
        contents.trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::tests::train;
    use glasshouse_protocol::TokenizerKind;

    #[test]
    fn contents_are_what_was_said() {
        let files = TokenizerFiles::from(train(TokenizerKind::Byte, 0, &["x"]));
        assert_eq!(Frame::new(&files).contents("user\nand more"), "user\nand more", "it has no template");
        let files = files.with_chatml().unwrap();
        let messages = [Role::System, Role::User, Role::Assistant, Role::User]
            .map(|role| ChatMessage::new(role, format!("Words of the {role:?}.")));
        let text = files.chat_renderer().unwrap().text(&messages, true).unwrap();
        let contents = Frame::new(&files).contents(&text);
        let said: Vec<&str> = contents.split('\n').filter(|line| !line.is_empty()).collect();
        let wanted =
            ["Words of the System.", "Words of the User.", "Words of the Assistant.", "Words of the User."];
        assert_eq!(said, wanted);
        assert_eq!(Frame::new(&files).contents("plain text<|im_end|>"), "plain text");
    }
}
