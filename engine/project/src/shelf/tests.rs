use super::*;
use crate::archive::tests::pack;
use crate::metrics::MetricsWriter;
use crate::{Curve, RunRecord};
use glasshouse_platform::given_up_after;
use glasshouse_protocol::{Objective, RunState, Start, TrainEvent, presets};

fn shelf() -> (tempfile::TempDir, Shelf) {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::open(&folder.path().join("projects")).unwrap();
    (folder, shelf)
}

fn import(shelf: &Shelf, bytes: &[u8], name: Option<&str>) -> Result<String> {
    block_on(shelf.import(std::io::Cursor::new(bytes), name, None, &Yielder::none()))
}

fn names(shelf: &Shelf) -> Vec<(String, String, bool)> {
    let mut names: Vec<_> = shelf
        .list()
        .unwrap()
        .into_iter()
        .map(|project| (project.id, project.name, project.deleted))
        .collect();
    names.sort();
    names
}

fn opened(shelf: &Shelf, id: &str) -> Project {
    Project::open(&shelf.path_of(id).unwrap()).unwrap()
}

fn about(shelf: &Shelf, id: &str) -> ProjectSummary {
    summary(id, &shelf.path_of(id).unwrap())
}

fn duplicate(shelf: &Shelf, id: &str, name: &str) -> Result<String> {
    block_on(shelf.duplicate(id, name, &Yielder::none()))
}

fn entry(id: &str, name: &str, deleted: bool) -> (String, String, bool) {
    (id.to_owned(), name.to_owned(), deleted)
}

/// A project with a run that has metrics.
fn trained(shelf: &Shelf, name: &str) -> Project {
    let project = opened(shelf, &shelf.create(name).unwrap());
    let mut config = presets::preset("nanogpt-cpu").unwrap();
    config.model.vocabulary = 65;
    let run = project.create_run(&config, &project.folder().join("data")).unwrap();
    let mut writer = MetricsWriter::create(&run.metrics_path()).unwrap();
    for step in 1..=600 {
        let loss = 4.0 - step as f32 / 300.0;
        let event =
            TrainEvent::Step { step, loss, lr: 1e-3, grad_norm: 1.0, tokens_per_s: 1.0, skipped: false };
        writer.write(&event).unwrap();
    }
    writer.write(&TrainEvent::Sample { step: 600, text: "Once there was".to_owned() }).unwrap();
    writer.flush().unwrap();
    let mut record = run.record().unwrap();
    (record.state, record.best_val_loss, record.updated) = (RunState::Finished, Some(1.75), u64::MAX / 2);
    run.save_record(&record).unwrap();
    project
}

#[test]
fn any_name_gets_a_folder_that_every_system_takes() {
    let (_folder, shelf) = shelf();
    for (name, id) in [
        ("Owls", "owls"),
        ("  My  first\nmodel! ", "my-first-model"),
        ("Жили-были", "project"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "project-con"),
        ("lpt1", "project-lpt1"),
        ("…", "project-2"),
        (".hidden", "hidden"),
    ] {
        assert_eq!(shelf.create(name).unwrap(), id, "{name}");
    }
    assert_eq!(about(&shelf, "my-first-model").name, "My first model!");
    assert_eq!(about(&shelf, "project").name, "Жили-были");
    let id = shelf.create(&"word ".repeat(100)).unwrap();
    assert!(about(&shelf, &id).name.chars().count() <= MAX_NAME_CHARACTERS && id.len() <= MAX_ID_CHARACTERS);
    assert!(shelf.create(" \t ").unwrap_err().to_string().contains("needs a name"));
}

#[test]
fn a_name_that_is_taken_gets_a_number() {
    let (_folder, shelf) = shelf();
    for _ in 0..3 {
        shelf.create("Owls").unwrap();
    }
    let three =
        [entry("owls", "Owls", false), entry("owls-2", "Owls 2", false), entry("owls-3", "Owls 3", false)];
    assert_eq!(names(&shelf), three);
    shelf.rename("owls-2", "Owls").unwrap();
    assert_eq!(names(&shelf), three);
    shelf.rename("owls-2", "Käuze").unwrap();
    assert_eq!(names(&shelf)[1], entry("owls-2", "Käuze", false));
}

