//! The list of a run's valid checkpoints, with checksums.

use glasshouse_platform::{Error, Result, storage};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const FORMAT: &str = "glasshouse-checkpoints";
const VERSION: u32 = 1;
pub(super) const MAX_MANIFEST_BYTES: u64 = 64 << 10;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    A,
    B,
}

impl Slot {
    pub(super) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(super) fn path(self, folder: &Path) -> PathBuf {
        folder.join(match self {
            Self::A => "manifest-a.json",
            Self::B => "manifest-b.json",
        })
    }
}

/// A checkpoint file, with the data to verify it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ManifestEntry {
    /// File name in the folder.
    pub file: String,
    pub bytes: u64,
    /// `None` for a file found without a manifest; its own checksum is compared anyway.
    pub crc32c: Option<u32>,
    pub step: u64,
    pub val_loss: Option<f32>,
}

/// A manifest's content, without its checksum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: String,
    version: u32,
    /// Number of saves of the run; the manifest with the higher one is newer.
    pub sequence: u64,
    pub latest: ManifestEntry,
    pub best: Option<ManifestEntry>,
    /// The states the guard may roll back to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<ManifestEntry>,
}

impl Manifest {
    pub(super) fn new(
        sequence: u64,
        latest: ManifestEntry,
        best: Option<ManifestEntry>,
        kept: Vec<ManifestEntry>,
    ) -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION, sequence, latest, best, kept }
    }

    /// All named files, the latest first; may contain duplicates.
    pub(super) fn entries(&self) -> impl Iterator<Item = &ManifestEntry> {
        std::iter::once(&self.latest).chain(&self.best).chain(&self.kept)
    }

    pub(super) fn names(&self, file: &str) -> bool {
        self.entries().any(|entry| entry.file == file)
    }

    pub(super) fn write(&self, folder: &Path, slot: Slot) -> Result<()> {
        storage::write_checked_json(&slot.path(folder), self)
    }

    /// `None` if the file does not exist.
    pub(super) fn read(folder: &Path, slot: Slot) -> Result<Option<Self>> {
        let path = slot.path(folder);
        let text = storage::if_there(&path, MAX_MANIFEST_BYTES, storage::read_within)?;
        let manifest = text.map(|text| Self::parse(&text)).transpose();
        manifest.map_err(|reason| Error::bad_file(path, reason))
    }

    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let covered = storage::json_from_checked(text)?.ok_or("its checksum does not match its content")?;
        let manifest: Self = serde_json::from_slice(covered.as_bytes()).map_err(|error| error.to_string())?;
        if manifest.format != FORMAT || manifest.version != VERSION {
            return Err(format!(
                "version {} of {}, not {VERSION} of {FORMAT}",
                manifest.version, manifest.format
            ));
        }
        for entry in manifest.entries() {
            // A manifest must not name files outside the folder.
            let plain = entry.file.starts_with("step-") && !entry.file.contains(['/', '\\']);
            if !plain {
                return Err(format!("`{}` is not a checkpoint name", entry.file));
            }
        }
        Ok(manifest)
    }
}
