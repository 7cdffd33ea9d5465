//! Initial weights of a run that does not start from random ones: a checkpoint's or an imported model's, with their tokenizer.

use super::trained::loaded;
use super::{Project, Run, Trained, parameters_of};
use crate::checkpoint::{Checkpoints, Content, settings_of};
use crate::initial;
use glasshouse_compiler::graph::Parameter;
use glasshouse_compiler::model::{self, is_of_adapter, is_of_classifier};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::step::ArenaState;
use glasshouse_platform::{Error, Result, Yielder, block_on};
use glasshouse_protocol::{
    CHATML_TOKENS, CheckpointChoice, CheckpointSummary, Hint, Invalid, Precision, RunConfig, Start,
    TokenizerConfig, Trainable, WeightFormat, quantity::things,
};
use glasshouse_text::data::prepare;
use glasshouse_text::tokenizer::TokenizerFiles;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The run that another run starts from. Its weights are not loaded yet.
#[derive(Clone, Debug)]
pub struct Beginning {
    pub run: Run,
    /// Its tokenizer, with any new special tokens added.
    pub tokenizer: TokenizerFiles,
    config: RunConfig,
    /// The exact starting point, for the new run's record.
    start: Start,
    /// Number of ids that the weights have rows for.
    known: usize,
    /// Special tokens that the weights lack.
    added: Vec<String>,
}

impl Beginning {
    /// Finds the run that a run with these settings starts from; `None` for random weights. `project` is the new run's. Fails if the run or
    /// checkpoint does not exist, its tokenizer is damaged, or there is an adapter but no run to adapt.
    pub fn find(project: &Project, config: &RunConfig) -> Result<Option<Self>> {
        let Some(start) = &config.start else {
            return match &config.train.adapter {
                None => Ok(None),
                Some(adapter) => {
                    let rule = "have weights to adapt: choose a run or an imported model as its start";
                    Err(Invalid::new("train.adapter", adapter, rule).hint(Hint::Start).into())
                }
            };
        };
        let elsewhere =
            start.project.as_deref().map(|folder| Project::open(Path::new(folder))).transpose()?;
        let elsewhere = elsewhere.filter(|other| absolute(other.folder()) != absolute(project.folder()));
        let project = elsewhere.as_ref().unwrap_or(project);
        let run = project.run_or_latest(Start::named_run(&start.run)).map_err(|_| {
            let place = project.folder().display();
            Error::Unknown(format!(
                "the run starts from {start}, which is not in {place}; restore it with `glasshouse runs restore` if it was deleted, or \
                 choose another as its start"
            ))
            .hint(Hint::Start)
        })?;
        let start = Start {
            run: run.name(),
            checkpoint: checkpoint_of(&run, &start.checkpoint)?,
            project: elsewhere.as_ref().map(|project| absolute(project.folder())),
        };
        let own = open_files(&run.data_folder()?)?;
        let (known, wanted) = (own.tokenizer.vocabulary_size(), config.tokenizer.special_tokens.iter());
        let needs_template = own.chat_template.is_none() && config.train.objective.needs_chat_template();
        let turns = CHATML_TOKENS.iter().filter(|_| needs_template).map(|token| (*token).to_owned());
        let mut added: Vec<String> = Vec::new();
        for token in wanted.cloned().chain(turns) {
            if own.tokenizer.id(&token).is_none() && !added.contains(&token) {
                added.push(token);
            }
        }
        let tokenizer = match added.is_empty() {
            true => own,
            false => TokenizerFiles { tokenizer: own.tokenizer.with_special_tokens(&added)?, ..own },
        };
        let tokenizer = if needs_template { tokenizer.with_chatml()? } else { tokenizer };
        Ok(Some(Self { config: run.config()?, run, tokenizer, start, known, added }))
    }

