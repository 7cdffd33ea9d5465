use super::*;
use crate::checkpoint::{ARENA_VERSION, CheckpointInfo, Checkpoints};
use glasshouse_compiler::step::ArenaState;
use glasshouse_platform::{Yielder, block_on};
use glasshouse_protocol::energy::Rate;
use glasshouse_protocol::{LearnsFrom, RunState, presets};

fn project() -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    (folder, project)
}

fn config() -> RunConfig {
    presets::preset("nanogpt-cpu").unwrap()
}

/// Every file below a folder with its content.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(content(&path));
        } else {
            files.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

#[test]
fn every_run_gets_a_folder_of_its_own() {
    let (_folder, project) = project();
    assert!(project.latest_run().unwrap_err().to_string().contains("no run yet"));
    let data = project.folder().join("data").join("abc");
    let first = project.create_run(&config(), &data).unwrap();
    let before = content(first.folder());
    let second =
        project.create_run(&RunConfig { preset: "../my model".to_owned(), ..config() }, &data).unwrap();
    let third = project.create_run(&config(), &data).unwrap();
    assert_eq!(content(first.folder()), before);
    assert_eq!(first.name(), "1-nanogpt-cpu");
    assert_eq!(second.name(), "2-my-model");
    assert_eq!(third.name(), "3-nanogpt-cpu");
    assert_eq!(project.latest_run().unwrap(), third);
    assert_eq!(first.config().unwrap(), config());
    assert_eq!(first.data_folder().unwrap(), data);
    assert_eq!(project.run("2").unwrap(), second);
    assert_eq!(project.run("1-nanogpt-cpu").unwrap(), first);
    assert_eq!(project.run("nanogpt-cpu").unwrap(), third);
    assert!(project.run("2-my-modle").unwrap_err().to_string().contains("did you mean `2-my-model`"));
}

#[test]
fn ten_comes_after_nine() {
    let (_folder, project) = project();
    let data = project.folder().join("data");
    for _ in 0..10 {
        project.create_run(&config(), &data).unwrap();
    }
    assert_eq!(project.latest_run().unwrap().number(), 10);
}

#[test]
fn another_version_is_refused_and_left_alone() {
    let (_folder, project) = project();
    let marker = project.folder().join(MARKER);
    let newer = std::fs::read_to_string(&marker).unwrap().replace("\"version\": 1", "\"version\": 2");
    std::fs::write(&marker, &newer).unwrap();
    let before = content(project.folder());
    for opened in [Project::open(project.folder()), Project::open_or_create(project.folder())] {
        let message = opened.unwrap_err().to_string();
        assert!(message.contains("version 2") && message.contains("reads version 1"), "{message}");
        assert!(!message.contains('\n'));
    }
    assert_eq!(content(project.folder()), before);
}

#[test]
fn a_foreign_folder_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let message = Project::open_or_create(folder.path()).unwrap_err().to_string();
    assert!(message.contains("not a Glasshouse project"), "{message}");
    std::fs::write(folder.path().join(MARKER), "{\"format\": \"other\"}").unwrap();
    assert!(Project::open_or_create(folder.path()).unwrap_err().to_string().contains("its format is not"));
    std::fs::write(folder.path().join(MARKER), "not JSON").unwrap();
    assert!(Project::open_or_create(folder.path()).unwrap_err().to_string().contains("project.json"));
    assert_eq!(content(folder.path()).len(), 2);
    let absent = folder.path().join("absent");
    assert!(Project::open(&absent).unwrap_err().to_string().contains("there is no project here"));
    assert!(!absent.exists());
}

#[test]
fn a_record_cannot_point_outside_the_project() {
    let (_folder, project) = project();
    let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
    for place in ["../elsewhere", "/etc", "data/../.."] {
        let mut record = run.record().unwrap();
        record.data = place.to_owned();
        run.save_record(&record).unwrap();
        assert!(run.data_folder().unwrap_err().to_string().contains("inside the project"), "{place}");
    }
}

#[test]
fn one_program_at_a_time_trains_a_run() {
    let (_folder, project) = project();
    let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
    let lock = run.lock().unwrap();
    assert!(run.lock().unwrap_err().to_string().contains("another program"));
    drop(lock);
    run.lock().unwrap();
}

