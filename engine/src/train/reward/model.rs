//! A reward model in a rule's place: another run's scores of prompts with their answers.
//!
//! Scores are evaluations of that run's graph, a text at a time, whose loss is the score, negated: so they are computed where everything
//! else of the run is, on any device. Of its training graph, which an executor has too, nothing but the head trains: it takes a batch of
//! two rows, and no moments to speak of.

use super::Answer;
use crate::data::{IGNORED, prepare};
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::model::training_graphs;
use crate::optimizer::Optimizer;
use crate::plan::arena::ArenaLayout;
use crate::plan::estimate::{Estimate, estimate};
use crate::plan::lower::Target;
use crate::platform::Turns;
use crate::project::{Project, Run, Trained, checkpoint_of, parameters_of, run_named};
use crate::protocol::config::{PreferenceLoss, PreferenceSettings};
use crate::protocol::{
    ChatMessage, ModelConfig, Objective, Position, Precision, Role, RunConfig, RunState, Start, TrainConfig,
    Trainable,
};
use crate::step::{ArenaState, MicroBatch};
use crate::tokenizer::{Tokenizer, TokenizerFiles};
use std::path::Path;

/// Texts that are scored before whatever else waits has its turn.
const AT_ONCE: usize = 8;

/// A run that scores texts, not opened yet.
#[derive(Debug)]
pub struct RewardModel {
    run: Run,
    /// Its settings.
    config: RunConfig,
    /// As the settings of the run that learns from it name it.
    named: Start,
    /// Its pairs were texts as they stand in the data, which no template wrote.
    plain: bool,
}

impl RewardModel {
    /// The run of a project that the settings name, where they do. `tokenizer` is that of whose answers it is to score, and `data` the
    /// folder with its chat template.
    ///
    /// # Errors
    /// There is none, it has no head for a score, or it reads another vocabulary or conversations by another template.
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
                    "reads texts by another vocabulary; the reward model and the run that learns from it must begin with the same tokenizer",
                );
            }
            let template = TokenizerFiles::template_in(&folder)?.0;
            let plain = match learned_plain(&run)? {
                Some(plain) => plain,
                // What was made elsewhere does not say.
                None if run.record()?.state == RunState::Imported => template.is_none(),
                None => {
                    return refused(
                        "says nowhere whether it learned from conversations or from plain texts, and its data are gone; train a reward model \
                         anew, and name that",
                    );
                }
            };
            if !plain && template != TokenizerFiles::template_in(data)?.0 {
                return refused(
                    "learned to score conversations by another chat template; the reward model and the run that learns from it must begin \
                     with the same template",
                );
            }
            Ok(Self { run, config, named: named.clone(), plain })
        };
        find().map(Some).map_err(|error| cannot_judge(&named, &error))
    }

    /// What the reward model of a run with such settings needs beside it, about; `None` where none judges.
    ///
    /// # Errors
    /// There is no such run, or it scores no texts.
    pub fn estimate(project: &Project, config: &RunConfig, target: &Target) -> Result<Option<Estimate>> {
        let Some(named) = named_by(config) else { return Ok(None) };
        let (_, own) = scoring_run(project, &named).map_err(|error| cannot_judge(&named, &error))?;
        let (model, train) = scoring_settings(own, config.model.context_length);
        Ok(Some(estimate(&model, &train, target)?))
    }

    /// The run's name and the file of its checkpoint, as the settings of a run name both that learns from it: neither means anything else
    /// later.
    ///
    /// # Errors
    /// There is no such checkpoint.
    pub fn settled(&self) -> Result<String> {
        let file = checkpoint_of(&self.run, &self.named.checkpoint);
        let file = file.map_err(|error| cannot_judge(&self.named, &error))?;
        Ok(format!("{}:{file}", self.run.name()))
    }

    /// How many weights it has.
    ///
    /// # Errors
    /// Its model cannot be built.
    pub fn length(&self) -> Result<usize> {
        Ok(ArenaLayout::of_parameters(&parameters_of(&self.config)?).length)
    }

    /// The weights of its checkpoint.
    ///
    /// # Errors
    /// The checkpoint is gone or damaged.
    pub fn weights(&self) -> Result<Vec<f32>> {
        let trained = Trained::load(self.run.clone(), &self.named.checkpoint);
        trained.map(|trained| trained.parameters).map_err(|error| cannot_judge(&self.named, &error))
    }

    /// Opens it by such weights, on the device of another executor, for answers that are written by the tokenizer and template of `files`
    /// within `context` tokens.
    ///
    /// # Errors
    /// The device has no room for it.
    pub async fn open(
        self,
        weights: Vec<f32>,
        beside: &Executor,
        files: TokenizerFiles,
        context: usize,
    ) -> Result<Scorer> {
        let Self { run, config, plain, .. } = self;
        let own = ArenaLayout::of_parameters(&parameters_of(&config)?);
        let closing = files.closing(&[ChatMessage::new(Role::User, "?")]).unwrap_or_default();
        let (model, train) = scoring_settings(config, context + closing.len());
        let graphs = training_graphs(&model, &train)?;
        let mut executor = beside.beside(&graphs, Optimizer::of(&train)).await?;
        let parameters = own.moved_to(&ArenaLayout::of(&graphs.train), weights);
        executor.set_state(&ArenaState { parameters, ..ArenaState::default() }).await?;
        Ok(Scorer { name: run.name(), executor, files, closing, plain, time: model.context_length })
    }
}

