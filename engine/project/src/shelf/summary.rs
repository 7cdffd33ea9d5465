//! A project's summary from a few records and the ends of a few files, so that a large shelf is listed quickly.

use crate::{Curve, Project, Run, RunRecord, metrics};
use glasshouse_platform::{Error, Result, files};
use glasshouse_protocol::{ProjectSummary, RunSummary, TrainEvent};
use std::path::Path;

/// Maximum size of metrics to read for a list.
const MAX_METRICS_BYTES: u64 = 64 << 20;

/// The summary of the project in a folder; unreadable parts are reported as its problem.
pub fn summary(id: &str, folder: &Path) -> ProjectSummary {
    let empty = ProjectSummary {
        id: id.to_owned(),
        name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        bytes: bytes_of(folder),
        ..ProjectSummary::default()
    };
    let project = match Project::open(folder) {
        Ok(project) => project,
        Err(error) => return ProjectSummary { problem: Some(error.to_string()), ..empty },
    };
    let mut summary = ProjectSummary { name: project.name(), classifier: project.has_classifier(), ..empty };
    if let Err(error) = add_runs(&project, &mut summary) {
        summary.problem = Some(error.to_string());
    }
    summary
}

fn add_runs(project: &Project, summary: &mut ProjectSummary) -> Result<()> {
    summary.updated = project.created()?;
    let runs = project.runs()?;
    summary.runs = runs.len();
    // An unreadable run is reported in the list of runs.
    let records: Vec<_> = runs.iter().filter_map(|run| Some((run, run.record().ok()?))).collect();
    for (_, record) in &records {
        summary.updated = summary.updated.max(record.updated).max(record.created);
    }
    if let Some((run, record)) = records.iter().rev().find(|(_, record)| !record.for_comparison)
        && run.is_interrupted(record.state)
    {
        let run = run.summary()?;
        summary.interrupted = Some((run.step, run.steps));
    }
    let all: Vec<RunSummary> = records.iter().filter_map(|(run, _)| run.summary().ok()).collect();
    let best = RunSummary::best_text(&all);
    // Imported models and runs without steps have nothing to show.
    for shown in best.into_iter().chain(all.iter().rev()) {
        let run = records.iter().find(|(run, _)| run.name() == shown.name);
        if let Some((run, record)) = run
            && add_past(run, record, summary)
        {
            summary.run.clone_from(&shown.name);
            summary.val_loss = shown.validation().map(|validation| validation.loss);
            summary.bytes_per_token = shown.bytes_per_token;
            break;
        }
    }
    Ok(())
}

/// Adds a run's curve and sample. Returns whether it has any steps.
fn add_past(run: &Run, record: &RunRecord, summary: &mut ProjectSummary) -> bool {
    if !record.curve.is_empty() {
        (summary.curve, summary.sample) = (record.curve.losses(), record.curve.sample.clone());
        return true;
    }
    // The record of an earlier version, whose metrics may be too large for a card or, in a browser, not loaded.
    let bytes = files::metadata(run.metrics_path()).map_or(0, |metadata| metadata.len());
    if bytes > MAX_METRICS_BYTES {
        return true;
    }
    let Ok(events) = metrics::thinned(&run.metrics_path(), Curve::POINTS) else { return bytes > 0 };
    let (mut curve, mut sample) = (Vec::new(), String::new());
    for event in events {
        match event {
            TrainEvent::Step { loss, .. } => curve.push(loss),
            TrainEvent::Sample { text, .. } => sample = text,
            _ => {}
        }
    }
    let has_steps = !curve.is_empty();
    if has_steps {
        (summary.curve, summary.sample) = (curve, sample);
    }
    has_steps
}

/// Total bytes of the files in a folder; inaccessible ones count as 0.
fn bytes_of(folder: &Path) -> u64 {
    let Ok(entries) = files::read_dir(folder).map_err(Error::io(folder)) else { return 0 };
    let size = |entry: files::DirEntry| -> Option<u64> {
        let metadata = entry.metadata().ok()?;
        Some(if metadata.is_dir() { bytes_of(&entry.path()) } else { metadata.len() })
    };
    entries.filter_map(|entry| size(entry.ok()?)).sum()
}
