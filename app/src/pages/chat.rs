//! Chat: a conversation with a model by its own chat template, and what a person says of its replies.

mod conversation;
mod exchange;
mod feedback;
mod text;

use super::parts::{Breakpoint, caption, column};
use super::written::{Sampling, drawn_seed, has_model, sampling_ui, source_name, start_of, stop_ui};
use super::{Context, PageName, train, tune};
use crate::theme::{self, space};
use crate::widgets::{self, card, fold, plain, primary, quiet, quiet_text, what_is_this};
use conversation::{Exchange, Reply, messages};
use egui::{ComboBox, Key, KeyboardShortcut, Modifiers, TextEdit, Ui};
use egui_material_icons::icons;
use exchange::{Edits, Place, Wanted, exchange_ui};
use feedback::Rows;
use glasshouse_protocol::{
    ChatMessage, Command, Feedback, LearnsFrom, Objective, Precision, Start, WeightSource,
};
use std::collections::BTreeSet;

/// What a person chose and said on the page.
#[derive(Debug, Default)]
pub struct ChatPage {
    exchanges: Vec<Exchange>,
    /// What is to be said next.
    typed: String,
    /// Instructions for the whole conversation.
    system: String,
    sampling: Sampling,
    /// Whose weights write the second of two replies that are compared; the same with another seed where there is none.
    rival: Option<WeightSource>,
    /// The seed is kept from reply to reply.
    locked: bool,
    edits: Edits,
    /// The weights that were asked to be opened, and the run that was the latest then.
    opened: Option<(WeightSource, Option<String>)>,
    /// The end of the conversation was in sight in the last frame.
    follows: bool,
    rows: Rows,
    /// What a run on the feedback begins with and learns, until the settings of its beginning are known.
    trains: Option<(Start, Objective)>,
    /// Histories that were asked for.
    asked: BTreeSet<(String, u64)>,
    opening: u64,
}