#[test]
fn a_list_says_what_there_is_and_the_last_used_is_first() {
    let (_folder, shelf) = shelf();
    assert_eq!(shelf.list().unwrap(), []);
    let project = trained(&shelf, "Owls");
    shelf.create("Empty").unwrap();
    let list = shelf.list().unwrap();
    assert_eq!((list[0].id.as_str(), list[1].id.as_str()), ("owls", "empty"));
    let owls = &list[0];
    assert_eq!((owls.runs, owls.val_loss, owls.sample.as_str()), (1, Some(1.75), "Once there was"));
    assert_eq!((owls.curve.len(), owls.curve.last()), (60, Some(&2.0)));
    assert!(owls.curve.is_sorted_by(|one, other| one > other));
    let total: u64 = archive::names_of(project.folder())
        .unwrap()
        .iter()
        .map(|name| std::fs::metadata(project.folder().join(name)).unwrap().len())
        .sum();
    assert_eq!(owls.bytes, total);
}

/// In a browser, metrics are not in memory until a project is opened.
#[test]
fn a_card_is_drawn_from_the_record_without_the_metrics() {
    let (_folder, shelf) = shelf();
    let run = trained(&shelf, "Owls").run("1").unwrap();
    let mut curve = Curve::default();
    for step in 1..=1000 {
        curve.add(step, 4.0 - step as f32 / 500.0);
    }
    curve.add(1001, f32::NAN);
    curve.sample = "At night".to_owned();
    let losses = curve.losses();
    assert!((Curve::POINTS / 2..=Curve::POINTS).contains(&losses.len()), "{}", losses.len());
    assert!(losses.is_sorted_by(|one, other| one > other) && losses[losses.len() - 1] < 2.1);
    run.save_record(&RunRecord { curve: curve.clone(), ..run.record().unwrap() }).unwrap();
    std::fs::remove_file(run.metrics_path()).unwrap();
    let card = about(&shelf, "owls");
    assert_eq!((card.curve, card.sample.as_str()), (losses, "At night"));
    // A run that is resumed at an earlier step has its curve up to there.
    curve.cut(500);
    assert!(curve.losses().iter().all(|loss| *loss >= 3.0));
}

#[test]
fn a_card_shows_the_best_run_on_a_text_that_has_something_to_show() {
    let (_folder, shelf) = shelf();
    let project = trained(&shelf, "Owls");
    let before = about(&shelf, "owls");
    // Followed by an imported model and a run that has not started.
    let run = project.run("1").unwrap();
    for state in [RunState::Imported, RunState::Created] {
        let new = project.create_run(&run.config().unwrap(), &project.folder().join("data")).unwrap();
        new.save_record(&RunRecord { state, ..new.record().unwrap() }).unwrap();
    }
    let after = about(&shelf, "owls");
    assert_eq!((after.runs, after.curve.len()), (3, 60));
    assert_eq!((after.val_loss, &after.sample), (before.val_loss, &before.sample));
    // A run with an empty metrics file is skipped too, and one that is worse, but not a better one with a single step.
    let better = project.run("3").unwrap();
    let mut writer = MetricsWriter::create(&better.metrics_path()).unwrap();
    let scored = |best_val_loss| {
        better.save_record(&RunRecord { best_val_loss, ..better.record().unwrap() }).unwrap();
        about(&shelf, "owls")
    };
    assert_eq!(scored(Some(1.5)).curve.len(), 60);
    let step =
        TrainEvent::Step { step: 1, loss: 3.5, lr: 1e-3, grad_norm: 1.0, tokens_per_s: 1.0, skipped: false };
    writer.write(&step).unwrap();
    writer.flush().unwrap();
    assert_eq!((scored(Some(2.0)).run, scored(None).run), (run.name(), run.name()));
    let last = scored(Some(1.5));
    let shown = (last.run, last.curve, last.val_loss, last.sample.as_str());
    assert_eq!(shown, (better.name(), vec![3.5], Some(1.5), ""));
    // The loss of a fine-tune on conversations is not comparable with a text's.
    let mut config = run.config().unwrap();
    config.start = Some(Start::best_of(&run.name()));
    config.set_objective(Objective::Chat);
    let tuned = project.create_run(&config, &project.folder().join("data")).unwrap();
    let mut writer = MetricsWriter::create(&tuned.metrics_path()).unwrap();
    writer.write(&step).unwrap();
    writer.flush().unwrap();
    let record = RunRecord { step: 1, best_val_loss: Some(0.5), ..tuned.record().unwrap() };
    tuned.save_record(&record).unwrap();
    assert_eq!(about(&shelf, "owls").run, better.name());
}

