//! Whether a model was trained on its evaluation data.
//!
//! Texts are matched as in `corpus::duplicates::contamination`: by n-grams of 13 words, lower-cased and with
//! punctuation folded, as for GPT-3 (Brown et al. 2020, appendix C). A shorter text is a single n-gram of all its
//! words; one of fewer than 8 words matches only a whole document or example. n-grams shared by more than ten different
//! texts are treated as instructions or templates and ignored. Conversations are compared by their messages, without
//! turn markers. A task's row is looked up with the correct answer after its question ([`with_answers`]): questions are
//! short, and what must not have been learned is the answer.

use super::audit::texts::{ReadShare, Texts};
use super::documents::HeldOut;
use super::{OnProgress, Subject};
use glasshouse_corpus::duplicates::contamination::{Set, Settings};
use glasshouse_platform::{Result, Yielder};
use glasshouse_project::Run;
use glasshouse_protocol::EvaluateSettings;
use glasshouse_protocol::evaluation::Contamination;
use glasshouse_protocol::quantity::counted;
use glasshouse_text::data::content::key;
use glasshouse_text::tokenizer::{Frame, TokenizerFiles};
use std::collections::{HashMap, HashSet};

const WORST: usize = 10;

/// Maximum bytes of a document that may equal a text of fewer than 8 words.
const SHORT: usize = 1 << 10;

/// Length of the excerpt in characters.
const BEGINNING: usize = 160;

/// How much of the held-out documents occurs in a run's training text. Long documents are looked up by passage.
pub async fn text_contamination(
    subject: &Subject<'_>,
    learner: &Run,
    settings: &EvaluateSettings,
    on_progress: OnProgress<'_>,
) -> Result<Contamination> {
    let yielder = Yielder::new();
    let held_out = HeldOut::open(subject.run, subject.tokenizer, settings.documents, &yielder).await?;
    let frame = Frame::new(subject.tokenizer);
    let mut texts = Vec::new();
    for at in 0..held_out.count() {
        let document = held_out.document(at, &subject.tokenizer.tokenizer)?;
        let parts = document.parts.iter().filter_map(|part| document.text.get(part.text.clone()));
        texts.extend(parts.map(|text| match held_out.answers {
            true => vec![frame.contents(text)],
            false => vec![text.to_owned()],
        }));
        yielder.maybe_yield().await;
    }
    let groups = contaminations((learner, subject.tokenizer), &[texts], on_progress).await?;
    Ok(groups.into_iter().next().unwrap_or_default())
}

/// A unit of lookup: one text for a document, several for a row.
pub type Query = Vec<String>;

/// The texts to look up for a row: its question with a correct answer, and each further answer on its own.
pub fn with_answers(question: &str, answers: &[String]) -> Query {
    let Some((first, others)) = answers.split_first() else { return vec![question.to_owned()] };
    let mut texts = vec![format!("{question}\n{first}")];
    // A short question is its own n-gram, which the longer text does not contain.
    if question.split_whitespace().count() < Settings::default().words as usize {
        texts.push(question.to_owned());
    }
    texts.extend_from_slice(others);
    texts
}

/// How much of each group of texts occurs in the training text of a run and of the runs it started from. The training
/// text is read once for all groups.
pub async fn contaminations(
    (learner, tokenizer): (&Run, &TokenizerFiles),
    groups: &[Vec<Query>],
    on_progress: OnProgress<'_>,
) -> Result<Vec<Contamination>> {
    let training = Texts::from_run(learner)?;
    let yielder = Yielder::new();
    let mut lookups = Vec::with_capacity(groups.len());
    for texts in groups {
        let mut lookup = Lookup::new();
        for one in texts {
            lookup.add(one);
            yielder.maybe_yield().await;
        }
        lookups.push(lookup);
    }
    let mut progress = |done, of| on_progress("searching the training text", done, of);
    let look_up = |text: &str| lookups.iter_mut().for_each(|lookup| lookup.read(text));
    let reading = training.read(&tokenizer.tokenizer, &yielder, &mut progress, look_up).await?;
    let of_group = |(lookup, texts): (Lookup, &Vec<Query>)| lookup.finish(texts, reading, training.is_all);
    Ok(lookups.into_iter().zip(groups).map(of_group).collect())
}

/// Texts to look up, and their n-grams found so far.
struct Lookup {
    words: usize,
    set: Set,
    /// Place of each text by a hash of its words; equal texts are looked up once.
    known: HashMap<u64, Target>,
    /// Places per unit of lookup; empty for a unit without words.
    things: Vec<Vec<Target>>,
    found: HashSet<(u32, u64)>,
    /// Short texts equal to a whole document or example.
    whole: HashSet<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    Item(u32),
    /// Hash of a text with too few words for an n-gram.
    Short(u64),
}

