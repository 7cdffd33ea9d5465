//! Tagging of names, places and animals in a passage: listed at level 1, marked in a copy of one sentence at level 2 and of two at
//! level 3.

use super::draw::{Draft, Draw};
use super::texts::list;
use super::{Check, Tag};
use crate::stories::{colours, kinds};

const LABELS: &[(&str, &str)] = &[("n", "name"), ("p", "place"), ("a", "animal")];

pub(super) fn draft(draw: &mut Draw) -> Draft {
    let people = draw.people(3);
    let names: Vec<&str> = people.iter().map(|person| person.name).collect();
    let places = draw.pick_some(list("tagged_places"), 2);
    let animals = draw.pick_some(kinds(), 2);
    let colour = draw.pick(colours());
    let (mut text, mut content) = draw.word("tagging-passage");
    let more;
    if draw.level == 3 {
        let (second, second_content) = draw.word("tagging-more");
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
        1 => "tagging-list",
        2 => "tagging-mark",
        _ => "tagging-mark-all",
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