#[test]
fn a_damaged_project_is_listed_with_its_problem() {
    let (_folder, shelf) = shelf();
    shelf.create("Whole").unwrap();
    for id in ["cut", "newer", "run"] {
        trained(&shelf, id);
    }
    let marker = |id: &str| shelf.folder().join(id).join("project.json");
    std::fs::write(marker("cut"), "{\"form").unwrap();
    let newer = std::fs::read_to_string(marker("newer")).unwrap().replace("\"version\": 1", "\"version\": 9");
    std::fs::write(marker("newer"), newer).unwrap();
    for name in ["run.json", "run-copy.json"] {
        std::fs::write(shelf.folder().join("run/runs/1-nanogpt-cpu").join(name), "rubbish").unwrap();
    }
    std::fs::create_dir(shelf.folder().join("foreign")).unwrap();
    std::fs::write(shelf.folder().join("a-file"), "x").unwrap();
    let problem = |id: &str| about(&shelf, id).problem.unwrap_or_default();
    assert_eq!(problem("whole"), "");
    assert!(problem("cut").contains("project.json"));
    assert!(problem("newer").contains("version 9"));
    assert!(problem("foreign").contains("not a Glasshouse project"));
    // An unreadable run is reported in the list of runs; the project opens.
    assert_eq!((problem("run").as_str(), about(&shelf, "run").runs), ("", 1));
    assert_eq!(shelf.list().unwrap().len(), 5);
    assert!(shelf.path_of("absent").unwrap_err().to_string().contains("no project \"absent\" here"));
}

#[test]
fn what_is_deleted_comes_back_until_the_trash_is_cleared() {
    let (_folder, shelf) = shelf();
    let project = trained(&shelf, "Owls");
    let before = pack(project.folder()).unwrap();
    shelf.delete("owls").unwrap();
    assert!(shelf.path_of("owls").is_err() && shelf.delete("owls").is_err());
    assert!(shelf.rename("owls", "Käuze").is_err() && duplicate(&shelf, "owls", "Käuze").is_err());
    assert_eq!(names(&shelf), [entry("owls", "Owls", true)]);
    // Nothing was moved: if the program dies now, the project is deleted but complete.
    assert!(pack(project.folder()).unwrap() == before);
    shelf.restore("owls").unwrap();
    assert!(pack(project.folder()).unwrap() == before);
    shelf.delete("owls").unwrap();
    // A new project may have the same name, but not the same folder.
    shelf.create("Owls").unwrap();
    assert_eq!(names(&shelf), [entry("owls", "Owls", true), entry("owls-2", "Owls", false)]);
    shelf.restore("owls").unwrap();
    assert_eq!(names(&shelf), [entry("owls", "Owls 2", false), entry("owls-2", "Owls", false)]);
    shelf.delete("owls-2").unwrap();
    // Starting another window keeps recently deleted projects and removes older ones.
    let shelf = Shelf::open(shelf.folder()).unwrap();
    assert_eq!(names(&shelf), [entry("owls", "Owls 2", false), entry("owls-2", "Owls", true)]);
    let mark = shelf.folder().join("owls-2").join(DELETED);
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs_f64(KEPT + 1.0);
    std::fs::File::options().write(true).open(mark).unwrap().set_modified(long_ago).unwrap();
    // The rest of an interrupted removal is removed too.
    std::fs::create_dir(shelf.folder().join(".leaving-half")).unwrap();
    let shelf = Shelf::open(shelf.folder()).unwrap();
    assert_eq!(names(&shelf), [entry("owls", "Owls 2", false)]);
    assert_eq!(std::fs::read_dir(shelf.folder()).unwrap().count(), 1);
    assert!(shelf.restore("owls-2").unwrap_err().to_string().contains("no project"));
    for id in ["../projects", ".leaving-half", "", "owls/data", "/"] {
        assert!(shelf.delete(id).is_err(), "{id}");
    }
}

