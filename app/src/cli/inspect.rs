//! `glasshouse inspect`: views inside a model processing a prompt, as text, JSON or files; and `glasshouse provenance`.

mod files;
mod heads;
mod summary;

use super::arguments::{InspectArguments, ProvenanceArguments};
use super::driver::drive;
use super::settings::{checked_device, usage};
use super::trained;
use anyhow::Result;
use glasshouse_engine::protocol::inspect::{
    Axis, Edit, ElementKind, InspectSettings, Inspected, Inspection, TensorSummary,
};
use glasshouse_engine::protocol::quantity::counted;
use glasshouse_engine::protocol::{CheckpointChoice, Command, Event, GenerateConfig, View, WeightSource};
use glasshouse_engine::session;
use serde_json::{Map, Value, json};
use std::path::Path;

pub(super) fn inspect(arguments: &InspectArguments) -> Result<()> {
    let views = match arguments.view.as_slice() {
        [] if arguments.to.is_none() => {
            let names = View::ALL.map(View::name).join(", ");
            return Err(usage(format!(
                "name a view with --view ({names}), or a folder for all views with --to"
            )));
        }
        [] => View::ALL.to_vec(),
        named => named.to_vec(),
    };
    let settings = settings(arguments)?;
    check_effects(arguments, &views, &settings)?;
    if let Some(to) = &arguments.to {
        files::check(to, arguments.force)?;
    }
    let model = &arguments.model;
    let at_step = |step: u64| at_step(&model.project, model.run.as_deref(), step);
    let checkpoint = match arguments.step {
        Some(step) => at_step(step)?,
        None => model.checkpoint.clone(),
    };
    let asked = InspectionRequest {
        project: &model.project,
        run: model.run.clone(),
        checkpoint,
        prompts: &arguments.prompt,
        views,
        settings: settings.clone(),
        reference: arguments.align_with.map(at_step).transpose()?,
        device: checked_device(&arguments.device)?,
    };
    let views = asked.views.len();
    let answers = asked.answers()?;
    match &arguments.to {
        Some(to) => {
            files::write(&answers, to, arguments.force)?;
            let files = counted(views as u64, "file");
            say!("{}: {files}, one for each view, and inspection.json", to.display())?;
        }
        None if arguments.json => say!("{}", json_of(&answers, |answer| answer.json(ViewsAnswer::entries)))?,
        None => answers.iter().try_for_each(|answer| summary::print(answer, &settings))?,
    }
    Ok(())
}

/// Refuses options that none of the requested views reads.
///
/// # Errors
/// Such an option, with its view.
fn check_effects(arguments: &InspectArguments, views: &[View], settings: &InspectSettings) -> Result<()> {
    let changes = !arguments.edit.is_empty() || arguments.every_part || !arguments.other_prompt.is_empty();
    let draws = settings.sampling != GenerateConfig::default();
    for (given, options, view) in [
        (arguments.neuron.is_some(), "--neuron is", View::Neurons),
        (arguments.along_run, "--along-run is", View::Weights),
        (arguments.align_with.is_some(), "--align-with is", View::Embeddings),
        (changes, "--edit, --every-part and --other-prompt are", View::WhatIf),
        (draws, "--temperature, --top-k, --top-p, --min-p and --repetition-penalty are", View::NextToken),
    ] {
        if given && !views.contains(&view) {
            return Err(usage(format!("{options} for the view {view}; add it to --view")));
        }
    }
    let patches = arguments.edit.iter().any(|edit| matches!(edit, Edit::Patch { .. }));
    if patches && arguments.other_prompt.is_empty() {
        return Err(usage(
            "--edit patch takes a position of another prompt; give that prompt with --other-prompt",
        ));
    }
    if arguments.head.is_some() && !views.contains(&View::Head) {
        if !views.contains(&View::Attention) {
            return Err(usage("--head is for the views attention and head; add one of them to --view"));
        }
        if arguments.json || arguments.to.is_some() {
            return Err(usage(
                "with --json or --to, attention always has every head; leave --head out, or use the view head",
            ));
        }
    }
    Ok(())
}

/// One answer as an object; several as a list in the order of their prompts.
fn json_of(answers: &[ViewsAnswer], json: impl Fn(&ViewsAnswer) -> Value) -> Value {
    match answers {
        [alone] => json(alone),
        several => json!({ "prompts": several.iter().map(json).collect::<Vec<_>>() }),
    }
}

