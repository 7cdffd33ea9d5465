//! A consistent snapshot of a run's checkpoints for export during training, when manifests may be replaced and files removed at any time.

use super::Checkpoints;
use super::manifest::{MAX_MANIFEST_BYTES, Manifest, Slot};
use crate::shelf::names_in;
use glasshouse_platform::files::{self, File};
use glasshouse_platform::{Error, Result, storage};
use glasshouse_protocol::order;
use std::io::ErrorKind;

pub enum CarriedFile {
    Bytes(Vec<u8>),
    /// An open handle, readable even after the file is removed, and its length.
    Open(File, u64),
    /// A permanent file, read by its path.
    Lasting,
}

impl Checkpoints {
    /// All files of the checkpoints by name: both manifests, the files they name, and milestones. Files that no
    /// manifest names are being written or are about to be removed.
    pub(crate) fn at_one_moment(&self) -> Result<Vec<(String, CarriedFile)>> {
        let mut before = None;
        loop {
            let read = |slot: Slot| storage::read_within(&slot.path(&self.folder), MAX_MANIFEST_BYTES).ok();
            let manifests = [Slot::A, Slot::B].map(|slot| (slot, read(slot)));
            // A file still missing with an unchanged manifest is lost; retrying would not help.
            let is_lost = before.as_ref() == Some(&manifests);
            if let Some(parts) = self.opened(&manifests, is_lost)? {
                return Ok(parts);
            }
            before = Some(manifests);
        }
    }

    /// `None` if a named file is gone.
    fn opened(
        &self,
        manifests: &[(Slot, Option<Vec<u8>>)],
        is_lost: bool,
    ) -> Result<Option<Vec<(String, CarriedFile)>>> {
        let mut parts: Vec<(String, CarriedFile)> = Vec::new();
        let mut written: Vec<(Slot, Manifest)> = Vec::new();
        for (slot, bytes) in manifests {
            let Some(bytes) = bytes else { continue };
            if let Ok(manifest) = Manifest::parse(bytes) {
                written.push((*slot, manifest));
            }
            let name = slot.path(&self.folder).file_name().unwrap_or_default().to_string_lossy().into_owned();
            parts.push((name, CarriedFile::Bytes(bytes.clone())));
        }
        order::sort_by_key(&mut written, |(_, manifest)| std::cmp::Reverse(manifest.sequence));
        let missing = manifests.iter().filter(|(_, bytes)| bytes.is_none()).count();
        let unnamed = if written.is_empty() { Vec::new() } else { self.unnamed(&written, missing) };
        let manifests = written.iter().map(|(_, manifest)| manifest).chain(&unnamed);
        let named = manifests.flat_map(|manifest| manifest.entries().map(|entry| entry.file.clone()));
        let named: Vec<String> = order::distinct(named);
        for name in &named {
            let path = self.folder.join(name);
            let metadata = files::metadata(&path).and_then(|metadata| match metadata.is_file() {
                true => Ok(metadata),
                false => Err(ErrorKind::NotFound.into()),
            });
            match metadata.and_then(|metadata| Ok((File::open(&path)?, metadata.len()))) {
                Ok((file, bytes)) => parts.push((name.clone(), CarriedFile::Open(file, bytes))),
                Err(error) if error.kind() == ErrorKind::NotFound && is_lost => {}
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(Error::io(path)(error)),
            }
        }
        for name in names_in(&self.folder)? {
            let of_manifests =
                name.starts_with("manifest-") || (name.starts_with("step-") && !named.is_empty());
            if !of_manifests && !name.ends_with(".partial") {
                parts.push((name, CarriedFile::Lasting));
            }
        }
        order::sort_by(&mut parts, |(one, _), (other, _)| one.cmp(other));
        Ok(Some(parts))
    }
}