#[test]
fn a_run_is_renamed_tagged_and_listed_while_its_training_ends() {
    let (_folder, project) = project();
    let data = project.folder().join("data");
    for round in 0..40 {
        let run = project.create_run(&config(), &data).unwrap();
        let trainer = run.clone();
        let trains = std::thread::spawn(move || {
            // Listings probe the lock meanwhile.
            let lock = trainer.lock().unwrap();
            let mut record = trainer.record().unwrap();
            for step in 0..10 {
                record.state = if step < 9 { RunState::Running } else { RunState::Finished };
                record.step = step;
                trainer.save_record(&record).unwrap();
            }
            drop(lock);
        });
        let mut edits = 0;
        while !trains.is_finished() || edits < 4 {
            edits += 1;
            std::thread::scope(|scope| {
                let tag = scope.spawn(|| run.set_tags(&[format!("tag {edits}")]).unwrap());
                run.set_title(&format!("title {edits}")).unwrap();
                let listed = run.summary().unwrap();
                assert!(listed.state != RunState::Interrupted, "{listed:?}");
                tag.join().unwrap();
            });
        }
        trains.join().unwrap();
        let summary = run.summary().unwrap();
        assert_eq!((summary.state, summary.step), (RunState::Finished, 9), "{round}");
        assert_eq!((summary.title, summary.tags), (format!("title {edits}"), vec![format!("tag {edits}")]));
    }
}

#[test]
fn what_people_wrote_into_a_record_of_an_earlier_version_stays() {
    let (_folder, project) = project();
    let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
    let path = run.folder().join("run.json");
    let mut record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    (record["title"], record["notes"]) = ("Owls".into(), "by night".into());
    record["tags"] = serde_json::json!(["good"]);
    record.as_object_mut().unwrap().remove("crc32c");
    std::fs::write(&path, record.to_string()).unwrap();
    let wanted = About { title: "Owls".into(), tags: vec!["good".into()], notes: "by night".into() };
    assert_eq!(run.about(), wanted);
    run.save_record(&RunRecord { step: 3, ..run.record().unwrap() }).unwrap();
    assert_eq!((run.about(), run.record().unwrap().step), (wanted.clone(), 3));
    run.set_title("").unwrap();
    assert_eq!(run.about(), About { title: String::new(), ..wanted });
}

/// Nothing but their display depends on what people wrote, and new words do not wait for a repair by hand.
#[test]
fn damaged_words_about_a_run_harm_nothing_and_are_replaced_by_new_ones() {
    let (_folder, project) = project();
    let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
    let path = run.folder().join("about.json");
    std::fs::write(&path, "{\"title\": \"Ow").unwrap();
    let summary = run.summary().unwrap();
    assert_eq!((summary.state, summary.title.as_str()), (run.record().unwrap().state, ""));
    assert!(summary.notes.contains("about.json"), "{}", summary.notes);
    run.set_title("Owls").unwrap();
    assert_eq!(run.about(), About { title: "Owls".into(), ..About::default() });
    std::fs::write(&path, "{").unwrap();
    run.set_title("Bats").unwrap();
    let kept = ["about-damaged-1.json", "about-damaged-2.json"].map(|name| run.folder().join(name));
    assert_eq!(kept.map(|path| std::fs::read_to_string(path).unwrap()), ["{\"title\": \"Ow", "{"]);
}

#[test]
fn a_run_without_one_of_its_records_is_listed_with_the_reason() {
    for name in ["run.toml", "run.json"] {
        let (_folder, project) = project();
        let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
        std::fs::remove_file(run.folder().join(name)).unwrap();
        std::fs::remove_file(run.folder().join("run-copy.json")).unwrap();
        let listed = project.run_summaries().unwrap();
        assert_eq!((listed.len(), listed[0].state), (1, RunState::Failed), "{name}");
        assert!(listed[0].error.as_ref().unwrap().contains(name), "{:?}", listed[0].error);
        let new = project.create_run(&config(), &project.folder().join("data")).unwrap();
        assert_eq!(new.number(), 2);
    }
}

/// A project from elsewhere may hold anything.
#[cfg(unix)]
#[test]
fn a_record_that_is_no_regular_file_is_refused() {
    let (_folder, project) = project();
    let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
    for (at, name) in ["run.json", "run.toml", "metrics.jsonl"].into_iter().enumerate() {
        let path = run.folder().join(name);
        std::fs::remove_file(&path).ok();
        std::fs::remove_file(run.folder().join("run-copy.json")).ok();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let error = match at {
            2 => crate::metrics::read(&path).unwrap_err(),
            _ => run.summary().unwrap_err(),
        };
        assert!(error.to_string().contains("not a regular file"), "{name}: {error}");
    }
}

