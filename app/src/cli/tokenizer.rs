//! `glasshouse tokenizer`: trains a tokenizer, and shows its effect on a text.

use super::arguments::{
    TokenizerCommand, TokenizerDecodeArguments, TokenizerEncodeArguments, TokenizerPlace,
    TokenizerTrainArguments,
};
use super::trained;
use anyhow::{Context as _, Result, bail};
use glasshouse_engine::data::{self, prepare, stories};
use glasshouse_engine::protocol::TokenizerConfig;
use glasshouse_engine::tokenizer::{Tokenizer, TokenizerTrainer};
use std::io::{Read as _, Write as _};

/// Bytes of stories that a tokenizer is trained on by default.
const CORPUS_BYTES: u64 = 2_000_000;

pub(super) fn tokenizer(command: &TokenizerCommand) -> Result<()> {
    match command {
        TokenizerCommand::Train(arguments) => train(arguments),
        TokenizerCommand::Encode(arguments) => encode(arguments),
        TokenizerCommand::Decode(arguments) => decode(arguments),
    }
}

fn train(arguments: &TokenizerTrainArguments) -> Result<()> {
    let config = TokenizerConfig {
        kind: arguments.kind,
        vocabulary: arguments.vocabulary,
        min_frequency: arguments.min_frequency,
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
        for piece in data::read::pieces(sources, &problems) {
            let piece = piece?;
            trainer.feed(&piece.text);
            documents += u64::from(piece.ends_document);
        }
        super::data::tell(&problems.list());
    }
    let tokenizer = trainer.finish(documents > 1)?;
    tokenizer.save(&arguments.to)?;
    say!("{}: {} entries", arguments.to.display(), tokenizer.vocabulary_size())?;
    Ok(())
}

/// The tokenizer of a file, or of a project's latest run.
fn open(place: &TokenizerPlace) -> Result<Tokenizer> {
    match &place.file {
        Some(file) => Ok(Tokenizer::load(file)?),
        None => trained::tokenizer_of_project(&place.project),
    }
}

fn encode(arguments: &TokenizerEncodeArguments) -> Result<()> {
    let tokenizer = open(&arguments.place)?;
    let text = match &arguments.text {
        Some(text) => text.clone(),
        None => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input")?;
            text
        }
    };
    for character in tokenizer.unknown_characters(&text) {
        tell!("warning: {character:?} is not in the vocabulary and is left out");
    }
    let (ids, tokens) = tokenizer.encode_tokens(&text)?;
    let mut output = std::io::stdout().lock();
    if arguments.json {
        writeln!(output, "{}", serde_json::json!({ "ids": ids, "tokens": tokens }))?;
    } else {
        for (id, token) in ids.iter().zip(&tokens) {
            writeln!(output, "{id}\t{token:?}")?;
        }
    }
    Ok(())
}

fn decode(arguments: &TokenizerDecodeArguments) -> Result<()> {
    let tokenizer = open(&arguments.place)?;
    let size = tokenizer.vocabulary_size();
    if let Some(id) = arguments.ids.iter().find(|id| **id as usize >= size) {
        anyhow::bail!(
            "token {id} is not in the vocabulary of {size} entries; use ids from 0 to {}",
            size.saturating_sub(1)
        );
    }
    let text = tokenizer.decode(&arguments.ids);
    if arguments.json {
        say!("{}", serde_json::json!({ "text": text }))?;
    } else {
        say!("{text}")?;
    }
    Ok(())
}
