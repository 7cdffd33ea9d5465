//! What all stories share, and the list of plots.

use super::expand::Picker;
use super::{kindness, trouble};

/// A kind of story. Slots are picked once; each beat is one of its sentences.
pub(super) struct Plot {
    /// What tasks know it by.
    pub name: &'static str,
    /// Whether hero and friend meet in it for the first time.
    pub strangers: bool,
    /// Last sentences that suit it.
    pub closings: &'static [&'static str],
    /// What this plot picks beside the cast.
    pub slots: &'static [(&'static str, &'static [&'static str])],
    /// How it begins, after the hero is known.
    pub opening: &'static [&'static [&'static str]],
    /// The problem and what is done about it.
    pub middle: &'static [&'static [&'static str]],
    /// How it turns out.
    pub ending: &'static [&'static [&'static str]],
}

pub(super) fn choose(picker: &mut Picker) -> &'static Plot {
    let plots = picker.pick(&[trouble::PLOTS, kindness::PLOTS]);
    &plots[picker.below(plots.len())]
}

/// Who the story is about.
pub(super) const OPENINGS: &[&str] = &[
    "Once upon a time, there was a {trait} {kind} named {Hero}.",
    "There once was a {trait} {kind} named {Hero}.",
    "One day, a {trait} {kind} named {Hero} woke up early.",
    "{Hero} was a {trait} {kind} who lived {home}.",
    "A {trait} {kind} named {Hero} lived {home}.",
    "Once there was a {trait} {kind}. {His} name was {Hero}.",
];

/// Who the hero's friend is.
pub(super) const FRIENDS: &[&str] = &[
    "{He} had a good friend named {Friend}.",
    "{He} liked to play with {his} friend {Friend}.",
    "{His} best friend was a(n) {fkind} named {Friend}.",
    "{He} had a friend, a(n) {fkind} named {Friend}.",
];

/// What the hero is like.
pub(super) const HABITS: &[&str] = &[
    "{He} lived with {his} {elder}.",
    "{He} loved the {season}.",
    "{He} loved to {hobby}.",
    "{He} liked to {hobby} all day long.",
    "Everyone liked {Hero} very much.",
    "Every day {he} went out to play.",
    "Most of all, {he} liked to {hobby}.",
];

/// Last sentences of stories that end outdoors by day.
pub(super) const OUTSIDE: &[&str] = &[
    "That night, {Hero} slept very well.",
    "{Hero} and {Friend} were the best of friends.",
    "{Hero} smiled all the way home.",
    "It was a very good day.",
    "And they were all happy.",
    "{Hero} never forgot that day.",
    "From that day on, {Hero} and {Friend} played together every day.",
    "Then {Hero} went home and told {his} {elder} all about it.",
    "They laughed and laughed until the sun went down.",
];

/// Last sentences of stories that end at home by day.
pub(super) const AT_HOME: &[&str] = &[
    "That night, {Hero} slept very well.",
    "{Hero} and {Friend} were the best of friends.",
    "It was a very good day.",
    "And they were all happy.",
    "{Hero} never forgot that day.",
    "{His} {elder} was very proud of {him}.",
    "{Hero} was happy again.",
];

/// Last sentences of stories that end at night.
pub(super) const AT_NIGHT: &[&str] = &[
    "{Hero} and {Friend} were the best of friends.",
    "That night, {Hero} slept very well.",
    "{Hero} never forgot that night.",
    "It was a very good night.",
    "And {Hero} was not sad or scared anymore.",
];