    /// Completes the settings of a run that starts from it: the exact starting point, the tokenizer and the vocabulary size. Returns
    /// notices for the user, one sentence each. Fails if the settings describe another model.
    pub fn settle(&self, config: &mut RunConfig) -> Result<Vec<String>> {
        let own = &self.config.tokenizer;
        let mut special_tokens = own.special_tokens.clone();
        for token in config.tokenizer.special_tokens.iter().chain(&self.added) {
            if !special_tokens.contains(token) {
                special_tokens.push(token.clone());
            }
        }
        let size = self.tokenizer.tokenizer.vocabulary_size();
        let tokenizer =
            TokenizerConfig { special_tokens, vocabulary: own.vocabulary.max(size), ..own.clone() };
        let rows = self.config.model.vocabulary.max(size);
        self.check(config, &tokenizer, rows)?;
        self.check_turns(config)?;
        (config.tokenizer, config.model.vocabulary) = (tokenizer, rows);
        config.start = Some(self.start.clone());
        let mut notices = Vec::new();
        let is_pruned = self.config.train.keep_zeros == Some(true);
        if is_pruned && config.train.keep_zeros != Some(false) && config.train.adapter.is_none() {
            config.train.keep_zeros = Some(true);
            notices.push(format!(
                "{} is pruned: its zeros stay zero; set train.keep_zeros = false to train them too",
                self.run.name()
            ));
        }
        config.weights = WeightFormat::F32;
        let (stored, train) = (self.config.weights, &mut config.train);
        if train.adapter.as_mut().is_some_and(|adapter| adapter.leave_out_experts(&config.model)) {
            notices.push("experts have no adapters; the adapter is on attention (qkv, output)".to_owned());
        }
        let in_full = train.precision != Precision::Mixed && !train.objective.has_teacher();
        if let Some(adapter) = &mut train.adapter
            && adapter.base == WeightFormat::F32
            && ![WeightFormat::F32, WeightFormat::Gguf].contains(&stored)
            && in_full
        {
            adapter.base = stored;
            notices
                .push(format!("the adapter is trained over the base in {}, as it is stored", stored.name()));
        }
        if let Some(base) = config.train.adapter.as_ref().map(|adapter| adapter.base)
            && ![base, WeightFormat::F32].contains(&stored)
        {
            let (stored, base) = (stored.name(), base.name());
            notices.push(format!("the base, stored in {stored}, is used in {base} (train.adapter.base)"));
        }
        if stored == WeightFormat::Gguf {
            notices.push(format!(
                "{} is stored in the blocks of a GGUF file; training converts them to floats and does not keep them",
                self.run.name()
            ));
        }
        let wanted = model::parameters(&config.model, &config.train)?;
        let own = parameters_of(&self.config)?;
        let misshapen = self.kept(&own, &wanted, config).find(|(own, wanted)| !fits(own.1, wanted.1));
        if let Some(((_, own), (_, wanted))) = misshapen {
            return Err(self.misshapen(own, wanted));
        }
        if !self.added.is_empty() {
            let RunConfig { model, train, .. } = &*config;
            let learns = train.trainable.includes("embedding.tokens", model.layers, model.tied_head);
            let stays = match (train.adapter.is_some(), learns) {
                (true, _) => ", and stays unchanged, since the adapter freezes both",
                (false, false) => ", and stays unchanged in the embedding, which train.trainable freezes",
                (false, true) => "",
            };
            notices.push(format!(
                "new special {} {}: each has a row in embedding and head, initialised to the mean of all others{stays}",
                things(self.added.len() as u64, "token"),
                self.added.join(", ")
            ));
        }
        let own_head = config.train.has_own_head();
        if config.train.trainable == Trainable::Head && config.model.tied_head && !own_head {
            notices.push(
                "the head shares the token embedding's matrix: training it changes the model's input as well as its output"
                    .to_owned(),
            );
        }
        let (context, trained) = (config.model.context_length, self.config.model.context_length);
        if context > trained {
            notices.push(format!(
                "the context length is {context}, but {} was trained with {trained}: later positions are new to it",
                self.run.name()
            ));
        }
        Ok(notices)
    }

    /// Fails if a run adds the turn markers of a chat template but freezes their rows: they would all stay the mean row, so that
    /// the start and end of a turn could not be distinguished.
    fn check_turns(&self, config: &RunConfig) -> Result<()> {
        let (train, model) = (&config.train, &config.model);
        let adds_turns = self.added.iter().any(|token| CHATML_TOKENS.contains(&token.as_str()));
        let rows = ["embedding.tokens", if model.tied_head { "embedding.tokens" } else { "head.weight" }];
        let learns = |name: &&str| train.trainable.includes(name, model.layers, model.tied_head);
        if adds_turns && (train.adapter.is_some() || !rows.iter().all(learns)) {
            return Err(Error::Refused(format!(
                "{} has no chat template, and this run freezes the tokens that a template adds; fine-tune all parameters once (no adapter, \
                 train.trainable=all), and continue from that run",
                self.run.name()
            ))
            .hint(Hint::NoAdapter));
        }
        Ok(())
    }