impl Lookup {
    fn new() -> Self {
        let settings = Settings::default();
        Self {
            words: settings.words as usize,
            set: Set::empty(&settings),
            known: HashMap::new(),
            things: Vec::new(),
            found: HashSet::new(),
            whole: HashSet::new(),
        }
    }

    fn add(&mut self, one: &[String]) {
        let mut places = Vec::with_capacity(one.len());
        for (at, text) in one.iter().enumerate() {
            let Some(key) = key(text) else { continue };
            let place = self.known.get(&key).copied().unwrap_or_else(|| {
                let items = self.set.items();
                self.set.add("", text);
                if self.set.items() > items { Target::Item(items as u32) } else { Target::Short(key) }
            });
            self.known.insert(key, place);
            // A further answer of only a word or two is not significant.
            if at == 0 || matches!(place, Target::Item(_)) {
                places.push(place);
            }
        }
        self.things.push(places);
    }

    fn read(&mut self, text: &str) {
        let found = &mut self.found;
        self.set.visit(text, |item, hash| {
            found.insert((item, hash));
        });
        if text.len() <= SHORT {
            self.whole.extend(key(text).filter(|key| matches!(self.known.get(key), Some(Target::Short(_)))));
        }
    }

    fn finish(self, texts: &[Query], reading: ReadShare, is_all: bool) -> Contamination {
        let mut found_of: HashMap<u32, u32> = HashMap::new();
        for (item, _) in &self.found {
            *found_of.entry(*item).or_default() += 1;
        }
        // Per unit of lookup: number of n-grams, and how many were found.
        let counts = |place: &Target| match place {
            Target::Item(item) => (self.set.item_ngrams(*item), found_of.get(item).copied().unwrap_or(0)),
            Target::Short(key) => (1, u32::from(self.whole.contains(key))),
        };
        let sum = |(all, found): (u64, u64), (own, own_found): (u32, u32)| {
            (all + u64::from(own), found + u64::from(own_found))
        };
        let runs: Vec<(u64, u64)> =
            self.things.iter().map(|places| places.iter().map(counts).fold((0, 0), sum)).collect();
        let (all, found) = runs.iter().fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
        let mut worst: Vec<(f64, usize)> = (0..)
            .zip(&runs)
            .filter(|(_, (_, found))| *found > 0)
            .map(|(thing, (all, found))| (*found as f64 / (*all).max(1) as f64, thing))
            .collect();
        // Ties are in text order.
        glasshouse_protocol::order::sort_by(&mut worst, |one, other| {
            other.0.total_cmp(&one.0).then(one.1.cmp(&other.1))
        });
        let things_found = worst.len() as u64;
        worst.truncate(WORST);
        let beginning = |of: usize| Some(texts.get(of)?.first()?.chars().take(BEGINNING).collect::<String>());
        let short = |places: &&Vec<Target>| matches!(places[..], [Target::Short(_)]);
        Contamination {
            n: self.words,
            looked_up: self.things.iter().filter(|places| !places.is_empty()).count() as u64,
            found: things_found,
            share: found as f64 / (all as f64).max(1.0),
            worst: worst.into_iter().filter_map(|(share, of)| Some((beginning(of)?, share))).collect(),
            about: about(self.words, self.things.iter().filter(short).count(), reading, is_all),
        }
    }
}

fn about(words: usize, short: usize, reading: ReadShare, is_all: bool) -> String {
    let mut about = match reading.of {
        0 => "The training text is not available for the search.".to_owned(),
        _ => format!(
            "Sequences of {words} words, lower-cased and without punctuation, as for GPT-3, in {}; sequences shared by more than ten of the texts do not count.",
            reading.words()
        ),
    };
    if reading.of > 0 && !is_all {
        about.push_str(" The training data of the base model is unknown.");
    }
    if short > 0 {
        let (short, is) = (short as u64, if short == 1 { "is" } else { "are" });
        about.push_str(&format!(
            " {} of fewer than 8 words {is} searched for as a whole document or example.",
            counted(short, "text")
        ));
    }
    about
}

#[cfg(test)]
mod tests {
    use super::super::Scorer;
    use super::super::tasks::{Asked, TaskFile};
    use super::*;
    use glasshouse_platform::block_on;
    use glasshouse_project::{Project, initial, parameters_of};
    use glasshouse_protocol::evaluation::TaskRequest;
    use glasshouse_protocol::{ChatMessage, Objective, Role, RunConfig, TokenizerKind, presets};
    use glasshouse_text::data::prepare::prepare_in_turns;
    use glasshouse_text::tokenizer::Tokenizer;
    use serde_json::json;

