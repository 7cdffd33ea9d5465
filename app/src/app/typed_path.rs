//! Entry of a path, on systems without file dialogs, or of an address.

use super::App;
use crate::link::{Answer, Chosen, Picks, expanded};
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

impl App {
    /// The dialog, while a path is requested.
    pub(super) fn typed_path_ui(&mut self, context: &egui::Context) {
        let Some(typed) = &mut self.typed else { return };
        let (title, example, picks) = typed.wish.question();
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
                let kind = if matches!(picks, Picks::Folder(_)) { "folder" } else { "file" };
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
        // What is written, or on the network, does not need to exist.
        let is_read = !matches!(picks, Picks::Target(_) | Picks::Nothing);
        if taken && is_read && !Path::new(&name).exists() {
            typed.missing = true;
        } else if taken && let Some(TypedPath { wish, .. }) = self.typed.take() {
            self.carry_out(Answer { wish, files: Ok(vec![Chosen { name, bytes: None }]) }, true);
        } else if closed {
            self.typed = None;
        }
    }
}
