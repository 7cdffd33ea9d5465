//! `glasshouse export`: a trained model as a Hugging Face folder.

use super::arguments::ExportArguments;
use super::settings::usage;
use super::trained;
use anyhow::Result;
use glasshouse_engine::interchange::huggingface;

pub(super) fn export(arguments: &ExportArguments) -> Result<()> {
    let here = std::env::current_dir().and_then(std::fs::canonicalize).ok();
    if here.is_some() && here == std::fs::canonicalize(&arguments.to).ok() {
        return Err(usage(
            "an export cannot take the place of the folder that you are in; name a new one in it with --to",
        ));
    }
    let model = trained::load(&arguments.model)?;
    for file in huggingface::export_trained(&model, &arguments.to, arguments.force)? {
        say!("{}", file.display())?;
    }
    say!(
        "open it with transformers: AutoModelForCausalLM.from_pretrained({:?})",
        arguments.to.display().to_string()
    )?;
    Ok(())
}
