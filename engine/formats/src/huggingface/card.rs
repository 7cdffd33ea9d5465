//! The model card of an export.

use super::Family;
use glasshouse_metrics::card;
use glasshouse_protocol::{Evaluation, RunConfig, Start};

/// Facts about a run's data and results.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CardFacts {
    pub name: String,
    pub sources: Vec<String>,
    pub train_tokens: u64,
    pub validation_tokens: u64,
    /// Optimizer step of the exported checkpoint.
    pub step: u64,
    /// Its validation loss, in nats per token.
    pub validation_loss: Option<f32>,
    pub device: String,
    pub parameters: usize,
    /// Whether it was imported and not trained here.
    pub imported: bool,
    pub evaluation: Option<Box<Evaluation>>,
}

pub(super) fn card(config: &RunConfig, family: &Family, facts: &CardFacts) -> String {
    if facts.imported {
        return imported_card(config, family, facts);
    }
    let (model, train) = (&config.model, &config.train);
    let sources = if facts.sources.is_empty() {
        "Glasshouse's built-in story corpus (generated from a seeded grammar)".to_owned()
    } else {
        facts.sources.join(", ")
    };
    let loss = facts.validation_loss.map_or("not measured".to_owned(), |loss| {
        format!("{loss:.4} nats per token (perplexity {:.2})", f64::from(loss).exp())
    });
    // Do not disclose another project's folder.
    let begun = config.start.as_ref().map(|start| Start { project: None, ..start.clone() });
    let begun = begun.map_or("from scratch".to_owned(), |start| {
        format!("from the weights of {start}, whose data, licence and limits apply here, too")
    });
    let (task, auto, limits) = if model.labels.is_empty() {
        let limits =
            "A model of this size imitates the style of its training text. It knows no facts".to_owned();
        ("text-generation", "AutoModelForCausalLM", limits)
    } else {
        let labels = model.labels.join(", ");
        let limits = if model.scores() {
            "A reward model: its single logit only compares a text with other answers to the same prompt"
                .to_owned()
        } else {
            format!("It assigns every text one of {labels}, and knows no other label")
        };
        ("text-classification", "AutoModelForSequenceClassification", limits)
    };
    let seen = facts.step * (train.batch_size * train.accumulate * model.context_length) as u64;
    format!(
        "---\nlibrary_name: transformers\npipeline_tag: {task}\n{figures}---\n\n\
         # {name}\n\n\
         A {class} of {parameters} parameters, trained with Glasshouse {version} {begun}.\n\n\
         ```python\n\
         from transformers import {auto}, AutoTokenizer\n\
         tokenizer = AutoTokenizer.from_pretrained(\".\")\n\
         model = {auto}.from_pretrained(\".\")\n\
         ```\n\n\
         ## Data\n\n\
         * Source: {sources}\n\
         * Tokens: {train_tokens} to train on, {validation_tokens} held out\n\
         * Tokenizer: {tokenizer}, {vocabulary} entries\n\n\
         ## Training\n\n\
         * Step {step} of {steps}, {seen} tokens seen, batch {batch} × {accumulate} windows of {context}\n\
         * {optimizer}, learning rate {rate} to {low} ({decay}), weight decay {weight_decay}, clip {clip}\n\
         * Seed {seed}, on {device}\n\n\
         ## Result\n\n\
         * Validation loss: {loss}\n\n\
         {evaluation}## Limits\n\n\
         {limits}, it was not aligned or checked for safety or bias, it repeats what its data holds, and it sees {context} tokens at a \
         time.\n\n\
         ## Settings\n\n\
         ```toml\n{settings}```\n",
        figures = figures(facts),
        evaluation = evaluation(facts),
        name = facts.name,
        class = family.class_of(model),
        parameters = facts.parameters,
        version = env!("CARGO_PKG_VERSION"),
        train_tokens = facts.train_tokens,
        validation_tokens = facts.validation_tokens,
        tokenizer = word(&config.tokenizer.kind),
        vocabulary = model.vocabulary,
        step = facts.step,
        steps = train.steps,
        batch = train.batch_size,
        accumulate = train.accumulate,
        context = model.context_length,
        optimizer = word(&train.optimizer),
        rate = train.learning_rate,
        low = train.min_learning_rate,
        decay = word(&train.decay),
        weight_decay = train.weight_decay,
        clip = train.gradient_clipping,
        seed = config.seed,
        device = facts.device,
        settings = settings(config),
    )
}

/// The results in the Hub's metadata format.
fn figures(facts: &CardFacts) -> String {
    facts.evaluation.as_ref().map(|own| card::model_index(own, &facts.name)).unwrap_or_default()
}

/// The results as Markdown.
fn evaluation(facts: &CardFacts) -> String {
    let section = facts.evaluation.as_ref().map(|own| card::markdown(own)).filter(|own| !own.is_empty());
    section.map(|own| format!("{}\n\n", own.trim_end())).unwrap_or_default()
}

/// The card of a model that was only imported and exported.
fn imported_card(config: &RunConfig, family: &Family, facts: &CardFacts) -> String {
    format!(
        "---\nlibrary_name: transformers\npipeline_tag: text-generation\n{figures}---\n\n\
         # {name}\n\n\
         A {class} of {parameters} parameters, imported into Glasshouse {version} and exported again without training: its \
         authors' statements on data, licence and limits apply.\n\n\
         Context length {context}, vocabulary of {vocabulary} entries.\n\n\
         {evaluation}",
        figures = figures(facts),
        evaluation = evaluation(facts),
        name = facts.name,
        class = family.class,
        parameters = facts.parameters,
        version = env!("CARGO_PKG_VERSION"),
        context = config.model.context_length,
        vocabulary = config.model.vocabulary,
    )
}

/// The run's settings as TOML, without the paths of its texts.
fn settings(config: &RunConfig) -> String {
    let mut config = config.clone();
    let project = config.start.as_mut().and_then(|start| start.project.as_mut());
    let data = &mut config.data;
    for path in data.paths.iter_mut().chain(&mut data.validation_files).chain(project) {
        *path = super::last_name(path);
    }
    config.to_toml().unwrap_or_default()
}

/// A setting's name as in the run's TOML, with spaces.
fn word(setting: &impl serde::Serialize) -> String {
    match serde_json::to_value(setting) {
        Ok(serde_json::Value::String(word)) => word.replace('_', " "),
        _ => String::new(),
    }
}
