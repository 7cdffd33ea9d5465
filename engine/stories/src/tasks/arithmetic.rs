//! Arithmetic: number words up to ten at level 1, digits up to one hundred at level 2, two steps, shown in the reference, at level 3.

use super::Check;
use super::check::number_word;
use super::draw::{Draft, Draw, Wordings, fill};

pub(super) const WORDINGS: &[&Wordings] =
    &[&PLUS, &MINUS, &GETS, &GIVES, &FIND_AND_GIVE, &BOXES, &THREE_FRIENDS];

const PLUS: Wordings = Wordings {
    name: "arithmetic-plus",
    train: &[
        "What is {x} plus {y}?",
        "How much is {x} plus {y}?",
        "{X} plus {y} is how much?",
        "Add {x} and {y}.",
        "Count {x} and {y} together.",
    ],
    validation: &["Tell me what {x} and {y} make."],
    held_out: &["Please say what {x} plus {y} is."],
};
const MINUS: Wordings = Wordings {
    name: "arithmetic-minus",
    train: &[
        "What is {x} minus {y}?",
        "How much is {x} minus {y}?",
        "{X} minus {y} is how much?",
        "Take {y} from {x}.",
        "What is left of {x} without {y}?",
    ],
    validation: &["Tell me what {x} less {y} makes."],
    held_out: &["Please say what {x} minus {y} is."],
};
const GETS: Wordings = Wordings {
    name: "arithmetic-gets",
    train: &[
        "{Name} had {x} {food}. {Friend} gave {him} {y} more. How many {food} did {Name} have then?",
        "{Name} found {x} {food}, and then {y} more. How many {food} did {he} find?",
        "There were {x} {food} in a box and {y} on the table. How many {food} were there?",
        "{Name} has {x} {food}, and {Friend} has {y}. How many {food} do they have together?",
    ],
    validation: &["{Name} ate {x} {food} and {Friend} ate {y}. How many {food} did they eat?"],
    held_out: &["{Friend} came with {x} {food} and {Name} with {y}. How many {food} did they have in all?"],
};
const GIVES: Wordings = Wordings {
    name: "arithmetic-gives",
    train: &[
        "{Name} had {x} {food} and gave {y} to {Friend}. How many {food} did {Name} have then?",
        "{Name} had {x} {food} and ate {y} of them. How many {food} were left?",
        "There were {x} {food} on the table. {Name} took {y}. How many {food} were left?",
        "{Name} had {x} {food}, but {he} lost {y}. How many {food} did {he} still have?",
    ],
    validation: &["Of {x} {food}, {Friend} ate {y}. How many {food} were there then?"],
    held_out: &["{Name} shared {x} {food} and {Friend} got {y} of them. How many {food} did {Name} keep?"],
};
const FIND_AND_GIVE: Wordings = Wordings {
    name: "arithmetic-find-and-give",
    train: &[
        "{Name} had {x} {food}. {He} found {y} more and gave {z} to {Friend}. How many {food} did {Name} have then?",
        "There were {x} {food} in a bag. {Friend} put in {y} more, and {Name} ate {z}. How many {food} were left?",
    ],
    validation: &["{Name} had {x} {food}, got {y} more and lost {z}. How many {food} did {he} have at last?"],
    held_out: &[
        "{Friend} gave {Name} {y} {food}. {Name} had {x} before, and ate {z} after. How many {food} are left?",
    ],
};
const BOXES: Wordings = Wordings {
    name: "arithmetic-boxes",
    train: &[
        "{Name} has {y} boxes with {x} {food} in each, and {z} more on the table. How many {food} does {he} have?",
        "There are {y} bags with {x} {food} in each. {Name} finds {z} more. How many {food} are there?",
    ],
    validation: &["{Name} made {y} plates of {x} {food} and then {z} more. How many {food} did {he} make?"],
    held_out: &[
        "In each of {y} baskets there are {x} {food}. {Friend} brings {z} more. How many {food} is that in all?",
    ],
};
const THREE_FRIENDS: Wordings = Wordings {
    name: "arithmetic-three",
    train: &[
        "{Name} has {x} {food}, {Friend} has {y} and {Third} has {z}. How many {food} do they have together?",
        "{Name} ate {x} {food}, {Friend} ate {y} and {Third} ate {z}. How many {food} did they eat?",
    ],
    validation: &["{Name} found {x} {food}, {Friend} {y} and {Third} {z}. How many {food} did they find?"],
    held_out: &[
        "With {x} {food} from {Name}, {y} from {Friend} and {z} from {Third}, how many {food} are there?",
    ],
};

const FOOD: &[&str] =
    &["apples", "cookies", "berries", "nuts", "pears", "carrots", "pancakes", "flowers", "stones"];

pub(super) fn draft(draw: &mut Draw) -> Draft {
    let people = draw.people(3);
    let food = draw.pick(FOOD);
    let plus = draw.below(2) == 0;
    // Only food is eaten or lies on a plate.
    let eaten = |text: &str| ["ate", "plates", "eat"].iter().any(|word| text.contains(word));
    let fitting =
        |text: &str| if eaten(text) && matches!(food, "flowers" | "stones") { "apples" } else { food };
    let (wordings, [x, y, z]) = match draw.level {
        1 | 2 => {
            let (least, most) = if draw.level == 1 { (3, 10) } else { (11, 99) };
            let sum = draw.between(least, most);
            // At least two of each, so that the plural is right.
            let part = draw.between(1.max(sum / 10), sum - 2);
            let story = draw.below(3) > 0;
            match (plus, story) {
                (true, true) => (&GETS, [sum - part, part, 0]),
                (true, false) => (&PLUS, [sum - part, part, 0]),
                (false, true) => (&GIVES, [sum, part, 0]),
                (false, false) => (&MINUS, [sum, part, 0]),
            }
        }
        _ => match draw.below(3) {
            0 => {
                let [x, y] = [draw.between(5, 40), draw.between(3, 30)];
                (&FIND_AND_GIVE, [x, y, draw.between(2, x + y - 3)])
            }
            1 => (&BOXES, [draw.between(2, 9), draw.between(2, 9), draw.between(2, 9)]),
            _ => (&THREE_FRIENDS, [draw.between(2, 30), draw.between(2, 30), draw.between(2, 30)]),
        },
    };
    let steps = [
        (&FIND_AND_GIVE, format!("{x} + {y} = {}. {} - {z} = {}", x + y, x + y, x + y - z), x + y - z),
        (&BOXES, format!("{y} * {x} = {}. {} + {z} = {}", x * y, x * y, x * y + z), x * y + z),
        (&THREE_FRIENDS, format!("{x} + {y} = {}. {} + {z} = {}", x + y, x + y, x + y + z), x + y + z),
    ];
    let written = |number: i64| if draw.level == 1 { number_word(number) } else { number.to_string() };
    let shown = steps.into_iter().find(|(of, ..)| of.name == wordings.name);
    let (answer, value) = match shown {
        Some((_, text, value)) => (text, value),
        None => {
            let value = if plus { x + y } else { x - y };
            (written(value), value)
        }
    };
    let [x, y, z] = [x, y, z].map(written);
    let (asked, template) = draw.word(wordings);
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
