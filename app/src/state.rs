//! The front end's state: a fold over the engine's events. Nothing else changes it. Choices in the interface (open page, texts in
//! fields) are stored in the pages.

mod catalogue;
mod cleaning;
mod conversations;
mod documents;
mod evaluation;
mod features;
mod feedback;
mod importing;
mod inspection;
mod lab;
mod lessons;
mod plan;
mod projects;
mod proposals;
mod runs;
mod tokenizer;
mod training;
mod writing;

pub use catalogue::{Catalogue, Fetching};
pub use cleaning::Cleaning;
pub use conversations::Conversations;
pub use documents::Documents;
pub use evaluation::{Evaluations, Work};
pub use features::Dictionaries;
pub use feedback::{MIN_ROWS, Said};
pub use glasshouse_protocol::answer::{Distribution, History};
pub use glasshouse_protocol::inspect::Tensor;
pub use importing::Importing;
pub use inspection::{InspectionAnswer, Inspections, ViewData};
pub use lab::Lab;
pub use lessons::Lessons;
pub use plan::Planning;
pub use projects::{OpenProject, Projects, leaves};
pub use runs::{Runs, own_runs};
pub use tokenizer::Tokenizing;
pub use training::{EvalPoint, Sample, StepPoint, Training};
pub use writing::{Text, TextEnding, Writing};

use crate::pages::PageName;
use glasshouse_protocol::cleaning::CleaningStep;
use glasshouse_protocol::*;
use std::collections::{BTreeMap, BTreeSet};

/// Everything the engine has reported.
#[derive(Debug, Default)]
pub struct State {
    /// The engine and its device; `None` before the first event.
    pub engine: Option<answer::Ready>,
    /// Empty until listed.
    pub devices: Vec<DeviceSummary>,
    pub projects: Projects,
    pub documents: Documents,
    pub catalogue: Catalogue,
    pub cleaning: Cleaning,
    /// The open project's tokenizer, and answers about it.
    pub tokenizer: Tokenizing,
    /// Memory and time forecasts for the current settings.
    pub planning: Planning,
    pub training: Training,
    pub lab: Lab,
    pub writing: Writing,
    pub inspections: Inspections,
    /// Evaluations of the open project's models: quality and safety.
    pub evaluation: Evaluations,
    pub dictionaries: Dictionaries,
    pub conversations: Conversations,
    pub feedback: Said,
    /// A teacher's lessons, and the progress in all lessons.
    pub lessons: Lessons,
    /// Prompts proposed for the next feedback.
    pub proposals: Option<answer::Proposed>,
    pub runs: Runs,
    /// A pretrained model offered for import.
    pub importing: Option<Importing>,
    /// Unfinished requests by id.
    pub waiting: BTreeMap<u64, Command>,
    /// Pages that sent unfinished requests, by id.
    pub origins: BTreeMap<u64, PageName>,
    /// Requests in progress: what is being done, and the finished fraction if known.
    pub underway: BTreeMap<u64, (String, Option<f64>)>,
    /// Errors and notices, newest last. Pages remove dismissed ones.
    pub messages: Vec<Message>,
    /// Number of messages so far.
    told: u64,
    /// What the engine is busy with, from its last heartbeat.
    pub busy: String,
    /// Files from events that wait for the browser to save them: name and bytes.
    pub downloads: Vec<(String, Vec<u8>)>,
    /// Why the engine stopped responding or died.
    pub lost: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Sequence number in order of arrival.
    pub number: u64,
    /// The page that it is about, if any.
    pub page: Option<PageName>,
    /// The failed command, if the error answers a request.
    pub command: Option<Command>,
    /// The command's bytes, if it was refused as [`ErrorKind::Stale`].
    pub bytes: Vec<Vec<u8>>,
    /// The project it concerns; the message goes when another one opens. `None` if it concerns no project.
    pub project: Option<String>,
    /// Notices have [`ErrorKind::Notice`].
    pub error: ErrorReport,
}

impl State {
    /// The run of the current weights: the one in training, else the latest that has weights.
    pub fn current_run(&self) -> Option<&RunSummary> {
        current_run(&self.training, &self.runs)
    }

    pub fn sent(&mut self, id: u64, command: &Command) {
        self.waiting.insert(id, command.clone());
        // A pending import offer does not outlive a new question about models.
        if matches!(
            command,
            Command::ListModelFiles { .. } | Command::LookAtModel { from: Some(_) } | Command::Hello { .. }
        ) {
            self.importing = None;
        }
        self.projects.sent(id, command);
        let trains = self.training.state != TrainingState::Idle;
        let run = current_run(&self.training, &self.runs).map(|run| run.name.as_str());
        self.writing.sent(id, command, (run, trains.then_some(self.training.step())));
        self.tokenizer.sent(command);
        self.planning.sent(id, command);
        self.cleaning.sent(id, command);
        self.evaluation.sent(id, command);
        self.dictionaries.sent(id, command);
        self.catalogue.sent(id, command);
    }

