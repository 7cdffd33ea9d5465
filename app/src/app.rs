//! The application: the frame around the pages, and the flow of one frame: receive events, fold them into the state, draw the
//! page, send commands.
//!
//! Interface texts are next to the code that draws them, except each page's prose, which is in its `text` module: a translation
//! starts there.

mod address;
mod frame;
mod importing;
mod incoming;
mod keys;
mod messages;
mod remedies;
mod scripting;
#[cfg(feature = "command-line")]
mod serving;
mod top_bar;
mod typed_path;

pub use address::Address;
pub use incoming::ACCEPTED;

use crate::asks::{Asks, Toast, Undo};
use crate::link::{self, Answer, Link, Outbox};
use crate::pages::{Context, PageName, Pages, features, inspect};
use crate::preferences::Preferences;
use crate::state::{State, leaves};
use crate::theme::{self, Palette};
use glasshouse_protocol::{
    Command, Drafts, ErrorKind, Event, Export, Precision, ProjectChange, ProjectSummary, RunConfig,
    StorageSummary, message, presets,
};
use std::collections::BTreeMap;
use std::sync::mpsc;

#[derive(Debug, Default)]
pub struct AppOptions {
    /// The sample project as a `.glasshouse` file, opened if there is no project.
    pub sample: Option<Vec<u8>>,
    pub page: Option<PageName>,
    /// Id of the project to open, or natively its folder.
    pub project: Option<String>,
    pub preset: Option<String>,
    pub seed: Option<u64>,
    /// Lesson to open, counted from 1.
    pub lesson: Option<usize>,
    /// Device for this visit, overriding the preferred one.
    pub device: Option<String>,
    /// Hides the rail, and the top bar on the Inspect page, for embedding in another page.
    pub embed: bool,
    /// Initial request of the Features page.
    pub features: features::Wish,
    /// Initial request of the Inspect page.
    pub inspect: inspect::Wish,
}

#[derive(Debug)]
pub struct App {
    state: State,
    link: Link,
    outbox: Outbox,
    page: PageName,
    drafts: Drafts,
    /// Opening number of the project whose drafts were loaded.
    taken: u64,
    /// The drafts as stored by the engine.
    kept_drafts: Drafts,
    /// Changed drafts, and the time of their last change, in seconds of egui's clock.
    resting_drafts: Option<(Drafts, f64)>,
    /// Inputs of the last plan request.
    planned: Option<PlanKey>,
    /// The opening number and change count of the text that the length of the next new run fits.
    followed: Option<(u64, u64)>,
    /// Projects were listed, and one was opened if there was any.
    settled: bool,
    /// There is no project, and no sample has arrived yet.
    wants_sample: bool,
    /// The page of the last frame.
    drawn: PageName,
    /// When a text field last had the keyboard focus, in seconds of egui's clock.
    wrote_at: f64,
    /// Times of the messages, by message number.
    shown: BTreeMap<u64, messages::Shown>,
    /// Time of the last frame with a strip of messages, in seconds of egui's clock.
    ticked: f64,
    /// A path being typed, on systems without file dialogs.
    typed: Option<typed_path::TypedPath>,
    /// The page in the rail that the arrow keys moved to, and whether it has yet to take the focus.
    rail: Option<(PageName, bool)>,
    /// The request whose progress dialog the person closed.
    background: Option<u64>,
    visible: bool,
    /// The window had the keyboard focus in the last frame.
    focused: bool,
    preferences: Preferences,
    /// Preferences as last stored.
    kept: Preferences,
    start: AppOptions,
    asks: Asks,
    #[cfg(feature = "command-line")]
    server: serving::WindowServer,
    answers: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
    pages: Pages,
}

/// Seconds without a change before the drafts are stored.
const DRAFT_RESTS: f64 = 0.5;

