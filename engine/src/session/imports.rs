//! Lists, previews and imports pretrained models.

use super::Session;
use super::event_sink::MOMENT;
use crate::formats::{Found, ModelAddress, RemoteFile, bytes_of, import, source_of};
use crate::platform::{self, Yielder, files};
use crate::project::{Project, Run};
use crate::protocol::quantity::{bytes, whole};
use crate::protocol::{Event, FoundModel, Hint, ImportStep, ModelSource, answer};
use crate::storage::{self, Staging};
use crate::{Error, Result, refuse};
use std::path::Path;
use std::rc::Rc;
use web_time::Instant;

/// A previewed model that can be imported.
pub(super) struct Looked {
    /// The request that previewed it.
    number: u64,
    found: Found,
    name: String,
    /// Identifies the source, if the files are the user's own.
    source: Option<String>,
    /// Temporary folder of the files, if they came with a command or were downloaded.
    _files: Option<Staging>,
}

impl Session {
    pub(super) async fn list_model_files(&mut self, id: u64, address: &str) -> Result<()> {
        let address = ModelAddress::parse(address)?;
        let staging = staged()?;
        // A server may take long to respond.
        self.sink.show_work();
        let listed = address.list(staging.path()).await?;
        self.report_listed(id, &address, &listed);
        Ok(())
    }

    fn report_listed(&self, id: u64, address: &ModelAddress, listed: &[RemoteFile]) {
        let files = listed.iter().map(|file| file.name.clone()).collect();
        let (host, bytes) = (address.host().to_owned(), bytes_of(listed));
        self.sink.answer(id, Event::Importing(ImportStep::Listed { host, files, bytes }));
    }

    pub(super) async fn look_at_model(
        &mut self,
        id: u64,
        from: &ModelSource,
        bytes: Vec<Vec<u8>>,
    ) -> Result<()> {
        let looked = self.look(id, from, bytes).await?;
        let Found { family, model, notices, bytes, .. } = &looked.found;
        let mut notices = notices.clone();
        // Keep downloaded files while the user makes room.
        notices.extend(self.lack_of_room(&looked.found).await);
        let model = FoundModel {
            number: looked.number,
            name: looked.name.clone(),
            class: family.class.to_owned(),
            parameters: looked.found.parameter_count() as u64,
            bytes: *bytes,
            shape: model.shape(),
            context_length: model.context_length,
            default_context: looked.found.default_context(),
            notices,
        };
        self.sink.answer(id, Event::Importing(ImportStep::Found { model: Box::new(model) }));
        self.looked = Some(looked);
        Ok(())
    }

    pub(super) async fn import_model(
        &mut self,
        id: u64,
        from: &ModelSource,
        bytes: Vec<Vec<u8>>,
        context_length: Option<usize>,
        for_comparison: bool,
    ) -> Result<Event> {
        let project = self.opened()?.project.clone();
        // It stays available until it is imported, also after a cancelled import.
        let looked = self.look(id, from, bytes).await?;
        let mut found = looked.found.clone();
        let before = found.notices.len();
        found.shorten(context_length)?;
        if let Some(run) = imported_before(&project, &found, looked.source.as_ref())? {
            self.looked = None;
            self.settle_claim(true);
            if !for_comparison {
                // An explicit import means the user wants to use it, not only compare with it.
                run.count_as_latest()?;
            }
            let name = run.name();
            self.sink.notice(format!(
                "{name} was already imported from there and is used again; delete it to import another"
            ));
            self.sink.answer(id, imported(&run, &found)?);
            return self.list_runs();
        }
        if let Some(reason) = self.lack_of_room(&found).await {
            return Err(Error::Refused(reason));
        }
        for (at, notice) in found.notices.iter().enumerate() {
            let is_default = at >= before && context_length.is_none();
            self.sink.notice_with(notice, if is_default { &[Hint::ContextLength] } else { &[] });
        }
        let total = found.bytes;
        let sink = self.sink.clone();
        let mut progress = |done| {
            sink.progress(done, total);
            sink.answer(id, Event::Progress { what: "reading the weights".to_owned(), done, total });
        };
        progress(0);
        let (name, source) = (&looked.name, looked.source.clone());
        let yielder = Yielder::new();
        let run = import(&project, &found, name, source, for_comparison, &yielder, &mut progress).await?;
        self.looked = None;
        self.settle_claim(true);
        self.sink.answer(id, imported(&run, &found)?);
        self.list_runs()
    }

    /// Why a model does not fit, if so.
    async fn lack_of_room(&self, found: &Found) -> Option<String> {
        let place = self.project.as_ref().map_or(self.options.shelf.as_path(), |open| open.project.folder());
        lacks(found.kept_bytes().ok()?, room_at(place).await)
    }

