//! Preparation of a run's text: its tokenizer and token store.
//!
//! The text is streamed twice: to count it and train the tokenizer on the training split, and to encode it. The tokenizer reads it once
//! more only if a long document is held out, or has a longer end than can wait for the split. Web pages, PDFs and the like are extracted once.

mod conversations;
mod corpus;
mod labels;
mod learner;
mod lost;
mod prompts;
mod rows;
mod split;

use super::batch::Batches;
use super::canaries::{Canaries, Planting};
use super::content::{Copies, Key};
use super::examples::{BatchSettings, ExampleBatches, PairBatches};
use super::prompts::{PromptSettings, Prompts};
use super::read::{self, Problems, TextPiece};
use super::rewards::Judge;
use super::store::{INDEX_FILE, Index, Split, TokenStore, Writer};
use super::windows::Windows;
use crate::tokenizer::cut::{Cut, CutRule};
use crate::tokenizer::{Tokenizer, TokenizerFiles, TokenizerTrainer};
use corpus::Corpus;
use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, OrInternal, Result, Yielder, block_on, refuse};
use glasshouse_protocol::config::{Objective, PreferenceSettings};
use glasshouse_protocol::quantity::{counted, whole};
use glasshouse_protocol::random::split_mix;
use glasshouse_protocol::{
    ChatMessage, DataConfig, FileProblem, Hint, Invalid, PreparationStage, Role, RunConfig, Synthetic,
    TokenizerConfig, presets,
};
use glasshouse_stories::synthetic;
pub use labels::{scored_tokens, text_tokens};
use learner::Learner;
use lost::Lost;
use rows::RowPreparation;
pub(super) use split::{DocumentSize, RowSplitter, held_out};
use split::{SplitPiece, Splitter};
use std::path::{Path, PathBuf};

/// Folder of extracted documents next to the prepared texts.
pub const PROSE_FOLDER: &str = "prose";

pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// Seed of the embedded corpus, equal to `glasshouse corpus stories --seed 1`.
pub const CORPUS_SEED: u64 = 1;

/// Name of a reward model's only label.
const SCORE: &str = "reward";

/// Bytes of text gathered before all cores encode them together.
const ENCODE_BYTES: usize = 1 << 20;

/// A run's text, ready for training.
#[derive(Debug)]
pub struct Prepared {
    pub tokenizer: Tokenizer,
    pub store: TokenStore,
    /// Folder with `tokenizer.json`, the shards and their index.
    pub folder: PathBuf,
    /// Files that could not be read, or only in part.
    pub problems: Vec<FileProblem>,
}

impl Prepared {
    fn new(tokenizer: Tokenizer, store: TokenStore, folder: &Path) -> Self {
        let problems = store.index().map(|index| index.problems.clone()).unwrap_or_default();
        Self { tokenizer, store, folder: folder.to_owned(), problems }
    }

