use super::*;
use glasshouse_platform::{Yielder, block_on, given_up_after, memory_files};
use glasshouse_protocol::presets;
use proptest::prelude::*;
use std::cell::Cell;
use std::rc::Rc;

pub(crate) fn pack(folder: &Path) -> Result<Vec<u8>> {
    block_on(super::pack(folder, &Yielder::none())).map(|(bytes, _)| bytes)
}

fn read<F: Read + Seek>(file: F) -> Result<Archive<F>> {
    block_on(Archive::read(file, true, &Yielder::none()))
}

/// A project with a run, a token stream, and temporary files of running programs.
fn project() -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open_or_create(&folder.path().join("p")).unwrap();
    project.set_name("Eulen & Käuze").unwrap();
    let mut config = presets::preset("nanogpt-cpu").unwrap();
    config.model.vocabulary = 65;
    let run = project.create_run(&config, &project.folder().join("data")).unwrap();
    let _lock = run.lock().unwrap();
    for (name, content) in [
        (".use.lock", Vec::new()),
        ("runs/.lock", Vec::new()),
        ("data/abc/train-00000.bin", vec![7; 5000]),
        ("data/.partial-12/train-00000.bin", vec![1; 50]),
        ("data/.partial-12.lock", Vec::new()),
        ("cleaned/.staging.jsonl", vec![b'{'; 70]),
        ("documents/Текст.txt", "Жили-были".into()),
        ("runs/1-nanogpt-cpu/metrics.jsonl", Vec::new()),
        ("runs/1-nanogpt-cpu/run.json.partial", vec![0; 9]),
        (".lock", Vec::new()),
    ] {
        let path = project.folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    (folder, project)
}

const NAMES: [&str; 7] = [
    "data/abc/train-00000.bin",
    "documents/Текст.txt",
    "project.json",
    "runs/1-nanogpt-cpu/metrics.jsonl",
    "runs/1-nanogpt-cpu/run-copy.json",
    "runs/1-nanogpt-cpu/run.json",
    "runs/1-nanogpt-cpu/run.toml",
];

fn packed_file(folder: &Path, to: &Path, replace: bool) -> Result<Packed> {
    block_on(pack_file(folder, to, replace, &Yielder::none()))
}

#[test]
fn a_project_goes_through_bytes_and_memory_and_back() {
    let (folder, project) = project();
    assert_eq!(names_of(project.folder()).unwrap(), NAMES);
    let bytes = pack(project.folder()).unwrap();
    // Documents set aside for a starting run can only be restored or removed here, so they are not packed.
    let aside = project.folder().join("documents.before");
    std::fs::create_dir(&aside).unwrap();
    std::fs::write(aside.join("a.txt"), "old").unwrap();
    assert!(bytes == pack(project.folder()).unwrap());
    // Nor is extracted prose, which another archive could claim for any document.
    let prose = project.folder().join("data/prose");
    std::fs::create_dir(&prose).unwrap();
    std::fs::write(prose.join("0".repeat(64)), "claimed").unwrap();
    assert!(bytes == pack(project.folder()).unwrap());
    let planted = format!("data/prose/{}", "0".repeat(64));
    let entries = [OURS, (planted.as_str(), &b"claimed"[..]), ("notes.txt", b"x")];
    assert_eq!(read(Cursor::new(packed(&entries))).unwrap().bytes(), OURS.1.len() as u64 + 1);
    let archive = read(Cursor::new(&bytes)).unwrap();
    assert_eq!(archive.name(), "Eulen & Käuze");
    let total: u64 =
        NAMES.iter().map(|name| std::fs::metadata(project.folder().join(name)).unwrap().len()).sum();
    assert_eq!(archive.bytes(), total);

    // In-memory files, as in a browser.
    let place = Path::new("/archive-test");
    let create = |path: &Path| {
        memory_files::create_dir_all(path.parent().unwrap())?;
        memory_files::File::create(path)
    };
    block_on(archive.unpack_with(place, create, |file| file.sync_all(), &Yielder::none())).unwrap();
    let contents: Vec<_> =
        NAMES.iter().map(|name| (*name, memory_files::read(place.join(name)).unwrap())).collect();
    let contents: Vec<(&str, &[u8])> = contents.iter().map(|(name, content)| (*name, &content[..])).collect();
    let again = packed(&contents);
    assert!(again == bytes);

    let unpacked = folder.path().join("unpacked");
    block_on(read(Cursor::new(&again)).unwrap().unpack(&unpacked, &Yielder::none())).unwrap();
    assert_eq!(names_of(&unpacked).unwrap(), NAMES);
    assert!(pack(&unpacked).unwrap() == bytes);
}

