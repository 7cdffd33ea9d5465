//! A run's checkpoints as they stand at one moment, to carry them away while it trains: the run may replace its manifests and remove
//! what they named before at any time.

use super::Checkpoints;
use super::manifest::{Manifest, Slot};
use crate::error::{Error, Result};
use crate::platform::files::{self, File};
use std::io::ErrorKind;

/// A file among a run's checkpoints.
pub(crate) enum CarriedFile {
    /// Its content.
    Bytes(Vec<u8>),
    /// It is open, so that it can be read though its name may be gone, and how long it is.
    Open(File, u64),
    /// It stays where it is.
    Lasting,
}

impl Checkpoints {
    /// Every file that belongs to the checkpoints, by name: both manifests, what they name, milestones. What no manifest names is
    /// being written, or will be removed.
    pub(crate) fn at_one_moment(&self) -> Result<Vec<(String, CarriedFile)>> {
        let mut before = None;
        loop {
            let manifests = [Slot::A, Slot::B].map(|slot| (slot, files::read(slot.path(&self.folder)).ok()));
            // A file that the same manifest named before and that is still missing is lost, and no reason to wait.
            let is_lost = before.as_ref() == Some(&manifests);
            if let Some(parts) = self.opened(&manifests, is_lost)? {
                return Ok(parts);
            }
            before = Some(manifests);
        }
    }

    /// `None` where a file that is named is gone.
    fn opened(
        &self,
        manifests: &[(Slot, Option<Vec<u8>>)],
        is_lost: bool,
    ) -> Result<Option<Vec<(String, CarriedFile)>>> {
        let mut parts: Vec<(String, CarriedFile)> = Vec::new();
        let mut named: Vec<String> = Vec::new();
        for (slot, bytes) in manifests {
            let Some(bytes) = bytes else { continue };
            if let Ok(manifest) = Manifest::parse(bytes) {
                named.extend(manifest.entries().map(|entry| entry.file.clone()));
            }
            let name = slot.path(&self.folder).file_name().unwrap_or_default().to_string_lossy().into_owned();
            parts.push((name, CarriedFile::Bytes(bytes.clone())));
        }
        named.sort();
        named.dedup();
        for name in &named {
            let path = self.folder.join(name);
            match files::metadata(&path).and_then(|metadata| Ok((File::open(&path)?, metadata.len()))) {
                Ok((file, bytes)) => parts.push((name.clone(), CarriedFile::Open(file, bytes))),
                Err(error) if error.kind() == ErrorKind::NotFound && is_lost => {}
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(Error::io(path)(error)),
            }
        }
        let entries = match files::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(parts)),
            Err(error) => return Err(Error::io(&self.folder)(error)),
        };
        for name in entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
            let of_manifests =
                name.starts_with("manifest-") || (name.starts_with("step-") && !named.is_empty());
            if !of_manifests && !name.ends_with(".partial") {
                parts.push((name, CarriedFile::Lasting));
            }
        }
        parts.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Some(parts))
    }
}
