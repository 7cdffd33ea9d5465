//! Models as web pages and links through the command line.

use crate::support::program::{error_of, fail, folder, misuse, succeed};
use clap::error::ErrorKind;
use std::fs;
use std::path::Path;

/// A template with what is filled in; the browser build's has the engine, too.
const TEMPLATE: &str = "<!doctype html><meta name=\"generator\" content=\"Glasshouse page 1\"><title>Glasshouse</title>\
    <script type=\"application/json\" id=\"home\">null</script><script type=\"application/json\" id=\"facts\">null</script>\
    <script type=\"text/plain\" id=\"model\"></script>";

/// Writes a template into `dist`, with so many bytes in place of the engine.
pub fn write_template(folder: &Path, bytes: usize) {
    fs::create_dir(folder.join("dist")).unwrap();
    fs::write(folder.join("dist/share.html"), format!("{TEMPLATE}{}", " ".repeat(bytes))).unwrap();
}

#[test]
fn a_model_is_shared_as_a_folder_a_file_and_a_link() {
    let (folder, _) = folder();
    let folder = folder.path();
    write_template(folder, 0);
    let share =
        |more: &[&'static str]| [&["share", "--project", "first", "--page", "dist"][..], more].concat();
    let said = succeed(folder, &share(&["--to", "site", "--space", "--home", "https://example.org/"]));
    assert!(said.starts_with("site/index.html\nsite/README.md\n"), "{said}");
    let page = fs::read_to_string(folder.join("site/index.html")).unwrap();
    assert!(page.contains(r#"id="home">"https://example.org/"<"#) && page.contains("<title>first</title>"));
    // Half the bits per weight.
    succeed(folder, &share(&["--to", "small.html"]));
    succeed(folder, &share(&["--to", "large.html", "--weights", "f32"]));
    let bytes = |name: &str| fs::metadata(folder.join(name)).unwrap().len();
    assert!(bytes("small.html") * 13 < bytes("large.html") * 10, "{} bytes", bytes("small.html"));

    let error = error_of(folder, &share(&["--to", "small.html"]));
    assert!(error.contains("already exists") && error.ends_with("(--force)"), "{error}");
    succeed(folder, &share(&["--to", "small.html", "--force"]));
    let error = error_of(folder, &share(&["--to", "first", "--force"]));
    assert!(error.contains("not part of a shared page"), "{error}");
    fail(folder, &share(&["--to", "."]), 2, &["current folder"]);
    fail(folder, &share(&["--to", "a.html", "--space"]), 2, &["a Space is a folder"]);
    fail(
        folder,
        &["share", "--project", "first", "--page", "first", "--to", "a.html"],
        1,
        &["share.html", "web/build"],
    );
    fail(folder, &share(&["--to", "a.html", "--home", "example.org"]), 1, &["is not the URL of a page"]);
    assert!(!folder.join("a.html").exists());

    let link = ["share", "--project", "first", "--link", "--home", "https://example.org/"];
    let said = succeed(folder, &link);
    assert!(said.starts_with("https://example.org/#m=") && said.lines().count() == 1, "{said}");
    fail(folder, &["share", "--project", "first", "--link"], 2, &["--home"]);
    assert_eq!(misuse(&["share"]), ErrorKind::MissingRequiredArgument);
    let linked = ["share", "--link", "--home", "https://example.org/", "--upload", "me/tiny"];
    assert_eq!(misuse(&linked), ErrorKind::ArgumentConflict);
    assert_eq!(misuse(&["share", "--to", "site", "--upload", "tiny"]), ErrorKind::ValueValidation);
    let upload = ["export", "--project", "first", "--to", "model", "--upload", "me/tiny"];
    let said = succeed(folder, &upload);
    assert!(said.contains("hf upload me/tiny model . --repo-type model\n"), "{said}");
}

#[test]
fn a_project_without_a_run_says_how_to_begin() {
    let (folder, _) = folder();
    let folder = folder.path();
    fs::remove_dir_all(folder.join("first/runs")).unwrap();
    let error = error_of(folder, &["share", "--project", "first", "--to", "a.html"]);
    assert!(error.contains("no run yet") && error.contains("glasshouse train"), "{error}");
}
