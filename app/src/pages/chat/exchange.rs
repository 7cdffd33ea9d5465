//! A message, the reply to it, and the actions on both.

use super::*;
use crate::pages::written::{ending, source_of};

pub enum Wanted {
    /// Replace the message; the conversation continues from it.
    Resend(String),
    /// Generate another reply in place of this one.
    Again,
    /// Generate another reply for comparison.
    Compare,
    /// This reply of the two is better; drop the other.
    Choose(usize),
    /// Neither reply is better; keep this one.
    Leave(usize),
    /// Thumbs up or down.
    Rate(bool),
    Improve(String),
}

#[derive(Debug, Default)]
pub struct Edits {
    /// The message being edited, with its exchange's index.
    message: Edit,
    /// The reply being rewritten, with its exchange's index.
    reply: Edit,
}

/// The text of the exchange with this index.
type Edit = Option<(usize, String)>;

impl Edits {
    /// Drops edits from index `from` on, where the conversation was cut.
    pub fn cut(&mut self, from: usize) {
        self.message.take_if(|(at, _)| *at >= from);
        self.reply.take_if(|(at, _)| *at >= from);
    }

    /// Closes the reply's edit, once the rewritten reply is stored.
    pub fn close_reply(&mut self, at: usize) {
        self.reply.take_if(|(own, _)| *own == at);
    }
}

#[derive(Clone, Copy, Debug)]
pub struct ReplyPosition {
    /// Index from 0.
    pub at: usize,
    pub last: bool,
    /// A text is being generated in the conversation.
    pub busy: bool,
    /// Feedback on a reply is being stored.
    pub keeps: bool,
}

pub fn exchange_ui(
    ui: &mut Ui,
    context: &Context<'_>,
    exchange: &mut Exchange,
    edits: &mut Edits,
    place: ReplyPosition,
) -> Option<Wanted> {
    let mut wanted = message_ui(ui, &exchange.asked, &mut edits.message, place);
    let compares = exchange.replies.len() > 1;
    if compares {
        halves(ui, space::LARGE, |ui, which| {
            if let Some(reply) = exchange.replies.get_mut(which) {
                compared_ui(ui, context, reply, which, place.at);
            }
        });
    } else if let Some(reply) = exchange.replies.first_mut() {
        wanted = reply_ui(ui, context, reply, &mut edits.reply, place).or(wanted);
    }
    if compares {
        wanted = choice_ui(ui, &exchange.replies, place).or(wanted);
    }
    wanted
}

/// The person's message, or the field to edit it.
fn message_ui(ui: &mut Ui, asked: &str, edited: &mut Edit, place: ReplyPosition) -> Option<Wanted> {
    let ReplyPosition { at, busy, .. } = place;
    let number = at + 1;
    let mut wanted = None;
    raised(ui, |ui| {
        ui.set_width(ui.available_width());
        // One edit at a time, so that no text is lost.
        let ready = !busy && edited.is_none();
        let right = |ui: &mut Ui| icon_button(ui, ready, icons::ICON_EDIT, &format!("Edit message {number}"));
        if line_ui(ui, right, |ui| head(ui, "You")) {
            *edited = Some((at, asked.to_owned()));
        }
        let Some((_, text)) = edited.as_mut().filter(|(place, _)| *place == at) else {
            return prose(ui, asked);
        };
        let name = format!("Message {number}");
        ui.add(text_area(&name, "", 2, text)).accessible_name(&name);
        caption(ui, "Removes the messages after this one.");
        let mut closed = false;
        ui.horizontal_wrapped(|ui| {
            let ready = !busy && !text.trim().is_empty();
            let name = format!("Send again message {number}");
            if pressed(ui, ready, |ui| primary(ui, icons::ICON_SEND, "Send again").accessible_name(name)) {
                wanted = Some(Wanted::Resend(text.clone()));
            }
            let cancel = plain(ui, None, "Cancel").accessible_name(format!("Cancel message {number}"));
            closed = cancel.clicked();
        });
        if closed || wanted.is_some() {
            *edited = None;
        }
    });
    wanted
}

