//! Native file access: system dialogs, each awaited in its own thread so that the window stays responsive.

use super::dialogs;
use super::files::{Answer, Chosen, ENDINGS, NoFiles, PACKED, Picks, Wish};
use egui::{Context, DroppedFileHandle};
use rfd::{AsyncFileDialog, FileHandle};
use std::future::Future;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::mpsc::Sender;

/// Folders can be chosen on this platform.
pub const FOLDERS: bool = true;
/// Name of the place where the engine runs.
pub fn here() -> &'static str {
    "this machine"
}

/// Extensions of the filter for all files. Portals take `*` for every name, and Windows `*.*`. For zenity each is prefixed with
/// `*.`, which would hide a file named README, but it reads the text after a space as another pattern.
const ANY: &[&str] = if cfg!(windows) { &["*"] } else { &["*", "* *"] };

type Picking = Pin<Box<dyn Future<Output = Vec<FileHandle>> + Send>>;

/// Opens a dialog and sends an answer when files were chosen.
pub fn pick(wish: Wish, context: &Context, answers: &Sender<Answer>) {
    if let Some(lack) = dialogs::lack() {
        answers.send(Answer { wish, files: Err(NoFiles::NoDialog(lack)) }).ok();
        return context.request_repaint();
    }
    let (title, _, picks) = wish.question();
    let dialog = AsyncFileDialog::new().set_title(title);
    let picking: Picking = match picks {
        Picks::Documents => {
            let endings: Vec<&str> = ENDINGS.iter().chain(PACKED).copied().collect();
            // A README has no extension; macOS applies one filter to all and would hide it.
            let dialog = match cfg!(target_os = "macos") {
                true => dialog,
                false => dialog.add_filter("Documents", &endings).add_filter("All files", ANY),
            };
            several(dialog)
        }
        Picks::Small(kind, endings, true) => several(dialog.add_filter(kind, endings)),
        Picks::File(kind, endings) | Picks::Small(kind, endings, false) => {
            let dialog = dialog.add_filter(kind, endings);
            one(async move { dialog.pick_file().await })
        }
        Picks::Folder(_) | Picks::Target(None) => one(async move { dialog.pick_folder().await }),
        Picks::Target(Some(name)) => one(async move { dialog.set_file_name(name).save_file().await }),
        Picks::Nothing => return,
    };
    await_in_thread(wish, context, answers, move || {
        let files = pollster::block_on(picking);
        Ok(files.into_iter().map(|file| chosen(file.path())).collect())
    });
}

fn several(dialog: AsyncFileDialog) -> Picking {
    Box::pin(async move { dialog.pick_files().await.unwrap_or_default() })
}

fn one(picking: impl Future<Output = Option<FileHandle>> + Send + 'static) -> Picking {
    Box::pin(async move { picking.await.into_iter().collect() })
}

fn chosen(path: &Path) -> Chosen {
    Chosen { name: path.display().to_string(), bytes: None }
}

/// The bytes of a chosen file, `most` at most.
///
/// # Errors
/// A sentence: it cannot be read, or is longer.
pub fn bytes_of(Chosen { name, bytes }: Chosen, most: usize) -> Result<Vec<u8>, String> {
    if let Some(bytes) = bytes {
        return Ok(bytes);
    }
    let read = || {
        let mut bytes = Vec::new();
        std::fs::File::open(&name)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error: std::io::Error| format!("cannot read {name}: {error}; choose another file"))
}

/// Answers with files that were dropped on the window.
pub fn read_dropped(files: &[DroppedFileHandle], context: &Context, answers: &Sender<Answer>) {
    let files = files.iter().map(|file| chosen(file.path())).collect();
    answers.send(Answer { wish: Wish::Dropped, files: Ok(files) }).ok();
    context.request_repaint();
}

/// Saves a file where the person chooses.
pub fn save(name: &str, bytes: Vec<u8>, context: &Context, answers: &Sender<Answer>) {
    let name = name.to_owned();
    await_in_thread(Wish::Saved { bytes: bytes.len() as u64 }, context, answers, move || {
        let path = if dialogs::lack().is_some() {
            free_place(&home(), &name)
        } else {
            let saving = AsyncFileDialog::new().set_title("Save").set_file_name(name).save_file();
            let Some(file) = pollster::block_on(saving) else { return Ok(Vec::new()) };
            file.path().to_owned()
        };
        match std::fs::write(&path, bytes) {
            Ok(()) => Ok(vec![chosen(&path)]),
            Err(error) => Err(NoFiles::Failed(format!(
                "cannot write {}: {error}; choose another place",
                path.display()
            ))),
        }
    });
}

/// The home folder, or the current one.
fn home() -> PathBuf {
    std::env::home_dir().filter(|home| home.is_dir()).unwrap_or_default()
}

/// Expands `~` in a typed path.
pub fn expanded(path: &str) -> String {
    let below = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with(['/', '\\']));
    match below {
        Some(rest) => home().join(rest.trim_start_matches(['/', '\\'])).display().to_string(),
        None => path.to_owned(),
    }
}

/// An unused path for a file name, with a number appended if necessary.
fn free_place(folder: &Path, name: &str) -> PathBuf {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, "bin"));
    let numbered = (2..1000).map(|number| folder.join(format!("{stem} {number}.{ending}")));
    let mut all = std::iter::once(folder.join(name)).chain(numbered);
    all.find(|path| !path.exists()).unwrap_or_else(|| folder.join(name))
}

/// Runs `work`, which waits for a person, in a thread, and sends its answer unless cancelled.
fn await_in_thread(
    wish: Wish,
    context: &Context,
    answers: &Sender<Answer>,
    work: impl FnOnce() -> Result<Vec<Chosen>, NoFiles> + Send + 'static,
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
        let reason = format!("cannot open a file dialog: {error}");
        answers.send(Answer { wish, files: Err(NoFiles::Failed(reason)) }).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds the patterns as `rfd` does for zenity, which splits them at spaces.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_filter_for_all_files_shows_those_without_an_ending_in_zenity_too() {
        let patterns = ANY.iter().map(|ending| format!("*.{ending}")).collect::<Vec<_>>().join(" ");
        assert!(patterns.split(' ').any(|pattern| pattern == "*"), "{patterns}");
        assert!(ANY.contains(&"*"), "a portal knows it alone");
    }

    #[test]
    fn a_typed_path_may_begin_at_home_and_what_is_saved_there_replaces_nothing() {
        assert_eq!(expanded("/texts/a.txt"), "/texts/a.txt");
        assert_eq!(expanded("~/a.txt"), home().join("a.txt").display().to_string());
        assert_eq!(expanded("~mia/a.txt"), "~mia/a.txt");
        let folder = tempfile::tempdir().unwrap();
        let first = free_place(folder.path(), "loss.png");
        assert_eq!(first, folder.path().join("loss.png"));
        std::fs::write(&first, b"1").unwrap();
        assert_eq!(free_place(folder.path(), "loss.png"), folder.path().join("loss 2.png"));
    }
}
