//! Adding, reading and holding out documents.

use super::*;

#[test]
fn added_names_are_those_that_every_file_system_takes() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = folder.path().join("shelf");
    for name in ["one", "two"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let put = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("The text of {name} is not long. ")).unwrap();
        path.display().to_string()
    };
    let mut names = vec![put("one/Readme.md"), put("two/README.md"), put("con.txt")];
    if cfg!(unix) {
        names.push(put("a:b.txt"));
    }
    let heard = play(
        &shelf,
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Add { names: names.clone() }),
            after(Export::Project { id: "p".to_owned() }.to(Some(folder.path().join("p.glasshouse")), false)),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let listed = told!(heard, Event::Documents { overview, .. } => overview.files.clone()).next();
    let listed: Vec<String> = listed.unwrap().into_iter().map(|(name, _)| name).collect();
    let wanted = ["README 2.md", "Readme.md", "_con.txt", "a_b.txt"];
    assert!(listed.iter().all(|name| wanted.contains(&name.as_str())), "{listed:?}");
    assert_eq!(listed.len(), names.len());
    let notices = heard.iter().filter(|report| matches!(report.event, Event::Notice { .. }));
    assert_eq!(notices.count(), 0, "an archive carries them as they are");
}

#[test]
fn a_folder_is_added_with_its_folders_and_what_is_passed_over_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let given = folder.path().join("given");
    let put = |name: &str, content: &str| {
        let path = given.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    put("a.txt", "The fox and the owl are friends. ");
    put(
        "sub/b.html",
        "<html><body><article><p>The owl sat in the old oak and sang of the moon all night long.</p></article></body></html>",
    );
    put("c.docx", "PK");
    // Only a file in a subfolder has the same name.
    put("sub/deep/a.txt", "The fox ran home. ");
    put("sub/deep/d.bin", "\0");
    // Detected by its first bytes.
    put("sub/paper", "%PDF-1.4\n");
    let poem = folder.path().join("poem");
    std::fs::write(&poem, "No ending says that this is text.").unwrap();
    let nothing = folder.path().join("nothing");
    std::fs::create_dir(&nothing).unwrap();
    let add = |path: &Path| after(DocumentsChange::Add { names: vec![path.display().to_string()] });
    let made = after(Command::create("p"));
    let shelf = folder.path().join("shelf");
    let heard =
        play(&shelf, vec![made, add(&given), add(&nothing), add(&given.join("sub/deep")), add(&poem)]);
    let failed = failures(&heard);
    assert!(failed.len() == 1 && failed[0].contains("holds no supported file"), "{failed:#?}");
    let listed: Vec<_> = told!(heard, Event::Documents { overview, .. } => overview.clone()).collect();
    let names: Vec<&str> = listed[0].files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, listed[0].documents), (vec!["a 2.txt", "a.txt", "b.html", "paper"], 3));
    assert_eq!((listed[1].documents, listed[2].documents), (4, 5));
    let notices: Vec<&str> = told!(heard, Event::Notice { text, .. } => text.as_str()).collect();
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(
        notices[0].starts_with("c.docx: does not start with PK as its extension requires"),
        "{notices:?}"
    );
    assert!(notices[0].ends_with(". Also skipped: sub/deep/d.bin; the other files are read"), "{notices:?}");
    assert!(notices[1].starts_with("d.bin: has an unsupported format "), "{notices:?}");
}

