//! The shape of personal data, which is shown instead of it.

use super::Class;

pub const MASK: char = '•';

/// Maximum characters of a mask, however long the original.
const MAX_MASK_CHARACTERS: usize = 64;

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
