//! Tagging of names, places and animals in a passage: listed at level 1, marked in a copy of one sentence at level 2 and of two at
//! level 3.

use super::draw::{Draft, Draw, Wordings};
use super::{Check, Tag};
use crate::stories::{colours, kinds};

pub(super) const WORDINGS: &[&Wordings] = &[&LIST, &MARK, &MARK_ALL, &PASSAGES, &MORE];

const LIST: Wordings = Wordings {
    name: "tagging-list",
    train: &[
        "{text}\n\nList the names and the places.",
        "Which names and places are in this? {text}",
        "{text}\n\nWrite the names, then the places.",
    ],
    validation: &["Find the names and the places: {text}"],
    held_out: &["{text}\n\nPlease list each name and each place."],
};
const MARK: Wordings = Wordings {
    name: "tagging-mark",
    train: &[
        "{text}\n\nMark names with <name> and places with <place>.",
        "Put <name> around names and <place> around places. {text}",
        "Mark the names and the places with <name> and <place>: {text}",
    ],
    validation: &["Tag names as <name> and places as <place>. {text}"],
    held_out: &["{text}\n\nWrite this again, with <name> and <place> around names and places."],
};
const MARK_ALL: Wordings = Wordings {
    name: "tagging-mark-all",
    train: &[
        "{text}\n\nMark names with <name>, places with <place> and animals with <animal>.",
        "Put <name> around names, <place> around places and <animal> around animals. {text}",
    ],
    validation: &["Tag names as <name>, places as <place> and animals as <animal>. {text}"],
    held_out: &[
        "{text}\n\nWrite this again, with <name>, <place> and <animal> around names, places and animals.",
    ],
};

/// Texts to mark are in `[` and `]`, after the first letter of their label.
const PASSAGES: Wordings = Wordings {
    name: "tagging-passage",
    train: &[
        "[n{a}] went to the [p{there}] with [n{b}].",
        "One day, [n{a}] saw [n{b}] near the [p{there}].",
        "[n{a}] and [n{b}] played in the [p{there}].",
        "In the [p{there}], [n{a}] found a {colour} ball.",
        "[n{a}] told [n{b}] about the [p{there}] and the [p{here}].",
        "\"Come to the [p{there}],\" said [n{a}].",
        "[n{a}] walked from the [p{there}] to the [p{here}].",
        "The wind blew, and [n{a}] ran home from the [p{there}].",
        "There was a {colour} kite in the [p{there}].",
        "[n{a}] gave [n{b}] a {colour} hat.",
    ],
    validation: &[
        "For a long time, [n{a}] waited in the [p{there}] for [n{b}].",
        "\"Where is [n{b}]?\" asked [n{a}] in the [p{there}].",
        "[n{a}] had a {colour} drum.",
    ],
    held_out: &[
        "Every day, [n{a}] met [n{b}] in the [p{there}].",
        "The way to the [p{there}] was long, but [n{a}] knew it.",
        "[n{b}] sat in the [p{there}] and thought of [n{a}].",
    ],
};
const MORE: Wordings = Wordings {
    name: "tagging-more",
    train: &[
        "A {colour} [a{animal}] came by.",
        "[n{c}] saw a [a{animal}] and a [a{other}] there.",
        "The [a{animal}] ran to the [p{here}].",
        "[n{c}] was afraid of the [a{animal}].",
    ],
    validation: &["Then a [a{animal}] looked at [n{c}]."],
    held_out: &["Soon [n{c}] heard a [a{animal}] from the [p{here}]."],
};

const PLACES: &[&str] =
    &["park", "forest", "garden", "barn", "school", "field", "kitchen", "yard", "town", "woods"];

const LABELS: &[(&str, &str)] = &[("n", "name"), ("p", "place"), ("a", "animal")];

pub(super) fn draft(draw: &mut Draw) -> Draft {
    let people = draw.people(3);
    let names: Vec<&str> = people.iter().map(|person| person.name).collect();
    let places = draw.pick_some(PLACES, 2);
    let animals = draw.pick_some(kinds(), 2);
    let colour = draw.pick(colours());
    let (mut text, mut content) = draw.word(&PASSAGES);
    let more;
    if draw.level == 3 {
        let (second, second_content) = draw.word(&MORE);
        more = format!("{text} {second}");
        text = &more;
        content = format!("{content}+{second_content}");
    }
    let slots = [
        ("{a}", names[0]),
        ("{b}", names[1]),
        ("{c}", names[2]),
        ("{there}", places[0]),
        ("{here}", places[1]),
        ("{animal}", animals[0]),
        ("{other}", animals[1]),
        ("{colour}", colour),
    ];
    let mut text = slots.iter().fold(text.to_owned(), |text, (slot, pick)| text.replace(slot, pick));
    for vowel in ["a", "e", "i", "o", "u"] {
        for (article, label) in [(" a ", ""), ("A ", ""), (" a ", "[a"), ("A ", "[a")] {
            let with = |article: &str| format!("{article}{label}{vowel}");
            text = text.replace(&with(article), &with(&format!("{}n ", article.trim_end())));
        }
    }
    let ask = match draw.level {
        1 => &LIST,
        2 => &MARK,
        _ => &MARK_ALL,
    };
    let (asked, template) = draw.word(ask);
    let (passage, marked, tags) = parts(&text);
    let (answer, passage_wanted) =
        if draw.level == 1 { (listed(&tags), String::new()) } else { (marked, passage.clone()) };
    let prompt = asked.replace("{text}", &passage);
    let check = Check::Tags { tags, passage: passage_wanted };
    let mut draft = Draft::new(format!("{template}+{content}"), &prompt, "", check);
    if let Some(last) = draft.messages.last_mut() {
        last.content = answer;
    }
    draft
}

/// The passage, the passage with marks, and the marked texts.
fn parts(text: &str) -> (String, String, Vec<Tag>) {
    let (mut passage, mut marked, mut tags) = (String::new(), String::new(), Vec::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((inside, tail)) = after.split_once(']') else { break };
        let (short, word) = inside.split_at(1);
        let label = LABELS.iter().find(|(letter, _)| *letter == short).map_or("", |(_, label)| label);
        passage.push_str(before);
        passage.push_str(word);
        marked.push_str(&format!("{before}<{label}>{word}</{label}>"));
        let tag = Tag { label: label.to_owned(), text: word.to_owned() };
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        rest = tail;
    }
    passage.push_str(rest);
    marked.push_str(rest);
    (passage, marked, tags)
}

/// Formats tags as the lines `name: Lily, Tom` and `place: park`.
fn listed(tags: &[Tag]) -> String {
    let line = |label: &str| {
        let found: Vec<&str> =
            tags.iter().filter(|tag| tag.label == label).map(|tag| tag.text.as_str()).collect();
        format!("{label}: {}", if found.is_empty() { "none".to_owned() } else { found.join(", ") })
    };
    format!("{}\n{}", line("name"), line("place"))
}
