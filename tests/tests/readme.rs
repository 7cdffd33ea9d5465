//! The table of rooms in ARCHITECTURE names exactly the folders that there are, the README's table of presets exactly the presets.

use glasshouse_engine::model::{Purpose, build};
use glasshouse_engine::protocol::presets::{PRESETS, preset};
use glasshouse_engine::protocol::{ErrorKind, View};
use std::collections::BTreeSet;
use std::path::Path;

/// Folders under `folder` that hold something, hidden ones and build outputs aside, as `prefix/name/`.
fn folders(folder: &Path, prefix: &str) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .expect("a folder of the repository")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir() && path.read_dir().is_ok_and(|mut inside| inside.next().is_some()))
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .filter(|name| !name.starts_with('.'))
        .filter(|name| !["target", "dist", "node_modules", "glasshouse-project"].contains(&name.as_str()))
        .map(|name| format!("{prefix}{name}/"))
        .collect()
}

/// What the first column of the table under `## Rooms` names in backticks.
fn rooms_from(text: &str) -> BTreeSet<String> {
    text.lines()
        .skip_while(|line| line.trim() != "## Rooms")
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix('|')?.split('|').next())
        .flat_map(|column| column.split('`').skip(1).step_by(2))
        .map(|name| format!("{}/", name.trim_end_matches('/')))
        .collect()
}

