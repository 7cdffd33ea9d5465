//! Entry of a path, on systems without file dialogs, or of an address.

use super::App;
use crate::link::{Answer, Chosen, expanded};
use crate::pages::prelude::*;
use std::path::Path;

#[derive(Debug)]
pub(super) struct TypedPath {
    wish: Wish,
    advice: String,
    path: String,
    /// Nothing was found at the entered path.
    missing: bool,
}

impl TypedPath {
    pub(super) fn new(wish: Wish, reason: &str) -> Self {
        let advice = format!("{reason}. Type the path instead.");
        Self { wish, advice, path: String::new(), missing: false }
    }

    /// Asks for the address of a pretrained model on the network.
    pub(super) fn address() -> Self {
        let advice = "A repository on the Hugging Face Hub, or the URL of a folder or of a .gguf file. Its size is shown before the \
                      download."
            .to_owned();
        Self { wish: Wish::ImportModelAddress, advice, path: String::new(), missing: false }
    }
}

/// The kind of a path before the request is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    File,
    Folder,
    /// Does not need to exist: it is written, or on the network.
    New,
}

/// A request's prompt, an example, and what it reads.
fn words(wish: &Wish) -> (&'static str, &'static str, Place) {
    match wish {
        Wish::AddDocuments => ("Path of the text", "~/texts/letters.txt", Place::File),
        Wish::AddFolder => ("Path of the folder of texts", "~/texts", Place::Folder),
        Wish::ImportProject => ("Path of the project file", "~/letters.glasshouse", Place::File),
        Wish::OpenProjectFolder => ("Path of the project's folder", "~/letters", Place::Folder),
        Wish::ExportProject { .. } => ("Path of the file to write", "~/letters.glasshouse", Place::New),
        Wish::ExportModel { format, .. } => match format {
            ExportFormat::HuggingFace { .. } | ExportFormat::Peft => {
                ("Path of the folder to write in", "~/models", Place::New)
            }
            ExportFormat::Gguf { .. } => ("Path of the file to write", "~/model.gguf", Place::New),
            ExportFormat::Page { space: true, .. } => {
                ("Path of the folder to write in", "~/pages", Place::New)
            }
            ExportFormat::Page { .. } | ExportFormat::Link => {
                ("Path of the page to write", "~/model.html", Place::New)
            }
        },
        Wish::ImportModel => ("Path of the Hugging Face folder", "~/models/SmolLM2-135M", Place::Folder),
        Wish::ExportBundle { .. } => ("Path of the folder to write in", "~/bundles", Place::New),
        Wish::ExportFeedback { .. } => ("Path of the folder to write in", "~/data", Place::New),
        Wish::Propose { .. } => ("Path of the file", "~/data/prompts.jsonl", Place::File),
        Wish::TaskFiles => ("Path of the task file", "~/data/questions.jsonl", Place::File),
        Wish::SentencePairs => ("Path of the pairs of sentences", "~/data/pairs.jsonl", Place::File),
        Wish::WriteCard { .. } => ("Path of the page to write", "~/card.html", Place::New),
        Wish::ImportBundle => ("Path of the bundle", "~/bundles/1-stories-bundle", Place::Folder),
        Wish::ImportModelFile => ("Path of the GGUF file", "~/models/smollm2.gguf", Place::File),
        Wish::ImportModelAddress => ("URL of the model", "HuggingFaceTB/SmolLM2-135M", Place::New),
        Wish::ExportReport { .. } => ("Path of the page to write", "~/cleaning.html", Place::New),
        Wish::Dropped | Wish::Saved { .. } => ("Path", "", Place::New),
    }
}

impl App {
    /// The dialog, while a path is requested.
    pub(super) fn typed_path_ui(&mut self, context: &egui::Context) {
        let Some(typed) = &mut self.typed else { return };
        let (title, example, place) = words(&typed.wish);
        let (mut taken, mut closed) = (false, false);
        let shown = dialog(context, "typed path").show(context, |ui| {
            ui.set_width((context.content_rect().width() - 64.0).min(480.0));
            let use_it = if typed.wish == Wish::ImportModelAddress { "Look there" } else { "Use this path" };
            section(ui, title);
            quiet_text(ui, &typed.advice);
            ui.add_space(space::TIGHT);
            let field = TextEdit::singleline(&mut typed.path).hint_text(example);
            let field = ui.add(field.desired_width(f32::INFINITY)).accessible_name(title);
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            typed.missing &= !field.changed();
            let waits = typed.path.is_empty() || typed.missing;
            if !entered && waits && ui.memory(|memory| memory.focused().is_none()) {
                field.request_focus();
            }
            if typed.missing {
                let kind = if place == Place::Folder { "folder" } else { "file" };
                hint_line(ui, &format!("There is no {kind} here."));
            }
            ui.horizontal(|ui| {
                let ready = !typed.path.trim().is_empty();
                let pressed = widgets::pressed(ui, ready, |ui| primary(ui, None, use_it));
                taken = ready && (pressed || entered);
                closed = plain(ui, None, "Cancel").clicked();
            });
        });
        // A click outside does not drop what is typed.
        let is_typed = !typed.path.trim().is_empty();
        closed |= shown.should_close() && !(is_typed && shown.backdrop_response.clicked());
        let name = expanded(typed.path.trim());
        if taken && place != Place::New && !Path::new(&name).exists() {
            // Reading creates nothing.
            typed.missing = true;
        } else if taken && let Some(TypedPath { wish, .. }) = self.typed.take() {
            self.carry_out(Answer { wish, files: Ok(vec![Chosen { name, bytes: None }]) }, true);
        } else if closed {
            self.typed = None;
        }
    }
}
