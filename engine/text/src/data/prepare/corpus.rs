//! A run's source text: files, the built-in stories, or generated rows.

use super::CORPUS_SEED;
use crate::data::read::{self, Mark, Problems, Prose, SourceFile, TextPiece};
use crate::data::store::{SourceRecord, Split};
use crate::data::stories;
use glasshouse_platform::{Result, Yielder};
use glasshouse_protocol::{DataConfig, PreTokenizerKind, Synthetic, TokenizerConfig};
use glasshouse_stories::synthetic::{self, Row};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) struct Corpus {
    text: Origin,
    held_out: Vec<SourceFile>,
}

enum Origin {
    Files {
        sources: Vec<SourceFile>,
        /// Share of training windows by source; empty if windows start anywhere.
        mixture: BTreeMap<String, f64>,
    },
    Stories(u64),
    Rows(Synthetic, Vec<Row>),
}

impl Corpus {
    pub(super) fn new(config: &DataConfig, problems: &Problems) -> Result<Self> {
        if !config.synthetic.is_none() {
            let text = Origin::Rows(config.synthetic, synthetic::rows(config.synthetic));
            return Ok(Self { text, held_out: Vec::new() });
        }
        let held_out = read::find_sources(&config.validation_files, problems)?;
        let text = if config.paths.is_empty() {
            Origin::Stories(config.corpus_bytes)
        } else {
            let mut sources = read::find_sources(&config.paths, problems)?;
            read::remove_held_out(&mut sources, &held_out);
            let mixture =
                if config.mixture.is_empty() { read::mixture(&sources)? } else { config.mixture.clone() };
            Origin::Files { sources, mixture }
        };
        Ok(Self { text, held_out })
    }

    /// The row files, each with the split it determines, if any; `None` if the text is not in files.
    pub(super) fn rows(&self) -> Option<impl Iterator<Item = (&SourceFile, Option<Split>)>> {
        let Origin::Files { sources, .. } = &self.text else { return None };
        let own = (!self.held_out.is_empty()).then_some(Split::Train);
        let held_out = self.held_out.iter().map(|source| (source, Some(Split::Validation)));
        Some(sources.iter().map(move |source| (source, own)).chain(held_out))
    }

    /// The rows' task, or `Synthetic::None` for a text.
    pub(super) fn synthetic(&self) -> Synthetic {
        match self.text {
            Origin::Rows(synthetic, _) => synthetic,
            Origin::Files { .. } | Origin::Stories(_) => Synthetic::None,
        }
    }

    /// The prompt of a held-out row.
    pub(super) fn prompt(&self) -> Option<String> {
        let Origin::Rows(task, rows) = &self.text else { return None };
        let row = rows.iter().find(|row| row.held_out)?;
        row.text.get(..synthetic::answer_start(*task, &row.text)).map(str::to_owned)
    }

    pub(super) fn has_held_out(&self) -> bool {
        !self.held_out.is_empty()
    }

    /// Extracts web pages, PDFs and the like only in the first reading, which keeps their documents in the folder `once` for the next ones, or
    /// in `kept` for later preparations, too.
    pub(super) async fn keep_prose(&mut self, once: &Path, kept: Option<&Path>, yielder: &Yielder) {
        let sources = match &mut self.text {
            Origin::Files { sources, .. } => sources.as_mut_slice(),
            Origin::Stories(_) | Origin::Rows(..) => &mut [],
        };
        let extracted = sources.iter_mut().chain(&mut self.held_out).filter(|source| source.is_extracted());
        for (number, source) in extracted.enumerate() {
            source.prose = Some(Prose::new(source, once.join(number.to_string()), kept, yielder).await);
        }
    }

    /// The name under which problems of the whole text are reported: the file's, if there is only one.
    pub(super) fn name(&self) -> String {
        match (&self.text, &self.held_out[..]) {
            (Origin::Files { sources, .. }, []) if sources.len() == 1 => {
                let name = sources.first().and_then(|source| source.path.file_name()).unwrap_or_default();
                name.to_string_lossy().into_owned()
            }
            _ => "the text".to_owned(),
        }
    }

    pub(super) fn mixture(&self) -> &BTreeMap<String, f64> {
        static NONE: BTreeMap<String, f64> = BTreeMap::new();
        match &self.text {
            Origin::Files { mixture, .. } => mixture,
            Origin::Stories(_) | Origin::Rows(..) => &NONE,
        }
    }