#[test]
fn a_copy_is_another_project_with_the_same_content() {
    let (_folder, shelf) = shelf();
    let project = trained(&shelf, "Owls");
    let _lock = project.latest_run().unwrap().lock().unwrap();
    let copy = opened(&shelf, &duplicate(&shelf, "owls", "Owls").unwrap());
    assert_eq!(copy.name(), "Owls 2");
    let content = |project: &Project| -> Vec<(String, Vec<u8>)> {
        let names = archive::names_of(project.folder()).unwrap();
        let read = |name: &String| std::fs::read(project.folder().join(name)).unwrap();
        names.iter().filter(|name| *name != "project.json").map(|name| (name.clone(), read(name))).collect()
    };
    assert_eq!(content(&copy), content(&project));
    assert!(!copy.latest_run().unwrap().folder().join("lock").exists());
    copy.latest_run().unwrap().lock().unwrap();
    let failed = duplicate(&shelf, "absent", "x").unwrap_err().to_string();
    assert!(failed.contains("no project"), "{failed}");
}

#[test]
fn an_import_is_a_new_project_or_nothing() {
    let (_folder, shelf) = shelf();
    let bytes = pack(trained(&shelf, "Owls").folder()).unwrap();
    let imported = opened(&shelf, &import(&shelf, &bytes, None).unwrap());
    assert_eq!(imported.name(), "Owls 2");
    let named = opened(&shelf, &import(&shelf, &bytes, Some("Käuze")).unwrap());
    assert_eq!((named.name().as_str(), named.runs().unwrap().len()), ("Käuze", 1));
    let before = std::fs::read_dir(shelf.folder()).unwrap().count();
    let mut damaged = bytes.clone();
    let middle = damaged.len() / 3;
    damaged[middle] ^= 0xff;
    assert!(import(&shelf, &damaged, None).is_err());
    assert!(
        import(&shelf, b"no zip", None)
            .unwrap_err()
            .to_string()
            .contains(".glasshouse file cannot be opened")
    );
    assert_eq!(std::fs::read_dir(shelf.folder()).unwrap().count(), before);
}

#[test]
fn a_copy_and_an_import_that_are_given_up_leave_nothing() {
    let (_folder, shelf) = shelf();
    let bytes = pack(trained(&shelf, "Owls").folder()).unwrap();
    let count = || std::fs::read_dir(shelf.folder()).unwrap().count();
    let mut polls = 1;
    loop {
        let yielder = Yielder::at_every_chance();
        if given_up_after(polls, shelf.duplicate("owls", "Bats", &yielder)) {
            break;
        }
        assert_eq!(count(), 1, "after {polls} turns");
        polls += 1;
    }
    assert!(polls > 3 && count() == 2, "it gives {polls} turns");
    let mut polls = 1;
    loop {
        let yielder = Yielder::at_every_chance();
        if given_up_after(polls, shelf.import(std::io::Cursor::new(&bytes), None, None, &yielder)) {
            break;
        }
        assert_eq!(count(), 2, "after {polls} turns");
        polls += 1;
    }
    assert!(polls > 5 && count() == 3, "it gives {polls} turns");
}
