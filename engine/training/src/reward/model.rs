//! A reward model instead of a rule: another run scores prompts with their answers.
//!
//! A score is the negated loss of that run's graph in an evaluation of one text, so it is computed on the run's own device. The executor
//! also requires a training graph; only the head is trainable in it, with a batch of two rows, so its optimizer state is negligible.

use super::Answer;
use glasshouse_compiler::model::training_graphs;
use glasshouse_compiler::optimizer::Optimizer;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::estimate::estimate;
use glasshouse_compiler::plan::lower::Target;
use glasshouse_compiler::step::{ArenaState, MicroBatch};
use glasshouse_executors::executor::Executor;
use glasshouse_platform::{Error, Result, Yielder, block_on, refuse};
use glasshouse_project::{Project, Run, Trained, checkpoint_of, parameters_of, run_named};
use glasshouse_protocol::config::{PreferenceLoss, PreferenceSettings};
use glasshouse_protocol::{
    ChatMessage, ModelConfig, Objective, PlanSummary, Precision, Role, RunConfig, Start, TrainConfig,
    Trainable,
};
use glasshouse_text::data::{IGNORED, prepare};
use glasshouse_text::tokenizer::{Tokenizer, TokenizerFiles};
use std::path::Path;

/// Texts scored between two yields.
const AT_ONCE: usize = 8;

/// A reward model that is not open yet.
pub struct RewardModel {
    run: Run,
    config: RunConfig,
    /// The reward model as named in the settings of the run that trains on it.
    named: Start,
    /// Whether it was trained on raw text pairs, not rendered by a chat template.
    plain: bool,
}

impl RewardModel {
    /// Finds the reward model that the settings name, if any. `tokenizer` is the one that encodes the answers to score; `data` is the
    /// folder with its chat template. Fails if the run does not exist, has no scoring head, or uses another vocabulary or chat template.
    pub fn find(
        project: &Project,
        config: &RunConfig,
        tokenizer: &Tokenizer,
        data: &Path,
    ) -> Result<Option<Self>> {
        let Some(named) = named_by(config) else { return Ok(None) };
        let find = || -> Result<Self> {
            let (run, config) = scoring_run(project, &named)?;
            let (folder, called) = (run.data_folder()?, run.name());
            let refused = |reason: &str| Err(Error::Refused(format!("{called} {reason}")));
            if prepare::open_tokenizer(&folder)?.to_json()? != tokenizer.to_json()? {
                return refused(
                    "uses another vocabulary; the reward model and the run that learns from it must have the same tokenizer",
                );
            }
            let template = TokenizerFiles::template_in(&folder)?.0;
            // Imported models do not record it.
            let plain = run.record()?.plain_pairs.unwrap_or(template.is_none());
            if !plain && template != TokenizerFiles::template_in(data)?.0 {
                return refused(
                    "learned to score conversations with another chat template; the reward model and the run that learns from it must \
                     have the same template",
                );
            }
            Ok(Self { run, config, named: named.clone(), plain })
        };
        find().map(Some).map_err(|error| cannot_judge(&named, &error))
    }

    /// Estimates the additional memory for the reward model; `None` if the settings use none. Fails if the run does not exist or is not a
    /// reward model.
    pub fn estimate(project: &Project, config: &RunConfig, target: &Target) -> Result<Option<PlanSummary>> {
        let Some(named) = named_by(config) else { return Ok(None) };
        let (_, own) = scoring_run(project, &named).map_err(|error| cannot_judge(&named, &error))?;
        let (model, train) = scoring_settings(own, config.model.context_length);
        Ok(Some(estimate(&model, &train, target)?))
    }

    /// The run's name and checkpoint file, in a form for the settings that stays unambiguous.
    pub fn settled(&self) -> Result<String> {
        let file = checkpoint_of(&self.run, &self.named.checkpoint);
        let file = file.map_err(|error| cannot_judge(&self.named, &error))?;
        Ok(format!("{}:{file}", self.run.name()))
    }

    pub fn length(&self) -> Result<usize> {
        Ok(ArenaLayout::from_parameters(&parameters_of(&self.config)?).length)
    }

    pub fn weights(&self) -> Result<Vec<f32>> {
        let trained = block_on(Trained::load(self.run.clone(), &self.named.checkpoint, &Yielder::none()));
        trained.map(|trained| trained.parameters).map_err(|error| cannot_judge(&self.named, &error))
    }

