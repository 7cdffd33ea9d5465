//! Which files are found, and the reasons for those that are not.

use super::*;

fn system(paths: &[PathBuf]) -> Found {
    find(&SystemFiles, paths, &Settings::default())
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

#[test]
fn folders_are_walked_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("raw");
    for name in
        ["b.txt", "news/2024/c.jsonl", "news/a.html", ".hidden/x.txt", "code/main.rs", "a.md", "page.html"]
    {
        write(&root, name, "{}");
    }
    write(&root, ".hidden.txt", "x");
    let found = system(&[root]);
    assert_eq!(found.troubles, []);
    let seen: Vec<(&str, &str, Option<&str>)> = found
        .sources
        .iter()
        .map(|source| (source.name.as_str(), source.mixture.as_str(), source.genre.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [
            ("a.md", "raw", None),
            ("b.txt", "b", None),
            ("code/main.rs", "code", Some("code")),
            ("news/2024/c.jsonl", "news", Some("news")),
            ("news/a.html", "news", Some("news")),
            ("page.html", "raw", None),
        ]
    );
    assert_eq!(found.sources[2].format, Format::Code("rust".into()));
    assert_eq!(found.sources[2].size, 2);
}

#[test]
fn what_lies_in_a_projects_folder_counts_under_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("documents");
    for name in ["letters.txt", "main.rs", "museum/a.html", "notes.md", "page.html"] {
        write(&root, name, "text");
    }
    let sources: Vec<String> = system(&[root]).sources.into_iter().map(|source| source.mixture).collect();
    assert_eq!(sources, ["letters", "code", "museum", "Markdown", "web pages"]);
}

#[test]
fn what_cannot_be_read_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "archive.zip", "PK\x03\x04");
    write(root, "book.docx", "no archive");
    write(root, "empty.txt", "");
    write(root, "id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n");
    write(root, "key.md", "# Mine\n\n-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n");
    write(root, "lies.txt", b"PK\x03\x04rest");
    write(root, "picture.png", b"\x89PNG");
    write(root, "README", "no \0 text");
    write(root, "spam.csv.gz", "not gzip");
    write(root, "what.qqq", "x");
    let found = system(&[root.to_owned(), root.join("absent.txt")]);
    assert_eq!(found.sources, []);
    let reasons: Vec<String> = found
        .troubles
        .iter()
        .map(|trouble| {
            let name = Path::new(&trouble.place).file_name().unwrap().to_string_lossy().into_owned();
            format!("{name} {}", trouble.reason)
        })
        .collect();
    let expected = [
        "README has no extension",
        "archive.zip is a damaged zip archive",
        "book.docx does not start with PK as its extension requires",
        "empty.txt is empty",
        "id_rsa is a file with a private key, which no model should learn; leave it out",
        "key.md is a file with a private key",
        "lies.txt is a zip archive",
        "picture.png is a picture",
        "spam.csv.gz has the extension of gzip but other first bytes",
        "what.qqq has an unsupported format (.qqq",
        "absent.txt does not exist; check the path",
    ];
    assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
    for (reason, expected) in reasons.iter().zip(expected) {
        assert!(reason.starts_with(expected), "{reason}");
    }
}

#[test]
fn a_file_without_an_ending_is_text_where_its_content_is() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let files: [(&str, &[u8], bool); 4] = [
        ("README", "An owl.\n\tAnd a mouse…".as_bytes(), true),
        ("latin", b"caf\xe9", true),
        ("program", b"\x01\x02\0", false),
        ("wide", b"\xff\xfeo\0w\0l\0", true),
    ];
    files.iter().for_each(|(name, content, _)| write(root, name, content));
    let within = system(&[root.to_owned()]);
    let named: Vec<(&str, &Format)> =
        within.sources.iter().map(|source| (source.name.as_str(), &source.format)).collect();
    assert_eq!(named, ["README", "latin", "wide"].map(|name| (name, &Format::Text)));
    for (name, content, read) in files {
        assert_eq!(system(&[root.join(name)]).sources.len(), usize::from(read), "{name} alone");
        assert_eq!(is_known(name, content), read, "{name}");
    }
}

