//! Written numbers: groups of digits with spaces, dashes, dots, slashes or brackets between them.

use super::bytes::{at, before, between, is_word};

/// Maximum digits of a candidate: the longest card has 19, the longest international number 15 plus two for `00`.
const MAX_DIGITS: usize = 20;
const MAX_GROUPS: usize = 10;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Joint {
    /// The first group.
    #[default]
    None,
    /// A space, including no-break spaces.
    Space,
    Dash,
    Dot,
    Slash,
    /// A bracket, with or without a space.
    Bracket,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DigitGroup {
    pub start: usize,
    /// Exclusive.
    pub end: usize,
    pub joint: Joint,
}

impl DigitGroup {
    pub fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Consecutive groups, as many as a card or telephone number can have.
#[derive(Default)]
pub(super) struct Number {
    groups: [DigitGroup; MAX_GROUPS],
    count: usize,
}

impl Number {
    /// Reads from the digit at `start`; empty if the first group is too long.
    pub fn read(bytes: &[u8], start: usize) -> Self {
        let mut number = Self::default();
        let mut digits = 0;
        let mut next = Some((start, Joint::None));
        while let (Some((start, joint)), Some(group)) = (next, number.groups.get_mut(number.count)) {
            let mut end = start;
            while at(bytes, end).is_ascii_digit() && digits <= MAX_DIGITS {
                end += 1;
                digits += 1;
            }
            if digits > MAX_DIGITS {
                break;
            }
            *group = DigitGroup { start, end, joint };
            number.count += 1;
            next = joint_at(bytes, end);
        }
        number
    }

    pub fn groups(&self) -> &[DigitGroup] {
        self.groups.get(..self.count).unwrap_or_default()
    }

    pub fn prefix(&self, count: usize) -> Option<(&[DigitGroup], usize)> {
        let groups = self.groups().get(..count).filter(|groups| !groups.is_empty())?;
        Some((groups, groups.iter().map(DigitGroup::len).sum()))
    }
}

pub(super) fn digits<'a>(
    bytes: &'a [u8],
    groups: &'a [DigitGroup],
) -> impl DoubleEndedIterator<Item = u8> + 'a {
    groups.iter().flat_map(move |group| between(bytes, group.start, group.end).iter().map(|byte| byte - b'0'))
}

/// The start of the next group after a digit that ends before `end`, and its separator.
fn joint_at(bytes: &[u8], end: usize) -> Option<(usize, Joint)> {
    let mut joint = Joint::None;
    let mut next = end;
    // The longest separator is `) - `.
    for _ in 0..4 {
        let (kind, length) = match at(bytes, next) {
            b' ' => (Joint::Space, 1),
            b'-' => (Joint::Dash, 1),
            b'.' => (Joint::Dot, 1),
            b'/' => (Joint::Slash, 1),
            b'(' | b')' => (Joint::Bracket, 1),
            0xc2 if at(bytes, next + 1) == 0xa0 => (Joint::Space, 2),
            // Hyphens and the en dash, and no-break spaces.
            0xe2 if at(bytes, next + 1) == 0x80 => match at(bytes, next + 2) {
                0x90..=0x93 => (Joint::Dash, 3),
                0x87 | 0x89 | 0xaf => (Joint::Space, 3),
                _ => return None,
            },
            byte if byte.is_ascii_digit() && joint != Joint::None => return Some((next, joint)),
            _ => return None,
        };
        joint = match (joint, kind) {
            (Joint::None, kind) => kind,
            (Joint::Bracket, Joint::Space | Joint::Dash | Joint::Bracket)
            | (Joint::Space, Joint::Bracket) => Joint::Bracket,
            (Joint::Space, Joint::Dash) | (Joint::Dash, Joint::Space | Joint::Bracket) => Joint::Dash,
            (Joint::Space, Joint::Slash) | (Joint::Slash, Joint::Space) => Joint::Slash,
            // Two spaces separate columns, a dot and a space end a sentence.
            _ => return None,
        };
        next += length;
    }
    None
}

/// Whether a number may begin at `start`: no longer word or number ends right before it.
pub(super) fn is_open_before(bytes: &[u8], start: usize) -> bool {
    match before(bytes, start) {
        b'.' | b'-' | b'/' | b',' => start.checked_sub(1).is_none_or(|mark| !is_word(before(bytes, mark))),
        b'#' | b'$' | b'%' | b'&' => false,
        _ if ["£", "€", "№"]
            .iter()
            .any(|sign| bytes.get(..start).is_some_and(|text| text.ends_with(sign.as_bytes()))) =>
        {
            false
        }
        byte => !is_word(byte),
    }
}

/// Whether a number may end before `end`: no word and no tightly joined digit follows.
pub(super) fn is_open_after(bytes: &[u8], end: usize) -> bool {
    match at(bytes, end) {
        b'.' | b'-' | b'/' | b',' | b':' => !is_word(at(bytes, end + 1)),
        b'%' => false,
        // An extension, as in `555-123-4567x89`.
        b'x' => at(bytes, end + 1).is_ascii_digit(),
        byte => !is_word(byte),
    }
}

/// Whether another number ends one space before `start`.
pub(super) fn follows_number(bytes: &[u8], start: usize) -> bool {
    before(bytes, start) == b' '
        && start.checked_sub(1).is_some_and(|space| before(bytes, space).is_ascii_digit())
}

/// Whether another number begins one space after `end`.
pub(super) fn precedes_number(bytes: &[u8], end: usize) -> bool {
    at(bytes, end) == b' ' && at(bytes, end + 1).is_ascii_digit()
}
