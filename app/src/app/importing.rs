//! Dialogs about a pretrained model: its properties and sizes, before it is fetched and before it is imported.

use super::App;
use crate::format::capitalized;
use crate::link::Chosen;
use crate::pages::prelude::*;
use crate::state::Importing;
use glasshouse_protocol::quantity::bytes as size;
use std::path::{Path, PathBuf};

/// Maximum number of files named individually.
const NAMED: usize = 8;
/// Height in points of everything in a model's dialog except its notices.
const BESIDE_NOTICES: f32 = 320.0;

impl App {
    /// Inspects the model in files or a folder.
    pub(super) fn look_at_model(&mut self, files: Vec<Chosen>) {
        let Some(model) = files.iter().find(|file| is_model(file)).or(files.first()) else { return };
        if model.bytes.is_none() {
            let path = PathBuf::from(&model.name);
            // For a file from a model folder, inspect the folder.
            let whole = path.extension().is_some_and(|ending| ending == "safetensors");
            let path = path.parent().filter(|_| whole).map_or(path.clone(), Path::to_owned);
            self.outbox.send(Command::LookAtModel { from: Some(ModelSource::Path { path }) });
            return;
        }
        let (names, bytes) =
            files.into_iter().map(|file| (file.name, file.bytes.unwrap_or_default())).unzip();
        self.outbox.send_with(Command::LookAtModel { from: Some(ModelSource::Files { names }) }, bytes);
    }

    /// Asks whether to fetch the listed files, or to import the inspected model.
    pub(super) fn importing_ui(&mut self, context: &egui::Context) {
        let asked = &mut self.state.importing;
        let decision = question(context, "importing", 480.0, asked, |ui, importing| match importing {
            Importing::Listed { address, host, files, bytes } => {
                listed_ui(ui, address, host, files, *bytes);
                (Some(icons::ICON_DOWNLOAD), "Fetch", true)
            }
            Importing::Found { model, context_length } => {
                found_ui(ui, model, context_length);
                (Some(icons::ICON_UPLOAD_FILE), "Import", true)
            }
        });
        match decision {
            Some((importing, true)) => self.agree(importing),
            Some((Importing::Found { .. }, false)) => {
                self.outbox.send(Command::LookAtModel { from: None });
            }
            Some((Importing::Listed { .. }, false)) | None => {}
        }
    }

    /// The import, export or other change of a model or project that is in progress, from the click on. Closed, it continues: the top
    /// bar shows it then.
    pub(super) fn progress_ui(&mut self, context: &egui::Context) {
        if self.typed.is_some() || self.state.importing.is_some() {
            return;
        }
        // The page itself shows that a sample or a link is opened at the start.
        let is_first = self.state.projects.open.is_none();
        let waiting = self.state.waiting.iter().rev();
        let mut waiting =
            waiting.filter(|(_, command)| !(is_first && matches!(command, Command::ImportProject { .. })));
        let Some((request, work)) = waiting.find_map(|(id, command)| Some((*id, carried(command)?))) else {
            return;
        };
        if self.background == Some(request) {
            return;
        }
        let known = self.state.underway.get(&request);
        let (work, share) = known.map_or((work, None), |(work, share)| (work.as_str(), *share));
        let shown = dialog(context, "progress").show(context, |ui| {
            ui.set_width((context.content_rect().width() - 64.0).min(380.0));
            ui.horizontal(|ui| {
                ui.spinner();
                head(ui, &capitalized(work));
                if let Some(share) = share {
                    quiet_text(ui, format!("{:.0} %", 100.0 * share));
                }
            });
            progress_bar(ui, share.unwrap_or(0.0) as f32, ui.available_width());
            ui.add_space(space::TIGHT);
            ui.horizontal_wrapped(|ui| {
                let hides = plain(ui, None, "Continue in the background").clicked();
                (hides, plain(ui, None, "Cancel").clicked())
            })
            .inner
        });
        let (hides, cancels) = shown.inner;
        if cancels {
            self.outbox.send(Command::Cancel { request });
        }
        if hides || cancels || shown.should_close() {
            self.background = Some(request);
        }
    }

