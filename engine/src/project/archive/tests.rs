use super::*;
use crate::platform::memory_files;
use crate::protocol::presets;
use proptest::prelude::*;

/// A project with a run, a token stream and what programs at work leave.
fn project() -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open_or_create(&folder.path().join("p")).unwrap();
    project.set_name("Eulen & Käuze").unwrap();
    let mut config = presets::preset("nanogpt-cpu").unwrap();
    config.model.vocabulary = 65;
    let run = project.create_run(&config, &project.folder().join("data")).unwrap();
    let _lock = run.lock().unwrap();
    for (name, content) in [
        ("data/abc/train-00000.bin", vec![7; 5000]),
        ("data/.partial-12/train-00000.bin", vec![1; 50]),
        ("data/.partial-12.lock", Vec::new()),
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

const NAMES: [&str; 6] = [
    "data/abc/train-00000.bin",
    "documents/Текст.txt",
    "project.json",
    "runs/1-nanogpt-cpu/metrics.jsonl",
    "runs/1-nanogpt-cpu/run.json",
    "runs/1-nanogpt-cpu/run.toml",
];

#[test]
fn a_project_goes_through_bytes_and_memory_and_back() {
    let (folder, project) = project();
    assert_eq!(names_of(project.folder()).unwrap(), NAMES);
    let bytes = pack(project.folder()).unwrap();
    assert!(bytes == pack(project.folder()).unwrap());
    let archive = Archive::read(&bytes).unwrap();
    assert_eq!(archive.name(), "Eulen & Käuze");
    let total: u64 =
        NAMES.iter().map(|name| std::fs::metadata(project.folder().join(name)).unwrap().len()).sum();
    assert_eq!(archive.bytes(), total);

    // As a browser has it.
    let place = Path::new("/archive-test");
    let create = |path: &Path| {
        memory_files::create_dir_all(path.parent().unwrap())?;
        memory_files::File::create(path)
    };
    archive.unpack_with(place, create, |file| file.sync_all()).unwrap();
    let contents =
        NAMES.iter().map(|name| Ok(((*name).to_owned(), memory_files::read(place.join(name)).unwrap())));
    let again = pack_files(contents, &mut || ()).unwrap();
    assert!(again == bytes);

    let unpacked = folder.path().join("unpacked");
    Archive::read(&again).unwrap().unpack(&unpacked).unwrap();
    assert_eq!(names_of(&unpacked).unwrap(), NAMES);
    assert!(pack(&unpacked).unwrap() == bytes);
}

fn packed(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let contents = entries.iter().map(|(name, content)| Ok(((*name).to_owned(), content.to_vec())));
    pack_files(contents, &mut || ()).unwrap()
}

const OURS: (&str, &[u8]) = (MARKER, br#"{"format": "glasshouse-project", "version": 1}"#);

fn refusal(bytes: &[u8]) -> String {
    let message = Archive::read(bytes).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
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
        assert!(message.contains("no plain place inside a project"), "{name:?}: {message}");
    }
    let long = "a".repeat(600);
    assert!(refusal(&packed(&[OURS, (&long, b"x")])).contains("no plain place"));
}

#[test]
fn what_is_no_project_of_ours_is_refused() {
    assert!(refusal(b"PK").contains("no .glasshouse file"));
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
    let many: Vec<(String, Vec<u8>)> =
        (0..MOST_ENTRIES + 1).map(|number| (format!("f{number}"), Vec::new())).collect();
    assert!(refusal(&pack_files(many.into_iter().map(Ok), &mut || ()).unwrap()).contains("entries"));

    // Forty megabytes of zeros in forty kilobytes are honest; a list that claims more than that of them is not.
    let bomb = packed(&[OURS, ("zeros", &vec![0; 40 << 20])]);
    assert!(bomb.len() < 200_000);
    Archive::read(&bomb).unwrap();
    let claimed = (40_u32 << 20).to_le_bytes();
    let places: Vec<usize> = (0..bomb.len() - 4).filter(|at| bomb[*at..].starts_with(&claimed)).collect();
    let claim = |length: u32| {
        let mut bytes = bomb.clone();
        for place in &places {
            bytes[*place..place + 4].copy_from_slice(&length.to_le_bytes());
        }
        bytes
    };
    assert!(refusal(&claim(u32::MAX - 1)).contains("claims 4294967294 bytes out of"));
    // One that claims less than it holds is cut off at its claim.
    let folder = tempfile::tempdir().unwrap();
    let small = claim(1000);
    let error = Archive::read(&small).unwrap().unpack(folder.path()).unwrap_err().to_string();
    assert!(error.contains("damaged"), "{error}");
    let written = std::fs::metadata(folder.path().join("zeros")).map_or(0, |metadata| metadata.len());
    assert!(written <= 1000, "{written}");
}

proptest! {
    #[test]
    fn a_mangled_archive_is_refused_or_stays_inside_its_folder(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = packed(&[OURS, ("runs/1-x/run.toml", b"seed = 1"), ("data/t.bin", &[9; 300])]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("inside");
        if let Ok(archive) = Archive::read(&bytes) {
            let total = archive.bytes();
            archive.unpack(&place).ok();
            let size = |name: &String| std::fs::metadata(place.join(name)).unwrap().len();
            let written: u64 = if place.exists() { names_of(&place).unwrap().iter().map(size).sum() } else { 0 };
            prop_assert!(written <= total);
        }
        let outside: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        prop_assert!(outside.is_empty() || outside == [place], "{outside:?}");
    }
}
