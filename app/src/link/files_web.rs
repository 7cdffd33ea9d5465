//! Files in a browser: the page's own dialogs and downloads. Files come as bytes, for a page is told no paths.

use super::files::{Answer, Chosen, Wish};
use super::web::boot;
use egui::{Context, DroppedFileHandle};
use js_sys::{Array, Uint8Array};
use std::sync::mpsc::Sender;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// The platform has folders that can be picked.
pub const FOLDERS: bool = false;

/// Asks the person for files, and answers when they were picked.
pub fn pick(wish: Wish, context: &Context, answers: &Sender<Answer>) {
    let (accept, several) = match &wish {
        Wish::AddDocuments => (".txt,.md,.jsonl", true),
        Wish::ImportProject => (".glasshouse", false),
        Wish::ExportProject { .. } | Wish::ExportModel { .. } => {
            answers.send(Answer { wish, files: Ok(Vec::new()) }).ok();
            return;
        }
        Wish::AddFolder | Wish::OpenProjectFolder | Wish::Dropped | Wish::Saved => return,
    };
    let (context, answers) = (context.clone(), answers.clone());
    let picking = boot().pick_files(accept, several);
    spawn_local(async move {
        let files = match JsFuture::from(picking).await {
            Ok(files) => Ok(Array::from(&files).iter().map(|pair| chosen(&Array::from(&pair))).collect()),
            Err(error) => Err(format!("the files could not be read: {}", described(&error))),
        };
        if files.as_ref().map_or(true, |files: &Vec<Chosen>| !files.is_empty()) {
            answers.send(Answer { wish, files }).ok();
            context.request_repaint();
        }
    });
}

/// A pair of name and bytes.
fn chosen(pair: &Array) -> Chosen {
    let name = pair.get(0).as_string().unwrap_or_default();
    Chosen { name, bytes: Some(Uint8Array::new(&pair.get(1)).to_vec()) }
}

fn described(error: &wasm_bindgen::JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| error.message().into())
}

/// Answers with files that were dropped on the window.
pub fn read_dropped(files: &[DroppedFileHandle], context: &Context, answers: &Sender<Answer>) {
    let (files, context, answers) = (files.to_vec(), context.clone(), answers.clone());
    spawn_local(async move {
        let mut read = Vec::with_capacity(files.len());
        let mut problem = None;
        for file in &files {
            let name = file.path().display().to_string();
            match file.bytes_async().await {
                Ok(bytes) => read.push(Chosen { name, bytes: Some(bytes) }),
                Err(error) => problem = Some(format!("{name} could not be read: {error}")),
            }
        }
        let files = problem.map_or(Ok(read), Err);
        answers.send(Answer { wish: Wish::Dropped, files }).ok();
        context.request_repaint();
    });
}

/// Gives the person a file: the browser asks or knows where.
pub fn save(name: &str, bytes: Vec<u8>, context: &Context, answers: &Sender<Answer>) {
    boot().save_file(name, &Uint8Array::from(bytes.as_slice()));
    let saved = Chosen { name: name.to_owned(), bytes: None };
    answers.send(Answer { wish: Wish::Saved, files: Ok(vec![saved]) }).ok();
    context.request_repaint();
}
