//! Asynchronous wrappers of the browser's origin-private file system.

use super::super::memory_files::lasting::{Listing, Step};
use super::{apart, time_from_milliseconds};
use js_sys::{Function, Promise, Reflect, Uint8Array};
use std::io::{Error, ErrorKind};
use std::path::Path;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemHandle, FileSystemHandleKind, FileSystemReadWriteOptions,
    FileSystemRemoveOptions, FileSystemSyncAccessHandle, StorageEstimate, StorageManager,
};
use web_time::SystemTime;

type Result<T> = std::result::Result<T, JsValue>;

/// Bytes passed to the browser at a time.
const CHUNK: usize = 4 << 20;

/// The root folder of all paths.
#[derive(Clone, Debug)]
pub(super) struct Folder(FileSystemDirectoryHandle);

async fn settled<T: wasm_bindgen::JsCast>(promise: Promise) -> Result<T> {
    JsFuture::from(promise).await?.dyn_into()
}

/// `navigator.storage`; an error if the browser has none, such as in insecure contexts.
fn manager() -> Result<StorageManager> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
    let manager = Reflect::get(&navigator, &"storage".into())?;
    // Calling a missing function would abort the program instead of failing.
    Reflect::get(&manager, &"getDirectory".into())?.dyn_into::<Function>()?;
    Ok(manager.unchecked_into())
}

/// Used bytes and total quota, if the browser reports them.
pub(super) async fn estimate() -> (Option<u64>, Option<u64>) {
    let Ok(promise) = manager().and_then(|manager| manager.estimate()) else { return (None, None) };
    let Ok(estimate) = JsFuture::from(promise).await else { return (None, None) };
    let estimate: StorageEstimate = estimate.unchecked_into();
    let bytes = |number: Option<f64>| number.filter(|number| *number >= 0.0).map(|number| number as u64);
    (bytes(estimate.get_usage()), bytes(estimate.get_quota()))
}

/// Converts a browser error to a file error by its name.
pub(super) fn io_error(error: &JsValue) -> Error {
    let text = |field: &str| Reflect::get(error, &field.into()).ok().and_then(|text| text.as_string());
    let message = text("message").unwrap_or_else(|| format!("{error:?}"));
    // Our own advice is appended to it.
    let message = message.trim_end_matches('.').to_owned();
    let kind = match text("name").as_deref() {
        Some("QuotaExceededError") => ErrorKind::StorageFull,
        Some("NotFoundError") => ErrorKind::NotFound,
        Some("NoModificationAllowedError") => ErrorKind::ResourceBusy,
        Some("SecurityError" | "NotAllowedError") => ErrorKind::PermissionDenied,
        _ => return Error::other(message),
    };
    Error::new(kind, message)
}

/// The error for incomplete writes; browsers report them only by the number of bytes written.
fn full() -> JsValue {
    let error = js_sys::Error::new("the browser's storage for this site is full");
    error.set_name("QuotaExceededError");
    error.into()
}

