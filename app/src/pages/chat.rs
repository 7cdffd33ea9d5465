//! Chat: a conversation with a model through its chat template, and feedback on its replies.

mod conversation;
mod exchange;
mod feedback;
mod judging;
mod kept;
mod queue;
mod text;

pub use text::WHAT;

use super::train::Awaited;
use super::written::{
    Sampling, drawn_seed, named_run, run_of, sampling_ui, silence, source_name, start_of, stop_ui,
};
use super::{train, tune};
use crate::asks::{Toast, Undo};
use crate::pages::prelude::*;
use conversation::{Exchange, Reply, messages};
use exchange::{Edits, ReplyPosition, Wanted, exchange_ui};
use feedback::FeedbackRows;
use judging::{Saying, keeps};
use kept::Kept;

/// Distance of the conversation's end from the lower edge up to which it counts as visible, in points.
const FOLLOWED: f32 = 80.0;
/// Width of the settings next to the conversation, in points.
const SETTINGS: f32 = 248.0;

#[derive(Debug, Default)]
pub struct ChatPage {
    talk: Talk,
    typed: String,
    /// The message that was just sent below the page, which is drawn first.
    sent: Option<String>,
    sampling: Sampling,
    /// The source of the second of two compared replies; `None` for the same weights with another seed.
    rival: Option<WeightSource>,
    /// The seed stays the same from reply to reply.
    locked: bool,
    opened: Option<RequestedModel>,
    /// The end of the conversation was visible in the last frame.
    follows: bool,
    /// The visible size in the last frame.
    view: Vec2,
    /// A reply was being written in the last frame.
    wrote: bool,
    /// Scroll to the end of the conversation.
    jumps: bool,
    kept: Kept,
    rows: FeedbackRows,
    /// The uncertainty measure for proposing prompts.
    measure: Uncertainty,
    /// Feedback on a reply that is not stored yet.
    saying: Option<Saying>,
    /// Feedback revision that the thumbs were read from.
    seen: Option<u64>,
    trains: Option<Begins>,
    /// The conversation cleared last, for undo.
    left: Option<Talk>,
}

/// A conversation and its system prompt.
#[derive(Debug, Default)]
struct Talk {
    /// As in the project, where 0 stands for a conversation that is not saved.
    id: u64,
    revision: u64,
    /// It has changes to be saved.
    unsaved: bool,
    exchanges: Vec<Exchange>,
    edits: Edits,
    system: String,
    /// The person's own system prompt, while a loaded prompt replaces it.
    own_system: Option<String>,
}

#[derive(Debug)]
struct RequestedModel {
    source: WeightSource,
    /// The run of the source at that time.
    run: Option<String>,
    request: u64,
    failed: bool,
}

/// A run on the feedback that starts once its base settings are known.
#[derive(Debug)]
struct Begins {
    start: Start,
    /// The objective, and the loss over pairs or thumbs.
    learns: (Objective, PreferenceLoss),
    request: Option<u64>,
}

impl Talk {
    /// A new conversation with the person's own system prompt.
    fn emptied(&self) -> Self {
        let system = self.own_system.as_ref().unwrap_or(&self.system).clone();
        Self { system, ..Self::default() }
    }
}