    pub fn apply(&mut self, envelope: Envelope<Report>) {
        let Envelope { body: Report { request, event }, bytes } = envelope;
        let asked = request.and_then(|id| self.waiting.get(&id).cloned());
        self.projects.apply(request, &event);
        self.documents.apply(&event);
        self.catalogue.apply(asked.as_ref(), &event);
        self.cleaning.apply(asked.as_ref(), &event);
        self.tokenizer.apply(&event);
        if matches!(event, Event::TokenizerReady { .. }) {
            self.tokenizer.of_text = self.documents.changes;
        }
        if let Some(importing) = Importing::of(asked.as_ref(), &event) {
            self.importing = Some(importing);
        }
        self.planning.apply(request, asked.as_ref(), &event);
        self.training.apply(asked.as_ref(), &event);
        self.writing.apply(request, asked.as_ref(), &event);
        self.inspections.apply(request, asked.as_ref(), &event, &bytes);
        self.evaluation.apply(request, asked.as_ref(), &event);
        self.dictionaries.apply(request, asked.as_ref(), &event);
        self.conversations.apply(request, asked.as_ref(), &event);
        self.feedback.apply(request, asked.as_ref(), &event);
        self.lessons.apply(&event);
        self.lab.apply(&event);
        proposals::apply(&mut self.proposals, &event);
        self.runs.apply(asked.as_ref(), &event);
        self.runs.follow(&self.training);
        self.lab.follow(&self.training);
        if let Event::TrainingStarted { .. } | Event::History { .. } = &event {
            let name = self.training.run.as_ref().map(|run| &run.name);
            if let Some(history) = name.and_then(|name| self.runs.histories.get(name)) {
                self.training.lead_with(history);
            }
        }
        if let Event::Project { opened: Some(opened) } = &event {
            let stays =
                |about: &Option<String>| about.as_ref().is_none_or(|about| *about == opened.project.id);
            self.messages.retain(|message| stays(&message.project));
        }
        match event {
            Event::Ready(ready) => self.engine = Some(ready),
            Event::Projects { storage, .. } => {
                if let Some(engine) = &mut self.engine {
                    engine.storage = storage;
                }
            }
            Event::Devices { devices } => self.devices = devices,
            Event::Exported(answer::Exported { name, path, bytes: size, verification, .. }) => {
                let verified =
                    verification.map_or_else(String::new, |found| format!(". The file was {found}"));
                if path.is_some() || !verified.is_empty() {
                    let place = path.unwrap_or_else(|| name.clone());
                    let size = glasshouse_protocol::quantity::bytes(size);
                    let text = format!("Saved as {place}, {size}{verified}");
                    self.notice(request, text);
                }
                self.downloads.extend(bytes.into_iter().map(|bytes| (name.clone(), bytes)));
            }
            Event::Compressed { compressed } => {
                let losses = compressed.losses().map_or_else(String::new, |losses| format!(": {losses}"));
                let [whole, now] = compressed.bytes.map(glasshouse_protocol::quantity::bytes);
                // The Runs page shows points without a run.
                if let Some(run) = &compressed.run {
                    let text = format!("{run} takes {now}, the original in 32 bits {whole}{losses}.");
                    self.notice(request, text);
                }
            }
            Event::RunAdded(answer::RunAdded { run, about, difference }) => {
                let compared = difference.map_or_else(String::new, |found| format!(" Compared: {found}."));
                self.notice(request, format!("{} was added: {about}.{compared}", run.name));
            }
            Event::Cleaning(CleaningStep::Stopped { documents }) => {
                let next = match documents {
                    Some(_) => "Nothing was changed; the next cleaning continues from there.",
                    None => "Nothing was changed.",
                };
                self.notice(request, format!("The cleaning was stopped. {next}"));
            }
            // Notices about an inspection are shown with it.
            Event::Notice { .. } | Event::CharactersLost { .. }
                if matches!(asked, Some(Command::Inspect { .. })) => {}
            // Notices about a text are shown with it.
            Event::Notice { .. } if request.is_some_and(|id| self.writing.texts.contains_key(&id)) => {}
            Event::Notice { text, hints, .. } => {
                let notice = ErrorReport { hints, ..ErrorReport::new(ErrorKind::Notice, text) };
                self.message(request, notice, Vec::new());
            }
            Event::CharactersLost { characters } => {
                // A reply shows its own error.
                let text = request.and_then(|id| self.writing.texts.get(&id));
                if !text.is_some_and(|text| text.is_reply) {
                    let words = crate::format::capitalized(&writing::lost(&characters));
                    self.notice(request, format!("{words}."));
                }
            }
            Event::Underway { work, share } => match request {
                Some(request) => _ = self.underway.insert(request, (work, share)),
                None => self.busy = work,
            },
            // Errors about the run are obsolete.
            Event::TrainingEnded { run } => {
                self.messages.retain(|message| message.error.run.as_ref() != Some(&run.name));
            }
            // Preparation is over; from here on the run reports its own progress.
            Event::TrainingStarted { .. } => {
                self.underway.remove(&request.unwrap_or_default());
            }
            Event::Failed { error } => {
                // A form shows a broken rule next to its setting, and so does the Inspect page.
                let in_form = (error.field.is_some() && matches!(asked, Some(Command::Plan { .. })))
                    || matches!(asked, Some(Command::Inspect { .. }))
                    || asked.as_ref().is_some_and(evaluation::is_evaluating);
                // The data bench shows a failed cleaning itself, cancellations need no message, and the new project's pages repeat what
                // was only to be read.
                let is_silent = match error.kind {
                    ErrorKind::Cancelled => true,
                    ErrorKind::Stale => asked.as_ref().is_some_and(|command| !command.changes_project()),
                    _ => false,
                };
                if !in_form && asked != Some(Command::Clean) && !is_silent {
                    self.message(request, error, bytes);
                }
                self.ended(request);
            }
            Event::Finished => self.ended(request),
            _ => {}
        }
    }