#[test]
fn front_ends_tell_files_without_an_ending_as_they_are_told_here() {
    let tar = [&[b'a'; 257][..], b"ustar"].concat();
    let heads: [(&[u8], bool); 17] = [
        (b"", true),
        (b"An owl.\r\n", true),
        (b"\x1b[1mAn owl.", true),
        (b"\xff\xfeo\0w\0l\0", true),
        (b"<html><p>An owl.", true),
        (b"%PDF-1.4\n\0", true),
        (b"PAR1\x15\x04", true),
        (b"WARC/1.0\r\n\0", true),
        (b"\x01\x02\0", false),
        (b"GIF89a", false),
        (b"-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx4UbaDzY\n", false),
        (b"{\\rtf1 An owl.}", false),
        (b"PK\x03\x04", false),
        (b"\x1f\x8b\x08\0", false),
        (b"\x28\xb5\x2f\xfd\x04\0", false),
        (b"BZh91AY&SY\0", false),
        (&tar[..], false),
    ];
    for (head, read) in heads {
        for name in ["notes", "notes."] {
            assert_eq!(is_known(name, head), read, "{name}: {}", head.escape_ascii());
        }
        assert_eq!(glasshouse_protocol::file_kind::is_read(head), read, "{}", head.escape_ascii());
    }
}

#[test]
fn names_stay_unique_whatever_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a/x.txt", "b/x.txt", "c/b/x.txt", "odd#1.txt"] {
        write(folder.path(), name, "text");
    }
    let paths: Vec<PathBuf> =
        ["a", "b/x.txt", "c/b", "a/x.txt", "odd#1.txt"].iter().map(|name| folder.path().join(name)).collect();
    let names: Vec<String> = system(&paths).sources.into_iter().map(|source| source.name).collect();
    assert_eq!(names, ["x.txt", "b/x.txt", "c/b/x.txt", "odd%231.txt"]);
}

#[test]
fn a_web_page_without_an_ending_is_told_by_its_first_bytes() {
    let memory = Memory::default().with("site/index", "\u{feff} <!DOCTYPE HTML><html><p>x</html>");
    let found = find(&memory, &["site".into()], &Settings::default());
    assert_eq!(found.sources[0].format, Format::Html);
    assert_eq!((found.sources[0].mixture.as_str(), found.troubles.len()), ("site", 0));
}

#[cfg(unix)]
#[test]
fn loops_of_links_are_named_and_not_followed() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    write(&root, "inner/a.txt", "text");
    symlink(&root, root.join("inner/loop")).unwrap();
    symlink(root.join("inner/self"), root.join("inner/self")).unwrap();
    symlink(root.join("inner/a.txt"), root.join("link.txt")).unwrap();
    symlink(root.join("nowhere"), root.join("dangling.txt")).unwrap();
    symlink(&root, folder.path().join("named")).unwrap();
    let found = system(&[folder.path().join("named")]);
    let names: Vec<&str> = found.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["inner/a.txt", "link.txt"]);
    let reasons: Vec<(bool, bool, bool)> = found
        .troubles
        .iter()
        .map(|trouble| {
            (
                trouble.place.ends_with("dangling.txt") && trouble.reason.contains("is a broken link"),
                trouble.place.ends_with("loop") && trouble.reason.contains("not followed; name it"),
                trouble.place.ends_with("self") && trouble.reason.contains("is a broken link"),
            )
        })
        .collect();
    assert_eq!(reasons, [(true, false, false), (false, true, false), (false, false, true)]);
}

/// A file system in which every folder contains another, like a mount bound inside itself.
struct Endless;

impl Files for Endless {
    fn file_type(&self, path: &Path) -> io::Result<FileType> {
        Ok(if path.ends_with("a.txt") { FileType::File(1) } else { FileType::Folder })
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(vec![folder.join("a.txt"), folder.join("b")])
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(Cursor::new(b"x".to_vec())))
    }
}

#[test]
fn folders_without_end_are_given_up_by_depth() {
    let found = find(&Endless, &["root".into()], &Settings::default());
    assert_eq!(found.sources.len(), 65);
    assert_eq!(found.troubles.len(), 1);
    assert!(found.troubles[0].reason.contains("more than 64 folders deep"), "{:?}", found.troubles);
}

#[test]
fn what_comes_through_a_pipe_has_a_name_of_its_own() {
    let (documents, _) = all("-", "{\"text\": \"a\"}\n");
    assert_eq!(
        (documents[0].id.as_str(), documents[0].source.as_str()),
        ("standard-input#1", "standard-input")
    );
}

#[test]
fn a_file_without_an_ending_that_holds_records_is_read_as_records() {
    assert_eq!(texts("data", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n").len(), 2);
    let long = format!("{{\"text\": \"{}\"}}\n", "word ".repeat(4000));
    assert_eq!(texts("data", long.repeat(2)).len(), 2);
    assert_eq!(texts("data", "{\"a\" is how it begins}\n").len(), 1);
}
