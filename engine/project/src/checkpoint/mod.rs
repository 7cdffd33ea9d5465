//! Crash-safe checkpoints.
//!
//! The state is written to a new file. Once it is on disk, one of two alternating manifests, `manifest-a.json` and
//! `manifest-b.json`, names it. A manifest holds a checksum of itself and of the files it names. After a crash or on a
//! full disk, the newest manifest that verifies names intact files, and the previous one names the previous state.
//! (They alternate because a browser's private file system has no atomic rename.)
//!
//! Kept are the latest state, the previous one, the one with the lowest validation loss, and, if the guard is on, the two it may roll back
//! to. Milestones (weights only, in half precision) are files that no manifest names and that are never removed. If a manifest is lost, an
//! intact state that is newer than all those named counts as the latest; files that no manifest of ours named are never removed.

mod guard;
mod list;
mod manifest;
mod moment;
mod state;

pub use guard::GuardState;
pub use moment::CarriedFile;
pub use state::{ARENA_VERSION, CheckpointInfo, Content, read_state, settings_of};

use crate::shelf::names_in;
use glasshouse_compiler::graph::{Parameter, Type};
use glasshouse_compiler::plan::arena::{Stored, StoredWeights};
use glasshouse_compiler::step::{ArenaState, LossScale};
use glasshouse_platform::{Error, Result, Yielder, block_on, files, storage};
use glasshouse_protocol::{CheckpointChoice, order};
use manifest::{Manifest, ManifestEntry, Slot};
use state::{StateFile, StateReader, StoredPrecision};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Number of states kept for the guard.
const KEPT: usize = 2;

#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub info: CheckpointInfo,
    /// Weights, and moments if requested.
    pub state: ArenaState,
    /// Matrices in the blocks of a GGUF file.
    pub blocks: Vec<Stored>,
    pub path: PathBuf,
    /// Damaged files that were skipped, one line each.
    pub notices: Vec<String>,
}

impl Loaded {
    /// The weights as a decoder stores them.
    pub fn into_stored(self) -> StoredWeights {
        let ArenaState { parameters, stored, .. } = self.state;
        let (floats, words) = (Arc::unwrap_or_clone(parameters), Arc::unwrap_or_clone(stored));
        StoredWeights { floats, words, blocks: self.blocks }
    }
}

#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    /// The place of the manifest last loaded or written, which the next save must not overwrite.
    trusted: Option<Slot>,
    /// The manifest last loaded, and whether it is on disk.
    loaded: Option<(Manifest, bool)>,
    best: Option<ManifestEntry>,
    /// States the guard may roll back to, newest last.
    kept: Vec<ManifestEntry>,
    /// Whether the next saved state is added to `kept`.
    keeps_next: bool,
    /// Bytes of memory for a checkpoint, if the system reports them.
    memory: fn() -> Option<u64>,
}

/// A checkpoint being written. Dropping it before [`Checkpoints::finish`] leaves the checkpoints unchanged.
pub struct Begun {
    sequence: u64,
    slot: Slot,
    /// Length and checksum are not set yet.
    entry: ManifestEntry,
    file: StateFile,
    /// Types of the parameters that follow, and how many floats of the first were written.
    left: VecDeque<Type>,
    written: usize,
    exact: bool,
}

impl Begun {
    /// Writes the next floats: whole rows of the next parameter.
    pub fn put(&mut self, floats: &[f32]) -> Result<()> {
        if let Some(ty) = self.left.front() {
            self.exact &= self.file.put_rows(ty, floats)?;
            self.written += floats.len();
            if self.written >= ty.count() {
                self.left.pop_front();
                self.written = 0;
            }
        }
        Ok(())
    }

    /// Writes the whole next parameter, whose element is that of a GGUF file's blocks.
    pub fn put_blocks(&mut self, rows: &[u32]) -> Result<()> {
        self.left.pop_front();
        self.file.put_blocks(rows)
    }

