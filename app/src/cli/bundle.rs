//! `glasshouse bundle`: exports a run for training on many GPUs, and imports the result.

use super::arguments::{BundleCommand, BundleExportArguments, BundleImportArguments};
use super::driver::drive;
use super::settings::checked_device;
use super::trained;
use anyhow::Result;
use glasshouse_engine::protocol::quantity::whole;
use glasshouse_engine::protocol::{Command, Event};
use glasshouse_engine::session;

pub(super) fn bundle(command: &BundleCommand) -> Result<()> {
    match command {
        BundleCommand::Export(arguments) => export(arguments),
        BundleCommand::Import(arguments) => import(arguments),
    }
}

pub(super) fn export(arguments: &BundleExportArguments) -> Result<()> {
    let BundleExportArguments { project, run, to, steps, device, force } = arguments;
    device.as_deref().map(checked_device).transpose()?;
    drive(session::Options::default(), async |engine| {
        trained::use_project(engine, project, false).await?;
        let command = Command::ExportBundle {
            run: run.clone(),
            to: Some(to.clone()),
            keep: !force,
            device: device.clone(),
            steps: *steps,
        };
        let show = |event| {
            match event {
                Event::Exported { files, .. } => say!("{} files in {}", files.len(), to.display())?,
                event => trained::note(&event),
            }
            Ok(())
        };
        engine.ask_until_signal(command, "stopping", show).await
    })?;
    let [verify, launch] = ["verify", "launch"].map(|name| to.join(name));
    say!("compare it there with the results of this machine: {}", verify.display())?;
    let (launch, bundle, project) = (launch.display(), to.display(), project.display());
    say!("train it there: {launch}; then: glasshouse bundle import {bundle} --project {project}")?;
    Ok(())
}

pub(super) fn import(arguments: &BundleImportArguments) -> Result<()> {
    drive(session::Options::default(), async |engine| {
        trained::use_project(engine, &arguments.project, false).await?;
        let from = std::path::absolute(&arguments.bundle)?;
        let out = arguments.out.as_ref().map(std::path::absolute).transpose()?;
        let show = |event| {
            if let Event::BundleImported { run } = event {
                say!("{}: step {} of {}", run.name, whole(run.step), whole(run.steps))?;
                let project = arguments.project.display();
                match run.step < run.steps {
                    true => {
                        say!(
                            "continue it: glasshouse train --project {project} --resume --run {}",
                            run.name
                        )?;
                    }
                    false => say!("try it: glasshouse generate --project {project} --prompt \"...\"")?,
                }
            }
            Ok(())
        };
        engine.ask(Command::ImportBundle { from: Some(from), out }, show).await
    })
}
