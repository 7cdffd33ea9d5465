//! Choosing a run's device, for any front end: the one it was trained on, another one if that is missing, and the same one
//! again after it was lost.

use crate::runs::{create, last_checkpoint, notices, session, store};
use crate::{common, runs};
use glasshouse_engine::Error;
use glasshouse_engine::data::Prepared;
use glasshouse_engine::device::{self, DeviceDescription, DeviceKind};
use glasshouse_engine::gpu::Tuning;
use glasshouse_engine::project::{Project, Run, RunRecord};
use glasshouse_engine::setup::{DeviceOptions, PreparedRun};
use glasshouse_engine::training::{Options, Progress, TrainEvent, Trainer};
use glasshouse_protocol::{Precision, RunConfig, RunState, TrainConfig};
use glasshouse_tests::blocking;
use pollster::block_on;
use std::sync::Arc;

fn open(
    project: &Project,
    config: &RunConfig,
    run: Option<Run>,
    (device, moved): (&str, bool),
) -> PreparedRun {
    let prepared = Prepared {
        tokenizer: blocking::train_tokenizer(&config.tokenizer, ["once"]).unwrap(),
        store: store(),
        folder: project.folder().join("data"),
        problems: Vec::new(),
    };
    let options = DeviceOptions { request: device.to_owned(), moved, threads: None, tuning: Tuning::Default };
    block_on(PreparedRun::open(config, &Arc::new(prepared), run, options)).unwrap()
}

/// All events until the session ends.
fn events(mut trainer: Trainer<'_>) -> Vec<TrainEvent> {
    let mut events = Vec::new();
    while let Progress::Event(event) = block_on(trainer.next()).unwrap() {
        events.push(event);
    }
    events
}

fn config() -> RunConfig {
    RunConfig {
        train: TrainConfig { steps: 4, sample_interval: 0, ..runs::config().train },
        ..runs::config()
    }
}

#[test]
fn a_run_goes_on_where_it_was_trained_and_elsewhere_only_where_that_is_gone_or_it_is_moved() {
    let (_folder, project) = runs::project();
    let run = create(&project, &config());
    let stopped = Options { stop_after: Some(2), ..Options::default() };
    session(&run, &store(), "burn-flex", stopped).unwrap();
    let opened = |moved: bool| open(&project, &config(), Some(run.clone()), ("cpu", moved));
    let mut here = opened(false);
    assert!(here.on_own_device && here.resumes() && here.warnings.is_empty());
    assert_eq!(here.executor().unwrap().describe().kind, DeviceKind::BurnFlex);
    let mut moved = opened(true);
    assert!(!moved.on_own_device);
    assert_eq!(moved.executor().unwrap().describe().kind, DeviceKind::Cpu);
    // The machine no longer has the device.
    let record = run.record().unwrap();
    let gone = DeviceDescription {
        kind: DeviceKind::Gpu,
        name: "Voodoo 2".to_owned(),
        ..record.device.clone().unwrap()
    };
    run.save_record(&RunRecord { device: Some(gone), ..record }).unwrap();
    let mut elsewhere = opened(false);
    assert!(
        !elsewhere.on_own_device && elsewhere.warnings[0].contains("Voodoo 2"),
        "{:?}",
        elsewhere.warnings
    );
    elsewhere.run_of(&project).unwrap();
    let told = events(block_on(elsewhere.trainer(Options::default())).unwrap());
    let notices = notices(&told);
    assert!(
        notices.iter().any(|text| text.contains("Voodoo 2") && text.contains("continues on cpu")),
        "{notices:?}"
    );
    assert!(matches!(told.last(), Some(TrainEvent::Done { step: 4, finished: true, .. })), "{told:?}");
    // A mixed-precision run continues in full precision if no other device is available.
    let mut mixed = config();
    mixed.train.precision = Precision::Mixed;
    let run = create(&project, &mixed);
    let gone = DeviceDescription { kind: DeviceKind::Gpu, name: "Voodoo 2".to_owned(), ..device::cpu(1) };
    run.save_record(&RunRecord { device: Some(gone), ..run.record().unwrap() }).unwrap();
    for again in [false, true] {
        let mut full = open(&project, &mixed, Some(run.clone()), ("cpu", false));
        assert_eq!((full.config.train.precision, full.on_own_device), (Precision::F32, again));
        let told = full.warnings.iter().any(|text| text.contains("continues in 32 bits"));
        assert!(told, "{:?}", full.warnings);
        // The record then names the CPU; the settings keep mixed precision.
        full.run_of(&project).unwrap();
        let stop = Options { stop_after: Some(if again { 2 } else { 1 }), ..Options::default() };
        events(block_on(full.trainer(stop)).unwrap());
    }
}

/// A lost device is reopened with the same kernels, and the run ends bit-identical to an undisturbed one.
#[test]
fn a_run_goes_on_by_itself_after_its_gpu_was_lost() {
    let (_folder, project) = runs::project();
    let config = RunConfig {
        train: TrainConfig { steps: 24, sample_interval: 0, ..runs::config().train },
        ..runs::config()
    };
    let adapter = common::adapter();
    let straight = session(&create(&project, &config), &store(), &adapter, Options::default()).unwrap();
    let mut prepared_run = open(&project, &config, None, (&adapter, false));
    let run = prepared_run.run_of(&project).unwrap();
    let error = {
        let mut trainer = block_on(prepared_run.trainer(Options::default())).unwrap();
        let mut lost = false;
        loop {
            match block_on(trainer.next()) {
                Ok(Progress::Over) => panic!("a lost device ends a session"),
                Ok(_) if trainer.step() >= 17 && !lost => {
                    trainer.executor().gpu().unwrap().lose();
                    lost = true;
                }
                Ok(_) => {}
                Err(error) => break error,
            }
        }
    };
    let again = || match &error {
        Error::DeviceLost(text) => Error::DeviceLost(text.clone()),
        other => panic!("{other}"),
    };
    assert_eq!(run.record().unwrap().state, RunState::Failed);
    let other = block_on(prepared_run.reopen(Error::Refused("full".to_owned())));
    assert!(matches!(other, Err(Error::Refused(text)) if text == "full"));
    let said = block_on(prepared_run.reopen(again())).unwrap();
    assert!(
        said.contains("was lost") && said.ends_with("training resumes from the last checkpoint"),
        "{said}"
    );
    let mut trainer = block_on(prepared_run.trainer(Options::default())).unwrap();
    let mut events = Vec::new();
    while let Progress::Event(event) = block_on(trainer.next()).unwrap() {
        events.push(event);
    }
    drop(trainer);
    assert!(matches!(events.last(), Some(TrainEvent::Done { step: 24, finished: true, .. })), "{events:?}");
    assert_eq!(last_checkpoint(&events), last_checkpoint(&straight));
    // Reopening is given up after repeated losses without progress.
    let tries = (0..5).filter(|_| block_on(prepared_run.reopen(again())).is_ok());
    assert_eq!(tries.count(), 3);
}
