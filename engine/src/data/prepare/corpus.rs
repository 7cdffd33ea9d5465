//! The files or the embedded stories that a run learns from.

use super::CORPUS_SEED;
use crate::data::read::{self, Problems, SourceFile, TextPiece};
use crate::data::store::SourceRecord;
use crate::data::stories;
use crate::error::Result;
use glasshouse_protocol::{DataConfig, TokenizerConfig};
use std::collections::BTreeMap;

/// Where the documents come from.
pub(super) enum Corpus {
    Files {
        sources: Vec<SourceFile>,
        /// Share of training windows by source; empty where windows begin anywhere.
        mixture: BTreeMap<String, f64>,
    },
    Stories(u64),
}

impl Corpus {
    pub(super) fn new(config: &DataConfig, problems: &Problems) -> Result<Self> {
        if config.paths.is_empty() {
            Ok(Self::Stories(config.corpus_bytes))
        } else {
            let sources = read::find_sources(&config.paths, problems)?;
            let mixture =
                if config.mixture.is_empty() { read::mixture(&sources)? } else { config.mixture.clone() };
            Ok(Self::Files { sources, mixture })
        }
    }

    pub(super) fn mixture(&self) -> &BTreeMap<String, f64> {
        static NONE: BTreeMap<String, f64> = BTreeMap::new();
        match self {
            Self::Files { mixture, .. } => mixture,
            Self::Stories(_) => &NONE,
        }
    }

    pub(super) fn pieces(&self, problems: &Problems) -> Box<dyn Iterator<Item = Result<TextPiece>> + Send> {
        match self {
            Self::Files { sources, .. } => Box::new(read::pieces(sources.clone(), problems)),
            Self::Stories(bytes) => Box::new(
                stories::up_to(*bytes, CORPUS_SEED)
                    .map(|text| Ok(TextPiece { text, ends_document: true, mark: None })),
            ),
        }
    }

    pub(super) fn records(&self) -> Vec<SourceRecord> {
        match self {
            Self::Files { sources, .. } => sources
                .iter()
                .map(|source| SourceRecord { path: source.path.display().to_string(), bytes: source.bytes })
                .collect(),
            Self::Stories(bytes) => {
                vec![SourceRecord { path: format!("embedded stories, seed {CORPUS_SEED}"), bytes: *bytes }]
            }
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.records().iter().map(|record| record.bytes).sum()
    }

    /// Everything that decides the tokens. A file counts as unchanged while its length and time of change are.
    pub(super) fn recipe(&self, data: &DataConfig, tokenizer: &TokenizerConfig) -> String {
        let sources: Vec<String> = match self {
            Self::Files { sources, .. } => sources
                .iter()
                .map(|source| {
                    let path = std::path::absolute(&source.path).unwrap_or_else(|_| source.path.clone());
                    format!("{} ({} bytes, changed {})", path.display(), source.bytes, source.modified)
                })
                .collect(),
            Self::Stories(bytes) => {
                vec![format!("stories edition {}, {bytes} bytes, seed {CORPUS_SEED}", stories::EDITION)]
            }
        };
        let mixture = match self.mixture() {
            mixture if mixture.is_empty() => String::new(),
            mixture => format!("; mixture {mixture:?}"),
        };
        format!(
            "version {}; {:?}; validation {}; {}{mixture}",
            env!("CARGO_PKG_VERSION"),
            tokenizer,
            data.validation,
            sources.join("; ")
        )
    }
}
