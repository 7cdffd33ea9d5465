//! Telephone numbers. Without check digits, they are recognised by their shape and the preceding words: international ones by
//! `+` and a country code, North American ones by 3-3-4, others by a leading zero and their groups, and any after a word such
//! as `call`.

use super::bytes::{at, before, between, is_word};
use super::context::{Hint, hint};
use super::number::{
    DigitGroup, Joint, Number, digits, follows_number, is_open_after, is_open_before, precedes_number,
};
use super::{Class, Finding};

/// A telephone number at the start of a number's groups.
pub(super) fn find(bytes: &[u8], number: &Number) -> Option<Finding> {
    let first = number.groups().first()?;
    let mut start = first.start;
    let end = if before(bytes, start) == b'+' {
        start -= 1;
        // `f(x)+44` and `++44` are arithmetic.
        let added = matches!(before(bytes, start), b'+' | b')' | b']') || !is_open_before(bytes, start);
        if added { None } else { international(bytes, number, 0) }
    } else if is_open_before(bytes, start) && !(first.len() == 2 && follows_hour(bytes, start)) {
        let hint = hint(bytes, start);
        let called = hint == Some(Hint::Phone);
        let grouped = number.groups().len() > 1;
        if matches!(hint, Some(Hint::Other | Hint::Card | Hint::Version)) {
            None
        } else if between(bytes, start, first.end).starts_with(b"00") {
            let alone = (called || grouped) && !follows_number(bytes, start);
            if alone { international(bytes, number, 2) } else { None }
        } else {
            north_american(bytes, number)
                .or_else(|| national(bytes, number))
                .or_else(|| if called { announced(bytes, number) } else { None })
        }
    } else {
        None
    }?;
    // Includes the bracket before an area code.
    if before(bytes, start) == b'(' && between(bytes, start, end).contains(&b')') {
        start -= 1;
        start -= usize::from(before(bytes, start) == b'+');
    }
    Some(Finding { class: Class::Phone, start, end })
}

/// Whether a colon and the hours or minutes of a clock time end before `start`.
fn follows_hour(bytes: &[u8], start: usize) -> bool {
    let colon = start.saturating_sub(1);
    let is_digit = |end: usize| before(bytes, end).is_ascii_digit();
    let begins = |end: usize| !is_word(before(bytes, end));
    before(bytes, start) == b':'
        && is_digit(colon)
        && (begins(colon - 1) || is_digit(colon - 1) && begins(colon - 2))
}

/// The end of the longest run of groups, within limits of digits, that `accept` takes.
fn longest(
    bytes: &[u8],
    number: &Number,
    limits: std::ops::RangeInclusive<usize>,
    accept: impl Fn(&[DigitGroup], usize) -> bool,
) -> Option<usize> {
    (1..=number.groups().len()).rev().find_map(|count| {
        let (groups, length) = number.prefix(count)?;
        let end = groups.last()?.end;
        (limits.contains(&length) && is_open_after(bytes, end) && accept(groups, length)).then_some(end)
    })
}

/// A number with a country code after `skip` digits of access code.
fn international(bytes: &[u8], number: &Number, skip: usize) -> Option<usize> {
    let mut code = digits(bytes, number.groups()).skip(skip);
    let code = [code.next()?, code.next()?, code.next()?];
    if !is_country(code) {
        return None;
    }
    longest(bytes, number, 8 + skip..=15 + skip, |groups, length| {
        let length = length - skip;
        // Grouped numbers of all countries have at most thirteen digits; further ones belong to a neighbour. North American
        // ones have eleven.
        let fits = match code {
            [1, ..] => length == 11,
            _ => length <= 13 || groups.len() <= 2,
        };
        let decimal = groups.len() == 2 && groups.get(1).is_some_and(|group| group.joint == Joint::Dot);
        fits && !decimal
    })
}

/// Whether a country or service code begins with these digits (ITU-T E.164).
fn is_country(code: [u8; 3]) -> bool {
    match code {
        [1 | 3..=7 | 9, ..] => true,
        [2, second, _] => second != 8,
        [8, 0, third] => matches!(third, 0 | 8),
        [8, second, _] => !matches!(second, 3 | 9),
        _ => false,
    }
}

