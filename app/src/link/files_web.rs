//! Files in a browser: the page's dialogs and downloads. Files arrive as bytes, because a page learns no paths.

use super::files::{Answer, Chosen, NoFiles, Picks, Wish};
use super::web::boot;
use egui::{Context, DroppedFileHandle};
use js_sys::{Array, Uint8Array};
use std::sync::mpsc::Sender;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// Folders cannot be chosen on this platform.
pub const FOLDERS: bool = false;
/// Name of the place where the engine runs.
pub fn here() -> &'static str {
    // boot.js names the folder of a machine that serves the page for its own engine.
    if boot().query().contains("folder=") { "the machine that runs Glasshouse" } else { "this tab" }
}

/// Begins a ticket: the bytes that stand for a file which the boot script holds and sends to the engine itself, so that it is not
/// copied through this module's memory. The file's number follows in four bytes, then its first bytes (`web/boot.js`).
const HELD: &[u8] = b"\0a file that the page holds\0";

/// The bytes of a chosen file; of a ticket, the file's first bytes.
///
/// # Errors
/// A sentence: there are none.
pub fn bytes_of(Chosen { name, bytes }: Chosen, _most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = bytes.ok_or_else(|| format!("cannot read {name}; choose it again"))?;
    if bytes.starts_with(HELD) {
        bytes.drain(..bytes.len().min(HELD.len() + 4));
    }
    Ok(bytes)
}

/// Opens a dialog and sends an answer when files were chosen.
pub fn pick(wish: Wish, context: &Context, answers: &Sender<Answer>) {
    let (_, _, picks) = wish.question();
    let endings: &[&str] = match picks {
        // A README has no extension to filter by.
        Picks::Documents => &[],
        Picks::Folder(&[]) | Picks::Nothing => return,
        Picks::File(_, endings) | Picks::Small(_, endings, _) | Picks::Folder(endings) => endings,
        Picks::Target(_) => {
            answers.send(Answer { wish, files: Ok(Vec::new()) }).ok();
            return;
        }
    };
    let accept: Vec<String> = endings.iter().map(|ending| format!(".{ending}")).collect();
    let (context, answers) = (context.clone(), answers.clone());
    // A bundle is a folder or an archive; browsers choose only the archive.
    let single = matches!(picks, Picks::File(..) | Picks::Small(.., false)) || wish == Wish::ImportBundle;
    let (several, whole) = (!single, matches!(picks, Picks::Small(..)));
    let picking = boot().pick_files(&accept.join(","), several, whole);
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

/// Answers for files from the boot script that were dropped.
pub fn dropped(files: &Array) -> Vec<Answer> {
    let (sender, answers) = std::sync::mpsc::channel();
    let (read, problems): (Vec<_>, Vec<_>) =
        files.iter().map(|file| chosen(&Array::from(&file))).partition(Result::is_ok);
    let problems = problems.into_iter().filter_map(Result::err).collect();
    answer_each(&sender, Wish::Dropped, read.into_iter().flatten().collect(), problems);
    drop(sender);
    answers.iter().collect()
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

/// Nothing to do: the boot script takes dropped files before egui does, and passes them to the page.
pub fn read_dropped(_files: &[DroppedFileHandle], _context: &Context, _answers: &Sender<Answer>) {}

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
