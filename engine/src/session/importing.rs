//! Pretrained models: listed in the network, looked at, taken into the open project.

use super::Session;
use crate::error::{Error, Result};
use crate::interchange::{Found, ModelAddress, RemoteFile, bytes_of, import_in_turns};
use crate::platform::{self, Turns, files};
use crate::protocol::{Event, FoundModel, ModelSource};
use crate::storage::{self, Staging};
use std::path::Path;

/// A model that can be imported.
pub(super) struct Looked {
    found: Found,
    /// What the run is called by.
    name: String,
    /// Where its files lie, if they came with a command or from the network.
    _files: Option<Staging>,
}

impl Session {
    pub(super) async fn list_model_files(&mut self, id: u64, address: &str) -> Result<()> {
        let address = ModelAddress::parse(address)?;
        let staging = staged()?;
        let listed = address.list(staging.path()).await?;
        self.tell_listed(id, &address, &listed);
        Ok(())
    }

    fn tell_listed(&self, id: u64, address: &ModelAddress, listed: &[RemoteFile]) {
        let files = listed.iter().map(|file| file.name.clone()).collect();
        let (host, bytes) = (address.host().to_owned(), bytes_of(listed));
        self.outlet.answer(id, Event::ModelListed { host, files, bytes });
    }

    pub(super) async fn look_at_model(
        &mut self,
        id: u64,
        from: &ModelSource,
        bytes: Vec<Vec<u8>>,
    ) -> Result<()> {
        // Its files make room for the next one's.
        if *from != ModelSource::Looked {
            self.looked = None;
        }
        let looked = self.look(id, from, bytes).await?;
        let Found { family, model, notices, bytes, .. } = &looked.found;
        let model = FoundModel {
            name: looked.name.clone(),
            class: family.class.to_owned(),
            parameters: looked.found.parameter_count() as u64,
            bytes: *bytes,
            shape: model.shape(),
            context_length: model.context_length,
            default_context: looked.found.default_context(),
            notices: notices.clone(),
        };
        self.outlet.answer(id, Event::ModelFound { model: Box::new(model) });
        self.looked = Some(looked);
        Ok(())
    }

    pub(super) async fn import_model(
        &mut self,
        id: u64,
        from: &ModelSource,
        bytes: Vec<Vec<u8>>,
        context_length: Option<usize>,
    ) -> Result<()> {
        let project = self.opened()?.project.clone();
        let mut looked = self.look(id, from, bytes).await?;
        if let Err(error) = looked.found.shorten(context_length) {
            // It need not be fetched again for another wish.
            self.looked = Some(looked);
            return Err(error);
        }
        let Looked { found, name, _files } = looked;
        for notice in &found.notices {
            self.outlet.notice(notice);
        }
        let total = found.bytes;
        let outlet = self.outlet.clone();
        let mut progress = |done| {
            outlet.progress(done, total);
            outlet.answer(id, Event::ImportProgress { done, total });
        };
        progress(0);
        let run = import_in_turns(&project, &found, &name, &Turns::new(), &mut progress).await?;
        self.settle_claim(true);
        let event = Event::ModelImported {
            run: run.name(),
            class: found.family.class.to_owned(),
            parameters: found.parameter_count() as u64,
            shape: found.model.shape(),
        };
        self.outlet.answer(id, event);
        self.list_runs(id)
    }

    async fn look(&mut self, id: u64, from: &ModelSource, bytes: Vec<Vec<u8>>) -> Result<Looked> {
        match from {
            ModelSource::Looked => {
                let none = || Error::Refused("no model was looked at; choose one to import".to_owned());
                self.looked.take().ok_or_else(none)
            }
            ModelSource::Path { path } => {
                Ok(Looked { found: Found::look_whole(path)?, name: name_of(path), _files: None })
            }
            ModelSource::Files { names } => given(names, bytes),
            ModelSource::Address { address } => self.fetch_model(id, &ModelAddress::parse(address)?).await,
        }
    }

    async fn fetch_model(&self, id: u64, address: &ModelAddress) -> Result<Looked> {
        let staging = staged()?;
        let listed = address.list(staging.path()).await?;
        self.tell_listed(id, address, &listed);
        let total = bytes_of(&listed).unwrap_or(0);
        let rooms = [platform::storage::room(staging.path()), platform::available_memory()];
        if let Some(room) = rooms.into_iter().flatten().min().filter(|room| *room < total) {
            let reason = format!(
                "the model has {total} bytes, and there is room for {room}; take a smaller or a quantised one"
            );
            return Err(Error::Refused(reason));
        }
        let mut progress = |done: u64| {
            let total = total.max(done);
            self.outlet.progress(done, total);
            self.outlet.answer(id, Event::ImportProgress { done, total });
        };
        let path = address.fetch(&listed, staging.path(), &mut progress).await?;
        Ok(Looked { found: Found::look_whole(&path)?, name: address.name(), _files: Some(staging) })
    }
}

/// A folder for files that no later session asks for.
fn staged() -> Result<Staging> {
    let folder = platform::passing_folder();
    storage::create_folder(&folder)?;
    Staging::inside(&folder)
}

/// A file is called by its name without the ending; a folder may have a point in its own.
fn name_of(path: &Path) -> String {
    let name = if files::is_dir(path) { path.file_name() } else { path.file_stem() };
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// A model of files whose bytes are given.
fn given(names: &[String], bytes: Vec<Vec<u8>>) -> Result<Looked> {
    if names.len() != bytes.len() {
        return Err(Error::Internal(format!("{} names for {} files", names.len(), bytes.len())));
    }
    let staging = staged()?;
    let folder = staging.path().join("model");
    storage::create_folder(&folder)?;
    let mut path = folder.clone();
    for (name, content) in names.iter().zip(bytes) {
        // Whatever a page calls it, it is put into this folder.
        let file = folder.join(name.rsplit(['/', '\\']).next().unwrap_or_default());
        files::write(&file, content).map_err(Error::io(&file))?;
        if names.len() == 1 {
            path = file;
        }
    }
    Ok(Looked { found: Found::look_whole(&path)?, name: name_of(&path), _files: Some(staging) })
}