pub(super) fn provenance(arguments: &ProvenanceArguments) -> Result<()> {
    let settings = InspectSettings { count: arguments.count, ..InspectSettings::default() };
    let asked = InspectionRequest {
        project: &arguments.project,
        run: arguments.run.clone(),
        checkpoint: CheckpointChoice::Best,
        prompts: std::slice::from_ref(&arguments.text),
        views: vec![View::Provenance],
        settings: settings.clone(),
        reference: None,
        device: "cpu",
    };
    asked.answers()?.iter().try_for_each(|answer| {
        if arguments.json {
            Ok(say!("{}", answer.json(ViewsAnswer::entries))?)
        } else {
            summary::print(answer, &settings)
        }
    })
}

fn settings(arguments: &InspectArguments) -> Result<InspectSettings> {
    let drawn = &arguments.drawn;
    let sampling = GenerateConfig {
        temperature: drawn.temperature,
        top_k: drawn.top_k,
        top_p: drawn.top_p,
        min_p: drawn.min_p,
        repetition_penalty: drawn.repetition_penalty,
        ..GenerateConfig::default()
    };
    sampling.validate().map_err(|mut invalid| {
        invalid.field = format!("--{}", invalid.field.replace('_', "-"));
        usage(invalid.to_string())
    })?;
    Ok(InspectSettings {
        layer: arguments.layer,
        head: arguments.head,
        position: arguments.position,
        token: arguments.token,
        neuron: arguments.neuron,
        count: arguments.count,
        sampling,
        edits: arguments.edit.clone(),
        every_part: arguments.every_part,
        other_prompt: arguments.other_prompt.clone(),
        reference: None,
        along_run: arguments.along_run,
    })
}

fn at_step(project: &Path, run: Option<&str>, step: u64) -> Result<CheckpointChoice> {
    let run = trained::find_run(project, run)?;
    let checkpoints = run.summary()?.checkpoints;
    if let Some(found) = checkpoints.iter().find(|checkpoint| checkpoint.step == step) {
        return Ok(found.choice());
    }
    let nearest = checkpoints.iter().map(|checkpoint| checkpoint.step).min_by_key(|at| at.abs_diff(step));
    Err(usage(match nearest {
        Some(nearest) => {
            format!("{} has no checkpoint of step {step}; the nearest is that of step {nearest}", run.name())
        }
        None => format!("{} has no checkpoint yet", run.name()),
    }))
}

struct InspectionRequest<'a> {
    project: &'a Path,
    run: Option<String>,
    checkpoint: CheckpointChoice,
    prompts: &'a [String],
    views: Vec<View>,
    settings: InspectSettings,
    /// The checkpoint whose maps others are aligned with.
    reference: Option<CheckpointChoice>,
    device: &'a str,
}

impl InspectionRequest<'_> {
    /// The answers, one per prompt.
    fn answers(self) -> Result<Vec<ViewsAnswer>> {
        let options = session::Options { device: self.device.to_owned(), ..session::Options::default() };
        let [prompt, further @ ..] = self.prompts else {
            return Err(usage("the prompt is missing; give one with --prompt"));
        };
        drive(options, async |engine| {
            trained::use_project(engine, self.project, false).await?;
            let (run, _) = trained::settings_of(engine, self.run.clone()).await?;
            let of_run = |checkpoint: &CheckpointChoice| {
                let (run, checkpoint) = (run.clone(), checkpoint.clone());
                WeightSource::Checkpoint { run, checkpoint }
            };
            let source = of_run(&self.checkpoint);
            let reference = self.reference.as_ref().map(of_run);
            let command = Command::Inspect {
                source,
                prompt: prompt.clone(),
                further: further.to_vec(),
                views: self.views.clone(),
                settings: Box::new(InspectSettings { reference, ..self.settings.clone() }),
            };
            let mut answers: Vec<ViewsAnswer> = Vec::new();
            let hear = |event, bytes| {
                match event {
                    Event::Inspected { inspection } => {
                        let number = (!further.is_empty()).then_some(answers.len());
                        answers.push(ViewsAnswer { number, head: *inspection, bytes });
                    }
                    event => trained::note(&event),
                }
                Ok(())
            };
            engine.ask_for_bytes(command, hear).await?;
            anyhow::ensure!(answers.len() == self.prompts.len(), "the engine did not answer every prompt");
            Ok(answers)
        })
    }
}

