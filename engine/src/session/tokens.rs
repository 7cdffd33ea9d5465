//! The open project's tokenizer: training, trying it on texts, and listing its vocabulary.

use super::Session;
use crate::data::{self, Prepared, Progress, Split};
use crate::platform::Yielder;
use crate::project::TrainedTokenizer;
use crate::protocol::quantity::counted;
use crate::protocol::{
    DataConfig, Event, FileProblem, TokenSummary, TokenizerConfig, TokenizerSummary, VocabularyEntry,
    VocabularyOrder, answer, order,
};
use crate::storage;
use crate::tokenizer::TokenizerFiles;
use crate::{Error, OrInternal, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Maximum characters of a text to tokenise for display.
const LOOKED_AT: usize = 5_000;
/// Maximum number of characters whose merges are replayed.
const REPLAYED: usize = 400;
/// Tokens counted at a time.
const COUNTED: usize = 1 << 16;

impl Session {
    pub(super) async fn train_tokenizer(
        &mut self,
        id: u64,
        tokenizer: TokenizerConfig,
        validation: f64,
    ) -> Result<Event> {
        let mut config = self.opened()?.config.clone();
        config.data = DataConfig { mixture: BTreeMap::new(), ..self.data_config()? };
        config.data.validation = validation;
        (config.tokenizer, config.start) = (tokenizer, None);
        let prepared = self.prepare(id, &config, None).await?;
        let project = self.opened()?;
        prepared.complete(&mut config);
        let folder = prepared.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let trained = storage::unix_seconds() as u64;
        project.next.tokenizer = Some(TrainedTokenizer { trained, folder, config: config.clone() });
        project.config = config;
        project.prepared = Some(Arc::new(prepared));
        project.counts = None;
        project.project.set_next(&project.next)?;
        let summary = self.tokenizer_summary()?;
        Ok(Event::TokenizerReady { tokenizer: summary.or_internal("a tokenizer that was just trained")? })
    }

    /// Prepares a run's text in the open project, with the `given` tokenizer or a newly trained one, reporting progress.
    pub(super) async fn prepare(
        &mut self,
        id: u64,
        config: &crate::protocol::RunConfig,
        given: Option<&TokenizerFiles>,
    ) -> Result<Prepared> {
        let folder = self.opened()?.project.folder().to_owned();
        let sink = &self.sink;
        let mut told = None;
        let mut progress = |(stage, done, total): Progress| {
            sink.progress(done, total);
            // A hundred reports per stage are enough.
            let share = (stage, done * 100 / total.max(1));
            if told != Some(share) {
                told = Some(share);
                sink.answer(id, Event::Preparing { stage, done, total });
            }
        };
        let yielder = Yielder::new();
        let prepared =
            data::prepare::prepare_in_turns(config, given, &folder, &mut progress, &yielder).await?;
        if let [FileProblem { name, reason, .. }, rest @ ..] = prepared.problems.as_slice() {
            let others = rest.iter().map(|problem| &problem.name).filter(|other| *other != name);
            let others = order::distinct(others);
            let more = match (others.len(), rest.len()) {
                (0, 0) => String::new(),
                (0, more) => format!(", and {}", counted(more as u64, "more fault")),
                (files, _) => format!(", and {}", counted(files as u64, "more file")),
            };
            let text =
                format!("{name} {reason}{more}: the Data page lists what was left out, and removes it");
            let (hints, problems) = (Vec::new(), prepared.problems.clone());
            self.sink.answer(id, Event::Notice { text, hints, problems });
        }
        Ok(prepared)
    }

    fn prepared(&mut self) -> Result<&Prepared> {
        let none =
            || Error::Refused("the project has no tokenizer yet; train one on the Tokenizer page".to_owned());
        self.opened()?.prepared.as_deref().ok_or_else(none)
    }

    /// How often the text uses each token; counted once.
    fn counts(&mut self) -> Result<Vec<u64>> {
        if let Some(counts) = &self.opened()?.counts {
            return Ok(counts.clone());
        }
        let Prepared { tokenizer, store, .. } = self.prepared()?;
        let mut counts = vec![0; tokenizer.vocabulary_size()];
        for split in [Split::Train, Split::Validation] {
            let length = store.len(split);
            let mut at = 0;
            while at < length {
                let count = COUNTED.min((length - at) as usize);
                for token in store.read(split, at, count)? {
                    if let Some(entry) = counts.get_mut(token as usize) {
                        *entry += 1;
                    }
                }
                at += count as u64;
            }
        }
        self.opened()?.counts = Some(counts.clone());
        Ok(counts)
    }

    /// Describes the project's tokenizer; `None` if it has none.
    pub(super) fn tokenizer_summary(&mut self) -> Result<Option<TokenizerSummary>> {
        if self.opened()?.prepared.is_none() {
            return Ok(None);
        }
        let unused = self.counts()?.iter().filter(|count| **count == 0).count();
        let config = self.opened()?.config.tokenizer.clone();
        let Prepared { tokenizer, store, .. } = self.prepared()?;
        let (train_tokens, validation_tokens) = (store.len(Split::Train), store.len(Split::Validation));
        let bytes = store.index().map_or(0, |index| index.bytes);
        Ok(Some(TokenizerSummary {
            config,
            vocabulary: tokenizer.vocabulary_size(),
            train_tokens,
            validation_tokens,
            bytes_per_token: bytes as f64 / (train_tokens + validation_tokens).max(1) as f64,
            unused,
            merges: tokenizer.merges()?.is_some(),
        }))
    }

    pub(super) fn tokenize(&mut self, text: String) -> Result<answer::Tokens> {
        let Prepared { tokenizer, .. } = self.prepared()?;
        let looked_at: String = text.chars().take(LOOKED_AT).collect();
        let tokens = tokenizer.encode(&looked_at)?.iter().map(|token| tokenizer.describe(*token)).collect();
        let lost = tokenizer.unknown_characters(&looked_at).into_iter().collect();
        let replay = || tokenizer.replay(&text.chars().take(REPLAYED).collect::<String>());
        let merges = tokenizer.merges()?.map(|_| replay()).transpose()?;
        Ok(answer::Tokens { text, tokens, lost, merges })
    }

    pub(super) fn list_vocabulary(
        &mut self,
        search: &str,
        order: VocabularyOrder,
        offset: usize,
        count: usize,
    ) -> Result<answer::Vocabulary> {
        let counts = self.counts()?;
        let Prepared { tokenizer, .. } = self.prepared()?;
        let needle = search.to_lowercase();
        let mut found: Vec<TokenSummary> = (0..tokenizer.vocabulary_size() as u32)
            .map(|token| tokenizer.describe(token))
            .filter(|token| needle.is_empty() || token.text.to_lowercase().contains(&needle))
            .collect();
        let uses = |token: &TokenSummary| counts.get(token.id as usize).copied().unwrap_or(0);
        match order {
            VocabularyOrder::Id => {}
            VocabularyOrder::MostUsed => {
                order::sort_by_key(&mut found, |token| std::cmp::Reverse(uses(token)));
            }
            VocabularyOrder::LeastUsed => order::sort_by_key(&mut found, uses),
            VocabularyOrder::Longest => {
                order::sort_by_key(&mut found, |token| std::cmp::Reverse(token.text.chars().count()));
            }
        }
        let parts = match tokenizer.merges()? {
            Some(merges) => merges.parts(),
            None => HashMap::new(),
        };
        let shown = |spelled: &str| match tokenizer.id(spelled) {
            Some(id) => tokenizer.describe(id).text,
            None => spelled.to_owned(),
        };
        let entry = |token: &TokenSummary| VocabularyEntry {
            id: token.id,
            text: token.text.clone(),
            count: uses(token),
            parts: tokenizer
                .token(token.id)
                .and_then(|spelled| parts.get(&spelled))
                .map(|(left, right)| (shown(left), shown(right))),
        };
        let entries = found.iter().skip(offset).take(count).map(entry).collect();
        Ok(answer::Vocabulary { found: found.len(), offset, entries })
    }
}
