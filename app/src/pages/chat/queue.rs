//! Active learning: prompts from a file about which the model is least certain, each to be answered in the conversation, or texts
//! with a button per label.

use super::judging::keep;
use super::*;
use crate::pages::train::busy;

/// Number of visible proposals.
const SHOWN: usize = 6;

enum QueueAction {
    /// Answer the prompt in the conversation.
    Answer(Vec<ChatMessage>),
    Label(String, String),
}

impl ChatPage {
    /// Draws the queue of prompts, or of texts if the model has `labels`.
    pub(super) fn queue_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, labels: &[String]) {
        let state = context.state;
        let own = state.proposals.as_ref();
        let all = own.map_or(&[][..], |own| own.rows.as_slice());
        // Proposals for the other kind of model wait until such a model is chosen.
        let rows: Vec<&Proposal> =
            all.iter().filter(|row| row.prompt.is_empty() != labels.is_empty()).collect();
        let asked = state.waiting.iter().find(|(_, command)| matches!(command, Command::Propose { .. }));
        let asked = asked.map(|(request, _)| *request);
        let writes = labels.is_empty();
        let waits = busy(context)
            || keeps(state)
            || writes && (self.is_writing() || self.sampling.refused().is_some());
        let count = if rows.is_empty() { String::new() } else { rows.len().to_string() };
        let title = if writes { "What to answer next" } else { "What to label next" };
        let mut wanted = None;
        let (source, measure) = (self.sampling.source.clone(), &mut self.measure);
        card(ui, |ui| {
            fold(ui, context.preferences, "chat:queue", (title, &count), !writes, |ui, _| {
                if let Some(request) = asked {
                    let share = state.underway.get(&request).and_then(|(_, share)| *share);
                    let share = share.map_or_else(String::new, |share| format!(", {:.0} %", share * 100.0));
                    quiet_text(ui, format!("Searching the file{share}…"));
                    if plain(ui, icons::ICON_STOP, "Stop looking").clicked() {
                        context.outbox.send(Command::Cancel { request });
                    }
                    return;
                }
                quiet_text(ui, if writes { text::PROMPTS } else { text::TEXTS });
                if writes {
                    let measures = [Uncertainty::Entropy, Uncertainty::Disagreement];
                    segmented(ui, measure, &measures.map(|measure| (measure, measure.title())));
                }
                let name = if writes { "Choose prompts" } else { "Choose texts" };
                if pressed(ui, !waits, |ui| plain(ui, icons::ICON_UPLOAD_FILE, name)) {
                    let measure = if writes { *measure } else { Uncertainty::Margin };
                    context.asks.wish = Some(Wish::Propose { source: source.clone(), measure });
                }
                let Some(own) = own else {
                    return caption(ui, if writes { text::PROMPTS_FORMAT } else { text::TEXTS_FORMAT });
                };
                let looked = format::counted(own.considered as u64, if writes { "prompt" } else { "text" });
                let said = if rows.is_empty() { "No proposals left" } else { "Least certain first" };
                caption(ui, format!("{said}, out of {looked}; model: {}.", own.run));
                for (at, row) in rows.iter().enumerate().take(SHOWN) {
                    let shown = ui.push_id(("proposal", at), |ui| row_ui(ui, row, at + 1, labels, !waits));
                    wanted = shown.inner.or(wanted.take());
                }
                if rows.len() > SHOWN {
                    quiet_text(ui, format!("and {} more", rows.len() - SHOWN));
                }
            });
        });
        match wanted {
            Some(QueueAction::Answer(prompt)) => self.take_up(context, prompt),
            Some(QueueAction::Label(text, label)) => {
                let run = own.map(|own| own.run.clone()).unwrap_or_default();
                let row = Feedback { run, ..Feedback::labelled(&text, &label) };
                keep(context, None, Vec::new(), vec![row]);
            }
            None => {}
        }
    }

    fn take_up(&mut self, context: &mut Context<'_>, mut prompt: Vec<ChatMessage>) {
        let Some(asked) = prompt.pop() else { return };
        let left = self.leave(context);
        // The model was asked with this system prompt or none.
        let own_system = Some(std::mem::take(&mut self.talk.system));
        let before = prompt.into_iter().map(|message| KeptMessage::new(message.role, message.content, 0));
        self.talk = Talk { own_system, ..Talk::from_messages(before) };
        self.say(context, self.talk.exchanges.len(), asked.content.trim().to_owned());
        if !left.exchanges.is_empty() {
            self.offer_back(context, left);
        }
    }
}

/// A prompt with the model's reply, or a text with a button per label. Returns the action.
fn row_ui(ui: &mut Ui, row: &Proposal, number: usize, names: &[String], free: bool) -> Option<QueueAction> {
    let left = |ui: &mut Ui| ui.add(Label::new(format::in_one_line(row.asked())).truncate());
    let said = format::in_one_line(&row.said);
    let said = if said.is_empty() { "nothing".to_owned() } else { format!("“{said}”") };
    let of = if names.is_empty() { " of the answers" } else { "" };
    let share = row.share.map_or_else(String::new, |share| format!(", {:.0} %{of}", share * 100.0));
    let said = format!("{:.2} · the model says {said}{share}", row.uncertainty);
    let mut wanted = None;
    if names.is_empty() {
        let right =
            |ui: &mut Ui| icon_button(ui, free, icons::ICON_REPLY, &format!("Answer prompt {number}"));
        if line_ui(ui, right, left) {
            wanted = Some(QueueAction::Answer(row.prompt.clone()));
        }
        ui.add(Label::new(said).truncate());
    } else {
        left(ui);
        caption(ui, said);
        ui.horizontal_wrapped(|ui| {
            for label in names {
                let choose =
                    |ui: &mut Ui| plain(ui, None, label).accessible_name(format!("Text {number}: {label}"));
                if pressed(ui, free, choose) {
                    wanted = Some(QueueAction::Label(row.text.clone(), label.clone()));
                }
            }
        });
    }
    ui.add_space(space::TIGHT);
    wanted
}
