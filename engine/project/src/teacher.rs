//! Distillation: a run that serves as teacher of another run with the same tokenizer.

use super::beginning::{checkpoint_of, open_files};
use super::{Beginning, Project, Run, Trained};
use glasshouse_compiler::graph::Parameter;
use glasshouse_compiler::model::model_parameters;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_platform::{Error, Result, Yielder, block_on, refuse};
use glasshouse_protocol::{CheckpointChoice, ModelConfig, RunConfig, Start};
use glasshouse_text::tokenizer::TokenizerFiles;

/// A teacher. Its weights are not loaded yet.
#[derive(Clone, Debug)]
pub struct Teacher {
    run: Run,
    config: RunConfig,
    /// File of its checkpoint.
    checkpoint: CheckpointChoice,
}

impl Teacher {
    /// The teacher of a run with these settings; `None` if its objective needs none. `project` is the run's. Fails if the run or checkpoint
    /// does not exist, or none is named.
    pub fn find(project: &Project, config: &RunConfig) -> Result<Option<Self>> {
        let train = &config.train;
        if !train.objective.has_teacher() {
            return Ok(None);
        }
        train.distil.validate(train.label_smoothing)?;
        let named = train.distil.teacher();
        let find = || {
            let run = run_named(project, &named)?;
            let checkpoint = checkpoint_of(&run, &named.checkpoint)?;
            Ok(Self { config: run.config()?, run, checkpoint })
        };
        find().map(Some).map_err(|error: Error| {
            Error::Refused(format!("train.distil.teacher is {named}, which cannot be a teacher: {error}"))
        })
    }

    /// Completes the settings of a student: the teacher's model and checkpoint, and the vocabulary if the student starts from
    /// random weights. Returns notices for the user, one sentence each.
    pub fn settle(&self, config: &mut RunConfig) -> Vec<String> {
        let (own, mut notices) = (&self.config, Vec::new());
        if config.start.is_none() {
            if config.tokenizer != own.tokenizer {
                let (run, kind) = (self.run.name(), own.tokenizer.kind.name());
                notices.push(format!(
                    "the tokenizer is the teacher's ({run}): {kind}, {} tokens",
                    own.model.vocabulary
                ));
            }
            config.tokenizer = own.tokenizer.clone();
            config.model.vocabulary = own.model.vocabulary;
        }
        config.train.distil.teacher = format!("{}:{}", self.run.name(), self.checkpoint);
        config.train.distil.model = Some(Box::new(own.model.clone()));
        notices
    }

    /// The teacher's tokenizer, which the student uses. Fails if the student starts from weights with another tokenizer, or the tokenizer
    /// is damaged.
    pub fn tokenizer(&self, beginning: Option<&Beginning>) -> Result<TokenizerFiles> {
        let own = open_files(&self.run.data_folder()?)?;
        if let Some(beginning) = beginning
            && beginning.tokenizer.tokenizer.to_json()? != own.tokenizer.to_json()?
        {
            let (begun, teacher) = (beginning.run.name(), self.run.name());
            refuse!(
                "{begun} and its teacher {teacher} have different tokenizers, so their predictions cannot be compared"
            );
        }
        Ok(own)
    }

    /// The teacher's weights for a student whose settings were completed by [`Teacher::settle`], in the layout in which they follow the
    /// student's own; empty if the objective needs no teacher. Fails if the teacher is gone or damaged, or has changed since the run
    /// started.
    pub fn weights(project: &Project, config: &RunConfig) -> Result<Vec<f32>> {
        let Some(Self { run, config: own, checkpoint }) = Self::find(project, config)? else {
            return Ok(Vec::new());
        };
        let name = run.name();
        if config.train.teacher_model() != Some(&own.model) {
            refuse!("the teacher {name} has changed since the run started; start a new run");
        }
        let trained = block_on(Trained::load(run, &checkpoint, &Yielder::none()))?.parameters;
        let (from, to) = layouts(&own.model)?;
        Ok(from.moved_to(&to, trained))
    }

    /// Number of weights returned by [`Teacher::weights`].
    pub fn length(config: &RunConfig) -> Result<usize> {
        config.train.teacher_model().map_or(Ok(0), |model| Ok(layouts(model)?.1.length))
    }
}

/// Layouts of a model with no parameter frozen, and with all frozen.
fn layouts(model: &ModelConfig) -> Result<(ArenaLayout, ArenaLayout)> {
    let parameters = model_parameters(model)?;
    let frozen = |parameter: &Parameter| Parameter { trainable: false, ..parameter.clone() };
    let frozen: Vec<Parameter> = parameters.iter().map(frozen).collect();
    Ok((ArenaLayout::from_parameters(&parameters), ArenaLayout::from_parameters(&frozen)))
}

pub fn run_named(project: &Project, named: &Start) -> Result<Run> {
    project.run_or_latest(Start::named_run(&named.run))
}