#[test]
fn a_run_in_training_is_not_deleted() {
    let (_folder, project) = project();
    let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
    let lock = run.lock().unwrap();
    let reason = run.delete().unwrap_err().to_string();
    assert_eq!(reason, "1-nanogpt-cpu is training; stop it, then delete it");
    assert!(project.check_unused().is_err());
    drop(lock);
    project.check_unused().unwrap();
    run.delete().unwrap();
}

#[test]
fn a_damaged_run_is_listed_with_its_error() {
    let (_folder, project) = project();
    let data = project.folder().join("data");
    let runs: Vec<Run> = (0..3).map(|_| project.create_run(&config(), &data).unwrap()).collect();
    for name in ["run.json", "run-copy.json"] {
        std::fs::write(runs[1].folder().join(name), "rubbish").unwrap();
    }
    let found = project.run_summaries().unwrap();
    let facts: Vec<_> = found.iter().map(|run| (run.name.as_str(), run.state.title())).collect();
    assert_eq!(
        facts,
        [("1-nanogpt-cpu", "created"), ("2-nanogpt-cpu", "failed"), ("3-nanogpt-cpu", "created")]
    );
    assert!(found[1].error.as_ref().unwrap().contains("run.json"));
    let reason = runs[1].record().unwrap_err().to_string();
    assert!(
        reason.contains("run.json: the run's record and its copy") && reason.contains("delete the run"),
        "{reason}"
    );
}

