//! Browsing a run's documents: list, search, read, with lengths and the position of the split.
//!
//! Only one line per document is kept in memory; searching and reading stream the text again.

use super::content;
use super::prepare::{CORPUS_SEED, DocumentSize, held_out};
use super::read::{self, Mark, Problems, SourceFile, TextPiece};
use super::store::Split;
use super::stories;
use crate::tokenizer::Tokenizer;
use glasshouse_platform::{ChatRenderer, Error, Result, Yielder};
use glasshouse_protocol::{
    DataConfig, DocumentSummary, DocumentsOverview, FileProblem, Objective, RowFile, order,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

const PREVIEW: usize = 160;
/// Maximum characters of a document shown; a whole book would overload the window.
const SHOWN: usize = 200_000;

#[derive(Clone, Debug, PartialEq, Eq)]
struct DocumentEntry {
    file: usize,
    characters: u64,
    bytes: u64,
    /// Its [`content::key`], or 0.
    key: u64,
    preview: String,
    /// Source and split from a cleaned folder.
    mark: Option<Mark>,
}

pub struct Survey {
    sources: Sources,
    /// The file of the document read last, and its documents from a number on: the next ones are read without reading the file again.
    opened: Option<(usize, u64, Documents)>,
    validation_seed: u64,
    /// Number of files before the held-out files, if any.
    train_files: Option<usize>,
    /// Those of the text, then the rows for fine-tuning.
    entries: Vec<DocumentEntry>,
    /// Number of documents of the text, and of their files.
    texts: usize,
    text_files: usize,
    /// Those of the text.
    distinct_characters: usize,
    problems: Vec<FileProblem>,
}

type Documents = Box<dyn Iterator<Item = Result<TextPiece>>>;

struct Sources {
    /// Bytes of the built-in stories, which precede the files.
    stories: Option<u64>,
    files: Vec<SourceFile>,
}

impl Sources {
    fn names(&self) -> Vec<(String, u64)> {
        let files = self.files.iter().map(|file| {
            let name = file.path.file_name().unwrap_or_default();
            (name.to_string_lossy().into_owned(), file.bytes)
        });
        self.stories.map(|bytes| ("built-in stories".to_owned(), bytes)).into_iter().chain(files).collect()
    }

    /// The file of a number, unless it is that of the stories.
    fn file(&self, number: usize) -> Option<&SourceFile> {
        self.files.get(number.checked_sub(usize::from(self.stories.is_some()))?)
    }

    /// The documents of a file.
    fn documents_of(&self, number: usize, problems: &Problems) -> Documents {
        match (self.file(number), self.stories) {
            (Some(file), _) => Box::new(read::documents(read::pieces(vec![file.clone()], problems))),
            (None, Some(bytes)) => {
                Box::new(stories::up_to(bytes, CORPUS_SEED).map(|text| Ok(TextPiece::whole(text))))
            }
            (None, None) => Box::new(std::iter::empty()),
        }
    }

    /// All documents with their file numbers. Problems of a file go to `problems(number)`.
    fn documents<'own>(
        &'own self,
        problems: impl Fn(usize) -> Problems + 'own,
    ) -> impl Iterator<Item = Result<(usize, TextPiece)>> + 'own {
        let files = 0..usize::from(self.stories.is_some()) + self.files.len();
        files.flat_map(move |number| {
            let documents = self.documents_of(number, &problems(number));
            documents.map(move |document| document.map(|document| (number, document)))
        })
    }
}

impl Survey {
    /// Reads all documents once, yielding meanwhile. Fails as a preparation does: if a named file is missing or cannot be read.
    pub async fn new(config: &DataConfig, yielder: &Yielder) -> Result<Self> {
        Self::with_rows(config, &[], yielder).await
    }