/// Ignores a "not found" error when removing.
fn unless_missing(error: JsValue) -> Result<()> {
    if io_error(&error).kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

impl Folder {
    /// Opens our folder, creating it if missing.
    pub(super) async fn open(name: &str) -> Result<Self> {
        let root: FileSystemDirectoryHandle = settled(manager()?.get_directory()).await?;
        let folder = Self(child_folder(&root, name, true).await?);
        // Some browsers have OPFS without synchronous access handles, which are needed for writing.
        let probe = folder.file(Path::new(".probe"), true).await?;
        Reflect::get(&probe, &"createSyncAccessHandle".into())?.dyn_into::<Function>()?;
        folder.remove(Path::new(".probe")).await?;
        Ok(folder)
    }

    /// The parent folder of a file, and the file's name.
    async fn parent<'path>(&self, path: &'path Path) -> Result<(FileSystemDirectoryHandle, &'path str)> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Ok((self.folder(path.parent().unwrap_or(Path::new(""))).await?, name))
    }

    async fn folder(&self, path: &Path) -> Result<FileSystemDirectoryHandle> {
        let mut folder = self.0.clone();
        for part in path {
            folder = child_folder(&folder, &part.to_string_lossy(), false).await?;
        }
        Ok(folder)
    }

    async fn file(&self, path: &Path, create: bool) -> Result<FileSystemFileHandle> {
        let (folder, name) = self.parent(path).await?;
        let options = FileSystemGetFileOptions::new();
        options.set_create(create);
        settled(folder.get_file_handle_with_options(name, &options)).await
    }

    async fn blob(&self, path: &Path) -> Result<File> {
        settled(self.file(path, false).await?.get_file()).await
    }

    pub(super) async fn modified(&self, path: &Path) -> Result<SystemTime> {
        Ok(time_from_milliseconds(self.blob(path).await?.last_modified()))
    }

    pub(super) async fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let bytes = JsFuture::from(self.blob(path).await?.array_buffer()).await?;
        Ok(Uint8Array::new(&bytes).to_vec())
    }

    /// Names in the root folder.
    pub(super) async fn names(&self) -> Result<Vec<String>> {
        Ok(handles_in(&self.0).await?.iter().map(FileSystemHandle::name).collect())
    }

    /// Lists everything below a folder.
    pub(super) async fn list(&self, folder: &Path) -> Result<Listing> {
        let mut found = Listing::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for handle in handles_in(&self.folder(&folder).await?).await? {
                let path = folder.join(handle.name());
                if handle.kind() == FileSystemHandleKind::File {
                    let file: File =
                        settled(handle.unchecked_into::<FileSystemFileHandle>().get_file()).await?;
                    let modified = time_from_milliseconds(file.last_modified());
                    found.insert(path, Some((file.size() as u64, modified)));
                } else {
                    folders.push(path.clone());
                    found.insert(path, None);
                }
            }
        }
        Ok(found)
    }

    /// Performs storage steps in order.
    pub(super) async fn perform_all(&self, steps: &[Step]) -> Result<()> {
        for step in steps {
            self.perform(step).await?;
        }
        Ok(())
    }

    pub(super) async fn perform(&self, step: &Step) -> Result<()> {
        apart::close(step.path());
        match step {
            Step::MakeFolder(path) => {
                let (parent, name) = self.parent(path).await?;
                child_folder(&parent, name, true).await.map(|_| ())
            }
            Step::Write { path, from, content } => self.write(path, *from, content).await,
            Step::Move { from, to } => {
                let opened = apart::close(from);
                self.carry(from, to).await?;
                for (_, number) in opened {
                    apart::reopen(self, to, number).await;
                }
                Ok(())
            }
            Step::RemoveFile(path) | Step::RemoveFolder(path) => self.remove(path).await,
        }
    }

    async fn write(&self, path: &Path, from: u64, content: &[u8]) -> Result<()> {
        let access = self.access(path, true).await?;
        let written = write_tail(&access, from, content).await;
        access.close();
        written
    }

    /// A synchronous access handle, exclusive to this worker until closed.
    pub(super) async fn access(&self, path: &Path, create: bool) -> Result<FileSystemSyncAccessHandle> {
        settled(self.file(path, create).await?.create_sync_access_handle()).await
    }

    /// Moves a file; without copying its content if the browser supports that.
    async fn carry(&self, from: &Path, to: &Path) -> Result<()> {
        let file = match self.file(from, false).await {
            Ok(file) => file,
            Err(error) => return unless_missing(error),
        };
        let (folder, name) = self.parent(to).await?;
        if let Ok(moving) = Reflect::get(&file, &"move".into())?.dyn_into::<Function>() {
            let moved: Promise = moving.call2(&file, &folder, &name.into())?.unchecked_into();
            if JsFuture::from(moved).await.is_ok() {
                return Ok(());
            }
        }
        let blob: File = settled(file.get_file()).await?;
        self.copy(&blob, to).await?;
        self.remove(from).await
    }

    /// Copies a file's content in chunks.
    async fn copy(&self, blob: &File, to: &Path) -> Result<()> {
        let access = self.access(to, true).await?;
        let copied = copy_pieces(blob, &access).await;
        access.close();
        copied
    }

    async fn remove(&self, path: &Path) -> Result<()> {
        let (folder, name) = match self.parent(path).await {
            Ok(found) => found,
            Err(error) => return unless_missing(error),
        };
        let options = FileSystemRemoveOptions::new();
        options.set_recursive(true);
        let removed = JsFuture::from(folder.remove_entry_with_options(name, &options)).await;
        removed.map(|_| ()).or_else(unless_missing)
    }
}

async fn child_folder(
    folder: &FileSystemDirectoryHandle,
    name: &str,
    create: bool,
) -> Result<FileSystemDirectoryHandle> {
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(create);
    settled(folder.get_directory_handle_with_options(name, &options)).await
}

async fn handles_in(folder: &FileSystemDirectoryHandle) -> Result<Vec<FileSystemHandle>> {
    let values = folder.values();
    let mut handles = Vec::new();
    loop {
        let next = JsFuture::from(values.next()?).await?;
        if Reflect::get(&next, &"done".into())?.as_bool() != Some(false) {
            return Ok(handles);
        }
        handles.push(Reflect::get(&next, &"value".into())?.unchecked_into());
    }
}

async fn copy_pieces(blob: &File, access: &FileSystemSyncAccessHandle) -> Result<()> {
    access.truncate_with_f64(0.0)?;
    let options = FileSystemReadWriteOptions::new();
    let mut at = 0.0;
    while at < blob.size() {
        let piece = blob.slice_with_f64_and_f64(at, at + CHUNK as f64)?;
        let bytes = Uint8Array::new(&JsFuture::from(piece.array_buffer()).await?);
        options.set_at(at);
        let written = access.write_with_js_u8_array_and_options(&bytes, &options)?;
        if written < f64::from(bytes.length()) {
            return Err(full());
        }
        at += written;
    }
    access.flush()
}

/// Writes `content` from offset `from` on and truncates the file after it. Yields between chunks.
async fn write_tail(access: &FileSystemSyncAccessHandle, from: u64, content: &[u8]) -> Result<()> {
    access.truncate_with_f64(from as f64)?;
    let options = FileSystemReadWriteOptions::new();
    let mut at = from as usize;
    while let Some(rest) = content.get(at..).filter(|rest| !rest.is_empty()) {
        let chunk = rest.get(..CHUNK).unwrap_or(rest);
        options.set_at(at as f64);
        let written = access.write_with_u8_array_and_options(chunk, &options)? as usize;
        if written == 0 {
            return Err(full());
        }
        at += written;
        crate::yield_now().await;
    }
    access.flush()
}
