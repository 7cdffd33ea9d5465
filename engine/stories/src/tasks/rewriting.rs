//! Rewriting: present to past and back, or with *please*, at level 1; future, another person, or a polite question at level 2; tense
//! and person together, in two clauses, at level 3.

use super::draw::{Draft, Draw, Person, Wordings, exact, fill};
use crate::stories::colours;

pub(super) const WORDINGS: &[&Wordings] =
    &[&PAST, &PRESENT, &FUTURE, &PLEASE, &QUESTION, &FROM_I, &TO_I, &LONG_PAST, &LONG_FUTURE, &LONG_TO_I];

const PAST: Wordings = Wordings {
    name: "rewriting-past",
    train: &[
        "Say this in the past: {text}",
        "{text}\nTell it in the past.",
        "Put this into the past. {text}",
    ],
    validation: &["Write this in the past: {text}"],
    held_out: &["{text}\nNow as if it was in the past."],
};
const PRESENT: Wordings = Wordings {
    name: "rewriting-present",
    train: &[
        "Say this in the present: {text}",
        "{text}\nTell it in the present.",
        "Put this into the present. {text}",
    ],
    validation: &["Write this in the present: {text}"],
    held_out: &["{text}\nNow as if it was in the present."],
};
const FUTURE: Wordings = Wordings {
    name: "rewriting-future",
    train: &[
        "Say this in the future: {text}",
        "{text}\nTell it in the future.",
        "Put this into the future. {text}",
    ],
    validation: &["Write this in the future: {text}"],
    held_out: &["{text}\nNow as if it was in the future."],
};
const PLEASE: Wordings = Wordings {
    name: "rewriting-please",
    train: &["Say this with please: {text}", "{text}\nMake this polite.", "Ask for this with please. {text}"],
    validation: &["Write this in a polite way: {text}"],
    held_out: &["{text}\nNow say it politely."],
};
const QUESTION: Wordings = Wordings {
    name: "rewriting-question",
    train: &[
        "Make this a polite question with could you: {text}",
        "{text}\nAsk this politely, with could you.",
        "Turn this into a polite question. Begin with could you. {text}",
    ],
    validation: &["Write this as a polite question with could you: {text}"],
    held_out: &["{text}\nNow ask it politely and begin with could you."],
};
const FROM_I: Wordings = Wordings {
    name: "rewriting-from-i",
    train: &[
        "{name} says: {text} Tell what {name} did. Begin with {name}.",
        "\"{text}\" Say this about {name}. Begin with {name}.",
    ],
    validation: &["Write this about {name}, beginning with {name}: {text}"],
    held_out: &["{text} That is what {name} says. Say it for {name}, with the name first."],
};
const TO_I: Wordings = Wordings {
    name: "rewriting-to-i",
    train: &["{text} You are {name}. Say it with I.", "Say this as {name}, with I: {text}"],
    validation: &["Write this as {name} would say it, with I: {text}"],
    held_out: &["{text} Now {name} tells it. Begin with I."],
};
const LONG_PAST: Wordings = Wordings {
    name: "rewriting-long-past",
    train: &["Say all of this in the past: {text}", "{text}\nTell all of it in the past."],
    validation: &["Write all of this in the past: {text}"],
    held_out: &["{text}\nNow all of it as if it was in the past."],
};
const LONG_FUTURE: Wordings = Wordings {
    name: "rewriting-long-future",
    train: &["Say all of this in the future: {text}", "{text}\nTell all of it in the future."],
    validation: &["Write all of this in the future: {text}"],
    held_out: &["{text}\nNow all of it as if it was in the future."],
};
const LONG_TO_I: Wordings = Wordings {
    name: "rewriting-long-to-i",
    train: &[
        "Say this as {name}, with I and in the past: {text}",
        "{text} You are {name}. Tell it with I, in the past.",
    ],
    validation: &["Write this as {name} would say it in the past, with I: {text}"],
    held_out: &["{text} Now {name} tells it in the past. Begin with I."],
};

