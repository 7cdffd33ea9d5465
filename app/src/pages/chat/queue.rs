//! What to answer next: prompts of a file of which the model is least certain, each to be taken into the conversation.

use super::ChatPage;
use super::conversation::{Exchange, Reply};
use crate::format;
use crate::link::Wish;
use crate::pages::Context;
use crate::pages::parts::{caption, icon_button, line_ui};
use crate::pages::train::busy;
use crate::theme::space;
use crate::widgets::{card, fold, plain, quiet_text, segmented};
use egui::{Label, Ui};
use egui_material_icons::icons;
use glasshouse_protocol::{ChatMessage, Command, Proposal, Role, Uncertainty};

/// Prompts that are shown; others come as these are answered.
const SHOWN: usize = 6;

impl ChatPage {
    /// Draws the queue. The conversation that is to be answered, where one was taken.
    pub(super) fn queue_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        let own = &state.proposals;
        let rows: &[Proposal] = own.rows.as_deref().unwrap_or_default();
        let asked = state.waiting.iter().find(|(_, command)| matches!(command, Command::Propose { .. }));
        let asked = asked.map(|(request, _)| *request);
        let waits = busy(context) || self.is_writing() || self.sampling.refused().is_some();
        let count = rows.len().to_string();
        let head = ("What to answer next", if rows.is_empty() { "" } else { count.as_str() });
        let mut taken = None;
        let (source, measure) = (self.sampling.source.clone(), &mut self.measure);
        card(ui, |ui| {
            fold(ui, context.preferences, "chat:queue", head, false, |ui, _| {
                if let Some(request) = asked {
                    let share = state.underway.get(&request).and_then(|(_, share)| *share);
                    let share = share.map_or_else(String::new, |share| format!(", {:.0} %", share * 100.0));
                    quiet_text(ui, format!("Having the prompts answered{share}…"));
                    if plain(ui, icons::ICON_STOP, "Stop looking").clicked() {
                        context.outbox.send(Command::Cancel { request });
                    }
                    return;
                }
                quiet_text(
                    ui,
                    "Of a file of prompts, those that the model is least certain of, and no two alike: an answer to one of them teaches \
                     more than one to a prompt that it knows.",
                );
                let measures = [
                    (Uncertainty::Entropy, "Entropy of tokens"),
                    (Uncertainty::Disagreement, "Disagreement of answers"),
                ];
                segmented(ui, measure, &measures);
                let choose = |ui: &mut Ui| plain(ui, icons::ICON_UPLOAD_FILE, "Choose prompts").clicked();
                if ui.add_enabled_ui(!waits, choose).inner {
                    context.asks.wish = Some(Wish::Propose { source: source.clone(), measure: *measure });
                }
                if own.rows.is_none() {
                    caption(ui, "JSON Lines, with `prompt`, `messages` or `text` in each line.");
                    return;
                }
                let looked = format::counted(own.considered as u64, "prompt");
                let said = if rows.is_empty() {
                    "All that was proposed is answered"
                } else {
                    "The least certain first"
                };
                caption(ui, format!("{said}, of {looked} that {} was asked.", own.run));
                for (at, row) in rows.iter().enumerate().take(SHOWN) {
                    if ui.push_id(("proposal", at), |ui| row_ui(ui, row, at + 1, !waits)).inner {
                        taken = Some(row.prompt.clone());
                    }
                }
                if rows.len() > SHOWN {
                    quiet_text(ui, format!("and {} more", rows.len() - SHOWN));
                }
            });
        });
        if let Some(prompt) = taken {
            self.take_up(context, prompt);
        }
    }

    /// Has a prompt answered in a conversation of its own.
    fn take_up(&mut self, context: &mut Context<'_>, mut prompt: Vec<ChatMessage>) {
        let Some(asked) = prompt.pop() else { return };
        let left = self.leave(context);
        let mut before = Vec::new();
        for message in prompt {
            match message.role {
                Role::System => {
                    self.own_system = Some(std::mem::replace(&mut self.system, message.content.clone()));
                }
                Role::User | Role::Tool => {
                    let asked = message.content.clone();
                    let messages = [&before[..], std::slice::from_ref(&message)].concat();
                    self.exchanges.push(Exchange { asked, messages, replies: Vec::new() });
                }
                Role::Assistant => {
                    if let Some(exchange) = self.exchanges.last_mut() {
                        // Nobody asked for it here: its number is none that a request has.
                        let request = u64::MAX - before.len() as u64;
                        let said = message.content.clone();
                        exchange.replies = vec![Reply { request, said, ended: true, ..Reply::default() }];
                    }
                }
            }
            before.push(message);
        }
        self.say(context, self.exchanges.len(), asked.content.trim().to_owned());
        if !left.0.is_empty() {
            self.offer_back(context, left);
        }
    }
}

/// A prompt with what the model says to it. Whether it is to be answered.
fn row_ui(ui: &mut Ui, row: &Proposal, number: usize, free: bool) -> bool {
    let right = |ui: &mut Ui| icon_button(ui, free, icons::ICON_REPLY, &format!("Answer prompt {number}"));
    let in_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let taken = line_ui(ui, right, |ui| {
        ui.add(Label::new(in_one_line(row.asked())).truncate());
    });
    let share =
        row.share.map_or_else(String::new, |share| format!(", {:.0} % of the answers", share * 100.0));
    let said = in_one_line(&row.said);
    let said = if said.is_empty() { "nothing".to_owned() } else { format!("“{said}”") };
    ui.add(Label::new(format!("{:.2} · the model says {said}{share}", row.uncertainty)).truncate());
    ui.add_space(space::TIGHT);
    taken
}