    fn ended(&mut self, request: Option<u64>) {
        let id = request.unwrap_or_default();
        self.underway.remove(&id);
        self.waiting.remove(&id);
        self.origins.remove(&id);
    }

    /// Whether an unfinished request satisfies `is`.
    pub fn is_waiting(&self, is: impl Fn(&Command) -> bool) -> bool {
        self.waiting.values().any(is)
    }

    /// Adds a message of the front end itself. It goes when another project opens, unless it is about Home or no page.
    pub fn say(&mut self, page: Option<PageName>, kind: ErrorKind, message: impl Into<String>) {
        let of_project = page.is_some_and(|page| page != PageName::Home);
        self.add_message((page, None, of_project), ErrorReport::new(kind, message.into()), Vec::new());
    }

    fn notice(&mut self, request: Option<u64>, text: String) {
        self.message(request, ErrorReport::new(ErrorKind::Notice, text), Vec::new());
    }

    /// Adds a message about a request, or about the open project.
    fn message(&mut self, request: Option<u64>, error: ErrorReport, bytes: Vec<Vec<u8>>) {
        let id = request.unwrap_or_default();
        let command = self.waiting.get(&id).cloned();
        let of_project = !command.as_ref().is_some_and(is_about_the_shelf);
        self.add_message((self.origins.get(&id).copied(), command, of_project), error, bytes);
    }

    fn add_message(
        &mut self,
        (page, command, of_project): (Option<PageName>, Option<Command>, bool),
        error: ErrorReport,
        bytes: Vec<Vec<u8>>,
    ) {
        // Do not repeat the last message.
        if self.messages.last().is_some_and(|last| last.error == error) {
            return;
        }
        self.told += 1;
        let open = self.projects.open.as_ref().filter(|_| of_project);
        let project = open.map(|open| open.summary.id.clone());
        self.messages.push(Message { number: self.told, page, command, bytes, project, error });
    }
}

fn current_run<'a>(training: &'a Training, runs: &'a Runs) -> Option<&'a RunSummary> {
    let trains = training.state != TrainingState::Idle;
    let latest = || runs.own().find(|run| !run.checkpoints.is_empty());
    training.run.as_ref().filter(|_| trains).or_else(latest)
}

/// Whether a command concerns projects in general or the device, not the content of the open project.
fn is_about_the_shelf(command: &Command) -> bool {
    matches!(
        command,
        Command::Hello { .. }
            | Command::ListDevices
            | Command::ChooseDevice { .. }
            | Command::ListProjects
            | Command::CreateProject { .. }
            | Command::OpenProject { .. }
            | Command::ChangeProject { .. }
            | Command::Export { what: Export::Project { .. }, .. }
            | Command::ImportProject { .. }
            | Command::TrainFirst { .. }
    )
}
