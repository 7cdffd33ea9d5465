//! Arguments of `tokenizer`.

use super::{DEFAULT_PROJECT, tokenizer_kinds};
use clap::{Args, Subcommand};
use glasshouse_engine::protocol::TokenizerKind;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum TokenizerCommand {
    /// Train a tokenizer on text and save it as tokenizer.json
    Train(TokenizerTrainArguments),
    /// Convert text to token ids
    Encode(TokenizerEncodeArguments),
    /// Convert token ids to text
    Decode(TokenizerDecodeArguments),
}

#[derive(Args, Debug)]
pub struct TokenizerTrainArguments {
    /// What it is
    #[arg(long, value_name = "KIND", default_value = "bpe", help = tokenizer_kinds(""))]
    pub kind: TokenizerKind,
    /// Maximum vocabulary size
    #[arg(long, alias = "vocab", value_name = "N", default_value_t = 4096)]
    pub vocabulary: usize,
    /// Minimum frequency of pairs and words
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub min_frequency: u64,
    /// Special token in addition to <|endoftext|>; may be repeated
    #[arg(long, value_name = "TOKEN")]
    pub special: Vec<String>,
    /// Training text: files and folders, as in `train` [default: the embedded stories]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub data: Vec<PathBuf>,
    /// File to write
    #[arg(long, value_name = "FILE", default_value = "tokenizer.json")]
    pub to: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
}

/// Where a tokenizer is found.
#[derive(Args, Debug)]
pub struct TokenizerPlace {
    /// Project folder with the tokenizer
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT, conflicts_with = "file")]
    pub project: PathBuf,
    /// tokenizer.json to use instead
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct TokenizerEncodeArguments {
    #[command(flatten)]
    pub place: TokenizerPlace,
    /// Text to encode [default: standard input]
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
    /// Print one JSON object: {"ids":[…],"tokens":[…]}
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct TokenizerDecodeArguments {
    #[command(flatten)]
    pub place: TokenizerPlace,
    /// Token ids
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<u32>,
    /// Print one JSON object: {"text":…}
    #[arg(long)]
    pub json: bool,
}
