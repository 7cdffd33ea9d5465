//! The project's conversations: saved as they go on, listed, opened again, renamed and removed.

use super::*;
use glasshouse_protocol::Role as Speaker;

/// Height of the list, beyond which it scrolls, in points.
const LIST: f32 = 260.0;
/// Seconds between two saves while a reply is being written.
const PAUSE: f64 = 5.0;

#[derive(Debug, Default)]
pub struct Kept {
    /// Whether the project's list was requested.
    asked: bool,
    /// The conversation to show first was chosen.
    chosen: bool,
    /// The request for a conversation to show.
    reading: Option<u64>,
    /// One was shown.
    shown: bool,
    /// The request that saves, the id sent, and the time.
    saving: Option<(u64, u64)>,
    saved_at: f64,
    /// The conversation to rename, and its new title.
    renamed: Option<(u64, String)>,
}

enum Pressed {
    Open,
    Rename,
    Remove,
}

impl Talk {
    /// A conversation that is shown again.
    fn new(Conversation { id, revision, messages: kept, .. }: Conversation) -> Self {
        Self { id, revision, ..Self::from_messages(kept) }
    }

    pub(super) fn from_messages(kept: impl IntoIterator<Item = KeptMessage>) -> Self {
        let (mut system, mut exchanges): (Vec<String>, Vec<Exchange>) = Default::default();
        for KeptMessage { role, content, when, origin } in kept {
            match role {
                Speaker::System | Speaker::Developer => system.push(content),
                Speaker::User | Speaker::Tool => {
                    let messages = messages(&system.join("\n\n"), &exchanges, &content);
                    exchanges.push(Exchange { asked: content, when, messages, replies: Vec::new() });
                }
                Speaker::Assistant => {
                    // Replies from a file have no request, so use an id that no request has.
                    let request = u64::MAX - exchanges.len() as u64;
                    let Some(exchange) = exchanges.last_mut() else { continue };
                    let origin = origin.map(|origin| *origin).unwrap_or_default();
                    let (edited, changed) = (origin.edited, origin.moderated);
                    let reply = Reply { request, said: content, when, ended: true, ..Reply::default() };
                    exchange.replies = vec![Reply { origin, edited, changed, ..reply }];
                }
            }
        }
        Self { system: system.join("\n\n"), exchanges, ..Self::default() }
    }

    fn conversation(&self) -> Conversation {
        let mut messages = Vec::new();
        if !self.system.trim().is_empty() {
            messages.push(KeptMessage::new(Speaker::System, &self.system, 0));
        }
        for Exchange { asked, when, replies, .. } in &self.exchanges {
            messages.push(KeptMessage::new(Speaker::User, asked, *when));
            if let Some(reply) = replies.first().filter(|reply| reply.says()) {
                let mut origin = reply.origin.clone();
                (origin.edited, origin.moderated) = (reply.edited, reply.changed);
                let message = KeptMessage::new(Speaker::Assistant, &reply.said, reply.when);
                messages.push(KeptMessage { origin: Some(Box::new(origin)), ..message });
            }
        }
        Conversation { id: self.id, revision: self.revision, messages, ..Conversation::default() }
    }
}

impl ChatPage {
    /// Saves what is new, requests the list once, and shows a conversation that was read: at first the last one.
    pub(super) fn keep_up(&mut self, ui: &Ui, context: &mut Context<'_>) {
        // Requests would be answered by the next project.
        if context.state.projects.is_leaving() {
            return;
        }
        let now = ui.input(|input| input.time);
        self.take_saved(context.state);
        if self.is_writing() && now - self.kept.saved_at > PAUSE {
            self.talk.unsaved = true;
        }
        if self.save(context) {
            self.kept.saved_at = now;
        }
        if !std::mem::replace(&mut self.kept.asked, true) {
            context.outbox.send(Command::ListConversations);
        }
        self.take_read(context);
        if let Some(list) = &context.state.conversations.list
            && !std::mem::replace(&mut self.kept.chosen, true)
            && self.talk.exchanges.is_empty()
        {
            self.kept.reading =
                list.first().map(|last| context.outbox.send(Command::ReadConversation { id: last.id }));
        }
    }