    /// Returns the batch source for the run's objective. Fails as [`Windows::new`] and [`ExampleBatches::new`] do, or if documents are kept
    /// separate but the tokenizer has no end-of-text token.
    pub fn batches(&self, config: &RunConfig) -> Result<Batches<'_>> {
        match config.train.objective {
            Objective::Text if !config.data.synthetic.is_none() => {
                self.examples(config).map(Batches::Examples)
            }
            Objective::Text | Objective::Distil => self.windows(config).map(Batches::Windows),
            Objective::Chat | Objective::Classify => self.examples(config).map(Batches::Examples),
            Objective::Preference => self.pairs(config).map(Batches::Pairs),
            Objective::Reward => self.prompts(config).map(Batches::Prompts),
        }
    }

    /// Notes for the user about the run's batches, one sentence each.
    pub fn about_batches(&self, config: &RunConfig) -> Result<Vec<String>> {
        let of_step = (config.train.batch_size * config.train.accumulate) as u64;
        let batches = match self.batches(config)? {
            Batches::Windows(_) => Vec::new(),
            Batches::Examples(examples) if config.train.objective.is_text() => {
                let [train, held_out] =
                    [Split::Train, Split::Validation].map(|split| examples.about(split).rows as u64);
                vec![format!(
                    "generated rows ({}) replace the text: {} for training, {} held out",
                    config.data.synthetic.name(),
                    whole(train),
                    whole(held_out)
                )]
            }
            Batches::Examples(examples) => {
                let what = if config.train.objective.learns_labels() { "text" } else { "conversation" };
                let repeats = config.repeats(examples.about(Split::Train).rows as u64, of_step, what);
                examples.sentences(&config.model.labels).into_iter().chain(repeats).collect()
            }
            Batches::Pairs(pairs) => {
                let repeats = config.repeats(pairs.count(Split::Train) as u64, of_step / 2, one_of(config));
                pairs.sentences().into_iter().chain(repeats).collect()
            }
            // No note on repeats: answers to a repeated prompt are sampled anew.
            Batches::Prompts(prompts) => prompts.sentences(),
        };
        Ok(batches.into_iter().chain(self.unread_fields()).collect())
    }

    /// Lists row fields that nothing reads.
    fn unread_fields(&self) -> Option<String> {
        let unread = self.store.index().map(|index| &index.unread).filter(|unread| !unread.is_empty())?;
        let each = unread.iter().map(|(field, rows)| format!("{field} ({})", counted(*rows, "row")));
        Some(format!("unused fields of rows: {}", each.collect::<Vec<_>>().join(", ")))
    }

    fn prompts(&self, config: &RunConfig) -> Result<Prompts<'_>> {
        let RunConfig { seed, train, model, .. } = config;
        let answer = train.reward.answer_tokens(model.context_length);
        let room = model.context_length.checked_sub(answer).filter(|room| *room > 0).ok_or_else(|| {
            let context = model.context_length;
            let rule = format!("be less than model.context_length ({context}): the prompt needs room, too");
            Invalid::new("train.reward.max_tokens", answer, rule)
        })?;
        let prompts = train.batch_size * train.accumulate / train.reward.group.max(1);
        let settings = PromptSettings { seed: *seed, prompts, room };
        let files = TokenizerFiles::with(self.tokenizer.clone(), &self.folder)?;
        let ends = files.turn_end(&[ChatMessage::new(Role::User, "?")]);
        let ends = ends.into_iter().chain(self.tokenizer.ends()).collect();
        Prompts::new(&self.store, &self.tokenizer, ends, Judge::new(&train.reward)?, settings)
    }

    fn examples(&self, config: &RunConfig) -> Result<ExampleBatches<'_>> {
        ExampleBatches::new(&self.store, self.batch_settings(config))
    }

    fn pairs(&self, config: &RunConfig) -> Result<PairBatches<'_>> {
        PairBatches::new(&self.store, self.batch_settings(config))
    }

    fn batch_settings(&self, config: &RunConfig) -> BatchSettings {
        let RunConfig { seed, train, model, .. } = config;
        BatchSettings {
            seed: *seed,
            batch: train.batch_size,
            accumulate: train.accumulate,
            context_length: model.context_length,
            packing: train.packs_examples(model),
            starts: train.separates_documents(model),
            padding: self.tokenizer.end_of_text().unwrap_or(0),
            labelled: train.objective.learns_labels(),
            scored: config.train.learns_scores(),
            prompt_weight: train.prompt_loss_weight,
            judged: train.judges_answers().then(|| {
                let PreferenceSettings { desirable_weight, undesirable_weight, .. } = train.preference;
                [desirable_weight, undesirable_weight]
            }),
        }
    }

    fn windows(&self, config: &RunConfig) -> Result<Windows<'_>> {
        let RunConfig { seed, train, model, .. } = config;
        let batches = Windows::new(&self.store, *seed, train.batch_size, model.context_length)?
            .accumulating(train.accumulate);
        if !train.document_mask {
            return Ok(batches);
        }
        let refused = |reason: String| {
            Error::Refused(format!("train.document_mask separates documents, but {reason}; switch it off"))
        };
        let index = self.store.index();
        let end = index.and_then(|index| index.end_of_text);
        let end = end.ok_or_else(|| refused("the text is a single document".to_owned()))?;
        let within = index.map_or(0, |index| index.ends_within);
        if within > 0 {
            let token = self.tokenizer.describe(end).text;
            return Err(refused(format!("the documents contain their end token, {token}, {within} times")));
        }
        Ok(batches.separating(end))
    }

    /// Fills in the settings that depend on the text: vocabulary size, labels, sample prompt and the mixture of a cleaned folder.
    pub fn complete(&self, config: &mut RunConfig) {
        // Existing weights, including a teacher's, may have more embedding rows than there are tokens.
        let known = config.start.is_some() || config.train.teacher_model().is_some();
        let rows = if known { config.model.vocabulary } else { 0 };
        config.model.vocabulary = self.tokenizer.vocabulary_size().max(rows);
        let prompt = &config.train.sample_prompt;
        if let (true, Some(asked)) =
            (prompt.is_empty(), self.store.index().and_then(|index| index.prompt.clone()))
        {
            config.train.sample_prompt = asked;
        }
        let prompt = &config.train.sample_prompt;
        let default =
            presets::preset(&config.preset).is_ok_and(|preset| preset.train.sample_prompt == *prompt);
        if config.train.objective.learns_text()
            && (default || (config.start.is_some() && prompt.is_empty()))
            && !config.data.paths.is_empty()
            && let Some(words) = self.first_words()
        {
            config.train.sample_prompt = words;
        }
        if config.train.has_own_head() {
            config.model.labels = match self.store.index() {
                _ if config.train.learns_scores() => vec![SCORE.to_owned()],
                index => index.map(|index| index.labels.clone()).unwrap_or_default(),
            };
            // A classifier generates no samples.
            config.train.sample_interval = 0;
        }
        config.data.mixture = self.store.index().map(|index| index.mixture.clone()).unwrap_or_default();
    }
}

