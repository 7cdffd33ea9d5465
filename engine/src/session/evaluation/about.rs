//! A card's description of a model, and the limitations of its results.

use crate::Result;
use crate::data::recipes::is_of_tasks;
use crate::model::parameters;
use crate::plan::estimate::estimate;
use crate::plan::lower::Target;
use crate::project::{Run, RunRecord, metrics};
use crate::protocol::evaluation::{EvaluatedModel, Evaluation};
use crate::protocol::quantity::{bytes, counted, whole};
use crate::protocol::{RunConfig, RunState, TrainEvent, presets};
use crate::tokenizer::Tokenizer;
use std::path::Path;

/// Minimum documents, rows and words for meaningful results.
const FEW_DOCUMENTS: u64 = 100;
const FEW_ROWS: u64 = 100;
const SHORT: usize = 256;

pub(super) fn model(run: &Run, tokenizer: &Tokenizer) -> Result<EvaluatedModel> {
    let (config, record) = (run.config()?, run.record()?);
    let trained = record.state != RunState::Imported;
    let title = Some(run.about().title).filter(|own| !own.is_empty()).unwrap_or_else(|| run.name());
    let count = match record.parameters {
        0 => parameters(&config.model, &config.train)?.iter().map(|own| own.ty.count() as u64).sum(),
        known => known,
    };
    // The cost of training is optional on a card.
    let flops = estimate(&config.model, &config.train, &Target::new(false)).ok();
    let flops =
        flops.map(|needs| needs.flops_per_token * config.tokens_per_step() as f64 * record.step as f64);
    Ok(EvaluatedModel {
        title,
        about: about(&config, &record),
        parameters: count,
        shape: format!(
            "{} · {} · vocabulary {}",
            config.model.shape(),
            counted(config.model.heads as u64, "head"),
            whole(config.model.vocabulary as u64)
        ),
        context_length: config.model.context_length,
        tokenizer: format!(
            "{}, {}",
            config.tokenizer.kind.name(),
            counted(tokenizer.vocabulary_size() as u64, "token")
        ),
        tokenizer_crc32c: crc32c::crc32c(tokenizer.to_json()?.as_bytes()),
        data: if trained { data(&config) } else { Vec::new() },
        settings: settings(&config),
        train_loss: last_loss(run),
        validation_loss: record.best_val_loss.map(f64::from),
        train_seconds: trained.then_some(record.seconds),
        train_device: record.device.as_ref().filter(|_| trained).map(ToString::to_string),
        train_flops: flops.filter(|_| trained),
        energy: record.energy_use()?,
    })
}

fn about(config: &RunConfig, record: &RunRecord) -> String {
    if record.state == RunState::Imported {
        if let Some(start) = &config.start {
            return format!("Its weights are those of {start}, merged with its adapter.");
        }
        let family = record.family.as_deref().unwrap_or("language model");
        return format!("An imported model ({family}): its training data is unknown.");
    }
    let learned = config.train.objective.learned();
    match record.restored_from.as_ref().or(config.start.as_ref()) {
        Some(start) => format!("It learned {learned}, starting from the weights of {start}."),
        None => format!("It learned {learned}, starting from random weights."),
    }
}

fn data(config: &RunConfig) -> Vec<String> {
    let data = &config.data;
    let mut lines = match data.paths.as_slice() {
        [] if !data.synthetic.is_none() => vec![format!("generated rows: {}", data.synthetic.title())],
        [] => vec![format!("the built-in stories, {}", bytes(data.corpus_bytes))],
        paths => paths.to_vec(),
    };
    lines.extend(data.validation_files.iter().map(|path| format!("{path}, held out")));
    lines.extend(data.mixture.iter().map(|(source, share)| format!("{source}: a share of {share}")));
    lines
}

/// The preset, and settings that differ from it (`train.learning_rate = 0.001`); all settings if the preset is unknown.
fn settings(config: &RunConfig) -> Vec<String> {
    let known = presets::named(&config.preset);
    let named = known.as_ref().map(|_| format!("preset = {}", config.preset));
    let preset = known.map(|known| known.by_path()).unwrap_or_default();
    let own = config.by_path().into_iter().filter(|(path, value)| {
        // The text's location and the initial weights are shown elsewhere.
        let is_place = path.starts_with("data.paths") || path.starts_with("data.validation_files");
        !is_place && !path.starts_with("start") && preset.get(path) != Some(value)
    });
    named
        .into_iter()
        .chain(
            own.map(|(path, value)| format!("{path} = {value}")).filter(|line| !line.starts_with("preset =")),
        )
        .collect()
}