    /// Also reads files of rows for fine-tuning, which are no part of the text.
    pub async fn with_rows(config: &DataConfig, rows: &[PathBuf], yielder: &Yielder) -> Result<Self> {
        let problems = Problems::default();
        let mut train_files = None;
        let stories = config.paths.is_empty().then_some(config.corpus_bytes);
        let mut files = Vec::new();
        if stories.is_none() {
            files = read::find_sources(&config.paths, &problems)?;
            let held_out = read::find_sources(&config.validation_files, &problems)?;
            read::remove_held_out(&mut files, &held_out);
            train_files = (!config.validation_files.is_empty()).then_some(files.len());
            files.extend(held_out);
        }
        let text_files = files.len() + usize::from(stories.is_some());
        files.extend(read::find_sources(rows, &problems)?);
        let sources = Sources { stories, files };
        // Files in different folders may share a name, so each has its own list.
        let own: Vec<Problems> = sources.names().iter().map(|_| Problems::default()).collect();
        let (mut entries, mut distinct) = (Vec::<DocumentEntry>::new(), BTreeSet::new());
        for document in sources.documents(|file| own.get(file).cloned().unwrap_or_default()) {
            let (file, TextPiece { text, mut mark, .. }) = document?;
            if let Some(mark) = mark.as_mut().filter(|_| train_files.is_some_and(|train| file >= train)) {
                mark.split = Some(Split::Validation);
            }
            yielder.maybe_yield().await;
            let mut characters = 0;
            for character in text.chars() {
                characters += 1;
                if file < text_files {
                    distinct.insert(character);
                }
            }
            entries.push(DocumentEntry {
                file,
                characters,
                bytes: text.len() as u64,
                key: content::key(&text).unwrap_or_default(),
                preview: preview(&text, 0),
                mark,
            });
        }
        let distinct_characters = distinct.len();
        let mut problems = problems.list();
        let read = order::distinct(entries.iter().map(|entry| entry.file));
        // A run names the faults of rows.
        for (file, own) in own.iter().enumerate().take(text_files) {
            let partly = read.binary_search(&file).is_ok();
            problems.extend(own.list().into_iter().map(|problem| FileProblem { partly, ..problem }));
        }
        let texts = entries.partition_point(|entry| entry.file < text_files);
        let validation_seed = config.validation_seed;
        Ok(Self {
            sources,
            opened: None,
            validation_seed,
            train_files,
            entries,
            texts,
            text_files,
            distinct_characters,
            problems,
        })
    }

    /// Statistics of all documents, with the share `validation` held out.
    pub fn overview(&self, validation: f64) -> DocumentsOverview {
        let bytes = self.bytes();
        let characters: u64 = self.text().iter().map(|entry| entry.characters).sum();
        let (train, held_out) = match self.held_out(validation) {
            Some(held_out) => {
                let part = |wanted: bool| {
                    let own = self.text().iter().zip(&held_out).filter(|(_, held_out)| **held_out == wanted);
                    own.fold((0, 0), |(documents, bytes), (entry, _)| (documents + 1, bytes + entry.bytes))
                };
                (part(false), part(true))
            }
            None => {
                // Each document is divided and counts in both parts.
                let (documents, train) = (self.texts as u64, (bytes as f64 * (1.0 - validation)) as u64);
                ((documents, train), (documents, bytes - train))
            }
        };
        let mut lengths = BTreeMap::<u64, u64>::new();
        for entry in self.text() {
            *lengths.entry(entry.characters.max(1).next_power_of_two()).or_default() += 1;
        }
        let names = self.sources.names();
        let rows = names.iter().enumerate().skip(self.text_files).map(|(file, (name, _))| {
            let own: Vec<_> = self.entries.iter().filter(|entry| entry.file == file).collect();
            RowFile {
                name: name.clone(),
                rows: own.len() as u64,
                characters: own.iter().map(|entry| entry.characters).sum(),
                preview: own.first().map_or_else(String::new, |entry| entry.preview.clone()),
            }
        });
        let rows = rows.collect();
        DocumentsOverview {
            cleaned: false,
            embedded: self.sources.stories.is_some(),
            files: names,
            rows,
            problems: self.problems.clone(),
            documents: self.texts as u64,
            bytes,
            characters,
            train,
            validation: held_out,
            lengths: lengths.into_iter().collect(),
            distinct_characters: self.distinct_characters,
        }
    }