/// The engine's answer: the views, and the entries of their tensors in order, little-endian.
struct ViewsAnswer {
    /// Index from 0 among several prompts.
    number: Option<usize>,
    head: Inspection,
    bytes: Vec<Vec<u8>>,
}

struct ViewTensor<'a> {
    /// Tensor name, prefixed with its scope if the view has several tensors of that name.
    name: String,
    /// Index among several prompts.
    number: Option<usize>,
    summary: &'a TensorSummary,
    bytes: &'a [u8],
}

impl ViewTensor<'_> {
    /// Name in JSON and files, prefixed with `prompts.N` if there are several prompts.
    fn key(&self) -> String {
        self.number.map_or_else(|| self.name.clone(), |number| format!("prompts.{number}.{}", self.name))
    }

    fn floats(&self) -> Vec<f32> {
        self.words().map(f32::from_le_bytes).collect()
    }

    fn integers(&self) -> Vec<u32> {
        self.words().map(u32::from_le_bytes).collect()
    }

    fn words(&self) -> impl Iterator<Item = [u8; 4]> {
        self.bytes.as_chunks().0.iter().copied()
    }
}

impl ViewsAnswer {
    fn views<'a>(&'a self) -> impl Iterator<Item = (&'a Inspected, Vec<ViewTensor<'a>>)> {
        let mut rest = self.bytes.iter();
        self.head.views.iter().map(move |inspected| {
            let tensor = |(summary, bytes): (&'a TensorSummary, &'a Vec<u8>)| {
                let TensorSummary { name, scope, .. } = summary;
                let same = inspected.tensors.iter().filter(|own| own.name == *name).count();
                let name = if same > 1 { format!("{scope}.{name}") } else { name.clone() };
                ViewTensor { name, number: self.number, summary, bytes }
            };
            (inspected, inspected.tensors.iter().zip(rest.by_ref()).map(tensor).collect())
        })
    }

    /// Adds a tensor's entries as JSON; non-finite numbers become `null`.
    fn entries(tensor: &ViewTensor<'_>, about: &mut Map<String, Value>) {
        let entries = match tensor.summary.element {
            ElementKind::F32 => json!(tensor.floats()),
            ElementKind::U32 => json!(tensor.integers()),
        };
        about.insert("data".to_owned(), entries);
    }

    /// The answer as JSON; `more` adds fields to a tensor's description.
    fn json(&self, more: impl Fn(&ViewTensor<'_>, &mut Map<String, Value>)) -> Value {
        let view = |(inspected, tensors): (&Inspected, Vec<ViewTensor<'_>>)| {
            let about = |tensor: &ViewTensor<'_>| {
                let axes: Vec<&str> = tensor.summary.axes.iter().map(|axis| axis.name.as_str()).collect();
                let labels: Map<String, Value> =
                    tensor.summary.axes.iter().filter_map(|axis| labels(inspected.view, axis)).collect();
                let mut about = Map::new();
                about.insert("scope".to_owned(), json!(tensor.summary.scope));
                about.insert("axes".to_owned(), json!(axes));
                about.insert("shape".to_owned(), json!(tensor.summary.shape()));
                about.insert("element".to_owned(), json!(tensor.summary.element));
                if !labels.is_empty() {
                    about.insert("labels".to_owned(), Value::Object(labels));
                }
                more(tensor, &mut about);
                (tensor.key(), Value::Object(about))
            };
            let tensors: Map<String, Value> = tensors.iter().map(about).collect();
            let Inspected { view, details, notices, ms, .. } = inspected;
            let said = json!({ "tensors": tensors, "details": details, "notices": notices, "ms": ms });
            (view.name().to_owned(), said)
        };
        let Inspection { run, step, device, layers, heads, prompt, tokens, cut, position, .. } = &self.head;
        let views: Map<String, Value> = self.views().map(view).collect();
        json!({
            "run": run, "step": step, "device": device, "layers": layers, "heads": heads, "prompt": prompt, "tokens": tokens,
            "cut": cut, "position": position, "views": views,
        })
    }
}

/// An axis with the names of its indices, if each has one.
fn labels(view: View, axis: &Axis) -> Option<(String, Value)> {
    let names: Option<Vec<String>> = (0..axis.size).map(|place| view.place_name(&axis.name, place)).collect();
    names.filter(|names| !names.is_empty()).map(|names| (axis.name.clone(), json!(names)))
}