/// A reply's text, with selectable tokens if the model wrote it, and its generation details.
fn said_ui(ui: &mut Ui, context: &Context<'_>, reply: &mut Reply, name: &str) {
    let text = reply.text(&context.state.writing);
    match text.filter(|_| !reply.edited) {
        Some(text) => {
            reply.look.text_ui(ui, context.palette, name, (reply.request, text));
            let count = format::counted(text.tokens.len() as u64, "token");
            let seed = text.config.seed;
            match (text.ending, &text.failure) {
                (_, Some(reason)) => {
                    hint_line(ui, &format!("{}.", format::capitalized(reason.trim_end_matches('.'))));
                }
                (None, None) => caption(ui, format!("Writing… {count} · seed {seed}")),
                (Some(why), None) => {
                    let speed = format::tokens_per_second(text.tokens_per_s);
                    caption(ui, format!("{count} · {speed} · {} · seed {seed}", ending(why)));
                }
            }
        }
        None => {
            prose(ui, &reply.said);
            if !reply.says() {
                caption(ui, "The reply was interrupted.");
            }
            if reply.edited {
                caption(ui, "Rewritten by you.");
            }
        }
    }
    if let Some(words) = text.filter(|_| !reply.edited).and_then(moderation_of) {
        hint_line(ui, &words);
    }
    for notice in text.iter().flat_map(|text| &text.notices) {
        hint_line(ui, &format!("{}.", format::capitalized(notice)));
    }
}

fn writer(context: &Context<'_>, reply: &Reply) -> String {
    let run = &reply.origin.run;
    match reply.text(&context.state.writing) {
        Some(text) => source_of(text, context.state),
        None if run.is_empty() => "The model".to_owned(),
        None => run.clone(),
    }
}

fn reply_ui(
    ui: &mut Ui,
    context: &Context<'_>,
    reply: &mut Reply,
    edited: &mut Edit,
    place: ReplyPosition,
) -> Option<Wanted> {
    let ReplyPosition { at, last, busy, keeps } = place;
    let number = at + 1;
    let mut wanted = None;
    card(ui, |ui| {
        quiet_text(ui, writer(context, reply));
        if let Some((_, text)) = edited.as_mut().filter(|(place, _)| *place == at) {
            let (improved, closed) = improve_ui(ui, text, reply, place);
            wanted = improved;
            if closed {
                *edited = None;
            }
            return;
        }
        said_ui(ui, context, reply, &format!("Reply {number}"));
        if reply.changed {
            caption(
                ui,
                "Moderation changed this reply, so it cannot be rated; you can still write a better one.",
            );
        }
        let (said, ready) = (reply.ended && reply.says(), reply.ended && reply.teaches());
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = space::TIGHT;
            for (good, icon, name) in
                [(true, icons::ICON_THUMB_UP, "Good"), (false, icons::ICON_THUMB_DOWN, "Bad")]
            {
                let chosen = reply.good == Some(good);
                let name = format!("{name} reply {number}");
                if icon_button(ui, ready && !chosen && !keeps, icon, &name) {
                    wanted = Some(Wanted::Rate(good));
                }
            }
            let free = reply.ended && edited.is_none() && !keeps;
            if icon_button(ui, free, icons::ICON_EDIT_NOTE, &format!("Write a better reply {number}")) {
                *edited = Some((at, reply.said.clone()));
            }
            if icon_button(ui, said, icons::ICON_CONTENT_COPY, &format!("Copy reply {number}")) {
                ui.ctx().copy_text(reply.said.clone());
            }
            if last && icon_button(ui, !busy, icons::ICON_REFRESH, "Reply again") {
                wanted = Some(Wanted::Again);
            }
            if last && icon_button(ui, ready && !busy, icons::ICON_COMPARE, "Compare with another reply") {
                wanted = Some(Wanted::Compare);
            }
            match reply.good {
                Some(true) => caption(ui, "You rated it good."),
                Some(false) => caption(ui, "You rated it bad."),
                None => {}
            }
        });
    });
    look_ui(ui, context, reply);
    wanted
}

