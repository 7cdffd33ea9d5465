//! A run that teaches another one: what it makes of each token is compared with what that one does. Both have one tokenizer.

use super::beginning::{checkpoint_of, open_files};
use super::{Beginning, Project, Run, Trained};
use crate::error::{Error, Result};
use crate::graph::Parameter;
use crate::model::{Purpose, build};
use crate::plan::arena::ArenaLayout;
use crate::protocol::{CheckpointChoice, ModelConfig, RunConfig, Start};
use crate::tokenizer::TokenizerFiles;

/// A teacher, found and looked at. Its weights are still on disk.
#[derive(Clone, Debug)]
pub struct Teacher {
    run: Run,
    /// Its settings.
    config: RunConfig,
    /// The file of its checkpoint.
    checkpoint: CheckpointChoice,
}

impl Teacher {
    /// The teacher of a run with these settings; `None` where what it learns needs none. `project` is the run's.
    ///
    /// # Errors
    /// There is no such run or checkpoint, or none is named.
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
            Error::Refused(format!("train.distil.teacher names {named}, which cannot teach: {error}"))
        })
    }

    /// Makes the settings of a run that it teaches complete: its model and checkpoint, and its vocabulary where the run begins with random
    /// weights. Returns what a person should know, a sentence each.
    pub fn settle(&self, config: &mut RunConfig) -> Vec<String> {
        let (own, mut notices) = (&self.config, Vec::new());
        if config.start.is_none() {
            if config.tokenizer != own.tokenizer {
                let (run, kind) = (self.run.name(), own.tokenizer.kind.name());
                notices.push(format!(
                    "the tokenizer is that of {run}, which teaches: {kind}, {} tokens",
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

    /// The tokenizer of a run that it teaches: its own.
    ///
    /// # Errors
    /// The run begins with weights that know other tokens; or the tokenizer is damaged.
    pub fn tokenizer(&self, beginning: Option<&Beginning>) -> Result<TokenizerFiles> {
        let own = open_files(&self.run.data_folder()?)?;
        if let Some(beginning) = beginning
            && beginning.tokenizer.tokenizer.to_json()? != own.tokenizer.to_json()?
        {
            let (begun, teacher) = (beginning.run.name(), self.run.name());
            return Err(Error::Refused(format!(
                "{begun} and its teacher {teacher} have different tokenizers: a token of one is none of the other, so that there is nothing \
                 to compare"
            )));
        }
        Ok(own)
    }

    /// The weights of the teacher of a run with settings that [`Teacher::settle`] completed, laid out as they stand behind the run's own;
    /// none where what it learns needs no teacher.
    ///
    /// # Errors
    /// The teacher is gone or damaged, or was changed since the run began.
    pub fn weights(project: &Project, config: &RunConfig) -> Result<Vec<f32>> {
        let Some(Self { run, config: own, checkpoint }) = Self::find(project, config)? else {
            return Ok(Vec::new());
        };
        let name = run.name();
        if config.train.teacher_model() != Some(&own.model) {
            return Err(Error::Refused(format!(
                "the teacher {name} has changed since the run started; start a new run"
            )));
        }
        let trained = Trained::load(run, &checkpoint)?.parameters;
        let (from, to) = layouts(&own.model)?;
        Ok(from.moved_to(&to, trained))
    }

    /// How many weights [`Teacher::weights`] gives.
    ///
    /// # Errors
    /// The teacher's model cannot be built.
    pub fn length(config: &RunConfig) -> Result<usize> {
        config.train.teacher_model().map_or(Ok(0), |model| Ok(layouts(model)?.1.length))
    }
}

/// The layout of a model's weights of which nothing is frozen, and of which everything is.
fn layouts(model: &ModelConfig) -> Result<(ArenaLayout, ArenaLayout)> {
    let parameters = build(model, Purpose::Window { time: 1 })?.graph.parameters;
    let frozen = |parameter: &Parameter| Parameter { trainable: false, ..parameter.clone() };
    let frozen: Vec<Parameter> = parameters.iter().map(frozen).collect();
    Ok((ArenaLayout::of_parameters(&parameters), ArenaLayout::of_parameters(&frozen)))
}

/// The run of a project that a setting names for what it learned.
pub(crate) fn run_named(project: &Project, named: &Start) -> Result<Run> {
    project.run_or_latest(Start::named_run(&named.run))
}