    fn all_looked_up(texts: &[Query], training: &[&str]) -> Contamination {
        let mut lookup = Lookup::new();
        texts.iter().for_each(|one| lookup.add(one));
        training.iter().for_each(|text| lookup.read(text));
        lookup.finish(texts, ReadShare { read: 100, of: 100 }, true)
    }

    fn looked_up(texts: &[&str], training: &[&str]) -> Contamination {
        let texts: Vec<Query> = texts.iter().map(|text| vec![(*text).to_owned()]).collect();
        all_looked_up(&texts, training)
    }

    #[test]
    fn runs_of_words_are_found_whatever_their_case_and_punctuation() {
        let long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
        let other = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi";
        let short = "a text of no more than five words and three";
        let found = looked_up(
            &[long, other, short, "too short"],
            &[
                "Before: ONE, two three – four five six; seven eight nine ten eleven twelve thirteen! And on.",
                short,
            ],
        );
        // One of the first text's two n-grams, and the whole short text.
        assert_eq!((found.n, found.looked_up, found.found), (13, 4, 2));
        assert!((found.share - 2.0 / 6.0).abs() < 1e-12, "{}", found.share);
        assert_eq!(found.worst, [(short.to_owned(), 1.0), (long.to_owned(), 0.5)]);
        assert!(found.about.contains("1 text of fewer than 8 words is searched for"), "{}", found.about);
        assert_eq!(looked_up(&[long], &[other]).found, 0);
        // A short text must equal a whole document or example.
        assert_eq!(looked_up(&["too short"], &["Too short!"]).found, 1);
        assert_eq!(looked_up(&["too short"], &["It is too short."]).found, 0);
        // Equal texts are one text, so their shared n-grams are no template.
        assert_eq!(looked_up(&[long; 40], &[long]).found, 40);
        // Repeated matches count once.
        assert!((looked_up(&[long], &[long, long]).share - 1.0).abs() < 1e-12);
    }
    fn rows_looked_up(rows: &str, training: &[&str]) -> Contamination {
        let file = TaskFile::read("rows.jsonl", rows.as_bytes(), None).unwrap();
        let asked = Asked::new(file, &TaskRequest::default(), Vec::new()).unwrap();
        all_looked_up(&asked.texts(), training)
    }

