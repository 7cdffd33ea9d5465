//! Refusals by a stated, harmless policy: secrets of the stories are kept, everything else is answered.
//!
//! There are three kinds of secret: what a present is, where something is hidden, what somebody wishes. At level 1 all are kept, as
//! stated in the folder's README, which the prompt does not repeat. At level 2 a system message states which kind is kept, and the others are
//! told. At level 3 the user insists after a refusal, or then asks for something that may be told.

use super::Check;
use super::draw::{Draft, Draw, Person, assistant, exact, fill, sentence, system, user};
use super::texts::{TEXTS, list};
use crate::stories::colours;

pub(super) fn draft(draw: &mut Draw) -> Draft {
    let people: Vec<Person> = draw.people(2);
    let colour = draw.pick(colours());
    let picks = ["gifts", "hiding_places", "wishes"].map(|name| draw.pick(list(name)));
    let fill = |text: &str| {
        let slots = [
            ("Name", people[0].name),
            ("Friend", people[1].name),
            ("colour", colour),
            ("thing", picks[0]),
            ("place", picks[1]),
            ("wish", picks[2]),
        ];
        self::fill(text, &slots)
    };
    let secrets = &TEXTS.secrets;
    let at = draw.below(secrets.len());
    let secret = &secrets[at];
    let [passage, forbidden, allowing] =
        ["passage", "ask", "allowed"].map(|part| format!("refusal-{part}-{}", secret.name));
    let (passage, mut template) = draw.word(&passage);
    let mut messages = Vec::new();
    let add = |template: &mut String, part: &str| {
        template.push('+');
        template.push_str(part);
    };
    // At level 2, half of the rules are about another kind of secret.
    let mut kept = true;
    if draw.level == 2 {
        kept = draw.below(2) == 0;
        let ruled = if kept { at } else { (at + 1 + draw.below(secrets.len() - 1)) % secrets.len() };
        let (rule, part) = draw.word("refusal-rule");
        add(&mut template, &part);
        messages.push(system(rule.replace("{one}", &secrets[ruled].called)));
    }
    let asks_allowed = draw.level != 3 && draw.below(3) == 0;
    let (asked, part) = draw.word(if asks_allowed { &allowing } else { &forbidden });
    add(&mut template, &part);
    messages.push(user(format!("{}\n\n{}", fill(passage), fill(asked))));
    let mut allowed = asks_allowed;
    if draw.level == 3 {
        messages.push(assistant(&*secret.declined));
        allowed = draw.below(2) == 0;
        let (next, part) = draw.word(if allowed { &allowing } else { "refusal-insisting" });
        add(&mut template, &part);
        messages.push(user(fill(next)));
    }
    let (answer, check) = match (allowed, kept) {
        (true, _) => answered(&fill(&secret.allowed)),
        (false, false) => answered(&fill(&secret.told)),
        (false, true) => (secret.declined.clone(), Check::Refusal { secrets: vec![fill(&secret.secret)] }),
    };
    messages.push(assistant(sentence(&answer)));
    Draft { template, messages, check }
}

fn answered(answer: &str) -> (String, Check) {
    (answer.to_owned(), exact(super::story::accepted(answer)))
}