#[derive(Clone, Debug, PartialEq)]
struct PlanKey {
    /// The project's opening number.
    opening: u64,
    draft: RunConfig,
    device: String,
    vocabulary: Option<usize>,
    /// The text's change count, whether its overview is known, and the tokenizer's training count.
    text: (u64, bool, u64),
    /// Number of runs that ended, each with the speed of its device.
    revision: u64,
    ms_per_step: Option<f64>,
}

impl App {
    /// Creates the application on a link, with stored preferences. Call [`theme::prepare`] before the first frame.
    ///
    /// # Errors
    /// The preset does not exist.
    pub fn new(link: Link, preferences: Preferences, start: AppOptions) -> Result<Self, String> {
        let mut draft = presets::preset(start.preset.as_deref().unwrap_or("first-stories"))?;
        draft.seed = start.seed.unwrap_or(draft.seed);
        let drafts = Drafts::new(draft);
        let inspect = inspect::InspectPage::beginning_with(start.inspect.clone(), start.embed);
        let mut pages = Pages { inspect, ..Pages::default() };
        pages.features.wish(start.features.clone());
        if let Some(number) = start.lesson {
            pages.learn.open(number);
        }
        let mut app = Self {
            state: State::default(),
            link,
            outbox: Outbox::default(),
            page: start.page.unwrap_or_default(),
            drawn: start.page.unwrap_or_default(),
            wrote_at: f64::NEG_INFINITY,
            shown: BTreeMap::new(),
            ticked: 0.0,
            typed: None,
            rail: None,
            background: None,
            kept_drafts: drafts.clone(),
            resting_drafts: None,
            drafts,
            taken: 0,
            planned: None,
            followed: None,
            settled: false,
            wants_sample: false,
            visible: true,
            focused: true,
            kept: preferences.clone(),
            preferences,
            start,
            asks: Asks::default(),
            #[cfg(feature = "command-line")]
            server: serving::WindowServer::Off,
            answers: mpsc::channel(),
            pages,
        };
        app.greet();
        Ok(app)
    }

