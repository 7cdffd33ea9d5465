//! A path that is typed, where the system has no file dialog to choose it with.

use super::App;
use crate::link::{Answer, Chosen, Wish, expanded};
use crate::theme::space;
use crate::widgets::{self, plain, primary, quiet_text};
use egui::{Key, Modal, TextEdit};

/// What is asked for, and the path so far.
#[derive(Debug)]
pub(super) struct TypedPath {
    wish: Wish,
    reason: String,
    path: String,
}

impl TypedPath {
    pub(super) fn new(wish: Wish, reason: String) -> Self {
        Self { wish, reason, path: String::new() }
    }
}

/// What a wish asks for, and an example of it.
fn words(wish: &Wish) -> (&'static str, &'static str) {
    match wish {
        Wish::AddDocuments => ("Path of the text", "~/texts/letters.txt"),
        Wish::AddFolder => ("Path of the folder of texts", "~/texts"),
        Wish::ImportProject => ("Path of the project file", "~/letters.glasshouse"),
        Wish::OpenProjectFolder => ("Path of the project's folder", "~/letters"),
        Wish::ExportProject { .. } => ("Path of the file to write", "~/letters.glasshouse"),
        Wish::ExportModel { .. } => ("Path of the folder to write in", "~/models"),
        Wish::ExportReport { .. } => ("Path of the page to write", "~/cleaning.html"),
        Wish::Dropped | Wish::Saved => ("Path", ""),
    }
}

impl App {
    /// The field, while one is asked for.
    pub(super) fn typed_path_ui(&mut self, context: &egui::Context) {
        let Some(typed) = &mut self.typed else { return };
        let (mut taken, mut closed) = (false, false);
        let shown = Modal::new(egui::Id::unique("typed path")).show(context, |ui| {
            ui.set_width((context.content_rect().width() - 64.0).min(480.0));
            let (title, example) = words(&typed.wish);
            widgets::section(ui, title);
            quiet_text(ui, format!("{}. Type the path instead.", typed.reason));
            ui.add_space(space::TIGHT);
            let field = TextEdit::singleline(&mut typed.path).hint_text(example);
            let field = ui.add(field.desired_width(f32::INFINITY)).accessible_name(title);
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            if !entered && typed.path.is_empty() && ui.memory(|memory| memory.focused().is_none()) {
                field.request_focus();
            }
            ui.horizontal(|ui| {
                let ready = !typed.path.trim().is_empty();
                let pressed =
                    ui.add_enabled_ui(ready, |ui| primary(ui, None, "Use this path").clicked()).inner;
                taken = ready && (pressed || entered);
                closed = plain(ui, None, "Cancel").clicked();
            });
        });
        closed |= shown.should_close();
        if taken && let Some(TypedPath { wish, path, .. }) = self.typed.take() {
            let name = expanded(path.trim());
            self.answer(Answer { wish, files: Ok(vec![Chosen { name, bytes: None }]) });
        } else if closed {
            self.typed = None;
        }
    }
}