#[test]
fn every_room_is_named() {
    let repository = glasshouse_tests::repository();
    let mut real = folders(&repository, "");
    real.extend(folders(&repository.join("engine/src"), "engine/src/"));
    let text = std::fs::read_to_string(repository.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let named = rooms_from(&text);
    assert!(
        !named.is_empty(),
        "ARCHITECTURE.md needs a heading `## Rooms` and under it a table whose first column names folders: | `engine/` | … |"
    );
    let missing: Vec<_> = real.difference(&named).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md's table of rooms leaves out {missing:?}");
    // Deeper folders may be named too, as long as they are there.
    let imagined: Vec<_> = named.iter().filter(|name| !repository.join(name).is_dir()).collect();
    assert!(imagined.is_empty(), "ARCHITECTURE.md's table of rooms names what is not there: {imagined:?}");
}

#[test]
fn the_readme_and_the_types_name_every_preset() {
    let read = |path: &str| std::fs::read_to_string(glasshouse_tests::repository().join(path)).expect(path);
    let table = PRESETS.iter().map(|(name, about)| format!("| `{name}` | {about} |\n")).collect::<String>();
    let readme = read("README.md");
    assert!(
        readme.contains(&format!("| Preset | What it is |\n|---|---|\n{table}\n")),
        "README.md needs:\n{table}"
    );
    let names: Vec<String> = PRESETS.iter().map(|(name, _)| format!("{name:?}")).collect();
    assert!(read("web/glasshouse.d.ts").contains(&format!("preset?: {};", names.join(" | "))), "{names:?}");
}

/// `docs/record cards` writes them.
#[test]
fn cards_are_those_of_their_page_and_small() {
    let docs = glasshouse_tests::repository().join("docs");
    let page = std::fs::read_to_string(docs.join("cards.md")).expect("docs/cards.md");
    let begins: Vec<&str> = page.split("<!-- evaluation ").skip(1).collect();
    assert_eq!((begins.len(), page.matches("<!-- end of evaluation -->").count()), (3, 3));
    let mut linked = BTreeSet::new();
    for begin in begins {
        let (names, _) = begin.split_once(" -->").expect("its end");
        let (folder, name) = names.split_once(' ').expect("a folder and a card");
        for made in [format!("--to {folder}\n"), format!("--card {name}.html\n")] {
            assert!(page.contains(&made), "no command of docs/cards.md has {made:?}");
        }
        assert!(begin.contains(&format!("](cards/{name}.html)")), "{name} has no page");
        linked.insert(format!("{name}.html"));
    }
    let mut there = BTreeSet::new();
    for entry in docs.join("cards").read_dir().into_iter().flatten().map(|entry| entry.expect("an entry")) {
        assert!(entry.metadata().expect("its size").len() <= 300_000, "{}", entry.path().display());
        there.insert(entry.file_name().into_string().expect("a name"));
    }
    assert_eq!(there, linked);
}

/// The harness would send longer prompts than the model reads.
#[test]
fn the_harness_is_given_the_context_length_of_its_preset() {
    let read = |path: &str| std::fs::read_to_string(glasshouse_tests::repository().join(path)).expect(path);
    let text = read("docs/serve.md");
    let line = text.lines().find(|line| line.contains("max_length=")).expect("lm-eval's arguments");
    let given = |name: &str| line.split([',', ' ']).find_map(|part| part.strip_prefix(name)).expect(name);
    let (_, name) = given("model=").split_once('-').expect("a run of a preset");
    let context = preset(name).expect("a preset").model.context_length;
    assert_eq!(given("max_length="), context.to_string(), "{name}");
}

/// JavaScript's list of views, and its types of their names and of kinds of errors, are the protocol's.
#[test]
fn javascript_names_every_view_and_kind_of_error() {
    let read = |path: &str| std::fs::read_to_string(glasshouse_tests::repository().join(path)).expect(path);
    let between = |path: &str, begin: &str| {
        let text = read(path);
        let (_, rest) = text.split_once(begin).expect(begin);
        let (list, _) = rest.split_once(';').expect("its end");
        list.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let views: Vec<&str> = View::ALL.into_iter().map(View::name).collect();
    assert_eq!(between("web/inspection.js", "export const VIEWS = "), views);
    assert_eq!(between("web/glasshouse.d.ts", "export type View ="), views);
    let kinds: BTreeSet<String> = ErrorKind::ALL
        .into_iter()
        .map(|kind| match serde_json::to_value(kind) {
            // An engine that is gone tells nothing any more: JavaScript itself does.
            _ if kind == ErrorKind::EngineLost => "lost".to_owned(),
            Ok(serde_json::Value::String(name)) => name,
            other => panic!("{other:?}"),
        })
        .collect();
    let typed = between("web/glasshouse.d.ts", "export type ErrorKind =");
    assert_eq!(typed.into_iter().collect::<BTreeSet<_>>(), kinds);
}

/// Each view as it was recorded in both themes; what shows how one is put into a page is read at a glance.
#[test]
fn every_view_has_its_pictures_and_examples_of_views_are_short() {
    let repository = glasshouse_tests::repository();
    let read = |path: &str| std::fs::read_to_string(repository.join(path)).expect(path);
    let page = read("docs/lens.md");
    for view in View::ALL {
        for theme in ["dark", "light"] {
            let picture = format!("pictures/lens/{view}-{theme}.png");
            assert!(page.contains(&format!("]({picture})")), "docs/lens.md does not show {picture}");
            assert!(repository.join("docs").join(&picture).is_file(), "{picture}");
        }
    }
    for name in ["attention", "lesson", "logit-lens"] {
        let lines = read(&format!("web/examples/{name}.html")).lines().count();
        assert!(lines <= 60, "{name}.html has {lines} lines");
    }
}

/// What a preset's line says of its size is what its model has.
#[test]
fn every_preset_has_as_many_parameters_as_it_says() {
    for (name, about) in PRESETS {
        let graph = build(&preset(name).expect("a preset").model, Purpose::Window { time: 1 })
            .expect("a model")
            .graph;
        let millions = graph.parameter_count() as f64 / 1e6;
        let said =
            about.split(" M parameters").next().and_then(|text| text.rsplit(' ').next()).expect("a number");
        let digits = said.split_once('.').map_or(0, |(_, digits)| digits.len());
        assert_eq!(said, format!("{millions:.digits$}"), "{name}");
    }
}

#[test]
fn the_table_is_read_from_its_section_alone() {
    let text = "| `before/` | no |\n## Rooms\n| Room | What |\n|---|---|\n| `engine/` | it |\n| `shaders` | them |\n## Next\n| `after/` |";
    assert_eq!(rooms_from(text), BTreeSet::from(["engine/".to_owned(), "shaders/".to_owned()]));
}

/// Pictures that a page shows, by their paths in a folder, with what follows each up to the next.
fn pictures_of<'text>(text: &'text str, folder: &str) -> Vec<(String, &'text str)> {
    let link = format!("]({folder}/");
    let shown = text.split(&link).skip(1).filter_map(|rest| rest.split_once(')'));
    let pictures = shown.filter(|(path, _)| path.ends_with(".png") && !path.starts_with("lens/"));
    pictures.map(|(path, behind)| (path.to_owned(), behind.split("![").next().unwrap_or_default())).collect()
}

/// A picture that was drawn by hand, or of something that did not happen, has no place there: `docs/record` makes all of them, and says
/// of each what it shows, where and when.
#[test]
fn readme_and_docs_show_what_was_recorded_and_say_so() {
    let repository = glasshouse_tests::repository();
    let read = |path: &Path| std::fs::read_to_string(path).expect("a page");
    let pages = std::fs::read_dir(repository.join("docs")).expect("docs");
    let pages = pages.filter_map(|entry| Some(entry.ok()?.path()));
    let pages = pages.filter(|page| page.extension().is_some_and(|ending| ending == "md"));
    let mut texts = vec![(read(&repository.join("README.md")), "docs/pictures")];
    texts.extend(pages.map(|page| (read(&page), "pictures")));
    let captions: Vec<(String, &str)> =
        texts.iter().flat_map(|(text, folder)| pictures_of(text, folder)).collect();
    let recording = std::fs::read_to_string(repository.join("docs/pictures/recording.json"))
        .expect("docs/record writes what it recorded");
    let recording: serde_json::Value = serde_json::from_str(&recording).expect("JSON");
    let field = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let pictures = recording["pictures"].as_array().expect("a list of pictures");
    let recorded: BTreeSet<String> = pictures.iter().map(|picture| field(picture, "file")).collect();
    assert!(recorded.len() >= 10, "{recorded:?}");
    let shown: BTreeSet<String> = captions.iter().map(|(file, _)| file.clone()).collect();
    assert_eq!(shown, recorded, "README.md and docs/*.md show other pictures than docs/record made");
    let kept: BTreeSet<String> = std::fs::read_dir(repository.join("docs/pictures"))
        .expect("docs/pictures")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".png"))
        .collect();
    assert_eq!(kept, recorded, "docs/pictures holds other pictures than docs/record made");
    for picture in pictures {
        let device = [field(picture, "device"), field(&recording, "device")];
        let device = device.iter().find(|device| !device.is_empty()).expect("a device");
        let date = [field(picture, "date"), field(&recording, "date")];
        let date = date.iter().find(|date| !date.is_empty()).expect("a date");
        let file = field(picture, "file");
        for (_, caption) in captions.iter().filter(|(shown, _)| *shown == file) {
            assert!(
                caption.contains(device.as_str()) && caption.contains(date.as_str()),
                "{file}: {caption}"
            );
        }
    }
}
