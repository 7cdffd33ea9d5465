//! Tests of conversations that are kept.

use super::{after, failures, play};
use crate::protocol::{Command, Conversation, ConversationChange, Event, KeptMessage, Role, answer};

fn keep(id: u64, text: &str) -> Command {
    let messages = vec![KeptMessage::new(Role::User, text, 0)];
    let conversation = Box::new(Conversation { id, messages, ..Conversation::default() });
    Command::KeepConversation { conversation }
}

#[test]
fn conversations_are_there_when_the_project_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let heard = play(
        folder.path(),
        vec![
            after(Command::create("Said")),
            after(keep(5, "Who?")),
            after(keep(6, "Where?")),
            after(Command::ChangeConversation { id: 6, change: ConversationChange::Delete }),
            after(Command::ListConversations),
        ],
    );
    let kept = told!(&heard, Event::Conversations(answer::Conversations { kept, conversations, .. }) => (*kept, conversations.len()));
    assert_eq!(kept.collect::<Vec<_>>(), [(Some(5), 1), (Some(6), 2), (None, 1), (None, 1)]);
    let id =
        told!(&heard, Event::Project { opened: Some(opened) } => opened.project.id.clone()).next().unwrap();
    let heard = play(
        folder.path(),
        vec![
            after(Command::OpenProject { id }),
            after(Command::ListConversations),
            after(Command::ReadConversation { id: 5 }),
            after(Command::ChangeConversation { id: 6, change: ConversationChange::Restore }),
        ],
    );
    let read =
        told!(&heard, Event::Conversation { conversation } => conversation.messages[0].content.clone());
    assert_eq!(read.collect::<Vec<_>>(), ["Who?"]);
    assert_eq!(failures(&heard).len(), 1, "what was removed before can no longer be restored");
}
