//! Payment card and bank account numbers: both carry check digits, so that hardly anything else passes for them.

use super::bytes::{at, before, between, is_word};
use super::context::{Hint, hint};
use super::number::{Group, Joint, Number, digits, is_open_after, is_open_before};
use super::{Class, Finding};

/// A card number that begins at the first of a number's groups.
pub(super) fn find_card(bytes: &[u8], number: &Number) -> Option<Finding> {
    let start = number.groups().first()?.start;
    if !is_open_before(bytes, start) || before(bytes, start) == b'+' {
        return None;
    }
    // The longest first: 4-4-4-4-3 has 4-4-4-4 at its start.
    (1..=5).rev().find_map(|count| {
        let (groups, length) = number.prefix(count)?;
        let end = groups.last()?.end;
        let usual = is_usual_grouping(groups) && is_open_after(bytes, end);
        let valid = usual && is_issued(bytes, groups, length) && passes_luhn(digits(bytes, groups));
        // One in ten numbers passes the check by chance, so the word before an order number counts.
        (valid && hint(bytes, start) != Some(Hint::Other)).then_some(Finding {
            class: Class::Card,
            start,
            end,
        })
    })
}

/// Whether the groups are those that cards are printed in, with one kind of joint: 4-4-4-4, 4-4-4-4-3, 4-6-5, 4-6-4, or all in one.
fn is_usual_grouping(groups: &[Group]) -> bool {
    let mut lengths = [0; 5];
    for (length, group) in lengths.iter_mut().zip(groups) {
        *length = group.len();
    }
    let one_joint = groups.iter().skip(1).all(|group| {
        matches!(group.joint, Joint::Space | Joint::Dash)
            && groups.get(1).is_some_and(|first| first.joint == group.joint)
    });
    let usual = match lengths {
        [whole, 0, 0, 0, 0] => (13..=19).contains(&whole),
        [4, 4, 4, 4, 0 | 3] | [4, 6, 5 | 4, 0, 0] => true,
        _ => false,
    };
    usual && one_joint
}

/// Whether an issuer's prefix fits the number of digits (ISO/IEC 7812 and the issuers' published ranges).
fn is_issued(bytes: &[u8], groups: &[Group], length: usize) -> bool {
    let prefix = digits(bytes, groups).take(6).fold(0, |prefix, digit| prefix * 10 + u32::from(digit));
    let (two, three, four) = (prefix / 10_000, prefix / 1000, prefix / 100);
    match length {
        // Visa's short and long forms.
        13 => two / 10 == 4,
        // Diners Club.
        14 => matches!(three, 300..=305 | 309) || matches!(two, 36 | 38 | 39),
        // American Express.
        15 => matches!(two, 34 | 37),
        // Visa, Mastercard, Discover, JCB, UnionPay, Maestro, Mir, RuPay.
        16 => {
            two / 10 == 4
                || matches!(two, 51..=55 | 60 | 62 | 65 | 81 | 82)
                || matches!(three, 644..=649)
                || matches!(four, 2200..=2204 | 2221..=2720 | 3528..=3589 | 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763)
        }
        17 | 18 => two == 62 || matches!(four, 5018 | 5020 | 5038 | 6304 | 6759 | 6761..=6763),
        19 => {
            two == 62
                || two / 10 == 4
                || matches!(four, 3528..=3589 | 5018 | 5020 | 5038 | 6011 | 6304 | 6759 | 6761..=6763)
        }
        _ => false,
    }
}

/// The check of ISO/IEC 7812: every second digit from the right doubled, digits summed, a multiple of ten.
fn passes_luhn(digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(digit) << (index % 2);
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Countries that issue account numbers, each with its number's length (the registry of ISO 13616).
const COUNTRIES: [(&[u8; 2], usize); 89] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// An account number whose check digits begin at `digit`, its two letters standing before.
pub(super) fn find_iban(bytes: &[u8], digit: usize) -> Option<Finding> {
    let start = digit.checked_sub(2)?;
    let country = [at(bytes, start).to_ascii_uppercase(), at(bytes, start + 1).to_ascii_uppercase()];
    let length = COUNTRIES.iter().find(|(code, _)| **code == country)?.1;
    if is_word(before(bytes, start)) || !at(bytes, digit + 1).is_ascii_digit() {
        return None;
    }
    let mut end = start;
    let mut count = 0;
    let mut remainder = 0_u32;
    // The check moves the first four characters behind the rest; what they add is kept until then.
    let mut moved = 0_u32;
    while count < length {
        let byte = at(bytes, end);
        if count > 0 && matches!(byte, b' ' | b'-') && at(bytes, end + 1).is_ascii_alphanumeric() {
            end += 1;
            continue;
        }
        let value = char::from(byte).to_digit(36)?;
        let sum = if count < 4 { &mut moved } else { &mut remainder };
        *sum = if value < 10 { *sum * 10 + value } else { *sum * 100 + value };
        remainder %= 97;
        count += 1;
        end += 1;
    }
    // Two letters and two digits: six digits in all.
    let check = (remainder * (1_000_000 % 97) + moved) % 97;
    let ends = !is_word(at(bytes, end)) && check == 1;
    // Small letters only where all are: a word in the middle of a sentence is no country.
    let one_case = between(bytes, start, start + 2).iter().all(u8::is_ascii_uppercase)
        || !between(bytes, start, end).iter().any(u8::is_ascii_uppercase);
    (ends && one_case).then_some(Finding { class: Class::Iban, start, end })
}