    /// Takes in the id and revision of a saved conversation.
    fn take_saved(&mut self, state: &State) {
        let done = |saving: &mut (u64, u64)| !state.waiting.contains_key(&saving.0);
        let Some((request, id)) = self.kept.saving.take_if(done) else { return };
        let talk = &mut self.talk;
        if talk.id != id {
            return;
        }
        match state.conversations.kept.filter(|(answered, _)| *answered == request) {
            // Another program changed or removed it, so this one is another now.
            Some((_, now)) if now != id => (talk.id, talk.revision) = (now, 1),
            Some(_) => {}
            // A message explains it; it is saved with the next change.
            None => talk.revision = talk.revision.saturating_sub(1),
        }
    }

    /// Returns whether there was something to save.
    pub(super) fn save(&mut self, context: &mut Context<'_>) -> bool {
        let talk = &mut self.talk;
        if !std::mem::take(&mut talk.unsaved) || talk.exchanges.is_empty() {
            return false;
        }
        if talk.id == 0 {
            talk.id = format::now_micros();
        }
        let conversation = Box::new(talk.conversation());
        talk.revision += 1;
        self.kept.saving = Some((context.outbox.send(Command::KeepConversation { conversation }), talk.id));
        true
    }

    fn take_read(&mut self, context: &mut Context<'_>) {
        let state = context.state;
        let Some(request) = self.kept.reading.take_if(|request| !state.waiting.contains_key(request)) else {
            return;
        };
        let Some((_, read)) = state.conversations.read.as_ref().filter(|(read, _)| *read == request) else {
            return;
        };
        self.leave(context);
        let own = std::mem::take(&mut self.talk.system);
        // After a start, a new conversation keeps the system prompt of the last one.
        let is_first = !std::mem::replace(&mut self.kept.shown, true);
        let own_system = Some(own).filter(|own| !is_first || !own.trim().is_empty());
        self.talk = Talk { own_system, ..Talk::new((**read).clone()) };
        (self.seen, self.jumps) = (None, true);
        let last = self.talk.exchanges.iter().rev().find_map(|exchange| exchange.replies.first());
        if let Some(Reply { origin, .. }) = last.filter(|reply| !reply.origin.run.is_empty()) {
            let is_there = named_run(&origin.source)
                .is_none_or(|run| state.runs.list.iter().any(|known| known.name == run));
            let source = if is_there { origin.source.clone() } else { WeightSource::Current };
            self.sampling = Sampling::new(&source, &origin.config);
        }
        for Exchange { replies, .. } in &mut self.talk.exchanges {
            if replies.is_empty() {
                // It was interrupted, and can be requested again.
                replies.push(Reply { request: u64::MAX, ended: true, ..Reply::default() });
            }
        }
    }

    /// The run that wrote the conversation, if it was deleted.
    pub(super) fn missing_run(&self, state: &State) -> Option<&str> {
        let last = self.talk.exchanges.last()?.replies.first()?;
        let run = last.origin.run.as_str();
        let trained = state.training.run.as_ref();
        let is_there = || state.runs.list.iter().chain(trained).any(|known| known.name == run);
        (!run.is_empty() && !is_there()).then_some(run)
    }