    /// Whether the elements of the parameters held everything exactly.
    pub fn is_exact(&self) -> bool {
        self.exact
    }
}

impl Checkpoints {
    /// The checkpoints in `folder`, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            trusted: None,
            loaded: None,
            best: None,
            kept: Vec::new(),
            keeps_next: false,
            memory: glasshouse_platform::available_memory,
        }
    }

    /// Loads the chosen checkpoint of a model with these parameters; a file is one of [`Checkpoints::list`]. `None` if no checkpoint was
    /// ever completed. Fails if there is no such file, every checkpoint is damaged or belongs to another model, or moments of a milestone
    /// are requested; [`Error::TooLarge`] if one exceeds the memory, and [`Error::Io`] if one cannot be read, which may be intact.
    pub async fn load(
        &mut self,
        choice: &CheckpointChoice,
        parameters: &[Parameter],
        content: Content,
        yielder: &Yielder,
    ) -> Result<Option<Loaded>> {
        if let CheckpointChoice::File(name) = choice {
            return self.load_file(name, parameters, content, yielder).await.map(Some);
        }
        let mut notices = Vec::new();
        let manifests = self.manifests(&mut notices)?;
        if manifests.is_empty() && notices.is_empty() {
            return Ok(None);
        }
        let latest = manifests.iter().map(|manifest| (manifest, &manifest.1.latest));
        let best = manifests.iter().filter_map(|manifest| Some((manifest, manifest.1.best.as_ref()?)));
        let best = best.filter(|_| *choice == CheckpointChoice::Best);
        for ((slot, manifest), entry) in best.chain(latest) {
            let path = self.folder.join(&entry.file);
            match state::read(&path, Some(entry), parameters, content, (self.memory)(), yielder).await {
                Ok(mut loaded) => {
                    if !notices.is_empty() {
                        notices.push(format!(
                            "using {} of step {} instead",
                            path.display(),
                            loaded.info.step
                        ));
                    }
                    let on_disk = |(slot, _): &&(Option<Slot>, Manifest)| slot.is_some();
                    self.trusted = slot.or_else(|| manifests.iter().find(on_disk)?.0);
                    self.loaded = Some((manifest.clone(), slot.is_some()));
                    loaded.notices = notices;
                    return Ok(Some(loaded));
                }
                // The others are no smaller.
                Err(error @ Error::TooLarge { .. }) => return Err(error),
                Err(error) if error.is_unread() => return Err(error),
                Err(error) => {
                    let notice = format!("skipped a damaged checkpoint: {error}");
                    if !notices.contains(&notice) {
                        notices.push(notice);
                    }
                }
            }
        }
        let reason = format!("no checkpoint of this run can be used. {}", notices.join(". "));
        Err(Error::bad_file(&self.folder, reason))
    }

    /// Takes over the best checkpoint, if its file is intact, and the guard's states from the manifest used by
    /// [`Checkpoints::load`], and writes that manifest if it was lost. Call it once before a resumed run saves. Returns a notice if the best
    /// checkpoint is lost. Fails if a file cannot be read, or the manifest not be written.
    pub fn keep_best(&mut self) -> Result<Option<String>> {
        let Some((manifest, is_written)) = self.loaded.take() else { return Ok(None) };
        if !is_written {
            let slot = self.trusted.map_or(Slot::A, Slot::other);
            let before = self.written_manifests(&mut Vec::new());
            manifest.write(&self.folder, slot)?;
            self.trusted = Some(slot);
            self.sweep(before);
        }
        let Manifest { best, kept, .. } = manifest;
        self.kept = kept;
        let Some(best) = best else { return Ok(None) };
        let file = StateReader::open(&self.folder.join(&best.file), Some(&best));
        match file.and_then(|file| block_on(file.finish(&Yielder::none()))) {
            Ok(_) => {
                self.best = Some(best);
                Ok(None)
            }
            Err(error) if error.is_unread() => Err(error),
            Err(error) => Ok(Some(format!(
                "the best checkpoint is damaged, so the next evaluation makes a new one: {error}"
            ))),
        }
    }

    /// Saves the latest checkpoint, also as the best if `best` is set. Returns its path. If the future is dropped, earlier checkpoints are
    /// unchanged. Fails if writing fails, for example on a full disk. Earlier checkpoints are then unchanged.
    pub async fn save(
        &mut self,
        info: &CheckpointInfo,
        parameters: &[Parameter],
        state: &ArenaState,
        best: bool,
        yielder: &Yielder,
    ) -> Result<PathBuf> {
        let (types, precision) = (state::types(parameters, state), StoredPrecision::Full);
        let mut begun = self.begin_with(info, &types, state.loss_scale, precision)?;
        begun.file.put_all(parameters, state, yielder).await?;
        self.finish(begun, best)
    }

    /// Saves weights as the latest and best checkpoint, in half precision unless a weight exceeds its range. Training cannot be resumed
    /// from it, only started. Fails as [`Checkpoints::save`] does.
    pub async fn save_half(
        &mut self,
        info: &CheckpointInfo,
        parameters: &[Parameter],
        weights: Vec<f32>,
        yielder: &Yielder,
    ) -> Result<PathBuf> {
        let precision = StoredPrecision::from_weights(&weights);
        let state = ArenaState::from_weights(weights);
        let mut begun = self.begin_with(info, &state::types(parameters, &state), None, precision)?;
        begun.file.put_all(parameters, &state, yielder).await?;
        self.finish(begun, true)
    }

    /// Begins a weights-only checkpoint; the weights follow in parameter order.
    pub fn begin(&self, info: &CheckpointInfo, parameters: &[Parameter]) -> Result<Begun> {
        let types = parameters.iter().map(|own| (own.name.clone(), own.ty.clone()));
        self.begin_with(info, &types.collect::<Vec<_>>(), None, StoredPrecision::Full)
    }

    fn begin_with(
        &self,
        info: &CheckpointInfo,
        types: &[(String, Type)],
        loss_scale: Option<LossScale>,
        precision: StoredPrecision,
    ) -> Result<Begun> {
        self.create_folder()?;
        let manifests = self.manifests(&mut Vec::new())?;
        let sequence = manifests.first().map_or(1, |(_, manifest)| manifest.sequence + 1);
        let slot = match self.trusted.or_else(|| manifests.iter().find_map(|(slot, _)| *slot)) {
            Some(trusted) => trusted.other(),
            None => Slot::A,
        };
        let (step, val_loss) = (info.step, info.val_loss);
        let name = format!("step-{step:08}-{sequence:06}.safetensors");
        let file = StateFile::begin(&self.folder.join(&name), info, types, loss_scale, precision)?;
        let entry = ManifestEntry { file: name, bytes: 0, crc32c: None, step, val_loss };
        let left = types.iter().map(|(_, ty)| ty.clone()).collect();
        Ok(Begun { sequence, slot, entry, file, left, written: 0, exact: true })
    }

    /// Makes a begun checkpoint durable and the latest, and the best if `best` is set. Returns its path.
    pub fn finish(&mut self, begun: Begun, best: bool) -> Result<PathBuf> {
        let Begun { sequence, slot, entry, file, .. } = begun;
        let (bytes, crc32c) = file.finish()?;
        let latest = ManifestEntry { bytes, crc32c: Some(crc32c), ..entry };
        let path = self.folder.join(&latest.file);
        storage::sync_folder_of(&path);
        let best = if best { Some(latest.clone()) } else { self.best.clone() };
        let mut kept = self.kept.clone();
        if std::mem::take(&mut self.keeps_next) {
            kept.retain(|entry| entry.step < latest.step);
            kept.push(latest.clone());
            kept.drain(..kept.len().saturating_sub(KEPT));
        }
        let manifest = Manifest::new(sequence, latest, best.clone(), kept.clone());
        let before = self.written_manifests(&mut Vec::new());
        manifest.write(&self.folder, slot).inspect_err(|_| {
            // The file is unreferenced and would only take up space, which may be what is lacking.
            files::remove_file(&path).ok();
        })?;
        self.trusted = Some(slot);
        (self.best, self.kept) = (best, kept);
        self.sweep(before);
        Ok(path)
    }

    /// Keeps the next saved state for the guard, replacing the oldest kept one.
    pub fn keep_next(&mut self) {
        self.keeps_next = true;
    }

    pub fn best_step(&self) -> Option<u64> {
        self.best.as_ref().map(|entry| entry.step)
    }

    /// Steps of the states the guard may roll back to, ascending.
    pub fn kept_steps(&self) -> Vec<u64> {
        self.kept.iter().map(|entry| entry.step).collect()
    }

    /// Loads a state kept for the guard. Fails if no state of that step is kept, or it is damaged.
    pub fn load_kept(&self, step: u64, parameters: &[Parameter]) -> Result<Loaded> {
        let missing = || Error::bad_file(&self.folder, format!("no checkpoint of step {step} is kept"));
        let entry = self.kept.iter().find(|entry| entry.step == step).ok_or_else(missing)?;
        let path = self.folder.join(&entry.file);
        let (content, yielder) = (Content::WeightsAndMoments, Yielder::none());
        block_on(state::read(&path, Some(entry), parameters, content, (self.memory)(), &yielder))
    }

    /// Forgets kept states and milestones after `step`, once the run rolled back to it.
    pub fn forget_after(&mut self, step: u64) {
        self.kept.retain(|entry| entry.step <= step);
        self.remove_milestones_after(step);
    }

    /// The manifests that verify and, without a place, those of newer states that none names, newest first; damaged ones are added to
    /// `notices`. Fails if one cannot be read.
    fn manifests(&self, notices: &mut Vec<String>) -> Result<Vec<(Option<Slot>, Manifest)>> {
        let (written, missing) = self.written_manifests(notices)?;
        let unnamed = self.unnamed(&written, missing);
        // Without states that none names, nothing is lost with a list.
        let what = match missing {
            2 => Some("both lists of checkpoints are missing"),
            1 if !are_complete(&written, missing) => Some("one of the two lists of checkpoints is missing"),
            _ => None,
        };
        let what = what.filter(|_| !unnamed.is_empty());
        notices.extend(what.map(|what| format!("{}: {what}", self.folder.display())));
        let written = written.into_iter().map(|(slot, manifest)| (Some(slot), manifest));
        let mut manifests: Vec<_> =
            unnamed.into_iter().map(|manifest| (None, manifest)).chain(written).collect();
        order::sort_by_key(&mut manifests, |(_, manifest)| std::cmp::Reverse(manifest.sequence));
        Ok(manifests)
    }

    /// The manifests of the folder that verify, newest first, and the number of missing ones. Fails if one cannot be read.
    fn written_manifests(&self, notices: &mut Vec<String>) -> Result<(Vec<(Slot, Manifest)>, usize)> {
        let (mut manifests, mut missing) = (Vec::new(), 0);
        for slot in [Slot::A, Slot::B] {
            match Manifest::read(&self.folder, slot) {
                Ok(None) => missing += 1,
                Ok(Some(manifest)) => manifests.push((slot, manifest)),
                Err(error) if error.is_unread() => return Err(error),
                Err(error) => notices.push(format!("skipped a damaged list of checkpoints: {error}")),
            }
        }
        order::sort_by_key(&mut manifests, |(_, manifest)| std::cmp::Reverse(manifest.sequence));
        Ok((manifests, missing))
    }

    /// Manifests for state files that none names. With both manifests, that is one that a killed program completed just before the next
    /// manifest; otherwise all, damaged ones too, so that none is overlooked, or removed, and a run does not start again in its place. None
    /// if there are only the unfinished files of a first save: then no checkpoint was ever completed.
    fn unnamed(&self, written: &[(Slot, Manifest)], missing: usize) -> Vec<Manifest> {
        let newest = written.first().map(|(_, manifest)| manifest);
        let are_complete = are_complete(written, missing);
        let mut are_unfinished = true;
        let found = names_in(&self.folder).unwrap_or_default().into_iter().filter_map(|file| {
            let (step, sequence) = state_of(&file)?;
            let is_next = |newest: &Manifest| sequence == newest.sequence + 1 && step > newest.latest.step;
            let is_named = written.iter().any(|(_, manifest)| manifest.names(&file));
            if is_named || are_complete && !newest.is_some_and(is_next) {
                return None;
            }
            let path = self.folder.join(&file);
            let bytes = files::metadata(&path).ok().filter(files::Metadata::is_file)?.len();
            let info = state::read_info(&path);
            if are_complete && info.as_ref().is_err_and(|error| !error.is_unread()) {
                return None;
            }
            are_unfinished &= info.is_err();
            let val_loss = info.ok().and_then(|info| info.val_loss);
            Some((sequence, ManifestEntry { file, bytes, crc32c: None, step, val_loss }))
        });
        let found: Vec<(u64, ManifestEntry)> = found.collect();
        if are_unfinished && missing == 2 && found.is_sorted_by(|(one, _), (other, _)| one == other) {
            return Vec::new();
        }
        let known = newest.and_then(|newest| newest.best.as_ref()).into_iter();
        let evaluated = known.chain(found.iter().map(|(_, entry)| entry));
        let evaluated = evaluated.filter_map(|entry| Some((entry.val_loss?, entry)));
        let best =
            evaluated.min_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, entry)| entry.clone());
        let kept = newest.map_or_else(Vec::new, |newest| newest.kept.clone());
        let manifest = |(sequence, entry)| Manifest::new(sequence, entry, best.clone(), kept.clone());
        found.into_iter().map(manifest).collect()
    }

    /// Removes the files that the manifests `before` a new one named and no manifest names any more, and an unfinished one of a killed program
    /// in place of the latest. A file that cannot be removed only takes up space.
    fn sweep(&self, before: Result<(Vec<(Slot, Manifest)>, usize)>) {
        let (Ok((before, _)), Ok((now, _))) = (before, self.written_manifests(&mut Vec::new())) else {
            return;
        };
        let named = |manifests: &[(Slot, Manifest)], name: &str| {
            manifests.iter().any(|(_, manifest)| manifest.names(name))
        };
        let latest = now.first().map(|(_, manifest)| manifest.sequence);
        for name in names_in(&self.folder).unwrap_or_default() {
            let Some((_, sequence)) = state_of(&name) else { continue };
            if !named(&now, &name) && (named(&before, &name) || Some(sequence) == latest) {
                files::remove_file(self.folder.join(name)).ok();
            }
        }
    }

    /// Creates the folder, but not those around it: if the run's was removed, it must not come back without its records.
    fn create_folder(&self) -> Result<()> {
        match files::create_dir(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(Error::io(&self.folder)(error))
            }
            _ => {
                storage::sync_folder_of(&self.folder);
                Ok(())
            }
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Whether no manifest is lost: a first save writes only one.
fn are_complete(written: &[(Slot, Manifest)], missing: usize) -> bool {
    written.len() == 2 || missing == 1 && written.first().is_some_and(|(_, manifest)| manifest.sequence == 1)
}

/// Parses step and sequence number from a state file's name.
fn state_of(name: &str) -> Option<(u64, u64)> {
    let (step, sequence) = name.strip_prefix("step-")?.strip_suffix(".safetensors")?.split_once('-')?;
    // No run saves more often.
    Some((step.parse().ok()?, sequence.parse::<u32>().ok()?.into()))
}

#[cfg(test)]
mod tests;