#[test]
fn a_damaged_record_is_read_from_its_copy() {
    let (_folder, project) = project();
    let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
    let record = RunRecord { step: 41, val_loss: Some(3.25), ..run.record().unwrap() };
    run.save_record(&record).unwrap();
    let path = run.folder().join("run.json");
    let text = std::fs::read_to_string(&path).unwrap();
    for damaged in ["", &text[..text.len() / 2], &text.replace("3.25", "1.25"), "\u{0}"] {
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(run.record().unwrap(), record, "{damaged:?}");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(run.summary().unwrap().step, 41);
    run.save_record(&record).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_model_to_compare_with_is_not_the_latest_run_until_it_is_wanted_for_itself() {
    let (_folder, project) = project();
    let data = project.folder().join("data");
    let run = |for_comparison: bool| {
        let run = project.create_run(&config(), &data).unwrap();
        run.save_record(&RunRecord { for_comparison, ..run.record().unwrap() }).unwrap();
        run
    };
    let other = run(true);
    let reason = project.latest_run().unwrap_err().to_string();
    assert!(reason.contains("no run of its own yet") && reason.contains("1-nanogpt-cpu"), "{reason}");
    let own = run(false);
    let another = run(true);
    assert_eq!(project.latest_run().unwrap(), own);
    assert_eq!(project.run_or_latest(None).unwrap(), own);
    assert_eq!([project.run("1").unwrap(), project.run("3").unwrap()], [other, another.clone()]);
    another.count_as_latest().unwrap();
    assert_eq!(project.latest_run().unwrap(), another);
    // As written by earlier versions.
    assert!(!std::fs::read_to_string(own.folder().join("run.json")).unwrap().contains("for_comparison"));
}

#[test]
fn a_run_is_found_by_a_title_that_no_other_has() {
    let (_folder, project) = project();
    let data = project.folder().join("data");
    let runs: Vec<Run> = (0..4).map(|_| project.create_run(&config(), &data).unwrap()).collect();
    for (run, title) in runs.iter().zip(["my base", "chat", "chat", "1"]) {
        run.set_title(title).unwrap();
    }
    assert_eq!(project.run("my  base").unwrap(), runs[0]);
    // A number always means the run's number.
    assert_eq!(project.run("1").unwrap(), runs[0]);
    let reason = project.run("chat").unwrap_err().to_string();
    assert!(reason.contains("several runs have the title `chat`: 2-nanogpt-cpu, 3-nanogpt-cpu"), "{reason}");
    runs[1].delete().unwrap();
    assert_eq!(project.run("chat").unwrap(), runs[2]);
    // As a file synchroniser leaves it after a conflict.
    let copy = runs[0].folder().with_file_name("1-nanogpt-cpu (copy)");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(runs[0].folder().join("run.toml"), copy.join("run.toml")).unwrap();
    let reason = project.run("1").unwrap_err().to_string();
    assert!(reason.contains("several runs have the number `1`: 1-nanogpt-cpu"), "{reason}");
    assert_eq!(project.run("1-nanogpt-cpu").unwrap(), runs[0]);
    assert!(project.run("my bose").unwrap_err().to_string().contains("did you mean `my base`"));
}

#[test]
fn a_number_means_no_title_and_a_name_in_a_record_means_none_at_all() {
    let (_folder, project) = project();
    let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
    run.set_title("7").unwrap();
    let reason = project.run("7").unwrap_err().to_string();
    assert!(reason.contains("unknown run `7`. Known: 1-nanogpt-cpu"), "{reason}");
    run.set_title("7 layers").unwrap();
    assert_eq!(project.run("7 layers").unwrap(), run);
    let reason = project.recorded_run("7 layers").unwrap_err().to_string();
    assert!(reason.contains("unknown run `7 layers`. Known: 1-nanogpt-cpu"), "{reason}");
    for name in ["1", "1-nanogpt-cpu"] {
        assert_eq!(project.recorded_run(name).unwrap(), run);
    }
}

#[test]
fn a_run_whose_program_ended_without_a_word_is_listed_as_interrupted() {
    let (_folder, project) = project();
    let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
    run.save_record(&RunRecord { state: RunState::Running, ..run.record().unwrap() }).unwrap();
    let lock = run.lock().unwrap();
    assert_eq!(run.summary().unwrap().state, RunState::Running);
    let told = || shelf::summary("p", project.folder()).interrupted;
    assert_eq!(told(), None);
    drop(lock);
    assert_eq!(run.summary().unwrap().state, RunState::Interrupted);
    assert_eq!(told(), Some((0, config().train.steps)));
}

#[test]
fn a_deleted_run_comes_back_by_its_number_or_name() {
    let (_folder, project) = project();
    let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
    for name in ["1", "1-nanogpt-cpu", "nanogpt-cpu"] {
        run.delete().unwrap();
        assert!(project.runs().unwrap().is_empty());
        project.restore_run(name).unwrap();
        assert_eq!(project.runs().unwrap().len(), 1, "{name}");
    }
}

#[test]
fn a_run_that_is_given_up_before_it_has_its_number_was_never_there() {
    let (_folder, project) = project();
    let data = project.folder().join("data");
    let staged = project.stage_run(&config(), &data).unwrap();
    assert!(project.runs().unwrap().is_empty());
    // Another run takes the number meanwhile.
    let first = project.create_run(&config(), &data).unwrap();
    assert_eq!(
        (first.name(), staged.put().unwrap().name()),
        ("1-nanogpt-cpu".into(), "2-nanogpt-cpu".into())
    );
    drop(project.stage_run(&config(), &data).unwrap());
    let left = std::fs::read_dir(project.folder().join(RUNS)).unwrap();
    let left = left.filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!((left.count(), project.runs().unwrap().len()), (2, 2), "half a run is left");
}

#[test]
fn a_run_is_listed_at_the_step_that_it_goes_on_from() {
    let (_folder, project) = project();
    let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
    run.save_record(&RunRecord { step: 20, ..run.record().unwrap() }).unwrap();
    assert_eq!(run.summary().unwrap().step, 20);
    // As if killed between saving a checkpoint and the record.
    let info = CheckpointInfo { arena_version: ARENA_VERSION, step: 30, ..CheckpointInfo::default() };
    block_on(Checkpoints::new(run.checkpoints_folder()).save(
        &info,
        &[],
        &ArenaState::default(),
        false,
        &Yielder::none(),
    ))
    .unwrap();
    assert_eq!(run.summary().unwrap().step, 30);
}

/// A project named like the feedback folder has documents like any other.
#[test]
fn a_run_learns_from_what_its_path_says() {
    let (_folder, project) = project();
    let learned = |path: &str| {
        let mut config = config();
        config.data.paths = vec![path.into()];
        let run = project.create_run(&config, &project.folder().join("data")).unwrap();
        run.summary().unwrap().learns_from
    };
    assert_eq!(learned("shelf/feedback/documents"), LearnsFrom::Documents);
    assert_eq!(learned("shelf/tale/feedback/chat.jsonl"), LearnsFrom::Feedback);
}

#[test]
fn the_power_that_bounds_a_runs_energy_is_recorded_with_it() {
    let (_folder, project) = project();
    let run = project.create_run(&config(), &project.folder().join("data")).unwrap();
    let energy = |watts: Option<f64>| {
        let watts = watts.map(|value| Rate { value, ..Rate::default() });
        let record = RunRecord { seconds: 3600.0, watts, ..run.record().unwrap() };
        run.save_record(&record).unwrap();
        run.summary().unwrap().energy
    };
    assert_eq!(energy(None), None);
    let bound = energy(Some(500.0)).unwrap();
    assert!(bound.is_bound && (bound.kwh - 0.5).abs() < 1e-12, "{bound:?}");
}