/// Training loss of the run's last evaluation, or of its last step.
fn last_loss(run: &Run) -> Option<f64> {
    let events = metrics::thinned(&run.metrics_path(), 1).ok()?;
    let evaluated = events.iter().rev().find_map(|event| match event {
        TrainEvent::Eval { train_loss, .. } => Some(*train_loss),
        _ => None,
    });
    let stepped = || {
        events.iter().rev().find_map(|event| match event {
            TrainEvent::Step { loss, .. } => Some(*loss),
            _ => None,
        })
    };
    evaluated.or_else(stepped).filter(|loss| loss.is_finite()).map(f64::from)
}

/// Limitations for the reader, one sentence each.
pub(super) fn limits(run: &Run, evaluation: &Evaluation) -> Result<Vec<String>> {
    let (config, record) = (run.config()?, run.record()?);
    let mut limits = Vec::new();
    if record.state != RunState::Imported {
        limits.push(
            "This is one run with one seed: other seeds give other results, which the intervals do not include."
                .to_owned(),
        );
    }
    if let Some(likelihood) = &evaluation.likelihood {
        let passages = likelihood.by_document.len() as u64;
        if passages > likelihood.documents {
            limits.push(format!(
                "The text has only {}, so the intervals are over {passages} passages of it: they show the variation within this text, not between \
                 texts.",
                counted(likelihood.documents, "document")
            ));
        } else if likelihood.documents < FEW_DOCUMENTS {
            limits.push(format!(
                "The text has only {}: an interval over so few is unreliable.",
                counted(likelihood.documents, "document")
            ));
        }
        match &evaluation.settings.text_of {
            Some(other) if *other != evaluation.run => {
                limits.push(format!("The text is the validation split of {other}: the model may never have seen similar text."));
            }
            _ => limits.push(
                "The text has the same sources as the training text: results on other text were not measured."
                    .to_owned(),
            ),
        }
    }
    if evaluation.model.context_length < SHORT {
        limits.push(format!(
            "The context length is {}: tasks that need more context are out of reach.",
            counted(evaluation.model.context_length as u64, "token")
        ));
    }
    let found = evaluation
        .contamination
        .iter()
        .chain(evaluation.tasks.iter().filter_map(|task| task.contamination.as_ref()));
    let (looked, shared) =
        found.fold((0, 0), |(looked, shared), one| (looked + one.looked_up, shared + one.found));
    if shared > 0 {
        limits.push(format!(
            "{} of {} searched share a passage with the training text: results on these are inflated.",
            whole(shared),
            counted(looked, "text")
        ));
    }
    for task in &evaluation.tasks {
        if task.rows < FEW_ROWS {
            limits.push(format!("{} has only {}.", task.name, counted(task.rows, "row")));
        }
        if !task.broken.is_empty() {
            limits.push(format!(
                "{}: {} could not be evaluated.",
                task.name,
                counted(task.broken.len() as u64, "line")
            ));
        }
    }
    if !evaluation.tasks.is_empty() && config.data.paths.iter().any(|path| is_of_tasks(Path::new(path))) {
        limits.push(
            "The model was trained on the project's own tasks: the evaluated rows have other wordings, but are similar."
                .to_owned(),
        );
    }
    if record.state == RunState::Imported && config.start.is_none() && !evaluation.tasks.is_empty() {
        limits.push(
            "The training data of the imported model is unknown: it may have seen these rows.".to_owned(),
        );
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_that_differ_from_the_preset_are_said() {
        let mut config = presets::preset("nanogpt-cpu").unwrap();
        assert_eq!(settings(&config), ["preset = nanogpt-cpu"]);
        config.train.steps = 7;
        config.data.paths = vec!["/home/somebody/text.txt".to_owned()];
        assert_eq!(settings(&config), ["preset = nanogpt-cpu", "train.steps = 7"]);
        assert_eq!(data(&config), ["/home/somebody/text.txt"]);
    }

    #[test]
    fn settings_that_a_number_of_layers_derives_are_a_preset() {
        let mut config = presets::from_layers(1).unwrap();
        assert_eq!(settings(&config), ["preset = layers-1"]);
        config.model.norm.eps = 1e-6;
        assert_eq!(settings(&config), ["preset = layers-1", "model.norm.eps = 1e-6"]);
        // Without a known preset, all settings are listed.
        config.preset = "layers-many".to_owned();
        let all = settings(&config);
        assert!(all.len() > 20 && all.iter().all(|line| !line.starts_with("preset =")), "{all:?}");
    }
}
