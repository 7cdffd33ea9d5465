//! Files in a browser: its file chooser, its downloads, and what was dropped on the page.

use super::files::{Answer, Wish};
use egui::{Context, DroppedFileHandle};
use std::sync::mpsc::Sender;

/// A browser hands out files, not folders.
pub const FOLDERS: bool = false;

/// Asks the person for files, and answers when they were picked.
pub fn pick(wish: Wish, context: &Context, answers: &Sender<Answer>) {
    let files = match wish {
        Wish::ExportProject { .. } | Wish::ExportModel { .. } => Ok(Vec::new()),
        _ => Err("this browser page cannot pick files yet: drop them on it instead".to_owned()),
    };
    answers.send(Answer { wish, files }).ok();
    context.request_repaint();
}

/// Answers with files that were dropped on the page.
pub fn read_dropped(files: &[DroppedFileHandle], context: &Context, answers: &Sender<Answer>) {
    let (files, context, answers) = (files.to_vec(), context.clone(), answers.clone());
    wasm_bindgen_futures::spawn_local(async move {
        let mut chosen = Vec::new();
        for file in files {
            let name = file.path().display().to_string();
            match file.bytes_async().await {
                Ok(bytes) => chosen.push(super::files::Chosen { name, bytes: Some(bytes) }),
                Err(reason) => {
                    answers
                        .send(Answer { wish: Wish::Dropped, files: Err(format!("{name}: {reason}")) })
                        .ok();
                }
            }
        }
        answers.send(Answer { wish: Wish::Dropped, files: Ok(chosen) }).ok();
        context.request_repaint();
    });
}

/// Gives the person a file as a download.
pub fn save(name: &str, _bytes: Vec<u8>, context: &Context, answers: &Sender<Answer>) {
    let files = Err(format!("{name} cannot be saved from this browser page yet"));
    answers.send(Answer { wish: Wish::Saved, files }).ok();
    context.request_repaint();
}
