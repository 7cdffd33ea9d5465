//! Payment card and bank account numbers, whose check digits exclude almost everything else.

use super::bytes::{at, before, between, is_word};
use super::context::{Hint, hint};
use super::number::{
    DigitGroup, Joint, Number, digits, follows_number, is_open_after, is_open_before, precedes_number,
};
use super::{Class, Finding};

/// A card number at the start of a number's groups.
pub(super) fn find_card(bytes: &[u8], number: &Number) -> Option<Finding> {
    let start = number.groups().first()?.start;
    if !is_open_before(bytes, start) || before(bytes, start) == b'+' {
        return None;
    }
    // Longest first: 4-4-4-4-3 starts with 4-4-4-4.
    (1..=number.groups().len()).rev().find_map(|count| {
        let (groups, length) = number.prefix(count)?;
        let end = groups.last()?.end;
        let printed = is_printed_grouping(groups);
        let alone = || !follows_number(bytes, start) && !precedes_number(bytes, end);
        let grouped = printed || is_spaced(groups) && alone();
        let valid = grouped
            && is_open_after(bytes, end)
            && is_issued(bytes, groups, length)
            && passes_luhn(digits(bytes, groups));
        // One in ten numbers passes the check by chance, so a preceding word such as `order` excludes ungrouped digits.
        let unambiguous = count > 1 && printed || hint(bytes, start) != Some(Hint::Other);
        (valid && unambiguous).then_some(Finding { class: Class::Card, start, end })
    })
}

/// Whether the groups are separated only by spaces, as people type numbers: in pairs, in threes, or unevenly.
fn is_spaced(groups: &[DigitGroup]) -> bool {
    groups.len() > 1
        && groups.iter().all(|group| group.len() > 1)
        && groups.iter().skip(1).all(|group| group.joint == Joint::Space)
}

/// Whether the groups are those printed on cards, with one kind of separator: 4-4-4-4, 4-4-4-4-3, 4-6-5, 4-6-4, or ungrouped.
fn is_printed_grouping(groups: &[DigitGroup]) -> bool {
    let mut lengths = [0; 5];
    for (length, group) in lengths.iter_mut().zip(groups) {
        *length = group.len();
    }
    let one_joint = groups.iter().skip(1).all(|group| {
        matches!(group.joint, Joint::Space | Joint::Dash)
            && groups.get(1).is_some_and(|first| first.joint == group.joint)
    });
    let ordinary = match lengths {
        [whole, 0, 0, 0, 0] => (13..=19).contains(&whole),
        [4, 4, 4, 4, 0 | 3] | [4, 6, 5 | 4, 0, 0] => true,
        _ => false,
    };
    ordinary && one_joint
}

/// Whether an issuer's prefix fits the number of digits (ISO/IEC 7812 and the issuers' published ranges).
fn is_issued(bytes: &[u8], groups: &[DigitGroup], length: usize) -> bool {
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

/// The Luhn check of ISO/IEC 7812: every second digit from the right is doubled, and the sum of digits must be a multiple of
/// ten.
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

/// Length of an account number (ISO 13616).
const IBAN: std::ops::RangeInclusive<usize> = 15..=34;

/// An account number whose check digits begin at `digit`, after its two letters. `iban_validate` checks the country's length
/// and format and the check digits.
pub(super) fn find_iban(bytes: &[u8], digit: usize) -> Option<Finding> {
    let start = digit.checked_sub(2)?;
    let country = between(bytes, start, digit);
    if is_word(before(bytes, start))
        || !country.iter().all(u8::is_ascii_alphabetic)
        || !at(bytes, digit + 1).is_ascii_digit()
    {
        return None;
    }
    let mut written = String::with_capacity(*IBAN.end());
    let mut ends = Vec::with_capacity(*IBAN.end());
    let mut end = start;
    while ends.len() < *IBAN.end() {
        match at(bytes, end) {
            byte if byte.is_ascii_alphanumeric() => {
                written.push(char::from(byte.to_ascii_uppercase()));
                ends.push(end + 1);
            }
            b' ' | b'-' if at(bytes, end + 1).is_ascii_alphanumeric() => {}
            _ => break,
        }
        end += 1;
    }
    let end = IBAN.rev().find_map(|length| {
        let end = *ends.get(length - 1)?;
        let valid = !is_word(at(bytes, end)) && written.get(..length)?.parse::<iban::Iban>().is_ok();
        valid.then_some(end)
    })?;
    // Lower case only if all letters are: a word in the middle of a sentence is not a country code.
    let one_case = country.iter().all(u8::is_ascii_uppercase)
        || !between(bytes, start, end).iter().any(u8::is_ascii_uppercase);
    one_case.then_some(Finding { class: Class::Iban, start, end })
}