    /// Draws the list of conversations.
    pub(super) fn kept_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, opens: bool) {
        let state = context.state;
        let list = state.conversations.list.as_deref().unwrap_or_default();
        if list.is_empty() && state.conversations.problems.is_empty() && state.conversations.failed.is_none()
        {
            return;
        }
        let count = list.len().to_string();
        let key = if opens { "chat:conversations" } else { "chat:conversations:narrow" };
        let open = self.talk.id;
        let (mut wanted, mut again) = (None, false);
        card(ui, |ui| {
            fold(ui, context.preferences, key, ("Conversations", &count), opens, |ui, _| {
                if let Some(reason) = &state.conversations.failed {
                    let reason = reason.trim_end_matches('.');
                    hint_line(ui, &format!("The conversations could not be read: {reason}."));
                    again = plain(ui, icons::ICON_REFRESH, "Read again").clicked();
                }
                let problems = &state.conversations.problems;
                if let Some(first) = problems.first() {
                    let lines = format::counted(problems.len() as u64, "line");
                    let words = format!("{lines} cannot be read and will stay unchanged. {first}.");
                    hint_line(ui, &words);
                }
                scrolled("conversations", LIST).show(ui, |ui| {
                    for (at, row) in list.iter().enumerate() {
                        let pressed = ui.push_id(row.id, |ui| row_ui(ui, row, at + 1, row.id == open)).inner;
                        wanted = pressed.map(|pressed| (row, pressed)).or(wanted.take());
                    }
                });
            });
        });
        ui.add_space(space::SMALL);
        if again {
            context.outbox.send(Command::ListConversations);
        }
        match wanted {
            Some((row, Pressed::Open)) => {
                self.kept.reading = Some(context.outbox.send(Command::ReadConversation { id: row.id }));
            }
            Some((row, Pressed::Rename)) => self.kept.renamed = Some((row.id, row.name.clone())),
            Some((row, Pressed::Remove)) => self.remove(context, row.id),
            None => {}
        }
        self.rename_ui(ui, context);
    }

    fn rename_ui(&mut self, ui: &Ui, context: &mut Context<'_>) {
        let renamed = &mut self.kept.renamed;
        let decision = question(ui.ctx(), "rename conversation", 420.0, renamed, |ui, (_, title)| {
            section(ui, "Rename the conversation");
            ui.add(TextEdit::singleline(title).desired_width(f32::INFINITY)).accessible_name("Title");
            caption(ui, "Empty: the beginning of its first message.");
            (None, "Rename", true)
        });
        if let Some(((id, title), true)) = decision {
            let change = ConversationChange::Title(title);
            context.outbox.send(Command::ChangeConversation { id, change });
        }
    }

    fn remove(&mut self, context: &mut Context<'_>, id: u64) {
        if self.talk.id == id {
            self.save(context);
            self.stop(context);
            self.talk = self.talk.emptied();
        }
        let change = |change| Command::ChangeConversation { id, change };
        let sent = context.outbox.send(change(ConversationChange::Delete));
        let back = Some(change(ConversationChange::Restore));
        context.asks.toast_when_done(sent, "Removed a conversation", back);
    }
}

fn row_ui(ui: &mut Ui, row: &ConversationSummary, number: usize, open: bool) -> Option<Pressed> {
    let right = |ui: &mut Ui| {
        let remove = icon_button(ui, true, icons::ICON_DELETE, &format!("Remove conversation {number}"));
        let rename = icon_button(ui, true, icons::ICON_EDIT, &format!("Rename conversation {number}"));
        (rename, remove)
    };
    let mut opened = false;
    let (rename, remove) = line_ui(ui, right, |ui| {
        let button = egui::Button::selectable(open, row.name.as_str()).truncate();
        let response = ui.add(button).on_hover_text(&row.name);
        opened = response.accessible_name(format!("Open conversation {number}: {}", row.name)).clicked();
    });
    let by = if row.run.is_empty() { String::new() } else { format!("{} · ", row.run) };
    caption(ui, format!("{by}{}", format::ago(row.changed, format::now())));
    match (opened, rename, remove) {
        (true, ..) => Some(Pressed::Open),
        (_, true, _) => Some(Pressed::Rename),
        (_, _, true) => Some(Pressed::Remove),
        _ => None,
    }
}