    /// All pieces, held-out files last.
    pub(super) fn pieces(&self, problems: &Problems) -> Box<dyn Iterator<Item = Result<TextPiece>> + Send> {
        Box::new(self.training_pieces(problems).chain(self.held_out_pieces(problems)))
    }

    /// Pieces of held-out files, regardless of the split in a cleaned folder.
    pub(super) fn held_out_pieces(
        &self,
        problems: &Problems,
    ) -> Box<dyn Iterator<Item = Result<TextPiece>> + Send> {
        Box::new(read::pieces(self.held_out.clone(), problems).map(|piece| {
            let mut piece = piece?;
            if let Some(mark) = &mut piece.mark {
                mark.split = Some(Split::Validation);
            }
            Ok(piece)
        }))
    }

    /// Pieces of all other text.
    pub(super) fn training_pieces(
        &self,
        problems: &Problems,
    ) -> Box<dyn Iterator<Item = Result<TextPiece>> + Send> {
        match &self.text {
            Origin::Files { sources, .. } => Box::new(read::pieces(sources.clone(), problems)),
            Origin::Stories(bytes) => {
                Box::new(stories::up_to(*bytes, CORPUS_SEED).map(|text| Ok(TextPiece::whole(text))))
            }
            Origin::Rows(_, rows) => Box::new(rows.clone().into_iter().map(|row| {
                let split = Some(if row.held_out { Split::Validation } else { Split::Train });
                let mark = Some(Mark { id: "".into(), source: "".into(), split });
                Ok(TextPiece { mark, ..TextPiece::whole(row.text) })
            })),
        }
    }

    pub(super) fn records(&self) -> Vec<SourceRecord> {
        let of_file = |source: &SourceFile| SourceRecord {
            path: source.path.display().to_string(),
            bytes: source.bytes,
        };
        let mut records: Vec<SourceRecord> = match &self.text {
            Origin::Files { sources, .. } => sources.iter().map(of_file).collect(),
            Origin::Stories(bytes) => {
                vec![SourceRecord { path: format!("built-in stories, seed {CORPUS_SEED}"), bytes: *bytes }]
            }
            Origin::Rows(synthetic, rows) => {
                let bytes = rows.iter().map(|row| row.text.len() as u64).sum();
                vec![SourceRecord { path: format!("generated rows, {}", synthetic.name()), bytes }]
            }
        };
        records.extend(self.held_out.iter().map(of_file));
        records
    }

    pub(super) fn bytes(&self) -> u64 {
        self.records().iter().map(|record| record.bytes).sum()
    }

    /// Everything that determines the tokens. A file counts as unchanged if its size and modification time are.
    pub(super) fn recipe(&self, data: &DataConfig, tokenizer: &TokenizerConfig) -> String {
        let of_file = |source: &SourceFile| {
            let path = std::path::absolute(&source.path).unwrap_or_else(|_| source.path.clone());
            format!("{} ({} bytes, changed {})", path.display(), source.bytes, source.modified)
        };
        let sources: Vec<String> = match &self.text {
            Origin::Files { sources, .. } => sources.iter().map(of_file).collect(),
            Origin::Stories(bytes) => {
                vec![format!("stories edition {}, {bytes} bytes, seed {CORPUS_SEED}", stories::EDITION)]
            }
            Origin::Rows(synthetic, rows) => vec![format!("{} rows, {}", rows.len(), synthetic.name())],
        };
        let held_out = match &self.held_out[..] {
            [] => format!("validation {} {}", data.validation, data.validation_seed),
            files => format!("held out {}", files.iter().map(of_file).collect::<Vec<_>>().join("; ")),
        };
        let mixture = match self.mixture() {
            mixture if mixture.is_empty() => String::new(),
            mixture => format!("; mixture {mixture:?}"),
        };
        let TokenizerConfig { kind, vocabulary, min_frequency, pre_tokenizer, special_tokens } = tokenizer;
        // Left out if it changes nothing: texts prepared before the setting existed are reused.
        let words = match *pre_tokenizer {
            words if !kind.is_trained() || words == PreTokenizerKind::default() => String::new(),
            words => format!("; words {words:?}"),
        };
        format!(
            "version {}; TokenizerConfig {{ kind: {kind:?}, vocabulary: {vocabulary}, min_frequency: {min_frequency}, special_tokens: \
             {special_tokens:?} }}{words}; {held_out}; {}{mixture}",
            env!("CARGO_PKG_VERSION"),
            sources.join("; ")
        )
    }
}
