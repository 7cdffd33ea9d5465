//! Systems unlike those of developers: without locks, without renames, with long paths, with a clock that goes backwards. Work is done as
//! elsewhere, or refused by name and nothing lost.

use super::Campaign;
use super::interposed::{LOCKLESS, RENAMELESS, backwards, lacking};
use super::project::{
    RUN, SAVED, Sample, check_errors, check_losses, config, failures, generate, losses, opened, play,
    restore, resume, text, train, used,
};
use glasshouse_engine::project::Project;
use glasshouse_protocol::{Command, Report, RunState};
use std::path::Path;

/// Resumes the sample's run, whose losses must be the usual ones, and trains another one.
fn works(sample: &Sample, project: &Path) -> Vec<Report> {
    let heard = play(vec![opened(project), resume(), train(config(1), None), Command::ListRuns, generate()]);
    assert_eq!(failures(&heard), [""; 0]);
    check_losses(&losses(&heard), &sample.losses).unwrap();
    assert!(text(&heard).1.is_some());
    let summaries = Project::open(project).unwrap().run_summaries().unwrap();
    assert!(
        summaries.len() == 2 && summaries.iter().all(|run| run.state == RunState::Finished),
        "{summaries:?}"
    );
    heard
}

#[test]
fn a_file_system_without_locks() {
    let _turn = Campaign::new("places", 1);
    let sample = Sample::new();
    lacking(&LOCKLESS, || works(&sample, &sample.project()));
}

#[test]
fn a_file_system_without_renames() {
    let _turn = Campaign::new("places", 1);
    let sample = Sample::new();
    let project = sample.project();
    let written = text(&play(vec![opened(&project), generate()]));
    for commands in [
        vec![opened(&project), resume()],
        vec![used(&sample.folder.path().join("new")), train(config(1), None)],
    ] {
        let heard = lacking(&RENAMELESS, || play(commands));
        check_errors(&heard).unwrap();
        assert!(!failures(&heard).is_empty(), "files appear without renames");
    }
    let heard = play(vec![opened(&project), generate(), resume()]);
    assert_eq!((failures(&heard), text(&heard)), (Vec::new(), written));
    let found = losses(&heard);
    assert_eq!(found.first_key_value().map(|((step, _), _)| *step), Some(SAVED[1] + 1));
    check_losses(&found, &sample.losses).unwrap();
}

#[test]
fn a_path_of_300_characters() {
    let _turn = Campaign::new("places", 1);
    let sample = Sample::new();
    let folder = sample
        .folder
        .path()
        .join("A folder of éleven words, as people name them".repeat(4))
        .join("x".repeat(120));
    let project = folder.join("p");
    assert!(project.as_os_str().len() > 300);
    restore(&project, &sample.files);
    works(&sample, &project);
}

/// Each look at the clock is ten minutes before the last one, then decades, before 1970.
#[test]
fn a_clock_that_goes_backwards() {
    let _turn = Campaign::new("places", 1);
    for seconds in [600, 60 * 366 * 86_400] {
        let sample = Sample::new();
        backwards(seconds, || works(&sample, &sample.project()));
        let run = Project::open(&sample.project()).unwrap().run(RUN).unwrap();
        assert!(run.summary().is_ok());
    }
}
