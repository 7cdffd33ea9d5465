//! The embedded corpus: short, simple stories for children, made by a seeded grammar.
//!
//! A story picks a world (children or animals), a hero and a friend, a plot, and for every beat of the plot one of several
//! sentences. Names, kinds, pronouns, colours and things are picked once and kept through the story, feelings follow
//! from what happens, and people speak in quotation marks: agreement and memory that a tiny model can learn in minutes.
//! All of it is integer arithmetic over `glasshouse_protocol::random`, so a seed gives the same text on every target.

mod cast;
mod expand;
mod kindness;
mod outline;
mod plots;
mod trouble;

pub(crate) use cast::{BOYS, COLOURS, GIRLS, HE_ANIMALS, KINDS, SHE_ANIMALS, TRAITS};
pub(crate) use expand::{Picker, Slots, expand};
use glasshouse_protocol::END_OF_TEXT;
use glasshouse_protocol::random::nth;
pub(crate) use outline::Outline;
use std::io::Write;

/// Rises with every change of the text that a seed gives.
pub const EDITION: u32 = 2;

/// What the draws of stories are named by.
const STORIES: u64 = 0x73_746f_7279;

/// An endless stream of stories. The n-th story of a seed is always the same.
pub fn generate(seed: u64) -> impl Iterator<Item = String> + Send {
    (0..).map(move |number| story(nth(seed, STORIES, number)))
}

/// As many whole stories as make about `bytes` bytes of corpus text: the last one is the first to reach it.
pub fn up_to(bytes: u64, seed: u64) -> impl Iterator<Item = String> + Send {
    let mut written = 0;
    generate(seed).take_while(move |story| {
        let goes_on = written < bytes;
        written += corpus_bytes(story);
        goes_on
    })
}

/// The corpus as one text, as [`write_corpus`] writes it.
pub fn text(bytes: u64, seed: u64) -> String {
    up_to(bytes, seed).map(|story| format!("{story}\n{END_OF_TEXT}\n")).collect()
}

/// Writes the corpus: after each story a line `<|endoftext|>`, which divides a `.txt` file into documents when it is read
/// again.
pub fn write_corpus(bytes: u64, seed: u64, out: &mut impl Write) -> std::io::Result<()> {
    for story in up_to(bytes, seed) {
        writeln!(out, "{story}\n{END_OF_TEXT}")?;
    }
    Ok(())
}

fn corpus_bytes(story: &str) -> u64 {
    (story.len() + END_OF_TEXT.len() + 2) as u64
}

/// The story of a key: three paragraphs, without a line's end at its end.
fn story(key: u64) -> String {
    Outline::new(key).text()
}

#[cfg(test)]
mod tests;