    /// Fails if the settings describe another model or tokenizer. The run's own record has the resolved ones.
    fn check(&self, config: &RunConfig, tokenizer: &TokenizerConfig, rows: usize) -> Result<()> {
        let refuse = |field: &str, value: String, has: String| {
            let rule = format!("be {has}, as in {}, whose weights the run starts from", self.run.name());
            Err(Invalid::new(field, value, rule).into())
        };
        let (wanted, has) = (settings_of(&config.model), settings_of(&self.config.model));
        let free = |name: &str| matches!(name, "model.vocabulary" | "model.context_length" | "model.labels");
        for (field, value) in wanted.into_iter().filter(|(field, _)| !free(field)) {
            if let Some(has) = has.get(&field).filter(|has| **has != value) {
                return refuse(&field, value, has.clone());
            }
        }
        let (typed, own) = (&config.tokenizer, &self.config.tokenizer);
        if typed.kind != own.kind {
            return refuse("tokenizer.kind", typed.kind.name().to_owned(), own.kind.name().to_owned());
        }
        if typed.vocabulary != own.vocabulary && typed.vocabulary != tokenizer.vocabulary {
            return refuse("tokenizer.vocabulary", typed.vocabulary.to_string(), own.vocabulary.to_string());
        }
        let (typed, own) = (config.model.vocabulary, self.config.model.vocabulary);
        if typed != own && typed != rows {
            return refuse("model.vocabulary", typed.to_string(), own.to_string());
        }
        Ok(())
    }

    /// `model_type` and original context length of an imported model.
    pub fn imported_as(&self) -> Result<(Option<String>, Option<usize>)> {
        let record = self.run.record()?;
        Ok((record.family, record.whole_context))
    }

    /// The initial weights for a run whose settings were completed by [`Beginning::settle`], in its arena layout. Rows of new tokens start
    /// as the mean of the existing rows (Hewitt 2021, "Initializing new word embeddings for pretrained language models"). Fails if the
    /// checkpoint is damaged, or a parameter has another shape.
    pub fn weights(&self, config: &RunConfig) -> Result<ArenaState> {
        let (own, parameters) =
            (parameters_of(&self.config)?, model::parameters(&config.model, &config.train)?);
        let (from, to) = (ArenaLayout::from_parameters(&own), ArenaLayout::from_parameters(&parameters));
        let is_same = |(own, wanted): (&Parameter, &Parameter)| {
            own.name == wanted.name && own.ty.shape == wanted.ty.shape
        };
        let (model, rest) = parameters.split_at(own.len().min(parameters.len()));
        let same = own.len() == model.len()
            && rest.iter().all(|own| is_of_adapter(&own.name))
            && self.config.model.labels == config.model.labels
            && own.iter().zip(model).all(is_same);
        let checkpoint = &self.start.checkpoint;
        if same && self.added.is_empty() && self.config.train.adapter.is_none() {
            // Read into place: a model stored in fewer bits is never there in floats.
            let none = Yielder::none();
            let read = loaded(&self.run, &self.config, checkpoint, &parameters, Content::Start, &none);
            let ArenaState { parameters: mut weights, stored, .. } = block_on(read)?.state;
            if !rest.is_empty() {
                let weights = Arc::make_mut(&mut weights);
                initial::added(&parameters, &to, config.seed, weights);
                initial::set_magnitudes(&parameters, &to, weights, &stored);
            }
            return Ok(ArenaState { stored, ..ArenaState::from_weights(weights) });
        }
        let trained = block_on(Trained::load(self.run.clone(), checkpoint, &Yielder::none()))?.parameters;
        let new = self.known..self.tokenizer.tokenizer.vocabulary_size();
        let mut weights = vec![0.0; to.length];
        // New parameters of an adapter or a classification head are initialised from the seed.
        initial::added(&parameters, &to, config.seed, &mut weights);
        for ((place, own), (at, wanted)) in self.kept(&own, &parameters, config) {
            let source = &trained[from.offsets[place]..from.offsets[place] + from.counts[place]];
            let target = &mut weights[to.offsets[at]..to.offsets[at] + to.counts[at]];
            let count = source.len().min(target.len());
            target[..count].copy_from_slice(&source[..count]);
            if is_by_token(&wanted.name) {
                fill_with_mean(target, wanted.ty.count() / wanted.ty.shape[0].max(1), &new);
            } else if !fits(own, wanted) {
                return Err(self.misshapen(own, wanted));
            }
        }
        initial::set_magnitudes(&parameters, &to, &mut weights, &[]);
        Ok(ArenaState::from_weights(weights))
    }

