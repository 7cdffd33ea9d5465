//! Turns tokens into output text, with stop strings, end tokens and the maximum length.

use glasshouse_metrics::moderation::{Classifier, Moderator};
use glasshouse_protocol::{Ending, GenerateConfig, Moderated};
use std::sync::Arc;

/// Turns tokens into final text. Text that may be the start of a stop string is held back until that is decided, so a
/// stop string split over several tokens is also found.
pub struct Writer<Decode> {
    decode: Decode,
    stop: Vec<String>,
    ends: Vec<u32>,
    min_tokens: usize,
    max_tokens: usize,
    held: String,
    moderator: Option<Moderator>,
    text: String,
    tokens: Vec<u32>,
    end: Option<u32>,
    ending: Option<Ending>,
}

impl<Decode: FnMut(Option<u32>) -> Option<String>> Writer<Decode> {
    /// `decode` takes a token and returns the text completed by it (like the tokenizer's `DecodeStream::push`), or with
    /// `None` the remaining text (`DecodeStream::flush`). `ends` are the tokens that end a text. If
    /// moderation is on, `classifier` judges sentences in addition to the word list.
    pub fn new(
        config: &GenerateConfig,
        ends: Vec<u32>,
        classifier: Option<Arc<Classifier>>,
        decode: Decode,
    ) -> Self {
        Self {
            decode,
            stop: config.stop.iter().filter(|stop| !stop.is_empty()).cloned().collect(),
            ends,
            min_tokens: config.min_tokens,
            max_tokens: config.max_tokens,
            held: String::new(),
            moderator: Moderator::new(&config.moderation, classifier),
            text: String::new(),
            tokens: Vec::new(),
            end: None,
            ending: None,
        }
    }

    /// Adds a token and returns the text to output now. Tokens after the [`Writer::ending`] are ignored.
    pub fn push(&mut self, token: u32) -> String {
        if self.ending.is_some() {
            return String::new();
        }
        if self.tokens.len() >= self.min_tokens && self.ends.contains(&token) {
            self.end = Some(token);
            return self.finish(Ending::EndOfText);
        }
        self.tokens.push(token);
        let piece = (self.decode)(Some(token)).unwrap_or_default();
        let mut written = self.add(&piece);
        if self.ending.is_none() && self.tokens.len() >= self.max_tokens {
            written.push_str(&self.finish(Ending::MaxTokens));
        }
        written
    }

    /// Ends the text and outputs the text held back. Does nothing if the text has already ended.
    pub fn finish(&mut self, ending: Ending) -> String {
        if self.ending.is_some() {
            return String::new();
        }
        let piece = (self.decode)(None).unwrap_or_default();
        let mut written = self.add(&piece);
        if self.ending.is_none() {
            self.ending = Some(ending);
            let held = std::mem::take(&mut self.held);
            written.push_str(&self.write(held));
        }
        written
    }

    /// Findings of moderation so far, by category.
    pub fn moderated(&self) -> Moderated {
        self.moderator.as_ref().map(|moderator| moderator.counts.clone()).unwrap_or_default()
    }

    /// Why the text ended; `None` while it continues.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tokens of the text; after a stop string, the last ones may extend beyond the text.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The end token, if one ended the text.
    pub fn end(&self) -> Option<u32> {
        self.end
    }

    fn add(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let found = self.stop.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        let certain = if let Some(at) = found {
            self.ending = Some(Ending::StopString);
            at
        } else {
            self.held.len() - self.undecided()
        };
        let written: String = self.held.drain(..certain).collect();
        if found.is_some() {
            self.held.clear();
        }
        self.write(written)
    }

    /// Passes text that is free of stop strings through moderation; flushes it once the text has ended.
    fn write(&mut self, text: String) -> String {
        let written = match &mut self.moderator {
            None => text,
            Some(moderator) => {
                let mut written = moderator.push(&text);
                if self.ending.is_some() {
                    written.push_str(&moderator.finish());
                }
                if moderator.is_stopped {
                    self.ending = Some(Ending::Moderated);
                    self.held.clear();
                }
                written
            }
        };
        self.text.push_str(&written);
        written
    }

