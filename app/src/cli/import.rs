//! `glasshouse import`: a pretrained model into a project.

use super::arguments::ImportArguments;
use super::driver::drive;
use super::output::bytes;
use super::trained;
use anyhow::Result;
use glasshouse_engine::protocol::quantity::whole;
use glasshouse_engine::protocol::{Command, Event};
use glasshouse_engine::session;

pub(super) fn import(arguments: &ImportArguments) -> Result<()> {
    drive(session::Options::default(), async |engine| {
        trained::use_project(engine, &arguments.project, true).await?;
        let from = std::path::absolute(&arguments.from)?;
        let command = Command::ImportModel { from, context_length: arguments.context };
        let mut imported = false;
        let show = |event| {
            match event {
                Event::ImportProgress { done: 0, total } => tell!("reading {} of weights", bytes(total)),
                Event::ModelImported { run, class, parameters, shape } => {
                    imported = true;
                    say!("{run}: {class}, {} parameters, {shape}", whole(parameters))?;
                }
                event => trained::note(&event),
            }
            Ok(())
        };
        engine.ask_until_signal(command, "stopping", show).await?;
        if imported {
            let project = arguments.project.display();
            say!("try it: glasshouse generate --project {project} --prompt \"...\"")?;
            say!("train it on: glasshouse train --from latest --project {project} --data my-text.txt")?;
        }
        Ok(())
    })
}
