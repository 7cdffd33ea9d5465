//! Checkpoints of real runs: falling back from a damaged one gives the same numbers, and a full disk loses nothing.

use crate::runs::{config, create, last_checkpoint, notices, project, session, session_until, store};
use glasshouse_engine::training::{Options, TrainEvent};
use glasshouse_protocol::RunState;
use std::path::PathBuf;

fn checkpoint_paths(events: &[TrainEvent]) -> Vec<PathBuf> {
    found!(events.iter(), TrainEvent::Checkpoint { path, .. } => path.into()).collect()
}

#[test]
fn a_truncated_checkpoint_falls_back_and_the_run_ends_in_the_same_bits() {
    let (_folder, project) = project();
    let store = store();
    let straight = session(&create(&project, &config()), &store, "cpu", Options::default()).unwrap();
    let run = create(&project, &config());
    let first = session(&run, &store, "cpu", Options { stop_after: Some(33), ..Options::default() }).unwrap();
    let latest = checkpoint_paths(&first).pop().unwrap();
    let bytes = std::fs::read(&latest).unwrap();
    std::fs::write(&latest, &bytes[..bytes.len() / 2]).unwrap();
    let rest = session(&run, &store, "cpu", Options::default()).unwrap();
    assert!(notices(&rest)[0].contains("skipped a damaged checkpoint"), "{:?}", notices(&rest));
    assert!(notices(&rest)[1].contains("of step 30 instead"), "{:?}", notices(&rest));
    assert!(matches!(
        rest.iter().find(|event| event.step().is_some()),
        Some(TrainEvent::Step { step: 31, .. })
    ));
    assert_eq!(last_checkpoint(&rest), last_checkpoint(&straight));
}

#[test]
fn a_run_without_a_whole_checkpoint_is_refused_and_left_alone() {
    let (_folder, project) = project();
    let (store, run) = (store(), create(&project, &config()));
    session(&run, &store, "cpu", Options { stop_after: Some(33), ..Options::default() }).unwrap();
    let before = std::fs::read(run.metrics_path()).unwrap();
    for entry in std::fs::read_dir(run.checkpoints_folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            std::fs::write(path, "rubbish").unwrap();
        }
    }
    let refused = |wanted: &str| {
        let error = session(&run, &store, "cpu", Options::default()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert_eq!(std::fs::read(run.metrics_path()).unwrap(), before);
    };
    refused("no checkpoint of this run can be used");
    // Nothing is left that tells a lost checkpoint from one that was never completed, but for the run's records.
    std::fs::remove_dir_all(run.checkpoints_folder()).unwrap();
    refused("the run was saved at step 33");
    std::fs::create_dir(run.checkpoints_folder()).unwrap();
    std::fs::write(run.checkpoints_folder().join("step-00000033-000003.safetensors"), "cut").unwrap();
    refused("the run was saved at step 33");
    std::fs::remove_file(run.folder().join("clock.jsonl")).unwrap();
    refused("the run was saved at step 33");
}

/// A link of a project from elsewhere may name any file of this machine.
#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link_in_a_run() {
    let (folder, project) = project();
    let (store, run) = (store(), create(&project, &config()));
    session(&run, &store, "cpu", Options { stop_after: Some(20), ..Options::default() }).unwrap();
    let outside = folder.path().join("outside");
    for name in ["metrics.jsonl", "clock.jsonl", "lock"] {
        let own = run.folder().join(name);
        let kept = std::fs::read(&own).unwrap();
        let foreign: &[u8] = if name == "lock" { b"mine" } else { &kept };
        std::fs::write(&outside, foreign).unwrap();
        std::fs::remove_file(&own).unwrap();
        std::os::unix::fs::symlink(&outside, &own).unwrap();
        let error = session(&run, &store, "cpu", Options::default()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("is a link"), "{error}");
        assert!(name != "lock" || run.delete().is_err());
        assert_eq!(std::fs::read(&outside).unwrap(), foreign);
        std::fs::remove_file(&own).unwrap();
        std::fs::write(&own, kept).unwrap();
    }
    session(&run, &store, "cpu", Options::default()).unwrap();
}

/// As on a full disk, which `campaign::disk` tries at each write.
#[cfg(unix)]
#[test]
fn a_checkpoint_that_cannot_be_written_ends_the_run_and_loses_nothing() {
    let (folder, project) = project();
    let store = store();
    let straight = session(&create(&project, &config()), &store, "cpu", Options::default()).unwrap();
    let run = create(&project, &config());
    let outside = folder.path().join("outside");
    std::fs::write(&outside, "mine").unwrap();
    // The checkpoints of steps 15 and 20 are written; then a link is in the place of the run's third checkpoint, at step 30.
    let place = run.checkpoints_folder().join("step-00000030-000003.safetensors");
    let error = session_until(&run, &store, "cpu", Options::default(), |event| {
        if event.step() == Some(25) && matches!(event, TrainEvent::Step { .. }) {
            std::os::unix::fs::symlink(&outside, &place).unwrap();
        }
        false
    })
    .unwrap_err()
    .to_string();
    assert!(error.contains("step-00000030") && error.contains("is a link"), "{error}");
    assert!(!error.contains('\n'), "{error}");
    assert_eq!(run.record().unwrap().state, RunState::Failed);
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "mine");
    std::fs::remove_file(&place).unwrap();
    let rest = session(&run, &store, "cpu", Options::default()).unwrap();
    assert_eq!(rest.first().and_then(TrainEvent::step), Some(21));
    assert_eq!(last_checkpoint(&rest), last_checkpoint(&straight));
}
