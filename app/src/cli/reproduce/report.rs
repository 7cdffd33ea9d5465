//! The result of a reproduced run, compared with the published one.

use super::ReproduceArguments;
use super::exercise::Exercise;
use crate::cli::report;
use crate::cli::train::quoted;
use anyhow::Result;
use glasshouse_engine::protocol::RunSummary;
use serde_json::json;
use std::process::ExitCode;

pub(super) struct RunOutcome {
    /// The measured figure, if the run has one.
    pub ours: Option<f64>,
    /// Whether it reaches the published figure; `None` if the two are not comparable.
    pub verdict: Option<bool>,
    pub note: String,
}

impl RunOutcome {
    /// Prints a JSON object, or lines of text.
    pub(super) fn tell(
        &self,
        arguments: &ReproduceArguments,
        exercise: &Exercise,
        run: &RunSummary,
    ) -> Result<()> {
        let Self { ours, verdict, note } = self;
        let Exercise { name, source, steps, figure, differs, .. } = exercise;
        let kind = if exercise.is_preset() { "preset" } else { "exercise" };
        let line = json!({
            "event": "reproduction", (kind): name, "figure": figure.words(), "published": figure.published(), "source": source,
            "published_steps": steps, "ours": ours, "best_val_loss": run.best_val_loss, "note": note, "differs": differs, "run": run.name,
            "step": run.step, "seconds": run.seconds, "device": run.device, "reproduced": verdict,
        });
        if arguments.json {
            return Ok(say!("{line}")?);
        }
        say!("")?;
        report::print(&report::records(&[line], &["event", "reproduced"]))?;
        match verdict {
            Some(true) => say!("reproduced")?,
            Some(false) => say!("not reproduced")?,
            None if run.step < run.steps => say!(
                "no verdict: the run stopped early; continue with: glasshouse reproduce {name} --project {} --resume",
                quoted(&arguments.project)
            )?,
            None => {
                say!(
                    "no verdict: the data, the shape, the steps or the settings are not the published ones"
                )?;
            }
        }
        Ok(())
    }

    /// Failure if not reproduced, or if the run ended early and so shows nothing. A run that was requested to be shorter
    /// succeeds.
    pub(super) fn exit_code(&self, run: &RunSummary) -> ExitCode {
        let broken_off = run.step < run.steps;
        ExitCode::from(u8::from(self.verdict == Some(false) || broken_off))
    }
}