/// Groups of three, three and four digits, as in North America, with or without a leading 1.
fn north_american(bytes: &[u8], number: &Number) -> Option<usize> {
    let groups = number.groups();
    let prefixed = groups.first().is_some_and(|first| between(bytes, first.start, first.end) == b"1");
    let [area, exchange, line, ..] = groups.get(usize::from(prefixed)..)? else { return None };
    let shape = [area.len(), exchange.len(), line.len()] == [3, 3, 4]
        && (b'2'..=b'9').contains(&at(bytes, area.start));
    if !shape || !is_open_after(bytes, line.end) {
        return None;
    }
    // Dots must be used throughout: 234.567 and 8901 are amounts.
    let dotted = [exchange, line].iter().filter(|group| group.joint == Joint::Dot).count();
    // Three groups in a row of more such groups are a table.
    let columns = exchange.joint == Joint::Space && line.joint == Joint::Space;
    let begin = groups.first().map_or(area.start, |first| first.start);
    let lonely = !follows_number(bytes, begin) && !precedes_number(bytes, line.end);
    (dotted != 1 && (!columns || lonely)).then_some(line.end)
}

/// A national number: a zero, then nine to twelve digits in groups.
fn national(bytes: &[u8], number: &Number) -> Option<usize> {
    let first = number.groups().first()?;
    let leading = at(bytes, first.start) == b'0' && (b'1'..=b'9').contains(&at(bytes, first.start + 1));
    if !leading || !(2..=6).contains(&first.len()) || follows_number(bytes, first.start) {
        return None;
    }
    longest(bytes, number, 9..=12, |groups, length| {
        let rest = groups.get(1..).unwrap_or_default();
        let pairs = groups.len() == 5 && length == 10 && groups.iter().all(|group| group.len() == 2);
        let shape = pairs || (groups.iter().any(|group| group.len() > 2) && (1..=4).contains(&rest.len()));
        let end = groups.last().map_or(0, |group| group.end);
        let alone = !precedes_number(bytes, end);
        shape && alone && rest.iter().all(|group| group.len() > 1) && !is_dated(bytes, groups)
    })
}

/// After a word such as `call`: seven to fifteen digits in any groups that are not a date.
fn announced(bytes: &[u8], number: &Number) -> Option<usize> {
    longest(bytes, number, 7..=15, |groups, _| {
        let tail = groups.get(1..).unwrap_or_default();
        let columns = groups.iter().filter(|group| group.len() == 1).count() > 1;
        let decimal = groups.len() == 2 && tail.iter().any(|group| group.joint == Joint::Dot);
        !columns && !decimal && !is_dated(bytes, groups)
    })
}

/// Whether the groups contain a date: a year of this or the last century, next to another one or tightly joined to a neighbour of
/// at most two digits; a year of any other century with a day and a month, or in a span of years (`1789–1799`, `1848 1849`); a day,
/// a month and a year of two digits before something else (`30/05/24 09.15`).
fn is_dated(bytes: &[u8], groups: &[DigitGroup]) -> bool {
    let value = |group: &DigitGroup| {
        let digits = between(bytes, group.start, group.end);
        digits.iter().take(5).fold(0, |value, digit| value * 10 + u32::from(digit - b'0'))
    };
    let is_year = |group: &DigitGroup| group.len() == 4 && (1000..2200).contains(&value(group));
    let is_recent = |group: &DigitGroup| group.len() == 4 && matches!(value(group) / 100, 19 | 20);
    let is_tight = |group: &DigitGroup| matches!(group.joint, Joint::Dash | Joint::Dot | Joint::Slash);
    let is_day = |group: &DigitGroup| group.len() <= 2 && (1..=31).contains(&value(group));
    let is_month = |group: &DigitGroup| is_day(group) && value(group) <= 12;
    if let [first, second, third, next, ..] = groups
        && is_tight(second)
        && second.joint == third.joint
        && next.joint != third.joint
        && third.len() == 2
        && (is_day(first) && is_month(second)
            || is_month(first) && is_day(second)
            || is_month(second) && is_day(third))
    {
        return true;
    }
    let in_pairs = groups.array_windows().any(|[left, right]| {
        let beside = |group: &DigitGroup| group.len() <= 2;
        let span = groups.len() == 2
            && right.joint == Joint::Dash
            && is_year(left)
            && is_year(right)
            && value(left) < value(right);
        let next = right.joint == Joint::Space && is_year(left) && value(left) + 1 == value(right);
        let years = is_recent(left) && is_recent(right);
        is_tight(right) && ((is_recent(left) && beside(right)) || (is_recent(right) && beside(left)))
            || years
            || span
            || next
    });
    in_pairs
        || groups.array_windows().any(|[first, second, third]| {
            let joined = is_tight(second) && second.joint == third.joint;
            let dated = (is_day(first) && is_year(third)) || (is_year(first) && is_day(third));
            joined && is_day(second) && dated
        })
}