impl Page for ChatPage {
    fn needs(&self) -> Needs {
        Needs::Model(
            "Chat needs a model, and models belong to a project. Open a project first.",
            "Train or import a model, fine-tune it on conversations, then chat with it here.",
        )
    }

    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        if let Some(source) = context.asks.weights.take() {
            self.sampling.source = source;
        }
        self.take(ui, context);
        self.keep_up(ui, context);
        if let Some(asked) = self.sent.take() {
            self.say(context, self.talk.exchanges.len(), asked);
        }
        self.open_model(context);
        self.rows.want(context);
        self.train(context);
        beside_ui(ui, SETTINGS, space::LARGE, |ui, place| match place {
            0 => self.conversation_ui(ui, context),
            _ => staying(ui, |ui| self.settings_ui(ui, context)),
        });
    }

    /// Drops a training start that is still pending, and saves a reply that goes on.
    fn away(&mut self, ui: &Ui, context: &mut Context<'_>) {
        self.trains = None;
        if !self.talk.exchanges.is_empty() {
            self.take(ui, context);
            self.keep_up(ui, context);
        }
    }

    fn has_foot(&self, context: &Context<'_>) -> bool {
        let opened = self.known(context.state);
        silence(&self.sampling.source, context.state).is_none() && opened.is_none_or(|opened| opened.chats)
    }

    fn foot_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        beside_ui(ui, SETTINGS, space::LARGE, |ui, place| {
            if place == 0 {
                self.composer_ui(ui, context);
            }
        });
    }

    fn for_project(self, is_same: bool) -> Self {
        let Self { locked, typed, talk, .. } = self;
        match is_same {
            true => Self { locked, typed, talk: talk.emptied(), ..Self::default() },
            false => Self { locked, ..Self::default() },
        }
    }

    fn models(&self) -> Models<'_> {
        Models::Weights(named_run(&self.sampling.source).into_iter().collect())
    }

    fn dot(&self, state: &State) -> Option<Dot> {
        state.writing.is_writing(true).then_some(Dot::Running)
    }
}

impl ChatPage {
    /// Takes in generated text, and requests details of selected tokens.
    fn take(&mut self, ui: &Ui, context: &mut Context<'_>) {
        let writing = &context.state.writing;
        for reply in self.talk.exchanges.iter_mut().flat_map(|exchange| &mut exchange.replies) {
            self.talk.unsaved |= reply.take(writing);
            if let Some(text) = reply.text(writing) {
                let config = self.sampling.settings(text.config.seed);
                reply.look.ask(ui, context, (reply.request, text), &config);
            }
        }
        self.take_kept(context.state);
    }

    fn is_writing(&self) -> bool {
        self.talk.exchanges.iter().flat_map(|exchange| &exchange.replies).any(|reply| !reply.ended)
    }

    /// Opens the model of the next reply in advance, to see whether it has a chat template and to start the reply at once.
    fn open_model(&mut self, context: &mut Context<'_>) {
        let source = self.sampling.source.clone();
        if silence(&source, context.state).is_some() {
            return;
        }
        let run = start_of(&source, context.state).map(|start| start.run);
        let known = self.known(context.state).is_some();
        let same = |opened: &&mut RequestedModel| opened.source == source && opened.run == run;
        if let Some(opened) = self.opened.as_mut().filter(same) {
            opened.failed = !known && !context.state.waiting.contains_key(&opened.request);
        } else if !self.is_writing() {
            let command = Command::OpenModel { source: source.clone(), weights: None };
            let request = context.outbox.send(command);
            self.opened = Some(RequestedModel { source, run, request, failed: false });
        }
    }

