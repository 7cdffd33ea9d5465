//! The files or the embedded stories that a run learns from.

use super::CORPUS_SEED;
use crate::data::read::{self, Piece, SourceFile};
use crate::data::store::SourceRecord;
use crate::data::stories;
use crate::error::Result;
use glasshouse_protocol::{DataConfig, TokenizerConfig};

/// Where the documents come from.
pub(super) enum Corpus {
    Files(Vec<SourceFile>),
    Stories(u64),
}

impl Corpus {
    pub(super) fn new(config: &DataConfig) -> Result<Self> {
        if config.paths.is_empty() {
            Ok(Self::Stories(config.corpus_bytes))
        } else {
            read::find_sources(&config.paths).map(Self::Files)
        }
    }

    pub(super) fn pieces(&self) -> Box<dyn Iterator<Item = Result<Piece>> + Send> {
        match self {
            Self::Files(sources) => Box::new(read::pieces(sources.clone())),
            Self::Stories(bytes) => Box::new(
                stories::up_to(*bytes, CORPUS_SEED).map(|text| Ok(Piece { text, ends_document: true })),
            ),
        }
    }

    pub(super) fn records(&self) -> Vec<SourceRecord> {
        match self {
            Self::Files(sources) => sources
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
            Self::Files(sources) => sources
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
        format!(
            "version {}; {:?}; validation {}; {}",
            env!("CARGO_PKG_VERSION"),
            tokenizer,
            data.validation,
            sources.join("; ")
        )
    }
}
