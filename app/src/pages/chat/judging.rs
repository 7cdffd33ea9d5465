//! Feedback on replies: stored as rows, and shown once stored.

use super::*;

/// A pending change to a reply, applied once its feedback is stored.
#[derive(Debug)]
pub struct Saying {
    /// The request that stores the feedback.
    request: u64,
    /// The request that generated the reply.
    reply: u64,
    change: Change,
}

#[derive(Debug)]
enum Change {
    /// The reply gets this text.
    Improved(String),
    /// The reply stays, and the other one is dropped.
    Chosen,
}

/// Whether feedback is being changed, so that row positions may shift.
pub fn keeps(state: &State) -> bool {
    state.is_waiting(|command| matches!(command, Command::SpliceFeedback { .. }))
}

impl ChatPage {
    /// Applies stored feedback, and updates the thumbs of all replies.
    pub(super) fn take_kept(&mut self, state: &State) {
        let done = |saying: &mut Saying| !state.waiting.contains_key(&saying.request);
        // After an error, a message explains it, and the typed text stays.
        if let Some(saying) = self.saying.take_if(done)
            && state.feedback.kept.contains(&saying.request)
        {
            self.change(saying);
            self.seen = None;
        }
        if self.seen == Some(state.feedback.revision) {
            return;
        }
        self.seen = Some(state.feedback.revision);
        let rows = state.feedback.rows.as_deref().unwrap_or_default();
        for Exchange { messages, replies, .. } in &mut self.talk.exchanges {
            for reply in replies {
                let mut own = rows.iter().rev().filter(|row| is_thumb(row, messages, &reply.said));
                reply.good = own.find_map(|row| row.label);
            }
        }
    }

    fn change(&mut self, Saying { reply, change, .. }: Saying) {
        self.talk.unsaved = true;
        let found = self.talk.exchanges.iter_mut().enumerate().find_map(|(at, exchange)| {
            let which = exchange.replies.iter().position(|own| own.request == reply)?;
            Some((at, which, exchange))
        });
        let Some((at, which, exchange)) = found else { return };
        match change {
            Change::Chosen => exchange.choose(which),
            Change::Improved(better) => {
                if let Some(own) = exchange.replies.get_mut(which) {
                    (own.said, own.edited, own.changed) = (better, true, false);
                }
                self.talk.edits.close_reply(at);
            }
        }
    }

    /// Stores a thumb, replacing an earlier one.
    pub(super) fn rate(&self, context: &mut Context<'_>, at: usize, good: bool) {
        let Some(Exchange { messages, replies, .. }) = self.talk.exchanges.get(at) else { return };
        let Some(reply) = replies.first() else { return };
        let rows = context.state.feedback.rows.as_deref().unwrap_or_default();
        let place = rows.iter().rposition(|row| is_thumb(row, messages, &reply.said));
        let before = place.and_then(|place| rows.get(place)).cloned();
        let row = Feedback {
            run: reply.origin.run.clone(),
            ..Feedback::thumb(messages.clone(), &reply.said, good)
        };
        keep(context, place, before.into_iter().collect(), vec![row]);
    }

    /// Stores a rewritten reply, and a preference for it over the original if the model wrote that and it is not empty.
    pub(super) fn improve(&mut self, context: &mut Context<'_>, at: usize, better: String) {
        let Some(Exchange { messages, replies, .. }) = self.talk.exchanges.get(at) else { return };
        let Some(reply) = replies.first() else { return };
        let mut rows = vec![Feedback::better(messages.clone(), &better)];
        if reply.teaches() && reply.said != better {
            rows.push(Feedback::pair(messages.clone(), &better, &reply.said));
        }
        rows.iter_mut().for_each(|row| row.run.clone_from(&reply.origin.run));
        let reply = reply.request;
        let request = keep(context, None, Vec::new(), rows);
        self.saying = Some(Saying { request, reply, change: Change::Improved(better) });
    }

    pub(super) fn prefer(&mut self, context: &mut Context<'_>, at: usize, which: usize) {
        let Some(Exchange { messages, replies, .. }) = self.talk.exchanges.get(at) else { return };
        let [first, second] = replies.as_slice() else { return };
        let (chosen, rejected) = if which == 0 { (first, second) } else { (second, first) };
        let row = Feedback::pair(messages.clone(), &chosen.said, &rejected.said);
        let (row, reply) = (Feedback { run: chosen.origin.run.clone(), ..row }, chosen.request);
        if row.kind().is_ok() {
            let request = keep(context, None, Vec::new(), vec![row]);
            self.saying = Some(Saying { request, reply, change: Change::Chosen });
        } else {
            context.asks.show_toast("Both replies are the same; there is nothing to compare");
            self.choose(at, which);
        }
    }

    /// Keeps one of two replies without storing feedback.
    pub(super) fn choose(&mut self, at: usize, which: usize) {
        if let Some(exchange) = self.talk.exchanges.get_mut(at) {
            exchange.choose(which);
            self.talk.unsaved = true;
        }
    }
}

fn is_thumb(row: &Feedback, messages: &[ChatMessage], said: &str) -> bool {
    let replies = row.completion.iter().map(|reply| reply.content.as_str());
    row.label.is_some() && row.prompt == messages && replies.eq([said])
}

/// Stores rows of feedback in place of the `old` ones. Returns the request.
pub fn keep(context: &mut Context<'_>, at: Option<usize>, old: Vec<Feedback>, rows: Vec<Feedback>) -> u64 {
    let (removed, expected) = (old.len(), old);
    let sent = context.outbox.send(Command::SpliceFeedback { at, removed, expected, rows });
    context.asks.toast_when_done(sent, "Saved as feedback", None);
    sent
}
