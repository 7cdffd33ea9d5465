//! Arguments of `tokenizer`.

use super::{DEFAULT_PROJECT, tokenizer_kinds};
use clap::{Args, Subcommand};
use glasshouse_engine::protocol::TokenizerKind;
use std::path::PathBuf;

/// `tokenizer`.
#[derive(Args, Debug)]
pub struct TokenizerArguments {
    /// What to do with it
    #[command(subcommand)]
    pub command: TokenizerCommand,
}

/// Subcommands of `tokenizer`.
#[derive(Debug, Subcommand)]
pub enum TokenizerCommand {
    /// Train a tokenizer on text and save it as tokenizer.json
    Train(TokenizerTrainArguments),
    /// Turn text into token ids
    Encode(TokenizerEncodeArguments),
    /// Turn token ids into text
    Decode(TokenizerDecodeArguments),
}

/// `tokenizer train`.
#[derive(Args, Debug)]
pub struct TokenizerTrainArguments {
    /// What it is
    #[arg(long, value_name = "KIND", default_value = "bpe", help = tokenizer_kinds(""))]
    pub kind: TokenizerKind,
    /// Most entries of the vocabulary
    #[arg(long, alias = "vocab", value_name = "N", default_value_t = 4096)]
    pub vocabulary: usize,
    /// Leave out pairs and words seen less often
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub min_frequency: u64,
    /// A special token beside <|endoftext|>; may be repeated
    #[arg(long, value_name = "TOKEN")]
    pub special: Vec<String>,
    /// Text: files and folders that `train` reads; the embedded stories unless said
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub data: Vec<PathBuf>,
    /// File to write
    #[arg(long, value_name = "FILE", default_value = "tokenizer.json")]
    pub to: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

/// Where a tokenizer is found.
#[derive(Args, Debug)]
pub struct TokenizerPlace {
    /// Folder of the project whose tokenizer to take
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT, conflicts_with = "file")]
    pub project: PathBuf,
    /// Or a tokenizer.json
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `tokenizer encode`.
#[derive(Args, Debug)]
pub struct TokenizerEncodeArguments {
    /// Which tokenizer
    #[command(flatten)]
    pub place: TokenizerPlace,
    /// The text; standard input unless said
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
    /// One JSON object: {"ids":[…],"tokens":[…]}
    #[arg(long)]
    pub json: bool,
}

/// `tokenizer decode`.
#[derive(Args, Debug)]
pub struct TokenizerDecodeArguments {
    /// Which tokenizer
    #[command(flatten)]
    pub place: TokenizerPlace,
    /// Token ids
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<u32>,
    /// One JSON object: {"text":…}
    #[arg(long)]
    pub json: bool,
}
