//! Export of runs to bundles for many GPUs, and import of the results.

use super::Session;
use super::imports::{room_at, staged};
use crate::platform::{self, Yielder, files};
use crate::project::archive::{self, Archive};
use crate::protocol::{Event, answer, quantity};
use crate::storage::Staging;
use crate::{Error, Result, refuse};
use glasshouse_cluster::{BundleExport, export_bundle, import_bundle, is_bundle};
use std::io::Cursor;
use std::path::PathBuf;

impl Session {
    /// Writes a bundle: to a folder, or packed with the answer.
    pub(super) async fn export_bundle(
        &mut self,
        id: u64,
        (name, device, steps): (Option<&str>, Option<String>, u64),
        to: Option<PathBuf>,
        keep: bool,
    ) -> Result<()> {
        let run = self.run_or_latest(name)?;
        let chosen = || Some(self.device.request.clone()).filter(|request| !request.is_empty());
        let device = device.or_else(chosen).unwrap_or_else(|| "auto".to_owned());
        let request = BundleExport { run: &run, device: &device, threads: self.options.threads, steps };
        let (yielder, sink) = (Yielder::new(), self.sink.clone());
        let mut progress = |done, total| sink.progress(done, total);
        let name = format!("{}-bundle", run.name());
        match to {
            Some(to) => {
                let files = export_bundle(&request, &to, !keep, &yielder, &mut progress).await?;
                self.sink.exported(id, name, &to, &files, None);
            }
            None => {
                let staging = Staging::inside(run.folder())?;
                let folder = staging.path().join("bundle");
                export_bundle(&request, &folder, true, &yielder, &mut progress).await?;
                let (packed, _) = archive::pack_folder(&folder, &yielder).await?;
                self.sink.attached(id, format!("{name}.zip"), packed);
            }
        }
        Ok(())
    }

    /// Creates a run from a bundle's results: a folder, or its zip sent with the command.
    pub(super) async fn import_bundle(
        &mut self,
        id: u64,
        from: Option<PathBuf>,
        out: Option<PathBuf>,
        zips: Vec<Vec<u8>>,
    ) -> Result<Event> {
        let project = self.opened()?.project.clone();
        let (bundle, files) = match (from, zips.into_iter().next()) {
            (Some(bundle), _) => (bundle, None),
            (None, Some(zip)) => {
                let (files, bundle) = unpacked(zip).await?;
                (bundle, Some(files))
            }
            (None, None) => {
                refuse!("no bundle was given; choose its folder, or give a zip of it, with `out` in it");
            }
        };
        let import =
            async move |yielder: Yielder| import_bundle(&project, &bundle, out.as_deref(), &yielder).await;
        // The temporary path means nothing to the user.
        let named = |error| match (error, &files) {
            (Error::BadFile { path, reason }, Some(files)) => {
                Error::bad_file(path.strip_prefix(files.path()).unwrap_or(&path), reason)
            }
            (other, _) => other,
        };
        let run = platform::spawn_yielding(import).await?.map_err(|error| error.map(named))?.put()?;
        let run = run.summary()?;
        let about = format!("step {} of {}", quantity::whole(run.step), quantity::whole(run.steps));
        self.sink.answer(id, answer::RunAdded { run, about, difference: None });
        self.list_runs()
    }
}

/// Unpacks a zip and finds the bundle in it: at the root or in a folder.
async fn unpacked(zip: Vec<u8>) -> Result<(Staging, PathBuf)> {
    let yielder = Yielder::new();
    let archive = Archive::read(Cursor::new(zip), false, &yielder).await?;
    let staging = staged()?;
    let room = room_at(staging.path()).await;
    if archive.bytes() > room {
        let (takes, room) = (quantity::bytes(archive.bytes()), quantity::bytes(room));
        refuse!(
            "the bundle unpacks to {takes}, but there is room for {room}; import it with the desktop program (`glasshouse bundle \
             import`)"
        );
    }
    let all = staging.path().join("bundle");
    archive.unpack(&all, &yielder).await?;
    let folders = files::read_dir(&all).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut places = std::iter::once(all).chain(folders);
    let bundle = places.find(|place| is_bundle(place)).ok_or_else(|| {
        Error::Refused("the zip holds no bundle; pack the bundle's folder, with `out` in it".to_owned())
    })?;
    Ok((staging, bundle))
}
