//! Entry of a path, on systems without file dialogs, or of an address.

use super::App;
use crate::link::{Answer, Chosen, Wish, expanded};
use crate::theme::space;
use crate::widgets::{self, plain, primary, quiet_text};
use egui::{Key, TextEdit};
use glasshouse_protocol::ExportFormat;
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
        let advice = "A repository on Hugging Face's hub, or the address of a folder or of a .gguf file. Its size is shown before the \
                      download."
            .to_owned();
        Self { wish: Wish::ImportModelAddress, advice, path: String::new(), missing: false }
    }
}

/// A request's prompt, with an example.
fn words(wish: &Wish) -> (&'static str, &'static str) {
    match wish {
        Wish::AddDocuments => ("Path of the text", "~/texts/letters.txt"),
        Wish::AddFolder => ("Path of the folder of texts", "~/texts"),
        Wish::ImportProject => ("Path of the project file", "~/letters.glasshouse"),
        Wish::OpenProjectFolder => ("Path of the project's folder", "~/letters"),
        Wish::ExportProject { .. } => ("Path of the file to write", "~/letters.glasshouse"),
        Wish::ExportModel { format: ExportFormat::HuggingFace | ExportFormat::Peft, .. } => {
            ("Path of the folder to write in", "~/models")
        }
        Wish::ExportModel { format: ExportFormat::Gguf { .. }, .. } => {
            ("Path of the file to write", "~/model.gguf")
        }
        Wish::ExportModel { format: ExportFormat::Page { space: true, .. }, .. } => {
            ("Path of the folder to write in", "~/pages")
        }
        Wish::ExportModel { format: ExportFormat::Page { .. } | ExportFormat::Link, .. } => {
            ("Path of the page to write", "~/model.html")
        }
        Wish::ImportModel => ("Path of the Hugging Face folder", "~/models/SmolLM2-135M"),
        Wish::ExportBundle { .. } => ("Path of the folder to write in", "~/bundles"),
        Wish::ExportFeedback { .. } => ("Path of the folder to write in", "~/data"),
        Wish::Propose { .. } => ("Path of the file", "~/data/prompts.jsonl"),
        Wish::TaskFiles => ("Path of the task file", "~/data/questions.jsonl"),
        Wish::SentencePairs => ("Path of the pairs of sentences", "~/data/pairs.jsonl"),
        Wish::RaceFiles => ("Path of the race file", "~/race.json"),
        Wish::ModerationRules => ("Path of the rules", "~/moderation.jsonl"),
        Wish::WriteCard { .. } => ("Path of the page to write", "~/card.html"),
        Wish::ImportBundle => ("Path of the bundle", "~/bundles/1-stories-bundle"),
        Wish::ImportModelFile => ("Path of the GGUF file", "~/models/smollm2.gguf"),
        Wish::ImportModelAddress => ("Address of the model", "HuggingFaceTB/SmolLM2-135M"),
        Wish::ExportReport { .. } => ("Path of the page to write", "~/cleaning.html"),
        Wish::Dropped | Wish::Saved => ("Path", ""),
    }
}

/// Whether a request reads an existing path rather than writing one.
fn reads(wish: &Wish) -> bool {
    matches!(
        wish,
        Wish::AddDocuments
            | Wish::AddFolder
            | Wish::ImportProject
            | Wish::OpenProjectFolder
            | Wish::ImportModel
            | Wish::Propose { .. }
            | Wish::TaskFiles
            | Wish::SentencePairs
            | Wish::ModerationRules
            | Wish::RaceFiles
            | Wish::ImportBundle
            | Wish::ImportModelFile
    )
}

/// Message that nothing was found at the path.
fn lack(wish: &Wish) -> &'static str {
    match wish {
        Wish::AddFolder | Wish::OpenProjectFolder | Wish::ImportModel | Wish::ImportBundle => {
            "There is no folder here."
        }
        _ => "There is no file here.",
    }
}

impl App {
    /// The dialog, while a path is requested.
    pub(super) fn typed_path_ui(&mut self, context: &egui::Context) {
        let Some(typed) = &mut self.typed else { return };
        let (mut taken, mut closed) = (false, false);
        let shown = widgets::dialog(context, "typed path").show(context, |ui| {
            ui.set_width((context.content_rect().width() - 64.0).min(480.0));
            let (title, example) = words(&typed.wish);
            let use_it = if typed.wish == Wish::ImportModelAddress { "Look there" } else { "Use this path" };
            widgets::section(ui, title);
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
                widgets::hint_line(ui, lack(&typed.wish));
            }
            ui.horizontal(|ui| {
                let ready = !typed.path.trim().is_empty();
                let pressed = widgets::pressed(ui, ready, |ui| primary(ui, None, use_it));
                taken = ready && (pressed || entered);
                closed = plain(ui, None, "Cancel").clicked();
            });
        });
        closed |= shown.should_close();
        let name = expanded(typed.path.trim());
        if taken && reads(&typed.wish) && !Path::new(&name).exists() {
            // Reading creates nothing.
            typed.missing = true;
        } else if taken && let Some(TypedPath { wish, .. }) = self.typed.take() {
            self.answer(Answer { wish, files: Ok(vec![Chosen { name, bytes: None }]) });
        } else if closed {
            self.typed = None;
        }
    }
}
