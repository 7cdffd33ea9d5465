//! The result of a reproduced run, compared with the published one.

use super::ReproduceArguments;
use crate::cli::report;
use crate::cli::train::quoted;
use anyhow::Result;
use glasshouse_engine::protocol::RunSummary;
use serde_json::json;
use std::process::ExitCode;

pub(super) struct FigureReport<'run> {
    /// Key of the name in JSON lines: `preset` or `exercise`.
    pub kind: &'static str,
    pub name: &'run str,
    pub figure: &'static str,
    pub published: f64,
    pub source: &'run str,
    /// Steps of the published run.
    pub steps: u64,
    /// Our figure, if the run has one.
    pub ours: Option<f64>,
    pub run: &'run RunSummary,
    /// Whether it reaches the published figure; `None` if the two are not comparable.
    pub verdict: Option<bool>,
    pub note: String,
    /// Differences from the published run.
    pub differs: &'run str,
}

impl FigureReport<'_> {
    /// Prints the report: a JSON object, or lines of text.
    pub(super) fn tell(&self, arguments: &ReproduceArguments) -> Result<()> {
        let FigureReport { kind, name, figure, published, source, steps, ours, run, verdict, note, differs } =
            self;
        let line = json!({
            "event": "reproduction", (*kind): name, "figure": figure, "published": published, "source": source,
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
    pub(super) fn exit_code(&self) -> ExitCode {
        let broken_off = self.run.step < self.run.steps;
        ExitCode::from(u8::from(self.verdict == Some(false) || broken_off))
    }
}