    /// Sends the first requests to an engine.
    fn greet(&mut self) {
        self.settled = false;
        self.planned = None;
        let device = self.start.device.as_ref().unwrap_or(&self.preferences.device).clone();
        self.outbox.send(Command::Hello { version: message::VERSION, device });
        self.outbox.send(Command::ListProjects);
        self.send();
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    pub fn open(&mut self, page: PageName) {
        self.page = page;
    }

    pub fn preferences(&mut self) -> &mut Preferences {
        &mut self.preferences
    }

    /// Receives the engine's events since the last frame and runs the automatic follow-ups.
    pub fn receive(&mut self) {
        while let Some(report) = self.link.receive() {
            self.asks.receive(&report.body);
            if let (Some(request), Event::Failed { .. }) = (report.body.request, &report.body.event)
                && let Some(Command::OpenProject { .. }) = self.state.waiting.get(&request)
                && self.state.projects.open.is_none()
            {
                self.page = PageName::Home;
            }
            if self.gives_up_import(&report.body) {
                self.outbox.send(Command::LookAtModel { from: None });
            }
            self.state.apply(report);
        }
        if self.state.lost.is_none() {
            self.state.lost = self.link.lost();
        }
        self.settle();
        self.take_over_drafts();
        self.outbox.opening = self.state.projects.open.as_ref().map(|open| open.number);
        self.plan();
        self.send();
    }

    /// Opens the last open project, else the latest, else the sample.
    fn settle(&mut self) {
        if self.settled || !self.state.projects.listed {
            return;
        }
        self.settled = true;
        if self.state.projects.open.is_some() {
            return;
        }
        if let Some(preset) = self.start.preset.clone().filter(|_| self.start.project.is_none()) {
            return self.open_for(&preset);
        }
        // A browser may delete what it stores. Elsewhere another shelf may be listed, as in an embedded view.
        let storage = self.state.engine.as_ref().map(|engine| &engine.storage);
        if self.state.projects.list.is_empty()
            && self.start.project.is_none()
            && !self.start.embed
            && storage.is_some_and(StorageSummary::is_of_browser)
            && let Some(id) = self.preferences.project.take()
        {
            let gone = format!(
                "no project is stored any more; the last one was {id}. If you did not delete it, the browser did: open an \
                 exported .glasshouse file to get it back"
            );
            self.state.say(None, ErrorKind::Io, gone);
        }
        let opens = |project: &&ProjectSummary| !project.deleted && project.problem.is_none();
        let alive = || self.state.projects.list.iter().filter(opens);
        let last = alive().find(|project| Some(&project.id) == self.preferences.project.as_ref());
        let id = self.start.project.take().or_else(|| Some(last.or_else(|| alive().next())?.id.clone()));
        match (id, self.start.sample.take()) {
            (Some(id), _) => {
                self.outbox.send(Command::OpenProject { id });
            }
            (None, Some(sample)) => self.open_sample(sample),
            (None, None) => self.wants_sample = true,
        }
    }

    /// Opens the project named after a preset, or creates it: settings from an address do not apply to another project.
    fn open_for(&mut self, preset: &str) {
        let mut alive = self.state.projects.list.iter().filter(|project| !project.deleted);
        self.outbox.send(match alive.find(|project| project.name == preset) {
            Some(project) => Command::OpenProject { id: project.id.clone() },
            None => Command::create(preset),
        });
    }

    /// Provides the sample project, possibly after the first frame. It is opened only if there is no other project.
    pub fn offer_sample(&mut self, file: Vec<u8>) {
        // A visitor who left early has stored a part of the sample.
        let mut listed = self.state.projects.list.iter();
        let none = self.state.projects.open.is_none() && listed.all(|project| project.problem.is_some());
        // Do not leave a project that was created while the sample was loading.
        let empty = none && !self.state.is_waiting(leaves);
        if !self.settled {
            self.start.sample = Some(file);
        } else if self.wants_sample && empty {
            self.wants_sample = false;
            self.open_sample(file);
        }
    }

    fn open_sample(&mut self, file: Vec<u8>) {
        self.outbox.send_with(Command::ImportProject { name: None, from: None }, vec![file]);
    }

    /// Loads the drafts of a newly opened project.
    fn take_over_drafts(&mut self) {
        let opening = self.state.projects.open.as_ref().map_or(self.taken, |open| open.opening);
        if self.taken != opening {
            // What was changed since the other project was asked for is still for the former one.
            self.flush_drafts();
        }
        let Some(open) = &self.state.projects.open else { return };
        if self.taken != open.opening {
            self.taken = open.opening;
            // Nothing of the former project is undone in this one; a deleted project comes back from anywhere.
            let is_own = |undo: &Undo| !matches!(undo, Undo::Command(command) if matches!(**command, Command::ChangeProject { .. }));
            self.asks.toast.take_if(|toast| toast.undo.as_ref().is_some_and(is_own));
            self.drafts = open.drafts.clone();
            if !self.start.embed {
                self.preferences.project = Some(open.summary.id.clone());
            }
            self.kept_drafts = self.drafts.clone();
            let draft = &mut self.drafts.train;
            let offered = self.state.engine.as_ref().is_some_and(|engine| engine.device.mixed_precision);
            if open.summary.runs == 0 && offered && self.preferences.precision != Precision::F32 {
                draft.train.precision = self.preferences.precision;
            }
            if let Some(preset) = self.start.preset.take().and_then(|name| presets::preset(&name).ok()) {
                *draft = preset;
            }
            draft.seed = self.start.seed.take().unwrap_or(draft.seed);
        }
    }

    /// Keeps the plan up to date with the open page's draft, with one request at a time.
    fn plan(&mut self) {
        let Some(engine) = &self.state.engine else { return };
        if self.state.planning.asked.is_some() {
            return;
        }
        let draft = self.drafts.of(self.page.draft());
        let (text, tokenizer) = (&self.state.documents, &self.state.tokenizer);
        let key = PlanKey {
            opening: self.state.projects.openings,
            draft: draft.clone(),
            device: engine.device.name.clone(),
            vocabulary: tokenizer.summary.as_ref().map(|summary| summary.vocabulary),
            text: (text.changes, text.overview.is_some(), tokenizer.trained),
            revision: self.state.runs.revision,
            ms_per_step: self.state.planning.measured.as_ref().map(|(_, speed)| speed.ms_per_step),
        };
        if self.planned.as_ref() != Some(&key) {
            self.planned = Some(key);
            self.outbox.send(Command::Plan { config: Box::new(draft) });
        } else if let Some(tokens) =
            self.state.planning.plan_of(&self.drafts.train).map(|plan| plan.text_tokens)
        {
            self.follow_text(tokens);
        }
    }

    /// Fits the length of the next new run to a text that has just changed, or on which nothing was trained or set yet.
    fn follow_text(&mut self, tokens: u64) {
        let Some(open) = &self.state.projects.open else { return };
        let text = (open.opening, self.state.documents.changes);
        let draft = &mut self.drafts.train;
        let is_new = || open.summary.runs == 0 && presets::title_of(draft).is_none();
        if tokens > 0 && self.followed != Some(text) {
            self.followed = Some(text);
            if text.1 > 0 || is_new() {
                draft.follow_text(tokens);
            }
        }
    }

    /// Stores changed drafts with the project at once.
    fn flush_drafts(&mut self) {
        if self.outbox.opening.is_some() && self.drafts != self.kept_drafts {
            self.kept_drafts = self.drafts.clone();
            self.resting_drafts = None;
            self.outbox.send(Command::SaveDrafts { drafts: Box::new(self.drafts.clone()) });
        }
    }

    /// Stores changed drafts with the project once they have been unchanged for `DRAFT_RESTS`; at once if the project is being left or the
    /// window `closes`.
    fn keep_drafts(&mut self, context: &egui::Context, closes: bool) {
        if closes || self.state.projects.is_leaving() {
            return self.flush_drafts();
        }
        if self.state.projects.open.is_none() || self.drafts == self.kept_drafts {
            self.resting_drafts = None;
            return;
        }
        let now = context.input(|input| input.time);
        match &self.resting_drafts {
            Some((drafts, since)) if *drafts == self.drafts => {
                if now - since >= DRAFT_RESTS {
                    self.flush_drafts();
                } else {
                    context.request_repaint_after_secs((DRAFT_RESTS - (now - since)) as f32);
                }
            }
            _ => {
                self.resting_drafts = Some((self.drafts.clone(), now));
                context.request_repaint_after_secs(DRAFT_RESTS as f32);
            }
        }
    }

    /// Draws the frame and the open page, and sends the resulting commands.
    pub fn ui(&mut self, ui: &mut egui::Ui) {
        theme::apply(ui.ctx(), &self.preferences);
        let closes = ui.input(|input| input.viewport().close_requested());
        if closes && let Some(field) = ui.memory(egui::Memory::focused) {
            // A field that loses the keyboard focus saves what is typed in it.
            ui.memory_mut(|memory| memory.surrender_focus(field));
        }
        crate::format::set_loss_unit(self.preferences.loss_unit);
        self.keys(ui.ctx());
        let (page, first) = (self.page, self.outbox.last);
        self.incoming(ui.ctx());
        if let Some(reason) = self.state.lost.clone() {
            self.lost_ui(ui, &reason);
        } else {
            self.frame_ui(ui);
        }
        self.state.origins.extend((first + 1..=self.outbox.last).map(|id| (id, page)));
        self.typed_path_ui(ui.ctx());
        self.importing_ui(ui.ctx());
        self.progress_ui(ui.ctx());
        self.introduced();
        self.fulfil(ui.ctx());
        #[cfg(feature = "command-line")]
        self.serve_or_not(ui.ctx());
        self.keep_drafts(ui.ctx(), closes);
        self.send();
        self.keep_preferences();
    }

    fn page_ui(&mut self, ui: &mut egui::Ui) {
        let (mut go, mut lesson, mut look) = (None, None, None);
        let before = self.drafts.clone();
        let own = self.page.draft();
        let mut draft = self.drafts.of(own);
        let mut context = Context {
            state: &self.state,
            palette: Palette::of(ui),
            draft: &mut draft,
            drafts: &mut self.drafts,
            outbox: &mut self.outbox,
            go: &mut go,
            lesson: &mut lesson,
            look: &mut look,
            preferences: &mut self.preferences,
            asks: &mut self.asks,
        };
        // Scroll to the top when the project changes.
        let opening = context.state.projects.open.as_ref().map_or(0, |open| open.opening);
        let of_project = if matches!(self.page, PageName::Home | PageName::Settings) { 0 } else { opening };
        ui.push_id(("project", of_project), |ui| self.pages.ui(self.page, ui, &mut context));
        self.drafts.set(own, draft);
        if let Some(text) = self.asks.replaced.take() {
            // While a slider is dragged, its replacements are one.
            let dragged = ui.input(|input| input.pointer.press_start_time());
            let is_of_drag =
                |toast: &&mut Toast| matches!(toast.undo, Some(Undo::Drafts(_))) && toast.shown_at >= dragged;
            match self.asks.toast.as_mut().filter(|toast| dragged.is_some() && is_of_drag(toast)) {
                Some(toast) => toast.text = text,
                None => self.asks.undoable(text, before),
            }
        }
        if let Some(number) = lesson {
            self.pages.learn.open(number);
        }
        if let Some(wish) = look {
            self.pages.inspect.wish(wish);
        }
        self.page = go.unwrap_or(self.page);
    }

    /// Folds the introduction of a page once the page was left.
    fn introduced(&mut self) {
        if self.drawn != self.page {
            self.preferences.folds.insert(format!("what:{}", self.drawn.key()), false);
            self.drawn = self.page;
        }
    }

    fn send(&mut self) {
        let requests = self.outbox.take();
        let any = |is: fn(&Command) -> bool| requests.iter().any(|request| is(&request.body.command));
        // What is still pending is carried out before any command that reads the text, or that leaves or copies the project.
        let parts = any(|command| {
            use ProjectChange::{Delete, Duplicate};
            let copies = matches!(command, Command::Export { what: Export::Project { .. }, .. });
            let is_change = matches!(command, Command::ChangeProject { change: Delete | Duplicate(_), .. });
            leaves(command) || copies || is_change
        });
        let reads = any(|command| {
            matches!(
                command,
                Command::Train { .. }
                    | Command::TrainTokenizer { .. }
                    | Command::Evaluate { .. }
                    | Command::Audit { .. }
            )
        });
        if parts || reads {
            self.pages.data.settle(&mut self.outbox);
        }
        if parts {
            self.flush_drafts();
        }
        let pending = self.outbox.take();
        for request in pending.into_iter().chain(requests) {
            self.state.sent(request.body.id, &request.body.command);
            self.link.send(request);
        }
    }

    fn keep_preferences(&mut self) {
        if self.preferences != self.kept {
            self.kept = self.preferences.clone();
            // A scripted session does not change the stored preferences.
            if matches!(self.link, Link::Engine(_)) {
                link::store_preferences(&self.kept);
            }
        }
    }
}

impl eframe::App for App {
    // With the feature `page` it has another signature, and a browser does not call it.
    #[cfg(not(feature = "page"))]
    fn on_exit(&mut self) {
        self.flush_drafts();
        self.send();
        self.keep_preferences();
    }

    fn logic(&mut self, context: &egui::Context, _frame: &mut eframe::Frame) {
        self.watch(context);
        self.receive();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        Self::ui(self, ui);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}
