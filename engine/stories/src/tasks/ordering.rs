//! Ordering: three number words at level 1; five numbers, or four words by alphabet, at level 2; events of a story at level 3.

use super::Check;
use super::check::number_word;
use super::draw::{Draft, Draw};
use super::texts::list;
use crate::stories::{colours, kinds, traits};

pub(super) fn draft(draw: &mut Draw) -> Option<Draft> {
    let numbers_again = draw.below(2) == 0;
    let (wording, items) = match draw.level {
        1 => {
            let numbers: Vec<i64> = (1..=12).collect();
            numbers_in_order(draw, &numbers, 3)
        }
        2 if numbers_again => {
            let numbers: Vec<i64> = (1..=99).collect();
            numbers_in_order(draw, &numbers, 5)
        }
        2 => {
            let words = draw.pick(&[colours(), kinds(), traits(), list("ordered")]);
            let mut words = draw.pick_some(words, 4);
            words.sort_unstable();
            ("ordering-alphabet", words.into_iter().map(str::to_owned).collect())
        }
        _ => return events(draw),
    };
    let mixed = mixed(draw, &items);
    let (asked, template) = draw.word(wording);
    let answer = items.join(", ");
    let prompt = asked.replace("{items}", &mixed.join(", "));
    Some(Draft::new(template, &prompt, &answer, Check::Order { items }))
}

fn numbers_in_order(draw: &mut Draw, numbers: &[i64], count: usize) -> (&'static str, Vec<String>) {
    let mut numbers = draw.pick_some(numbers, count);
    numbers.sort_unstable();
    let down = draw.below(2) == 1;
    if down {
        numbers.reverse();
    }
    let words = draw.level == 1;
    let written = |number: i64| if words { number_word(number) } else { number.to_string() };
    (if down { "ordering-down" } else { "ordering-up" }, numbers.into_iter().map(written).collect())
}

fn mixed(draw: &mut Draw, items: &[String]) -> Vec<String> {
    loop {
        let mixed = draw.pick_some(&items.iter().collect::<Vec<_>>(), items.len());
        if mixed.iter().zip(items).any(|(one, other)| *one != other) {
            return mixed.into_iter().cloned().collect();
        }
    }
}

/// Events of a story, labelled with letters in a different order.
fn events(draw: &mut Draw) -> Option<Draft> {
    let outline = draw.story();
    let story = outline.text();
    // The introduction and the closing are not events.
    let told: Vec<usize> = (2..outline.beats.len() - 1).collect();
    let mut places = draw.pick_some(&told, 3);
    let events: Vec<String> = places.iter().map(|at| outline.excerpt(*at..at + 1)).collect();
    if events.iter().any(|event| story.matches(event.as_str()).count() != 1) {
        return None;
    }
    let lines: Vec<String> =
        "ABC".chars().zip(&events).map(|(letter, event)| format!("{letter}: {event}")).collect();
    let mut letters: Vec<(usize, char)> = places.drain(..).zip("ABC".chars()).collect();
    letters.sort_unstable();
    let items: Vec<String> = letters.into_iter().map(|(_, letter)| letter.to_string()).collect();
    let (asked, template) = draw.word("ordering-events");
    let prompt = asked.replace("{story}", &story).replace("{events}", &lines.join("\n"));
    Some(Draft::new(template, &prompt, &items.join(", "), Check::Order { items }))
}