fn packed(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut packer = Packer::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        block_on(packer.add(name, content.len() as u64, &mut &content[..], &Yielder::none())).unwrap();
    }
    block_on(packer.finish(&Yielder::none())).unwrap().into_inner()
}

/// A modified archive with a correct checksum.
fn resealed(bytes: Vec<u8>) -> Vec<u8> {
    let mut file = Cursor::new(bytes);
    block_on(seal::close(&mut file, &Yielder::none())).unwrap();
    file.into_inner()
}

const OURS: (&str, &[u8]) = (MARKER, br#"{"format": "glasshouse-project", "version": 1}"#);

fn refusal(bytes: &[u8]) -> String {
    let message = read(Cursor::new(bytes)).unwrap_err().to_string();
    assert!(!message.contains('\n') && message.contains("; "), "{message}");
    message
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in [
        "../evil",
        "a/../../evil",
        "/etc/passwd",
        "C:/evil",
        "C:evil",
        "a\\..\\evil",
        "a//b",
        "./a",
        "stream:hidden",
        "dots..",
        "a/ ",
        "new\nline",
    ] {
        let message = refusal(&packed(&[OURS, (name, b"x")]));
        assert!(message.contains("not a plain path inside a project"), "{name:?}: {message}");
    }
    let long = "a".repeat(5000);
    assert!(refusal(&packed(&[OURS, (&long, b"x")])).contains("not a plain path"));
}

#[test]
fn what_is_no_project_of_ours_is_refused() {
    assert!(refusal(b"PK").contains(".glasshouse file cannot be opened"));
    assert!(refusal(&packed(&[("readme.txt", b"x")])).contains("it has no project.json"));
    let other = (MARKER, &br#"{"format": "other", "version": 1}"#[..]);
    assert!(refusal(&packed(&[other])).contains("its format is not"));
    let newer = (MARKER, &br#"{"format": "glasshouse-project", "version": 2}"#[..]);
    assert!(refusal(&packed(&[newer])).contains("version 2"));
    assert!(refusal(&packed(&[(MARKER, b"[")])).contains("project.json"));
    assert!(refusal(&packed(&[(MARKER, &vec![b' '; 2 << 20])])).contains("too long"));
    assert!(refusal(&packed(&[OURS, ("A", b"x"), ("a", b"y")])).contains("twice"));
}

#[test]
fn packing_shows_life() {
    let (_folder, project) = project();
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    glasshouse_platform::show_life_by(move || counted.set(counted.get() + 1));
    pack(project.folder()).unwrap();
    assert!(count.get() > 0);
}

#[test]
fn links_are_refused() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    writer.start_file(OURS.0, options).unwrap();
    writer.write_all(OURS.1).unwrap();
    writer.add_symlink("data", "/etc", options).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    assert!(refusal(&bytes).contains("is a link"));
}

#[test]
fn claims_are_checked_before_anything_is_unpacked() {
    // Packing fails if the result could not be unpacked.
    let mut packer = Packer::new(Cursor::new(Vec::new()));
    (packer.files, packer.bytes) = (MAX_ENTRIES - 1, 0);
    block_on(packer.add("last", 1, &mut &b"x"[..], &Yielder::none())).unwrap();
    let refused = block_on(packer.add("one more", 1, &mut &b"x"[..], &Yielder::none()));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("200000 files"), "{refused}");

    // 40 MB of zeros in 40 kB is plausible; a larger claim for the same data is not.
    let bomb = packed(&[OURS, ("zeros", &vec![0; 40 << 20])]);
    assert!(bomb.len() < 200_000);
    let honest = read(Cursor::new(&bomb)).unwrap();
    assert!(honest.check_room(Some(50 << 20)).is_ok() && honest.check_room(None).is_ok());
    let full = honest.check_room(Some(30 << 20)).unwrap_err().to_string();
    assert!(full.contains("unpacks to 41.9 MB, but there is room for 31.5 MB"), "{full}");
    let claimed = (40_u32 << 20).to_le_bytes();
    let places: Vec<usize> = (0..bomb.len() - 4).filter(|at| bomb[*at..].starts_with(&claimed)).collect();
    let claim = |length: u32| {
        let mut bytes = bomb.clone();
        for place in &places {
            bytes[*place..place + 4].copy_from_slice(&length.to_le_bytes());
        }
        resealed(bytes)
    };
    assert!(refusal(&claim(u32::MAX - 1)).contains("claims 4294967294 bytes out of"));
    // An entry with more data than claimed is truncated.
    let folder = tempfile::tempdir().unwrap();
    let small = claim(1000);
    let error = block_on(read(Cursor::new(&small)).unwrap().unpack(folder.path(), &Yielder::none()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("damaged"), "{error}");
    let written = std::fs::metadata(folder.path().join("zeros")).map_or(0, |metadata| metadata.len());
    assert!(written <= 1000, "{written}");
}

#[test]
fn a_bit_that_turns_over_anywhere_is_one_clear_error() {
    let whole = packed(&[OURS, ("documents/a.txt", b"some text"), ("runs/1-x/run.toml", b"seed = 1")]);
    read(Cursor::new(&whole)).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let message = refusal(&bytes);
        assert!(message.contains("(checksum)"), "bit {bit}: {message}");
    }
    for length in 0..whole.len() {
        assert!(!refusal(&whole[..length]).is_empty());
    }
    // From an older version or another program, without a checksum.
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(OURS.0, SimpleFileOptions::default()).unwrap();
    writer.write_all(OURS.1).unwrap();
    read(writer.finish().unwrap()).unwrap();
}

#[test]
fn whatever_people_call_their_texts_is_packed_and_unpacked() {
    let (folder, project) = project();
    let documents = project.folder().join("documents");
    let mut names: Vec<std::ffi::OsString> =
        ["lock", "my.lock", "draft.partial", ".partial-1", ".lock", "plain.txt"].map(Into::into).to_vec();
    if cfg!(unix) {
        names.extend(
            ["a:b.txt", "a\\b.txt", "two\nlines.txt", "space ", "dot.", "README", "Readme"].map(Into::into),
        );
    }
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt as _;
        names.push(std::ffi::OsStr::from_bytes(b"caf\xe9.txt").to_owned());
        std::os::unix::fs::symlink("plain.txt", documents.join("link.txt")).unwrap();
        std::os::unix::fs::symlink("/etc", documents.join("folder")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", documents.join("secret.txt")).unwrap();
        names.push("link.txt".into());
    }
    for (number, name) in names.iter().enumerate().filter(|(_, name)| *name != "link.txt") {
        std::fs::write(documents.join(name), format!("text {number}")).unwrap();
    }
    let file = folder.path().join("p.glasshouse");
    let packed = packed_file(project.folder(), &file, false).unwrap();
    std::fs::remove_file(documents.join("secret.txt")).ok();
    let unpacked = unpack_file(&file, &folder.path().join("there"), false).unwrap();
    let texts = |folder: &Path| -> Vec<Vec<u8>> {
        let entries = std::fs::read_dir(folder.join("documents")).unwrap();
        let mut texts: Vec<_> =
            entries.filter_map(|entry| std::fs::read(entry.unwrap().path()).ok()).collect();
        texts.sort();
        texts
    };
    assert_eq!(texts(unpacked.folder()), texts(project.folder()));
    assert_eq!(texts(unpacked.folder()).len(), names.len() + 1);
    // Renamed and omitted files are reported.
    if cfg!(target_os = "linux") {
        assert!(packed.notes.iter().any(|note| note.contains("documents/a_b.txt")), "{:?}", packed.notes);
        for left_out in ["folder is a link to a folder", "secret.txt is a link to a file outside the folder"]
        {
            assert!(packed.notes.iter().any(|note| note.contains(left_out)), "{:?}", packed.notes);
        }
    }
    // Packing the result again gives no notes.
    let again = packed_file(unpacked.folder(), &folder.path().join("again.glasshouse"), false).unwrap();
    assert_eq!((again.files, again.notes.len()), (packed.files, 0));
    // Nothing is replaced without asking, and no temporary file remains.
    let message = packed_file(project.folder(), &file, false).unwrap_err().to_string();
    assert!(message.contains("replace it"), "{message}");
    let message = unpack_file(&file, unpacked.folder(), false).unwrap_err().to_string();
    assert!(message.contains("replace it"), "{message}");
    let lock = unpacked.run("1").unwrap().lock().unwrap();
    assert!(
        unpack_file(&file, unpacked.folder(), true).unwrap_err().to_string().contains("is training; stop it")
    );
    drop(lock);
    std::fs::write(unpacked.folder().join("documents/new.txt"), "x").unwrap();
    unpack_file(&file, unpacked.folder(), true).unwrap();
    assert!(!unpacked.folder().join("documents/new.txt").exists());
    let mut left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["again.glasshouse", "p", "p.glasshouse", "there"]);
}