    /// Pairs of parameters that both models share, with their places: all of the model's, except heads of another kind or for other labels.
    fn kept<'all>(
        &self,
        own: &'all [Parameter],
        wanted: &'all [Parameter],
        config: &RunConfig,
    ) -> impl Iterator<Item = ((usize, &'all Parameter), (usize, &'all Parameter))> {
        let same_labels = self.config.model.labels == config.model.labels;
        wanted.iter().enumerate().filter_map(move |(at, wanted)| {
            if is_of_classifier(&wanted.name) && !same_labels {
                return None;
            }
            let own = own.iter().enumerate().find(|(_, own)| own.name == wanted.name)?;
            Some((own, (at, wanted)))
        })
    }

    fn misshapen(&self, own: &Parameter, wanted: &Parameter) -> Error {
        let (name, run) = (&own.name, self.run.name());
        let (has, wants) = (&own.ty.shape, &wanted.ty.shape);
        let advice = match name.as_str() {
            "embedding.positions" => "; its positions are learned, so model.context_length cannot be longer",
            _ => "",
        };
        Error::Refused(format!("{name} of {run} is {has:?}, but the run's would be {wants:?}{advice}"))
    }
}

/// A run's tokenizer with the other files in its folder.
pub(super) fn open_files(data: &Path) -> Result<TokenizerFiles> {
    TokenizerFiles::with(prepare::open_tokenizer(data)?, data)
}

/// Resolves a choice to the file that it currently refers to.
pub fn checkpoint_of(run: &Run, choice: &CheckpointChoice) -> Result<CheckpointChoice> {
    let list = Checkpoints::new(run.checkpoints_folder()).list();
    let resumable = || list.iter().rev().find(|summary| summary.resumable);
    let found = match choice {
        CheckpointChoice::Latest => resumable(),
        CheckpointChoice::Best => list.iter().find(|summary| summary.best).or_else(resumable),
        CheckpointChoice::File(file) => list.iter().find(|summary| summary.file == *file),
    };
    found.map(CheckpointSummary::choice).ok_or_else(|| {
        let reason = match list.is_empty() {
            true => "this run has no checkpoint yet; train it first".to_owned(),
            false => format!("it has no checkpoint {choice}; choose best, latest, or a checkpoint's file"),
        };
        Error::bad_file(run.checkpoints_folder(), reason)
    })
}

fn absolute(folder: &Path) -> String {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).display().to_string()
}

/// Whether a parameter can be taken over. Of a position table, the first rows are used; token tables may have different numbers of rows.
fn fits(own: &Parameter, wanted: &Parameter) -> bool {
    let (own_shape, shape) = (&own.ty.shape, &wanted.ty.shape);
    own_shape[1..] == shape[1..] && (own_shape[0] >= shape[0] || is_by_token(&wanted.name))
}

/// Whether a parameter has one row per token.
fn is_by_token(name: &str) -> bool {
    matches!(name, "embedding.tokens" | "head.weight" | "head.bias")
}

/// Sets the rows of new tokens to the mean of the preceding rows.
fn fill_with_mean(rows: &mut [f32], columns: usize, new: &Range<usize>) {
    let (known, rest) = rows.split_at_mut(new.start * columns);
    let mut mean = vec![0.0_f64; columns];
    for row in known.chunks_exact(columns) {
        mean.iter_mut().zip(row).for_each(|(sum, entry)| *sum += f64::from(*entry));
    }
    let count = new.start.max(1) as f64;
    for row in rest.chunks_exact_mut(columns).take(new.len()) {
        row.iter_mut().zip(&mean).for_each(|(entry, sum)| *entry = (sum / count) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_new_tokens_are_the_mean_of_those_before_and_padding_stays() {
        // Two known tokens, two new ones, and a padding row after the vocabulary.
        let mut rows = [1.0, 10.0, 3.0, 30.0, 9.0, 9.0, 9.0, 9.0, 7.0, 8.0];
        fill_with_mean(&mut rows, 2, &(2..4));
        assert_eq!(rows, [1.0, 10.0, 3.0, 30.0, 2.0, 20.0, 2.0, 20.0, 7.0, 8.0]);
    }
}
