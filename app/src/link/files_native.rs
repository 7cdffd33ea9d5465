//! Files natively: the system's dialogs, each awaited in a thread of its own so that the window goes on.

use super::files::{Answer, Chosen, ENDINGS, PACKED, Wish, file_name};
use egui::{Context, DroppedFileHandle};
use rfd::{AsyncFileDialog, FileHandle};
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::Sender;

/// The platform has folders that can be picked.
pub const FOLDERS: bool = true;
/// Where the work is done.
pub const HERE: &str = "this machine";

type Picking = Pin<Box<dyn Future<Output = Vec<FileHandle>> + Send>>;

/// Asks the person for files, and answers when they were picked.
pub fn pick(wish: Wish, context: &Context, answers: &Sender<Answer>) {
    let dialog = AsyncFileDialog::new();
    let picking: Picking = match &wish {
        Wish::AddDocuments => {
            let endings: Vec<&str> = ENDINGS.iter().chain(PACKED).copied().collect();
            let dialog = dialog.set_title("Choose documents").add_filter("Documents", &endings);
            Box::pin(async move { dialog.pick_files().await.unwrap_or_default() })
        }
        Wish::ImportProject => {
            let dialog =
                dialog.set_title("Open a project file").add_filter("Glasshouse projects", &["glasshouse"]);
            one(async move { dialog.pick_file().await })
        }
        Wish::AddFolder => {
            let dialog = dialog.set_title("Choose a folder of documents");
            one(async move { dialog.pick_folder().await })
        }
        Wish::OpenProjectFolder => {
            let dialog = dialog.set_title("Open a project's folder");
            one(async move { dialog.pick_folder().await })
        }
        Wish::ExportProject { name, .. } => {
            let dialog = dialog.set_title("Save the project").set_file_name(file_name(name, "glasshouse"));
            one(async move { dialog.save_file().await })
        }
        Wish::ExportReport { name } => {
            let name = file_name(&format!("{name} cleaning"), "html");
            let dialog = dialog.set_title("Save the report").set_file_name(name);
            one(async move { dialog.save_file().await })
        }
        Wish::ExportModel { .. } => {
            let dialog = dialog.set_title("Choose a folder for the model");
            one(async move { dialog.pick_folder().await })
        }
        Wish::Dropped | Wish::Saved => return,
    };
    await_in_thread(wish, context, answers, move || {
        let files = pollster::block_on(picking);
        Ok(files.into_iter().map(|file| chosen(file.path())).collect())
    });
}

fn one(picking: impl Future<Output = Option<FileHandle>> + Send + 'static) -> Picking {
    Box::pin(async move { picking.await.into_iter().collect() })
}

fn chosen(path: &std::path::Path) -> Chosen {
    Chosen { name: path.display().to_string(), bytes: None }
}

/// Answers with files that were dropped on the window.
pub fn read_dropped(files: &[DroppedFileHandle], context: &Context, answers: &Sender<Answer>) {
    let files = files.iter().map(|file| chosen(file.path())).collect();
    answers.send(Answer { wish: Wish::Dropped, files: Ok(files) }).ok();
    context.request_repaint();
}

/// Gives the person a file, where they choose.
pub fn save(name: &str, bytes: Vec<u8>, context: &Context, answers: &Sender<Answer>) {
    let saving = AsyncFileDialog::new().set_title("Save").set_file_name(name).save_file();
    await_in_thread(Wish::Saved, context, answers, move || {
        let Some(file) = pollster::block_on(saving) else { return Ok(Vec::new()) };
        let path = file.path();
        match std::fs::write(path, bytes) {
            Ok(()) => Ok(vec![chosen(path)]),
            Err(error) => Err(format!("{} could not be written: {error}", path.display())),
        }
    });
}

/// Does what waits for a person in a thread, and answers unless it was called off.
fn await_in_thread(
    wish: Wish,
    context: &Context,
    answers: &Sender<Answer>,
    work: impl FnOnce() -> Result<Vec<Chosen>, String> + Send + 'static,
) {
    let (context, answers_back) = (context.clone(), answers.clone());
    let asked = wish.clone();
    let thread = std::thread::Builder::new().name("file dialog".to_owned()).spawn(move || {
        let files = work();
        if files.as_ref().map_or(true, |files| !files.is_empty()) {
            answers_back.send(Answer { wish: asked, files }).ok();
            context.request_repaint();
        }
    });
    if let Err(error) = thread {
        let reason = format!("no file dialog could be opened: {error}");
        answers.send(Answer { wish, files: Err(reason) }).ok();
    }
}