    /// Whether the import of an inspected model failed or was cancelled, so that the engine should drop it: no dialog offers it
    /// again, and in a tab its files occupy memory. Not if another model was inspected since, which already replaced it.
    pub(super) fn gives_up_import(&self, report: &Report) -> bool {
        let waiting = &self.state.waiting;
        let asked = report.request.and_then(|id| waiting.get(&id));
        let Some(Command::ImportModel { from: ModelSource::Looked { number }, .. }) = asked else {
            return false;
        };
        let is_another = |command: &Command| match command {
            Command::LookAtModel { from: Some(_) } => true,
            Command::ImportModel { from: ModelSource::Looked { number: other }, .. } => other != number,
            _ => false,
        };
        let asks_for_another =
            matches!(&self.state.importing, Some(Importing::Found { model, .. }) if model.number != *number);
        matches!(report.event, Event::Failed { .. }) && !asks_for_another && !waiting.values().any(is_another)
    }

    fn agree(&mut self, importing: Importing) {
        match importing {
            Importing::Listed { address, .. } => {
                self.outbox.send(Command::LookAtModel { from: Some(ModelSource::Address { address }) });
            }
            Importing::Found { model, context_length } => {
                // The model goes to the open project, or to a new one named after it.
                if self.state.projects.open.is_none() {
                    self.outbox.send(Command::create(model.name.clone()));
                }
                let (from, context_length) =
                    (ModelSource::Looked { number: model.number }, Some(context_length));
                self.outbox.send(Command::ImportModel { from, context_length, for_comparison: false });
                if self.page != PageName::Tune {
                    self.page = PageName::Runs;
                }
            }
        }
    }
}

/// The work of an import, an export, or another change of a model or project that may take long.
fn carried(command: &Command) -> Option<&'static str> {
    let is_carried = matches!(
        command,
        Command::Export { .. }
            | Command::ImportModel { .. }
            | Command::ImportBundle { .. }
            | Command::ImportProject { .. }
            | Command::ListModelFiles { .. }
            | Command::LookAtModel { .. }
            | Command::ChangeRun { .. }
            | Command::ChangeProject { .. }
    );
    command.label().filter(|_| is_carried)
}

fn listed_ui(ui: &mut Ui, address: &str, host: &str, files: &[String], bytes: Option<u64>) {
    section(ui, "Fetch a model");
    quiet_text(ui, address);
    ui.add_space(space::TIGHT);
    let count = format::counted(files.len() as u64, "file");
    // Large models have many shards.
    let named = match files {
        [first, .., last] if files.len() > NAMED => format!("{first}, …, {last}"),
        _ => files.join(", "),
    };
    let size = bytes.map_or("of unknown size".to_owned(), size);
    prose(ui, format!("{host} has {count}, {size}: {named}."));
}

fn found_ui(ui: &mut Ui, model: &FoundModel, context_length: &mut usize) {
    section(ui, &format!("Import {}", model.name));
    let FoundModel { class, parameters, shape, bytes, .. } = model;
    quiet_text(ui, format!("{class}, {} parameters, {shape}", format::whole(*parameters)));
    ui.add_space(space::TIGHT);
    let (there, here) = (size(*bytes), size(4 * parameters));
    prose(ui, format!("Its weights take {there} in the file and {here} here, in 32 bits."));
    // Keeps the buttons below the list inside the window.
    let room = (ui.ctx().content_rect().height() - BESIDE_NOTICES).max(0.0);
    scrolled("notices", room).auto_shrink([false, true]).show(ui, |ui| {
        for notice in &model.notices {
            hint_line(ui, &format!("{}.", capitalized(notice)));
        }
    });
    ui.add_space(space::TIGHT);
    field(ui, "Context length", "context_length", None, |ui| {
        let number = whole_number(context_length).range(1..=model.context_length);
        ui.add(number).accessible_name("Context length");
        quiet_text(ui, format!("of {} tokens", format::whole(model.context_length as u64)));
    });
}

/// Whether a file belongs to a pretrained model: weights, or natively a model folder.
pub(super) fn is_model(file: &Chosen) -> bool {
    let path = Path::new(&file.name);
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    matches!(ending.as_deref(), Some("safetensors" | "gguf"))
        || file.bytes.is_none() && path.is_dir() && path.join("config.json").is_file()
}
