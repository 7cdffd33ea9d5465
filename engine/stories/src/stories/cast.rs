//! Who is in a story: a hero, a friend and someone older, children or animals, each with a name that has one pronoun.

use super::expand::{Picker, Slots};

pub(crate) const BOYS: &[&str] = &["Tom", "Ben", "Max", "Sam", "Leo", "Jack", "Tim", "Noah", "Finn", "Oscar"];
pub(crate) const GIRLS: &[&str] =
    &["Lily", "Mia", "Anna", "Sara", "Emma", "Zoe", "Lucy", "Ella", "Rosa", "Nina"];
/// Animals' names: not one of the children's, so that a name says which world it is.
pub(crate) const HE_ANIMALS: &[&str] = &["Pip", "Bruno", "Momo", "Toby", "Otto", "Rufus", "Hugo", "Nibbles"];
pub(crate) const SHE_ANIMALS: &[&str] =
    &["Daisy", "Coco", "Luna", "Poppy", "Hazel", "Tilly", "Pearl", "Bella"];

pub(crate) const KINDS: &[&str] =
    &["fox", "rabbit", "bear", "mouse", "duck", "squirrel", "hedgehog", "frog", "cat", "dog", "owl", "pig"];

const CHILD_HOMES: &[&str] = &[
    "in a small house by the sea",
    "in a white house on a hill",
    "in a little town",
    "near a big forest",
    "in a house with a green door",
    "on a farm",
    "next to the park",
];
const ANIMAL_HOMES: &[&str] = &[
    "under an old tree",
    "by a quiet river",
    "in the green forest",
    "near a small pond",
    "on a sunny hill",
    "at the edge of the woods",
    "behind a red barn",
];

const CHILD_ELDERS: &[&str] = &["mother", "father", "grandmother", "grandfather"];
const ANIMAL_ELDERS: &[&str] = &["mother", "father", "grandmother"];

pub(crate) const TRAITS: &[&str] =
    &["little", "kind", "happy", "shy", "brave", "clever", "quiet", "funny", "gentle", "cheerful", "curious"];
pub(crate) const COLOURS: &[&str] = &["red", "blue", "green", "yellow", "white", "brown", "orange", "pink"];
const TIMES: &[&str] = &["morning", "afternoon", "evening"];
const WEATHER: &[&str] = &["sunny", "warm", "windy", "cool", "bright", "cloudy"];
const SEASONS: &[&str] = &["spring", "summer", "autumn"];

const HOBBIES: &[&str] = &[
    "run and jump",
    "sing",
    "draw pictures",
    "count the clouds",
    "pick flowers",
    "make music",
    "climb on rocks",
    "look at books",
    "dig in the sand",
    "help others",
    "tell stories",
    "play in the leaves",
];

struct Person {
    name: &'static str,
    kind: &'static str,
    she: bool,
}

/// One of two genders' names, not the other person's.
fn person(picker: &mut Picker, animals: bool, other: Option<&Person>) -> Person {
    loop {
        let she = picker.below(2) == 1;
        let names = match (animals, she) {
            (false, false) => BOYS,
            (false, true) => GIRLS,
            (true, false) => HE_ANIMALS,
            (true, true) => SHE_ANIMALS,
        };
        let kind = match (animals, she) {
            (false, false) => "boy",
            (false, true) => "girl",
            (true, _) => picker.pick(KINDS),
        };
        let person = Person { name: picker.pick(names), kind, she };
        // Two foxes in one story would make "the fox" mean either.
        if other.is_none_or(|other| other.name != person.name && !(animals && other.kind == kind)) {
            return person;
        }
    }
}

/// `Hero`, `he`, `friend`, `fhe` and so on, and what every plot may use.
pub(super) fn slots(picker: &mut Picker) -> Slots {
    let animals = picker.below(2) == 1;
    let hero = person(picker, animals, None);
    let friend = person(picker, animals, Some(&hero));
    let elder = picker.pick(if animals { ANIMAL_ELDERS } else { CHILD_ELDERS });
    let elder_is_she = elder.ends_with("mother");
    let mut slots: Slots = vec![
        ("Hero", hero.name.to_owned()),
        ("kind", hero.kind.to_owned()),
        ("Friend", friend.name.to_owned()),
        ("fkind", friend.kind.to_owned()),
        ("elder", elder.to_owned()),
        ("home", picker.pick(if animals { ANIMAL_HOMES } else { CHILD_HOMES }).to_string()),
        ("trait", picker.pick(TRAITS).to_string()),
        ("colour", picker.pick(COLOURS).to_string()),
        ("time", picker.pick(TIMES).to_string()),
        ("weather", picker.pick(WEATHER).to_string()),
        ("season", picker.pick(SEASONS).to_string()),
        ("hobby", picker.pick(HOBBIES).to_string()),
    ];
    let forms: [(bool, [&'static str; 6]); 3] = [
        (hero.she, ["he", "He", "him", "his", "His", "himself"]),
        (friend.she, ["fhe", "fHe", "fhim", "fhis", "fHis", "fhimself"]),
        (elder_is_she, ["ehe", "eHe", "ehim", "ehis", "eHis", "ehimself"]),
    ];
    for (she, names) in forms {
        let pronouns = if she {
            ["she", "She", "her", "her", "Her", "herself"]
        } else {
            ["he", "He", "him", "his", "His", "himself"]
        };
        slots.extend(names.into_iter().zip(pronouns.map(str::to_owned)));
    }
    slots
}
