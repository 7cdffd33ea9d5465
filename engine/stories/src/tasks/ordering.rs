//! Ordering: three number words at level 1; five numbers, or four words by alphabet, at level 2; events of a story at level 3.

use super::Check;
use super::check::number_word;
use super::draw::{Draft, Draw, Wordings};
use crate::stories::{colours, kinds, traits};

pub(super) const WORDINGS: &[&Wordings] = &[&UP, &DOWN, &ALPHABET, &EVENTS];

const UP: Wordings = Wordings {
    name: "ordering-up",
    train: &[
        "Put these in order, the smallest first: {items}.",
        "Order these from small to big: {items}.",
        "{items}: say them from small to big.",
    ],
    validation: &["Count up through these: {items}."],
    held_out: &["Please sort these, small ones first: {items}."],
};
const DOWN: Wordings = Wordings {
    name: "ordering-down",
    train: &[
        "Put these in order, the biggest first: {items}.",
        "Order these from big to small: {items}.",
        "{items}: say them from big to small.",
    ],
    validation: &["Count down through these: {items}."],
    held_out: &["Please sort these, big ones first: {items}."],
};
const ALPHABET: Wordings = Wordings {
    name: "ordering-alphabet",
    train: &[
        "Put these words in the order of the alphabet: {items}.",
        "Order these words from a to z: {items}.",
        "{items}: say these words from a to z.",
    ],
    validation: &["Write these words by the alphabet: {items}."],
    held_out: &["Please sort these words by the alphabet: {items}."],
};
const EVENTS: Wordings = Wordings {
    name: "ordering-events",
    train: &[
        "{story}\n\nWhat happened first, what next? Order these.\n{events}",
        "{story}\n\nPut these in the order of the story.\n{events}",
        "Read the story and order what happens.\n\n{story}\n\n{events}",
    ],
    validation: &["{story}\n\nIn which order does this happen?\n{events}"],
    held_out: &["{story}\n\nPlease sort these by what came first.\n{events}"],
};

const THINGS: &[&str] =
    &["ball", "kite", "hat", "boat", "drum", "apple", "garden", "river", "tree", "moon", "snow", "house"];

pub(super) fn draft(draw: &mut Draw) -> Option<Draft> {
    let numbers_again = draw.below(2) == 0;
    let (wordings, items) = match draw.level {
        1 => {
            let numbers: Vec<i64> = (1..=12).collect();
            numbers_in_order(draw, &numbers, 3)
        }
        2 if numbers_again => {
            let numbers: Vec<i64> = (1..=99).collect();
            numbers_in_order(draw, &numbers, 5)
        }
        2 => {
            let list = draw.pick(&[colours(), kinds(), traits(), THINGS]);
            let mut words = draw.pick_some(list, 4);
            words.sort_unstable();
            (&ALPHABET, words.into_iter().map(str::to_owned).collect())
        }
        _ => return events(draw),
    };
    let mixed = mixed(draw, &items);
    let (asked, template) = draw.word(wordings);
    let answer = items.join(", ");
    let prompt = asked.replace("{items}", &mixed.join(", "));
    Some(Draft::new(template, &prompt, &answer, Check::Order { items }))
}

fn numbers_in_order(draw: &mut Draw, numbers: &[i64], count: usize) -> (&'static Wordings, Vec<String>) {
    let mut numbers = draw.pick_some(numbers, count);
    numbers.sort_unstable();
    let down = draw.below(2) == 1;
    if down {
        numbers.reverse();
    }
    let words = draw.level == 1;
    let written = |number: i64| if words { number_word(number) } else { number.to_string() };
    (if down { &DOWN } else { &UP }, numbers.into_iter().map(written).collect())
}

/// The items in a different order.
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
    let told: Vec<usize> = (2..outline.beats().len() - 1).collect();
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
    let (asked, template) = draw.word(&EVENTS);
    let prompt = asked.replace("{story}", &story).replace("{events}", &lines.join("\n"));
    Some(Draft::new(template, &prompt, &items.join(", "), Check::Order { items }))
}