#[test]
fn files_that_are_no_text_are_listed_and_spoil_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &[u8]| {
        std::fs::write(folder.path().join(name), content).unwrap();
        folder.path().join(name).display().to_string()
    };
    let latin = put(
        "caf\u{e9}.txt",
        "Le caf\u{e9} est ferm\u{e9} le matin et le soir."
            .chars()
            .map(|c| c as u8)
            .collect::<Vec<_>>()
            .as_slice(),
    );
    let binary = put("photo.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    let page = put("page.html", b"<html><body><article><p>The owl sat in the old oak and sang of the moon all night long.</p></article></body></html>");
    let table = put("table.csv", b"id,text\n1,The fox ran home.\n2,The owl flew away.\n");
    let (good, picture) = (put("good.txt", b"The fox and the owl are friends. "), put("a.png", b"x"));
    let shelf = folder.path().join("shelf");
    // Created by an older version.
    play(&shelf, vec![after(Command::create("Spoilt"))]);
    std::fs::create_dir_all(shelf.join("spoilt/documents")).unwrap();
    std::fs::write(shelf.join("spoilt/documents/old.txt"), b"\xff\xd8\xff\xe0\0\x10JFIF\0").unwrap();
    std::fs::write(shelf.join("spoilt/documents/empty.txt"), "").unwrap();
    let add = |names: &[&String]| {
        after(DocumentsChange::Add { names: names.iter().map(|name| (*name).clone()).collect() })
    };
    let overviews = |heard: &[Report]| -> Vec<_> {
        told!(heard, Event::Documents { overview, .. } => overview.clone()).collect()
    };
    let heard = play(
        &shelf,
        vec![
            after(Command::OpenProject { id: "spoilt".to_owned() }),
            add(&[&good]),
            add(&[&latin, &binary, &page, &table]),
            add(&[&good, &picture]),
            after(Command::TrainTokenizer {
                tokenizer: crate::protocol::TokenizerConfig {
                    kind: crate::protocol::TokenizerKind::Char,
                    ..tiny(1).tokenizer
                },
                validation: 0.1,
            }),
            after(DocumentsChange::Remove { name: "empty.txt".to_owned() }),
            after(DocumentsChange::Remove { name: "old.txt".to_owned() }),
            after(DocumentsChange::Remove { name: "photo.txt".to_owned() }),
        ],
    );
    let failed = failures(&heard);
    assert!(failed.len() == 1 && failed[0].contains("a.png"), "{failed:#?}");
    let told = overviews(&heard);
    let names = |overview: &crate::protocol::DocumentsOverview| -> Vec<String> {
        overview.problems.iter().map(|problem| problem.name.clone()).collect()
    };
    assert_eq!(told[0].documents, 1);
    assert_eq!(names(&told[0]), ["empty.txt", "old.txt"]);
    // The Latin-1 text, the page, both rows and the plain text.
    assert_eq!(told[1].documents, 5);
    assert_eq!(names(&told[1]), ["empty.txt", "old.txt", "photo.txt"]);
    has!(heard, Event::Documents { documents, .. } if documents.iter().any(|own| own.preview.contains('\u{e9}')));
    let last = told.last().unwrap();
    assert_eq!(
        (last.files.len(), last.documents, names(last).len()),
        (4, 5, 0),
        "nothing came with what failed"
    );
    let notices = heard
        .iter()
        .filter(|report| matches!(&report.event, Event::Notice { text, .. } if text.contains("left out")));
    assert_eq!(notices.count(), 1);
}

#[test]
fn a_document_is_held_out_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = folder.path().join("shelf");
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let names = vec![
        write("own.txt", "The owl sat on the wall. ".repeat(40)),
        write("held.txt", "A fox ran. ".repeat(30)),
    ];
    let mut config = tiny(2);
    config.tokenizer.kind = crate::protocol::TokenizerKind::Byte;
    // A held-out file that was removed since is ignored.
    config.data.validation_files = vec!["held.txt".to_owned(), "gone.txt".to_owned()];
    let heard = play(
        &shelf,
        vec![
            after(Command::create("p")),
            after(DocumentsChange::Add { names }),
            after(Command::SaveDrafts { drafts: Box::new(Drafts::new(config.clone())) }),
            after(Command::ListDocuments { search: String::new(), offset: 0, count: 9, validation: 0.1 }),
            after(train(config, None)),
            after(Command::ReadRun { run: None, points: 0 }),
        ],
    );
    assert_eq!(failures(&heard), Vec::<String>::new());
    let listed =
        told!(heard, Event::Documents { overview, documents, .. } => (overview, documents)).next_back();
    let (overview, documents) = listed.unwrap();
    assert_eq!((overview.train, overview.validation), ((1, 1000), (1, 330)));
    let held: Vec<_> =
        documents.iter().map(|document| (document.file.as_str(), document.validation)).collect();
    assert_eq!(held, [("own.txt", false), ("held.txt", true)]);
    let trained = told!(heard, Event::History(answer::History { config, .. }) => config).next_back().unwrap();
    let place = shelf.join("p").join("documents").join("held.txt");
    assert_eq!(trained.data.validation_files, [place.display().to_string()]);
    assert_eq!(trained.train.sample_prompt, tiny(2).train.sample_prompt, "the one that the window shows");
}
