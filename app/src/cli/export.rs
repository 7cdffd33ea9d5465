//! `glasshouse export`: a trained model as a Hugging Face folder.

use super::arguments::ExportArguments;
use super::trained;
use anyhow::Result;
use glasshouse_engine::data::prepare;
use glasshouse_engine::interchange::huggingface::{CardFacts, Export, export as write};

pub(super) fn export(arguments: &ExportArguments) -> Result<()> {
    let model = trained::load(&arguments.model)?;
    let record = model.run.record()?;
    // The card can do without: a model whose text was thrown away is still a model.
    let index = prepare::index(&model.run.data_folder()?).ok();
    let index = index.as_ref();
    let facts = CardFacts {
        name: format!("{} ({})", project_name(arguments), model.run.name()),
        sources: index
            .map(|index| index.sources.iter().map(|source| source.path.clone()).collect())
            .unwrap_or_default(),
        train_tokens: index.map_or(0, |index| index.train.tokens),
        validation_tokens: index.map_or(0, |index| index.validation.tokens),
        step: model.info.step,
        validation_loss: model.info.val_loss,
        device: record.device.map_or_else(|| "an unrecorded device".to_owned(), |device| device.to_string()),
        parameters: trained::parameters_of(&model.config)?.iter().map(|parameter| parameter.ty.count()).sum(),
    };
    let files = write(
        &Export {
            config: &model.config,
            tokenizer: &model.tokenizer,
            parameters: &model.parameters,
            facts: &facts,
        },
        &arguments.to,
    )?;
    for file in files {
        say!("{}", file.display())?;
    }
    say!(
        "open it with transformers: AutoModelForCausalLM.from_pretrained({:?})",
        arguments.to.display().to_string()
    )?;
    Ok(())
}

/// The project folder's own name.
fn project_name(arguments: &ExportArguments) -> String {
    let folder = &arguments.model.project;
    let full = folder.canonicalize().unwrap_or_else(|_| folder.clone());
    full.file_name().map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned())
}
