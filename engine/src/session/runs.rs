//! The open project's runs: listed, compared, restored, exported.

use super::Session;
use crate::error::Result;
use crate::interchange::huggingface;
use crate::platform::files;
use crate::project::{Run, Trained, archive};
use crate::protocol::{Event, Parcel, Report, TrainEvent};
use crate::train::metrics;
use std::path::Path;

impl<Tell: Fn(Parcel<Report>)> Session<Tell> {
    pub(super) fn run_named(&mut self, name: &str) -> Result<Run> {
        self.opened()?.project.run(name)
    }

    pub(super) fn list_runs(&mut self, id: u64) -> Result<()> {
        let runs = self.opened()?.project.runs()?.iter().map(Run::summary).collect::<Result<Vec<_>>>()?;
        self.outlet.answer(id, Event::Runs { runs });
        Ok(())
    }

    pub(super) fn read_history(&mut self, id: u64, name: &str, points: usize) -> Result<()> {
        let run = self.run_named(name)?;
        let path = run.metrics_path();
        let events = if files::exists(&path) { metrics::read(&path)? } else { Vec::new() };
        let history = Event::History {
            run: run.name(),
            config: Box::new(run.config()?),
            events: thinned(events, points),
            checkpoints: run.summary()?.checkpoints,
        };
        self.outlet.answer(id, history);
        Ok(())
    }

    pub(super) fn save_notes(&mut self, id: u64, name: &str, notes: &str) -> Result<()> {
        self.run_named(name)?.set_notes(notes)?;
        self.list_runs(id)
    }

    pub(super) fn restore_checkpoint(&mut self, id: u64, name: &str, checkpoint: &str) -> Result<()> {
        let run = self.run_named(name)?;
        self.opened()?.project.restore(&run, checkpoint)?;
        self.list_runs(id)
    }

    pub(super) fn export_model(&mut self, id: u64, name: &str, to: Option<String>) -> Result<()> {
        let run = self.run_named(name)?;
        let place = format!("{}-huggingface", run.name());
        match &to {
            Some(folder) => {
                huggingface::export_trained(&Trained::load(run, "best")?, Path::new(folder))?;
                self.outlet.answer(id, Event::Exported { name: place, path: to });
            }
            None => {
                // A folder of its own that is gone again once it is packed.
                let folder = run.folder().join("export");
                let packed = Trained::load(run, "best")
                    .and_then(|model| huggingface::export_trained(&model, &folder))
                    .and_then(|_| archive::pack_folder(&folder));
                files::remove_dir_all(&folder).ok();
                let event = Event::Exported { name: format!("{place}.zip"), path: None };
                self.outlet.answer_with(id, event, vec![packed?]);
            }
        }
        Ok(())
    }
}

/// Everything but steps, and of these at most so many, evenly; the last one always.
fn thinned(events: Vec<TrainEvent>, points: usize) -> Vec<TrainEvent> {
    let steps = events.iter().filter(|event| matches!(event, TrainEvent::Step { .. })).count();
    let stride = steps.div_ceil(points.max(1)).max(1);
    let mut number = 0;
    let kept = events.into_iter().filter(|event| {
        if !matches!(event, TrainEvent::Step { .. }) {
            return true;
        }
        number += 1;
        (number - 1) % stride == 0 || number == steps
    });
    kept.collect()
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn long_curves_are_thinned_and_keep_their_end() {
        let step = |step| TrainEvent::Step {
            step,
            loss: 1.0,
            lr: 0.1,
            grad_norm: 1.0,
            tokens_per_s: 1.0,
            skipped: false,
        };
        let mut events: Vec<TrainEvent> = (1..=1001).map(step).collect();
        events.insert(500, TrainEvent::Notice { text: "here".to_owned() });
        let kept = thinned(events.clone(), 100);
        assert!(kept.len() <= 103, "{}", kept.len());
        assert_eq!(kept.last(), events.last());
        assert!(kept.contains(&TrainEvent::Notice { text: "here".to_owned() }));
        assert_eq!(thinned(events.clone(), 5000), events);
    }
}