/// Base form, third person, past, and continuations; `{his}` is the possessive pronoun of the subject.
const VERBS: &[(&str, &str, &str, &[&str])] = &[
    ("find", "finds", "found", &["a {colour} ball", "{his} {colour} hat", "a small seed"]),
    ("lose", "loses", "lost", &["{his} {colour} kite", "{his} way", "{his} {colour} scarf"]),
    ("see", "sees", "saw", &["a {colour} bird", "the moon", "{his} friend", "a rainbow"]),
    ("eat", "eats", "ate", &["an apple", "{his} soup", "a sweet cake"]),
    ("make", "makes", "made", &["a {colour} boat", "a snowman", "{his} bed"]),
    ("take", "takes", "took", &["the {colour} bag", "{his} book", "a long stick"]),
    ("run", "runs", "ran", &["to the river", "to {his} mother", "up the hill"]),
    ("go", "goes", "went", &["to the park", "to {his} friend", "into the garden"]),
    ("sing", "sings", "sang", &["a soft song", "with {his} friend"]),
    ("give", "gives", "gave", &["the bread to {his} friend", "a flower to {his} mother"]),
    ("hear", "hears", "heard", &["a noise", "{his} grandmother", "a small voice"]),
    ("look", "looks", "looked", &["under the bed", "at {his} {colour} coat", "out of the window"]),
    ("play", "plays", "played", &["in the sand", "with {his} {colour} ball", "the drum"]),
    ("climb", "climbs", "climbed", &["a tree", "on a big rock"]),
    ("hide", "hides", "hid", &["behind a tree", "{his} {colour} box"]),
    ("plant", "plants", "planted", &["a seed", "a {colour} flower"]),
    ("build", "builds", "built", &["a house out of boxes", "a boat with {his} father"]),
    ("help", "helps", "helped", &["a little bird", "{his} grandfather"]),
];

const WISHES: &[&str] = &[
    "give me the {colour} {thing}",
    "take the {colour} {thing}",
    "bring me the {thing}",
    "look for my {colour} {thing}",
    "show me the {thing}",
    "share the {food}",
    "eat the {food}",
    "pass me the {food}",
    "close the {colour} door",
    "help me with the {thing}",
    "wait for {name}",
    "play with {name}",
    "tell {name} a story",
    "come to the {place}",
    "go to the {place}",
    "sing a song for {name}",
];
const THINGS: &[&str] = &["ball", "kite", "hat", "boat", "drum", "bell", "book", "scarf", "cup", "bag"];
const FOOD: &[&str] = &["apples", "cookies", "bread", "honey", "soup", "cake", "cheese", "berries"];
const PLACES: &[&str] = &["park", "river", "garden", "beach", "hill", "barn", "kitchen", "pond"];

#[derive(Clone, Copy)]
enum Form {
    Past,
    Present,
    Future,
}

#[derive(Clone, Copy)]
struct Deed {
    verb: &'static (&'static str, &'static str, &'static str, &'static [&'static str]),
    rest: &'static str,
    colour: &'static str,
}

impl Deed {
    /// The action in a verb form, for a person, or in the first person if `of` is `None`.
    fn said(self, form: Form, of: Option<Person>) -> String {
        let (base, third, past, _) = *self.verb;
        let verb = match (form, of) {
            (Form::Past, _) => past.to_owned(),
            (Form::Present, Some(_)) => third.to_owned(),
            (Form::Present, None) => base.to_owned(),
            (Form::Future, _) => format!("will {base}"),
        };
        let his = of.map_or("my", Person::his);
        format!("{verb} {}", fill(self.rest, &[("his", his), ("colour", self.colour)]))
    }
}

