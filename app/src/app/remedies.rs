//! What the buttons of a message do: the remedies that its error names.

use super::*;
use crate::pages::prelude::*;
use crate::state::Message;
use glasshouse_protocol::Export;

/// Most buttons of a message.
const MOST: usize = 3;

pub(super) enum Remedy {
    /// Sends the message's command with this change, and with its bytes.
    Send(Box<Command>),
    Open(PageName),
    OpenRun(String),
    /// The page and the setting with this path.
    OpenSetting(String),
    /// Applies refused settings to the open project.
    Take(Box<RunConfig>),
    Ask(Wish),
    UseCpu,
    Fit,
}

/// The message's buttons: words and effect, the most specific first.
pub(super) fn remedies(message: &Message, state: &State) -> Vec<(&'static str, Remedy)> {
    let (error, command) = (&message.error, message.command.as_ref());
    let mut found: Vec<_> = error.hints.iter().flat_map(|hint| of_hint(*hint, command, state)).collect();
    match (error.kind, command) {
        (ErrorKind::Stale, Some(Command::SaveDrafts { drafts })) => {
            found.push(("Apply here", Remedy::Take(Box::new(drafts.train.clone()))));
        }
        (ErrorKind::Stale, Some(command)) if command.is_portable() => {
            found.push(("Apply here", Remedy::Send(Box::new(command.clone()))));
        }
        (ErrorKind::StorageFull, _) => found.push(("Free space", Remedy::Open(PageName::Home))),
        (
            ErrorKind::TooLarge | ErrorKind::OutOfMemory,
            Some(Command::Train { .. } | Command::Measure { .. }),
        ) => {
            found.push(("Fit to my device", Remedy::Fit));
            found.extend(on_cpu(command, state));
        }
        (ErrorKind::Device | ErrorKind::DeviceLost, _) => {
            found.push(on_cpu(command, state).unwrap_or(("Use the CPU", Remedy::UseCpu)));
        }
        (ErrorKind::Busy, _) if error.run.is_some() => {
            found.push(("Open the run", Remedy::Open(PageName::Train)));
        }
        _ => {}
    }
    if let Some(field) = &error.field {
        found.push(("Open the setting", Remedy::OpenSetting(field.clone())));
    }
    found.truncate(MOST);
    found
}

fn of_hint(hint: Hint, command: Option<&Command>, state: &State) -> Vec<(&'static str, Remedy)> {
    let send = |command| Remedy::Send(Box::new(command));
    let run = command.and_then(run_of);
    let open_run = || match run {
        Some(run) => ("Open the run", Remedy::OpenRun(run.to_owned())),
        None => ("Choose a run", Remedy::Open(PageName::Runs)),
    };
    let elsewhere = || Some(("Choose another place", Remedy::Ask(wish_of(command?, state)?)));
    let resumed = |launch: RunLaunch| {
        let step = state.runs.list.iter().find(|other| Some(other.name.as_str()) == run)?.step;
        let launch = RunLaunch { stop_after: Some(step + 1), ..launch };
        Some(send(Command::Resume { run: Some(run?.to_owned()), launch }))
    };
    let trained = |change: fn(&mut RunConfig)| match command {
        Some(Command::Train { config, launch }) => {
            let mut config = config.clone();
            change(&mut config);
            Some(send(Command::Train { config, launch: launch.clone() }))
        }
        _ => None,
    };
    let one = match hint {
        Hint::Replace => {
            let mut command = command.cloned();
            match &mut command {
                Some(Command::Export { keep, .. }) => *keep = false,
                Some(Command::CleanFiles { force, .. }) => *force = true,
                _ => return Vec::new(),
            }
            return command
                .map(|command| ("Replace", send(command)))
                .into_iter()
                .chain(elsewhere())
                .collect();
        }
        Hint::Destination => elsewhere(),
        Hint::Project => Some(("Open Home", Remedy::Open(PageName::Home))),
        Hint::Run => Some(("Choose a run", Remedy::Open(PageName::Runs))),
        // Its actions are there, such as starting a run from it.
        Hint::NewRun | Hint::DeleteRun => Some(open_run()),
        Hint::Start => Some(("Choose a base model", Remedy::Open(PageName::Tune))),
        Hint::OneStep | Hint::PrepareAgain => {
            resumed(RunLaunch::default()).map(|step| ("Train one step", step))
        }
        Hint::Cpu => on_cpu(command, state).or_else(|| {
            let launch = RunLaunch { device: Some("cpu".to_owned()), ..RunLaunch::default() };
            resumed(launch).map(|step| ("Train one step on the CPU", step))
        }),
        Hint::F32 => match command {
            Some(Command::Resume { run, launch }) => {
                let launch = RunLaunch { precision: Some(Precision::F32), ..launch.clone() };
                Some(("Train in 32 bits", send(Command::Resume { run: run.clone(), launch })))
            }
            _ => trained(|config| config.train.precision = Precision::F32)
                .map(|train| ("Train in 32 bits", train)),
        },
        Hint::NoAdapter => {
            trained(|config| config.train.adapter = None).map(|train| ("Train without an adapter", train))
        }
        Hint::ExportAdapter => run.map(|run| {
            let wish = Wish::ExportModel { run: run.to_owned(), format: ExportFormat::Peft };
            ("Export the adapter", Remedy::Ask(wish))
        }),
        Hint::ChatObjective | Hint::ClassifyObjective | Hint::TrainModeration => {
            Some(("Fine-tune a model", Remedy::Open(PageName::Tune)))
        }
        Hint::Task | Hint::Rows | Hint::AuditPairs => {
            Some(("Choose a file", Remedy::Open(PageName::Evaluate)))
        }
        Hint::Evaluate | Hint::Audit => Some(("Open Evaluate", Remedy::Open(PageName::Evaluate))),
        Hint::TrainerOutput => Some(("Choose the folder", Remedy::Ask(Wish::ImportBundle))),
        // Only advice: the message names a setting of the next attempt.
        Hint::WeightsF32 | Hint::ContextLength | Hint::MergeAdapter => None,
    };
    one.into_iter().collect()
}