impl Prepared {
    /// Converts `epochs` to steps and returns a sentence with the result.
    pub fn settle_epochs(&self, config: &mut RunConfig) -> Result<Option<String>> {
        let Some(epochs) = config.train.epochs else { return Ok(None) };
        let RunConfig { train, model, .. } = &*config;
        let (rows, of) = match self.batches(config)? {
            Batches::Windows(_) => {
                let tokens = self.store.len(Split::Train);
                (tokens as f64 / model.context_length as f64, counted(tokens, "token"))
            }
            Batches::Examples(examples) => {
                let about = examples.about(Split::Train);
                (about.rows as f64, counted((about.examples - about.left_out) as u64, "example"))
            }
            Batches::Pairs(pairs) => {
                let pairs = pairs.count(Split::Train);
                (2.0 * pairs as f64, counted(pairs as u64, one_of(config)))
            }
            Batches::Prompts(prompts) => {
                let prompts = prompts.count(Split::Train);
                // Each round of answers is trained on for this many steps.
                let steps = train.reward.iterations as f64;
                ((prompts * train.reward.group) as f64 * steps, counted(prompts as u64, "prompt"))
            }
        };
        config.settle_epochs(rows);
        let times = if epochs == 1.0 { "1 epoch".to_owned() } else { format!("{epochs} epochs") };
        Ok(Some(format!("{times} of {of}: {}", counted(config.train.steps, "step"))))
    }

    /// Default sample prompt: the first words of the training text.
    fn first_words(&self) -> Option<String> {
        let count = self.store.len(Split::Train).min(FIRST_TOKENS) as usize;
        let tokens = self.store.read(Split::Train, 0, count).ok()?;
        let end = self.tokenizer.end_of_text();
        let own: Vec<u32> = tokens.into_iter().take_while(|token| Some(*token) != end).collect();
        first_words(&self.tokenizer.decode(&own))
    }
}

/// Unit of the preference objective: a judged answer or a pair.
fn one_of(config: &RunConfig) -> &'static str {
    if config.train.judges_answers() { "answer" } else { "pair" }
}

/// Tokens decoded to find the first words.
const FIRST_TOKENS: u64 = 96;
/// Maximum number of words and characters in the default sample prompt.
const FIRST_WORDS: usize = 3;
const FIRST_CHARACTERS: usize = 32;

