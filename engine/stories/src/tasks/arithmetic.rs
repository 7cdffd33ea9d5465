//! Arithmetic: number words up to ten at level 1, digits up to one hundred at level 2, two steps, shown in the reference, at level 3.

use super::Check;
use super::check::number_word;
use super::draw::{Draft, Draw, fill};
use super::texts::list;

pub(super) fn draft(draw: &mut Draw) -> Draft {
    let people = draw.people(3);
    let food = draw.pick(list("foods"));
    let plus = draw.below(2) == 0;
    // Only food is eaten or lies on a plate.
    let eaten = |text: &str| ["ate", "plates", "eat"].iter().any(|word| text.contains(word));
    let fitting =
        |text: &str| if eaten(text) && matches!(food, "flowers" | "stones") { "apples" } else { food };
    let (wording, [x, y, z]) = match draw.level {
        1 | 2 => {
            let (least, most) = if draw.level == 1 { (3, 10) } else { (11, 99) };
            let sum = draw.between(least, most);
            // At least two of each, so that the plural is right.
            let part = draw.between(1.max(sum / 10), sum - 2);
            let story = draw.below(3) > 0;
            match (plus, story) {
                (true, true) => ("arithmetic-gets", [sum - part, part, 0]),
                (true, false) => ("arithmetic-plus", [sum - part, part, 0]),
                (false, true) => ("arithmetic-gives", [sum, part, 0]),
                (false, false) => ("arithmetic-minus", [sum, part, 0]),
            }
        }
        _ => match draw.below(3) {
            0 => {
                let [x, y] = [draw.between(5, 40), draw.between(3, 30)];
                ("arithmetic-find-and-give", [x, y, draw.between(2, x + y - 3)])
            }
            1 => ("arithmetic-boxes", [draw.between(2, 9), draw.between(2, 9), draw.between(2, 9)]),
            _ => ("arithmetic-three", [draw.between(2, 30), draw.between(2, 30), draw.between(2, 30)]),
        },
    };
    let steps = [
        (
            "arithmetic-find-and-give",
            format!("{x} + {y} = {}. {} - {z} = {}", x + y, x + y, x + y - z),
            x + y - z,
        ),
        ("arithmetic-boxes", format!("{y} * {x} = {}. {} + {z} = {}", x * y, x * y, x * y + z), x * y + z),
        ("arithmetic-three", format!("{x} + {y} = {}. {} + {z} = {}", x + y, x + y, x + y + z), x + y + z),
    ];
    let written = |number: i64| if draw.level == 1 { number_word(number) } else { number.to_string() };
    let shown = steps.into_iter().find(|(of, ..)| *of == wording);
    let (answer, value) = match shown {
        Some((_, text, value)) => (text, value),
        None => {
            let value = if plus { x + y } else { x - y };
            (written(value), value)
        }
    };
    let [x, y, z] = [x, y, z].map(written);
    let (asked, template) = draw.word(wording);
    let slots = [
        ("Name", people[0].name),
        ("Friend", people[1].name),
        ("Third", people[2].name),
        ("he", people[0].he()),
        ("him", people[0].him()),
        ("He", if people[0].she { "She" } else { "He" }),
        ("food", fitting(asked)),
        ("x", &x),
        ("y", &y),
        ("z", &z),
        ("X", &super::draw::capital(&x)),
    ];
    Draft::new(template, &fill(asked, &slots), &answer, Check::Numeric { value })
}
