//! Files in a browser: the page's dialogs and downloads. Files arrive as bytes, because a page learns no paths.

use super::files::{Answer, Chosen, NoFiles, PROMPTS, RULES, TASKS, Wish};
use super::web::boot;
use egui::{Context, DroppedFileHandle};
use js_sys::{Array, Uint8Array};
use std::sync::mpsc::Sender;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// Folders cannot be chosen on this platform.
pub const FOLDERS: bool = false;
/// Name of the place where the engine runs.
pub const HERE: &str = "this tab";

/// The bytes of a chosen file.
///
/// # Errors
/// A sentence: there are none.
pub fn bytes_of(Chosen { name, bytes }: Chosen, _most: usize) -> Result<Vec<u8>, String> {
    bytes.ok_or_else(|| format!("cannot read {name}; choose it again"))
}

/// Opens a dialog and sends an answer when files were chosen.
pub fn pick(wish: Wish, context: &Context, answers: &Sender<Answer>) {
    let (accept, several) = match &wish {
        // A README has no extension to filter by.
        Wish::AddDocuments => (String::new(), true),
        Wish::Propose { .. } => (PROMPTS.map(|ending| format!(".{ending}")).join(","), false),
        Wish::TaskFiles => (TASKS.map(|ending| format!(".{ending}")).join(","), true),
        Wish::RaceFiles => (".json".to_owned(), true),
        Wish::SentencePairs => (TASKS.map(|ending| format!(".{ending}")).join(","), false),
        Wish::ModerationRules => (RULES.map(|ending| format!(".{ending}")).join(","), false),
        Wish::ImportProject => (".glasshouse".to_owned(), false),
        Wish::ImportBundle => (".zip".to_owned(), false),
        Wish::ImportModel => (".safetensors,.gguf,.json,.jinja".to_owned(), true),
        Wish::ExportProject { .. } | Wish::ExportModel { .. } | Wish::ExportReport { .. } => {
            answers.send(Answer { wish, files: Ok(Vec::new()) }).ok();
            return;
        }
        Wish::ExportBundle { .. } | Wish::ExportFeedback { .. } | Wish::WriteCard { .. } => {
            answers.send(Answer { wish, files: Ok(Vec::new()) }).ok();
            return;
        }
        Wish::AddFolder
        | Wish::OpenProjectFolder
        | Wish::ImportModelFile
        | Wish::ImportModelAddress
        | Wish::Dropped
        | Wish::Saved { .. } => return,
    };
    let (context, answers) = (context.clone(), answers.clone());
    let picking = boot().pick_files(&accept, several);
    spawn_local(async move {
        let (mut read, mut problems) = (Vec::new(), Vec::new());
        match JsFuture::from(picking).await {
            Ok(files) => {
                for file in Array::from(&files).iter() {
                    match chosen(&Array::from(&file)) {
                        Ok(file) => read.push(file),
                        Err(problem) => problems.push(problem),
                    }
                }
            }
            Err(error) => {
                problems.push(format!("cannot read the files: {}; choose them again", described(&error)))
            }
        }
        answer_each(&answers, wish, read, problems);
        context.request_repaint();
    });
}

/// Sends the readable files, and a separate error for each unreadable one.
fn answer_each(answers: &Sender<Answer>, wish: Wish, read: Vec<Chosen>, problems: Vec<String>) {
    if !read.is_empty() {
        answers.send(Answer { wish: wish.clone(), files: Ok(read) }).ok();
    }
    for problem in problems {
        answers.send(Answer { wish: wish.clone(), files: Err(NoFiles::Failed(problem)) }).ok();
    }
}

/// The readable ones of the boot script's files.
pub fn chosen_files(files: &Array) -> Vec<Chosen> {
    files.iter().filter_map(|file| chosen(&Array::from(&file)).ok()).collect()
}

/// A file from the boot script: name and bytes, or null and an error message.
fn chosen(file: &Array) -> Result<Chosen, String> {
    let name = file.get(0).as_string().unwrap_or_default();
    match file.get(2).as_string() {
        Some(reason) => Err(format!("cannot read {name}: {reason}; choose it again")),
        None => Ok(Chosen { name, bytes: Some(Uint8Array::new(&file.get(1)).to_vec()) }),
    }
}

fn described(error: &wasm_bindgen::JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| error.message().into())
}

/// Answers with files that were dropped on the window.
pub fn read_dropped(files: &[DroppedFileHandle], context: &Context, answers: &Sender<Answer>) {
    let (files, context, answers) = (files.to_vec(), context.clone(), answers.clone());
    spawn_local(async move {
        let mut read = Vec::with_capacity(files.len());
        let mut problems = Vec::new();
        for file in &files {
            let name = file.path().display().to_string();
            match file.bytes_async().await {
                Ok(bytes) => read.push(Chosen { name, bytes: Some(bytes) }),
                Err(error) => problems.push(format!("cannot read {name}: {error}; drop it again")),
            }
        }
        answer_each(&answers, Wish::Dropped, read, problems);
        context.request_repaint();
    });
}

/// A typed path, unchanged.
pub fn expanded(path: &str) -> String {
    path.to_owned()
}

/// Downloads a file through the browser.
pub fn save(name: &str, bytes: Vec<u8>, context: &Context, answers: &Sender<Answer>) {
    boot().save_file(name, &Uint8Array::from(bytes.as_slice()));
    let saved = Chosen { name: name.to_owned(), bytes: None };
    answers.send(Answer { wish: Wish::Saved { bytes: bytes.len() as u64 }, files: Ok(vec![saved]) }).ok();
    context.request_repaint();
}