#[test]
fn packing_that_is_given_up_leaves_what_stood_there() {
    let (folder, project) = project();
    let file = folder.path().join("p.glasshouse");
    std::fs::write(&file, "older").unwrap();
    let mut polls = 1;
    loop {
        let yielder = Yielder::at_every_chance();
        if given_up_after(polls, pack_file(project.folder(), &file, true, &yielder)) {
            break;
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "older", "after {polls} turns");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "after {polls} turns");
        polls += 1;
    }
    assert!(polls > 2 * NAMES.len(), "it gives {polls} turns");
    unpack_file(&file, &folder.path().join("there"), false).unwrap();
}

/// Total bytes of the files below a folder; 0 if it does not exist.
fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let bytes = |entry: std::fs::DirEntry| {
        if entry.file_type().unwrap().is_dir() {
            bytes_below(&entry.path())
        } else {
            entry.metadata().unwrap().len()
        }
    };
    entries.map(|entry| bytes(entry.unwrap())).sum()
}

proptest! {
    #[test]
    fn a_mangled_archive_is_refused_or_stays_inside_its_folder(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = packed(&[OURS, ("runs/1-x/run.toml", b"seed = 1"), ("data/t.bin", &[9; 300])]);
        for (at, value) in changes {
            let at = at.index(bytes.len() - 26);
            bytes[at] = value;
        }
        match cut {
            Some(cut) => bytes.truncate(cut.index(bytes.len())),
            // Reseal, because otherwise the checksum alone would be rejected.
            None => bytes = resealed(bytes),
        }
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("inside");
        if let Ok(archive) = read(Cursor::new(&bytes)) {
            let total = archive.bytes();
            block_on(archive.unpack(&place, &Yielder::none())).ok();
            prop_assert!(bytes_below(&place) <= total);
        }
        let outside: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        prop_assert!(outside.is_empty() || outside == [place], "{outside:?}");
    }
}
