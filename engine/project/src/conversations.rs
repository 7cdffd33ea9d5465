//! Conversations in `conversations.jsonl`, one per line. A line that cannot be read is reported, and stays as it is.

use super::Project;
use glasshouse_platform::{Error, Result, refuse, storage};
use glasshouse_protocol::{Conversation, ConversationChange, ConversationSummary, order};
use std::path::PathBuf;

const FILE: &str = "conversations.jsonl";
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A line of the file: its number from 1, its bytes, and the conversation or the reason why there is none.
struct Line {
    number: usize,
    bytes: Vec<u8>,
    read: Result<Conversation, String>,
}

impl Line {
    fn new(number: usize, bytes: &[u8]) -> Self {
        let read = serde_json::from_slice(bytes).map_err(|error| error.to_string());
        Self { number, bytes: bytes.to_owned(), read }
    }

    /// Replaces the conversation.
    fn write(&mut self, conversation: Conversation) -> Result<()> {
        self.bytes = serde_json::to_vec(&conversation).map_err(|error| Error::Internal(error.to_string()))?;
        self.read = Ok(conversation);
        Ok(())
    }

    fn is(&self, id: u64) -> bool {
        self.read.as_ref().is_ok_and(|conversation| conversation.id == id)
    }
}

impl Project {
    fn conversations_path(&self) -> PathBuf {
        self.folder().join(FILE)
    }

