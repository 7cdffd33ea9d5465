//! `glasshouse tokenizer`: trains a tokenizer, and shows its effect on a text.

use super::arguments::{help, tokenizer_kinds};
use super::prelude::*;
use glasshouse_engine::data::{self, prepare, stories};
use glasshouse_engine::protocol::setting::Setting;
use glasshouse_engine::tokenizer::{Tokenizer, TokenizerTrainer};

/// Bytes of stories that a tokenizer is trained on by default.
const CORPUS_BYTES: u64 = 2_000_000;

pub(super) fn tokenizer(command: &TokenizerCommand) -> Result<()> {
    match command {
        TokenizerCommand::Train(arguments) => train(arguments),
        TokenizerCommand::Encode { place, text, json } => encode(&open(place)?, text.as_deref(), *json),
        TokenizerCommand::Decode { place, ids, json } => decode(&open(place)?, ids, *json),
    }
}

fn train(arguments: &TokenizerTrainArguments) -> Result<()> {
    let config = TokenizerConfig {
        kind: arguments.kind,
        vocabulary: arguments.vocabulary,
        min_frequency: arguments.min_frequency,
        pre_tokenizer: arguments.pre_tokenizer,
        special_tokens: arguments.special.clone(),
    };
    let mut trainer = TokenizerTrainer::new(&config)?;
    // Fail before the work rather than after it.
    if arguments.to.exists() && !arguments.force {
        bail!("{} exists already; --force replaces it", arguments.to.display());
    }
    let mut documents = 0u64;
    if arguments.data.is_empty() {
        for story in stories::up_to(CORPUS_BYTES, prepare::CORPUS_SEED) {
            trainer.feed(&story);
            documents += 1;
        }
    } else {
        let problems = data::read::Problems::default();
        let sources = data::read::find_sources(&arguments.data, &problems)?;
        let cut = trainer.cut();
        for piece in data::read::recut(data::read::pieces(sources, &problems), cut) {
            let piece = piece?;
            trainer.feed(&piece.text);
            documents += u64::from(piece.ends_document);
        }
        super::data::print_problems(&problems.list());
    }
    let tokenizer = trainer.finish(documents > 1)?;
    tokenizer.save(&arguments.to)?;
    Ok(say!("{}: {} entries", arguments.to.display(), tokenizer.vocabulary_size())?)
}

fn open(place: &TokenizerPlace) -> Result<Tokenizer> {
    match &place.file {
        Some(file) => Ok(Tokenizer::load(file)?),
        None => Ok(prepare::open_tokenizer(&trained::find_run(&place.project, None)?.data_folder()?)?),
    }
}

fn encode(tokenizer: &Tokenizer, text: Option<&str>, json: bool) -> Result<()> {
    let text = match text {
        Some(text) => text.to_owned(),
        None => std::io::read_to_string(std::io::stdin()).context("standard input")?,
    };
    for character in tokenizer.unknown_characters(&text) {
        report!("warning: {character:?} is not in the vocabulary and is left out");
    }
    let (ids, tokens) = tokenizer.encode_tokens(&text)?;
    if json {
        return Ok(say!("{}", json!({ "ids": ids, "tokens": tokens }))?);
    }
    Ok(ids.iter().zip(&tokens).try_for_each(|(id, token)| say!("{id}\t{token:?}"))?)
}

fn decode(tokenizer: &Tokenizer, ids: &[u32], json: bool) -> Result<()> {
    let size = tokenizer.vocabulary_size();
    if let Some(id) = ids.iter().find(|id| **id as usize >= size) {
        let last = size.saturating_sub(1);
        bail!("token {id} is not in the vocabulary of {size} entries; use ids from 0 to {last}");
    }
    let text = tokenizer.decode(ids);
    Ok(if json { say!("{}", json!({ "text": text })) } else { say!("{text}") }?)
}

#[derive(Debug, Subcommand)]
pub enum TokenizerCommand {
    /// Train a tokenizer on text and save it as tokenizer.json
    Train(TokenizerTrainArguments),
    /// Convert text to token ids
    Encode {
        #[command(flatten)]
        place: TokenizerPlace,
        /// Text to encode [default: standard input]
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// Print one JSON object: {"ids":[…],"tokens":[…]}
        #[arg(long)]
        json: bool,
    },
    /// Convert token ids to text
    Decode {
        #[command(flatten)]
        place: TokenizerPlace,
        /// Token ids
        #[arg(value_name = "ID", required = true)]
        ids: Vec<u32>,
        /// Print one JSON object: {"text":…}
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
pub struct TokenizerTrainArguments {
    #[arg(long, value_name = "KIND", default_value = "bpe", help = tokenizer_kinds(""))]
    pub kind: TokenizerKind,
    /// Maximum vocabulary size
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub vocabulary: usize,
    /// Minimum frequency of pairs and words
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub min_frequency: u64,
    #[arg(long, value_name = "NAME", default_value = "gpt2", help = pre_tokenizers())]
    pub pre_tokenizer: PreTokenizerKind,
    /// Special token in addition to <|endoftext|>; may be repeated
    #[arg(long, value_name = "TOKEN")]
    pub special: Vec<String>,
    /// Training text: files and folders, as in `train` [default: the built-in stories]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub data: Vec<PathBuf>,
    /// File to write
    #[arg(long, value_name = "FILE", default_value = "tokenizer.json")]
    pub to: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
}

/// Help with the names of the pre-tokenizers.
fn pre_tokenizers() -> String {
    let about = help(Setting::at("tokenizer.pre_tokenizer"));
    format!("{about}: {}", PreTokenizerKind::ALL.map(PreTokenizerKind::name).join(", "))
}

#[derive(Args, Debug)]
pub struct TokenizerPlace {
    /// Project folder with the tokenizer
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT, conflicts_with = "file")]
    pub project: PathBuf,
    /// tokenizer.json to use instead
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}