    /// The documents of the text, without rows.
    fn text(&self) -> &[DocumentEntry] {
        self.entries.get(..self.texts).unwrap_or_default()
    }

    pub fn bytes(&self) -> u64 {
        self.text().iter().map(|entry| entry.bytes).sum()
    }

    /// Whether each document of the text is held out, if whole ones are.
    fn held_out(&self, validation: f64) -> Option<Vec<bool>> {
        let split = |entry: &DocumentEntry| {
            let mark = entry.mark.as_ref().and_then(|mark| mark.split);
            let by_file = |train| if entry.file < train { Split::Train } else { Split::Validation };
            mark.or(self.train_files.map(by_file))
        };
        let sizes: Vec<DocumentSize> = self
            .text()
            .iter()
            .map(|entry| DocumentSize { characters: entry.characters, key: entry.key, split: split(entry) })
            .collect();
        held_out(&sizes, validation, self.validation_seed)
    }

    /// Searches the documents, ignoring case. Returns the number of matches, and at most `count` of them from `offset` on.
    pub async fn list(
        &self,
        search: &str,
        offset: usize,
        count: usize,
        validation: f64,
        yielder: &Yielder,
    ) -> Result<(usize, Vec<DocumentSummary>)> {
        let held_out = self.held_out(validation).unwrap_or_default();
        let names = self.sources.names();
        let file = |entry: &DocumentEntry| match &entry.mark {
            Some(mark) => mark.source.to_string(),
            None => names.get(entry.file).map(|(name, _)| name.clone()).unwrap_or_default(),
        };
        let summary = |number: usize, entry: &DocumentEntry, preview: String| DocumentSummary {
            number: number as u64,
            id: entry.mark.as_ref().map(|mark| mark.id.to_string()),
            file: file(entry),
            characters: entry.characters,
            preview,
            validation: held_out.get(number) == Some(&true),
        };
        let all = self.entries.iter().enumerate();
        if search.is_empty() {
            let page = all.skip(offset).take(count);
            let page = page.map(|(number, entry)| summary(number, entry, entry.preview.clone()));
            return Ok((self.entries.len(), page.collect()));
        }
        let needle = search.to_lowercase();
        let (mut found, mut page) = (0, Vec::new());
        for ((number, entry), document) in all.zip(self.sources.documents(|_| Problems::default())) {
            let (_, TextPiece { text, .. }) = document?;
            yielder.maybe_yield().await;
            let lower = text.to_lowercase();
            let Some(at) = lower.find(&needle) else { continue };
            if found >= offset && page.len() < count {
                // Lower case may change byte lengths; a position in characters is close enough for a preview.
                let before = lower.get(..at).map_or(0, |before| before.chars().count());
                page.push(summary(number, entry, preview(&text, before.saturating_sub(PREVIEW / 3))));
            }
            found += 1;
        }
        Ok((found, page))
    }

    /// Reads a document. Fails if there is no such document, or its file can no longer be read.
    pub async fn read(&mut self, number: u64, yielder: &Yielder) -> Result<TextPiece> {
        let missing = || Error::Refused(format!("there is no document {number}; list the documents again"));
        let (file, before) = self.place(number).ok_or_else(missing)?;
        let opened = self.opened.take().filter(|(of, next, _)| {
            let is_unchanged = self.sources.file(file).is_none_or(SourceFile::is_unchanged);
            *of == file && *next <= number && is_unchanged
        });
        let (_, next, mut documents) = opened.unwrap_or_else(|| {
            (file, number - before as u64, self.sources.documents_of(file, &Problems::default()))
        });
        for _ in next..number {
            if documents.next().is_none() {
                break;
            }
            yielder.maybe_yield().await;
        }
        let document = documents.next().ok_or_else(missing)??;
        // After the last document of a file, nothing keeps it open.
        let is_last = self.place(number + 1).is_none_or(|(of, _)| of != file);
        self.opened = (!is_last).then_some((file, number + 1, documents));
        Ok(document)
    }