    /// Length of the longest suffix of the held text that is a prefix of a stop string.
    fn undecided(&self) -> usize {
        let starts = self.held.char_indices().map(|(at, _)| at);
        let mut ends = starts.map(|at| self.held.split_at(at).1);
        ends.find(|end| self.stop.iter().any(|stop| stop.starts_with(end))).map_or(0, str::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_metrics::moderation::LabelledRow;
    use glasshouse_protocol::config::Category;
    use glasshouse_protocol::{Moderation, ModerationMode};
    use proptest::prelude::*;

    /// Uses characters as tokens.
    fn run(text: &str, stop: &[&str], max_tokens: usize) -> (String, String, Option<Ending>) {
        let stop = stop.iter().map(ToString::to_string).collect();
        let config = GenerateConfig { max_tokens, stop, ..GenerateConfig::default() };
        let decode = |token: Option<u32>| token.and_then(char::from_u32).map(String::from);
        let mut writer = Writer::new(&config, vec![u32::from('$')], None, decode);
        let mut written = String::new();
        for character in text.chars() {
            written.push_str(&writer.push(u32::from(character)));
        }
        written.push_str(&writer.finish(Ending::Interrupted));
        (written, writer.text().to_owned(), writer.ending())
    }

    #[test]
    fn stops_before_a_stop_string_that_comes_in_pieces() {
        let (written, text, ending) = run("one\n\ntwo", &["\n\n"], 100);
        assert_eq!((written.as_str(), text.as_str()), ("one", "one"));
        assert_eq!(ending, Some(Ending::StopString));
        assert_eq!(run("aab", &["ab"], 100).0, "a");
        assert_eq!(run("xaay", &["aab", "y"], 100).0, "xaa");
    }

    #[test]
    fn text_held_back_is_written_when_no_stop_string_came_of_it() {
        assert_eq!(run("one\n", &["\n\n"], 100), ("one\n".into(), "one\n".into(), Some(Ending::Interrupted)));
        assert_eq!(run("one\n.", &["\n\n"], 5).0, "one\n.");
        assert_eq!(run("abcdef", &[], 3), ("abc".into(), "abc".into(), Some(Ending::MaxTokens)));
        assert_eq!(run("ab$cd", &[""], 9), ("ab".into(), "ab".into(), Some(Ending::EndOfText)));
    }

    #[test]
    fn moderation_replaces_or_ends_the_text_and_comes_after_stop_strings() {
        let run = |text: &str, mode: ModerationMode| {
            let moderation = Box::new(Moderation { mode, ..Moderation::default() });
            let config = GenerateConfig {
                max_tokens: 40,
                stop: vec!["|".to_owned()],
                moderation,
                ..GenerateConfig::default()
            };
            let decode = |token: Option<u32>| token.and_then(char::from_u32).map(String::from);
            let mut writer = Writer::new(&config, vec![u32::from('$')], None, decode);
            let mut written: String = text.chars().map(|letter| writer.push(u32::from(letter))).collect();
            written.push_str(&writer.finish(Ending::Interrupted));
            assert_eq!(written, writer.text());
            (written, writer.ending().unwrap(), writer.moderated().values().sum::<u64>())
        };
        assert_eq!(
            run("oh shit, no|x", ModerationMode::Replace),
            ("oh ████, no".into(), Ending::StopString, 1)
        );
        assert_eq!(run("oh shit", ModerationMode::Replace), ("oh ████".into(), Ending::Interrupted, 1));
        assert_eq!(run("oh shit, no", ModerationMode::Filter), ("oh , no".into(), Ending::Interrupted, 1));
        assert_eq!(run("oh shit", ModerationMode::Stop), ("oh ".into(), Ending::Moderated, 1));
        assert_eq!(run("oh shit, no", ModerationMode::Stop), ("oh ".into(), Ending::Moderated, 1));
        assert_eq!(run("oh shit$", ModerationMode::Note), ("oh shit".into(), Ending::EndOfText, 1));
        assert_eq!(run("oh sh|it", ModerationMode::Stop), ("oh sh".into(), Ending::StopString, 0));
        assert_eq!(run("oh shit|", ModerationMode::Off), ("oh shit".into(), Ending::StopString, 0));
    }

    #[test]
    fn a_classifier_has_sentences_replaced_or_ends_the_text_before_one() {
        let row = |line: u64, verb: &str, noun: &str| LabelledRow {
            line,
            text: format!("I {verb} you and your {noun}"),
            is_harmful: verb == "hate",
        };
        let nouns = ["dog", "river", "teacher", "garden", "window", "friend"];
        let rows: Vec<_> = (1..)
            .zip(nouns)
            .flat_map(|(line, noun)| ["hate", "like"].map(|verb| row(line, verb, noun)))
            .collect();
        let classifier = Some(Arc::new(Classifier::train(&rows, 1, |_, _| ()).unwrap()));
        let run = |mode: ModerationMode| {
            let moderation = Box::new(Moderation { mode, classifier: true, ..Moderation::default() });
            let config =
                GenerateConfig { stop: vec!["|".to_owned()], moderation, ..GenerateConfig::default() };
            let decode = |token: Option<u32>| token.and_then(char::from_u32).map(String::from);
            let mut writer = Writer::new(&config, Vec::new(), classifier.clone(), decode);
            let text = "I like you. I hate your shoe. So I like it|no";
            let written: String = text.chars().map(|letter| writer.push(u32::from(letter))).collect();
            assert_eq!(written, writer.text());
            let found = writer.moderated().get(&Category::Classifier).copied().unwrap_or(0);
            (written, writer.ending().unwrap(), found)
        };
        let all = "I like you. I hate your shoe. So I like it";
        let replaced = "I like you. █ ████ ████ █████ So I like it";
        assert_eq!(run(ModerationMode::Off), (all.into(), Ending::StopString, 0));
        assert_eq!(run(ModerationMode::Note), (all.into(), Ending::StopString, 1));
        assert_eq!(run(ModerationMode::Replace), (replaced.into(), Ending::StopString, 1));
        assert_eq!(run(ModerationMode::Filter), ("I like you. So I like it".into(), Ending::StopString, 1));
        assert_eq!(run(ModerationMode::Stop), ("I like you. ".into(), Ending::Moderated, 1));
    }

    proptest! {
        #[test]
        fn what_is_written_is_the_text_up_to_the_first_stop_string(
            text in "[abé]{0,20}",
            stop in prop::collection::vec("[abé]{1,3}", 0..3),
        ) {
            let stops: Vec<&str> = stop.iter().map(String::as_str).collect();
            // The first stop string to be completed ends the text; it may begin after another that is still incomplete.
            let end = text
                .char_indices()
                .map(|(at, character)| &text[..at + character.len_utf8()])
                .find_map(|seen| stops.iter().filter_map(|stop| seen.find(stop)).min())
                .unwrap_or(text.len());
            let (written, whole, _) = run(&text, &stops, 1000);
            prop_assert_eq!(&written, &text[..end]);
            prop_assert_eq!(whole, written);
        }
    }
}
