//! Rewriting: present to past and back, or with *please*, at level 1; future, another person, or a polite question at level 2; tense
//! and person together, in two clauses, at level 3.

use super::draw::{Draft, Draw, Person, exact, fill};
use super::texts::{Rewritten, TEXTS, list};
use crate::stories::colours;

#[derive(Clone, Copy)]
enum Form {
    Past,
    Present,
    Future,
}

#[derive(Clone, Copy)]
struct Deed {
    verb: &'static Rewritten,
    rest: &'static str,
    colour: &'static str,
}

impl Deed {
    /// The action in a verb form, for a person, or in the first person if `of` is `None`.
    fn said(self, form: Form, of: Option<Person>) -> String {
        let [base, third, past] = &self.verb.forms;
        let verb = match (form, of) {
            (Form::Past, _) => past.clone(),
            (Form::Present, Some(_)) => third.clone(),
            (Form::Present, None) => base.clone(),
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
        (1, 0) => tense(draw, person, "rewriting-past", (Form::Present, Form::Past)),
        (1, 1) => tense(draw, person, "rewriting-present", (Form::Past, Form::Present)),
        (1, _) => polite(draw, person, false),
        (2, 0) => {
            let from = draw.pick(&[Form::Past, Form::Present]);
            tense(draw, person, "rewriting-future", (from, Form::Future))
        }
        (2, 1) => of_person(draw, person),
        (2, _) => polite(draw, person, true),
        (_, 0) => two(draw, person, "rewriting-long-past", (Form::Present, Form::Past, Some(person))),
        (_, 1) => two(draw, person, "rewriting-long-future", (Form::Past, Form::Future, Some(person))),
        (_, _) => two(draw, person, "rewriting-long-to-i", (Form::Present, Form::Past, None)),
    }
}

fn deed(draw: &mut Draw) -> Deed {
    let verb = &TEXTS.verbs[draw.below(TEXTS.verbs.len())];
    Deed { verb, rest: draw.pick(&verb.rest), colour: draw.pick(colours()) }
}

fn row(draw: &mut Draw, wording: &str, person: Person, text: &str, answers: Vec<String>) -> Draft {
    let (asked, template) = draw.word(wording);
    let prompt = asked.replace("{text}", &super::draw::sentence(text)).replace("{name}", person.name);
    let answer = answers.first().cloned().unwrap_or_default();
    Draft::new(template, &prompt, &answer, exact(answers))
}

fn tense(draw: &mut Draw, person: Person, wording: &str, (from, to): (Form, Form)) -> Draft {
    let deed = deed(draw);
    let said = |form| format!("{} {}", person.name, deed.said(form, Some(person)));
    row(draw, wording, person, &said(from), vec![said(to)])
}

fn of_person(draw: &mut Draw, person: Person) -> Draft {
    let deed = deed(draw);
    let theirs = format!("{} {}", person.name, deed.said(Form::Past, Some(person)));
    let own = format!("I {}", deed.said(Form::Past, None));
    match draw.below(2) {
        0 => row(draw, "rewriting-from-i", person, &own, vec![theirs]),
        _ => row(draw, "rewriting-to-i", person, &theirs, vec![own]),
    }
}

fn polite(draw: &mut Draw, person: Person, question: bool) -> Draft {
    let wish = draw.pick(list("requests"));
    let slots = [
        ("colour", draw.pick(colours())),
        ("thing", draw.pick(list("requested_things"))),
        ("food", draw.pick(list("requested_foods"))),
        ("place", draw.pick(list("requested_places"))),
        ("name", person.name),
    ];
    let wish = fill(wish, &slots);
    if question {
        let answers = vec![
            format!("Could you please {wish}?"),
            format!("Could you {wish}, please?"),
            format!("Could you {wish}?"),
        ];
        return row(draw, "rewriting-question", person, &wish, answers);
    }
    let answers = vec![
        format!("Please {wish}"),
        format!("{wish}, please"),
        format!("Could you please {wish}?"),
        format!("Would you please {wish}?"),
    ];
    row(draw, "rewriting-please", person, &wish, answers)
}

/// Two clauses with the same subject, to be changed from one form to another, possibly in the first person.
fn two(
    draw: &mut Draw,
    person: Person,
    wording: &str,
    (from, to, of): (Form, Form, Option<Person>),
) -> Draft {
    let first = deed(draw);
    let mut second = deed(draw);
    while second.verb.forms == first.verb.forms {
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
    row(draw, wording, person, &clauses(from, Some(person)), answers)
}