    /// The file of a document, and the number of earlier documents in that file.
    fn place(&self, number: u64) -> Option<(usize, usize)> {
        let number = usize::try_from(number).ok()?;
        let file = self.entries.get(number)?.file;
        // The documents of a file follow each other.
        Some((file, number - self.entries.partition_point(|entry| entry.file < file)))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadDocument {
    /// The text, cut at 200,000 characters.
    pub text: String,
    /// Byte ranges learned in fine-tuning, in order; empty if not a conversation.
    pub learned: Vec<Range<usize>>,
    /// End of each token in bytes, and whether fine-tuning learns it; empty if not a conversation or without a tokenizer.
    pub tokens: Vec<(usize, bool)>,
    pub cut: bool,
}

impl ReadDocument {
    /// Cuts a long document. A conversation is written by the reader's template, if given and applicable.
    pub fn new(document: TextPiece, reader: Option<&ConversationReader>) -> Result<Self> {
        let (mut text, mut learned, mut tokens) = (document.text, Vec::new(), Vec::new());
        if let (Some(row), Some(ConversationReader { template, tokenizer })) = (document.row, reader)
            && let Ok(example) = template.example(&Value::Object(row).to_string(), Objective::Chat)
        {
            (text, learned) = (example.text, example.learned);
            if let Some(tokenizer) = tokenizer {
                tokens = tokens_of(tokenizer, &text, &learned)?;
            }
        }
        let cut = text.char_indices().nth(SHOWN).map(|(at, _)| at);
        if let Some(at) = cut {
            text.truncate(at);
            learned.retain(|range| range.start < at);
            learned.iter_mut().for_each(|range| range.end = range.end.min(at));
            tokens.retain(|(end, _)| *end <= at);
        }
        Ok(Self { text, learned, tokens, cut: cut.is_some() })
    }
}

/// How a project writes and tokenizes conversations.
pub struct ConversationReader {
    pub template: ChatRenderer,
    pub tokenizer: Option<Tokenizer>,
}

/// End of each token in the text, and whether it is learned. Tokens that share their last character are merged.
fn tokens_of(tokenizer: &Tokenizer, text: &str, learned: &[Range<usize>]) -> Result<Vec<(usize, bool)>> {
    let mut tokens: Vec<(usize, bool)> = Vec::new();
    for encoded in tokenizer.encode_spans(&[text])? {
        for (span, is_learned) in encoded.spans.iter().zip(encoded.learned(learned)) {
            let whole = |end: &usize| text.is_char_boundary(*end);
            let end = (span.end..text.len()).find(whole).unwrap_or(text.len());
            match tokens.last_mut() {
                Some((last, before)) if *last >= end => *before |= is_learned,
                _ => tokens.push((end, is_learned)),
            }
        }
    }
    Ok(tokens)
}

/// An excerpt starting at a character, on one line.
fn preview(text: &str, from: usize) -> String {
    let characters = text.chars().skip(from).take(PREVIEW);
    let line = characters.map(|character| if character.is_whitespace() { ' ' } else { character });
    line.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::TokenizerFiles;
    use glasshouse_platform::block_on;
    use glasshouse_protocol::{TokenizerConfig, TokenizerKind, presets};

    fn survey(folder: &std::path::Path) -> Survey {
        let paths = vec![folder.display().to_string()];
        block_on(Survey::new(&DataConfig { paths, ..DataConfig::default() }, &Yielder::none())).unwrap()
    }

    #[test]
    fn a_held_out_file_within_the_data_is_shown_once() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name).display().to_string();
        for (name, content) in [("a.txt", "It trains."), ("b.txt", "Held out."), ("c.txt", "So does it.")] {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let paths = vec![folder.path().display().to_string()];
        let config = DataConfig { paths, validation_files: vec![place("b.txt")], ..DataConfig::default() };
        let survey = block_on(Survey::new(&config, &Yielder::none())).unwrap();
        let overview = survey.overview(0.1);
        assert_eq!((overview.documents, overview.train.0, overview.validation), (3, 2, (1, 9)));
    }

    #[test]
    fn rows_for_fine_tuning_are_listed_and_count_in_no_text() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("rows.jsonl");
        std::fs::write(&place, "{\"prompt\": \"Who?\", \"completion\": \"Ada.\"}\n".repeat(3)).unwrap();
        let text = folder.path().join("a.txt");
        std::fs::write(&text, "An owl.").unwrap();
        assert!(read::holds_rows(&place) && !read::holds_rows(&text));
        let paths = vec![text.display().to_string()];
        for (paths, embedded) in [(paths, false), (Vec::new(), true)] {
            let config = DataConfig { paths, corpus_bytes: 1000, ..DataConfig::default() };
            let alone = block_on(Survey::new(&config, &Yielder::none())).unwrap();
            let mut survey =
                block_on(Survey::with_rows(&config, std::slice::from_ref(&place), &Yielder::none())).unwrap();
            let (overview, expected) = (survey.overview(0.1), alone.overview(0.1));
            let [file] = overview.rows.as_slice() else { panic!("{:?}", overview.rows) };
            let (name, preview) = (file.name.as_str(), file.preview.as_str());
            assert_eq!((name, file.rows, file.characters, preview), ("rows.jsonl", 3, 30, "Who?  Ada."));
            let without = DocumentsOverview { rows: Vec::new(), files: expected.files.clone(), ..overview };
            assert_eq!((without.embedded, without), (embedded, expected));
            let last = survey.entries.len() as u64 - 1;
            let (found, page) = block_on(survey.list("", last as usize, 9, 0.1, &Yielder::none())).unwrap();
            assert_eq!(
                (found, page[0].file.as_str(), page[0].validation),
                (last as usize + 1, "rows.jsonl", false)
            );
            assert!(block_on(survey.read(last, &Yielder::none())).unwrap().row.is_some());
        }
    }