fn compared_ui(ui: &mut Ui, context: &Context<'_>, reply: &mut Reply, which: usize, at: usize) {
    let name = if which == 0 { "First" } else { "Second" };
    card(ui, |ui| {
        head(ui, name);
        quiet_text(ui, writer(context, reply));
        said_ui(ui, context, reply, &format!("{name} reply {}", at + 1));
    });
    look_ui(ui, context, reply);
}

/// The model's distribution at the selected token.
fn look_ui(ui: &mut Ui, context: &Context<'_>, reply: &Reply) {
    if let Some(text) = reply.text(&context.state.writing).filter(|_| !reply.edited) {
        reply.look.explain_ui(ui, context, text, false);
    }
}

/// Buttons to choose the better of two replies.
fn choice_ui(ui: &mut Ui, replies: &[Reply], place: ReplyPosition) -> Option<Wanted> {
    let mut wanted = None;
    let number = place.at + 1;
    let ready = !place.keeps && replies.iter().all(|reply| reply.ended);
    let both = replies.iter().all(Reply::teaches);
    // If only one reply is usable: the one in the model's own words, else the one with text.
    let says = |is: fn(&Reply) -> bool| replies.iter().position(is);
    let left = says(Reply::teaches).or_else(|| says(Reply::says)).filter(|_| !both).unwrap_or(0);
    if both || !ready {
        head(ui, "Which is better?");
    } else {
        let why = match replies.iter().any(|reply| reply.changed) {
            true => "moderation changed a reply.",
            false => "one of the replies is empty.",
        };
        quiet_text(ui, format!("The replies cannot be compared: {why}"));
    }
    ui.add_enabled_ui(ready, |ui| {
        ui.horizontal_wrapped(|ui| {
            if ready && !both {
                let name = if left == 0 { "Keep the first" } else { "Keep the second" };
                if plain(ui, None, name).accessible_name(format!("{name} reply {number}")).clicked() {
                    wanted = Some(Wanted::Leave(left));
                }
                return;
            }
            for (which, name) in [(0, "The first"), (1, "The second")] {
                let choice = plain(ui, icons::ICON_THUMB_UP, name);
                if choice.accessible_name(format!("{name} reply {number} is better")).clicked() {
                    wanted = Some(Wanted::Choose(which));
                }
            }
            let neither =
                plain(ui, None, "Neither").accessible_name(format!("Neither reply {number} is better"));
            if neither.on_hover_text("The first stays; no feedback is saved").clicked() {
                wanted = Some(Wanted::Leave(0));
            }
        });
    });
    wanted
}

/// The field to rewrite a reply. Returns the action, and whether to close the field.
fn improve_ui(ui: &mut Ui, text: &mut String, reply: &Reply, place: ReplyPosition) -> (Option<Wanted>, bool) {
    let number = place.at + 1;
    let name = format!("Better reply {number}");
    ui.add(text_area(&name, "", 4, text)).accessible_name(&name);
    let (mut wanted, mut closed) = (None, false);
    ui.horizontal_wrapped(|ui| {
        let changed = !text.trim().is_empty() && text.trim() != reply.said.trim();
        let keep = |ui: &mut Ui| primary(ui, None, "Keep").accessible_name(format!("Keep reply {number}"));
        if pressed(ui, changed && !place.keeps, keep) {
            wanted = Some(Wanted::Improve(text.clone()));
        }
        closed = plain(ui, None, "Cancel").accessible_name(format!("Cancel reply {number}")).clicked();
    });
    (wanted, closed)
}