impl ChatPage {
    /// Draws the page.
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let opening = context.state.projects.open.as_ref().map(|open| open.opening);
        if let Some(opening) = opening.filter(|opening| *opening != self.opening) {
            *self = Self { opening, locked: self.locked, ..Self::default() };
        }
        self.take(ui, context);
        widgets::page(ui, "chat", |ui| {
            what_is_this(ui, context.preferences, PageName::Chat.key(), text::WHAT);
            if opening.is_none() {
                let words = "A model belongs to a project. Open one, and talk to its model here.";
                if widgets::empty(ui, icons::ICON_FORUM, "No project is open", words, "Choose a project") {
                    *context.go = Some(PageName::Home);
                }
                return;
            }
            if !has_model(context) {
                let words = "Train a model or import one, tune it on conversations, and talk to it here.";
                if widgets::empty(
                    ui,
                    icons::ICON_FORUM,
                    "Nothing has been trained yet",
                    words,
                    "Go to training",
                ) {
                    *context.go = Some(PageName::Train);
                }
                return;
            }
            self.open_model(context);
            self.rows.want(context, self.opening);
            self.train(context);
            let width = ui.available_width();
            if Breakpoint::of(width) == Breakpoint::Phone {
                self.conversation_ui(ui, context);
                self.settings_ui(ui, context);
            } else {
                let right = 248.0;
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = space::LARGE;
                    column(ui, width - right - space::LARGE, |ui| self.conversation_ui(ui, context));
                    column(ui, right, |ui| self.settings_ui(ui, context));
                });
            }
        });
    }

    /// Takes in what was written, and asks about tokens that were chosen.
    fn take(&mut self, ui: &Ui, context: &mut Context<'_>) {
        let writing = &context.state.writing;
        for reply in self.exchanges.iter_mut().flat_map(|exchange| &mut exchange.replies) {
            reply.take(writing);
            if let Some(text) = reply.text(writing) {
                let config = self.sampling.settings(text.config.seed);
                reply.look.ask(ui, context, (reply.request, text), &config);
            }
        }
    }

    fn is_writing(&self) -> bool {
        self.exchanges.iter().flat_map(|exchange| &exchange.replies).any(|reply| !reply.ended)
    }

    /// Has the model opened whose reply is to come, which tells whether it has a chat template, and lets the reply begin at once.
    fn open_model(&mut self, context: &mut Context<'_>) {
        let source = self.sampling.source.clone();
        let run = start_of(&source, context.state).map(|start| start.run);
        let wanted = (source, run);
        if self.opened.as_ref() != Some(&wanted) && !self.is_writing() {
            let (source, precision) = (wanted.0.clone(), Precision::Auto);
            context.outbox.send(Command::OpenModel { source, precision });
            self.opened = Some(wanted);
        }
    }

    fn conversation_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        if self.template_ui(ui, context) {
            self.exchanges_ui(ui, context);
        }
        ui.add_space(space::TIGHT);
        if let Some(objective) = self.rows.ui(ui, context) {
            let start = start_of(&self.sampling.source, context.state);
            self.trains = start.map(|start| (start, objective));
        }
    }

    fn exchanges_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let (busy, count) = (self.is_writing(), self.exchanges.len());
        let mut wanted = None;
        for (at, exchange) in self.exchanges.iter_mut().enumerate() {
            let place = Place { at, last: at + 1 == count, busy };
            let shown =
                ui.push_id(("exchange", at), |ui| exchange_ui(ui, context, exchange, &mut self.edits, place));
            wanted = shown.inner.map(|wanted| (at, wanted)).or(wanted);
            ui.add_space(space::TIGHT);
        }
        if let Some((at, wanted)) = wanted {
            self.see_to(context, at, wanted);
        }
        self.composer_ui(ui, context, busy);
    }

    /// Which template the conversation is written by. Whether there is one, as far as is known.
    fn template_ui(&self, ui: &mut Ui, context: &mut Context<'_>) -> bool {
        let known = context.state.writing.opened.as_ref();
        let known = known.filter(|opened| opened.source == self.sampling.source);
        let Some(opened) = known else {
            let opens = context.state.is_waiting(|command| matches!(command, Command::OpenModel { .. }));
            if opens {
                caption(ui, "Opening the model…");
            }
            return true;
        };
        if !opened.chats {
            widgets::hint_line(ui, text::NO_TEMPLATE);
            if primary(ui, icons::ICON_SCHOOL, "Tune it").clicked() {
                *context.go = Some(PageName::Tune);
            }
            return false;
        }
        let template = if opened.chatml { "ChatML" } else { "its own chat template" };
        caption(ui, format!("{} · by {template}", opened.run));
        true
    }

    fn composer_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, busy: bool) {
        let mut sends = false;
        let (_, composer) = widgets::card_with(ui, context.palette.panel, |ui| {
            let newline = KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter);
            let field = TextEdit::multiline(&mut self.typed)
                .hint_text("Say something")
                .font(theme::emphasis())
                .desired_rows(2)
                .desired_width(f32::INFINITY)
                .return_key(newline)
                .id_salt("say");
            let field = ui.add(field).accessible_name("Message");
            let entered = field.has_focus()
                && ui.input(|input| input.key_pressed(Key::Enter) && !input.modifiers.shift);
            ui.horizontal_wrapped(|ui| {
                let ready = !self.typed.trim().is_empty() && self.sampling.refused().is_none();
                // One place for both, so that nothing jumps.
                if busy {
                    if plain(ui, icons::ICON_STOP, "Stop").clicked() {
                        self.stop(context);
                    }
                } else {
                    let send = |ui: &mut Ui| primary(ui, icons::ICON_SEND, "Send").clicked();
                    let pressed = ui.add_enabled_ui(ready, send).inner;
                    sends = ready && (pressed || entered);
                }
                if !self.exchanges.is_empty()
                    && quiet(ui, icons::ICON_ADD_COMMENT, "New conversation").clicked()
                {
                    self.stop(context);
                    self.exchanges.clear();
                    self.edits = Edits::default();
                }
                if Breakpoint::of(ui.ctx().content_rect().width()) == Breakpoint::Desktop {
                    quiet_text(ui, "Enter sends, Shift+Enter begins a line");
                }
            });
        });
        // While a reply is written, its end stays in sight of whoever had it in sight.
        if busy && self.follows || sends {
            composer.scroll_to_me(Some(egui::Align::BOTTOM));
        }
        self.follows = ui.clip_rect().bottom() + composer.rect.height() >= composer.rect.bottom();
        if sends {
            let asked = std::mem::take(&mut self.typed).trim().to_owned();
            self.say(context, self.exchanges.len(), asked);
        }
    }

    fn settings_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        card(ui, |ui| {
            widgets::term(ui, "System prompt", None);
            let system = TextEdit::multiline(&mut self.system).desired_rows(2).desired_width(f32::INFINITY);
            let system = system.hint_text("What the model is told first of all");
            ui.add(system.id_salt("system")).accessible_name("System prompt");
            ui.add_space(space::TIGHT);
            sampling_ui(ui, context.state, &mut self.sampling, &mut self.locked, None);
            stop_ui(ui, &mut self.sampling.stop);
            let name = ("Comparing replies", "");
            fold(ui, context.preferences, "chat:compare", name, false, |ui, _| {
                ui.label("Second reply by");
                let named = |rival: &Option<WeightSource>| match rival {
                    None => "The same weights, another seed".to_owned(),
                    Some(source) => source_name(source, context.state),
                };
                let width = ui.available_width();
                let list = ComboBox::from_id_salt("rival").selected_text(named(&self.rival));
                let list = list.width(width).truncate().show_ui(ui, |ui| {
                    let others = super::written::sources(context.state).into_iter();
                    for rival in std::iter::once(None).chain(others.map(|(source, _)| Some(source))) {
                        let name = named(&rival);
                        ui.selectable_value(&mut self.rival, rival, name);
                    }
                });
                list.response.accessible_name("Second reply by");
            });
        });
    }

    /// Ends what is being written.
    fn stop(&self, context: &mut Context<'_>) {
        let replies = self.exchanges.iter().flat_map(|exchange| &exchange.replies);
        for reply in replies.filter(|reply| !reply.ended) {
            context.outbox.send(Command::StopWriting { request: reply.request });
        }
    }

    /// Says something at a place, which cuts the conversation there.
    fn say(&mut self, context: &mut Context<'_>, at: usize, asked: String) {
        self.exchanges.truncate(at);
        self.edits = Edits::default();
        let reply = self.ask(context, &asked, self.sampling.source.clone());
        self.exchanges.push(Exchange { asked, replies: vec![reply] });
    }

    /// Asks for a reply to a message that follows the conversation.
    fn ask(&mut self, context: &mut Context<'_>, asked: &str, source: WeightSource) -> Reply {
        if !self.locked {
            self.sampling.config.seed = drawn_seed(self.sampling.config.seed);
        }
        let config = self.sampling.settings(self.sampling.config.seed);
        let messages = messages(&self.system, &self.exchanges, asked);
        Reply::to(context.outbox.send(Command::Reply { source, messages, config }))
    }

    /// Does what a person wants with an exchange.
    fn see_to(&mut self, context: &mut Context<'_>, at: usize, wanted: Wanted) {
        match wanted {
            Wanted::Resend(asked) => self.say(context, at, asked.trim().to_owned()),
            Wanted::Again => {
                if let Some(exchange) = self.exchanges.pop() {
                    self.say(context, at, exchange.asked);
                }
            }
            Wanted::Compare => self.compare(context),
            Wanted::Choose(which) => {
                self.prefer(context, at, which);
                self.choose(at, which);
            }
            Wanted::Neither => self.choose(at, 0),
            Wanted::Rate(good) => self.rate(context, at, good),
            Wanted::Improve(better) => self.improve(context, at, better),
        }
    }

    /// Keeps a thumb, in the place of one that the reply has.
    fn rate(&mut self, context: &mut Context<'_>, at: usize, good: bool) {
        let Some(prompt) = self.prompt(at) else { return };
        let run = self.run_of(context, at, 0);
        let Some(reply) = self.reply(at) else { return };
        reply.good = Some(good);
        let row = Feedback { run, ..Feedback::thumb(prompt, &reply.said, good) };
        let known = context.state.feedback.iter().flatten();
        let mut places = known.enumerate();
        let place = places.find(|(_, known)| {
            known.label.is_some() && known.prompt == row.prompt && known.completion == row.completion
        });
        let (at, removed) = place.map_or((None, 0), |(place, _)| (Some(place), 1));
        keep(context, at, removed, vec![row]);
    }

    /// Keeps a better reply, and that it is better than the one before.
    fn improve(&mut self, context: &mut Context<'_>, at: usize, better: String) {
        let Some(prompt) = self.prompt(at) else { return };
        let run = self.run_of(context, at, 0);
        let Some(reply) = self.reply(at).filter(|reply| reply.said != better) else { return };
        let pair = Feedback::pair(prompt.clone(), &better, &reply.said);
        let rows = [Feedback::better(prompt, &better), pair];
        (reply.said, reply.edited, reply.good) = (better, true, None);
        keep(context, None, 0, rows.map(|row| Feedback { run: run.clone(), ..row }).into());
    }

    /// Keeps which of two replies is better.
    fn prefer(&self, context: &mut Context<'_>, at: usize, which: usize) {
        let replies = self.exchanges.get(at).map(|exchange| exchange.replies.as_slice());
        let (Some([first, second]), Some(prompt)) = (replies, self.prompt(at)) else { return };
        let (chosen, rejected) = if which == 0 { (first, second) } else { (second, first) };
        let run = self.run_of(context, at, which);
        let row = Feedback { run, ..Feedback::pair(prompt, &chosen.said, &rejected.said) };
        if row.kind().is_ok() {
            keep(context, None, 0, vec![row]);
        } else {
            context.asks.tell("Both replies say the same: there is nothing to prefer");
        }
    }

    /// The conversation up to a reply.
    fn prompt(&self, at: usize) -> Option<Vec<ChatMessage>> {
        let asked = &self.exchanges.get(at)?.asked;
        Some(messages(&self.system, self.exchanges.get(..at)?, asked))
    }

    /// The run whose weights wrote a reply.
    fn run_of(&self, context: &Context<'_>, at: usize, which: usize) -> String {
        let reply = self.exchanges.get(at).and_then(|exchange| exchange.replies.get(which));
        let text = reply.and_then(|reply| reply.text(&context.state.writing));
        let source = text.map_or(&self.sampling.source, |text| &text.source);
        start_of(source, context.state).map(|start| start.run).unwrap_or_default()
    }

    /// Trains on the feedback, once the settings of the run that it goes on from are known.
    fn train(&mut self, context: &mut Context<'_>) {
        let Some((start, objective)) = self.trains.clone() else { return };
        train::want_history(context, &mut self.asked, &start.run);
        let Some(history) = context.state.runs.histories.get(&start.run) else { return };
        *context.draft = tune::tuning_of(&history.config, start, context.draft);
        tune::learn(context.draft, objective);
        tune::tune(context, LearnsFrom::Feedback);
        self.trains = None;
        *context.go = Some(PageName::Tune);
    }

    fn reply(&mut self, at: usize) -> Option<&mut Reply> {
        self.exchanges.get_mut(at)?.replies.first_mut()
    }

    /// Asks for another reply beside the last: of the same weights by another seed, or of others by the same.
    fn compare(&mut self, context: &mut Context<'_>) {
        let Some(mut exchange) = self.exchanges.pop() else { return };
        let config = &mut self.sampling.config;
        let first = exchange.replies.first().and_then(|reply| reply.text(&context.state.writing));
        let seed = first.map_or(config.seed, |text| text.config.seed);
        let (source, seed) = match &self.rival {
            None => (first.map_or(&self.sampling.source, |text| &text.source).clone(), drawn_seed(seed)),
            Some(rival) => (rival.clone(), seed),
        };
        let (config, messages) =
            (self.sampling.settings(seed), messages(&self.system, &self.exchanges, &exchange.asked));
        exchange.replies.push(Reply::to(context.outbox.send(Command::Reply { source, messages, config })));
        self.exchanges.push(exchange);
    }

    /// Keeps one of two replies.
    fn choose(&mut self, at: usize, which: usize) {
        if let Some(exchange) = self.exchanges.get_mut(at).filter(|exchange| which < exchange.replies.len()) {
            exchange.replies.swap(0, which);
            exchange.replies.truncate(1);
        }
    }
}

/// Has rows of feedback kept.
fn keep(context: &mut Context<'_>, at: Option<usize>, removed: usize, rows: Vec<Feedback>) {
    let sent = context.outbox.send(Command::SpliceFeedback { at, removed, rows });
    context.asks.tell_when_done(sent, "Kept as feedback", None);
}