    /// Opens the model with these weights on the device of `beside`, for answers of at most `context` tokens written with the tokenizer and
    /// chat template of `files`.
    pub async fn open(
        self,
        weights: Vec<f32>,
        beside: &Executor,
        files: TokenizerFiles,
        context: usize,
    ) -> Result<Scorer> {
        let Self { run, config, plain, .. } = self;
        let own = ArenaLayout::from_parameters(&parameters_of(&config)?);
        let closing = files.closing(&[ChatMessage::new(Role::User, "?")]).unwrap_or_default();
        let (model, train) = scoring_settings(config, context + closing.len());
        let graphs = training_graphs(&model, &train)?;
        let mut executor = beside.beside(&graphs, Optimizer::new(&train)).await?;
        let parameters = own.moved_to(&ArenaLayout::new(&graphs.train), weights);
        executor.set_state(&ArenaState::from_weights(parameters)).await?;
        Ok(Scorer { name: run.name(), executor, files, closing, plain, time: model.context_length })
    }
}

/// The reward model named in the settings, if they use one.
fn named_by(config: &RunConfig) -> Option<Start> {
    let reward = &config.train.reward;
    let judges = config.train.objective.answers_prompts() && !reward.model.is_empty();
    judges.then(|| reward.named_model())
}

fn cannot_judge(named: &Start, error: &Error) -> Error {
    Error::Refused(format!("train.reward.model is {named}, which cannot be a reward model: {error}"))
}

/// The named run and its settings. Fails if the run does not exist or has no scoring head.
fn scoring_run(project: &Project, named: &Start) -> Result<(Run, RunConfig)> {
    let run = run_named(project, named)?;
    let config = run.config()?;
    if !config.model.scores() {
        refuse!(
            "{} scores no texts; train a reward model (train.objective=preference, train.preference.loss=bradley_terry), and use that",
            run.name()
        );
    }
    Ok((run, config))
}

/// Model and settings for scoring texts of at most `most` tokens with a run's weights.
fn scoring_settings(config: RunConfig, most: usize) -> (ModelConfig, TrainConfig) {
    let RunConfig { mut model, train, .. } = config;
    if model.position.ignores_context() {
        // Answers are no longer than this, and padding costs as much as text.
        model.context_length = model.context_length.min(most);
    }
    let preference =
        PreferenceSettings { loss: PreferenceLoss::BradleyTerry, ..PreferenceSettings::default() };
    let train = TrainConfig {
        objective: Objective::Preference,
        preference,
        batch_size: 2,
        accumulate: 1,
        trainable: Trainable::Head,
        adapter: None,
        precision: Precision::F32,
        document_mask: false,
        ..train
    };
    (model, train)
}

/// A reward model on a device.
#[derive(Debug)]
pub struct Scorer {
    name: String,
    executor: Executor,
    files: TokenizerFiles,
    /// Tokens that the chat template adds after an answer.
    closing: Vec<u32>,
    plain: bool,
    /// Tokens per row.
    time: usize,
}

impl Scorer {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of weights and activations.
    pub fn bytes(&self) -> u64 {
        self.executor.bytes()
    }

    /// Sets each answer's reward to the score of its prompt and text, terminated as in the model's training data. Texts longer than the
    /// context are truncated at the end, as in training. Fails if a score is not finite, or the device fails.
    pub async fn score(&mut self, answers: &mut [Answer]) -> Result<()> {
        let yielder = Yielder::new();
        for some in answers.chunks_mut(AT_ONCE) {
            yielder.maybe_yield().await;
            let rows: Vec<MicroBatch> = some.iter().map(|answer| self.row(answer)).collect::<Result<_>>()?;
            let losses = self.executor.evaluate(&rows).await?;
            for (answer, (loss, _)) in some.iter_mut().zip(losses) {
                if !loss.is_finite() {
                    refuse!(
                        "the reward model {} scores an answer to {:?} with {}, which is not a reward; train it at a lower rate, or use \
                         another",
                        self.name,
                        answer.asked,
                        -loss
                    );
                }
                answer.reward = -loss;
            }
        }
        Ok(())
    }

    /// The model's input row for an answer; the last token is scored.
    fn row(&self, answer: &Answer) -> Result<MicroBatch> {
        let mut tokens = self.tokens(answer)?;
        tokens.truncate(self.time);
        let mut targets = vec![IGNORED; self.time];
        if let Some(last) = tokens.len().checked_sub(1) {
            targets[last] = 0;
        }
        tokens.resize(self.time, self.files.tokenizer.end_of_text().unwrap_or(0));
        Ok(MicroBatch { tokens, targets, ..MicroBatch::default() })
    }

    /// Prompt and answer in the format of the model's training pairs.
    fn tokens(&self, Answer { asked, prompt, tokens, ended, text, .. }: &Answer) -> Result<Vec<u32>> {
        if self.plain {
            return prepare::scored_tokens(&self.files.tokenizer, &joined(asked, text));
        }
        let own = &tokens[..tokens.len() - usize::from(*ended)];
        Ok([prompt.as_slice(), own, &self.closing].concat())
    }
}

