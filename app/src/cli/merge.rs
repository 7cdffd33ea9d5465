//! `glasshouse merge`: merges a run's adapter into the weights it adapts.

use super::prelude::*;

pub(super) fn merge(arguments: &MergeArguments) -> Result<()> {
    drive(session::Options::default(), async |engine| {
        let MergeArguments { model: ModelArguments { of, checkpoint }, adapter } = arguments;
        let is_own = adapter.is_none();
        let adapter = adapter.as_ref().map(std::path::absolute).transpose()?;
        let done = match &adapter {
            Some(folder) => format!("with the adapter of {} added to them", folder.display()),
            None => "with its adapter added to them".to_owned(),
        };
        let (run, _) = trained::settings_of(engine, of).await?;
        let checkpoint = Some(checkpoint.clone());
        let command = RunChange::MergeAdapter { checkpoint, adapter }.to(&run);
        let answer::RunAdded { run: merged, difference, .. } = engine.ask_for(command).await?;
        say!("{}: the weights of {run} {done}", merged.name)?;
        if let Some(difference) = difference {
            let from = if is_own { "the run with its separate adapter" } else { "the weights before" };
            say!("compared with {from}: {difference}")?;
        }
        Ok(())
    })
}

#[derive(Args, Debug)]
pub struct MergeArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Folder of a PEFT adapter to add (adapter_config.json, adapter_model.safetensors)
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
}
