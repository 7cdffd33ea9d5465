//! `glasshouse export`: a trained model as a Hugging Face folder.

use super::arguments::ExportArguments;
use super::trained;
use anyhow::Result;
use glasshouse_engine::interchange::huggingface;

pub(super) fn export(arguments: &ExportArguments) -> Result<()> {
    let model = trained::load(&arguments.model)?;
    for file in huggingface::export_trained(&model, &arguments.to)? {
        say!("{}", file.display())?;
    }
    say!(
        "open it with transformers: AutoModelForCausalLM.from_pretrained({:?})",
        arguments.to.display().to_string()
    )?;
    Ok(())
}