    fn conversation_lines(&self) -> Result<Vec<Line>> {
        let bytes = storage::if_there(&self.conversations_path(), MAX_FILE_BYTES, storage::read_within)?;
        let bytes = bytes.unwrap_or_default();
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).zip(1..);
        Ok(lines.filter(|(line, _)| !line.is_empty()).map(|(line, number)| Line::new(number, line)).collect())
    }

    fn write_conversations(&self, lines: &[Line]) -> Result<()> {
        let mut text = Vec::new();
        for line in lines {
            text.extend_from_slice(&line.bytes);
            text.push(b'\n');
        }
        if text.len() as u64 > MAX_FILE_BYTES {
            refuse!(
                "{FILE} would have {} bytes, more than the maximum of {MAX_FILE_BYTES}; remove conversations on the Chat page and open \
                 the project again, or move the file elsewhere",
                text.len()
            );
        }
        storage::write_atomically(&self.conversations_path(), &text)
    }

    /// The conversations, last changed first, and the lines that cannot be read.
    pub fn conversations(&self) -> Result<(Vec<ConversationSummary>, Vec<String>)> {
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        for Line { number, read, .. } in self.conversation_lines()? {
            match read {
                Ok(conversation) if conversation.deleted => {}
                Ok(conversation) => found.push(conversation.summary()),
                Err(reason) => problems.push(format!("{FILE}, line {number}: {reason}")),
            }
        }
        order::sort_by_key(&mut found, |summary| std::cmp::Reverse(summary.changed));
        Ok((found, problems))
    }

    /// Fails if there is no such conversation.
    pub fn conversation(&self, id: u64) -> Result<Conversation> {
        let mut lines = self.conversation_lines()?.into_iter().rev();
        let found = lines.find_map(|line| line.read.ok().filter(|own| own.id == id && !own.deleted));
        found.ok_or_else(|| self.no_conversation())
    }

    fn no_conversation(&self) -> Error {
        let folder = self.folder().display();
        Error::Unknown(format!("{folder}: this conversation was removed; choose another one"))
    }

    /// Saves a conversation, under its stored title. It replaces the revision that it was made from; if that was deleted or has changed
    /// since, it is added under a new id. Returns the id. Nothing is changed after an error.
    pub fn keep_conversation(&self, mut conversation: Conversation) -> Result<u64> {
        if conversation.messages.iter().all(|message| message.content.trim().is_empty()) {
            refuse!("a conversation without a message cannot be saved; say something first");
        }
        let _lock = self.hold_lines()?;
        let mut lines = self.conversation_lines()?;
        let (id, revision) = (conversation.id, conversation.revision);
        let known = lines.iter().rposition(|line| line.is(id));
        let stored = known.and_then(|place| lines.get(place)?.read.as_ref().ok());
        let is_next = stored.is_some_and(|own| own.revision == revision && !own.deleted);
        if let Some(stored) = stored.filter(|_| is_next) {
            conversation.title.clone_from(&stored.title);
        }
        if id == 0 || known.is_some() && !is_next {
            let ids = lines.iter().filter_map(|line| Some(line.read.as_ref().ok()?.id));
            conversation.id = ids.max().unwrap_or(0) + 1;
        }
        (conversation.revision, conversation.deleted) = (if is_next { revision + 1 } else { 1 }, false);
        conversation.changed = storage::unix_seconds() as u64;
        let id = conversation.id;
        let place = known.filter(|_| is_next).unwrap_or(lines.len());
        if place == lines.len() {
            lines.push(Line::new(0, b""));
        }
        if let Some(line) = lines.get_mut(place) {
            line.write(conversation)?;
        }
        self.write_conversations(&lines)?;
        Ok(id)
    }

    /// Fails if there is no such conversation.
    pub fn change_conversation(&self, id: u64, change: ConversationChange) -> Result<()> {
        let _lock = self.hold_lines()?;
        let mut lines = self.conversation_lines()?;
        let restores = change == ConversationChange::Restore;
        let is_meant =
            |line: &&mut Line| line.is(id) && line.read.as_ref().is_ok_and(|own| own.deleted == restores);
        let line = lines.iter_mut().rev().find(is_meant).ok_or_else(|| self.no_conversation())?;
        let Ok(mut conversation) = line.read.clone() else { return Err(self.no_conversation()) };
        match change {
            ConversationChange::Title(title) => title.trim().clone_into(&mut conversation.title),
            ConversationChange::Delete => conversation.deleted = true,
            ConversationChange::Restore => conversation.deleted = false,
        }
        line.write(conversation)?;
        self.write_conversations(&lines)
    }

    /// Permanently removes deleted conversations.
    pub fn clear_deleted_conversations(&self) -> Result<()> {
        let is_deleted = |line: &Line| line.read.as_ref().is_ok_and(|own| own.deleted);
        if !self.conversation_lines()?.iter().any(is_deleted) {
            return Ok(());
        }
        let _lock = self.hold_lines()?;
        let mut lines = self.conversation_lines()?;
        lines.retain(|line| !is_deleted(line));
        self.write_conversations(&lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::{GenerateConfig, KeptMessage, ReplyOrigin, Role, WeightSource};

    fn project() -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::open_or_create(&folder.path().join("p")).unwrap();
        (folder, project)
    }

    fn said(id: u64, revision: u64, texts: &[&str]) -> Conversation {
        let origin = ReplyOrigin {
            run: "1-a".to_owned(),
            step: Some(40),
            source: WeightSource::best_of("1-a"),
            config: GenerateConfig { temperature: 0.25, seed: 7, ..GenerateConfig::default() },
            ..ReplyOrigin::default()
        };
        let message = |(at, text): (usize, &&str)| match at % 2 {
            0 => KeptMessage::new(Role::User, *text, 1_700_000_000),
            _ => KeptMessage {
                origin: Some(Box::new(origin.clone())),
                ..KeptMessage::new(Role::Assistant, *text, 1_700_000_001)
            },
        };
        let messages = texts.iter().enumerate().map(message).collect();
        Conversation { id, revision, messages, ..Conversation::default() }
    }

    fn names(project: &Project) -> Vec<String> {
        let mut names: Vec<String> =
            project.conversations().unwrap().0.into_iter().map(|own| own.name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_conversation_comes_back_whole_and_is_renamed_removed_and_restored() {
        let (_folder, project) = project();
        assert_eq!(project.conversations().unwrap(), (Vec::new(), Vec::new()));
        assert_eq!(project.keep_conversation(said(5, 0, &["Who?\n\tNow.", "Ada."])).unwrap(), 5);
        assert_eq!(project.keep_conversation(said(6, 0, &["Where?"])).unwrap(), 6);
        let again = Project::open(project.folder()).unwrap();
        let mut stored = again.conversation(5).unwrap();
        assert!(stored.changed > 1_600_000_000 && stored.revision == 1);
        stored.changed = 0;
        assert_eq!(stored, said(5, 1, &["Who?\n\tNow.", "Ada."]));
        let (listed, _) = again.conversations().unwrap();
        let first = listed.iter().find(|own| own.id == 5).unwrap();
        assert_eq!((first.name.as_str(), first.run.as_str()), ("Who? Now.", "1-a"));

        project.change_conversation(5, ConversationChange::Title(" Ada ".to_owned())).unwrap();
        // The next revision keeps the title, which its sender may not know.
        project.keep_conversation(said(5, 1, &["Who?", "Ada.", "And?", "Eva."])).unwrap();
        assert_eq!(names(&project), ["Ada", "Where?"]);
        project.change_conversation(5, ConversationChange::Delete).unwrap();
        assert_eq!(names(&project), ["Where?"]);
        assert!(project.conversation(5).unwrap_err().to_string().contains("choose another"));
        assert!(project.change_conversation(5, ConversationChange::Delete).is_err());
        project.change_conversation(5, ConversationChange::Restore).unwrap();
        assert_eq!(project.conversation(5).unwrap().messages.len(), 4);
        project.change_conversation(6, ConversationChange::Delete).unwrap();
        project.clear_deleted_conversations().unwrap();
        assert!(project.change_conversation(6, ConversationChange::Restore).is_err());
        assert_eq!(names(&project), ["Ada"]);
        assert!(project.keep_conversation(said(7, 0, &[" "])).is_err());
    }

    #[test]
    fn revisions_that_do_not_follow_each_other_are_both_kept() {
        let (_folder, project) = project();
        project.keep_conversation(said(5, 0, &["Who?"])).unwrap();
        // Two windows continue the same revision.
        assert_eq!(project.keep_conversation(said(5, 1, &["Who?", "Ada."])).unwrap(), 5);
        assert_eq!(project.keep_conversation(said(5, 1, &["Who?", "Eva."])).unwrap(), 6);
        assert_eq!(project.conversation(5).unwrap().messages[1].content, "Ada.");
        assert_eq!(project.conversation(6).unwrap().messages[1].content, "Eva.");
        assert_eq!(project.keep_conversation(said(6, 1, &["Who?", "Eva.", "Oh"])).unwrap(), 6);
        // One of them is continued after it was removed elsewhere.
        project.change_conversation(5, ConversationChange::Delete).unwrap();
        assert_eq!(project.keep_conversation(said(5, 2, &["Who?", "Ada.", "Why?"])).unwrap(), 7);
    }

    #[test]
    fn damaged_lines_are_reported_and_stay_as_they_are() {
        let (_folder, project) = project();
        project.keep_conversation(said(5, 0, &["Who?"])).unwrap();
        let path = project.conversations_path();
        let mut bytes = std::fs::read(&path).unwrap();
        let damaged: [&[u8]; 2] = [b"{\"id\":6,\"messages\":[{\"role\":\"us", b"\xff\xfe torn"];
        bytes.extend(damaged.join(&b"\n\n"[..]));
        std::fs::write(&path, bytes).unwrap();
        let (listed, problems) = project.conversations().unwrap();
        assert_eq!(listed.len(), 1);
        assert!(problems.len() == 2 && problems[0].contains("line 2") && problems[1].contains("line 4"));
        project.keep_conversation(said(5, 1, &["Who?", "Ada."])).unwrap();
        project.keep_conversation(said(8, 0, &["Where?"])).unwrap();
        project.change_conversation(8, ConversationChange::Delete).unwrap();
        project.clear_deleted_conversations().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        assert_eq!(lines[1..], [damaged[0], damaged[1], b""]);
        assert_eq!(names(&project), ["Who?"]);
    }

    #[test]
    fn conversations_of_several_writers_are_all_kept() {
        let (_folder, project) = project();
        std::thread::scope(|scope| {
            for writer in 0..4_u64 {
                let own = Project::open(project.folder()).unwrap();
                scope.spawn(move || {
                    for number in 0..8 {
                        let text = format!("{writer}-{number}");
                        own.keep_conversation(said(100 + writer * 8 + number, 0, &[&text])).unwrap();
                    }
                });
            }
        });
        let (listed, problems) = project.conversations().unwrap();
        assert_eq!((listed.len(), problems.len()), (32, 0));
    }
}