/// The reward model that settings name, where one judges.
fn named_by(config: &RunConfig) -> Option<Start> {
    let reward = &config.train.reward;
    let judges = config.train.objective.answers_prompts() && !reward.model.is_empty();
    judges.then(|| reward.named_model())
}

fn cannot_judge(named: &Start, error: &Error) -> Error {
    Error::Refused(format!("train.reward.model names {named}, which cannot judge: {error}"))
}

/// The run of a name, with its settings.
///
/// # Errors
/// There is none, or it has no head for a score.
fn scoring_run(project: &Project, named: &Start) -> Result<(Run, RunConfig)> {
    let run = run_named(project, named)?;
    let config = run.config()?;
    if !config.model.scores() {
        return Err(Error::Refused(format!(
            "{} scores no texts; train a reward model (train.objective=preference, train.preference.loss=bradley_terry), and name that",
            run.name()
        )));
    }
    Ok((run, config))
}

/// Model and settings by which a run's weights score texts of so many tokens.
fn scoring_settings(config: RunConfig, most: usize) -> (ModelConfig, TrainConfig) {
    let RunConfig { mut model, train, .. } = config;
    if matches!(model.position, Position::Rope(_) | Position::None) {
        // No text is longer, and positions that are filled up take as long as others.
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

/// Whether the pairs that a run learned from were texts as they stand in the data, which no chat template wrote; `None` where nothing says
/// so.
///
/// # Errors
/// The run's record is damaged.
pub(crate) fn learned_plain(run: &Run) -> Result<Option<bool>> {
    if let Some(plain) = run.record()?.plain_pairs {
        return Ok(Some(plain));
    }
    // Of runs of before their data alone can say it, and some of those do not.
    Ok(prepare::index(&run.data_folder()?).is_ok_and(|index| index.plain).then_some(true))
}

/// A reward model on a device.
#[derive(Debug)]
pub struct Scorer {
    name: String,
    executor: Executor,
    files: TokenizerFiles,
    /// What the template puts behind an answer.
    closing: Vec<u32>,
    plain: bool,
    /// Positions of a row.
    time: usize,
}

impl Scorer {
    /// The run's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes that it holds, weights and activations.
    pub fn bytes(&self) -> u64 {
        self.executor.bytes()
    }

    /// Gives each answer its score for a reward: of its prompt and itself, ended as those that the model learned from are. Of a text that is
    /// longer than the model's context, its beginning counts, as in training.
    ///
    /// # Errors
    /// A score is not finite, or the device fails.
    pub async fn score(&mut self, answers: &mut [Answer]) -> Result<()> {
        let turns = Turns::new();
        for some in answers.chunks_mut(AT_ONCE) {
            turns.give().await;
            let rows: Vec<MicroBatch> = some.iter().map(|answer| self.row(answer)).collect::<Result<_>>()?;
            let losses = self.executor.evaluate(&rows).await?;
            for (answer, (loss, _)) in some.iter_mut().zip(losses) {
                if !loss.is_finite() {
                    return Err(Error::Refused(format!(
                        "the reward model {} scores an answer to {:?} with {}, which is no reward; train it at a lower rate, or name another",
                        self.name, answer.asked, -loss
                    )));
                }
                answer.reward = -loss;
            }
        }
        Ok(())
    }

    /// A row of the model with an answer's text, of which the last token is scored.
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

    /// A prompt and its answer as the pairs were written that the model learned from.
    fn tokens(&self, Answer { asked, prompt, tokens, ended, text, .. }: &Answer) -> Result<Vec<u32>> {
        if self.plain {
            return prepare::scored_tokens(&self.files.tokenizer, &joined(asked, text));
        }
        let own = &tokens[..tokens.len() - usize::from(*ended)];
        Ok([prompt.as_slice(), own, &self.closing].concat())
    }
}

/// A prompt with its answer as one text, with white space between them.
fn joined(asked: &str, answer: &str) -> String {
    let apart = asked.ends_with(char::is_whitespace) || answer.starts_with(char::is_whitespace);
    [asked, if apart { "" } else { " " }, answer].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initial;
    use crate::platform::at_once;
    use crate::protocol::{TokenizerConfig, TokenizerKind, presets};

    /// A small reward model of bytes, whose head is drawn from a seed.
    fn scorer(plain: bool, scale: f32) -> Scorer {
        let preset = presets::preset("llama-tiny").unwrap();
        let config = TokenizerConfig { kind: TokenizerKind::Byte, ..preset.tokenizer };
        let tokenizer = crate::tokenizer::TokenizerTrainer::new(&config).unwrap().finish(false).unwrap();
        let files = TokenizerFiles::from(tokenizer).with_chatml().unwrap();
        let (mut model, mut train) = (preset.model, preset.train);
        (model.layers, model.width, model.context_length) = (1, 32, 48);
        (model.heads, model.kv_heads, model.head_size, model.mlp.hidden) = (2, 2, 16, 32);
        (model.vocabulary, model.labels) = (files.tokenizer.vocabulary_size(), vec!["reward".to_owned()]);
        (train.objective, train.batch_size, train.accumulate) = (Objective::Preference, 2, 1);
        train.preference.loss = PreferenceLoss::BradleyTerry;
        let graphs = training_graphs(&model, &train).unwrap();
        let layout = ArenaLayout::of(&graphs.train);
        let parameters =
            at_once(initial::parameters_in_turns(&graphs.train.parameters, &layout, 3, &Turns::none()));
        let parameters = parameters.into_iter().map(|weight| weight * scale).collect();
        let executor = at_once(async {
            let (mut executor, _) = Executor::open("cpu", &graphs, Optimizer::of(&train), Some(1)).await?;
            executor.set_state(&ArenaState { parameters, ..ArenaState::default() }).await?;
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
        at_once(own.score(&mut answers)).unwrap();
        let of = |at: usize| answers[at].reward;
        assert!(of(0) != of(1) && of(0) == of(3) && of(1) == of(10), "{answers:?}");
        let mut broken = scorer(false, f32::NAN);
        let error = at_once(broken.score(&mut answers)).unwrap_err().to_string();
        assert!(error.contains("2-llama-tiny scores an answer to \"Who?\" with NaN"), "{error}");
    }
}