    #[test]
    fn a_short_question_is_found_by_the_answer_that_was_learned() {
        let answer = "it is the one that stands by the river where nobody has lived since then";
        let training = format!("Of the old house they say {answer}. And on.");
        let training =
            [training.as_str(), "Who wrote the long book of whales? Herman Melville", "No one is like it"];
        for rows in [
            format!(r#"{{"prompt":"Which house is old?","answer":"{answer}"}}"#),
            format!(r#"{{"prompt":"Which house is old?","answers":["That one","{answer}"]}}"#),
            format!(r#"{{"prompt":"Which house is old?","choices":["That one","{answer}"],"answer":1}}"#),
            // A question of fewer than 8 words is one n-gram with its answer; a longer one is also looked up on its own.
            r#"{"prompt":"Who wrote the long book of whales?","answer":"Herman Melville"}"#.to_owned(),
            r#"{"prompt":"Who wrote the long book of whales? Herman Melville","answer":"did"}"#.to_owned(),
        ] {
            let found = rows_looked_up(&rows, &training);
            assert_eq!((found.looked_up, found.found), (1, 1), "{rows}");
            assert!(found.share > 0.0 && found.share <= 1.0, "{rows}");
        }
        // A wrong answer in the training text does not count.
        let wrong =
            format!(r#"{{"prompt":"Which house is old?","choices":["That one","{answer}"],"answer":0}}"#);
        let found = rows_looked_up(&wrong, &training);
        assert_eq!((found.looked_up, found.found), (1, 0));
    }

    /// A trained run with held-out rows.
    struct Learned {
        _folder: tempfile::TempDir,
        run: Run,
        config: RunConfig,
        files: TokenizerFiles,
    }

    fn learned(objective: Objective, train: &[String], held_out: &[String]) -> Learned {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::open_or_create(&folder.path().join("project")).unwrap();
        let mut config = presets::preset("first-stories").unwrap();
        config.tokenizer.kind = TokenizerKind::Byte;
        (config.model.layers, config.model.context_length) = (1, 32);
        config.train.objective = objective;
        config.train.batch_size = 16;
        config.start = Some(glasshouse_protocol::Start::parse("1", None));
        config.train.reward.rule = glasshouse_protocol::config::RewardRule::Exact;
        let write = |name: &str, rows: &[String]| {
            let path = folder.path().join(name);
            std::fs::write(&path, rows.join("\n")).unwrap();
            vec![path.display().to_string()]
        };
        config.data.paths = write("train.jsonl", train);
        config.data.validation_files = write("held-out.jsonl", held_out);
        let tokenizer = block_on(Tokenizer::train(&config.tokenizer, ["x", "y"], &Yielder::none())).unwrap();
        let files = TokenizerFiles::from(tokenizer).with_chatml().unwrap();
        let yielder = Yielder::none();
        let prepared =
            block_on(prepare_in_turns(&config, Some(&files), project.folder(), &mut |_| (), &yielder))
                .unwrap();
        config.model.vocabulary = files.tokenizer.vocabulary_size();
        let run = project.create_run(&config, &prepared.folder).unwrap();
        Learned { _folder: folder, run, config, files }
    }

    /// `count` pseudo-random words.
    fn words(seed: u64, count: u64) -> String {
        let word = |at| format!("w{}", glasshouse_protocol::random::nth(seed, 1, at) % 5000);
        (0..count).map(word).collect::<Vec<_>>().join(" ")
    }

    fn chat_row(question: &str, answer: &str) -> String {
        let messages = [ChatMessage::new(Role::User, question), ChatMessage::new(Role::Assistant, answer)];
        json!({ "messages": messages }).to_string()
    }

    #[test]
    fn conversations_that_were_learned_are_found_however_short_they_are() {
        // Rows of 3, 9 and 30 words that were learned, and as many that were not.
        let row =
            |seed: u64, count: u64| chat_row(&words(seed, count / 2), &words(seed + 50, count - count / 2));
        let rows = |seeds: std::ops::Range<u64>| -> Vec<String> {
            seeds.flat_map(|seed| [3, 9, 30].map(|count| row(100 * seed + count, count))).collect()
        };
        let train: Vec<String> = rows(0..10).iter().flat_map(|row| vec![row.clone(); 10]).collect();
        let own = learned(Objective::Chat, &train, &[rows(4..8), rows(20..24)].concat());
        let parameters = parameters_of(&own.config).unwrap();
        let parameters = block_on(initial::parameters(&parameters, 7, &Yielder::none()));
        let mut scorer = block_on(Scorer::open(&own.config.model, &parameters, "cpu", Some(1))).unwrap();
        let subject =
            Subject { scorer: &mut scorer, tokenizer: &own.files, run: &own.run, parameters: &parameters };
        let settings = EvaluateSettings::default();
        let found = block_on(text_contamination(&subject, &own.run, &settings, &mut |_, _, _| {})).unwrap();
        assert_eq!((found.looked_up, found.found), (24, 12), "{found:?}");
        assert!(found.worst.iter().all(|(text, share)| *share == 1.0 && !text.contains("im_")), "{found:?}");
        // The bytes of answers are those of their words, without end markers.
        let held_out = block_on(HeldOut::open(&own.run, &own.files, None, &Yielder::none())).unwrap();
        for at in 0..held_out.count() {
            let document = held_out.document(at, &own.files.tokenizer).unwrap();
            let answer = document.text.rsplit("assistant\n").next().unwrap().replace("<|im_end|>", "");
            assert_eq!(document.parts[0].bytes as usize, answer.trim_end().len(), "{}", document.text);
        }
    }

    #[test]
    fn what_was_learned_is_found_whatever_the_objective() {
        for objective in [Objective::Chat, Objective::Preference, Objective::Reward, Objective::Classify] {
            let row = |seed: u64, count: u64| {
                let (question, answer) = (words(seed, count / 2), words(seed + 50, count - count / 2));
                match objective {
                    Objective::Preference => {
                        json!({ "prompt": format!("{question} "), "chosen": answer, "rejected": "nothing" })
                            .to_string()
                    }
                    Objective::Reward => {
                        json!({ "prompt": format!("{question} {answer}"), "answer": "yes" }).to_string()
                    }
                    Objective::Classify => {
                        json!({ "text": format!("{question} {answer}"), "label": seed % 2 }).to_string()
                    }
                    _ => chat_row(&question, &answer),
                }
            };
            let lengths = [4, 9, 30];
            let rows = |seeds: std::ops::Range<u64>| -> Vec<String> {
                seeds.flat_map(|seed| lengths.map(|count| row(100 * seed + count, count))).collect()
            };
            let own = learned(objective, &rows(0..6), &rows(10..12));
            let text = |seed: u64, count: u64| {
                vec![format!("{}\n{}", words(seed, count / 2), words(seed + 50, count - count / 2))]
            };
            let texts = |seeds: std::ops::Range<u64>| -> Vec<Query> {
                seeds.flat_map(|seed| lengths.map(|count| text(100 * seed + count, count))).collect()
            };
            let groups = [texts(0..6), texts(10..12)];
            let found = block_on(contaminations((&own.run, &own.files), &groups, &mut |_, _, _| {})).unwrap();
            let found: Vec<(u64, u64)> = found.iter().map(|own| (own.looked_up, own.found)).collect();
            assert_eq!(found, [(18, 18), (6, 0)], "{objective}");
        }
    }
}