pub(super) fn draft(draw: &mut Draw) -> Draft {
    let person = draw.person(&[]);
    let which = draw.below(3);
    match (draw.level, which) {
        (1, 0) => tense(draw, person, &PAST, (Form::Present, Form::Past)),
        (1, 1) => tense(draw, person, &PRESENT, (Form::Past, Form::Present)),
        (1, _) => polite(draw, person, false),
        (2, 0) => {
            let from = draw.pick(&[Form::Past, Form::Present]);
            tense(draw, person, &FUTURE, (from, Form::Future))
        }
        (2, 1) => of_person(draw, person),
        (2, _) => polite(draw, person, true),
        (_, 0) => two(draw, person, &LONG_PAST, (Form::Present, Form::Past, Some(person))),
        (_, 1) => two(draw, person, &LONG_FUTURE, (Form::Past, Form::Future, Some(person))),
        (_, _) => two(draw, person, &LONG_TO_I, (Form::Present, Form::Past, None)),
    }
}

fn deed(draw: &mut Draw) -> Deed {
    let verb = &VERBS[draw.below(VERBS.len())];
    Deed { verb, rest: draw.pick(verb.3), colour: draw.pick(colours()) }
}

fn row(draw: &mut Draw, wordings: &Wordings, person: Person, text: &str, answers: Vec<String>) -> Draft {
    let (asked, template) = draw.word(wordings);
    let prompt = asked.replace("{text}", &super::draw::sentence(text)).replace("{name}", person.name);
    let answer = answers.first().cloned().unwrap_or_default();
    Draft::new(template, &prompt, &answer, exact(answers))
}

fn tense(draw: &mut Draw, person: Person, wordings: &Wordings, (from, to): (Form, Form)) -> Draft {
    let deed = deed(draw);
    let said = |form| format!("{} {}", person.name, deed.said(form, Some(person)));
    row(draw, wordings, person, &said(from), vec![said(to)])
}

fn of_person(draw: &mut Draw, person: Person) -> Draft {
    let deed = deed(draw);
    let theirs = format!("{} {}", person.name, deed.said(Form::Past, Some(person)));
    let own = format!("I {}", deed.said(Form::Past, None));
    match draw.below(2) {
        0 => row(draw, &FROM_I, person, &own, vec![theirs]),
        _ => row(draw, &TO_I, person, &theirs, vec![own]),
    }
}

fn polite(draw: &mut Draw, person: Person, question: bool) -> Draft {
    let wish = draw.pick(WISHES);
    let slots = [
        ("colour", draw.pick(colours())),
        ("thing", draw.pick(THINGS)),
        ("food", draw.pick(FOOD)),
        ("place", draw.pick(PLACES)),
        ("name", person.name),
    ];
    let wish = fill(wish, &slots);
    if question {
        let answers = vec![
            format!("Could you please {wish}?"),
            format!("Could you {wish}, please?"),
            format!("Could you {wish}?"),
        ];
        return row(draw, &QUESTION, person, &wish, answers);
    }
    let answers = vec![
        format!("Please {wish}"),
        format!("{wish}, please"),
        format!("Could you please {wish}?"),
        format!("Would you please {wish}?"),
    ];
    row(draw, &PLEASE, person, &wish, answers)
}

/// Two clauses with the same subject, to be changed from one form to another, possibly in the first person.
fn two(
    draw: &mut Draw,
    person: Person,
    wordings: &Wordings,
    (from, to, of): (Form, Form, Option<Person>),
) -> Draft {
    let first = deed(draw);
    let mut second = deed(draw);
    while second.verb.0 == first.verb.0 {
        second = deed(draw);
    }
    let link = draw.pick(&["and", "and then"]);
    // In the future tense, one "will" serves both clauses.
    let after = |deed: Deed, form: Form, of| {
        let said = deed.said(form, of);
        said.strip_prefix("will ").unwrap_or(&said).to_owned()
    };
    let clauses = |form: Form, of: Option<Person>| {
        let subject = of.map_or("I", |person| person.name);
        format!("{subject} {} {link} {}", first.said(form, of), after(second, form, of))
    };
    let answer = clauses(to, of);
    let subject = of.map_or("I", |person| person.name);
    let full = format!("{subject} {} {link} {}", first.said(to, of), second.said(to, of));
    let mut answers = vec![answer];
    if !answers.contains(&full) {
        answers.push(full);
    }
    row(draw, wordings, person, &clauses(from, Some(person)), answers)
}
