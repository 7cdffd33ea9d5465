use super::*;
use proptest::prelude::*;
use std::io::{Seek as _, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};

/// Tests share one tree, so each uses its own folder.
fn place() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let place = PathBuf::from(format!("/test-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    create_dir(&place).unwrap();
    place
}

#[derive(Clone, Debug)]
enum Act {
    Write(String, Vec<u8>),
    CreateNew(String, Vec<u8>),
    WriteAt(String, u64, Vec<u8>),
    SetLen(String, u64),
    Read(String),
    ReadText(String),
    List(String),
    Look(String),
    CreateDir(String),
    CreateDirAll(String),
    RemoveFile(String),
    RemoveDirAll(String),
    Rename(String, String),
    Copy(String, String),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let name = || {
        proptest::collection::vec(prop_oneof!["a", "b", "c"], 1..4)
            .prop_map(|parts: Vec<String>| parts.join("/"))
    };
    let bytes = || proptest::collection::vec(any::<u8>(), 0..9);
    let act = prop_oneof![
        (name(), bytes()).prop_map(|(name, bytes)| Act::Write(name, bytes)),
        (name(), bytes()).prop_map(|(name, bytes)| Act::CreateNew(name, bytes)),
        (name(), 0_u64..12, bytes()).prop_map(|(name, at, bytes)| Act::WriteAt(name, at, bytes)),
        (name(), 0_u64..12).prop_map(|(name, length)| Act::SetLen(name, length)),
        name().prop_map(Act::Read),
        name().prop_map(Act::ReadText),
        name().prop_map(Act::List),
        name().prop_map(Act::Look),
        name().prop_map(Act::CreateDir),
        name().prop_map(Act::CreateDirAll),
        name().prop_map(Act::RemoveFile),
        name().prop_map(Act::RemoveDirAll),
        (name(), name()).prop_map(|(from, to)| Act::Rename(from, to)),
        (name(), name())
            .prop_filter("a file copied onto itself is emptied by some systems", |(from, to)| from != to)
            .prop_map(|(from, to)| Act::Copy(from, to)),
    ];
    proptest::collection::vec(act, 1..40)
}

/// Performs the same operations with either module; returns their results as text.
macro_rules! perform {
    ($files:ident, $act:expr, $root:expr) => {{
        let at = |name: &String| $root.join(name);
        let kind = |error: std::io::Error| error.kind();
        match $act {
            Act::Write(name, bytes) => format!("{:?}", $files::write(at(name), bytes).map_err(kind)),
            Act::CreateNew(name, bytes) => {
                let file = $files::OpenOptions::new().write(true).create_new(true).open(at(name));
                format!("{:?}", file.and_then(|mut file| file.write_all(bytes)).map_err(kind))
            }
            Act::WriteAt(name, position, bytes) => {
                let file = $files::OpenOptions::new().read(true).write(true).open(at(name));
                let result = file.and_then(|mut file| {
                    file.seek(SeekFrom::Start(*position))?;
                    file.write_all(bytes)?;
                    file.seek(SeekFrom::Start(0))?;
                    let mut all = Vec::new();
                    file.read_to_end(&mut all)?;
                    Ok(all)
                });
                format!("{:?}", result.map_err(kind))
            }
            Act::SetLen(name, length) => {
                let file = $files::OpenOptions::new().write(true).open(at(name));
                format!("{:?}", file.and_then(|file| file.set_len(*length)).map_err(kind))
            }
            Act::Read(name) => format!("{:?}", $files::read(at(name)).map_err(kind)),
            Act::ReadText(name) => format!("{:?}", $files::read_to_string(at(name)).map_err(kind)),
            Act::List(name) => {
                let names = $files::read_dir(at(name)).map(|entries| {
                    let mut names: Vec<_> = entries
                        .map(|entry| {
                            let entry = entry.unwrap();
                            assert_eq!(entry.path(), at(name).join(entry.file_name()));
                            (entry.file_name(), entry.file_type().unwrap().is_dir())
                        })
                        .collect();
                    names.sort();
                    names
                });
                format!("{:?}", names.map_err(kind))
            }
            Act::Look(name) => {
                let found = $files::metadata(at(name)).map(|found| {
                    (found.is_file(), found.is_dir(), if found.is_file() { found.len() } else { 0 })
                });
                format!("{:?}", found.map_err(kind))
            }
            Act::CreateDir(name) => format!("{:?}", $files::create_dir(at(name)).map_err(kind)),
            Act::CreateDirAll(name) => format!("{:?}", $files::create_dir_all(at(name)).map_err(kind)),
            Act::RemoveFile(name) => format!("{:?}", $files::remove_file(at(name)).map_err(kind)),
            Act::RemoveDirAll(name) => format!("{:?}", $files::remove_dir_all(at(name)).map_err(kind)),
            Act::Rename(from, to) => format!("{:?}", $files::rename(at(from), at(to)).map_err(kind)),
            Act::Copy(from, to) => format!("{:?}", $files::copy(at(from), at(to)).map_err(kind)),
        }
    }};
}

mod ours {
    pub use super::super::{
        OpenOptions, copy, create_dir, create_dir_all, metadata, read, read_dir, read_to_string,
        remove_dir_all, remove_file, rename, write,
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    #[cfg(target_os = "linux")]
    fn the_same_acts_have_the_results_of_the_systems_files(acts in acts()) {
        use std::fs;
        let (real, memory) = (tempfile::tempdir().unwrap(), place());
        for act in &acts {
            let wanted = perform!(fs, act, real.path());
            let found = perform!(ours, act, memory);
            prop_assert_eq!(found, wanted, "{:?} of {:?}", act, acts);
        }
    }
}

#[test]
fn an_open_file_outlives_its_name() {
    let place = place();
    let (path, other) = (place.join("a"), place.join("b"));
    let mut file = File::create(&path).unwrap();
    file.write_all(b"one").unwrap();
    rename(&path, &other).unwrap();
    file.write_all(b" two").unwrap();
    assert_eq!(read(&other).unwrap(), b"one two");
    remove_file(&other).unwrap();
    file.write_all(b" three").unwrap();
    assert_eq!(metadata(&other).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_lock_is_one_handles_until_it_is_dropped() {
    let path = place().join("lock");
    let first = File::create(&path).unwrap();
    let second = File::create(&path).unwrap();
    first.try_lock().unwrap();
    assert!(matches!(second.try_lock(), Err(TryLockError::WouldBlock)));
    drop(first);
    second.try_lock().unwrap();
}

#[test]
fn shared_bytes_stay_what_they_were() {
    let path = place().join("file");
    write(&path, "before").unwrap();
    let shared = share(&path).unwrap();
    assert!(Arc::ptr_eq(&shared, &share(&path).unwrap()));
    write(&path, "after").unwrap();
    assert_eq!(shared.as_slice(), b"before");
    assert_eq!(read(&path).unwrap(), b"after");
}

#[test]
fn what_finds_no_memory_says_so() {
    let path = place().join("file");
    write(&path, "kept").unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let error = file.set_len(1 << 62).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    let report = glasshouse_protocol::ErrorReport::from(&crate::Error::io(&path)(error));
    assert_eq!(report.kind, glasshouse_protocol::ErrorKind::OutOfMemory);
    assert!(
        report.message.contains("memory") && !report.message.contains("free some space"),
        "{}",
        report.message
    );
    assert_eq!(read(&path).unwrap(), b"kept");
}

#[test]
fn handles_do_what_they_were_opened_for() {
    let path = place().join("file");
    write(&path, "text").unwrap();
    assert!(File::open(&path).unwrap().write_all(b"x").is_err());
    assert!(File::create(&path).unwrap().read(&mut [0]).is_err());
    assert_eq!(OpenOptions::new().create(true).open(&path).unwrap_err().kind(), ErrorKind::InvalidInput);
    // Natively, the engine sends files and paths to other threads.
    fn may_be_sent<T: Send + Sync>(_: &T) {}
    may_be_sent(&File::open(&path).unwrap());
}

mod stored {
    use super::super::{lasting, rename};
    use super::*;
    use crate::block_on;
    use glasshouse_compiler::graph::{Parameter, Type};
    use glasshouse_compiler::step::ArenaState;
    use glasshouse_project::Project;
    use glasshouse_project::checkpoint::{ARENA_VERSION, CheckpointInfo, Checkpoints, Content};
    use glasshouse_project::metrics;
    use glasshouse_protocol::{CheckpointChoice, RunState, TrainEvent, presets};
    use lasting::Step;

    type Files = BTreeMap<PathBuf, Vec<u8>>;

    /// A storage that dies after `steps_left` steps; if `torn`, the last one is half done.
    struct Storage {
        folder: tempfile::TempDir,
        steps_left: usize,
        torn: bool,
        done: usize,
    }

    impl Storage {
        fn new(steps_left: usize, torn: bool) -> Self {
            Self { folder: tempfile::tempdir().unwrap(), steps_left, torn, done: 0 }
        }

        fn perform(&mut self, step: &Step) -> bool {
            if self.steps_left == 0 {
                return false;
            }
            self.steps_left -= 1;
            self.done += 1;
            let torn = self.torn && self.steps_left == 0;
            let at = |path: &Path| self.folder.path().join(path);
            let half = |length: usize| if torn { length / 2 } else { length };
            match step {
                Step::MakeFolder(path) => std::fs::create_dir(at(path)).unwrap(),
                Step::Write { path, from, content } => {
                    let mut options = std::fs::OpenOptions::new();
                    let mut file = options.write(true).create(true).truncate(false).open(at(path)).unwrap();
                    let tail = &content[*from as usize..];
                    file.set_len(*from).unwrap();
                    file.seek(SeekFrom::Start(*from)).unwrap();
                    file.write_all(&tail[..half(tail.len())]).unwrap();
                }
                Step::Move { from, to } => {
                    // In browsers without a move operation, the copy may be incomplete.
                    if let Ok(bytes) = std::fs::read(at(from)) {
                        std::fs::write(at(to), &bytes[..half(bytes.len())]).unwrap();
                        if !torn {
                            std::fs::remove_file(at(from)).unwrap();
                        }
                    }
                }
                Step::RemoveFile(path) => {
                    std::fs::remove_file(at(path)).ok();
                }
                Step::RemoveFolder(path) => {
                    std::fs::remove_dir_all(at(path)).ok();
                }
            }
            !torn
        }

        /// Stores the changes in a folder. Returns whether the storage survived.
        fn flush(&mut self, place: &Path) -> bool {
            let place = key(place);
            for work in lasting::plan() {
                if !work.path().starts_with(&place) {
                    continue;
                }
                if !work.steps.iter().all(|step| self.perform(step)) {
                    return false;
                }
                lasting::finished(work, |_| None);
            }
            true
        }

        /// The recovery at the next start.
        fn recover(&mut self) {
            (self.steps_left, self.torn) = (usize::MAX, false);
            for entry in std::fs::read_dir(self.folder.path()).unwrap() {
                let path = entry.unwrap().path();
                if path.file_name().unwrap().to_string_lossy().starts_with(lasting::JOURNAL) {
                    let steps = lasting::steps_of(&std::fs::read(&path).unwrap()).unwrap_or_default();
                    assert!(steps.iter().all(|step| self.perform(step)));
                    std::fs::remove_file(path).unwrap();
                }
            }
        }

        fn files(&self, place: &Path) -> Files {
            files_of(&self.folder.path().join(key(place)))
        }
    }

    fn files_of(root: &Path) -> Files {
        fn walk(root: &Path, folder: &Path, files: &mut Files) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(root, &path, files);
                } else {
                    let name = path.strip_prefix(root).unwrap().to_owned();
                    files.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
        let mut files = Files::new();
        walk(root, root, &mut files);
        files
    }

    fn memory_of(place: &Path) -> Files {
        let prefix = key(place);
        let disk = disk();
        let named = |path: &PathBuf| path.strip_prefix(&prefix).unwrap().to_owned();
        disk.below(&prefix)
            .filter_map(|(path, entry)| match entry {
                Entry::Folder => None,
                Entry::File(node) => Some((named(path), node.share().unwrap().to_vec())),
            })
            .collect()
    }

    /// Updates the in-memory files to a folder's new state, writing like the engine.
    fn mirror(before: &Files, after: &Files, place: &Path) {
        let is_json = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "json");
        let (records, rest): (Vec<_>, Vec<_>) = after.keys().partition(is_json);
        // Records are written after the files they refer to. Only run.json before run.toml is not in this order.
        for path in rest.into_iter().chain(records) {
            let content = &after[path];
            let to = place.join(path);
            create_dir_all(to.parent().unwrap()).unwrap();
            match before.get(path) {
                Some(old) if old == content => {}
                Some(old) if content.starts_with(old) => {
                    let mut file = OpenOptions::new().write(true).open(&to).unwrap();
                    file.seek(SeekFrom::End(0)).unwrap();
                    file.write_all(&content[old.len()..]).unwrap();
                }
                None if !is_json(&path) => write(&to, content).unwrap(),
                _ => {
                    let partial = to.with_extension("partial");
                    write(&partial, content).unwrap();
                    rename(&partial, &to).unwrap();
                }
            }
        }
        for path in before.keys().filter(|path| !after.contains_key(*path)) {
            remove_file(place.join(path)).unwrap();
        }
    }

    fn parameters() -> Vec<Parameter> {
        vec![Parameter { decayed: true, trainable: true, ..Parameter::zeros("weight", Type::f32(&[8, 8])) }]
    }

    /// States of a project's folder after its creation and after each of six checkpoints, written by the actual training code.
    fn history() -> Vec<Files> {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::open_or_create(&folder.path().join("p")).unwrap();
        let mut config = presets::preset("nanogpt-cpu").unwrap();
        config.model.vocabulary = 65;
        let run = project.create_run(&config, &project.folder().join("data")).unwrap();
        let mut history = vec![files_of(folder.path())];
        let mut checkpoints = Checkpoints::new(run.checkpoints_folder());
        let mut writer = metrics::MetricsWriter::create(&run.metrics_path()).unwrap();
        for step in 1..=6 {
            let notice = TrainEvent::Sample { step, text: "so it goes".to_owned() };
            writer.write(&notice).unwrap();
            writer.flush().unwrap();
            let info = CheckpointInfo { arena_version: ARENA_VERSION, step, ..CheckpointInfo::default() };
            let state = ArenaState::from_weights(vec![step as f32; 64]);
            // `Default`, because the project's `Yielder` is that of another build of this crate.
            block_on(checkpoints.save(
                &info,
                &parameters(),
                &state,
                step == 2 || step == 5,
                &Default::default(),
            ))
            .unwrap();
            let mut record = run.record().unwrap();
            (record.state, record.step) = (RunState::Running, step);
            run.save_record(&record).unwrap();
            history.push(files_of(folder.path()));
        }
        history
    }

    /// Replays the history with a flush after every `every` states, until the storage dies. Returns the storage and the number of
    /// the last fully flushed state.
    fn replay(history: &[Files], every: usize, mut storage: Storage) -> (Storage, PathBuf, Option<usize>) {
        let place = place();
        let mut last = None;
        let mut before = &Files::new();
        for (number, after) in history.iter().enumerate() {
            mirror(before, after, &place);
            before = after;
            assert_eq!(&memory_of(&place), after);
            if number % every == 0 {
                if !storage.flush(&place) {
                    return (storage, place, last);
                }
                assert_eq!(&storage.files(&place), after);
                last = Some(number);
            }
        }
        (storage, place, last)
    }

    #[test]
    fn a_tab_that_dies_in_the_middle_of_storing_loses_what_came_since_and_no_more() {
        let history = history();
        for every in [1, 3] {
            let (whole, ..) = replay(&history, every, Storage::new(usize::MAX, false));
            assert!(whole.done > 20);
            for stop in 1..=whole.done {
                for torn in [false, true] {
                    let storage = Storage::new(stop, torn);
                    let (mut storage, place, last) = replay(&history, every, storage);
                    lasting::adopt(&place, None);
                    storage.recover();
                    let Some(last) = last else { continue };
                    let folder = storage.folder.path().join(key(&place)).join("p");
                    let project = Project::open(&folder).unwrap();
                    let run = project.latest_run().unwrap();
                    run.config().unwrap();
                    let record = run.record().unwrap();
                    let loaded = block_on(Checkpoints::new(run.checkpoints_folder()).load(
                        &CheckpointChoice::Latest,
                        &parameters(),
                        Content::WeightsAndMoments,
                        &Default::default(),
                    ));
                    let step = loaded.unwrap().map_or(0, |loaded| loaded.info.step);
                    assert!(step >= last as u64 && record.step >= last as u64, "{step} {last} at {stop}");
                    if step > 0 {
                        let events = metrics::read(&run.metrics_path()).unwrap();
                        assert!(events.last().and_then(TrainEvent::step) >= Some(step));
                    }
                    let best = block_on(Checkpoints::new(run.checkpoints_folder()).load(
                        &CheckpointChoice::Best,
                        &parameters(),
                        Content::Weights,
                        &Default::default(),
                    ));
                    best.unwrap();
                }
            }
        }
    }

    #[test]
    fn a_step_that_failed_is_done_again() {
        let history = history();
        let place = place();
        let mut storage = Storage::new(0, false);
        let mut before = &Files::new();
        for after in &history {
            mirror(before, after, &place);
            before = after;
            // The storage is full after one step, then has room again.
            storage.steps_left = 1;
            storage.flush(&place);
            storage.steps_left = 3;
            storage.flush(&place);
        }
        storage.steps_left = usize::MAX;
        assert!(storage.flush(&place));
        assert_eq!(storage.files(&place), memory_of(&place));
        let done = storage.done;
        assert!(storage.flush(&place));
        assert_eq!(storage.done, done, "nothing was left to do");
    }

    #[test]
    fn what_is_not_loaded_is_known_moved_and_removed() {
        let place = place();
        let mut storage = Storage::new(usize::MAX, false);
        write(place.join("a"), "first").unwrap();
        create_dir(place.join("folder")).unwrap();
        write(place.join("folder/b"), "second").unwrap();
        // The folder's parent is the root, which always exists.
        assert!(storage.flush(&place));
        lasting::unload(&place, |_| true);
        assert!(read(place.join("a")).unwrap_err().to_string().contains("not loaded"));
        assert_eq!(metadata(place.join("folder/b")).unwrap().len(), 6);
        rename(place.join("folder"), place.join("moved")).unwrap();
        remove_file(place.join("a")).unwrap();
        assert!(storage.flush(&place));
        let names: Vec<_> = storage.files(&place).into_keys().collect();
        assert_eq!(names, [PathBuf::from("moved/b")]);
        assert!(!storage.folder.path().join(key(&place)).join("folder").exists());
        let absent = lasting::absent(&place);
        assert_eq!(absent.len(), 1);
        for file in absent {
            assert_eq!(file.length, 6);
            let bytes = std::fs::read(storage.folder.path().join(&file.path)).unwrap();
            file.fill(bytes);
        }
        assert_eq!(read(place.join("moved/b")).unwrap(), b"second");
        let done = storage.done;
        assert!(storage.flush(&place));
        assert_eq!(storage.done, done);
    }

    #[test]
    fn what_changes_while_it_is_stored_is_stored_again() {
        let place = place();
        let mut storage = Storage::new(usize::MAX, false);
        let mut file = File::create(place.join("log")).unwrap();
        file.write_all(b"one ").unwrap();
        let plan: Vec<_> =
            lasting::plan().into_iter().filter(|work| work.path().starts_with(key(&place))).collect();
        file.write_all(b"two ").unwrap();
        for work in plan {
            assert!(work.steps.iter().all(|step| storage.perform(step)));
            lasting::finished(work, |_| None);
        }
        assert_eq!(storage.files(&place).into_values().next().unwrap(), b"one ");
        let plan = lasting::plan();
        let tail = plan.iter().find(|work| work.path().starts_with(key(&place))).unwrap();
        assert!(matches!(tail.steps[..], [Step::Write { from: 4, .. }]), "{tail:?}");
        assert!(storage.flush(&place));
        assert_eq!(storage.files(&place).into_values().next().unwrap(), b"one two ");
    }

    #[test]
    fn what_another_tab_changed_is_taken_in_anew() {
        let place = place();
        let mut storage = Storage::new(usize::MAX, false);
        for name in ["changed", "gone", "same"] {
            write(place.join(name), name).unwrap();
        }
        assert_eq!(lasting::known(&place), None);
        assert!(storage.flush(&place));
        let mut listing = lasting::known(&place).unwrap();
        assert_eq!(listing.len(), 3);
        let at = |name: &str| key(&place).join(name);
        // Another tab writes.
        std::fs::write(storage.folder.path().join(at("changed")), "otherwise").unwrap();
        let time = SystemTime::now();
        listing.insert(at("changed"), Some((9, time)));
        listing.remove(&at("gone"));
        listing.insert(at("folder"), None);
        listing.insert(at("folder/new"), Some((3, time)));
        lasting::adopt(&place, Some(&listing));
        assert_eq!(lasting::known(&place), Some(listing));
        let names: Vec<_> = read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["changed", "folder", "same"]);
        for file in lasting::absent(&place) {
            let bytes = std::fs::read(storage.folder.path().join(&file.path)).unwrap_or_default();
            file.fill(bytes);
        }
        assert_eq!(read(place.join("changed")).unwrap(), b"otherwise");
        let done = storage.done;
        assert!(storage.flush(&place));
        assert_eq!(storage.done, done, "nothing of this tab's was to be stored");
        lasting::adopt(&place, None);
        assert!(metadata(&place).is_err());
    }

    #[test]
    fn what_another_tab_removed_comes_back_as_far_as_it_is_in_memory() {
        let place = place();
        let mut storage = Storage::new(usize::MAX, false);
        create_dir(place.join("folder")).unwrap();
        for name in ["here", "folder/here", "folder/stored", "stored"] {
            write(place.join(name), name).unwrap();
        }
        assert!(storage.flush(&place));
        lasting::unload(&place, |path| path.ends_with("stored"));
        let root = storage.folder.path().to_owned();
        std::fs::remove_dir_all(root.join(key(&place)).join("folder")).unwrap();
        let mut listing = lasting::Listing::new();
        listing.insert(key(&place), None);
        for name in ["here", "stored"] {
            listing.insert(key(&place).join(name), Some((name.len() as u64, SystemTime::now())));
        }
        lasting::reconcile(&place, &listing);
        assert!(storage.flush(&place));
        let names: Vec<_> = storage.files(&place).into_keys().collect();
        assert_eq!(names, ["folder/here", "here", "stored"].map(PathBuf::from));
        assert_eq!(metadata(place.join("folder/stored")).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_journal_that_is_not_whole_is_none() {
        let place = place();
        let mut storage = Storage::new(usize::MAX, false);
        write(place.join("run.json"), "old").unwrap();
        assert!(storage.flush(&place));
        write(place.join("new"), "new content").unwrap();
        rename(place.join("new"), place.join("run.json")).unwrap();
        let plan = lasting::plan();
        let work = plan.iter().find(|work| work.path() == key(&place.join("run.json"))).unwrap();
        let Step::Write { content, .. } = &work.steps[0] else { panic!("{work:?}") };
        let steps = lasting::steps_of(content).unwrap();
        let [Step::Write { path, from: 0, content: found }] = steps.as_slice() else { panic!("{steps:?}") };
        assert_eq!((path, found.as_slice()), (&key(&place.join("run.json")), &b"new content"[..]));
        for cut in 0..content.len() {
            assert!(lasting::steps_of(&content[..cut]).is_none());
            let mut changed = content.to_vec();
            changed[cut] ^= 4;
            assert!(lasting::steps_of(&changed).is_none());
        }
    }

    /// A project with files in memory, files only in the storage, and the storage.
    fn shelved(steps_left: usize, torn: bool) -> (PathBuf, Storage, Files) {
        let place = place();
        let mut storage = Storage::new(usize::MAX, false);
        create_dir_all(place.join("p/runs")).unwrap();
        for name in ["p/project.json", "p/runs/large", "p/runs/run.json"] {
            write(place.join(name), name).unwrap();
        }
        assert!(storage.flush(&place));
        let files = storage.files(&place);
        lasting::unload(&place, |path| path.ends_with("large"));
        (storage.steps_left, storage.torn, storage.done) = (steps_left, torn, 0);
        (place, storage, files)
    }

    fn renamed(files: &Files) -> Files {
        files
            .iter()
            .map(|(path, bytes)| (Path::new("q").join(path.strip_prefix("p").unwrap()), bytes.clone()))
            .collect()
    }

    #[test]
    fn a_folder_that_is_renamed_is_whole_in_one_of_its_places_wherever_a_tab_dies() {
        let (place, mut storage, before) = shelved(usize::MAX, false);
        rename(place.join("p"), place.join("q")).unwrap();
        assert!(storage.flush(&place));
        assert_eq!(storage.files(&place), renamed(&before));
        for stop in 1..=storage.done {
            for torn in [false, true] {
                let (place, mut storage, before) = shelved(stop, torn);
                rename(place.join("p"), place.join("q")).unwrap();
                storage.flush(&place);
                storage.recover();
                let found = storage.files(&place);
                assert!(found == before || found == renamed(&before), "{found:?} after {stop} steps");
                lasting::adopt(&place, None);
            }
        }
    }

    #[test]
    fn what_is_renamed_there_and_back_is_as_it_was() {
        let (place, mut storage, before) = shelved(usize::MAX, false);
        rename(place.join("p"), place.join("q")).unwrap();
        rename(place.join("q"), place.join("p")).unwrap();
        assert!(storage.flush(&place));
        assert_eq!((storage.done, storage.files(&place)), (0, before.clone()));
        rename(place.join("p"), place.join("q")).unwrap();
        assert!(storage.flush(&place));
        write(place.join("q/project.json"), "longer than before, and other").unwrap();
        rename(place.join("q"), place.join("p")).unwrap();
        assert!(storage.flush(&place));
        let mut wanted = before;
        wanted.insert("p/project.json".into(), b"longer than before, and other".to_vec());
        assert_eq!(storage.files(&place), wanted);
        lasting::adopt(&place, None);
    }

    #[test]
    fn names_that_are_handed_on_keep_their_contents() {
        let place = place();
        let mut storage = Storage::new(usize::MAX, false);
        for name in ["a", "b"] {
            write(place.join(name), name).unwrap();
        }
        assert!(storage.flush(&place));
        lasting::unload(&place, |_| true);
        rename(place.join("b"), place.join("c")).unwrap();
        rename(place.join("a"), place.join("b")).unwrap();
        assert!(storage.flush(&place));
        let wanted =
            [("b", "a"), ("c", "b")].map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec()));
        assert_eq!(storage.files(&place), wanted.into());
    }

    #[test]
    fn what_this_tab_removed_and_did_not_store_yet_is_not_new() {
        let (place, mut storage, _) = shelved(usize::MAX, false);
        let project = place.join("p");
        assert!(lasting::holds(&project));
        super::super::remove_dir_all(&project).unwrap();
        assert!(lasting::holds(&project), "the storage has it still");
        assert!(storage.flush(&place));
        assert!(!lasting::holds(&project));
    }

    #[test]
    fn works_of_different_projects_are_told_apart() {
        let place = place();
        for project in ["one", "other"] {
            create_dir(place.join(project)).unwrap();
            write(place.join(project).join("text"), project).unwrap();
        }
        let plan = lasting::plan();
        let of = |project: &str| {
            let project = key(&place).join(project);
            plan.iter().filter(|work| work.places().contains(&project)).count()
        };
        assert_eq!((of("one"), of("other")), (2, 2));
    }

    /// A stored file read by number, at most five bytes at a time.
    fn alphabet(number: u64, at: u64, buffer: &mut [u8]) -> Result<usize> {
        assert_eq!(number, 26);
        let rest = &b"abcdefghijklmnopqrstuvwxyz"[at as usize..];
        let count = rest.len().min(buffer.len()).min(5);
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    #[test]
    fn what_is_kept_apart_is_read_where_it_is_and_takes_no_memory() {
        let place = place();
        let mut storage = Storage::new(usize::MAX, false);
        let (path, text) = (place.join("milestone"), "abcdefghijklmnopqrstuvwxyz");
        write(&path, text).unwrap();
        assert_eq!(lasting::spare(&path), None, "it is not stored yet");
        assert!(storage.flush(&place));
        let mapped = share(&path).unwrap();
        assert_eq!(lasting::spare(&path), None, "someone uses it");
        drop(mapped);
        assert_eq!(lasting::spare(&path), Some(26));
        let reader = lasting::Reader { number: 26, read: alphabet };
        lasting::set_apart(&path, reader);
        assert_eq!(lasting::spare(&path), None);
        assert!(lasting::absent(&place).is_empty());
        assert_eq!(metadata(&path).unwrap().len(), 26);
        // Reading parts or all of it does not load it.
        let mut file = File::open(&path).unwrap();
        file.seek(SeekFrom::Start(23)).unwrap();
        let mut end = String::new();
        file.read_to_string(&mut end).unwrap();
        assert_eq!((end.as_str(), read(&path).unwrap()), ("xyz", text.as_bytes().to_vec()));
        assert_eq!(lasting::spare(&path), None);
        // Moving does not load it.
        let moved = place.join("moved");
        rename(&path, &moved).unwrap();
        assert!(storage.flush(&place));
        assert_eq!(storage.files(&place), [("moved".into(), text.as_bytes().to_vec())].into());
        // Changing or mapping it loads it into memory.
        let mut file = OpenOptions::new().write(true).open(&moved).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b".").unwrap();
        assert_eq!(share(&moved).unwrap().as_slice(), format!("{text}.").as_bytes());
        assert!(storage.flush(&place));
        assert_eq!(storage.files(&place)[Path::new("moved")], format!("{text}.").as_bytes());
        // Content that was never loaded can stay in the storage.
        lasting::unload(&place, |_| true);
        let [absent] = <[_; 1]>::try_from(lasting::absent(&place)).unwrap();
        absent.keep_apart(lasting::Reader { number: 26, read: alphabet });
        let mut start = [0; 3];
        File::open(&moved).unwrap().read_exact(&mut start).unwrap();
        assert_eq!(&start, b"abc");
        lasting::adopt(&place, None);
    }
}