    fn known<'a>(&self, state: &'a State) -> Option<&'a answer::ModelOpened> {
        let source = &self.sampling.source;
        let run = start_of(source, state).map(|start| start.run);
        let (opened, model) = state.writing.opened.as_ref()?;
        (opened == source && Some(&model.run) == run.as_ref()).then_some(model)
    }

    fn conversation_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        if is_narrow(ui) {
            self.kept_ui(ui, context, false);
        }
        let run = run_of(&self.sampling.source, context.state).filter(|run| run.classifies());
        let labels: &[String] = run.map_or(&[][..], |run| run.labels.as_slice());
        if let Some(words) = silence(&self.sampling.source, context.state) {
            caption(ui, words);
            if !labels.is_empty() {
                self.queue_ui(ui, context, labels);
            }
        } else if self.template_ui(ui, context) {
            self.exchanges_ui(ui, context);
            ui.add_space(space::TIGHT);
            self.queue_ui(ui, context, labels);
        }
        ui.add_space(space::TIGHT);
        if let Some(learns) = self.rows.ui(ui, context, labels.is_empty()) {
            let start = start_of(&self.sampling.source, context.state);
            self.trains = start.map(|start| Begins { start, learns, request: None });
        }
        if self.trains.is_some() {
            caption(ui, "Reading the settings…");
        }
    }

    fn exchanges_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let (busy, count) = (self.is_writing(), self.talk.exchanges.len());
        let mut wanted = None;
        for (at, exchange) in self.talk.exchanges.iter_mut().enumerate() {
            let place = ReplyPosition { at, last: at + 1 == count, busy, keeps: keeps(context.state) };
            let shown = ui.push_id(("exchange", at), |ui| {
                exchange_ui(ui, context, exchange, &mut self.talk.edits, place)
            });
            wanted = shown.inner.map(|wanted| (at, wanted)).or(wanted);
            ui.add_space(space::TIGHT);
        }
        if let Some((at, wanted)) = wanted {
            self.see_to(context, at, wanted);
        }
        // Keep the end of the conversation in view if it was in view and its text or the window changed.
        let (end, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 1.0), Sense::hover());
        let (jumps, wrote) = (std::mem::take(&mut self.jumps), std::mem::replace(&mut self.wrote, busy));
        let view = ui.clip_rect().size();
        let jumps = jumps || self.follows && std::mem::replace(&mut self.view, view) != view;
        if jumps || (busy || wrote) && self.follows {
            ui.scroll_to_rect(end, Some(egui::Align::BOTTOM));
        }
        self.follows = jumps || ui.clip_rect().bottom() + FOLLOWED >= end.bottom();
    }

    /// Shows the conversation's template. Returns whether there is one, as far as known.
    fn template_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) -> bool {
        let Some(opened) = self.known(context.state) else {
            if self.opened.as_ref().is_some_and(|opened| opened.failed) {
                hint_line(ui, "The model could not be opened.");
                if plain(ui, icons::ICON_REFRESH, "Open it again").clicked() {
                    self.opened = None;
                }
            } else {
                caption(ui, "Opening the model…");
            }
            return true;
        };
        if !opened.chats {
            let learned = [Objective::Chat, Objective::Preference, Objective::Reward];
            let of_answers =
                |run: &&RunSummary| learned.contains(&run.objective) && run.writes() && run.step > 0;
            let other = context.state.runs.list.iter().rev().find(of_answers);
            // Unless the model was chosen, one that answers replaces it.
            if let (WeightSource::Current, Some(run)) = (&self.sampling.source, other) {
                self.sampling.source = WeightSource::best_of(&run.name);
            }
            hint_line(ui, text::NO_TEMPLATE);
            if primary(ui, icons::ICON_SCHOOL, "Tune it").clicked() {
                *context.go = Some(PageName::Tune);
            }
            return false;
        }
        let template = if opened.chatml { "ChatML template" } else { "its own chat template" };
        let run = opened.run.clone();
        if let Some(missing) = self.missing_run(context.state) {
            hint_line(
                ui,
                &format!("{missing}, which wrote this conversation, was deleted; {run} answers now."),
            );
        }
        ui.horizontal_wrapped(|ui| {
            caption(ui, format!("{run} · {template}"));
            let share = quiet(ui, icons::ICON_LINK, "Share");
            if share.on_hover_text("As a web page on which anyone can chat with it").clicked() {
                context.asks.share(&run);
                *context.go = Some(PageName::Runs);
            }
        });
        true
    }

    fn composer_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let (busy, mut sends) = (self.is_writing(), false);
        // A phone's keyboard has Enter but no Shift+Enter.
        let enters = !is_narrow(ui);
        card_with(ui, context.palette.panel, |ui| {
            let (field, entered) = widgets::composer(ui, "Message", "Say something", enters, &mut self.typed);
            ui.horizontal_wrapped(|ui| {
                let ready = !self.typed.trim().is_empty() && self.sampling.refused().is_none();
                // Both buttons share one place, so that the layout does not jump.
                if busy {
                    if plain(ui, icons::ICON_STOP, "Stop").clicked() {
                        self.stop(context);
                    }
                } else {
                    let send = |ui: &mut Ui| primary(ui, icons::ICON_SEND, "Send").clicked();
                    let pressed = ui.add_enabled_ui(ready, send).inner;
                    sends = ready && (pressed || entered);
                    if sends {
                        field.request_focus();
                    }
                }
                if !self.talk.exchanges.is_empty()
                    && quiet(ui, icons::ICON_ADD_COMMENT, "New conversation").clicked()
                {
                    self.put_away(context);
                }
                if Breakpoint::of(ui.ctx().content_rect().width()) == Breakpoint::Desktop {
                    quiet_text(ui, "Enter sends, Shift+Enter starts a new line");
                }
            });
        });
        if sends {
            self.sent = Some(std::mem::take(&mut self.typed).trim().to_owned());
        }
    }

    fn settings_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        if !is_narrow(ui) {
            self.kept_ui(ui, context, true);
        }
        card(ui, |ui| {
            term(ui, "System prompt", None);
            let hint = "Instructions to the model before the conversation";
            let system = text_area("System prompt", hint, 2, &mut self.talk.system);
            ui.add(system).accessible_name("System prompt");
            ui.add_space(space::TIGHT);
            sampling_ui(ui, context.state, &mut self.sampling, &mut self.locked, None);
            stop_ui(ui, &mut self.sampling.stop);
            ui.add_space(space::TIGHT);
            moderation_ui(ui, context);
            let name = ("Comparing replies", "");
            fold(ui, context.preferences, "chat:compare", name, false, |ui, _| {
                ui.label("Second reply by");
                let named = |rival: &Option<WeightSource>| match rival {
                    None => "Same weights, different seed".to_owned(),
                    Some(source) => source_name(source, context.state),
                };
                let others =
                    super::written::sources(context.state).into_iter().map(|(source, _)| Some(source));
                let rivals = std::iter::once(None).chain(others).map(|rival| (rival.clone(), named(&rival)));
                let head = ("Second reply by", &*named(&self.rival));
                let (rivals, width) = (rivals.collect::<Vec<_>>(), Some(ui.available_width()));
                choice_or(ui, head, &mut self.rival, width, &rivals);
            });
        });
    }

    /// Cancels all unfinished replies, started or not.
    fn stop(&self, context: &mut Context<'_>) {
        let replies = self.talk.exchanges.iter().flat_map(|exchange| &exchange.replies);
        for reply in replies.filter(|reply| !reply.ended) {
            context.outbox.send(Command::Cancel { request: reply.request });
        }
    }

    /// Adds a message at index `at` and drops the rest of the conversation.
    fn say(&mut self, context: &mut Context<'_>, at: usize, asked: String) {
        // A new message would be lost by an undo, so the undo goes.
        let leads_back = |toast: &Toast| toast.undo == Some(Undo::Conversation);
        if self.left.take().is_some() && context.asks.toast.as_ref().is_some_and(leads_back) {
            context.asks.toast = None;
        }
        self.talk.exchanges.truncate(at);
        self.talk.edits.cut(at);
        if !self.locked {
            self.sampling.config.seed = drawn_seed(self.sampling.config.seed);
        }
        let config = self.sampling.moderated(context, self.sampling.config.seed);
        let messages = messages(&self.talk.system, &self.talk.exchanges, &asked);
        let reply = ask(context, self.sampling.source.clone(), messages.clone(), config);
        let when = format::now();
        self.talk.exchanges.push(Exchange { asked, when, messages, replies: vec![reply] });
        (self.talk.unsaved, self.jumps) = (true, true);
    }

    fn see_to(&mut self, context: &mut Context<'_>, at: usize, wanted: Wanted) {
        match wanted {
            Wanted::Resend(asked) => self.say(context, at, asked.trim().to_owned()),
            Wanted::Again => {
                if let Some(exchange) = self.talk.exchanges.pop() {
                    self.say(context, at, exchange.asked);
                }
            }
            Wanted::Compare => self.compare(context),
            Wanted::Choose(which) => self.prefer(context, at, which),
            Wanted::Leave(which) => self.choose(at, which),
            Wanted::Rate(good) => self.rate(context, at, good),
            Wanted::Improve(better) => self.improve(context, at, better),
        }
    }

    /// Starts training on the feedback once the base run's settings are known; drops the request if they cannot be, or if another
    /// run trains by then.
    fn train(&mut self, context: &mut Context<'_>) {
        let Some(Begins { start, learns: (objective, loss), request }) = &mut self.trains else { return };
        if !train::busy(context) {
            match train::await_history(context, request, &start.run) {
                Awaited::Waits => return,
                Awaited::Failed => {}
                Awaited::Here(history) => {
                    let mut config = tune::tuning_of(&history.config, start.clone(), context.draft);
                    tune::learn(&mut config, *objective);
                    // As on Tune for few rows.
                    config.train.chat.packing = false;
                    if objective.learns_pairs() {
                        tune::learn_by(&mut config, *loss);
                    }
                    context.drafts.put(config.clone());
                    tune::tune(context, config, LearnsFrom::Feedback, None);
                    *context.go = Some(PageName::Tune);
                }
            }
        }
        self.trains = None;
    }

    /// Clears the conversation and offers undo.
    fn put_away(&mut self, context: &mut Context<'_>) {
        let left = self.leave(context);
        self.offer_back(context, left);
    }

    /// Ends the conversation, cancels its replies, and restores the person's own system prompt.
    fn leave(&mut self, context: &mut Context<'_>) -> Talk {
        self.talk.unsaved |= self.is_writing();
        self.save(context);
        self.stop(context);
        let left = std::mem::take(&mut self.talk);
        self.talk = left.emptied();
        left
    }

    /// Offers to undo clearing the conversation.
    fn offer_back(&mut self, context: &mut Context<'_>, left: Talk) {
        self.left = Some(left);
        let (text, undo) = ("A new conversation".to_owned(), Some(Undo::Conversation));
        context.asks.toast = Some(Toast { text, undo, shown_at: None });
    }

    pub fn put_back(&mut self) {
        if let Some(left) = self.left.take() {
            (self.talk, self.seen) = (left, None);
        }
    }

    /// Requests an alternative to the last reply: from other weights with the same seed, or the same weights with another seed.
    fn compare(&mut self, context: &mut Context<'_>) {
        let Some(exchange) = self.talk.exchanges.last() else { return };
        let first = exchange.replies.first().and_then(|reply| reply.text(&context.state.writing));
        let seed = first.map_or(self.sampling.config.seed, |text| text.config.seed);
        let (source, seed) = match &self.rival {
            None => (first.map_or(&self.sampling.source, |text| &text.source).clone(), drawn_seed(seed)),
            Some(rival) => (rival.clone(), seed),
        };
        let config = self.sampling.moderated(context, seed);
        let messages = exchange.messages.clone();
        let reply = ask(context, source, messages, config);
        if let Some(exchange) = self.talk.exchanges.last_mut() {
            exchange.replies.push(reply);
        }
    }
}

/// Requests a reply to a conversation.
fn ask(
    context: &mut Context<'_>,
    source: WeightSource,
    messages: Vec<ChatMessage>,
    config: GenerateConfig,
) -> Reply {
    // Another run may become the latest before feedback on the reply is stored.
    let run = start_of(&source, context.state).map(|start| start.run).unwrap_or_default();
    let settings = GenerateConfig { moderation: Box::default(), ..config.clone() };
    let origin = ReplyOrigin { run, source: source.clone(), config: settings, ..ReplyOrigin::default() };
    let prompt = Prompt::Messages { messages, rendering: None };
    let command = Command::Generate { source, prompt, config, output: Output::Tokens };
    Reply::to(context.outbox.send(command), origin)
}
