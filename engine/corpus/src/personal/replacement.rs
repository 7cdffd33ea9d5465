//! Replacements of personal data, and their recognition, so that nothing is replaced twice.

use super::bytes::between;
use super::{Class, Finding, Style};

pub const MASK: char = '•';

const FINEWEB_EMAILS: [&str; 2] = ["email@example.com", "firstname.lastname@example.org"];

/// FineWeb's replacements for IP addresses: drawn at random, and unresponsive when its authors checked.
const FINEWEB_ADDRESSES: [&str; 6] =
    ["22.214.171.124", "126.96.36.199", "188.8.131.52", "184.108.40.206", "220.127.116.11", "18.104.22.168"];

/// Maximum characters of a mask, however long the original.
const MAX_MASK_CHARACTERS: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Placeholders {
    style: Style,
    emails: usize,
    addresses: usize,
}

impl Placeholders {
    /// For one document.
    pub fn new(style: Style) -> Self {
        Self { style, ..Self::default() }
    }

    pub fn next(&mut self, class: Class) -> &'static str {
        let list = list(self.style, class);
        let turn = if class == Class::Email { &mut self.emails } else { &mut self.addresses };
        let Some(stand_in) = turn.checked_rem(list.len()).and_then(|turn| list.get(turn)) else {
            return class.placeholder();
        };
        *turn += 1;
        stand_in
    }
}

/// The rotating replacements of a class in a style; empty if it uses the placeholder.
fn list(style: Style, class: Class) -> &'static [&'static str] {
    match (style, class) {
        (Style::Fineweb, Class::Email) => &FINEWEB_EMAILS,
        (Style::Fineweb, Class::IpAddress) => &FINEWEB_ADDRESSES,
        _ => &[],
    }
}

/// Whether a finding is one of a style's replacements, which do not count.
pub(super) fn is_stand_in(style: Style, text: &str, finding: &Finding) -> bool {
    let list = list(style, finding.class);
    list.iter().any(|stand_in| stand_in.as_bytes() == between(text.as_bytes(), finding.start, finding.end))
}

pub(super) fn stand_ins(style: Style) -> Vec<&'static str> {
    Class::ALL.iter().flat_map(|&class| [&[class.placeholder()][..], list(style, class)].concat()).collect()
}

/// The shape of personal data without its characters: `j•••@•••.com`.
pub fn masked(class: Class, hidden: &str) -> String {
    let mut shape = String::new();
    push_mask(class, hidden, &mut shape);
    shape
}

pub(super) fn push_mask(class: Class, hidden: &str, output: &mut String) {
    let several = hidden.chars().nth(1).is_some();
    let first = hidden.chars().next().filter(|character| several && character.is_alphanumeric());
    // Shows `shown` characters, and of the others those that `stays` accepts.
    let mut hide = |shown: usize, stays: fn(char) -> bool| {
        let masked = |character| if stays(character) { character } else { MASK };
        output.extend(hidden.chars().take(shown));
        output.extend(hidden.chars().skip(shown).take(MAX_MASK_CHARACTERS).map(masked));
    };
    match class {
        // The length of a password is confidential too.
        Class::Secret => output.extend([MASK; 8]),
        Class::Email => {
            output.extend(first);
            output.extend([MASK; 3]);
            output.push('@');
            output.extend([MASK; 3]);
            let ending = hidden.rsplit_once('.').map(|(_, ending)| ending);
            if let Some(ending) = ending
                .filter(|ending| ending.len() <= 24 && ending.bytes().all(|byte| byte.is_ascii_alphabetic()))
            {
                output.push('.');
                output.push_str(ending);
            }
        }
        Class::Name => hide(usize::from(first.is_some()), char::is_whitespace),
        Class::Identifier => hide(0, char::is_whitespace),
        Class::Iban => hide(2, |character| !character.is_alphanumeric()),
        Class::Card | Class::IpAddress | Class::Phone => hide(0, |character| !character.is_alphanumeric()),
    }
}
