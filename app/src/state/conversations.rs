//! Conversations kept in the open project.

use glasshouse_protocol::{Command, Conversation, ConversationSummary, Event, answer};

#[derive(Debug, Default)]
pub struct Conversations {
    /// Last changed first; `None` until listed, and if listing failed.
    pub list: Option<Vec<ConversationSummary>>,
    pub failed: Option<String>,
    /// The lines of the file that cannot be read, each with the reason.
    pub problems: Vec<String>,
    /// The conversation read last, and its request.
    pub read: Option<(u64, Box<Conversation>)>,
    /// The request that saved a conversation last, and the id it was saved under.
    pub kept: Option<(u64, u64)>,
}

impl Conversations {
    pub(super) fn apply(&mut self, request: Option<u64>, asked: Option<&Command>, event: &Event) {
        match event {
            Event::Conversations(answer::Conversations { conversations, problems, kept }) => {
                (self.list, self.failed) = (Some(conversations.clone()), None);
                self.problems.clone_from(problems);
                self.kept = request.zip(*kept).or(self.kept);
            }
            Event::Conversation { conversation } => {
                self.read = request.map(|request| (request, conversation.clone()));
            }
            Event::Failed { error } if asked == Some(&Command::ListConversations) => {
                (self.list, self.failed) = (None, Some(error.message.clone()));
            }
            Event::Project { .. } => *self = Self::default(),
            _ => {}
        }
    }
}