/// The run that a command names.
fn run_of(command: &Command) -> Option<&str> {
    match command {
        Command::Export { what: Export::Model { run, .. } | Export::Card { run }, .. }
        | Command::Export { what: Export::Bundle { run: Some(run), .. }, .. }
        | Command::ChangeRun { run, .. }
        | Command::Resume { run: Some(run), .. }
        | Command::ReadRun { run: Some(run), .. } => Some(run),
        Command::Generate { source: WeightSource::Checkpoint { run, .. }, .. }
        | Command::Inspect { source: WeightSource::Checkpoint { run, .. }, .. }
        | Command::Evaluate { source: WeightSource::Checkpoint { run, .. }, .. }
        | Command::Audit { source: WeightSource::Checkpoint { run, .. }, .. } => Some(run),
        _ => None,
    }
}

/// The same training on the CPU. A run that has begun is resumed.
fn on_cpu(command: Option<&Command>, state: &State) -> Option<(&'static str, Remedy)> {
    let device = || Some("cpu".to_owned());
    let begun = state.training.run.as_ref().filter(|run| run.error.is_some() && !run.checkpoints.is_empty());
    let command = match (command?, begun) {
        (Command::Train { .. } | Command::TrainFirst { .. }, Some(run)) => Command::Resume {
            run: Some(run.name.clone()),
            launch: RunLaunch { device: device(), ..RunLaunch::default() },
        },
        (Command::Train { config, launch }, None) => Command::Train {
            config: config.clone(),
            launch: RunLaunch { device: device(), ..launch.clone() },
        },
        (Command::Resume { run, launch }, _) => {
            Command::Resume { run: run.clone(), launch: RunLaunch { device: device(), ..launch.clone() } }
        }
        _ => return None,
    };
    Some(("Train on the CPU", Remedy::Send(Box::new(command))))
}

/// The question for the place of an export.
fn wish_of(command: &Command, state: &State) -> Option<Wish> {
    let Command::Export { what, .. } = command else { return None };
    Some(match what.clone() {
        Export::Project { id } => {
            let project = state.projects.list.iter().find(|project| project.id == id);
            Wish::ExportProject {
                name: project.map_or_else(|| id.clone(), |project| project.name.clone()),
                id,
            }
        }
        Export::Report => {
            Wish::ExportReport { name: state.projects.open.as_ref().map(|open| open.summary.name.clone())? }
        }
        Export::Feedback { one } => Wish::ExportFeedback { one },
        Export::Card { run } => Wish::WriteCard { run },
        Export::Model { run, format, .. } => Wish::ExportModel { run, format },
        // No page exports dictionaries.
        Export::Dictionary { .. } => return None,
        Export::Bundle { run, .. } => Wish::ExportBundle { run: run? },
    })
}

impl App {
    /// Does what the pressed button of a message says.
    pub(super) fn remedy(&mut self, remedy: Remedy, bytes: Vec<Vec<u8>>) {
        match remedy {
            Remedy::Send(command) => {
                if matches!(*command, Command::Train { .. } | Command::Resume { .. }) {
                    self.page = PageName::Train;
                }
                self.outbox.send_with(*command, bytes);
            }
            Remedy::Open(page) => self.page = page,
            Remedy::OpenRun(run) => {
                self.pages.runs.show(run);
                self.page = PageName::Runs;
            }
            Remedy::OpenSetting(path) => {
                self.page = match path.split('.').next() {
                    Some("model") => PageName::Model,
                    Some("tokenizer") => PageName::Tokenizer,
                    _ => {
                        self.preferences.folds.insert(crate::pages::train::FOLD.to_owned(), true);
                        PageName::Train
                    }
                };
            }
            Remedy::Take(train) => {
                let before = self.drafts.clone();
                self.drafts.train = *train;
                self.asks.undoable("Applied the settings to this project", before);
            }
            Remedy::Ask(wish) => self.asks.wish = Some(wish),
            Remedy::UseCpu => {
                "cpu".clone_into(&mut self.preferences.device);
                self.outbox.send(Command::ChooseDevice { device: "cpu".to_owned() });
            }
            Remedy::Fit => {
                self.outbox.send(Fit::ToDevice { config: Box::new(self.drafts.train.clone()) });
                self.page = PageName::Model;
            }
        }
    }
}
