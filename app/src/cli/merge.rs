//! `glasshouse merge`: a run's adapter into the weights that it adapts.

use super::arguments::{MergeArguments, ModelArguments};
use super::driver::drive;
use super::trained;
use anyhow::Result;
use glasshouse_engine::protocol::{Command, Event};
use glasshouse_engine::session;

pub(super) fn merge(arguments: &MergeArguments) -> Result<()> {
    drive(session::Options::default(), async |engine| {
        let ModelArguments { project, run, checkpoint } = &arguments.model;
        trained::use_project(engine, project, false).await?;
        let (run, _) = trained::settings_of(engine, run.clone()).await?;
        let command = Command::MergeAdapter { run: run.clone(), checkpoint: Some(checkpoint.clone()) };
        let show = |event| {
            match event {
                Event::AdapterMerged { run: merged } => {
                    say!("{merged}: the weights of {run} with its adapter added to them")?;
                }
                event => trained::note(&event),
            }
            Ok(())
        };
        engine.ask(command, show).await
    })
}