    #[test]
    fn files_of_one_name_in_two_folders_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        for (place, content) in [("a", "no JSON\n"), ("b", "{\"text\": \"An owl.\"}\nno JSON\n")] {
            std::fs::create_dir(folder.path().join(place)).unwrap();
            std::fs::write(folder.path().join(place).join("x.jsonl"), content).unwrap();
        }
        let overview = survey(folder.path()).overview(0.1);
        let told: Vec<_> =
            overview.problems.iter().map(|problem| (problem.name.as_str(), problem.partly)).collect();
        assert_eq!(told, [("x.jsonl", false), ("x.jsonl", true)]);
    }

    #[test]
    fn lists_searches_and_reads_documents_of_several_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), "The first\ntext about Owls.").unwrap();
        std::fs::write(
            folder.path().join("b.jsonl"),
            "{\"text\": \"second\"}\n{\"text\": \"third, an owl too\"}\n",
        )
        .unwrap();
        let mut survey = survey(folder.path());
        let overview = survey.overview(0.1);
        assert_eq!((overview.documents, overview.files.len(), overview.embedded), (3, 2, false));
        assert_eq!(overview.lengths.iter().map(|(_, count)| count).sum::<u64>(), 3);
        let (found, page) = block_on(survey.list("OWL", 0, 10, 0.1, &Yielder::none())).unwrap();
        assert_eq!(found, 2);
        assert_eq!(page.iter().map(|document| document.number).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(page[0].preview, "The first text about Owls.");
        let (found, page) = block_on(survey.list("owl", 1, 10, 0.1, &Yielder::none())).unwrap();
        assert_eq!((found, page.len(), page[0].file.as_str()), (2, 1, "b.jsonl"));
        assert_eq!(block_on(survey.read(1, &Yielder::none())).unwrap().text, "second");
        assert!(block_on(survey.read(3, &Yielder::none())).is_err());
        assert!(matches!(survey.opened, Some((1, 2, _))), "the next document needs no second reading");
        let mut read = |number| block_on(survey.read(number, &Yielder::none())).map(|read| read.text);
        for numbers in [[0, 1, 2], [0, 2, 1], [2, 0, 2]] {
            for number in numbers {
                let text = ["The first\ntext about Owls.", "second", "third, an owl too"][number as usize];
                assert_eq!(read(number).unwrap(), text, "{number} of {numbers:?}");
            }
        }
        // A file that changed in between is read from its beginning.
        assert_eq!(read(1).unwrap(), "second");
        let lines = "{\"text\": \"another, longer second\"}\n{\"text\": \"another third\"}\n";
        std::fs::write(folder.path().join("b.jsonl"), lines).unwrap();
        assert_eq!(read(2).unwrap(), "another third");
    }

    #[test]
    fn documents_of_a_cleaned_folder_have_their_ids_and_sources() {
        use glasshouse_corpus::output::{CORPUS_FILE, CorpusIndex, KEPT_FILE};
        let folder = tempfile::tempdir().unwrap();
        let kept = "{\"id\": \"a.html\", \"source\": \"web\", \"split\": \"train\", \"text\": \"A page of text.\"}\n\
            {\"id\": \"b.csv#7\", \"source\": \"logs\", \"split\": \"validation\", \"text\": \"A row of text.\"}\n";
        std::fs::write(folder.path().join(KEPT_FILE), kept).unwrap();
        let index = serde_json::to_vec(&CorpusIndex::new("light", 0.1)).unwrap();
        std::fs::write(folder.path().join(CORPUS_FILE), index).unwrap();
        let (_, page) = block_on(survey(folder.path()).list("", 0, 10, 0.1, &Yielder::none())).unwrap();
        let told: Vec<_> =
            page.iter().map(|one| (one.id.as_deref(), one.file.as_str(), one.validation)).collect();
        assert_eq!(told, [(Some("a.html"), "web", false), (Some("b.csv#7"), "logs", true)]);
    }

    #[test]
    fn shows_which_of_the_embedded_stories_are_held_out() {
        let config = DataConfig { corpus_bytes: 100_000, ..DataConfig::default() };
        let survey = block_on(Survey::new(&config, &Yielder::none())).unwrap();
        let overview = survey.overview(0.1);
        assert!(overview.embedded);
        let share = overview.validation.1 as f64 / overview.bytes as f64;
        assert!((share - 0.1).abs() < 0.02, "{share}");
        assert_eq!(overview.train.0 + overview.validation.0, overview.documents);
        let all = overview.documents as usize;
        let (_, page) = block_on(survey.list("", 0, all, 0.1, &Yielder::none())).unwrap();
        let held_out: Vec<u64> = page.iter().filter(|own| own.validation).map(|own| own.number).collect();
        assert_eq!(held_out.len() as u64, overview.validation.0);
        assert!(held_out[0] < overview.train.0, "not the end of the text");
        // As a run divides them.
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        (run.tokenizer.kind, run.data) = (TokenizerKind::Byte, config);
        let project = tempfile::tempdir().unwrap();
        let prepared = crate::data::prepare::prepare(&run, project.path(), &mut |_| ()).unwrap();
        let validation = &prepared.store.index().unwrap().validation;
        assert_eq!(validation.bytes, overview.validation.1);
    }

    fn conversation(asked: &str, answer: &str) -> String {
        format!(
            r#"{{"messages":[{{"role":"user","content":"{asked}"}},{{"role":"assistant","content":"{answer}"}}]}}"#
        )
    }

    #[test]
    fn a_conversation_is_read_as_its_template_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        let rows =
            [conversation("Who?", "Mia."), conversation("Who?", "Tom."), conversation("Where?", "Here.")];
        std::fs::write(folder.path().join("a.jsonl"), format!("{{\"messages\":[]}}\n{}", rows.join("\n")))
            .unwrap();
        std::fs::write(folder.path().join("b.json"), format!("[{}]", rows[0])).unwrap();
        std::fs::write(folder.path().join("c.jsonl"), "{\"text\":\"plain\"}\n").unwrap();
        let mut survey = survey(folder.path());
        let template = ChatRenderer::new(glasshouse_protocol::CHATML, &serde_json::Map::new()).unwrap();
        let mut reader = ConversationReader { template, tokenizer: None };
        let mut read = |number, reader: &ConversationReader| {
            ReadDocument::new(block_on(survey.read(number, &Yielder::none())).unwrap(), Some(reader)).unwrap()
        };
        let turns = [("Who?", "Mia."), ("Who?", "Tom."), ("Where?", "Here."), ("Who?", "Mia.")];
        for (number, (asked, answer)) in turns.into_iter().enumerate() {
            let ReadDocument { text, learned, tokens, cut } = read(number as u64, &reader);
            assert!(text.starts_with(&format!("<|im_start|>user\n{asked}<|im_end|>")) && !cut, "{text}");
            assert!(tokens.is_empty(), "no tokenizer is known");
            let learned: Vec<&str> = learned.into_iter().map(|range| &text[range]).collect();
            assert_eq!(learned, [format!("{answer}<|im_end|>")]);
        }
        let plain = ReadDocument { text: "plain".to_owned(), learned: vec![], tokens: vec![], cut: false };
        assert_eq!(read(4, &reader), plain);
        // Token view: each character is one token, and so is the end of a turn.
        let config = presets::preset("nanogpt-cpu").unwrap().tokenizer;
        let config = TokenizerConfig { kind: TokenizerKind::Byte, ..config };
        let files: TokenizerFiles = crate::tokenizer::tests::try_train(&config, ["x"]).unwrap().into();
        reader.tokenizer = Some(files.with_chatml().unwrap().tokenizer);
        let ReadDocument { text, tokens, .. } = read(2, &reader);
        let mut from = 0;
        let pieces =
            tokens.iter().map(|(end, learned)| (&text[std::mem::replace(&mut from, *end)..*end], *learned));
        let pieces: Vec<(&str, bool)> = pieces.collect();
        let own: Vec<&str> = pieces.iter().filter(|(_, learned)| *learned).map(|(piece, _)| *piece).collect();
        assert_eq!(own, ["H", "e", "r", "e", ".", "<|im_end|>"]);
        assert_eq!(pieces[..2], [("<|im_start|>", false), ("u", false)]);
        assert_eq!(from, text.len());
        assert_eq!(read(4, &reader), plain, "all of a text is learned");
    }

    #[test]
    fn every_other_conversation_is_read_in_one_pass() {
        for count in [10, 40] {
            let folder = tempfile::tempdir().unwrap();
            let rows: String =
                (0..count).map(|number| conversation("Who?", &number.to_string()) + "\n").collect();
            std::fs::write(folder.path().join("rows.jsonl"), rows).unwrap();
            let (mut survey, yielder) = (survey(folder.path()), Yielder::none());
            for number in (0..count).step_by(2) {
                let document = block_on(survey.read(number, &yielder)).unwrap();
                assert!(document.row.is_some() && document.text.ends_with(&number.to_string()));
            }
            // Only the other half is passed over.
            assert_eq!(yielder.asked(), count / 2 - 1);
        }
    }
}