/// Joins prompt and answer, with a space if neither has white space at the boundary.
fn joined(asked: &str, answer: &str) -> String {
    let apart = asked.ends_with(char::is_whitespace) || answer.starts_with(char::is_whitespace);
    [asked, if apart { "" } else { " " }, answer].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::block_on;
    use glasshouse_project::initial;
    use glasshouse_protocol::{TokenizerConfig, TokenizerKind, presets};

    /// A small byte-level reward model with a random head.
    fn scorer(plain: bool, scale: f32) -> Scorer {
        let preset = presets::preset("llama-tiny").unwrap();
        let config = TokenizerConfig { kind: TokenizerKind::Byte, ..preset.tokenizer };
        let tokenizer =
            glasshouse_text::tokenizer::TokenizerTrainer::new(&config).unwrap().finish(false).unwrap();
        let files = TokenizerFiles::from(tokenizer).with_chatml().unwrap();
        let (mut model, mut train) = (preset.model, preset.train);
        (model.layers, model.width, model.context_length) = (1, 32, 48);
        (model.heads, model.kv_heads, model.head_size, model.mlp.hidden) = (2, 2, 16, 32);
        (model.vocabulary, model.labels) = (files.tokenizer.vocabulary_size(), vec!["reward".to_owned()]);
        (train.objective, train.batch_size, train.accumulate) = (Objective::Preference, 2, 1);
        train.preference.loss = PreferenceLoss::BradleyTerry;
        let graphs = training_graphs(&model, &train).unwrap();
        let parameters = block_on(initial::parameters(&graphs.train.parameters, 3, &Yielder::none()));
        let parameters: Vec<f32> = parameters.into_iter().map(|weight| weight * scale).collect();
        let executor = block_on(async {
            let (mut executor, _) = Executor::open("cpu", &graphs, Optimizer::new(&train), Some(1)).await?;
            executor.set_state(&ArenaState::from_weights(parameters)).await?;
            Ok::<_, Error>(executor)
        });
        let closing = files.closing(&[ChatMessage::new(Role::User, "?")]).unwrap();
        let (executor, time) = (executor.unwrap(), model.context_length);
        Scorer { name: "2-llama-tiny".to_owned(), executor, files, closing, plain, time }
    }

    fn answer(scorer: &Scorer, text: &str, ended: bool) -> Answer {
        let mut tokens = scorer.files.tokenizer.encode(text).unwrap();
        tokens.extend(ended.then_some(scorer.closing[0]));
        let prompt = scorer.files.tokenizer.encode("Who?").unwrap();
        Answer { asked: "Who?".to_owned(), prompt, tokens, ended, text: text.to_owned(), ..Answer::default() }
    }

    #[test]
    fn an_answer_is_scored_as_the_pairs_were_written() {
        let scorer = scorer(false, 1.0);
        let tokenizer = &scorer.files.tokenizer;
        let whole = |text: &str| tokenizer.encode(text).unwrap();
        for ended in [true, false] {
            let found = scorer.tokens(&answer(&scorer, "Ada.", ended)).unwrap();
            assert_eq!(found, whole("Who?Ada.<|im_end|>\n"), "{ended}");
        }
        let row = scorer.row(&answer(&scorer, "Ada.", true)).unwrap();
        let counted: Vec<usize> = (0..48).filter(|at| row.targets[*at] != IGNORED).collect();
        assert_eq!((counted, row.tokens.len()), (vec![whole("Who?Ada.<|im_end|>\n").len() - 1], 48));
        let long = scorer.row(&answer(&scorer, &"Ada. ".repeat(30), true)).unwrap();
        assert_eq!((long.tokens.len(), long.targets[47]), (48, 0));
        let plain = super::tests::scorer(true, 1.0);
        let found = plain.tokens(&answer(&plain, "Ada.", true)).unwrap();
        let (end, text) = found.split_last().unwrap();
        assert_eq!((text, Some(*end)), (&whole("Who? Ada.")[..], tokenizer.end_of_text()));
        assert_eq!(joined("Who? ", "Ada."), "Who? Ada.");
        assert_eq!(joined("Who?", "\nAda."), "Who?\nAda.");
    }

    #[test]
    fn scores_are_those_of_a_text_alone_and_a_number_that_is_none_is_refused() {
        let mut own = scorer(false, 1.0);
        let mut answers: Vec<Answer> =
            (0..11).map(|at| answer(&own, &"It is Ada. ".repeat(1 + at % 3), true)).collect();
        block_on(own.score(&mut answers)).unwrap();
        let of = |at: usize| answers[at].reward;
        assert!(of(0) != of(1) && of(0) == of(3) && of(1) == of(10), "{answers:?}");
        let mut broken = scorer(false, f32::NAN);
        let error = block_on(broken.score(&mut answers)).unwrap_err().to_string();
        assert!(error.contains("2-llama-tiny scores an answer to \"Who?\" with NaN"), "{error}");
    }
}
