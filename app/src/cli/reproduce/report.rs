//! What came out of a run again, beside what was published.

use crate::cli::arguments::ReproduceArguments;
use crate::cli::train::quoted;
use anyhow::Result;
use glasshouse_engine::protocol::RunSummary;
use glasshouse_engine::protocol::quantity::{duration, things};
use serde_json::{Value, json};
use std::process::ExitCode;

/// A published figure and ours.
pub(super) struct FigureReport<'run> {
    /// What JSON lines call the name: `preset`, or `exercise`.
    pub kind: &'static str,
    pub name: &'static str,
    /// What the figure is called.
    pub figure: &'static str,
    pub published: f64,
    /// Where it stands.
    pub source: &'static str,
    /// Steps of the published run.
    pub steps: u64,
    /// None where the run has none.
    pub ours: Option<f64>,
    pub run: &'run RunSummary,
    /// Whether it comes as far; none where it cannot be compared.
    pub verdict: Option<bool>,
    /// What else there is to know of the figure.
    pub note: String,
    /// What is another here than there.
    pub differs: &'static str,
    /// Why a whole run gets no verdict.
    pub incomparable: String,
}

impl FigureReport<'_> {
    /// Says it: a JSON object for programs, lines for people.
    pub(super) fn tell(&self, arguments: &ReproduceArguments) -> Result<()> {
        let FigureReport {
            kind,
            name,
            figure,
            published,
            source,
            steps,
            ours,
            run,
            verdict,
            note,
            differs,
            ..
        } = self;
        if arguments.json {
            let mut line = json!({
                "event": "reproduction", "figure": figure, "published": published, "source": source, "published_steps": steps,
                "ours": ours, "best_val_loss": run.best_val_loss, "note": note, "differs": differs, "run": run.name,
                "step": run.step, "seconds": run.seconds, "device": run.device, "reproduced": verdict,
            });
            if let Some(fields) = line.as_object_mut() {
                fields.insert((*kind).to_owned(), Value::from(*name));
            }
            return Ok(say!("{line}")?);
        }
        let shown = ours.map_or_else(|| "none".to_owned(), |ours| format!("{ours:.4}"));
        let (ran, time) = (things(run.step, "step"), duration(run.seconds));
        say!("\n{name}: {figure}")?;
        say!("  published  {published}   {steps} {} ({source})", things(*steps, "step"))?;
        say!("  ours       {shown}   {} {ran}, {time}, on {}", run.step, run.device)?;
        if !differs.is_empty() {
            say!("  differs    {differs}")?;
        }
        if !note.is_empty() {
            say!("  {note}")?;
        }
        match verdict {
            Some(true) => say!("reproduced")?,
            Some(false) => say!("not reproduced")?,
            None if run.step < run.steps => say!(
                "no verdict: the run stopped early; continue with: glasshouse reproduce {name} --project {} --resume",
                quoted(&arguments.project)
            )?,
            None => say!("no verdict: {}", self.incomparable)?,
        }
        Ok(())
    }

    /// Fails where it was not reproduced, or broken off, which has shown nothing; one that was asked to be shorter did what was asked.
    pub(super) fn exit_code(&self) -> ExitCode {
        let broken_off = self.run.step < self.run.steps;
        ExitCode::from(u8::from(self.verdict == Some(false) || broken_off))
    }
}
