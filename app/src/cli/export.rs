//! `glasshouse export`: a trained model as a Hugging Face folder.

use super::arguments::{ExportArguments, ModelArguments};
use super::driver::drive;
use super::settings::usage;
use super::trained;
use anyhow::Result;
use glasshouse_engine::protocol::{Command, Event};
use glasshouse_engine::session;

pub(super) fn export(arguments: &ExportArguments) -> Result<()> {
    let here = std::env::current_dir().and_then(std::fs::canonicalize).ok();
    if here.is_some() && here == std::fs::canonicalize(&arguments.to).ok() {
        return Err(usage(
            "an export cannot take the place of the folder that you are in; name a new one in it with --to",
        ));
    }
    drive(session::Options::default(), async |engine| {
        let ModelArguments { project, run, checkpoint } = &arguments.model;
        trained::use_project(engine, project, false).await?;
        let (run, _) = trained::settings_of(engine, run.clone()).await?;
        let (checkpoint, to) = (Some(checkpoint.clone()), Some(arguments.to.clone()));
        let command = Command::ExportModel { run, checkpoint, to, keep: !arguments.force };
        let show = |event| {
            match event {
                Event::Exported { files, .. } => files.iter().try_for_each(|file| say!("{file}"))?,
                event => trained::note(&event),
            }
            Ok(())
        };
        engine.ask(command, show).await
    })?;
    say!(
        "open it with transformers: AutoModelForCausalLM.from_pretrained({:?})",
        arguments.to.display().to_string()
    )?;
    Ok(())
}
