//! Listing checkpoints and milestones, and loading one by file name.

use super::manifest::ManifestEntry;
use super::state::{self, StoredPrecision};
use super::{CheckpointInfo, Checkpoints, Content, Loaded};
use crate::shelf::names_in;
use glasshouse_compiler::graph::Parameter;
use glasshouse_compiler::step::ArenaState;
use glasshouse_platform::{Error, Result, Yielder, files, storage};
use glasshouse_protocol::{CheckpointChoice, CheckpointSummary, order};
use std::path::PathBuf;

const MILESTONE: &str = "milestone-";
const EXTENSION: &str = ".safetensors";

fn milestone_name(step: u64) -> String {
    format!("{MILESTONE}{step:08}{EXTENSION}")
}

/// Parses the step from a milestone's file name.
fn milestone_step(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(MILESTONE)?.strip_suffix(EXTENSION)?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl Checkpoints {
    /// Lists all checkpoints and milestones by step, a milestone before a checkpoint of the same step. Missing,
    /// truncated and unreadable files are left out.
    pub fn list(&self) -> Vec<CheckpointSummary> {
        let manifests = self.manifests(&mut Vec::new()).unwrap_or_default();
        let best =
            manifests.first().and_then(|(_, manifest)| manifest.best.as_ref()).map(|entry| &entry.file);
        let mut found: Vec<CheckpointSummary> = Vec::new();
        for entry in manifests.iter().flat_map(|(_, manifest)| manifest.entries()) {
            let is_whole = files::metadata(self.folder.join(&entry.file))
                .is_ok_and(|metadata| metadata.len() == entry.bytes);
            if is_whole && !found.iter().any(|summary| summary.file == entry.file) {
                found.push(CheckpointSummary {
                    file: entry.file.clone(),
                    step: entry.step,
                    val_loss: entry.val_loss,
                    best: best == Some(&entry.file),
                    resumable: true,
                    bytes: entry.bytes,
                });
            }
        }
        found.extend(self.milestones());
        order::sort_by(&mut found, |one, other| (one.step, &one.file).cmp(&(other.step, &other.file)));
        found
    }

    fn milestones(&self) -> Vec<CheckpointSummary> {
        let names = names_in(&self.folder).unwrap_or_default();
        let summary = |name: String| {
            let step = milestone_step(&name)?;
            let path = self.folder.join(&name);
            let bytes = files::metadata(&path).ok()?.len();
            let info = state::read_info(&path).ok()?;
            Some(CheckpointSummary {
                file: name,
                step,
                val_loss: info.val_loss,
                best: false,
                resumable: false,
                bytes,
            })
        };
        names.into_iter().filter_map(summary).collect()
    }

    /// Removes milestones after `step`, as far as possible.
    pub(super) fn remove_milestones_after(&self, step: u64) {
        for milestone in self.milestones().into_iter().filter(|milestone| milestone.step > step) {
            files::remove_file(self.folder.join(milestone.file)).ok();
        }
    }

    pub fn has_milestone(&self, step: u64) -> bool {
        files::is_file(&self.folder.join(milestone_name(step)))
    }

    /// Saves a permanent copy of the weights in half precision, or in full precision if a weight exceeds its range. Returns the path. Fails
    /// if writing fails; there is then no milestone of this step.
    pub fn save_milestone(
        &self,
        info: &CheckpointInfo,
        parameters: &[Parameter],
        state: &ArenaState,
    ) -> Result<PathBuf> {
        self.create_folder()?;
        let path = self.folder.join(milestone_name(info.step));
        let partial = storage::partial_path(&path);
        let precision = StoredPrecision::from_weights(&state.parameters);
        let written = state::write_weights(&partial, info, parameters, state, precision)
            .and_then(|_| files::rename(&partial, &path).map_err(Error::io(&path)));
        if let Err(error) = written {
            // The partial file only takes up space.
            files::remove_file(&partial).ok();
            return Err(error);
        }
        storage::sync_folder_of(&path);
        Ok(path)
    }

    /// Like [`Checkpoints::load`]; fails if there is no checkpoint.
    pub async fn load_named(
        &mut self,
        choice: &CheckpointChoice,
        parameters: &[Parameter],
        content: Content,
        yielder: &Yielder,
    ) -> Result<Loaded> {
        let loaded = self.load(choice, parameters, content, yielder).await?;
        loaded.ok_or_else(|| Error::bad_file(&self.folder, "this run has no checkpoint yet; train it first"))
    }

    pub(super) async fn load_file(
        &self,
        name: &str,
        parameters: &[Parameter],
        content: Content,
        yielder: &Yielder,
    ) -> Result<Loaded> {
        let path = self.folder.join(name);
        let is_milestone = milestone_step(name).is_some();
        if is_milestone && content == Content::WeightsAndMoments {
            let reason = "a milestone has only weights; training cannot continue from it bit for bit";
            return Err(Error::bad_file(path, reason));
        }
        if is_milestone && !files::is_file(&path) {
            let reason = self.instead_of(name).unwrap_or_else(|| "there is no such milestone".to_owned());
            return Err(Error::bad_file(path, reason));
        }
        let entry = if is_milestone { None } else { Some(self.entry(name)?) };
        state::read(&path, entry.as_ref(), parameters, content, (self.memory)(), yielder).await
    }

    /// Suggests the nearest kept checkpoint for a missing one, by the step in its name. `None` if nothing is kept or
    /// the name contains no step.
    pub fn instead_of(&self, name: &str) -> Option<String> {
        let of_checkpoint = || name.strip_prefix("step-")?.split('-').next()?.parse().ok();
        let wanted: u64 = milestone_step(name).or_else(of_checkpoint)?;
        let nearest = self.list().into_iter().min_by_key(|summary| summary.step.abs_diff(wanted))?;
        let (step, file) = (nearest.step, nearest.file);
        Some(format!("step {wanted} has no checkpoint; the nearest is step {step}, {file}"))
    }

    fn entry(&self, name: &str) -> Result<ManifestEntry> {
        let manifests = self.manifests(&mut Vec::new())?;
        let mut entries = manifests.iter().flat_map(|(_, manifest)| manifest.entries());
        entries.find(|entry| entry.file == name).cloned().ok_or_else(|| {
            let known: Vec<String> = self.list().into_iter().map(|summary| summary.file).collect();
            let reason =
                glasshouse_protocol::names::unknown("checkpoint", name, known.iter().map(String::as_str));
            Error::bad_file(&self.folder, reason)
        })
    }
}
