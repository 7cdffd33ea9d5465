//! `glasshouse bundle`: exports a run for training on many GPUs, and imports the result.

use super::prelude::*;

pub(super) fn bundle(command: &BundleCommand) -> Result<()> {
    match command {
        BundleCommand::Export(arguments) => export(arguments),
        BundleCommand::Import(arguments) => import(arguments),
    }
}

pub(super) fn export(arguments: &BundleExportArguments) -> Result<()> {
    let BundleExportArguments { of: RunArguments { project, run }, to, steps, device, force } = arguments;
    let exported = drive(session::Options::default(), async |engine| {
        trained::use_project(engine, project, false).await?;
        let command = Export::Bundle { run: run.clone(), device: device.clone(), steps: *steps }
            .to(Some(to.clone()), !force);
        engine.ask_for_until_signal(command, "stopping").await
    })?;
    let Some(answer::Exported { files, .. }) = exported else { return Ok(()) };
    say!("{} in {}", counted(files.len() as u64, "file"), to.display())?;
    let [verify, launch] = ["verify", "launch"].map(|name| to.join(name));
    say!("compare it there with the results of this machine: {}", verify.display())?;
    let (launch, bundle, project) = (launch.display(), to.display(), project.display());
    Ok(say!("train it there: {launch}; then: glasshouse bundle import {bundle} --project {project}")?)
}

pub(super) fn import(arguments: &BundleImportArguments) -> Result<()> {
    drive(session::Options::default(), async |engine| {
        trained::use_project(engine, &arguments.project, false).await?;
        let from = std::path::absolute(&arguments.bundle)?;
        let out = arguments.out.as_ref().map(std::path::absolute).transpose()?;
        let command = Command::ImportBundle { from: Some(from), out };
        let answer::RunAdded { run, about, .. } = engine.ask_for(command).await?;
        let (project, name) = (arguments.project.display(), &run.name);
        say!("{name}: {about}")?;
        match run.step < run.steps {
            true => say!("continue it: glasshouse train --project {project} --resume --run {name}")?,
            false => say!("try it: glasshouse generate --project {project} --prompt \"...\"")?,
        }
        Ok(())
    })
}

#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Export a run as a bundle
    Export(BundleExportArguments),
    /// Import a run that was trained with a bundle
    Import(BundleImportArguments),
}

#[derive(Args, Debug)]
pub struct BundleExportArguments {
    #[command(flatten)]
    pub of: RunArguments,
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Steps to compute here, for comparison by `verify`
    #[arg(long, value_name = "N", default_value_t = VERIFIED_STEPS, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub steps: u64,
    /// Device for these steps: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", value_parser = device_name)]
    pub device: Option<String>,
    /// Replace an existing bundle and its training results
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct BundleImportArguments {
    /// Bundle folder
    #[arg(value_name = "DIR")]
    pub bundle: PathBuf,
    /// Folder with train.py's metrics and checkpoints (its --out) [default: the bundle's folder `out`]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
}