    /// The model of a source; a newly previewed one replaces the previous one.
    async fn look(&mut self, number: u64, from: &ModelSource, bytes: Vec<Vec<u8>>) -> Result<Rc<Looked>> {
        if !matches!(from, ModelSource::Looked { .. }) {
            // Free the previous files first.
            self.looked = None;
        }
        let looked = match from {
            ModelSource::Looked { number } => {
                let looked = self.looked.clone().filter(|looked| looked.number == *number);
                let gone = || Error::Refused("that model is no longer available; choose it again".to_owned());
                return looked.ok_or_else(gone);
            }
            ModelSource::Path { path } => {
                let found = Found::look_whole(path)?;
                Looked { number, found, name: name_of(path), source: source_of(path), _files: None }
            }
            ModelSource::Address { address } => {
                self.fetch_model(number, &ModelAddress::parse(address)?).await?
            }
            ModelSource::Files { names } => given(number, names, bytes)?,
        };
        Ok(Rc::new(looked))
    }

    async fn fetch_model(&self, number: u64, address: &ModelAddress) -> Result<Looked> {
        let staging = staged()?;
        self.sink.show_work();
        let listed = address.list(staging.path()).await?;
        self.report_listed(number, address, &listed);
        let total = bytes_of(&listed);
        let room = room_at(staging.path()).await;
        if let Some(total) = total.filter(|total| *total > room) {
            refuse!(
                "the model has {}, but there is room for {}; use a smaller or a quantised one",
                bytes(total),
                bytes(room)
            );
        }
        let mut told = Instant::now();
        let mut progress = |done: u64| {
            self.sink.progress(done, total.unwrap_or(0));
            // Throttle progress events: they arrive faster than they can be shown.
            if told.elapsed() >= MOMENT {
                told = Instant::now();
                let total = total.unwrap_or(0).max(done);
                let what = "downloading the model".to_owned();
                self.sink.answer(number, Event::Progress { what, done, total });
            }
        };
        let path = address.fetch(&listed, staging.path(), room, &mut progress).await?;
        let found = Found::look_whole(&path).map_err(|error| {
            let error = error.inside(staging.path());
            Error::Refused(format!("the model from {} cannot be read: {error}", address.host()))
        })?;
        Ok(Looked { number, found, name: address.name(), source: None, _files: Some(staging) })
    }
}

/// Bytes available in memory and at a path, whichever is less.
pub(super) async fn room_at(place: &Path) -> u64 {
    let rooms = [platform::persistence::available(place).await, platform::available_memory()];
    rooms.into_iter().flatten().min().unwrap_or(u64::MAX)
}

/// Error text if the weights do not fit.
fn lacks(needed: u64, room: u64) -> Option<String> {
    (needed > room).then(|| {
        format!(
            "the weights take {} here, but there is room for {}; free some space, or use a smaller model",
            bytes(needed),
            bytes(room)
        )
    })
}

/// A temporary folder for files of this session.
pub(super) fn staged() -> Result<Staging> {
    let folder = platform::passing_folder();
    storage::create_folder(&folder)?;
    Staging::inside(&folder)
}

/// The name of a file without its extension; a folder's name may contain a dot.
fn name_of(path: &Path) -> String {
    let name = if files::is_dir(path) { path.file_name() } else { path.file_stem() };
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Previews a model whose files are given as bytes.
fn given(number: u64, names: &[String], bytes: Vec<Vec<u8>>) -> Result<Looked> {
    if names.len() != bytes.len() {
        return Err(Error::Internal(format!("{} names for {} files", names.len(), bytes.len())));
    }
    let staging = staged()?;
    let folder = staging.path().join("model");
    storage::create_folder(&folder)?;
    let mut path = folder.clone();
    for (name, content) in names.iter().zip(bytes) {
        // Ignore any path in the name given by a page.
        let file = folder.join(name.rsplit(['/', '\\']).next().unwrap_or_default());
        files::write(&file, content).map_err(Error::io(&file))?;
        if names.len() == 1 {
            path = file;
        }
    }
    let outside = if path == folder { staging.path() } else { &folder };
    let found = Found::look_whole(&path).map_err(|error| error.inside(outside))?;
    Ok(Looked { number, found, name: name_of(&path), source: None, _files: Some(staging) })
}

/// The run from an earlier import of the same files with the same context length.
fn imported_before(project: &Project, found: &Found, source: Option<&String>) -> Result<Option<Run>> {
    let Some(source) = source else { return Ok(None) };
    for run in project.runs()?.into_iter().rev() {
        // Ignore damaged runs.
        let same = run.record().is_ok_and(|record| record.source.as_ref() == Some(source));
        if same && run.config().is_ok_and(|config| config.model == found.model) {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

fn imported(run: &Run, found: &Found) -> Result<answer::RunAdded> {
    let parameters = whole(found.parameter_count() as u64);
    let about = format!("{}, {parameters} parameters, {}", found.family.class, found.model.shape());
    Ok(answer::RunAdded { run: run.summary()?, about, difference: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_need_room() {
        let reason = lacks(4_000_000, 3_000_000).unwrap();
        assert!(reason.contains("4.0 MB") && reason.contains("3.0 MB"), "{reason}");
        assert_eq!(lacks(4_000_000, 4_000_000), None);
    }
}
