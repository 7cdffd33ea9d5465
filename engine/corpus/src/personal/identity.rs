//! Social security numbers of the United States, which have no check digit: recognised by the preceding words.

use super::context::{Hint, hint};
use super::number::{DigitGroup, Number, is_open_after, is_open_before};
use super::{Class, Finding};

/// Nine digits, together or as 3-2-4, at the start of a number's groups.
pub(super) fn find(bytes: &[u8], number: &Number) -> Option<Finding> {
    let groups = number.groups();
    let start = groups.first()?.start;
    let count = match groups {
        [whole, ..] if whole.len() == 9 => 1,
        [area, group, serial, ..] if [area, group, serial].map(DigitGroup::len) == [3, 2, 4] => 3,
        _ => return None,
    };
    let end = groups.get(count - 1)?.end;
    let is_open = is_open_before(bytes, start) && is_open_after(bytes, end);
    (is_open && hint(bytes, start) == Some(Hint::Identity)).then_some(Finding {
        class: Class::Identifier,
        start,
        end,
    })
}