/// Returns the first words of the text's first line.
fn first_words(text: &str) -> Option<String> {
    let line = text.trim_start().lines().next()?;
    let mut words = String::new();
    for word in line.split_whitespace().take(FIRST_WORDS) {
        if words.chars().count() + 1 + word.chars().count() > FIRST_CHARACTERS {
            break;
        }
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    (!words.is_empty()).then_some(words)
}

/// A stage, and its bytes done and in total (an estimate when reading); 0 if unknown.
pub type Progress = (PreparationStage, u64, u64);

/// Prepares a run's text under `<project>/data/`, or reuses an earlier preparation.
///
/// The tokenizer and its tokens share one folder. Other text or settings get another folder, so earlier runs keep theirs. Fails if reading,
/// training or writing failed; then only extracted documents are left on disk.
pub fn prepare(config: &RunConfig, project: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Prepared> {
    block_on(prepare_in_turns(config, None, project, progress, &Yielder::none()))
}

/// Like [`prepare`], but yields, and uses a `given` tokenizer instead of training one. If dropped early, it leaves only documents extracted
/// so far, for the next preparation.
pub async fn prepare_in_turns(
    config: &RunConfig,
    given: Option<&TokenizerFiles>,
    project: &Path,
    progress: &mut dyn FnMut(Progress),
    yielder: &Yielder,
) -> Result<Prepared> {
    let problems = Problems::default();
    let mut corpus = Corpus::new(&config.data, &problems)?;
    let mut recipe = corpus.recipe(&config.data, &config.tokenizer);
    if let Some(given) = given {
        recipe = format!("{recipe}; tokenizer {}", recipe_of(given, checksum(&given.tokenizer)?));
    }
    if !config.train.objective.learns_text() {
        recipe = format!("{recipe}; objective {}", config.train.objective);
    }
    if config.train.objective.answers_prompts() {
        // Rows that the reward rule cannot judge are left out.
        let reward = &config.train.reward;
        recipe = format!("{recipe}; rule {} {}", reward.judge(), !reward.pattern.is_empty());
    }
    if config.train.objective.learns_text() && !corpus.has_held_out() {
        // Older stores hold out the end of the text. Their runs keep them: a run opens its folder by name.
        recipe.push_str("; held out by content");
    }
    let canaries = Canaries::new(config.seed, config.data.canaries);
    if let Some(canaries) = &canaries {
        recipe = format!("{recipe}; {}", canaries.recipe());
    }
    if config.train.objective.learns_pairs() {
        // Older stores do not record whether a template wrote their pairs.
        recipe.push_str(if config.train.judges_answers() { "; judged apart" } else { "; marked" });
    }
    let data = project.join("data");
    let folder = data.join(folder_name(&recipe));
    if let Some(prepared) = reuse(&folder, &recipe) {
        progress((PreparationStage::Reused, 0, 0));
        return Ok(prepared);
    }
    storage::create_folder(&data)?;
    let staging = Staging::inside(&data)?;
    if !config.train.objective.learns_text() {
        let files = given.or_internal("rows to learn without a tokenizer")?;
        files.write(staging.path())?;
        let preparation = RowPreparation {
            corpus: &corpus,
            config,
            files,
            folder: staging.path(),
            recipe: &recipe,
            problems: &problems,
            yielder,
        };
        match config.train.objective {
            Objective::Reward => prompts::encode(&preparation, progress).await?,
            Objective::Classify => labels::encode(&preparation, progress).await?,
            _ => conversations::encode(&preparation, progress).await?,
        }
        return finish(&staging, &folder, &recipe, files.tokenizer.clone());
    }
    let prose = Staging::inside(&data)?;
    let kept = data.join(PROSE_FOLDER);
    // A browser keeps its files in memory.
    let lasting = Some(kept.as_path()).filter(|_| !cfg!(target_arch = "wasm32"));
    corpus.keep_prose(prose.path(), lasting, yielder).await;
    let mut learner = match given {
        Some(_) => None,
        None => Some(Learner::new(TokenizerTrainer::new(&config.tokenizer)?, &config.data)),
    };
    let count = scan(&corpus, &config.data, learner.as_mut(), &problems, progress, yielder).await?;
    let trained: Option<TokenizerFiles> = match learner {
        Some(learner) => {
            let mut trainer = match learner.finish(&count, config.data.validation) {
                Some(trainer) => trainer,
                None => feed(&config.tokenizer, &corpus, &config.data, &count, progress, yielder).await?,
            };
            if let Some(canaries) = &canaries {
                trainer.feed(&canaries.alphabet());
            }
            progress((PreparationStage::Training, 0, 0));
            Some(trainer.finish_in_turns(count.documents.len() > 1, yielder).await?.into())
        }
        None => None,
    };
    let files: &TokenizerFiles = given.or(trained.as_ref()).or_internal("a text without a tokenizer")?;
    files.write(staging.path())?;
    let tokenizer = files.tokenizer.clone();
    let place = (staging.path(), recipe.as_str());
    let mut planting = match &canaries {
        Some(canaries) => {
            canaries.write(staging.path(), &tokenizer)?;
            canaries.planting(count.train_characters(config.data.validation))
        }
        None => Planting::default(),
    };
    let text = (&corpus, &mut planting);
    encode(text, &config.data, &count, &tokenizer, place, &problems, progress, yielder).await?;
    read::tidy(&kept);
    finish(&staging, &folder, &recipe, tokenizer)
}

/// Moves the staged folder into place.
fn finish(staging: &Staging, folder: &Path, recipe: &str, tokenizer: Tokenizer) -> Result<Prepared> {
    if let Some(prepared) = reuse(folder, recipe) {
        // Another process finished first and may already use it.
        return Ok(prepared);
    }
    staging.put(folder)?;
    let store = TokenStore::open(folder)?;
    Ok(Prepared::new(tokenizer, store, folder))
}

/// How to repair a damaged folder: the same settings name the same folder, and a damaged one is prepared again.
const REMEDY: &str = "train a step with the run's own run.toml, which prepares the text again here if it is unchanged, then repeat the \
                      command";

/// Adds the repair advice to an error about a prepared folder.
fn with_remedy(error: Error) -> Error {
    match error {
        Error::BadFile { path, reason } => {
            Error::bad_file(path, format!("{reason}; {REMEDY}")).hint(Hint::PrepareAgain)
        }
        Error::Io { path, cause } if cause.kind() == std::io::ErrorKind::NotFound => {
            Error::bad_file(path, format!("missing from the prepared text; {REMEDY}"))
                .hint(Hint::PrepareAgain)
        }
        other => other,
    }
}

/// Opens a prepared folder. Fails if a file is missing or damaged, or the tokens were made by another tokenizer.
pub fn open(folder: &Path) -> Result<Prepared> {
    let tokenizer = Tokenizer::load(&folder.join(TOKENIZER_FILE));
    block_on(open_with(tokenizer, folder, &Yielder::none())).map_err(with_remedy)
}

/// Like [`open`], but yields: verifying a large store takes seconds. Fails as [`open`] does, or if no thread could be started.
pub async fn open_aside(folder: PathBuf) -> Result<Prepared> {
    let place = folder.clone();
    // Loading a large vocabulary takes too long to run between two yields.
    let tokenizer =
        glasshouse_platform::spawn_blocking(move || Tokenizer::load(&place.join(TOKENIZER_FILE))).await?;
    open_with(tokenizer, &folder, &Yielder::new()).await.map_err(with_remedy)
}

async fn open_with(tokenizer: Result<Tokenizer>, folder: &Path, yielder: &Yielder) -> Result<Prepared> {
    let (tokenizer, store) = (tokenizer?, TokenStore::open(folder)?);
    // Verification runs at disk speed, which is faster than training.
    store.verify(folder, yielder).await?;
    let made_by = store.index().map(|index| index.tokenizer_crc32c);
    if made_by != Some(checksum(&tokenizer)?) {
        return Err(Error::bad_file(
            folder.join(TOKENIZER_FILE),
            "the tokens next to it were made by another tokenizer",
        ));
    }
    Ok(Prepared::new(tokenizer, store, folder))
}

/// Loads the tokenizer of a prepared folder. The tokens may be missing or damaged. Fails if `tokenizer.json` is missing or damaged.
pub fn open_tokenizer(folder: &Path) -> Result<Tokenizer> {
    let path = folder.join(TOKENIZER_FILE);
    let tokenizer = Tokenizer::load(&path).map_err(with_remedy)?;
    // Without an index, the checksum is unknown.
    match Index::read(&folder.join(INDEX_FILE)) {
        Ok(index) if index.tokenizer_crc32c != checksum(&tokenizer)? => {
            let reason = "it is not the tokenizer that the run was trained with (checksum)";
            Err(with_remedy(Error::bad_file(path, reason)))
        }
        _ => Ok(tokenizer),
    }
}

/// Stages the tokenizer of an imported model for `<project>/data/`, without text. Returns the staging folder and its destination. Fails if
/// writing fails; nothing is left on disk then.
pub fn stage_tokenizer(project: &Path, tokenizer: &TokenizerFiles) -> Result<(Staging, PathBuf)> {
    let data = project.join("data");
    storage::create_folder(&data)?;
    let staging = Staging::inside(&data)?;
    tokenizer.write(staging.path())?;
    let written = storage::read(&staging.path().join(TOKENIZER_FILE))?;
    let folder = data.join(folder_name(&recipe_of(tokenizer, crc32c::crc32c(&written))));
    Ok((staging, folder))
}

/// String that identifies a tokenizer; `checksum` is the CRC-32C of its `tokenizer.json`.
fn recipe_of(tokenizer: &TokenizerFiles, checksum: u32) -> String {
    let settings = serde_json::to_string(&tokenizer.settings).unwrap_or_default();
    let template = tokenizer.chat_template.as_deref().unwrap_or_default();
    let generation = match tokenizer.generation.is_empty() {
        true => String::new(),
        false => serde_json::to_string(&tokenizer.generation).unwrap_or_default(),
    };
    format!("{checksum} {settings} {template}{generation}")
}

/// Reads the index of a prepared folder without checking the shards.
pub fn index(folder: &Path) -> Result<Index> {
    Index::read(&folder.join(INDEX_FILE)).map_err(with_remedy)
}

/// Opens an earlier preparation if its recipe matches and it is undamaged.
fn reuse(folder: &Path, recipe: &str) -> Option<Prepared> {
    let prepared = open(folder).ok()?;
    (prepared.store.index()?.recipe == recipe).then_some(prepared)
}

fn checksum(tokenizer: &Tokenizer) -> Result<u32> {
    tokenizer.to_json().map(|json| crc32c::crc32c(json.as_bytes()))
}

/// The index before counting, common to all objectives.
fn index_of(corpus: &Corpus, tokenizer: &Tokenizer, recipe: &str, problems: &Problems) -> Result<Index> {
    Ok(Index {
        vocabulary: tokenizer.vocabulary_size(),
        end_of_text: tokenizer.end_of_text(),
        tokenizer_crc32c: checksum(tokenizer)?,
        recipe: recipe.to_owned(),
        sources: corpus.records(),
        problems: problems.list(),
        unread: problems.unread_fields(),
        ..Index::default()
    })
}

/// Hashes a recipe to sixteen hexadecimal digits.
fn folder_name(recipe: &str) -> String {
    let hash = recipe.bytes().fold(0, |hash, byte| split_mix(hash ^ u64::from(byte)));
    format!("{hash:016x}")
}

const NOTHING_TRAINS: &str =
    "all text is in held-out files, which do not train; give other files to train on, or hold out others";

/// Result of the first pass.
struct Count {
    characters: u64,
    bytes: u64,
    documents: Vec<DocumentSize>,
    /// Whether each document is held out, if whole ones are.
    held_out: Option<Vec<bool>>,
}

impl Count {
    fn train_characters(&self, validation: f64) -> u64 {
        let Some(held_out) = &self.held_out else {
            return (self.characters as f64 * (1.0 - validation)) as u64;
        };
        let train = self.documents.iter().zip(held_out).filter(|(_, held_out)| !**held_out);
        train.map(|(document, _)| document.characters).sum()
    }
}

/// First pass: counts the text, decides its split and feeds the learner.
async fn scan(
    corpus: &Corpus,
    config: &DataConfig,
    mut learner: Option<&mut Learner>,
    problems: &Problems,
    progress: &mut dyn FnMut(Progress),
    yielder: &Yielder,
) -> Result<Count> {
    let mut count = Count { characters: 0, bytes: 0, documents: Vec::new(), held_out: None };
    let (mut key, mut train_documents) = (Key::default(), 0);
    let mut length = 0;
    let total = corpus.bytes();
    let (mut copies, mut reported) = (Copies::default(), 0);
    let own = corpus.has_held_out().then_some(Split::Train);
    let all = [
        (own, corpus.training_pieces(problems)),
        (Some(Split::Validation), corpus.held_out_pieces(problems)),
    ];
    // Documents of known split go to the trainer piece by piece.
    let no_cut = || Cut { rule: CutRule::BeforeWhitespace, special: Vec::new() };
    let cut = learner.as_ref().map_or_else(no_cut, |learner| learner.cut());
    for (own, pieces) in all {
        for piece in read::recut(pieces, cut.clone()) {
            let piece = piece?;
            yielder.maybe_yield().await;
            let split = piece.mark.as_ref().and_then(|mark| mark.split).or(own);
            let characters = piece.text.chars().count() as u64;
            length += characters;
            key.add(&piece.text);
            if let Some(own) = own {
                copies.add(own, &piece.text);
            }
            if let Some(learner) = &mut learner {
                learner.add(&piece.text, split);
            }
            if piece.ends_document {
                let characters = std::mem::take(&mut length);
                let key = std::mem::take(&mut key).finish();
                if let Some(own) = own {
                    copies.note(own, key);
                }
                let key = key.unwrap_or_default();
                if let Some(learner) = &mut learner {
                    learner.end(key, split);
                }
                count.documents.push(DocumentSize { characters, key, split });
            }
            count.characters += characters;
            count.bytes += piece.text.len() as u64;
            if count.bytes - reported >= ENCODE_BYTES as u64 {
                reported = count.bytes;
                progress((PreparationStage::Reading, count.bytes, total));
            }
        }
        if own != Some(Split::Validation) {
            train_documents = count.documents.len();
        }
    }
    copies.report(problems, &corpus.name(), "document");
    if count.documents.is_empty() {
        let nothing = "the given data has no text to learn from";
        return Err(Error::Refused(match problems.list().first() {
            Some(FileProblem { name, reason, .. }) => {
                format!("{nothing}: {name} {reason}; fix the file, or add others")
            }
            None => format!("{nothing}; add a text"),
        }));
    }
    if train_documents == 0 {
        return Err(Error::Refused(NOTHING_TRAINS.to_owned()));
    }
    if corpus.has_held_out() && train_documents == count.documents.len() {
        refuse!("the held-out files have no text; choose others");
    }
    count.held_out = held_out(&count.documents, config.validation, config.validation_seed);
    Ok(count)
}

/// Reads the text again for a tokenizer's training, on the training split only, so that held-out text is new to it.
async fn feed(
    tokenizer: &TokenizerConfig,
    corpus: &Corpus,
    config: &DataConfig,
    count: &Count,
    progress: &mut dyn FnMut(Progress),
    yielder: &Yielder,
) -> Result<TokenizerTrainer> {
    let mut trainer = TokenizerTrainer::new(tokenizer)?;
    let mut splitter = Splitter::new(config.validation, count);
    let (mut done, mut reported) = (0, 0);
    for piece in read::recut(corpus.pieces(&Problems::default()), trainer.cut()) {
        let piece = piece?;
        yielder.maybe_yield().await;
        done += piece.text.len() as u64;
        let parts = splitter.divide(piece).into_iter();
        parts.filter(|part| part.split == Split::Train).for_each(|part| trainer.feed(&part.piece.text));
        if done - reported >= ENCODE_BYTES as u64 {
            reported = done;
            progress((PreparationStage::Reading, done, count.bytes));
        }
    }
    Ok(trainer)
}

#[allow(clippy::too_many_arguments, reason = "what was found out before, each by its name")]
async fn encode(
    (corpus, planting): (&Corpus, &mut Planting),
    config: &DataConfig,
    count: &Count,
    tokenizer: &Tokenizer,
    (folder, recipe): (&Path, &str),
    problems: &Problems,
    progress: &mut dyn FnMut(Progress),
    yielder: &Yielder,
) -> Result<()> {
    // Problems were already recorded in the first pass.
    let known = Problems::default();
    let end_of_text = tokenizer.end_of_text().filter(|_| count.documents.len() > 1);
    let pieces = read::recut(corpus.pieces(&known), tokenizer.cut().clone());
    let mut splitter = Splitter::new(config.validation, count);
    let mut queue = Queue {
        tokenizer,
        synthetic: corpus.synthetic(),
        end_of_text,
        ends_within: 0,
        writer: Writer::new(folder, tokenizer.vocabulary_size()),
        parts: Vec::new(),
        lost: Lost::default(),
    };
    let (mut waiting, mut done) = (0, 0);
    for piece in pieces {
        let piece = piece?;
        yielder.maybe_yield().await;
        waiting += piece.text.len();
        let parts = splitter.divide(piece).into_iter();
        queue.parts.extend(parts.map(|part| match part.split {
            Split::Train => SplitPiece { piece: planting.plant(part.piece), ..part },
            Split::Validation => part,
        }));
        if waiting >= ENCODE_BYTES {
            queue.flush()?;
            done += std::mem::take(&mut waiting) as u64;
            progress((PreparationStage::Encoding, done, count.bytes));
        }
    }
    queue.parts.extend(
        planting.rest().map(|text| SplitPiece { split: Split::Train, piece: TextPiece::whole(text) }),
    );
    queue.flush()?;
    if splitter.documents != count.documents.len() || splitter.characters != count.characters {
        refuse!("the text changed while it was being read; run again");
    }
    queue.lost.report(problems, &corpus.name(), "part")?;
    let mut mixture = corpus.mixture().clone();
    if config.mixture.is_empty() {
        // The cleaned folder's mixture. Without marked splits, a whole source may be held out; it is dropped from the mixture.
        let trains = |source: &str| queue.writer.trains(source);
        if mixture.iter().any(|(source, share)| *share > 0.0 && trains(source)) {
            mixture.retain(|source, _| trains(source));
        }
    }
    queue.writer.finish(Index {
        end_of_text,
        ends_within: queue.ends_within,
        mixture,
        documents: count.documents.len() as u64,
        characters: count.characters,
        bytes: count.bytes,
        prompt: corpus.prompt(),
        ..index_of(corpus, tokenizer, recipe, problems)?
    })?;
    Ok(())
}

/// Pieces waiting to be encoded together.
struct Queue<'a> {
    tokenizer: &'a Tokenizer,
    synthetic: Synthetic,
    end_of_text: Option<u32>,
    ends_within: u64,
    writer: Writer,
    parts: Vec<SplitPiece>,
    lost: Lost,
}

impl Queue<'_> {
    fn flush(&mut self) -> Result<()> {
        let parts = std::mem::take(&mut self.parts);
        if !self.synthetic.is_none() {
            return self.write_rows(&parts);
        }
        let texts: Vec<&str> = parts.iter().map(|part| part.piece.text.as_str()).collect();
        for (part, mut tokens) in parts.iter().zip(self.tokenizer.encode_many(&texts)?) {
            let text = &part.piece.text;
            // Finding the characters behind unknown tokens needs spans; few texts contain any.
            let has_unknown = self.tokenizer.unknown().is_some_and(|unknown| tokens.contains(&unknown));
            let lost: Vec<char> = match has_unknown {
                true => {
                    let encoded = self.tokenizer.encode_spans(&[text])?;
                    let lost = encoded.iter().flat_map(|encoded| self.tokenizer.lost(text, encoded));
                    lost.map(|(_, character)| character).collect()
                }
                false => self.tokenizer.dropped(text),
            };
            self.lost.note(part.split, text, lost.into_iter());
            let within = tokens.iter().filter(|token| Some(**token) == self.end_of_text);
            self.ends_within += within.count() as u64;
            tokens.extend(self.end_of_text.filter(|_| part.piece.ends_document));
            let source = part.piece.mark.as_ref().map(|mark| mark.source.as_ref());
            self.writer.append(part.split, source, &tokens, part.piece.text.len() as u64)?;
        }
        Ok(())
    }

    /// Writes generated rows as examples, whose answers are learned.
    fn write_rows(&mut self, rows: &[SplitPiece]) -> Result<()> {
        let texts = rows.iter().map(|row| row.piece.text.as_str());
        let halves = texts.map(|text| text.split_at(synthetic::answer_start(self.synthetic, text)));
        let texts: Vec<&str> = halves.flat_map(|(prompt, answer)| [prompt, answer]).collect();
        let encoded = self.tokenizer.encode_many(&texts)?;
        for (row, halves) in rows.iter().zip(encoded.as_chunks::<2>().0) {
            let [prompt, answer] = halves;
            let learned: Vec<bool> = [vec![false; prompt.len()], vec![true; answer.len()]].concat();
            let tokens = [&prompt[..], &answer[..]].concat();
            self.writer.append_example(row.split, &tokens, &learned, row.piece.text.len() as u64)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
