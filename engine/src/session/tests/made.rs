//! Runs created from others yield regularly, as in a browser, and are created completely or not at all.

use super::tiny;
use crate::checkpoint::{CheckpointInfo, Checkpoints};
use crate::data::prepare;
use crate::formats::huggingface::{export_adapter, merge_adapter};
use crate::initial;
use crate::model::parameters;
use crate::platform::{Yielder, block_on, given_up_after};
use crate::project::metrics::{self, MetricsWriter};
use crate::project::{AsTrained, Project, Run, StagedRun};
use crate::protocol::{Adapter, CheckpointChoice, RunState, TrainEvent};
use crate::step::ArenaState;
use crate::{Error, Result};

fn project() -> (tempfile::TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::open_or_create(&folder.path().join("project")).unwrap();
    (folder, project)
}

fn step(step: u64) -> TrainEvent {
    TrainEvent::Step { step, loss: 2.0, lr: 1e-3, grad_norm: 0.1, tokens_per_s: 5e3, skipped: false }
}

/// A run at step 3 of 20.
fn begun(project: &Project, adapter: Option<Adapter>) -> Run {
    let mut config = tiny(20);
    config.train.adapter = adapter;
    let prepared = prepare::prepare(&config, project.folder(), &mut |_| {}).unwrap();
    prepared.complete(&mut config);
    let list = parameters(&config.model, &config.train).unwrap();
    let weights = block_on(initial::parameters(&list, 5, &Yielder::none()));
    let state = ArenaState { parameters: weights.into(), ..initial::zero_moments(&config.train, &list) };
    let fill = |run: &Run| {
        let info = CheckpointInfo::new(&config, run.config_crc32c()?, 3);
        block_on(Checkpoints::new(run.checkpoints_folder()).save(
            &info,
            &list,
            &state,
            true,
            &Yielder::none(),
        ))?;
        let mut metrics = MetricsWriter::create(&run.metrics_path())?;
        (1..=3).try_for_each(|number| metrics.write(&step(number)))?;
        metrics.sync()
    };
    project.create_run_with(&config, &prepared.folder, fill).unwrap()
}

/// Cancels the work at every yield in turn until it completes; cancelled work leaves nothing.
fn yielding(project: &Project, work: &impl AsyncFn(&Yielder) -> Result<StagedRun>) -> Run {
    let left = || {
        let entries = std::fs::read_dir(project.folder().join("runs")).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
    };
    let (before, mut given) = (left(), 0);
    loop {
        let (yielder, mut made) = (Yielder::at_every_chance(), None);
        let work = async {
            made = Some(work(&yielder).await?);
            Ok::<_, Error>(())
        };
        if given_up_after(given, work) {
            assert!(given > 20, "done after {given} turns");
            return made.unwrap().put().unwrap();
        }
        assert_eq!(left(), before, "after {given} turns");
        given += 1 + given / 8;
    }
}

#[test]
fn a_checkpoint_is_restored_yielding() {
    let (_folder, project) = project();
    let run = begun(&project, None);
    let latest = CheckpointChoice::Latest;
    let restored =
        yielding(&project, &async |yielder| crate::training::restore(&project, &run, &latest, yielder).await);
    let (record, weights) = (restored.record().unwrap(), |run| {
        block_on(AsTrained::load(run, &latest, &Yielder::none())).unwrap().weights
    });
    assert_eq!((record.state, record.step), (RunState::Stopped, 3));
    assert_eq!(metrics::read(&restored.metrics_path()).unwrap(), [step(1), step(2), step(3)]);
    assert_eq!(weights(restored), weights(run));
}

#[test]
fn an_adapter_is_merged_yielding() {
    let (folder, project) = project();
    let run = begun(&project, None);
    let adapted = begun(&project, Some(Adapter { rank: 3, ..Adapter::default() }));
    let best = CheckpointChoice::Best;
    let merged = yielding(&project, &async |yielder| project.merge(&adapted, &best, yielder).await);
    assert_eq!(merged.record().unwrap().state, RunState::Imported);
    assert!(!merged.is_from_outside().unwrap(), "it has the text of the run that it was made of");
    let apart = folder.path().join("adapter");
    block_on(export_adapter(
        &block_on(AsTrained::load(adapted, &CheckpointChoice::Latest, &Yielder::none())).unwrap(),
        &apart,
        false,
        &Yielder::none(),
    ))
    .unwrap();
    let merged = yielding(&project, &async |yielder| {
        merge_adapter(&project, &run, &best, apart.as_path(), yielder).await
    });
    assert_eq!(merged.record().unwrap().state, RunState::Imported);
}

#[cfg(feature = "cluster")]
mod bundles {
    use super::*;
    use glasshouse_cluster::{BundleExport, export_bundle, import_bundle};
    use sha2::{Digest as _, Sha256};
    use std::path::Path;

    /// Simulates training with a bundle up to step 4, with unchanged weights and moments.
    fn train_there(bundle: &Path) {
        let there = bundle.join("out/checkpoint-4");
        std::fs::create_dir_all(&there).unwrap();
        std::fs::copy(bundle.join("model/model.safetensors"), there.join("model.safetensors")).unwrap();
        std::fs::copy(bundle.join("optimizer.safetensors"), there.join("optimizer.safetensors")).unwrap();
        let mut metrics = MetricsWriter::create(&bundle.join("out/metrics.jsonl")).unwrap();
        metrics.write(&step(4)).unwrap();
        metrics.sync().unwrap();
        let hash = Sha256::digest(std::fs::read(bundle.join("bundle.json")).unwrap());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let state = serde_json::json!({
            "format": "glasshouse-bundle-checkpoint",
            "version": 1,
            "step": 4,
            "val_loss": null,
            "files": {},
            "bundle": hash,
        });
        std::fs::write(there.join("state.json"), state.to_string()).unwrap();
    }

    #[test]
    fn a_bundle_is_imported_yielding() {
        let (folder, project) = project();
        let run = begun(&project, None);
        let bundle = folder.path().join("bundle");
        let request = BundleExport { run: &run, device: "cpu", threads: Some(1), steps: 1 };
        pollster::block_on(export_bundle(&request, &bundle, false, &Yielder::none(), &mut |_, _| ()))
            .unwrap();
        train_there(&bundle);
        let imported =
            yielding(&project, &async |yielder| import_bundle(&project, &bundle, None, yielder).await);
        assert_eq!(
            (imported.record().unwrap().state, imported.record().unwrap().step),
            (RunState::Stopped, 4)
        );
        assert_eq!(metrics::read(&imported.metrics_path()).unwrap().len(), 4);
    }
}
